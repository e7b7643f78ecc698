/** Finds the two certificates of a PIV attestation in what was uploaded and reads them. Judges nothing. */
import type { Evidence } from '../../src/attestation/evidence.ts'
import { readMakerCertificate, type MakerCertificate } from '../../src/attestation/maker-certificate.ts'
import { MalformedStatement, say } from '../../src/attestation/verifier.ts'
import { deviceClaims, leafClaims, looksLikeDevice, looksLikeLeaf, OID, type DeviceClaims, type LeafClaims } from './extensions.ts'

export interface PivStatement {
  /** The certificate of the attested key. */
  readonly leaf: MakerCertificate
  /** The certificate of slot f9. */
  readonly device: MakerCertificate
  readonly claims: LeafClaims
  readonly deviceClaims: DeviceClaims
}

const EMBEDDED: readonly string[] = [OID.embeddedAttestation, OID.embeddedDevice, OID.cspn]

/** Every certificate given, once each, wherever it stood: in files, or in a request at .1, .2 or the older .11. */
export function certificatesOf(evidence: Evidence): MakerCertificate[] {
  const given = [...evidence.certificates, ...evidence.requested.filter((extension) => EMBEDDED.includes(extension.oid)).map(({ file, value }) => ({ file, der: value }))]
  const found: MakerCertificate[] = []
  for (const { der, file } of given) if (!found.some((earlier) => earlier.der.equals(der))) found.push(readMakerCertificate(der, file))
  return found
}

/** @throws MalformedStatement when a file is not a certificate, one of the two is missing, or it is not clear which is meant */
export function parsePivStatement(evidence: Evidence): PivStatement {
  const stray = evidence.others[0]
  if (stray) throw new MalformedStatement(stray.name, say('attestation.malformed.not-a-certificate'))
  const certificates = certificatesOf(evidence)
  const fileOf = (certificate: MakerCertificate | undefined) => certificate?.file ?? null
  const leaves = certificates.filter(looksLikeLeaf)
  // A leaf that issued another leaf is read as the device certificate of that one, and fails as such: formats.md 2.3, attack (i).
  const last = leaves.filter((leaf) => !leaves.some((other) => other !== leaf && other.issuer.equals(leaf.subject)))
  const leaf = last[0]
  if (!leaf) throw new MalformedStatement(fileOf(certificates[0]), say(`attestation.yubikey-piv.malformed.${leaves.length > 0 ? 'several-attestations' : 'attestation-missing'}`))
  if (last.length > 1) throw new MalformedStatement(fileOf(last.at(-1)), say('attestation.yubikey-piv.malformed.several-attestations'))
  const others = certificates.filter((certificate) => certificate !== leaf)
  const named = others.filter((certificate) => certificate.subject.equals(leaf.issuer))
  const candidates = named.length > 0 ? named : others.filter(looksLikeDevice)
  const device = candidates[0]
  if (!device) throw new MalformedStatement(fileOf(leaf), say('attestation.yubikey-piv.malformed.intermediate-missing'))
  if (candidates.length > 1) throw new MalformedStatement(fileOf(candidates.at(-1)), say('attestation.yubikey-piv.malformed.several-intermediates'))
  return { leaf, device, claims: leafClaims(leaf), deviceClaims: deviceClaims(device) }
}
