/** OCSP answers (RFC 6960 4.2): the bytes to be signed, the signed answer, and the unsigned errors. */
import { createHash } from 'node:crypto'
import { rsaSignatureAlgorithm } from '../pki/algorithm.ts'
import { bitString, context, contextPrimitive, enumerated, generalizedTime, octetString, oid, sequence } from '../pki/der.ts'
import { extension } from '../pki/extension-encoding.ts'
import { publishedReason } from './reason.ts'
import { EXTENSION, type SignatureHash } from './signed-object.ts'

export type CertificateStatus =
  | { state: 'good' }
  /** `reason`: a CRLReason code; 0 and absent alike leave it out. */
  | { state: 'revoked'; at: Date; reason?: number | undefined }
  /** Also the answer for a serial that was never issued (OCS-3): the extended-revoke form would need certificateHold, which CSBR 4.9.13 forbids. */
  | { state: 'unknown' }

export interface SingleResponse {
  /** The CertID as the request had it: DER. */
  certId: Uint8Array
  status: CertificateStatus
  thisUpdate: Date
  nextUpdate: Date
  /** `statusSince` of retention.ts, for good and revoked (OCS-5, RFC 6960 4.4.4). */
  archiveCutoff?: Date | undefined
}

export interface ResponseContent {
  /** `keyHash` of the responder's key. */
  responderKeyHash: Uint8Array
  producedAt: Date
  responses: readonly SingleResponse[]
  /** The request's nonce, given back (RFC 9654 2.1). */
  nonce?: Uint8Array | null | undefined
}

const seconds = (date: Date): number => Math.floor(date.getTime() / 1000)

/** SHA-1 over the responder's subjectPublicKey without its count of unused bits: what a byKey responder ID holds (RFC 6960 4.2.1). */
export const keyHash = (keyBits: Uint8Array): Buffer => createHash('sha1').update(keyBits).digest()

/**
 * The ResponseData to be signed. Times are cut to whole seconds, as RFC 6960 4.2.2.1 and clients want them.
 * @throws RangeError for an answer that must never be signed: none inside, a reason that is never published (REV-5), times out of order,
 *   a nonce not of 1 to 128 octets, a key hash not of 20
 */
export function buildResponseData({ responderKeyHash, producedAt, responses, nonce }: ResponseContent): Buffer {
  if (responderKeyHash.length !== 20) throw new RangeError('responder key hash does not have 20 octets')
  if (responses.length === 0) throw new RangeError('an answer about no certificate')
  if (nonce && (nonce.length < 1 || nonce.length > 128)) throw new RangeError(`nonce of ${nonce.length} octets`)
  return sequence(
    context(2, octetString(responderKeyHash)),
    generalizedTime(producedAt),
    sequence(...responses.map((response) => singleResponse(response, producedAt))),
    ...(nonce ? [context(1, sequence(extension(EXTENSION.ocspNonce, false, octetString(nonce))))] : []),
  )
}

function singleResponse({ certId, status, thisUpdate, nextUpdate, archiveCutoff }: SingleResponse, producedAt: Date): Buffer {
  if (!(seconds(thisUpdate) < seconds(nextUpdate))) throw new RangeError('nextUpdate is not after thisUpdate')
  if (!(seconds(thisUpdate) <= seconds(producedAt))) throw new RangeError('thisUpdate is after producedAt')
  return sequence(
    certId,
    certStatus(status),
    generalizedTime(thisUpdate),
    context(0, generalizedTime(nextUpdate)),
    ...(archiveCutoff ? [context(1, sequence(extension(EXTENSION.ocspArchiveCutoff, false, generalizedTime(archiveCutoff))))] : []),
  )
}

function certStatus(status: CertificateStatus): Buffer {
  switch (status.state) {
    case 'good':
      return contextPrimitive(0, Buffer.alloc(0))
    case 'unknown':
      return contextPrimitive(2, Buffer.alloc(0))
    case 'revoked': {
      const reason = publishedReason(status.reason)
      return context(1, generalizedTime(status.at), ...(reason ? [context(0, reason)] : []))
    }
    default:
      // Absence never permits: a state from outside the type must not fall through to an encoding.
      throw new RangeError('not a certificate status')
  }
}

/** The whole OCSPResponse, successful, with the responder's certificate inside (RFC 6960 4.2.1; delegated responders are found by it). */
export function assembleBasicResponse(tbs: Uint8Array, hash: SignatureHash, signature: Uint8Array, responderCertificateDer: Uint8Array): Buffer {
  const basic = sequence(tbs, rsaSignatureAlgorithm(hash), bitString(signature), context(0, sequence(responderCertificateDer)))
  return sequence(enumerated(0), context(0, sequence(oid('1.3.6.1.5.5.7.48.1.1'), octetString(basic))))
}

const errors = { malformedRequest: 1, internalError: 2, tryLater: 3, unauthorized: 6 } as const
export type OcspError = keyof typeof errors

/** An unsigned answer that holds no status (RFC 6960 4.2.1). */
export const errorResponse = (error: OcspError): Buffer => sequence(enumerated(errors[error]))
