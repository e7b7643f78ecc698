/**
 * CMS signatures (RFC 5652 5) over small files that an example's key signs once (REP-2), and the time-stamp put beside them later: it covers the signature,
 * so the key need not be there any more.
 */
import { createHash } from 'node:crypto'
import { context, integer, MalformedDer, nullValue, octetString, oid, readDer, sequence, setOf, TAG, type Der } from '../pki/der.ts'
import { OID } from '../pki/oids.ts'
import { attribute, implicitSet } from '../pki/signed-data-encoding.ts'
import { readCertificate } from '../pki/x509-certificate.ts'

export interface SpecimenSigner {
  readonly certificateDer: Buffer
  /** The signer's certificate and those above it, without the root. */
  readonly chain: readonly Buffer[]
  /** RSASSA-PKCS1-v1_5 with SHA-256. */
  sign(data: Buffer): Promise<Buffer>
}

export interface SignedContent {
  /** Dotted. */
  readonly type: string
  /** What stands in the SignedData, under [0]; null for a detached signature. */
  readonly wrapped: Buffer | null
  /** What messageDigest is of. */
  readonly digested: Buffer
  /** Beside contentType and messageDigest. */
  readonly attributes?: readonly Buffer[]
}

/** RFC 3161 appendix A; Authenticode's own for the same token. */
export const TIMESTAMP_ATTRIBUTE = { cms: '1.2.840.113549.1.9.16.2.14', authenticode: '1.3.6.1.4.1.311.3.3.1' } as const

const SHA256 = sequence(oid(OID.sha256), nullValue())

/** A ContentInfo of SignedData, version 1, with one signer. */
export async function signContent({ type, wrapped, digested, attributes = [] }: SignedContent, signer: SpecimenSigner): Promise<Buffer> {
  const digest = createHash('sha256').update(digested).digest()
  const signed = setOf(attribute(OID.contentType, oid(type)), attribute(OID.messageDigest, octetString(digest)), ...attributes)
  const { tbs } = readCertificate(signer.certificateDer)
  const signature = await signer.sign(signed)
  const identifier = sequence(tbs.issuer, integer(tbs.serialOctets))
  const signerInfo = sequence(integer(1), identifier, SHA256, implicitSet(0, signed), sequence(oid(OID.rsaEncryption), nullValue()), octetString(signature))
  const content = sequence(oid(type), ...(wrapped ? [context(0, wrapped)] : []))
  const signedData = sequence(integer(1), setOf(SHA256), content, implicitSet(0, setOf(...signer.chain)), setOf(signerInfo))
  return sequence(oid(OID.pkcs7SignedData), context(0, signedData))
}

/** The signature that a time-stamp is to cover. @throws MalformedDer */
export const signatureValue = (cms: Buffer): Buffer => parts(cms).signerInfo[5]!.expect(TAG.octetString, 'signature').value

/** The same with a time-stamp token as an unsigned attribute. @throws MalformedDer, also when there is one already */
export function withTimestamp(cms: Buffer, token: Buffer, attributeType: string): Buffer {
  const { fields, signerInfo } = parts(cms)
  if (signerInfo.length !== 6) throw new MalformedDer('there are unsigned attributes already', 0)
  const stamped = sequence(...signerInfo.map(({ raw }) => raw), implicitSet(1, setOf(attribute(attributeType, token))))
  return sequence(oid(OID.pkcs7SignedData), context(0, sequence(...fields.slice(0, -1).map(({ raw }) => raw), setOf(stamped))))
}

/** The token that `withTimestamp` put in; null where there is none. @throws MalformedDer */
export function timestampOf(cms: Buffer): Buffer | null {
  const attributes = parts(cms).signerInfo[6]?.children()
  return attributes?.[0]?.children()[1]?.only().raw ?? null
}

/** The signature as it was before its time-stamp. @throws MalformedDer */
export function withoutTimestamp(cms: Buffer): Buffer {
  const { fields, signerInfo } = parts(cms)
  const bare = sequence(...signerInfo.slice(0, 6).map(({ raw }) => raw))
  return sequence(oid(OID.pkcs7SignedData), context(0, sequence(...fields.slice(0, -1).map(({ raw }) => raw), setOf(bare))))
}

function parts(cms: Buffer): { readonly fields: readonly Der[]; readonly signerInfo: readonly Der[] } {
  const [type, wrapped] = readDer(cms).expect(TAG.sequence, 'ContentInfo').children()
  if (type?.oid() !== OID.pkcs7SignedData || !wrapped) throw new MalformedDer('no SignedData', 0)
  const fields = wrapped.children()[0]?.expect(TAG.sequence, 'SignedData').children() ?? []
  const [signer, ...others] = fields.at(-1)?.expect(TAG.set, 'signer infos').children() ?? []
  if (!signer || others.length > 0) throw new MalformedDer('not one signer', 0)
  return { fields, signerInfo: signer.children() }
}
