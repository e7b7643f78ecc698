/** OCS-2: what people are told long before OCSP could fall silent: keys only ceremonies make, and renewal that fails. */
import type { Policy } from '../policy/policy.ts'

export type ResponderAlarm =
  | { readonly alarm: 'no-enrolled-key' }
  /** One key is left: were its module to fail, nothing would answer. */
  | { readonly alarm: 'no-successor-key' }
  | { readonly alarm: 'no-certificate' }
  /** Renewal should have come before. */
  | { readonly alarm: 'certificate-ends'; readonly days: number }
  /** The authority ends before the next certificate would. */
  | { readonly alarm: 'authority-ends'; readonly days: number }

const DAY_MS = 86_400_000

export interface ResponderFacts {
  readonly now: Date
  readonly periods: Pick<Policy['periods'], 'responderNoticeDays' | 'responderMonths'>
  /** Keys that the authority enrolled and that were not retired. */
  readonly keys: number
  /** End of the certificate that lasts longest, of these keys. */
  readonly lastEnd: Date | null
  readonly authorityEnd: Date
}

export function responderAlarms({ now, periods, keys, lastEnd, authorityEnd }: ResponderFacts): readonly ResponderAlarm[] {
  const days = (end: Date): number => Math.floor((end.getTime() - now.getTime()) / DAY_MS)
  const alarms: ResponderAlarm[] = []
  if (keys === 0) alarms.push({ alarm: 'no-enrolled-key' })
  else if (keys === 1) alarms.push({ alarm: 'no-successor-key' })
  if (lastEnd === null || lastEnd <= now) alarms.push({ alarm: 'no-certificate' })
  else if (days(lastEnd) < periods.responderNoticeDays) alarms.push({ alarm: 'certificate-ends', days: days(lastEnd) })
  if (days(authorityEnd) < periods.responderMonths * 31) alarms.push({ alarm: 'authority-ends', days: days(authorityEnd) })
  return alarms
}

/** What an operator does about it. */
export const RESPONDER_REMEDY: Readonly<Record<ResponderAlarm['alarm'], string>> = {
  'no-enrolled-key': 'no OCSP responder key is enrolled: npm run ceremony -- add-responder-key (OCS-2)',
  'no-successor-key': 'one OCSP responder key is left, without a successor: npm run ceremony -- add-responder-key (OCS-2)',
  'no-certificate': 'no OCSP responder certificate is in force: OCSP answers tryLater; see why ca does not certify (OCS-2)',
  'certificate-ends': 'the last OCSP responder certificate ends and was not renewed: see why ca does not certify (OCS-2)',
  'authority-ends': 'the issuing CA ends before its next OCSP responder certificate would: a next generation is needed (CAK-3), and no ceremony of this program makes one',
}
