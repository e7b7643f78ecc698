import { describe, expect, it } from 'vitest'
import { mustStayOnList, statusSince } from '../../src/revocation/retention.ts'

const periods = { statusYearsAfterExpiry: 10 }
const thisUpdate = new Date('2040-03-01T12:00:00Z')

describe('retention of revocation status', () => {
  it('CRL-3, OCS-5: status reaches back to the CA\'s start while the CA is younger than the retention', () => {
    const caNotBefore = new Date('2031-01-01T00:00:00Z')
    expect(statusSince({ caNotBefore, thisUpdate, periods })).toEqual(caNotBefore)
  })

  it('CRL-3, OCS-5: status reaches back by the retention once the CA is older', () => {
    const since = statusSince({ caNotBefore: new Date('2020-01-01T00:00:00Z'), thisUpdate, periods })
    expect(since.getTime()).toBeLessThanOrEqual(Date.parse('2030-03-01T12:00:00Z'))
    expect(since.getTime()).toBeGreaterThan(Date.parse('2030-02-15T00:00:00Z'))
  })

  it('CRL-3: the date follows the policy\'s years', () => {
    const since = statusSince({ caNotBefore: new Date('2000-01-01T00:00:00Z'), thisUpdate, periods: { statusYearsAfterExpiry: 20 } })
    expect(since.getUTCFullYear()).toBe(2020)
  })

  it('OCS-5: the date has whole seconds', () => {
    expect(statusSince({ caNotBefore: new Date('2031-01-01T00:00:00.700Z'), thisUpdate, periods }).getUTCMilliseconds()).toBe(0)
  })

  it.each(['2028-02-29T23:59:59Z', '2028-03-01T00:00:00Z', '2027-12-31T23:59:59Z', '2029-02-28T23:59:59Z'])('CRL-3: a certificate that expires at %s stays for ten calendar years, leap days or not', (text) => {
    const notAfter = new Date(text)
    const tenYears = new Date(Date.UTC(notAfter.getUTCFullYear() + 10, notAfter.getUTCMonth(), notAfter.getUTCDate(), 23, 59, 59))
    expect(mustStayOnList(notAfter, tenYears, periods)).toBe(true)
  })

  it('CRL-3: the entry may go when the retention is over, to the second, and exactly when expiredCertsOnCRL has passed its expiry', () => {
    const notAfter = statusSince({ caNotBefore: new Date(0), thisUpdate, periods })
    expect(mustStayOnList(notAfter, thisUpdate, periods)).toBe(true)
    expect(mustStayOnList(new Date(notAfter.getTime() - 1000), thisUpdate, periods)).toBe(false)
  })
})
