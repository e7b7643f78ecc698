/**
 * Genuine device: AK ← authority ← a root that we hold, and the statement under the AK. The depth is fixed and no path is ever built. The
 * authority is the one that had the TPM prove, by activating a credential, that the AK is a restricted key of the TPM whose endorsement key
 * it knows: that is why an AK's word is taken. There is one for each maker, region and year, so they are not held one by one (formats.md 9).
 */
import { constants, createHash, createPublicKey, verify } from 'node:crypto'
import { anchorStanding, anchorValidity, certificateValidity } from '../../src/attestation/anchor-checks.ts'
import type { Anchors } from '../../src/attestation/anchors.ts'
import { DIGITAL_SIGNATURE, extendedKeyUsages, KEY_CERT_SIGN, keyUsage, unknownCritical } from '../../src/attestation/certificate-extensions.ts'
import { checkWriter } from '../../src/attestation/check.ts'
import { signedBy, type MakerCertificate } from '../../src/attestation/maker-certificate.ts'
import { keyType } from '../../src/attestation/public-key.ts'
import { say, type Check, type Message } from '../../src/attestation/verifier.ts'
import { integer, sequence } from '../../src/pki/der.ts'
import { emptySubject, OID, purpose, SUBJECT_ALTERNATIVE_NAME } from './ak.ts'
import type { TpmStatement } from './parse.ts'
import { DIGESTS, type Certify, type TpmPublic, type TpmSignature } from './structures.ts'

export const AREA = 'attestation-tpm2'
export const SOURCE = 'https://trustedcomputinggroup.org/resource/tpm-library-specification/'
const PROFILE = 'https://trustedcomputinggroup.org/resource/tpm-2-0-keys-for-device-identity-and-attestation/'
const CLAUSE = 'CSBR 6.2.7.4.2 (2)'
export const check = checkWriter(AREA, { source: SOURCE, clause: CLAUSE })

/** CA flag, key usage, extended key usage, policies: read, or of no effect on who may sign what here. */
const KNOWN_CRITICAL = ['2.5.29.19', '2.5.29.15', '2.5.29.37', '2.5.29.32']

export function chainChecks({ certify, signature, publicArea, ak, claims, authorities }: TpmStatement, anchors: Anchors, at: Date): { checks: Check[]; cautions: Message[]; headline: Check | undefined } {
  const checks: Check[] = []
  const cautions: Message[] = []
  let headline: Check | undefined
  const remedy = 'remedy.whole-chain'
  const akWords = { ak: ak.subjectText || 'AK', issuer: ak.issuerText }

  const heldFor = (certificate: MakerCertificate) => anchors.rows.filter((row) => row.role !== 'refuse' && row.signsDevices && row.subjectDer.equals(certificate.issuer))
  // Names alone don't choose the certificate: an authority is renewed under its name, with the same key or another.
  const signers = authorities.filter((candidate) => signedBy(ak, candidate.spki))
  const authority = signers.find((candidate) => heldFor(candidate).some((row) => signedBy(candidate, row.spki))) ?? signers[0] ?? authorities[0]!
  const signed = signers.includes(authority)
  checks.push(check(signed, signed ? 'ak-signature.good' : 'ak-signature.bad', 'ak-signature.expected', { authority: authority.subjectText }, { remedy }))
  const held = heldFor(authority)
  const root = held.find((row) => signedBy(authority, row.spki)) ?? held[0]
  checks.push(check(root !== undefined, root ? 'pinned.held' : 'pinned.unknown', 'pinned.expected', { issuer: authority.issuerText, asOf: anchors.asOf }, { remedy: 'remedy.ak-authority' }))
  if (root) {
    const good = signedBy(authority, root.spki)
    checks.push(check(good, good ? 'authority-signature.good' : 'authority-signature.bad', 'authority-signature.expected', { issuer: root.subject, sha256: root.spkiSha256 }, { remedy: 'remedy.ak-authority', alert: true }))
    headline = checks.at(-1)
    checks.push(anchorValidity(check, root, at, { remedy: 'remedy.new-ak' }))
    const standing = anchorStanding(root, say(`${AREA}.pinned.expected`, { asOf: anchors.asOf }))
    checks.push(...standing.checks)
    cautions.push(...standing.cautions)
  }
  const constraints = authority.basicConstraints
  const mayIssue = constraints?.ca === true && constraints.pathLength === 0 && keyUsage(authority)?.includes(KEY_CERT_SIGN) === true && extendedKeyUsages(authority).includes(OID.attestation)
  checks.push(check(mayIssue, mayIssue ? 'authority.may' : 'authority.may-not', 'authority.expected', { authority: authority.subjectText }, { clause: 'RFC 5280 4.2.1', source: PROFILE, remedy, alert: true }))
  const isCa = ak.basicConstraints?.ca === true
  checks.push(check(!isCa, isCa ? 'ak-ca.present' : 'ak-ca.absent', 'ak-ca.expected', {}, { source: PROFILE, alert: true }))
  const seen = purpose(ak)
  checks.push(check(seen === 'attestation', `ak-purpose.${seen}`, 'ak-purpose.expected', {}, { source: PROFILE, remedy: 'remedy.ak-certificate' }))
  const signs = keyUsage(ak)?.includes(DIGITAL_SIGNATURE) === true
  checks.push(check(signs, signs ? 'ak-usage.signs' : 'ak-usage.signs-not', 'ak-usage.expected', {}, { source: PROFILE, remedy: 'remedy.ak-certificate' }))
  // The profile: an empty subject, and therefore a critical subjectAltName (RFC 5280 4.2.1.6) that names the TPM.
  const named = emptySubject(ak) && ak.extensions.get(SUBJECT_ALTERNATIVE_NAME)?.critical === true && claims.manufacturer !== null && claims.model !== null && claims.version !== null
  checks.push(check(named, named ? 'ak-names.good' : 'ak-names.bad', 'ak-names.expected', { manufacturer: claims.manufacturer ?? '–', model: claims.model ?? '–', version: claims.version ?? '–', subject: ak.subjectText || '–' }, { source: PROFILE, remedy: 'remedy.ak-certificate' }))
  checks.push(certificateValidity(check, authority, at, { remedy: 'remedy.new-ak' }), certificateValidity(check, { ...ak, subjectText: akWords.ak }, at, { remedy: 'remedy.new-ak' }))
  const strange = [...unknownCritical(ak, [...KNOWN_CRITICAL, SUBJECT_ALTERNATIVE_NAME]), ...unknownCritical(authority, KNOWN_CRITICAL)]
  checks.push(check(strange.length === 0, strange.length === 0 ? 'extensions.known' : 'extensions.unknown', 'extensions.expected', { oids: strange.join(', ') }, { source: PROFILE, remedy: 'remedy.tell-us' }))
  const type = keyType(ak.spki)
  const strong = type !== null && (/^P-\d+$/.test(type) || Number(/^RSA-(\d+)$/.exec(type)?.[1] ?? 0) >= 2048)
  checks.push(check(strong, strong ? 'ak-key.strong' : 'ak-key.weak', 'ak-key.expected', { type: type ?? '?' }, { remedy: 'remedy.ak-certificate' }))

  const by = signatureBy(certify, signature, ak.spki)
  checks.push(check(by === 'good', `statement-signature.${by}`, 'statement-signature.expected', {}, { remedy: by === 'weak' ? 'remedy.sha-256' : 'remedy.same-ak' }), nameCheck(certify, publicArea))
  return { checks, cautions, headline }
}

/** Whether the statement speaks of this public area: it names an object by the digest of all of it (Part 1, 16). Digests below SHA-256 are not taken. */
export function nameCheck({ name }: Certify, { octets, nameAlgorithm }: TpmPublic): Check {
  const digest = DIGESTS[nameAlgorithm]
  const strong = digest !== undefined && digest !== 'sha1'
  const computed = strong ? Buffer.concat([Buffer.from([nameAlgorithm >> 8, nameAlgorithm & 0xff]), createHash(digest).update(octets).digest()]) : null
  const seen = !strong ? 'weak' : computed!.equals(name) ? 'same' : 'differs'
  return check(seen === 'same', `name.${seen}`, 'name.expected', { name: name.toString('hex'), computed: computed?.toString('hex') ?? '–' }, { remedy: seen === 'weak' ? 'remedy.sha-256' : 'remedy.same-key' })
}

const STRONG = ['sha256', 'sha384', 'sha512']

/**
 * Whether the AK signed the statement: `weak` when it did, but over SHA-1 (CSBR 6.1.5 and 7.1.3 have no SHA-1). A bare signature does not tell
 * its digest, so each that a TPM may have used is tried. Never throws.
 */
function signatureBy({ octets }: Certify, { scheme, digest, value }: TpmSignature, spki: Buffer): 'good' | 'weak' | 'bad' {
  try {
    const key = createPublicKey({ key: spki, format: 'der', type: 'spki' })
    if (key.asymmetricKeyType !== (scheme === 'ecdsa' ? 'ec' : 'rsa')) return 'bad'
    const signature = Buffer.isBuffer(value) ? value : sequence(integer(value.r), integer(value.s))
    const padding = scheme === 'rsassa' ? { padding: constants.RSA_PKCS1_PADDING } : scheme === 'rsapss' ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO } : {}
    const made = (digest === null ? [...STRONG, 'sha1'] : [digest]).find((candidate) => verify(candidate, octets, { key, ...padding }, signature))
    return made === undefined ? 'bad' : STRONG.includes(made) ? 'good' : 'weak'
  } catch {
    return 'bad'
  }
}
