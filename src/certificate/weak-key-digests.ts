/**
 * By what a weak RSA key is found on a list (KEY-3). Every kind is of the modulus alone: the flawed generators chose the primes, and whoever has one
 * private key for a modulus has them all, whatever the public exponent.
 *
 * The octets of a modulus are its big-endian bytes without leading zeros.
 * - `sha256`: SHA-256 over those octets, all 64 hex digits. This software's own form.
 * - `sha256-120`: the first 15 octets of the same SHA-256, 30 hex digits: what badkeys keeps (its BKHASH120).
 * - `sha1-80`: the last 10 octets, 20 hex digits, of SHA-1 over the text `Modulus=HEX\n` as `openssl rsa -noout -modulus` prints it
 *   (upper-case hex without leading zeros): what Debian's openssl-blacklist keeps. What was cut off can't be had back, so a key is matched by each kind as it is.
 */
import { createHash } from 'node:crypto'

export type WeakKeyKind = 'sha256' | 'sha256-120' | 'sha1-80'

export interface WeakKeyDigest {
  readonly kind: WeakKeyKind
  /** Lower-case hex. */
  readonly digest: string
}

/** Big-endian, without leading zeros. */
export function modulusOctets(modulus: bigint): Buffer {
  const hex = modulus.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
}

/** One digest of each kind. */
export function weakKeyDigests(modulus: bigint): readonly WeakKeyDigest[] {
  const octets = modulusOctets(modulus)
  const sha256 = createHash('sha256').update(octets).digest('hex')
  const printed = createHash('sha1').update(`Modulus=${octets.toString('hex').toUpperCase()}\n`).digest('hex')
  return [
    { kind: 'sha256', digest: sha256 },
    { kind: 'sha256-120', digest: sha256.slice(0, 30) },
    { kind: 'sha1-80', digest: printed.slice(20) },
  ]
}
