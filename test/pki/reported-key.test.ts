import { sign } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { commonName, writeCertificate } from '../../attestations/demo/certificate.ts'
import { certificatePem, encodePem } from '../../src/pki/pem.ts'
import { readPublicKey } from '../../src/pki/public-key.ts'
import { isSignedBy, readReportedKey, REPORTED_KEY_MAX_BYTES } from '../../src/pki/reported-key.ts'
import { readCertificate } from '../../src/pki/x509-certificate.ts'
import { ecKeyPair, ed25519KeyPair, makeRequest, mutate, plainExtension, rsaKeyPair, seededNumbers } from './keys.ts'

const rsa = rsaKeyPair(2048)
const other = rsaKeyPair(2048)
const ec = ecKeyPair('prime256v1')
const expected = readPublicKey(rsa.spki).sha256
const request = makeRequest(rsa)
const text = (form: 'pkcs8' | 'pkcs1', keys = rsa): string => keys.privateKey.export({ type: form, format: 'pem' }) as string
const outcome = (bytes: Buffer | string) => {
  const read = readReportedKey(Buffer.from(bytes))
  return 'refused' in read ? read.refused : `${read.form} ${read.key.sha256 === expected ? 'ours' : read.key.sha256}`
}

/** The private numbers of one key under the public half of another. */
function forged(): Buffer {
  const [theirs, ours] = [other.privateKey.export({ format: 'jwk' }), rsa.publicKey.export({ format: 'jwk' })]
  const integer = (value: string) => {
    const octets = Buffer.from(value, 'base64url')
    return tlv(2, octets[0]! & 0x80 ? Buffer.concat([Buffer.from([0]), octets]) : octets)
  }
  return tlv(0x30, Buffer.concat([tlv(2, Buffer.from([0])), ...[ours.n!, ours.e!, theirs.d!, theirs.p!, theirs.q!, theirs.dp!, theirs.dq!, theirs.qi!].map(integer)]))
}
function tlv(tag: number, content: Buffer): Buffer {
  const length = content.length < 128 ? Buffer.from([content.length]) : content.length < 256 ? Buffer.from([0x81, content.length]) : Buffer.from([0x82, content.length >> 8, content.length & 255])
  return Buffer.concat([Buffer.from([tag]), length, content])
}

describe('a key that is reported', () => {
  it.each<[string, Buffer | string, string]>([
    ['a certificate request, PEM', encodePem('CERTIFICATE REQUEST', request), 'request ours'],
    ['a certificate request, DER', request, 'request ours'],
    ['a public key, PEM', encodePem('PUBLIC KEY', rsa.spki), 'public-key ours'],
    ['a public key, DER', rsa.spki, 'public-key ours'],
    ['an RSA public key of PKCS #1', rsa.publicKey.export({ type: 'pkcs1', format: 'pem' }), 'public-key ours'],
    ['a private key of PKCS #8, PEM', text('pkcs8'), 'private-key ours'],
    ['a private key of PKCS #1, PEM', text('pkcs1'), 'private-key ours'],
    ['a private key of PKCS #8, DER', rsa.privateKey.export({ type: 'pkcs8', format: 'der' }), 'private-key ours'],
    ['a private key of PKCS #1, DER', rsa.privateKey.export({ type: 'pkcs1', format: 'der' }), 'private-key ours'],
    ['a private key with its certificate request in one file', text('pkcs8') + encodePem('CERTIFICATE REQUEST', request), 'private-key ours'],
    ['an EC private key of SEC 1', ec.privateKey.export({ type: 'sec1', format: 'pem' }), `private-key ${readPublicKey(ec.spki).sha256}`],
    ['an encrypted private key', rsa.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'x' }), 'encrypted'],
    ['an encrypted private key of the older form', rsa.privateKey.export({ type: 'pkcs1', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'x' }), 'encrypted'],
    ['two private keys', text('pkcs8') + text('pkcs8', other), 'several'],
    ['two public keys', encodePem('PUBLIC KEY', rsa.spki) + encodePem('PUBLIC KEY', other.spki), 'several'],
    ['nothing', ' \n', 'empty'],
    ['words', 'The key is compromised!', 'unreadable'],
    ['a certificate label over a public key', encodePem('CERTIFICATE', rsa.spki), 'unreadable'],
    ['a public key cut short', rsa.spki.subarray(0, -1), 'unreadable'],
    ['a public key with an octet more', Buffer.concat([rsa.spki, Buffer.from([0])]), 'unreadable'],
    ['too much', Buffer.alloc(REPORTED_KEY_MAX_BYTES + 1, 0x41), 'too-large'],
  ])('KEY-4: reads %s', (_, bytes, found) => {
    expect(outcome(bytes as Buffer)).toBe(found)
  })
  it('KEY-4: a private key under another key\'s public half proves nothing', () => {
    expect(outcome(forged())).toBe('private-key-broken')
    expect(outcome(encodePem('RSA PRIVATE KEY', forged()))).toBe('private-key-broken')
  })
  const certificate = (...extensions: Buffer[]): Buffer =>
    writeCertificate(
      { serial: Buffer.from([7]), issuer: commonName('Another CA'), subject: commonName('Somebody'), notBefore: new Date(0), notAfter: new Date(1e12), spki: rsa.spki, extensions },
      other.privateKey,
    )
  it('KEY-4: reads a certificate, also one that breaks rules which ours keep', () => {
    const extension = plainExtension('1.2.3.4', Buffer.from([5, 0]))
    expect(() => readCertificate(certificate(extension, extension))).toThrow()
    for (const der of [certificate(), certificate(extension, extension)]) for (const bytes of [der, certificatePem(der)]) expect(outcome(bytes)).toBe('certificate ours')
  })
  it('KEY-4: nothing of a private key but its public half comes back', () => {
    const read = readReportedKey(Buffer.from(text('pkcs8')))
    if ('refused' in read) throw new Error(read.refused)
    const d = BigInt(`0x${Buffer.from(rsa.privateKey.export({ format: 'jwk' }).d!, 'base64url').toString('hex')}`)
    expect(Object.keys(read).sort()).toEqual(['form', 'key'])
    expect(JSON.stringify(read, (_name, value: unknown) => (typeof value === 'bigint' ? value.toString(16) : value)).includes(d.toString(16))).toBe(false)
    expect(read.key.spki.equals(rsa.spki)).toBe(true)
  })
  it('KEY-4: no mutation of any of these makes a fault, or proves a report by a private key of another public half', () => {
    const random = seededNumbers(11)
    const originals = [request, rsa.spki, Buffer.from(encodePem('CERTIFICATE REQUEST', request)), Buffer.from(text('pkcs8')), Buffer.from(text('pkcs1')), rsa.privateKey.export({ type: 'pkcs1', format: 'der' })]
    for (const original of originals)
      for (let round = 0; round < 120; round++) {
        const read = readReportedKey(mutate(Buffer.from(original), random))
        if (!('refused' in read) && read.form === 'private-key' && read.key.facts.type === 'rsa') expect(read.key.facts.modulus === (readPublicKey(rsa.spki).facts as { modulus: bigint }).modulus).toBe(true)
      }
  }, 30_000)
})

describe('a signature over our text', () => {
  const words = 'This key is compromised.\n'
  const signature = sign('sha256', Buffer.from(words), rsa.privateKey)
  const key = readPublicKey(rsa.spki)
  it('KEY-4: is taken as octets and as base64, of RSA, ECDSA and Ed25519', () => {
    expect(isSignedBy(key, words, signature)).toBe(true)
    expect(isSignedBy(key, words, Buffer.from(signature.toString('base64').replace(/.{64}/g, '$&\n')))).toBe(true)
    expect(isSignedBy(readPublicKey(ec.spki), words, sign('sha256', Buffer.from(words), ec.privateKey))).toBe(true)
    const edwards = ed25519KeyPair()
    expect(isSignedBy(readPublicKey(edwards.spki), words, sign(null, Buffer.from(words), edwards.privateKey))).toBe(true)
  })
  it.each<[string, string, Buffer]>([
    ['another text', 'This key is fine.\n', signature],
    ['another key', words, sign('sha256', Buffer.from(words), other.privateKey)],
    ['another digest', words, sign('sha512', Buffer.from(words), rsa.privateKey)],
    ['nothing', words, Buffer.alloc(0)],
    ['far too much', words, Buffer.alloc(REPORTED_KEY_MAX_BYTES + 1)],
  ])('KEY-4: is not one over or by %s', (_, over, octets) => {
    expect(isSignedBy(key, over, octets)).toBe(false)
  })
  it('KEY-4: no mutated signature fits', () => {
    const random = seededNumbers(5)
    for (let round = 0; round < 200; round++) {
      const mutated = mutate(signature, random)
      if (!mutated.equals(signature)) expect(isSignedBy(key, words, mutated)).toBe(false)
    }
  })
})
