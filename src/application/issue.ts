/**
 * Issuing, by the `ca` process: take an approved application under a lease, judge it again, prepare and lint the exact octets, put them on record,
 * sign, compare, store (CP 4.3.1; ISS-1…5). Every step is a compare-and-set, so that a crash or a second process anywhere between two steps
 * leaves one certificate for one approval.
 */
import { createHash, verify } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { lintTbs } from '../certificate/lints/lints.ts'
import { prepareCertificate } from '../certificate/prepare.ts'
import { assembleCertificate, signatureAlgorithmOf } from '../certificate/profile.ts'
import { subjectAttributes } from '../certificate/subject.ts'
import { MalformedDer } from '../pki/der.ts'
import { publicKeyObject } from '../pki/key-object.ts'
import { readCertificate, readTbsCertificate } from '../pki/x509-certificate.ts'
import type { Policy } from '../policy/policy.ts'
import type { Application, Dossier } from './application.ts'
import { ACT } from './issue-acts.ts'
import { type CompleteApplication, type Grounds, judgeApproval, judgeForIssuing } from './issue-checks.ts'
import { finding } from './issue-finding.ts'
import type { AuditTrail, HoldFinding, IssuanceStore, IssuingAuthority, IssuingParts, RecordedCertificate } from './issue-ports.ts'
import { findMove, type MoveName } from './lifecycle.ts'
import type { Work } from './ports.ts'
import { askOfRequest, CERTIFIED_PURPOSE, examineProtection } from './verify-key.ts'

/** Far longer than judging and signing take. After it, another process may take over; fencing does not rest on it. */
const LEASE_MS = 30_000
/** ISS-2: a signature made later than this after notBefore would be backdating. */
const RECORD_GOOD_FOR_MS = 3_600_000

/** The certificate begins at the moment of the judgement. What lapses in between, as the evidence's own certificates may, is looked at anew when more than this went by. */
const SAME_MOMENT_MS = 5_000

/** What became of the next application: `idle` when none waits, `overtaken` when another process or person was quicker. */
export type IssuingTurn = 'idle' | 'issued' | 'held' | 'abandoned' | 'overtaken'

/** Rolls a transaction back; what it found is no fault. */
class Overtaken extends Error {
  readonly #overtaken = true
  static is(error: unknown): boolean {
    return typeof error === 'object' && error !== null && #overtaken in error
  }
}

/** What was taken under this process's lease. */
export interface Taken {
  readonly dossiers: readonly Dossier[]
  /** Of the applications that waited, those that another process was quicker to take. */
  readonly overtaken: number
}

/** Takes the longest waiting applications, in one transaction. */
export async function takeWaiting(parts: IssuingParts, atMost: number): Promise<Taken> {
  const now = parts.clock()
  const waiting = await parts.store.waiting(now, atMost)
  if (waiting.length === 0) return { dossiers: [], overtaken: 0 }
  const until = new Date(now.getTime() + LEASE_MS)
  const dossiers = await parts.change(async (work, store) => {
    const leased = await store.lease(waiting, parts.owner, now, until)
    const taken = await Promise.all(waiting.filter((_, index) => leased[index]).map(({ id }) => work.applications.dossier(id)))
    return taken.filter((dossier) => dossier !== null)
  })
  return { dossiers, overtaken: waiting.length - dossiers.length }
}

/**
 * Acts on an application under lease.
 * @param signed waited for between signature and storing: others then store at the same time
 * @throws what the module or the database throws; the lease then keeps the application back for a while, and the rest goes on
 */
export async function issueTaken(parts: IssuingParts, dossier: Dossier, signed: () => Promise<void> = async () => undefined): Promise<IssuingTurn> {
  try {
    return await (dossier.application.state === 'issuing' ? resume : issue)(parts, dossier, signed)
  } catch (error) {
    if (Overtaken.is(error)) return 'overtaken'
    throw error
  }
}

/** Takes one application and acts on it. @throws as {@link issueTaken} does */
export async function issueNext(parts: IssuingParts): Promise<IssuingTurn> {
  const { dossiers: [dossier], overtaken } = await takeWaiting(parts, 1)
  return dossier ? issueTaken(parts, dossier) : overtaken > 0 ? 'overtaken' : 'idle'
}

async function issue(parts: IssuingParts, dossier: Dossier, signed: () => Promise<void>): Promise<IssuingTurn> {
  const authority = await parts.authority()
  const now = parts.clock()
  const judged = await judgeForIssuing(dossier, { policy: parts.policy, authority, now, store: parts.store, trail: parts.trail })
  if ('findings' in judged) return hold(parts, dossier.application, judged.findings)
  const { complete, grounds } = judged
  // CAK-5 and every lint are asked in here; the certificate begins now (ISS-2).
  const crlShard = drawShard(parts)
  const outcome = prepareCertificate(order(parts, authority, complete, crlShard), { now, randomBytes: parts.randomBytes })
  if ('refused' in outcome) return hold(parts, complete, outcome.refused.map(({ id, row, message }) => ({ code: id, row, message })))
  const { tbs, serial, notBefore, notAfter } = outcome.prepared.take()
  const record: RecordedCertificate = {
    id: parts.newId(),
    authorityId: authority.id,
    applicationId: complete.id,
    approvalId: dossier.approval!.id,
    serial,
    spkiSha256: complete.request.spkiSha256,
    crlShard,
    tbs,
    notBefore,
    notAfter,
    recordedAt: now,
  }
  const recorded = await parts.change(async (work, store) => {
    // The audit log lets one writer through at a time: what is read after it holds until this transaction ends.
    const validity = { notBefore: notBefore.toISOString(), notAfter: notAfter.toISOString() }
    const details = { application: complete.id, approval: record.approvalId, serial, tbs: sha256(tbs), ...validity, ...(crlShard > 0 ? { crlShard } : {}) }
    await work.audit({ event: eventOf('take', complete), subject: `certificate:${record.id}`, details })
    await refuseChange(work, store, complete, grounds, authority, parts.policy)
    const taken = await move(work, 'take', complete)
    await store.insertRecord(record, authority.crlUrl(crlShard))
    return taken
  })
  return sign(parts, authority, recorded, record, signed)
}

/** A crash, or a process too slow, left a record without a signature: the same octets are signed again, or abandoned on record when their hour is past. */
async function resume(parts: IssuingParts, dossier: Dossier, signed: () => Promise<void>): Promise<IssuingTurn> {
  const { application } = dossier
  const authority = await parts.authority()
  const now = parts.clock()
  const record = await parts.store.recordOf(application.id)
  if (!record) return hold(parts, application, [finding('record-missing', 'ISS-5')])
  const age = now.getTime() - record.notBefore.getTime()
  if (age < 0 || age >= RECORD_GOOD_FOR_MS || record.authorityId !== authority.id) return abandon(parts, application, record)
  const judged = await judgeForIssuing(dossier, { policy: parts.policy, authority, now, store: parts.store, trail: parts.trail })
  if ('findings' in judged) return hold(parts, application, judged.findings, record)
  // A row is not signed because it is there: its octets are linted again, as of the moment that they were recorded.
  const { kind, policy, issuer, subject, spki, urls } = order(parts, authority, judged.complete, record.crlShard)
  const lints = lintTbs(record.tbs, { kind, policy, issuer, subject, spki, urls, now: record.recordedAt })
  const against = lints.map(({ id, row, message }): HoldFinding => ({ code: id, row, message }))
  if (!matches(record, dossier)) against.push(finding('record-differs', 'ISS-5'))
  if (!isLogged(record, parts.trail)) against.push(finding('log-record', 'LOG-1'))
  return against.length > 0 ? hold(parts, application, against, record) : sign(parts, authority, judged.complete, record, signed)
}

const order = ({ policy }: IssuingParts, { issuer, urls, crlUrl }: IssuingAuthority, { subject, request }: CompleteApplication, crlShard: number) =>
  ({ kind: 'subscriber', policy, issuer, subject: subjectAttributes(subject), spki: request.spkiDer, urls: { ...urls, crl: crlUrl(crlShard) } }) as const

/** By chance, so that lists grow alike; fixed from here on (RFC 5280 5.2.5). */
export const drawShard = ({ policy: { crl }, randomBytes }: Pick<IssuingParts, 'policy' | 'randomBytes'>): number => (crl.shards === 1 ? 0 : 1 + (randomBytes(4).readUInt32BE() % crl.shards))

function matches(record: RecordedCertificate, { application, approval }: Dossier): boolean {
  try {
    const tbs = readTbsCertificate(record.tbs)
    return (
      tbs.serialOctets.toString('hex') === record.serial &&
      tbs.notBefore.date.getTime() === record.notBefore.getTime() &&
      tbs.notAfter.date.getTime() === record.notAfter.getTime() &&
      record.approvalId === approval?.id &&
      record.spkiSha256 === application.request?.spkiSha256
    )
  } catch (error) {
    if (MalformedDer.is(error)) return false
    throw error
  }
}

/** ISS-3: whoever writes a record into the table chooses its serial number; `ca` drew the ones that it logged. */
const isLogged = ({ applicationId, approvalId, serial, tbs }: RecordedCertificate, trail: AuditTrail): boolean =>
  trail
    .eventsOf(applicationId)
    .some(({ event, details }) => event === ACT.recorded && details['approval'] === approvalId && details['serial'] === serial && details['tbs'] === sha256(tbs))

/** Last look inside the transaction that records: nothing that was approved, nothing known of the key, and nothing that its protection rests on may have changed since it was judged. */
async function refuseChange(work: Work, store: IssuanceStore, application: CompleteApplication, grounds: Grounds, { demo }: IssuingAuthority, policy: Policy): Promise<void> {
  const dossier = await work.applications.dossier(application.id)
  if (!dossier || judgeApproval(dossier).length > 0) throw new Overtaken()
  // The digest was taken anew from these rows and is that of the approval: it being the one judged, so is every octet of request and evidence.
  if (dossier.approval!.digest !== grounds.digest) throw new Overtaken()
  // What the request's bytes show can't have changed; what is known of the key can.
  const verdicts = await askOfRequest(grounds.examined, grounds.publicKey, application, store)
  if (verdicts.some(({ outcome }) => outcome !== 'pass')) throw new Overtaken()
  const facts = await store.protectionFacts(application, demo)
  // Judging is pure: over the same octets, under the same policy, with the same facts and at the same moment it says the same.
  if (isDeepStrictEqual(facts, grounds.known) && Math.abs(work.now.getTime() - grounds.at.getTime()) < SAME_MOMENT_MS) return
  const report = examineProtection(dossier.application, dossier.evidence, facts, work.now, policy)
  if (!report || !('verified' in report.verdict)) throw new Overtaken()
}

async function sign(parts: IssuingParts, authority: IssuingAuthority, application: CompleteApplication, record: RecordedCertificate, signed: () => Promise<void>): Promise<IssuingTurn> {
  const algorithm = signatureAlgorithmOf('subscriber', parts.policy)
  const signature = await authority.sign(record.tbs, algorithm.hash)
  const key = publicKeyObject(authority.spki)
  if (!verify(algorithm.hash, record.tbs, key, signature)) throw new Error(`certificate ${record.id}: the signature is not the authority's; it was thrown away`)
  const der = assembleCertificate(record.tbs, algorithm.der, signature)
  const read = readCertificate(der)
  // What goes out is what was linted and recorded, octet for octet, under one algorithm inside and outside (RFC 5280 4.1.1.2).
  const asRecorded = read.tbs.raw.equals(record.tbs) && read.signatureAlgorithm.raw.equals(read.tbs.signature.raw)
  if (!asRecorded) throw new Error(`certificate ${record.id}: what was signed is not what was recorded`)
  const fingerprint = sha256(der)
  await signed()
  await parts.change(async (work, store) => {
    await move(work, 'issue', application)
    if (!(await store.storeIssued(record.id, der, fingerprint, work.now))) throw new Overtaken()
    const claimed = await store.claimKey(record.spkiSha256, application.organisationId, CERTIFIED_PURPOSE, work.now)
    if (!claimed) throw new Error(`key ${record.spkiSha256} is certified for another subscriber or purpose (APP-4)`)
    await store.endLease(application.id)
    const details = { application: application.id, serial: record.serial, sha256: fingerprint }
    await work.audit({ event: eventOf('issue', application), subject: `certificate:${record.id}`, details })
    const contact = await store.contact(application.applicantId)
    if (!contact) return
    const { reference, subject } = application
    const link = `${parts.portalUrl}/applications/${reference}/certificate`
    const notAfter = record.notAfter.toISOString()
    const values = { name: contact.name, reference, subject: subject.commonName, serial: record.serial, notAfter, link }
    await work.mail({ to: contact.email, language: contact.language, name: 'certificate-issued', values })
  })
  return 'issued'
}

/** Stops the application for an officer to see why. A record goes with it: its octets are never signed. */
async function hold(parts: IssuingParts, application: Application, findings: readonly HoldFinding[], record?: RecordedCertificate): Promise<IssuingTurn> {
  const subject = `application:${application.id}`
  await parts.change(async (work, store) => {
    await move(work, 'hold', application, { holdFindings: JSON.stringify(findings) })
    await store.endLease(application.id)
    if (record) await giveUp(work, store, record, 'held')
    await work.audit({ event: eventOf('hold', application), subject, details: { findings: findings.map(({ code, row }) => `${row} ${code}`) } })
    // VET-6: an approval of other data is none, and can't come back by changing the data back.
    const voided = findings.some(({ row }) => row === 'VET-6') && (await work.applications.voidApproval(application.id, 'VET-6'))
    if (voided) await work.audit({ event: 'application.approval-voided', subject, details: { because: 'VET-6' } })
  })
  return 'held'
}

/** ISS-2: never backdated. The application waits again and is prepared anew, with a new serial number and a beginning of its own. */
async function abandon(parts: IssuingParts, application: Application, record: RecordedCertificate): Promise<IssuingTurn> {
  await parts.change(async (work, store) => {
    await move(work, 'put-back', application)
    await store.endLease(application.id)
    await giveUp(work, store, record, 'too-old')
  })
  return 'abandoned'
}

async function giveUp(work: Work, store: IssuanceStore, record: RecordedCertificate, because: string): Promise<void> {
  if (!(await store.abandon(record.id))) throw new Overtaken()
  const details = { application: record.applicationId, serial: record.serial, because }
  await work.audit({ event: 'certificate.abandoned', subject: `certificate:${record.id}`, details })
}

const eventOf = (name: MoveName, { state }: Application) => findMove(name, state)!.event

async function move<A extends Application>(work: Work, name: MoveName, application: A, change = {}): Promise<A> {
  const found = findMove(name, application.state)
  if (!found) throw new Error(`no move ${name} from ${application.state}`)
  if (!(await work.applications.move(application, found.to, change))) throw new Overtaken()
  return { ...application, state: found.to, version: application.version + 1 }
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
