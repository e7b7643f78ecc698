/** Since when a certificate is revoked, whatever its row says: one row without a date must stop neither lists nor answers. */
import { isDate } from './crl-entries.ts'
import { beginOfCertificate } from './crl-shard.ts'

/** Where dates of X.509 begin (RFC 5280 4.1.2.5.1). */
const FIRST = '1950-01-01T00:00:00.000Z'

/**
 * The date that the row says; where that is none (see `isDate`), the beginning of the certificate's time: revoked from the first, which harms nobody who relies on certificates.
 * @param certificate as it was issued, or what was to be signed where there is no more
 */
export function revocationDate(text: string, certificate: { readonly der: Buffer | null; readonly tbs?: Buffer } | null): Date {
  if (isDate(text)) return new Date(text)
  const began = certificate && beginOfCertificate(certificate)
  return new Date(began !== null && isDate(began) ? began : FIRST)
}
