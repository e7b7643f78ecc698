/** OCSP requests (RFC 6960 4.1, RFC 9654) from anywhere: read strictly, under limits, judged by nobody here. */
import { createHash } from 'node:crypto'
import { Der, MalformedDer, TAG, readDer } from '../pki/der.ts'
import { readExtensions } from '../pki/x509-certificate.ts'
import { EXTENSION, serialHex } from './signed-object.ts'

/** A request longer than this is refused unread. The commonest has about 80 octets. */
export const MAX_REQUEST_BYTES = 8192
/** Certificates asked for at once. */
export const MAX_SINGLE_REQUESTS = 16
/** RFC 5280 4.1.2.2: no certificate has a longer serial number. */
const MAX_SERIAL_OCTETS = 20
/** In front of a question by GET: those of an address that ends with one, joined with one more. */
const MOST_SLASHES = 8

export interface CertId {
  /** The CertID as it came, to be given back byte for byte. */
  raw: Buffer
  /** The hash algorithm's OID, known here or not. */
  hashAlgorithm: string
  issuerNameHash: Buffer
  issuerKeyHash: Buffer
  /** Lower-case hex of whole octets; a negative number has a minus sign and so is no serial of ours. */
  serial: string
}

export interface OcspRequest {
  /** At least one, in the client's order. */
  certIds: CertId[]
  /** The nonce's own octets (1 to 128), or null. */
  nonce: Buffer | null
  /** The request carries a signature. It is not verified: who asks changes no answer (RFC 6960 4.1.2 leaves it to the responder). */
  signed: boolean
}

export type MalformedReason = 'too-long' | 'encoding' | 'version' | 'no-certificate' | 'too-many-certificates' | 'serial' | 'nonce' | 'critical-extension'

/** Refused as malformedRequest; `detail` is for the log. */
export interface MalformedRequest {
  malformed: MalformedReason
  detail: string
}

class Refused extends Error {
  readonly #refused = true
  readonly reason: MalformedReason
  constructor(reason: MalformedReason, detail: string) {
    super(detail)
    this.reason = reason
  }
  static is(error: unknown): error is Refused {
    return typeof error === 'object' && error !== null && #refused in error
  }
}

/** Reads an OCSPRequest. Never throws on any octets. */
export function parseOcspRequest(bytes: Uint8Array): { request: OcspRequest } | MalformedRequest {
  if (bytes.length > MAX_REQUEST_BYTES) return { malformed: 'too-long', detail: `${bytes.length} octets` }
  try {
    return { request: ocspRequest(readDer(bytes, { maxBytes: MAX_REQUEST_BYTES, maxDepth: 10, maxNodes: 1000 })) }
  } catch (error) {
    if (Refused.is(error)) return { malformed: error.reason, detail: error.message }
    if (MalformedDer.is(error)) return { malformed: 'encoding', detail: error.message }
    throw error
  }
}

function ocspRequest(root: Der): OcspRequest {
  const [tbs, signature, ...rest] = root.expect(TAG.sequence, 'OCSPRequest').children()
  if (!tbs || rest.length > 0) throw new MalformedDer('OCSPRequest does not have one or two parts', root.offset)
  if (signature) wellFormedSignature(signature.expect(0xa0, 'optionalSignature').only())
  const parts = tbs.expect(TAG.sequence, 'tbsRequest').children()
  // Version 1 is the default and so has no place in DER; clients that send it all the same mean nothing else by it.
  if (parts[0]?.tag === 0xa0) {
    const version = parts.shift()!.only().integer()
    if (version !== 0n) throw new Refused('version', `version ${version}`)
  }
  // requestorName: a GeneralName. Anyone may ask, so it is passed over.
  if (parts[0]?.tag === 0xa1 && (parts.shift()!.only().tag & 0xc0) !== 0x80) throw new MalformedDer('requestorName is not a GeneralName', tbs.offset)
  const list = parts.shift()?.expect(TAG.sequence, 'requestList').children()
  if (!list) throw new MalformedDer('tbsRequest without a requestList', tbs.offset)
  if (list.length === 0) throw new Refused('no-certificate', 'requestList is empty')
  if (list.length > MAX_SINGLE_REQUESTS) throw new Refused('too-many-certificates', `${list.length} certificates`)
  const certIds = list.map(singleRequest)
  const nonce = parts[0]?.tag === 0xa2 ? extensionsIn(parts.shift()!, true) : null
  if (parts.length > 0) throw new MalformedDer('tbsRequest has a part too many', parts[0]!.offset)
  return { certIds, nonce, signed: signature !== undefined }
}

function singleRequest(request: Der): CertId {
  const [certId, extensions, ...rest] = request.expect(TAG.sequence, 'Request').children()
  if (!certId || rest.length > 0) throw new MalformedDer('Request does not have one or two parts', request.offset)
  if (extensions) extensionsIn(extensions.expect(0xa0, 'singleRequestExtensions'), false)
  const parts = certId.expect(TAG.sequence, 'CertID').children()
  if (parts.length !== 4) throw new MalformedDer('CertID does not have four parts', certId.offset)
  const [algorithm, nameHash, keyHash, number] = parts as [Der, Der, Der, Der]
  const serial = serialHex(number)
  // malformedRequest (RFC 6960 2.3) and not a signed "unknown": a CertID of no possible certificate is worth no signature, no memory and no line of 16 kB on record.
  if (serial.replace('-', '').length > 2 * MAX_SERIAL_OCTETS) throw new Refused('serial', `serial number of ${number.value.length} octets`)
  return {
    raw: certId.raw,
    hashAlgorithm: algorithmIn(algorithm),
    issuerNameHash: nameHash.expect(TAG.octetString, 'issuerNameHash').value,
    issuerKeyHash: keyHash.expect(TAG.octetString, 'issuerKeyHash').value,
    serial,
  }
}

/**
 * The nonce, where one may stand. Other extensions are passed over unless critical: what is not understood and must be is refused (RFC 6960 4.4).
 * RFC 9654 2.1: the value is an OCTET STRING of 1 to 128 octets; another length MUST be answered malformedRequest.
 */
function extensionsIn(tagged: Der, nonceAllowed: boolean): Buffer | null {
  let nonce: Buffer | null = null
  for (const { oid: type, critical, value } of readExtensions(tagged.only(), { writtenFalse: 'pass' })) {
    if (nonceAllowed && type === EXTENSION.ocspNonce) nonce = nonceIn(value)
    else if (critical) throw new Refused('critical-extension', type)
  }
  return nonce
}

function nonceIn(value: Buffer): Buffer {
  let octets: Buffer
  try {
    octets = readDer(value).expect(TAG.octetString, 'nonce').value
  } catch (error) {
    if (MalformedDer.is(error)) throw new Refused('nonce', error.message)
    throw error
  }
  if (octets.length < 1 || octets.length > 128) throw new Refused('nonce', `nonce of ${octets.length} octets`)
  return octets
}

function algorithmIn(algorithm: Der): string {
  const [type, , ...rest] = algorithm.expect(TAG.sequence, 'AlgorithmIdentifier').children()
  if (!type || rest.length > 0) throw new MalformedDer('AlgorithmIdentifier does not have one or two parts', algorithm.offset)
  return type.oid()
}

function wellFormedSignature(signature: Der): void {
  const [algorithm, value, certificates, ...rest] = signature.expect(TAG.sequence, 'Signature').children()
  if (!algorithm || !value || rest.length > 0) throw new MalformedDer('Signature does not have two or three parts', signature.offset)
  algorithmIn(algorithm)
  value.bitStringOctets()
  if (certificates) for (const certificate of certificates.expect(0xa0, 'certs').only().expect(TAG.sequence, 'certs').children()) certificate.expect(TAG.sequence, 'Certificate')
}

/**
 * The octets of a request that came by GET (RFC 6960 A.1, RFC 5019 5): the URL path behind the service's own, exactly as received.
 * Taken as it arrives in practice: percent-escapes or none, `+` that became a space, padding or none, a few slashes in front.
 * null for anything else, base64url among it; the answer is then malformedRequest.
 */
export function decodeGetPath(rawUrlPath: string): Buffer | null {
  // Four characters for three octets, each perhaps escaped to three.
  if (rawUrlPath.length > 3 * (4 * Math.ceil(MAX_REQUEST_BYTES / 3) + MOST_SLASHES)) return null
  let text: string
  try {
    text = decodeURIComponent(rawUrlPath)
  } catch {
    return null
  }
  // A request starts with 0x30, hence with "M": a slash in front is never its own.
  const [, digits, padding] = /^\/*([A-Za-z0-9+/]+)(={0,2})$/.exec(text.replaceAll(' ', '+')) ?? []
  if (text.startsWith('/'.repeat(MOST_SLASHES + 1))) return null
  if (digits === undefined || (padding !== '' && (digits.length + padding!.length) % 4 !== 0)) return null
  const octets = Buffer.from(digits, 'base64')
  // What does not come back the same had a stray last digit or bits set beyond the last octet.
  if (octets.length > MAX_REQUEST_BYTES || octets.toString('base64').replace(/=+$/, '') !== digits) return null
  return octets
}

/**
 * Whether a path is a spelling that clients use: base64 plain or with its `+`, `/` and `=` escaped, padded or not, behind one slash or two. There are
 * some twenty of these for a request, and of all spellings more than can be counted: an answer is kept under the former alone.
 * @param octets what {@link decodeGetPath} read in it
 */
export function isUsualSpelling(rawUrlPath: string, octets: Buffer): boolean {
  const digits = octets.toString('base64').replace(/=+$/, '')
  const given = rawUrlPath.replace(/^\/{1,2}/, '').replace(/(?:==?|%3D(?:%3D)?|%3d(?:%3d)?)$/, '')
  return given === digits || given === encodeURIComponent(digits) || given === digits.replaceAll('+', '%2b').replaceAll('/', '%2f')
}

const hashes: Readonly<Record<string, string>> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
}

/**
 * Whether a CertID names a certificate of this issuer (RFC 6960 4.1.1). Each digest of the issuer is taken once.
 * @param issuer `nameDer`: its subject Name; `keyBits`: the content of its subjectPublicKey without the count of unused bits
 */
export function issuerMatcher(issuer: { nameDer: Uint8Array; keyBits: Uint8Array }): (certId: CertId) => boolean {
  const taken = new Map<string, { readonly name: Buffer; readonly key: Buffer }>()
  return ({ hashAlgorithm, issuerNameHash, issuerKeyHash }) => {
    const hash = Object.hasOwn(hashes, hashAlgorithm) ? hashes[hashAlgorithm] : undefined
    if (!hash) return false
    let digests = taken.get(hash)
    if (!digests) {
      const digest = (octets: Uint8Array): Buffer => createHash(hash).update(octets).digest()
      taken.set(hash, (digests = { name: digest(issuer.nameDer), key: digest(issuer.keyBits) }))
    }
    return digests.name.equals(issuerNameHash) && digests.key.equals(issuerKeyHash)
  }
}
