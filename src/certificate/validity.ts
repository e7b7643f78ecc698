/** Validity periods (RFC 5280 4.1.2.5; CSBR 6.3.2 with 1.6.1). Whole seconds, both ends included, so a period of n days ends n days less one second after it began. */
import type { Policy } from '../policy/policy.ts'
import { type CertificateKind, timestampPolicy } from './profile.ts'

export interface Validity {
  readonly notBefore: Date
  readonly notAfter: Date
}
type Periods = Pick<Policy, 'periods' | 'timestamp'>

const SECOND = 1000
const DAY = 86_400 * SECOND

/** The moment cut to its whole second: a certificate holds no fraction. */
export const wholeSecond = (moment: Date): Date => new Date(Math.floor(moment.getTime() / SECOND) * SECOND)
export const addDays = (moment: Date, days: number): Date => new Date(moment.getTime() + days * DAY)
/** The same day some months on, or that month's last day when it is shorter. */
export function addMonths(moment: Date, months: number): Date {
  const moved = new Date(moment)
  moved.setUTCDate(1)
  moved.setUTCMonth(moved.getUTCMonth() + months)
  const lastDay = new Date(Date.UTC(moved.getUTCFullYear(), moved.getUTCMonth() + 1, 0)).getUTCDate()
  moved.setUTCDate(Math.min(moment.getUTCDate(), lastDay))
  return moved
}
export const addYears = (moment: Date, years: number): Date => addMonths(moment, 12 * years)

/** The first moment that a certificate of this kind, valid from `notBefore`, must not reach any more. */
export function periodEnd(kind: CertificateKind, notBefore: Date, policy: Periods): Date {
  const { periods } = policy
  switch (kind) {
    case 'root':
      return addYears(notBefore, periods.rootYears)
    case 'issuing':
      return addYears(notBefore, periods.issuingYears)
    case 'subscriber':
      return addDays(notBefore, periods.subscriberDays)
    case 'responder':
      return addMonths(notBefore, periods.responderMonths)
    case 'timestamp-ca':
      return addYears(notBefore, timestampPolicy(policy).periods.authorityYears)
    case 'timestamp':
      return addMonths(notBefore, timestampPolicy(policy).periods.certificateMonths)
  }
}

/**
 * From the present second (ISS-2: never backdated) for the policy's period, and never beyond the issuer's own end (CRT-10). `issuerNotAfter` is null for
 * a root. `lifeSeconds`: for a shorter life, both ends counted.
 */
export function validityFrom(kind: CertificateKind, now: Date, policy: Periods, issuerNotAfter: Date | null, lifeSeconds = Infinity): Validity {
  const notBefore = wholeSecond(now)
  const period = (periodEnd(kind, notBefore, policy).getTime() - notBefore.getTime()) / SECOND
  const notAfter = new Date(notBefore.getTime() + (Math.min(period, lifeSeconds) - 1) * SECOND)
  return { notBefore, notAfter: issuerNotAfter !== null && issuerNotAfter < notAfter ? issuerNotAfter : notAfter }
}

/**
 * CAK-5: whether a CA that ends at `issuerNotAfter` may still issue to subscribers. It must outlive the longest certificate by the years
 * that status is owed after expiry (CSBR 4.10.1, 7.2), so that status is signed under a valid chain to the end.
 */
export function mayStillIssue(issuerNotAfter: Date, now: Date, { periods }: Pick<Policy, 'periods'>): boolean {
  return addYears(addDays(wholeSecond(now), periods.subscriberDays), periods.statusYearsAfterExpiry) <= issuerNotAfter
}
