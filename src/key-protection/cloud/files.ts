/**
 * The files of a cloud report: JSON as the clouds' command-line tools print it, a public key in PEM, and documents for people (PDF).
 * Foreign bytes: limits first, strict reading. Judges nothing.
 */
import { unpack, type UnpackBudget } from '../../attestation/containers.ts'
import type { EvidenceFile } from '../../attestation/evidence.ts'
import { readJson, type Json } from '../../attestation/strict-json.ts'
import { MalformedStatement, say } from '../../attestation/verifier.ts'
import { readPem } from '../../pki/pem.ts'
import { AREA } from './question.ts'

/** PDF is read by people and may be large; what the tools print is not. */
export const CLOUD_LIMITS = { bytes: 2 * 1024 * 1024, files: 16 } as const
const OUTPUT_BYTES = 64 * 1024

export interface CloudFile {
  readonly name: string
  /** Undefined for a public key or a document. */
  readonly json?: Json
  /** SubjectPublicKeyInfo (DER) of a PEM file. */
  readonly spki?: Buffer
}

/** @throws MalformedStatement naming the file that cannot be read */
export function readCloudFiles(files: readonly EvidenceFile[]): readonly CloudFile[] {
  if (files.length > CLOUD_LIMITS.files) throw new MalformedStatement(files[CLOUD_LIMITS.files]!.name, say('attestation.malformed.too-many-files', { limit: String(CLOUD_LIMITS.files) }))
  let total = 0
  for (const { name, bytes } of files) {
    total += bytes.length
    if (total > CLOUD_LIMITS.bytes) throw new MalformedStatement(name, say('attestation.malformed.too-large', { limit: `${CLOUD_LIMITS.bytes / 1024} KiB` }))
  }
  const budget: UnpackBudget = { bytes: OUTPUT_BYTES, files: CLOUD_LIMITS.files }
  return files.flatMap((file) => unpack(file, budget)).map(readCloudFile)
}

function readCloudFile({ name, bytes }: EvidenceFile): CloudFile {
  if (bytes.length === 0) throw new MalformedStatement(name, say('attestation.malformed.empty'))
  if (isDocument(bytes)) return { name }
  if (bytes.length > OUTPUT_BYTES) throw new MalformedStatement(name, say(`${AREA}.malformed.output-too-large`, { limit: `${OUTPUT_BYTES / 1024} KiB` }))
  const utf8 = inUtf8(name, bytes)
  const text = utf8.toString('latin1')
  // Said before anything else is found wrong: its owner must know at once.
  if (text.includes('PRIVATE KEY') || (/"kty"/.test(text) && /"d"\s{0,10}:\s{0,10}"/.test(text))) throw new MalformedStatement(name, say('attestation.malformed.private-key'))
  if (/^(\u00ef\u00bb\u00bf)?\s*([{[]|null\s*$)/.test(text)) return { name, json: readJson(utf8, name) }
  if (text.includes('-----BEGIN ')) return { name, spki: readPublicKeyPem(name, text) }
  throw new MalformedStatement(name, say(`${AREA}.malformed.not-json`))
}

/** Kept for the person who checks the report; nothing in it is read here. */
export const isDocument = (bytes: Buffer): boolean => bytes.subarray(0, 5).toString('latin1') === '%PDF-'

/** UTF-16 with a byte order mark is what PowerShell's redirection writes. */
function inUtf8(name: string, bytes: Buffer): Buffer {
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : null
  if (!encoding) return bytes
  try {
    return Buffer.from(new TextDecoder(encoding, { fatal: true }).decode(bytes))
  } catch {
    throw new MalformedStatement(name, say('attestation.malformed.json', { octet: '0' }))
  }
}

function readPublicKeyPem(name: string, text: string): Buffer {
  const blocks = readPem(text)
  if (!blocks) throw new MalformedStatement(name, say('attestation.malformed.pem'))
  const [block] = blocks
  if (!block || blocks.length > 1 || block.label !== 'PUBLIC KEY') throw new MalformedStatement(name, say(`${AREA}.malformed.not-a-public-key`))
  return block.der
}
