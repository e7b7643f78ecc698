/**
 * Takes in what an applicant uploads: files in any order, PEM or DER, several blocks in one file, and whatever a
 * certificate request carries in its extensionRequest. Foreign bytes: limits first, then strict reading. Judges nothing.
 */
import { Der, MalformedDer, readDer, TAG } from '../pki/der.ts'
import { MalformedStatement, say } from './verifier.ts'

/** formats.md section 1: a bundle of at most 64 KiB with at most 16 certificates. The file count bounds empty files. */
export const LIMITS = { bytes: 64 * 1024, certificates: 16, files: 16 } as const

export interface EvidenceFile {
  readonly name: string
  readonly bytes: Buffer
}
export interface FoundCertificate {
  /** The file it came in; null for the certificate request applied with. */
  readonly file: string | null
  readonly der: Buffer
}
export interface RequestExtension {
  readonly file: string | null
  readonly oid: string
  readonly value: Buffer
}
export interface Evidence {
  readonly files: readonly EvidenceFile[]
  readonly certificates: readonly FoundCertificate[]
  /** Extensions that certificate requests ask for, the applied one first. */
  readonly requested: readonly RequestExtension[]
  /** Files that are neither PEM nor a DER certificate or request: some maker may know them. */
  readonly others: readonly EvidenceFile[]
}

const DER_LIMITS = { maxBytes: LIMITS.bytes, maxDepth: 16, maxNodes: 2000 }
const EXTENSION_REQUEST = '1.2.840.113549.1.9.14'
const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,40})-----([^-]*)-----END ([A-Z0-9 ]{1,40})-----/g

/** @throws MalformedStatement when a limit is passed, or a PEM or DER file is not well formed */
export function readEvidence(files: readonly EvidenceFile[], certificateRequestDer: Buffer): Evidence {
  const request = guard(null, () => requestedExtensions(null, certificateRequestDer))
  if (files.length > LIMITS.files) throw new MalformedStatement(files[LIMITS.files]!.name, say('attestation.malformed.too-many-files', { limit: String(LIMITS.files) }))
  let total = 0
  for (const file of files) {
    total += file.bytes.length
    if (total > LIMITS.bytes) throw new MalformedStatement(file.name, say('attestation.malformed.too-large', { limit: '64 KiB' }))
  }
  const certificates: FoundCertificate[] = []
  const requested = [...request]
  const others: EvidenceFile[] = []
  for (const file of files) {
    if (file.bytes.length === 0) throw new MalformedStatement(file.name, say('attestation.malformed.empty'))
    const found = guard(file.name, () => readFile(file))
    if (found === null) others.push(file)
    else {
      certificates.push(...found.certificates)
      requested.push(...found.requested)
    }
    if (certificates.length > LIMITS.certificates)
      throw new MalformedStatement(file.name, say('attestation.malformed.too-many-certificates', { limit: String(LIMITS.certificates) }))
  }
  return { files, certificates, requested, others }
}

/** Runs a reader of foreign bytes; DER faults become statements about the file. */
export function guard<T>(file: string | null, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (MalformedDer.is(error)) throw new MalformedStatement(file, say('attestation.malformed.der', { octet: String(error.offset) }))
    throw error
  }
}

function readFile(file: EvidenceFile): { certificates: FoundCertificate[]; requested: RequestExtension[] } | null {
  const certificates: FoundCertificate[] = []
  const requested: RequestExtension[] = []
  const take = (der: Buffer) => {
    if (isRequest(readDer(der, DER_LIMITS))) requested.push(...requestedExtensions(file.name, der))
    else certificates.push({ file: file.name, der })
  }
  const text = file.bytes.toString('latin1')
  if (text.includes('-----BEGIN ')) {
    for (const block of pemBlocks(file.name, text)) {
      take(block)
      if (certificates.length > LIMITS.certificates) break
    }
    return { certificates, requested }
  }
  if (file.bytes[0] !== TAG.sequence) return null
  take(file.bytes)
  return { certificates, requested }
}

/** The PEM blocks of a file, RFC 7468: text around them is allowed, anything but certificates and requests in them is not. */
function pemBlocks(file: string, text: string): Buffer[] {
  const begins = text.split('-----BEGIN ').length - 1
  const blocks = [...text.matchAll(BLOCK)]
  const pem = new MalformedStatement(file, say('attestation.malformed.pem'))
  // Said before anything else is: the applicant must know at once that this file leaves their hands never again.
  if (/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/.test(text)) throw new MalformedStatement(file, say('attestation.malformed.private-key'))
  if (blocks.length !== begins) throw pem
  return blocks.map(([, label, body, end]) => {
    if (label !== end) throw pem
    if (!/^(X509 |TRUSTED )?CERTIFICATE$|^(NEW )?CERTIFICATE REQUEST$/.test(label!)) throw new MalformedStatement(file, say('attestation.malformed.pem-label', { label: label! }))
    const base64 = body!.replace(/[\s]/g, '')
    if (base64.length === 0 || base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) throw pem
    return Buffer.from(base64, 'base64')
  })
}

/** CertificationRequestInfo has at most four members (RFC 2986 4.1), TBSCertificate at least six (RFC 5280 4.1). */
const isRequest = (root: Der): boolean => {
  const info = root.expect(TAG.sequence).children()[0]
  return info !== undefined && info.expect(TAG.sequence).children().length <= 4
}

/** What the extensionRequest attributes of a request carry (RFC 2985 5.4.2). */
function requestedExtensions(file: string | null, der: Buffer): RequestExtension[] {
  const root = readDer(der, DER_LIMITS)
  const info = root.expect(TAG.sequence).children()[0]?.expect(TAG.sequence).children() ?? []
  const attributes = info[3]
  if (!attributes) return []
  const found: RequestExtension[] = []
  for (const attribute of attributes.expect(0xa0, 'attributes').children()) {
    const [type, values] = attribute.expect(TAG.sequence, 'attribute').children()
    if (!type || type.oid() !== EXTENSION_REQUEST) continue
    for (const list of values?.expect(TAG.set, 'attribute values').children() ?? [])
      for (const extension of list.expect(TAG.sequence, 'extensions').children()) {
        const members = extension.expect(TAG.sequence, 'extension').children()
        const oid = members[0]?.oid()
        const value = members.at(-1)
        if (!oid || !value || members.length < 2 || members.length > 3) throw new MalformedDer('extension is not well formed', extension.offset)
        if (found.some((earlier) => earlier.oid === oid)) throw new MalformedStatement(file, say('attestation.malformed.duplicate-extension', { oid }))
        found.push({ file, oid, value: Buffer.from(value.expect(TAG.octetString, 'extension value').value) })
      }
  }
  return found
}

/** SubjectPublicKeyInfo (DER) of a certificate request. @throws MalformedStatement */
export const requestKey = (certificateRequestDer: Buffer): Buffer =>
  guard(null, () => {
    const key = readDer(certificateRequestDer, DER_LIMITS).expect(TAG.sequence).children()[0]?.expect(TAG.sequence).children()[2]
    if (!key) throw new MalformedDer('request has no public key', 0)
    return Buffer.from(key.expect(TAG.sequence, 'public key').raw)
  })
