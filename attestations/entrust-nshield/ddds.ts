/**
 * DDDS, the encoding of nShield warrants, as far as warrants use it: small numbers, short text and symbols, lists, maps,
 * octets and big numbers. Any other tag is malformed.
 */
import { MalformedStatement, say } from '../../src/attestation/verifier.ts'

export interface DddsSymbol {
  readonly symbol: string
}
export interface DddsNumber {
  /** Unsigned, most significant octet first. */
  readonly number: Buffer
}
export type DddsValue = number | string | Buffer | DddsSymbol | DddsNumber | readonly DddsValue[] | ReadonlyMap<string, DddsValue>

const MAX_DEPTH = 8
const MAX_VALUES = 200

/** Reads exactly one value that fills the octets. @throws MalformedStatement */
export function readDdds(bytes: Buffer, file: string): DddsValue {
  let at = 0
  let values = 0
  const malformed = () => new MalformedStatement(file, say('attestation-nshield.malformed.field', { field: 'warrant', octet: String(at) }))
  const take = (count: number): Buffer => {
    if (count > bytes.length - at) throw malformed()
    at += count
    return bytes.subarray(at - count, at)
  }
  const text = (count: number): string => {
    const octets = take(count)
    if (octets.some((octet) => octet < 0x20 || octet > 0x7e)) throw malformed()
    return octets.toString('latin1')
  }
  const value = (depth: number): DddsValue => {
    if (depth > MAX_DEPTH || ++values > MAX_VALUES) throw malformed()
    const tag = take(1)[0]!
    const low = tag & 0x0f
    if (tag < 0x20) return tag
    if (tag < 0x30) return text(low)
    if (tag < 0x40) return { symbol: text(low) }
    if (tag >= 0x90 && tag < 0xa0) return Array.from({ length: low }, () => value(depth + 1))
    if (tag >= 0xb0 && tag < 0xc0) {
      const map = new Map<string, DddsValue>()
      for (let index = 0; index < low; index++) {
        const name = symbolOf(value(depth + 1))
        if (name === null || map.has(name)) throw malformed()
        map.set(name, value(depth + 1))
      }
      return map
    }
    if (tag === 0xc4) return { symbol: text(take(1)[0]!) }
    if (tag === 0xc5) return take(take(1)[0]!)
    if (tag === 0xd5) return take(take(2).readUInt16BE(0))
    if (tag === 0xf4) {
      const number = value(depth + 1)
      if (!Buffer.isBuffer(number) || number.length === 0) throw malformed()
      return { number }
    }
    throw malformed()
  }
  const result = value(0)
  if (at !== bytes.length) throw malformed()
  return result
}

export const symbolOf = (value: DddsValue | undefined): string | null => (typeof value === 'object' && 'symbol' in value ? value.symbol : null)
export const listOf = (value: DddsValue | undefined): readonly DddsValue[] | null => (Array.isArray(value) ? (value as readonly DddsValue[]) : null)
export const mapOf = (value: DddsValue | undefined): ReadonlyMap<string, DddsValue> | null => (value instanceof Map ? (value as ReadonlyMap<string, DddsValue>) : null)
