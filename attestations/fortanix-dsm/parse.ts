/** Finds the JSON of a DSM key attestation in what was uploaded and reads it. Judges nothing. */
import { certificatePolicies, extendedKeyUsages, keyUsage } from '../../src/attestation/certificate-extensions.ts'
import type { Evidence, OtherFile } from '../../src/attestation/evidence.ts'
import { readMakerCertificate, type MakerCertificate } from '../../src/attestation/maker-certificate.ts'
import { base64Octets, isObject, readJson, type Json } from '../../src/attestation/strict-json.ts'
import { MalformedStatement, say } from '../../src/attestation/verifier.ts'
import { enrollmentPolicy, keyClaims, type EnrollmentPolicy, type KeyClaims } from './extensions.ts'

export interface DsmStatement {
  /** The certificate of the attested key. */
  readonly leaf: MakerCertificate
  /** The cluster's Key Attestation Authority. */
  readonly authority: MakerCertificate
  /** The Key Attestation CA. */
  readonly issuer: MakerCertificate
  readonly claims: KeyClaims
  readonly enrollment: EnrollmentPolicy | null
}

const MARK = Buffer.from('"attestation_statement"')
export const isStatement = ({ kind, bytes }: OtherFile): boolean => kind === 'json' && bytes.includes(MARK)

/** Authority, CA, root, and one to spare. */
const MAX_CHAIN = 4

/** @throws MalformedStatement when there is no statement or more than one, anything beside it, or it is not as DSM writes it */
export function parseDsmStatement(evidence: Evidence): DsmStatement {
  const malformed = (file: string | null | undefined, reason: string, values?: Record<string, string>) => new MalformedStatement(file ?? null, say(`attestation-fortanix.malformed.${reason}`, values))
  const [given, another] = evidence.others.filter(isStatement)
  if (!given) throw malformed(evidence.files[0]?.name, 'statement-missing')
  if (another) throw malformed(another.name, 'several-statements')
  const stray = evidence.certificates[0]?.file ?? evidence.others.find((file) => file !== given)?.name
  if (stray !== undefined) throw malformed(stray, 'stray')
  const file = given.name

  const json = readJson(given.bytes, file)
  const inner = isObject(json) ? json.get('attestation_statement') : undefined
  const chain = isObject(json) ? json.get('authority_chain') : undefined
  if (!isObject(inner) || !Array.isArray(chain)) throw malformed(file, 'shape')
  const format = inner.get('format')
  if (format !== 'x509_certificate') throw malformed(file, 'format', { format: typeof format === 'string' ? format : '–' })
  if (chain.length === 0 || chain.length > MAX_CHAIN) throw malformed(file, 'chain-length', { limit: String(MAX_CHAIN) })
  const certificate = (text: Json | undefined): MakerCertificate => {
    const der = typeof text === 'string' ? base64Octets(text, 'base64') : null
    if (!der) throw malformed(file, 'base64')
    return readMakerCertificate(der, file)
  }
  const leaf = certificate(inner.get('statement'))
  const certificates = (chain as readonly Json[]).map(certificate)
  const named = (subject: Buffer) => {
    const found = certificates.filter((candidate) => candidate.subject.equals(subject) && !candidate.subject.equals(candidate.issuer))
    if (found.length > 1) throw malformed(file, 'ambiguous')
    return found[0]
  }
  const authority = named(leaf.issuer)
  if (!authority) throw malformed(file, 'authority-missing', { name: leaf.issuerText })
  const issuer = named(authority.issuer)
  if (!issuer) throw malformed(file, 'authority-missing', { name: authority.issuerText })
  // A root brought along is looked at by nobody: what counts is the one that we hold. Anything else does not belong there.
  if (certificates.some((other) => other !== authority && other !== issuer && !other.subject.equals(issuer.issuer))) throw malformed(file, 'chain-stray')
  // Read here, where damage is told by the file; judged in `chain`.
  for (const each of [leaf, authority, issuer]) {
    keyUsage(each)
    certificatePolicies(each)
    extendedKeyUsages(each)
  }
  return { leaf, authority, issuer, claims: keyClaims(leaf), enrollment: enrollmentPolicy(authority) }
}
