/**
 * Distinguished Encoding Rules (X.690): a strict, lazy reader with limits, and a small writer.
 * The reader judges nothing beyond the encoding; what the values mean is decided elsewhere.
 */

/** Identifier octets of the types that this software reads and writes. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const

/** Bytes that are not the encoding they claim to be. The message says what is wrong and at which octet. */
export class MalformedDer extends Error {
  readonly #malformedDer = true
  readonly offset: number
  constructor(message: string, offset: number) {
    super(`${message} (octet ${offset})`)
    this.name = 'MalformedDer'
    this.offset = offset
  }
  static is(error: unknown): error is MalformedDer {
    return typeof error === 'object' && error !== null && #malformedDer in error
  }
}

interface Budget {
  nodes: number
  readonly maxDepth: number
}

/** One value: its identifier octet, its content and its whole encoding. Children are read when asked for. */
export class Der {
  readonly tag: number
  readonly #source: Buffer
  readonly #start: number
  readonly #contentStart: number
  readonly #end: number
  readonly #budget: Budget
  readonly #depth: number

  constructor(source: Buffer, start: number, limit: number, budget: Budget, depth: number) {
    if (depth > budget.maxDepth) throw new MalformedDer(`values nested deeper than ${budget.maxDepth}`, start)
    if (--budget.nodes < 0) throw new MalformedDer('too many values', start)
    if (start + 2 > limit) throw new MalformedDer('value cut short', start)
    this.tag = source[start]!
    if ((this.tag & 0x1f) === 0x1f) throw new MalformedDer('tag numbers above 30 are not used here', start)
    let cursor = start + 1
    let length = source[cursor++]!
    if (length === 0x80) throw new MalformedDer('indefinite length is not DER', start)
    if (length > 0x80) {
      const octets = length & 0x7f
      if (octets > 4) throw new MalformedDer('length field too long', start)
      if (cursor + octets > limit) throw new MalformedDer('value cut short', start)
      length = source.readUIntBE(cursor, octets)
      cursor += octets
      if (length < 0x80 || (octets > 1 && length < 2 ** (8 * (octets - 1)))) throw new MalformedDer('length is not in its shortest form', start)
    }
    if (cursor + length > limit) throw new MalformedDer('value cut short', start)
    this.#source = source
    this.#start = start
    this.#contentStart = cursor
    this.#end = cursor + length
    this.#budget = budget
    this.#depth = depth
  }

  get end(): number {
    return this.#end
  }
  get offset(): number {
    return this.#start
  }
  get constructed(): boolean {
    return (this.tag & 0x20) !== 0
  }
  /** The content octets. */
  get value(): Buffer {
    return this.#source.subarray(this.#contentStart, this.#end)
  }
  /** The whole encoding: identifier, length and content. */
  get raw(): Buffer {
    return this.#source.subarray(this.#start, this.#end)
  }

  /** The values inside a constructed value, each octet accounted for. */
  children(): Der[] {
    if (!this.constructed) throw new MalformedDer('expected a constructed value', this.#start)
    const found: Der[] = []
    for (let cursor = this.#contentStart; cursor < this.#end; ) {
      const child = new Der(this.#source, cursor, this.#end, this.#budget, this.#depth + 1)
      found.push(child)
      cursor = child.end
    }
    return found
  }

  /** The one value inside: what an explicit tag is around, or the single member of a SET. */
  only(): Der {
    const [child, ...rest] = this.children()
    if (!child || rest.length > 0) throw new MalformedDer('expected exactly one value', this.#start)
    return child
  }

  /** This value, when it carries the tag; an error that names both otherwise. */
  expect(tag: number, what = 'value'): this {
    if (this.tag !== tag) throw new MalformedDer(`${what}: expected tag 0x${tag.toString(16)}, found 0x${this.tag.toString(16)}`, this.#start)
    return this
  }

  /** The dotted form of an OBJECT IDENTIFIER. */
  oid(): string {
    this.expect(TAG.oid, 'object identifier')
    const bytes = this.value
    if (bytes.length === 0 || bytes.length > 64 || (bytes.at(-1)! & 0x80) !== 0) throw new MalformedDer('object identifier is not well formed', this.#start)
    const arcs: bigint[] = []
    let arc = 0n
    let first = true
    for (const byte of bytes) {
      if (first && byte === 0x80) throw new MalformedDer('object identifier is not in its shortest form', this.#start)
      arc = (arc << 7n) | BigInt(byte & 0x7f)
      first = (byte & 0x80) === 0
      if (first) {
        arcs.push(arc)
        arc = 0n
      }
    }
    const head = arcs.shift()!
    const root = head < 40n ? 0n : head < 80n ? 1n : 2n
    return [root, head - root * 40n, ...arcs].join('.')
  }

  /** An INTEGER in its shortest form. */
  integer(): bigint {
    this.expect(TAG.integer, 'integer')
    return this.#twosComplement()
  }

  /** An ENUMERATED value. */
  enumerated(): bigint {
    this.expect(TAG.enumerated, 'enumerated')
    return this.#twosComplement()
  }

  #twosComplement(): bigint {
    const bytes = this.value
    if (bytes.length === 0) throw new MalformedDer('integer without content', this.#start)
    if (bytes.length > 1 && ((bytes[0] === 0 && bytes[1]! < 0x80) || (bytes[0] === 0xff && bytes[1]! >= 0x80))) throw new MalformedDer('integer is not in its shortest form', this.#start)
    const unsigned = BigInt(`0x${bytes.toString('hex')}`)
    return bytes[0]! >= 0x80 ? unsigned - (1n << BigInt(8 * bytes.length)) : unsigned
  }

  boolean(): boolean {
    this.expect(TAG.boolean, 'boolean')
    const bytes = this.value
    if (bytes.length !== 1 || (bytes[0] !== 0 && bytes[0] !== 0xff)) throw new MalformedDer('boolean is neither 00 nor FF', this.#start)
    return bytes[0] === 0xff
  }

  /** A BIT STRING that fills whole octets (signatures, keys). */
  bitStringOctets(): Buffer {
    this.expect(TAG.bitString, 'bit string')
    if (this.value.length === 0 || this.value[0] !== 0) throw new MalformedDer('bit string does not fill whole octets', this.#start)
    return this.value.subarray(1)
  }

  /** The set bits of a named-bit list (KeyUsage), as positions; trailing zero bits are not DER (X.690 11.2.2). */
  namedBits(): number[] {
    this.expect(TAG.bitString, 'bit string')
    const bytes = this.value
    const unused = bytes[0]
    if (unused === undefined || unused > 7 || (bytes.length === 1 && unused !== 0)) throw new MalformedDer('bit string is not well formed', this.#start)
    const positions: number[] = []
    for (let octet = 1; octet < bytes.length; octet++) for (let bit = 0; bit < 8; bit++) if (bytes[octet]! & (0x80 >> bit)) positions.push((octet - 1) * 8 + bit)
    if (bytes.length > 1 && positions.at(-1) !== (bytes.length - 1) * 8 - 1 - unused) throw new MalformedDer('bit list is not in its shortest form', this.#start)
    return positions
  }

  /** The text of a directory string or IA5String. */
  text(): string {
    const bytes = this.value
    switch (this.tag) {
      case TAG.utf8String:
        try {
          return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
        } catch {
          throw new MalformedDer('text is not UTF-8', this.#start)
        }
      case TAG.printableString:
        if (!/^[A-Za-z0-9 '()+,\-./:=?]*$/.test(bytes.toString('latin1'))) throw new MalformedDer('character not allowed in PrintableString', this.#start)
        return bytes.toString('latin1')
      case TAG.ia5String:
        if (bytes.some((byte) => byte > 0x7f)) throw new MalformedDer('character not allowed in IA5String', this.#start)
        return bytes.toString('latin1')
      case TAG.teletexString:
        return bytes.toString('latin1')
      case TAG.bmpString:
        if (bytes.length % 2 !== 0) throw new MalformedDer('BMPString of odd length', this.#start)
        return Buffer.from(bytes).swap16().toString('utf16le')
      default:
        throw new MalformedDer(`expected text, found tag 0x${this.tag.toString(16)}`, this.#start)
    }
  }

  /** UTCTime or GeneralizedTime in the forms of RFC 5280 4.1.2.5: seconds present, Z, no fraction. */
  time(): Date {
    const text = this.value.toString('latin1')
    const utc = this.tag === TAG.utcTime
    if (!utc && this.tag !== TAG.generalizedTime) throw new MalformedDer('expected a time', this.#start)
    const parts = (utc ? /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/ : /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/).exec(text)
    if (!parts) throw new MalformedDer('time is not in the form of RFC 5280', this.#start)
    const [year, month, day, hour, minute, second] = parts.slice(1).map(Number) as [number, number, number, number, number, number]
    const full = utc ? (year < 50 ? 2000 + year : 1900 + year) : year
    const date = new Date(0)
    date.setUTCFullYear(full, month - 1, day)
    date.setUTCHours(hour, minute, second, 0)
    if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day || date.getUTCHours() !== hour || date.getUTCMinutes() !== minute || date.getUTCSeconds() !== second)
      throw new MalformedDer('no such time', this.#start)
    return date
  }
}

/**
 * Reads exactly one value that fills `bytes`.
 * @throws MalformedDer on trailing octets, non-DER lengths, values cut short, or a limit passed
 */
export function readDer(bytes: Uint8Array, limits: { maxBytes?: number; maxDepth?: number; maxNodes?: number } = {}): Der {
  const { maxBytes = 1 << 20, maxDepth = 32, maxNodes = 5000 } = limits
  if (bytes.length > maxBytes) throw new MalformedDer(`longer than ${maxBytes} octets`, 0)
  const source = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const root = new Der(source, 0, source.length, { nodes: maxNodes, maxDepth }, 0)
  if (root.end !== source.length) throw new MalformedDer('octets after the value', root.end)
  return root
}

/**
 * Reads the value with which `bytes` begin; what follows it is somebody else's.
 * @throws MalformedDer as readDer does
 */
export function readDerBeginning(bytes: Buffer, { maxDepth = 32, maxNodes = 5000 }: { maxDepth?: number; maxNodes?: number } = {}): Der {
  return new Der(bytes, 0, bytes.length, { nodes: maxNodes, maxDepth }, 0)
}

/**
 * Reads values that stand one behind the other and fill `bytes`, as the content of a SEQUENCE OF does.
 * @throws MalformedDer as readDer does
 */
export function readDerValues(bytes: Uint8Array, limits: { maxBytes?: number; maxDepth?: number; maxNodes?: number } = {}): Der[] {
  const { maxBytes = 1 << 20, maxDepth = 32, maxNodes = 5000 } = limits
  if (bytes.length > maxBytes) throw new MalformedDer(`longer than ${maxBytes} octets`, 0)
  const source = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const budget = { nodes: maxNodes, maxDepth }
  const found: Der[] = []
  for (let cursor = 0; cursor < source.length; cursor = found.at(-1)!.end) found.push(new Der(source, cursor, source.length, budget, 0))
  return found
}

// ---- writer ----

/** Identifier and length octets of a value whose content has `length` octets. */
export function header(tag: number, length: number): Buffer {
  return Buffer.from(length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : length < 0x10000 ? [tag, 0x82, length >> 8, length & 0xff] : length < 0x1000000 ? [tag, 0x83, length >> 16, (length >> 8) & 0xff, length & 0xff] : [tag, 0x84, length >>> 24, (length >> 16) & 0xff, (length >> 8) & 0xff, length & 0xff])
}

/** One value: identifier octet and content. */
export function tlv(tag: number, ...content: Uint8Array[]): Buffer {
  const length = content.reduce((sum, part) => sum + part.length, 0)
  return Buffer.concat([header(tag, length), ...content])
}
export const sequence = (...content: Uint8Array[]): Buffer => tlv(TAG.sequence, ...content)
/** SET OF, its elements in ascending order of their encodings (X.690 11.6). */
export const setOf = (...content: Uint8Array[]): Buffer => tlv(TAG.set, ...[...content].sort(Buffer.compare))
/** A context-specific constructed tag, e.g. `context(0, …)` for [0] EXPLICIT. */
export const context = (number: number, ...content: Uint8Array[]): Buffer => tlv(0xa0 | number, ...content)
/** A context-specific primitive tag, e.g. for [6] IMPLICIT IA5String. */
export const contextPrimitive = (number: number, content: Uint8Array): Buffer => tlv(0x80 | number, content)
export const octetString = (content: Uint8Array): Buffer => tlv(TAG.octetString, content)
export const bitString = (content: Uint8Array, unused = 0): Buffer => tlv(TAG.bitString, Buffer.from([unused]), content)
export const nullValue = (): Buffer => Buffer.from([TAG.null, 0])
export const boolean = (value: boolean): Buffer => tlv(TAG.boolean, Buffer.from([value ? 0xff : 0]))
export const utf8String = (text: string): Buffer => tlv(TAG.utf8String, Buffer.from(text, 'utf8'))
export const printableString = (text: string): Buffer => {
  if (!/^[A-Za-z0-9 '()+,\-./:=?]*$/.test(text)) throw new RangeError('character not allowed in PrintableString')
  return tlv(TAG.printableString, Buffer.from(text, 'latin1'))
}
export const ia5String = (text: string): Buffer => tlv(TAG.ia5String, ia5(text))
/** The octets of an IA5String, for implicit tags. */
export function ia5(text: string): Buffer {
  if (!/^[\x00-\x7f]*$/.test(text)) throw new RangeError('character not allowed in IA5String')
  return Buffer.from(text, 'latin1')
}

/** INTEGER from a number, a bigint, or unsigned big-endian octets. */
export function integer(value: number | bigint | Uint8Array): Buffer {
  return tlv(TAG.integer, integerOctets(value))
}
export const enumerated = (value: number): Buffer => tlv(TAG.enumerated, integerOctets(value))

function integerOctets(value: number | bigint | Uint8Array): Buffer {
  if (value instanceof Uint8Array) {
    let first = 0
    while (first < value.length - 1 && value[first] === 0) first++
    const trimmed = Buffer.from(value.subarray(first))
    return trimmed.length === 0 ? Buffer.from([0]) : trimmed[0]! >= 0x80 ? Buffer.concat([Buffer.from([0]), trimmed]) : trimmed
  }
  const number = BigInt(value)
  if (number < 0n) throw new RangeError('negative integers are not written here')
  const hex = number.toString(16)
  return integerOctets(Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex'))
}

/** OBJECT IDENTIFIER from its dotted form. */
export function oid(dotted: string): Buffer {
  const arcs = dotted.split('.').map((arc) => BigInt(arc))
  if (arcs.length < 2) throw new RangeError(`not an object identifier: ${dotted}`)
  const octets: number[] = []
  const push = (arc: bigint) => {
    const groups = [Number(arc & 0x7fn)]
    for (let rest = arc >> 7n; rest > 0n; rest >>= 7n) groups.unshift(Number(rest & 0x7fn) | 0x80)
    octets.push(...groups)
  }
  push(arcs[0]! * 40n + arcs[1]!)
  for (const arc of arcs.slice(2)) push(arc)
  return tlv(TAG.oid, Buffer.from(octets))
}

/** A named-bit list (KeyUsage) from bit positions, trailing zero bits left out (X.690 11.2.2). */
export function namedBits(positions: number[]): Buffer {
  if (positions.length === 0) return tlv(TAG.bitString, Buffer.from([0]))
  const last = Math.max(...positions)
  const octets = Buffer.alloc((last >> 3) + 1)
  for (const position of positions) octets[position >> 3]! |= 0x80 >> (position & 7)
  return bitString(octets, 7 - (last & 7))
}

const stamp = (date: Date): string => {
  const two = (value: number) => String(value).padStart(2, '0')
  return `${String(date.getUTCFullYear()).padStart(4, '0')}${two(date.getUTCMonth() + 1)}${two(date.getUTCDate())}${two(date.getUTCHours())}${two(date.getUTCMinutes())}${two(date.getUTCSeconds())}Z`
}
/** GeneralizedTime to the second. */
export const generalizedTime = (date: Date): Buffer => tlv(TAG.generalizedTime, Buffer.from(stamp(date), 'latin1'))
/** Time of RFC 5280 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050 on. */
export const time = (date: Date): Buffer =>
  date.getUTCFullYear() >= 1950 && date.getUTCFullYear() < 2050 ? tlv(TAG.utcTime, Buffer.from(stamp(date).slice(2), 'latin1')) : generalizedTime(date)
