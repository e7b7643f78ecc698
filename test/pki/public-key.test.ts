import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { bitString, integer, MalformedDer, nullValue, octetString, oid, sequence } from '../../src/pki/der.ts'
import { bitLength, readPublicKey } from '../../src/pki/public-key.ts'
import { ecKeyPair, ed25519KeyPair, rsaKeyPair, rsaSpki } from './keys.ts'

const RSA = oid('1.2.840.113549.1.1.1')
const NUMBERS = sequence(integer(0xc5n), integer(3n))

describe('public keys', () => {
  it('KEY-1: reads size, modulus, exponent and fingerprints of an RSA key as node does', () => {
    const keys = rsaKeyPair(2048)
    const read = readPublicKey(keys.spki)
    const jwk = keys.publicKey.export({ format: 'jwk' })
    expect(read.facts).toEqual({ type: 'rsa', bits: 2048, modulus: BigInt(`0x${Buffer.from(jwk.n!, 'base64url').toString('hex')}`), exponent: 65537n })
    expect(read.sha256).toBe(createHash('sha256').update(keys.spki).digest('hex'))
    // The subjectPublicKey bits are what PKCS #1 DER holds.
    expect(read.keyIdentifier).toEqual(createHash('sha1').update(keys.publicKey.export({ type: 'pkcs1', format: 'der' })).digest())
  })
  it.each([
    ['prime256v1', 'P-256', 256],
    ['secp384r1', 'P-384', 384],
    ['secp521r1', 'P-521', 521],
    ['secp256k1', '1.3.132.0.10', null],
  ])('describes a key on %s', (named, curve, bits) => {
    expect(readPublicKey(ecKeyPair(named).spki).facts).toEqual({ type: 'ec', curve, bits })
  })
  it('describes an Ed25519 key, and a key of an unknown algorithm by its identifier', () => {
    expect(readPublicKey(ed25519KeyPair().spki).facts).toEqual({ type: 'ed25519', curve: 'Ed25519', bits: 256 })
    expect(readPublicKey(sequence(sequence(oid('1.2.3')), bitString(Buffer.from([1])))).facts).toEqual({ type: 'other', algorithm: '1.2.3', bits: null })
  })
  it.each([
    ['RSA parameters left out', sequence(sequence(RSA), bitString(NUMBERS))],
    ['RSA parameters that are not NULL', sequence(sequence(RSA, octetString(Buffer.alloc(0))), bitString(NUMBERS))],
    ['a negative modulus', sequence(sequence(RSA, nullValue()), bitString(sequence(Buffer.from('0201c5', 'hex'), integer(3))))],
    ['three RSA numbers', sequence(sequence(RSA, nullValue()), bitString(sequence(integer(197), integer(3), integer(1))))],
    ['octets after the RSA numbers', sequence(sequence(RSA, nullValue()), bitString(Buffer.concat([NUMBERS, Buffer.from([0])])))],
    ['an EC key with explicit parameters', sequence(sequence(oid('1.2.840.10045.2.1'), sequence(integer(1))), bitString(Buffer.from([4])))],
    ['a third field', sequence(sequence(RSA, nullValue()), bitString(NUMBERS), nullValue())],
  ])('refuses %s', (_, der) => {
    expect(() => readPublicKey(der)).toThrow(MalformedDer)
  })
  it.each([1n, 2n, 255n, 256n, (1n << 3072n) - 1n, 1n << 3072n])('counts the bits of %s', (value) => {
    expect(bitLength(value)).toBe(value.toString(2).length)
    expect(readPublicKey(rsaSpki(value)).facts.bits).toBe(value.toString(2).length)
  })
})
