/**
 * Sorts what somebody dropped, in any order and wrapping: the certificate request or public key that is asked about, and the evidence
 * beside it. What is in a file is told by its content, never by its name. Foreign bytes: limits first, strict reading, judges nothing.
 */
import { createPublicKey } from 'node:crypto'
import { unpack, type NamedBytes, type UnpackBudget } from '../attestation/containers.ts'
import { guard, LIMITS, type EvidenceFile } from '../attestation/evidence.ts'
import { MalformedStatement, say } from '../attestation/verifier.ts'
import { type CertificateRequest, readCertificateRequest, REQUEST_MAX_BYTES } from '../pki/certificate-request.ts'
import { MalformedDer } from '../pki/der.ts'
import { decodeBase64, encodePem, readPem, type PemBlock } from '../pki/pem.ts'
import { isDerSequence, isPrivateKey, isPublicKeyDer } from '../pki/private-key.ts'
import { type PublicKey, readPublicKey } from '../pki/public-key.ts'
import { decodeText } from '../pki/upload.ts'

/** Evidence as makers' statements may have it, and a request. */
export const DROPPED_LIMITS = { bytes: LIMITS.bytes + REQUEST_MAX_BYTES, files: LIMITS.files } as const

export interface DroppedFiles {
  /** Null when a public key was given in its place, or neither. */
  readonly request: CertificateRequest | null
  /** The key asked about: that of the request, or the public key alone. */
  readonly publicKey: PublicKey | null
  /** Everything else, out of its archives, each once. */
  readonly evidence: readonly EvidenceFile[]
}

interface Found {
  readonly requests: CertificateRequest[]
  readonly keys: PublicKey[]
  readonly evidence: EvidenceFile[]
}

/** @throws MalformedStatement for a private key, a limit passed, a damaged file, or more than one key asked about */
export function sortDroppedFiles(files: readonly EvidenceFile[]): DroppedFiles {
  if (files.length > DROPPED_LIMITS.files) throw new MalformedStatement(files[DROPPED_LIMITS.files]!.name, say('attestation.malformed.too-many-files', { limit: String(DROPPED_LIMITS.files) }))
  let total = 0
  for (const { name, bytes } of files) {
    total += bytes.length
    if (total > DROPPED_LIMITS.bytes) throw new MalformedStatement(name, say('attestation.malformed.too-large', { limit: `${DROPPED_LIMITS.bytes / 1024} KiB` }))
  }
  // Said before anything else is found wrong: its owner must know at once.
  for (const { name, bytes } of files) refusePrivateKey(name, bytes)
  const budget: UnpackBudget = { bytes: LIMITS.unpacked, files: LIMITS.files }
  const found: Found = { requests: [], keys: [], evidence: [] }
  for (const file of files) {
    if (file.bytes.length === 0) throw new MalformedStatement(file.name, say('attestation.malformed.empty'))
    for (const part of unpack(file, budget)) {
      refusePrivateKey(part.name, part.bytes)
      guard(part.name, () => sortFile(part, found))
    }
  }
  const requests = distinct(found.requests, ({ der }) => der)
  if (requests.length > 1) throw new MalformedStatement(null, say('check-key.malformed.several-requests'))
  // A request says which key is meant; a public key beside it may be a device's own, as Securosys' export has one.
  const keys = requests[0] ? [requests[0].publicKey] : distinct(found.keys, ({ spki }) => spki)
  if (keys.length > 1) throw new MalformedStatement(null, say('check-key.malformed.several-keys'))
  return { request: requests[0] ?? null, publicKey: keys[0] ?? null, evidence: distinct(found.evidence, ({ bytes }) => bytes) }
}

const distinct = <T>(things: readonly T[], octets: (thing: T) => Buffer): T[] => things.filter((thing, index) => things.findIndex((other) => octets(other).equals(octets(thing))) === index)

function sortFile(file: NamedBytes, found: Found): void {
  if (isBinary(file.bytes)) return sortDer(file, file.bytes, found)
  const text = decodeText(file.bytes)
  // Makers' JSON and XML carry PEM inside their strings, and belong to them whole.
  if (/^\s*[{[<]/.test(text) || text.includes('\0')) return void found.evidence.push(file)
  if (!text.includes('BEGIN ')) {
    const der = decodeBase64(text)
    return der && isBinary(der) ? sortDer({ name: file.name, bytes: der }, der, found) : void found.evidence.push(file)
  }
  const blocks = readPem(text)
  if (!blocks) throw new MalformedStatement(file.name, say('attestation.malformed.pem'))
  if (blocks.length === 0) return void found.evidence.push(file)
  const rest = blocks.filter((block) => !takeBlock(file.name, block, found))
  if (rest.length === 0) return
  const untouched = rest.length === blocks.length
  found.evidence.push(untouched && text === file.bytes.toString('latin1') ? file : { name: file.name, bytes: Buffer.from(rest.map(({ label, der }) => encodePem(label, der)).join('')) })
}

/** DER; in the short form, which a text may begin with too, a public key alone. */
const isBinary = (bytes: Buffer): boolean => isDerSequence(bytes) || isPublicKeyDer(bytes)

/** A request or a public key among PEM blocks; false for every other block. */
function takeBlock(file: string, { label, der }: PemBlock, found: Found): boolean {
  if (/^(NEW )?CERTIFICATE REQUEST$/.test(label)) {
    const intake = readCertificateRequest(der)
    if ('refused' in intake) throw new MalformedStatement(file, say(`certificate-request.refused.${intake.refused.code}`, { ...intake.refused.values }))
    found.requests.push(intake.request)
    return true
  }
  if (label !== 'PUBLIC KEY' && label !== 'RSA PUBLIC KEY') return false
  found.keys.push(readKey(file, label === 'PUBLIC KEY' ? der : fromPkcs1(file, der)))
  return true
}

function sortDer(file: NamedBytes, der: Buffer, found: Found): void {
  if (isPublicKeyDer(der)) return void found.keys.push(readKey(file.name, der))
  const intake = readCertificateRequest(der)
  if ('request' in intake) found.requests.push(intake.request)
  else if (intake.refused.code === 'key-malformed') throw new MalformedStatement(file.name, say('certificate-request.refused.key-malformed'))
  else found.evidence.push(file)
}

function readKey(file: string, spki: Buffer): PublicKey {
  try {
    return readPublicKey(spki)
  } catch (error) {
    if (MalformedDer.is(error)) throw new MalformedStatement(file, say('certificate-request.refused.key-malformed'))
    throw error
  }
}

/** RSAPublicKey (RFC 8017 A.1.1), as older tools write it, in its SubjectPublicKeyInfo. */
function fromPkcs1(file: string, der: Buffer): Buffer {
  try {
    return createPublicKey({ key: der, format: 'der', type: 'pkcs1' }).export({ type: 'spki', format: 'der' })
  } catch {
    throw new MalformedStatement(file, say('certificate-request.refused.key-malformed'))
  }
}

function refusePrivateKey(file: string, bytes: Buffer): void {
  if (isPrivateKey(bytes)) throw new MalformedStatement(file, say('attestation.malformed.private-key'))
}
