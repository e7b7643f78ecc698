import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { bitString, boolean, context, contextPrimitive, integer, MalformedDer, nullValue, octetString, oid, sequence, setOf, time, utf8String } from '../../src/pki/der.ts'
import { readAuthorityInfoAccess, readAuthorityKeyIdentifier, readBasicConstraints, readCertificatePolicies, readCrlDistributionPoints, readExtendedKeyUsage } from '../../src/pki/extension-values.ts'
import { certificatePem, readPem } from '../../src/pki/pem.ts'
import { certificateChain } from '../../src/pki/pkcs7.ts'
import { readCertificate } from '../../src/pki/x509-certificate.ts'
import { mutate, plainExtension, rsaKeyPair, seededNumbers } from './keys.ts'

const keys = rsaKeyPair(2048)
const ALGORITHM = sequence(oid('1.2.840.113549.1.1.11'), nullValue())
const NAME = sequence(setOf(sequence(oid('2.5.4.3'), utf8String('Example'))))
const VALIDITY = sequence(time(new Date('2027-03-01T00:00:00Z')), time(new Date('2051-03-01T00:00:00Z')))
const USAGE = plainExtension('2.5.29.15', bitString(Buffer.from([0x80]), 7))

/** A certificate of these fields, signed by nobody. */
function certificate(change: { version?: Buffer[]; beforeExtensions?: Buffer[]; extensions?: Buffer[]; after?: Buffer[]; validity?: Buffer; fields?: Buffer[] } = {}): Buffer {
  const { version = [context(0, integer(2))], beforeExtensions = [], extensions = [context(3, sequence(USAGE))], after = [], validity = VALIDITY, fields = [] } = change
  return sequence(sequence(...version, integer(0x1234), ALGORITHM, NAME, validity, NAME, keys.spki, ...beforeExtensions, ...extensions, ...after), ALGORITHM, bitString(Buffer.alloc(256, 1)), ...fields)
}

describe('X.509 certificates', () => {
  it('are read into plain fields, raw where octets matter', () => {
    const read = readCertificate(certificate())
    expect(read.tbs).toMatchObject({ version: 3, serialNumber: 0x1234n, hasUniqueIdentifiers: false, notBefore: { generalized: false }, notAfter: { date: new Date('2051-03-01T00:00:00Z'), generalized: true } })
    expect(read.tbs.issuer.equals(NAME)).toBe(true)
    expect(read.tbs.spki.equals(keys.spki)).toBe(true)
    expect(read.tbs.extensions).toEqual([{ oid: '2.5.29.15', critical: false, value: bitString(Buffer.from([0x80]), 7) }])
    expect(read.der.indexOf(read.tbs.raw)).toBe(4)
  })
  it('are read in version 1, and with unique identifiers, without a judgement', () => {
    expect(readCertificate(certificate({ version: [], extensions: [] })).tbs).toMatchObject({ version: 1, extensions: [] })
    expect(readCertificate(certificate({ beforeExtensions: [contextPrimitive(1, Buffer.from([0, 1]))] })).tbs.hasUniqueIdentifiers).toBe(true)
  })
  it.each<[string, Buffer]>([
    ['the same extension twice', certificate({ extensions: [context(3, sequence(USAGE, USAGE))] })],
    ['critical FALSE written out', certificate({ extensions: [context(3, sequence(sequence(oid('2.5.29.15'), boolean(false), octetString(nullValue()))))] })],
    ['an empty list of extensions', certificate({ extensions: [context(3, sequence())] })],
    ['version 1 written out', certificate({ version: [context(0, integer(0))] })],
    ['version 4', certificate({ version: [context(0, integer(3))] })],
    ['one time only', certificate({ validity: sequence(time(new Date(0))) })],
    ['a field after the extensions', certificate({ after: [nullValue()] })],
    ['a fourth field', certificate({ fields: [nullValue()] })],
    ['octets after it', Buffer.concat([certificate(), Buffer.from([0])])],
    ['more than 64 KiB', sequence(octetString(Buffer.alloc(70_000)))],
  ])('are refused with %s', (_, der) => {
    expect(() => readCertificate(der)).toThrow(MalformedDer)
  })
  it('are read or refused with MalformedDer, whatever the octets (fixed seed)', () => {
    const random = seededNumbers(7)
    const sound = certificate()
    for (let round = 0; round < 5000; round++)
      try {
        readCertificate(mutate(sound, random))
      } catch (error) {
        if (!MalformedDer.is(error)) throw error
      }
  })
})

describe('extension values', () => {
  it.each<[string, () => unknown]>([
    ['an empty extended key usage', () => readExtendedKeyUsage(sequence())],
    ['cA FALSE written out', () => readBasicConstraints(sequence(boolean(false)))],
    ['an issuer without its serial number', () => readAuthorityKeyIdentifier(sequence(contextPrimitive(0, Buffer.alloc(20)), context(1, nullValue())))],
    ['a distribution point field out of order', () => readCrlDistributionPoints(sequence(sequence(contextPrimitive(1, Buffer.from([0, 1])), context(0, context(0, contextPrimitive(6, Buffer.from('http://a')))))))],
    ['a blank in a URI', () => readAuthorityInfoAccess(sequence(sequence(oid('1.3.6.1.5.5.7.48.1'), contextPrimitive(6, Buffer.from('http://a b')))))],
    ['an access description without location', () => readAuthorityInfoAccess(sequence(sequence(oid('1.3.6.1.5.5.7.48.1'))))],
    ['a policy twice', () => readCertificatePolicies(sequence(sequence(oid('1.2.3')), sequence(oid('1.2.3'))))],
    ['a CPS pointer in UTF8String', () => readCertificatePolicies(sequence(sequence(oid('1.2.3'), sequence(sequence(oid('1.3.6.1.5.5.7.2.1'), utf8String('http://a'))))))],
  ])('are refused with %s', (_, action) => {
    expect(action).toThrow(MalformedDer)
  })
  it('are read or refused with MalformedDer, whatever the octets (fixed seed)', () => {
    const random = seededNumbers(8)
    const sound = [
      sequence(sequence(context(0, context(0, contextPrimitive(6, Buffer.from('http://a/b')))))),
      sequence(sequence(oid('1.3.6.1.5.5.7.48.1'), contextPrimitive(6, Buffer.from('http://a')))),
      sequence(sequence(oid('1.2.3'), sequence(sequence(oid('1.3.6.1.5.5.7.2.1'), utf8String('x'))))),
      sequence(boolean(true), integer(0)),
    ]
    for (let round = 0; round < 4000; round++)
      for (const read of [readCrlDistributionPoints, readAuthorityInfoAccess, readCertificatePolicies, readBasicConstraints, readAuthorityKeyIdentifier])
        try {
          read(mutate(sound[round % sound.length]!, random))
        } catch (error) {
          if (!MalformedDer.is(error)) throw error
        }
  })
})

describe('PEM and PKCS #7', () => {
  it('PEM is written in lines of 64 and read back, several blocks in order', () => {
    const text = certificatePem(certificate()) + certificatePem(NAME)
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBe(64)
    expect(readPem(`before\n${text}after`)).toEqual([
      { label: 'CERTIFICATE', der: certificate() },
      { label: 'CERTIFICATE', der: NAME },
    ])
    expect(readPem('no armour')).toEqual([])
  })
  it('ACP-1: openssl reads the chain and gives back every certificate, octet for octet', () => {
    const folder = mkdtempSync(join(tmpdir(), 'pkcs7-'))
    try {
      const leaf = certificate()
      const issuer = certificate({ extensions: [context(3, sequence(plainExtension('2.5.29.19', sequence(boolean(true)))))] })
      writeFileSync(join(folder, 'chain.p7b'), certificateChain([leaf, issuer]))
      const printed = execFileSync('openssl', ['pkcs7', '-inform', 'DER', '-in', join(folder, 'chain.p7b'), '-print_certs'], { encoding: 'utf8' })
      expect(readPem(printed)?.map(({ der }) => der)).toEqual([leaf, issuer])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
  it('a chain is not made of what is no certificate', () => {
    expect(() => certificateChain([NAME])).toThrow(MalformedDer)
  })
})
