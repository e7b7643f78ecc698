/**
 * The next list's entries from those of the last: chunks in which nothing changed go over as they are, so that one more revocation costs one chunk.
 * Nothing is ever left out but what a row says is gone.
 */
import { createHash } from 'node:crypto'
import { compareSerials, type RevokedPage, serialAt, usualLength } from './crl-entries.ts'

/** A chunk of entries as a list names it. */
export interface ChunkRef {
  readonly sha256: Buffer
  readonly entries: number
  readonly octets: number
  /** Its first and last serial number, as the list spells them. */
  readonly first: string
  readonly last: string
}

interface NewChunk {
  readonly sha256: Buffer
  readonly entries: number
  readonly octets: Buffer
}

export interface MergeParts {
  /** The chunks of these names, in this order; the octets of each are good until the next is asked for. */
  read(digests: readonly Buffer[]): AsyncIterable<{ readonly octets: Buffer }>
  /** Keeps new chunks for lists to come; their octets are good until it is done. */
  keep(chunks: readonly NewChunk[]): Promise<void>
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
  /** Entries without a row: they stay (REV-7). Known when everything was compared. */
  readonly withoutRow: readonly string[]
}

/** A chunk is about half to one and a half times as large. */
const CHUNK_OCTETS = 48 * 1024
const KEEP_AT_ONCE = 8

/**
 * @param pages ascending by serial number: all revocations of the list (`everything`), or those that may have changed
 * @throws what `parts` throw; TypeError when an entry on the list is not of the form of ours
 */
export async function mergeEntries(base: readonly ChunkRef[], pages: AsyncIterable<RevokedPage>, parts: MergeParts, everything: boolean): Promise<Merged> {
  const writer = new ChunkWriter(parts)
  const rows = new Rows(pages)
  const dropped: string[] = []
  const withoutRow: string[] = []
  let [added, corrected, changed] = [0, 0, false]
  const olds = everything ? parts.read(base.map(({ sha256 }) => sha256))[Symbol.asyncIterator]() : null
  await rows.next()

  for (let index = 0; index < Math.max(1, base.length); index++) {
    const chunk = base[index]
    // What comes before the next chunk's first serial number belongs into this one.
    const end = base[index + 1] ? serialEntry(base[index + 1]!.first) : null
    const within = (): boolean => !rows.over && (end === null || compareSerials(rows.octets, rows.from, end, 0) < 0)
    if (chunk && !everything && !within()) {
      writer.add(chunk)
      continue
    }
    const octets = chunk ? await oneOf(olds ?? parts.read([chunk.sha256])[Symbol.asyncIterator]()) : Buffer.alloc(0)
    let place = 0
    /** While everything is as it was, nothing is written. */
    let written = false
    const write = (): void => {
      if (!written) writer.write(octets, 0, place)
      written = changed = true
    }
    for (;;) {
      const inside = within()
      if (place === octets.length && !inside) break
      const same = inside ? rows.alike(octets, place) : 0
      if (same > 0) {
        if (written) writer.write(octets, place, place + same)
        place += same
        if (rows.pass(same)) await rows.fill()
        if (writer.full) await writer.drain()
        continue
      }
      const order = place === octets.length ? 1 : !inside ? -1 : compareSerials(octets, place, rows.octets, rows.from)
      const length = place === octets.length ? 0 : lengthAt(octets, place)
      if (order < 0) {
        if (everything) withoutRow.push(serialAt(octets, place))
        if (written) writer.write(octets, place, place + length)
        place += length
        continue
      }
      if (order > 0) {
        if (!rows.gone && (!parts.belongs || (await parts.belongs(serialAt(rows.octets, rows.from))))) {
          write()
          writer.write(rows.octets, rows.from, rows.to)
          added++
        }
      } else {
        write()
        if (rows.gone) dropped.push(serialAt(octets, place))
        else {
          writer.write(rows.octets, rows.from, rows.to)
          corrected++
        }
        place += length
      }
      if (rows.step()) await rows.fill()
      if (writer.full) await writer.drain()
    }
    if (written) await writer.flush()
    else if (chunk) writer.add(chunk)
  }
  return { chunks: await writer.end(), changed, added, corrected, dropped, withoutRow }
}

async function oneOf(chunks: AsyncIterator<{ readonly octets: Buffer }>): Promise<Buffer> {
  const { value, done } = await chunks.next()
  if (done) throw new Error('a chunk was asked for and not given')
  return value.octets
}

function lengthAt(octets: Buffer, at: number): number {
  const length = usualLength(octets, at)
  if (length === 0 || at + length > octets.length) throw new TypeError('an entry on the list is not of the form of ours')
  return length
}

/** As much of an entry as comparing takes. */
function serialEntry(serial: string): Buffer {
  const digits = Buffer.from(serial, 'hex')
  return Buffer.concat([Buffer.from([0x30, 2 + digits.length, 0x02, digits.length]), digits])
}

/** Pages read as one sequence. */
class Rows {
  readonly #pages: AsyncIterator<RevokedPage>
  #page: RevokedPage = { octets: Buffer.alloc(0), ends: [], gone: new Set() }
  #at = 0
  over = false
  from = 0
  to = 0

  constructor(pages: AsyncIterable<RevokedPage>) {
    this.#pages = pages[Symbol.asyncIterator]()
  }
  get octets(): Buffer {
    return this.#page.octets
  }
  get gone(): boolean {
    return this.#page.gone.has(this.#at)
  }
  async next(): Promise<void> {
    this.#at = -1
    if (this.step()) await this.fill()
  }
  /** Steps on. True when the next page must be read first: kept apart, since waiting at each row would take longer than the row. */
  step(): boolean {
    this.#at++
    if (this.#at >= this.#page.ends.length) return true
    this.from = this.#at === 0 ? 0 : this.#page.ends[this.#at - 1]!
    this.to = this.#page.ends[this.#at]!
    return false
  }
  async fill(): Promise<void> {
    do {
      const { value, done } = await this.#pages.next()
      if (done) {
        this.over = true
        return
      }
      this.#page = value
    } while (this.#page.ends.length === 0)
    this.#at = -1
    this.step()
  }
  /** How many octets from this row on are those of the list from `place` on, both to the end of an entry: nothing changed in them. */
  alike(octets: Buffer, place: number): number {
    const most = Math.min(octets.length - place, this.#page.octets.length - this.from)
    if (most > 0 && this.#page.gone.size === 0 && this.#page.octets.compare(octets, place, place + most, this.from, this.from + most) === 0) return most
    const one = this.to - this.from
    return !this.gone && place + one <= octets.length && this.#page.octets.compare(octets, place, place + one, this.from, this.to) === 0 ? one : 0
  }
  /** Steps over so many octets of rows. True when the next page must be read first. */
  pass(length: number): boolean {
    const end = this.from + length
    while (this.#at < this.#page.ends.length && this.#page.ends[this.#at]! < end) this.#at++
    return this.step()
  }
}

/** Fills chunks with runs of entries, and cuts them evenly. Its memory is used again and again: a list of a million entries leaves no garbage of its size. */
class ChunkWriter {
  readonly #parts: Pick<MergeParts, 'keep'>
  readonly #refs: ChunkRef[] = []
  readonly #spare: Buffer[] = []
  readonly #buffer = Buffer.allocUnsafeSlow(4 * CHUNK_OCTETS)
  #made: (NewChunk & { readonly room: Buffer })[] = []
  #length = 0

  constructor(parts: Pick<MergeParts, 'keep'>) {
    this.#parts = parts
  }
  get full(): boolean {
    return this.#made.length >= KEEP_AT_ONCE
  }
  add(chunk: ChunkRef): void {
    this.#refs.push(chunk)
  }
  /** Any number of whole entries; their octets are copied. */
  write(octets: Buffer, from: number, to: number): void {
    for (let at = from; at < to; ) {
      const next = Math.min(to, at + this.#buffer.length - this.#length)
      this.#length += octets.copy(this.#buffer, this.#length, at, next)
      at = next
      while (this.#length >= 2 * CHUNK_OCTETS) this.#cut(CHUNK_OCTETS)
    }
  }
  async drain(): Promise<void> {
    const made = this.#made
    this.#made = []
    await this.#parts.keep(made)
    for (const { room } of made) this.#spare.push(room)
  }
  /** Ends the chunk that is being written. */
  async flush(): Promise<void> {
    if (this.#length > 1.5 * CHUNK_OCTETS) this.#cut(this.#length / 2)
    if (this.#length > 0) this.#cut(this.#length)
    if (this.full) await this.drain()
  }
  async end(): Promise<readonly ChunkRef[]> {
    await this.flush()
    if (this.#made.length > 0) await this.drain()
    return this.#refs
  }

  /** Makes a chunk of the first entries, of at least so many octets. */
  #cut(least: number): void {
    let [to, entries, last] = [0, 0, 0]
    for (; to < least; entries++) {
      last = to
      to += lengthAt(this.#buffer, to)
    }
    const room = this.#spare.pop() ?? Buffer.allocUnsafeSlow(2 * CHUNK_OCTETS)
    const octets = room.subarray(0, this.#buffer.copy(room, 0, 0, to))
    const sha256 = createHash('sha256').update(octets).digest()
    this.#made.push({ sha256, entries, octets, room })
    this.#refs.push({ sha256, entries, octets: to, first: serialAt(octets, 0), last: serialAt(octets, last) })
    this.#buffer.copyWithin(0, to, this.#length)
    this.#length -= to
  }
}
