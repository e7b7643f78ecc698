/** PDF values (ISO 32000-1 7.3) out of octets, strict where their extent counts: what a file holds is decided by its cross-reference table alone. */
import { MalformedPdf } from './pdf-fault.ts'
import { PDF_STEPS, type PdfWork } from './pdf-work.ts'

export interface Name {
  readonly name: string
}
export interface Reference {
  readonly object: number
}
export type Dictionary = ReadonlyMap<string, Value>
export interface Stream {
  readonly dictionary: Dictionary
  /** Where its octets begin; how many they are stands in the dictionary, perhaps elsewhere. */
  readonly start: number
}
/** An operator of a content stream. */
export interface Operator {
  readonly operator: string
}
export type Value = null | boolean | number | Buffer | Name | Reference | Dictionary | Stream | Operator | readonly Value[]

export const isDictionary = (value: Value | undefined): value is Dictionary => value instanceof Map
export const isStream = (value: Value | undefined): value is Stream => typeof value === 'object' && value !== null && 'dictionary' in value
export const isReference = (value: Value | undefined): value is Reference => typeof value === 'object' && value !== null && 'object' in value
export const isList = (value: Value | undefined): value is readonly Value[] => Array.isArray(value)
export const isOperator = (value: Value | undefined): value is Operator => typeof value === 'object' && value !== null && 'operator' in value
/** The text of a name; null for every other value. */
export const nameOf = (value: Value | undefined): string | null => (typeof value === 'object' && value !== null && 'name' in value ? value.name : null)

const MAX_DEPTH = 24
const WHITE = new Set([0, 9, 10, 12, 13, 32])
const DELIMITERS = new Set([...Buffer.from('()<>[]{}/%')])
const isRegular = (octet: number | undefined): octet is number => octet !== undefined && !WHITE.has(octet) && !DELIMITERS.has(octet)

/** Reads values one after another from `at` on; every octet passed and every value made is paid for. */
export class PdfReader {
  readonly #bytes: Buffer
  readonly #work: PdfWork
  /** Content streams have operators and no references. */
  readonly #content: boolean
  at: number
  constructor(bytes: Buffer, work: PdfWork, at = 0, content = false) {
    this.#bytes = bytes
    this.#work = work
    this.#content = content
    this.at = at
  }

  skip(): void {
    const start = this.at
    for (let octet = this.#bytes[this.at]; octet !== undefined; octet = this.#bytes[this.at]) {
      if (octet === 0x25) while (this.at < this.#bytes.length && this.#bytes[this.at] !== 10 && this.#bytes[this.at] !== 13) this.at++
      else if (WHITE.has(octet)) this.at++
      else break
    }
    this.#work.spend(this.at - start)
  }

  /** Goes on behind the first `word` that stands between white space; to the end where there is none. */
  skipPast(word: string): void {
    const start = this.at
    for (let found = this.#bytes.indexOf(word, start, 'latin1'); ; found = this.#bytes.indexOf(word, found + 1, 'latin1')) {
      this.at = found < 0 ? this.#bytes.length : found + word.length
      if (found < 0 || (WHITE.has(this.#bytes[found - 1] ?? 0) && WHITE.has(this.#bytes[this.at] ?? 0))) break
    }
    this.#work.spend(this.at - start)
  }

  get done(): boolean {
    this.skip()
    return this.at >= this.#bytes.length
  }

  /** Takes these characters when they come next. */
  take(word: string): boolean {
    this.skip()
    if (this.#bytes.toString('latin1', this.at, this.at + word.length) !== word || isRegular(this.#bytes[this.at + word.length])) return false
    this.at += word.length
    return true
  }

  number(): number {
    const value = this.value()
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw new MalformedPdf('structure')
    return value
  }

  /** @throws MalformedPdf */
  value(depth = 0): Value {
    if (depth > MAX_DEPTH) throw new MalformedPdf('structure')
    this.skip()
    const octet = this.#bytes[this.at]
    const next = this.#bytes[this.at + 1]
    if (octet === undefined) throw new MalformedPdf('cut-short')
    const collection = octet === 0x5b || (octet === 0x3c && next === 0x3c)
    this.#work.spend(collection ? PDF_STEPS.collection : PDF_STEPS.value)
    if (collection) return octet === 0x5b ? this.#list(depth) : this.#dictionary(depth)
    const start = this.at
    const found = this.#scalar(octet)
    this.#work.spend(this.at - start)
    return found
  }

  #scalar(octet: number): Value {
    if (octet === 0x2f) return this.#name()
    if (octet === 0x28) return this.#literal()
    if (octet === 0x3c) return this.#hex()
    if (!isRegular(octet)) throw new MalformedPdf('structure')
    return this.#word()
  }

  #name(): Name {
    const start = ++this.at
    while (isRegular(this.#bytes[this.at])) this.at++
    return { name: this.#bytes.toString('latin1', start, this.at).replace(/#([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))) }
  }

  #word(): Value {
    const start = this.at
    while (isRegular(this.#bytes[this.at])) this.at++
    const word = this.#bytes.toString('latin1', start, this.at)
    // Each alternative begins with what no other goes on with: no row of digits is tried twice.
    if (/^[+-]?(?:\d+(?:\.\d*)?|\.\d+)$/.test(word)) return this.#content || !/^\d{1,10}$/.test(word) ? Number(word) : this.#reference(Number(word))
    if (word === 'true' || word === 'false') return word === 'true'
    if (word === 'null') return null
    if (this.#content) return { operator: word }
    throw new MalformedPdf('structure')
  }

  /** `12 0 R`, or the number alone. */
  #reference(object: number): Value {
    const after = this.at
    const found = /^[\0\t\n\f\r ]+\d{1,5}[\0\t\n\f\r ]+R(?![^\0\t\n\f\r ()<>[\]{}/%])/.exec(this.#bytes.toString('latin1', after, after + 24))
    if (!found) return object
    this.at = after + found[0].length
    return { object }
  }

  #list(depth: number): Value[] {
    this.at++
    const found: Value[] = []
    for (;;) {
      this.skip()
      if (this.#bytes[this.at] === 0x5d) {
        this.at++
        return found
      }
      found.push(this.value(depth + 1))
    }
  }

  #dictionary(depth: number): Dictionary | Stream {
    this.at += 2
    const found = new Map<string, Value>()
    for (;;) {
      this.skip()
      if (this.#bytes[this.at] === 0x3e && this.#bytes[this.at + 1] === 0x3e) break
      if (this.#bytes[this.at] !== 0x2f) throw new MalformedPdf('structure')
      const start = this.at
      const { name } = this.#name()
      this.#work.spend(PDF_STEPS.value + this.at - start)
      // ISO 32000-1 7.3.7: each key once; readers differ on which of two counts.
      if (found.has(name)) throw new MalformedPdf('structure')
      found.set(name, this.value(depth + 1))
    }
    this.at += 2
    if (depth > 0 || this.#content) return found
    const after = this.at
    if (!this.take('stream')) {
      this.at = after
      return found
    }
    if (this.#bytes[this.at] === 13) this.at++
    if (this.#bytes[this.at] !== 10) throw new MalformedPdf('structure')
    return { dictionary: found, start: this.at + 1 }
  }

  #hex(): Buffer {
    const end = this.#bytes.indexOf(0x3e, this.at)
    if (end < 0) throw new MalformedPdf('cut-short')
    const digits = this.#bytes.toString('latin1', this.at + 1, end).replace(/[\0\t\n\f\r ]/g, '')
    if (!/^[0-9A-Fa-f]*$/.test(digits)) throw new MalformedPdf('structure')
    this.at = end + 1
    return Buffer.from(digits.length % 2 ? `${digits}0` : digits, 'hex')
  }

  #literal(): Buffer {
    const found: number[] = []
    let open = 1
    for (this.at++; ; this.at++) {
      const octet = this.#bytes[this.at]
      if (octet === undefined) throw new MalformedPdf('cut-short')
      if (octet === 0x5c) this.#escape(found)
      else {
        if (octet === 0x28) open++
        if (octet === 0x29 && --open === 0) break
        found.push(octet)
      }
    }
    this.at++
    return Buffer.from(found)
  }

  #escape(found: number[]): void {
    const octet = this.#bytes[++this.at]
    if (octet === undefined) throw new MalformedPdf('cut-short')
    const octal = /^[0-7]{1,3}/.exec(this.#bytes.toString('latin1', this.at, this.at + 3))?.[0]
    if (octal) {
      found.push(Number.parseInt(octal, 8) & 0xff)
      this.at += octal.length - 1
    } else if (octet === 13) {
      if (this.#bytes[this.at + 1] === 10) this.at++
    } else if (octet !== 10) found.push(ESCAPES[String.fromCharCode(octet)] ?? octet)
  }
}

const ESCAPES: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, b: 8, f: 12 }
