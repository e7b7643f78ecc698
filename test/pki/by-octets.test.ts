import { expect, test } from 'vitest'
import { byOctets } from '../../src/pki/by-octets.ts'
import { publicKeyObject } from '../../src/pki/key-object.ts'
import { ecKeyPair } from './keys.ts'

/** What was read, in its order. */
function reading(most = 2, longest = 4) {
  const read: string[] = []
  const upper = byOctets(
    (octets) => {
      read.push(octets.toString())
      if (octets[0] === 0x78) throw new Error('x')
      return octets.toString().toUpperCase()
    },
    { most, longest },
  )
  return { read, upper: (text: string) => upper(Buffer.from(text)) }
}

test('the same octets are read once, in whatever buffer they come', () => {
  const { read, upper } = reading()
  expect(['a', 'a', 'b', 'a'].map(upper)).toEqual(['A', 'A', 'B', 'A'])
  expect(read).toEqual(['a', 'b'])
})

test('of the kept ones the one goes that nobody asked for longest; what is long is not kept', () => {
  const { read, upper } = reading()
  for (const text of ['a', 'b', 'a', 'c', 'a', 'b', 'abcde', 'abcde']) upper(text)
  expect(read).toEqual(['a', 'b', 'c', 'b', 'abcde', 'abcde'])
})

test('what can not be read is no answer to keep', () => {
  const { read, upper } = reading()
  for (const _ of [1, 2]) expect(() => upper('x')).toThrow('x')
  expect(read).toEqual(['x', 'x'])
})

test('octets that differ in one bit are another key', () => {
  const [one, other] = [ecKeyPair('prime256v1').spki, ecKeyPair('prime256v1').spki]
  expect(publicKeyObject(one)).toBe(publicKeyObject(Buffer.from(one)))
  expect(publicKeyObject(one).equals(publicKeyObject(other))).toBe(false)
  const spoilt = Buffer.from(one)
  spoilt[spoilt.length - 1]! ^= 1
  expect(() => publicKeyObject(spoilt)).toThrow()
})
