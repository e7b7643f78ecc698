/** SubjectPublicKeyInfo (RFC 5280 4.1.2.7, RFC 3279, RFC 5480, RFC 8410): what the key is. Whether it is good enough is decided elsewhere. */
import { createHash } from 'node:crypto'
import { readAlgorithm } from './algorithm.ts'
import { type Der, MalformedDer, readDer, TAG } from './der.ts'
import { OID } from './oids.ts'

export interface RsaKey {
  readonly type: 'rsa'
  readonly bits: number
  readonly modulus: bigint
  readonly exponent: bigint
}
export interface EcKey {
  readonly type: 'ec'
  /** P-256, P-384, P-521, or the dotted form of another named curve. */
  readonly curve: string
  readonly bits: number | null
}
export interface Ed25519Key {
  readonly type: 'ed25519'
  readonly curve: 'Ed25519'
  readonly bits: 256
}
export interface OtherKey {
  readonly type: 'other'
  /** The algorithm's object identifier. */
  readonly algorithm: string
  readonly bits: null
}
export type KeyFacts = RsaKey | EcKey | Ed25519Key | OtherKey

export interface PublicKey {
  /** The SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer
  readonly facts: KeyFacts
  /** SHA-256 of the SubjectPublicKeyInfo, lower-case hex. */
  readonly sha256: string
  /** SHA-1 of the subjectPublicKey bits, 20 octets (RFC 5280 4.2.1.2 method 1). */
  readonly keyIdentifier: Buffer
}

const CURVES: Readonly<Record<string, { name: string; bits: number }>> = {
  [OID.p256]: { name: 'P-256', bits: 256 },
  [OID.p384]: { name: 'P-384', bits: 384 },
  [OID.p521]: { name: 'P-521', bits: 521 },
}

/**
 * Reads a SubjectPublicKeyInfo.
 * @throws MalformedDer when the bytes are none, or an RSA key's algorithm parameters are not NULL (RFC 3279 2.3.1)
 */
export function readPublicKey(spki: Der | Uint8Array): PublicKey {
  const der = spki instanceof Uint8Array ? readDer(spki, { maxBytes: 1 << 16 }) : spki
  const [algorithmField, keyField, ...rest] = der.expect(TAG.sequence, 'public key').children()
  if (!algorithmField || !keyField || rest.length > 0) throw new MalformedDer('public key has the wrong number of fields', der.offset)
  const algorithm = readAlgorithm(algorithmField)
  const keyBits = keyField.bitStringOctets()
  return {
    spki: Buffer.from(der.raw),
    facts: readFacts(algorithm.oid, algorithm.parameters, keyBits, der.offset),
    sha256: createHash('sha256').update(der.raw).digest('hex'),
    keyIdentifier: createHash('sha1').update(keyBits).digest(),
  }
}

function readFacts(algorithm: string, parameters: Buffer | null, keyBits: Buffer, offset: number): KeyFacts {
  switch (algorithm) {
    case OID.rsaEncryption: {
      if (parameters === null || parameters.toString('hex') !== '0500') throw new MalformedDer('parameters of an RSA key must be NULL', offset)
      const [modulusField, exponentField, ...rest] = readDer(keyBits).expect(TAG.sequence, 'RSA public key').children()
      if (!modulusField || !exponentField || rest.length > 0) throw new MalformedDer('RSA public key has the wrong number of fields', offset)
      const modulus = modulusField.integer()
      const exponent = exponentField.integer()
      if (modulus <= 0n || exponent < 0n) throw new MalformedDer('RSA public key holds a number that is not positive', offset)
      return { type: 'rsa', bits: bitLength(modulus), modulus, exponent }
    }
    case OID.ecPublicKey: {
      if (parameters === null || parameters[0] !== TAG.oid) throw new MalformedDer('EC key names no curve', offset)
      const dotted = readDer(parameters).oid()
      const curve = CURVES[dotted]
      return { type: 'ec', curve: curve?.name ?? dotted, bits: curve?.bits ?? null }
    }
    case OID.ed25519:
      if (parameters !== null || keyBits.length !== 32) throw new MalformedDer('Ed25519 key is not well formed', offset)
      return { type: 'ed25519', curve: 'Ed25519', bits: 256 }
    default:
      return { type: 'other', algorithm, bits: null }
  }
}

/** Number of bits of a positive number. */
export function bitLength(value: bigint): number {
  const hex = value.toString(16)
  return (hex.length - 1) * 4 + (32 - Math.clz32(Number.parseInt(hex[0]!, 16)))
}
