/**
 * nCore marshalling, as nShield modules sign it: 32-bit words, least significant octet first; big numbers and strings behind
 * their length in octets (Entrust, "nShield key attestation format"). Reads strictly, judges nothing.
 */
import { createHash, createPublicKey, verify } from 'node:crypto'
import { MalformedStatement, say } from '../../src/attestation/verifier.ts'
import { bitString, integer, nullValue, oid, sequence } from '../../src/pki/der.ts'

/** Far above the numbers of RSA-8192 and DSA-3072; far below what would keep a processor busy. */
const MAX_NUMBER = 1024

export type Curve = 'P-256' | 'P-521'
/** Numbers are unsigned, most significant octet first, without leading zeros. */
export type NCoreKey =
  | { readonly kind: 'RSA'; readonly e: Buffer; readonly n: Buffer }
  | { readonly kind: 'DSA'; readonly p: Buffer; readonly q: Buffer; readonly g: Buffer; readonly y: Buffer }
  | { readonly kind: 'EC'; readonly curve: Curve; readonly x: Buffer; readonly y: Buffer }

export interface CipherText {
  readonly mechanism: number
  readonly r: Buffer
  readonly s: Buffer
}

export class NCoreReader {
  readonly #bytes: Buffer
  readonly #fail: (octet: number) => MalformedStatement
  #at = 0

  /** `field` is the member of the bundle that the octets came from. */
  constructor(bytes: Buffer, file: string, field: string) {
    this.#bytes = bytes
    this.#fail = (octet) => new MalformedStatement(file, say('attestation-nshield.malformed.field', { field, octet: String(octet) }))
  }

  get at(): number {
    return this.#at
  }
  get left(): number {
    return this.#bytes.length - this.#at
  }
  malformed(): MalformedStatement {
    return this.#fail(this.#at)
  }

  octets(count: number): Buffer {
    if (count > this.left) throw this.malformed()
    this.#at += count
    return this.#bytes.subarray(this.#at - count, this.#at)
  }
  word(): number {
    return this.octets(4).readUInt32LE(0)
  }
  /** A number of things that take at least `size` octets each. */
  count(size: number): number {
    const count = this.word()
    if (count > this.left / size) throw this.malformed()
    return count
  }
  number(): Buffer {
    const length = this.word()
    if (length === 0 || length % 4 !== 0 || length > MAX_NUMBER) throw this.malformed()
    return trimmed(Buffer.from(this.octets(length)).reverse())
  }
  hash(): Buffer {
    return this.octets(20)
  }
  /** Text whose length counts one terminating NUL, padded with NULs to a whole word. */
  text(): string {
    const length = this.word()
    const whole = this.octets(length + ((4 - (length % 4)) % 4))
    const text = whole.toString('latin1', 0, Math.max(0, length - 1))
    if (length === 0 || !/^[\x20-\x7e]*$/.test(text) || whole.subarray(length - 1).some((octet) => octet !== 0)) throw this.malformed()
    return text
  }
  end(): void {
    if (this.left !== 0) throw this.malformed()
  }

  /** M_KeyData of a public key. */
  key(): NCoreKey {
    switch (this.word()) {
      case 1: {
        const [e, n] = [this.number(), this.number()]
        return { kind: 'RSA', e, n }
      }
      case 3: {
        const [p, q, g, y] = [this.number(), this.number(), this.number(), this.number()]
        return { kind: 'DSA', p, q, g, y }
      }
      case 46: {
        const curve = CURVES.get(this.word())
        if (curve === undefined || this.word() !== 0) throw this.malformed()
        const [x, y] = [this.number(), this.number()]
        return { kind: 'EC', curve, x, y }
      }
      default:
        throw this.malformed()
    }
  }
  /** M_KeyHashEx; nothing but SHA-1 (44) is written by the modules whose format is published. */
  keyHashEx(): Buffer {
    if (this.word() !== 44) throw this.malformed()
    return this.hash()
  }
  cipherText(): CipherText {
    const mechanism = this.word()
    const [r, s] = [this.number(), this.number()]
    return { mechanism, r, s }
  }
}

/** Numbers of ECName. */
export const CURVES: ReadonlyMap<number, Curve> = new Map([
  [4, 'P-256'],
  [6, 'P-521'],
])

export function trimmed(octets: Buffer): Buffer {
  let first = 0
  while (first < octets.length - 1 && octets[first] === 0) first++
  return octets.subarray(first)
}

const octetsOf: Record<Curve, { size: number; oid: string }> = { 'P-256': { size: 32, oid: '1.2.840.10045.3.1.7' }, 'P-521': { size: 66, oid: '1.3.132.0.35' } }
const fixed = (number: Buffer, size: number): Buffer => (number.length > size ? number : Buffer.concat([Buffer.alloc(size - number.length), number]))

/** SubjectPublicKeyInfo, DER, in the form that keys are compared in. */
export function spkiOf(key: NCoreKey): Buffer {
  switch (key.kind) {
    case 'RSA':
      return sequence(sequence(oid('1.2.840.113549.1.1.1'), nullValue()), bitString(sequence(integer(key.n), integer(key.e))))
    case 'DSA':
      return sequence(sequence(oid('1.2.840.10040.4.1'), sequence(integer(key.p), integer(key.q), integer(key.g))), bitString(integer(key.y)))
    case 'EC': {
      const { size, oid: curve } = octetsOf[key.curve]
      return sequence(sequence(oid('1.2.840.10045.2.1'), oid(curve)), bitString(Buffer.concat([Buffer.from([4]), fixed(key.x, size), fixed(key.y, size)])))
    }
  }
}

const DSA_SHA256 = 170
const ECDSA_SHA512 = 187

/**
 * Whether the key made the signature. Never throws. Only the two mechanisms of today's ciphersuites are taken, with keys of
 * at least 2048 bits (DSA) or P-521 (ECDSA): DSA-1024 is what the legacy suites have, and NIST SP 800-131A ended it.
 */
export function signedByKey(key: NCoreKey, { mechanism, r, s }: CipherText, message: Buffer): boolean {
  const fits =
    (mechanism === DSA_SHA256 && key.kind === 'DSA' && key.p.length >= 256 && key.p.length <= 384 && key.q.length >= 28 && key.q.length <= 32) ||
    (mechanism === ECDSA_SHA512 && key.kind === 'EC' && key.curve === 'P-521')
  if (!fits) return false
  try {
    const signature = sequence(integer(r), integer(s))
    return verify(key.kind === 'DSA' ? 'sha256' : 'sha512', message, createPublicKey({ key: spkiOf(key), format: 'der', type: 'spki' }), signature)
  } catch {
    return false
  }
}

const P256_DOMAIN = [
  'ffffffff00000001000000000000000000000000ffffffffffffffffffffffff',
  'ffffffff00000001000000000000000000000000fffffffffffffffffffffffc',
  '5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b',
  '6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296',
  '4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5',
  'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551',
  '01',
].map((hex) => Buffer.from(hex, 'hex'))

/** Least significant octet first, filled with zeros to whole blocks of 64 octets. */
const block = (number: Buffer): Buffer => {
  const reversed = Buffer.from(number).reverse()
  return Buffer.concat([reversed, Buffer.alloc((64 - (reversed.length % 64)) % 64)])
}

/** nCore's hash of a public key (SHA-1), or null for a curve whose hash the maker has not published an example of. */
export function keyHash(key: NCoreKey): Buffer | null {
  if (key.kind === 'EC' && key.curve !== 'P-256') return null
  const values =
    key.kind === 'RSA'
      ? [block(key.e), block(key.n)]
      : key.kind === 'DSA'
        ? [key.p, key.q, key.g, key.y].map(block)
        : [Buffer.alloc(8), Buffer.from([0, 1, 0, 0]), ...P256_DOMAIN.map(block), block(key.x), block(key.y)]
  const family = key.kind === 'RSA' ? 'RSA00' : key.kind === 'DSA' ? 'DSA00' : 'ECDSA00'
  return createHash('sha1')
    .update(`nFast KeyHash\0${family}\0`, 'latin1')
    .update(Buffer.concat(values))
    .update('invented by nCipher 1997\0', 'latin1')
    .digest()
}
