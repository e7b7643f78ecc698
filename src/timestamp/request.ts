/** Time-stamp requests (RFC 3161 2.4.1) from anywhere: read strictly, under limits. What is asked for is judged beside it, in the RFC's own words. */
import { type Der, MalformedDer, readDer, TAG } from '../pki/der.ts'
import { OID } from '../pki/oids.ts'

/** A request longer than this is refused unread. The commonest has about 70 octets. */
export const MAX_REQUEST_BYTES = 4096
/** RFC 3161 2.4.1 suggests 64 bits; a nonce goes back as it came. */
const MAX_NONCE_BYTES = 64

export type ImprintHash = 'sha256' | 'sha384' | 'sha512'

export interface TimestampRequest {
  /** The MessageImprint as it came, to be given back octet for octet. */
  readonly imprint: Buffer
  readonly hash: ImprintHash
  /** Dotted; null where the client leaves it to us. */
  readonly policy: string | null
  /** The nonce's whole INTEGER, or null. */
  readonly nonce: Buffer | null
  readonly certReq: boolean
}

/** PKIFailureInfo (RFC 3161 2.4.2), by the position of its bit. */
export const FAILURE = {
  badAlg: 0,
  badRequest: 2,
  badDataFormat: 5,
  timeNotAvailable: 14,
  unacceptedPolicy: 15,
  unacceptedExtension: 16,
  systemFailure: 25,
} as const
export type Failure = keyof typeof FAILURE

/** Why no token is given; `detail` is for the log. */
export interface Refusal {
  readonly failure: Failure
  readonly detail: string
}

class Refused extends Error {
  readonly #refused = true
  readonly failure: Failure
  constructor(failure: Failure, detail: string) {
    super(detail)
    this.failure = failure
  }
  static is(error: unknown): error is Refused {
    return typeof error === 'object' && error !== null && #refused in error
  }
}

const LENGTHS: Readonly<Record<ImprintHash, number>> = { sha256: 32, sha384: 48, sha512: 64 }
const HASHES: ReadonlyMap<string, ImprintHash> = new Map([
  [OID.sha256, 'sha256'],
  [OID.sha384, 'sha384'],
  [OID.sha512, 'sha512'],
])

/** Reads a TimeStampReq, and says what stands against it. Never throws on any octets. `hashes`: what the policy takes (CSBR 6.8: never SHA-1). */
export function parseTimestampRequest(bytes: Uint8Array, hashes: readonly ImprintHash[]): { readonly request: TimestampRequest } | { readonly refused: Refusal } {
  try {
    return { request: timestampRequest(readDer(bytes, { maxBytes: MAX_REQUEST_BYTES, maxDepth: 6, maxNodes: 200 }), hashes) }
  } catch (error) {
    if (Refused.is(error)) return { refused: { failure: error.failure, detail: error.message } }
    if (MalformedDer.is(error)) return { refused: { failure: 'badDataFormat', detail: error.message } }
    throw error
  }
}

function timestampRequest(root: Der, hashes: readonly ImprintHash[]): TimestampRequest {
  const parts = root.expect(TAG.sequence, 'TimeStampReq').children()
  const version = take(parts, TAG.integer)?.integer()
  if (version === undefined) throw new MalformedDer('TimeStampReq without a version', root.offset)
  const imprint = parts.shift()?.expect(TAG.sequence, 'messageImprint')
  if (!imprint) throw new MalformedDer('TimeStampReq without a messageImprint', root.offset)
  const [algorithm, hashed, ...more] = imprint.children()
  if (!algorithm || !hashed || more.length > 0) throw new MalformedDer('messageImprint does not have two parts', imprint.offset)
  const digest = hashed.expect(TAG.octetString, 'hashedMessage').value
  const [type, parameters, ...rest] = algorithm.expect(TAG.sequence, 'hashAlgorithm').children()
  if (!type || rest.length > 0) throw new MalformedDer('hashAlgorithm does not have one or two parts', algorithm.offset)
  const dotted = type.oid()
  const policy = take(parts, TAG.oid)?.oid() ?? null
  const nonce = take(parts, TAG.integer) ?? null
  nonce?.integer()
  // FALSE is the default and so has no place in DER; clients that write it all the same mean nothing else by it.
  const certReq = take(parts, TAG.boolean)?.boolean() ?? false
  const extensions = take(parts, 0xa0)
  const asked = extensions?.children().map((extension) => extension.expect(TAG.sequence, 'extension').children()[0]?.oid())
  if (parts.length > 0) throw new MalformedDer('TimeStampReq has a part too many', parts[0]!.offset)

  if (version !== 1n) throw new Refused('badRequest', `version ${version}`)
  // RFC 3161 2.4.1: what is asked for and not known is refused, critical or not. None is known here.
  if (asked) throw new Refused('unacceptedExtension', asked.join(', '))
  const hash = HASHES.get(dotted)
  if (!hash || !hashes.includes(hash)) throw new Refused('badAlg', dotted)
  // RFC 4055 2.1, RFC 5754 2: NULL or nothing.
  if (parameters && !parameters.raw.equals(NULL)) throw new Refused('badAlg', `${dotted} with parameters`)
  if (digest.length !== LENGTHS[hash]) throw new Refused('badDataFormat', `${hash} of ${digest.length} octets`)
  if (nonce && nonce.value.length > MAX_NONCE_BYTES) throw new Refused('badRequest', `nonce of ${nonce.value.length} octets`)
  return { imprint: imprint.raw, hash, policy, nonce: nonce?.raw ?? null, certReq }
}

const NULL = Buffer.from([TAG.null, 0])

const take = (parts: Der[], tag: number): Der | undefined => (parts[0]?.tag === tag ? parts.shift() : undefined)
