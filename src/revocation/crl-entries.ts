/**
 * Entries of revokedCertificates as octets, in bulk: from what the database says of revocations, and back. A list is in the order of its serial
 * numbers' hex texts, so that a new entry has one place and no serial number comes twice (RFC 5280 asks for no order).
 */
import { type CrlEntry, encodeEntry } from './crl.ts'
import { isPublishedReason } from './reason.ts'

/** A page of revocations in the order of their serial numbers, encoded one behind the other. */
export interface RevokedPage {
  /** As the list spells it: see `serialHex`. */
  readonly serials: readonly string[]
  readonly octets: Buffer
  /** Where each ends; one that ends where it begins is gone from the lists by a retention run. */
  readonly ends: readonly number[]
}

export interface RevokedRow {
  /** Hex, however it is spelled. */
  readonly serial: string
  /** ISO 8601, UTC. */
  readonly revokedAt: string
  /** CRLReason */
  readonly reason: number
  /** Off the lists. */
  readonly gone: boolean
}

/** id-ce-cRLReasons with its value still to come. */
const REASON = Buffer.from('300c300a0603551d1504030a0100', 'hex')
const TIME_OCTETS = 15
/** The longest entry of the usual form: 20 octets of serial number, time, reason. */
const LONGEST = 2 + 2 + 20 + TIME_OCTETS + REASON.length

const isUsual = (serial: string, revokedAt: string): boolean => {
  const year = revokedAt.charCodeAt(0) === 0x32 && revokedAt.charCodeAt(1) === 0x30 && revokedAt.charCodeAt(2) < 0x35
  return year && revokedAt.length === 24 && /^(?!00)(?:[0-9a-f]{2}){1,19}$|^[0-7][0-9a-f]{39}$/.test(serial)
}

/**
 * Encodes rows as a list has them, each as `encodeEntry` would.
 * @param rows ascending by serial number
 * @throws RangeError for a reason that is never published (REV-5), or a serial number that is none
 */
export function encodeRevoked(rows: readonly RevokedRow[]): RevokedPage {
  let octets = Buffer.allocUnsafe(rows.length * LONGEST)
  const serials: string[] = []
  const ends: number[] = []
  let at = 0
  for (const { serial, revokedAt, reason, gone } of rows) {
    if (gone) {
      serials.push(canonicalSerial(serial))
    } else if (isUsual(serial, revokedAt) && (reason === 0 || isPublishedReason(reason))) {
      at = write(octets, at, serial, revokedAt, reason)
      serials.push(serial)
    } else {
      const spelled = canonicalSerial(serial)
      const entry = encodeEntry({ serial: spelled, revokedAt: new Date(revokedAt), reason } satisfies CrlEntry)
      if (at + entry.length > octets.length) octets = Buffer.concat([octets, Buffer.alloc(entry.length + LONGEST)])
      at += entry.copy(octets, at)
      serials.push(spelled)
    }
    ends.push(at)
  }
  return { serials, octets: octets.subarray(0, at), ends }
}

/** One number, one spelling: lower case, whole octets, nothing in front that says nothing. */
export function canonicalSerial(serial: string): string {
  if (!/^[0-9a-fA-F]+$/.test(serial)) throw new RangeError('serial number is not hexadecimal')
  const digits = serial.toLowerCase().replace(/^0+(?=.)/, '')
  return digits.length % 2 ? `0${digits}` : digits
}

function write(octets: Buffer, from: number, serial: string, revokedAt: string, reason: number): number {
  // A leading octet from 80 on would make the number negative.
  const sign = serial.charCodeAt(0) >= 0x38 ? 1 : 0
  const length = serial.length / 2 + sign
  let at = from
  octets[at++] = 0x30
  octets[at++] = 2 + length + TIME_OCTETS + (reason === 0 ? 0 : REASON.length)
  octets[at++] = 0x02
  octets[at++] = length
  if (sign) octets[at++] = 0
  const written = octets.write(serial, at, 'hex')
  if (written !== serial.length / 2) throw new RangeError('serial number is not hexadecimal')
  at += written
  octets[at++] = 0x17
  octets[at++] = 13
  // 2026-11-22T03:37:36.123Z: year, month, day, hour, minute, second; the rest of a second is cut.
  for (const place of [2, 5, 8, 11, 14, 17]) {
    octets[at++] = revokedAt.charCodeAt(place)
    octets[at++] = revokedAt.charCodeAt(place + 1)
  }
  octets[at++] = 0x5a
  if (reason === 0) return at
  at += REASON.copy(octets, at)
  octets[at - 1] = reason
  return at
}

/** Length of the entry that begins here, of the usual form; 0 when it has another. */
export const usualLength = (octets: Buffer, at: number): number => (octets[at] === 0x30 && octets[at + 1]! < 0x80 && octets[at + 2] === 0x02 && octets[at + 3]! < 0x80 ? 2 + octets[at + 1]! : 0)

/** The serial number of the entry of the usual form that begins here, as the list spells it. */
export function serialAt(octets: Buffer, at: number): string {
  const from = at + 4
  const length = octets[at + 3]!
  // The sign octet is no part of its spelling.
  return octets.toString('hex', octets[from] === 0 && length > 1 ? from + 1 : from, from + length)
}

/**
 * Whether the entry that begins here is beyond doubt: a positive serial number in its shortest form, a UTCTime not after `latest` that every
 * calendar has, and no extension or one published reason. What isn't is judged at length by the lints.
 * @param latest thisUpdate as UTCTime has it, without the Z
 */
export function isPlain(octets: Buffer, at: number, length: number, latest: Buffer): boolean {
  const size = octets[at + 3]!
  const serial = at + 4
  if (size < 1 || size > 20 || octets[serial]! >= 0x80 || (octets[serial] === 0 && (size === 1 || octets[serial + 1]! < 0x80))) return false
  const time = serial + size
  if (octets[time] !== 0x17 || octets[time + 1] !== 13 || octets[time + 14] !== 0x5a) return false
  for (let digit = time + 2; digit < time + 14; digit++) if (octets[digit]! < 0x30 || octets[digit]! > 0x39) return false
  const pair = (place: number): number => (octets[time + 2 + place]! - 0x30) * 10 + octets[time + 3 + place]! - 0x30
  const [year, month, day] = [pair(0), pair(2), pair(4)]
  if (year >= 50 || month < 1 || month > 12 || day < 1 || day > 28 || pair(6) > 23 || pair(8) > 59 || pair(10) > 59) return false
  if (octets.compare(latest, 0, 12, time + 2, time + 14) > 0) return false
  const end = at + length
  if (time + TIME_OCTETS === end) return true
  return time + TIME_OCTETS + REASON.length === end && octets.compare(REASON, 0, REASON.length - 1, end - REASON.length, end - 1) === 0 && octets[end - 1] !== 0 && isPublishedReason(octets[end - 1]!)
}
