/**
 * The chunks of lists for a process that publishes one list after the other: those that it wrote or read stand in a file of its own without a name as
 * well, so that reading a million entries again costs neither the database nor memory. What is read is what its SHA-256 says, wherever it came from.
 */
import { createHash, randomUUID } from 'node:crypto'
import { openSync, readSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { keepChunks, readChunks, type Chunk } from './crl-store.ts'
import type { Database } from './database.ts'

/** The event loop has its turn after so many octets. */
const TURN_OCTETS = 1 << 19
/** What no list has any more may take so much room. */
const SPARE_OCTETS = 1 << 26
/** No chunk of ours is larger. */
const LARGEST = 1 << 18

export class ChunkStore {
  readonly #db: Database
  readonly #file: number | null
  readonly #places = new Map<string, { readonly at: number; readonly length: number; readonly entries: number }>()
  #end = 0
  /** Octets that have a place. */
  #held = 0

  /** @param folder where the file is made; null: none, everything is read from the database */
  constructor(db: Database, folder: string | null) {
    this.#db = db
    this.#file = folder === null ? null : nameless(folder)
  }

  /** For `mergeEntries`. */
  get parts() {
    return { read: (digests: readonly Buffer[]) => this.read(digests), keep: (chunks: readonly Chunk[]) => this.keep(chunks) }
  }

  /** Writes chunks into the database, where they are shared, and the file. */
  async keep(chunks: readonly Chunk[]): Promise<void> {
    await keepChunks(this.#db, chunks)
    for (const chunk of chunks) this.#put(chunk)
  }

  /**
   * Chunks in the order asked for. The octets of each are good until the next is asked for: they stand in one place in memory.
   * @throws CrlDamaged
   */
  async *read(digests: readonly Buffer[]): AsyncGenerator<Chunk> {
    const shared = Buffer.allocUnsafeSlow(LARGEST)
    let since = 0
    for (let at = 0; at < digests.length; ) {
      const known = this.#take(digests[at]!, shared)
      if (known) {
        yield known
        since += known.octets.length
        if (since > TURN_OCTETS) {
          since = 0
          await turn()
        }
        at++
        continue
      }
      let next = at + 1
      while (next < digests.length && !this.#places.has(digests[next]!.toString('hex'))) next++
      for await (const chunk of readChunks(this.#db, digests.slice(at, next))) {
        this.#put(chunk)
        yield chunk
      }
      at = next
    }
  }

  #take(sha256: Buffer, shared: Buffer): Chunk | null {
    const name = sha256.toString('hex')
    const place = this.#places.get(name)
    if (!place) return null
    const octets = shared.subarray(0, place.length)
    const whole = readSync(this.#file!, octets, 0, place.length, place.at) === place.length
    if (whole && createHash('sha256').update(octets).digest().equals(sha256)) return { sha256, entries: place.entries, octets }
    this.#forget(name, place)
    return null
  }

  #put({ sha256, entries, octets }: Chunk): void {
    const name = sha256.toString('hex')
    if (this.#file === null || octets.length > LARGEST || this.#places.has(name)) return
    if (this.#end > 2 * this.#held + SPARE_OCTETS) {
      // Begun again: what is still wanted comes from the database once more.
      this.#places.clear()
      this.#end = this.#held = 0
    }
    writeSync(this.#file, octets, 0, octets.length, this.#end)
    this.#places.set(name, { at: this.#end, length: octets.length, entries })
    this.#end += octets.length
    this.#held += octets.length
  }

  /** Told which chunks lists have now: the others give up their places. */
  retain(digests: ReadonlySet<string>): void {
    for (const [name, place] of this.#places) if (!digests.has(name)) this.#forget(name, place)
  }

  #forget(name: string, { length }: { readonly length: number }): void {
    this.#places.delete(name)
    this.#held -= length
  }
}

/** A file that nobody else can open, and that is gone when the process is. */
function nameless(folder: string): number {
  const path = join(folder, `.crl-chunks-${randomUUID()}`)
  const file = openSync(path, 'wx+', 0o600)
  unlinkSync(path)
  return file
}
