/**
 * BER (X.690) as CMS allows it (RFC 5652 1): indefinite lengths and strings in pieces, as streaming signers write. Rewritten with definite, shortest
 * lengths and whole strings, so that the strict reader of `der.ts` takes it; nothing else is mended.
 */
import { MalformedDer, TAG, tlv } from './der.ts'

const MAX_DEPTH = 32
const MAX_VALUES = 20_000

/** Universal string types that BER may cut into pieces, with the bit of a constructed value. */
const CONSTRUCTED = 0x20
const PIECES_OF = new Map<number, number>([
  [TAG.octetString | CONSTRUCTED, TAG.octetString],
  [TAG.utf8String | CONSTRUCTED, TAG.utf8String],
])

/**
 * The first value of `bytes` with definite lengths, and how many octets it took.
 * @throws MalformedDer when it is cut short, or nested or long beyond any signature
 */
export function definiteLengths(bytes: Buffer): { readonly der: Buffer; readonly end: number } {
  let values = 0

  function read(start: number, limit: number, depth: number): { der: Buffer; end: number } {
    if (depth > MAX_DEPTH) throw new MalformedDer(`values nested deeper than ${MAX_DEPTH}`, start)
    if (++values > MAX_VALUES) throw new MalformedDer('too many values', start)
    if (start + 2 > limit) throw new MalformedDer('value cut short', start)
    const tag = bytes[start]!
    if ((tag & 0x1f) === 0x1f) throw new MalformedDer('tag numbers above 30 are not used here', start)
    const first = bytes[start + 1]!
    if (first === 0x80) {
      if ((tag & CONSTRUCTED) === 0) throw new MalformedDer('indefinite length of a primitive value', start)
      const inner = readAll(start + 2, limit, depth, true)
      return { der: write(tag, inner.values, start), end: inner.end }
    }
    let cursor = start + 2
    let length = first
    if (first > 0x80) {
      const octets = first & 0x7f
      if (octets > 4 || cursor + octets > limit) throw new MalformedDer('length field too long', start)
      length = bytes.readUIntBE(cursor, octets)
      cursor += octets
    }
    const end = cursor + length
    if (end > limit) throw new MalformedDer('value cut short', start)
    if ((tag & CONSTRUCTED) === 0) return { der: tlv(tag, bytes.subarray(cursor, end)), end }
    return { der: write(tag, readAll(cursor, end, depth, false).values, start), end }
  }

  function readAll(start: number, limit: number, depth: number, untilMark: boolean): { values: Buffer[]; end: number } {
    const found: Buffer[] = []
    let cursor = start
    for (;;) {
      if (untilMark && cursor + 2 <= limit && bytes[cursor] === 0 && bytes[cursor + 1] === 0) return { values: found, end: cursor + 2 }
      if (cursor >= limit) {
        if (untilMark) throw new MalformedDer('value of indefinite length without an end', start)
        return { values: found, end: cursor }
      }
      const value = read(cursor, limit, depth + 1)
      found.push(value.der)
      cursor = value.end
    }
  }

  function write(tag: number, inner: readonly Buffer[], offset: number): Buffer {
    const whole = PIECES_OF.get(tag)
    if (whole === undefined) return tlv(tag, ...inner)
    return tlv(whole, ...inner.map((piece) => pieceOf(piece, whole, offset)))
  }

  return read(0, bytes.length, 0)
}

/** The content of one piece of a string, written above with the shortest length. */
function pieceOf(piece: Buffer, tag: number, offset: number): Buffer {
  if (piece[0] !== tag) throw new MalformedDer('string in pieces of another type', offset)
  const first = piece[1]!
  return piece.subarray(first < 0x80 ? 2 : 2 + (first & 0x7f))
}
