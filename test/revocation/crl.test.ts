import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bitString, header, readDer, sequence, setOf, oid, TAG, utf8String } from '../../src/pki/der.ts'
import { readCertificateList } from '../../src/revocation/crl-reader.ts'
import { type CrlContent, assembleCertificateList, buildTbsCertList, crlHeader, crlLength } from '../../src/revocation/crl.ts'
import { rsaSignatureAlgorithm } from '../../src/pki/algorithm.ts'
import { type Authority, SERIALS, makeAuthority } from './openssl-authority.ts'

const content: CrlContent = {
  issuerNameDer: sequence(setOf(sequence(oid('2.5.4.3'), utf8String('Test CA')))),
  authorityKeyIdentifier: Buffer.alloc(20, 7),
  number: 5n,
  thisUpdate: new Date('2030-05-01T00:00:00.400Z'),
  nextUpdate: new Date('2030-05-05T00:00:00Z'),
  entries: [],
  expiredCertsOnCrl: new Date('2028-01-01T00:00:00Z'),
  hash: 'sha256',
}
const withEntries = (...entries: CrlContent['entries'] extends Iterable<infer E> ? E[] : never): CrlContent => ({ ...content, entries })
const revokedAt = new Date('2030-04-01T10:20:30Z')

describe('building a list', () => {
  it.each([6, 8])('REV-5: refuses reason %i, which would say that a certificate is suspended', (reason) => {
    expect(() => buildTbsCertList(withEntries({ serial: '01', revokedAt, reason }))).toThrow(`revocation reason ${reason} is never published`)
  })
  it.each([7, 10, 11, -1, 1.5])('CRL-2: refuses reason %d, which RFC 5280 does not give to certificates of this kind', (reason) => {
    expect(() => buildTbsCertList(withEntries({ serial: '01', revokedAt, reason }))).toThrow('is never published')
  })
  it.each([1, 2, 3, 4, 5, 9])('CRL-2: writes reason %i', (reason) => {
    const tbs = buildTbsCertList(withEntries({ serial: '01', revokedAt, reason }))
    const entry = readDer(tbs).children()[5]!.children()[0]!.children()
    expect(entry[2]!.raw.toString('hex')).toBe(`300c300a0603551d1504030a010${reason}`)
  })
  it.each([undefined, 0])('CRL-2: leaves reason %s out, and the whole field of entry extensions with it', (reason) => {
    const tbs = buildTbsCertList(withEntries({ serial: '01', revokedAt, reason }))
    expect(readDer(tbs).children()[5]!.children()[0]!.children()).toHaveLength(2)
  })
  it('REV-3: refuses an invalidity date that differs from the revocation date', () => {
    expect(() => buildTbsCertList(withEntries({ serial: '01', revokedAt, invalidityDate: new Date(revokedAt.getTime() - 1000) }))).toThrow('invalidity date differs')
  })
  it('CRL-2: leaves revokedCertificates out when nothing is revoked', () => {
    const list = readCertificateList(assembleCertificateList(buildTbsCertList(content), 'sha256', Buffer.alloc(256)))
    expect(list.tbs.entries).toBeNull()
  })
  it('CRL-2: refuses a serial number twice, however it is spelled', () => {
    expect(() => buildTbsCertList(withEntries({ serial: '0Ab1', revokedAt }, { serial: Buffer.from([0, 0x0a, 0xb1]), revokedAt }))).toThrow('comes twice')
  })
  it.each([['00', 'is zero'], ['', 'not hexadecimal'], ['xy', 'not hexadecimal'], ['80'.padEnd(40, '0'), 'longer than 20 octets'], ['01'.padEnd(42, '0'), 'longer than 20 octets']])('CRL-2: refuses serial number "%s"', (serial, reason) => {
    expect(() => buildTbsCertList(withEntries({ serial, revokedAt }))).toThrow(reason)
  })
  it('CRL-2: refuses a CRL number below zero or beyond 20 octets', () => {
    expect(() => buildTbsCertList({ ...content, number: -1n })).toThrow('negative')
    expect(() => buildTbsCertList({ ...content, number: 1n << 159n })).toThrow('longer than 20 octets')
  })
  it('CRL-2: a list has a length whatever its parts have, and begins with the header of that length', () => {
    for (const step of [0x80, 0x100, 0x1_0000, 0x100_0000])
      for (let parts = step - 4; parts <= step + 6; parts++) {
        expect(crlLength(parts), String(parts)).toBe(header(TAG.sequence, parts).length + parts)
        expect(crlHeader(crlLength(parts)), String(parts)).toEqual(header(TAG.sequence, parts))
      }
  })
  it('CRL-1: refuses nextUpdate in the second of thisUpdate', () => {
    expect(() => buildTbsCertList({ ...content, nextUpdate: new Date('2030-05-01T00:00:00.900Z') })).toThrow('nextUpdate is not after thisUpdate')
  })
  it('CRL-2: writes UTCTime through 2049 and GeneralizedTime from 2050', () => {
    const tags = (year: number) =>
      readDer(buildTbsCertList({ ...content, thisUpdate: new Date(Date.UTC(2049, 11, 31)), nextUpdate: new Date(Date.UTC(year, 11, 31, 1)) })).children().slice(3, 5).map(({ tag }) => tag)
    expect(tags(2049)).toEqual([0x17, 0x17])
    expect(tags(2050)).toEqual([0x17, 0x18])
  })
})

describe('reading a list', () => {
  const built = assembleCertificateList(buildTbsCertList(withEntries({ serial: 'ff01', revokedAt, reason: 1, invalidityDate: revokedAt })), 'sha256', Buffer.alloc(256, 1))

  it('CRL-2: gives back what was built', () => {
    const { tbs, tbsDer, signature } = readCertificateList(built)
    expect(tbs).toMatchObject({ version: 1n, thisUpdate: { at: new Date('2030-05-01T00:00:00Z') }, nextUpdate: { at: content.nextUpdate } })
    expect(tbs.entries).toMatchObject([{ serial: 'ff01', revocationDate: { at: revokedAt }, extensions: [{ oid: '2.5.29.21' }, { oid: '2.5.29.24' }] }])
    expect(tbsDer.equals(readDer(built).children()[0]!.raw)).toBe(true)
    expect(signature).toHaveLength(256)
  })
  it('CRL-2: refuses octets after the list', () => {
    expect(() => readCertificateList(Buffer.concat([built, Buffer.from([0])]))).toThrow('octets after the value')
  })
  it('CRL-2: refuses a list cut short', () => {
    expect(() => readCertificateList(built.subarray(0, -1))).toThrow('cut short')
  })
  it('CRL-2: refuses another algorithm outside than inside', () => {
    const tbs = readDer(built).children()[0]!.raw
    expect(() => readCertificateList(sequence(tbs, rsaSignatureAlgorithm('sha384'), bitString(Buffer.alloc(256))))).toThrow('signature algorithms differ')
  })
  it('CRL-2: builds and reads 50 000 entries', () => {
    function* many() {
      for (let index = 1; index <= 50_000; index++) yield { serial: (0x7000000000000000n + BigInt(index)).toString(16), revokedAt, reason: 1 }
    }
    const list = readCertificateList(assembleCertificateList(buildTbsCertList({ ...content, entries: many() }), 'sha256', Buffer.alloc(512)))
    expect(list.tbs.entries).toHaveLength(50_000)
    expect(list.tbs.entries!.at(-1)!.serial).toBe((0x7000000000000000n + 50_000n).toString(16))
  })
})

describe('as openssl sees it', () => {
  let authority: Authority
  const now = new Date()
  const hour = 3_600_000
  const since = new Date(Date.UTC(now.getUTCFullYear() - 1, 0, 2, 3, 4, 5))

  /** Signs and writes DER and PEM. */
  const publish = (file: string, changes: Partial<CrlContent> & Pick<CrlContent, 'entries'>, signer: 'issuing' | 'root' = 'issuing'): void => {
    const { subjectDer, keyIdentifier } = authority.certificate(signer)
    const hash = changes.hash ?? 'sha256'
    const tbs = buildTbsCertList({ issuerNameDer: subjectDer, authorityKeyIdentifier: keyIdentifier, number: 4242n, thisUpdate: now, nextUpdate: new Date(now.getTime() + 96 * hour), expiredCertsOnCrl: since, hash, ...changes })
    const der = assembleCertificateList(tbs, hash, authority.sign(signer, hash, tbs))
    writeFileSync(authority.path(`${file}.der`), der)
    writeFileSync(authority.path(`${file}.pem`), `-----BEGIN X509 CRL-----\n${der.toString('base64').replace(/.{64}(?=.)/g, '$&\n')}\n-----END X509 CRL-----\n`)
  }
  const verify = (certificate: string, list: string) => authority.openssl('verify', '-x509_strict', '-crl_check_all', '-CAfile', 'root.pem', '-untrusted', 'issuing.pem', '-CRLfile', `${list}.pem`, '-CRLfile', 'root-list.pem', `${certificate}.pem`)

  beforeAll(() => {
    authority = makeAuthority()
    publish('root-list', { entries: [], hash: 'sha384', number: 1n }, 'root')
    publish('list', {
      entries: [
        { serial: SERIALS.revoked, revokedAt: new Date(now.getTime() - hour) },
        { serial: SERIALS.stolen, revokedAt: new Date('2020-02-29T01:02:03.999Z'), reason: 1, invalidityDate: new Date('2020-02-29T01:02:03.100Z') },
      ],
    })
    publish('empty', { entries: [] })
  })
  afterAll(() => authority.remove())

  it('CRL-2, CRL-3, REV-3: openssl verifies the signature and shows version, number, key identifier, reasons and expiredCertsOnCRL', () => {
    const { code, text } = authority.openssl('crl', '-in', 'list.der', '-inform', 'DER', '-noout', '-text', '-CAfile', 'issuing.pem')
    expect(text).toContain('verify OK')
    expect(code).toBe(0)
    expect(text).toMatch(/Version 2 \(0x1\)/)
    expect(text).toMatch(/Signature Algorithm: sha256WithRSAEncryption/)
    expect(text).toMatch(/X509v3 CRL Number:\s*4242/)
    expect(text).toContain(authority.certificate('issuing').keyIdentifier.toString('hex').toUpperCase().replace(/..(?=.)/g, '$&:'))
    expect(text).toContain(`2.5.29.60: \n                ..${since.toISOString().replace(/[-:T]|\.\d+/g, '')}`)
    const [, first, second] = text.split('Serial Number: ')
    expect(first).toMatch(/^F10000000000000002/)
    expect(first).not.toContain('CRL entry extensions')
    expect(second).toMatch(/^0?B0000000000000003/)
    expect(second).toContain('Feb 29 01:02:03 2020 GMT')
    expect(second).toMatch(/X509v3 CRL Reason Code:\s*Key Compromise/)
    expect(second).toMatch(/Invalidity Date:\s*Feb 29 01:02:03 2020 GMT/)
    expect(text).not.toContain('critical')
  })

  it('CRL-2: openssl verify passes the certificate that is not listed', () => {
    expect(verify('good', 'list')).toEqual({ code: 0, text: 'good.pem: OK\n' })
  })
  it.each(['revoked', 'stolen'])('CRL-2: openssl verify sees that %s is revoked', (name) => {
    const { code, text } = verify(name, 'list')
    expect(code).not.toBe(0)
    expect(text).toContain('certificate revoked')
  })
  it('CRL-2: a list without entries is taken, by openssl and by its verification', () => {
    expect(verify('revoked', 'empty').text).toBe('revoked.pem: OK\n')
    expect(authority.openssl('crl', '-in', 'empty.der', '-inform', 'DER', '-noout', '-text').text).toContain('No Revoked Certificates.')
  })
  it('CRL-5: the root\'s list is signed with SHA-384 and verified', () => {
    const { text } = authority.openssl('crl', '-in', 'root-list.der', '-inform', 'DER', '-noout', '-text', '-CAfile', 'root.pem')
    expect(text).toContain('verify OK')
    expect(text).toContain('sha384WithRSAEncryption')
  })
  it('CRL-5: openssl sees the issuing CA revoked on the root\'s list', () => {
    publish('root-revoked', { entries: [{ serial: '11', revokedAt: now, reason: 2 }], hash: 'sha384' }, 'root')
    const { text } = authority.openssl('verify', '-crl_check_all', '-CAfile', 'root.pem', '-untrusted', 'issuing.pem', '-CRLfile', 'list.pem', '-CRLfile', 'root-revoked.pem', 'good.pem')
    expect(text).toMatch(/depth 1|1 depth/)
    expect(text).toContain('certificate revoked')
  })
  it('CRL-2: one bit changed in the list, and openssl refuses it', () => {
    const { der } = { der: Buffer.from(authority.openssl('base64', '-in', 'list.der', '-A').text, 'base64') }
    der[der.indexOf(Buffer.from(SERIALS.stolen, 'hex')) + 8]! ^= 1
    writeFileSync(authority.path('bent.der'), der)
    expect(authority.openssl('crl', '-in', 'bent.der', '-inform', 'DER', '-noout', '-CAfile', 'issuing.pem').text).toContain('verify failure')
  })
})
