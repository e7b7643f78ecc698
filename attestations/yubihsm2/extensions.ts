/**
 * The extensions of a YubiHSM 2 attestation, arc 1.3.6.1.4.1.41482.4 (developers.yubico.com, YubiHSM2/Concepts/Attestation).
 * Unlike the YubiKey's, their values are DER inside extnValue.
 */
import { guard } from '../../src/attestation/evidence.ts'
import type { MakerCertificate } from '../../src/attestation/maker-certificate.ts'
import { MalformedStatement, say } from '../../src/attestation/verifier.ts'
import { readDer, TAG, type Der } from '../../src/pki/der.ts'

export const ARC = '1.3.6.1.4.1.41482.4.'
export const OID = {
  firmware: `${ARC}1`,
  serial: `${ARC}2`,
  origin: `${ARC}3`,
  domains: `${ARC}4`,
  capabilities: `${ARC}5`,
  objectId: `${ARC}6`,
  label: `${ARC}9`,
  /** In the device certificate: of the FIPS series. Not documented by Yubico; seen on the one FIPS device published. */
  fipsDevice: `${ARC}10`,
  /** In the statement, from newer firmware: the device was in FIPS mode. */
  fipsMode: `${ARC}12`,
} as const

const LEAF: readonly string[] = [OID.firmware, OID.serial, OID.origin, OID.domains, OID.capabilities, OID.objectId, OID.label, OID.fipsMode]
const DEVICE: readonly string[] = [OID.firmware, OID.serial, OID.fipsDevice]

export interface LeafClaims {
  firmware: string | null
  serial: string | null
  /** The octet of .3: 01 generated, 02 imported, 10 came in wrapped. */
  origin: number | null
  /** 64 flags, bit 0 the lowest. */
  capabilities: bigint | null
  domains: number[]
  objectId: number | null
  /** Chosen by the device's owner: for showing only. */
  label: string | null
  fipsMode: boolean | null
  /** Object identifiers of the arc that this certificate never has. */
  unknown: string[]
}

export interface DeviceClaims {
  firmware: string | null
  serial: string | null
  fips: boolean
  unknown: string[]
}

/** The value of an extension, read by `take`; null when it is not there. */
function valueOf<T>(certificate: MakerCertificate, oid: string, take: (value: Der) => T | null): T | null {
  const value = certificate.extensions.get(oid)?.value
  if (value === undefined) return null
  const taken = guard(certificate.file, () => take(readDer(value, { maxBytes: 128, maxDepth: 1, maxNodes: 1 })))
  if (taken === null) throw new MalformedStatement(certificate.file, say('attestation-yubihsm2.malformed.extension', { oid }))
  return taken
}

const bits = (octets: number) => (value: Der): Buffer | null => {
  const found = value.bitStringOctets()
  return found.length === octets ? found : null
}
const unsigned = (most: bigint) => (value: Der): bigint | null => {
  const number = value.integer()
  return number >= 0n && number <= most ? number : null
}

const firmware = (certificate: MakerCertificate): string | null =>
  valueOf(certificate, OID.firmware, (value) => (value.expect(TAG.octetString, 'firmware').value.length === 3 ? [...value.value].join('.') : null))
const serial = (certificate: MakerCertificate): string | null => valueOf(certificate, OID.serial, unsigned(0xffffffffn))?.toString() ?? null
const outside = (certificate: MakerCertificate, known: readonly string[]): string[] => [...certificate.extensions.keys()].filter((oid) => oid.startsWith(ARC) && !known.includes(oid))

/** @throws MalformedStatement when an extension does not hold what the device writes there */
export function leafClaims(certificate: MakerCertificate): LeafClaims {
  const domains = valueOf(certificate, OID.domains, bits(2))?.readUInt16BE(0) ?? 0
  const objectId = valueOf(certificate, OID.objectId, unsigned(0xffffn))
  return {
    firmware: firmware(certificate),
    serial: serial(certificate),
    origin: valueOf(certificate, OID.origin, bits(1))?.[0] ?? null,
    capabilities: valueOf(certificate, OID.capabilities, bits(8))?.readBigUInt64BE(0) ?? null,
    domains: Array.from({ length: 16 }, (_, bit) => bit + 1).filter((domain) => domains & (1 << (domain - 1))),
    objectId: objectId === null ? null : Number(objectId),
    label: valueOf(certificate, OID.label, (value) => value.expect(TAG.utf8String, 'label').text()),
    fipsMode: valueOf(certificate, OID.fipsMode, (value) => value.boolean()),
    unknown: outside(certificate, LEAF),
  }
}

/** @throws MalformedStatement when an extension does not hold what the factory writes there */
export const deviceClaims = (certificate: MakerCertificate): DeviceClaims => ({
  firmware: firmware(certificate),
  serial: serial(certificate),
  fips: valueOf(certificate, OID.fipsDevice, unsigned(0xffffffffn)) !== null,
  unknown: outside(certificate, DEVICE),
})

export const LEAF_NAME = /^YubiHSM Attestation id:0x([0-9a-fA-F]{4})$/
export const DEVICE_NAME = /^YubiHSM Attestation \((\d{1,10})\)$/

/** Whether a certificate is of the kind that attests a key: it carries what only a statement carries, or a statement's name. */
export const looksLikeLeaf = (certificate: MakerCertificate): boolean =>
  [OID.origin, OID.domains, OID.capabilities, OID.objectId].some((oid) => certificate.extensions.has(oid)) || LEAF_NAME.test(certificate.subjectCommonName ?? '')

/** Whether a certificate is of the kind that the factory stored as object 0. */
export const looksLikeDevice = (certificate: MakerCertificate): boolean => !looksLikeLeaf(certificate) && [...certificate.extensions.keys()].some((oid) => oid.startsWith(ARC))
