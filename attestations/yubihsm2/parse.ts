/** Finds the two certificates of a YubiHSM 2 attestation in what was uploaded and reads them. Judges nothing. */
import type { Evidence } from '../../src/attestation/evidence.ts'
import { readMakerCertificate, type MakerCertificate } from '../../src/attestation/maker-certificate.ts'
import { MalformedStatement, say } from '../../src/attestation/verifier.ts'
import { deviceClaims, leafClaims, looksLikeDevice, looksLikeLeaf, type DeviceClaims, type LeafClaims } from './extensions.ts'

export interface HsmStatement {
  /** The certificate of the attested key. */
  readonly leaf: MakerCertificate
  /** The certificate that signed it: in a good statement object 0, from the factory. */
  readonly device: MakerCertificate
  readonly claims: LeafClaims
  readonly deviceClaims: DeviceClaims
}

/** Authorities that were uploaded too are left aside: who issued the device's certificate is held, never brought along. */
export function parseHsmStatement(evidence: Evidence): HsmStatement {
  const stray = evidence.others[0]
  if (stray) throw new MalformedStatement(stray.name, say('attestation.malformed.not-a-certificate'))
  const certificates: MakerCertificate[] = []
  for (const { der, file } of evidence.certificates) if (!certificates.some((earlier) => earlier.der.equals(der))) certificates.push(readMakerCertificate(der, file))
  const fileOf = (certificate: MakerCertificate | undefined) => certificate?.file ?? null
  const leaves = certificates.filter(looksLikeLeaf)
  // A statement that signed another one is read as the device's certificate of that one, and fails as such: keys with capability 34 can do that.
  const last = leaves.filter((leaf) => !leaves.some((other) => other !== leaf && other.issuer.equals(leaf.subject)))
  const leaf = last[0]
  if (!leaf) throw new MalformedStatement(fileOf(certificates[0]), say(`attestation-yubihsm2.malformed.${leaves.length > 0 ? 'several-attestations' : 'attestation-missing'}`))
  if (last.length > 1) throw new MalformedStatement(fileOf(last.at(-1)), say('attestation-yubihsm2.malformed.several-attestations'))
  const others = certificates.filter((certificate) => certificate !== leaf)
  const named = others.filter((certificate) => certificate.subject.equals(leaf.issuer))
  const candidates = named.length > 0 ? named : others.filter(looksLikeDevice)
  const device = candidates[0]
  if (!device) throw new MalformedStatement(fileOf(leaf), say('attestation-yubihsm2.malformed.device-missing'))
  if (candidates.length > 1) throw new MalformedStatement(fileOf(candidates.at(-1)), say('attestation-yubihsm2.malformed.several-devices'))
  return { leaf, device, claims: leafClaims(leaf), deviceClaims: deviceClaims(device) }
}
