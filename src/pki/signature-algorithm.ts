/** Signature algorithms (RFC 4055, RFC 5758, RFC 8410): what an AlgorithmIdentifier says, and whether a public key made a signature. */
import { constants, verify } from 'node:crypto'
import { type AlgorithmIdentifier, readAlgorithm } from './algorithm.ts'
import { MalformedDer, readDer, TAG } from './der.ts'
import { publicKeyObject } from './key-object.ts'
import { OID } from './oids.ts'
import type { PublicKey } from './public-key.ts'

export type HashName = 'md5' | 'sha1' | 'sha256' | 'sha384' | 'sha512'

interface SignatureScheme {
  readonly key: 'rsa' | 'ec' | 'ed25519'
  readonly hash: HashName
  /** Salt length in octets for RSASSA-PSS, null for every other scheme. */
  readonly pssSalt: number | null
}

const SCHEMES: ReadonlyMap<string, SignatureScheme> = new Map([
  [OID.md5WithRsa, { key: 'rsa', hash: 'md5', pssSalt: null }],
  [OID.sha1WithRsa, { key: 'rsa', hash: 'sha1', pssSalt: null }],
  [OID.sha256WithRsa, { key: 'rsa', hash: 'sha256', pssSalt: null }],
  [OID.sha384WithRsa, { key: 'rsa', hash: 'sha384', pssSalt: null }],
  [OID.sha512WithRsa, { key: 'rsa', hash: 'sha512', pssSalt: null }],
  [OID.ecdsaWithSha1, { key: 'ec', hash: 'sha1', pssSalt: null }],
  [OID.ecdsaWithSha256, { key: 'ec', hash: 'sha256', pssSalt: null }],
  [OID.ecdsaWithSha384, { key: 'ec', hash: 'sha384', pssSalt: null }],
  [OID.ecdsaWithSha512, { key: 'ec', hash: 'sha512', pssSalt: null }],
  // RFC 8032 5.1: Ed25519 digests with SHA-512.
  [OID.ed25519, { key: 'ed25519', hash: 'sha512', pssSalt: null }],
])

/**
 * The scheme that an AlgorithmIdentifier names; null for one that is not known here, or whose parameters are not the ones of its
 * standard: NULL or none for RSA (RFC 4055 5), none for EC and Ed25519 (RFC 5758 3.2, RFC 8410 3).
 */
export function readSignatureScheme({ oid: dotted, parameters }: AlgorithmIdentifier): SignatureScheme | null {
  if (dotted === OID.rsassaPss) return parameters === null ? null : readPss(parameters)
  const scheme = SCHEMES.get(dotted)
  if (!scheme || (parameters !== null && (scheme.key !== 'rsa' || parameters.toString('hex') !== '0500'))) return null
  return scheme
}

const HASHES: ReadonlyMap<string, HashName> = new Map([
  [OID.sha1, 'sha1'],
  [OID.sha256, 'sha256'],
  [OID.sha384, 'sha384'],
  [OID.sha512, 'sha512'],
])

/** RSASSA-PSS-params (RFC 4055 3.1). The mask must come from the same digest as the message, as every tool does and node alone verifies. */
function readPss(parameters: Buffer): SignatureScheme | null {
  try {
    const fields = readDer(parameters).expect(TAG.sequence, 'RSASSA-PSS parameters').children()
    let hash: HashName | undefined = 'sha1'
    let mask: HashName | undefined = 'sha1'
    let salt = 20n
    let last = -1
    for (const field of fields) {
      const number = field.tag - 0xa0
      const [value, ...rest] = field.children()
      if (!value || rest.length > 0 || number <= last || number > 3) return null
      last = number
      if (number === 0) hash = HASHES.get(readAlgorithm(value).oid)
      else if (number === 1) {
        const generator = readAlgorithm(value)
        if (generator.oid !== OID.mgf1 || generator.parameters === null) return null
        mask = HASHES.get(readAlgorithm(readDer(generator.parameters)).oid)
      } else if (number === 2) salt = value.integer()
      else if (value.integer() !== 1n) return null
    }
    return hash === undefined || hash !== mask || salt < 0n || salt > 512n ? null : { key: 'rsa', hash, pssSalt: Number(salt) }
  } catch (error) {
    if (MalformedDer.is(error)) return null
    throw error
  }
}

/**
 * Whether the key made the signature over the octets. `unsupported`: it cannot be computed here, because of an algorithm not known, or an
 * RSA key beyond what OpenSSL computes with (moduli above 16384 bits; above 3072 bits, exponents longer than 64 bits).
 */
export function checkSignature(signed: Buffer, { spki, facts }: PublicKey, algorithm: AlgorithmIdentifier, signature: Buffer): 'valid' | 'invalid' | 'unsupported' {
  const scheme = readSignatureScheme(algorithm)
  if (!scheme) return 'unsupported'
  if (scheme.key !== facts.type) return 'invalid'
  if (facts.type === 'rsa' && (facts.bits > 16384 || (facts.bits > 3072 && facts.exponent >= 1n << 64n))) return 'unsupported'
  try {
    const key = publicKeyObject(spki)
    const padded = scheme.pssSalt === null ? key : { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: scheme.pssSalt }
    return verify(scheme.key === 'ed25519' ? null : scheme.hash, signed, padded, signature) ? 'valid' : 'invalid'
  } catch {
    // A key that OpenSSL cannot load (a point off its curve, a modulus of no use) has made no signature.
    return 'invalid'
  }
}
