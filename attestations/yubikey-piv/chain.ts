/**
 * Genuine device: leaf ← f9 ← a key of Yubico's that we hold. The shape is fixed (formats.md 2.2); no path is ever built,
 * since the attested key is a general signing key and could otherwise issue further "attestations" below itself.
 */
import { anchorStanding, anchorValidity, certificateValidity } from '../../src/attestation/anchor-checks.ts'
import type { Anchors } from '../../src/attestation/anchors.ts'
import { unknownCritical } from '../../src/attestation/certificate-extensions.ts'
import { checkWriter } from '../../src/attestation/check.ts'
import { signedBy } from '../../src/attestation/maker-certificate.ts'
import { say, type Check, type Message } from '../../src/attestation/verifier.ts'
import { ARC } from './extensions.ts'
import type { PivStatement } from './parse.ts'

const AREA = 'attestation.yubikey-piv'
const SOURCE = 'https://developers.yubico.com/PIV/Introduction/PIV_attestation.html'
const PKI = 'https://developers.yubico.com/PKI/'
const check = checkWriter(AREA, { source: SOURCE, clause: 'CSBR 6.2.7.4.2 (2)' })

/** Below 0: `one` is the earlier firmware. */
const compareFirmware = (one: string, other: string): number => {
  const [left, right] = [one.split('.').map(Number), other.split('.').map(Number)]
  return left.map((part, index) => part - (right[index] ?? 0)).find((difference) => difference !== 0) ?? 0
}

export function chainChecks({ leaf, device, claims, deviceClaims }: PivStatement, anchors: Anchors, at: Date): { checks: Check[]; cautions: Message[]; headline: Check | undefined } {
  const checks: Check[] = []
  const cautions: Message[] = []
  let headline: Check | undefined
  const remedy = 'remedy.export-both'

  const named = leaf.issuer.equals(device.subject)
  checks.push(check(named, named ? 'issuer.match' : 'issuer.mismatch', 'issuer.expected', { issuer: leaf.issuerText, subject: device.subjectText }, { remedy }))
  const signed = named && signedBy(leaf, device.spki)
  checks.push(check(signed, signed ? 'leaf-signature.good' : 'leaf-signature.bad', 'leaf-signature.expected', { subject: device.subjectText }, { remedy }))

  const refused = anchors.rows.find((row) => row.role === 'refuse' && (row.subjectDer.equals(device.issuer) || row.subjectDer.equals(device.subject) || row.spki.equals(device.spki) || row.spki.equals(leaf.spki)))
  // Names alone don't choose the key: two makers' keys may share a name, so every held key under it is tried.
  const held = anchors.rows.filter((row) => row.role !== 'refuse' && row.signsDevices && row.subjectDer.equals(device.issuer))
  const signer = refused ? undefined : held.find((row) => signedBy(device, row.spki))
  const issuer = refused ? undefined : (signer ?? held[0])
  const values = { issuer: device.issuerText, use: refused?.use ?? '', asOf: anchors.asOf }
  checks.push(check(issuer !== undefined, refused ? 'pinned.refused' : issuer ? 'pinned.held' : 'pinned.unknown', 'pinned.expected', values, { source: PKI, remedy: refused ? 'remedy.other-device' : 'remedy.f9-factory', ...(refused ? { alert: true as const } : {}) }))
  if (issuer) {
    const good = issuer === signer
    checks.push(check(good, good ? 'device-signature.good' : 'device-signature.bad', 'device-signature.expected', { issuer: issuer.subject, sha256: issuer.spkiSha256 }, { source: PKI, remedy: 'remedy.f9-factory', alert: true }))
    headline = checks.at(-1)
    checks.push(anchorValidity(check, issuer, at, { source: PKI }))
    const standing = anchorStanding(issuer, say(`${AREA}.pinned.expected`, values))
    checks.push(...standing.checks)
    cautions.push(...standing.cautions)

    // pathLenConstraint 0 where the extension is there; the extension itself came with firmware 5 under the older root (formats.md 2.1, 2.3 step 2).
    const optional = issuer.basicConstraintsFrom !== null && claims.firmware !== null && compareFirmware(claims.firmware, issuer.basicConstraintsFrom) < 0
    const constraints = device.basicConstraints
    const isAuthority = constraints ? constraints.ca && constraints.pathLength === 0 : optional
    checks.push(check(isAuthority, isAuthority ? (constraints ? 'device-ca.present' : 'device-ca.not-needed') : 'device-ca.missing', 'device-ca.expected', { subject: device.subjectText }, { clause: 'RFC 5280 4.2.1.9', alert: true }))
  }

  const authority = leaf.basicConstraints?.ca === true
  checks.push(check(!authority, authority ? 'leaf-ca.present' : 'leaf-ca.absent', 'leaf-ca.expected', { subject: leaf.subjectText }, { alert: true }))
  checks.push(...[leaf, device].map((certificate) => certificateValidity(check, certificate, at)))
  const slotName = /^YubiKey PIV Attestation [0-9a-f]{2}$/.test(leaf.subjectCommonName ?? '')
  checks.push(check(slotName, slotName ? 'subject.good' : 'subject.bad', 'subject.expected', { subject: leaf.subjectText }, { remedy }))
  const unknown = [...claims.unknown, ...deviceClaims.unknown, ...[leaf, device].flatMap((certificate) => unknownCritical(certificate, ['2.5.29.19'], ARC))]
  checks.push(check(unknown.length === 0, unknown.length === 0 ? 'extensions.known' : 'extensions.unknown', 'extensions.expected', { oids: unknown.join(', ') }, { remedy: 'remedy.tell-us' }))
  return { checks, cautions, headline }
}
