import { describe, expect, it } from 'vitest'
import { keyType, keyTypePermitted } from '../../src/attestation/public-key.ts'
import { bitString, integer, nullValue, oid, sequence } from '../../src/pki/der.ts'
import { shippedPolicy } from '../support/attestation-policy.ts'
import { ec, rsa, spkiOf } from '../support/fake-yubikey.ts'

const RSA = oid('1.2.840.113549.1.1.1')
const n = (1n << 3071n) + 1n

describe('public keys in the one form that is compared', () => {
  it('ATT-2: RSA with NULL, named curves with the point in full', () => {
    expect(keyType(sequence(sequence(RSA, nullValue()), bitString(sequence(integer(n), integer(65537)))))).toBe('RSA-3072')
    expect(keyType(spkiOf(rsa(2048)))).toBe('RSA-2048')
    for (const curve of ['P-256', 'P-384', 'P-521']) expect(keyType(spkiOf(ec(curve)))).toBe(curve)
  })

  it('ATT-2: any other form of the same key is not taken', () => {
    const point = spkiOf(ec('P-256')).subarray(-64)
    const curve = sequence(oid('1.2.840.10045.2.1'), oid('1.2.840.10045.3.1.7'))
    const forms: Buffer[] = [
      sequence(sequence(RSA), bitString(sequence(integer(n), integer(65537)))),
      sequence(sequence(oid('1.2.840.113549.1.1.10'), nullValue()), bitString(sequence(integer(n), integer(65537)))),
      sequence(sequence(RSA, nullValue()), bitString(sequence(integer(n), integer(65537), integer(1)))),
      sequence(sequence(RSA, nullValue()), bitString(sequence(integer(0), integer(65537)))),
      sequence(curve, bitString(Buffer.concat([Buffer.from([2]), point.subarray(0, 32)]))),
      sequence(curve, bitString(Buffer.concat([Buffer.from([6]), point]))),
      sequence(sequence(oid('1.2.840.10045.2.1'), oid('1.3.132.0.10')), bitString(Buffer.concat([Buffer.from([4]), point]))),
      Buffer.concat([spkiOf(ec('P-256')), Buffer.from([0])]),
      Buffer.alloc(0),
    ]
    for (const form of forms) expect(keyType(form), form.toString('hex')).toBeNull()
  })

  it('KEY-1: the shipped policy permits RSA-3072 and RSA-4096 and nothing else', () => {
    for (const type of ['RSA-3072', 'RSA-4096']) expect(keyTypePermitted(type, shippedPolicy.keys)).toBe(true)
    for (const type of ['RSA-2048', 'RSA-3071', 'RSA-8192', 'P-256', 'P-384', 'Ed25519', null]) expect(keyTypePermitted(type, shippedPolicy.keys)).toBe(false)
  })
})
