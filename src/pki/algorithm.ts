/** AlgorithmIdentifier (RFC 5280 4.1.1.2). */
import { type Der, MalformedDer, TAG } from './der.ts'

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
