import { describe, expect, test } from 'vitest'
import { hasClosePrimes, isPerfectPower, smallFactor } from '../../src/certificate/weak-rsa.ts'

// The sieves are quick ways to say no: each is held against the plain way of asking.
const plainFactor = (value: number, from: number, below: number): number | null => {
  for (let factor = 2, rest = value; rest > 1; factor++)
    if (rest % factor === 0) {
      if (factor >= from) return factor < below ? factor : null
      while (rest % factor === 0) rest /= factor
    }
  return null
}
const plainPower = (value: number): boolean => {
  for (let k = 2; 2 ** k <= value; k++) for (const root of [Math.floor(value ** (1 / k)), Math.ceil(value ** (1 / k))]) if (root >= 2 && root ** k === value) return true
  return false
}

describe('arithmetic on moduli', () => {
  test('KEY-2, KEY-3: the smallest factor is the one that dividing by everything finds, within its bounds', () => {
    for (let value = 2; value < 3000; value++) for (const [from, below] of [[2, 65536], [3, 50], [50, 752]] as const) expect(smallFactor(BigInt(value), from, below), String(value)).toBe(plainFactor(value, from, below))
  })
  test('KEY-3: a factor is found wherever it stands below the bound, the last prime too, and not beyond', () => {
    const rest = (1n << 3217n) - 1n
    for (const prime of [3n, 751n, 757n, 4099n, 32771n, 65519n, 65521n]) expect(smallFactor(rest * prime, 3, 65536)).toBe(Number(prime))
    for (const prime of [65537n, 65539n]) expect(smallFactor(rest * prime, 3, 65536)).toBeNull()
    expect(smallFactor(rest * 65521n * 60013n, 752, 65536)).toBe(60013)
  })
  test('KEY-2: perfect powers are those that taking every root finds', () => {
    for (let value = 2; value < 5000; value++) expect(isPerfectPower(BigInt(value), 2), String(value)).toBe(plainPower(value))
  })
  test('KEY-2: a power of any exponent is found, and its neighbour is none', () => {
    for (const exponent of [2n, 3n, 5n, 7n, 31n, 61n, 127n, 311n])
      for (const base of [761n, 65537n, 12345678901234567891n]) expect([isPerfectPower(base ** exponent, 752), isPerfectPower(base ** exponent + 2n, 752)]).toEqual([true, false])
  })
  test('KEY-3: close primes are found in the round in which Fermat finds them, not before', () => {
    const [p, q] = [(1n << 521n) - 1n, (1n << 521n) + 9_007n]
    // The middle of both lies this far above the root.
    const product = p * q
    let root = 1n << 521n
    while (root * root > product) root = (root + product / root) / 2n
    const rounds = Number((p + q) / 2n - root)
    expect(hasClosePrimes(product, rounds + 1)).toBe(true)
    for (let gap = 2n; gap < 4000n; gap += 98n) expect(hasClosePrimes(1_000_003n * (1_000_003n + gap), 100)).toBe(true)
    expect(hasClosePrimes(p * ((1n << 607n) - 1n), 100_000)).toBe(false)
  })
})
