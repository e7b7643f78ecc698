/**
 * Takes in what an applicant uploads: files in any order, PEM, DER or PKCS#7 bags, in zip or gzip or neither, several blocks
 * in one file, and whatever a certificate request carries in its extensionRequest or its id-aa-attestation; JSON, XML and anything
 * else goes to the makers unread. Foreign bytes: limits first, then strict reading. Judges nothing.
 */
import { MalformedDer, readDer, TAG } from '../pki/der.ts'
import { isPrivateKey } from '../pki/private-key.ts'
import { bagCertificates, isContentInfo, unpack, type UnpackBudget } from './containers.ts'
import type { EmbeddedStatement } from './csr-attestation.ts'
import { readRequestAttributes, type RequestExtension } from './request-attributes.ts'
import { MalformedStatement, say } from './verifier.ts'

/** A bundle of at most 64 KiB with at most 16 certificates; the file count bounds empty files. `unpacked` is for all archives of an upload together. */
export const LIMITS = { bytes: 64 * 1024, unpacked: 64 * 1024, certificates: 16, files: 16 } as const

export interface EvidenceFile {
  readonly name: string
  readonly bytes: Buffer
}
export interface FoundCertificate {
  /** The file it came in; null for the certificate request applied with. */
  readonly file: string | null
  readonly der: Buffer
}
/** Neither certificate nor request: bytes that only their maker can read. */
export interface OtherFile extends EvidenceFile {
  /** `json` and `xml` by how the text begins, read by nobody yet; `pem` for a block of another label; `binary` for all else. */
  readonly kind: 'json' | 'xml' | 'pem' | 'binary'
  /** The label of a PEM block; its `bytes` are what the block holds. */
  readonly label: string | null
}
export interface Evidence {
  readonly files: readonly EvidenceFile[]
  readonly certificates: readonly FoundCertificate[]
  /** Extensions that certificate requests ask for, the applied one first. */
  readonly requested: readonly RequestExtension[]
  /** Statements that requests carry in id-aa-attestation, the applied one's first, none twice. Their certificates are among the others. */
  readonly statements: readonly EmbeddedStatement[]
  /** Files, out of their archives, that are neither certificates nor requests: some maker may know them. */
  readonly others: readonly OtherFile[]
}

const DER_LIMITS = { maxBytes: LIMITS.bytes, maxDepth: 16, maxNodes: 2000 }
const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,40})-----([^-]*)-----END ([A-Z0-9 ]{1,40})-----/g

/** @throws MalformedStatement when a limit is passed, or a PEM or DER file is not well formed */
export function readEvidence(files: readonly EvidenceFile[], certificateRequestDer: Buffer): Evidence {
  const applied: Found = { certificates: [], requested: [], statements: [], others: [] }
  guard(null, () => readRequest(null, certificateRequestDer, applied))
  if (files.length > LIMITS.files) throw new MalformedStatement(files[LIMITS.files]!.name, say('attestation.malformed.too-many-files', { limit: String(LIMITS.files) }))
  let total = 0
  for (const file of files) {
    total += file.bytes.length
    if (total > LIMITS.bytes) throw new MalformedStatement(file.name, say('attestation.malformed.too-large', { limit: '64 KiB' }))
  }
  const { certificates, requested, statements, others } = applied
  if (certificates.length > LIMITS.certificates) throw tooManyCertificates(null)
  const budget: UnpackBudget = { bytes: LIMITS.unpacked, files: LIMITS.files }
  for (const file of files) {
    if (file.bytes.length === 0) throw new MalformedStatement(file.name, say('attestation.malformed.empty'))
    for (const part of unpack(file, budget)) {
      const found = guard(part.name, () => readFile(part))
      certificates.push(...found.certificates)
      requested.push(...found.requested)
      // The request applied with is often among the files too.
      statements.push(...found.statements.filter(({ type, stmt }) => !statements.some((earlier) => earlier.type === type && earlier.stmt.equals(stmt))))
      others.push(...found.others)
      if (certificates.length > LIMITS.certificates) throw tooManyCertificates(part.name)
    }
  }
  return { files, certificates, requested, statements, others }
}

const tooManyCertificates = (file: string | null) => new MalformedStatement(file, say('attestation.malformed.too-many-certificates', { limit: String(LIMITS.certificates) }))

/** Runs a reader of foreign bytes; DER faults become statements about the file. */
export function guard<T>(file: string | null, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (MalformedDer.is(error)) throw new MalformedStatement(file, say('attestation.malformed.der', { octet: String(error.offset) }))
    throw error
  }
}

interface Found {
  certificates: FoundCertificate[]
  requested: RequestExtension[]
  statements: EmbeddedStatement[]
  others: OtherFile[]
}

function readFile(file: EvidenceFile): Found {
  const found: Found = { certificates: [], requested: [], statements: [], others: [] }
  const text = textOf(file.bytes)
  // Said before anything else is: the applicant must know at once that this file leaves their hands never again.
  if (isPrivateKey(file.bytes)) throw new MalformedStatement(file.name, say('attestation.malformed.private-key'))
  const kind = structuredText(text)
  // JSON and XML may carry PEM inside their strings: they are whole files of their maker's, never searched for blocks.
  if (kind) found.others.push({ ...file, kind, label: null })
  else if (text.includes('-----BEGIN ')) readPem(file, text, found)
  else if (looksLikeDer(file.bytes)) {
    if (!readValue(file, file.bytes, found)) found.others.push({ ...file, kind: 'binary', label: null })
  } else found.others.push({ ...file, kind: 'binary', label: null })
  return found
}

/** Octets as characters; UTF-16 with a mark, as PowerShell's redirection writes it, as what it says. */
const textOf = (bytes: Buffer): string => (bytes[0] === 0xff && bytes[1] === 0xfe ? bytes.toString('utf16le') : bytes.toString('latin1'))

function structuredText(text: string): 'json' | 'xml' | null {
  const first = text.replace(/^(\u00ef\u00bb\u00bf|\ufeff)/, '').trimStart()[0]
  if ((first !== '{' && first !== '[' && first !== '<') || /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.test(text)) return null
  return first === '<' ? 'xml' : 'json'
}

/**
 * A SEQUENCE of at least 128 octets that begins with a SEQUENCE or an OBJECT IDENTIFIER, as every certificate, request and bag does.
 * Less would not do: of signatures, which are octets at random, one in 13,000 begins as a long SEQUENCE.
 */
function looksLikeDer(bytes: Buffer): boolean {
  const octetsOfLength = bytes[1]! - 0x80
  const first = bytes[2 + octetsOfLength]
  return bytes[0] === TAG.sequence && octetsOfLength >= 0 && octetsOfLength <= 4 && (first === TAG.sequence || first === TAG.oid)
}

/** Reads a certificate, a request or a bag of certificates. False for any other well-formed value. */
function readValue(file: EvidenceFile, der: Buffer, found: Found): boolean {
  const root = readDer(der, DER_LIMITS)
  if (isContentInfo(root)) {
    found.certificates.push(...bagCertificates(file.name, root).map((certificate) => ({ file: file.name, der: certificate })))
    return true
  }
  const body = root.expect(TAG.sequence).children()[0]
  const members = body?.tag === TAG.sequence ? body.children().length : 0
  // CertificationRequestInfo has three or four (RFC 2986 4.1), TBSCertificate six or more (RFC 5280 4.1).
  if (members < 3) return false
  if (members <= 4) readRequest(file.name, der, found)
  else found.certificates.push({ file: file.name, der })
  return true
}

/** PEM blocks that hold evidence which is not X.509: the label says whose. */
const OTHER_LABELS: readonly string[] = ['EVIDENCE']

function readPem(file: EvidenceFile, text: string, found: Found): void {
  for (const { label, bytes } of pemBlocks(file.name, text)) {
    if (OTHER_LABELS.includes(label)) found.others.push({ name: file.name, bytes, kind: 'pem', label })
    else if (!readValue(file, bytes, found)) throw new MalformedDer('neither a certificate nor a request', 0)
    if (found.certificates.length > LIMITS.certificates) return
  }
}

/** The PEM blocks of a file, RFC 7468: text around them is allowed, anything but evidence in them is not. */
function pemBlocks(file: string, text: string): { label: string; bytes: Buffer }[] {
  const begins = text.split('-----BEGIN ').length - 1
  const blocks = [...text.matchAll(BLOCK)]
  const pem = new MalformedStatement(file, say('attestation.malformed.pem'))
  if (blocks.length !== begins) throw pem
  return blocks.map(([, label, body, end]) => {
    if (label !== end) throw pem
    if (!/^(X509 |TRUSTED )?CERTIFICATE$|^(NEW )?CERTIFICATE REQUEST$|^PKCS7$|^CMS$/.test(label!) && !OTHER_LABELS.includes(label!))
      throw new MalformedStatement(file, say('attestation.malformed.pem-label', { label: label! }))
    const base64 = body!.replace(/[\s]/g, '')
    if (base64.length === 0 || base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) throw pem
    return { label: label!, bytes: Buffer.from(base64, 'base64') }
  })
}

function readRequest(file: string | null, der: Buffer, found: Found): void {
  const { requested, statements, certificates } = readRequestAttributes(file, readDer(der, DER_LIMITS))
  found.requested.push(...requested)
  found.statements.push(...statements)
  found.certificates.push(...certificates.map((certificate) => ({ file, der: certificate })))
}

/** SubjectPublicKeyInfo (DER) of a certificate request. @throws MalformedStatement */
export const requestKey = (certificateRequestDer: Buffer): Buffer =>
  guard(null, () => {
    const key = readDer(certificateRequestDer, DER_LIMITS).expect(TAG.sequence).children()[0]?.expect(TAG.sequence).children()[2]
    if (!key) throw new MalformedDer('request has no public key', 0)
    return Buffer.from(key.expect(TAG.sequence, 'public key').raw)
  })
