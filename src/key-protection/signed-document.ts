/**
 * A report as it is handed in: a PDF, or a plain text, with the signatures that came with it: inside the PDF, around the document (CMS attached), or
 * beside it (CMS detached). Read strictly, judged elsewhere.
 */
import type { EvidenceFile } from '../attestation/evidence.ts'
import { MalformedStatement, say, type Message } from '../attestation/verifier.ts'
import { MalformedDer } from '../pki/der.ts'
import { openPdf, isPdf, type PdfFile } from '../pki/pdf-file.ts'
import { MalformedPdf } from '../pki/pdf-fault.ts'
import { PDF_SUB_FILTERS, pdfSignatures } from '../pki/pdf-signature.ts'
import { pdfText } from '../pki/pdf-text.ts'
import { decodeName } from '../pki/name.ts'
import { readPem } from '../pki/pem.ts'
import { readPublicKey } from '../pki/public-key.ts'
import { certificateOf, readSignedData, type SignedData, type SignerInfo } from '../pki/signed-data.ts'
import { readCertificate, type X509Certificate } from '../pki/x509-certificate.ts'

const AREA = 'key-protection-document'

export interface DocumentSignature {
  readonly form: 'pdf' | 'attached' | 'detached'
  readonly signer: SignerInfo
  /** The signer's certificate as the message brought it; null when it brought none that the signer names. */
  readonly certificate: X509Certificate | null
  readonly contentType: string
  /** What may have been signed; more than one where line ends may have been changed on the way. */
  readonly contents: readonly Buffer[]
  /** False when something was added to the document after the signature. */
  readonly wholeFile: boolean
  /** False for a form of PDF signature that is not taken. */
  readonly formTaken: boolean
  /** As the signer says, in what is signed: a signed attribute, or a PDF signature's own dictionary (PAdES has no such attribute). */
  readonly signedAt: Date | null
}

export interface SignedDocument {
  readonly file: string
  readonly kind: 'pdf' | 'text'
  readonly bytes: Buffer
  /** Null for a text. */
  readonly pdf: PdfFile | null
  readonly signatures: readonly DocumentSignature[]
}

/** Octets of a plain text: many times what any report needs. */
const MAX_TEXT = 64 * 1024

/**
 * One document, alone, inside a CMS message, or with one beside it.
 * @throws MalformedStatement for octets that are none of these, or are not whole
 */
export function readSignedDocument(files: readonly EvidenceFile[]): SignedDocument {
  const messages: { file: EvidenceFile; message: SignedData }[] = []
  const documents: EvidenceFile[] = []
  for (const file of files) {
    const der = messageIn(file.bytes)
    if (!der) documents.push(file)
    else messages.push({ file, message: within(file.name, () => readSignedData(der)) })
  }
  const attached = messages.filter(({ message }) => message.content !== null)
  const detached = messages.filter(({ message }) => message.content === null)
  if (documents.length + attached.length > 1) throw new MalformedStatement((documents[1] ?? attached.at(-1)?.file)!.name, say(`${AREA}.malformed.several`))
  const [around] = attached
  const document = documents[0] ?? (around ? { name: around.file.name, bytes: around.message.content! } : null)
  if (!document) throw new MalformedStatement(detached[0]?.file.name ?? null, say(`${AREA}.malformed.no-document`))
  const { bytes } = document
  const kind = isPdf(bytes) ? 'pdf' : 'text'
  const pdf = kind === 'pdf' ? within(document.name, () => openPdf(bytes)) : null
  if (!pdf) readText(document.name, bytes)
  const signatures = within(document.name, () => [
    ...(around ? signaturesOf(around.message, 'attached', [bytes]) : []),
    ...(kind === 'pdf' ? signaturesInside(bytes) : []),
  ])
  for (const { file, message } of detached) signatures.push(...within(file.name, () => signaturesOf(message, 'detached', kind === 'text' ? lineEnds(bytes) : [bytes])))
  return { file: document.name, kind, bytes, pdf, signatures }
}

/**
 * Files that are no document and no signature on one: a certificate, a request or a key, as a device or another method gives them. They would take
 * the document's place, and be called a text.
 */
export function refuseOtherObjects(files: readonly EvidenceFile[]): { readonly file: string; readonly reason: Message } | null {
  const other = files.find(({ bytes }) => /^\s*-----BEGIN (?!CMS|PKCS7)/.test(bytes.toString('latin1', 0, 64)) || isCertificate(bytes))
  return other ? { file: other.name, reason: say(`${AREA}.malformed.other-object`) } : null
}

function isCertificate(bytes: Buffer): boolean {
  try {
    return bytes[0] === 0x30 && readCertificate(bytes) !== null
  } catch (error) {
    if (MalformedDer.is(error)) return false
    throw error
  }
}

/** The document's text. @throws MalformedStatement */
export const textOf = ({ file, bytes, pdf }: SignedDocument): string => (pdf ? within(file, () => pdfText(pdf)) : readText(file, bytes))

/** A CMS message: DER or BER as it is, or one PEM block. */
function messageIn(bytes: Buffer): Buffer | null {
  // A SEQUENCE whose first member is an object identifier, of definite or indefinite length.
  if (bytes[0] === 0x30 && (bytes[1]! >= 0x80 || bytes[2] === 0x06)) return bytes
  const start = bytes.toString('latin1', 0, 64)
  if (!/^\s*-----BEGIN (CMS|PKCS7)-----/.test(start)) return null
  const blocks = readPem(bytes.toString('latin1'))
  return blocks?.length === 1 ? blocks[0]!.der : null
}

function signaturesOf(message: SignedData, form: 'attached' | 'detached', contents: readonly Buffer[]): DocumentSignature[] {
  return message.signers.map((signer) => ({ form, signer, certificate: signersCertificate(message, signer), contentType: message.contentType, contents, wholeFile: true, formTaken: true, signedAt: signer.signingTime }))
}

function signaturesInside(bytes: Buffer): DocumentSignature[] {
  return pdfSignatures(bytes).flatMap(({ subFilter, covered, message, wholeFile, signedAt }) => {
    const formTaken = PDF_SUB_FILTERS.includes(subFilter)
    const read = readSignedData(message, { padding: 'zeros' })
    // A PDF's message signs the ranges and brings no content of its own.
    return read.signers.map((signer): DocumentSignature => ({ form: 'pdf', signer, certificate: signersCertificate(read, signer), contentType: read.contentType, contents: [covered], wholeFile, formTaken: formTaken && read.content === null, signedAt: signer.signingTime ?? signedAt }))
  })
}

/** The certificate that the signer names, its name and key readable. @throws MalformedDer */
function signersCertificate(message: SignedData, signer: SignerInfo): X509Certificate | null {
  const certificate = certificateOf(message, signer)
  if (certificate) {
    decodeName(certificate.tbs.subject)
    readPublicKey(certificate.tbs.spki)
  }
  return certificate
}

/** RFC 8551 3.1.1: signing tools make a text's line ends CRLF before they sign it, and leave the file as it is. */
function lineEnds(bytes: Buffer): readonly Buffer[] {
  const canonical = Buffer.from(bytes.toString('latin1').replace(/\r?\n/g, '\r\n'), 'latin1')
  return canonical.equals(bytes) ? [bytes] : [bytes, canonical]
}

function readText(file: string, bytes: Buffer): string {
  if (bytes.length > MAX_TEXT) throw new MalformedStatement(file, say(`${AREA}.malformed.text-too-large`, { kilobytes: String(MAX_TEXT / 1024) }))
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new MalformedStatement(file, say(`${AREA}.malformed.not-a-document`))
  }
  if (bytes.length === 0 || /[\u0000-\u0008\u000b\u000e-\u001f\u007f]/.test(text)) throw new MalformedStatement(file, say(`${AREA}.malformed.not-a-document`))
  return text
}

function within<T>(file: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (MalformedPdf.is(error)) throw new MalformedStatement(file, say(`${AREA}.malformed.pdf.${error.code}`))
    if (MalformedDer.is(error)) throw new MalformedStatement(file, say(`${AREA}.malformed.signature`, { octet: String(error.offset) }))
    throw error
  }
}
