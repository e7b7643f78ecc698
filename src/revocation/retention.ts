/** How long revocation status is kept past a certificate's expiry (CRL-3, OCS-5; CSBR 7.2, 4.10.1). */
import type { Policy } from '../policy/policy.ts'

type Retention = Pick<Policy['periods'], 'statusYearsAfterExpiry'>

/** A year of 366 days, so that no reading of "ten years", leap days included, ends after ours does. */
const YEAR = 366 * 86_400_000

/**
 * The one date behind expiredCertsOnCRL on a list and archive cutoff in an OCSP answer: max(CA start, thisUpdate − retention).
 * Every certificate that expired at or after it has its status shown. Whole seconds, as the encodings have no finer part.
 */
export function statusSince({ caNotBefore, thisUpdate, periods }: { caNotBefore: Date; thisUpdate: Date; periods: Retention }): Date {
  const since = Math.max(caNotBefore.getTime(), thisUpdate.getTime() - periods.statusYearsAfterExpiry * YEAR)
  return new Date(Math.floor(since / 1000) * 1000)
}

/** Whether a revoked certificate that expires at `notAfter` must be on the list of `thisUpdate`. The last second counts. */
export function mustStayOnList(notAfter: Date, thisUpdate: Date, periods: Retention): boolean {
  return notAfter.getTime() >= statusSince({ caNotBefore: new Date(-8.64e15), thisUpdate, periods }).getTime()
}
