/**
 * The extensions of a YubiKey's PIV attestation, arc 1.3.6.1.4.1.41482.3 (developers.yubico.com, PIV_attestation and
 * Yubico_Attestation_OID). Values are raw octets, without DER inside, except where a comment says INTEGER.
 */
import { MalformedStatement, say } from '../../src/attestation/verifier.ts'
import type { MakerCertificate } from '../../src/attestation/maker-certificate.ts'
import { guard } from '../../src/attestation/evidence.ts'
import { readDer } from '../../src/pki/der.ts'

export const ARC = '1.3.6.1.4.1.41482.3.'
export const OID = {
  /** In requests only: the attestation and the f9 certificate. */
  embeddedAttestation: `${ARC}1`,
  embeddedDevice: `${ARC}2`,
  firmware: `${ARC}3`,
  serial: `${ARC}7`,
  policy: `${ARC}8`,
  formFactor: `${ARC}9`,
  fips: `${ARC}10`,
  /** In an f9 certificate: a CSPN device. In a request: the attestation, where older tools put it. The place decides. */
  cspn: `${ARC}11`,
} as const

const LEAF: readonly string[] = [OID.firmware, OID.serial, OID.policy, OID.formFactor]
const DEVICE: readonly string[] = [OID.firmware, OID.fips, OID.cspn]

export interface LeafClaims {
  firmware: string | null
  serial: string | null
  pinPolicy: number | null
  touchPolicy: number | null
  /** The low six bits of .9; null where the device does not say (4.x). */
  formFactor: number | null
  fipsBit: boolean
  cspnBit: boolean
  /** Object identifiers of the arc that a leaf never has. */
  unknown: string[]
}

export interface DeviceClaims {
  firmware: string | null
  fips: boolean
  cspn: boolean
  unknown: string[]
}

const octets = (certificate: MakerCertificate, oid: string, length: number): Buffer | null => {
  const value = certificate.extensions.get(oid)?.value
  if (value === undefined) return null
  if (value.length !== length) throw new MalformedStatement(certificate.file, say('attestation.yubikey-piv.malformed.extension', { oid }))
  return value
}

/** A DER INTEGER that is not negative. */
const integer = (certificate: MakerCertificate, oid: string): bigint | null => {
  const value = certificate.extensions.get(oid)?.value
  if (value === undefined) return null
  const number = guard(certificate.file, () => readDer(value, { maxBytes: 16, maxDepth: 1, maxNodes: 1 }).integer())
  if (number < 0n) throw new MalformedStatement(certificate.file, say('attestation.yubikey-piv.malformed.extension', { oid }))
  return number
}

const firmware = (certificate: MakerCertificate): string | null => {
  const value = octets(certificate, OID.firmware, 3)
  return value ? [...value].join('.') : null
}

const outside = (certificate: MakerCertificate, known: readonly string[]): string[] => [...certificate.extensions.keys()].filter((oid) => oid.startsWith(ARC) && !known.includes(oid))

export function leafClaims(certificate: MakerCertificate): LeafClaims {
  const policy = octets(certificate, OID.policy, 2)
  const form = octets(certificate, OID.formFactor, 1)?.[0]
  return {
    firmware: firmware(certificate),
    serial: integer(certificate, OID.serial)?.toString() ?? null,
    pinPolicy: policy?.[0] ?? null,
    touchPolicy: policy?.[1] ?? null,
    formFactor: form === undefined ? null : form & 0x3f,
    fipsBit: form !== undefined && (form & 0x80) !== 0,
    cspnBit: form !== undefined && (form & 0x40) !== 0,
    unknown: outside(certificate, LEAF),
  }
}

export function deviceClaims(certificate: MakerCertificate): DeviceClaims {
  return {
    firmware: firmware(certificate),
    fips: integer(certificate, OID.fips) !== null,
    cspn: integer(certificate, OID.cspn) !== null,
    unknown: outside(certificate, DEVICE),
  }
}

/** Whether a certificate is of the kind that attests a key: it carries what only a leaf carries, or a leaf's name. */
export const looksLikeLeaf = (certificate: MakerCertificate): boolean =>
  [OID.serial, OID.policy, OID.formFactor].some((oid) => certificate.extensions.has(oid)) || /^YubiKey PIV Attestation [0-9a-f]{2}$/.test(certificate.subjectCommonName ?? '')

/** Whether a certificate is of the kind that sits in slot f9. */
export const looksLikeDevice = (certificate: MakerCertificate): boolean => !looksLikeLeaf(certificate) && [...certificate.extensions.keys()].some((oid) => oid.startsWith(ARC))
