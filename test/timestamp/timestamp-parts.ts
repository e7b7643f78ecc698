/** Time-stamp requests written apart from the reader under test, and answers taken apart. */
import { createHash } from 'node:crypto'
import { boolean, context, integer, nullValue, octetString, oid, readDer, sequence, type Der } from '../../src/pki/der.ts'

export const DIGESTS = { sha1: '1.3.14.3.2.26', sha256: '2.16.840.1.101.3.4.2.1', sha384: '2.16.840.1.101.3.4.2.2', sha512: '2.16.840.1.101.3.4.2.3' } as const

export interface Wanted {
  readonly version?: number
  readonly hash?: keyof typeof DIGESTS
  readonly imprint?: Buffer
  readonly policy?: string
  readonly nonce?: Buffer
  readonly certReq?: boolean
  /** Extension values under [0]. */
  readonly extensions?: Buffer
  /** After the algorithm's OID. */
  readonly parameters?: Buffer
}

export function timestampQuery({ version = 1, hash = 'sha256', imprint, policy, nonce, certReq, extensions, parameters = nullValue() }: Wanted = {}): Buffer {
  const digest = imprint ?? createHash(hash).update('a signature').digest()
  return sequence(
    integer(version),
    sequence(sequence(oid(DIGESTS[hash]), parameters), octetString(digest)),
    ...(policy ? [oid(policy)] : []),
    ...(nonce ? [nonce] : []),
    ...(certReq === undefined ? [] : [boolean(certReq)]),
    ...(extensions ? [context(0, extensions)] : []),
  )
}

const FAILURES: Readonly<Record<number, string>> = { 0: 'badAlg', 2: 'badRequest', 5: 'badDataFormat', 14: 'timeNotAvailable', 15: 'unacceptedPolicy', 16: 'unacceptedExtension', 17: 'addInfoNotAvailable', 25: 'systemFailure' }

/** The name of the failure, or the token. */
export function readReply(reply: Buffer): { readonly failure: string } | { readonly token: Der } {
  const [info, token, ...rest] = readDer(reply).children()
  const [status, ...others] = info!.children()
  if (rest.length > 0) throw new Error('TimeStampResp with a part too many')
  if (status!.integer() === 0n) {
    if (!token || others.length > 0) throw new Error('granted, and without a token or with a failure')
    return { token }
  }
  if (token || status!.integer() !== 2n || others.length !== 1) throw new Error('rejected, and not as RFC 3161 2.4.2 has it')
  const bits = others[0]!.namedBits()
  return { failure: bits.map((bit) => FAILURES[bit] ?? String(bit)).join() }
}

/** TSTInfo and what is around it. */
export function readToken(token: Der) {
  const signedData = token.children()[1]!.children()[0]!.children()
  const [version, digests, encapsulated] = signedData
  const certificates = signedData.find(({ tag }) => tag === 0xa0)?.children() ?? null
  const signer = signedData.at(-1)!.children()[0]!.children()
  const tst = readDer(encapsulated!.children()[1]!.children()[0]!.value)
  const [tstVersion, policy, imprint, serial, genTime, accuracy, ...rest] = tst.children()
  return {
    version: version!.integer(),
    digests: digests!.children().map((digest) => digest.children()[0]!.oid()),
    contentType: encapsulated!.children()[0]!.oid(),
    certificates: certificates?.map(({ raw }) => raw) ?? null,
    signerDigest: signer[2]!.children()[0]!.oid(),
    attributes: signer[3]!.children().map((attribute) => ({ type: attribute.children()[0]!.oid(), value: attribute.children()[1]!.children()[0]! })),
    tstInfo: { version: tstVersion!.integer(), policy: policy!.oid(), imprint: imprint!.raw, serial: serial!.integer(), serialOctets: serial!.value, genTime: genTime!.time(), accuracySeconds: accuracy!.children()[0]!.integer(), rest: rest.map(({ raw }) => raw) },
  }
}
