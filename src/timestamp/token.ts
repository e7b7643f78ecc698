/** Time-stamp tokens (RFC 3161 2.4.2, RFC 5816): the octets to be signed, the token around the signature, the answer around the token. */
import { createHash } from 'node:crypto'
import { context, generalizedTime, integer, namedBits, nullValue, octetString, oid, sequence, setOf } from '../pki/der.ts'
import { OID } from '../pki/oids.ts'
import { attribute, implicitSet } from '../pki/signed-data-encoding.ts'
import { FAILURE, type Failure, type ImprintHash } from './request.ts'

export interface TokenContent {
  /** Dotted: under which policy the token is given. */
  readonly policy: string
  /** MessageImprint as the request had it. */
  readonly imprint: Buffer
  /** Content octets of an INTEGER, at most 20 (RFC 3161 2.4.2: 160 bits). */
  readonly serial: Buffer
  readonly genTime: Date
  readonly accuracySeconds: number
  /** The request's INTEGER, or null. */
  readonly nonce: Buffer | null
}

/**
 * TSTInfo. Its time has whole seconds, cut and never rounded up, so that it never lies ahead; the accuracy counts that in. `ordering` FALSE is the
 * default and left out, as is the authority's name: the certificate that the signature names says it.
 * @throws RangeError for a serial number longer than 160 bits
 */
export function buildTstInfo({ policy, imprint, serial, genTime, accuracySeconds, nonce }: TokenContent): Buffer {
  if (serial.length > 20) throw new RangeError('serial number is longer than 160 bits')
  return sequence(integer(1), oid(policy), imprint, integer(serial), generalizedTime(genTime), sequence(integer(accuracySeconds)), ...(nonce ? [nonce] : []))
}

/** Who signs: the certificate, and what its own encoding says of its issuer. */
export interface TokenSigner {
  readonly certificateDer: Buffer
  /** Issuer Name, DER. */
  readonly issuerDer: Buffer
  /** The whole INTEGER. */
  readonly serialDer: Buffer
  /** TSA-3: the digest that signed the certificate. */
  readonly hash: ImprintHash
  /** Given with the token when the client asks: this certificate and those above it, without the root. */
  readonly chain: readonly Buffer[]
}

const DIGEST: Readonly<Record<ImprintHash, string>> = { sha256: OID.sha256, sha384: OID.sha384, sha512: OID.sha512 }

/** RFC 5754 2: an AlgorithmIdentifier of SHA-2 has no parameters. */
const digestAlgorithm = (hash: ImprintHash): Buffer => sequence(oid(DIGEST[hash]))

/** The signed attributes as they are signed: SET OF (RFC 5652 5.4). The certificate is named by ESSCertIDv2 (RFC 5816 2.2.1), with its issuer and serial number. */
export function buildSignedAttributes(tstInfo: Buffer, { certificateDer, issuerDer, serialDer, hash }: TokenSigner): Buffer {
  const digest = (octets: Buffer): Buffer => createHash(hash).update(octets).digest()
  const issuerSerial = sequence(sequence(context(4, issuerDer)), serialDer)
  // SHA-256 is the default of hashAlgorithm and so left out (RFC 5035 4).
  const certificateId = sequence(...(hash === 'sha256' ? [] : [digestAlgorithm(hash)]), octetString(digest(certificateDer)), issuerSerial)
  return setOf(attribute(OID.contentType, oid(OID.tstInfo)), attribute(OID.messageDigest, octetString(digest(tstInfo))), attribute(OID.signingCertificateV2, sequence(sequence(certificateId))))
}

/** The TimeStampToken: a ContentInfo of SignedData, version 3 for its content's type (RFC 5652 5.1). */
export function assembleToken(tstInfo: Buffer, signedAttributes: Buffer, signature: Buffer, { issuerDer, serialDer, hash, chain }: TokenSigner, withCertificates: boolean): Buffer {
  const signerInfo = sequence(
    integer(1),
    sequence(issuerDer, serialDer),
    digestAlgorithm(hash),
    implicitSet(0, signedAttributes),
    sequence(oid(OID.rsaEncryption), nullValue()),
    octetString(signature),
  )
  const signedData = sequence(
    integer(3),
    setOf(digestAlgorithm(hash)),
    sequence(oid(OID.tstInfo), context(0, octetString(tstInfo))),
    // RFC 3161 2.4.1: present when asked for, and only then.
    ...(withCertificates ? [implicitSet(0, setOf(...chain))] : []),
    setOf(signerInfo),
  )
  return sequence(oid(OID.pkcs7SignedData), context(0, signedData))
}

/** TimeStampResp, granted. */
export const grantedResponse = (token: Buffer): Buffer => sequence(sequence(integer(0)), token)

/** TimeStampResp, rejected (PKIStatus 2), with its one reason. */
export const rejectedResponse = (failure: Failure): Buffer => sequence(sequence(integer(2), namedBits([FAILURE[failure]])))
