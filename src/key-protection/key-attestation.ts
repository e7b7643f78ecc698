/** Method 2 of CP 6.2.7: the device's maker attests that it made the key (CSBR 6.2.7.4.2 (2)). */
import { guard, LIMITS, readEvidence, type EvidenceFile } from '../attestation/evidence.ts'
import { MalformedStatement, say, type Message } from '../attestation/verifier.ts'
import { type AttestationInput, type AttestationReport, verifyAttestation } from '../attestation/verify-attestation.ts'
import { readCertificateRequest } from '../pki/certificate-request.ts'

/** What one application's evidence may come to, in octets and files. */
export const EVIDENCE_LIMITS = LIMITS

/** Judges the evidence. Never throws for what is in it. */
export const examineKeyAttestation = (input: AttestationInput): AttestationReport => verifyAttestation(input)

/**
 * Why files can't be kept at all: too much, damaged, empty, or a private key, which is never stored. Null when they can;
 * what they prove is another question.
 */
export function refuseEvidence(files: readonly EvidenceFile[], kept: readonly EvidenceFile[]): { readonly file: string; readonly reason: Message } | null {
  for (const file of files) if (isPrivateKey(file.bytes)) return { file: file.name, reason: say('attestation.malformed.private-key') }
  try {
    guard(null, () => readEvidence([...kept, ...files], NO_REQUEST))
    return null
  } catch (error) {
    if (!MalformedStatement.is(error)) throw error
    return { file: error.file ?? '', reason: error.reason }
  }
}

/** An empty SEQUENCE: a request that carries nothing, so that only the files are read. */
const NO_REQUEST = Buffer.from('3000', 'hex')

function isPrivateKey(bytes: Buffer): boolean {
  const intake = readCertificateRequest(bytes)
  return ('refused' in intake && intake.refused.code === 'private-key') || bytes.includes('PRIVATE KEY')
}
