import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type CertificateRequest, readCertificateRequest, REQUEST_MAX_BYTES } from '../../src/pki/certificate-request.ts'
import { bitString, context, integer, nullValue, octetString, oid, sequence, setOf, tlv, utf8String } from '../../src/pki/der.ts'
import { displayName } from '../../src/pki/name.ts'
import { encodePem } from '../../src/pki/pem.ts'
import { ecKeyPair, ed25519KeyPair, extensionRequest, makeRequest, mutate, plainExtension, rsaKeyPair, seededNumbers } from './keys.ts'

const keys = rsaKeyPair(2048)
const others = rsaKeyPair(2048)
const der = makeRequest(keys)
const base64 = der.toString('base64')
const pem = encodePem('CERTIFICATE REQUEST', der)

const read = (bytes: Buffer | string) => readCertificateRequest(Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes, 'utf8'))
function accept(bytes: Buffer | string): CertificateRequest {
  const intake = read(bytes)
  if ('refused' in intake) throw new Error(`refused: ${JSON.stringify(intake.refused)}`)
  return intake.request
}
const refusal = (bytes: Buffer | string) => {
  const intake = read(bytes)
  return 'refused' in intake ? intake.refused : null
}
const utf16be = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16()

const DIGESTS: Record<string, string> = { sha1: '1.3.14.3.2.26', sha256: '2.16.840.1.101.3.4.2.1', sha512: '2.16.840.1.101.3.4.2.3' }
const pss = (hash: string, mask: string, salt: number): Buffer => {
  const digest = (name: string) => sequence(oid(DIGESTS[name]!), nullValue())
  return sequence(oid('1.2.840.113549.1.1.10'), sequence(context(0, digest(hash)), context(1, sequence(oid('1.2.840.113549.1.1.8'), digest(mask))), context(2, integer(salt))))
}

describe('intake of a certificate request', () => {
  it.each<[string, Buffer | string]>([
    ['DER', der],
    ['PEM', pem],
    ['the label NEW CERTIFICATE REQUEST', encodePem('NEW CERTIFICATE REQUEST', der)],
    ['PEM with CRLF', pem.replaceAll('\n', '\r\n')],
    ['PEM with CR alone', pem.replaceAll('\n', '\r')],
    ['PEM with a byte order mark', `\ufeff${pem}`],
    ['PEM in UTF-16 LE with a byte order mark', Buffer.from(`\ufeff${pem}`, 'utf16le')],
    ['PEM in UTF-16 LE without one', Buffer.from(pem, 'utf16le')],
    ['PEM in UTF-16 BE with a byte order mark', utf16be(`\ufeff${pem}`)],
    ['PEM in UTF-16 BE without one', utf16be(pem)],
    ['PEM indented with blanks and tabs', pem.replaceAll('\n', '\n \t')],
    ['PEM with no-break spaces', pem.replaceAll('\n', '\u00a0\n')],
    ['PEM with no-break spaces in Latin-1', Buffer.from(pem.replaceAll('\n', '\u00a0\n'), 'latin1')],
    ['PEM with zero-width spaces', pem.replaceAll('\n', '\u200b\n')],
    ['PEM with typographic dashes', pem.replaceAll('-----', '—–-')],
    ['PEM in one line', pem.replaceAll('\n', ' ')],
    ['PEM with text around it', `Certificate Request:\n    Data:\n${pem}\nRegards\n`],
    ['PEM with header lines', pem.replace('REQUEST-----\n', 'REQUEST-----\nVersion: tool 1.0\nComment: x\n\n')],
    ['bare base64 in one line', base64],
    ['bare base64, wrapped', base64.replace(/.{76}/g, '$&\r\n')],
    ['bare base64 without padding', base64.replace(/=+$/, '')],
    ['bare base64 in UTF-16', Buffer.from(`\ufeff${base64}`, 'utf16le')],
  ])('APP-3: takes %s', (_, bytes) => {
    const request = accept(bytes)
    expect(request.der.equals(der)).toBe(true)
    expect(request.signature.check).toBe('valid')
  })

  it.each<[string, Buffer | string, string, Record<string, string>?]>([
    ['nothing', '', 'empty'],
    ['white space alone', ' \r\n\u00a0', 'empty'],
    ['more than 32 KiB', Buffer.alloc(REQUEST_MAX_BYTES + 1, 0x41), 'too-large', { limitKilobytes: '32' }],
    ['a private key', keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, 'private-key'],
    ['a private key beside a request', `${pem}${keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string}`, 'private-key'],
    ['an encrypted private key', keys.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }) as string, 'private-key'],
    ['a private key cut before its end line', (keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string).slice(0, 200), 'private-key'],
    ['a private key as PKCS #8 DER', keys.privateKey.export({ type: 'pkcs8', format: 'der' }), 'private-key'],
    ['a private key as PKCS #1 DER', keys.privateKey.export({ type: 'pkcs1', format: 'der' }), 'private-key'],
    ['a private key as base64', keys.privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64'), 'private-key'],
    ['an encrypted private key as DER', keys.privateKey.export({ type: 'pkcs8', format: 'der', cipher: 'aes-256-cbc', passphrase: 'x' }), 'private-key'],
    ['two requests', `${pem}${pem}`, 'several', { count: '2' }],
    ['PEM without its end line', pem.slice(0, pem.indexOf('-----END')), 'pem-damaged'],
    ['PEM whose lines name different things', pem.replace('END CERTIFICATE REQUEST', 'END CERTIFICATE'), 'pem-damaged'],
    ['PEM with a character that is not base64', pem.replace('\nMII', '\nM*I'), 'pem-damaged'],
    ['prose', 'Please find my request attached!', 'not-base64'],
    ['the words hello world', 'hello world!!', 'not-base64'],
    ['words that happen to be base64', 'hello world', 'not-a-request'],
    ['a certificate', encodePem('CERTIFICATE', der), 'certificate'],
    ['a certificate in DER', sequence(sequence(tlv(0xa0, integer(2)), integer(1)), sequence(oid('1.2.3')), bitString(Buffer.alloc(120))), 'certificate'],
    ['a public key', keys.publicKey.export({ type: 'spki', format: 'pem' }) as string, 'public-key'],
    ['a public key in DER', keys.spki, 'public-key'],
    ['a PKCS #7 file', encodePem('PKCS7', der), 'wrong-object', { label: 'PKCS7' }],
    ['a PKCS #7 file in DER', sequence(oid('1.2.840.113549.1.7.2'), tlv(0xa0, octetString(Buffer.alloc(120)))), 'wrong-object'],
    ['DER with bytes after it', Buffer.concat([der, Buffer.from('\n')]), 'trailing-bytes', { count: '1' }],
    ['PEM with bytes after the DER', encodePem('CERTIFICATE REQUEST', Buffer.concat([der, der])), 'trailing-bytes', { count: String(der.length) }],
    ['DER cut short', der.subarray(0, -1), 'cut-short'],
    ['base64 cut short', base64.slice(0, 400), 'cut-short'],
    ['a request of version 2', makeRequest(keys, { version: 1 }), 'not-a-request'],
    ['a signature that does not fill octets', sequence(sequence(integer(0), sequence(), keys.spki), sequence(oid('1.2.3')), bitString(Buffer.alloc(1), 1)), 'malformed'],
    ['a name that is none', makeRequest(keys, { subject: sequence(integer(1)) }), 'malformed'],
    ['an extension asked for twice', makeRequest(keys, { attributes: [extensionRequest(plainExtension('1.2.3', nullValue()), plainExtension('1.2.3', nullValue()))] }), 'malformed'],
    ['two extension requests', makeRequest(keys, { attributes: [extensionRequest(plainExtension('1.2.3', nullValue())), extensionRequest(plainExtension('1.2.4', nullValue()))] }), 'malformed'],
    ['an RSA key without NULL parameters', makeRequest(keys, { spki: sequence(sequence(oid('1.2.840.113549.1.1.1')), bitString(keys.publicKey.export({ type: 'pkcs1', format: 'der' }))) }), 'key-malformed'],
  ])('APP-3: refuses %s', (_, bytes, code, values) => {
    const refused = refusal(bytes)
    expect(refused?.code).toBe(code)
    if (values) expect(refused?.values).toEqual(values)
  })

  it('keeps nothing of a private key sent by mistake', () => {
    expect(Object.keys(refusal(keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string) ?? {})).toEqual(['code'])
  })

  it('has words in both languages for every refusal', () => {
    const words = (language: string): Record<string, string> => JSON.parse(readFileSync(new URL(`../../src/web/locales/${language}/certificate-request.json`, import.meta.url), 'utf8')).refused
    expect(Object.keys(words('en')).sort()).toEqual(['certificate', 'cut-short', 'empty', 'key-malformed', 'malformed', 'not-a-request', 'not-base64', 'pem-damaged', 'private-key', 'public-key', 'several', 'too-large', 'trailing-bytes', 'wrong-object'])
    expect(Object.keys(words('ja')).sort()).toEqual(Object.keys(words('en')).sort())
  })
})

describe('what a certificate request says', () => {
  it('gives subject, key, digests and the exact octets that were signed', () => {
    const request = accept(pem)
    expect(displayName(request.subject)).toBe('CN=Asked For K.K.')
    expect(request.publicKey.facts).toMatchObject({ type: 'rsa', bits: 2048, exponent: 65537n })
    expect(request.publicKey.spki.equals(keys.spki)).toBe(true)
    expect(der.indexOf(request.requestInfo)).toBe(4)
    expect(request.sha256).toMatch(/^[0-9a-f]{64}$/)
    expect(request).toMatchObject({ extensionRequest: null, requestedExtensions: [], otherAttributes: [] })
  })
  it('gives the requested extensions raw, and of other attributes the type alone', () => {
    const attestation = plainExtension('1.3.6.1.4.1.41482.3.1', octetString(Buffer.from('evidence')))
    const challenge = sequence(oid('1.2.840.113549.1.9.7'), setOf(utf8String('secret')))
    const request = accept(makeRequest(keys, { attributes: [challenge, extensionRequest(attestation)] }))
    expect(request.extensionRequest?.equals(sequence(attestation))).toBe(true)
    expect(request.requestedExtensions).toEqual([{ oid: '1.3.6.1.4.1.41482.3.1', critical: false, value: octetString(Buffer.from('evidence')) }])
    expect(request.otherAttributes).toEqual(['1.2.840.113549.1.9.7'])
  })
  it('reads a request whose tool left the empty attributes out', () => {
    expect(accept(makeRequest(keys, { attributes: false })).signature.check).toBe('valid')
  })
  it.each(['sha256', 'sha384', 'sha512', 'sha1', 'md5'])('KEY-5: names %s as the digest', (hash) => {
    expect(accept(makeRequest(keys, { hash })).signature).toMatchObject({ hash, check: 'valid' })
  })
  it('APP-3: verifies EC and Ed25519 signatures', () => {
    const ec = ecKeyPair('secp384r1')
    expect(accept(makeRequest(ec, { hash: 'sha384' })).signature).toMatchObject({ hash: 'sha384', check: 'valid' })
    expect(accept(makeRequest(ed25519KeyPair())).signature).toMatchObject({ hash: 'sha512', check: 'valid' })
  })
  it.each([32, 64])('APP-3: verifies RSASSA-PSS signatures with a salt of %i octets, as some module tools make them', (salt) => {
    const hash = salt === 32 ? 'sha256' : 'sha512'
    expect(accept(makeRequest(keys, { hash, signatureAlgorithm: pss(hash, hash, salt), pssSalt: salt })).signature).toMatchObject({ hash, check: 'valid' })
    expect(accept(makeRequest(keys, { hash, signatureAlgorithm: pss(hash, hash, salt - 1), pssSalt: salt })).signature.check).toBe('invalid')
  })
  it.each<[string, Buffer, string]>([
    ['made by another key', makeRequest(others, { spki: keys.spki }), 'invalid'],
    ['over other octets', makeRequest(keys, { signature: others.spki.subarray(0, 256) }), 'invalid'],
    ['named as of another kind of key', makeRequest(keys, { signatureAlgorithm: sequence(oid('1.2.840.10045.4.3.2')) }), 'invalid'],
    ['with parameters that are not NULL', makeRequest(keys, { signatureAlgorithm: sequence(oid('1.2.840.113549.1.1.11'), integer(1)) }), 'unsupported'],
    ['of an unknown algorithm', makeRequest(keys, { signatureAlgorithm: sequence(oid('1.2.3')) }), 'unsupported'],
    ['of RSASSA-PSS without parameters', makeRequest(keys, { signatureAlgorithm: sequence(oid('1.2.840.113549.1.1.10')) }), 'unsupported'],
    ['of RSASSA-PSS with another mask digest', makeRequest(keys, { signatureAlgorithm: pss('sha256', 'sha1', 32) }), 'unsupported'],
    ['of RSASSA-PSS that was made without PSS', makeRequest(keys, { signatureAlgorithm: pss('sha256', 'sha256', 32) }), 'invalid'],
    ['of an EC key off its curve', makeRequest(ecKeyPair('prime256v1'), { spki: sequence(sequence(oid('1.2.840.10045.2.1'), oid('1.2.840.10045.3.1.7')), bitString(Buffer.concat([Buffer.from([4]), Buffer.alloc(64, 1)]))) }), 'invalid'],
  ])('APP-3: says so of a signature %s', (_, bytes, check) => {
    expect(accept(bytes).signature.check).toBe(check)
  })

  it('reads what openssl writes', () => {
    const folder = mkdtempSync(join(tmpdir(), 'request-'))
    try {
      writeFileSync(join(folder, 'key.pem'), keys.privateKey.export({ type: 'pkcs8', format: 'pem' }))
      const written = execFileSync('openssl', ['req', '-new', '-utf8', '-text', '-sha384', '-key', join(folder, 'key.pem'), '-subj', '/C=JP/O=株式会社例/CN=株式会社例', '-addext', 'basicConstraints=critical,CA:TRUE'], { stdio: ['ignore', 'pipe', 'ignore'] })
      const request = accept(written)
      expect(displayName(request.subject)).toBe('C=JP, O=株式会社例, CN=株式会社例')
      expect(request.signature).toMatchObject({ hash: 'sha384', check: 'valid' })
      expect(request.requestedExtensions).toMatchObject([{ oid: '2.5.29.19', critical: true }])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('foreign bytes', () => {
  it('answers every mutated request with a verdict, never an exception (fixed seed)', () => {
    const random = seededNumbers(460)
    const rich = makeRequest(keys, { attributes: [extensionRequest(plainExtension('1.3.6.1.4.1.41482.3.1', octetString(Buffer.from('evidence'))))] })
    const seeds = [rich, Buffer.from(encodePem('CERTIFICATE REQUEST', rich)), Buffer.from(`\ufeff${pem}`, 'utf16le'), makeRequest(ecKeyPair('prime256v1'))]
    const verdicts = new Set<string>()
    for (let round = 0; round < 4000; round++) {
      const intake = readCertificateRequest(mutate(seeds[round % seeds.length]!, random))
      verdicts.add('refused' in intake ? intake.refused.code : intake.request.signature.check)
    }
    expect([...verdicts]).toEqual(expect.arrayContaining(['malformed', 'invalid', 'cut-short', 'pem-damaged', 'trailing-bytes']))
  })
  it.each([
    ['dashes', '-'],
    ['blanks', ' '],
    ['opening lines', '-----BEGIN A-----'],
    ['opening words', 'BEGIN '],
    ['dashes and blanks', '-- '],
    ['header lines', 'a:\n'],
  ])('answers 32 KiB of %s at once', (_, text) => {
    const started = performance.now()
    expect(refusal(text.repeat(REQUEST_MAX_BYTES / text.length))).not.toBeNull()
    expect(performance.now() - started).toBeLessThan(1000)
  })
})
