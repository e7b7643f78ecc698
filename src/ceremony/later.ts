/**
 * Ceremonies in a hierarchy that stands: time-stamps added to it, the yearly lists of the offline CAs, a new time-stamping key, an old one removed
 * or revoked (CSBR 4.9.7, 6.3.2). Two persons always, demo or not; everything commits at once, with its report, or not at all.
 */
import { createHash, randomUUID } from 'node:crypto'
import { audit } from '../audit/audit-log.ts'
import { crlPath } from '../certificate/addresses.ts'
import { timestampPolicy } from '../certificate/profile.ts'
import { addMonths, wholeSecond } from '../certificate/validity.ts'
import { findTimestampAuthority, insertAuthority, listAuthorities } from '../database/authority-store.ts'
import { allExamples } from '../database/example-store.ts'
import { insertCeremony } from '../database/ceremony-store.ts'
import type { Transaction } from '../database/database.ts'
import { insertTimestampCertificate, listTimestampCertificates, recordKeyRemoval, revokeTimestampCertificate } from '../database/timestamp-store.ts'
import { decodeName, displayName, encodeName } from '../pki/name.ts'
import type { Services } from '../services.ts'
import type { Authority } from '../signer/authority.ts'
import { type GeneratedKeyPair, type KeyReference, removeIfPresent, type Signer } from '../signer/signer.ts'
import type { TimestampCertificate } from '../timestamp/unit.ts'
import { certifyingKey } from './certify.ts'
import type { CeremonySigner } from './ceremony.ts'
import { insertOfflineList, offlineListDetails, signOfflineList } from './offline-list.ts'
import { planCode } from './plan.ts'
import { CeremonyRefused, twoPersons } from './refused.ts'
import { certifyTimestampAuthority, certifyTimestampUnit } from './timestamp-unit.ts'

/** CRLReason codes that fit a time-stamp certificate (RFC 5280 5.3.1). */
export const TIMESTAMP_REVOCATION_REASONS = { 'key-compromise': 1, 'affiliation-changed': 3, superseded: 4, 'cessation-of-operation': 5 } as const
export type TimestampRevocationReason = keyof typeof TIMESTAMP_REVOCATION_REASONS

/** Whose revocation leaves the time-stamps given before it valid (RFC 3161 4.1); any other reason, or none on the list, ends them all. */
const KEEPS_EARLIER: ReadonlySet<TimestampRevocationReason> = new Set(['affiliation-changed', 'superseded', 'cessation-of-operation'])

/** What becomes of the time-stamps that its key gave, for the persons who are about to revoke. */
const worthOfEarlier = (reason: TimestampRevocationReason): readonly string[] =>
  KEEPS_EARLIER.has(reason)
    ? ['Its time-stamps   By RFC 3161 4.1 those given before the revocation stay valid, the reason standing on the list;', '                  many tools refuse them all the same, whatever the reason']
    : ['Its time-stamps   All of them lose their worth, those given before the revocation too (RFC 3161 4.1)']

/** What a later ceremony is held for, and the words that it takes. */
export const LATER_CEREMONIES = {
  'add-timestamps': { words: '', what: 'adds a Timestamp Authority to a hierarchy without one' },
  'renew-lists': { words: '', what: 'signs the lists of the root and of the time-stamp CA anew' },
  'change-timestamp-key': { words: '', what: 'makes the next time-stamping key and its certificate' },
  'remove-timestamp-key': { words: 'SERIAL', what: 'removes the key of this time-stamp certificate from its module' },
  'revoke-timestamp-certificate': { words: 'SERIAL REASON', what: `revokes this time-stamp certificate: ${Object.keys(TIMESTAMP_REVOCATION_REASONS).join(', ')}` },
} as const
export type LaterCeremonyKind = keyof typeof LATER_CEREMONIES

export interface LaterPlan {
  readonly kind: LaterCeremonyKind
  readonly root: Authority
  /** Null before there is one. */
  readonly authority: Authority | null
  /** Whose key is removed or whose certificate revoked. */
  readonly unit: TimestampCertificate | null
  readonly reason: TimestampRevocationReason | null
  /** What will be done, line by line, for the persons to read. */
  readonly lines: readonly string[]
}

export interface LaterTokens {
  readonly root: CeremonySigner
  readonly status: CeremonySigner & { removeKeyPair(key: KeyReference): Promise<void> }
}

/** What the persons confirm. */
export const ceremonyLines = ({ kind, lines }: Pick<LaterPlan, 'kind' | 'lines'>): readonly string[] => [`Ceremony          ${kind}`, ...lines]

const nameOf = (authority: Authority): string => displayName(decodeName(authority.subjectDer))

/**
 * What is to be done, with everything that stands against it said before anybody confirms.
 * @throws CeremonyRefused
 */
export async function planLater(services: Services, kind: LaterCeremonyKind, { serial, reason }: { serial: string | null; reason: string | null }): Promise<LaterPlan> {
  const { policy, database, clock } = services
  const now = clock()
  const root = (await listAuthorities(database)).findLast((each) => each.kind === 'root')
  if (!root) throw new CeremonyRefused('There is no hierarchy yet: npm run ceremony')
  const authority = await findTimestampAuthority(database)
  const lines = [`Policy            ${policy.id}`, `Root              ${nameOf(root)}`]
  if (kind === 'renew-lists') {
    const of = (await listAuthorities(database)).filter((each) => each.kind !== 'issuing')
    return { kind, root, authority, unit: null, reason: null, lines: [...lines, ...of.map((each) => `List of           ${each.id}, ${nameOf(each)}`)] }
  }
  if (!policy.timestamp) throw new CeremonyRefused('The policy says nothing of time-stamps: give it a "timestamp" part')
  const { keys, periods, names } = policy.timestamp
  if (kind === 'add-timestamps') {
    if (authority && addMonths(now, periods.certificateMonths) <= authority.notAfter) throw new CeremonyRefused(`A time-stamp CA stands already: ${authority.id}`)
    const subject = displayName(decodeName(encodeName(names.authority)))
    return { kind, root, authority, unit: null, reason: null, lines: [...lines, `Time-stamp CA     ${root.demo ? 'DEMO ' : ''}${subject}`, `                  RSA ${policy.keys.authority.rsaBits}, ${periods.authorityYears} years`, `Time-stamp key    RSA ${keys.rsaBits}, used ${periods.keyUseMonths} months`, `Address           ${services.config.status.url}`] }
  }
  if (!authority) throw new CeremonyRefused('This hierarchy has no time-stamp CA yet: npm run ceremony -- add-timestamps')
  const units = (await listTimestampCertificates(database)).filter((each) => each.authorityId === authority.id || each.serial === serial)
  lines.push(`Time-stamp CA     ${nameOf(authority)}`)
  const inUse = units.filter(({ revokedAt, removedAt }) => !revokedAt && !removedAt)
  if (kind === 'change-timestamp-key') return { kind, root, authority, unit: null, reason: null, lines: [...lines, ...inUse.map((each) => `Present           ${named(each)}`), `New key           RSA ${keys.rsaBits}, used ${periods.keyUseMonths} months, then removed`] }
  const unit = units.find((each) => each.serial === serial?.toLowerCase())
  if (!unit) throw new CeremonyRefused(`No time-stamp certificate with this serial number. Known:\n${units.map((each) => `  ${each.serial}  used until ${each.useUntil.toISOString()}${each.removedAt ? ', key removed' : ''}${each.revokedAt ? ', revoked' : ''}`).join('\n')}`)
  lines.push(`Certificate       ${unit.serial}, key ${unit.key.label} in token ${unit.key.tokenLabel}`)
  if (kind === 'remove-timestamp-key') {
    if (unit.removedAt) throw new CeremonyRefused(`The key of ${unit.serial} was removed at ${unit.removedAt.toISOString()}`)
    const successor = units.some((each) => each.id !== unit.id && each.notBefore > unit.notBefore && each.notBefore <= now && now < each.useUntil && !each.revokedAt && !each.removedAt)
    if (now < unit.useUntil && !unit.revokedAt && !successor) throw new CeremonyRefused('This key signs time-stamps and has no successor: hold  npm run ceremony -- change-timestamp-key  first')
    return { kind, root, authority, unit, reason: null, lines: [...lines, ...stillUsed(unit, now), 'The key is removed for ever'] }
  }
  if (unit.revokedAt) throw new CeremonyRefused(`${unit.serial} was revoked at ${unit.revokedAt.toISOString()}`)
  if (!reason || !Object.hasOwn(TIMESTAMP_REVOCATION_REASONS, reason)) throw new CeremonyRefused(`Give a reason: ${Object.keys(TIMESTAMP_REVOCATION_REASONS).join(', ')}`)
  return { kind, root, authority, unit, reason: reason as TimestampRevocationReason, lines: [...lines, `Revoked for       ${reason}`, ...worthOfEarlier(reason as TimestampRevocationReason), ...(await stampedExamples(services, unit))] }
}

/** CSBR 6.3.2: a key may go early, but nobody should do it by mistake. */
const stillUsed = ({ useUntil, revokedAt }: TimestampCertificate, now: Date): readonly string[] =>
  now < useUntil && !revokedAt ? [`Use period        ENDS LATER, at ${useUntil.toISOString()}: until then this key may sign, and after this it can't`] : []

/** Relying parties test with them, so their files are to carry time-stamps that tools take (REP-2). */
async function stampedExamples({ database, policy }: Services, { notBefore, useUntil }: TimestampCertificate): Promise<readonly string[]> {
  const from = (await allExamples(database)).filter(({ stampedAt }) => stampedAt !== null && stampedAt >= notBefore && stampedAt < useUntil)
  if (from.length === 0) return []
  return [
    `Examples          ${from.length} of the example certificates have files with time-stamps from its days: within a minute ca takes its own out,`,
    '                  stamps anew what is in force, and makes anew what has ended, once another time-stamping key is in use',
    ...(policy.examples ? [`                  (an expired example shows it ${policy.examples.expiringMinutes} minutes later)`] : []),
  ]
}

/** A certificate as the next ceremony asks for it. */
const named = ({ key, serial, useUntil }: TimestampCertificate): string => `key ${key.label} in token ${key.tokenLabel}, serial number ${serial}, used until ${useUntil.toISOString()}`

/**
 * Does what was planned.
 * @throws CeremonyRefused with fewer than two persons, or when the lints speak
 */
export async function holdLater(services: Services, plan: LaterPlan, persons: readonly string[], tokens: LaterTokens, progress: (step: string) => void): Promise<void> {
  twoPersons(persons)
  const { policy, database } = services
  const { kind, root } = plan
  const lines = ceremonyLines(plan)
  const ceremonyId = randomUUID()
  const mark = ceremonyId.slice(0, 8)
  const heldAt = wholeSecond(services.clock())
  const fingerprint = (der: Buffer) => createHash('sha256').update(der).digest('hex')
  const generate = (token: Signer, label: string, bits: number) => {
    progress(`Key ${label}, RSA ${bits}, in token ${token.tokenLabel}`)
    return token.generateRsaKeyPair({ label: `${label}-${mark}`, id: services.random(8).toString('hex'), bits })
  }
  const generated: GeneratedKeyPair[] = []
  let added: Authority | null = null
  let unit: TimestampCertificate | null = null
  if (kind === 'add-timestamps') {
    const count = (await listAuthorities(database)).filter((each) => each.kind === 'timestamp-ca').length
    const id = `timestamp-g${count + 1}`
    const key = await generate(tokens.root, id, policy.keys.authority.rsaBits)
    generated.push(key)
    added = await certifyTimestampAuthority(services, id, key, root, certifyingKey(root, tokens.root), heldAt)
  }
  const authority = added ?? plan.authority
  if (kind === 'add-timestamps' || kind === 'change-timestamp-key') {
    const key = await generate(tokens.status, 'timestamp', timestampPolicy(policy).keys.rsaBits)
    generated.push(key)
    unit = await certifyTimestampUnit(services, key, authority!, certifyingKey(authority!, tokens.root), heldAt)
  }

  const modules = [await tokens.root.describe(), await tokens.status.describe()]
  await database.transaction(async (trx) => {
    const entry = (event: Parameters<typeof audit>[1]['event'], subject: string, details: Record<string, unknown>) => audit(trx, { at: heldAt, actor: 'process:ceremony', event, subject, details })
    const report = {
      policy: policy.id,
      demo: root.demo,
      persons,
      plan: { lines, code: planCode(lines, persons) },
      modules,
      keys: generated.map((made) => ({ ...made.reference, attributes: made.attributes })),
      certificates: [...(added ? [fingerprint(added.certificateDer)] : []), ...(unit ? [fingerprint(unit.der)] : [])],
      ...(plan.unit ? { certificate: plan.unit.serial, key: plan.unit.key } : {}),
      ...(plan.reason ? { reason: plan.reason } : {}),
    }
    await insertCeremony(trx, { id: ceremonyId, kind, demo: root.demo, persons, report, heldAt })
    await entry('ceremony.held', `ceremony:${ceremonyId}`, { kind, ...report })
    if (added) {
      await insertAuthority(trx, added, ceremonyId, heldAt)
      await entry('authority.created', `authority:${added.id}`, { demo: added.demo, certificate: fingerprint(added.certificateDer), key: added.key.spkiSha256 })
    }
    if (unit) {
      await insertTimestampCertificate(trx, unit, ceremonyId, heldAt)
      await entry('timestamp.certificate-issued', `timestamp:${unit.id}`, { authority: unit.authorityId, certificate: fingerprint(unit.der), key: unit.key.spkiSha256, useUntil: unit.useUntil.toISOString() })
    }
    if (kind === 'revoke-timestamp-certificate') {
      if (!(await revokeTimestampCertificate(trx, plan.unit!.id, heldAt, TIMESTAMP_REVOCATION_REASONS[plan.reason!]))) throw new CeremonyRefused('It was revoked in the meantime')
      await entry('timestamp.certificate-revoked', `timestamp:${plan.unit!.id}`, { serial: plan.unit!.serial, reason: plan.reason })
    }
    if (kind !== 'remove-timestamp-key') await renewLists(trx, kind === 'renew-lists', entry)
    if (kind === 'remove-timestamp-key') {
      if (!(await recordKeyRemoval(trx, plan.unit!.id, heldAt, ceremonyId))) throw new CeremonyRefused('It was removed in the meantime')
      // Last, so that a fault in the database leaves the key; and what a broken ceremony removed without a record, the next one records.
      progress(`Key ${plan.unit!.key.label}, removed from token ${plan.unit!.key.tokenLabel}`)
      const found = await removeIfPresent(tokens.status, plan.unit!.key)
      await entry('timestamp.key-removed', `timestamp:${plan.unit!.id}`, { serial: plan.unit!.serial, key: plan.unit!.key.spkiSha256, token: plan.unit!.key.tokenLabel, found, persons })
    }
  })

  if (unit) {
    progress(`New: ${named(unit)}`)
    for (const each of await listTimestampCertificates(database)) if (each.id !== unit.id && !each.revokedAt && !each.removedAt) progress(`Old: ${named(each)}`)
  }

  /** Of every time-stamp CA, since the root's token is open; of the root where that was asked. */
  async function renewLists(trx: Transaction, withRoot: boolean, entry: (event: 'crl.issued', subject: string, details: Record<string, unknown>) => Promise<void>): Promise<void> {
    for (const each of await listAuthorities(trx)) {
      if (each.kind === 'issuing' || (each.kind === 'root' && !withRoot)) continue
      const list = await signOfflineList(trx, policy, each, certifyingKey(each, tokens.root), heldAt)
      await insertOfflineList(trx, each.id, list, services.config.status.url + crlPath(each.id))
      await entry('crl.issued', `authority:${each.id}`, offlineListDetails(list))
      progress(`List ${list.number} of ${each.id}, until ${list.nextUpdate.toISOString()}`)
    }
  }
}
