import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { zipSync } from 'fflate'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { toPem } from '../../attestations/demo/certificate.ts'
import { LIMITS, readEvidence, type Evidence } from '../../src/attestation/evidence.ts'
import { MalformedStatement } from '../../src/attestation/verifier.ts'
import { context, integer, oid, sequence, setOf, tlv } from '../../src/pki/der.ts'
import { WORDS } from '../../src/web/locales.ts'
import { fakeFactory, fakeYubikey, requestFor, rsa, spkiOf } from '../support/fake-yubikey.ts'
import { mutate, random } from '../support/mutate.ts'

let leaf: Buffer
let device: Buffer
let request: Buffer
let folder: string

beforeAll(() => {
  const spki = spkiOf(rsa(2048))
  ;({ leaf, device } = fakeYubikey(fakeFactory(), spki))
  request = requestFor(spki)
  folder = mkdtempSync(join(tmpdir(), 'evidence-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const SIGNED_DATA = oid('1.2.840.113549.1.7.2')
const DATA = oid('1.2.840.113549.1.7.1')
const empty = tlv(0x31)
const bag = (certificates: Buffer[], parts: { algorithms?: Buffer; content?: Buffer; lists?: Buffer[]; signers?: Buffer; after?: Buffer[] } = {}): Buffer =>
  sequence(SIGNED_DATA, context(0, sequence(integer(1), parts.algorithms ?? empty, parts.content ?? sequence(DATA), context(0, ...certificates), ...(parts.lists ?? []), parts.signers ?? empty, ...(parts.after ?? []))))

const read = (files: Record<string, Uint8Array>): Evidence => readEvidence(Object.entries(files).map(([name, bytes]) => ({ name, bytes: Buffer.from(bytes) })), request)
const found = (files: Record<string, Uint8Array>) => read(files).certificates.map(({ file, der }) => [file, der.equals(leaf) ? 'leaf' : der.equals(device) ? 'device' : '?'])
const refused = (files: Record<string, Uint8Array>): { file: string | null; reason: string } => {
  try {
    read(files)
  } catch (error) {
    if (!MalformedStatement.is(error)) throw error
    for (const language of ['en', 'ja'] as const) expect(WORDS[language].has(error.reason.key), error.reason.key).toBe(true)
    return { file: error.file, reason: error.reason.key.replace('attestation.malformed.', '') }
  }
  throw new Error('expected a malformed statement')
}
const openssl = (...words: string[]) => execFileSync('openssl', words, { cwd: folder })

describe('bags of certificates', () => {
  it('ATT-2: are read in the order in which they stand, DER or PEM, under each label in use', () => {
    const expected = [['chain', 'leaf'], ['chain', 'device']]
    expect(found({ chain: bag([leaf, device]) })).toEqual(expected)
    expect(found({ chain: bag([device, leaf]) })).toEqual([...expected].reverse())
    for (const label of ['PKCS7', 'CMS', 'CERTIFICATE']) expect(found({ chain: Buffer.from(toPem(label, bag([leaf, device]))) })).toEqual(expected)
    expect(found({ chain: bag([leaf, device], { lists: [context(1)] }) })).toEqual(expected)
  })

  it('ATT-2: as openssl writes them', () => {
    writeFileSync(join(folder, 'chain.pem'), toPem('CERTIFICATE', leaf) + toPem('CERTIFICATE', device))
    openssl('crl2pkcs7', '-nocrl', '-certfile', 'chain.pem', '-out', 'chain.p7b', '-outform', 'DER')
    openssl('crl2pkcs7', '-nocrl', '-certfile', 'chain.pem', '-out', 'chain.p7b.pem')
    for (const name of ['chain.p7b', 'chain.p7b.pem']) expect(found({ [name]: readFileSync(join(folder, name)) })).toEqual([[name, 'leaf'], [name, 'device']])
  })

  it.each([
    ['a signer', () => bag([leaf], { signers: setOf(sequence(integer(1))) }), 'pkcs7'],
    ['a digest algorithm', () => bag([leaf], { algorithms: setOf(sequence(oid('2.16.840.1.101.3.4.2.1'))) }), 'pkcs7'],
    ['content', () => bag([leaf], { content: sequence(DATA, context(0, tlv(4))) }), 'pkcs7'],
    ['content of another type', () => bag([leaf], { content: sequence(SIGNED_DATA) }), 'pkcs7'],
    ['a revocation list', () => bag([leaf], { lists: [context(1, sequence())] }), 'pkcs7'],
    ['no certificate', () => Buffer.from(toPem('PKCS7', bag([]))), 'pkcs7'],
    ['a member too many', () => bag([leaf], { after: [empty] }), 'pkcs7'],
    ['no certificates part', () => sequence(SIGNED_DATA, context(0, sequence(integer(1), empty, sequence(DATA), tlv(0x31, Buffer.alloc(200))))), 'der'],
    ['something else among the certificates', () => bag([leaf, context(1, leaf)]), 'der'],
    ['octets after it', () => Buffer.concat([bag([leaf]), Buffer.from([5, 0])]), 'der'],
    ['its end cut off', () => bag([leaf, device]).subarray(0, -9), 'der'],
    ['a second content', () => sequence(SIGNED_DATA, context(0, sequence(integer(1), empty, sequence(DATA), context(0, leaf), empty)), context(0)), 'der'],
  ])('ATT-2: refuses a bag with %s', (_name, bytes, reason) => {
    expect(refused({ 'x.p7b': bytes() })).toEqual({ file: 'x.p7b', reason })
  })

  it('ATT-2: refuses a bag of 17 certificates', () => {
    expect(refused({ 'x.p7b': bag(Array.from({ length: 17 }, () => leaf)) })).toEqual({ file: 'x.p7b', reason: 'too-many-certificates' })
    expect(found({ 'x.p7b': bag(Array.from({ length: 16 }, () => leaf)) })).toHaveLength(16)
  })
})

describe('octets at random, as a signature is', () => {
  it.each(['3080', '308183', '3082017c', '3083ffffff', '3084ffffffff', '1f8b'])('ATT-2: are no certificate and no archive when they begin with %s', (begin) => {
    const signature = Buffer.concat([Buffer.from(begin, 'hex'), Buffer.alloc(384, 0xa5)]).subarray(0, 384)
    expect(read({ 'key.sig': signature }).others).toEqual([{ name: 'key.sig', bytes: signature, kind: 'binary', label: null }])
  })
})

describe('archives', () => {
  it('ATT-2: a gzip file is what is in it, under its own name', () => {
    expect(found({ 'leaf.der.gz': gzipSync(leaf), 'device.pem.gz': gzipSync(toPem('CERTIFICATE', device)) })).toEqual([['leaf.der.gz', 'leaf'], ['device.pem.gz', 'device']])
    const blob = Buffer.from('00112233', 'hex')
    expect(read({ 'attestation.dat': gzipSync(blob) }).others).toEqual([{ name: 'attestation.dat', bytes: blob, kind: 'binary', label: null }])
  })

  it('ATT-2: a zip file is the files in it, whatever their paths say, without the clutter of file managers', () => {
    const zip = zipSync({ '../../etc/leaf.der': [leaf, { level: 9 }], 'C:\\x\\device.der': [device, { level: 0 }], '__MACOSX/._leaf.der': [Buffer.from('junk'), {}], '.DS_Store': [Buffer.from('junk'), {}], 'folder/': [Buffer.alloc(0), {}] })
    expect(found({ 'my.zip': zip })).toEqual([['my.zip: leaf.der', 'leaf'], ['my.zip: device.der', 'device']])
    expect(found({ 'my.zip': zipSync({ 'leaf.gz': gzipSync(leaf) }) })).toEqual([['my.zip: leaf.gz', 'leaf']])
    expect(read({ 'my.zip': zipSync({}) }).certificates).toEqual([])
  })

  it('ATT-2: what comes out is bounded, for all archives together', () => {
    const zeros = Buffer.alloc(LIMITS.unpacked + 1)
    expect(refused({ 'bomb.gz': gzipSync(zeros) })).toEqual({ file: 'bomb.gz', reason: 'unpacked-too-large' })
    expect(refused({ 'bomb.gz': gzipSync(Buffer.alloc(30_000_000)) })).toEqual({ file: 'bomb.gz', reason: 'unpacked-too-large' })
    expect(refused({ 'bomb.zip': zipSync({ zeros }) })).toEqual({ file: 'bomb.zip', reason: 'unpacked-too-large' })
    const half = Buffer.alloc(LIMITS.unpacked / 2 + 1)
    expect(refused({ 'one.gz': gzipSync(half), 'two.gz': gzipSync(half) })).toEqual({ file: 'two.gz', reason: 'unpacked-too-large' })
    expect(refused({ 'one.zip': zipSync({ one: half, two: half }) })).toEqual({ file: 'one.zip', reason: 'unpacked-too-large' })
    expect(refused({ 'one.zip': zipSync({ 'a.gz': gzipSync(zeros) }) })).toEqual({ file: 'one.zip: a.gz', reason: 'unpacked-too-large' })
    expect(refused({ 'many.zip': zipSync(Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`${index}.txt`, Buffer.from('x')]))) })).toEqual({ file: 'many.zip', reason: 'too-many-files' })
  })

  it('ATT-2: an entry that claims less than it holds gives no more than it claims', () => {
    const zip = Buffer.from(zipSync({ 'zeros.bin': Buffer.alloc(1_000_000) }))
    for (let at = zip.indexOf(Buffer.from('40420f00', 'hex')); at >= 0; at = zip.indexOf(Buffer.from('40420f00', 'hex'))) zip.writeUInt32LE(1000, at)
    const before = process.memoryUsage().arrayBuffers
    try {
      expect(read({ 'lie.zip': zip }).others.every((file) => file.bytes.length <= 1000)).toBe(true)
    } catch (error) {
      expect(MalformedStatement.is(error) && error.reason.key).toBe('attestation.malformed.zip')
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000)
  })

  it('ATT-2: refuses archives in archives, damaged ones, and two entries of one name', () => {
    expect(refused({ 'a.gz': gzipSync(gzipSync(leaf)) })).toEqual({ file: 'a.gz', reason: 'nested-archive' })
    expect(refused({ 'a.gz': gzipSync(zipSync({ leaf })) })).toEqual({ file: 'a.gz', reason: 'nested-archive' })
    expect(refused({ 'a.zip': zipSync({ 'b.zip': zipSync({ leaf }) }) })).toEqual({ file: 'a.zip', reason: 'nested-archive' })
    expect(refused({ 'a.zip': zipSync({ 'b.gz': gzipSync(gzipSync(leaf)) }) })).toEqual({ file: 'a.zip', reason: 'nested-archive' })
    expect(refused({ 'a.gz': gzipSync(leaf).subarray(0, -5) })).toEqual({ file: 'a.gz', reason: 'gzip' })
    expect(refused({ 'a.gz': Buffer.concat([gzipSync(leaf), Buffer.from('more')]) })).toEqual({ file: 'a.gz', reason: 'gzip' })
    expect(refused({ 'a.zip': zipSync({ leaf }).subarray(0, -30) })).toEqual({ file: 'a.zip', reason: 'zip' })
    const twice = Buffer.from(zipSync({ 'a.der': leaf, 'b.der': device }).map((octet) => octet))
    for (let at = twice.indexOf('b.der'); at >= 0; at = twice.indexOf('b.der')) twice.write('a.der', at)
    expect(refused({ 'twice.zip': twice })).toEqual({ file: 'twice.zip', reason: 'zip' })
    const prototype = Buffer.from(zipSync({ xxproto__: leaf }))
    for (let at = prototype.indexOf('xxproto__'); at >= 0; at = prototype.indexOf('xxproto__')) prototype.write('__proto__', at)
    expect(refused({ 'proto.zip': prototype })).toEqual({ file: 'proto.zip', reason: 'zip' })
  })

  it('ATT-2: a private key is named as such wherever it hides', () => {
    const key = Buffer.from(rsa(2048).privateKey.export({ type: 'pkcs8', format: 'pem' }))
    expect(refused({ 'a.zip': zipSync({ 'key.pem': key }) })).toEqual({ file: 'a.zip: key.pem', reason: 'private-key' })
    expect(refused({ 'a.gz': gzipSync(key) })).toEqual({ file: 'a.gz', reason: 'private-key' })
    expect(refused({ 'a.json': Buffer.from(JSON.stringify({ key: key.toString() })) })).toEqual({ file: 'a.json', reason: 'private-key' })
  })
})

describe('files of other makers', () => {
  it('ATT-2: go to the makers unread, with what they look like', () => {
    const pem = toPem('CERTIFICATE', leaf)
    const others = read({
      'a.json': Buffer.from(`\n {"chain": ${JSON.stringify(pem)}}`),
      'b.json': Buffer.from('\uFEFF[1]'),
      'c.xml': Buffer.from('<?xml version="1.0"?><a/>'),
      'd.sig': Buffer.from('7b2c0f94959412', 'hex'),
      'e.sig': Buffer.from('3045022100aa', 'hex'),
      'f.sig': sequence(integer(Buffer.alloc(70, 1)), integer(Buffer.alloc(70, 2))),
      'g.pem': Buffer.from(toPem('EVIDENCE', Buffer.from('evidence'))),
      'h.txt': Buffer.from('notes'),
    }).others
    expect(others.map(({ name, kind, label }) => [name, kind, label].join(' '))).toEqual(['a.json json ', 'b.json json ', 'c.xml xml ', 'd.sig binary ', 'e.sig binary ', 'f.sig binary ', 'g.pem pem EVIDENCE', 'h.txt binary '])
    expect(others[6]!.bytes.toString()).toBe('evidence')
  })

  it('ATT-2: text that PowerShell wrote in UTF-16 is read as the text that it is', () => {
    const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(toPem('CERTIFICATE', leaf).replaceAll('\n', '\r\n'), 'utf16le')])
    expect(found({ 'leaf.pem': utf16 })).toEqual([['leaf.pem', 'leaf']])
  })

  it('ATT-2: a PEM block must hold what it says', () => {
    expect(refused({ 'x.pem': Buffer.from(toPem('CERTIFICATE', sequence(integer(1)))) })).toEqual({ file: 'x.pem', reason: 'der' })
    expect(refused({ 'x.pem': Buffer.from(toPem('PUBLIC KEY', leaf)) })).toEqual({ file: 'x.pem', reason: 'pem-label' })
  })
})

describe('mutated containers', () => {
  it('ATT-2: 1500 mutations of bags and archives give evidence within the limits or a malformed statement', () => {
    const next = random(20261124)
    const forms = [bag([leaf, device]), gzipSync(leaf), Buffer.from(zipSync({ 'a.der': leaf, 'b.gz': gzipSync(device), 'c.json': Buffer.from('{}') }))]
    const tally = { read: 0, malformed: 0 }
    for (let round = 0; round < 1500; round++) {
      const name = `${round % 3}`
      try {
        const { certificates, others } = read({ [name]: mutate(forms[round % 3]!, next) })
        expect(others.reduce((sum, file) => sum + file.bytes.length, 0) + certificates.reduce((sum, { der }) => sum + der.length, 0)).toBeLessThanOrEqual(LIMITS.unpacked)
        tally.read++
      } catch (error) {
        if (!MalformedStatement.is(error)) throw error
        tally.malformed++
      }
    }
    expect(tally.read).toBeGreaterThan(100)
    expect(tally.malformed).toBeGreaterThan(100)
  })
})
