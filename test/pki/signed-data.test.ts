import { beforeAll, describe, expect, test } from 'vitest'
import { extension } from '../../attestations/demo/certificate.ts'
import { definiteLengths } from '../../src/pki/ber.ts'
import { context, integer, MalformedDer, octetString, oid, sequence, setOf, tlv } from '../../src/pki/der.ts'
import { certificateOf, findFault, namesCertificate, readSignedData, type SignedData } from '../../src/pki/signed-data.ts'
import { readCertificate, type X509Certificate } from '../../src/pki/x509-certificate.ts'
import { writeCms, type CmsOptions } from '../support/cms-writer.ts'
import { mutate, random } from '../support/mutate.ts'
import { opensslSigns, signatory, type Signatory } from '../support/witness.ts'
import { ed25519KeyPair, rsaKeyPair } from './keys.ts'

const CONTENT = Buffer.from('what was seen\r\n')
let ec: Signatory
let rsa: Signatory
/** With a subject key identifier. */
let identified: Signatory
let certificate: X509Certificate
beforeAll(() => {
  ec = signatory('EC auditor')
  rsa = signatory('RSA auditor', { keys: rsaKeyPair(2048) })
  identified = signatory('Identified auditor', { extensions: [extension('2.5.29.14', octetString(Buffer.alloc(20, 7)))] })
  certificate = readCertificate(ec.certificate)
})

const written = (change: Partial<CmsOptions> = {}, content = CONTENT) => readSignedData(writeCms(content, { certificate: ec.certificate, key: ec.keys.privateKey, ...change }))
const fault = (message: SignedData, content = CONTENT, by = certificate) => findFault(message.signers[0]!, message.contentType, content, by)

describe('CMS signatures (RFC 5652)', () => {
  test.each<[string, () => Signatory, string[]]>([
    ['detached, ECDSA', () => ec, ['-binary']],
    ['detached, RSA', () => rsa, ['-binary']],
    ['attached, ECDSA', () => ec, ['-binary', '-nodetach']],
    ['attached and streamed with indefinite lengths', () => rsa, ['-binary', '-nodetach', '-stream']],
    ['with RSASSA-PSS', () => rsa, ['-binary', '-keyopt', 'rsa_padding_mode:pss']],
    ['naming the signer by key identifier', () => identified, ['-binary', '-keyid']],
    ['with signing-certificate-v2', () => rsa, ['-binary', '-cades']],
    ['with SHA-512', () => ec, ['-binary', '-md', 'sha512']],
  ])('ATT-6: openssl’s are read and hold: %s', (_, who, words) => {
    const der = opensslSigns(CONTENT, who(), ...words)
    const message = readSignedData(der)
    const found = certificateOf(message, message.signers[0]!)!
    expect(found.der.equals(who().certificate)).toBe(true)
    expect(message.content?.equals(CONTENT) ?? null).toBe(words.includes('-nodetach') ? true : null)
    expect(fault(message, CONTENT, found)).toBeNull()
    expect(message.signers[0]!.signingTime).toBeInstanceOf(Date)
    expect(message.signers[0]!.certificateSha256 !== null).toBe(words.includes('-cades'))
  })

  test('ATT-6: our own writer’s message holds', () => expect(fault(written())).toBeNull())

  test.each<[string, Partial<CmsOptions>, unknown]>([
    ['another content', { digestOf: Buffer.from('else') }, 'digest'],
    ['a broken signature', { breakSignature: true }, 'signature'],
    ['no signed attributes', { without: 'attributes' }, 'attributes'],
    ['no message digest', { without: 'message-digest' }, 'attributes'],
    ['no content type', { without: 'content-type' }, 'attributes'],
    ['another content type in the attribute', { attributeType: '1.2.840.113549.1.7.5' }, 'attributes'],
    ['SHA-1', { digest: 'sha1' }, 'weak'],
    ['SHA-1 of the content alone', { contentDigest: 'sha1' }, 'weak'],
  ])('ATT-6: a signature with %s does not hold', (_, change, expected) => expect(fault(written(change))).toBe(expected))

  test('ATT-6: a weak or other key makes no signature', () => {
    const small = signatory('Small', { keys: rsaKeyPair(1024) })
    const short = readSignedData(writeCms(CONTENT, { certificate: small.certificate, key: small.keys.privateKey }))
    expect(fault(short, CONTENT, readCertificate(small.certificate))).toBe('weak')
    expect(fault(written(), CONTENT, readCertificate(signatory('Another').certificate))).toBe('signature')
    const edwards = signatory('Edwards', { keys: ed25519KeyPair() })
    expect(fault(written(), CONTENT, readCertificate(edwards.certificate))).toBe('signature')
    const own = readSignedData(writeCms(CONTENT, { certificate: edwards.certificate, key: edwards.keys.privateKey }))
    expect(fault(own, CONTENT, readCertificate(edwards.certificate))).toBe('weak')
  })

  test('ATT-6: a signer names a certificate by issuer and serial number, and by its hash where that is signed', () => {
    const named = written({ names: ec.certificate }).signers[0]!
    expect(namesCertificate(named, certificate)).toBe(true)
    const other = written({ names: rsa.certificate }).signers[0]!
    expect(namesCertificate(other, certificate)).toBe(false)
    expect(namesCertificate(named, readCertificate(rsa.certificate))).toBe(false)
    const message = written({ embedded: rsa.certificate })
    expect(certificateOf(message, message.signers[0]!)).toBeNull()
  })

  test.each<[string, (der: Buffer) => Buffer]>([
    ['octets after the value', (der) => Buffer.concat([der, Buffer.from([0])])],
    ['a value cut short', (der) => der.subarray(0, -1)],
    ['another content type', () => sequence(oid('1.2.840.113549.1.7.1'), context(0, octetString(CONTENT)))],
    ['an attribute twice', () => writeCms(CONTENT, { certificate: ec.certificate, key: ec.keys.privateKey, twice: 'message-digest' })],
    ['an indefinite length without an end', () => Buffer.from('3080060930', 'hex')],
    ['a primitive value of indefinite length', () => Buffer.from('0480000000', 'hex')],
    ['values nested beyond the limit', () => Buffer.from('3080'.repeat(40) + '0000'.repeat(40), 'hex')],
  ])('ATT-6: refuses %s', (_, change) => expect(() => readSignedData(change(writeCms(CONTENT, { certificate: ec.certificate, key: ec.keys.privateKey })))).toThrow(MalformedDer))

  test('ATT-6: a message without signers has none', () => {
    const bag = sequence(oid('1.2.840.113549.1.7.2'), context(0, sequence(integer(1), setOf(), sequence(oid('1.2.840.113549.1.7.1')), setOf())))
    expect(readSignedData(bag).signers).toEqual([])
  })

  test('ATT-6: zeros may follow in a PDF’s room, and nothing else', () => {
    const der = writeCms(CONTENT, { certificate: ec.certificate, key: ec.keys.privateKey })
    expect(readSignedData(Buffer.concat([der, Buffer.alloc(9)]), { padding: 'zeros' }).signers).toHaveLength(1)
    expect(() => readSignedData(Buffer.concat([der, Buffer.from([0, 1])]), { padding: 'zeros' })).toThrow(MalformedDer)
  })

  test('ATT-6: a string in pieces is one string; pieces of another type are none', () => {
    const pieces = tlv(0x24, octetString(Buffer.from('ab')), octetString(Buffer.from('c')))
    expect(definiteLengths(pieces).der.equals(octetString(Buffer.from('abc')))).toBe(true)
    expect(() => definiteLengths(tlv(0x24, tlv(0x0c, Buffer.from('x'))))).toThrow(MalformedDer)
    expect(() => definiteLengths(Buffer.from('3080'.repeat(40) + '0000'.repeat(40), 'hex'))).toThrow(MalformedDer)
  })

  test('ATT-6: damaged messages are refused or don’t hold, and nothing else happens (2000, fixed seed)', () => {
    const der = writeCms(CONTENT, { certificate: ec.certificate, key: ec.keys.privateKey, attached: true })
    const next = random(20261122)
    for (let round = 0; round < 2000; round++) {
      const damaged = mutate(der, next)
      if (damaged.equals(der)) continue
      try {
        const message = readSignedData(damaged)
        for (const signer of message.signers) {
          certificateOf(message, signer)
          if (message.content && !message.content.equals(CONTENT)) expect(findFault(signer, message.contentType, message.content, certificate)).not.toBeNull()
        }
      } catch (error) {
        if (!MalformedDer.is(error)) throw error
      }
    }
  })
})
