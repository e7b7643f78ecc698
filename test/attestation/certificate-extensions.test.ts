import { beforeAll, describe, expect, it } from 'vitest'
import { commonName, extension, writeCertificate } from '../../attestations/demo/certificate.ts'
import { certificatePolicies, extendedKeyUsages, keyUsage, unknownCritical } from '../../src/attestation/certificate-extensions.ts'
import { readMakerCertificate } from '../../src/attestation/maker-certificate.ts'
import { MalformedStatement } from '../../src/attestation/verifier.ts'
import { rsa, spkiOf, type KeyPair } from '../support/fake-yubikey.ts'

let owner: KeyPair
beforeAll(() => {
  owner = rsa(2048)
})
const certificate = (...extensions: Buffer[]) =>
  readMakerCertificate(writeCertificate({ serial: Buffer.from([1]), issuer: commonName('A'), subject: commonName('A'), notBefore: new Date(0), notAfter: new Date('2030-01-01T00:00:00Z'), spki: spkiOf(owner), extensions }, owner.privateKey), 'a.crt')
const usage = (hex: string) => keyUsage(certificate(extension('2.5.29.15', Buffer.from(hex, 'hex'))))

describe('standard extensions of makers\' certificates', () => {
  it('ATT-2: KeyUsage is read with and without bits after the last one set', () => {
    expect(usage('03020780')).toEqual([0])
    expect(usage('03020180')).toEqual([0])
    expect(usage('030206c0')).toEqual([0, 1])
    expect(usage('03020106')).toEqual([5, 6])
    expect(usage('0303070080')).toEqual([8])
    expect(usage('030100')).toEqual([])
    expect(keyUsage(certificate())).toBeNull()
  })

  it.each(['0300', '030880', '03020801', '03020181', '030107', '030400808080', '0500', '03020780ff'])('ATT-2: a KeyUsage of %s is malformed', (hex) => {
    expect(() => usage(hex)).toThrow(MalformedStatement)
  })

  it('ATT-2: policies and purposes are read in order; none without the extension', () => {
    expect(certificatePolicies(certificate(extension('2.5.29.32', Buffer.from('300c300406022a033004060229 01'.replace(/ /g, ''), 'hex'))))).toEqual(['1.2.3', '1.1.1'])
    expect(extendedKeyUsages(certificate(extension('2.5.29.37', Buffer.from('300406022a03', 'hex'))))).toEqual(['1.2.3'])
    expect([certificatePolicies(certificate()), extendedKeyUsages(certificate())]).toEqual([[], []])
    for (const [oid, hex] of [['2.5.29.32', '30023000'], ['2.5.29.32', '0500'], ['2.5.29.37', '30020500']] as const) expect(() => (oid === '2.5.29.32' ? certificatePolicies : extendedKeyUsages)(certificate(extension(oid, Buffer.from(hex, 'hex'))))).toThrow(MalformedStatement)
  })

  it('ATT-2: critical extensions that nobody processes are named', () => {
    const given = certificate(extension('2.5.29.15', Buffer.from('03020780', 'hex'), true), extension('1.2.3', Buffer.from('0500', 'hex'), true), extension('1.2.4', Buffer.from('0500', 'hex')))
    expect(unknownCritical(given, ['2.5.29.15'])).toEqual(['1.2.3'])
  })
})
