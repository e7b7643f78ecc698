/** Writes the X.509 certificates of demo makers: version 3, one common name each, sha256WithRSAEncryption. */
import { sign, type KeyObject } from 'node:crypto'
import { bitString, boolean, context, integer, nullValue, octetString, oid, sequence, setOf, time, utf8String } from '../../src/pki/der.ts'

const SHA256_WITH_RSA = sequence(oid('1.2.840.113549.1.1.11'), nullValue())

export interface CertificateContent {
  /** Unsigned big-endian octets. */
  serial: Buffer
  issuer: Buffer
  subject: Buffer
  notBefore: Date
  notAfter: Date
  /** SubjectPublicKeyInfo, DER. */
  spki: Buffer
  extensions: Buffer[]
}

/** A Name of one common name, DER. */
export const commonName = (text: string): Buffer => sequence(setOf(sequence(oid('2.5.4.3'), utf8String(text))))

/** One extension; `value` is what goes inside extnValue. */
export const extension = (id: string, value: Buffer, critical = false): Buffer => sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(value))

export const certificationAuthority = (pathLength: number): Buffer => extension('2.5.29.19', sequence(boolean(true), integer(pathLength)), true)

/** The DER of the certificate, signed with an RSA key. */
export function writeCertificate(content: CertificateContent, key: KeyObject): Buffer {
  const tbs = sequence(
    context(0, integer(2)),
    integer(content.serial),
    SHA256_WITH_RSA,
    content.issuer,
    sequence(time(content.notBefore), time(content.notAfter)),
    content.subject,
    content.spki,
    ...(content.extensions.length > 0 ? [context(3, sequence(...content.extensions))] : []),
  )
  return sequence(tbs, SHA256_WITH_RSA, bitString(sign('sha256', tbs, key)))
}

export const toPem = (label: string, der: Buffer): string => `-----BEGIN ${label}-----\n${der.toString('base64').replace(/(.{64})(?=.)/g, '$1\n')}\n-----END ${label}-----\n`
