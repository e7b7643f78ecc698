/**
 * Genuine device: statement ← factory certificate ← a key of Yubico's that we hold. The shape is fixed and no path is ever
 * built: a key of the device's owner with capability 34 signs statements too, over whatever certificate the owner supplies.
 */
import { anchorStanding, anchorValidity, certificateValidity } from '../../src/attestation/anchor-checks.ts'
import type { Anchors } from '../../src/attestation/anchors.ts'
import { unknownCritical } from '../../src/attestation/certificate-extensions.ts'
import { checkWriter } from '../../src/attestation/check.ts'
import { signedBy } from '../../src/attestation/maker-certificate.ts'
import { say, type Check, type Message } from '../../src/attestation/verifier.ts'
import { ARC, DEVICE_NAME, LEAF_NAME } from './extensions.ts'
import type { HsmStatement } from './parse.ts'

export const AREA = 'attestation-yubihsm2'
export const SOURCE = 'https://developers.yubico.com/YubiHSM2/Concepts/Attestation.html'
export const check = checkWriter(AREA, { source: SOURCE, clause: 'CSBR 6.2.7.4.2 (2)' })

export function chainChecks({ leaf, device, claims, deviceClaims }: HsmStatement, anchors: Anchors, at: Date): { checks: Check[]; cautions: Message[]; headline: Check | undefined } {
  const checks: Check[] = []
  const cautions: Message[] = []
  let headline: Check | undefined
  const remedy = 'remedy.export-both'

  const deviceSerial = DEVICE_NAME.exec(device.subjectCommonName ?? '')?.[1] ?? null
  const factory = deviceSerial !== null
  checks.push(check(factory, factory ? 'signer.factory' : LEAF_NAME.test(device.subjectCommonName ?? '') ? 'signer.user-key' : 'signer.other', 'signer.expected', { subject: device.subjectText }, { remedy: 'remedy.factory-key', alert: true }))
  const named = leaf.issuer.equals(device.subject)
  checks.push(check(named, named ? 'issuer.match' : 'issuer.mismatch', 'issuer.expected', { issuer: leaf.issuerText, subject: device.subjectText }, { remedy }))
  const signed = named && signedBy(leaf, device.spki)
  checks.push(check(signed, signed ? 'leaf-signature.good' : 'leaf-signature.bad', 'leaf-signature.expected', { subject: device.subjectText }, { remedy }))

  // Names alone don't choose the key: every held key under the name is tried, and one that is off explains itself.
  const held = anchors.rows.filter((row) => row.role !== 'refuse' && row.signsDevices && row.subjectDer.equals(device.issuer))
  const issuer = held.find((row) => signedBy(device, row.spki)) ?? held[0]
  checks.push(check(issuer !== undefined, issuer ? 'pinned.held' : 'pinned.unknown', 'pinned.expected', { issuer: device.issuerText, asOf: anchors.asOf }, { remedy: 'remedy.object-0' }))
  if (issuer) {
    const good = signedBy(device, issuer.spki)
    checks.push(check(good, good ? 'device-signature.good' : 'device-signature.bad', 'device-signature.expected', { issuer: issuer.subject, sha256: issuer.spkiSha256 }, { remedy: 'remedy.object-0', alert: true }))
    headline = checks.at(-1)
    checks.push(anchorValidity(check, issuer, at))
    const standing = anchorStanding(issuer, say(`${AREA}.pinned.expected`, { asOf: anchors.asOf }))
    checks.push(...standing.checks)
    cautions.push(...standing.cautions)
  }
  const constraints = device.basicConstraints
  const isAuthority = constraints?.ca === true && constraints.pathLength === 0
  checks.push(check(isAuthority, isAuthority ? 'device-ca.present' : 'device-ca.missing', 'device-ca.expected', { subject: device.subjectText }, { clause: 'RFC 5280 4.2.1.9', alert: true }))
  const authority = leaf.basicConstraints?.ca === true
  checks.push(check(!authority, authority ? 'leaf-ca.present' : 'leaf-ca.absent', 'leaf-ca.expected', { subject: leaf.subjectText }, { alert: true }))
  checks.push(...[leaf, device].map((certificate) => certificateValidity(check, certificate, at)))

  const objectId = LEAF_NAME.exec(leaf.subjectCommonName ?? '')?.[1]
  const goodName = objectId !== undefined && parseInt(objectId, 16) === claims.objectId
  checks.push(check(goodName, goodName ? 'subject.good' : 'subject.bad', 'subject.expected', { subject: leaf.subjectText, id: idText(claims.objectId) }, { remedy }))
  const serials = { leaf: claims.serial ?? '–', device: deviceClaims.serial ?? '–', name: deviceSerial ?? '–' }
  const oneSerial = claims.serial !== null && claims.serial === deviceClaims.serial && claims.serial === deviceSerial
  checks.push(check(oneSerial, oneSerial ? 'serial.same' : 'serial.differs', 'serial.expected', serials, { remedy, alert: true }))
  const firmware = { leaf: claims.firmware ?? '–', device: deviceClaims.firmware ?? '–' }
  const oneFirmware = claims.firmware !== null && claims.firmware === deviceClaims.firmware
  checks.push(check(oneFirmware, oneFirmware ? 'same-firmware.same' : 'same-firmware.differs', 'same-firmware.expected', firmware, { remedy }))
  const unknown = [...claims.unknown, ...deviceClaims.unknown, ...[leaf, device].flatMap((certificate) => unknownCritical(certificate, ['2.5.29.19'], ARC))]
  checks.push(check(unknown.length === 0, unknown.length === 0 ? 'extensions.known' : 'extensions.unknown', 'extensions.expected', { oids: unknown.join(', ') }, { remedy: 'remedy.tell-us' }))
  return { checks, cautions, headline }
}

export const idText = (objectId: number | null): string => (objectId === null ? '–' : `0x${objectId.toString(16).padStart(4, '0')}`)
