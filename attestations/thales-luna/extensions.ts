/**
 * What Luna modules write into their certificates, arc 1.3.6.1.4.1.12383 (Chrysalis-ITS). Thales documents the roles of the
 * certificates, not the extensions: what is read here was found by comparing real confirmations with the module they came from.
 */
import { guard } from '../../src/attestation/evidence.ts'
import type { MakerCertificate } from '../../src/attestation/maker-certificate.ts'
import { MalformedStatement, say } from '../../src/attestation/verifier.ts'
import { readDer, TAG } from '../../src/pki/der.ts'

export const ARC = '1.3.6.1.4.1.12383.'
const EXTENDED_KEY_USAGE = '2.5.29.37'
const KEY_USAGE = '2.5.29.15'
export const STANDARD: readonly string[] = [EXTENDED_KEY_USAGE, KEY_USAGE, '2.5.29.19']

const OID = {
  /** Four octets, the lowest first. */
  serial: `${ARC}2.1`,
  /** Four octets, the lowest first: the upper half is the first number, the lower half the other two as decimal digits. */
  firmware: `${ARC}2.3`,
  /** A bit list of four flags about the key; all four are set in every confirmation that we know. */
  flags: `${ARC}2.5`,
} as const
export const KNOWN: readonly string[] = ['1', '3', '4', '5', '6', '7'].map((last) => `${ARC}2.${last}`)

/** The flags of 2.5 as genuine confirmations carry them. Their meaning is not published, so that no other value is taken. */
export const FLAGS_SEEN = '030204f0'

/** What a certificate is for: the last arc of its one extended key usage below 1.3.6.1.4.1.12383.1. Null when it has none or several. */
export function roleOf(certificate: MakerCertificate): number | null {
  const value = certificate.extensions.get(EXTENDED_KEY_USAGE)?.value
  if (value === undefined) return null
  const usages = guard(certificate.file, () => readDer(value, { maxBytes: 256, maxDepth: 2, maxNodes: 10 }).expect(TAG.sequence).children().map((usage) => usage.oid()))
  const last = usages.length === 1 ? new RegExp(`^${ARC.replaceAll('.', '\\.')}1\\.(\\d{1,3})$`).exec(usages[0]!)?.[1] : undefined
  return last === undefined ? null : Number(last)
}

/** Whether keyUsage lets the key sign certificates; null when there is no keyUsage. */
export function maySignCertificates(certificate: MakerCertificate): boolean | null {
  const value = certificate.extensions.get(KEY_USAGE)?.value
  return value === undefined ? null : guard(certificate.file, () => readDer(value, { maxBytes: 8, maxDepth: 1, maxNodes: 1 }).namedBits().includes(5))
}

const fourOctets = (certificate: MakerCertificate, oid: string): number | null => {
  const value = certificate.extensions.get(oid)?.value
  if (value === undefined) return null
  if (value.length !== 4) throw new MalformedStatement(certificate.file, say('attestation-thales-luna.malformed.extension', { oid }))
  return value.readUInt32LE(0)
}

export const serialOf = (certificate: MakerCertificate): string | null => fourOctets(certificate, OID.serial)?.toString() ?? null

/** `7.8.4` for the octets 54 00 07 00: 7, and 84 read as 8 and 4. */
export function firmwareOf(certificate: MakerCertificate): string | null {
  const value = fourOctets(certificate, OID.firmware)
  return value === null ? null : [value >>> 16, Math.floor((value & 0xffff) / 10), (value & 0xffff) % 10].join('.')
}

export const flagsOf = (certificate: MakerCertificate): string | null => certificate.extensions.get(OID.flags)?.value.subarray(0, 16).toString('hex') ?? null

/** The value of the one attribute of that kind in the subject; null when there is none or several. */
export function subjectPart(certificate: MakerCertificate, type: string): string | null {
  const parts = certificate.subjectAttributes.filter((part) => part.type === type)
  return parts.length === 1 ? parts[0]!.value : null
}
