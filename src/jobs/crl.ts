/** Issues revocation lists: in time, and at once when a certificate was revoked (CRL-1, CRL-2, CRL-3; CSBR 4.9.7). */
import { createHash, createPublicKey, verify } from 'node:crypto'
import { audit } from '../audit/audit-log.ts'
import { wholeSecond } from '../certificate/validity.ts'
import { lastNumber, latestCrl, listRevoked, openList, publishCrl, readCrl, recordCrl, unsignedCrl, type CrlRecord } from '../database/crl-store.ts'
import { isUniqueViolation, type Database, type Transaction } from '../database/database.ts'
import type { Policy } from '../policy/policy.ts'
import { assembleCertificateList, buildTbsCertList, crlSeal } from '../revocation/crl.ts'
import { digestOfEntries, digestOfRevoked } from '../revocation/crl-entries.ts'
import { lintTbsCertList } from '../revocation/crl-lints.ts'
import { readCertificateList } from '../revocation/crl-reader.ts'
import { mustStayOnList, statusSince } from '../revocation/retention.ts'
import type { Services } from '../services.ts'
import { CA_ACTOR } from './issuing.ts'
import type { SigningAuthority } from './issuing-authority.ts'

/** A list on record for less than this is another process's, which is about to sign it. */
const SIGNING_MS = 5_000

type Parts = Pick<Services, 'policy' | 'database' | 'clock'>

/**
 * Issues one list when one is due.
 * @returns its number; null when none was due, or another process was quicker
 * @throws Error when the lints refuse the octets or the signature is not the authority's: nothing is published then
 */
export async function issueCrl({ policy, database, clock }: Parts, authority: SigningAuthority): Promise<bigint | null> {
  if (!(await isDue(database, authority, policy, clock()))) return null
  await openList(database, { authorityId: authority.id, shard: 0 }, authority.urls.crl, clock())
  const recorded = await database.transaction((trx) => record(trx, authority, policy, clock())).catch((error: unknown) => {
    // CRL-2: the number is taken, so another process has its list on record.
    if (isUniqueViolation(error)) return null
    throw error
  })
  if (!recorded) return null
  const { number, tbs } = recorded
  const hash = policy.keys.authority.issuingHash
  const signature = await authority.sign(tbs, hash)
  const key = createPublicKey({ key: authority.spki, format: 'der', type: 'spki' })
  if (!verify(hash, tbs, key, signature)) throw new Error(`CRL ${number}: the signature is not the authority's; it was thrown away`)
  const der = assembleCertificateList(tbs, hash, signature)
  if (!readCertificateList(der).tbsDer.equals(tbs)) throw new Error(`CRL ${number}: what was signed is not what was recorded`)
  return database.transaction(async (trx) => {
    if (!(await publishCrl(trx, recorded, recorded.previous, crlSeal(hash, signature)))) return null
    const { entries, thisUpdate, nextUpdate } = recorded
    const times = { thisUpdate: thisUpdate.toISOString(), nextUpdate: nextUpdate.toISOString() }
    const details = { number: String(number), entries, ...times, sha256: createHash('sha256').update(der).digest('hex') }
    await audit(trx, { at: clock(), actor: CA_ACTOR, event: 'crl.issued', subject: `authority:${authority.id}`, details })
    return number
  })
}

async function isDue(db: Database | Transaction, authority: SigningAuthority, policy: Policy, now: Date): Promise<boolean> {
  const last = await unsignedCrl(db, { authorityId: authority.id, shard: 0 })
  if (last && Math.abs(now.getTime() - last.thisUpdate.getTime()) < SIGNING_MS) return false
  const published = await latestCrl(db, authority.id)
  if (!published || now.getTime() - published.thisUpdate.getTime() >= policy.periods.crlIssueHours * 3_600_000) return true
  // Compared, not told by time: a revocation that began before the last list and committed after it is found too, and a corrected date or reason (REV-3).
  const revoked = await listRevoked(db, authority.id)
  const standing = revoked.filter(({ notAfter }) => mustStayOnList(notAfter, published.thisUpdate, policy.periods))
  return digestOfRevoked(standing) !== (await digestOfPublished(db, published))
}

/** What the last list of each authority says, read once for each list. */
const lastLists = new Map<string, { readonly list: string; readonly digest: string }>()
async function digestOfPublished(db: Database | Transaction, crl: CrlRecord): Promise<string> {
  const { authorityId, tbsSha256: list } = crl
  const known = lastLists.get(authorityId)
  if (known?.list === list) return known.digest
  const digest = digestOfEntries(readCertificateList(await readCrl(db, crl)).tbs.entries ?? [])
  lastLists.set(authorityId, { list, digest })
  return digest
}

/** Builds, lints and records the next list, in one transaction: its number is taken before its entries are read, so that a higher number never knows less. */
async function record(trx: Transaction, authority: SigningAuthority, policy: Policy, now: Date): Promise<(CrlRecord & { readonly tbs: Buffer; readonly previous: bigint | null }) | null> {
  if (!(await isDue(trx, authority, policy, now))) return null
  const last = await lastNumber(trx, authority.id)
  const published = await latestCrl(trx, authority.id)
  const number = last + 1n
  const thisUpdate = wholeSecond(now)
  // Both ends count: the list's last second lies within its hours.
  const nextUpdate = new Date(thisUpdate.getTime() + policy.periods.crlValidHours * 3_600_000 - 1000)
  const { keyIdentifier, nameDer } = authority.issuer
  const caNotBefore = authority.row.notBefore
  const hash = policy.keys.authority.issuingHash
  const revoked = await listRevoked(trx, authority.id)
  const entries = revoked.filter(({ notAfter }) => mustStayOnList(notAfter, thisUpdate, policy.periods))
  const tbs = buildTbsCertList({
    issuerNameDer: nameDer,
    authorityKeyIdentifier: keyIdentifier,
    number,
    thisUpdate,
    nextUpdate,
    entries,
    expiredCertsOnCrl: statusSince({ caNotBefore, thisUpdate, periods: policy.periods }),
    hash,
  })
  const notAfter = new Map(revoked.map((each) => [each.serial, each.notAfter]))
  const findings = lintTbsCertList(tbs, {
    at: now,
    issuerNameDer: nameDer,
    authorityKeyIdentifier: keyIdentifier,
    hash,
    caNotBefore,
    list: 'issuing',
    periods: policy.periods,
    lastNumber: last === 0n ? null : last,
    previous: published ? readCertificateList(await readCrl(trx, published)) : null,
    notAfterOf: (serial) => notAfter.get(serial),
  })
  const against = findings.map(({ lint, clause, detail }) => `${lint} (${clause}): ${detail}`)
  if (against.length > 0) throw new Error(`CRL ${number} of ${authority.id} is not signed: ${against.join('; ')}`)
  const octets = assembleCertificateList(tbs, hash, Buffer.alloc(createPublicKey({ key: authority.spki, format: 'der', type: 'spki' }).asymmetricKeyDetails!.modulusLength! / 8)).length
  const crl = { authorityId: authority.id, shard: 0, number, thisUpdate, nextUpdate, entries: entries.length, tbsSha256: createHash('sha256').update(tbs).digest('hex'), octets, tbs, previous: published?.number ?? null }
  await recordCrl(trx, crl, { tbsHead: tbs, chunks: [], tbsTail: Buffer.alloc(0), seal: null })
  return crl
}
