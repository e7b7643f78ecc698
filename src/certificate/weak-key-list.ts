/**
 * Lists of weak keys as others publish them (KEY-3): foreign files of any size, read as a stream. What a digest stands for: `weak-key-digests.ts`.
 *
 * - A text with one digest a line, in hex: 20 digits as in Debian's openssl-blacklist (`sha1-80`), 64 for this software's own `sha256`. Lines that begin
 *   with `#` and empty ones are comments; any other line is skipped and counted.
 * - `blocklist.dat` of badkeys: blocks of 16 octets, sorted, each the first 15 octets of a SHA-256 (`sha256-120`) and one octet that names the collection.
 *   RSA keys and others stand in it side by side; a digest of another kind of key matches no modulus. Its `lookup.txt` holds 64 bits a key,
 *   too few to refuse anybody by, and is not taken: each of its lines is skipped.
 */
import { createHash } from 'node:crypto'
import type { WeakKeyDigest } from './weak-key-digests.ts'

export type WeakKeyListForm = 'openssl-blacklist' | 'modulus-sha256' | 'mixed-text' | 'badkeys'
export type WeakKeyListRefusal = 'compressed' | 'no-list' | 'unsorted' | 'cut-short'

/** The file is none of these lists; `line` or block, counted from 1, where it shows. */
export class WeakKeyListRefused extends Error {
  readonly #weakKeyListRefused = true
  readonly reason: WeakKeyListRefusal
  constructor(reason: WeakKeyListRefusal, where?: number) {
    super(`${reason}${where === undefined ? '' : ` at ${where}`}`)
    this.reason = reason
  }
  static is(error: unknown): error is WeakKeyListRefused {
    return typeof error === 'object' && error !== null && #weakKeyListRefused in error
  }
}

/** What one stretch of the file holds. */
export interface WeakKeyListPart {
  readonly digests: readonly WeakKeyDigest[]
  /** Numbers of the lines that are no digest and no comment, from 1. */
  readonly skipped: readonly number[]
}

export interface WeakKeyListSurvey {
  /** Of all of the file's octets, lower-case hex. */
  readonly sha256: string
  readonly form: WeakKeyListForm
  readonly entries: number
  readonly skipped: number
  /** Of the first skipped lines. */
  readonly skippedLines: readonly number[]
  readonly bytes: number
}

type Chunks = AsyncIterable<Uint8Array>

const BLOCK = 16
/** A longer line is no digest; its rest is not kept. */
const LONGEST_LINE = 1024
const SNIFFED = 64
const SHOWN_LINES = 5
const COMPRESSED: readonly (readonly number[])[] = [[0xfd, 0x37, 0x7a, 0x58, 0x5a], [0x1f, 0x8b], [0x50, 0x4b, 0x03, 0x04], [0x42, 0x5a, 0x68], [0x28, 0xb5, 0x2f, 0xfd]]

/**
 * The list's parts in the file's order, each of bounded size.
 * @throws WeakKeyListRefused when the file is no such list; parts before that place may have come
 */
export async function* readWeakKeyList(chunks: Chunks): AsyncGenerator<WeakKeyListPart> {
  let head: Buffer | null = Buffer.alloc(0)
  let reader: Reader | null = null
  for await (const chunk of chunks) {
    if (reader) {
      yield reader.take(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length))
      continue
    }
    head = Buffer.concat([head ?? Buffer.alloc(0), chunk])
    if (head.length < SNIFFED) continue
    reader = chooseReader(head)
    yield reader.take(head)
    head = null
  }
  if (!reader) {
    reader = chooseReader(head!)
    yield reader.take(head!)
  }
  yield reader.end()
}

/**
 * Reads all of it once, handing each part's digests to `take`, and keeps nothing.
 * @throws WeakKeyListRefused when the file is no such list, or holds not one digest
 */
export async function surveyWeakKeyList(chunks: Chunks, take: (digests: readonly WeakKeyDigest[]) => Promise<void> | void = () => undefined): Promise<WeakKeyListSurvey> {
  const hash = createHash('sha256')
  let [bytes, entries, skipped] = [0, 0, 0]
  const skippedLines: number[] = []
  const kinds = new Set<string>()
  for await (const part of readWeakKeyList(hashed())) {
    entries += part.digests.length
    skipped += part.skipped.length
    skippedLines.push(...part.skipped.slice(0, SHOWN_LINES - skippedLines.length))
    for (const { kind } of part.digests) kinds.add(kind)
    if (part.digests.length > 0) await take(part.digests)
  }
  if (entries === 0) throw new WeakKeyListRefused('no-list')
  return { sha256: hash.digest('hex'), form: formOf(kinds), entries, skipped, skippedLines, bytes }

  async function* hashed(): Chunks {
    for await (const chunk of chunks) {
      hash.update(chunk)
      bytes += chunk.length
      yield chunk
    }
  }
}

function formOf(kinds: ReadonlySet<string>): WeakKeyListForm {
  if (kinds.size > 1) return 'mixed-text'
  return kinds.has('sha256-120') ? 'badkeys' : kinds.has('sha1-80') ? 'openssl-blacklist' : 'modulus-sha256'
}

interface Reader {
  take(chunk: Buffer): WeakKeyListPart
  end(): WeakKeyListPart
}

function chooseReader(head: Buffer): Reader {
  if (COMPRESSED.some((magic) => magic.every((octet, at) => head[at] === octet))) throw new WeakKeyListRefused('compressed')
  // That so many octets of digests are all printable has a chance below one in 10^26.
  const printable = head.subarray(0, SNIFFED).every((octet) => (octet >= 0x20 && octet <= 0x7e) || octet === 0x09 || octet === 0x0a || octet === 0x0d)
  return printable ? textReader() : badkeysReader()
}

function textReader(): Reader {
  let line = 0
  let held = ''
  let overlong = false
  const readLine = (text: string, digests: WeakKeyDigest[], skipped: number[]) => {
    line++
    const trimmed = text.trim()
    if (overlong) skipped.push(line)
    else if (/^[0-9a-f]{20}$/i.test(trimmed)) digests.push({ kind: 'sha1-80', digest: trimmed.toLowerCase() })
    else if (/^[0-9a-f]{64}$/i.test(trimmed)) digests.push({ kind: 'sha256', digest: trimmed.toLowerCase() })
    else if (trimmed !== '' && !trimmed.startsWith('#')) skipped.push(line)
    overlong = false
  }
  return {
    take(chunk) {
      const [digests, skipped]: [WeakKeyDigest[], number[]] = [[], []]
      const lines = (held + chunk.toString('latin1')).split('\n')
      held = lines.pop()!
      for (const each of lines) readLine(each, digests, skipped)
      if (held.length > LONGEST_LINE) {
        // A comment may be as long as it likes.
        overlong = overlong || !held.startsWith('#')
        held = held.slice(0, 1)
      }
      return { digests, skipped }
    },
    end() {
      const [digests, skipped]: [WeakKeyDigest[], number[]] = [[], []]
      if (held !== '' || overlong) readLine(held, digests, skipped)
      return { digests, skipped }
    },
  }
}

function badkeysReader(): Reader {
  let held = Buffer.alloc(0)
  let previous: Buffer | null = null
  let block = 0
  return {
    take(chunk) {
      const octets = held.length === 0 ? chunk : Buffer.concat([held, chunk])
      const whole = octets.length - (octets.length % BLOCK)
      const digests: WeakKeyDigest[] = []
      for (let at = 0; at < whole; at += BLOCK) {
        block++
        const digest = octets.subarray(at, at + BLOCK - 1)
        // The order is all that tells such a file from any other octets.
        if (previous && previous.compare(digest) > 0) throw new WeakKeyListRefused('unsorted', block)
        previous = digest
        digests.push({ kind: 'sha256-120', digest: digest.toString('hex') })
      }
      held = Buffer.from(octets.subarray(whole))
      if (previous) previous = Buffer.from(previous)
      return { digests, skipped: [] }
    },
    end() {
      if (held.length > 0) throw new WeakKeyListRefused('cut-short', block + 1)
      return { digests: [], skipped: [] }
    },
  }
}
