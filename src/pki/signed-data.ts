/**
 * CMS SignedData (RFC 5652 5; PKCS #7 1.5 where a PDF holds it): read into plain fields, and a signature checked with one certificate. Whose
 * certificate counts is decided elsewhere: nothing here builds a path.
 */
import { createHash } from 'node:crypto'
import { type AlgorithmIdentifier, readAlgorithm, rsaSignatureAlgorithm } from './algorithm.ts'
import { definiteLengths } from './ber.ts'
import { type Der, MalformedDer, readDer, TAG } from './der.ts'
import { OID } from './oids.ts'
import { readPublicKey } from './public-key.ts'
import { checkSignature, type HashName, readSignatureScheme } from './signature-algorithm.ts'
import { readCertificate, type X509Certificate } from './x509-certificate.ts'

/** What a signature of our time is made with. */
const STRONG = ['sha256', 'sha384', 'sha512'] as const
type StrongHash = (typeof STRONG)[number]
const DIGESTS: ReadonlyMap<string, HashName> = new Map([
  [OID.sha1, 'sha1'],
  [OID.sha256, 'sha256'],
  [OID.sha384, 'sha384'],
  [OID.sha512, 'sha512'],
])

/** RFC 5652 11, RFC 5035 3. */
const ATTRIBUTE = {
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
  signingTime: '1.2.840.113549.1.9.5',
  signingCertificateV2: '1.2.840.113549.1.9.16.2.47',
} as const

export interface SignerInfo {
  /** Issuer and serial number, or the subject key identifier. */
  readonly identifier: { readonly issuer: Buffer; readonly serial: Buffer } | { readonly keyIdentifier: Buffer }
  /** Dotted form of the digest algorithm. */
  readonly digest: string
  readonly algorithm: AlgorithmIdentifier
  readonly signature: Buffer
  /** The octets that are signed, the SET OF attributes; null for a signature right over the content. */
  readonly signedAttributes: Buffer | null
  readonly contentType: string | null
  readonly messageDigest: Buffer | null
  readonly signingTime: Date | null
  /** SHA-256 of the signer's certificate as its signer names it (ESS signing-certificate-v2, as CAdES asks); null where it is not named so. */
  readonly certificateSha256: Buffer | null
}

export interface SignedData {
  readonly contentType: string
  /** The content that came with the signature; null for a detached one. */
  readonly content: Buffer | null
  /** DER of each certificate; other forms are left out. */
  readonly certificates: readonly Buffer[]
  readonly signers: readonly SignerInfo[]
}

export const SIGNED_DATA_LIMITS = { bytes: 6 * 1024 * 1024, certificates: 16, signers: 8 } as const

/**
 * Reads a ContentInfo that holds SignedData. `padding`: what may follow the value; a PDF keeps room filled with zeros.
 * @throws MalformedDer
 */
export function readSignedData(bytes: Buffer, { padding = 'none' }: { readonly padding?: 'none' | 'zeros' } = {}): SignedData {
  if (bytes.length > SIGNED_DATA_LIMITS.bytes) throw new MalformedDer(`longer than ${SIGNED_DATA_LIMITS.bytes} octets`, 0)
  const { der, end } = definiteLengths(bytes)
  const rest = bytes.subarray(end)
  if (padding === 'none' ? rest.length > 0 : rest.some((octet) => octet !== 0)) throw new MalformedDer('octets after the value', end)
  const root = readDer(der, { maxBytes: SIGNED_DATA_LIMITS.bytes, maxDepth: 24, maxNodes: 8000 })
  const [type, wrapped, ...more] = root.expect(TAG.sequence, 'ContentInfo').children()
  if (!type || type.oid() !== OID.pkcs7SignedData || !wrapped || more.length > 0) throw new MalformedDer('no SignedData', root.offset)
  const fields = wrapped.expect(0xa0, 'content').only().expect(TAG.sequence, 'SignedData').children()
  const version = fields.shift()?.integer()
  if (version === undefined || version < 1n || version > 5n) throw new MalformedDer('SignedData of an unknown version', root.offset)
  fields.shift()?.expect(TAG.set, 'digest algorithms')
  const [contentType, content] = readContent(fields.shift(), root)
  const certificates: Buffer[] = []
  if (fields[0]?.tag === 0xa0) {
    for (const certificate of fields.shift()!.children()) if (certificate.tag === TAG.sequence) certificates.push(certificate.raw)
    if (certificates.length > SIGNED_DATA_LIMITS.certificates) throw new MalformedDer('too many certificates', root.offset)
  }
  // Revocation lists are not looked at.
  if (fields[0]?.tag === 0xa1) fields.shift()
  const signers = fields.shift()?.expect(TAG.set, 'signer infos').children() ?? []
  if (fields.length > 0) throw new MalformedDer('SignedData has the wrong number of fields', root.offset)
  if (signers.length > SIGNED_DATA_LIMITS.signers) throw new MalformedDer('too many signers', root.offset)
  return { contentType, content, certificates, signers: signers.map(readSigner) }
}

function readContent(der: Der | undefined, root: Der): [string, Buffer | null] {
  const [type, wrapped, ...more] = der?.expect(TAG.sequence, 'encapsulated content').children() ?? []
  if (!type || more.length > 0) throw new MalformedDer('SignedData without its content type', root.offset)
  return [type.oid(), wrapped ? wrapped.expect(0xa0, 'encapsulated content').only().expect(TAG.octetString, 'encapsulated content').value : null]
}

function readSigner(der: Der): SignerInfo {
  const fields = der.expect(TAG.sequence, 'signer info').children()
  const [version, identifier, digest] = fields.splice(0, 3)
  if (!version || !identifier || !digest) throw new MalformedDer('signer info cut short', der.offset)
  version.integer()
  const attributes = fields[0]?.tag === 0xa0 ? fields.shift()! : null
  const [algorithm, signature] = fields.splice(0, 2)
  // Unsigned attributes prove nothing here.
  if (fields[0]?.tag === 0xa1) fields.shift()
  if (!algorithm || !signature || fields.length > 0) throw new MalformedDer('signer info has the wrong number of fields', der.offset)
  const found = attributes ? readAttributes(attributes) : NO_ATTRIBUTES
  return {
    identifier: readIdentifier(identifier),
    digest: readAlgorithm(digest).oid,
    algorithm: readAlgorithm(algorithm),
    signature: signature.expect(TAG.octetString, 'signature').value,
    // RFC 5652 5.4: signed with the tag of a SET OF in place of [0].
    signedAttributes: attributes ? Buffer.concat([Buffer.from([TAG.set]), attributes.raw.subarray(1)]) : null,
    ...found,
  }
}

function readIdentifier(der: Der): SignerInfo['identifier'] {
  if (der.tag === 0x80) return { keyIdentifier: der.value }
  const [issuer, serial, ...rest] = der.expect(TAG.sequence, 'signer identifier').children()
  if (!issuer || !serial || rest.length > 0) throw new MalformedDer('signer identifier has the wrong number of fields', der.offset)
  return { issuer: issuer.raw, serial: serial.expect(TAG.integer, 'serial number').value }
}

const NO_ATTRIBUTES = { contentType: null, messageDigest: null, signingTime: null, certificateSha256: null } as const

function readAttributes(der: Der): Pick<SignerInfo, 'contentType' | 'messageDigest' | 'signingTime' | 'certificateSha256'> {
  const values = new Map<string, Der>()
  for (const attribute of der.children()) {
    const [type, set, ...rest] = attribute.expect(TAG.sequence, 'attribute').children()
    if (!type || !set || rest.length > 0) throw new MalformedDer('attribute has the wrong number of fields', attribute.offset)
    const dotted = type.oid()
    // RFC 5652 5.3, 11: each attribute once, and those read here with one value.
    if (values.has(dotted)) throw new MalformedDer(`attribute ${dotted} stands twice`, attribute.offset)
    const known: boolean = (Object.values(ATTRIBUTE) as string[]).includes(dotted)
    values.set(dotted, known ? set.expect(TAG.set, 'attribute values').only() : set)
  }
  const certificate = values.get(ATTRIBUTE.signingCertificateV2)
  return {
    contentType: values.get(ATTRIBUTE.contentType)?.oid() ?? null,
    messageDigest: values.get(ATTRIBUTE.messageDigest)?.expect(TAG.octetString, 'message digest').value ?? null,
    signingTime: values.get(ATTRIBUTE.signingTime)?.time() ?? null,
    certificateSha256: certificate ? readSigningCertificate(certificate) : null,
  }
}

/** ESSCertIDv2 (RFC 5035 4): its hash is SHA-256 where no algorithm stands. Null for another digest. */
function readSigningCertificate(der: Der): Buffer | null {
  const first = der.expect(TAG.sequence, 'signing certificate').children()[0]?.expect(TAG.sequence, 'certificates').children()[0]
  const parts = first?.expect(TAG.sequence, 'certificate identifier').children() ?? []
  const algorithm = parts[0]?.tag === TAG.sequence ? readAlgorithm(parts.shift()!).oid : OID.sha256
  const hash = parts[0]?.expect(TAG.octetString, 'certificate hash').value
  return hash && algorithm === OID.sha256 ? hash : null
}

/** Whether the signer names this certificate: by issuer and serial number or key identifier, and by its hash where one is signed. */
export function namesCertificate({ identifier, certificateSha256 }: SignerInfo, certificate: X509Certificate): boolean {
  const { tbs } = certificate
  const named =
    'keyIdentifier' in identifier
      ? identifier.keyIdentifier.equals(subjectKeyIdentifier(certificate))
      : identifier.issuer.equals(tbs.issuer) && identifier.serial.equals(tbs.serialOctets)
  return named && (certificateSha256 === null || certificateSha256.equals(createHash('sha256').update(certificate.der).digest()))
}

function subjectKeyIdentifier({ tbs }: X509Certificate): Buffer {
  const extension = tbs.extensions.find(({ oid }) => oid === OID.subjectKeyIdentifier)
  return extension ? readDer(extension.value).expect(TAG.octetString, 'subject key identifier').value : readPublicKey(tbs.spki).keyIdentifier
}

/** What is wrong with a signature; each is one reason, in the order in which they are looked at. */
export type SignatureFault = 'attributes' | 'weak' | 'digest' | 'signature'

/**
 * Whether this certificate's key made the signature over this content, under rules of our time: signed attributes with content type and message
 * digest (RFC 5652 5.3), RSA or ECDSA with SHA-256 or better. Null when it did.
 */
export function findFault(signer: SignerInfo, contentType: string, content: Buffer, certificate: X509Certificate): SignatureFault | null {
  if (signer.signedAttributes === null || signer.messageDigest === null || signer.contentType !== contentType) return 'attributes'
  const digest = DIGESTS.get(signer.digest)
  if (!isStrong(digest)) return 'weak'
  // RFC 3370 3.2: rsaEncryption takes its digest from the field beside it.
  const algorithm = signer.algorithm.oid === OID.rsaEncryption ? readAlgorithm(readDer(rsaSignatureAlgorithm(digest))) : signer.algorithm
  const scheme = readSignatureScheme(algorithm)
  if (!scheme || scheme.key === 'ed25519' || !isStrong(scheme.hash)) return 'weak'
  const key = readPublicKey(certificate.tbs.spki)
  if (key.facts.type === 'rsa' && key.facts.bits < 2048) return 'weak'
  if (!createHash(digest).update(content).digest().equals(signer.messageDigest)) return 'digest'
  return checkSignature(signer.signedAttributes, key, algorithm, signer.signature) === 'valid' ? null : 'signature'
}

const isStrong = (hash: HashName | undefined): hash is StrongHash => STRONG.some((strong) => strong === hash)

/** The certificate among those of the message that the signer names; null when none is there. @throws MalformedDer */
export function certificateOf({ certificates }: SignedData, signer: SignerInfo): X509Certificate | null {
  for (const der of certificates) {
    const certificate = readCertificate(der)
    if (namesCertificate(signer, certificate)) return certificate
  }
  return null
}
