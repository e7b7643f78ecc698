/** Method 3 over HTTP, as an applicant uses it: challenge, ticket, program, report (ATT-3). */
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { generate } from '../../src/keygen/generate.ts'
import { packKeygen } from '../../src/keygen/package.ts'
import { rsaKeyPair, type KeyPair } from '../pki/keys.ts'
import type { Client } from '../support/client.ts'
import { reportFile } from '../support/key-reports.ts'
import { words } from '../support/portal.ts'
import { freshSoftHsm, type TestHsm } from '../support/softhsm.ts'
import { applicantOf, giveRequest, KEY, ORGANISATION, requestText, sendStep, startApplication, startScene, type Scene } from './applicant.ts'

const AREA = 'key-protection-prescribed-library'
const say = (path: string, values?: Record<string, string>) => words(`${AREA}.${path}`, values)
let scene: Scene
let hsm: TestHsm
let pin: string
let folder: string
/** Made before anything is asked: generating blocks this process, and the portal in it closes what is idle. */
let keys: readonly [KeyPair, KeyPair]

beforeAll(async () => {
  keys = [rsaKeyPair(3072), rsaKeyPair(3072)]
  scene = await startScene()
  hsm = freshSoftHsm()
  pin = (await hsm.token('subscriber')).pin
  folder = mkdtempSync(join(tmpdir(), 'keygen-web-'))
}, 60_000)
afterAll(() => {
  expect(scene.portal.faults).toEqual([])
  hsm.remove()
  rmSync(folder, { recursive: true, force: true })
})

interface Draft {
  readonly client: Client
  readonly path: string
  readonly reference: string
  readonly step: string
}

/** A draft on which method 3 is chosen. */
async function draft(options: { language?: 'en' | 'ja' } = {}): Promise<Draft> {
  const { client } = await applicantOf(scene, options)
  const path = await startApplication(client)
  await sendStep(client, `${path}/organisation`, ORGANISATION)
  await sendStep(client, `${path}/key-protection`, { ...KEY, method: '3' })
  return { client, path, reference: path.split('/').at(-1)!, step: `${path}/key-protection` }
}
const newChallenge = ({ client, step }: Draft) => sendStep(client, step, {}, undefined, `${step}/challenge`)
const shown = (html: string, term: string): string | undefined => new RegExp(`data-copy="${term}">([^<]+)<`).exec(html)?.[1]
const challengeOf = (html: string): string => shown(html, say('section.challenge-value'))!
const ticketOf = (html: string): string => shown(html, say('section.ticket'))!
const upload = ({ client, step }: Draft, bytes: Buffer | string) => sendStep(client, step, {}, [{ field: 'evidence', name: 'key-report.json', bytes }], `${step}/evidence`)
const ask = async (ticket: string) => {
  const response = await fetch(`${scene.portal.url}/keygen/challenge/${ticket}`)
  return { status: response.status, cookie: response.headers.get('set-cookie'), body: (await response.json()) as Record<string, unknown> }
}

describe('the page of method 3', () => {
  test('ATT-3: says honestly what the method proves, names the modules, and offers the program with its SHA-256', async () => {
    const given = await draft()
    const page = await given.client.get(given.step)
    for (const path of ['proves-yes', 'proves-no', 'proves-person', 'challenge-none']) expect(page.text).toContain(say(`section.${path}`))
    expect(page.text).toContain('SoftHSM project SoftHSM v2')
    expect(page.text).toContain(say('section.modules-demo'))
    const { name, bytes, sha256 } = await packKeygen()
    expect(page.text).toContain(sha256)
    expect(page.html).toContain(`href="/keygen/${name}"`)
    const anybody = await scene.portal.client().get(`/keygen/${name}`)
    expect(anybody.bytes.equals(bytes)).toBe(true)
    expect(createHash('sha256').update(anybody.bytes).digest('hex')).toBe(sha256)
    expect((await scene.portal.client().get('/keygen/other.tgz')).status).toBe(404)
    // Commands only once there is something to put into them.
    expect(page.text).not.toContain('--module')
  })

  test('ATT-3: gives out a challenge of 256 bits with its end, and the commands for each system', async () => {
    const given = await draft()
    const page = await newChallenge(given)
    expect(page.text).toContain(say('notice.challenge'))
    const value = challengeOf(page.html)
    expect(value).toMatch(/^[0-9a-f]{64}$/)
    const row = await scene.portal.services.database('key_challenges').where({ value }).first()
    expect(Date.parse(row.expires_at) - Date.parse(row.issued_at)).toBe(scene.portal.services.policy.keyProtection.challengeHours * 3_600_000)
    expect(await scene.portal.services.database('audit_events').where({ event: 'application.challenge-given', subject: `application:${row.application_id}` })).toHaveLength(1)
    for (const part of ['sha256sum code-signing-keygen-1.0.0.tgz', 'shasum -a 256', 'Get-FileHash', 'npx --yes --allow-scripts=pkcs11js --package=./code-signing-keygen-1.0.0.tgz code-signing-keygen --module /path/to/module.so', `--portal ${scene.portal.url}`, `--ticket ${ticketOf(page.html)}`, `--challenge ${value}`])
      expect(page.text).toContain(part)
    const next = await newChallenge(given)
    expect(challengeOf(next.html)).not.toBe(value)
  })

  test('ATT-3: under no demo hierarchy the software token is on no list, and the page says that nothing is', async () => {
    const { database } = scene.portal.services
    const given = await draft()
    const ticket = ticketOf((await newChallenge(given)).html)
    await database('authorities').update({ demo: 0 })
    try {
      const page = await given.client.get(given.step)
      expect(page.text).toContain(say('section.modules-none'))
      expect(page.text).not.toContain('SoftHSM v2')
      expect((await ask(ticket)).body['modules']).toEqual([])
    } finally {
      await database('authorities').update({ demo: 1 })
    }
  })

  test('ATT-3: in Japanese the program is asked to speak Japanese too', async () => {
    const page = await newChallenge(await draft({ language: 'ja' }))
    expect(page.text).toContain('--language ja')
    expect(page.text).toContain('報告書の内容が事実であることまでは証明できません')
  })

  test('ATT-3: gives no challenge for another method, nor to anybody else', async () => {
    const { client } = await applicantOf(scene)
    const path = await startApplication(client)
    await sendStep(client, `${path}/key-protection`, KEY)
    expect((await sendStep(client, `${path}/key-protection`, {}, undefined, `${path}/key-protection/challenge`)).status).toBe(404)
    const mine = await draft()
    const { client: stranger } = await applicantOf(scene)
    expect((await stranger.post(`${mine.step}/challenge`, { version: '1' }, { from: '/applications' })).status).toBe(404)
    expect(await scene.portal.services.database('key_challenges').where({ application_id: (await scene.portal.services.applications.findByReference(mine.reference))!.id })).toEqual([])
  })

  test('ATT-3: an old page gives no challenge', async () => {
    const given = await draft()
    await given.client.get(given.step)
    expect((await given.client.post(`${given.step}/challenge`, { version: '0' })).status).toBe(409)
  })
})

describe('the ticket', () => {
  test('ATT-3: tells the challenge and what the program needs, to whoever holds it, without a cookie, as often as asked', async () => {
    const given = await draft()
    const page = await newChallenge(given)
    for (let time = 0; time < 2; time++) {
      const { status, cookie, body } = await ask(ticketOf(page.html))
      expect({ status, cookie }).toEqual({ status: 200, cookie: null })
      expect(body).toEqual({
        challenge: challengeOf(page.html),
        expiresAt: expect.any(String) as string,
        reference: given.reference,
        subject: ORGANISATION.legalName,
        libraryVersions: ['1.0.0'],
        modules: [{ manufacturer: 'SoftHSM project', model: 'SoftHSM v2', firmware: { from: '2.5', to: '2.7' } }],
      })
    }
  })

  test('ATT-3: another text than the ticket tells nothing', async () => {
    const given = await draft()
    const ticket = ticketOf((await newChallenge(given)).html)
    const [reference, mark] = ticket.split('.') as [string, string]
    const other = await draft()
    const otherTicket = ticketOf((await newChallenge(other)).html)
    for (const wrong of ['x', reference, `${reference}.`, `.${mark}`, `${reference}.${'A'.repeat(22)}`, ticket.slice(0, -1), `${ticket}A`, `${ticket}.x`, `${other.reference}.${mark}`, `${reference}.${otherTicket.split('.')[1]}`, 'a'.repeat(5000)])
      expect(await ask(wrong), wrong.slice(0, 60)).toMatchObject({ status: 404, body: { error: 'unknown-ticket' } })
  })

  test('ATT-3: ends when a new challenge is given out', async () => {
    const given = await draft()
    const first = ticketOf((await newChallenge(given)).html)
    await newChallenge(given)
    expect((await ask(first)).status).toBe(404)
  })

  test('ATT-3: ends with the draft', async () => {
    const given = await draft()
    const ticket = ticketOf((await newChallenge(given)).html)
    const application = (await scene.portal.services.applications.findByReference(given.reference))!
    await scene.portal.services.database('applications').where({ id: application.id }).update({ state: 'withdrawn' })
    expect((await ask(ticket)).status).toBe(404)
  })
})

describe('a report handed in', () => {
  test('ATT-3: from the program, with the ticket alone: verified at once, and the challenge is used up', async () => {
    const given = await draft()
    const page = await newChallenge(given)
    const made = await generate(
      { do: 'generate', module: hsm.module, token: { label: 'subscriber' }, source: { portal: new URL(scene.portal.url), ticket: ticketOf(page.html) }, label: 'code-signing', bits: 3072, subject: null, out: join(folder, 'one'), pinFile: null },
      { now: () => new Date(), pin: async () => pin, tell: () => undefined },
    )
    await giveRequest(given.client, given.path, readFileSync(made.request, 'utf8'))
    const judged = await upload(given, readFileSync(made.report))
    expect(judged.text).toContain(`Challenge ${challengeOf(page.html).slice(0, 8)}… is ours, for this application`)
    const assessment = await scene.portal.services.database('assessments').where({ kind: 'key-protection' }).orderBy('assessed_at', 'desc').first()
    expect(assessment).toMatchObject({ outcome: 'pass' })
    expect(judged.text).toContain(say('section.challenge-answered'))
    expect((await ask(ticketOf(page.html))).status).toBe(404)
    expect(judged.text).toContain('DEMO')
  })

  test('ATT-3: a second key with the same challenge is refused; the same key again is taken', async () => {
    const given = await draft()
    const challenge = challengeOf((await newChallenge(given)).html)
    const [first, second] = keys
    await giveRequest(given.client, given.path, requestText(first))
    expect((await upload(given, reportFile(first, { challenge }))).text).toContain(words('key-protection.next'))
    await removeFiles(given)
    expect((await upload(given, reportFile(first, { challenge, token: { label: 'again' } }))).text).toContain(words('key-protection.next'))
    await giveRequest(given.client, given.path, requestText(second))
    await removeFiles(given)
    const refused = await upload(given, reportFile(second, { challenge }))
    expect(refused.text).toContain(`Another key answered challenge ${challenge.slice(0, 8)}…`)
    expect(refused.text).not.toContain(words('key-protection.next'))
  })

  test('ATT-3: after the challenge’s end it is refused, and the page says that a new one is needed', async () => {
    const given = await draft()
    const challenge = challengeOf((await newChallenge(given)).html)
    const third = keys[0]
    await giveRequest(given.client, given.path, requestText(third))
    await scene.portal.services.database('key_challenges').where({ value: challenge }).update({ expires_at: '2026-01-01T00:00:00.000Z' })
    const refused = await upload(given, reportFile(third, { challenge }))
    expect(refused.text).toContain(say('challenge.remedy'))
    expect(refused.text).toContain(say('section.challenge-lapsed'))
    expect(refused.text).not.toContain(words('key-protection.next'))
  })

  test('ATT-3: what is no report is kept out or explained, and a private key never kept', async () => {
    const given = await draft()
    await giveRequest(given.client, given.path, requestText(keys[1]))
    const page = await upload(given, '{}')
    expect(page.text).toContain(say('malformed.not-a-report'))
    const key = keys[0].privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
    await removeFiles(given)
    expect((await upload(given, key)).status).toBe(422)
    expect(await scene.portal.services.database('evidence_files').where({ application_id: (await scene.portal.services.applications.findByReference(given.reference))!.id })).toEqual([])
  })

  async function removeFiles(given: Draft): Promise<void> {
    const page = await given.client.get(given.step)
    for (const [, path] of page.html.matchAll(/action="([^"]+\/evidence\/[^"]+\/remove)"/g)) await sendStep(given.client, given.step, {}, undefined, path!)
  }
})
