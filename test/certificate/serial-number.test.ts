import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { drawSerialNumber } from '../../src/certificate/serial-number.ts'
import { integer, readDer } from '../../src/pki/der.ts'

describe('serial numbers', () => {
  it.each([
    ['zeros', Buffer.alloc(16, 0)],
    ['ones', Buffer.alloc(16, 0xff)],
    ['a high bit', Buffer.from('80000000000000000000000000000001', 'hex')],
  ])('ISS-3: are positive, of 17 octets and hold all 128 bits drawn, even %s', (_, drawn) => {
    const serial = drawSerialNumber(() => drawn)
    const encoded = readDer(integer(serial))
    expect(encoded.value.equals(serial)).toBe(true)
    expect(serial.length).toBe(17)
    expect(encoded.integer() > 0n).toBe(true)
    expect(serial.subarray(1).equals(drawn)).toBe(true)
  })
  it('ISS-3: ask for 128 bits, and take no fewer', () => {
    const asked: number[] = []
    drawSerialNumber((size) => (asked.push(size), Buffer.alloc(size)))
    expect(asked).toEqual([16])
    expect(() => drawSerialNumber(() => Buffer.alloc(8))).toThrow(RangeError)
  })
  it('ISS-3: differ from draw to draw', () => {
    expect(new Set(Array.from({ length: 200 }, () => drawSerialNumber(randomBytes).toString('hex'))).size).toBe(200)
  })
})
