import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bitString, boolean, context, contextPrimitive, integer, nullValue, octetString, oid, sequence, tlv } from '../../src/pki/der.ts'
import { type CertId, MAX_REQUEST_BYTES, decodeGetPath, issuerMatcher, parseOcspRequest } from '../../src/revocation/ocsp-request.ts'
import { type Authority, SERIALS, makeAuthority } from './openssl-authority.ts'

const NONCE = '1.3.6.1.5.5.7.48.1.2'
const sha1 = sequence(oid('1.3.14.3.2.26'), nullValue())
const hash20 = octetString(Buffer.alloc(20, 3))
const certId = (serial = integer(7), algorithm = sha1) => sequence(algorithm, hash20, hash20, serial)
const single = (id = certId(), ...rest: Buffer[]) => sequence(id, ...rest)
const ext = (type: string, value: Buffer, ...critical: Buffer[]) => sequence(oid(type), ...critical, octetString(value))
const extensions = (...items: Buffer[]) => context(2, sequence(...items))
const request = (tbs: Buffer[], ...rest: Buffer[]) => sequence(sequence(...tbs), ...rest)
const plain = request([sequence(single())])
const withNonce = (value: Buffer) => request([sequence(single()), extensions(ext(NONCE, value))])
const signature = (...rest: Buffer[]) => context(0, sequence(sequence(oid('1.2.840.113549.1.1.11'), nullValue()), bitString(Buffer.alloc(8)), ...rest))

const taken = (bytes: Buffer) => {
  const read = parseOcspRequest(bytes)
  if (!('request' in read)) throw new Error(`${read.malformed}: ${read.detail}`)
  return read.request
}
const refused = (bytes: Buffer) => {
  const read = parseOcspRequest(bytes)
  return 'malformed' in read ? read.malformed : 'taken'
}

describe('reading an OCSP request', () => {
  it('OCS-1: reads the least there can be', () => {
    expect(taken(plain)).toEqual({
      certIds: [{ raw: certId(), hashAlgorithm: '1.3.14.3.2.26', issuerNameHash: Buffer.alloc(20, 3), issuerKeyHash: Buffer.alloc(20, 3), serial: '07' }],
      nonce: null,
      signed: false,
    })
  })
  it.each<[string, Buffer]>([
    ['an explicit version 1', request([context(0, integer(0)), sequence(single())])],
    ['a requestor name', request([context(1, context(4, sequence())), sequence(single())])],
    ['a requestor name that is a mail address', request([context(1, contextPrimitive(1, Buffer.from('a@example.jp'))), sequence(single())])],
    ['an unknown extension that is not critical', request([sequence(single()), extensions(ext('1.2.3', Buffer.from('x')))])],
    ['critical written out as FALSE', request([sequence(single()), extensions(ext('1.2.3', Buffer.from('x'), boolean(false)))])],
    ['an extension of a single request', request([sequence(single(certId(), context(0, sequence(ext('1.2.3', Buffer.from('x'))))))])],
    ['an algorithm without parameters', request([sequence(single(certId(integer(7), sequence(oid('1.3.14.3.2.26')))))])],
    ['a hash that is not known here', request([sequence(single(certId(integer(7), sequence(oid('1.2.3.4')))))])],
    ['sixteen certificates', request([sequence(...Array<Buffer>(16).fill(single()))])],
  ])('OCS-1: takes %s', (_what, bytes) => {
    expect(taken(bytes).certIds[0]!.serial).toBe('07')
  })
  it('OCS-1: takes a signed request, and says that it was signed', () => {
    expect(taken(request([sequence(single())], signature())).signed).toBe(true)
    expect(taken(request([sequence(single())], signature(context(0, sequence(sequence()))))).signed).toBe(true)
  })
  it.each([1, 32, 128])('OCS-7: gives back a nonce of %i octets', (length) => {
    expect(taken(withNonce(octetString(Buffer.alloc(length, 9)))).nonce).toEqual(Buffer.alloc(length, 9))
  })
  it('OCS-7: takes a critical nonce, for it is understood', () => {
    expect(taken(request([sequence(single()), extensions(ext(NONCE, octetString(Buffer.from('n')), boolean(true)))])).nonce).toEqual(Buffer.from('n'))
  })
  it('OCS-3: a serial number has one spelling, and a negative one is no positive one\'s', () => {
    const serial = (octets: number[]) => taken(request([sequence(single(certId(tlv(2, Buffer.from(octets)))))])).certIds[0]!.serial
    expect(serial([0x00, 0xff])).toBe('ff')
    expect(serial([0x01, 0xff])).toBe('01ff')
    expect(serial([0xff])).toBe('-01')
    expect(serial([0x00])).toBe('00')
    expect(serial([0, ...Array<number>(20).fill(0xff)])).toBe('ff'.repeat(20))
  })

  it.each<[reason: string, what: string, Buffer]>([
    ['too-long', 'one octet more than the limit', Buffer.alloc(MAX_REQUEST_BYTES + 1, 0x30)],
    ['encoding', 'nothing', Buffer.alloc(0)],
    ['encoding', 'text', Buffer.from('GET / HTTP/1.1')],
    ['encoding', 'octets after the request', Buffer.concat([plain, Buffer.from([0])])],
    ['encoding', 'a request cut short', plain.subarray(0, -1)],
    ['encoding', 'a length that is not the shortest', Buffer.concat([Buffer.from([0x30, 0x81, plain.length - 2]), plain.subarray(2)])],
    ['version', 'version 2', request([context(0, integer(1)), sequence(single())])],
    ['encoding', 'a requestor name that is no GeneralName', request([context(1, integer(1)), sequence(single())])],
    ['encoding', 'no request list', request([])],
    ['no-certificate', 'an empty request list', request([sequence()])],
    ['too-many-certificates', 'seventeen certificates', request([sequence(...Array<Buffer>(17).fill(single()))])],
    ['encoding', 'a CertID of three parts', request([sequence(single(sequence(sha1, hash20, integer(7))))])],
    ['encoding', 'a hash that is no octet string', request([sequence(single(sequence(sha1, integer(1), hash20, integer(7))))])],
    ['encoding', 'a serial number that is no integer', request([sequence(single(certId(octetString(Buffer.from([7])))))])],
    ['serial', 'a serial number of 21 octets (RFC 5280 4.1.2.2)', request([sequence(single(certId(tlv(2, Buffer.alloc(21, 1)))))])],
    ['serial', 'a negative one of 21', request([sequence(single(certId(tlv(2, Buffer.alloc(21, 0x80)))))])],
    ['encoding', 'a serial number not in its shortest form', request([sequence(single(certId(tlv(2, Buffer.from([0, 7])))))])],
    ['encoding', 'an algorithm of three parts', request([sequence(single(certId(integer(7), sequence(oid('1.2.3'), nullValue(), nullValue()))))])],
    ['encoding', 'a part too many in a single request', request([sequence(single(certId(), context(0, sequence(ext('1.2.3', hash20))), nullValue()))])],
    ['encoding', 'a part too many in the request', request([sequence(single()), extensions(ext('1.2.3', hash20)), nullValue()])],
    ['encoding', 'a part too many around the request', request([sequence(single())], signature(), nullValue())],
    ['encoding', 'an empty list of extensions', request([sequence(single()), extensions()])],
    ['encoding', 'an extension twice', request([sequence(single()), extensions(ext('1.2.3', hash20), ext('1.2.3', hash20))])],
    ['critical-extension', 'an unknown critical extension', request([sequence(single()), extensions(ext('1.2.3', hash20, boolean(true)))])],
    ['critical-extension', 'an unknown critical extension of a single request', request([sequence(single(certId(), context(0, sequence(ext('1.2.3', hash20, boolean(true))))))])],
    ['critical-extension', 'a critical nonce where none may stand', request([sequence(single(certId(), context(0, sequence(ext(NONCE, octetString(hash20), boolean(true))))))])],
    ['nonce', 'a nonce of no octets', withNonce(octetString(Buffer.alloc(0)))],
    ['nonce', 'a nonce of 129 octets', withNonce(octetString(Buffer.alloc(129)))],
    ['nonce', 'a nonce that is an integer', withNonce(integer(5))],
    ['nonce', 'a nonce with octets behind it', withNonce(Buffer.concat([octetString(Buffer.alloc(8)), Buffer.from([0])]))],
    ['nonce', 'a nonce that is bare octets', withNonce(Buffer.from('0123456789abcdef'))],
    ['encoding', 'a signature without a value', request([sequence(single())], context(0, sequence(sequence(oid('1.2.3')))))],
    ['encoding', 'a signature whose certificates are none', request([sequence(single())], signature(context(0, sequence(integer(1)))))],
    ['encoding', 'a signature of four parts', request([sequence(single())], signature(context(0, sequence()), nullValue()))],
  ])('OCS-7: refuses as malformed (%s) %s', (reason, _what, bytes) => {
    expect(refused(bytes)).toBe(reason)
  })
})

/** mulberry32: a fixed row of numbers, the same on every run. */
function numbers(seed: number): (below: number) => number {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

describe('any octets', () => {
  it('OCS-7: 2000 mutations of good requests are taken or refused with a reason, and never throw', () => {
    const pick = numbers(20260921)
    const rich = request(
      [context(0, integer(0)), context(1, context(4, sequence())), sequence(single(), single(certId(integer(1n << 150n)), context(0, sequence(ext('1.2.3', hash20))))), extensions(ext(NONCE, octetString(Buffer.alloc(32, 5))), ext('1.2.3', hash20, boolean(false)), ext('1.2.4', hash20, boolean(false)))],
      signature(context(0, sequence(sequence()))),
    )
    const seen = new Set<string>()
    for (let round = 0; round < 2000; round++) {
      const bytes = Buffer.from(pick(2) ? rich : withNonce(octetString(Buffer.alloc(16))))
      // Half of the changes are to values that DER gives a meaning to: random ones seldom get past the lengths.
      for (let change = 0; change <= pick(4); change++) bytes[pick(bytes.length)] = pick(2) ? pick(256) : [0x00, 0x01, 0x30, 0x80, 0xa0, 0xff][pick(6)]!
      const cut = pick(10) === 0 ? bytes.subarray(0, pick(bytes.length)) : bytes
      const read = parseOcspRequest(cut)
      if ('malformed' in read) expect(read.detail).not.toBe('')
      else expect(read.request.certIds.every(({ raw }) => cut.includes(raw))).toBe(true)
      seen.add('malformed' in read ? read.malformed : 'taken')
    }
    expect([...seen].sort()).toEqual(expect.arrayContaining(['critical-extension', 'encoding', 'nonce', 'taken']))
  })
  it('OCS-7: nesting without end is refused', () => {
    let deep = nullValue()
    for (let depth = 0; depth < 1000; depth++) deep = sequence(deep)
    expect(refused(deep)).toBe('encoding')
  })
  it('OCS-7: thousands of small values are refused by their number', () => {
    expect(refused(request([sequence(...Array<Buffer>(2000).fill(nullValue()))]))).toBe('encoding')
  })
  it('OCS-1: 2000 random paths are decoded or refused, and never throw', () => {
    const pick = numbers(7)
    const signs = ['+', '/', '=', '%', '%2B', '%2f', ' ', 'A', 'z', '9', '-', '_', '%zz', '\u3042', '%E3%81', '?', '\n']
    for (let round = 0; round < 2000; round++) {
      const path = Array.from({ length: pick(40) }, () => signs[pick(signs.length)]).join('')
      const decoded = decodeGetPath(path)
      if (decoded) expect(decodeGetPath(encodeURIComponent(decoded.toString('base64')))).toEqual(decoded)
    }
  })
})

describe('a request by GET', () => {
  // Its base64 holds "+", "/" and "==".
  const bytes = Buffer.concat([plain.subarray(0, 20), Buffer.from([0xfb, 0xef, 0xbe, 0xff, 0xff, 0xff, 0xfb, 0xf0, 0x3f, 0xfe, 0xff])])
  const base64 = bytes.toString('base64')

  it('OCS-1: the sample has every character that gives trouble', () => {
    expect(base64).toMatch(/\+.*\/.*==$/)
  })
  it.each<[string, string]>([
    ['fully escaped', encodeURIComponent(base64)],
    ['escaped in lower case', encodeURIComponent(base64).replaceAll(/%../g, (escape) => escape.toLowerCase())],
    ['not escaped at all', base64],
    ['only the slashes escaped', base64.replaceAll('/', '%2F')],
    ['with spaces where + stood', base64.replaceAll('+', ' ')],
    ['with escaped spaces where + stood', base64.replaceAll('+', '%20')],
    ['without padding', base64.replaceAll('=', '')],
    ['with escaped padding', base64.replaceAll('=', '%3D')],
    ['behind a slash', `/${base64}`],
    ['behind doubled slashes', `//${base64}`],
    ['behind an escaped slash', `%2F${base64}`],
  ])('OCS-1: is decoded %s', (_how, path) => {
    expect(decodeGetPath(path)).toEqual(bytes)
  })
  it.each<[string, string]>([
    ['base64url', bytes.toString('base64url')],
    ['nothing', ''],
    ['slashes alone', '//'],
    ['a broken escape', `${base64}%2`],
    ['an escape that is no UTF-8', `%ff${base64}`],
    ['a query', `${base64}?x=1`],
    ['one padding sign of two', base64.slice(0, -1)],
    ['three padding signs', `${base64}=`],
    ['padding inside', `${base64.slice(0, 4)}=${base64.slice(4)}`],
    ['a stray last digit', base64.slice(0, 41)],
    ['bits beyond the last octet', 'MB'],
    ['a line break', `${base64.slice(0, 8)}%0A${base64.slice(8)}`],
    ['twice escaped', encodeURIComponent(encodeURIComponent(base64))],
  ])('OCS-1: is refused when it is %s', (_what, path) => {
    expect(decodeGetPath(path)).toBeNull()
  })
  it('OCS-1: is taken up to the limit of a request and refused beyond', () => {
    expect(decodeGetPath(Buffer.alloc(MAX_REQUEST_BYTES, 1).toString('base64'))).toHaveLength(MAX_REQUEST_BYTES)
    expect(decodeGetPath(Buffer.alloc(MAX_REQUEST_BYTES + 1, 1).toString('base64'))).toBeNull()
    expect(decodeGetPath('/'.repeat(100_000) + base64)).toBeNull()
  })
})

const matchesIssuer = (certId: CertId, issuer: Parameters<typeof issuerMatcher>[0]) => issuerMatcher(issuer)(certId)

describe('requests that openssl makes', () => {
  let authority: Authority
  beforeAll(() => {
    authority = makeAuthority()
  })
  afterAll(() => authority.remove())
  const made = (...words: string[]) => {
    const { code, text } = authority.openssl('ocsp', ...words, '-reqout', 'request.der')
    if (code !== 0) throw new Error(text)
    return taken(readFileSync(authority.path('request.der')))
  }
  const issuer = (name = 'issuing') => {
    const { subjectDer, keyBits } = authority.certificate(name)
    return { nameDer: subjectDer, keyBits }
  }

  it('OCS-1: SHA-1 CertID without a nonce', () => {
    const { certIds, nonce, signed } = made('-issuer', 'issuing.pem', '-cert', 'revoked.pem', '-no_nonce')
    expect(certIds).toHaveLength(1)
    expect(certIds[0]).toMatchObject({ hashAlgorithm: '1.3.14.3.2.26', serial: SERIALS.revoked })
    expect(nonce).toBeNull()
    expect(signed).toBe(false)
    expect(matchesIssuer(certIds[0]!, issuer())).toBe(true)
  })
  it('OCS-7: a nonce', () => {
    expect(made('-issuer', 'issuing.pem', '-cert', 'good.pem', '-nonce').nonce!.length).toBeGreaterThanOrEqual(16)
  })
  it('OCS-1: several certificates, each under its own hash', () => {
    const { certIds } = made('-issuer', 'issuing.pem', '-sha256', '-cert', 'good.pem', '-sha1', '-cert', 'revoked.pem', '-sha512', '-serial', '0x0b0000000000000003', '-no_nonce')
    expect(certIds.map(({ serial }) => serial)).toEqual([SERIALS.good, SERIALS.revoked, SERIALS.stolen])
    expect(certIds.map(({ hashAlgorithm }) => hashAlgorithm)).toEqual(['2.16.840.1.101.3.4.2.1', '1.3.14.3.2.26', '2.16.840.1.101.3.4.2.3'])
    expect(certIds.map((id) => matchesIssuer(id, issuer()))).toEqual([true, true, true])
  })
  it('OCS-1: a signed request with certificates inside', () => {
    const { signed, certIds } = made('-issuer', 'issuing.pem', '-cert', 'good.pem', '-signer', 'good.pem', '-signkey', 'signer.key')
    expect(signed).toBe(true)
    expect(certIds).toHaveLength(1)
  })
  it('OCS-3: another issuer\'s certificate matches neither by name nor by key alone', () => {
    const [id] = made('-issuer', 'root.pem', '-cert', 'issuing.pem', '-no_nonce').certIds
    expect(matchesIssuer(id!, issuer('root'))).toBe(true)
    expect(matchesIssuer(id!, issuer())).toBe(false)
    expect(matchesIssuer(id!, { ...issuer('root'), keyBits: issuer().keyBits })).toBe(false)
    expect(matchesIssuer(id!, { ...issuer('root'), nameDer: issuer().nameDer })).toBe(false)
  })
  it('OCS-3: an unknown hash algorithm matches nobody, even one named like a property of every object', () => {
    const md5 = (octets: Buffer) => createHash('md5').update(octets).digest()
    const { nameDer, keyBits } = issuer()
    expect(matchesIssuer({ raw: Buffer.alloc(0), hashAlgorithm: '1.2.840.113549.2.5', issuerNameHash: md5(nameDer), issuerKeyHash: md5(keyBits), serial: '07' }, issuer())).toBe(false)
    expect(matchesIssuer({ raw: Buffer.alloc(0), hashAlgorithm: 'constructor', issuerNameHash: hash20, issuerKeyHash: hash20, serial: '07' }, issuer())).toBe(false)
  })
})
