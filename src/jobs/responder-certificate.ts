/**
 * Keeps every enrolled OCSP responder key certified (OCS-2; CP table 7.3-1; CSBR 4.9.9). Enrolled is a key whose enrolment the authority's own key
 * signed in the ceremony; a row that only names a key is refused, on record.
 */
import { createHash, randomUUID } from 'node:crypto'
import { audit } from '../audit/audit-log.ts'
import { demoName } from '../certificate/demo-name.ts'
import { prepareCertificate } from '../certificate/prepare.ts'
import { signatureAlgorithmOf } from '../certificate/profile.ts'
import { signCertificate } from '../certificate/sign.ts'
import { addDays } from '../certificate/validity.ts'
import { listResponderKeys, type ResponderKey } from '../database/authority-store.ts'
import { writeAlone, type Database, type Transaction } from '../database/database.ts'
import {
  isRefusalNoted,
  lastRecordedResponderCertificate,
  recordResponderCertificate,
  type ResponderCertificate,
  storeResponderCertificate,
  validResponderCertificates,
} from '../database/responder-store.ts'
import { enrolmentHolds } from '../revocation/responder-enrolment.ts'
import { type ResponderAlarm, responderAlarms } from '../revocation/responder-alarms.ts'
import type { Services } from '../services.ts'
import { spkiSha256 } from '../signer/signer.ts'
import { CA_ACTOR } from './actor.ts'
import type { SigningAuthority } from './issuing-authority.ts'

/** A certificate on record for less than this is another process's, which is about to sign it. */
const SIGNING_MS = 30_000

type Parts = Pick<Services, 'policy' | 'database' | 'clock' | 'random'>

export interface ResponderTurn {
  /** Ids of the responder keys that got a certificate. */
  readonly certified: readonly string[]
  /** Ids of rows that the authority never enrolled. */
  readonly refused: readonly string[]
}

/** @throws Error when the lints refuse the octets or the signature is not the authority's: nothing is stored then */
export async function renewResponderCertificates(parts: Parts, authority: SigningAuthority): Promise<ResponderTurn> {
  const certified: string[] = []
  const refused: string[] = []
  for (const key of await listResponderKeys(parts.database, authority.id)) {
    if (!isEnrolled(key, authority)) {
      refused.push(key.id)
      await noteRefusal(parts, authority, key)
    } else if (await certify(parts, authority, key)) certified.push(key.id)
  }
  return { certified, refused }
}

/** What people have to be told of this authority's responder keys and certificates. */
export async function responderAlarmsOf({ policy, database, clock }: Pick<Parts, 'policy' | 'database' | 'clock'>, authority: SigningAuthority): Promise<readonly ResponderAlarm[]> {
  const now = clock()
  const keys = (await listResponderKeys(database, authority.id)).filter((key) => isEnrolled(key, authority))
  let lastEnd: Date | null = null
  for (const { id } of keys) for (const { notAfter } of await validResponderCertificates(database, id, now)) if (lastEnd === null || notAfter > lastEnd) lastEnd = notAfter
  return responderAlarms({ now, periods: policy.periods, keys: keys.length, lastEnd, authorityEnd: authority.issuer.notAfter })
}

const isEnrolled = (key: ResponderKey, authority: SigningAuthority): boolean =>
  // The octets that would be certified, not the fingerprint beside them.
  spkiSha256(key.spkiDer) === key.key.spkiSha256 && enrolmentHolds(authority.id, spkiSha256(key.spkiDer), authority.spki, key.enrolmentSignature)

async function noteRefusal({ database, clock }: Parts, authority: SigningAuthority, key: ResponderKey): Promise<void> {
  const subject = `responder:${key.id}`
  await database.transaction(async (trx) => {
    if (await isRefusalNoted(trx, subject)) return
    const details = { authority: authority.id, key: spkiSha256(key.spkiDer) }
    await audit(trx, { at: clock(), actor: CA_ACTOR, event: 'responder.key-refused', subject, details })
  })
}

async function isDue(db: Database | Transaction, key: ResponderKey, { policy }: Parts, now: Date): Promise<boolean> {
  const last = await lastRecordedResponderCertificate(db, key.id)
  if (last && !last.der && Math.abs(now.getTime() - last.recordedAt.getTime()) < SIGNING_MS) return false
  const [valid] = await validResponderCertificates(db, key.id, now)
  return !valid || addDays(now, policy.periods.responderRenewDaysBefore) >= valid.notAfter
}

async function certify(parts: Parts, authority: SigningAuthority, key: ResponderKey): Promise<boolean> {
  const { policy, database, clock, random } = parts
  if (!(await isDue(database, key, parts, clock()))) return false
  const subject = authority.demo ? demoName(policy.names.responder) : policy.names.responder
  const recorded = await database.transaction(async (trx): Promise<ResponderCertificate | null> => {
    // One process at a time prepares a certificate for a key.
    await writeAlone(trx)
    const now = clock()
    if (!(await isDue(trx, key, parts, now))) return null
    const { issuer, urls } = authority
    const outcome = prepareCertificate({ kind: 'responder', policy, issuer, subject, spki: key.spkiDer, urls }, { now, randomBytes: random })
    if ('refused' in outcome) {
      const against = outcome.refused.map(({ id, clause }) => `${id} (${clause})`)
      throw new Error(`responder certificate for ${key.id} is not signed: ${against.join('; ')}`)
    }
    const { tbs, serial, notBefore, notAfter } = outcome.prepared.take()
    const ids = { id: randomUUID(), responderKeyId: key.id, authorityId: authority.id }
    const certificate: ResponderCertificate = { ...ids, serial, tbs, der: null, notBefore, notAfter, recordedAt: now }
    await recordResponderCertificate(trx, certificate)
    return certificate
  })
  if (!recorded) return false
  const { tbs } = recorded
  const der = await signCertificate(`responder certificate ${recorded.serial}`, tbs, signatureAlgorithmOf('responder', policy), authority)
  return database.transaction(async (trx) => {
    if (!(await storeResponderCertificate(trx, recorded.id, der))) return false
    const { serial, notAfter } = recorded
    const sha256 = createHash('sha256').update(der).digest('hex')
    const details = { authority: authority.id, serial, key: key.key.spkiSha256, notAfter: notAfter.toISOString(), sha256 }
    await audit(trx, { at: clock(), actor: CA_ACTOR, event: 'responder.certificate-issued', subject: `responder:${key.id}`, details })
    return true
  })
}
