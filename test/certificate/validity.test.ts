import { describe, expect, it } from 'vitest'
import { addMonths, mayStillIssue, validityFrom } from '../../src/certificate/validity.ts'
import { policy } from './orders.ts'

const FAR = new Date('2099-01-01T00:00:00Z')
const dates = (kind: 'root' | 'issuing' | 'subscriber' | 'responder', now: string, issuerNotAfter: Date | null = FAR) => {
  const { notBefore, notAfter } = validityFrom(kind, new Date(now), policy, issuerNotAfter)
  return [notBefore.toISOString(), notAfter.toISOString()]
}

describe('validity', () => {
  it('CRT-10: a subscriber certificate lasts 460 days with both ends counted', () => {
    const { notBefore, notAfter } = validityFrom('subscriber', new Date('2027-03-01T09:30:15.750Z'), policy, FAR)
    expect([notBefore.toISOString(), notAfter.toISOString()]).toEqual(['2027-03-01T09:30:15.000Z', '2028-06-03T09:30:14.000Z'])
    expect((notAfter.getTime() - notBefore.getTime()) / 1000 + 1).toBe(460 * 86_400)
  })
  it('CRT-10: never goes beyond the issuer', () => {
    expect(dates('subscriber', '2027-03-01T00:00:00Z', new Date('2027-06-01T00:00:00Z'))[1]).toBe('2027-06-01T00:00:00.000Z')
    expect(dates('responder', '2027-03-01T00:00:00Z', new Date('2027-06-01T00:00:00Z'))[1]).toBe('2027-06-01T00:00:00.000Z')
  })
  it('ISS-2: begins at the present second', () => {
    expect(dates('subscriber', '2027-03-01T00:00:00.999Z')[0]).toBe('2027-03-01T00:00:00.000Z')
  })
  it('CAK-5: a root lasts 30 years and an issuing CA 15', () => {
    expect(dates('root', '2027-03-01T00:00:00Z', null)).toEqual(['2027-03-01T00:00:00.000Z', '2057-02-28T23:59:59.000Z'])
    expect(dates('issuing', '2028-02-29T12:00:00Z')).toEqual(['2028-02-29T12:00:00.000Z', '2043-02-28T11:59:59.000Z'])
  })
  it('OCS-2: a responder certificate lasts four months, the shorter month counting', () => {
    expect(dates('responder', '2027-03-01T00:00:00Z')[1]).toBe('2027-06-30T23:59:59.000Z')
    expect(dates('responder', '2027-10-31T00:00:00Z')[1]).toBe('2028-02-28T23:59:59.000Z')
    expect(addMonths(new Date('2027-12-31T01:02:03Z'), 2).toISOString()).toBe('2028-02-29T01:02:03.000Z')
  })
})

describe('CAK-5: issuing to subscribers', () => {
  // 460 days after 2027-03-01 is 2028-06-03; ten years later, 2038-06-03.
  it.each([
    ['2038-06-03T00:00:00Z', true],
    ['2038-06-02T23:59:59Z', false],
  ])('under a CA that ends at %s: %s', (end, allowed) => {
    expect(mayStillIssue(new Date(end), new Date('2027-03-01T00:00:00.400Z'), policy)).toBe(allowed)
  })
})
