import { describe, expect, test } from 'vitest'
import { writeCsv } from '../../src/repository/csv.ts'
import { readCsv } from '../support/csv.ts'

describe('REP-2: comma-separated values', () => {
  test('REP-2: what is written is read back, whatever stands in it (RFC 4180)', () => {
    const rows = [['a', 'b'], ['', ' '], ['one, two', 'said "so"'], ['two\r\nlines', '証明書'], ['""', ',\n,']]
    expect(readCsv(writeCsv(rows))).toEqual(rows)
    expect(writeCsv([['x', 'a "b"']])).toBe('"x","a ""b"""\r\n')
  })

  test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '\n=1', '＝1', '＋1', '－1', '＠x'])('REP-2: %j is no formula in a spreadsheet', (text) => {
    expect(readCsv(writeCsv([[text]]))).toEqual([[`'${text}`]])
  })

  test.each(['1-1', 'a=b', 'O = Example', 'x@y.example', ''])('REP-2: %j stays as it is', (text) => {
    expect(readCsv(writeCsv([[text]]))).toEqual([[text]])
  })
})
