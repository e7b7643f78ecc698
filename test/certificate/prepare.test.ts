import 'reflect-metadata'
import { execFileSync } from 'node:child_process'
import { randomBytes, sign, X509Certificate as NodeCertificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as peculiar from '@peculiar/x509'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CertificateOrder, prepareCertificate, PreparedCertificate, type ToBeSigned } from '../../src/certificate/prepare.ts'
import { assembleCertificate, CERTIFICATE_KINDS, type CertificateKind, type Issuer } from '../../src/certificate/profile.ts'
import { encodeName } from '../../src/pki/name.ts'
import { certificatePem } from '../../src/pki/pem.ts'
import { readPublicKey } from '../../src/pki/public-key.ts'
import { readCertificate } from '../../src/pki/x509-certificate.ts'
import { type KeyPair, rsaKeyPair } from '../pki/keys.ts'
import { contextOf, NOW, policy as shipped, RSA_2048, SUBSCRIBER, URLS } from './orders.ts'

// Authority keys of 3072 bits keep the test quick; the 4096 of the shipped policy are CRT-12's and CRT-14's lints' matter.
const policy = { ...shipped, keys: { ...shipped.keys, authority: { ...shipped.keys.authority, rsaBits: 3072 } } }
const AUTHORITIES: readonly CertificateKind[] = ['root', 'issuing', 'timestamp-ca']
const clockAndChance = { now: NOW, randomBytes }

const order = (kind: CertificateKind, change: Partial<CertificateOrder> = {}): CertificateOrder => {
  const { issuer, subject, spki, urls } = contextOf(kind)
  return { kind, policy, issuer, subject, spki, urls, ...change }
}
function prepare(wanted: CertificateOrder, now = NOW): ToBeSigned {
  const result = prepareCertificate(wanted, { now, randomBytes })
  if ('refused' in result) throw new Error(JSON.stringify(result.refused))
  return result.prepared.take()
}
const refusals = (wanted: CertificateOrder, now = NOW): string[] => {
  const result = prepareCertificate(wanted, { now, randomBytes })
  return 'refused' in result ? result.refused.map(({ id }) => id) : []
}

describe('preparing a certificate', () => {
  it.each(CERTIFICATE_KINDS)('ISS-1: gives linted octets for a %s certificate', (kind) => {
    const taken = prepare(order(kind))
    const { tbs } = readCertificate(assembleCertificate(taken.tbs, taken.signatureAlgorithm, Buffer.alloc(384)))
    expect(tbs.raw.equals(taken.tbs)).toBe(true)
    expect(tbs.serialOctets.toString('hex')).toBe(taken.serial)
    expect([tbs.notBefore.date, tbs.notAfter.date]).toEqual([taken.notBefore, taken.notAfter])
    expect(tbs.signature.raw.equals(taken.signatureAlgorithm)).toBe(true)
    expect(taken.hash).toBe(AUTHORITIES.includes(kind) ? 'sha384' : 'sha256')
  })
  it('ISS-5: a prepared certificate is good once, and nobody else makes one', () => {
    const result = prepareCertificate(order('subscriber'), clockAndChance)
    if ('refused' in result) throw new Error('refused')
    expect(PreparedCertificate.is(result.prepared)).toBe(true)
    const taken = result.prepared.take()
    expect(() => result.prepared.take()).toThrow('good once')
    expect(() => new (PreparedCertificate as unknown as new (key: symbol, content: ToBeSigned) => PreparedCertificate)(Symbol('prepareCertificate'), taken)).toThrow(TypeError)
    expect(PreparedCertificate.is({ take: () => taken })).toBe(false)
  })
  it('ISS-3: every preparation has a serial number of its own', () => {
    expect(prepare(order('subscriber')).serial).not.toBe(prepare(order('subscriber')).serial)
  })
  it('ISS-1: gives every finding and nothing to sign when a lint speaks', () => {
    expect(refusals(order('subscriber', { spki: RSA_2048, subject: SUBSCRIBER.map((each) => (each.type === 'countryName' ? { type: 'countryName', value: 'US' } : each)) }))).toEqual(['key-1-key-size', 'crt-2-subject-country'])
  })
  it('ISS-1: refuses a serial number attribute that cannot be written, and a key that is none, without an exception', () => {
    expect(refusals(order('subscriber', { subject: [...SUBSCRIBER.slice(0, -1), { type: 'serialNumber', value: '法人番号' }] }))).toEqual(['crt-2-subject-encoding'])
    expect(refusals(order('subscriber', { spki: Buffer.from('not a key') }))).toEqual(['iss-1-encoding'])
  })
  it('CAK-5: refuses subscribers when the CA ends too early for their status, but not its responder', () => {
    const { issuer } = contextOf('subscriber')
    const ending: Issuer = { ...(issuer as Issuer), notAfter: new Date('2038-06-03T09:30:14Z') }
    expect(refusals(order('subscriber', { issuer: ending }))).toEqual(['cak-5-issuer-life'])
    expect(refusals(order('responder', { issuer: ending }))).toEqual([])
  })
  it('CRT-10: a responder certificate ends with its CA at the latest', () => {
    const { issuer } = contextOf('responder')
    const notAfter = new Date('2027-04-01T00:00:00Z')
    expect(prepare(order('responder', { issuer: { ...(issuer as Issuer), notAfter } })).notAfter).toEqual(notAfter)
  })
  it('ISS-4: only a root may be its own issuer', () => {
    expect(() => prepareCertificate(order('subscriber', { issuer: 'self' }), clockAndChance)).toThrow(TypeError)
  })
})

describe('the hierarchy, signed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'profile-'))
  const file = (name: string): string => join(folder, name)
  const openssl = (...args: string[]): string => execFileSync('openssl', args, { encoding: 'utf8' })
  const der = {} as Record<CertificateKind, Buffer>
  // A moment that openssl's clock has behind it, so that `openssl verify` needs no -attime.
  const now = new Date('2026-03-02T00:00:00Z')

  beforeAll(() => {
    const keys = { root: rsaKeyPair(3072), issuing: rsaKeyPair(3072), subscriber: rsaKeyPair(3072), responder: rsaKeyPair(3072), 'timestamp-ca': rsaKeyPair(3072), timestamp: rsaKeyPair(3072) }
    const issue = (kind: CertificateKind, issuer: Issuer | 'self', signer: KeyPair): Buffer => {
      const taken = prepare(order(kind, { issuer, spki: keys[kind].spki }), now)
      return assembleCertificate(taken.tbs, taken.signatureAlgorithm, sign(taken.hash, taken.tbs, signer.privateKey))
    }
    const issuerFrom = (certificate: Buffer): Issuer => {
      const { tbs } = readCertificate(certificate)
      return { nameDer: tbs.subject, keyIdentifier: readPublicKey(tbs.spki).keyIdentifier, notAfter: tbs.notAfter.date }
    }
    der.root = issue('root', 'self', keys.root)
    der.issuing = issue('issuing', issuerFrom(der.root), keys.root)
    der.subscriber = issue('subscriber', issuerFrom(der.issuing), keys.issuing)
    der['timestamp-ca'] = issue('timestamp-ca', issuerFrom(der.root), keys.root)
    der.timestamp = issue('timestamp', issuerFrom(der['timestamp-ca']), keys['timestamp-ca'])
    der.responder = issue('responder', issuerFrom(der.issuing), keys.issuing)
    for (const kind of CERTIFICATE_KINDS) {
      writeFileSync(file(`${kind}.der`), der[kind])
      writeFileSync(file(`${kind}.pem`), certificatePem(der[kind]))
    }
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  it('CRT-1 CRT-12 CRT-14: openssl verifies the path strictly, with the reserved policy required', () => {
    const time = String(Math.floor(now.getTime() / 1000) + 3600)
    const verify = (...more: string[]) => openssl('verify', '-x509_strict', '-attime', time, '-CAfile', file('root.pem'), '-untrusted', file('issuing.pem'), ...more)
    expect(verify('-explicit_policy', '-policy', '2.23.140.1.4.1', file('subscriber.pem'))).toContain('OK')
    expect(verify(file('responder.pem'))).toContain('OK')
  })

  it('TSA-2: openssl verifies the time-stamp certificate for its purpose alone, under its own CA, with the reserved policy required', () => {
    const time = String(Math.floor(now.getTime() / 1000) + 3600)
    const verify = (...more: string[]) => openssl('verify', '-x509_strict', '-attime', time, '-CAfile', file('root.pem'), '-untrusted', file('timestamp-ca.pem'), ...more)
    expect(verify('-purpose', 'timestampsign', '-explicit_policy', '-policy', '2.23.140.1.4.2', file('timestamp.pem'))).toContain('OK')
    expect(() => openssl('verify', '-attime', time, '-CAfile', file('root.pem'), '-untrusted', file('issuing.pem'), '-purpose', 'timestampsign', file('subscriber.pem'))).toThrow()
    const text = openssl('x509', '-in', file('timestamp.pem'), '-noout', '-text')
    for (const line of ['X509v3 Key Usage: critical\n                Digital Signature\n', 'X509v3 Extended Key Usage: critical\n                Time Stamping\n', 'Public-Key: (3072 bit)', 'Policy: 2.23.140.1.4.2', 'Not After : Jun  1 23:59:59 2037 GMT']) expect(text).toContain(line)
    expect(text).not.toContain('OCSP - URI')
  })

  it.each(CERTIFICATE_KINDS)('openssl reads the %s certificate and its structure', (kind) => {
    expect(openssl('asn1parse', '-inform', 'DER', '-in', file(`${kind}.der`))).toContain('SEQUENCE')
    expect(openssl('x509', '-inform', 'DER', '-in', file(`${kind}.der`), '-noout', '-text')).toContain('Version: 3 (0x2)')
  })
  it('CRT-1 CRT-3 CRT-4 CRT-7 CRT-8 CRT-11: openssl shows what the subscriber profile says', () => {
    const text = openssl('x509', '-in', file('subscriber.pem'), '-noout', '-text', '-nameopt', 'utf8,sep_comma_plus_space', '-certopt', 'no_pubkey,no_sigdump')
    for (const line of [
      'Signature Algorithm: sha256WithRSAEncryption',
      'Subject: C=JP, ST=Tokyo, L=千代田区, O=株式会社例, OU=Release Engineering, CN=株式会社例, serialNumber=0100-01-000001',
      'Not Before: Mar  2 00:00:00 2026 GMT',
      'Not After : Jun  4 23:59:59 2027 GMT',
      'X509v3 Key Usage: critical\n                Digital Signature\n',
      'X509v3 Extended Key Usage: \n                Code Signing\n',
      `Policy: 1.2.392.200091.100.381.8\n                  CPS: ${URLS.cps}\n                Policy: 2.23.140.1.4.1\n`,
      `URI:${URLS.crl}`,
      `OCSP - URI:${URLS.ocsp}`,
      `CA Issuers - URI:${URLS.caIssuers}`,
    ])
      expect(text).toContain(line)
    expect(text).not.toContain('Basic Constraints')
  })
  it('OCS-2: openssl shows what the responder profile says', () => {
    const text = openssl('x509', '-in', file('responder.pem'), '-noout', '-text')
    for (const line of ['X509v3 Key Usage: critical\n                Digital Signature\n', 'OCSP Signing', 'OCSP No Check', 'Policy: 1.2.392.200091.100.381.9']) expect(text).toContain(line)
  })

  it.each(CERTIFICATE_KINDS)('an independent parser reads the %s certificate as our own does', (kind) => {
    const ours = readCertificate(der[kind])
    const theirs = new peculiar.X509Certificate(Uint8Array.from(der[kind]))
    expect(theirs.serialNumber).toBe(ours.tbs.serialOctets.toString('hex'))
    expect([theirs.notBefore, theirs.notAfter]).toEqual([ours.tbs.notBefore.date, ours.tbs.notAfter.date])
    expect(theirs.extensions.map(({ type, critical, value }) => ({ oid: type, critical, value: Buffer.from(value) }))).toEqual(ours.tbs.extensions)
    expect(Buffer.from(theirs.publicKey.rawData).equals(ours.tbs.spki)).toBe(true)
    expect(Buffer.from(theirs.signature).equals(ours.signature)).toBe(true)
    expect(new NodeCertificate(der[kind]).ca).toBe(AUTHORITIES.includes(kind))
  })
  it('ISS-7: the issuer\'s name is the CA\'s, byte for byte', () => {
    expect(readCertificate(der.subscriber).tbs.issuer.equals(readCertificate(der.issuing).tbs.subject)).toBe(true)
    expect(readCertificate(der.issuing).tbs.issuer.equals(encodeName(policy.names.root))).toBe(true)
  })
})
