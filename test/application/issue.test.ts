import { createHash, X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { attestDemoKey } from '../../attestations/demo/make.ts'
import { issueNext } from '../../src/application/issue.ts'
import { approvalDigest } from '../../src/application/approve-digest.ts'
import { verifyAuditChain } from '../../src/audit/audit-log.ts'
import { certificateStore } from '../../src/database/certificate-store.ts'
import { type Database } from '../../src/database/database.ts'
import { issueWaiting, issuingParts } from '../../src/jobs/issuing.ts'
import { displayName, decodeName } from '../../src/pki/name.ts'
import { readCertificate } from '../../src/pki/x509-certificate.ts'
import { openServices, type Services } from '../../src/services.ts'
import type { Signer } from '../../src/signer/signer.ts'
import { LANGUAGES, translate } from '../../src/web/locales.ts'
import { allowTampering } from '../audit/tampering.ts'
import { makeRequest, rsaKeyPair, type KeyPair } from '../pki/keys.ts'
import { applicantKeys, heldFor, insertApprovedApplication, insertPeople, type ApprovedOptions, type Logged } from '../support/approved-application.ts'
import { connectAgain, describeOnBothDatabases } from '../support/database.ts'
import { demoHierarchy, type DemoHierarchy } from '../support/demo-hierarchy.ts'

let hierarchy: DemoHierarchy
let token: Signer

beforeAll(async () => {
  hierarchy = await demoHierarchy()
  token = await hierarchy.token('ca')
}, 120_000)
afterAll(() => hierarchy.remove())

const MINUTE = 60_000
let spare: KeyPair | undefined
/** Another applicant's key. */
const otherKeys = () => (spare ??= rsaKeyPair(3072))
/** One waits for `given` until another calls `give`. */
function signal(): { readonly given: Promise<void>; give(): void } {
  let give: () => void = () => undefined
  return { given: new Promise((resolve) => (give = resolve)), give: () => give() }
}
const never: Pick<Signer, 'sign'> = { sign: () => Promise.reject(new Error('nothing may be signed here')) }

describeOnBothDatabases('issuing', (open) => {
  let database: Database
  let services: Services
  let later = 0

  beforeAll(async () => {
    database = await open()
    services = await hierarchy.services(database, { clock: () => new Date(Date.now() + later) })
  })

  const approved = (options?: ApprovedOptions) => insertApprovedApplication(services, hierarchy.maker, options)
  const turn = (signer: Pick<Signer, 'sign'> = token, of: Services = services) => issueNext(issuingParts(of, signer))
  const certificatesOf = (applicationId: string) => database('certificates').where({ application_id: applicationId }).orderBy('recorded_at')
  const eventsOf = async (subject: string) => (await database('audit_events').where({ subject }).orderBy('seq')).map((row: { event: string }) => row.event)

  /** The one finding, shown in both languages, and nothing signed. */
  async function heldBy(options: ApprovedOptions, of: Services = services) {
    const application = await approved(options)
    expect(await turn(never, of)).toBe('held')
    const findings = (await heldFor(services, application.id))!
    for (const { message } of findings) for (const language of LANGUAGES) expect(translate(language, message.key, message.values)).not.toMatch(/\{\w+\}/)
    expect(await certificatesOf(application.id)).toEqual([])
    expect(await eventsOf(`application:${application.id}`)).toContain('application.held')
    return findings.map(({ row, code }) => `${row} ${code}`)
  }

  test('CP 4.3.1, ISS-1, ISS-3, ISS-7: issues what was approved, once, and tells the applicant', async () => {
    const application = await approved()
    expect(await issueWaiting(issuingParts(services, token))).toEqual(['issued'])
    const [row] = await certificatesOf(application.id)
    expect(row).toMatchObject({ state: 'issued', approval_id: application.approvalId, spki_sha256: application.spkiSha256 })
    const certificate = readCertificate(row.der)
    expect(certificate.tbs.raw.equals(row.tbs)).toBe(true)
    expect(row.serial).toMatch(/^[0-9a-f]{34}$/)
    expect(row.serial).toBe(certificate.tbs.serialNumber.toString(16).padStart(34, '0'))
    expect(row.certificate_sha256).toBe(createHash('sha256').update(row.der).digest('hex'))
    expect(displayName(decodeName(certificate.tbs.subject))).toBe('C=JP, ST=Tokyo, L=Chiyoda-ku, O=Example K.K., CN=Example K.K.')
    const [issuing] = await certificateStore(database, new Date()).chain('issuing-g1')
    expect(new X509Certificate(row.der).verify(new X509Certificate(issuing!).publicKey)).toBe(true)
    expect(certificate.tbs.issuer.equals(readCertificate(issuing!).tbs.subject)).toBe(true)
    expect(await services.applications.find(application.id)).toMatchObject({ state: 'issued' })
    expect(await eventsOf(`certificate:${row.id}`)).toEqual(['certificate.recorded', 'certificate.issued'])
    expect(await database('certified_keys').where({ spki_sha256: application.spkiSha256 }).first()).toMatchObject({ organisation_id: application.organisationId, purpose: 'code-signing' })
    const [mail] = await database('mail_outbox')
    expect(mail).toMatchObject({ subject: `Your certificate is ready (${application.reference})` })
    expect(mail.body).toContain(`Valid until: ${row.not_after.slice(0, 10)} ${row.not_after.slice(11, 16)} UTC\n`)
    expect(mail.body).toContain(`https://portal.test/applications/${application.reference}/certificate`)
    expect(await turn()).toBe('idle')
    expect(await verifyAuditChain(database)).toMatchObject({ intact: true })
  })

  test('APP-4: certifies the key again for the same organisation, and for nobody else', async () => {
    const people = await insertPeople(services, 'First K.K.')
    const keys = otherKeys()
    await approved({ keys, people })
    expect(await turn()).toBe('issued')
    await approved({ keys, people })
    expect(await turn()).toBe('issued')
    expect(await heldBy({ keys, people: await insertPeople(services, 'Second K.K.') })).toEqual(['APP-4 app-4'])
  })

  test('KEY-4: holds a key that was marked as compromised after the approval', async () => {
    const keys = rsaKeyPair(3072)
    const { spkiSha256 } = await approved({ keys })
    await database('compromised_keys').insert({ spki_sha256: spkiSha256, source: 'test', recorded_at: services.clock().toISOString() })
    expect(await turn(never)).toBe('held')
  })

  test('KEY-1: holds a key of another size', async () => {
    expect(await heldBy({ keys: rsaKeyPair(2048) })).toContain('KEY-1 key-1')
  })

  test('APP-3: holds a request that the key in it did not sign', async () => {
    const { spki } = applicantKeys()
    expect(await heldBy({ people: await samePeople(), requestDer: makeRequest(otherKeys(), { spki }) })).toEqual(['APP-3 app-3'])
  })

  test('APP-3: holds a key on record that is not the key in the request', async () => {
    const found = await heldBy({ people: await samePeople(), requestDer: makeRequest(otherKeys()) })
    expect(found).toContain('APP-3 request-key-differs')
  })

  /** The organisation that the shared key is certified for. */
  async function samePeople() {
    const { organisation_id: organisationId } = await database('certified_keys').orderBy('first_certified_at').first('organisation_id')
    const people = await insertPeople(services)
    await database('accounts').where({ id: people.applicant }).update({ organisation_id: organisationId })
    return { ...people, organisationId }
  }

  test('ATT-2: takes nobody\'s word for the evidence: judges the stored bytes again', async () => {
    const evidence = [{ name: 'attestation.pem', bytes: Buffer.from('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n') }]
    const people = await samePeople()
    const said = async (trx: Database, { id }: { id: string }) => void (await trx('assessments').where({ application_id: id }).update({ outcome: 'pass' }))
    expect(await heldBy({ people, evidence, beforeApproval: said })).toEqual(['ATT-2 key-protection-malformed'])
    expect(await heldBy({ people, evidence: [], beforeApproval: said })).toEqual(['ATT-2 evidence-missing'])
  })

  test('LOG-1 ATT-2: nothing is issued while the audit log does not show a change of a maker\'s key by two persons', async () => {
    const change = { kind: 'withdraw', maker: 'thales-luna', spki_sha256: '0'.repeat(64), reason: 'test', proposed_by: 'Aoki', proposed_at: services.clock().toISOString() }
    await database('anchor_changes').insert({ ...change, id: 'behind-the-log', confirmed_by: 'Beppu', confirmed_at: services.clock().toISOString(), position: 1 })
    expect(await heldBy({ people: await samePeople() })).toEqual(['LOG-1 log-anchors'])
    await database('anchor_changes').del()
    await database('anchor_changes').insert({ ...change, id: 'proposal-alone' })
    await approved({ people: await samePeople() })
    expect(await turn()).toBe('issued')
    await database('anchor_changes').del()
  })

  test('ATT-2: holds the attestation of another key', async () => {
    expect(await heldBy({ people: await insertPeople(services, 'Third K.K.'), keys: rsaKeyPair(3072), evidence: await evidenceFor(applicantKeys().spki) })).toEqual(['ATT-2 key-protection-same-key'])
  })
  async function evidenceFor(spki: Buffer) {
    const { attestationPem, intermediatePem } = attestDemoKey(hierarchy.maker, spki, services.clock(), rsaKeyPair(2048))
    return [{ name: 'a.pem', bytes: Buffer.from(attestationPem) }, { name: 'i.pem', bytes: Buffer.from(intermediatePem) }]
  }

  test('ATT-2: takes demo evidence under no CA that is not a demo one by its row, whatever the environment says', async () => {
    await database('authorities').where({ id: 'issuing-g1' }).update({ demo: 0 })
    vi.stubEnv('NODE_ENV', 'development')
    try {
      const found = await heldBy({ people: await samePeople() })
      expect(found.length).toBeGreaterThan(0)
      expect(found.every((each) => each.startsWith('ATT-2 key-protection-'))).toBe(true)
    } finally {
      vi.unstubAllEnvs()
      await database('authorities').where({ id: 'issuing-g1' }).update({ demo: 1 })
    }
  })

  test('APP-2: holds a method that does not show what was represented', async () => {
    expect(await heldBy({ people: await samePeople(), beforeApproval: async (trx, { id }) => void (await trx('applications').where({ id }).update({ key_option: 'signing-service' })) })).toEqual(['APP-2 method-not-open'])
  })

  test('VET-5: holds a check that lapsed between approval and issuing', async () => {
    const days = services.policy.periods.validationReuseDays
    const ago = (more: number) => new Date(services.clock().getTime() - (days + more) * 86_400_000).toISOString().slice(0, 10)
    const aged = (date: string) => ({ beforeApproval: async (trx: Database, { id }: { id: string }) => void (await trx('vetting_checks').where({ application_id: id, item: 'address' }).update({ obtained_on: date })) })
    expect(await heldBy({ people: await samePeople(), ...aged(ago(1)) })).toEqual(['VET-5 check-open'])
    await approved({ people: await samePeople(), ...aged(ago(-1)) })
    expect(await turn()).toBe('issued')
  })

  test('VET-1: holds a missing check, and one that was not confirmed', async () => {
    const where = { item: 'registration-number' }
    expect(await heldBy({ people: await samePeople(), beforeApproval: async (trx, { id }) => void (await trx('vetting_checks').where({ application_id: id, ...where }).delete()) })).toEqual(['VET-1 check-open'])
    expect(await heldBy({ people: await samePeople(), beforeApproval: async (trx, { id }) => void (await trx('vetting_checks').where({ application_id: id, ...where }).update({ outcome: 'not-confirmed' })) })).toEqual(['VET-1 check-open'])
  })

  test('APP-1: holds an application without one of its agreements, or without the certification of accuracy', async () => {
    for (const document of ['cp', 'cps', 'subscriber-agreement', 'key-protection-guide'])
      expect(await heldBy({ people: await samePeople(), beforeApproval: async (trx, { id }) => void (await trx('application_agreements').where({ application_id: id, document }).delete()) })).toEqual(['APP-1 agreement-missing'])
    expect(await heldBy({ people: await samePeople(), beforeApproval: async (trx, { id }) => void (await trx('applications').where({ id }).update({ accuracy_certified_at: null })) })).toEqual(['APP-1 accuracy-not-certified'])
  })

  test('APP-1: holds an application made under another policy', async () => {
    expect(await heldBy({ people: await samePeople(), beforeApproval: async (trx, { id }) => void (await trx('applications').where({ id }).update({ policy_id: 'another' })) })).toEqual(['APP-1 policy-changed'])
  })

  test('ACC-2, VET-6: holds when one person both vetted and approved, whoever wrote the rows', async () => {
    const found = await heldBy({
      people: await samePeople(),
      beforeApproval: async (trx, { id, vetter, approver }) => {
        await trx('account_roles').insert({ account_id: approver, role: 'vetting-officer', granted_by: 'test', granted_at: '' })
        await trx('duties').where({ application_id: id, account_id: vetter }).delete()
        await trx('vetting_checks').where({ application_id: id }).update({ officer_id: approver })
      },
    })
    expect(found).toEqual(['ACC-2 duty-vetted', 'ACC-2 vetted-not-entitled', 'LOG-1 log-vetted', 'LOG-1 log-vetting-started'])
  })

  test('ACC-2: holds when the approver has not the duty of deciding on record, and counts no approver of an earlier round', async () => {
    const people = await samePeople()
    const earlier = await insertPeople(services)
    const decidedBefore = (trx: Database, id: string) => trx('duties').insert({ application_id: id, account_id: earlier.approver, duty: 'decided', taken_at: '2026-01-01T00:00:00.000Z' })
    const swap = async (trx: Database, { id, approver }: { id: string; approver: string }) => {
      await trx('duties').where({ application_id: id, account_id: approver }).delete()
      await decidedBefore(trx, id)
    }
    expect(await heldBy({ people, beforeApproval: swap })).toEqual(['ACC-2 duty-decided'])
    await approved({ people, beforeApproval: async (trx, { id }) => void (await decidedBefore(trx, id)) })
    await database('accounts').where({ id: earlier.approver }).update({ state: 'closed' })
    expect(await turn()).toBe('issued')
  })

  test('ACC-2: holds when the approver, or the vetting officer, is not who may do so at this moment', async () => {
    for (const [who, code] of [['vetter', 'vetted-not-entitled'], ['approver', 'decided-not-entitled']] as const) {
      expect(await heldBy({ people: await samePeople(), beforeApproval: async (trx, people) => void (await trx('account_roles').where({ account_id: people[who] }).update({ role: 'auditor' })) })).toEqual([`ACC-2 ${code}`])
      expect(await heldBy({ people: await samePeople(), beforeApproval: async (trx, people) => void (await trx('accounts').where({ id: people[who] }).update({ state: 'closed' })) })).toEqual([`ACC-2 ${code}`])
      expect(await heldBy({ people: await samePeople(), beforeApproval: async (trx, people) => void (await trx('accounts').where({ id: people[who] }).update({ organisation_id: people.organisationId })) })).toEqual([`ACC-2 ${code}`])
    }
  })

  test('ACC-2: holds when the applicant\'s account is closed or moved to another organisation', async () => {
    expect(await heldBy({ people: await samePeople(), beforeApproval: async (trx, { applicant }) => void (await trx('accounts').where({ id: applicant }).update({ state: 'closed' })) })).toEqual(['ACC-2 applicant-not-entitled'])
    expect(await heldBy({ people: await samePeople(), beforeApproval: async (trx, { applicant }) => void (await trx('accounts').where({ id: applicant }).update({ organisation_id: null })) })).toEqual(['ACC-2 applicant-not-entitled'])
  })

  describe('the audit log beside the rows', () => {
    const logged = async (change: NonNullable<ApprovedOptions['logged']>) => heldBy({ people: await samePeople(), logged: change })
    const isOf = (event: string) => (entry: Logged) => entry.event === event
    const without = (event: string) => (events: readonly Logged[]) => events.filter((entry) => !isOf(event)(entry))
    const changed = (event: string, change: Partial<Logged>) => (events: readonly Logged[]) => events.map((entry) => (isOf(event)(entry) ? { ...entry, ...change } : entry))
    const CHECKS = ['legal-identity', 'address', 'registration-number', 'requester-authority'].map(() => 'LOG-1 log-check')

    test('LOG-1, VET-6: takes nobody\'s word that officers acted: rows without their acts in the log are held', async () => {
      expect(await logged((events) => events.slice(0, 1))).toEqual(['LOG-1 log-approved', 'LOG-1 log-vetted', ...CHECKS, 'LOG-1 log-vetting-started'])
      expect(await logged(() => [])).toEqual(['LOG-1 log-approved', 'LOG-1 log-vetted', ...CHECKS, 'LOG-1 log-vetting-started', 'LOG-1 log-submitted'])
    })

    test.each([
      ['application.submitted', 'log-submitted'],
      ['application.vetting-started', 'log-vetting-started'],
      ['application.vetted', 'log-vetted'],
      ['application.approved', 'log-approved'],
    ] as const)('LOG-1: holds when %s is missing, or is somebody else\'s', async (event, code) => {
      expect(await logged(without(event))).toContain(`LOG-1 ${code}`)
      expect(await logged(changed(event, { actor: (await insertPeople(services)).approver }))).toContain(`LOG-1 ${code}`)
    })

    test('LOG-1: holds when a check is missing, somebody else\'s, of another item, or of another result', async () => {
      const isAddress = ({ details }: Logged) => details['item'] === 'address'
      const stranger = (await insertPeople(services)).vetter
      const changes: ((entry: Logged) => readonly Logged[])[] = [
        () => [],
        (entry) => [{ ...entry, actor: stranger }],
        (entry) => [{ ...entry, details: { ...entry.details, item: 'trade-name' } }],
        (entry) => [{ ...entry, details: { ...entry.details, outcome: 'not-confirmed' } }],
        // What the officer found last counts.
        (entry) => [entry, { ...entry, details: { ...entry.details, outcome: 'not-confirmed' } }],
      ]
      for (const change of changes) expect(await logged((events) => events.flatMap((entry) => (isAddress(entry) ? change(entry) : [entry])))).toEqual(['LOG-1 log-check'])
    })

    test('LOG-1, VET-6: holds when the approval in the log is another one, or of another digest', async () => {
      for (const change of [{ approval: 'another' }, { digest: '0'.repeat(64) }])
        expect(await logged((events) => events.map((entry) => (isOf('application.approved')(entry) ? { ...entry, details: { ...entry.details, ...change } } : entry)))).toEqual(['LOG-1 log-approved'])
    })

    test('LOG-1: holds when the acts stand in another order', async () => {
      const after = (first: string, second: string) => (events: readonly Logged[]) => {
        const moved = events.filter(isOf(first))
        return events.filter((entry) => !isOf(first)(entry)).flatMap((entry) => (isOf(second)(entry) ? [entry, ...moved] : [entry]))
      }
      expect(await logged(after('application.submitted', 'application.vetting-started'))).toEqual(['LOG-1 log-submitted'])
      expect(await logged(after('application.vetting-started', 'application.vetted'))).toEqual(['LOG-1 log-vetting-started'])
      expect(await logged(after('application.check-recorded', 'application.vetted'))).toEqual(CHECKS)
      expect(await logged(after('application.vetted', 'application.approved'))).toEqual(['LOG-1 log-vetted'])
    })

    test('LOG-1, VET-6: an approval that the log tells to have ended does not come back, whatever the rows say', async () => {
      for (const event of ['application.returned-to-vetting', 'application.approval-voided'] as const)
        expect(await logged((events) => [...events, { ...events.at(-1)!, event }])).toEqual(['LOG-1 log-superseded'])
      for (const event of ['application.rejected', 'application.withdrawn'] as const) expect(await logged((events) => [...events, { ...events.at(-1)!, event }])).toContain('LOG-1 log-approved')
    })

    test('LOG-1: a second round of vetting counts from its own acts on', async () => {
      const again = (events: readonly Logged[]): readonly Logged[] => {
        const [approved, before] = [events.at(-1)!, events.slice(0, -1)]
        const returned: Logged = { ...approved, event: 'application.returned-to-vetting', details: {} }
        return [...before, { ...approved, details: { approval: 'earlier', digest: '' } }, returned, events.at(-2)!, approved]
      }
      await approved({ people: await samePeople(), logged: again })
      expect(await turn()).toBe('issued')
      const unfinished = (events: readonly Logged[]) => again(events).filter((_, at, all) => at !== all.length - 2)
      expect(await logged(unfinished)).toEqual(['LOG-1 log-vetted'])
    })

    test('LOG-1: nothing is issued a second time on rows put back to what they were', async () => {
      const { id } = await approved({ people: await samePeople() })
      expect(await turn()).toBe('issued')
      await database('applications').where({ id }).update({ state: 'approved' })
      expect(await turn(never)).toBe('held')
      expect((await heldFor(services, id))!.map(({ code }) => code)).toContain('log-approved')
    })

    test('LOG-1: while the chain is broken every application is held, it is told once, and what comes after is not believed', async () => {
      const own = await open()
      const broken = await hierarchy.services(own)
      const insert = (options?: ApprovedOptions) => insertApprovedApplication(broken, hierarchy.maker, options)
      const told: unknown[] = []
      const parts = issuingParts(broken, token, (breach) => void told.push(breach))
      await insert()
      expect(await issueNext(parts)).toBe('issued')
      const people = await insertPeople(broken, 'Second K.K.')
      const keys = otherKeys()
      const [first, second] = [await insert({ people, keys }), await insert({ people, keys })]
      await allowTampering(own)
      const { seq } = await own('audit_events').where({ subject: `application:${first.id}`, event: 'application.check-recorded' }).orderBy('seq').first('seq')
      await own('audit_events').where({ seq }).update({ actor: 'somebody' })
      expect([await issueNext(parts), await issueNext(parts)]).toEqual(['held', 'held'])
      for (const { id } of [first, second]) expect(await heldFor(broken, id)).toMatchObject([{ row: 'LOG-1', code: 'log-broken', message: { values: { entry: String(seq) } } }])
      expect(told).toEqual([{ intact: false, at: Number(seq), reason: 'hash' }])
      expect(await own('certificates').whereIn('application_id', [first.id, second.id])).toEqual([])
    })
  })

  test('VET-6: holds without an approval in force', async () => {
    const { id } = await approved({ people: await samePeople() })
    await database('approvals').where({ application_id: id }).update({ voided_at: services.clock().toISOString(), voided_because: 'test' })
    expect(await turn(never)).toBe('held')
    expect((await heldFor(services, id))!.map(({ code }) => code)).toEqual(['approval-missing'])
  })

  test('ISS-1: holds what a lint refuses, and shows which', async () => {
    expect(await heldBy({ people: await samePeople(), subject: { locality: 'N/A' } })).toEqual(['CRT-2 crt-2-subject-meta'])
    expect(await heldBy({ people: await samePeople(), subject: { country: 'US' } })).toEqual(['CRT-2 crt-2-subject-country'])
  })

  test('CAK-5: holds when the issuing CA would not outlive the certificate by the years that status is owed', async () => {
    const { policy } = services
    const short = { ...services, policy: { ...policy, periods: { ...policy.periods, statusYearsAfterExpiry: 14 } } }
    expect(await heldBy({ people: await samePeople() }, short)).toEqual(['CAK-5 cak-5-issuer-life'])
  })

  test('ISS-5: two processes on one queue issue each application once', async () => {
    const ids: string[] = []
    for (let n = 0; n < 4; n++) ids.push((await approved({ people: await samePeople() })).id)
    const second = openServices(services.config, { database: connectAgain(database), clock: services.clock })
    const turns = (await Promise.all([services, second].map(async (each) => {
      const parts = issuingParts(each, token)
      const seen: string[] = []
      for (let idle = 0; idle < 3; ) {
        const what = await issueNext(parts)
        if (what === 'idle') idle++
        else seen.push(what)
      }
      return seen
    }))).flat()
    expect(turns.filter((what) => what === 'issued')).toHaveLength(4)
    expect(new Set(turns)).not.toContain('held')
    for (const id of ids) expect((await certificatesOf(id)).map((row: { state: string }) => row.state)).toEqual(['issued'])
  })

  test('ISS-5, LOG-1: a full queue is issued by several at once in two processes, one certificate for each approval, and the log is whole', async () => {
    const ids: string[] = []
    for (let n = 0; n < 20; n++) ids.push((await approved({ people: await samePeople() })).id)
    const second = openServices(services.config, { database: connectAgain(database), clock: services.clock })
    let signing = 0
    let most = 0
    const counting: Pick<Signer, 'sign'> = {
      async sign(...parameters) {
        most = Math.max(most, ++signing)
        return token.sign(...parameters).finally(() => signing--)
      },
    }
    const turns = (await Promise.all([services, second].map((each) => issueWaiting(issuingParts(each, counting))))).flat()
    expect([turns.filter((what) => what === 'issued').length, turns.every((what) => what === 'issued' || what === 'overtaken')]).toEqual([20, true])
    expect(most).toBeGreaterThan(1)
    for (const id of ids) {
      const made = await certificatesOf(id)
      expect(made.map((row: { state: string }) => row.state)).toEqual(['issued'])
      expect((await eventsOf(`certificate:${made[0].id}`)).filter((event) => event === 'certificate.issued')).toHaveLength(1)
    }
    expect(await verifyAuditChain(database)).toMatchObject({ intact: true })
  })

  test('ISS-5: a fault of one signature leaves the others of its crew issued, and is told', async () => {
    const ids: string[] = []
    for (let n = 0; n < 4; n++) ids.push((await approved({ people: await samePeople() })).id)
    let asked = 0
    const faulty: Pick<Signer, 'sign'> = { sign: (...parameters) => (++asked === 2 ? Promise.reject(new Error('token is away')) : token.sign(...parameters)) }
    await expect(issueWaiting(issuingParts(services, faulty))).rejects.toThrow('token is away')
    const states = async () => (await Promise.all(ids.map(async (id) => (await certificatesOf(id)).map((row: { state: string }) => row.state)))).flat().sort()
    expect(await states()).toEqual(['issued', 'issued', 'issued', 'recorded'])
    later += 31_000
    expect(await issueWaiting(issuingParts(services, token))).toEqual(['issued'])
    expect(await states()).toEqual(['issued', 'issued', 'issued', 'issued'])
  })

  test('ISS-5: a crew is stored together, however its signatures come', async () => {
    const ids: string[] = []
    for (let n = 0; n < 4; n++) ids.push((await approved({ people: await samePeople() })).id)
    let asked = 0
    const staggered: Pick<Signer, 'sign'> = {
      async sign(...parameters) {
        const pause = 20 * asked++
        const signature = await token.sign(...parameters)
        await new Promise((soon) => setTimeout(soon, pause))
        return signature
      },
    }
    expect(await issueWaiting(issuingParts(services, staggered))).toEqual(['issued', 'issued', 'issued', 'issued'])
    const rows = (await Promise.all(ids.map(certificatesOf))).flat()
    expect(new Set(rows.map(({ issued_at }: { issued_at: string }) => issued_at)).size).toBe(1)
    for (const row of rows) expect(new X509Certificate(row.der).fingerprint256.replaceAll(':', '').toLowerCase()).toBe(row.certificate_sha256)
  })

  test('ISS-5: a signature that does not come keeps nobody else of its crew from being stored', async () => {
    const ids: string[] = []
    for (let n = 0; n < 3; n++) ids.push((await approved({ people: await samePeople() })).id)
    const issued = () => database('certificates').whereIn('application_id', ids).where({ state: 'issued' })
    let asked = 0
    const slow: Pick<Signer, 'sign'> = {
      async sign(...parameters) {
        if (++asked === 2) await vi.waitFor(async () => expect(await issued()).toHaveLength(2), { timeout: 10_000 })
        return token.sign(...parameters)
      },
    }
    expect(await issueWaiting(issuingParts(services, slow))).toEqual(['issued', 'issued', 'issued'])
  })

  test('ISS-5: a process whose lease was taken over stores nothing, and its signature is the same', async () => {
    const { id } = await approved({ people: await samePeople() })
    const signatures: Buffer[] = []
    const keeping = async (...parameters: Parameters<Signer['sign']>) => {
      const signature = await token.sign(...parameters)
      signatures.push(signature)
      return signature
    }
    const slow: Pick<Signer, 'sign'> = {
      async sign(...parameters) {
        // The lease is over and another process is through before this one's module answers.
        later += 31_000
        expect(await turn({ sign: keeping })).toBe('issued')
        return keeping(...parameters)
      },
    }
    expect(await turn(slow)).toBe('overtaken')
    expect(signatures).toHaveLength(2)
    expect(signatures[0]!.equals(signatures[1]!)).toBe(true)
    expect((await certificatesOf(id)).map((row: { state: string }) => row.state)).toEqual(['issued'])
    expect((await eventsOf(`certificate:${(await certificatesOf(id))[0].id}`)).filter((event) => event === 'certificate.issued')).toHaveLength(1)
  })

  test('ISS-5: a process whose lease was taken over stores nothing, even while the other has not stored yet', async () => {
    await approved({ people: await samePeople() })
    const [slowIsDone, otherIsSigning] = [signal(), signal()]
    let other: Promise<string> | undefined
    const slow: Pick<Signer, 'sign'> = {
      async sign(...parameters) {
        later += 31_000
        other = turn({
          async sign(...again) {
            otherIsSigning.give()
            await slowIsDone.given
            return token.sign(...again)
          },
        })
        await otherIsSigning.given
        return token.sign(...parameters)
      },
    }
    expect(await turn(slow)).toBe('overtaken')
    slowIsDone.give()
    expect(await other).toBe('issued')
  })

  test('ISS-5: what a process judged before it lost its lease is never put on record', async () => {
    const { id } = await approved({ people: await samePeople() })
    const parts = issuingParts(services, never)
    const slow = {
      ...parts,
      authority: async () => {
        later += 31_000
        expect(await turn()).toBe('issued')
        return parts.authority()
      },
    }
    expect(await issueNext(slow)).toBe('overtaken')
    expect(await certificatesOf(id)).toHaveLength(1)
  })

  test('VET-6, KEY-4, ATT-2: looks again in the transaction that records: a change after the judgement is not signed', async () => {
    const makers = await database('demo_anchors')
    for (const change of [
      (id: string) => database('vetting_checks').where({ application_id: id, item: 'address' }).update({ note: 'another' }),
      (_: string, key: string) => database('compromised_keys').insert({ spki_sha256: key, source: 'test', recorded_at: '2026-01-01T00:00:00.000Z' }),
      () => database('demo_anchors').delete(),
    ]) {
      const { id, spkiSha256 } = await approved({ keys: rsaKeyPair(3072) })
      const parts = issuingParts(services, never)
      let transactions = 0
      const racing: typeof parts = {
        ...parts,
        async change(act) {
          // The first takes the lease, the second records.
          if (++transactions === 2) await change(id, spkiSha256)
          return parts.change(act)
        },
      }
      expect(await issueNext(racing)).toBe('overtaken')
      expect(transactions).toBe(2)
      expect(await certificatesOf(id)).toEqual([])
      later += MINUTE
      expect(await turn(never)).toBe('held')
    }
    await database('demo_anchors').insert(makers)
  })

  test('VET-6, ATT-2, KEY-3: the last look sees evidence, an approval and time that changed since the judgement, though it judges nothing twice', async () => {
    const changes: readonly ((id: string) => Promise<unknown>)[] = [
      (id) => database('evidence_files').where({ application_id: id, name: 'attestation.pem' }).update({ bytes: Buffer.from('another') }),
      // Another approval, with rows and a digest that fit it: it was not judged.
      async (id) => {
        await database('vetting_checks').where({ application_id: id, item: 'address' }).update({ note: 'another' })
        const dossier = (await services.applications.dossier(id))!
        await database('approvals').where({ id: dossier.approval!.id }).update({ digest: approvalDigest(dossier, dossier.approval!) })
      },
      // So late that the maker's certificate has expired.
      async () => void (later += 100 * 366 * 86_400_000),
    ]
    for (const change of changes) {
      const before = later
      const { id } = await approved({ people: await samePeople() })
      const parts = issuingParts(services, never)
      let transactions = 0
      expect(await issueNext({ ...parts, change: async (act) => (++transactions === 2 && (await change(id)), parts.change(act)) })).toBe('overtaken')
      expect(await certificatesOf(id)).toEqual([])
      later = before
      await database('applications').where({ id }).update({ state: 'withdrawn' })
    }
  })

  test('VET-6, ISS-5: of a crew that records together, the one that changed since the judgement is not signed, and the others are', async () => {
    const ids: string[] = []
    for (let n = 0; n < 3; n++) ids.push((await approved({ people: await samePeople() })).id)
    const parts = issuingParts(services, token)
    let transactions = 0
    const turns = await issueWaiting({
      ...parts,
      async change(act) {
        if (++transactions === 2) await database('vetting_checks').where({ application_id: ids[1], item: 'address' }).update({ note: 'another' })
        return parts.change(act)
      },
    })
    expect([...turns].sort()).toEqual(['issued', 'issued', 'overtaken'])
    expect(await Promise.all(ids.map(async (id) => (await certificatesOf(id)).length))).toEqual([1, 0, 1])
    expect(await verifyAuditChain(database)).toMatchObject({ intact: true })
    await database('applications').where({ id: ids[1] }).update({ state: 'withdrawn' })
  })

  const brokenToken: Pick<Signer, 'sign'> = { sign: () => Promise.reject(new Error('token is away')) }
  async function recordOnly() {
    const application = await approved({ people: await samePeople() })
    await expect(turn(brokenToken)).rejects.toThrow('token is away')
    const [record] = await certificatesOf(application.id)
    expect(record).toMatchObject({ state: 'recorded', der: null })
    return { application, record }
  }

  test('ISS-5: signs the recorded octets again after a fault, under the lease only', async () => {
    const { application, record } = await recordOnly()
    expect(await turn()).toBe('idle')
    later += MINUTE
    expect(await turn()).toBe('issued')
    const [row] = await certificatesOf(application.id)
    expect(row).toMatchObject({ id: record.id, serial: record.serial, state: 'issued' })
    expect(readCertificate(row.der).tbs.raw.equals(record.tbs)).toBe(true)
  })

  test('ISS-2: abandons on record what was not signed within its hour, and prepares it anew', async () => {
    const { application, record } = await recordOnly()
    later += 60 * MINUTE
    expect(await turn(never)).toBe('abandoned')
    expect(await services.applications.find(application.id)).toMatchObject({ state: 'approved' })
    expect(await eventsOf(`certificate:${record.id}`)).toEqual(['certificate.recorded', 'certificate.abandoned'])
    expect(await turn()).toBe('issued')
    const rows = await certificatesOf(application.id)
    expect(rows.map((row: { state: string }) => row.state)).toEqual(['abandoned', 'issued'])
    expect(rows[1].serial).not.toBe(rows[0].serial)
    expect(Date.parse(rows[1].not_before)).toBeGreaterThanOrEqual(Date.parse(rows[0].not_before) + 60 * MINUTE)
  })

  test('VET-6: a record is not signed when its application changed since', async () => {
    const { application, record } = await recordOnly()
    await database('applications').where({ id: application.id }).update({ subject_locality: 'Osaka' })
    later += MINUTE
    expect(await turn(never)).toBe('held')
    expect((await heldFor(services, application.id))!.map(({ code }) => code)).toEqual(['approval-differs'])
    expect(await database('certificates').where({ id: record.id }).first()).toMatchObject({ state: 'abandoned', der: null })
    expect(await database('approvals').where({ application_id: application.id }).first()).toMatchObject({ voided_because: 'VET-6' })
  })

  test('ISS-1, ISS-5: a record that somebody else put there is linted and compared, not signed', async () => {
    const { application, record } = await recordOnly()
    later += 60 * MINUTE
    expect(await turn(never)).toBe('abandoned')
    const at = services.clock()
    const row = { ...record, id: 'forged', approval_id: application.approvalId, state: 'recorded', recorded_at: at.toISOString(), not_before: at.toISOString() }
    await database('certificates').insert({ ...row, serial: 'ff'.repeat(16) })
    await database('applications').where({ id: application.id }).update({ state: 'issuing' })
    expect(await turn(never)).toBe('held')
    const codes = (await heldFor(services, application.id))!.map(({ code }) => code)
    expect(codes).toContain('record-differs')
    expect(codes).toContain('log-record')
    expect(codes).toContain('iss-2-not-backdated')
  })

  test('ISS-3, LOG-1: a record that fits in everything, with a serial number of somebody else\'s choice, is not signed', async () => {
    const { application, record } = await recordOnly()
    later += 60 * MINUTE
    expect(await turn(never)).toBe('abandoned')
    later += MINUTE
    // What `ca` recorded, put there a second time by SQL alone: every lint passes, the log tells of the first.
    const parts = issuingParts(services, brokenToken)
    await expect(issueNext(parts)).rejects.toThrow('token is away')
    const fresh = (await certificatesOf(application.id)).at(-1)
    const serial = `5e${fresh.serial.slice(2)}`
    const tbs = Buffer.from(fresh.tbs.toString('hex').replace(fresh.serial, serial), 'hex')
    await database('certificates').where({ id: fresh.id }).update({ state: 'abandoned' })
    await database('certificates').insert({ ...fresh, id: `forged-${application.reference}`, serial, tbs })
    expect(record.serial).not.toBe(serial)
    later += MINUTE
    expect(await turn(never)).toBe('held')
    expect((await heldFor(services, application.id))!.map(({ code }) => code)).toEqual(['log-record'])
  })

  test('ISS-1: throws a signature away that is not the authority\'s', async () => {
    const { id } = await approved({ people: await samePeople() })
    await expect(turn({ sign: async (...parameters) => (await token.sign(...parameters)).reverse() })).rejects.toThrow('thrown away')
    expect((await certificatesOf(id)).map((row: { state: string }) => row.state)).toEqual(['recorded'])
    later += MINUTE
    expect(await turn()).toBe('issued')
  })
})
