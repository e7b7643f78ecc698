/** What revocation lists and OCSP answers share: digests, extension types, serial numbers in hex. */
import { rsaSignatureAlgorithm } from '../pki/algorithm.ts'
import { type Der, integer } from '../pki/der.ts'

/** RSASSA-PKCS1-v1_5 with this hash (CSBR 7.1.3.2.1). */
export type SignatureHash = 'sha256' | 'sha384'

/** The digest of this AlgorithmIdentifier (DER); null for another algorithm. */
export const signatureHashOf = (algorithm: Uint8Array): SignatureHash | null => (['sha256', 'sha384'] as const).find((hash) => rsaSignatureAlgorithm(hash).equals(algorithm)) ?? null

export const EXTENSION = {
  crlNumber: '2.5.29.20',
  issuingDistributionPoint: '2.5.29.28',
  reasonCode: '2.5.29.21',
  invalidityDate: '2.5.29.24',
  authorityKeyIdentifier: '2.5.29.35',
  expiredCertsOnCrl: '2.5.29.60',
  ocspNonce: '1.3.6.1.5.5.7.48.1.2',
  ocspArchiveCutoff: '1.3.6.1.5.5.7.48.1.6',
} as const

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
