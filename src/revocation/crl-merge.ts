/**
 * The next list's entries from those of the last: chunks in which nothing changed go over as they are, so that one more revocation costs one chunk.
 * Nothing is ever left out but what a row says is gone.
 */
import { createHash } from 'node:crypto'
import { type RevokedPage, serialAt, usualLength } from './crl-entries.ts'
import { readFirstListed } from './crl-reader.ts'

/** A chunk of entries as a list names it. */
export interface ChunkRef {
  readonly sha256: Buffer
  readonly entries: number
  readonly octets: number
  /** Its first and last serial number, as the list spells them. */
  readonly first: string
  readonly last: string
}

export interface MergeParts {
  /** The chunks of these names, in this order. */
  read(digests: readonly Buffer[]): AsyncIterable<{ readonly octets: Buffer }>
  /** Keeps new chunks for lists to come. */
  keep(chunks: readonly { readonly sha256: Buffer; readonly entries: number; readonly octets: Buffer }[]): Promise<void>
  /**
   * Whether a certificate that is new to the list belongs on it, and not on that of another shard.
   * Absent where the authority has one list.
   */
  belongs?(serial: string): Promise<boolean>
}

export interface Merged {
  readonly chunks: readonly ChunkRef[]
  readonly changed: boolean
  readonly added: number
  readonly corrected: number
  /** Serial numbers that were on the list before and are gone. */
  readonly dropped: readonly string[]
  /** How many entries have no row: they stay (REV-7). Known when everything was compared. */
  readonly withoutRow: number
}

/** A chunk is about half to one and a half times as large. */
const CHUNK_OCTETS = 48 * 1024
const KEEP_AT_ONCE = 16

/**
 * @param rows ascending by serial number: all revocations of the list (`everything`), or those that may have changed
 * @throws what `parts` throw
 */
export async function mergeEntries(base: readonly ChunkRef[], rows: AsyncIterable<RevokedPage>, parts: MergeParts, everything: boolean): Promise<Merged> {
  const writer = new ChunkWriter(parts)
  const row = new Rows(rows)
  const counts = { added: 0, corrected: 0, withoutRow: 0 }
  const dropped: string[] = []
  let changed = false
  const olds = everything ? parts.read(base.map(({ sha256 }) => sha256))[Symbol.asyncIterator]() : null
  await row.start()

  for (let at = 0; at < Math.max(1, base.length); at++) {
    const chunk = base[at]
    // What comes before the next chunk's first serial number belongs into this one.
    const end = base[at + 1]?.first ?? null
    const within = (): boolean => row.serial !== null && (end === null || row.serial < end)
    if (chunk && !everything && !within()) {
      writer.add(chunk)
      continue
    }
    const octets = chunk ? await oneOf(olds ?? parts.read([chunk.sha256])[Symbol.asyncIterator]()) : Buffer.alloc(0)
    let place = 0
    /** While everything is as it was, nothing is written. */
    let written = false
    const write = (): void => {
      if (written) return
      written = changed = true
      for (let from = 0; from < place; from += entryLength(octets, from)) writer.write(octets, from, from + entryLength(octets, from), serialOf(octets, from))
    }
    for (;;) {
      const old = place < octets.length ? serialOf(octets, place) : null
      const inside = within()
      if (old === null && !inside) break
      const length = old === null ? 0 : entryLength(octets, place)
      if (!inside || (old !== null && old < row.serial!)) {
        counts.withoutRow++
        if (written) writer.write(octets, place, place + length, old!)
        place += length
      } else if (old === null || row.serial! < old) {
        if (!row.gone && (!parts.belongs || (await parts.belongs(row.serial!)))) {
          write()
          writer.write(row.octets, row.from, row.to, row.serial!)
          counts.added++
        }
        if (row.next()) await row.fill()
      } else {
        if (row.gone) {
          write()
          dropped.push(old)
        } else if (octets.compare(row.octets, row.from, row.to, place, place + length) !== 0) {
          write()
          writer.write(row.octets, row.from, row.to, old)
          counts.corrected++
        } else if (written) writer.write(octets, place, place + length, old)
        place += length
        if (row.next()) await row.fill()
      }
      if (writer.full) await writer.drain()
    }
    if (written) await writer.flush()
    else if (chunk) writer.add(chunk)
  }
  return { chunks: await writer.end(), changed, ...counts, withoutRow: everything ? counts.withoutRow : 0, dropped }
}

async function oneOf(chunks: AsyncIterator<{ readonly octets: Buffer }>): Promise<Buffer> {
  const { value, done } = await chunks.next()
  if (done) throw new Error('a chunk was asked for and not given')
  return value.octets
}

const entryLength = (octets: Buffer, at: number): number => usualLength(octets, at) || readFirstListed(octets.subarray(at)).length
const serialOf = (octets: Buffer, at: number): string => (usualLength(octets, at) > 0 ? serialAt(octets, at) : readFirstListed(octets.subarray(at)).entry.serial)

/** Pages read as one sequence. */
class Rows {
  readonly #pages: AsyncIterator<RevokedPage>
  #page: RevokedPage = { serials: [], octets: Buffer.alloc(0), ends: [] }
  #at = 0
  serial: string | null = null
  from = 0
  to = 0

  constructor(pages: AsyncIterable<RevokedPage>) {
    this.#pages = pages[Symbol.asyncIterator]()
  }
  get octets(): Buffer {
    return this.#page.octets
  }
  get gone(): boolean {
    return this.from === this.to
  }
  async start(): Promise<void> {
    this.#at = -1
    if (this.next()) await this.fill()
  }
  /** Steps on. True when the next page must be read first: kept apart, since waiting at each row would take longer than the row. */
  next(): boolean {
    this.#at++
    if (this.#at >= this.#page.serials.length) return true
    this.serial = this.#page.serials[this.#at]!
    this.from = this.#at === 0 ? 0 : this.#page.ends[this.#at - 1]!
    this.to = this.#page.ends[this.#at]!
    return false
  }
  async fill(): Promise<void> {
    const before = this.serial
    do {
      const { value, done } = await this.#pages.next()
      if (done) {
        this.serial = null
        return
      }
      this.#page = value
      this.#at = -1
    } while (this.#page.serials.length === 0)
    this.next()
    if (before !== null && this.serial! <= before) throw new Error(`revocations out of order: ${this.serial} after ${before}`)
  }
}

/** Fills chunks entry by entry, and cuts them evenly. */
class ChunkWriter {
  readonly #parts: Pick<MergeParts, 'keep'>
  readonly #refs: ChunkRef[] = []
  #made: { sha256: Buffer; entries: number; octets: Buffer }[] = []
  #buffer = Buffer.allocUnsafe(2 * CHUNK_OCTETS + 4096)
  #length = 0
  #ends: number[] = []
  #serials: string[] = []

  constructor(parts: Pick<MergeParts, 'keep'>) {
    this.#parts = parts
  }
  get full(): boolean {
    return this.#made.length >= KEEP_AT_ONCE
  }
  add(chunk: ChunkRef): void {
    this.#refs.push(chunk)
  }
  write(octets: Buffer, from: number, to: number, serial: string): void {
    this.#length += octets.copy(this.#buffer, this.#length, from, to)
    this.#ends.push(this.#length)
    this.#serials.push(serial)
    if (this.#length >= 2 * CHUNK_OCTETS) this.#cut(CHUNK_OCTETS)
  }
  async drain(): Promise<void> {
    const made = this.#made
    this.#made = []
    await this.#parts.keep(made)
  }
  /** Ends the chunk that is being written. */
  async flush(): Promise<void> {
    if (this.#length > 1.5 * CHUNK_OCTETS) this.#cut(this.#length / 2)
    if (this.#length > 0) this.#cut(this.#length)
    if (this.full) await this.drain()
  }
  async end(): Promise<readonly ChunkRef[]> {
    await this.flush()
    await this.drain()
    return this.#refs
  }

  /** Makes a chunk of at least so many octets. */
  #cut(least: number): void {
    const entries = this.#ends.findIndex((end) => end >= least) + 1
    const length = this.#ends[entries - 1]!
    const octets = Buffer.from(this.#buffer.subarray(0, length))
    const sha256 = createHash('sha256').update(octets).digest()
    this.#made.push({ sha256, entries, octets })
    this.#refs.push({ sha256, entries, octets: length, first: this.#serials[0]!, last: this.#serials[entries - 1]! })
    this.#buffer.copyWithin(0, length, this.#length)
    this.#length -= length
    this.#ends = this.#ends.slice(entries).map((end) => end - length)
    this.#serials = this.#serials.slice(entries)
  }
}
