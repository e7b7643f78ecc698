/**
 * Ceremonies about OCSP responder keys in a hierarchy that stands (OCS-2; CP table 7.3-1): one more key enrolled by the authority's own signature, an old one retired and
 * destroyed in its module. `ca` certifies what is enrolled here and nothing else. Two persons always.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { audit } from '../audit/audit-log.ts'
import { wholeSecond } from '../certificate/validity.ts'
import { insertResponderKey, listAuthorities, listEnrolledKeys, recordResponderRemoval, retireResponderKey, type EnrolledKey } from '../database/authority-store.ts'
import { insertCeremony } from '../database/ceremony-store.ts'
import type { Transaction } from '../database/database.ts'
import { validResponderCertificates } from '../database/responder-store.ts'
import { decodeName, displayName } from '../pki/name.ts'
import { readCertificate } from '../pki/x509-certificate.ts'
import { enrolmentHolds, enrolmentStatement } from '../revocation/responder-enrolment.ts'
import type { Services } from '../services.ts'
import type { Authority } from '../signer/authority.ts'
import { type KeyReference, removeIfPresent } from '../signer/signer.ts'
import type { CeremonySigner } from './ceremony.ts'
import { planCode } from './plan.ts'
import { CeremonyRefused, twoPersons } from './refused.ts'

export const RESPONDER_CEREMONIES = {
  'add-responder-key': { words: '[ISSUING-CA]', what: 'enrols one more OCSP responder key, of the issuing CA in charge where none is named' },
  'remove-responder-key': { words: 'LABEL', what: 'retires the OCSP responder key with this label and destroys it in its module' },
} as const
export type ResponderCeremonyKind = keyof typeof RESPONDER_CEREMONIES

export interface ResponderPlan {
  readonly kind: ResponderCeremonyKind
  readonly authority: Authority
  /** The key to be removed. */
  readonly key: EnrolledKey | null
  readonly lines: readonly string[]
}

export interface ResponderTokens {
  readonly issuing: CeremonySigner
  readonly status: CeremonySigner & { removeKeyPair(key: KeyReference): Promise<void> }
}

/** Every worker of every node forgets the retired key within half a second where nothing tells it, sooner where the database does; what it was asked to sign is signed by then. */
const FORGOTTEN_MS = 5_000

/**
 * What is to be done, with everything that stands against it said before anybody confirms.
 * @param named the issuing CA's id (adding, else the newest), or the key's label (removing)
 * @throws CeremonyRefused
 */
export async function planResponderKeys({ policy, database, clock }: Services, kind: ResponderCeremonyKind, named: string | null): Promise<ResponderPlan> {
  const now = clock()
  const issuing = (await listAuthorities(database)).filter((each) => each.kind === 'issuing')
  if (issuing.length === 0) throw new CeremonyRefused('There is no hierarchy yet: npm run ceremony')
  const lines = (authority: Authority, more: readonly string[]) => [`Ceremony          ${kind}`, `Policy            ${policy.id}`, `Issuing CA        ${authority.id}, ${displayName(decodeName(authority.subjectDer))}`, ...more]
  if (kind === 'add-responder-key') {
    const authority = named === null ? issuing.at(-1)! : issuing.find(({ id }) => id === named)
    if (!authority) throw new CeremonyRefused(`No issuing CA ${named}. There are: ${issuing.map(({ id }) => id).join(', ')}`)
    if (authority.notAfter <= now) throw new CeremonyRefused(`${authority.id} ended at ${authority.notAfter.toISOString()}: it certifies nothing any more`)
    return { kind, authority, key: null, lines: lines(authority, [`New key           RSA ${policy.keys.responder.rsaBits}, for OCSP answers about certificates of this CA`]) }
  }
  const all: { authority: Authority; key: EnrolledKey }[] = []
  for (const authority of issuing) for (const key of await listEnrolledKeys(database, authority.id)) all.push({ authority, key })
  const found = all.find(({ key }) => key.key.label === named)
  if (!found) throw new CeremonyRefused(`No responder key with this label. Known:\n${all.map(({ authority, key }) => `  ${key.key.label}  of ${authority.id} in token ${key.key.tokenLabel}${key.removedAt ? ', removed' : key.retiredAt ? ', retired' : ''}`).join('\n')}`)
  const { authority, key } = found
  if (key.removedAt) throw new CeremonyRefused(`${named} was removed at ${key.removedAt.toISOString()}`)
  if (!(await hasSuccessor(database, all.filter((each) => each.authority.id === authority.id).map((each) => each.key), key, now)))
    throw new CeremonyRefused(`No other responder key of ${authority.id} in token ${key.key.tokenLabel} has a certificate in force: hold  npm run ceremony -- add-responder-key  first, and let ca certify the new key`)
  return { kind, authority, key, lines: lines(authority, [`Responder key     ${key.key.label} in token ${key.key.tokenLabel}`, `                  SHA-256 ${key.key.spkiSha256}`, 'The key answers no more, and is removed for ever']) }
}

/** Another key that the same module holds and that may answer now: never a gap. */
async function hasSuccessor(db: Services['database'] | Transaction, keys: readonly EnrolledKey[], key: EnrolledKey, now: Date): Promise<boolean> {
  for (const other of keys) if (other.id !== key.id && other.retiredAt === null && other.key.tokenLabel === key.key.tokenLabel && (await validResponderCertificates(db, other.id, now)).length > 0) return true
  return false
}

/**
 * Does what was planned. A removal that was broken off after the key was retired is finished by holding the ceremony again.
 * @throws CeremonyRefused with fewer than two persons, or when the plan holds no more
 */
export async function holdResponderCeremony(services: Services, plan: ResponderPlan, persons: readonly string[], tokens: ResponderTokens, progress: (step: string) => void, pause: (milliseconds: number) => Promise<unknown> = sleep): Promise<void> {
  twoPersons(persons)
  const { policy, database, clock, random } = services
  const { kind, authority, lines } = plan
  const ceremonyId = randomUUID()
  const heldAt = wholeSecond(clock())
  const modules = [await tokens.issuing.describe(), await tokens.status.describe()]
  const write = async (trx: Transaction, report: Readonly<Record<string, unknown>>): Promise<void> => {
    const whole = { policy: policy.id, demo: authority.demo, persons, plan: { lines, code: planCode(lines, persons) }, modules, ...report }
    await insertCeremony(trx, { id: ceremonyId, kind, demo: authority.demo, persons, report: whole, heldAt })
    await entry(trx, 'ceremony.held', `ceremony:${ceremonyId}`, { kind, ...whole })
  }
  const entry = (trx: Transaction, event: Parameters<typeof audit>[1]['event'], subject: string, details: Readonly<Record<string, unknown>>) => audit(trx, { at: wholeSecond(clock()), actor: 'process:ceremony', event, subject, details })

  if (plan.key === null) {
    const label = `responder-${ceremonyId.slice(0, 8)}`
    progress(`Key ${label}, RSA ${policy.keys.responder.rsaBits}, in token ${tokens.status.tokenLabel}`)
    const made = await tokens.status.generateRsaKeyPair({ label, id: random(8).toString('hex'), bits: policy.keys.responder.rsaBits })
    const { spkiSha256 } = made.reference
    const enrolmentSignature = await tokens.issuing.sign(authority.key, 'sha256', enrolmentStatement(authority.id, spkiSha256))
    // The key in the token is the one in the authority's certificate, or `ca` would refuse the enrolment.
    if (!enrolmentHolds(authority.id, spkiSha256, readCertificate(authority.certificateDer).tbs.spki, enrolmentSignature)) throw new CeremonyRefused('The enrolment’s signature does not verify: nothing was enrolled')
    await database.transaction(async (trx) => {
      const id = randomUUID()
      await write(trx, { keys: [{ ...made.reference, attributes: made.attributes }] })
      await insertResponderKey(trx, { id, authorityId: authority.id, key: made.reference, spkiDer: made.spki, enrolmentSignature }, heldAt)
      await entry(trx, 'responder.key-enrolled', `responder:${id}`, { authority: authority.id, key: spkiSha256 })
    })
    progress(`Enrolled with ${authority.id}, label ${label}: ca certifies it within a minute`)
    return
  }

  const { key } = plan
  const details = { authority: authority.id, key: key.key.spkiSha256, token: key.key.tokenLabel, label: key.key.label }
  await database.transaction(async (trx) => {
    if (!(await hasSuccessor(trx, await listEnrolledKeys(trx, authority.id), key, clock()))) throw new CeremonyRefused('The other key’s certificate is in force no more: nothing was done')
    await write(trx, { key: key.key })
    if (await retireResponderKey(trx, key.id, heldAt)) await entry(trx, 'responder.key-retired', `responder:${key.id}`, details)
  })
  progress(`Key ${key.key.label} answers no more; waiting until every node has seen it`)
  await pause(FORGOTTEN_MS)
  await database.transaction(async (trx) => {
    if (!(await recordResponderRemoval(trx, key.id, wholeSecond(clock()), ceremonyId))) throw new CeremonyRefused('It was removed in the meantime')
    // Last, so that a fault in the database leaves the key.
    const found = await removeIfPresent(tokens.status, key.key)
    await entry(trx, 'responder.key-removed', `responder:${key.id}`, { ...details, found, persons })
  })
  progress(`Key ${key.key.label}, removed from token ${key.key.tokenLabel}`)
}
