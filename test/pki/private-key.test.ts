import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { zipSync } from 'fflate'
import { readEvidence } from '../../src/attestation/evidence.ts'
import { integer, nullValue, octetString, oid, sequence } from '../../src/pki/der.ts'
import { isDerSequence, isPrivateKey, isPublicKeyDer } from '../../src/pki/private-key.ts'
import { rsaKeyPair } from './keys.ts'

const rsa = rsaKeyPair(2048).privateKey
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
const ed25519 = generateKeyPairSync('ed25519').privateKey
const der = (key: typeof rsa, type: 'pkcs1' | 'pkcs8' | 'sec1'): Buffer => key.export({ type, format: 'der' } as { type: 'pkcs8'; format: 'der' })
const algorithm = sequence(oid('1.2.840.113549.1.1.1'), nullValue())
const octets = octetString(Buffer.alloc(4, 1))

describe('a private key is told from everything else', () => {
  it.each<[string, Buffer | string]>([
    ['PKCS #8', der(rsa, 'pkcs8')],
    ['PKCS #1', der(rsa, 'pkcs1')],
    ['SEC 1 of fewer than 128 octets', der(p256, 'sec1')],
    ['PKCS #8 of 48 octets', der(ed25519, 'pkcs8')],
    ['PKCS #8 of version 2', sequence(integer(1), algorithm, octets)],
    ['encrypted PKCS #8', sequence(algorithm, octets)],
    ['PKCS #12', sequence(integer(3), sequence(oid('1.2.840.113549.1.7.1')))],
    ['PEM', rsa.export({ type: 'pkcs8', format: 'pem' })],
    ['encrypted PEM', p256.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })],
    ['PEM in UTF-16', Buffer.from(`\ufeff${String(rsa.export({ type: 'pkcs1', format: 'pem' }))}`, 'utf16le')],
    ['bare base64', der(ed25519, 'pkcs8').toString('base64')],
    ['a JWK', JSON.stringify(p256.export({ format: 'jwk' }))],
    ['a key of PuTTY', 'PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\n'],
    ['a key of SSH', '---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nabc\n'],
  ])('KEY-5: %s', (_, bytes) => expect(isPrivateKey(Buffer.from(bytes as string))).toBe(true))

  it.each<[string, Buffer | string]>([
    ['a public key', generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'der' })],
    ['a public JWK', JSON.stringify(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }))],
    ['a description of a key whose private part is null', '{"kty":"RSA-HSM","d":null}'],
    ['a report that speaks of one', '%PDF-1.7 REPORT ON PRIVATE KEY PROTECTION'],
    ['an algorithm with nothing after it', sequence(integer(0), algorithm)],
    ['an algorithm and no octets', sequence(integer(0), algorithm, integer(5))],
    ['octets under version 0', sequence(integer(0), octets)],
    ['octets under version 2', sequence(integer(2), octets)],
    ['an algorithm and octets under version 2', sequence(integer(2), algorithm, octets)],
    ['two integers', sequence(integer(0), integer(7))],
    ['three integers from 2 on', sequence(integer(2), integer(7), integer(7))],
    ['octets under version 3', sequence(integer(3), octets)],
    ['an algorithm and an integer', sequence(algorithm, integer(1))],
    ['no octets at all', ''],
    ['one octet', '0'],
  ])('KEY-5: not %s', (_, bytes) => expect(isPrivateKey(Buffer.from(bytes as string))).toBe(false))

  it('KEY-5: evidence is never one, in an archive either', () => {
    const request = Buffer.from('3000', 'hex')
    for (const key of [der(ed25519, 'pkcs8'), der(p256, 'sec1')])
      for (const bytes of [key, Buffer.from(zipSync({ 'a.bin': key }))]) expect(() => readEvidence([{ name: 'x', bytes }], request)).toThrow('attestation.malformed.private-key')
  })
})

const bits = Buffer.from([0x03, 0x02, 0x00, 0x01])
const public256 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'der' })

describe('a public key in DER is told from everything else', () => {
  it.each<[string, Buffer]>([
    ['P-256, in 91 octets', public256],
    ['Ed25519, in 44 octets', generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' })],
    ['RSA', rsaKeyPair(2048).spki],
    ['any algorithm', sequence(algorithm, bits)],
  ])('KEY-1: %s', (_, bytes) => expect(isPublicKeyDer(bytes)).toBe(true))

  it.each<[string, Buffer]>([
    ['a text that begins with its own length', Buffer.from(`0Y${'x'.repeat(89)}`)],
    ['a text that goes on like one', Buffer.from(`0Y0${String.fromCharCode(19)}${'x'.repeat(87)}`)],
    ['octets after it', Buffer.concat([public256, Buffer.from([0])])],
    ['one cut short', public256.subarray(0, -1)],
    ['another tag before it', Buffer.concat([Buffer.from([0x31]), public256.subarray(1)])],
    ['a third member', sequence(algorithm, bits, bits)],
    ['a set in the place of the algorithm', sequence(Buffer.concat([Buffer.from([0x31]), algorithm.subarray(1)]), bits)],
    ['no key', sequence(algorithm)],
    ['no algorithm', sequence(bits, bits)],
    ['an algorithm of no name', sequence(sequence(nullValue()), bits)],
    ['an empty algorithm', sequence(sequence(), bits)],
    ['an encrypted private key', sequence(algorithm, octets)],
    ['nothing', Buffer.alloc(0)],
  ])('KEY-1: not %s', (_, bytes) => expect(isPublicKeyDer(bytes)).toBe(false))
})

describe('DER is told from text', () => {
  const of = (length: readonly number[], content: number): Buffer => Buffer.concat([Buffer.from([0x30, ...length]), Buffer.alloc(content)])
  it.each<[string, Buffer, boolean]>([
    ['one octet of length', of([0x81, 0x80], 128), true],
    ['two', of([0x82, 0x01, 0x00], 256), true],
    ['three', of([0x83, 0x01, 0x00, 0x00], 65536), true],
    ['four', of([0x84, 0x00, 0x01, 0x00, 0x00], 65536), false],
    ['none', of([0x05], 5), false],
    ['no end', of([0x80], 5), false],
    ['an octet too few', of([0x81, 0x80], 127), false],
    ['an octet too many', of([0x81, 0x80], 129), false],
    ['no content', of([0x82], 0), false],
    ['a length cut short', of([0x82, 0x01], 0), false],
    ['another tag', Buffer.concat([Buffer.from([0x31, 0x81, 0x80]), Buffer.alloc(128)]), false],
    ['nothing', Buffer.alloc(0), false],
  ])('KEY-5: %s', (_, bytes, expected) => expect(isDerSequence(bytes)).toBe(expected))
})
