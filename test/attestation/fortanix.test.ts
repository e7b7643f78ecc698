import { execFileSync } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import { certificationAuthority, writeCertificate } from '../../attestations/demo/certificate.ts'
import { anchors as shipped } from '../../attestations/fortanix-dsm/index.ts'
import type { AttestationInput } from '../../src/attestation/verify-attestation.ts'
import { nullValue } from '../../src/pki/der.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { shippedPolicy, withAttestation, withSampleKeys } from '../support/attestation-policy.ts'
import { attestationFact, haveSamples, NO_SAMPLES, sample } from '../support/attestation-samples.ts'
import * as fake from '../support/fake-fortanix.ts'
import { dsmCertificates, fakeDsm, fakeFortanix, type FakeDsm, type FakeFortanix } from '../support/fake-fortanix.ts'
import { commonName, ec, extension, requestFor, rsa, spkiOf, type KeyPair } from '../support/fake-yubikey.ts'
import { NOW, type Files } from '../support/judge-evidence.ts'
import { judgeOf, outcome, untrusted, wellFounded, type Outcome } from '../support/judge-maker.ts'
import { mutate, random } from '../support/mutate.ts'

const MAKER = 'fortanix-dsm'
let fortanix: FakeFortanix
let stranger: FakeFortanix
let applicant: KeyPair
let big: KeyPair
let small: KeyPair

beforeAll(() => {
  fortanix = fakeFortanix()
  stranger = fakeFortanix()
  applicant = rsa(3072)
  big = rsa(4096)
  small = rsa(2048)
})

/** FX2200 is certified under FIPS 140-2 alone, which is Historical: these tests take it, and one tests that the shipped policy does not. */
const policy = (base = shippedPolicy) => withAttestation(base, { historicalCertificates: [{ scheme: 'FIPS 140-2', acceptedUntil: '2027-12-31T23:59:59Z', why: 'test' }] })
const bare = judgeOf(MAKER, () => spkiOf(applicant), () => fortanix.anchors)
const judge = (files: Files, more: Partial<AttestationInput> = {}) => bare(files, { policy: policy(), ...more })
const files = (options: FakeDsm = {}, key = applicant): Files => ({ 'key_attestation.json': fakeDsm(fortanix, spkiOf(key), options) })
const reason = (name: string) => `attestation-fortanix.${name}`
const chain = (name: string): Outcome => untrusted(reason(name))
const at = (text: string) => new Date(text)

describe('a genuine DSM cluster', () => {
  it.each([3072, 4096])('ATT-2 KEY-1: RSA-%i on certified machines is verified while the policy takes their certificate', (bits) => {
    const key = bits === 3072 ? applicant : big
    const report = judge(files({}, key), { publicKeySpki: spkiOf(key) })
    expect(outcome(report)).toBe('verified')
    expect(report.chainTrusted).toBe(true)
    wellFounded(report)
    expect(report.device).toMatchObject({ maker: 'Fortanix', model: { values: { name: 'Fortanix FX2200 Series II' } }, serial: null })
    expect(report.device!.details.map(({ value }) => value.values?.['text'] ?? value.key.split('.').at(-1))).toEqual(['18ec8b96-8845-4ce3-9fd1-50407b4b1fc0', `CN=${fake.AUTHORITY}`, '2026-11-05T18:11:51.000Z', 'required'])
    expect(outcome(bare(files({}, key), { publicKeySpki: spkiOf(key) }))).toEqual({ 'certified-module': 'certificate.historical' })
  })

  it('ATT-2: P-521 is verified where the policy takes it', () => {
    const curve = ec('P-521')
    expect(outcome(judge(files({}, curve), { publicKeySpki: spkiOf(curve), policy: policy(withSampleKeys()) }))).toBe('verified')
  })

  it('ATT-2: a statement stays good after its authority ended, for 13 months from when it was made', () => {
    for (const [moment, expected] of [['2026-12-24T00:00:00Z', 'verified'], ['2027-12-05T18:11:51Z', 'verified'], ['2027-12-05T18:11:52Z', chain('age.old')], ['2026-11-05T18:11:51Z', 'verified'], ['2026-11-05T18:11:50Z', untrusted('validity.outside')]] as const) expect(outcome(judge(files(), { at: at(moment) })), moment).toEqual(expected)
  })

  it('ATT-2: how old a statement may be is the policy\'s word', () => {
    const months = (keyProtectionReuseMonths: number): Policy => ({ ...policy(), periods: { ...shippedPolicy.periods, keyProtectionReuseMonths } })
    const after = (number: number, moment: string) => outcome(judge(files(), { at: at(moment), policy: months(number) }))
    expect([after(3, '2027-02-05T18:11:51Z'), after(3, '2027-02-05T18:11:52Z')]).toEqual(['verified', chain('age.old')])
    expect(shippedPolicy.periods.keyProtectionReuseMonths).toBe(13)
  })

  it('ATT-9: staff are told what was not looked at', () => {
    const { findings } = judge(files())
    expect(findings!['genuine-device'].cautions.map(({ key }) => key)).toEqual([reason('revocation.not-asked')])
    expect(findings!['certified-module'].cautions.map(({ key }) => key)).toEqual(['attestation.certificate.unconfirmed', reason('profile.mode-not-stated')])
    expect(findings!['genuine-device'].observed.key).toBe(reason('root.signed'))
    expect(findings!['generated-inside'].observed.key).toBe(reason('generated.stated'))
    expect(findings!['certified-module'].observed).toMatchObject({ key: 'attestation.certificate.historical-accepted', values: { number: '4139' } })
  })

  it('ATT-2: a root brought along, first or last, changes nothing', () => {
    const root = (name: string, key: KeyPair) => writeCertificate({ serial: Buffer.from([9]), issuer: commonName(name), subject: commonName(name), notBefore: at('2020-01-01T00:00:00Z'), notAfter: at('2050-01-01T00:00:00Z'), spki: spkiOf(key), extensions: [certificationAuthority(3)] }, key.privateKey)
    expect(outcome(judge(files({ more: [root(fake.ROOT, fortanix.root)] })))).toBe('verified')
    expect(outcome(judge(files({ json: ({ chain: given, statement }) => ({ attestation_statement: { statement, format: 'x509_certificate' }, authority_chain: [...given].reverse() }) })))).toBe('verified')
    expect(outcome(judge(files({ caIssuer: 'Own Root', caSignedBy: stranger.root, more: [root('Own Root', stranger.root)] })))).toEqual(chain('root.unknown'))
    expect(outcome(judge(files({ caSignedBy: stranger.root, more: [root(fake.ROOT, stranger.root)] })))).toEqual(chain('root.not-signed'))
  })
})

interface Defect {
  name: string
  options?: () => FakeDsm
  key?: () => KeyPair
  more?: () => Partial<AttestationInput>
  expected: Outcome
}
const certified = (name: string): Outcome => ({ 'certified-module': reason(name) })
const leafWith = (...extensions: Buffer[]): FakeDsm => ({ leafExtensions: extensions })
const authorityWith = (...extensions: Buffer[]): FakeDsm => ({ authorityExtensions: extensions })
const cluster = (...items: string[][]): FakeDsm => authorityWith(fake.usage(0), fake.notAuthority(), fake.signing(), fake.enrollment(...items), fake.policy())

const DEFECTS: Defect[] = [
  { name: 'a statement of another key than the request\'s', more: () => ({ publicKeySpki: spkiOf(big) }), expected: { 'same-key': 'same-key.differs' } },
  { name: 'a request stored with another key', more: () => ({ certificateRequestDer: requestFor(spkiOf(big)) }), expected: { 'same-key': 'same-key.request-differs' } },
  { name: 'a statement signed by another authority', options: () => ({ leafSignedBy: stranger.authority }), expected: chain('signature.bad') },
  { name: 'an authority signed by another CA', options: () => ({ authoritySignedBy: stranger.ca }), expected: chain('signature.bad') },
  { name: 'a CA that a root of the same name signed', options: () => ({ caSignedBy: stranger.root }), expected: chain('root.not-signed') },
  { name: 'a CA of a root that nobody knows', options: () => ({ caIssuer: 'Fortanix Root CA 2' }), expected: chain('root.unknown') },
  { name: 'a statement of another name', options: () => ({ leafName: 'Fortanix DSM Key' }), expected: chain('names.bad') },
  { name: 'a CA of another name', options: () => ({ caName: 'Fortanix Node Provisioning CA' }), expected: chain('names.bad') },
  { name: 'a CA that is none', options: () => ({ caExtensions: [fake.usage(0, 5), fake.notAuthority(), fake.policy()] }), expected: chain('issuer.no-authority') },
  { name: 'a CA that may not sign certificates', options: () => ({ caExtensions: [fake.usage(0, 6), fake.isAuthority(), fake.policy()] }), expected: chain('issuer.no-authority') },
  { name: 'an authority that is a CA', options: () => authorityWith(fake.usage(0), fake.isAuthority(), fake.signing(), fake.enrollment(...fake.FX2200), fake.policy()), expected: chain('authority.not-for-attesting') },
  { name: 'an authority that does not say it is no CA', options: () => authorityWith(fake.usage(0), fake.signing(), fake.enrollment(...fake.FX2200), fake.policy()), expected: chain('authority.not-for-attesting') },
  { name: 'an authority for another purpose', options: () => authorityWith(fake.usage(0), fake.notAuthority(), fake.purposes('1.3.6.1.4.1.49690.8.2'), fake.enrollment(...fake.FX2200), fake.policy()), expected: chain('authority.not-for-attesting') },
  { name: 'an authority that may not sign', options: () => authorityWith(fake.usage(2), fake.notAuthority(), fake.signing(), fake.enrollment(...fake.FX2200), fake.policy()), expected: chain('authority.not-for-attesting') },
  { name: 'an authority under another policy', options: () => authorityWith(fake.usage(0), fake.notAuthority(), fake.signing(), fake.enrollment(...fake.FX2200), fake.policy('1.3.6.1.4.1.49690.6.1.1')), expected: chain('policy.other') },
  { name: 'a CA without a policy', options: () => ({ caExtensions: [fake.usage(0, 5), fake.isAuthority()] }), expected: chain('policy.other') },
  { name: 'a statement that is a CA', options: () => leafWith(fake.usage(0), fake.isAuthority(), fake.claim('1.1'), fake.claim('1.2')), expected: chain('leaf.authority') },
  { name: 'a statement made before its authority began', options: () => ({ signed: at('2026-11-04T23:59:59Z') }), expected: untrusted('validity.outside') },
  { name: 'a statement made after its authority ended', options: () => ({ signed: at('2026-11-20T00:00:00Z'), authorityUntil: at('2026-11-19T00:00:00Z') }), expected: untrusted('validity.outside') },
  { name: 'a statement made after its CA ended', options: () => ({ caUntil: at('2026-11-05T00:00:00Z') }), expected: untrusted('validity.outside') },
  { name: 'a statement made before we held the root', options: () => ({ signed: at('2023-08-31T00:00:00Z'), authorityFrom: at('2023-08-01T00:00:00Z'), caFrom: at('2023-08-01T00:00:00Z') }), more: () => ({ at: at('2023-09-02T00:00:00Z') }), expected: untrusted('validity.outside') },
  { name: 'a statement of tomorrow', options: () => ({ signed: at('2026-11-22T00:00:00Z') }), expected: untrusted('validity.outside') },
  { name: 'a statement that ended', options: () => ({ until: at('2026-11-20T00:00:00Z') }), expected: untrusted('validity.outside') },
  { name: 'a claim that nobody knows', options: () => leafWith(fake.usage(0), fake.claim('1.1'), fake.claim('1.2'), fake.claim('1.3')), expected: chain('extensions.unknown') },
  { name: 'a critical extension that we don\'t process', options: () => leafWith(fake.usage(0), fake.claim('1.1'), fake.claim('1.2'), extension('2.5.29.36', Buffer.from('3000', 'hex'), true)), expected: chain('extensions.unknown') },

  { name: 'a key that the cluster did not generate', options: () => leafWith(fake.usage(0), fake.claim('1.2')), expected: { 'generated-inside': reason('generated.not-stated') } },
  { name: 'a key that was exportable', options: () => leafWith(fake.usage(0), fake.claim('1.1')), expected: { 'not-exportable': reason('export.not-stated') } },
  { name: 'a key that is not for signatures', options: () => leafWith(fake.usage(2), fake.claim('1.1'), fake.claim('1.2')), expected: { 'generated-inside': reason('usage.other') } },
  { name: 'a key of which no use is stated', options: () => leafWith(fake.claim('1.1'), fake.claim('1.2')), expected: { 'generated-inside': reason('usage.other') } },

  { name: 'a cluster of which nothing is stated', options: () => authorityWith(fake.usage(0), fake.notAuthority(), fake.signing(), fake.policy()), expected: certified('profile.none') },
  { name: 'a cluster without a protection profile', options: () => cluster(['2']), expected: certified('profile.none') },
  { name: 'a cluster of a profile that nobody knows', options: () => cluster(['1', '1.2'], ['2']), expected: certified('profile.unlisted') },
  { name: 'a cluster of two profiles', options: () => cluster(['1', '1.1', '1.2'], ['2']), expected: certified('profile.unlisted') },
  { name: 'a cluster with a rule that nobody knows', options: () => cluster(['1', '1.1'], ['3']), expected: certified('profile.unlisted') },
  { name: 'RSA-2048, which the policy does not take', key: () => small, more: () => ({ publicKeySpki: spkiOf(small) }), expected: { 'certified-module': 'key-type.not-in-policy' } },
  { name: 'a policy that asks for level 4', more: () => ({ policy: withAttestation(policy(), { schemes: [{ scheme: 'FIPS 140-2', minimumLevel: 4 }] }) }), expected: { 'certified-module': 'certificate.level' } },
]

describe('one defect each', () => {
  it.each(DEFECTS)('ATT-2: refuses $name', ({ options, key, more, expected }) => {
    const report = judge(files(options?.(), key?.() ?? applicant), more?.())
    expect(outcome(report)).toEqual(expected)
    wellFounded(report)
  })

  it('ATT-2: a kind of key that the machines are not certified for is refused', () => {
    const odd = rsa(3584)
    expect(outcome(judge(files({}, odd), { publicKeySpki: spkiOf(odd) }))).toEqual(certified('key-type.uncertified'))
  })

  it('ATT-2: a cluster may do without the operator\'s approval, and it is shown', () => {
    const report = judge(files(cluster(['1', '1.1'])))
    expect(outcome(report)).toBe('verified')
    expect(report.device!.details.at(-1)!.value.key).toBe(reason('approval.not-required'))
  })

  it('ATT-2: an attested key does not sign another statement', () => {
    const real = dsmCertificates(fortanix, spkiOf(small))
    const forged = dsmCertificates(fortanix, spkiOf(applicant), { leafSignedBy: small, leafIssuer: fake.AUTHORITY }).leaf
    expect(outcome(judge(files({ json: ({ chain: given }) => ({ authority_chain: given, attestation_statement: { format: 'x509_certificate', statement: forged.toString('base64') } }) })))).toEqual(chain('signature.bad'))
    const below = writeCertificate({ serial: Buffer.from([7]), issuer: fake.keyName('Fortanix DSM Key Attestation'), subject: fake.keyName('Fortanix DSM Key Attestation'), notBefore: fake.SIGNED, notAfter: at('9999-12-31T23:59:59Z'), spki: spkiOf(applicant), extensions: [fake.usage(0), fake.claim('1.1'), fake.claim('1.2')] }, small.privateKey)
    const report = judge(files({ json: ({ chain: given }) => ({ authority_chain: [real.leaf.toString('base64'), ...given], attestation_statement: { format: 'x509_certificate', statement: below.toString('base64') } }) }))
    expect('verified' in report.verdict).toBe(false)
  })

  it('ATT-2: a root that is held but off is not relied on, and the shipped one is off', () => {
    const off = judgeOf(MAKER, () => spkiOf(applicant), () => fake.anchorsOf(fake.anchorRow(fortanix.root, { off: { why: 'single-source', confirmAt: 'https://example.com/root' }, independentSources: 1 })))(files(), { policy: policy() })
    expect(outcome(off)).toEqual(untrusted('anchor.off-single-source'))
    expect(off.findings!['genuine-device'].cautions.map(({ key }) => key)).toEqual([reason('revocation.not-asked')])
    expect(shipped.rows.map(({ off: how }) => how?.why)).toEqual(['single-source'])
  })

  it('ATT-2: other roles of an anchor\'s row do not let it sign', () => {
    for (const change of [{ role: 'refuse' }, { role: 'issuer' }, { signsDevices: false }])
      expect(outcome(judgeOf(MAKER, () => spkiOf(applicant), () => fake.anchorsOf(fake.anchorRow(fortanix.root, change)))(files(), { policy: policy() }))).toEqual(chain('root.unknown'))
  })
})

describe('statements that cannot be read', () => {
  const NAME = 'key_attestation.json'
  const malformed = (name: string, file = NAME): Outcome => ({ malformed: file, reason: reason(`malformed.${name}`) })
  const json = (make: NonNullable<FakeDsm['json']>): Files => files({ json: make })
  const inner = (statement: unknown, format: unknown = 'x509_certificate') => ({ format, statement })
  const certificate = () => dsmCertificates(fortanix, spkiOf(applicant)).leaf
  const CASES: { name: string; files: () => Files; expected: Outcome }[] = [
    { name: 'two statements', files: () => ({ ...files(), 'other.json': fakeDsm(fortanix, spkiOf(big)) }), expected: malformed('several-statements', 'other.json') },
    { name: 'a certificate beside it', files: () => ({ ...files(), 'leaf.crt': certificate() }), expected: malformed('stray', 'leaf.crt') },
    { name: 'something else beside it', files: () => ({ ...files(), 'note.txt': Buffer.from('hello') }), expected: malformed('stray', 'note.txt') },
    { name: 'JSON cut short', files: () => ({ [NAME]: files()[NAME]!.subarray(0, -2) }), expected: { malformed: NAME, reason: 'malformed.json' } },
    { name: 'a name twice', files: () => ({ [NAME]: Buffer.from(files()[NAME]!.toString().replace('"format"', '"statement": "", "format"')) }), expected: { malformed: NAME, reason: 'malformed.json-twice' } },
    { name: 'a list', files: () => json(({ chain: given, statement }) => [{ authority_chain: given, attestation_statement: inner(statement) }]), expected: malformed('shape') },
    { name: 'no chain', files: () => json(({ statement }) => ({ attestation_statement: inner(statement) })), expected: malformed('shape') },
    { name: 'a chain that is no list', files: () => json(({ chain: given, statement }) => ({ authority_chain: given[0], attestation_statement: inner(statement) })), expected: malformed('shape') },
    { name: 'a statement that is no object', files: () => json(({ chain: given, statement }) => ({ authority_chain: given, attestation_statement: statement })), expected: malformed('shape') },
    { name: 'another format', files: () => json(({ chain: given, statement }) => ({ authority_chain: given, attestation_statement: inner(statement, 'cbor') })), expected: malformed('format') },
    { name: 'no format', files: () => json(({ chain: given, statement }) => ({ authority_chain: given, attestation_statement: { statement } })), expected: malformed('format') },
    { name: 'no statement', files: () => json(({ chain: given }) => ({ authority_chain: given, attestation_statement: { format: 'x509_certificate' } })), expected: malformed('base64') },
    { name: 'an empty chain', files: () => json(({ statement }) => ({ authority_chain: [], attestation_statement: inner(statement) })), expected: malformed('chain-length') },
    { name: 'five certificates', files: () => json(({ chain: given, statement }) => ({ authority_chain: [...given, ...given, given[0]], attestation_statement: inner(statement) })), expected: malformed('chain-length') },
    { name: 'base64url', files: () => json(({ chain: given, statement }) => ({ authority_chain: given, attestation_statement: inner(Buffer.from(statement, 'base64').toString('base64url')) })), expected: malformed('base64') },
    { name: 'base64 with line ends', files: () => json(({ chain: given, statement }) => ({ authority_chain: [`${given[0]}\n`, given[1]], attestation_statement: inner(statement) })), expected: malformed('base64') },
    { name: 'a number in the chain', files: () => json(({ chain: given, statement }) => ({ authority_chain: [...given, 7], attestation_statement: inner(statement) })), expected: malformed('base64') },
    { name: 'something that is no certificate', files: () => json(({ chain: given }) => ({ authority_chain: given, attestation_statement: inner('MAA=') })), expected: { malformed: NAME, reason: 'malformed.certificate' } },
    { name: 'octets after the statement', files: () => json(({ chain: given, statement }) => ({ authority_chain: given, attestation_statement: inner(Buffer.concat([Buffer.from(statement, 'base64'), nullValue()]).toString('base64')) })), expected: { malformed: NAME, reason: 'malformed.der' } },
    { name: 'no authority', files: () => json(({ chain: given, statement }) => ({ authority_chain: given.slice(1), attestation_statement: inner(statement) })), expected: malformed('authority-missing') },
    { name: 'no CA', files: () => json(({ chain: given, statement }) => ({ authority_chain: given.slice(0, 1), attestation_statement: inner(statement) })), expected: malformed('authority-missing') },
    { name: 'a statement of another issuer', files: () => files({ leafIssuer: 'Another Authority' }), expected: malformed('authority-missing') },
    { name: 'two authorities of one name', files: () => files({ more: [dsmCertificates(stranger, spkiOf(applicant)).authority] }), expected: malformed('ambiguous') },
    { name: 'a certificate that does not belong', files: () => files({ more: [certificate()] }), expected: malformed('chain-stray') },
    { name: 'a claim that holds something', files: () => files({ leafExtensions: [fake.usage(0), fake.claim('1.1', Buffer.from('3003010100', 'hex')), fake.claim('1.2')] }), expected: malformed('claim') },
    { name: 'a claim that denies itself', files: () => files({ leafExtensions: [fake.usage(0), fake.claim('1.1'), fake.claim('1.2', Buffer.from('010100', 'hex'))] }), expected: malformed('claim') },
    { name: 'a claim twice', files: () => files({ leafExtensions: [fake.claim('1.1'), fake.claim('1.1')] }), expected: { malformed: NAME, reason: 'malformed.duplicate-extension' } },
    { name: 'an enrollment policy that is damaged', files: () => files(authorityWith(extension('1.3.6.1.4.1.49690.2.5', nullValue()))), expected: { malformed: NAME, reason: 'malformed.der' } },
    { name: 'an enrollment rule of nothing', files: () => files(cluster([])), expected: { malformed: NAME, reason: 'malformed.der' } },
    { name: 'an enrollment rule twice', files: () => files(cluster(['1', '1.1'], ['1', '1.1'])), expected: { malformed: NAME, reason: 'malformed.der' } },
  ]

  it.each(CASES)('ATT-2: $name', ({ files: given, expected }) => {
    expect(outcome(judge(given()))).toEqual(expected)
  })
})

describe.skipIf(!haveSamples())(`the published DSM sample${haveSamples() ? '' : ` (${NO_SAMPLES})`}`, () => {
  const NAME = 'fortanix/key_attestation.json'
  const parts = () => JSON.parse(sample(NAME).toString()) as { authority_chain: string[]; attestation_statement: { statement: string } }
  const leaf = () => Buffer.from(parts().attestation_statement.statement, 'base64')
  const spki = () => new X509Certificate(leaf()).publicKey.export({ type: 'spki', format: 'der' })
  const on = { ...shipped, rows: shipped.rows.map(({ off: _, ...row }) => row) }
  const ask = (moment: string, anchors: typeof shipped = on, bytes = sample(NAME)) => judgeOf(MAKER, spki, () => anchors)({ 'key_attestation.json': bytes }, { policy: withSampleKeys(), at: at(moment) })

  it('ATT-2: RSA-2048 of September 2023 is verified in that autumn, and too old today', () => {
    const then = ask('2023-10-06T00:00:00Z')
    expect(outcome(then)).toBe('verified')
    expect(then.key).toMatchObject({ type: 'RSA-2048', attestedSpkiSha256: '00c123a2724a35ceda97b3e9de3fd0fc5a628da8c93274f5623b2cab0263aaa5' })
    expect(then.device!.details.map(({ value }) => value.values?.['text'] ?? value.key.split('.').at(-1))).toEqual(['18ec8b96-8845-4ce3-9fd1-50407b4b1fc0', 'CN=Fortanix DSM SaaS Key Attestation Authority', '2023-09-05T18:11:51.000Z', 'required'])
    expect(outcome(ask('2026-11-21T00:00:00Z'))).toEqual(chain('age.old'))
    expect(outcome(ask('2024-10-05T18:11:52Z'))).toEqual(chain('age.old'))
    expect(outcome(ask('2023-10-06T00:00:00Z', shipped))).toEqual(untrusted('anchor.off-single-source'))
    expect(outcome(judgeOf(MAKER, () => spkiOf(big), () => on)({ 'key_attestation.json': sample(NAME) }, { policy: withSampleKeys(), at: at('2023-10-06T00:00:00Z') }))).toEqual({ 'same-key': 'same-key.differs' })
    expect(outcome(judgeOf(MAKER, spki, () => on)({ 'key_attestation.json': sample(NAME) }, { at: at('2023-10-06T00:00:00Z') }))).toEqual({ 'certified-module': 'key-type.not-in-policy' })
  })

  it('ATT-2: openssl prints the same facts', () => {
    const print = (der: Buffer, ...words: string[]) => execFileSync('openssl', ['x509', '-inform', 'DER', '-noout', ...words], { input: der, encoding: 'utf8' })
    const [authority, ca, root] = parts().authority_chain.map((text) => Buffer.from(text, 'base64')) as [Buffer, Buffer, Buffer]
    expect(print(leaf(), '-text')).toMatch(/Not Before: Sep +5 18:11:51 2023 GMT[\s\S]*1\.3\.6\.1\.4\.1\.49690\.1\.2\.2 ?= ?18ec8b96-8845-4ce3-9fd1-50407b4b1fc0[\s\S]*49690\.2\.4\.1\.1[\s\S]*49690\.2\.4\.1\.2/)
    expect(print(authority, '-text')).toMatch(/CA:FALSE[\s\S]*1\.3\.6\.1\.4\.1\.49690\.8\.1[\s\S]*49690\.2\.5[\s\S]*Policy: 1\.3\.6\.1\.4\.1\.49690\.6\.1\.2/)
    expect(print(ca, '-subject', '-nameopt', 'RFC2253').trim()).toBe('subject=CN=Fortanix Key Attestation CA,O=Fortanix\\, Inc.,L=Santa Clara,ST=California,C=US')
    expect(print(root, '-fingerprint', '-sha256').trim().split('=')[1]!.replaceAll(':', '').toLowerCase()).toBe(shipped.rows[0]!.certificateSha256)
    const key = execFileSync('openssl', ['pkey', '-pubin', '-outform', 'DER'], { input: print(leaf(), '-pubkey') })
    expect(createHash('sha256').update(key).digest('hex')).toBe(ask('2023-10-06T00:00:00Z').key.attestedSpkiSha256)
  })

  it('ATT-2: the key held is the published fact', () => {
    const [fact] = (JSON.parse(attestationFact('anchors.json')) as { maker: string; spki: string; spkiSha256: string; subjectDer: string; certificateSha256: string }[]).filter(({ maker }) => maker === 'fortanix')
    expect(shipped.rows.map((row) => ({ spki: row.spki.toString('base64'), subjectDer: row.subjectDer.toString('base64'), spkiSha256: row.spkiSha256, certificateSha256: row.certificateSha256 }))).toEqual([{ spki: fact!.spki, subjectDer: fact!.subjectDer, spkiSha256: fact!.spkiSha256, certificateSha256: fact!.certificateSha256 }])
  })

  it('ATT-2: 500 mutations of the sample crash nothing and verify no changed certificate', () => {
    const next = random(49690)
    const original = parts()
    const tally = { verified: 0, refused: 0, malformed: 0 }
    for (let round = 0; round < 500; round++) {
      // Two of three changes go into the octets of one certificate, where base64 would stop most.
      const changed = structuredClone(original)
      const which = round % 5
      if (which === 4) changed.attestation_statement.statement = mutate(leaf(), next).toString('base64')
      else if (which < 3) changed.authority_chain[which] = mutate(Buffer.from(original.authority_chain[which]!, 'base64'), next).toString('base64')
      const bytes = which === 3 ? mutate(sample(NAME), next) : Buffer.from(JSON.stringify(changed))
      const report = ask('2023-10-06T00:00:00Z', on, bytes)
      tally['verified' in report.verdict ? 'verified' : 'refused' in report.verdict ? 'refused' : 'malformed']++
      if (!('verified' in report.verdict)) continue
      expect(report.key.attestedSpkiSha256).toBe(report.key.spkiSha256)
      // The root is looked at by nobody; the others must be as they were.
      const after = JSON.parse(bytes.toString()) as typeof original
      expect([after.authority_chain[0], after.authority_chain[1], after.attestation_statement.statement]).toEqual([original.authority_chain[0], original.authority_chain[1], original.attestation_statement.statement])
    }
    expect(tally.refused).toBeGreaterThan(25)
    expect(tally.malformed).toBeGreaterThan(50)
  })
})

describe('mutated fake statements', () => {
  it('ATT-2: 500 mutations of a good statement crash nothing', () => {
    const next = random(7)
    const good = files()['key_attestation.json']!
    for (let round = 0; round < 500; round++) {
      const report = judge({ 'key_attestation.json': mutate(good, next) }, { at: NOW })
      if ('verified' in report.verdict) expect(report.key.attestedSpkiSha256).toBe(report.key.spkiSha256)
    }
  })
})
