/** Finds the parts of a TPM's statement in what was uploaded, whatever they came in, and reads them. Judges nothing. */
import { guard, LIMITS, type Evidence, type FoundCertificate, type OtherFile } from '../../src/attestation/evidence.ts'
import { readMakerCertificate, type MakerCertificate } from '../../src/attestation/maker-certificate.ts'
import { MalformedStatement, say } from '../../src/attestation/verifier.ts'
import { MalformedDer, readDer, TAG } from '../../src/pki/der.ts'
import { looksLikeAk, tpmClaims, type TpmClaims } from './ak.ts'
import { looksLikeAnswer, looksLikeObject, objectOf, readObject } from './attestation-object.ts'
import { looksLikePcp, readPcp } from './pcp.ts'
import { looksLikeBareSignature, looksLikePublic, looksLikeSignature, MAGIC, readCertify, readEitherSignature, readPublic, type Certify, type TpmPublic, type TpmSignature } from './structures.ts'

/** Type of the statement in id-aa-attestation: tcg-attest-tpm-certify, a SEQUENCE of TPMS_ATTEST, signature and, where it is there, TPMT_PUBLIC. */
export const TCG_ATTEST_TPM_CERTIFY = '2.23.133.20.1'

export interface TpmStatement {
  readonly certify: Certify
  readonly signature: TpmSignature
  readonly publicArea: TpmPublic
  readonly ak: MakerCertificate
  readonly claims: TpmClaims
  /** Certificates under the AK's issuer's name: one authority may have been certified more than once. */
  readonly authorities: readonly MakerCertificate[]
}

interface Part {
  readonly file: string | null
  readonly bytes: Buffer
  /** The digest of a bare signature, where something told it. */
  readonly digest: string | null
}
interface Parts {
  readonly certify: Part[]
  readonly signature: Part[]
  readonly publicArea: Part[]
  readonly certificates: FoundCertificate[]
}

/** @throws MalformedStatement */
export function parseTpmStatement(evidence: Evidence): TpmStatement {
  const parts: Parts = { certify: [], signature: [], publicArea: [], certificates: [...evidence.certificates] }
  for (const { type, stmt, file } of evidence.statements) if (type === TCG_ATTEST_TPM_CERTIFY) addEmbedded(parts, stmt, file)
  for (const { kind, bytes, name } of evidence.others) {
    const part = kind === 'json' && looksLikeAnswer(bytes) ? objectOf(bytes, name) : bytes
    if ((kind !== 'binary' && part === bytes) || !addFile(parts, part, name)) throw new MalformedStatement(name, say('attestation-tpm2.malformed.unknown-file'))
  }
  if (parts.certificates.length > LIMITS.certificates) throw new MalformedStatement(evidence.files[0]?.name ?? null, say('attestation.malformed.too-many-certificates', { limit: String(LIMITS.certificates) }))
  const first = [...parts.certify, ...parts.publicArea, ...parts.signature, ...parts.certificates][0]?.file ?? null
  const certify = only(parts.certify, 'statement', first)
  const signature = only(parts.signature, 'signature', certify.file)
  const publicArea = only(parts.publicArea, 'public', certify.file)
  return {
    certify: readCertify(certify.bytes, certify.file),
    signature: readEitherSignature(signature.bytes, signature.file, signature.digest),
    publicArea: readPublic(publicArea.bytes, publicArea.file),
    ...certificatesOf(parts.certificates, certify.file),
  }
}

/** The one part of its kind; the same octets from two places are one. */
function only(parts: readonly Part[], what: string, beside: string | null): Part {
  const distinct = parts.filter(({ bytes }, index) => parts.findIndex((other) => other.bytes.equals(bytes)) === index)
  if (distinct.length > 1) throw new MalformedStatement(distinct[1]!.file, say(`attestation-tpm2.malformed.several-${what}`))
  return parts.find(({ digest }) => digest !== null) ?? distinct[0] ?? missing(what, beside)
}
const missing = (what: string, file: string | null): never => {
  throw new MalformedStatement(file, say(`attestation-tpm2.malformed.${what}-missing`))
}

/** False for a file that is no part of a statement. */
function addFile(parts: Parts, bytes: Buffer, file: string): boolean {
  const part = { file, bytes, digest: null }
  if (bytes.subarray(0, MAGIC.length).equals(MAGIC)) parts.certify.push(part)
  else if (looksLikePcp(bytes)) {
    const { certify, signature, publicArea } = readPcp(bytes, file)
    push(parts, file, certify, signature, publicArea)
  } else if (looksLikeObject(bytes)) {
    const { certify, signature, publicArea, digest, certificates } = readObject(bytes, file)
    push(parts, file, certify, signature, publicArea, digest)
    parts.certificates.push(...certificates.map((der) => ({ file, der })))
  } else if (looksLikePublic(bytes)) parts.publicArea.push(part)
  else if (looksLikeSignature(bytes) || looksLikeBareSignature(bytes)) parts.signature.push(part)
  else return false
  return true
}

function push(parts: Parts, file: string | null, certify: Buffer, signature: Buffer, publicArea: Buffer | null, digest: string | null = null): void {
  parts.certify.push({ file, bytes: certify, digest: null })
  parts.signature.push({ file, bytes: signature, digest })
  if (publicArea) parts.publicArea.push({ file, bytes: publicArea, digest: null })
}

function addEmbedded(parts: Parts, stmt: Buffer, file: string | null): void {
  guard(file, () => {
    const members = readDer(stmt, { maxBytes: 8192, maxDepth: 1, maxNodes: 5 }).expect(TAG.sequence, 'TPM statement').children()
    if (members.length < 2 || members.length > 3) throw new MalformedDer('TPM statement has the wrong number of members', 0)
    const [certify, signature, publicArea] = members.map((member) => Buffer.from(member.expect(TAG.octetString, 'part of a TPM statement').value))
    push(parts, file, certify!, signature!, publicArea ?? null)
  })
}

function certificatesOf(found: readonly FoundCertificate[], beside: string | null): Pick<TpmStatement, 'ak' | 'claims' | 'authorities'> {
  const certificates: MakerCertificate[] = []
  for (const { der, file } of found) if (!certificates.some((earlier) => earlier.der.equals(der))) certificates.push(readMakerCertificate(der, file))
  const aks = certificates.filter(looksLikeAk)
  if (aks.length > 1) throw new MalformedStatement(aks[1]!.file, say('attestation-tpm2.malformed.several-ak'))
  const ak = aks[0] ?? missing('ak', beside)
  const authorities = certificates.filter((certificate) => certificate !== ak && certificate.subject.equals(ak.issuer))
  return { ak, claims: tpmClaims(ak), authorities: authorities.length > 0 ? authorities : missing('authority', ak.file) }
}

/** Whether a file begins as a part that nothing but a TPM's statement has. */
export const looksLikeTpm = ({ kind, bytes }: OtherFile): boolean => (kind === 'json' ? looksLikeAnswer(bytes) : kind === 'binary' && isPart(bytes))
const isPart = (bytes: Buffer): boolean => bytes.subarray(0, MAGIC.length).equals(MAGIC) || looksLikePcp(bytes) || looksLikeObject(bytes)
