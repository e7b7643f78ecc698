/** The next list before its signature: the octets to be signed, judged as relying parties will read them and held against the list before (CRL-2, CRL-3). */
import { createHash, type KeyObject } from 'node:crypto'
import { wholeSecond } from '../certificate/validity.ts'
import type { ChunkStore } from '../database/chunk-store.ts'
import type { CrlBody, CrlRecord } from '../database/crl-store.ts'
import { crlFrame, crlLength, crlSeal, type CrlFrame } from '../revocation/crl.ts'
import { entryLost, lintFrame } from '../revocation/crl-lints.ts'
import type { ChunkRef, Merged } from '../revocation/crl-merge.ts'
import { statusSince } from '../revocation/retention.ts'
import type { Services } from '../services.ts'
import { lostSerials } from './crl-lost.ts'
import type { SigningAuthority } from './issuing-authority.ts'
import { CrlRefused, readThrough, type JudgedChunks, type ReadThrough } from './published-list.ts'
import { provenDrops } from './retention.ts'

/** As operators read of a list. */
export const listName = (authorityId: string, shard: number): string => (shard === 0 ? authorityId : `${authorityId}/${shard}`)

export interface DraftOrder {
  readonly shard: number
  /** See `CrlFrame`. */
  readonly addresses: readonly string[] | null
  /** The highest number that was ever used; 0 before the first. */
  readonly last: bigint
  /** The list published last. */
  readonly before: { readonly record: CrlRecord | null; readonly chunks: readonly ChunkRef[]; readonly judged: JudgedChunks }
  readonly merged: Merged
  readonly now: Date
}

export interface ListDraft {
  readonly record: CrlRecord
  readonly body: CrlBody
  /** What is to be signed. */
  readonly digest: Buffer
  readonly through: ReadThrough
  /** How many entries of the list before are gone, by recorded runs. */
  readonly dropped: number
}

/**
 * @param key the authority's, which will sign
 * @throws CrlRefused when it would go backwards; Error when its lints speak; CrlDamaged
 */
export async function draftList(
  { policy, database, store }: Pick<Services, 'policy' | 'database'> & { readonly store: ChunkStore },
  authority: SigningAuthority,
  key: KeyObject,
  { shard, addresses, last, before, merged, now }: DraftOrder,
): Promise<ListDraft> {
  const { periods } = policy
  const hash = policy.keys.authority.issuingHash
  const number = last + 1n
  const thisUpdate = wholeSecond(now)
  // Both ends count: the list's last second lies within its hours.
  const nextUpdate = new Date(thisUpdate.getTime() + periods.crlValidHours * 3_600_000 - 1000)
  const caNotBefore = authority.row.notBefore
  const { nameDer: issuerNameDer, keyIdentifier: authorityKeyIdentifier } = authority.issuer
  const frame: CrlFrame = { issuerNameDer, authorityKeyIdentifier, number, thisUpdate, nextUpdate, expiredCertsOnCrl: statusSince({ caNotBefore, thisUpdate, periods }), hash, addresses }
  const sum = (of: 'octets' | 'entries'): number => merged.chunks.reduce((total, chunk) => total + chunk[of], 0)
  const { head, tail } = crlFrame(frame, sum('octets'))
  const sealed = crlSeal(hash, Buffer.alloc(key.asymmetricKeyDetails!.modulusLength! / 8)).length
  const octets = crlLength(head.length + sum('octets') + tail.length + sealed)
  const chunks = merged.chunks.map(({ sha256 }) => sha256)

  // One reading, for the lints and for the signature.
  const signed = createHash(hash).update(head)
  const through = await readThrough(store, chunks, thisUpdate, before.judged, (chunk) => void signed.update(chunk))
  const digest = signed.update(tail).digest()
  const proven = await provenDrops(database, authority, merged.dropped, periods)
  const unproven = merged.dropped.filter((serial) => !proven.has(serial))
  if (unproven.length > 0) throw new CrlRefused(`${unproven.length} entries would be lost without a recorded retention run, ${unproven[0]} first (CRL-3)`)
  const lost = await lostSerials(store, before.chunks, through.chunks)
  const findings = [
    ...lintFrame(head, tail, sum('octets'), { at: now, issuerNameDer, authorityKeyIdentifier, hash, caNotBefore, list: 'issuing', periods, lastNumber: last === 0n ? null : last, last: before.record, addresses }),
    ...through.findings,
    ...lost.filter((serial) => !proven.has(serial)).map(entryLost),
  ]
  const against = findings.slice(0, 20).map(({ lint, clause, detail }) => `${lint} (${clause}): ${detail}`)
  if (against.length > 0) throw new Error(`CRL ${number} of ${listName(authority.id, shard)} is not signed: ${against.join('; ')}`)
  refuseBackwards({ number, entries: through.chunks.reduce((total, { entries }) => total + entries, 0) }, before.record, proven.size)

  const record = { authorityId: authority.id, shard, number, thisUpdate, nextUpdate, entries: sum('entries'), tbsSha256: digest.toString('hex'), octets }
  return { record, body: { tbsHead: head, chunks, tbsTail: tail, seal: null }, digest, through, dropped: proven.size }
}

/** Held against the last list as such, whatever the lints and the merging thought (RFC 5280 5.2.3; CRL-3). @throws CrlRefused */
export function refuseBackwards(next: { readonly number: bigint; readonly entries: number }, last: Pick<CrlRecord, 'number' | 'entries'> | null, dropped: number): void {
  if (!last) return
  if (next.number <= last.number) throw new CrlRefused(`its number ${next.number} is not above ${last.number}`)
  if (next.entries < last.entries - dropped) throw new CrlRefused(`it has ${next.entries} entries, the last one ${last.entries}, and a retention run dropped ${dropped}`)
}
