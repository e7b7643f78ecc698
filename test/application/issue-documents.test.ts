/** Methods 4, 6 and 7 to the end: what `ca` issues on, and what holds it (ATT-4, ATT-6, ATT-7, LOG-1). */
import { createHash, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { issueNext } from '../../src/application/issue.ts'
import { confirmEntry, proposeEntry, withdrawEntry } from '../../src/application/register.ts'
import { keepProtection } from '../../src/application/verify-key.ts'
import type { Database } from '../../src/database/database.ts'
import { registerStore } from '../../src/database/register-store.ts'
import { issuingParts } from '../../src/jobs/issuing.ts'
import { identityOf, type AuditorContent, type RegisterName, type ServiceContent } from '../../src/key-protection/register.ts'
import type { Services } from '../../src/services.ts'
import type { Signer } from '../../src/signer/signer.ts'
import { LANGUAGES, translate } from '../../src/web/locales.ts'
import { rsaKeyPair, type KeyPair } from '../pki/keys.ts'
import { heldFor, insertApprovedApplication, insertPeople, type ApprovedOptions, type People } from '../support/approved-application.ts'
import { describeOnBothDatabases } from '../support/database.ts'
import { demoHierarchy, type DemoHierarchy } from '../support/demo-hierarchy.ts'
import { writeCms } from '../support/cms-writer.ts'
import { writePdf } from '../support/pdf-writer.ts'
import { auditorContent, reportText, SERVICE, signatory } from '../support/witness.ts'

const DAY = 86_400_000
const HOUR = 3_600_000
let hierarchy: DemoHierarchy
let token: Signer
let keys: KeyPair

beforeAll(async () => {
  hierarchy = await demoHierarchy()
  token = await hierarchy.token('ca')
  keys = rsaKeyPair(3072)
}, 120_000)
afterAll(() => hierarchy.remove())

const dayOf = (moment: number): string => new Date(moment).toISOString().slice(0, 10)
const ago = (days: number): string => dayOf(Date.now() - days * DAY)

const AUDIT = () => ({
  auditor: 'Midori Ueda',
  organisation: 'Ueda Audit LLC',
  relation: 'external',
  scope: 'Generation and keeping of code-signing keys',
  covers: 'yes',
  from: ago(300),
  to: ago(60),
  'report-date': ago(30),
  modules: 'Acme HSM 9; 1; FIPS 140-3 #9999',
})

describeOnBothDatabases('issuing on documents', (open) => {
  let database: Database
  let services: Services
  let people: People
  let later = 0

  beforeAll(async () => {
    database = await open()
    services = await hierarchy.services(database, { clock: () => new Date(Date.now() + later) })
    people = await insertPeople(services)
  })

  /** Entered as officers do; `skip` leaves the log without that act. */
  async function enter(register: RegisterName, content: AuditorContent | ServiceContent, { confirmer = people.approver } = {}): Promise<string> {
    const id = randomUUID()
    await services.work(people.vetter, (work, trx) => proposeEntry(work, registerStore(trx), { id, register, identity: identityOf(register, content), content: JSON.stringify(content), file: { name: 'a.pdf', bytes: Buffer.from('%PDF-1.7') } }))
    const entry = (await registerStore(database).find(id))!
    expect(await services.work(confirmer, (work, trx) => confirmEntry(work, registerStore(trx), entry))).toBe('confirmed')
    return id
  }
  const withdraw = async (id: string) => {
    const entry = (await registerStore(database).find(id))!
    expect(await services.work(people.vetter, (work, trx) => withdrawEntry(work, registerStore(trx), entry, 'Not qualified any more.'))).toBe('withdrawn')
  }

  const approved = (options: ApprovedOptions) => insertApprovedApplication(services, hierarchy.maker, { keys, people, ...options })
  const turn = () => issueNext(issuingParts(services, token))

  async function holds(id: string): Promise<readonly string[]> {
    expect(await turn()).toBe('held')
    const findings = (await heldFor(services, id))!
    for (const { message } of findings) for (const language of LANGUAGES) expect(translate(language, message.key, message.values)).not.toMatch(/\{\w+\}|^[a-z-]+(\.[a-z-]+)+$/)
    expect(await database('certificates').where({ application_id: id })).toEqual([])
    return findings.map(({ row, code }) => `${row} ${code}`)
  }

  // ---- method 4 ----
  const audit = (options: ApprovedOptions = {}, details: Record<string, string> = {}) => approved({ key: { method: 4, details: { ...AUDIT(), ...details } }, evidence: [{ name: 'report.pdf', bytes: writePdf(['Report']) }], ...options })

  test('ATT-4: issues on an IT audit that an officer confirmed', async () => {
    await audit()
    expect(await turn()).toBe('issued')
  })

  test('ATT-4: holds when no officer confirmed the report', async () => {
    const { id } = await audit({ beforeApproval: async (trx, application) => void (await trx('vetting_checks').where({ application_id: application.id, item: 'it-audit' }).delete()) })
    expect(await holds(id)).toEqual(['VET-1 check-open'])
  })

  test('ATT-4, VET-5: holds when the report has lapsed meanwhile, though the officer’s check has not', async () => {
    const { id } = await audit({}, { from: ago(700), to: ago(420), 'report-date': ago(390) })
    later = 20 * DAY
    expect(await holds(id)).toEqual(['ATT-4 key-protection-recent'])
    later = 0
  })

  test('ATT-4: holds when the report in the row is not one', async () => {
    const { id } = await audit({ evidence: [{ name: 'report.pdf', bytes: Buffer.from('%PDF-1.7 cut') }] })
    expect(await holds(id)).toEqual(['ATT-4 key-protection-malformed'])
  })

  // ---- method 6 ----
  async function witnessed(register: 'entered' | 'not-entered', change: { readonly prepare?: (entry: string) => Promise<void>; readonly report?: Parameters<typeof reportText>[1] } = {}) {
    const who = signatory('Midori Ueda', { notBefore: new Date(Date.now() - 30 * DAY), notAfter: new Date(Date.now() + 300 * DAY) })
    const content = auditorContent(who, { validFrom: ago(10), validUntil: ago(-300) })
    const entry = register === 'entered' ? await enter('auditors', content) : ''
    const challenge = createHash('sha256').update(randomUUID()).digest('hex')
    const application = await approved({
      key: { method: 6 },
      evidence: [],
      async beforeApproval(_trx, { id, applicant }, work) {
        const at = work.now.toISOString()
        const given = { method: 6, value: challenge, issuedAt: new Date(work.now.getTime() - HOUR).toISOString(), expiresAt: new Date(work.now.getTime() + HOUR).toISOString() } as const
        await work.protection.giveChallenge(id, given)
        await work.audit({ event: 'application.challenge-given', subject: `application:${id}`, details: given })
        const text = reportText(keys.spki, { reference: `A-${id.slice(0, 8)}`, challenge, date: dayOf(work.now.getTime()), ...change.report })
        const files = [
          { name: 'report.txt', bytes: text },
          { name: 'report.txt.p7s', bytes: writeCms(text, { certificate: who.certificate, key: who.keys.privateKey, signingTime: work.now }) },
        ].map((file) => ({ ...file, sha256: createHash('sha256').update(file.bytes).digest('hex') }))
        for (const file of files) await work.applications.addEvidence(id, { ...file, id: randomUUID(), uploadedBy: applicant, uploadedAt: at })
        await keepProtection(work, (await work.applications.find(id))!, files, services.policy)
      },
    })
    await change.prepare?.(entry)
    return { ...application, entry, challenge }
  }

  test('ATT-6: issues on a report that a registered auditor signed; the challenge is answered for good', async () => {
    const { challenge, spkiSha256 } = await witnessed('entered')
    expect(await turn()).toBe('issued')
    expect(await database('key_challenges').where({ value: challenge }).first()).toMatchObject({ answered_spki_sha256: spkiSha256 })
  })

  test('ATT-6: holds when the auditor was withdrawn after the approval', async () => {
    const { id } = await witnessed('entered', { prepare: withdraw })
    const findings = await holds(id)
    expect(findings[0]).toBe('ATT-6 key-protection-approved-auditor')
    expect(findings).not.toContain('LOG-1 register-unproven')
  })

  test('ATT-6: holds when the auditor is in no register', async () => {
    const { id } = await witnessed('not-entered')
    expect((await holds(id))[0]).toBe('ATT-6 key-protection-approved-auditor')
  })

  test.each<[string, (entry: string) => Promise<unknown>]>([
    ['was put into the table by nobody in the log', async (entry) => database('register_entries').where({ id: entry }).update({ id: randomUUID() })],
    ['was changed in the table', async (entry) => {
      const { content } = await database('register_entries').where({ id: entry }).first('content')
      return database('register_entries').where({ id: entry }).update({ content: JSON.stringify({ ...JSON.parse(content), validUntil: ago(-9999) }) })
    }],
    ['names another confirmer than the log', async (entry) => database('register_entries').where({ id: entry }).update({ confirmed_by: people.applicant })],
    ['names another proposer than the log', async (entry) => database('register_entries').where({ id: entry }).update({ proposed_by: people.applicant })],
    ['was withdrawn in the log and put back in the table', async (entry) => {
      await withdraw(entry)
      return database('register_entries').where({ id: entry }).update({ state: 'confirmed', withdrawn_by: null, withdrawn_at: null, withdrawn_because: null })
    }],
  ])('LOG-1, ATT-6: holds when the auditor’s entry %s', async (_, tamper) => {
    const { id } = await witnessed('entered', { prepare: async (entry) => void (await tamper(entry)) })
    const findings = await holds(id)
    expect(findings[0]).toBe('ATT-6 key-protection-approved-auditor')
    expect(findings).toContain('LOG-1 register-unproven')
  })

  test('LOG-1, ATT-6: holds when the one who confirmed never had the role', async () => {
    const { id } = await witnessed('entered', { prepare: async () => void (await database('account_roles').where({ account_id: people.approver }).update({ role: 'revocation-officer' })) })
    const findings = await holds(id)
    expect(findings).toContain('LOG-1 register-unproven')
    await database('account_roles').where({ account_id: people.approver }).update({ role: 'approving-officer' })
  })

  test('ATT-6: holds when the report is of another key', async () => {
    const { id } = await witnessed('entered', { report: { key: '0'.repeat(64) } })
    expect(await holds(id)).toEqual(['ATT-6 key-protection-same-key'])
  })

  // ---- method 7 ----
  async function serviced(service: Partial<ServiceContent> = {}, options: ApprovedOptions = {}, details: Record<string, string> = {}) {
    const entry = await enter('signing-services', { ...SERVICE, name: `Example ${randomUUID()}`, reportDate: ago(100), periodFrom: ago(500), periodTo: ago(140), ...service })
    const stated = { service: entry, 'agreement-version': '2026-07', 'agreement-number': 'K-1', 'agreement-date': ago(20), statement: 'all-keys', ...details }
    const application = await approved({ key: { method: 7, option: 'signing-service', details: stated }, evidence: [{ name: 'agreement.pdf', bytes: writePdf(['Agreement']) }], ...options })
    return { ...application, entry }
  }

  test('ATT-7: issues on an agreement with an accepted service that an officer confirmed', async () => {
    await serviced()
    expect(await turn()).toBe('issued')
  })

  test('ATT-7: holds when the service was withdrawn after the approval', async () => {
    const { id, entry } = await serviced()
    await withdraw(entry)
    expect(await holds(id)).toEqual(['ATT-7 key-protection-accepted-service'])
  })

  test('ATT-7: holds when no officer confirmed the agreement', async () => {
    const { id } = await serviced({}, { beforeApproval: async (trx, application) => void (await trx('vetting_checks').where({ application_id: application.id, item: 'signing-service-agreement' }).delete()) })
    expect(await holds(id)).toEqual(['VET-1 check-open'])
  })

  test('ATT-7, VET-5: holds when the agreement or the service’s audit has lapsed meanwhile', async () => {
    const old = await serviced({}, {}, { 'agreement-date': ago(390) })
    later = 20 * DAY
    expect(await holds(old.id)).toEqual(['ATT-7 key-protection-recent'])
    later = 0
    const unaudited = await serviced({ reportDate: ago(390), periodFrom: ago(800), periodTo: ago(400) })
    later = 20 * DAY
    expect(await holds(unaudited.id)).toEqual(['ATT-7 key-protection-service-audit'])
    later = 0
  })

  test('LOG-1, ATT-7: holds when the service’s entry was made better in the table', async () => {
    const { id, entry } = await serviced()
    const { content } = await database('register_entries').where({ id: entry }).first('content')
    await database('register_entries').where({ id: entry }).update({ content: JSON.stringify({ ...JSON.parse(content), moduleLevel: '4' }) })
    expect(await holds(id)).toContain('LOG-1 register-unproven')
  })

  test('APP-2, ATT-7: holds when the applicant represented another option than a Signing Service', async () => {
    const { id } = await serviced({}, { key: { method: 7, option: 'own-module', details: {} } })
    expect(await holds(id)).toContain('APP-2 method-not-open')
  })
})
