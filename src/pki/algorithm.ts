/** AlgorithmIdentifier (RFC 5280 4.1.1.2). */
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

const RSA_SIGNATURES = { sha256: OID.sha256WithRsa, sha384: OID.sha384WithRsa, sha512: OID.sha512WithRsa } as const

/** AlgorithmIdentifier of RSASSA-PKCS1-v1_5 with the digest, its parameters NULL (RFC 4055 5). */
export const rsaSignatureAlgorithm = (hash: keyof typeof RSA_SIGNATURES): Buffer => sequence(oid(RSA_SIGNATURES[hash]), nullValue())
