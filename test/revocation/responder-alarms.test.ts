import { expect, test } from 'vitest'
import { loadPolicy } from '../../src/policy/policy.ts'
import { responderAlarms, RESPONDER_REMEDY, type ResponderFacts } from '../../src/revocation/responder-alarms.ts'

const { periods } = loadPolicy()
const DAY = 86_400_000
const now = new Date('2026-11-22T00:00:00Z')
const inDays = (days: number) => new Date(now.getTime() + days * DAY)
const whole: ResponderFacts = { now, periods, keys: 2, lastEnd: inDays(60), authorityEnd: inDays(3000) }
const names = (change: Partial<ResponderFacts>) => responderAlarms({ ...whole, ...change }).map(({ alarm }) => alarm)

test('OCS-2: with two enrolled keys and a certificate that was renewed in time nobody is alarmed', () => {
  expect(responderAlarms(whole)).toEqual([])
  expect(names({ lastEnd: inDays(periods.responderNoticeDays) })).toEqual([])
})

test.each<[string, Partial<ResponderFacts>, string[]]>([
  ['no key is enrolled', { keys: 0, lastEnd: null }, ['no-enrolled-key', 'no-certificate']],
  ['one key is left', { keys: 1 }, ['no-successor-key']],
  ['no certificate is in force', { lastEnd: null }, ['no-certificate']],
  ['the certificate ended', { lastEnd: now }, ['no-certificate']],
  ['renewal failed', { lastEnd: inDays(periods.responderNoticeDays - 1) }, ['certificate-ends']],
  ['the issuing CA ends first', { authorityEnd: inDays(100) }, ['authority-ends']],
])('OCS-2: an alarm when %s, long before OCSP falls silent', (_, change, alarms) => {
  expect(names(change)).toEqual(alarms)
  for (const alarm of alarms) expect(RESPONDER_REMEDY[alarm as keyof typeof RESPONDER_REMEDY]).toBeTruthy()
})

test('OCS-2: the alarm says in how many days', () => {
  expect(responderAlarms({ ...whole, lastEnd: inDays(5) })).toEqual([{ alarm: 'certificate-ends', days: 5 }])
  // It comes after renewal was due, and while there is time.
  expect(periods.responderNoticeDays).toBeLessThan(periods.responderRenewDaysBefore)
})
