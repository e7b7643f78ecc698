/**
 * CBOR (RFC 8949) as attestation objects need it: whole numbers, octets, text, lists and maps with names of text, in the shortest forms and
 * with lengths (CTAP 2 canonical form). Foreign bytes: depth and count limited, no name twice, every octet used.
 */

export type Cbor = number | string | Buffer | null | readonly Cbor[] | CborMap
export type CborMap = ReadonlyMap<string, Cbor>
export const isMap = (value: Cbor | undefined): value is CborMap => value instanceof Map

const MAX_DEPTH = 4
const MAX_ITEMS = 200

/** Null for anything that is not exactly one such value. */
export function readCbor(bytes: Buffer): Cbor | undefined {
  let at = 0
  let items = 0
  const NOTHING = Symbol('nothing')
  const fail = (): never => {
    throw NOTHING
  }
  const take = (octets: number): Buffer => {
    if (at + octets > bytes.length) fail()
    at += octets
    return bytes.subarray(at - octets, at)
  }
  const argument = (low: number): number => {
    if (low < 24) return low
    const octets = ({ 24: 1, 25: 2, 26: 4 } as Record<number, number>)[low] ?? fail()
    const value = take(octets).readUIntBE(0, octets)
    return value < (octets === 1 ? 24 : 2 ** (4 * octets)) ? fail() : value
  }
  const value = (depth: number): Cbor => {
    if (depth > MAX_DEPTH || ++items > MAX_ITEMS) fail()
    const head = take(1)[0]!
    if (head === 0xf6) return null
    const [major, size] = [head >> 5, argument(head & 0x1f)]
    if (major === 0) return size
    if (major === 1) return -1 - size
    if (major === 2) return take(size)
    if (major === 3) return new TextDecoder('utf-8', { fatal: true }).decode(take(size))
    if (major === 4) return Array.from({ length: size > MAX_ITEMS ? fail() : size }, () => value(depth + 1))
    if (major !== 5) fail()
    const members = new Map<string, Cbor>()
    for (let left = size; left > 0; left--) {
      const name = value(depth + 1)
      if (typeof name !== 'string' || members.has(name)) fail()
      members.set(name as string, value(depth + 1))
    }
    return members
  }
  try {
    const read = value(0)
    return at === bytes.length ? read : undefined
  } catch (error) {
    if (error === NOTHING || error instanceof TypeError) return undefined
    throw error
  }
}
