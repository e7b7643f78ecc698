/** What revocation lists and OCSP answers share: signature algorithms, extensions, serial numbers in hex. */
import { type Der, MalformedDer, TAG, integer, nullValue, octetString, oid, sequence } from '../pki/der.ts'

/** RSASSA-PKCS1-v1_5 with this hash (CSBR 7.1.3.2.1). */
export type SignatureHash = 'sha256' | 'sha384'

const algorithms: Readonly<Record<SignatureHash, Buffer>> = {
  sha256: sequence(oid('1.2.840.113549.1.1.11'), nullValue()),
  sha384: sequence(oid('1.2.840.113549.1.1.12'), nullValue()),
}
/** The AlgorithmIdentifier; its NULL parameters are required (RFC 4055 5). */
export const signatureAlgorithm = (hash: SignatureHash): Buffer => algorithms[hash]

export const EXTENSION = {
  crlNumber: '2.5.29.20',
  reasonCode: '2.5.29.21',
  invalidityDate: '2.5.29.24',
  authorityKeyIdentifier: '2.5.29.35',
  expiredCertsOnCrl: '2.5.29.60',
  ocspNonce: '1.3.6.1.5.5.7.48.1.2',
  ocspArchiveCutoff: '1.3.6.1.5.5.7.48.1.6',
} as const

/** One Extension, not critical: no extension that is written here may be. */
export const extension = (type: string, value: Uint8Array): Buffer => sequence(oid(type), octetString(value))

/** An extension as it was read; `value` is the content of its OCTET STRING. */
export interface Extension {
  type: string
  critical: boolean
  value: Buffer
}

/**
 * Reads `Extensions`: at least one, each type once (RFC 5280 4.2).
 * An encoded FALSE for critical is let pass: X.690 11.5 forbids it, yet deployed OCSP clients send it and it changes no meaning.
 * @throws MalformedDer
 */
export function readExtensions(list: Der): Extension[] {
  const found: Extension[] = []
  for (const item of list.expect(TAG.sequence, 'extensions').children()) {
    const parts = item.expect(TAG.sequence, 'extension').children()
    const flagged = parts.length === 3
    if (parts.length !== 2 && !flagged) throw new MalformedDer('extension does not have two or three parts', item.offset)
    const type = parts[0]!.oid()
    const critical = flagged ? parts[1]!.boolean() : false
    const value = parts[flagged ? 2 : 1]!.expect(TAG.octetString, 'extension value').value
    if (found.some((other) => other.type === type)) throw new MalformedDer(`extension ${type} appears twice`, item.offset)
    found.push({ type, critical, value })
  }
  if (found.length === 0) throw new MalformedDer('extensions without an extension', list.offset)
  return found
}

/**
 * A serial number as lower-case hex: whole octets, no sign octet (`00`) in front, so that one number has one spelling.
 * A negative number gets a minus sign and so never equals a serial that the CA drew.
 */
export function serialHex(number: Der): string {
  const value = number.integer()
  const digits = (value < 0n ? -value : value).toString(16)
  return `${value < 0n ? '-' : ''}${digits.length % 2 ? '0' : ''}${digits}`
}

/**
 * A CertificateSerialNumber from unsigned octets or hex.
 * @throws RangeError when it is not positive, or longer than 20 octets encoded (RFC 5280 4.1.2.2)
 */
export function serialNumber(serial: Uint8Array | string): Buffer {
  if (typeof serial === 'string' && !/^[0-9a-fA-F]+$/.test(serial)) throw new RangeError('serial number is not hexadecimal')
  const octets = typeof serial === 'string' ? Buffer.from(serial.length % 2 ? `0${serial}` : serial, 'hex') : serial
  const encoded = integer(octets)
  if (encoded.length === 3 && encoded[2] === 0) throw new RangeError('serial number is zero')
  if (encoded.length > 22) throw new RangeError('serial number is longer than 20 octets')
  return encoded
}
