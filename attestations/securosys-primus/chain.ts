/**
 * Genuine device: XML ← attestation key ← PRIMUS HSM KEY ← a root key of Securosys' that we hold. The shape is fixed; a root
 * in the upload is never looked at.
 */
import { constants, createPublicKey, verify } from 'node:crypto'
import { anchorStanding, anchorValidity, certificateValidity } from '../../src/attestation/anchor-checks.ts'
import type { Anchors } from '../../src/attestation/anchors.ts'
import { certificatePolicies, DIGITAL_SIGNATURE, keyUsage, KEY_CERT_SIGN, unknownCritical } from '../../src/attestation/certificate-extensions.ts'
import { checkWriter } from '../../src/attestation/check.ts'
import { signedBy, type MakerCertificate } from '../../src/attestation/maker-certificate.ts'
import type { Check, Message } from '../../src/attestation/verifier.ts'
import type { PrimusStatement } from './parse.ts'

export const SOURCE = 'https://docs.securosys.com/primus-hsm/Concepts/attestation'
const check = checkWriter('attestation-securosys', { source: SOURCE, clause: 'CSBR 6.2.7.4.2 (2)' })

/** The policy of certificates of device keys. */
const DEVICE_POLICY = '1.3.6.1.4.1.44668.4.1.3'
const DEVICE_NAME = /^CN=PRIMUS HSM KEY \(SN: (\d{1,20})\)(?:,|$)/
/** Securosys' own documentation shows it as the root of devices that are not for production. */
const DEVELOPMENT_ROOT = /(?:^|, )CN=SECUROSYS_ROOTKEY_DEV(?:,|$)/
const PROCESSED = ['2.5.29.15', '2.5.29.19', '2.5.29.32']

export const deviceSerial = ({ device }: PrimusStatement): string | null => DEVICE_NAME.exec(device.subjectText)?.[1] ?? null

/** Whether the certificate's key signed these octets: SHA-256 with PKCS #1 v1.5 or PSS, the two that Primus HSMs write. Never throws. */
export function signedOctets({ spki }: MakerCertificate, octets: Buffer, signature: Buffer): boolean {
  try {
    const key = createPublicKey({ key: spki, format: 'der', type: 'spki' })
    if (key.asymmetricKeyType !== 'rsa') return false
    return verify('sha256', octets, key, signature) || verify('sha256', octets, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }, signature)
  } catch {
    return false
  }
}

/** The certificate whose key signed the octets, with any of the signatures given. */
export const signerOf = ({ signers, signatures }: PrimusStatement, octets: Buffer): MakerCertificate | undefined => signers.find((signer) => signatures.some((signature) => signedOctets(signer, octets, signature)))

export function chainChecks(statement: PrimusStatement, anchors: Anchors, at: Date): { checks: Check[]; cautions: Message[]; headline: Check | undefined } {
  const { device, xml, signers } = statement
  const checks: Check[] = []
  const cautions: Message[] = []
  const found = signerOf(statement, xml)
  const signer = found ?? signers[0]!
  checks.push(check(found !== undefined, found ? 'signature.good' : 'signature.bad', 'signature.expected', { signer: signer.subjectText }, { remedy: 'remedy.unchanged' }))
  checks.push(...signerChecks(signer, device))

  const named = DEVICE_NAME.test(device.subjectText)
  checks.push(check(named, named ? 'device.named' : 'device.misnamed', 'device.named-expected', { subject: device.subjectText }, { remedy: 'remedy.files' }))
  const usage = keyUsage(device)
  const authority = device.basicConstraints?.ca === true && device.basicConstraints.pathLength === 0 && usage?.includes(KEY_CERT_SIGN) === true
  checks.push(check(authority, authority ? 'device.authority' : 'device.no-authority', 'device.authority-expected', { subject: device.subjectText }, { clause: 'RFC 5280 4.2.1.9', alert: true }))
  const policies = certificatePolicies(device)
  const devicePolicy = policies.includes(DEVICE_POLICY)
  checks.push(check(devicePolicy, devicePolicy ? 'device.policy' : 'device.other-policy', 'device.policy-expected', { policies: policies.join(', ') || '–', policy: DEVICE_POLICY }, { remedy: 'remedy.files' }))

  // Names alone don't choose the key: every held key under the name is tried.
  const held = anchors.rows.filter((row) => row.role === 'anchor' && row.signsDevices && row.subjectDer.equals(device.issuer))
  const root = held.find((row) => signedBy(device, row.spki)) ?? held[0]
  const development = DEVELOPMENT_ROOT.test(device.issuerText)
  checks.push(check(root !== undefined, root ? 'root.held' : development ? 'root.development' : 'root.unknown', 'root.expected', { issuer: device.issuerText, asOf: anchors.asOf }, { remedy: 'remedy.root' }))
  let headline: Check | undefined
  if (root) {
    const standing = anchorStanding(root, checks.at(-1)!.expected)
    checks.push(...standing.checks)
    cautions.push(...standing.cautions)
    const good = signedBy(device, root.spki)
    headline = check(good, good ? 'device.signed' : 'device.not-signed', 'device.signed-expected', { issuer: root.subject, sha256: root.spkiSha256 }, { remedy: 'remedy.root', alert: true })
    checks.push(headline)
    checks.push(anchorValidity(check, root, at, { remedy: 'remedy.fresh' }))
  }
  checks.push(...[signer, device].map((certificate) => certificateValidity(check, certificate, at, { remedy: 'remedy.fresh' })))
  const unknown = [signer, device].flatMap((certificate) => unknownCritical(certificate, PROCESSED))
  checks.push(check(unknown.length === 0, unknown.length === 0 ? 'extensions.known' : 'extensions.unknown', 'extensions.expected', { oids: unknown.join(', ') }, { remedy: 'remedy.tell-us' }))
  return { checks, cautions, headline }
}

/** What any signer of the device's files must be: issued by this device's key, for signing, and no authority. */
export function signerChecks(signer: MakerCertificate, device: MakerCertificate): Check[] {
  const issued = signer.issuer.equals(device.subject) && signedBy(signer, device.spki)
  const usage = keyUsage(signer)
  const signs = signer.basicConstraints?.ca === false && usage?.includes(DIGITAL_SIGNATURE) === true && !usage.includes(KEY_CERT_SIGN)
  const values = { signer: signer.subjectText, device: device.subjectText }
  return [
    check(issued, issued ? 'signer.issued' : 'signer.not-issued', 'signer.issued-expected', values, { remedy: 'remedy.files' }),
    check(signs, signs ? 'signer.for-signing' : 'signer.not-for-signing', 'signer.for-signing-expected', values, { alert: true }),
  ]
}
