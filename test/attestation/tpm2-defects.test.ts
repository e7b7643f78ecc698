import { beforeAll, describe, expect, it } from 'vitest'
import { toPem, writeCertificate } from '../../attestations/demo/certificate.ts'
import { readCbor } from '../../attestations/tpm2/cbor.ts'
import { ATTRIBUTE } from '../../attestations/tpm2/key.ts'
import { TCG_ATTEST_TPM_CERTIFY } from '../../attestations/tpm2/parse.ts'
import type { Question } from '../../src/attestation/verifier.ts'
import { reportToJson, type AttestationInput } from '../../src/attestation/verify-attestation.ts'
import { contextPrimitive, integer, octetString, oid, sequence, setOf, utf8String } from '../../src/pki/der.ts'
import { shippedPolicy, withAttestation, withSampleKeys } from '../support/attestation-policy.ts'
import * as fake from '../support/fake-tpm.ts'
import { also, fakeTpm, tpmFactory, tpmFiles, tpmObject, tpmPcp, without, type FakeTpm, type TpmFactory, type TpmOptions } from '../support/fake-tpm.ts'
import { commonName, ec, extension, rsa, spkiOf, type KeyPair } from '../support/fake-yubikey.ts'
import { judgeEvidence, outcome, untrusted, type Expected, type Files } from '../support/judge-evidence.ts'
import { wellFounded } from '../support/judge-maker.ts'
import { mutate, random } from '../support/mutate.ts'

let factory: TpmFactory
let stranger: TpmFactory
let applicant: KeyPair
let other: KeyPair
let small: KeyPair
let curves: { [name: string]: KeyPair }

beforeAll(() => {
  factory = tpmFactory()
  stranger = tpmFactory()
  applicant = rsa(3072)
  other = rsa(3072)
  small = rsa(2048)
  curves = Object.fromEntries(['P-256', 'P-384', 'P-521', 'secp256k1'].map((name) => [name, ec(name)]))
})

const tpm = (options: TpmOptions = {}, key = applicant): FakeTpm => fakeTpm(factory, key, options)
const files = (options: TpmOptions = {}, key = applicant): Record<string, Buffer> => tpmFiles(tpm(options, key))
const judge = (given: Files, key = applicant, more: Partial<AttestationInput> = {}) => judgeEvidence('tpm2', given, { spki: spkiOf(key) }, factory.anchors, more)
const refused = (question: Question, reason: string): Expected => ({ refused: { [question]: reason } })
const open = { policy: withSampleKeys() }

describe('a genuine TPM', () => {
  it('ATT-2 KEY-1: an RSA-3072 key is verified under the shipped sizes, in every form that tools write', () => {
    const whole = tpm()
    const parts = tpmFiles(whole)
    const forms: { [form: string]: Files } = {
      'tpm2-tools': parts,
      'tpm2-tools, any order': Object.fromEntries(Object.entries(parts).reverse()),
      'without the size before the public area': { ...parts, 'key.pub': whole.publicArea },
      'a bare signature': { ...parts, 'certify.sig': whole.bare },
      'certificates in one PEM file, twice': { ...parts, 'chain.pem': Buffer.from(toPem('CERTIFICATE', whole.authority) + toPem('CERTIFICATE', whole.ak)) },
      Windows: tpmPcp(whole),
      'an attestation object': { 'attestation.cbor': tpmObject(whole) },
      'an attestation object in a browser\'s answer': { 'answer.json': Buffer.from(JSON.stringify({ id: 'x', response: { attestationObject: tpmObject(whole).toString('base64url') } })) },
      'an attestation object with a TPMT_SIGNATURE': { 'attestation.cbor': tpmObject(whole, { sig: fake.cborBytes(whole.signature) }) },
    }
    for (const [form, given] of Object.entries(forms)) {
      const report = judge(given)
      expect(outcome(report), form).toEqual({ verified: true })
      for (const finding of Object.values(report.findings!)) expect(finding).toMatchObject({ outcome: 'pass', claimed: false })
    }
  })

  it('ATT-2: in the certificate request, as a statement of its type, with nothing uploaded', () => {
    const whole = tpm()
    const spki = spkiOf(applicant)
    const request = (stmt: Buffer, certificates = [whole.ak, whole.authority]) => fake.requestWith(spki, fake.attestationAttribute([{ type: TCG_ATTEST_TPM_CERTIFY, stmt }], certificates))
    const ask = (der: Buffer, given: Files = {}) => outcome(judgeEvidence('tpm2', given, { request: der }, factory.anchors))
    expect(ask(request(fake.tpmStatement(whole)))).toEqual({ verified: true })
    // The public area may stand elsewhere, and the request among the files too.
    expect(ask(request(fake.tpmStatement(whole, false)), { 'key.pub': whole.publicArea })).toEqual({ verified: true })
    expect(ask(request(fake.tpmStatement(whole)), { 'request.der': request(fake.tpmStatement(whole)) })).toEqual({ verified: true })
    expect(ask(request(fake.tpmStatement(whole), []), { 'ak.cer': whole.ak, 'authority.cer': whole.authority })).toEqual({ verified: true })
    expect(ask(request(fake.tpmStatement(whole, false)))).toEqual({ malformed: { file: null, reason: 'malformed.public-missing' } })
    expect(ask(request(fake.tpmStatement(whole), []))).toEqual({ malformed: { file: null, reason: 'malformed.ak-missing' } })
    expect(ask(request(sequence(octetString(whole.certify))))).toEqual({ malformed: { file: null, reason: 'malformed.der' } })
    expect(ask(request(sequence(octetString(whole.certify), octetString(whole.signature), octetString(whole.publicArea), octetString(whole.publicArea))))).toEqual({ malformed: { file: null, reason: 'malformed.der' } })
    expect(ask(request(sequence(octetString(whole.certify), integer(1))))).toEqual({ malformed: { file: null, reason: 'malformed.der' } })
  })

  it('ATT-2: with each scheme and digest that a TPM signs a statement with', () => {
    const attempts: [string, TpmOptions][] = [
      ...(['sha256', 'sha384', 'sha512'] as const).flatMap((digest) => (['rsassa', 'rsapss'] as const).map((padding) => [`${padding} ${digest}`, { digest, padding }] as [string, TpmOptions])),
      ['ecdsa P-256', { ak: curves['P-256']! }],
      ['ecdsa P-384', { ak: curves['P-384']!, digest: 'sha384' }],
      ['names by SHA-384', { nameDigest: 'sha384' }],
      ['names by SHA-512', { nameDigest: 'sha512' }],
      ['an RSA-4096 AK', { ak: rsa(4096) }],
    ]
    for (const [name, options] of attempts) expect(outcome(judge(files(options))), name).toEqual({ verified: true })
    for (const digest of ['sha384', 'sha512'] as const) expect(outcome(judge({ ...files({ digest }), 'certify.sig': tpm({ digest }).bare })), `bare ${digest}`).toEqual({ verified: true })
  })

  it('ATT-2: with each kind of key that its certificate covers, where the policy takes it, and each way to write the public area', () => {
    for (const key of [small, curves['P-256']!, curves['P-384']!]) expect(outcome(judge(files({}, key), key, open))).toEqual({ verified: true })
    const u16 = (...values: number[]) => Buffer.from(values.flatMap((value) => [value >> 8, value & 255]))
    const shapes: TpmOptions[] = [
      { exponent: 65537 },
      { scheme: u16(0x0014, 0x000b) },
      { scheme: u16(0x0016, 0x000c) },
      { scheme: u16(0x0017, 0x000b) },
      { scheme: u16(0x0015) },
      { symmetric: u16(0x0006, 128, 0x0043) },
      { attributes: also(2, 7, 8, 9, 10, 17, 19) },
      { extraData: Buffer.alloc(32, 3) },
      { akDates: [new Date('2026-11-21T00:00:00Z'), new Date('2026-11-21T00:00:00Z')] },
      { authorityDates: [new Date('2026-11-21T00:00:00Z'), new Date('2026-11-21T00:00:00Z')] },
      { version: 'id:0F16' },
      { authPolicy: Buffer.alloc(64, 1) },
      { moreNames: [contextPrimitive(2, Buffer.from('tpm.example'))] },
    ]
    for (const shape of shapes) expect(outcome(judge(files(shape))), JSON.stringify(shape)).toEqual({ verified: true })
    expect(outcome(judge(files({ scheme: u16(0x0018, 0x000b) }, curves['P-256']!), curves['P-256']!, open))).toEqual({ verified: true })
    expect(outcome(judge(files({ scheme: u16(0x001a, 0x000b, 1) }, curves['P-256']!), curves['P-256']!, open))).toEqual({ verified: true })
  })

  it('ATT-2: whose authority was certified twice is verified by the certificate that its root signed', () => {
    const again = tpm({ authoritySignedBy: stranger.keys.root }).authority
    const rekeyed = tpm({ authorityKey: stranger.keys.authority, akSignedBy: factory.keys.authority }).authority
    expect(outcome(judge({ 'again.cer': again, 'rekeyed.cer': rekeyed, ...files() }))).toEqual({ verified: true })
  })

  it('ATT-9: is described, with notes for staff', () => {
    const { device, findings } = judge(files({ extraData: Buffer.from('c0ffee', 'hex') }))
    expect(device).toMatchObject({ maker: 'IFX', firmware: '15.22', serial: null, formFactor: null })
    expect(device!.model.values).toEqual({ name: 'SLB 9672 TPM2.0' })
    expect(device!.details.map((row) => row.value.values!['text'])).toEqual([expect.stringMatching(/^000b[0-9a-f]{64}$/), '0x00040072', 'c0ffee'])
    expect(findings!['genuine-device'].cautions.map(({ key }) => key)).toEqual(['attestation.anchor.one-source'])
    expect(findings!['certified-module'].cautions.map(({ key }) => key)).toEqual(['attestation.certificate.unconfirmed', 'attestation-tpm2.build-not-stated', 'attestation-tpm2.synthetic-only'])
    const unknown = judge(files({ manufacturer: 'ACME', version: '7' })).device
    expect([unknown!.maker, unknown!.firmware]).toEqual(['ACME', null])
    expect(judge(files({ manufacturer: 'id:53544D20' })).device!.maker).toBe('STM')
    expect(judge(files({ manufacturer: null, model: null, version: null })).device).toMatchObject({ maker: '–', firmware: null })
  })
})

const bare = (name: string, options: TpmOptions, expected: Expected) => ({ name, files: () => files(options), expected })
const DEFECTS: { name: string; files: () => Files; key?: () => KeyPair; more?: () => Partial<AttestationInput>; expected: Expected }[] = [
  { name: 'a statement for another key than the request', files: () => files(), key: () => other, expected: refused('same-key', 'same-key.differs') },
  bare('a key that came from outside', { attributes: without(ATTRIBUTE.sensitiveDataOrigin) }, refused('generated-inside', 'origin.outside')),
  { name: 'a key that another TPM may have made', files: () => files({ attributes: without(ATTRIBUTE.fixedTpm) }), expected: { refused: { 'generated-inside': 'origin.elsewhere', 'not-exportable': 'fixed-tpm.bad' } } },
  bare('a key that can be moved under another parent', { attributes: without(ATTRIBUTE.fixedParent) }, refused('not-exportable', 'fixed-parent.bad')),
  bare('a key made for duplication', { attributes: also(11) }, refused('not-exportable', 'duplication.bad')),
  ...[0, 3, 12, 15, 20, 31].map((bit) => bare(`a key with the reserved attribute ${bit}`, { attributes: also(bit) }, refused('not-exportable', 'attributes.bad'))),
  { name: 'a key of another exponent', files: () => files({ exponent: 3 }), expected: refused('same-key', 'same-key.differs') },
  bare('a restricted key', { attributes: also(16) }, refused('certified-module', 'signing.restricted')),
  bare('a key that may not sign', { attributes: without(ATTRIBUTE.sign) }, refused('certified-module', 'signing.may-not')),
  bare('a TPM of another model', { model: 'SLB 9670 TPM2.0' }, refused('certified-module', 'device.unlisted')),
  bare('a TPM of another maker', { manufacturer: 'id:53544D20' }, refused('certified-module', 'device.unlisted')),
  bare('a firmware without a certificate', { version: 'id:000F0018' }, refused('certified-module', 'device.other-firmware')),
  bare('a version in a form that nobody writes', { version: 'id:0F1' }, refused('certified-module', 'device.other-firmware')),
  { name: 'a kind of key that the certificate does not cover', files: () => files({}, curves['P-521']!), key: () => curves['P-521']!, more: () => open, expected: refused('certified-module', 'key-type.uncertified') },
  { name: 'a kind of key that the policy does not take', files: () => files({}, small), key: () => small, expected: refused('certified-module', 'key-type.not-in-policy') },
  { name: 'a certificate that has ended', files: () => files(), more: () => ({ at: new Date('2028-07-06T00:00:00Z') }), expected: refused('certified-module', 'certificate.historical') },
  { name: 'a scheme that the policy does not count', files: () => files(), more: () => ({ policy: withAttestation(shippedPolicy, { schemes: [{ scheme: 'FIPS 140-3', minimumLevel: 2 }] }) }), expected: refused('certified-module', 'certificate.scheme') },

  { name: 'a root of the same name with another key', files: () => files({ authoritySignedBy: stranger.keys.root }), expected: untrusted('authority-signature.bad') },
  bare('a root that nobody holds', { root: commonName('My TPM root') }, untrusted('pinned.unknown')),
  { name: 'a root that is held but off', files: () => files({ root: fake.OFF, authoritySignedBy: factory.keys.off }), expected: untrusted('anchor.off-single-source') },
  { name: 'a root in the bundle under the held name', files: () => ({ ...files({ authoritySignedBy: stranger.keys.root }), 'root.der': selfSigned(fake.ROOT, stranger.keys.root) }), expected: untrusted('authority-signature.bad') },
  { name: 'an unknown root, beside another authority of the same name', files: () => ({ 'other.cer': tpm({ authorityKey: stranger.keys.authority }).authority, ...files({ root: commonName('My TPM root') }) }), expected: untrusted('pinned.unknown') },
  { name: 'an AK that another authority of the same name signed', files: () => files({ akSignedBy: stranger.keys.authority }), expected: untrusted('ak-signature.bad') },
  { name: 'an authority that is no CA', files: () => files({ authorityCa: false }), expected: untrusted('authority.may-not') },
  { name: 'an authority without a path length', files: () => files({ pathLength: null }), expected: untrusted('authority.may-not') },
  { name: 'an authority with path length 1', files: () => files({ pathLength: 1 }), expected: untrusted('authority.may-not') },
  { name: 'an authority that may not sign certificates', files: () => files({ authorityUsage: [0] }), expected: untrusted('authority.may-not') },
  { name: 'an authority for other purposes', files: () => files({ authorityPurposes: ['1.3.6.1.5.5.7.3.1'] }), expected: untrusted('authority.may-not') },
  { name: 'an AK that is a CA', files: () => files({ akCa: true }), expected: untrusted('ak-ca.present') },
  { name: 'an endorsement key in the place of the AK', files: () => files({ akPurposes: [fake.ENDORSEMENT] }), expected: untrusted('ak-purpose.endorsement') },
  { name: 'a key for both purposes', files: () => files({ akPurposes: [fake.ATTESTATION, fake.ENDORSEMENT] }), expected: untrusted('ak-purpose.endorsement') },
  { name: 'a certificate for another purpose', files: () => files({ akPurposes: ['1.3.6.1.5.5.7.3.2'] }), expected: untrusted('ak-purpose.other') },
  { name: 'a certificate without a purpose', files: () => files({ akPurposes: null }), expected: untrusted('ak-purpose.other') },
  { name: 'an AK that may not sign', files: () => files({ akUsage: [5] }), expected: untrusted('ak-usage.signs-not') },
  { name: 'an AK without key usage', files: () => files({ akUsage: null }), expected: untrusted('ak-usage.signs-not') },
  { name: 'an AK of somebody\'s name', files: () => files({ akSubject: commonName('My AK') }), expected: untrusted('ak-names.bad') },
  { name: 'an AK whose TPM\'s name is not critical', files: () => files({ criticalName: false }), expected: untrusted('ak-names.bad') },
  ...(['manufacturer', 'model', 'version'] as const).map((part) => ({ name: `an AK without the TPM's ${part}`, files: () => files({ [part]: null }), expected: untrusted('ak-names.bad') })),
  { name: 'an AK of tomorrow', files: () => files({ akDates: [new Date('2026-11-22T00:00:00Z'), new Date('2031-01-01T00:00:00Z')] }), expected: untrusted('validity.outside') },
  { name: 'an AK of yesterday', files: () => files({ akDates: [new Date('2025-01-01T00:00:00Z'), new Date('2026-11-20T23:59:59Z')] }), expected: untrusted('validity.outside') },
  { name: 'an authority of tomorrow', files: () => files({ authorityDates: [new Date('2026-11-22T00:00:00Z'), new Date('2031-01-01T00:00:00Z')] }), expected: untrusted('validity.outside') },
  { name: 'an authority of yesterday', files: () => files({ authorityDates: [new Date('2019-01-01T00:00:00Z'), new Date('2026-11-20T00:00:00Z')] }), expected: untrusted('validity.outside') },
  { name: 'a root past its time', files: () => files({ akDates: longer, authorityDates: longer }), more: () => ({ at: new Date('2039-12-11T00:00:00Z') }), expected: untrusted('validity.outside') },
  { name: 'an AK with a critical extension that nobody knows', files: () => files({ moreInAk: [extension('1.2.3.4', Buffer.from('0500', 'hex'), true)] }), expected: untrusted('extensions.unknown') },
  { name: 'an authority with a critical extension that nobody knows', files: () => files({ moreInAuthority: [extension('1.2.3.4', Buffer.from('0500', 'hex'), true)] }), expected: untrusted('extensions.unknown') },
  { name: 'an AK of 1024 bits', files: () => files({ ak: rsa(1024) }), expected: untrusted('ak-key.weak') },
  { name: 'an AK on another curve', files: () => files({ ak: curves['secp256k1']! }), expected: untrusted('ak-key.weak') },
  { name: 'a statement that another AK signed', files: () => files({ signedBy: stranger.keys.ak }), expected: untrusted('statement-signature.bad') },
  { name: 'a statement that the attested key signed', files: () => files({ signedBy: applicant }), expected: untrusted('statement-signature.bad') },
  { name: 'a signature over SHA-1', files: () => files({ digest: 'sha1' }), expected: untrusted('statement-signature.weak') },
  { name: 'a bare signature over SHA-1', files: () => ({ ...files(), 'certify.sig': tpm({ digest: 'sha1' }).bare }), expected: untrusted('statement-signature.weak') },
  { name: 'a signature over SHA-1 that says SHA-256', files: () => ({ ...files(), 'certify.sig': relabelled(tpm({ digest: 'sha1' }).signature) }), expected: untrusted('statement-signature.bad') },
  { name: 'an RSA signature of an AK on a curve', files: () => ({ ...files({ ak: curves['P-256']! }), 'certify.sig': tpm().signature }), expected: untrusted('statement-signature.bad') },
  { name: 'a signature on a curve of an RSA AK', files: () => ({ ...files(), 'certify.sig': tpm({ ak: curves['P-256']! }).signature }), expected: untrusted('statement-signature.bad') },
  { name: 'an object whose algorithm is not that of its signature', files: () => ({ o: tpmObject(tpm(), { alg: fake.cborNegative(-258) }) }), expected: untrusted('statement-signature.bad') },
  { name: 'an object whose algorithm is not that of its signature, the signature as a file before it', files: () => ({ 's.sig': tpm().bare, o: tpmObject(tpm(), { alg: fake.cborNegative(-258) }) }), expected: untrusted('statement-signature.bad') },
  { name: 'a statement about another object', files: () => files({ name: Buffer.concat([Buffer.from('000b', 'hex'), Buffer.alloc(32, 1)]) }), expected: untrusted('name.differs', { 'same-key': 'name.differs' }) },
  { name: 'a statement without a name', files: () => files({ name: Buffer.alloc(0) }), expected: untrusted('name.differs', { 'same-key': 'name.differs' }) },
  { name: 'the public area of another key', files: () => ({ ...files(), 'key.pub': tpm({}, other).publicArea }), key: () => other, expected: untrusted('name.differs', { 'same-key': 'name.differs' }) },
  { name: 'attributes changed after the statement', files: () => files({ attributes: without(ATTRIBUTE.fixedTpm), editPublic: (area) => Buffer.concat([area.subarray(0, 4), Buffer.from('00040072', 'hex'), area.subarray(8)]) }), expected: untrusted('name.differs', { 'same-key': 'name.differs' }) },
  { name: 'a name by SHA-1', files: () => files({ nameDigest: 'sha1' }), expected: untrusted('name.weak', { 'same-key': 'name.weak' }) },
]
const longer: [Date, Date] = [new Date('2026-01-01T00:00:00Z'), new Date('2049-01-01T00:00:00Z')]
const selfSigned = (name: Buffer, key: KeyPair): Buffer => writeCertificate({ serial: Buffer.from([1]), issuer: name, subject: name, notBefore: longer[0], notAfter: longer[1], spki: spkiOf(key), extensions: [] }, key.privateKey)
const relabelled = (signature: Buffer): Buffer => Buffer.concat([signature.subarray(0, 2), Buffer.from('000b', 'hex'), signature.subarray(4)])

describe('one defect each', () => {
  it.each(DEFECTS)('ATT-2: $name', ({ files: given, key = () => applicant, more = () => ({}), expected }) => {
    const report = judge(given(), key(), more())
    expect(outcome(report)).toEqual(expected)
    wellFounded(report)
  })

  it('ATT-2: the real keys are used unless a test says otherwise', () => {
    expect(outcome(judgeEvidence('tpm2', files(), { spki: spkiOf(applicant) }))).toEqual(untrusted('authority-signature.bad'))
  })

  it('ATT-2: no defect is passed over for want of this maker in the policy: it is named and not taken', () => {
    for (const given of [files(), tpmPcp(tpm()), { o: tpmObject(tpm()) }, { 'ak.cer': tpm().ak }]) expect(outcome(judgeEvidence('yubikey-piv', given, { spki: spkiOf(applicant) }, undefined)), Object.keys(given).join()).toEqual({ malformed: { file: Object.keys(given)[0], reason: 'off.tpm2' } })
  })
})

const part = (name: string, change: (bytes: Buffer) => Buffer) => () => {
  const given = files()
  return { ...given, [name]: change(given[name]!) }
}
const withOctets = (at: number, hex: string) => (bytes: Buffer) => Buffer.concat([bytes.subarray(0, at), Buffer.from(hex, 'hex'), bytes.subarray(at + hex.length / 2)])
const longerBy = (octets: string) => (bytes: Buffer) => Buffer.concat([bytes, Buffer.from(octets, 'hex')])
const cut = (bytes: Buffer) => bytes.subarray(0, -1)
const MALFORMED: { name: string; files: () => Files; key?: () => KeyPair; file: string | null; reason: string }[] = [
  { name: 'a statement cut short', files: part('certify.bin', cut), file: 'certify.bin', reason: 'structure' },
  { name: 'octets after a statement', files: part('certify.bin', longerBy('00')), file: 'certify.bin', reason: 'structure' },
  { name: 'a quote', files: part('certify.bin', withOctets(4, '8018')), file: 'certify.bin', reason: 'not-certify' },
  { name: 'a statement of a type that nobody knows', files: part('certify.bin', withOctets(4, '8099')), file: 'certify.bin', reason: 'not-certify' },
  { name: 'a statement whose clock is neither safe nor not', files: part('certify.bin', withOctets(4 + 2 + 36 + 2 + 16, '02')), file: 'certify.bin', reason: 'structure' },
  { name: 'a name longer than any', files: () => files({ name: Buffer.alloc(67) }), file: 'certify.bin', reason: 'structure' },
  { name: 'qualifying data longer than any', files: () => files({ extraData: Buffer.alloc(67) }), file: 'certify.bin', reason: 'structure' },
  { name: 'a statement without the TPM\'s mark, from Windows', files: () => pcp((bytes) => withOctets(24, 'ff544348')(bytes)), file: 'key.attest', reason: 'magic' },
  { name: 'a signature cut short', files: part('certify.sig', cut), file: 'certify.sig', reason: 'structure' },
  { name: 'octets after a signature', files: part('certify.sig', longerBy('00')), file: 'certify.sig', reason: 'structure' },
  { name: 'octets after a signature on a curve', files: () => ({ ...files({ ak: curves['P-256']! }), 'certify.sig': longerBy('00')(tpm({ ak: curves['P-256']! }).signature) }), file: 'certify.sig', reason: 'structure' },
  { name: 'an object with a signature of no scheme', files: () => ({ o: tpmObject(tpm(), { sig: fake.cborBytes(Buffer.from('0019000b0000', 'hex')) }) }), file: 'o', reason: 'structure' },
  { name: 'an object with a signature of no digest', files: () => ({ o: tpmObject(tpm(), { sig: fake.cborBytes(Buffer.from('001400990000', 'hex')) }) }), file: 'o', reason: 'structure' },
  { name: 'a public area cut short', files: part('key.pub', (bytes) => fake.sized(bytes.subarray(2, -1))), file: 'key.pub', reason: 'structure' },
  { name: 'octets after a public area', files: part('key.pub', (bytes) => fake.sized(Buffer.concat([bytes.subarray(2), Buffer.from([0])]))), file: 'key.pub', reason: 'structure' },
  { name: 'a modulus shorter than it says', files: part('key.pub', withOctets(2 + 2 + 2 + 4 + 2 + 2 + 2, '0800')), file: 'key.pub', reason: 'structure' },
  { name: 'a modulus that begins with zero', files: part('key.pub', withOctets(2 + 2 + 2 + 4 + 2 + 2 + 2 + 2 + 4 + 2, '00')), file: 'key.pub', reason: 'structure' },
  { name: 'a policy longer than any', files: () => files({ authPolicy: Buffer.alloc(65) }), file: 'key.pub', reason: 'structure' },
  { name: 'a modulus longer than any', files: part('key.pub', (bytes) => fake.sized(Buffer.concat([bytes.subarray(2, 2 + 14), Buffer.from('2000', 'hex'), Buffer.alloc(4), fake.sized(Buffer.alloc(1024, 0xff))]))), file: 'key.pub', reason: 'structure' },
  { name: 'a signature longer than any', files: part('certify.sig', () => Buffer.concat([Buffer.from('0014000b', 'hex'), fake.sized(Buffer.alloc(513, 1))])), file: 'certify.sig', reason: 'structure' },
  { name: 'an RSA key of a scheme for curves', files: () => files({ scheme: Buffer.from('0018000b', 'hex') }), file: 'key.pub', reason: 'structure' },
  { name: 'a symmetric object, from Windows', files: () => pcp((bytes, area) => withOctets(area + 2, '0025')(bytes)), file: 'key.attest', reason: 'key-kind' },
  { name: 'a key on a curve that is not taken', files: () => ({ ...files({}, curves['P-256']!), 'key.pub': withOctets(2 + 2 + 4 + 2 + 2 + 2, '0010')(tpm({}, curves['P-256']!).publicArea) }), key: () => curves['P-256']!, file: 'key.pub', reason: 'curve' },
  { name: 'a point longer than its curve', files: () => ({ ...files({}, curves['P-384']!), 'key.pub': withOctets(2 + 2 + 4 + 2 + 2 + 2, '0003')(tpm({}, curves['P-384']!).publicArea) }), key: () => curves['P-384']!, file: 'key.pub', reason: 'structure' },

  { name: 'a file that is no part of a statement', files: () => ({ ...files(), 'key.priv': Buffer.alloc(222, 7) }), file: 'key.priv', reason: 'unknown-file' },
  { name: 'a JSON text beside a statement', files: () => ({ ...files(), 'x.json': Buffer.from('{}') }), file: 'x.json', reason: 'unknown-file' },
  { name: 'two statements', files: () => ({ ...files(), 'more.bin': tpm({ extraData: Buffer.from([1]) }).certify }), file: 'more.bin', reason: 'several-statement' },
  { name: 'two signatures', files: () => ({ ...files(), 'more.sig': tpm({ extraData: Buffer.from([1]) }).signature }), file: 'more.sig', reason: 'several-signature' },
  { name: 'two public areas', files: () => ({ ...files(), 'more.pub': tpm({}, other).publicArea }), file: 'more.pub', reason: 'several-public' },
  { name: 'certificates of two AKs', files: () => ({ ...files(), 'more.cer': tpm({ ak: stranger.keys.ak }).ak }), file: 'more.cer', reason: 'several-ak' },
  { name: 'an AK that an AK issued', files: () => ({ ...files(), 'more.cer': underAk() }), file: 'more.cer', reason: 'several-ak' },

  { name: 'Windows\' attestation cut short', files: () => pcp(cut), file: 'key.attest', reason: 'structure' },
  { name: 'octets after Windows\' attestation', files: () => pcp(longerBy('00')), file: 'key.attest', reason: 'structure' },
  { name: 'Windows\' attestation of a TPM 1.2', files: () => pcp(withOctets(4, '01000000')), file: 'key.attest', reason: 'structure' },
  { name: 'Windows\' attestation with another header', files: () => pcp(withOctets(8, '20000000')), file: 'key.attest', reason: 'structure' },
  { name: 'Windows\' attestation of nothing but its mark', files: () => pcp((bytes) => bytes.subarray(0, 20)), file: 'key.attest', reason: 'structure' },
  { name: 'Windows\' attestation with storage cut short', files: () => pcp((bytes, area) => withOctets(20, '0a000000')(bytes.subarray(0, area - 52 + 10))), file: 'key.attest', reason: 'structure' },
  { name: 'Windows\' attestation with storage of no key', files: () => pcp((bytes, area) => withOctets(area - 52, '00')(bytes)), file: 'key.attest', reason: 'structure' },
  { name: 'Windows\' attestation with storage of a TPM 1.2', files: () => pcp((bytes, area) => withOctets(area - 44, '01000000')(bytes)), file: 'key.attest', reason: 'structure' },
  { name: 'Windows\' attestation with a public area past its end', files: () => pcp((bytes, area) => withOctets(area - 36, 'ffff0000')(bytes)), file: 'key.attest', reason: 'structure' },
  { name: 'Windows\' attestation with a header of storage that is too short', files: () => pcp((bytes, area) => withOctets(area - 48, '08000000')(bytes)), file: 'key.attest', reason: 'structure' },

  ...(['sig', 'certInfo', 'pubArea', 'x5c', 'alg', 'ver'] as const).map((member) => ({ name: `an object without ${member}`, files: () => ({ o: tpmObject(tpm(), { [member]: undefined }) }), file: 'o', reason: 'object' })),
  { name: 'an object of another version', files: () => ({ o: tpmObject(tpm(), { ver: fake.cborText('1.2') }) }), file: 'o', reason: 'object' },
  { name: 'an object of an algorithm that nobody knows', files: () => ({ o: tpmObject(tpm(), { alg: fake.cborNegative(-8) }) }), file: 'o', reason: 'object' },
  { name: 'an object with an empty chain', files: () => ({ o: tpmObject(tpm(), { x5c: fake.cborList([]) }) }), file: 'o', reason: 'object' },
  { name: 'an object with a chain of texts', files: () => ({ o: tpmObject(tpm(), { x5c: fake.cborList([fake.cborText('x')]) }) }), file: 'o', reason: 'object' },
  { name: 'an object without a statement', files: () => ({ o: tpmObject(tpm(), {}, { attStmt: undefined }) }), file: 'o', reason: 'object' },
  { name: 'octets after an object', files: () => ({ o: longerBy('00')(tpmObject(tpm())) }), file: 'o', reason: 'object' },
  { name: 'an answer whose object is not base64url', files: () => ({ 'a.json': Buffer.from('{"attestationObject":"*"}') }), file: 'a.json', reason: 'object' },
  { name: 'an answer whose object is something else', files: () => ({ 'a.json': Buffer.from(`{"attestationObject":"${Buffer.alloc(40, 9).toString('base64url')}"}`) }), file: 'a.json', reason: 'unknown-file' },
]
function pcp(change: (bytes: Buffer, area: number) => Buffer): Files {
  const whole = tpm()
  const given = tpmPcp(whole)
  return { ...given, 'key.attest': change(given['key.attest']!, 24 + whole.certify.length + whole.bare.length + 52) }
}
const underAk = (): Buffer =>
  writeCertificate({ serial: Buffer.from([9]), issuer: sequence(), subject: sequence(), notBefore: longer[0], notAfter: longer[1], spki: spkiOf(stranger.keys.ak), extensions: [extension('2.5.29.37', sequence(Buffer.from('06056781050803', 'hex')))] }, factory.keys.ak.privateKey)

describe('what cannot be read', () => {
  it.each(MALFORMED)('ATT-2: $name', ({ files: given, key = () => applicant, file, reason }) => {
    expect(outcome(judge(given(), key(), open))).toEqual({ malformed: { file, reason: `malformed.${reason}` } })
  })

  it('ATT-2: seventeen certificates, some of them in an object', () => {
    const { ak, authority } = tpm()
    expect(outcome(judge({ o: tpmObject(tpm(), { x5c: fake.cborList(Array.from({ length: 17 }, () => fake.cborBytes(ak))) }) }))).toEqual({ malformed: { file: 'o', reason: 'malformed.too-many-certificates' } })
    expect(outcome(judge({ o: tpmObject(tpm(), { x5c: fake.cborList([...Array.from({ length: 15 }, () => ak), authority].map(fake.cborBytes)) }) }))).toEqual({ verified: true })
  })

  it('ATT-2: a TPM that is named twice', () => {
    const twice = setOf(sequence(oid('2.23.133.2.2'), utf8String('SLB 9672 TPM2.0')))
    expect(outcome(judge(files({ moreParts: [twice] })))).toEqual({ malformed: { file: 'ak.cer', reason: 'malformed.der' } })
  })

  it('ATT-2: an alternative name that is not well formed', () => {
    const bad = (value: Buffer) => outcome(judge(files({ manufacturer: null, model: null, version: null, moreInAk: [extension('2.5.29.17', value, true)] })))
    for (const value of ['3006a40430003000', '3000ff', '3010a40e300c310a300806026000810230']) expect(bad(Buffer.from(value, 'hex'))).toEqual({ malformed: { file: 'ak.cer', reason: 'malformed.der' } })
  })
})

describe('CBOR', () => {
  it('ATT-2: takes values in their shortest form, and nothing else', () => {
    expect(readCbor(Buffer.from('a2616101616220', 'hex'))).toEqual(new Map([['a', 1], ['b', -1]]))
    expect(readCbor(Buffer.from('8443010203f61817190100', 'hex'))).toBeUndefined()
    expect(readCbor(Buffer.from('8443010203f61818190100', 'hex'))).toEqual([Buffer.from([1, 2, 3]), null, 24, 256])
    expect(readCbor(Buffer.from('1a00010000', 'hex'))).toBe(65536)
    const refused = ['', '1817', '1900ff', '1a0000ffff', '1b0000000100000000', '1c', '5f4101ff', '9f01ff', 'bf616101ff', 'f4', 'f93c00', 'c000', 'a10102', 'a2616101616101', '62', '62c328', '0000', '4301', '818181818180', '990100']
    for (const hex of refused) expect(readCbor(Buffer.from(hex, 'hex')), hex).toBeUndefined()
    expect(readCbor(Buffer.from('8181818180', 'hex'))).toEqual([[[[[]]]]])
  })
})

describe('mutated TPM statements', () => {
  const tally = (judged: { verdict: ReturnType<typeof reportToJson>['verdict']; attested: string | null; key: string }[]) => {
    const count = { verified: 0, refused: 0, malformed: 0 }
    for (const { verdict, attested, key } of judged) {
      count[verdict.outcome]++
      if (verdict.outcome === 'verified') expect(attested).toBe(key)
    }
    return count
  }
  const ask = (given: Files) => {
    const { verdict, key } = reportToJson(judge(given))
    return { verdict, attested: key.attestedSpkiSha256, key: key.spkiSha256 }
  }

  it('ATT-2: 500 mutations of the files crash nothing, and verify no other key', () => {
    const next = random(20261124)
    const whole = files()
    const names = Object.keys(whole)
    const found = tally(Array.from({ length: 500 }, (_, round) => ask({ ...whole, [names[round % names.length]!]: mutate(whole[names[round % names.length]!]!, next) })))
    expect(found.refused).toBeGreaterThan(50)
    expect(found.malformed).toBeGreaterThan(100)
  })

  it('ATT-2: 500 mutations of Windows\' attestation and of an attestation object do neither', () => {
    const next = random(20261125)
    const [windows, object] = [tpmPcp(tpm()), tpmObject(tpm())]
    const found = tally(Array.from({ length: 500 }, (_, round) => ask(round % 2 ? { ...windows, 'key.attest': mutate(windows['key.attest']!, next) } : { o: mutate(object, next) })))
    expect(found.malformed).toBeGreaterThan(100)
  })

  it('ATT-2: 500 mutations that the AK signs, so that each check behind the signature is reached, crash nothing', () => {
    const next = random(20261126)
    const found = tally(Array.from({ length: 500 }, (_, round) => ask(files(round % 2 ? { editCertify: (statement) => mutate(statement, next) } : { editPublic: (area) => mutate(area, next) }))))
    expect(found.malformed).toBeGreaterThan(100)
    expect(found.refused).toBeGreaterThan(50)
  })
})
