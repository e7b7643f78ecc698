/** Revocation reasons (RFC 5280 5.3.1) that this CA publishes, on lists and in OCSP answers alike. */
import { PUBLISHED_REASONS } from '../application/published-reasons.ts'
import { enumerated } from '../pki/der.ts'

export { PUBLISHED_REASONS, type PublishedReason } from '../application/published-reasons.ts'

const codes: ReadonlySet<number> = new Set(Object.values(PUBLISHED_REASONS))
export const isPublishedReason = (code: number): boolean => codes.has(code)

/**
 * The reason as a CRLReason, or null where it is left out: none given, or unspecified (0), which RFC 5280 5.3.1 wants absent.
 * @throws RangeError for a code that is never published: certificateHold (6) and removeFromCRL (8) among them (REV-5, CSBR 4.9.13)
 */
export function publishedReason(code: number | undefined): Buffer | null {
  if (code === undefined || code === 0) return null
  if (!isPublishedReason(code)) throw new RangeError(`revocation reason ${code} is never published (REV-5)`)
  return enumerated(code)
}
