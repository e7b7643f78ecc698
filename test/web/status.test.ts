import { afterAll, beforeAll, expect, test } from 'vitest'
import { audit } from '../../src/audit/audit-log.ts'
import { addAnswerTimes, noteNode } from '../../src/database/node-store.ts'
import { issueCrl } from '../../src/jobs/crl.ts'
import { currentAuthority } from '../../src/jobs/issuing-authority.ts'
import { renewResponderCertificates } from '../../src/jobs/responder-certificate.ts'
import type { Services } from '../../src/services.ts'
import { TIME_BOUNDS } from '../../src/revocation/answer-times.ts'
import { LANGUAGES } from '../../src/web/locales.ts'
import { demoHierarchy, type DemoHierarchy } from '../support/demo-hierarchy.ts'
import { startPortal, words, type Portal } from '../support/portal.ts'

let hierarchy: DemoHierarchy
beforeAll(async () => void (hierarchy = await demoHierarchy()), 120_000)
afterAll(() => hierarchy.remove())

/** A portal whose database `ca` and `status` have written into; its clock stands, and can be set. */
async function open(): Promise<Portal & { readonly at: Date; pass(seconds: number): void }> {
  let at = new Date()
  const portal = await startPortal({ clock: () => at })
  await hierarchy.services(portal.services.database, { clock: () => at })
  const clock = { at, pass: (seconds: number) => void (at = new Date(at.getTime() + seconds * 1000)) }
  // A getter that Object.assign copied would be the time of now for ever.
  return Object.defineProperty(Object.assign(portal, clock), 'at', { get: () => at })
}
async function compared(portal: { readonly services: Services; readonly at: Date }, id: string, result: { readonly outcome: string; readonly differences: number }): Promise<void> {
  const at = portal.at.toISOString()
  const details = { ...result, certificates: 1234, listEntries: 3 }
  await portal.services.database('status_reconciliations').insert({ id, started_at: at, owner: 'ca', finished_at: at, ...result, certificates: 1234, list_entries: 3, details: '[]' })
  await portal.services.database.transaction((trx) => audit(trx, { at: portal.at, actor: 'process:ca', event: 'status.reconciled', subject: `reconciliation:${id}`, details }))
}
async function full(): Promise<Awaited<ReturnType<typeof open>>> {
  const portal = await open()
  const { database } = portal.services
  const services = { ...portal.services, database, config: hierarchy.config('ca'), clock: () => portal.at }
  const token = await hierarchy.token('ca')
  const authority = (await currentAuthority(database, token, hierarchy.config('ca')))!
  await renewResponderCertificates(services, authority)
  await issueCrl(services, token, authority)
  for (const process of ['status', 'ca'] as const) await noteNode(database, { node: 'secret-host-7', process, seenAt: portal.at, clock: null })
  await addAnswerTimes(database, 'secret-host-7', portal.at, TIME_BOUNDS.map((_, bound) => (bound === 1 ? 990 : bound === 7 ? 10 : 0)))
  await compared(portal, 'r', { outcome: 'agreed', differences: 0 })
  portal.pass(20)
  return portal
}

test.each(LANGUAGES)('REV-4, OCS-2: without signing in anybody sees signers, lists, comparison, clocks, what is promised and how fast answers are (%s)', async (language) => {
  const portal = await full()
  const { text, html } = await portal.client({ language }).get('/status')
  for (const key of ['status.overall.good', 'status.promise.origin', 'status.clock.good', 'status.agreement.tag.agreed', 'status.times.described']) expect(text).toContain(words(key, {}, language))
  expect(text).toContain(words('status.promise.ocsp', { seconds: String(portal.services.policy.periods.ocspMaxAgeSeconds) }, language))
  for (const kind of ['root', 'issuing', 'timestamp-ca', 'responder', 'timestamp']) expect(text).toContain(words(`status.kind.${kind}`, {}, language))
  const { next_update: until } = await portal.services.database('crls').where({ authority_id: 'issuing-g1' }).first()
  expect(text).toContain(language === 'en' ? until.slice(0, 16).replace('T', ' ') : words('status.lists.until', {}, language))
  expect(text).toContain('1,234')
  // Drawn twice, for wide and narrow; the table says the same: 99 of 100 within a bound of 0.1 ms, the slowest in that of 10 ms.
  expect(html.match(/<svg class="chart/g)).toHaveLength(2)
  expect(text).toContain(words('status.times.value', { value: '0.1' }, language))
  expect(text.match(new RegExp(words('status.times.nothing', {}, language), 'g'))).toHaveLength(46)
  // Neither a machine's name nor how much is asked.
  expect(html).not.toContain('secret-host')
  expect(html).not.toMatch(/\b(990|1000)\b/)
  expect(portal.faults).toEqual([])
})

test('before the ceremony, before the first comparison and without an answer the page says so', async () => {
  const portal = await startPortal()
  const { text } = await portal.client().get('/status')
  for (const key of ['status.signers.none', 'status.lists.none', 'status.times.none', 'status.agreement.never', 'status.clock.silent', 'status.overall.wait']) expect(text).toContain(words(key))
})

test.each<[string, (portal: Awaited<ReturnType<typeof full>>) => Promise<unknown> | void, string[]]>([
  ['a clock in doubt', (portal) => noteNode(portal.services.database, { node: 'b', process: 'ca', seenAt: portal.at, clock: 'unsynchronised' }), ['status.overall.wait', 'status.clock.doubt']],
  ['a clock of which nothing is told, under a demo hierarchy,', (portal) => noteNode(portal.services.database, { node: 'b', process: 'ca', seenAt: portal.at, clock: 'unreadable' }), ['status.overall.good', 'status.clock.unchecked', 'status.clock.tag.unchecked']],
  ['a clock of which nothing is told, in production,', async (portal) => {
    await portal.services.database('authorities').update({ demo: 0 })
    await noteNode(portal.services.database, { node: 'b', process: 'ca', seenAt: portal.at, clock: 'not-checked' })
  }, ['status.overall.wait', 'status.clock.unchecked']],
  ['a clock that was moved, whose node notes no time meanwhile,', async (portal) => {
    await noteNode(portal.services.database, { node: 'b', process: 'ca', seenAt: new Date(portal.at.getTime() - 3_600_000), clock: 'stepped' })
  }, ['status.overall.wait', 'status.clock.doubt']],
  ['nodes that say nothing any more', (portal) => portal.pass(400), ['status.overall.bad', 'status.clock.silent', 'status.services.silent']],
  ['a comparison that found differences', async (portal) => {
    portal.pass(1)
    await compared(portal, 's', { outcome: 'differed', differences: 2 })
  }, ['status.overall.bad', 'status.agreement.tag.differed']],
  ['a comparison that no entry of the audit log bears out', async (portal) => void (await portal.services.database('status_reconciliations').insert({ id: 't', started_at: portal.at.toISOString(), owner: 'x', finished_at: portal.at.toISOString(), outcome: 'unanswered', certificates: 0, list_entries: 0, differences: 0, details: '[]' })), ['status.agreement.tag.agreed']],
  ['a comparison that is overdue', (portal) => portal.pass(30 * 3600), ['status.agreement.tag.late']],
  ['a list that ended', (portal) => portal.pass(5 * 86_400), ['status.overall.bad', 'status.standing.ended']],
  ['a responder certificate near its end', (portal) => portal.pass(112 * 86_400), ['status.standing.soon']],
  ['no responder certificate at all', (portal) => portal.pass(130 * 86_400), ['status.overall.bad']],
])('%s is said', async (_, change, keys) => {
  const portal = await full()
  await change(portal)
  const { text } = await portal.client().get('/status')
  for (const key of keys) expect(text).toContain(words(key))
  // What is said of the clocks is said alone.
  const states = ['good', 'unchecked', 'doubt', 'silent']
  expect(states.filter((state) => text.includes(words(`status.clock.${state}`)))).toHaveLength(1)
})

test.each(LANGUAGES)('REV-4: of `status` and `ca` either that no node speaks of any more is a service with a problem, whoever else speaks (%s)', async (language) => {
  const rows = async (portal: Portal) => {
    const { html, text } = await portal.client({ language }).get('/status')
    const [, list] = /aria-labelledby="services">([\s\S]*?)<\/section>/.exec(html)!
    const overall = ['good', 'wait', 'bad'].filter((each) => text.includes(words(`status.overall.${each}`, {}, language)))
    const said = [...list!.matchAll(/<li>([\s\S]*?)<\/li>/g)].map(([, row]) => ['good', 'silent'].filter((each) => row!.includes(words(`status.services.tag.${each}`, {}, language))))
    return [overall, ...said].flat()
  }
  for (const alive of ['status', 'ca'] as const) {
    const portal = await full()
    const say = (node: string, seconds = 0) => noteNode(portal.services.database, { node, process: alive, seenAt: new Date(portal.at.getTime() + seconds * 1000), clock: null })
    // A second node of the other kind went; the one that `full` noted speaks on.
    await noteNode(portal.services.database, { node: 'taken-away', process: alive === 'ca' ? 'status' : 'ca', seenAt: new Date(portal.at.getTime() - 86_400_000), clock: null })
    expect(await rows(portal)).toEqual(['good', 'good', 'good'])
    portal.pass(150)
    await say('secret-host-7')
    expect(await rows(portal)).toEqual(['good', 'good', 'good'])
    portal.pass(40)
    expect(await rows(portal)).toEqual(['bad', ...(alive === 'status' ? ['good', 'silent'] : ['silent', 'good'])])
    // A row from a time to come is no word of now.
    await say('secret-host-7', 86_400)
    portal.pass(11)
    expect(await rows(portal)).toEqual(['bad', 'silent', 'silent'])
  }
})

test.each(LANGUAGES)('OCS-2: each responder has its line, here as in the repository: which answers now, and which is in reserve (%s)', async (language) => {
  const portal = await full()
  const client = portal.client({ language })
  const [status, repository] = [(await client.get('/status')).html, (await client.get('/repository')).html]
  const [answers, reserve] = ['answers', 'reserve'].map((role) => words(`status.role.${role}`, {}, language))
  const rows = [...status.matchAll(/<tr role="row">[\s\S]*?<\/tr>/g)].map(([row]) => row).filter((row) => row.includes(words('status.kind.responder', {}, language)))
  expect(rows.map((row) => [row.includes(answers!), row.includes(reserve!)])).toEqual([[true, false], [false, true]])
  for (const [at, role] of [answers, reserve].entries()) expect(repository).toContain(`<li>${words('repository.tree.responder', { number: String(at + 1) }, language)} – ${role} – `)
})

test('who looks again and again costs the database nothing for ten seconds', async () => {
  const portal = await full()
  const client = portal.client()
  let queries = 0
  portal.services.database.on('query', ({ sql }: { sql: string }) => void (sql.includes('answer_times') && queries++))
  for (let look = 0; look < 3; look++) await client.get('/status')
  expect(queries).toBe(1)
  portal.pass(11)
  await client.get('/status')
  expect(queries).toBe(2)
})
