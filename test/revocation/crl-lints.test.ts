/** Each list here has one defect, and one lint alone finds it. */
import { describe, expect, it } from 'vitest'
import { boolean, context as tagged, contextPrimitive, enumerated, generalizedTime, integer, octetString, oid, sequence, setOf, time, tlv, utf8String } from '../../src/pki/der.ts'
import { type CrlLintContext, latestNextUpdate, lintFrame, lintTbsCertList } from '../../src/revocation/crl-lints.ts'
import { readCertificateList } from '../../src/revocation/crl-reader.ts'
import { type CrlEntry, assembleCertificateList, buildTbsCertList, crlFrame, issuingDistributionPoint } from '../../src/revocation/crl.ts'
import { statusSince } from '../../src/revocation/retention.ts'
import { rsaSignatureAlgorithm } from '../../src/pki/algorithm.ts'

const periods = { statusYearsAfterExpiry: 10, crlValidHours: 96, rootCrlValidMonths: 12 }
const issuerNameDer = sequence(setOf(sequence(oid('2.5.4.3'), utf8String('Test CA'))))
const authorityKeyIdentifier = Buffer.alloc(20, 7)
const caNotBefore = new Date('2028-01-01T00:00:00Z')
const thisUpdate = new Date('2030-05-01T00:00:00Z')
const nextUpdate = new Date('2030-05-05T00:00:00Z')
const revokedAt = new Date('2030-04-01T10:20:30Z')
const hour = 3_600_000

const signed = (number: bigint, at: Date, entries: CrlEntry[]) =>
  readCertificateList(
    assembleCertificateList(
      buildTbsCertList({ issuerNameDer, authorityKeyIdentifier, number, thisUpdate: at, nextUpdate: new Date(at.getTime() + 96 * hour), entries, expiredCertsOnCrl: statusSince({ caNotBefore, thisUpdate: at, periods }), hash: 'sha256' }),
      'sha256',
      Buffer.alloc(256),
    ),
  )

const context: CrlLintContext = {
  at: thisUpdate,
  issuerNameDer,
  authorityKeyIdentifier,
  hash: 'sha256',
  caNotBefore,
  list: 'issuing',
  periods,
  lastNumber: 4n,
  previous: signed(4n, new Date(thisUpdate.getTime() - 24 * hour), [{ serial: '0a', revokedAt }]),
  notAfterOf: () => new Date('2031-01-01T00:00:00Z'),
}

interface Parts {
  version: Buffer[]
  algorithm: Buffer
  issuer: Buffer
  thisUpdate: Buffer
  nextUpdate: Buffer[]
  entries: Buffer[]
  aki: Buffer[]
  number: Buffer[]
  expired: Buffer[]
  more: Buffer[]
}
const ext = (type: string, value: Buffer, critical = false) => sequence(oid(type), ...(critical ? [boolean(true)] : []), octetString(value))
const entry = (serial: Buffer, ...extensions: Buffer[]) => sequence(serial, time(revokedAt), ...(extensions.length > 0 ? [sequence(...extensions)] : []))
const list = (...rows: Buffer[]) => [sequence(...rows)]
const keyId = (octets: Buffer) => sequence(contextPrimitive(0, octets))
const ten = entry(integer(10))

const good: Parts = {
  version: [integer(1)],
  algorithm: rsaSignatureAlgorithm('sha256'),
  issuer: issuerNameDer,
  thisUpdate: time(thisUpdate),
  nextUpdate: [time(nextUpdate)],
  entries: list(ten, entry(integer(11), ext('2.5.29.21', enumerated(1)), ext('2.5.29.24', generalizedTime(revokedAt)))),
  aki: [ext('2.5.29.35', keyId(authorityKeyIdentifier))],
  number: [ext('2.5.29.20', integer(5))],
  expired: [ext('2.5.29.60', generalizedTime(caNotBefore))],
  more: [],
}
const write = (changes: Partial<Parts> = {}): Buffer => {
  const p = { ...good, ...changes }
  return sequence(...p.version, p.algorithm, p.issuer, p.thisUpdate, ...p.nextUpdate, ...p.entries, tagged(0, sequence(...p.aki, ...p.number, ...p.expired, ...p.more)))
}
const lintsOf = (tbs: Buffer, changes: Partial<CrlLintContext> = {}) => lintTbsCertList(tbs, { ...context, ...changes })

describe('lints on the bytes of a list before signing', () => {
  it('CRL-1, CRL-2, CRL-3: find nothing in a list as it should be', () => {
    expect(lintsOf(write())).toEqual([])
  })
  it('CRL-2: find nothing in what the builder makes, first list and later ones', () => {
    const content = { issuerNameDer, authorityKeyIdentifier, number: 5n, thisUpdate, nextUpdate, entries: [{ serial: '0a', revokedAt, reason: 4 }], expiredCertsOnCrl: caNotBefore, hash: 'sha256' } as const
    expect(lintsOf(buildTbsCertList(content))).toEqual([])
    expect(lintsOf(buildTbsCertList({ ...content, entries: [], number: 0n }), { lastNumber: null, previous: null })).toEqual([])
  })

  const aWeekBefore = new Date(thisUpdate.getTime() - 168 * hour)
  it.each<[row: string, lint: string, defect: string, changes: Partial<Parts>]>([
    ['CRL-2', 'version', 'version absent', { version: [] }],
    ['CRL-2', 'version', 'version 3', { version: [integer(2)] }],
    ['CRL-2', 'signature-algorithm', 'SHA-1 with RSA', { algorithm: sequence(oid('1.2.840.113549.1.1.5'), tlv(5)) }],
    ['CRL-2', 'signature-algorithm', 'SHA-256 without its NULL', { algorithm: sequence(oid('1.2.840.113549.1.1.11')) }],
    ['CRL-2', 'issuer', 'the issuer in another string type', { issuer: sequence(setOf(sequence(oid('2.5.4.3'), tlv(0x13, Buffer.from('Test CA'))))) }],
    ['CRL-2', 'time-encoding', 'thisUpdate as GeneralizedTime before 2050', { thisUpdate: generalizedTime(thisUpdate) }],
    ['CRL-2', 'time-encoding', 'nextUpdate as GeneralizedTime before 2050', { nextUpdate: [generalizedTime(nextUpdate)] }],
    ['CRL-2', 'time-encoding', 'a revocation date as GeneralizedTime before 2050', { entries: list(sequence(integer(10), generalizedTime(revokedAt))) }],
    ['CRL-1', 'this-update', 'thisUpdate in the future', { thisUpdate: time(new Date(thisUpdate.getTime() + 1000)) }],
    ['CRL-1', 'this-update', 'thisUpdate before the previous list', { thisUpdate: time(aWeekBefore), nextUpdate: [time(new Date(aWeekBefore.getTime() + hour))] }],
    ['CRL-1', 'next-update', 'nextUpdate absent', { nextUpdate: [] }],
    ['CRL-1', 'next-update', 'nextUpdate equal to thisUpdate', { nextUpdate: [time(thisUpdate)] }],
    ['CRL-1', 'next-update', 'valid for a second more than 96 hours', { nextUpdate: [time(new Date(nextUpdate.getTime() + 1000))] }],
    ['CRL-2', 'authority-key-identifier', 'no authority key identifier', { aki: [] }],
    ['CRL-2', 'authority-key-identifier', 'another key\'s identifier', { aki: [ext('2.5.29.35', keyId(Buffer.alloc(20, 8)))] }],
    ['CRL-2', 'crl-number', 'no CRL number', { number: [] }],
    ['CRL-2', 'crl-number', 'the last CRL number again', { number: [ext('2.5.29.20', integer(4))] }],
    ['CRL-2', 'crl-number', 'a CRL number of 21 octets', { number: [ext('2.5.29.20', integer(1n << 160n))] }],
    ['CRL-2', 'crl-number', 'a CRL number that is text', { number: [ext('2.5.29.20', utf8String('5'))] }],
    ['CRL-3', 'expired-certs-on-crl', 'no expiredCertsOnCRL', { expired: [] }],
    ['CRL-3', 'expired-certs-on-crl', 'expiredCertsOnCRL a second early', { expired: [ext('2.5.29.60', generalizedTime(new Date(caNotBefore.getTime() - 1000)))] }],
    ['CRL-3', 'expired-certs-on-crl', 'expiredCertsOnCRL as UTCTime', { expired: [ext('2.5.29.60', time(caNotBefore))] }],
    ['CRL-2', 'list-extensions', 'a delta CRL indicator', { more: [ext('2.5.29.27', integer(3))] }],
    ['CRL-2', 'list-extensions', 'a critical CRL number', { number: [ext('2.5.29.20', integer(5), true)] }],
    ['CRL-2', 'serial-number', 'serial number zero', { entries: list(ten, entry(integer(0))) }],
    ['CRL-2', 'serial-number', 'a negative serial number', { entries: list(ten, entry(tlv(2, Buffer.from([0xff])))) }],
    ['CRL-2', 'serial-number', 'a serial number of 21 octets', { entries: list(ten, entry(integer(1n << 159n))) }],
    ['CRL-2', 'serial-once', 'a serial number twice', { entries: list(ten, ten) }],
    ['REV-3', 'revocation-date', 'a revocation after thisUpdate', { entries: list(sequence(integer(10), time(new Date(thisUpdate.getTime() + 1000)))) }],
    ['REV-5', 'reason-code', 'certificateHold', { entries: list(ten, entry(integer(12), ext('2.5.29.21', enumerated(6)))) }],
    ['REV-5', 'reason-code', 'removeFromCRL', { entries: list(ten, entry(integer(12), ext('2.5.29.21', enumerated(8)))) }],
    ['CRL-2', 'reason-code', 'unspecified written out', { entries: list(ten, entry(integer(12), ext('2.5.29.21', enumerated(0)))) }],
    ['CRL-2', 'reason-code', 'a reason as INTEGER', { entries: list(ten, entry(integer(12), ext('2.5.29.21', integer(1)))) }],
    ['CRL-2', 'entry-extensions', 'an entry extension of no place here', { entries: list(ten, entry(integer(12), ext('2.5.29.29', sequence()))) }],
    ['CRL-2', 'entry-extensions', 'a critical reason', { entries: list(ten, entry(integer(12), ext('2.5.29.21', enumerated(1), true))) }],
    ['REV-3', 'invalidity-date', 'an invalidity date a second before the revocation', { entries: list(ten, entry(integer(12), ext('2.5.29.24', generalizedTime(new Date(revokedAt.getTime() - 1000))))) }],
    ['REV-3', 'invalidity-date', 'an invalidity date as UTCTime', { entries: list(ten, entry(integer(12), ext('2.5.29.24', time(revokedAt)))) }],
    ['CRL-3', 'entry-lost', 'an entry of the previous list gone', { entries: list(entry(integer(11))) }],
    ['REV-7', 'entry-lost', 'the only entry gone', { entries: [] }],
    ['CRL-2', 'encoding', 'empty entry extensions', { entries: list(ten, sequence(integer(12), time(revokedAt), sequence())) }],
    ['CRL-2', 'encoding', 'an extension twice', { more: [ext('2.5.29.20', integer(5))] }],
    ['CRL-2', 'encoding', 'a part in the wrong place', { version: [], algorithm: integer(1) }],
  ])('%s: the lint "%s" alone finds %s', (_row, lint, _defect, changes) => {
    expect(lintsOf(write(changes)).map((finding) => finding.lint)).toEqual([lint])
  })

  const addresses = ['http://status.test/crl/ca/3.crl', 'http://old.test/crl/ca/3.crl']
  const point = (value: Buffer, critical = true) => ({ more: [ext('2.5.29.28', value, critical)] })
  const names = (...uris: string[]) => tagged(0, tagged(0, ...uris.map((uri) => contextPrimitive(6, Buffer.from(uri)))))
  const users = contextPrimitive(1, Buffer.from([0xff]))
  it('CRL-4: find nothing in the issuing distribution point of a shard that says the addresses in its certificates', () => {
    expect(lintsOf(write(point(sequence(names(...addresses), users))), { addresses })).toEqual([])
    expect(lintsOf(write(point(issuingDistributionPoint(addresses))), { addresses })).toEqual([])
  })
  it.each<[defect: string, lint: string, changes: Partial<Parts>, addresses: string[] | null]>([
    ['no issuing distribution point on a shard\'s list', 'issuing-distribution-point', {}, addresses],
    ['one on a list of all that the CA issued', 'issuing-distribution-point', point(sequence(names(...addresses), users)), null],
    ['one that is not critical', 'list-extensions', point(sequence(names(...addresses), users), false), addresses],
    ['another address', 'issuing-distribution-point', point(sequence(names('http://status.test/crl/ca/4.crl', addresses[1]!), users)), addresses],
    ['an address too few', 'issuing-distribution-point', point(sequence(names(addresses[0]!), users)), addresses],
    ['certificates of CAs too', 'issuing-distribution-point', point(sequence(names(...addresses))), addresses],
    ['some reasons only', 'issuing-distribution-point', point(sequence(names(...addresses), users, contextPrimitive(3, Buffer.from([1, 6])))), addresses],
    ['a name relative to the issuer', 'issuing-distribution-point', point(sequence(tagged(0, tagged(1)), users)), addresses],
    ['a value that is none', 'issuing-distribution-point', point(integer(1)), addresses],
  ])('CRL-4: of a list of several, one lint alone finds %s', (_defect, lint, changes, expected) => {
    expect(lintsOf(write(changes), { addresses: expected }).map((finding) => finding.lint)).toEqual([lint])
  })

  describe('on the octets around the entries of a list in parts', () => {
    const frame = { issuerNameDer, authorityKeyIdentifier, number: 5n, thisUpdate, nextUpdate, expiredCertsOnCrl: caNotBefore, hash: 'sha256' } as const
    it.each([0, 1, 127, 128, 70_000, 50_000_000])('CRL-4: find nothing in what goes around %i octets of entries', (length) => {
      const { head, tail } = crlFrame(frame, length)
      expect(lintFrame(head, tail, length, context)).toEqual([])
    })
    it('CRL-4: find a length that is not that of what follows', () => {
      const { head, tail } = crlFrame(frame, 70_000)
      expect(lintFrame(head, tail, 70_001, context)).toMatchObject([{ lint: 'encoding', detail: 'the length in front of the list is not its own' }])
      expect(lintFrame(head, Buffer.concat([tail, Buffer.alloc(1)]), 69_999, context)).toMatchObject([{ lint: 'encoding', detail: 'the length in front of the entries is not theirs' }])
      expect(lintFrame(head, tail.subarray(1), 70_001, context)).toMatchObject([{ lint: 'encoding' }])
    })
    it('CRL-2: hold the number and thisUpdate against the list before', () => {
      const { head, tail } = crlFrame(frame, 0)
      expect(lintFrame(head, tail, 0, { ...context, last: { number: 5n, thisUpdate } }).map(({ lint }) => lint)).toEqual(['crl-number'])
      expect(lintFrame(head, tail, 0, { ...context, last: { number: 4n, thisUpdate: new Date(thisUpdate.getTime() + 1000) } }).map(({ lint }) => lint)).toEqual(['this-update'])
    })
  })

  it('CRL-2: the lint "empty-list" alone finds revokedCertificates without an entry', () => {
    expect(lintsOf(write({ entries: list() }), { previous: null }).map(({ lint }) => lint)).toEqual(['empty-list'])
  })
  it('CRL-2: a number must rise above the last recorded, even when the list before it was lost, and above the published list\'s', () => {
    expect(lintsOf(write(), { lastNumber: 5n }).map(({ lint }) => lint)).toEqual(['crl-number'])
    expect(lintsOf(write(), { lastNumber: null, previous: signed(5n, thisUpdate, []) }).map(({ lint }) => lint)).toEqual(['crl-number'])
  })
  it('CRL-3: an entry may go when its certificate\'s retention is over, and not a second before', () => {
    const gone = write({ entries: [] })
    const end = statusSince({ caNotBefore: new Date(0), thisUpdate, periods })
    expect(lintsOf(gone, { notAfterOf: () => end })).toEqual([{ lint: 'entry-lost', clause: 'CSBR 7.2', detail: '0a' }])
    expect(lintsOf(gone, { notAfterOf: () => new Date(end.getTime() - 1000) })).toEqual([])
  })
  it('CRL-3: an entry whose certificate is not on record never goes', () => {
    expect(lintsOf(write({ entries: [] }), { notAfterOf: () => undefined }).map(({ lint }) => lint)).toEqual(['entry-lost'])
  })
  it('REV-3: a later correction of date and reason is no loss', () => {
    const corrected = entry(integer(10), ext('2.5.29.21', enumerated(1)))
    expect(lintsOf(write({ entries: list(corrected) }), { previous: signed(4n, thisUpdate, [{ serial: '0a', revokedAt: new Date(revokedAt.getTime() + 5000), reason: 4 }]) })).toEqual([])
  })
  it('CRL-5: the root\'s list may be valid for twelve months and no second more', () => {
    const year = (offset: number) => write({ nextUpdate: [time(new Date(Date.parse('2031-05-01T00:00:00Z') + offset))] })
    expect(lintsOf(year(0), { list: 'root' })).toEqual([])
    expect(lintsOf(year(1000), { list: 'root' }).map(({ lint }) => lint)).toEqual(['next-update'])
  })
  it('CRL-5: twelve months from a leap day end on the last of February', () => {
    expect(latestNextUpdate(new Date('2028-02-29T10:00:00Z'), 'root', periods)).toEqual(new Date('2029-02-28T10:00:00Z'))
  })
  it('CRL-2: SHA-384 is found wrong where SHA-256 is meant, and right where it is meant', () => {
    const algorithm = rsaSignatureAlgorithm('sha384')
    expect(lintsOf(write({ algorithm })).map(({ lint }) => lint)).toEqual(['signature-algorithm'])
    expect(lintsOf(write({ algorithm }), { hash: 'sha384' })).toEqual([])
  })
})
