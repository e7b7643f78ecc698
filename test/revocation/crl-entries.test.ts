import { describe, expect, test } from 'vitest'
import { encodeEntry } from '../../src/revocation/crl.ts'
import { canonicalSerial, compareSerials, encodeLines, encodeRevoked, isDate, isPlain, serialAt, usualLength, type RevokedRow } from '../../src/revocation/crl-entries.ts'
import { lintEntries } from '../../src/revocation/crl-lints.ts'
import { readListedCertificates } from '../../src/revocation/crl-reader.ts'
import { PUBLISHED_REASONS } from '../../src/revocation/reason.ts'

const row = (serial: string, change: Partial<RevokedRow> = {}): RevokedRow => ({ serial, revokedAt: '2026-11-22T03:37:36.999Z', reason: 1, gone: false, ...change })
const ROWS: readonly RevokedRow[] = [
  row('01'),
  row('0fa1', { reason: 0 }),
  row('7f01'.padEnd(40, '1')),
  row('80'),
  row('9a'.padEnd(38, '7')),
  ...Object.values(PUBLISHED_REASONS).map((reason) => row(`b${reason}`, { reason })),
  row('ff', { revokedAt: '2050-01-01T00:00:00.000Z' }),
  row('ffff', { revokedAt: '1999-12-31T23:59:59.000Z' }),
]
const latest = Buffer.from('301231235959', 'latin1')

const linesOf = (rows: readonly RevokedRow[]) => Buffer.from(rows.map(({ serial, revokedAt, reason }) => `${revokedAt}${serial}/${reason}`).join('\n'))
const alone = ({ serial, revokedAt, reason }: RevokedRow) => encodeEntry({ serial, revokedAt: new Date(revokedAt), reason })

describe('entries in bulk', () => {
  test('CRL-2: are octet for octet what one entry at a time would be, and the unusual are left over', () => {
    const odd: RevokedRow[] = []
    const { octets, ends, gone } = encodeLines(linesOf(ROWS), (row) => void odd.push(row))
    const usual = ROWS.filter(({ revokedAt }) => /^20[0-4]/.test(revokedAt))
    expect(octets.equals(Buffer.concat(usual.map(alone)))).toBe(true)
    expect(odd).toEqual(ROWS.filter((row) => !usual.includes(row)))
    const starts = usual.map((_, at) => (at === 0 ? 0 : ends[at - 1]!))
    expect(starts.map((at) => serialAt(octets, at))).toEqual(usual.map(({ serial }) => serial))
    expect(starts.map((at) => usualLength(octets, at))).toEqual(ends.map((end, at) => end - starts[at]!))
    expect(gone.size).toBe(0)
    const some = encodeRevoked(ROWS.map((each, at) => ({ ...each, gone: at === 2 })))
    expect(some.octets.equals(Buffer.concat(ROWS.map(alone)))).toBe(true)
    expect([...some.gone]).toEqual([2])
    expect(readListedCertificates(some.octets).map(({ serial }) => serial)).toEqual(ROWS.map(({ serial }) => serial))
  })

  test('CRL-2: a date that no calendar has is left over, and every other is taken', () => {
    const form = (parts: readonly number[]) => `${parts[0]}-${[1, 2].map((at) => String(parts[at]).padStart(2, '0')).join('-')}T${[3, 4, 5].map((at) => String(parts[at]).padStart(2, '0')).join(':')}.000Z`
    const dates = ['2025-99-99T99:99:99.999Z', '2026-02-31T00:00:00.000Z', '2026-11-22 03:37:36.999Z', '2026-11-22T03:37:36,999Z', '2026-11-22T03:37:36.99xZ', '2026-1-022T03:37:36.999Z', '------------------------']
    for (const year of [2000, 2023, 2024, 2049]) for (let month = 0; month <= 13; month++) for (let day = 0; day <= 32; day++) dates.push(form([year, month, day, 1, 2, 3]))
    for (const [hour, minute, second] of [[23, 59, 59], [24, 0, 0], [0, 60, 0], [0, 0, 60]] as const) dates.push(form([2026, 11, 22, hour, minute, second]))
    const taken = dates.filter((date) => encodeLines(Buffer.from(`${date}7f/1`), () => undefined).ends.length === 1)
    expect(taken).toEqual(dates.filter(isDate))
    expect(taken).toHaveLength(366 + 365 + 366 + 365 + 1)
  })

  test('CRL-2: dates of X.509 begin in 1950', () => {
    expect(['1950-01-01T00:00:00.000Z', '2050-01-01T00:00:00.000Z'].map(isDate)).toEqual([true, true])
    for (const none of ['1949-12-31T23:59:59.999Z', '0000-01-01T00:00:00.000Z', '+275760-09-13T00:00:00.000Z', 'today', '', '2026-02-31T00:00:00.000Z', '2026-11-22T03:37:36Z']) expect(isDate(none), none).toBe(false)
  })

  test('CRL-2: a line of another form is left over, whatever is wrong with it', () => {
    for (const line of ['', 'x', '2026-11-22T03:37:36.999Z', '2026-11-22T03:37:36.999Z01', '2026-11-22T03:37:36.999Z01/', '2026-11-22T03:37:36.999Z/1', '2026-11-22T03:37:36.999Z0/1', '2026-11-22T03:37:36.999Z0A/1', '2026-11-22T03:37:36.999Z00a3/1', '2026-11-22T03:37:36.999Z01/6', '2026-11-22T03:37:36.999Z01/10', '2026-11-22T03:37:36.999Z01/x', '2026-11-22 03:37:36', '2026-11-22T03:3x:36.999Z01/1', `2026-11-22T03:37:36.999Z${'80'.padEnd(40, '1')}/1`, `2026-11-22T03:37:36.999Z${'01'.padEnd(90, '1')}/1`]) {
      const odd: RevokedRow[] = []
      const { ends } = encodeLines(Buffer.from(`${line}\n2026-11-22T03:37:36.999Z7f/1`), (row) => void odd.push(row))
      expect([line, ends.length, odd.length]).toEqual([line, 1, 1])
    }
    expect(() => encodeLines(linesOf([row('11'), row('10')]), () => undefined)).toThrow('not in order')
    expect(() => encodeLines(linesOf([row('11'), row('11')]), () => undefined)).toThrow('not in order')
  })

  test('CRL-2: serial numbers are in the order of their texts, the sign octet apart', () => {
    const serials = ['01', '0100', '0101', '7f', '80', '8001', '81', 'ff']
    const entries = serials.map((serial) => alone(row(serial)))
    for (const [at, one] of entries.entries()) for (const [place, other] of entries.entries()) expect(Math.sign(compareSerials(one, 0, other, 0))).toBe(Math.sign(at - place))
  })

  test('CRL-2: one number has one spelling, and a list has that', () => {
    expect(['00a3', 'A3', 'a3', '0a3', '000', '0', '01A'].map(canonicalSerial)).toEqual(['a3', 'a3', 'a3', 'a3', '00', '00', '1a'])
    expect(encodeRevoked([row('00A3')])).toEqual(encodeRevoked([row('a3')]))
    expect(() => canonicalSerial('xy')).toThrow('not hexadecimal')
  })

  test.each([6, 7, 8, 10, 99])('REV-5: refuse reason %i', (reason) => {
    expect(() => encodeRevoked([row('01', { reason })])).toThrow('is never published')
  })
  test.each([['00', 'is zero'], ['81'.padEnd(40, '0'), 'longer than 20 octets'], ['zz', 'not hexadecimal']])('CRL-2: refuse the serial number %s', (serial, why) => {
    expect(() => encodeRevoked([row(serial)])).toThrow(why)
  })

  test('CRL-2: what is taken without a second look is what the lints find nothing in, and a damaged octet is never', () => {
    const plain = encodeEntry({ serial: '9a01', revokedAt: new Date('2026-11-22T03:37:36Z'), reason: 4 })
    expect(isPlain(plain, 0, plain.length, latest)).toBe(true)
    const day31 = encodeEntry({ serial: '9a01', revokedAt: new Date('2026-01-31T03:37:36Z') })
    expect([isPlain(day31, 0, day31.length, latest), lintEntries(day31, new Date('2030-12-31T23:59:59Z'), '').findings]).toEqual([false, []])
    let passed = 0
    for (let at = 0; at < plain.length; at++)
      for (const bits of [0x01, 0x02, 0x10, 0x80]) {
        const bent = Buffer.from(plain)
        bent[at]! ^= bits
        const length = usualLength(bent, 0)
        if (length !== bent.length || !isPlain(bent, 0, length, latest)) continue
        passed++
        const [entry, ...rest] = readListedCertificates(bent)
        // Another serial number, time or reason, and well formed all the same.
        expect(rest).toEqual([])
        expect(encodeEntry({ serial: entry!.serial, revokedAt: entry!.revocationDate.at, ...(entry!.extensions ? { reason: entry!.extensions[0]!.value[2]! } : {}) }).equals(bent)).toBe(true)
      }
    expect(passed).toBeGreaterThan(10)
  })

  test('CRL-2: the lints on a chunk want serial numbers that ascend, within it and from the one before', () => {
    const at = new Date('2060-01-01T00:00:00Z')
    const { octets } = encodeRevoked([row('10'), row('11'), row('12')])
    expect(lintEntries(octets, at, '')).toEqual({ findings: [], entries: 3, first: '10', last: '12' })
    expect(lintEntries(octets, at, '10').findings).toMatchObject([{ lint: 'serial-once', detail: '10 does not come after 10' }])
    expect(lintEntries(encodeRevoked([row('10'), row('12'), row('11')]).octets, at, '').findings).toMatchObject([{ lint: 'serial-once' }])
    expect(lintEntries(encodeRevoked([row('10'), row('10')]).octets, at, '').findings).toMatchObject([{ lint: 'serial-once' }])
    expect(lintEntries(octets, new Date('2026-11-22T03:37:35Z'), '').findings.map(({ lint }) => lint)).toEqual(['revocation-date', 'revocation-date', 'revocation-date'])
    expect(lintEntries(octets.subarray(0, -1), at, '').findings).toMatchObject([{ lint: 'encoding' }])
  })
})
