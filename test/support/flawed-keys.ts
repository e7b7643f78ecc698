/** Key pairs that known methods break, each with one flaw, whose private halves really sign: what a flawed generator would hand in. */
import { checkPrimeSync, createPrivateKey, createPublicKey, generatePrimeSync } from 'node:crypto'
import type { KeyPair } from '../pki/keys.ts'
import { keptText } from './kept.ts'

const inverse = (value: bigint, modulus: bigint): bigint => {
  let [a, b, x, y] = [value % modulus, modulus, 1n, 0n]
  while (b !== 0n) [a, b, x, y] = [b, a % b, y, x - (a / b) * y]
  return ((x % modulus) + modulus) % modulus
}
const base64url = (value: bigint): string => {
  const hex = value.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').toString('base64url')
}

/** The RSA key of these primes. */
export function rsaFromPrimes(p: bigint, q: bigint, exponent = 65537n): KeyPair {
  const d = inverse(exponent, (p - 1n) * (q - 1n))
  const privateKey = createPrivateKey({
    format: 'jwk',
    key: { kty: 'RSA', n: base64url(p * q), e: base64url(exponent), d: base64url(d), p: base64url(p), q: base64url(q), dp: base64url(d % (p - 1n)), dq: base64url(d % (q - 1n)), qi: base64url(inverse(q, p)) },
  })
  const publicKey = createPublicKey(privateKey)
  return { privateKey, publicKey, spki: publicKey.export({ type: 'spki', format: 'der' }) }
}

/** Its top two bits are set, so that a product has twice as many bits. */
export function soundPrime(bits: number): bigint {
  for (;;) {
    const prime = generatePrimeSync(bits, { bigint: true })
    if (prime >> BigInt(bits - 2) === 3n && prime % 65537n !== 1n) return prime
  }
}

/** Another prime at each call, as {@link soundPrime}; who draws under the same name draws the same ones. */
export function soundPrimes(name: string): (bits: number) => bigint {
  let drawn = 0
  return (bits) => BigInt(keptText(`prime-${name}-${bits}-${++drawn}`, () => String(soundPrime(bits))))
}

/** The next prime above. */
export function primeAfter(value: bigint): bigint {
  for (let candidate = value + 2n; ; candidate += 2n) if (checkPrimeSync(candidate)) return candidate
}

/** A prime as the library with the ROCA flaw made them: k·M + (65537^a mod M), M the product of the primes through 167. */
export function rocaPrime(bits: number): bigint {
  let product = 1n
  for (let candidate = 2n; candidate <= 167n; candidate++) if (checkPrimeSync(candidate)) product *= candidate
  let power = 1n
  for (let step = 0; step < 4321 + bits; step++) power = (power * 65537n) % product
  for (let k = soundPrime(bits) / product; ; k += 1n) if (checkPrimeSync(k * product + power)) return k * product + power
}
