/** The revocation list of an authority whose key is offline: the root's, and that of the time-stamping units' CA. Signed in ceremonies alone (CSBR 4.9.7). */
import { createHash, createPublicKey, verify } from 'node:crypto'
import { timestampPolicy } from '../certificate/profile.ts'
import { addMonths } from '../certificate/validity.ts'
import { lastNumber, latestCrl, openList, publishCrl, readCrl, recordCrl } from '../database/crl-store.ts'
import type { Transaction } from '../database/database.ts'
import { listRevokedTimestampCertificates } from '../database/timestamp-store.ts'
import { readDer } from '../pki/der.ts'
import { readPublicKey } from '../pki/public-key.ts'
import type { Policy } from '../policy/policy.ts'
import { assembleCertificateList, buildTbsCertList, crlSeal, type CrlEntry } from '../revocation/crl.ts'
import { lintTbsCertList } from '../revocation/crl-lints.ts'
import { readCertificateList } from '../revocation/crl-reader.ts'
import { mustStayOnList, statusSince } from '../revocation/retention.ts'
import { EXTENSION, signatureHashOf } from '../revocation/signed-object.ts'
import type { Authority } from '../signer/authority.ts'
import { CeremonyRefused } from './refused.ts'
import type { CertifyingKey } from './certify.ts'

export interface OfflineList {
  readonly number: bigint
  readonly thisUpdate: Date
  readonly nextUpdate: Date
  readonly entries: number
  /** How many of the list before it are gone, their retention over (CRL-3). */
  readonly dropped: number
  /** Number of the list before it; null for the first. */
  readonly previous: bigint | null
  readonly tbs: Buffer
  readonly seal: Buffer
  readonly der: Buffer
}

type OfflineAuthority = Pick<Authority, 'kind' | 'id' | 'subjectDer' | 'notBefore'>

/**
 * The next list of this authority, signed. It reads and writes nothing else.
 * @throws CeremonyRefused when its lints speak, or when the list before it is not the authority's
 */
export async function signOfflineList(trx: Transaction, policy: Policy, authority: OfflineAuthority, by: CertifyingKey, heldAt: Date): Promise<OfflineList> {
  const root = authority.kind === 'root'
  const months = root ? policy.periods.rootCrlValidMonths : timestampPolicy(policy).periods.crlValidMonths
  const hash = root ? policy.keys.authority.rootHash : policy.keys.authority.issuingHash
  const [last, published] = [await lastNumber(trx, authority.id), await latestCrl(trx, authority.id)]
  const previous = published && readCertificateList(await readCrl(trx, published))
  const key = createPublicKey({ key: by.spki, format: 'der', type: 'spki' })
  // Never backwards: what the next list carries on is what this authority signed, not what a row holds.
  const signedWith = previous && signatureHashOf(previous.signatureAlgorithmDer)
  if (previous && !(signedWith && verify(signedWith, previous.tbsDer, key, previous.signature))) throw new CeremonyRefused(`The list ${published.number} of ${authority.id} on record is not signed by it`)
  const number = last + 1n
  // Both ends count: the list's last second lies within its months.
  const nextUpdate = new Date(addMonths(heldAt, months).getTime() - 1000)
  const revoked = root ? [] : await listRevokedTimestampCertificates(trx, authority.id)
  // What the root ever put on its list no table holds: it stays as it stands there.
  const kept: CrlEntry[] = root ? (previous?.tbs.entries ?? []).map(({ serial, revocationDate, extensions }) => ({ serial, revokedAt: revocationDate.at, reason: reasonIn(extensions) })) : []
  const entries = [...kept, ...revoked.filter(({ notAfter }) => mustStayOnList(notAfter, heldAt, policy.periods))]
  const { keyIdentifier } = readPublicKey(by.spki)
  const tbs = buildTbsCertList({
    issuerNameDer: authority.subjectDer,
    authorityKeyIdentifier: keyIdentifier,
    number,
    thisUpdate: heldAt,
    nextUpdate,
    entries,
    expiredCertsOnCrl: statusSince({ caNotBefore: authority.notBefore, thisUpdate: heldAt, periods: policy.periods }),
    hash,
  })
  const notAfter = new Map(revoked.map((each) => [each.serial, each.notAfter]))
  const findings = lintTbsCertList(tbs, {
    at: heldAt,
    issuerNameDer: authority.subjectDer,
    authorityKeyIdentifier: keyIdentifier,
    hash,
    caNotBefore: authority.notBefore,
    list: 'root',
    periods: { ...policy.periods, rootCrlValidMonths: months },
    lastNumber: last === 0n ? null : last,
    previous,
    notAfterOf: (serial) => notAfter.get(serial) ?? (root ? new Date(8.64e15) : undefined),
  })
  if (findings.length > 0) throw new CeremonyRefused(`The list of ${authority.id} is not signed:\n${findings.map(({ lint, clause, detail }) => `  ${lint} (${clause}): ${detail}`).join('\n')}`)
  const signature = await by.token.sign(by.key, hash, tbs)
  if (!verify(hash, tbs, key, signature)) throw new CeremonyRefused(`The signature on the list of ${authority.id} does not verify`)
  const listed = new Set(entries.map(({ serial }) => serial))
  const dropped = (previous?.tbs.entries ?? []).filter(({ serial }) => !listed.has(serial)).length
  return { number, thisUpdate: heldAt, nextUpdate, entries: entries.length, dropped, previous: published?.number ?? null, tbs, seal: crlSeal(hash, signature), der: assembleCertificateList(tbs, hash, signature) }
}

function reasonIn(extensions: readonly { readonly oid: string; readonly value: Buffer }[] | null): number | undefined {
  const value = extensions?.find(({ oid }) => oid === EXTENSION.reasonCode)?.value
  return value && Number(readDer(value).enumerated())
}

/** @param url where certificates say that the list is */
export async function insertOfflineList(trx: Transaction, authorityId: string, list: OfflineList, url: string): Promise<void> {
  const { number, thisUpdate, nextUpdate, entries, tbs, der } = list
  await openList(trx, { authorityId, shard: 0 }, url, thisUpdate)
  const crl = { authorityId, shard: 0, number, thisUpdate, nextUpdate, entries, tbsSha256: createHash('sha256').update(tbs).digest('hex'), octets: der.length }
  await recordCrl(trx, crl, { tbsHead: tbs, chunks: [], tbsTail: Buffer.alloc(0), seal: null })
  if (!(await publishCrl(trx, crl, list.previous, list.seal))) throw new Error(`CRL ${number} of ${authorityId}: another list was published meanwhile`)
}

/** What the audit log keeps of it. */
export const offlineListDetails = ({ number, entries, dropped, der }: OfflineList): Record<string, unknown> => ({
  number: String(number),
  entries,
  ...(dropped > 0 ? { dropped } : {}),
  sha256: createHash('sha256').update(der).digest('hex'),
})
