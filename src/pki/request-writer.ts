/** PKCS #10 (RFC 2986): the request that this software makes for keys of its own tokens. */
import { rsaSignatureAlgorithm } from './algorithm.ts'
import { bitString, context, integer, sequence } from './der.ts'

/** CertificationRequestInfo, DER: the octets to sign. No attributes: what a certificate holds is not the request's to say. */
export const requestInfo = (subjectDer: Buffer, spkiDer: Buffer): Buffer => sequence(integer(0), subjectDer, spkiDer, context(0))

/** The whole request, signed with RSASSA-PKCS1-v1_5 and SHA-256. */
export const assembleRequest = (info: Buffer, signature: Buffer): Buffer => sequence(info, rsaSignatureAlgorithm('sha256'), bitString(signature))
