import { beforeAll, describe, expect, it } from 'vitest'
import { toPem, writeCertificate } from '../../attestations/demo/certificate.ts'
import type { Question } from '../../src/attestation/verifier.ts'
import type { AttestationInput } from '../../src/attestation/verify-attestation.ts'
import { bitString, boolean, integer, octetString, sequence, utf8String } from '../../src/pki/der.ts'
import { shippedPolicy, withAttestation, withSampleKeys } from '../support/attestation-policy.ts'
import * as fake from '../support/fake-yubihsm.ts'
import { fakeHsmFactory, fakeYubihsm, SIGNING, type FakeHsmFactory, type FakeHsmOptions } from '../support/fake-yubihsm.ts'
import { ec, rsa, spkiOf, type KeyPair } from '../support/fake-yubikey.ts'
import { judgeEvidence, outcome, untrusted, type Expected, type Files } from '../support/judge-evidence.ts'
import { mutate, random } from '../support/mutate.ts'

let factory: FakeHsmFactory
let stranger: FakeHsmFactory
let applicant: KeyPair
let big: KeyPair
let small: KeyPair
let curve: KeyPair
let spki: Buffer

beforeAll(() => {
  factory = fakeHsmFactory()
  stranger = fakeHsmFactory()
  applicant = rsa(3072)
  big = rsa(4096)
  small = rsa(2048)
  curve = ec('P-256')
  spki = spkiOf(applicant)
})

const device = (options: FakeHsmOptions = {}, key = spki): Files => {
  const { leaf, device: certificate } = fakeYubihsm(factory, key, options)
  return { 'attestation.der': leaf, 'device.der': certificate }
}
const judge = (files: Files, key = spki, more: Partial<AttestationInput> = {}) => judgeEvidence('yubihsm2', files, { spki: key }, factory.anchors, more)
const refused = (question: Question, reason: string): Expected => ({ refused: { [question]: reason } })

describe('a genuine YubiHSM 2', () => {
  it.each([3072, 4096])('ATT-2 KEY-1: RSA-%i on a FIPS 2.4.1 is verified under the shipped sizes, in both hierarchies', (bits) => {
    const key = spkiOf(bits === 3072 ? applicant : big)
    for (const issuedBy of [fake.OLDER, fake.NEWER]) {
      const report = judge(device({ issuedBy }, key), key)
      expect(outcome(report)).toEqual({ verified: true })
      for (const finding of Object.values(report.findings!)) expect(finding).toMatchObject({ outcome: 'pass', claimed: false })
    }
  })

  it('ATT-2: takes the two certificates in any order and form, with the authorities beside them', () => {
    const { 'attestation.der': leaf, 'device.der': certificate } = device() as Record<string, Buffer>
    const root = fake.commonName(fake.OLDER)
    const authority = writeCertificate({ serial: Buffer.from([1]), issuer: root, subject: root, notBefore: new Date('2017-01-01'), notAfter: new Date('2071-01-01'), spki: spkiOf(stranger.device), extensions: [fake.certificationAuthority(1)] }, stranger.device.privateKey)
    for (const files of [{ b: certificate!, a: leaf! }, { all: Buffer.from(toPem('CERTIFICATE', authority) + toPem('CERTIFICATE', certificate!) + toPem('CERTIFICATE', leaf!)) }, { a: leaf!, b: certificate!, c: leaf! }] as Files[])
      expect(outcome(judge(files))).toEqual({ verified: true })
  })

  it('ATT-2: FIPS mode as newer firmware states it is enough, also without the mark of the series', () => {
    expect(outcome(judge(device({ fipsMode: true })))).toEqual({ verified: true })
    expect(outcome(judge(device({ fipsMode: true, fips: null })))).toEqual({ verified: true })
    expect(judge(device({ fipsMode: true })).findings!['certified-module'].cautions.map((caution) => caution.key)).not.toContain('attestation-yubihsm2.fips.mode-not-stated')
    expect(judge(device()).findings!['certified-module'].cautions.map((caution) => caution.key)).toContain('attestation-yubihsm2.fips.mode-not-stated')
  })

  it('ATT-2: a key that may sign attestations passes with a note for staff', () => {
    const { verdict, findings } = judge(device({ capabilities: SIGNING | (1n << 34n) }))
    expect(verdict).toHaveProperty('verified')
    expect(findings!['not-exportable'].cautions.map((caution) => caution.key)).toEqual(['attestation-yubihsm2.export.signs-attestations'])
  })

  it('ATT-2: each way of signing is enough for its kind of key', () => {
    for (const place of [5n, 6n]) expect(outcome(judge(device({ capabilities: 1n << place })))).toEqual({ verified: true })
    const key = spkiOf(curve)
    expect(outcome(judge(device({ capabilities: 1n << 7n }, key), key, { policy: withSampleKeys() }))).toEqual({ verified: true })
    expect(outcome(judge(device({ capabilities: SIGNING }, key), key, { policy: withSampleKeys() }))).toEqual(refused('certified-module', 'signing.may-not'))
  })

  it('ATT-2: is good from the first second of its certificates to the last, and the smallest and largest numbers are read', () => {
    const genuine = (options: FakeHsmOptions, at: string) => judge(device(options), spki, { at: new Date(at) }).findings!['genuine-device'].outcome
    expect(genuine({}, '2017-01-01T00:00:00Z')).toBe('pass')
    expect(genuine({}, '2071-10-05T00:00:00Z')).toBe('pass')
    expect(genuine({ notAfter: new Date('2999-01-01T00:00:00Z') }, '2071-10-05T23:59:59Z')).toBe('pass')
    for (const objectId of [0, 0xffff]) expect(outcome(judge(device({ objectId })))).toEqual({ verified: true })
    for (const serial of [0, 0xffffffff]) expect(outcome(judge(device({ serial, namedSerial: serial })))).toEqual({ verified: true })
  })

  it('ATT-2: staff hear of an issuing key that was seen in one place beside Yubico\'s own, and of that one only', () => {
    const cautions = (issuedBy: string) => judge(device({ issuedBy })).findings!['genuine-device'].cautions.map((caution) => caution.key)
    expect(cautions(fake.OLDER)).toEqual(['attestation.anchor.one-source'])
    expect(cautions(fake.NEWER)).toEqual([])
  })

  it('ATT-9: the device is described as it says it is', () => {
    const model = (options: FakeHsmOptions) => judge(device(options)).device!.model.key.split('.').at(-1)
    expect([model({}), model({ fips: null, fipsMode: true }), model({ fips: null }), model({ fips: null, fipsMode: false })]).toEqual(['fips', 'fips', 'plain', 'plain'])
    expect(judge(device()).device!.details.map((row) => row.value.values)).toEqual([{ id: '0x0024', label: 'code signing' }, { capabilities: '0x0000000000000060' }, { domains: '3, 4' }])
  })

  it('ATT-8 ATT-9: a genuine device that is not of the FIPS series is called by its name, and never where the chain is not trusted', () => {
    const seen = (options: FakeHsmOptions) => judge(device(options)).findings!['certified-module'].checks.map(({ observed }) => observed)
    expect(seen({ fips: null })).toContainEqual({ key: 'attestation-yubihsm2.fips.neither', values: { firmware: '2.4.1' } })
    expect(seen({ fips: null, issuedBy: fake.OFF })).toContainEqual({ key: 'attestation-yubihsm2.fips.neither-claimed', values: { firmware: '2.4.1' } })
  })

  it('ATT-9: the remedy is the one for that failure', () => {
    const remedy = (options: FakeHsmOptions, question: Question) => judge(device(options)).findings![question].remedy!.key.replace('attestation-yubihsm2.remedy.', '')
    expect(remedy({ capabilities: SIGNING | (1n << 16n) }, 'not-exportable')).toBe('not-exportable')
    expect(remedy({ capabilities: SIGNING | (1n << 60n) }, 'not-exportable')).toBe('tell-us')
    expect(remedy({ fipsMode: false }, 'certified-module')).toBe('fips-mode')
    expect(remedy({ fips: null }, 'certified-module')).toBe('fips-device')
  })

  it('ATT-9: each failure says what to do', () => {
    for (const report of [judge(device({ fips: null, origin: 2, capabilities: 1n << 16n })), judge(device(), spkiOf(small)), judge(device({ issuedBy: fake.OFF }))])
      for (const finding of Object.values(report.findings!)) if (finding.outcome === 'fail') expect(finding.remedy, finding.observed.key).toBeDefined()
  })
})

const DEFECTS: { name: string; files: () => Files; key?: () => Buffer; more?: () => Partial<AttestationInput>; expected: Expected }[] = [
  { name: 'a statement for another key than the request', files: () => device(), key: () => spkiOf(big), expected: refused('same-key', 'same-key.differs') },
  { name: 'an imported key', files: () => device({ origin: 0x02 }), expected: refused('generated-inside', 'origin.imported') },
  { name: 'a key that was generated elsewhere and came in wrapped', files: () => device({ origin: 0x11 }), expected: refused('generated-inside', 'origin.wrapped') },
  { name: 'an imported key that came in wrapped', files: () => device({ origin: 0x12 }), expected: refused('generated-inside', 'origin.wrapped') },
  { name: 'a key that came in wrapped', files: () => device({ origin: 0x10 }), expected: refused('generated-inside', 'origin.wrapped') },
  { name: 'a key both generated and imported', files: () => device({ origin: 0x03 }), expected: refused('generated-inside', 'origin.imported') },
  { name: 'an origin of a flag without meaning', files: () => device({ origin: 0x05 }), expected: refused('generated-inside', 'origin.unknown') },
  { name: 'an origin of nothing', files: () => device({ origin: 0x00 }), expected: refused('generated-inside', 'origin.unknown') },
  { name: 'no origin', files: () => device({ origin: null }), expected: refused('generated-inside', 'origin.missing') },
  { name: 'an exportable key', files: () => device({ capabilities: SIGNING | (1n << 16n) }), expected: refused('not-exportable', 'export.exportable') },
  { name: 'a capability of the future', files: () => device({ capabilities: SIGNING | (1n << 56n) }), expected: refused('not-exportable', 'export.unknown') },
  { name: 'the last capability of the future', files: () => device({ capabilities: SIGNING | (1n << 63n) }), expected: refused('not-exportable', 'export.unknown') },
  { name: 'no capabilities', files: () => device({ capabilities: null }), expected: { refused: { 'not-exportable': 'export.missing', 'certified-module': 'signing.may-not' } } },
  { name: 'a key that may decrypt but not sign', files: () => device({ capabilities: (1n << 9n) | (1n << 10n) | (1n << 7n) | (1n << 8n) }), expected: refused('certified-module', 'signing.may-not') },
  { name: 'an issuing authority of the same name with another key', files: () => device({ deviceSignedBy: stranger.keys[fake.OLDER]! }), expected: untrusted('device-signature.bad') },
  { name: 'the newer authority of the same name with another key', files: () => device({ issuedBy: fake.NEWER, deviceSignedBy: stranger.keys[fake.NEWER]! }), expected: untrusted('device-signature.bad') },
  { name: 'an authority that nobody knows', files: () => device({ issuedBy: 'Yubico YubiHSM 9999999 Sub-CA', deviceSignedBy: stranger.keys[fake.OLDER]! }), expected: untrusted('pinned.unknown') },
  { name: 'an authority that is held but off', files: () => device({ issuedBy: fake.OFF }), expected: untrusted('anchor.off-single-source') },
  { name: 'a device certificate directly below the root', files: () => device({ issuedBy: fake.ROOT }), expected: untrusted('pinned.unknown') },
  { name: 'a root in the bundle that nobody holds', files: () => ({ ...device({ issuedBy: 'Root X', deviceSignedBy: stranger.device }), 'root.der': selfSigned('Root X', stranger.device) }), expected: untrusted('pinned.unknown') },
  { name: 'a root in the bundle under the held name', files: () => ({ ...device({ deviceSignedBy: stranger.device }), 'root.der': selfSigned(fake.OLDER, stranger.device) }), expected: untrusted('device-signature.bad') },
  { name: 'the certificate of another device of the same number', files: () => ({ ...device(), 'device.der': fakeYubihsm(factory, spki, { device: stranger.device }).device }), expected: untrusted('leaf-signature.bad') },
  { name: 'the certificate of another device', files: () => ({ ...device(), 'device.der': fakeYubihsm(factory, spki, { device: stranger.device, namedSerial: 7, serial: 7 }).device }), expected: untrusted('issuer.mismatch') },
  { name: 'a statement by a key that the device\'s owner made', files: () => device({ deviceSubject: 'YubiHSM Attestation id:0x0033' }), expected: untrusted('signer.user-key') },
  { name: 'a statement under a certificate of any other name', files: () => device({ deviceSubject: 'My HSM' }), expected: untrusted('signer.other') },
  { name: 'a device certificate that is no CA', files: () => device({ pathLength: null }), expected: untrusted('device-ca.missing') },
  { name: 'a device certificate with path length 1', files: () => device({ pathLength: 1 }), expected: untrusted('device-ca.missing') },
  { name: 'a leaf that is a CA', files: () => device({ moreInLeaf: [fake.certificationAuthority(0)] }), expected: untrusted('leaf-ca.present') },
  { name: 'a statement of tomorrow', files: () => device({ notBefore: new Date('2026-11-22T00:00:00Z') }), expected: untrusted('validity.outside') },
  { name: 'a statement past its end', files: () => device({ notAfter: new Date('2026-11-20T00:00:00Z') }), expected: untrusted('validity.outside') },
  { name: 'a day after the issuing authority ended', files: () => device({ notAfter: new Date('2999-01-01T00:00:00Z') }), more: () => ({ at: new Date('2071-10-06T00:00:00Z') }), expected: untrusted('validity.outside') },
  { name: 'a day before the issuing authority began', files: () => device({ notBefore: new Date('2000-01-01T00:00:00Z') }), more: () => ({ at: new Date('2016-12-31T23:59:59Z') }), expected: untrusted('validity.outside') },
  { name: 'a serial number in the statement that is not the device\'s', files: () => device({ serial: 5, deviceSerial: 20_783_176 }), expected: untrusted('serial.differs') },
  { name: 'a serial number in the device certificate that is not its name\'s', files: () => device({ serial: 5 }), expected: untrusted('serial.differs') },
  { name: 'no serial number in the statement', files: () => device({ serial: null, deviceSerial: 20_783_176 }), expected: untrusted('serial.differs') },
  { name: 'no serial number in the device certificate', files: () => device({ deviceSerial: null }), expected: untrusted('serial.differs') },
  { name: 'another firmware in the device certificate', files: () => device({ deviceFirmware: [2, 2, 0] }), expected: untrusted('same-firmware.differs') },
  { name: 'no firmware', files: () => device({ firmware: null }), expected: untrusted('same-firmware.differs') },
  { name: 'a name of another object', files: () => device({ leafSubject: 'YubiHSM Attestation id:0x0025' }), expected: untrusted('subject.bad') },
  { name: 'a name of another form', files: () => device({ leafSubject: 'YubiHSM Attestation 0x0024' }), expected: untrusted('subject.bad') },
  { name: 'no object number', files: () => device({ objectId: null }), expected: untrusted('subject.bad') },
  { name: 'an unknown extension of the arc in the statement', files: () => device({ moreInLeaf: [fake.inArc(13, integer(1))] }), expected: untrusted('extensions.unknown') },
  { name: 'the mark of the FIPS series in the statement', files: () => device({ moreInLeaf: [fake.inArc(10, integer(5))] }), expected: untrusted('extensions.unknown') },
  { name: 'an unknown extension of the arc in the device certificate', files: () => device({ moreInDevice: [fake.inArc(11, integer(1))] }), expected: untrusted('extensions.unknown') },
  { name: 'a critical extension that we don\'t process', files: () => device({ moreInDevice: [fake.extension('2.5.29.36', sequence(), true)] }), expected: untrusted('extensions.unknown') },
  { name: 'the same in the statement', files: () => device({ moreInLeaf: [fake.extension('2.5.29.36', sequence(), true)] }), expected: untrusted('extensions.unknown') },
  { name: 'an ECDSA signature under the name of RSA', files: () => device({ device: curve }), expected: untrusted('leaf-signature.bad') },
  { name: 'a device that is not of the FIPS series', files: () => device({ fips: null }), expected: refused('certified-module', 'fips.neither') },
  { name: 'a FIPS device out of FIPS mode', files: () => device({ fipsMode: false }), expected: refused('certified-module', 'fips.mode-off') },
  { name: 'a device that is neither and says so', files: () => device({ fips: null, fipsMode: false }), expected: refused('certified-module', 'fips.neither') },
  { name: 'a firmware that was never certified', files: () => device({ firmware: [2, 4, 0] }), expected: refused('certified-module', 'firmware.unlisted') },
  { name: 'firmware 2.2.0, Historical', files: () => device({ firmware: [2, 2, 0] }), expected: refused('certified-module', 'certificate.historical') },
  { name: 'a day before the certificate was given', files: () => device(), more: () => ({ at: new Date('2026-06-02T23:59:59Z') }), expected: refused('certified-module', 'certificate.not-yet') },
  { name: 'a policy that does not count FIPS 140-3', files: () => device(), more: () => ({ policy: withAttestation(shippedPolicy, { schemes: [{ scheme: 'FIPS 140-2', minimumLevel: 2 }] }) }), expected: refused('certified-module', 'certificate.scheme') },
  { name: 'RSA-2048, which the shipped policy does not take', files: () => device({}, spkiOf(small)), key: () => spkiOf(small), expected: refused('certified-module', 'key-type.not-in-policy') },
  { name: 'an RSA size that the module is not certified for', files: () => device({}, spkiOf(odd())), key: () => spkiOf(odd()), expected: refused('certified-module', 'key-type.uncertified') },
  { name: 'P-256, which the shipped policy does not take', files: () => device({ capabilities: 1n << 7n }, spkiOf(curve)), key: () => spkiOf(curve), expected: refused('certified-module', 'key-type.not-in-policy') },
]

let oddKey: KeyPair | undefined
const odd = (): KeyPair => (oddKey ??= rsa(2560))
const selfSigned = (name: string, key: KeyPair): Buffer =>
  writeCertificate({ serial: Buffer.from([1]), issuer: fake.commonName(name), subject: fake.commonName(name), notBefore: new Date('2017-01-01T00:00:00Z'), notAfter: new Date('2071-01-01T00:00:00Z'), spki: spkiOf(key), extensions: [fake.certificationAuthority(2)] }, key.privateKey)

describe('one defect each', () => {
  it.each(DEFECTS)('ATT-2: refuses $name', ({ files, key, more, expected }) => {
    expect(outcome(judge(files(), key?.() ?? spki, more?.()))).toEqual(expected)
  })

  it('ATT-2: a forged statement signed by an attested key does not pass, with the whole real chain beside it', () => {
    const real = fakeYubihsm(factory, spkiOf(small), { capabilities: SIGNING | (1n << 34n) })
    const forged = fakeYubihsm(factory, spki, { objectId: 0x25, leafIssuer: 'YubiHSM Attestation id:0x0024', leafSignedBy: small }).leaf
    for (const files of [{ forged, real: real.leaf }, { forged, real: real.leaf, device: real.device }, { device: real.device, real: real.leaf, forged }] as Files[])
      expect(outcome(judge(files))).toEqual(untrusted('signer.user-key', { 'certified-module': 'claim.untrusted' }))
    // Nor when the owner's certificate takes the factory's name.
    const named = fakeYubihsm(factory, spki, { device: small, deviceSignedBy: small, issuedBy: 'YubiHSM Attestation id:0x0024' })
    expect(outcome(judge({ a: named.leaf, b: named.device }))).toEqual(untrusted('pinned.unknown'))
  })

  it('ATT-2: marks that no honest device has are told to staff', () => {
    for (const options of [{ deviceSignedBy: stranger.keys[fake.OLDER]! }, { serial: 5 }, { deviceSubject: 'YubiHSM Attestation id:0x0033' }] as FakeHsmOptions[])
      expect(judge(device(options)).findings!['genuine-device'].checks.some((check) => check.alert)).toBe(true)
    expect(Object.values(judge(device({ origin: 2 })).findings!).some((finding) => finding.checks.some((check) => check.alert))).toBe(false)
  })

  it('ATT-2: the real keys are used unless a test says otherwise, and the policy must list the maker', () => {
    expect(outcome(judgeEvidence('yubihsm2', device(), { spki }))).toEqual(untrusted('device-signature.bad'))
    expect(outcome(judgeEvidence('yubihsm2', device({ issuedBy: fake.NEWER }), { spki }))).toEqual(untrusted('device-signature.bad'))
    expect(outcome(judgeEvidence('yubikey-piv', device(), { spki }))).toEqual({ malformed: { file: 'attestation.der', reason: 'off.yubihsm2' } })
  })
})

describe('statements that cannot be read', () => {
  const without = (oid: 'origin' | 'capabilities' | 'objectId' | 'firmware' | 'serial', ...more: Buffer[]): Files => device({ [oid]: null, moreInLeaf: more })
  const CASES: { name: string; files: () => Files; file: string | null; reason: string }[] = [
    { name: 'an extension twice', files: () => device({ moreInLeaf: [fake.inArc(3, bitString(Buffer.from([1])))] }), file: 'attestation.der', reason: 'malformed.duplicate-extension' },
    { name: 'octets after the certificate', files: () => ({ ...device(), 'device.der': Buffer.concat([device()['device.der']!, Buffer.from([0])]) }), file: 'device.der', reason: 'malformed.der' },
    { name: 'a certificate cut short', files: () => ({ ...device(), 'attestation.der': device()['attestation.der']!.subarray(0, -20) }), file: 'attestation.der', reason: 'malformed.der' },
    { name: '17 certificates', files: () => ({ 'many.pem': Buffer.from(toPem('CERTIFICATE', device()['device.der']!).repeat(17)) }), file: 'many.pem', reason: 'malformed.too-many-certificates' },
    { name: 'a file that is no certificate', files: () => ({ ...device(), 'notes.txt': Buffer.from('my HSM') }), file: 'notes.txt', reason: 'malformed.not-a-certificate' },
    { name: 'an origin of two octets', files: () => without('origin', fake.inArc(3, bitString(Buffer.from([0, 1])))), file: 'attestation.der', reason: 'malformed.extension' },
    { name: 'an origin that is no bit string', files: () => without('origin', fake.inArc(3, integer(1))), file: 'attestation.der', reason: 'malformed.der' },
    { name: 'octets after the origin', files: () => without('origin', fake.inArc(3, Buffer.from('0302000105', 'hex'))), file: 'attestation.der', reason: 'malformed.der' },
    { name: 'capabilities of 56 bits', files: () => without('capabilities', fake.inArc(5, bitString(Buffer.alloc(7, 0x60)))), file: 'attestation.der', reason: 'malformed.extension' },
    { name: 'capabilities with unused bits', files: () => without('capabilities', fake.inArc(5, bitString(Buffer.alloc(8, 0x60), 4))), file: 'attestation.der', reason: 'malformed.der' },
    { name: 'a negative object number', files: () => without('objectId', fake.inArc(6, Buffer.from('0201ff', 'hex'))), file: 'attestation.der', reason: 'malformed.extension' },
    { name: 'an object number above 65535', files: () => without('objectId', fake.inArc(6, integer(65536))), file: 'attestation.der', reason: 'malformed.extension' },
    { name: 'a firmware of four octets', files: () => without('firmware', fake.inArc(1, octetString(Buffer.from([2, 4, 1, 0])))), file: 'attestation.der', reason: 'malformed.extension' },
    { name: 'a firmware without its DER', files: () => without('firmware', fake.inArc(1, Buffer.from([2, 4, 1]))), file: 'attestation.der', reason: 'malformed.der' },
    { name: 'a negative serial number', files: () => without('serial', fake.inArc(2, Buffer.from('0201ff', 'hex'))), file: 'attestation.der', reason: 'malformed.extension' },
    { name: 'a serial number of five octets', files: () => without('serial', fake.inArc(2, integer(2n ** 32n))), file: 'attestation.der', reason: 'malformed.extension' },
    { name: 'a FIPS mode that is neither', files: () => device({ moreInLeaf: [fake.inArc(12, Buffer.from([1, 1, 7]))] }), file: 'attestation.der', reason: 'malformed.der' },
    { name: 'a FIPS mark that is a boolean', files: () => device({ fips: null, moreInDevice: [fake.inArc(10, boolean(true))] }), file: 'device.der', reason: 'malformed.der' },
    { name: 'domains of one octet', files: () => ({ ...device(), 'attestation.der': bare(fake.inArc(4, bitString(Buffer.from([1])))) }), file: 'attestation.der', reason: 'malformed.extension' },
    { name: 'a label that is not UTF-8', files: () => ({ ...device(), 'attestation.der': bare(fake.inArc(4, bitString(Buffer.from([0, 1]))), fake.inArc(9, Buffer.from('0c01ff', 'hex'))) }), file: 'attestation.der', reason: 'malformed.der' },
    { name: 'a label of another type', files: () => ({ ...device(), 'attestation.der': bare(fake.inArc(4, bitString(Buffer.from([0, 1]))), fake.inArc(9, octetString(utf8String('x')))) }), file: 'attestation.der', reason: 'malformed.der' },
    { name: 'a statement alone', files: () => ({ 'attestation.der': device()['attestation.der']! }), file: 'attestation.der', reason: 'malformed.device-missing' },
    { name: 'a statement with an authority that is no device\'s', files: () => ({ 'attestation.der': device()['attestation.der']!, 'root.der': selfSigned(fake.OLDER, stranger.device) }), file: 'attestation.der', reason: 'malformed.device-missing' },
    { name: 'a device certificate alone', files: () => ({ 'device.der': device()['device.der']! }), file: 'device.der', reason: 'malformed.attestation-missing' },
    { name: 'statements of two keys', files: () => ({ ...device(), 'other.der': device({ objectId: 0x30 })['attestation.der']! }), file: 'other.der', reason: 'malformed.several-attestations' },
    { name: 'two statements that issued each other', files: () => ({ one: circle(1, 2), two: circle(2, 1) }), file: 'one', reason: 'malformed.several-attestations' },
    { name: 'certificates of two devices of one number', files: () => ({ ...device(), 'other.der': device({ device: stranger.device })['device.der']! }), file: 'other.der', reason: 'malformed.several-devices' },
  ]
  const bare = (...extensions: Buffer[]): Buffer =>
    writeCertificate({ serial: Buffer.from([1]), issuer: fake.commonName('YubiHSM Attestation (20783176)'), subject: fake.commonName('YubiHSM Attestation id:0x0024'), notBefore: new Date('2017-01-01T00:00:00Z'), notAfter: new Date('2071-01-01T00:00:00Z'), spki, extensions }, factory.device.privateKey)
  const circle = (one: number, other: number): Buffer => fakeYubihsm(factory, spki, { objectId: one, leafIssuer: `YubiHSM Attestation id:0x000${other}` }).leaf

  it.each(CASES)('ATT-2: says what is wrong with $name', ({ files, file, reason }) => {
    expect(outcome(judge(files()))).toEqual({ malformed: { file, reason } })
  })
})

describe('mutated YubiHSM evidence', () => {
  it('ATT-2: 500 mutations crash nothing and change no verified octet', () => {
    const next = random(20261122)
    const { leaf, device: certificate } = fakeYubihsm(factory, spki)
    const tally = { verified: 0, refused: 0, malformed: 0 }
    for (let round = 0; round < 500; round++) {
      const files = [leaf, certificate].map((bytes, index) => (index === round % 2 ? mutate(bytes, next) : bytes))
      const result = outcome(judge({ a: files[0]!, b: files[1]! }))
      tally[Object.keys(result)[0] as keyof typeof tally]++
      if ('verified' in result) expect(files[0]!.equals(leaf) && files[1]!.equals(certificate)).toBe(true)
    }
    expect(tally.refused).toBeGreaterThan(50)
    expect(tally.malformed).toBeGreaterThan(50)
  })
})
