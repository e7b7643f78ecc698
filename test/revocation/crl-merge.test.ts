import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { encodeRevoked, type RevokedPage, type RevokedRow } from '../../src/revocation/crl-entries.ts'
import { mergeEntries, type ChunkRef, type MergeParts, type Merged } from '../../src/revocation/crl-merge.ts'
import { readListedCertificates } from '../../src/revocation/crl-reader.ts'

const store = new Map<string, Buffer>()
let reads = 0
const parts: MergeParts = {
  async *read(digests) {
    for (const digest of digests) {
      reads++
      yield { octets: store.get(digest.toString('hex'))! }
    }
  },
  async keep(chunks) {
    for (const { sha256, octets } of chunks) {
      expect(createHash('sha256').update(octets).digest().equals(sha256)).toBe(true)
      store.set(sha256.toString('hex'), Buffer.from(octets))
    }
  },
}
async function* pages(rows: readonly RevokedRow[], size: number): AsyncGenerator<RevokedPage> {
  const sorted = [...rows].sort((one, other) => (one.serial < other.serial ? -1 : 1))
  for (let at = 0; at < sorted.length; at += size) yield encodeRevoked(sorted.slice(at, at + size))
}
const octetsOf = (chunks: readonly ChunkRef[]) => Buffer.concat(chunks.map(({ sha256 }) => store.get(sha256.toString('hex'))!))
const expected = (rows: Iterable<RevokedRow>) => encodeRevoked([...rows].filter(({ gone }) => !gone).sort((one, other) => (one.serial < other.serial ? -1 : 1))).octets

/** A generator of numbers that is the same in each run. */
function* numbers(seed: number): Generator<number> {
  for (let state = seed; ; ) yield (state = (state * 1103515245 + 12345) % 2147483648)
}
const random = numbers(7)
const below = (limit: number): number => random.next().value! % limit
const row = (change: Partial<RevokedRow> = {}): RevokedRow => ({ serial: createHash('sha256').update(String(random.next().value)).digest('hex').slice(0, 34).replace(/^00/, '01'), revokedAt: `2026-11-0${1 + below(9)}T00:00:00.000Z`, reason: [0, 1, 4][below(3)]!, gone: false, ...change })

function sound(merged: Merged): void {
  for (const { sha256, entries, octets, first, last } of merged.chunks) {
    const chunk = store.get(sha256.toString('hex'))!
    const listed = readListedCertificates(chunk)
    expect([entries, octets, first, last]).toEqual([listed.length, chunk.length, listed[0]!.serial, listed.at(-1)!.serial])
    expect(octets).toBeLessThanOrEqual(100 * 1024)
  }
}

describe('the next list from the last', () => {
  test('CRL-3: over and over, with random changes, it is what the revocations say, and entries go only where a row says so', async () => {
    const revoked = new Map<string, RevokedRow>()
    let chunks: readonly ChunkRef[] = []
    for (let round = 0; round < 40; round++) {
      const changed = new Map<string, RevokedRow>()
      const put = (each: RevokedRow) => {
        revoked.set(each.serial, each)
        changed.set(each.serial, each)
      }
      for (let count = round === 0 ? 5000 : below(60); count > 0; count--) put(row())
      const known = [...revoked.values()].filter(({ gone }) => !gone)
      for (let count = below(20); count > 0; count--) put({ ...known[below(known.length)]!, reason: [0, 1, 4][below(3)]! })
      for (let count = below(5); count > 0; count--) put({ ...known[below(known.length)]!, gone: true })
      const everything = round % 3 === 0
      // A comparison of everything is given what is on the lists, and what is gone beside it as a change.
      let merged = everything ? await mergeEntries(chunks, pages([...revoked.values()].filter(({ gone }) => !gone), 300 + below(900)), parts, true) : await mergeEntries(chunks, pages([...changed.values()], 7), parts, false)
      sound(merged)
      const gone = merged.withoutRow.map((serial) => revoked.get(serial)!)
      expect(gone.every((each) => each.gone)).toBe(true)
      if (gone.length > 0) merged = await mergeEntries(merged.chunks, pages(gone, 100), parts, false)
      sound(merged)
      expect(octetsOf(merged.chunks).equals(expected(revoked.values()))).toBe(true)
      chunks = merged.chunks
      const again = await mergeEntries(chunks, pages([...revoked.values()].filter((each) => !each.gone), 1000), parts, true)
      expect([again.changed, again.added, again.corrected, again.dropped.length, again.withoutRow.length]).toEqual([false, 0, 0, 0, 0])
      expect(again.chunks).toEqual(chunks)
    }
  })

  test('CRL-1: one more revocation reads one chunk and makes one or two, and the others go over', async () => {
    const { chunks } = await mergeEntries([], pages(Array.from({ length: 8000 }, () => row()), 500), parts, true)
    expect(chunks.length).toBeGreaterThan(4)
    reads = 0
    const merged = await mergeEntries(chunks, pages([row()], 10), parts, false)
    expect([reads, merged.added, merged.changed]).toEqual([1, 1, true])
    const known = new Set(chunks.map(({ sha256 }) => sha256.toString('hex')))
    expect(merged.chunks.filter(({ sha256 }) => !known.has(sha256.toString('hex'))).length).toBeLessThanOrEqual(2)
  })

  test('REV-7: an entry without a row stays, and is told', async () => {
    const rows = [row({ serial: '01' }), row({ serial: '02' }), row({ serial: '03' })]
    const { chunks } = await mergeEntries([], pages(rows, 10), parts, true)
    const merged = await mergeEntries(chunks, pages([rows[0]!, rows[2]!], 10), parts, true)
    expect([merged.changed, merged.withoutRow]).toEqual([false, ['02']])
    expect(octetsOf(merged.chunks).equals(expected(rows))).toBe(true)
    const more = await mergeEntries(chunks, pages([row({ serial: '04' })], 10), parts, true)
    expect([more.added, more.withoutRow]).toEqual([1, ['01', '02', '03']])
    expect(readListedCertificates(octetsOf(more.chunks)).map(({ serial }) => serial)).toEqual(['01', '02', '03', '04'])
  })

  test('CRL-2: what belongs on another list is not put on this one', async () => {
    const merged = await mergeEntries([], pages([row({ serial: '01' }), row({ serial: '02' })], 10), { ...parts, belongs: async (serial) => serial === '02' }, true)
    expect(readListedCertificates(octetsOf(merged.chunks)).map(({ serial }) => serial)).toEqual(['02'])
  })
})
