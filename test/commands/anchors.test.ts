import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { anchors as luna } from '../../attestations/thales-luna/index.ts'
import { verifyAuditChain } from '../../src/audit/audit-log.ts'
import { refuseChange } from '../../src/application/change-anchors.ts'
import { makersFor } from '../../src/attestation/makers.ts'
import { changeAnchors } from '../../src/commands/anchor-changes.ts'
import { readConfig } from '../../src/config.ts'
import { anchorStore } from '../../src/database/anchor-store.ts'
import type { Database } from '../../src/database/database.ts'
import { presentMakers, readTrust } from '../../src/database/protection-store.ts'
import { openServices, type Services } from '../../src/services.ts'
import { rsa, spkiOf } from '../support/fake-yubikey.ts'
import { keyRow } from '../support/anchor-rows.ts'
import { describeOnBothDatabases } from '../support/database.ts'

const folder = mkdtempSync(join(tmpdir(), 'anchors-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const CHRYSALIS = luna.rows.find(({ off }) => !off)!.spkiSha256
const SAFENET = luna.rows.find(({ off }) => off)!.spkiSha256
const NEW_KEY = spkiOf(rsa(2048))
const WITHDRAW = ['propose-withdraw', 'thales-luna', CHRYSALIS, '--reason', 'Thales announced a new root']

describeOnBothDatabases('npm run anchors', (open) => {
  let database: Database
  let services: Services
  beforeEach(async () => {
    database = await open()
    services = openServices(readConfig('command', { NODE_ENV: 'test', DATA_DIR: folder, PORTAL_URL: 'https://portal.test', STATUS_URL: 'http://status.test' }), { database, clock: () => new Date('2026-11-22T09:00:00Z') })
  })

  /** What it prints; answers are given in order, CODE stands for the code that was printed. */
  async function run(args: readonly string[], ...answers: readonly string[]): Promise<string> {
    const lines: string[] = []
    const left = [...answers]
    await changeAnchors(services, args, { say: (line) => void lines.push(line), ask: async () => left.shift()!.replace('CODE', /^Code +([0-9a-f]{8})$/m.exec(lines.join('\n'))?.[1] ?? '') })
    expect(left).toEqual([])
    return lines.join('\n')
  }
  const propose = async (args: readonly string[] = WITHDRAW, person = 'Aoki Hanako'): Promise<string> => /confirm ([0-9a-f-]{36})$/.exec(await run(args, person))![1]!
  const confirm = (id: string, person = 'Beppu Taro') => run(['confirm', id], person, 'CODE')
  const refused = (args: readonly string[], ...answers: string[]) => run(args, ...answers).then(() => 'done', (error: Error) => error.message.split('\n')[0])
  const rowOf = async (spkiSha256: string, maker = 'thales-luna') => (await presentMakers(database, services.policy)).find(({ id }) => id === maker)!.anchors.rows.find((row) => row.spkiSha256 === spkiSha256)
  const events = async () => (await database('audit_events').orderBy('seq')).map(({ event, details }: { event: string; details: string }) => [event, JSON.parse(details).person])
  const file = (more: object = {}, name = 'new.json') => {
    const at = join(folder, name)
    writeFileSync(at, JSON.stringify({ maker: 'thales-luna', asOf: '2026-11-22', sources: ['test'], rows: [keyRow('New Luna root', NEW_KEY, more)] }))
    return at
  }
  const add = (path: string) => ['propose-add', path, '--reason', 'read over the telephone to Thales']

  test('ATT-2: a withdrawal counts when a second person confirmed it, at once, for portal and ca alike, and is audited', async () => {
    const id = await propose()
    expect((await rowOf(CHRYSALIS))!.off).toBeUndefined()
    expect((await readTrust(database, false)).anchorChanges).toEqual([])
    expect(await confirm(id)).toContain('Confirmed.')
    expect((await rowOf(CHRYSALIS))!.off).toEqual({ why: 'withdrawn', since: '2026-11-22', reason: 'Thales announced a new root' })
    expect((await services.protection.facts({ id: 'a', organisationId: null, request: null })).anchorChanges.map((change) => change.id)).toEqual([id])
    expect(await events()).toEqual([['anchor.proposed', 'Aoki Hanako'], ['anchor.withdrawn', 'Beppu Taro']])
    expect(await verifyAuditChain(database)).toMatchObject({ intact: true })
  })

  test('ATT-2: the person who proposed can\'t confirm, however the name is typed, and the database refuses it too', async () => {
    const id = await propose()
    for (const person of ['Aoki Hanako', ' aoki  hanako ', 'Ａｏｋｉ Hanako']) expect(await refused(['confirm', id], person)).toBe('Another person than the one who proposed must confirm.')
    expect(await refused(['confirm', id], '')).toBe('Whoever proposes or confirms gives their name.')
    await expect(anchorStore(database).confirm(id, 'Aoki Hanako', services.clock())).rejects.toThrow()
    expect((await rowOf(CHRYSALIS))!.off).toBeUndefined()
  })

  test('ATT-2: nothing changes without the code of exactly this proposal, and none is confirmed twice', async () => {
    const id = await propose()
    expect(await refused(['confirm', id], 'Beppu Taro', '00000000')).toBe('The code was not typed: nothing was changed.')
    expect((await readTrust(database, false)).anchorChanges).toEqual([])
    await confirm(id)
    expect(await refused(['confirm', id], 'Chiba Jiro')).toBe('This proposal was confirmed already.')
    expect(await refused(['confirm', '00000000-0000-4000-8000-000000000000'])).toMatch(/^There is no such proposal/)
  })

  test('ATT-2: a key that is off is turned on, and a new one is added, each by two persons', async () => {
    await confirm(await propose(['propose-turn-on', 'thales-luna', SAFENET.toUpperCase(), '--reason', 'compared with the support portal']))
    expect(await rowOf(SAFENET)).toMatchObject({ off: undefined, confirmed: { since: '2026-11-22', how: 'compared with the support portal' } })
    await confirm(await propose(add(file())))
    expect((await presentMakers(database, services.policy)).find(({ id }) => id === 'thales-luna')!.anchors.rows.at(-1)).toMatchObject({ subject: 'CN=New Luna root', confirmed: { since: '2026-11-22' } })
    expect((await events()).map(([event]) => event)).toEqual(['anchor.proposed', 'anchor.turned-on', 'anchor.proposed', 'anchor.added'])
  })

  test('ATT-2: what can\'t be right is refused before it is kept', async () => {
    const withdraw = (maker: string, key: string, ...more: string[]) => ['propose-withdraw', maker, key, ...more]
    const yubikey = (await presentMakers(database, services.policy)).find(({ id }) => id === 'yubikey-piv')!.anchors.rows.find(({ role }) => role === 'refuse')!.spkiSha256
    expect(await refused(withdraw('thales-luna', CHRYSALIS), 'Aoki')).toMatch(/^Say with --reason/)
    expect(await refused(WITHDRAW, '  ')).toMatch(/^Whoever proposes/)
    expect(await refused(withdraw('nobody', CHRYSALIS, '--reason', 'x'), 'Aoki')).toBe('The policy lists no such maker.')
    expect(await refused(withdraw('demo', CHRYSALIS, '--reason', 'x'), 'Aoki')).toBe('The policy lists no such maker.')
    expect(await refused(withdraw('thales-luna', '0'.repeat(64), '--reason', 'x'), 'Aoki')).toMatch(/^No key with this SHA-256/)
    expect(await refused(withdraw('yubikey-piv', yubikey, '--reason', 'x'), 'Aoki')).toMatch(/^This key is held in order to be refused/)
    expect(await refused(['propose-turn-on', 'thales-luna', CHRYSALIS, '--reason', 'x'], 'Aoki')).toBe('This key is on already.')
    expect(await refused(add(file({ off: { why: 'single-source', confirmAt: 'https://example.com' } }, 'off.json')), 'Aoki')).toMatch(/^A key that is added is relied on/)
    expect(await refused(add(file({ device: 'no-such-device' }, 'device.json')), 'Aoki')).toMatch(/catalogue has no such device/)
    expect(await refused(add(file({ notAfter: '2020-01-01' }, 'period.json')), 'Aoki')).toBe('notAfter must be later than notBefore.')
    expect(await refused(add(file({ ...keyRow('x', Buffer.from('3000', 'hex')) }, 'no-key.json')), 'Aoki')).toMatch(/is no public key/)
    expect(await refused(add(file({ spkiSha256: '0'.repeat(64) }, 'print.json')))).toMatch(/fingerprint of spki/)
    expect(await refused(add(join(folder, 'missing.json')))).toMatch(/can't be taken/)
    expect(await refused(['withdraw'])).toMatch(/^npm run anchors/)
    expect(await refused(['list', '--force'])).toMatch(/--force/)
    expect(await database('anchor_changes')).toEqual([])
    expect(await database('audit_events')).toEqual([])
  })

  test('ATT-2: a proposal is judged again when it is confirmed', async () => {
    const [first, second] = [await propose(), await propose()]
    await confirm(first)
    expect(await refused(['confirm', second], 'Beppu Taro')).toBe('This key is withdrawn already.')
    await confirm(await propose(add(file())))
    expect(await refused(add(file()), 'Aoki')).toMatch(/^This key is held already/)
  })

  test('ATT-2: a change is confirmed once, by whoever is first', async () => {
    const id = await propose()
    const at = services.clock()
    expect([await anchorStore(database).confirm(id, 'Beppu', at), await anchorStore(database).confirm(id, 'Chiba', at)]).toEqual([true, false])
    expect(await anchorStore(database).find(id)).toMatchObject({ confirmedBy: 'Beppu' })
  })

  test('ATT-2: the demo maker\'s keys are not the operator\'s to change', () => {
    const makers = makersFor(services.policy, { demoHierarchy: true, demoAnchors: [{ subject: 'CN=demo', subjectDer: keyRow('demo', NEW_KEY).subjectDer, spki: NEW_KEY.toString('base64'), notBefore: '2026-01-01', notAfter: '2030-01-01' }] })
    const { spkiSha256 } = makers.find(({ demo }) => demo)!.anchors.rows[0]!
    expect(refuseChange({ id: 'c', kind: 'withdraw', maker: 'demo', spkiSha256, anchors: null, reason: 'x', proposedBy: 'Aoki', proposedAt: '' }, makers)).toBe('unknown-maker')
  })

  test('ATT-2: says when the same key is relied on for another maker', async () => {
    const shared = (await presentMakers(database, services.policy)).find(({ id }) => id === 'azure-managed-hsm')!.anchors.rows.find(({ off }) => !off)!.spkiSha256
    expect(await run(['propose-withdraw', 'azure-managed-hsm', shared, '--reason', 'x'], 'Aoki')).toContain('relied on for google-cloud-hsm too')
  })

  test('ATT-2: lists every key with how it stands, and the proposals that wait', async () => {
    const id = await propose()
    const text = await run(['list'])
    expect(text).toMatch(new RegExp(`${CHRYSALIS}  on `))
    expect(text).toMatch(new RegExp(`${SAFENET}  off `))
    expect(text).toContain(`${id}  withdraw thales-luna ${CHRYSALIS} by Aoki Hanako`)
    await confirm(id)
    expect(await run(['list'])).toMatch(new RegExp(`${CHRYSALIS}  withdrawn 2026-11-22 `))
    expect(await run(['list'])).toContain('No proposal waits.')
  })

  test('ATT-2: reports the keys that end within the days of the policy', async () => {
    expect(await run(['report'])).toBe('No key that is relied on ends within 180 days.')
    services = { ...services, clock: () => new Date('2031-12-31T00:00:00Z') }
    expect((await run(['report'])).split('\n')).toEqual([expect.stringMatching(/^Key of google-cloud-hsm ended on 2030-01-01: CN=Hawksbill/), expect.stringMatching(/^Key of thales-luna ends on 2032-01-01: CN=Chrysalis-ITS Root/)])
  })
})
