/**
 * Genuine device: statement ← Key Attestation Authority of the cluster ← Fortanix Key Attestation CA ← a root key of Fortanix'
 * that we hold. Authorities live for a month, so the chain is judged at the moment of the statement, and the statement must be young.
 */
import { anchorStanding, anchorValidity, certificateValidity, day } from '../../src/attestation/anchor-checks.ts'
import type { Anchors } from '../../src/attestation/anchors.ts'
import { certificatePolicies, DIGITAL_SIGNATURE, extendedKeyUsages, KEY_CERT_SIGN, keyUsage, unknownCritical } from '../../src/attestation/certificate-extensions.ts'
import { checkWriter } from '../../src/attestation/check.ts'
import { signedBy, type MakerCertificate } from '../../src/attestation/maker-certificate.ts'
import { say, type Check, type Message } from '../../src/attestation/verifier.ts'
import { OID } from './extensions.ts'
import type { DsmStatement } from './parse.ts'

export const SOURCE = 'https://support.fortanix.com/hc/en-us/articles/18924491083028-Using-Fortanix-DSM-for-Verifying-Key-Attestation-Statements'
const check = checkWriter('attestation-fortanix', { source: SOURCE, clause: 'CSBR 6.2.7.4.2 (2)' })

const LEAF_NAME = /^CN=Fortanix DSM Key Attestation(?:,|$)/
const CA_NAME = /(?:^|, )CN=Fortanix Key Attestation CA$/
const PROCESSED = ['2.5.29.15', '2.5.29.19', '2.5.29.32', '2.5.29.37', OID.enrollmentPolicy, OID.generated, OID.neverExportable]

function monthsBefore(at: Date, months: number): Date {
  const date = new Date(at)
  date.setUTCMonth(date.getUTCMonth() - months)
  return date
}

/** `months`: how old a statement may be. CSBR 4.2.1 lets evidence of a key's protection be used again for so long; none is taken for longer. */
export function chainChecks({ leaf, authority, issuer, claims }: DsmStatement, anchors: Anchors, at: Date, months: number): { checks: Check[]; cautions: Message[]; headline: Check | undefined } {
  const checks: Check[] = []
  const cautions: Message[] = [say('attestation-fortanix.revocation.not-asked')]
  const issuedBy = (child: MakerCertificate, parent: MakerCertificate) => {
    const good = signedBy(child, parent.spki)
    checks.push(check(good, good ? 'signature.good' : 'signature.bad', 'signature.expected', { subject: child.subjectText, issuer: parent.subjectText }, { remedy: 'remedy.again', alert: true }))
  }
  issuedBy(leaf, authority)
  issuedBy(authority, issuer)

  const held = anchors.rows.filter((row) => row.role === 'anchor' && row.signsDevices && row.subjectDer.equals(issuer.issuer))
  const root = held.find((row) => signedBy(issuer, row.spki)) ?? held[0]
  checks.push(check(root !== undefined, root ? 'root.held' : 'root.unknown', 'root.expected', { issuer: issuer.issuerText, asOf: anchors.asOf }, { remedy: 'remedy.again' }))
  const signed = leaf.notBefore
  let headline: Check | undefined
  if (root) {
    const standing = anchorStanding(root, checks.at(-1)!.expected)
    checks.push(...standing.checks)
    cautions.push(...standing.cautions)
    const good = signedBy(issuer, root.spki)
    headline = check(good, good ? 'root.signed' : 'root.not-signed', 'root.signed-expected', { issuer: root.subject, sha256: root.spkiSha256 }, { remedy: 'remedy.again', alert: true })
    checks.push(headline)
    checks.push(anchorValidity(check, root, signed, { remedy: 'remedy.again' }))
  }

  const named = LEAF_NAME.test(leaf.subjectText) && CA_NAME.test(issuer.subjectText)
  checks.push(check(named, named ? 'names.good' : 'names.bad', 'names.expected', { leaf: leaf.subjectText, issuer: issuer.subjectText }, { remedy: 'remedy.again' }))
  const certifies = issuer.basicConstraints?.ca === true && keyUsage(issuer)?.includes(KEY_CERT_SIGN) === true
  checks.push(check(certifies, certifies ? 'issuer.authority' : 'issuer.no-authority', 'issuer.authority-expected', { subject: issuer.subjectText }, { clause: 'RFC 5280 4.2.1.9', alert: true }))
  const attests = authority.basicConstraints?.ca === false && keyUsage(authority)?.includes(DIGITAL_SIGNATURE) === true && extendedKeyUsages(authority).includes(OID.signing)
  checks.push(check(attests, attests ? 'authority.for-attesting' : 'authority.not-for-attesting', 'authority.expected', { subject: authority.subjectText }, { alert: true }))
  const policies = [authority, issuer].every((certificate) => certificatePolicies(certificate).includes(OID.policy))
  checks.push(check(policies, policies ? 'policy.attestation' : 'policy.other', 'policy.expected', { policy: OID.policy }, { remedy: 'remedy.again' }))
  const authorityLeaf = leaf.basicConstraints?.ca === true
  checks.push(check(!authorityLeaf, authorityLeaf ? 'leaf.authority' : 'leaf.no-authority', 'leaf.expected', { subject: leaf.subjectText }, { alert: true }))

  checks.push(...[authority, issuer].map((certificate) => certificateValidity(check, certificate, signed, { remedy: 'remedy.again' })))
  checks.push(certificateValidity(check, leaf, at, { remedy: 'remedy.again' }))
  const young = signed >= monthsBefore(at, months)
  checks.push(check(young, young ? 'age.young' : 'age.old', 'age.expected', { signed: day(signed), months: String(months), at: day(at) }, { clause: 'CSBR 4.2.1', remedy: 'remedy.again' }))
  const unknown = [...claims.unknown, ...[leaf, authority, issuer].flatMap((certificate) => unknownCritical(certificate, PROCESSED))]
  checks.push(check(unknown.length === 0, unknown.length === 0 ? 'extensions.known' : 'extensions.unknown', 'extensions.expected', { oids: unknown.join(', ') }, { remedy: 'remedy.tell-us' }))
  return { checks, cautions, headline }
}
