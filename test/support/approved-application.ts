/** A complete, approved application as portal and officers would have left it, put directly through the stores. */
import { createHash, randomUUID } from 'node:crypto'
import { attestDemoKey, type DemoMaker } from '../../attestations/demo/make.ts'
import type { Application } from '../../src/application/application.ts'
import { approvalDigest } from '../../src/application/approve-digest.ts'
import { requiredItems } from '../../src/application/checklist.ts'
import type { Work } from '../../src/application/ports.ts'
import { examineRequest, keepProtection, requestAssessment, storedRequest } from '../../src/application/verify-key.ts'
import { audit } from '../../src/audit/audit-log.ts'
import type { AuditEventName } from '../../src/audit/events.ts'
import type { Transaction } from '../../src/database/database.ts'
import { keyRegister } from '../../src/database/key-register.ts'
import type { Role } from '../../src/people/roles.ts'
import type { Services } from '../../src/services.ts'
import { makeRequest, rsaKeyPair, type KeyPair } from '../pki/keys.ts'

let keys: KeyPair | undefined
/** One RSA-3072 key for the whole test file. */
export const applicantKeys = (): KeyPair => (keys ??= rsaKeyPair(3072))

/** As a batch of real devices has one. */
let f9: KeyPair | undefined
const statements = new Map<string, { attestationPem: string; intermediatePem: string }>()
/** The demo maker's statement for a key. */
function statementFor(maker: DemoMaker, spki: Buffer, now: Date) {
  const name = `${maker.anchor.subject} ${spki.toString('base64')}`
  const made = statements.get(name) ?? attestDemoKey(maker, spki, now, (f9 ??= rsaKeyPair(2048)))
  statements.set(name, made)
  return made
}

export interface People {
  readonly organisationId: string
  readonly applicant: string
  readonly vetter: string
  readonly approver: string
}

export interface ApprovedApplication extends People {
  readonly id: string
  readonly reference: string
  readonly approvalId: string
  readonly spkiSha256: string
}

/** An applicant with an organisation, and two officers without one. */
export async function insertPeople(services: Services, organisation = 'Example K.K.'): Promise<People> {
  const at = services.clock().toISOString()
  const organisationId = randomUUID()
  await services.database('organisations').insert({ id: organisationId, legal_name: organisation, created_at: at })
  const person = async (name: string, role: Role, organisation_id: string | null) => {
    const id = randomUUID()
    await services.database('accounts').insert({ id, email: `${name}.${id}@example.jp`, name, organisation_id, state: 'active', locale: 'en', totp_confirmed_at: at, created_at: at })
    await services.database('account_roles').insert({ account_id: id, role, granted_by: 'test', granted_at: at })
    return id
  }
  return { organisationId, applicant: await person('Aoki', 'subscriber', organisationId), vetter: await person('Beppu', 'vetting-officer', null), approver: await person('Chiba', 'approving-officer', null) }
}

export interface ApprovedOptions {
  readonly people?: People
  readonly keys?: KeyPair
  readonly requestDer?: Buffer
  readonly subject?: Partial<NonNullable<Application['subject']>>
  /** Another method of key protection than the demo maker's attestation. */
  readonly key?: Partial<NonNullable<Application['key']>>
  /** Files in place of the demo maker's. */
  readonly evidence?: readonly { readonly name: string; readonly bytes: Buffer }[]
  /** Changes rows just before the approval, which then covers them: for one defect at a time. */
  readonly beforeApproval?: (trx: Transaction, application: { readonly id: string } & People, work: Work) => Promise<void>
  /** Changes what the audit log will hold of it. */
  readonly logged?: (events: readonly Logged[]) => readonly Logged[]
}

/** An act as the portal would have put it into the audit log. */
export interface Logged {
  readonly actor: string
  readonly event: AuditEventName
  readonly details: Readonly<Record<string, unknown>>
}

export async function insertApprovedApplication(services: Services, maker: DemoMaker, options: ApprovedOptions = {}): Promise<ApprovedApplication> {
  const { policy } = services
  const people = options.people ?? (await insertPeople(services))
  const legalName = (await services.database('organisations').where({ id: people.organisationId }).first('legal_name')).legal_name
  const { spki, ...pair } = options.keys ?? applicantKeys()
  const requestDer = options.requestDer ?? makeRequest({ spki, ...pair })
  const spkiSha256 = createHash('sha256').update(spki).digest('hex')
  const [id, approvalId] = [randomUUID(), randomUUID()]
  const reference = `A-${id.slice(0, 8)}`
  await services.work(people.applicant, async (work, trx) => {
    const at = work.now.toISOString()
    const { applications } = work
    const current = async () => (await applications.find(id))!
    for (const { document, version, language, title, text, sample, sha256 } of policy.texts)
      await trx('document_texts').insert({ sha256, document, version, language, title, text, sample: sample ? 1 : 0, first_published_at: at }).onConflict('sha256').ignore()
    await applications.create({ id, reference, applicantId: people.applicant, organisationId: people.organisationId, policyId: policy.id })
    await applications.change(await current(), {
      organisation: { legalName, country: 'JP', state: 'Tokyo', locality: 'Chiyoda-ku', street: '1-1 Kanda', postalCode: '101-0001', registrationNumber: '0100-01-000001', foundedOn: '1999-04-01', phone: '+81 3 0000 0000' },
      subject: { country: 'JP', state: 'Tokyo', locality: 'Chiyoda-ku', organization: legalName, organizationalUnit: '', commonName: legalName, serialNumber: '', ...options.subject },
      request: { requestDer, spkiDer: spki, spkiSha256 },
      key: { option: 'own-module', method: 2, representedAt: at, details: {}, ...options.key },
      accuracyCertifiedAt: at,
      submittedAt: at,
    })
    for (const document of policy.texts.filter(({ language }) => language === 'en'))
      await applications.putAgreement(id, { document: document.document, version: document.version, language: 'en', sha256: document.sha256, acceptedBy: people.applicant, acceptedAt: at })
    const attested = statementFor(maker, spki, work.now)
    const evidence = options.evidence ?? [
      { name: 'attestation.pem', bytes: Buffer.from(attested.attestationPem) },
      { name: 'intermediate.pem', bytes: Buffer.from(attested.intermediatePem) },
    ]
    const files = evidence.map(({ name, bytes }) => ({ name, bytes, sha256: createHash('sha256').update(bytes).digest('hex') }))
    for (const file of files) await applications.addEvidence(id, { ...file, id: randomUUID(), uploadedBy: people.applicant, uploadedAt: at })
    await applications.putAssessment(id, requestAssessment(await examineRequest(storedRequest(requestDer), await current(), policy, keyRegister(trx)), work.now))
    await keepProtection(work, await current(), files, policy)
    await applications.takeDuty(id, people.applicant, 'applied')
    await applications.takeDuty(id, people.vetter, 'vetted')
    for (const item of requiredItems(await current(), policy))
      await applications.putCheck(id, { item: item.id, outcome: 'confirmed', source: item.sources[0]!, document: 'Certificate of registered matters', documentDate: at.slice(0, 10), obtainedOn: at.slice(0, 10), inspected: true, note: 'seen', officerId: people.vetter, checkedAt: at })
    await applications.takeDuty(id, people.approver, 'decided')
    await options.beforeApproval?.(trx, { id, ...people }, work)
    const approval = { id: approvalId, approverId: people.approver, approvedAt: at }
    const dossier = (await applications.dossier(id))!
    const digest = approvalDigest(dossier, approval)
    await applications.putApproval({ ...approval, applicationId: id, digest })
    await applications.move(dossier.application, 'approved')
    const events: readonly Logged[] = [
      { actor: people.applicant, event: 'application.submitted', details: { reference } },
      { actor: people.vetter, event: 'application.vetting-started', details: { reference } },
      ...dossier.checks.map(({ item, outcome, officerId }): Logged => ({ actor: officerId, event: 'application.check-recorded', details: { item, outcome } })),
      { actor: people.vetter, event: 'application.vetted', details: { checks: dossier.checks.map(({ item }) => item) } },
      { actor: people.approver, event: 'application.approved', details: { approval: approvalId, digest } },
    ]
    for (const entry of options.logged ? options.logged(events) : events) await audit(trx, { at: work.now, subject: `application:${id}`, ...entry })
  })
  return { id, reference, approvalId, spkiSha256, ...people }
}

/** Codes of what `ca` found, as they stand in the row; null when the application is not held. */
export async function heldFor(services: Services, id: string): Promise<readonly { code: string; row: string; message: { key: string; values?: Record<string, string> } }[] | null> {
  const application = await services.applications.find(id)
  return application?.state === 'held' ? JSON.parse(application.holdFindings!) : null
}
