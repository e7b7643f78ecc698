/** CMS SignedData (RFC 5652) written apart from the reader under test, so that each part can be left out or changed. The DER writer is all they share. */
import { createHash, sign, type KeyObject } from 'node:crypto'
import { context, integer, nullValue, octetString, oid, sequence, setOf, time, tlv } from '../../src/pki/der.ts'
import { readCertificate } from '../../src/pki/x509-certificate.ts'

const DIGESTS: Readonly<Record<string, string>> = { sha1: '1.3.14.3.2.26', sha256: '2.16.840.1.101.3.4.2.1', sha384: '2.16.840.1.101.3.4.2.2', sha512: '2.16.840.1.101.3.4.2.3' }
const ECDSA: Readonly<Record<string, string>> = { sha1: '1.2.840.10045.4.1', sha256: '1.2.840.10045.4.3.2', sha384: '1.2.840.10045.4.3.3', sha512: '1.2.840.10045.4.3.4' }
const DATA = '1.2.840.113549.1.7.1'

export interface CmsOptions {
  readonly certificate: Buffer
  readonly key: KeyObject
  readonly digest?: string
  /** Puts the content inside. */
  readonly attached?: boolean
  readonly signingTime?: Date | null
  /** False leaves the certificate out. */
  readonly embed?: boolean
  /** Another certificate in its place. */
  readonly embedded?: Buffer
  readonly without?: 'attributes' | 'message-digest' | 'content-type'
  /** A content type in the attribute that is not the message's own. */
  readonly attributeType?: string
  readonly digestOf?: Buffer
  readonly twice?: 'message-digest'
  /** ESS signing-certificate-v2 naming this certificate. */
  readonly names?: Buffer
  readonly breakSignature?: boolean
  /** Of the content, when it is not the signature's. */
  readonly contentDigest?: string
  /** Others who sign the same content in the same message. */
  readonly beside?: readonly Omit<CmsOptions, 'beside' | 'attached'>[]
}

const attribute = (type: string, ...values: Buffer[]) => sequence(oid(type), setOf(...values))

export function writeCms(content: Buffer, options: CmsOptions): Buffer {
  const all = [options, ...(options.beside ?? [])]
  const certificates = all.flatMap((each) => (each.embed === false ? [] : [each.embedded ?? each.certificate]))
  const signedData = sequence(
    integer(1),
    setOf(...[...new Set(all.map(({ digest = 'sha256' }) => digest))].map((digest) => sequence(oid(DIGESTS[digest]!)))),
    sequence(oid(DATA), ...(options.attached ? [context(0, octetString(content))] : [])),
    ...(certificates.length === 0 ? [] : [context(0, Buffer.concat(certificates))]),
    setOf(...all.map((each) => signerInfo(content, each))),
  )
  return sequence(oid('1.2.840.113549.1.7.2'), context(0, signedData))
}

function signerInfo(content: Buffer, options: Omit<CmsOptions, 'beside' | 'attached'>): Buffer {
  const { certificate, key, digest = 'sha256', signingTime = new Date() } = options
  const { tbs } = readCertificate(certificate)
  const messageDigest = attribute('1.2.840.113549.1.9.4', octetString(createHash(options.contentDigest ?? digest).update(options.digestOf ?? content).digest()))
  const attributes = [
    ...(options.without === 'content-type' ? [] : [attribute('1.2.840.113549.1.9.3', oid(options.attributeType ?? DATA))]),
    ...(options.without === 'message-digest' ? [] : [messageDigest]),
    ...(options.twice === 'message-digest' ? [messageDigest] : []),
    ...(signingTime ? [attribute('1.2.840.113549.1.9.5', time(signingTime))] : []),
    ...(options.names ? [attribute('1.2.840.113549.1.9.16.2.47', sequence(sequence(sequence(octetString(createHash('sha256').update(options.names).digest())))))] : []),
  ]
  const signed = options.without === 'attributes' ? content : setOf(...attributes)
  const edwards = key.asymmetricKeyType === 'ed25519'
  const signature = sign(edwards ? null : digest, signed, key)
  if (options.breakSignature) signature[signature.length - 1]! ^= 1
  const algorithm = key.asymmetricKeyType === 'rsa' ? sequence(oid('1.2.840.113549.1.1.1'), nullValue()) : sequence(oid(edwards ? '1.3.101.112' : ECDSA[digest]!))
  return sequence(
    integer(1),
    sequence(tbs.issuer, tlv(0x02, tbs.serialOctets)),
    sequence(oid(DIGESTS[options.contentDigest ?? digest]!)),
    ...(options.without === 'attributes' ? [] : [Buffer.concat([Buffer.from([0xa0]), setOf(...attributes).subarray(1)])]),
    algorithm,
    octetString(signature),
  )
}
