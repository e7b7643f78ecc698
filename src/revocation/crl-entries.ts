/**
 * Entries of revokedCertificates as octets, in bulk: from what the database says of revocations, and back. A list is in the order of its serial
 * numbers' hex texts, so that a new entry has one place and no serial number comes twice (RFC 5280 asks for no order).
 */
import { encodeEntry } from './crl.ts'
import { isPublishedReason } from './reason.ts'

/** Revocations in the order of their serial numbers, encoded one behind the other as a list has them. */
export interface RevokedPage {
  readonly octets: Buffer
  /** Where each ends. */
  readonly ends: readonly number[]
  /** Which of them are gone from the lists, by a retention run: their places in `ends`. */
  readonly gone: ReadonlySet<number>
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
const PUBLISHED = Array.from({ length: 11 }, (_, code) => isPublishedReason(code))

/**
 * Encodes rows as a list has them, each as `encodeEntry` would: few of them, however they are spelled.
 * @param rows ascending by serial number
 * @throws RangeError for a reason that is never published (REV-5), a serial number that is none, or a date that is none (see `isDate`)
 */
export function encodeRevoked(rows: readonly RevokedRow[]): RevokedPage {
  let end = 0
  const entries = rows.map(({ serial, revokedAt, reason }) => encodeEntry({ serial: canonicalSerial(serial), revokedAt: new Date(revokedAt), reason }))
  return { octets: Buffer.concat(entries), ends: entries.map(({ length }) => (end += length)), gone: new Set(rows.flatMap(({ gone }, at) => (gone ? [at] : []))) }
}

const HEX = new Uint8Array(256).fill(0xff)
for (const [value, digit] of [...'0123456789abcdef'].entries()) HEX[digit.charCodeAt(0)] = value
const [SLASH, NEWLINE, ZERO, NINE] = [0x2f, 0x0a, 0x30, 0x39]
/** In 2026-11-22T03:37:36.123Z: year without century, month, day, hour, minute, second; the rest of a second is cut. */
const TIME_PLACES = [2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18]
/** What stands between the digits, and in the rest of the second. */
const BETWEEN = [[4, '-'], [7, '-'], [10, 'T'], [13, ':'], [16, ':'], [19, '.'], [23, 'Z']].map(([place, character]) => [place as number, (character as string).charCodeAt(0)] as const)
const REST_OF_SECOND = [20, 21, 22]
const STAMP = 24
/** The longest entry of the usual form, and where the next octet may be written before its length is known. */
const LONGEST = 64
const ROOM = 4096

/**
 * Encodes many rows at once, written as lines `revoked_at serial / reason`, without the spaces, as `encodeEntry` would. A million of them take less
 * than a second: no row becomes an object, and what is not of the usual form is left to the other function.
 * @param lines ascending by serial number
 * @param room where the entries are written, when it is large enough
 * @param odd told of a line of another form: a serial number spelled in another way, a year before 2000 or from 2050 on, a day that the calendar hasn't, a reason that is never published
 * @throws RangeError when two lines are not in order
 */
export function encodeLines(lines: Buffer, odd: (row: RevokedRow) => void, room: Buffer = Buffer.alloc(0)): RevokedPage {
  const octets = room.length >= lines.length + ROOM ? room : Buffer.allocUnsafeSlow(lines.length + ROOM)
  const ends: number[] = []
  let to = 0
  let before = -1
  for (let at = 0; at < lines.length; ) {
    const from = to
    // With serial numbers of some octets an entry is shorter than its line; where it isn't, the room in front of it runs out.
    const next = octets.length - to < LONGEST ? 0 : encodeLine(lines, at, octets, to)
    if (next > 0) {
      to += 2 + octets[from + 1]!
      if (before >= 0 && compareSerials(octets, before, octets, from) >= 0) throw new RangeError('revocations are not in order')
      before = from
      ends.push(to)
      at = next
      continue
    }
    const found = lines.indexOf(NEWLINE, at)
    const end = found < 0 ? lines.length : found
    const line = lines.toString('latin1', at, end)
    const slash = line.lastIndexOf('/')
    odd({ serial: line.slice(STAMP, slash), revokedAt: line.slice(0, STAMP), reason: Number(line.slice(slash + 1)), gone: false })
    at = end + 1
  }
  return { octets: octets.subarray(0, to), ends, gone: NONE }
}
const NONE: ReadonlySet<number> = new Set()

/** @returns where the next line begins; 0 when this one is not of the usual form */
function encodeLine(lines: Buffer, from: number, octets: Buffer, to: number): number {
  // 20 and a digit below 5: UTCTime.
  if (lines[from] !== 0x32 || lines[from + 1] !== ZERO || !(lines[from + 2]! < 0x35) || !isOnCalendar(lines, from)) return 0
  let at = from + STAMP
  const first = HEX[lines[at]!]!
  if (first > 15) return 0
  let place = to + 4
  // A leading octet from 80 on would make the number negative.
  if (first >= 8) octets[place++] = 0
  for (; lines[at] !== SLASH; at += 2) {
    const [high, low] = [HEX[lines[at]!]!, HEX[lines[at + 1]!]!]
    if ((high | low) > 15 || place > to + 24) return 0
    octets[place++] = (high << 4) | low
  }
  const size = place - to - 4
  if (size === 0 || size > 20 || (octets[to + 4] === 0 && first < 8)) return 0
  octets[place++] = 0x17
  octets[place++] = 13
  for (let digit = 0; digit < 12; digit++) {
    const character = lines[from + TIME_PLACES[digit]!]!
    if (character < ZERO || character > NINE) return 0
    octets[place++] = character
  }
  octets[place++] = 0x5a
  // One digit: the reasons that are published.
  const reason = lines[at + 1]! - ZERO
  const end = at + 2
  if (end < lines.length && lines[end] !== NEWLINE) return 0
  if (reason !== 0) {
    if (!PUBLISHED[reason]) return 0
    for (let octet = 0; octet < REASON.length - 1; octet++) octets[place++] = REASON[octet]!
    octets[place++] = reason
  }
  octets[to] = 0x30
  octets[to + 1] = place - to - 2
  octets[to + 2] = 0x02
  octets[to + 3] = size
  return end + 1
}

/** Whether a date of the years 2000 to 2049 is one: `isDate` without making a text of it. */
function isOnCalendar(lines: Buffer, from: number): boolean {
  for (const [place, character] of BETWEEN) if (lines[from + place] !== character) return false
  for (const place of REST_OF_SECOND) if (lines[from + place]! < ZERO || lines[from + place]! > NINE) return false
  const [year, month, day] = [pair(lines, from + 2), pair(lines, from + 5), pair(lines, from + 8)]
  if (month < 1 || month > 12 || day < 1 || pair(lines, from + 11) > 23 || pair(lines, from + 14) > 59 || pair(lines, from + 17) > 59) return false
  if (day <= 28) return true
  return day <= (month === 2 ? (year % 4 === 0 ? 29 : 28) : month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31)
}

/** Which of two entries of the usual form comes first on a list: by the texts of their serial numbers. */
export function compareSerials(one: Buffer, at: number, other: Buffer, place: number): number {
  let [left, right] = [at + 4, place + 4]
  const [leftEnd, rightEnd] = [left + one[at + 3]!, right + other[place + 3]!]
  // The sign octet is no part of the text.
  if (one[left] === 0 && leftEnd > left + 1) left++
  if (other[right] === 0 && rightEnd > right + 1) right++
  for (; left < leftEnd && right < rightEnd; left++, right++) {
    const difference = one[left]! - other[right]!
    if (difference !== 0) return difference
  }
  return leftEnd - left - (rightEnd - right)
}

/** Whether lists and OCSP answers can carry this date: as Date.prototype.toISOString writes it, a day that the calendar has, and not before 1950, where dates of X.509 begin. */
export function isDate(text: string): boolean {
  const at = new Date(text)
  return text.length === STAMP && text >= '1950' && !Number.isNaN(at.getTime()) && at.toISOString() === text
}

/** One number, one spelling: lower case, whole octets, nothing in front that says nothing. */
export function canonicalSerial(serial: string): string {
  if (!/^[0-9a-fA-F]+$/.test(serial)) throw new RangeError('serial number is not hexadecimal')
  const digits = serial.toLowerCase().replace(/^0+(?=.)/, '')
  return digits.length % 2 ? `0${digits}` : digits
}

/** Length of the entry that begins here, of the usual form, which every entry of ours has; 0 when it has another. */
export const usualLength = (octets: Buffer, at: number): number => (octets[at] === 0x30 && octets[at + 1]! < 0x80 && octets[at + 2] === 0x02 && octets[at + 3]! < octets[at + 1]! - 1 ? 2 + octets[at + 1]! : 0)

/** The serial number of the entry of the usual form that begins here, as the list spells it. */
export function serialAt(octets: Buffer, at: number): string {
  const from = at + 4
  const length = octets[at + 3]!
  // The sign octet is no part of its spelling.
  return octets.toString('hex', octets[from] === 0 && length > 1 ? from + 1 : from, from + length)
}

/** Two digits as a number; NaN's place is taken by a number too large for any calendar. */
function pair(octets: Buffer, at: number): number {
  const [tens, ones] = [octets[at]! - ZERO, octets[at + 1]! - ZERO]
  return tens < 0 || tens > 9 || ones < 0 || ones > 9 ? 100 : tens * 10 + ones
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
  const [month, day] = [pair(octets, time + 4), pair(octets, time + 6)]
  if (pair(octets, time + 2) >= 50 || month < 1 || month > 12 || day < 1 || day > 28) return false
  if (pair(octets, time + 8) > 23 || pair(octets, time + 10) > 59 || pair(octets, time + 12) > 59) return false
  for (let digit = 0; digit < 12; digit++) {
    const difference = octets[time + 2 + digit]! - latest[digit]!
    if (difference > 0) return false
    if (difference < 0) break
  }
  const [reason, end] = [time + TIME_OCTETS, at + length]
  if (reason === end) return true
  if (reason + REASON.length !== end) return false
  for (let octet = 0; octet < REASON.length - 1; octet++) if (octets[reason + octet] !== REASON[octet]) return false
  return octets[end - 1] !== 0 && PUBLISHED[octets[end - 1]!] === true
}
