/** Methods 4, 6 and 7 as an applicant meets them on the page of key protection. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { confirmEntry, proposeEntry, withdrawEntry } from '../../src/application/register.ts'
import { registerStore } from '../../src/database/register-store.ts'
import { identityOf, type AuditorContent, type RegisterName, type ServiceContent } from '../../src/key-protection/register.ts'
import { readWitnessReport } from '../../src/key-protection/witness-report.ts'
import { rsaKeyPair, type KeyPair } from '../pki/keys.ts'
import type { Client, Page } from '../support/client.ts'
import { createPerson, words } from '../support/portal.ts'
import { writePdf } from '../support/pdf-writer.ts'
import { auditorContent, opensslSigns, SERVICE, signatory, type Signatory } from '../support/witness.ts'
import { AGREED, applicantOf, applicationAt, giveRequest, ORGANISATION, requestText, sendStep, startApplication, startScene, SUBJECT, submit, type Scene } from './applicant.ts'
import { officerOf, referenceOf, vet, type Officer } from './officers.ts'

const day = (offset: number): string => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10)
let scene: Scene
const made = new WeakMap<Client, KeyPair>()
/** Made before anything is sent: a long computation in between lets connections time out. */
const pool: KeyPair[] = []
/** Another key for each applicant (APP-4). */
function keysOf(client: Client): KeyPair {
  const keys = made.get(client) ?? pool.pop()!
  made.set(client, keys)
  return keys
}
let vetting: Officer
let auditor: Signatory
beforeAll(async () => {
  for (let count = 6; count > 0; count--) pool.push(rsaKeyPair(3072))
  scene = await startScene()
  vetting = await officerOf(scene, 'vetting-officer')
  auditor = signatory('Midori Ueda', { notBefore: new Date(Date.now() - 86_400_000), notAfter: new Date(Date.now() + 300 * 86_400_000) })
}, 120_000)
afterAll(() => expect(scene.portal.faults).toEqual([]))

async function enter(register: RegisterName, content: AuditorContent | ServiceContent): Promise<string> {
  const { services } = scene.portal
  const [one, other] = [await createPerson(services, { roles: ['vetting-officer'] }), await createPerson(services, { roles: ['approving-officer'] })]
  const id = randomUUID()
  await services.work(one.id, (work, trx) => proposeEntry(work, registerStore(trx), { id, register, identity: identityOf(register, content), content: JSON.stringify(content), file: { name: 'a.pdf', bytes: Buffer.from('%PDF-1.7') } }))
  const entry = (await registerStore(services.database).find(id))!
  await services.work(other.id, (work, trx) => confirmEntry(work, registerStore(trx), entry))
  return id
}
async function withdraw(id: string): Promise<void> {
  const { services } = scene.portal
  const officer = await createPerson(services, { roles: ['vetting-officer'] })
  const entry = (await registerStore(services.database).find(id))!
  await services.work(officer.id, (work, trx) => withdrawEntry(work, registerStore(trx), entry, 'No longer examined'))
}

async function draftFor(client: Client, method: string, option = 'own-module'): Promise<string> {
  const path = await startApplication(client)
  await sendStep(client, `${path}/organisation`, ORGANISATION)
  await sendStep(client, `${path}/agreements`, AGREED)
  await sendStep(client, `${path}/subject`, SUBJECT)
  await giveRequest(client, path, requestText(keysOf(client)))
  await sendStep(client, `${path}/key-protection`, { option, representation: 'yes', method })
  return path
}
const state = (client: Client, path: string, details: Record<string, string>): Promise<Page> =>
  sendStep(client, `${path}/key-protection`, Object.fromEntries(Object.entries(details).map(([name, value]) => [`d-${name}`, value])), undefined, `${path}/key-protection/details`)
const hand = (client: Client, path: string, ...files: readonly (readonly [string, Buffer])[]): Promise<Page> =>
  sendStep(client, `${path}/key-protection`, {}, files.map(([name, bytes]) => ({ field: 'evidence', name, bytes })), `${path}/key-protection/evidence`)
const eventsOf = async (path: string): Promise<readonly string[]> => {
  const { id } = await applicationAt(scene, path)
  return (await scene.portal.services.database('audit_events').where({ subject: `application:${id}` }).orderBy('seq')).map((row: { event: string }) => row.event)
}

const AUDIT = { auditor: 'Midori Ueda', organisation: 'Ueda Audit LLC', relation: 'external', scope: 'Generation and keeping of keys', covers: 'yes', from: day(-300), to: day(-60), 'report-date': day(-30), modules: 'Acme HSM 9; 1; FIPS 140-3 #9999' }

describe('method 4', () => {
  test('ATT-4: report and what it says are judged at once, kept, shown to the officer, and used again later with the same date', async () => {
    const { client } = await applicantOf(scene)
    const path = await draftFor(client, '4')
    expect((await state(client, path, { ...AUDIT, 'report-date': 'yesterday' })).status).toBe(422)
    expect((await state(client, path, AUDIT)).status).toBe(200)
    const judged = await hand(client, path, ['report.pdf', writePdf(['Report'])])
    for (const text of [words('key-protection-it-audit.verdict.verified'), words('key-protection.person-confirms'), words('key-protection-it-audit.about.lapses'), 'Ueda Audit LLC']) expect(judged.text).toContain(text)
    expect((await submit(client, path)).status).toBe(200)
    expect((await applicationAt(scene, path)).state).toBe('submitted')

    const officers = (await vetting.client.get(`/review/${referenceOf(path)}`)).text
    expect(officers).toContain(words('review.item.it-audit.title'))

    // Not before an officer has confirmed it.
    const second = await draftFor(client, '4')
    expect((await client.get(`${second}/key-protection`)).text).not.toContain(words('key-protection-document.reuse.submit'))
    await vet(scene, vetting, referenceOf(path))
    const offered = await client.get(`${second}/key-protection`)
    expect(offered.text).toContain(words('key-protection-document.reuse.it-audit', { date: AUDIT['report-date'], reference: referenceOf(path) }))
    const used = await sendStep(client, `${second}/key-protection`, { from: referenceOf(path) }, undefined, `${second}/key-protection/reuse`)
    expect(used.text).toContain(words('key-protection-document.reuse.done'))
    expect(used.text).toContain(words('key-protection-it-audit.verdict.verified'))
    expect((await applicationAt(scene, second)).key).toMatchObject({ method: 4, details: { 'report-date': AUDIT['report-date'] } })
    const dossier = async (of: string) => (await scene.portal.services.applications.dossier((await applicationAt(scene, of)).id))!
    expect((await dossier(second)).evidence.map(({ sha256 }) => sha256)).toEqual((await dossier(path)).evidence.map(({ sha256 }) => sha256))
  })

  test('ATT-4: nobody else’s report is offered or taken, and none that has lapsed', async () => {
    const { client: first } = await applicantOf(scene)
    const path = await draftFor(first, '4')
    await state(first, path, { ...AUDIT, from: day(-800), to: day(-400), 'report-date': day(-390) })
    await hand(first, path, ['report.pdf', writePdf(['Another report'])])
    await submit(first, path)
    await vet(scene, vetting, referenceOf(path))
    const { client: other } = await applicantOf(scene)
    const theirs = await draftFor(other, '4')
    expect((await other.get(`${theirs}/key-protection`)).text).not.toContain(words('key-protection-document.reuse.submit'))
    expect((await sendStep(other, `${theirs}/key-protection`, { from: referenceOf(path) }, undefined, `${theirs}/key-protection/reuse`)).status).toBe(404)
    const again = await draftFor(first, '4')
    expect((await first.get(`${again}/key-protection`)).text).toContain(words('key-protection-document.reuse.submit'))
    const { id } = await applicationAt(scene, path)
    await scene.portal.services.database('applications').where({ id }).update({ key_details: JSON.stringify({ ...AUDIT, from: day(-800), to: day(-430), 'report-date': day(-420) }) })
    expect((await first.get(`${again}/key-protection`)).text).not.toContain(words('key-protection-document.reuse.submit'))
  })
})

describe('method 6', () => {
  test('ATT-6: challenge, template filled with the order’s data, signed text, verified at once', async () => {
    const { client } = await applicantOf(scene)
    const earlier = await enter('auditors', auditorContent(signatory('Ken Aoki', { notBefore: new Date(Date.now() - 86_400_000), notAfter: new Date(Date.now() + 300 * 86_400_000) }), { validFrom: day(-1), validUntil: day(200) }))
    const path = await draftFor(client, '6')
    await withdraw(earlier)
    expect((await client.get(`${path}/key-protection`)).text).toContain(words('key-protection-witnessed-generation.no-auditors'))
    await enter('auditors', auditorContent(auditor, { validFrom: day(-1), validUntil: day(200) }))
    expect((await client.get(`${path}/key-protection`)).text).toContain('Ueda Audit LLC, Osaka')
    expect((await client.get(`${path}/key-protection/witness/template`)).status).toBe(404)
    const given = await sendStep(client, `${path}/key-protection`, {}, undefined, `${path}/key-protection/witness/challenge`)
    expect(given.text).toContain(words('key-protection-witnessed-generation.challenge-given'))
    expect(await eventsOf(path)).toContain('application.challenge-given')
    const template = (await client.get(`${path}/key-protection/witness/template`)).bytes.toString()
    const application = await applicationAt(scene, path)
    for (const line of [`Reference: ${application.reference}`, `Key-SHA256: ${application.request!.spkiSha256}`, `Organisation: ${ORGANISATION.legalName}`]) expect(template).toContain(line)
    expect(readWitnessReport(template)).toEqual({ fault: 'missing', line: 'Module-Model' })

    const filled = template
      .replace('Module-Model:', 'Module-Model: YubiHSM 2 FIPS')
      .replace('Module-Serial:', 'Module-Serial: 12345678')
      .replace('Module-Firmware:', 'Module-Firmware: 2.4.1')
      .replace('Module-Certificate:', 'Module-Certificate: FIPS 140-3 #5302, level 3')
      .replace('Place:', 'Place: Tokyo')
      .replace('\nDate:', `\nDate: ${day(0)}`)
      .replace('Participants:', 'Participants: Midori Ueda; Ken Aoki')
      .replace('Generated-Inside:', 'Generated-Inside: yes')
      .replace('Exportable:', 'Exportable: no')
      .replace('\nAuditor:', '\nAuditor: Midori Ueda')
    const text = Buffer.from(filled)
    const unsigned = await hand(client, path, ['witness-report.txt', text])
    expect(unsigned.text).toContain(words('key-protection-witnessed-generation.auditor.unsigned'))
    const judged = await hand(client, path, ['witness-report.txt.p7s', opensslSigns(text, auditor, '-binary')])
    expect(judged.text).toContain(words('key-protection-witnessed-generation.verdict.verified'))
    expect(judged.text).toContain('Midori Ueda')
    expect(await scene.portal.services.database('key_challenges').where({ application_id: application.id }).first()).toMatchObject({ answered_spki_sha256: application.request!.spkiSha256 })
    expect((await submit(client, path)).status).toBe(200)
    expect((await applicationAt(scene, path)).state).toBe('submitted')
  })

  test('ATT-6: an expired challenge is not offered any more, and no other method gets one', async () => {
    const { client } = await applicantOf(scene)
    const path = await draftFor(client, '4')
    expect((await sendStep(client, `${path}/key-protection`, {}, undefined, `${path}/key-protection/witness/challenge`)).status).toBe(409)
    await sendStep(client, `${path}/key-protection`, { option: 'own-module', representation: 'yes', method: '6' })
    await sendStep(client, `${path}/key-protection`, {}, undefined, `${path}/key-protection/witness/challenge`)
    const { id } = await applicationAt(scene, path)
    await scene.portal.services.database('key_challenges').where({ application_id: id }).update({ expires_at: new Date(Date.now() - 1000).toISOString() })
    expect((await client.get(`${path}/key-protection`)).text).toContain(words('key-protection-witnessed-generation.get-challenge'))
    expect((await client.get(`${path}/key-protection/witness/template`)).status).toBe(404)
  })
})

describe('method 7', () => {
  test('ATT-7: a service is chosen from the register, the agreement is judged at once', async () => {
    const { client } = await applicantOf(scene)
    const refused = await draftFor(client, '7')
    expect((await applicationAt(scene, refused)).key).toBeNull()
    const earlier = await enter('signing-services', { ...SERVICE, name: 'Earlier Signing' })
    const path = await draftFor(client, '7', 'signing-service')
    await withdraw(earlier)
    const left = await client.get(`${path}/key-protection`)
    expect(left.text).toContain(words('key-protection-signing-service.none'))
    // The choice of before still shows, and is not made anew.
    expect(left.value('method')).toBe('7')
    expect(left.html).not.toMatch(/name="method" value="7"[^>]* disabled/)
    const again = await sendStep(client, `${path}/key-protection`, { option: 'signing-service', representation: 'yes', method: '7' })
    expect([again.status, again.errors]).toEqual([422, new Map([['method', words('key-protection.standing.closed')]])])
    const service = await enter('signing-services', { ...SERVICE, reportDate: day(-60), periodFrom: day(-460), periodTo: day(-100) })
    expect((await client.get(`${path}/key-protection`)).text).toContain('2026-01, 2026-07')
    const details = { service, 'agreement-version': '2026-07', 'agreement-number': 'K-1', 'agreement-date': day(-10), statement: 'all-keys' }
    expect((await state(client, path, { ...details, service: randomUUID() })).status).toBe(422)
    await state(client, path, details)
    const judged = await hand(client, path, ['agreement.pdf', writePdf(['Agreement'])])
    expect(judged.text).toContain(words('key-protection-signing-service.verdict.verified'))
    expect((await submit(client, path)).status).toBe(200)
    const officers = (await vetting.client.get(`/review/${referenceOf(path)}`)).text
    expect(officers).toContain(words('review.item.signing-service-agreement.title'))
    expect(officers).toContain('Example Signing')
  })
})
