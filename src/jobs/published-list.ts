/** A revocation list as it was published last, read back and believed only under the authority's own signature. */
import { createHash, type KeyObject } from 'node:crypto'
import type { ChunkStore } from '../database/chunk-store.ts'
import { readCrlBody, type CrlRecord } from '../database/crl-store.ts'
import type { Database } from '../database/database.ts'
import { MalformedDer, readDerValues } from '../pki/der.ts'
import { type CrlFinding, crlNumber, lintEntries } from '../revocation/crl-lints.ts'
import { type ChunkRef, mergeEntries } from '../revocation/crl-merge.ts'
import { readFrame, readListedCertificates, readTbsCertList, revokedOctets } from '../revocation/crl-reader.ts'
import { signatureHashOf } from '../revocation/signed-object.ts'
import { verifyDigest } from '../signer/signer.ts'

/** A list would go backwards, or what it goes on from is not what the authority signed: nothing is published, and somebody must look (CRL-2, CRL-3). */
export class CrlRefused extends Error {
  readonly #crlRefused = true
  static is(error: unknown): error is CrlRefused {
    return typeof error === 'object' && error !== null && #crlRefused in error
  }
}

/** Chunks whose entries were judged, and as of when: a later list needs no second look at them. */
export type JudgedChunks = ReadonlyMap<string, { readonly ref: ChunkRef; readonly asOf: number }>

export interface ReadThrough {
  readonly chunks: readonly ChunkRef[]
  readonly findings: readonly CrlFinding[]
  readonly judged: JudgedChunks
}

/**
 * Reads chunks in the order of a list, judges the entries of those that were not judged before, and tells their octets.
 * @throws CrlDamaged
 */
export async function readThrough(store: ChunkStore, digests: readonly Buffer[], thisUpdate: Date, known: JudgedChunks, each: (octets: Buffer) => void): Promise<ReadThrough> {
  const chunks: ChunkRef[] = []
  const findings: CrlFinding[] = []
  const judged = new Map<string, { ref: ChunkRef; asOf: number }>()
  let last = ''
  for await (const { sha256, octets } of store.read(digests)) {
    each(octets)
    const name = sha256.toString('hex')
    const before = known.get(name)
    // Judged for an earlier list, a chunk is as good for a later one; it must follow the one before it here too.
    if (before && before.asOf <= thisUpdate.getTime() && before.ref.first > last) {
      judged.set(name, before)
      chunks.push(before.ref)
      last = before.ref.last
      continue
    }
    const found = lintEntries(octets, thisUpdate, last)
    findings.push(...found.findings)
    const ref = { sha256, entries: found.entries, octets: octets.length, first: found.first, last: found.last }
    chunks.push(ref)
    if (found.findings.length === 0) judged.set(name, { ref, asOf: thisUpdate.getTime() })
    last = found.last
  }
  return { chunks, findings, judged }
}

/**
 * The chunks of a published list, after its signature was verified over all of it.
 * @throws CrlRefused when it is not the authority's, or not what its row says; CrlDamaged
 */
export async function readPublished(db: Database, store: ChunkStore, record: CrlRecord, key: KeyObject, known: JudgedChunks): Promise<{ readonly chunks: readonly ChunkRef[]; readonly judged: JudgedChunks }> {
  const refuse = (why: string): CrlRefused => new CrlRefused(`the published CRL ${record.number} ${why}`)
  const body = await readCrlBody(db, record)
  const seal = body.seal && readSeal(body.seal)
  if (!seal) throw refuse('has no signature that can be read')
  const digest = createHash(seal.hash).update(body.tbsHead)
  const { chunks, judged, findings } = await readThrough(store, body.chunks, record.thisUpdate, known, (octets) => void digest.update(octets))
  if (!verifyDigest(key, seal.hash, digest.update(body.tbsTail).digest(), seal.signature)) throw refuse('is not signed by the authority')
  if (findings.length > 0) throw refuse(`has entries that can't be read: ${findings[0]!.detail}`)
  const all = body.chunks.length > 0 ? chunks : await inChunks(store, Buffer.concat([body.tbsHead, body.tbsTail]))
  // One that the authority signed under another number is no proof of this one.
  const tbs = body.chunks.length > 0 ? readFrame(body.tbsHead, body.tbsTail, all.reduce((sum, chunk) => sum + chunk.octets, 0)) : readTbsCertList(Buffer.concat([body.tbsHead, body.tbsTail]))
  const says = crlNumber(tbs)
  if (says !== record.number) throw refuse(`is CRL ${says ?? 'without a number'} in what the authority signed`)
  const entries = all.reduce((sum, chunk) => sum + chunk.entries, 0)
  if (entries !== record.entries) throw refuse(`has ${entries} entries, not ${record.entries}`)
  return { chunks: all, judged }
}

function readSeal(seal: Buffer) {
  try {
    const [algorithm, signature, ...rest] = readDerValues(seal)
    const hash = algorithm && signatureHashOf(algorithm.raw)
    return hash && signature && rest.length === 0 ? { hash, signature: signature.bitStringOctets() } : null
  } catch (error) {
    if (MalformedDer.is(error)) return null
    throw error
  }
}

/** Of a list that was written whole, before there were chunks. */
async function inChunks(store: ChunkStore, tbs: Buffer): Promise<readonly ChunkRef[]> {
  const octets = revokedOctets(tbs)
  const entries = readListedCertificates(octets).map(({ serial }) => serial)
  const encoded = readDerValues(octets, { maxBytes: octets.length, maxNodes: entries.length + 1 }).map(({ raw }) => raw)
  const order = entries.map((serial, at) => ({ serial, raw: encoded[at]! })).sort((one, other) => (one.serial < other.serial ? -1 : 1))
  let end = 0
  const page = { octets: Buffer.concat(order.map(({ raw }) => raw)), ends: order.map(({ raw }) => (end += raw.length)), gone: new Set<number>() }
  return (await mergeEntries([], pagesOf(page), store.parts, true)).chunks
}

/** One page as a sequence of pages. */
export async function* pagesOf<Page>(...pages: readonly Page[]): AsyncGenerator<Page> {
  yield* pages
}
