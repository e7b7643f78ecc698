import { beforeAll, describe, expect, it } from 'vitest'
import { toPem } from '../../attestations/demo/certificate.ts'
import type { Question } from '../../src/attestation/verifier.ts'
import type { AttestationInput } from '../../src/attestation/verify-attestation.ts'
import { boolean, nullValue, oid, sequence } from '../../src/pki/der.ts'
import { shippedPolicy, withAttestation, withSampleKeys } from '../support/attestation-policy.ts'
import * as fake from '../support/fake-luna.ts'
import { bareIntegers, fakeConfirmation, fakeEccConfirmation, fakeLuna, lunaAnchors, p7b, type FakeLuna, type LunaEccOptions, type LunaOptions } from '../support/fake-luna.ts'
import { ec, rsa, spkiOf, type KeyPair } from '../support/fake-yubikey.ts'
import { judgeEvidence, outcome, untrusted, type Expected, type Files } from '../support/judge-evidence.ts'
import { mutate, random } from '../support/mutate.ts'

let luna: FakeLuna
let stranger: FakeLuna
let applicant: KeyPair
let big: KeyPair
let small: KeyPair
let curve: KeyPair
let spki: Buffer

beforeAll(() => {
  luna = fakeLuna()
  stranger = fakeLuna()
  applicant = rsa(3072)
  big = rsa(4096)
  small = rsa(2048)
  curve = ec('P-256')
  spki = spkiOf(applicant)
})

const pkc = (options: LunaOptions = {}, key = spki): Files => ({ 'key.pkc': p7b(fakeConfirmation(luna, key, options)) })
const judge = (files: Files, key = spki, more: Partial<AttestationInput> = {}) => judgeEvidence('thales-luna', files, { spki: key }, luna.anchors, more)
const refused = (question: Question, reason: string): Expected => ({ refused: { [question]: reason } })
const pem = (certificates: Buffer[]) => Buffer.from(certificates.map((der) => toPem('CERTIFICATE', der)).join(''))

describe('a genuine Luna', () => {
  it.each([3072, 4096])('ATT-2 KEY-1: RSA-%i on a K7 with firmware 7.8.4 is verified under the shipped sizes', (bits) => {
    const key = spkiOf(bits === 3072 ? applicant : big)
    const report = judge(pkc({}, key), key)
    expect(outcome(report)).toEqual({ verified: true })
    for (const finding of Object.values(report.findings!)) expect(finding).toMatchObject({ outcome: 'pass', claimed: false })
    expect(report.device).toMatchObject({ maker: 'Thales', firmware: '7.8.4', serial: '521174' })
  })

  it('ATT-2: a certificate given twice is one, and files come in any order', () => {
    const chain = fakeConfirmation(luna, spki)
    expect(outcome(judge({ a: p7b(chain), b: chain[4]!, c: chain[0]! }))).toEqual({ verified: true })
    expect(outcome(judge({ a: pem(chain.slice(2)), b: pem(chain.slice(0, 2)) }))).toEqual({ verified: true })
  })

  it('ATT-8: Common Criteria carries 7.7.1, whose FIPS 140-2 certificate is Historical, until it ends too', () => {
    const at = (date: string) => outcome(judge(pkc({ firmware: '47000700' }), spki, { at: new Date(date) }))
    expect(at('2026-11-21T00:00:00Z')).toEqual({ verified: true })
    expect(judge(pkc({ firmware: '47000700' })).findings!['certified-module'].observed).toMatchObject({ key: 'attestation.certificate.active', values: { scheme: 'Common Criteria' } })
    expect(at('2027-07-19T00:00:00Z')).toEqual(refused('certified-module', 'certificate.historical'))
    const fipsOnly = withAttestation(shippedPolicy, { schemes: [{ scheme: 'FIPS 140-2', minimumLevel: 2 }] })
    expect(outcome(judge(pkc({ firmware: '47000700' }), spki, { policy: fipsOnly }))).toEqual(refused('certified-module', 'certificate.historical'))
    expect(outcome(judge(pkc({ firmware: '47000700' }), spki, { policy: fipsOnly, at: new Date('2026-09-21T23:59:59Z') }))).toEqual({ verified: true })
  })

  it('ATT-2: an extension that nobody saw before passes with a note for staff, a critical one does not', () => {
    const { verdict, findings } = judge(pkc({ more: { 0: [fake.inArc(2, '00')], 1: [fake.inArc(9, '00')] } }))
    expect(verdict).toHaveProperty('verified')
    expect(findings!['genuine-device'].cautions.at(-1)).toMatchObject({ key: 'attestation-thales-luna.extensions.not-seen-before', values: { oids: `${fake.ARC}2.2, ${fake.ARC}2.9` } })
  })

  it('ATT-2: is good from the first second of its certificates to the last, and of its root\'s last day', () => {
    const genuine = (options: LunaOptions, at: string) => judge(pkc(options), spki, { at: new Date(at) }).findings!['genuine-device'].outcome
    expect(genuine({}, '2020-03-01T00:00:00Z')).toBe('pass')
    expect(genuine({ notBefore: new Date('2000-01-01T00:00:00Z') }, '2002-01-01T00:00:00Z')).toBe('pass')
    expect(genuine({}, '2032-01-01T23:59:59Z')).toBe('pass')
    expect(genuine({ notAfter: new Date('2031-05-05T00:00:00Z') }, '2031-05-05T00:00:00Z')).toBe('pass')
  })

  it('ATT-2: standard extensions that say nothing of the device are no news to staff', () => {
    const identifier = fake.extension('2.5.29.14', Buffer.from('0401ff', 'hex'), false)
    expect(judge(pkc({ more: { 1: [identifier] } })).findings!['genuine-device'].cautions.map((caution) => caution.key)).toEqual(['attestation.anchor.one-source'])
  })

  it('ATT-9: names the firmware that its model is certified with, and none for a model without a certificate', () => {
    const listed = (options: LunaOptions) => judge(pkc(options)).findings!['certified-module'].checks.find((check) => check.observed.key.endsWith('firmware.unlisted'))!.expected.values!['listed']
    expect(listed({ firmware: '55000700' })).toBe('7.8.4, 7.7.0, 7.7.1')
    expect(listed({ model: 'Luna G7' })).toBe('–')
  })

  it('ATT-9: each failure says what to do', () => {
    for (const report of [judge(pkc({ flags: null, model: 'Luna X1' })), judge(pkc(), spkiOf(small)), judge(pkc({ root: stranger.root }))])
      for (const finding of Object.values(report.findings!)) if (finding.outcome === 'fail') expect(finding.remedy, finding.observed.key).toBeDefined()
  })
})

const DEFECTS: { name: string; files: () => Files; key?: () => Buffer; more?: () => Partial<AttestationInput>; expected: Expected }[] = [
  { name: 'a confirmation of another key than the request\'s', files: () => pkc(), key: () => spkiOf(big), expected: refused('same-key', 'same-key.differs') },
  { name: 'a root of the same name with another key', files: () => pkc({ root: stranger.root }), expected: untrusted('root.other-key') },
  { name: 'a root that nobody holds', files: () => pkc({ root: stranger.root, rootName: fake.name(['CN', 'Chrysalis-ITS Root']) }), expected: untrusted('root.unknown') },
  { name: 'the real root brought along beside a chain that it did not sign', files: () => pkc({ signers: { 3: stranger.root } }), expected: untrusted('link.bad') },
  { name: 'a manufacturing certificate that signed nothing here', files: () => pkc({ signers: { 2: stranger.integrity } }), expected: untrusted('link.bad') },
  { name: 'a device certificate of another origin', files: () => pkc({ signers: { 1: stranger.origin } }), expected: untrusted('link.bad') },
  { name: 'the device certificate of another module', files: () => swapped(1, fakeConfirmation({ ...luna, device: stranger.device }, spki)), expected: untrusted('link.bad') },
  { name: 'the device certificate of another module with its own number', files: () => swapped(1, fakeConfirmation({ ...luna, device: stranger.device }, spki, { serial: 7 })), expected: untrusted('link.other-issuer') },
  { name: 'a confirmation by a key that the module attested', files: () => pkc({ signers: { 0: applicant } }), expected: untrusted('link.bad') },
  { name: 'a confirmation signed with SHA-1', files: () => pkc({ confirmationAlgorithm: 'sha1' }), expected: untrusted('link.bad') },
  { name: 'a confirmation that is a CA', files: () => pkc({ more: { 0: [fake.authority()] } }), expected: untrusted('leaf-ca.present') },
  { name: 'a device certificate that is no CA', files: () => pkc({ noAuthority: [1] }), expected: untrusted('authority.may-not') },
  { name: 'an origin certificate that is no CA', files: () => pkc({ noAuthority: [2] }), expected: untrusted('authority.may-not') },
  { name: 'a manufacturing certificate that is no CA', files: () => pkc({ noAuthority: [3] }), expected: untrusted('authority.may-not') },
  { name: 'a device certificate whose key may not sign certificates', files: () => pkc({ noKeyUsage: [1] }), expected: untrusted('authority.may-not') },
  { name: 'a confirmation of tomorrow', files: () => pkc({ notBefore: new Date('2026-11-22T00:00:00Z') }), expected: untrusted('validity.outside') },
  { name: 'a confirmation past its end', files: () => pkc({ notAfter: new Date('2026-11-20T00:00:00Z') }), expected: untrusted('validity.outside') },
  { name: 'a day after the root ended', files: () => pkc(), more: () => ({ at: new Date('2032-01-02T00:00:00Z') }), expected: untrusted('validity.outside') },
  { name: 'a day before the root began', files: () => pkc({ notBefore: new Date('2000-01-01T00:00:00Z') }), more: () => ({ at: new Date('2001-12-31T23:59:59Z') }), expected: untrusted('validity.outside') },
  { name: 'a confirmation under another unit', files: () => pkc({ unit: 'Proof of Origin' }), expected: untrusted('subject.bad') },
  { name: 'a confirmation with two units', files: () => pkc({ confirmationSubject: fake.name(['OU', 'Chrysalis-ITS Proof of Origin'], ['OU', 'x'], ['CN', '41000000ae000002d6f30700']) }), expected: untrusted('subject.bad') },
  { name: 'another serial number in the confirmation', files: () => pkc({ serial: 7, deviceSerial: 521_174 }), expected: untrusted('serial.differs') },
  { name: 'another serial number in the device certificate', files: () => pkc({ deviceSerial: 7, namedSerial: 521_174 }), expected: untrusted('serial.differs') },
  { name: 'another serial number in the device\'s name', files: () => pkc({ namedSerial: 7 }), expected: untrusted('serial.differs') },
  { name: 'another serial number in the confirmation\'s name', files: () => pkc({ confirmedSerial: 7 }), expected: untrusted('serial.differs') },
  { name: 'another firmware in the device certificate', files: () => pkc({ deviceFirmware: '53000700' }), expected: untrusted('same-firmware.differs') },
  { name: 'a critical extension that we don\'t process', files: () => pkc({ more: { 0: [fake.extension('2.5.29.36', sequence(), true)] } }), expected: untrusted('extensions.unknown') },
  { name: 'a critical extension of the arc that nobody saw before', files: () => pkc({ more: { 2: [fake.inArc(8, '00', true)] } }), expected: untrusted('extensions.unknown') },
  { name: 'flags that no known confirmation has', files: () => pkc({ flags: '030204e0' }), expected: refused('not-exportable', 'flags.other') },
  { name: 'no flags', files: () => pkc({ flags: null }), expected: refused('not-exportable', 'flags.other') },
  { name: 'a model that is not in the catalogue', files: () => pkc({ model: 'Luna G7' }), expected: refused('certified-module', 'model.unlisted') },
  { name: 'a device certificate that names no model', files: () => pkc({ model: 'HSM' }), expected: untrusted('serial.differs') },
  { name: 'a firmware that was never certified', files: () => pkc({ firmware: '55000700' }), expected: refused('certified-module', 'firmware.unlisted') },
  { name: 'the numbers of a certified firmware in other octets', files: () => pkc({ firmware: '00000754' }), expected: refused('certified-module', 'firmware.unlisted') },
  { name: 'a day before the certificate was given', files: () => pkc(), more: () => ({ at: new Date('2024-04-01T23:59:59Z') }), expected: refused('certified-module', 'certificate.not-yet') },
  { name: 'a policy that counts Common Criteria alone', files: () => pkc(), more: () => ({ policy: withAttestation(shippedPolicy, { schemes: [{ scheme: 'Common Criteria', minimumLevel: 4 }] }) }), expected: refused('certified-module', 'certificate.scheme') },
  { name: 'RSA-2048, which the shipped policy does not take', files: () => pkc({}, spkiOf(small)), key: () => spkiOf(small), expected: refused('certified-module', 'key-type.not-in-policy') },
  { name: 'an RSA size that the module is not certified for', files: () => pkc({}, spkiOf(odd())), key: () => spkiOf(odd()), expected: refused('certified-module', 'key-type.uncertified') },
]
const swapped = (place: number, other: Buffer[]): Files => ({ 'key.pkc': p7b(fakeConfirmation(luna, spki).map((certificate, index) => (index === place ? other[place]! : certificate))) })
let oddKey: KeyPair | undefined
const odd = (): KeyPair => (oddKey ??= rsa(2560))

describe('one defect each', () => {
  it.each(DEFECTS)('ATT-2: refuses $name', ({ files, key, more, expected }) => {
    expect(outcome(judge(files(), key?.() ?? spki, more?.()))).toEqual(expected)
  })

  it('ATT-2: a root of the right name and the wrong key is told to staff', () => {
    const first = (options: LunaOptions) => judge(pkc(options)).findings!['genuine-device'].checks.find((check) => check.outcome === 'fail')!
    expect(first({ root: stranger.root }).alert).toBe(true)
    expect(first({ root: stranger.root, rootName: fake.name(['CN', 'Root X']) }).alert).toBeUndefined()
  })

  it('ATT-2: an attested key cannot issue a confirmation of its own, in the place of the device or below', () => {
    // The attested key plays the device: its "device certificate" is its own real confirmation, whose role is signed into it.
    const real = fakeConfirmation(luna, spkiOf(small))
    const forged = fakeConfirmation({ ...luna, device: small }, spki)
    expect(outcome(judge({ p: p7b([forged[0]!, real[0]!, ...real.slice(2)]) }))).toEqual({ malformed: { file: 'p', reason: 'malformed.several-confirmations' } })
    expect(outcome(judge({ p: p7b([forged[0]!, ...real.slice(1)]) }))).toEqual(untrusted('link.bad'))
    expect(outcome(judge({ p: p7b(fakeConfirmation({ ...luna, device: small }, spki, { signers: { 1: stranger.origin } })) }))).toEqual(untrusted('link.bad'))
  })

  it('ATT-2: the real keys are used unless a test says otherwise, and the policy must list the maker', () => {
    expect(outcome(judgeEvidence('thales-luna', pkc(), { spki }))).toEqual(untrusted('root.other-key'))
    expect(outcome(judgeEvidence('yubihsm2', pkc(), { spki }))).toEqual({ malformed: { file: 'key.pkc', reason: 'off.thales-luna' } })
  })
})

describe('the ECC chain', () => {
  const key = () => spkiOf(curve)
  const files = (options: LunaEccOptions = {}): Files => ({ 'ecc.pkc': p7b(fakeEccConfirmation(luna, key(), options)) })
  const judgeEcc = (given: Files, ecc: 'on' | 'off' = 'on') => judgeEvidence('thales-luna', given, { spki: key() }, lunaAnchors(luna, ecc), { policy: withSampleKeys() })
  const noModel = refused('certified-module', 'model.not-stated')

  it('ATT-2: is recognised; its root, seen in one source, is off, and it names no model', () => {
    expect(outcome(judgeEcc(files(), 'off'))).toEqual(untrusted('anchor.off-single-source'))
    const report = judgeEcc(files())
    expect(outcome(report)).toEqual(noModel)
    expect(report.chainTrusted).toBe(true)
    expect(report.findings!['genuine-device'].cautions).toEqual([])
    expect(report.device!.serial).toBe('521174')
    expect(report.device!.details[0]!.value.key).toBe('attestation-thales-luna.chain.ecc')
  })

  it('ATT-2: reads the signature as the firmware writes it and as it should be written, with NULL and without', () => {
    // r and s are random: of 40 signatures some lack a zero octet in the one, the other, both and none.
    for (let round = 0; round < 40; round++) expect(outcome(judgeEcc(files({ shape: bareIntegers })))).toEqual(noModel)
    expect(outcome(judgeEcc(files({ shape: (signature) => signature })))).toEqual(noModel)
    expect(outcome(judgeEcc(files({ algorithm: sequence(oid('1.2.840.10045.4.3.2')) })))).toEqual(noModel)
  })

  it.each<[string, () => LunaEccOptions, string]>([
    ['a confirmation by another key', () => ({ signers: { 0: stranger.eccOrigin } }), 'link.bad'],
    ['an RSA signature under the name of ECDSA', () => ({ signers: { 0: small }, shape: (signature) => signature }), 'link.bad'],
    ['an origin by another root', () => ({ signers: { 1: stranger.eccRoot } }), 'link.bad'],
    ['a root of the same name with another key', () => ({ root: stranger.eccRoot }), 'root.other-key'],
    ['another serial number in the origin', () => ({ originSerial: '7' }), 'serial.differs'],
    ['another serial number in the confirmation', () => ({ serial: 7 }), 'serial.differs'],
    ['another serial number in the confirmation\'s extension', () => ({ more: { 0: [fake.inArc(1, '07000000')] } }), 'serial.differs'],
    ['a third number in the signature', () => ({ shape: (signature) => sequence(bareIntegers(signature).subarray(2), Buffer.from('020101', 'hex')) }), 'link.bad'],
    ['one number in the signature', () => ({ shape: () => sequence(Buffer.from('020101', 'hex')) }), 'link.bad'],
    ['an algorithm with other parameters', () => ({ algorithm: sequence(oid('1.2.840.10045.4.3.2'), sequence()) }), 'link.bad'],
    ['another algorithm', () => ({ algorithm: sequence(oid('1.2.840.10045.4.1'), nullValue()) }), 'link.bad'],
    ['an origin that denies being a CA', () => ({ more: { 1: [fake.extension('2.5.29.19', sequence(boolean(false)), true)] } }), 'authority.may-not'],
    ['a confirmation that is a CA', () => ({ more: { 0: [fake.authority()] } }), 'leaf-ca.present'],
  ])('ATT-2: refuses %s', (_name, options, reason) => {
    expect(outcome(judgeEcc(files(options())))).toEqual(untrusted(reason))
  })

  it('ATT-2: does not mix with the RSA chain', () => {
    const rsaChain = fakeConfirmation(luna, spki)
    expect(outcome(judgeEcc({ a: p7b(fakeEccConfirmation(luna, key())), b: rsaChain[1]! }))).toEqual({ malformed: { file: 'a', reason: 'malformed.two-chains' } })
  })
})

describe('confirmations that cannot be read', () => {
  const chain = (options: LunaOptions = {}) => fakeConfirmation(luna, spki, options)
  const CASES: { name: string; files: () => Files; file: string | null; reason: string }[] = [
    { name: 'three certificates of another form for an RSA key', files: () => ({ p: p7b(chain({ roles: { 1: 3, 2: 2 } }).slice(0, 3)) }), file: 'p', reason: 'malformed.other-certificate' },
    { name: 'three of the five certificates', files: () => ({ p: p7b(chain().slice(0, 3)) }), file: 'p', reason: 'malformed.incomplete' },
    { name: 'a confirmation alone', files: () => ({ p: chain()[0]! }), file: 'p', reason: 'malformed.incomplete' },
    { name: 'no confirmation', files: () => ({ p: p7b(chain().slice(1)) }), file: 'p', reason: 'malformed.confirmation-missing' },
    { name: 'two neighbours exchanged', files: () => { const [a, b, c, d, e] = chain() as [Buffer, Buffer, Buffer, Buffer, Buffer]; return { p: p7b([a, c, b, d, e]) } }, file: 'p', reason: 'malformed.order' },
    { name: 'the root first', files: () => ({ p: p7b(chain().reverse()) }), file: 'p', reason: 'malformed.order' },
    { name: 'roles exchanged between device and origin', files: () => ({ p: p7b(chain({ roles: { 1: 8, 2: 12 } })) }), file: 'p', reason: 'malformed.order' },
    { name: 'two confirmations', files: () => ({ p: p7b(chain()), q: fakeConfirmation(luna, spkiOf(small))[0]! }), file: 'q', reason: 'malformed.several-confirmations' },
    { name: 'two device certificates', files: () => ({ p: p7b(chain()), q: fakeConfirmation(stranger, spki)[1]! }), file: 'q', reason: 'malformed.several-chains' },
    { name: 'two roots', files: () => ({ p: p7b(chain()), q: fakeConfirmation(stranger, spki)[4]! }), file: 'q', reason: 'malformed.several-chains' },
    { name: 'a certificate of two roles', files: () => ({ p: p7b(chain({ more: { 0: [] }, confirmationSubject: fake.name(['CN', 'x']) })), q: twoRoles() }), file: 'q', reason: 'malformed.other-certificate' },
    { name: 'an extension twice', files: () => ({ p: p7b(chain({ more: { 0: [fake.inArc(1, 'd6f30700')] } })) }), file: 'p', reason: 'malformed.duplicate-extension' },
    { name: 'a serial number of three octets', files: () => ({ p: p7b(chain({ serial: 521_174 }).map((der, index) => (index === 0 ? spoiled(der) : der))) }), file: 'p', reason: 'malformed.certificate' },
    { name: 'a firmware of five octets', files: () => pkc({ firmware: '5400070000' }), file: 'key.pkc', reason: 'malformed.extension' },
    { name: 'octets after the bag', files: () => ({ p: Buffer.concat([p7b(chain()), Buffer.from([0])]) }), file: 'p', reason: 'malformed.der' },
    { name: 'a bag cut short', files: () => ({ p: p7b(chain()).subarray(0, -40) }), file: 'p', reason: 'malformed.der' },
    { name: '17 certificates', files: () => ({ p: p7b(Array.from({ length: 17 }, () => chain()[0]!)) }), file: 'p', reason: 'malformed.too-many-certificates' },
    { name: 'a file that is no certificate', files: () => ({ ...pkc(), 'notes.txt': Buffer.from('my HSM') }), file: 'notes.txt', reason: 'malformed.not-a-certificate' },
  ]
  const twoRoles = (): Buffer => fakeConfirmation(luna, spkiOf(small), { roles: { 0: 99 } })[0]!
  /** The serial's OCTET STRING one octet shorter, lengths around it left as they were. */
  const spoiled = (der: Buffer): Buffer => {
    const at = der.indexOf(Buffer.from('0404d6f30700', 'hex'))
    return Buffer.concat([der.subarray(0, at), Buffer.from('0403d6f307', 'hex'), der.subarray(at + 6), Buffer.from([0])])
  }

  it.each(CASES)('ATT-2: says what is wrong with $name', ({ files, file, reason }) => {
    expect(outcome(judge(files()))).toEqual({ malformed: { file, reason } })
  })
})

describe('mutated Luna evidence', () => {
  it('ATT-2: 500 mutations crash nothing and verify no other key', () => {
    const next = random(20261123)
    const bag = p7b(fakeConfirmation(luna, spki))
    const key = judge({ p: bag }).key.attestedSpkiSha256
    const tally = { verified: 0, refused: 0, malformed: 0 }
    for (let round = 0; round < 500; round++) {
      const report = judge({ p: mutate(bag, next) })
      const kind = Object.keys(outcome(report))[0] as keyof typeof tally
      tally[kind]++
      if (kind === 'verified') expect(report.key.attestedSpkiSha256).toBe(key)
    }
    expect(tally.refused).toBeGreaterThan(50)
    expect(tally.malformed).toBeGreaterThan(50)
    const ecc = p7b(fakeEccConfirmation(luna, spkiOf(curve)))
    for (let round = 0; round < 200; round++) judgeEvidence('thales-luna', { p: mutate(ecc, next) }, { spki: spkiOf(curve) }, lunaAnchors(luna, 'on'), { policy: withSampleKeys() })
  })
})
