/** PKCS #10 certificate requests (RFC 2986): intake of what an applicant pasted or uploaded. Strict; judges nothing but its form. */
import { createHash } from 'node:crypto'
import { type AlgorithmIdentifier, readAlgorithm } from './algorithm.ts'
import { type Der, MalformedDer, readDer, TAG } from './der.ts'
import { decodeName, type RelativeDistinguishedName } from './name.ts'
import { OID } from './oids.ts'
import { type PublicKey, readPublicKey } from './public-key.ts'
import { checkSignature, type HashName, readSignatureScheme } from './signature-algorithm.ts'
import { readUpload } from './upload.ts'
import { type Extension, readExtensions } from './x509-certificate.ts'

export interface CertificateRequest {
  readonly der: Buffer
  /** The exact octets that the applicant's key signed. */
  readonly requestInfo: Buffer
  /** The subject as asked. It never reaches a certificate: the subject there is what was verified. */
  readonly subject: readonly RelativeDistinguishedName[]
  readonly publicKey: PublicKey
  readonly signature: {
    readonly algorithm: AlgorithmIdentifier
    /** Null for an algorithm that this software does not know. */
    readonly hash: HashName | null
    readonly octets: Buffer
    /** Whether the key in the request made the signature (CP 3.2.1); `unsupported` when that cannot be computed here. */
    readonly check: 'valid' | 'invalid' | 'unsupported'
  }
  /** Types of the attributes beside the extension request; their values (a challengePassword) are dropped. */
  readonly otherAttributes: readonly string[]
  /** DER of the Extensions asked for (PKCS #9 extensionRequest), null without. Attestations travel here; nothing of it is copied into a certificate. */
  readonly extensionRequest: Buffer | null
  readonly requestedExtensions: readonly Extension[]
  /** SHA-256 of the request's DER, lower-case hex. */
  readonly sha256: string
}

export type RequestRefusal =
  | 'empty'
  | 'too-large'
  | 'private-key'
  | 'several'
  | 'pem-damaged'
  | 'not-base64'
  | 'certificate'
  | 'public-key'
  | 'wrong-object'
  | 'not-a-request'
  | 'cut-short'
  | 'trailing-bytes'
  | 'malformed'
  | 'key-malformed'

export type RequestIntake =
  | { readonly request: CertificateRequest }
  | { readonly refused: { readonly code: RequestRefusal; readonly values?: Readonly<Record<string, string>> } }

/** Octets that an upload may have. */
export const REQUEST_MAX_BYTES = 32 * 1024
const REQUEST_LABELS = ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST']

/** Reads one certificate request from an upload or a paste. Never throws for what is in it, and keeps nothing of a private key sent by mistake. */
export function readCertificateRequest(bytes: Buffer): RequestIntake {
  if (bytes.length > REQUEST_MAX_BYTES) return refuse('too-large', { limitKilobytes: String(REQUEST_MAX_BYTES / 1024) })
  const upload = readUpload(bytes)
  if ('refused' in upload) return refuse(upload.refused, upload.count === undefined ? undefined : { count: String(upload.count) })
  const { der, label } = upload
  if (label !== null && !REQUEST_LABELS.includes(label)) {
    if (/CERTIFICATE$/.test(label)) return refuse('certificate')
    return label.endsWith('PUBLIC KEY') ? refuse('public-key') : refuse('wrong-object', { label })
  }
  try {
    const misfit = outerLength(der)
    if (misfit) return misfit
    const root = readDer(der, { maxBytes: REQUEST_MAX_BYTES, maxDepth: 24, maxNodes: 2000 })
    const other = otherObject(root)
    return other ? refuse(other) : parse(root)
  } catch (error) {
    if (MalformedDer.is(error)) return refuse('malformed', { octet: String(error.offset) })
    throw error
  }
}

const refuse = (code: RequestRefusal, values?: Record<string, string>): RequestIntake => ({ refused: values ? { code, values } : { code } })

/** Tells a cut or lengthened request from bytes that are no DER at all. */
function outerLength(der: Buffer): RequestIntake | null {
  if (der[0] !== TAG.sequence || der.length < 2) return refuse('not-a-request')
  const first = der[1]!
  if (first === 0x80 || first > 0x84) return refuse('not-a-request')
  const octets = first < 0x80 ? 0 : first & 0x7f
  if (der.length < 2 + octets) return refuse('cut-short')
  const total = 2 + octets + (octets === 0 ? first : der.readUIntBE(2, octets))
  if (der.length < total) return refuse('cut-short')
  return der.length > total ? refuse('trailing-bytes', { count: String(der.length - total) }) : null
}

/** Recognises what is uploaded by mistake, from the shape of its first fields. */
function otherObject(root: Der): RequestRefusal | null {
  const [first, second] = root.children()
  if (!first) return 'not-a-request'
  // PKCS #8, PKCS #1, SEC 1 private keys and PKCS #12 begin with a version number.
  if (first.tag === TAG.integer) return 'private-key'
  if (first.tag === TAG.oid) return 'wrong-object'
  if (first.tag !== TAG.sequence) return 'not-a-request'
  const inner = first.children()[0]
  // An encrypted PKCS #8 key: algorithm, then an octet string.
  if (inner?.tag === TAG.oid && second?.tag === TAG.octetString) return 'private-key'
  if (inner?.tag === TAG.oid && second?.tag === TAG.bitString) return 'public-key'
  if (inner?.tag === 0xa0) return 'certificate'
  return null
}

function parse(root: Der): RequestIntake {
  const [info, algorithmField, signatureField, ...rest] = root.children()
  if (!info || !algorithmField || !signatureField || rest.length > 0) return refuse('not-a-request')
  const [version, subjectField, spkiField, attributesField, ...more] = info.expect(TAG.sequence, 'request information').children()
  if (!version || !subjectField || !spkiField || more.length > 0 || version.integer() !== 0n) return refuse('not-a-request')
  const subject = decodeName(subjectField)
  // Some tools leave the empty attributes field out, against RFC 2986 4.1; that changes no meaning.
  const attributes = attributesField ? attributesField.expect(0xa0, 'attributes').children().map(readAttribute) : []
  const extensionRequests = attributes.filter(({ type }) => type === OID.extensionRequest)
  if (extensionRequests.length > 1) throw new MalformedDer('extension request stands twice', info.offset)
  const extensions = extensionRequests[0] ? onlyValue(extensionRequests[0]) : null
  const requestedExtensions = extensions && extensions.children().length > 0 ? readExtensions(extensions) : []
  const algorithm = readAlgorithm(algorithmField)
  const octets = signatureField.bitStringOctets()
  let publicKey: PublicKey
  try {
    publicKey = readPublicKey(spkiField.raw)
  } catch (error) {
    if (MalformedDer.is(error)) return refuse('key-malformed')
    throw error
  }
  return {
    request: {
      der: root.raw,
      requestInfo: info.raw,
      subject,
      publicKey,
      signature: { algorithm, hash: readSignatureScheme(algorithm)?.hash ?? null, octets, check: checkSignature(info.raw, publicKey, algorithm, octets) },
      otherAttributes: attributes.filter(({ type }) => type !== OID.extensionRequest).map(({ type }) => type),
      extensionRequest: extensions?.raw ?? null,
      requestedExtensions,
      sha256: createHash('sha256').update(root.raw).digest('hex'),
    },
  }
}

interface Attribute {
  readonly type: string
  readonly values: Der
}
function readAttribute(der: Der): Attribute {
  const [type, values, ...rest] = der.expect(TAG.sequence, 'attribute').children()
  if (!type || !values || rest.length > 0) throw new MalformedDer('attribute has the wrong number of fields', der.offset)
  return { type: type.oid(), values: values.expect(TAG.set, 'attribute values') }
}
function onlyValue({ values }: Attribute): Der {
  const [value, ...rest] = values.children()
  if (!value || rest.length > 0) throw new MalformedDer('extension request must have exactly one value', values.offset)
  return value.expect(TAG.sequence, 'extension request')
}
