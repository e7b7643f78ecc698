import { beforeAll, describe, expect, it } from 'vitest'
import { toPem, writeCertificate } from '../../attestations/demo/certificate.ts'
import type { Question } from '../../src/attestation/verifier.ts'
import { isVerifiedKey, reportToJson, verifyAttestation, type AttestationInput, type AttestationReport } from '../../src/attestation/verify-attestation.ts'
import { boolean, integer, oid, readDer, sequence } from '../../src/pki/der.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { translate } from '../../src/web/locales.ts'
import { shippedPolicy, withAttestation, withSampleKeys } from '../support/attestation-policy.ts'
import { unworded } from '../support/attestation-words.ts'
import * as fake from '../support/fake-yubikey.ts'
import { fakeFactory, fakeYubikey, requestFor, rsa, spkiOf, type FakeFactory, type FakeOptions, type KeyPair } from '../support/fake-yubikey.ts'

const NOW = new Date('2026-11-21T00:00:00Z')
let factory: FakeFactory
let stranger: FakeFactory
let applicant: KeyPair
let big: KeyPair
let small: KeyPair
let spki: Buffer

beforeAll(() => {
  factory = fakeFactory()
  stranger = fakeFactory()
  applicant = rsa(3072)
  big = rsa(4096)
  small = rsa(2048)
  spki = spkiOf(applicant)
})

type Files = Record<string, Buffer>
function judge(files: Files, more: Partial<AttestationInput> = {}): AttestationReport {
  const publicKeySpki = more.publicKeySpki ?? spki
  const report = verifyAttestation(
    { files: Object.entries(files).map(([name, bytes]) => ({ name, bytes })), certificateRequestDer: requestFor(publicKeySpki), publicKeySpki, at: NOW, policy: shippedPolicy, demoHierarchy: false, ...more },
    { 'yubikey-piv': factory.anchors },
  )
  expect(unworded(report)).toEqual([])
  return report
}
const device = (options: FakeOptions = {}, key = spki): Files => {
  const { leaf, device: f9 } = fakeYubikey(factory, key, options)
  return { 'leaf.der': leaf, 'f9.der': f9 }
}
const reasons = ({ verdict, findings }: AttestationReport) =>
  'refused' in verdict ? Object.fromEntries(verdict.refused.map((question: Question) => [question, findings![question].observed.key.replace('attestation.', '')])) : verdict
const malformed = ({ verdict }: AttestationReport) => ('malformed' in verdict ? { file: verdict.malformed.file, reason: verdict.malformed.reason.key.replace('attestation.', '') } : verdict)
const untrusted = (reason: string, rest: Partial<Record<Question, string>> = {}) => ({
  'genuine-device': reason,
  'generated-inside': 'claim.untrusted',
  'not-exportable': 'claim.untrusted',
  'certified-module': 'claim.untrusted',
  ...rest,
})

describe('a genuine device', () => {
  it.each([3072, 4096])('ATT-2 KEY-1: RSA-%i on a FIPS 5.7.4 is verified under the shipped policy, by either hierarchy', (bits) => {
    const key = spkiOf(bits === 3072 ? applicant : big)
    for (const issuedBy of [fake.NEWER, fake.OLDER]) {
      const report = judge(device({ issuedBy }, key), { publicKeySpki: key })
      expect(reasons(report)).toHaveProperty('verified')
      expect(report.chainTrusted).toBe(true)
      expect(report.key).toMatchObject({ type: `RSA-${bits}`, permittedByPolicy: true })
      for (const finding of Object.values(report.findings!)) expect(finding).toMatchObject({ outcome: 'pass', claimed: false })
    }
  })

  it('ATT-9: each finding says what was seen, what is expected and by what rule, and failures say what to do', () => {
    for (const report of [judge(device()), judge(device({ fips: null, form: 3, pin: 1, slot: 'f9' })), judge(device(), { publicKeySpki: spkiOf(small) })])
      for (const finding of Object.values(report.findings!)) {
        expect(finding.checks.length).toBeGreaterThan(0)
        for (const check of [finding, ...finding.checks]) {
          expect(check.observed.key && check.expected.key && check.source).toBeTruthy()
          if (check === finding && check.outcome === 'fail') expect(check.remedy).toBeDefined()
        }
      }
  })

  it('ATT-2: the statement may be embedded in the request, at .1 and .2 or the older .11', () => {
    const { leaf, device: f9 } = fakeYubikey(factory, spki)
    for (const arc of ['1', '11']) {
      const certificateRequestDer = requestFor(spki, [{ oid: `${fake.ARC}${arc}`, value: leaf }, { oid: `${fake.ARC}2`, value: f9 }])
      expect(reasons(judge({}, { certificateRequestDer }))).toHaveProperty('verified')
      expect(reasons(judge({ 'leaf.pem': Buffer.from(toPem('CERTIFICATE', leaf)) }, { certificateRequestDer }))).toHaveProperty('verified')
    }
    expect(malformed(judge({}, { certificateRequestDer: requestFor(spki, [{ oid: `${fake.ARC}2`, value: f9 }]) }))).toEqual({ file: null, reason: 'yubikey-piv.malformed.attestation-missing' })
  })

  it('ATT-2: an early device needs no basicConstraints under the older root, a later one does', () => {
    const early = judge(device({ issuedBy: fake.OLDER, firmware: [4, 3, 5], pathLength: null }))
    expect(early.findings!['genuine-device'].outcome).toBe('pass')
    expect(reasons(judge(device({ issuedBy: fake.OLDER, pathLength: null })))).toEqual(untrusted('yubikey-piv.device-ca.missing'))
    expect(reasons(judge(device({ issuedBy: fake.NEWER, firmware: [4, 3, 5], pathLength: null })))).toMatchObject({ 'genuine-device': 'yubikey-piv.device-ca.missing' })
  })
})

interface Defect {
  name: string
  files: () => Files
  more?: () => Partial<AttestationInput>
  refused: Partial<Record<Question, string>>
}
const certified = (reason: string) => ({ 'certified-module': reason })

const DEFECTS: Defect[] = [
  { name: 'the statement is for another key than the request', files: () => device(), more: () => ({ publicKeySpki: spkiOf(big) }), refused: { 'same-key': 'same-key.differs' } },
  { name: 'the key judged is not the key of the stored request', files: () => device(), more: () => ({ certificateRequestDer: requestFor(spkiOf(big)) }), refused: { 'same-key': 'same-key.request-differs' } },
  { name: 'a root of the same name with another key', files: () => device({ issuedBy: fake.OLDER, deviceSignedBy: stranger.keys[fake.OLDER]! }), refused: untrusted('yubikey-piv.device-signature.bad') },
  { name: 'an intermediate of the same name with another key', files: () => device({ deviceSignedBy: stranger.keys[fake.NEWER]! }), refused: untrusted('yubikey-piv.device-signature.bad') },
  { name: 'an issuer that nobody knows', files: () => device({ issuedBy: 'Yubico PIV Attestation Z 1', deviceSignedBy: stranger.keys[fake.NEWER]! }), refused: untrusted('yubikey-piv.pinned.unknown') },
  { name: 'the preview authority', files: () => device({ issuedBy: fake.PREVIEW }), refused: untrusted('yubikey-piv.pinned.refused') },
  { name: 'the FIDO authority', files: () => device({ issuedBy: fake.FIDO }), refused: untrusted('yubikey-piv.pinned.refused') },
  { name: 'an ECDSA signature under the name of RSA', files: () => device({ f9: fake.ec('P-256') }), refused: untrusted('yubikey-piv.leaf-signature.bad') },
  { name: 'a refused authority in the place of f9', files: () => device({ deviceSubject: fake.FIDO, f9: factory.keys[fake.FIDO]! }), refused: untrusted('yubikey-piv.pinned.refused') },
  { name: 'a refused name in the place of f9', files: () => device({ deviceSubject: fake.FIDO }), refused: untrusted('yubikey-piv.pinned.refused') },
  { name: 'a refused key in the place of f9', files: () => device({ f9: factory.keys[fake.FIDO]! }), refused: untrusted('yubikey-piv.pinned.refused') },
  { name: 'a refused key as the attested one', files: () => device({}, spkiOf(factory.keys[fake.FIDO]!)), more: () => ({ publicKeySpki: spkiOf(factory.keys[fake.FIDO]!) }), refused: untrusted('yubikey-piv.pinned.refused') },
  { name: 'an f9 certificate directly below a root that signs authorities only', files: () => device({ issuedBy: fake.ROOT }), refused: untrusted('yubikey-piv.pinned.unknown') },
  { name: 'a day before the issuing authority began', files: () => device({ notBefore: new Date('2015-01-01T00:00:00Z') }), more: () => ({ at: new Date('2016-03-13T23:59:59Z') }), refused: untrusted('validity.outside') },
  { name: 'a day after the issuing authority ended', files: () => device({ issuedBy: fake.OLDER }), more: () => ({ at: new Date('2052-04-18T00:00:00Z') }), refused: untrusted('validity.outside') },
  { name: 'the f9 certificate of another device', files: () => ({ 'leaf.der': fakeYubikey(factory, spki).leaf, 'f9.der': fakeYubikey(factory, spki, { f9: stranger.f9 }).device }), refused: untrusted('yubikey-piv.leaf-signature.bad') },
  { name: 'an f9 certificate of another name', files: () => ({ 'leaf.der': fakeYubikey(factory, spki).leaf, 'f9.der': fakeYubikey(factory, spki, { deviceSubject: 'Yubico PIV Attestation' }).device }), refused: untrusted('yubikey-piv.issuer.mismatch') },
  { name: 'an f9 that its owner replaced', files: () => device({ f9: small, deviceSignedBy: small, issuedBy: 'YubiKey PIV Attestation' }), refused: untrusted('yubikey-piv.pinned.unknown') },
  { name: 'a leaf that is a CA', files: () => device({ moreInLeaf: [fake.certificationAuthority(0)] }), refused: untrusted('yubikey-piv.leaf-ca.present') },
  { name: 'an f9 certificate that is no CA', files: () => device({ pathLength: null }), refused: untrusted('yubikey-piv.device-ca.missing') },
  { name: 'an f9 certificate with path length 1', files: () => device({ pathLength: 1 }), refused: untrusted('yubikey-piv.device-ca.missing') },
  { name: 'a leaf under no name of a slot', files: () => device({ leafSubject: 'YubiKey PIV Attestation' }), refused: untrusted('yubikey-piv.subject.bad', { 'generated-inside': 'claim.untrusted' }) },
  { name: 'slot f9, whose key its owner may replace', files: () => device({ slot: 'f9' }), refused: { 'generated-inside': 'yubikey-piv.slot.f9' } },
  { name: 'slot 9b, which holds no user key', files: () => device({ slot: '9b' }), refused: { 'generated-inside': 'yubikey-piv.slot.other' } },
  { name: 'slot 96, one past the retired ones', files: () => device({ slot: '96' }), refused: { 'generated-inside': 'yubikey-piv.slot.other' } },
  { name: 'an unknown extension of the arc in the leaf', files: () => device({ moreInLeaf: [fake.arcExtension(12, 1)] }), refused: untrusted('yubikey-piv.extensions.unknown') },
  { name: 'the FIPS mark in the leaf instead of f9', files: () => device({ moreInLeaf: [fake.extension(`${fake.ARC}10`, integer(8))] }), refused: untrusted('yubikey-piv.extensions.unknown') },
  { name: 'an unknown extension of the arc in f9', files: () => device({ moreInDevice: [fake.arcExtension(13, 1)] }), refused: untrusted('yubikey-piv.extensions.unknown') },
  { name: 'a critical extension that we don\'t process', files: () => device({ moreInLeaf: [fake.extension('2.5.29.36', sequence(), true)] }), refused: untrusted('yubikey-piv.extensions.unknown') },
  { name: 'a statement of tomorrow', files: () => device({ notBefore: new Date('2026-11-22T00:00:00Z') }), refused: untrusted('validity.outside') },
  { name: 'a statement past its end', files: () => device({ notAfter: new Date('2026-11-20T00:00:00Z') }), refused: untrusted('validity.outside') },
  { name: 'the FIPS bit without the FIPS extension', files: () => device({ fips: null }), refused: certified('yubikey-piv.fips.bit-only') },
  { name: 'the FIPS extension without the FIPS bit', files: () => device({ form: 0x03 }), refused: certified('yubikey-piv.fips.extension-only') },
  { name: 'the FIPS extension and no form factor at all', files: () => device({ form: null }), refused: certified('yubikey-piv.fips.extension-only') },
  { name: 'RSA-4096 on a 5.7.4 that is not FIPS', files: () => device({ fips: null, form: 0x03 }, spkiOf(big)), more: () => ({ publicKeySpki: spkiOf(big) }), refused: certified('yubikey-piv.fips.neither') },
  { name: 'a CSPN device by its f9', files: () => device({ fips: null, form: 0x01, cspn: true }), refused: certified('yubikey-piv.fips.cspn') },
  { name: 'a CSPN device by its form factor', files: () => device({ fips: null, form: 0x41 }), refused: certified('yubikey-piv.fips.cspn') },
  { name: 'FIPS and CSPN at once', files: () => device({ cspn: true }), refused: certified('yubikey-piv.fips.fips-and-cspn') },
  { name: 'a firmware that was never certified', files: () => device({ firmware: [5, 7, 5] }), refused: certified('yubikey-piv.firmware.unlisted') },
  { name: 'RSA-3072 on firmware 5.4.3, certified for RSA-2048 alone', files: () => device({ firmware: [5, 4, 3], issuedBy: fake.OLDER }), refused: certified('yubikey-piv.key-type.uncertified') },
  { name: 'RSA-2048, which the catalogue does not have for 5.7.4', files: () => device({}, spkiOf(small)), more: () => ({ publicKeySpki: spkiOf(small), policy: withSampleKeys() }), refused: certified('yubikey-piv.key-type.uncertified') },
  { name: 'P-384, which the shipped policy does not take', files: () => device({}, spkiOf(curve())), more: () => ({ publicKeySpki: spkiOf(curve()) }), refused: certified('key-type.not-in-policy') },
  { name: 'a PIN never asked for', files: () => device({ pin: 1 }), refused: certified('yubikey-piv.pin-policy.never') },
  { name: 'a PIN policy that we don\'t know', files: () => device({ pin: 9 }), refused: certified('yubikey-piv.pin-policy.unknown') },
  { name: 'a day before the certificate was given', files: () => device(), more: () => ({ at: new Date('2026-05-21T23:59:59Z') }), refused: certified('certificate.not-yet') },
  { name: 'a day after the certificate ends', files: () => device(), more: () => ({ at: new Date('2031-05-22T00:00:00Z') }), refused: certified('certificate.historical') },
  { name: 'a policy that does not count FIPS 140-3', files: () => device(), more: () => ({ policy: withAttestation(shippedPolicy, { schemes: [{ scheme: 'Common Criteria', minimumLevel: 4 }] }) }), refused: certified('certificate.scheme') },
  { name: 'a policy that asks for level 3', files: () => device(), more: () => ({ policy: withAttestation(shippedPolicy, { schemes: [{ scheme: 'FIPS 140-3', minimumLevel: 3 }] }) }), refused: certified('certificate.level') },
]

let p384: KeyPair | undefined
const curve = (): KeyPair => (p384 ??= fake.ec('P-384'))

describe('one defect each', () => {
  it.each(DEFECTS)('ATT-2: refuses $name', ({ files, more, refused }) => {
    expect(reasons(judge(files(), more?.()))).toEqual(refused)
  })

  it('ATT-2: a chain that is not trusted turns every claim into one that is only claimed', () => {
    const { findings, chainTrusted, device: described } = judge(device({ deviceSignedBy: stranger.keys[fake.NEWER]! }))
    expect(chainTrusted).toBe(false)
    expect(described?.firmware).toBe('5.7.4')
    for (const question of ['same-key', 'generated-inside', 'not-exportable', 'certified-module'] as const) expect(findings![question].claimed).toBe(true)
    expect(findings!['certified-module'].checks.filter((check) => check.outcome === 'pass').length).toBeGreaterThan(0)
  })

  it('ATT-2: a forged statement below a real one does not pass, with or without the rest of the chain', () => {
    const real = fakeYubikey(factory, spkiOf(small))
    const forged = fakeYubikey(factory, spki, { leafIssuer: 'YubiKey PIV Attestation 9c', leafSubject: 'YubiKey PIV Attestation 9a', leafSignedBy: small }).leaf
    for (const files of [{ forged, real: real.leaf }, { forged, real: real.leaf, f9: real.device }, { f9: real.device, real: real.leaf, forged }] as Files[]) {
      const report = judge(files)
      expect(reasons(report)).toEqual(untrusted('yubikey-piv.pinned.unknown'))
    }
    // Even a real leaf that was given a CA's extension by a careless f9 does not carry another one.
    const careless = fakeYubikey(factory, spkiOf(small), { moreInLeaf: [fake.certificationAuthority(0)] })
    expect(reasons(judge({ forged, real: careless.leaf, f9: careless.device }))).toEqual(untrusted('yubikey-piv.pinned.unknown'))
  })

  it('ATT-2: a forged statement with the name of the real one does not pass either', () => {
    const real = fakeYubikey(factory, spkiOf(small))
    const forged = fakeYubikey(factory, spki, { leafIssuer: 'YubiKey PIV Attestation 9c', leafSignedBy: small }).leaf
    expect(reasons(judge({ forged, real: real.leaf, f9: real.device }))).toEqual(untrusted('yubikey-piv.pinned.unknown'))
  })

  it('ATT-2: a root brought along is not trusted, and a certificate that issues itself ends no search', () => {
    const name = fake.commonName('Yubico PIV Attestation Z 1')
    const root = writeCertificate({ serial: Buffer.from([1]), issuer: name, subject: name, notBefore: new Date('2024-01-01T00:00:00Z'), notAfter: new Date('2052-01-01T00:00:00Z'), spki: spkiOf(stranger.f9), extensions: [fake.certificationAuthority(3)] }, stranger.f9.privateKey)
    expect(reasons(judge({ ...device({ issuedBy: 'Yubico PIV Attestation Z 1', deviceSignedBy: stranger.f9 }), 'root.der': root }))).toEqual(untrusted('yubikey-piv.pinned.unknown'))
  })

  it('ATT-2: marks that no honest device has are told to staff', () => {
    for (const options of [{ fips: null }, { form: 0x03 }, { deviceSignedBy: stranger.keys[fake.NEWER]! }, { issuedBy: fake.PREVIEW }] as FakeOptions[])
      expect(Object.values(judge(device(options)).findings!).some((finding) => finding.checks.some((check) => check.alert))).toBe(true)
    expect(Object.values(judge(device({ pin: 1 })).findings!).some((finding) => finding.checks.some((check) => check.alert))).toBe(false)
  })

  it('ATT-8: the policy may take keys that need no PIN', () => {
    expect(reasons(judge(device({ pin: 1 }), { policy: withAttestation(shippedPolicy, { pinPolicyNever: 'accept' }) }))).toHaveProperty('verified')
  })

  it('ATT-8 ATT-9: a perfect chain from a device that is not certified calls the device by its name, and says what to use; a broken one never calls it genuine', () => {
    const plain = judge(device({ fips: null, form: 0x03 }))
    expect(plain.chainTrusted).toBe(true)
    expect(reasons(plain)).toEqual({ 'certified-module': 'yubikey-piv.fips.neither' })
    const { observed, remedy } = plain.findings!['certified-module']
    expect(translate('en', observed.key, observed.values)).toBe('A genuine YubiKey 5.7.4, but not the FIPS model: YubiKeys of the FIPS series alone are certified')
    expect(translate('ja', observed.key, observed.values)).toMatch(/^正規のYubiKey 5\.7\.4 ですが、FIPSモデルではありません/)
    expect(remedy?.key).toBe('attestation.yubikey-piv.remedy.fips-device')
    const { leaf, device: f9 } = fakeYubikey(stranger, spki, { fips: null, form: 0x03 })
    const seen = judge({ 'leaf.der': leaf, 'f9.der': f9 }).findings!['certified-module'].checks.map((check) => check.observed.key)
    expect(seen).toContain('attestation.yubikey-piv.fips.neither-claimed')
    expect(seen).not.toContain('attestation.yubikey-piv.fips.neither')
  })

  it('ATT-8: a FIPS 140-2 YubiKey is accepted until the date of the policy\'s switch, and refused after', () => {
    const key = spkiOf(small)
    const until = withSampleKeys(withAttestation(shippedPolicy, { historicalCertificates: [{ scheme: 'FIPS 140-2', acceptedUntil: '2027-03-31T23:59:59Z', why: 'test' }] }))
    const asked = (at: string, policy: Policy) => reasons(judge(device({ issuedBy: fake.OLDER, firmware: [5, 4, 3] }, key), { publicKeySpki: key, policy, at: new Date(at) }))
    expect(asked('2027-03-31T23:59:59Z', until)).toHaveProperty('verified')
    expect(asked('2027-04-01T00:00:00Z', until)).toEqual({ 'certified-module': 'certificate.historical' })
    expect(asked('2026-09-21T23:59:59Z', withSampleKeys())).toHaveProperty('verified')
    expect(asked('2026-09-22T00:00:00Z', withSampleKeys())).toEqual({ 'certified-module': 'certificate.historical' })
    expect(asked('2026-09-22T00:00:00Z', withSampleKeys(withAttestation(shippedPolicy, { historicalCertificates: [] })))).toEqual({ 'certified-module': 'certificate.historical' })
  })

  it('ATT-2: a maker that the policy does not list is not asked', () => {
    expect(malformed(judge(device(), { policy: withAttestation(shippedPolicy, { makers: [] }) }))).toEqual({ file: 'leaf.der', reason: 'off.yubikey-piv' })
  })

  it('ATT-2: the real anchors are used unless a test says otherwise', () => {
    const { verdict, findings } = verifyAttestation({ files: Object.entries(device()).map(([name, bytes]) => ({ name, bytes })), certificateRequestDer: requestFor(spki), publicKeySpki: spki, at: NOW, policy: shippedPolicy, demoHierarchy: false })
    expect(verdict).toHaveProperty('refused')
    expect(findings!['genuine-device'].observed.key).toBe('attestation.yubikey-piv.device-signature.bad')
  })
})

describe('statements that cannot be read', () => {
  const pem = (der: Buffer) => Buffer.from(toPem('CERTIFICATE', der))
  const twice = fake.arcExtension(9, 0x83)
  const CASES: { name: string; files: () => Files; expected: { file: string | null; reason: string } }[] = [
    { name: 'nothing given', files: () => ({}), expected: { file: null, reason: 'malformed.nothing' } },
    { name: 'an empty file', files: () => ({ ...device(), 'empty.pem': Buffer.alloc(0) }), expected: { file: 'empty.pem', reason: 'malformed.empty' } },
    { name: 'an extension twice', files: () => device({ moreInLeaf: [twice] }), expected: { file: 'leaf.der', reason: 'malformed.duplicate-extension' } },
    { name: 'octets after the certificate', files: () => ({ ...device(), 'leaf.der': Buffer.concat([device()['leaf.der']!, Buffer.from([0])]) }), expected: { file: 'leaf.der', reason: 'malformed.der' } },
    { name: 'octets after the certificate in PEM', files: () => ({ ...device(), 'leaf.der': pem(Buffer.concat([device()['leaf.der']!, Buffer.from([5, 0])])) }), expected: { file: 'leaf.der', reason: 'malformed.der' } },
    { name: 'a certificate cut short', files: () => ({ ...device(), 'leaf.der': device()['leaf.der']!.subarray(0, -20) }), expected: { file: 'leaf.der', reason: 'malformed.der' } },
    { name: 'a PEM block without its end', files: () => ({ ...device(), 'leaf.der': pem(device()['leaf.der']!).subarray(0, -12) }), expected: { file: 'leaf.der', reason: 'malformed.pem' } },
    { name: 'a PEM block with a stray character', files: () => ({ ...device(), 'leaf.der': Buffer.from(pem(device()['leaf.der']!).toString().replace('M', '!')) }), expected: { file: 'leaf.der', reason: 'malformed.pem' } },
    { name: 'a private key', files: () => ({ ...device(), 'key.pem': Buffer.from(small.privateKey.export({ type: 'pkcs8', format: 'pem' })) }), expected: { file: 'key.pem', reason: 'malformed.private-key' } },
    { name: 'another kind of PEM block', files: () => ({ ...device(), 'key.pem': Buffer.from(small.publicKey.export({ type: 'spki', format: 'pem' })) }), expected: { file: 'key.pem', reason: 'malformed.pem-label' } },
    { name: 'a file that is no certificate', files: () => ({ ...device(), 'notes.txt': Buffer.from('my YubiKey') }), expected: { file: 'notes.txt', reason: 'malformed.not-a-certificate' } },
    { name: '17 certificates', files: () => ({ 'many.pem': Buffer.concat(Array.from({ length: 17 }, () => pem(device()['f9.der']!))) }), expected: { file: 'many.pem', reason: 'malformed.too-many-certificates' } },
    { name: '64 KiB and one octet', files: () => ({ ...device(), 'big.pem': Buffer.alloc(64 * 1024, 0x20) }), expected: { file: 'big.pem', reason: 'malformed.too-large' } },
    { name: '17 files', files: () => Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`${index}.txt`, Buffer.from('x')])), expected: { file: '16.txt', reason: 'malformed.too-many-files' } },
    { name: 'a firmware of two octets', files: () => { const { leaf, device: f9 } = fakeYubikey(factory, spki, { moreInDevice: [] }); return { 'leaf.der': spoiled(leaf, Buffer.from('0403050704', 'hex'), Buffer.from('0402050704', 'hex')), 'f9.der': f9 } }, expected: { file: 'leaf.der', reason: 'malformed.certificate' } },
    { name: 'a form factor of two octets', files: () => device({ form: null, moreInLeaf: [fake.arcExtension(9, 0x83, 0)] }), expected: { file: 'leaf.der', reason: 'yubikey-piv.malformed.extension' } },
    { name: 'a PIN policy of one octet', files: () => ({ ...device(), 'leaf.der': withoutPolicy() }), expected: { file: 'leaf.der', reason: 'yubikey-piv.malformed.extension' } },
    { name: 'one signature algorithm inside and another outside', files: () => ({ ...device(), 'leaf.der': otherAlgorithm(device()['leaf.der']!) }), expected: { file: 'leaf.der', reason: 'malformed.der' } },
    { name: 'a FIPS mark that is no integer', files: () => device({ fips: null, moreInDevice: [fake.extension(`${fake.ARC}10`, Buffer.from('04', 'hex'))] }), expected: { file: 'f9.der', reason: 'malformed.der' } },
    { name: 'a negative CSPN mark', files: () => device({ moreInDevice: [fake.extension(`${fake.ARC}11`, Buffer.from('0201ff', 'hex'))] }), expected: { file: 'f9.der', reason: 'yubikey-piv.malformed.extension' } },
    { name: 'basicConstraints with a stray member', files: () => device({ moreInLeaf: [fake.extension('2.5.29.19', sequence(boolean(false), integer(0), oid('1.2.3')))] }), expected: { file: 'leaf.der', reason: 'malformed.der' } },
    { name: 'an f9 certificate alone', files: () => ({ 'f9.der': device()['f9.der']! }), expected: { file: 'f9.der', reason: 'yubikey-piv.malformed.attestation-missing' } },
    { name: 'a statement alone', files: () => ({ 'leaf.der': device()['leaf.der']! }), expected: { file: 'leaf.der', reason: 'yubikey-piv.malformed.intermediate-missing' } },
    { name: 'statements of two slots', files: () => ({ ...device(), 'other.der': device({ slot: '9a' })['leaf.der']! }), expected: { file: 'other.der', reason: 'yubikey-piv.malformed.several-attestations' } },
    { name: 'f9 certificates of two devices', files: () => ({ ...device(), 'other.der': device({ f9: stranger.f9 })['f9.der']! }), expected: { file: 'other.der', reason: 'yubikey-piv.malformed.several-intermediates' } },
  ]
  const spoiled = (der: Buffer, from: Buffer, to: Buffer): Buffer => {
    const at = der.indexOf(from)
    return Buffer.concat([der.subarray(0, at), to, der.subarray(at + from.length)])
  }
  /** The same certificate with the algorithm outside written without NULL, which verifies as well. */
  const otherAlgorithm = (der: Buffer): Buffer => {
    const [tbs, , signature] = readDer(der).children()
    return sequence(tbs!.raw, sequence(oid('1.2.840.113549.1.1.11')), signature!.raw)
  }
  const withoutPolicy = (): Buffer =>
    writeCertificate({ serial: Buffer.from([1]), issuer: fake.commonName('YubiKey PIV Attestation'), subject: fake.commonName('YubiKey PIV Attestation 9c'), notBefore: new Date('2024-12-01T00:00:00Z'), notAfter: new Date('2050-12-01T00:00:00Z'), spki, extensions: [fake.arcExtension(8, 2)] }, factory.f9.privateKey)

  it.each(CASES)('ATT-2: says what is wrong with $name', ({ files, expected }) => {
    expect(malformed(judge(files()))).toEqual(expected)
  })

  it('ATT-2: a request that cannot be read is named as such', () => {
    for (const certificateRequestDer of [Buffer.alloc(0), Buffer.from('3003020100', 'hex'), Buffer.from('no'), requestFor(spki).subarray(0, -1)])
      expect(malformed(judge(device(), { certificateRequestDer }))).toEqual({ file: null, reason: 'malformed.der' })
    const { leaf } = fakeYubikey(factory, spki)
    const doubled = requestFor(spki, [{ oid: `${fake.ARC}1`, value: leaf }, { oid: `${fake.ARC}1`, value: leaf }])
    expect(malformed(judge(device(), { certificateRequestDer: doubled }))).toEqual({ file: null, reason: 'malformed.duplicate-extension' })
  })
})

describe('the verdict', () => {
  it('ATT-9: is plain data when stored, and the same again when asked again', () => {
    const [once, again] = [judge(device()), judge(device())].map((report) => JSON.parse(JSON.stringify(reportToJson(report))) as ReturnType<typeof reportToJson>)
    expect(once!.verdict).toEqual({ outcome: 'verified', spkiSha256: once!.key.spkiSha256, maker: 'yubikey-piv', demo: false })
    expect({ ...once, evidence: [] }).toEqual({ ...again, evidence: [] })
    expect(reportToJson(judge(device({ pin: 1 }))).verdict).toEqual({ outcome: 'refused', questions: ['certified-module'] })
    expect(reportToJson(judge({})).verdict).toMatchObject({ outcome: 'malformed', file: null })
  })

  it('ATT-2: a verified key cannot be made by anybody else', () => {
    const { verdict } = judge(device())
    if (!('verified' in verdict)) throw new Error('expected a verified key')
    expect(isVerifiedKey(verdict.verified)).toBe(true)
    expect(isVerifiedKey({ ...verdict.verified })).toBe(false)
    expect(isVerifiedKey(Object.create(Object.getPrototypeOf(verdict.verified) as object))).toBe(false)
    expect(isVerifiedKey(JSON.parse(JSON.stringify(verdict.verified)))).toBe(false)
    expect(Object.isFrozen(verdict.verified)).toBe(true)
  })

  it('ATT-2: asking twice with other policies gives other verdicts, so nothing is remembered', () => {
    const strict: Policy = withAttestation(shippedPolicy, { schemes: [{ scheme: 'FIPS 140-3', minimumLevel: 3 }] })
    expect(judge(device()).verdict).toHaveProperty('verified')
    expect(judge(device(), { policy: strict }).verdict).toHaveProperty('refused')
    expect(judge(device()).verdict).toHaveProperty('verified')
  })
})
