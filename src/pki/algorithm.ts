/** AlgorithmIdentifier (RFC 5280 4.1.1.2) and the signature algorithms that this software reads. */
import { type Der, MalformedDer, nullValue, oid, sequence, TAG } from './der.ts'
import { OID } from './oids.ts'

export interface AlgorithmIdentifier {
  readonly oid: string
  /** The whole encoding of the parameters; null when the field is left out. */
  readonly parameters: Buffer | null
  readonly raw: Buffer
}

/** @throws MalformedDer */
export function readAlgorithm(der: Der): AlgorithmIdentifier {
  const [algorithm, parameters, ...rest] = der.expect(TAG.sequence, 'algorithm identifier').children()
  if (!algorithm || rest.length > 0) throw new MalformedDer('algorithm identifier has the wrong number of fields', der.offset)
  return { oid: algorithm.oid(), parameters: parameters?.raw ?? null, raw: der.raw }
}

export type HashName = 'md5' | 'sha1' | 'sha256' | 'sha384' | 'sha512'

/** What a signature algorithm identifier says: the kind of key that makes such signatures, and the digest. */
export const SIGNATURE_ALGORITHMS: ReadonlyMap<string, { readonly key: 'rsa' | 'ec' | 'ed25519'; readonly hash: HashName }> = new Map([
  [OID.md5WithRsa, { key: 'rsa', hash: 'md5' }],
  [OID.sha1WithRsa, { key: 'rsa', hash: 'sha1' }],
  [OID.sha256WithRsa, { key: 'rsa', hash: 'sha256' }],
  [OID.sha384WithRsa, { key: 'rsa', hash: 'sha384' }],
  [OID.sha512WithRsa, { key: 'rsa', hash: 'sha512' }],
  [OID.ecdsaWithSha1, { key: 'ec', hash: 'sha1' }],
  [OID.ecdsaWithSha256, { key: 'ec', hash: 'sha256' }],
  [OID.ecdsaWithSha384, { key: 'ec', hash: 'sha384' }],
  [OID.ecdsaWithSha512, { key: 'ec', hash: 'sha512' }],
  // RFC 8032 5.1: Ed25519 digests with SHA-512.
  [OID.ed25519, { key: 'ed25519', hash: 'sha512' }],
])

const RSA_SIGNATURES = { sha256: OID.sha256WithRsa, sha384: OID.sha384WithRsa, sha512: OID.sha512WithRsa } as const

/** RSASSA-PKCS1-v1_5 with the digest, its parameters NULL as RFC 4055 section 5 wants them. */
export const rsaSignatureAlgorithm = (hash: keyof typeof RSA_SIGNATURES): Buffer => sequence(oid(RSA_SIGNATURES[hash]), nullValue())
