import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { anchors as shipped } from '../../attestations/securosys-primus/index.ts'
import { requestKey } from '../../src/attestation/evidence.ts'
import type { AttestationInput } from '../../src/attestation/verify-attestation.ts'
import { shippedPolicy, withSampleKeys } from '../support/attestation-policy.ts'
import { attestationFact, haveSamples, NO_SAMPLES, sample, samplePath } from '../support/attestation-samples.ts'
import * as fake from '../support/fake-primus.ts'
import { fakePrimus, fakeSecurosys, primusXml, type FakePrimus, type FakeSecurosys } from '../support/fake-primus.ts'
import { certificationAuthority, commonName, ec, extension, requestFor, rsa, spkiOf, type KeyPair } from '../support/fake-yubikey.ts'
import { NOW, type Files } from '../support/judge-evidence.ts'
import { judgeOf, outcome, untrusted, wellFounded, type Outcome } from '../support/judge-maker.ts'
import { mutate, random } from '../support/mutate.ts'
import { writeCertificate } from '../../attestations/demo/certificate.ts'

const MAKER = 'securosys-primus'
let securosys: FakeSecurosys
let stranger: FakeSecurosys
let applicant: KeyPair
let big: KeyPair
let small: KeyPair

beforeAll(() => {
  securosys = fakeSecurosys()
  stranger = fakeSecurosys()
  applicant = rsa(3072)
  big = rsa(4096)
  small = rsa(2048)
})

const judge = judgeOf(MAKER, () => spkiOf(applicant), () => securosys.anchors)
const files = (options: FakePrimus = {}, key = applicant): Files => fakePrimus(securosys, spkiOf(key), options)
const reason = (name: string) => `attestation-securosys.${name}`
/** As good as it gets: nothing names the model, so the last question is never answered yes. */
const GOOD: Outcome = { 'certified-module': reason('state.missing') }
const refused = (question: string, name: string): Outcome => ({ [question]: reason(name), ...(GOOD as object) })
const chain = (name: string): Outcome => untrusted(reason(name))
const exportable = (name: string) => refused('not-exportable', name)

describe('a genuine Primus HSM', () => {
  it.each([3072, 4096])('ATT-2 KEY-1: of RSA-%i everything is proven but the model, which no key attestation names', (bits) => {
    const key = bits === 3072 ? applicant : big
    for (const options of [{}, { pss: true }] as FakePrimus[]) {
      const report = judge(files(options, key), { publicKeySpki: spkiOf(key) })
      expect(outcome(report)).toEqual(GOOD)
      expect(report.chainTrusted).toBe(true)
      expect(report.findings!['generated-inside'].observed.key).toBe(reason('creation.generated'))
      wellFounded(report)
      expect(report.device).toMatchObject({ maker: 'Securosys', serial: '10000001', firmware: null })
    }
  })

  it('ATT-2: P-384 is as good where the policy takes it', () => {
    const curve = ec('P-384')
    expect(outcome(judge(files({}, curve), { publicKeySpki: spkiOf(curve), policy: withSampleKeys() }))).toEqual(GOOD)
  })

  it('ATT-8: a state attestation is asked for; one that is given is verified, named, and left to a person', () => {
    const text = '<?xml version="1.0"?>\n<state><model>Primus X</model></state>\n'
    const auditor = Buffer.from(fake.toPem('CERTIFICATE', fake.signerCertificate(securosys, 'audit-key', securosys.auditor)))
    const state = { 'state.xml': Buffer.from(text), 'audit.crt': auditor }
    const good = judge({ ...files(), ...state, 'state.sig': fake.signXml(text, securosys.auditor) })
    expect(outcome(good)).toEqual({ 'certified-module': reason('state.not-read') })
    expect(good.findings!['certified-module']).toMatchObject({ observed: { values: { file: 'state.xml' } }, remedy: { key: reason('remedy.other-method') } })
    expect(outcome(judge({ ...files(), 'state.xml': Buffer.from(text), 'state.sig': fake.signXml(text, securosys.signer) }))).toEqual({ 'certified-module': reason('state.not-read') })
    for (const wrong of [fake.signXml(`${text} `, securosys.auditor), fake.signXml(text, stranger.auditor)]) expect(outcome(judge({ ...files(), ...state, 'state.sig': wrong }))).toEqual({ 'certified-module': reason('state.not-signed') })
    const other = Buffer.from(fake.toPem('CERTIFICATE', fake.signerCertificate(securosys, 'audit-key', securosys.auditor, { signerSignedBy: stranger.device })))
    expect(outcome(judge({ ...files(), ...state, 'audit.crt': other, 'state.sig': fake.signXml(text, securosys.auditor) }))).toEqual({ 'certified-module': reason('state.not-signed') })
  })

  it('ATT-8: the family\'s certificate and the kind of key are judged beside it', () => {
    const keys = (report: ReturnType<typeof judge>) => report.findings!['certified-module'].checks.map(({ outcome: each, observed }) => `${each} ${observed.key}`)
    expect(keys(judge(files()))).toEqual([`fail ${reason('state.missing')}`, `pass ${reason('key-type.certified')}`, 'fail attestation.certificate.historical', 'pass attestation.key-type.in-policy'])
    expect(keys(judge(files({}, small), { publicKeySpki: spkiOf(small) })).at(-1)).toBe('fail attestation.key-type.not-in-policy')
    expect(keys(judge(files(), { at: new Date('2026-11-20T00:00:00Z') })).at(2)).toBe('fail attestation.certificate.historical')
    const odd = rsa(3584)
    expect(keys(judge(files({}, odd), { publicKeySpki: spkiOf(odd) }))[1]).toBe(`fail ${reason('key-type.uncertified')}`)
  })

  it('ATT-2: a root brought along changes nothing', () => {
    const own = (name: string, key: KeyPair) => Buffer.from(fake.toPem('CERTIFICATE', writeCertificate({ serial: Buffer.from([9]), issuer: commonName(name), subject: commonName(name), notBefore: new Date('2020-01-01T00:00:00Z'), notAfter: new Date('2050-01-01T00:00:00Z'), spki: spkiOf(key), extensions: [certificationAuthority(1)] }, key.privateKey)))
    expect(outcome(judge({ ...files(), 'root.crt': own(fake.ROOT, securosys.root) }))).toEqual(GOOD)
    expect(outcome(judge({ ...files({ issuer: 'OWN_ROOT', deviceSignedBy: stranger.root }), 'root.crt': own('OWN_ROOT', stranger.root) }))).toEqual(chain('root.unknown'))
  })
})

interface Defect {
  name: string
  options?: () => FakePrimus
  more?: () => Partial<AttestationInput>
  expected: Outcome
}
const DEFECTS: Defect[] = [
  { name: 'an attestation of another key than the request\'s', more: () => ({ publicKeySpki: spkiOf(big) }), expected: { 'same-key': 'same-key.differs', ...(GOOD as object) } },
  { name: 'a request stored with another key', more: () => ({ certificateRequestDer: requestFor(spkiOf(big)) }), expected: { 'same-key': 'same-key.request-differs', ...(GOOD as object) } },
  { name: 'one blank line less than was signed', options: () => ({ signed: `${primusXml(spkiOf(applicant))}\n` }), expected: chain('signature.bad') },
  { name: 'other line ends than were signed', options: () => ({ signed: primusXml(spkiOf(applicant)).replaceAll('\n', '\r\n') }), expected: chain('signature.bad') },
  { name: 'a signer\'s certificate of another key', options: () => ({ signerKey: stranger.signer }), expected: chain('signature.bad') },
  { name: 'a signer\'s certificate of an EC key', options: () => ({ signerKey: ec('P-256') }), expected: chain('signature.bad') },
  { name: 'a signer that another HSM issued', options: () => ({ signerSignedBy: stranger.device }), expected: chain('signer.not-issued') },
  { name: 'a signer that names another issuer', options: () => ({ signerIssuer: 'PRIMUS HSM KEY (SN: 2)' }), expected: chain('signer.not-issued') },
  { name: 'a signer without a key usage', options: () => ({ signerExtensions: [extension('2.5.29.19', Buffer.from('3000', 'hex'), true)] }), expected: chain('signer.not-for-signing') },
  { name: 'a signer that does not say it is no CA', options: () => ({ signerExtensions: [fake.usage(0, 1)] }), expected: chain('signer.not-for-signing') },
  { name: 'a signer that may sign certificates', options: () => ({ signerExtensions: [fake.usage(0, 5), extension('2.5.29.19', Buffer.from('3000', 'hex'), true)] }), expected: chain('signer.not-for-signing') },
  { name: 'a signer for key agreement', options: () => ({ signerExtensions: [fake.usage(4), extension('2.5.29.19', Buffer.from('3000', 'hex'), true)] }), expected: chain('signer.not-for-signing') },
  { name: 'an HSM of another name', options: () => ({ deviceName: 'PRIMUS HSM KEY' }), expected: chain('device.misnamed') },
  { name: 'an HSM with path length 1', options: () => ({ deviceExtensions: [fake.usage(1, 5), certificationAuthority(1), fake.policy('1.3.6.1.4.1.44668.4.1.3')] }), expected: chain('device.no-authority') },
  { name: 'an HSM that may not sign certificates', options: () => ({ deviceExtensions: [fake.usage(1, 6), certificationAuthority(0), fake.policy('1.3.6.1.4.1.44668.4.1.3')] }), expected: chain('device.no-authority') },
  { name: 'an HSM under the root\'s policy', options: () => ({ deviceExtensions: [fake.usage(1, 5), certificationAuthority(0), fake.policy('1.3.6.1.4.1.44668.4.1.1')] }), expected: chain('device.other-policy') },
  { name: 'an HSM without a policy', options: () => ({ deviceExtensions: [fake.usage(1, 5), certificationAuthority(0)] }), expected: chain('device.other-policy') },
  { name: 'a root that nobody knows', options: () => ({ issuer: 'PRIMUS_HSM_ROOTKEY_2' }), expected: chain('root.unknown') },
  { name: 'the root of development', options: () => ({ issuer: 'SECUROSYS_ROOTKEY_DEV' }), expected: chain('root.development') },
  { name: 'a root of the same name with another key', options: () => ({ deviceSignedBy: stranger.root }), expected: chain('device.not-signed') },
  { name: 'a signer of tomorrow', options: () => ({ notBefore: new Date('2026-11-22T00:00:00Z') }), expected: untrusted('validity.outside') },
  { name: 'a signer of yesterday', options: () => ({ notAfter: new Date('2026-11-20T00:00:00Z') }), expected: untrusted('validity.outside') },
  { name: 'a critical extension that we don\'t process', options: () => ({ signerExtensions: [fake.usage(0, 1), extension('2.5.29.19', Buffer.from('3000', 'hex'), true), extension('2.5.29.36', Buffer.from('3000', 'hex'), true)] }), expected: chain('extensions.unknown') },

  { name: 'an imported key', options: () => ({ creation: 'imported' }), expected: refused('generated-inside', 'creation.other') },
  { name: 'an origin of another case', options: () => ({ creation: 'Generated' }), expected: refused('generated-inside', 'creation.other') },
  { name: 'a key of another size than stated', options: () => ({ elements: { key_size: '4096' } }), expected: refused('generated-inside', 'key.misdescribed') },
  { name: 'a key of another kind than stated', options: () => ({ elements: { algorithm: 'EC' } }), expected: refused('generated-inside', 'key.misdescribed') },
  { name: 'a key attested before it was generated', options: () => ({ elements: { create_time: '2026-10-18T20:19:34Z' } }), expected: refused('generated-inside', 'times.disordered') },
  { name: 'a key attested tomorrow', options: () => ({ elements: { attest_time: '2026-11-22T00:00:00Z' } }), expected: refused('generated-inside', 'times.disordered') },
  { name: 'a key without a time', options: () => ({ elements: { attest_time: undefined } }), expected: refused('generated-inside', 'times.disordered') },
  ...Object.entries({ sensitive: 'false', always_sensitive: 'false', extractable: 'true', never_extractable: 'false', copyable: 'true' }).flatMap(([name, value]): Defect[] => [
    { name: `${name} is ${value}`, options: () => ({ attributes: { [name]: value } }), expected: exportable('attribute.is') },
    { name: `${name} is not stated`, options: () => ({ attributes: { [name]: undefined } }), expected: exportable('attribute.missing') },
  ]),
  { name: 'an element that nobody knows', options: () => ({ elements: { backup: 'yes' } }), expected: exportable('statement.unknown') },
  { name: 'an attribute that nobody knows', options: () => ({ attributes: { backup: 'true' } }), expected: exportable('statement.unknown') },
]

describe('one defect each', () => {
  it.each(DEFECTS)('ATT-2: refuses $name', ({ options, more, expected }) => {
    const report = judge(files(options?.()), more?.())
    expect(outcome(report)).toEqual(expected)
    wellFounded(report)
  })

  it('ATT-2: a root that is held but off is not relied on, and the shipped one is off', () => {
    const off = judgeOf(MAKER, () => spkiOf(applicant), () => fake.anchorsOf(fake.anchorRow(securosys.root, { off: { why: 'single-source', confirmAt: 'https://example.com/root' }, independentSources: 0 })))(files())
    expect(outcome(off)).toEqual(untrusted('anchor.off-single-source'))
    expect(judge(files()).findings!['genuine-device'].cautions).toEqual([])
    expect(shipped.rows.map(({ off: how }) => how?.why)).toEqual(['single-source'])
  })

  it('ATT-2: a root is relied on only from the first to the last day that we hold it', () => {
    const held = (change: object) => outcome(judgeOf(MAKER, () => spkiOf(applicant), () => fake.anchorsOf(fake.anchorRow(securosys.root, change)))(files()))
    for (const change of [{ notBefore: '2026-11-21' }, { notAfter: '2026-11-21' }]) expect(held(change)).toEqual(GOOD)
    for (const change of [{ notBefore: '2026-11-22' }, { notAfter: '2026-11-20' }]) expect(held(change)).toEqual(untrusted('validity.outside'))
  })

  it('ATT-2: other roles of an anchor\'s row do not let it sign devices', () => {
    for (const change of [{ role: 'refuse' }, { role: 'issuer' }, { signsDevices: false }]) {
      const report = judgeOf(MAKER, () => spkiOf(applicant), () => fake.anchorsOf(fake.anchorRow(securosys.root, change)))(files())
      expect(outcome(report)).toEqual(chain('root.unknown'))
    }
  })
})

describe('files that cannot be read', () => {
  const malformed = (name: string, file = 'key.xml') => ({ malformed: file, reason: `attestation-securosys.malformed.${name}` })
  const xml = (change: (text: string) => string): Files => files({ xml: change(primusXml(spkiOf(applicant))) })
  const without = (name: string): Files => Object.fromEntries(Object.entries(files()).filter(([each]) => each !== name))
  const pems = () => files()['chain.crt']!.toString().split(/(?<=END CERTIFICATE-----\n)/)
  const other = (): Files => fakePrimus(stranger, spkiOf(applicant), { deviceName: 'PRIMUS HSM KEY (SN: 2)' })
  const deep = (depth: number): string => `${'<a>'.repeat(depth)}${'</a>'.repeat(depth)}`
  const CASES: { name: string; files: () => Files; expected: Outcome }[] = [
    { name: 'no attestation file', files: () => without('key.xml'), expected: malformed('xml-missing', 'key.sig') },
    { name: 'no signature', files: () => without('key.sig'), expected: malformed('signature-missing') },
    { name: 'no certificates', files: () => without('chain.crt'), expected: malformed('signer-missing') },
    { name: 'no certificate of the signer', files: () => ({ ...files(), 'chain.crt': Buffer.from(pems()[1]!) }), expected: malformed('signer-missing') },
    { name: 'no certificate of the HSM', files: () => ({ ...files(), 'chain.crt': Buffer.from(pems()[0]!) }), expected: malformed('device-missing', 'chain.crt') },
    { name: 'two attestation files', files: () => ({ ...files(), 'second.xml': Buffer.from(primusXml(spkiOf(big))) }), expected: malformed('several-keys', 'second.xml') },
    { name: 'three XML files', files: () => ({ ...files(), 'second.xml': Buffer.from('<a/>'), 'third.xml': Buffer.from('<a/>') }), expected: malformed('stray', 'third.xml') },
    { name: 'three signatures', files: () => ({ ...files(), 'b.sig': Buffer.alloc(384, 1), 'c.sig': Buffer.alloc(384, 2) }), expected: malformed('stray', 'c.sig') },
    { name: 'a file that is none of the three', files: () => ({ ...files(), 'README.md': Buffer.from('read me') }), expected: malformed('stray', 'README.md') },
    { name: 'certificates of two HSMs', files: () => ({ ...files(), 'other.crt': other()['chain.crt']! }), expected: malformed('several-devices', 'other.crt') },
    { name: 'three signers', files: () => ({ ...files(), 'other.crt': Buffer.from(['a', 'b'].map((name) => fake.toPem('CERTIFICATE', fake.signerCertificate(securosys, name, stranger.signer))).join('')) }), expected: malformed('several-devices', 'other.crt') },
    { name: 'a root element of another name', files: () => xml((text) => text.replaceAll('private_key', 'private_keys')), expected: malformed('xml-missing') },
    { name: 'no public key', files: () => files({ elements: { public_key: undefined } }), expected: malformed('public-key') },
    { name: 'a public key with white space', files: () => files({ elements: { public_key: ` ${spkiOf(applicant).toString('base64')}` } }), expected: malformed('public-key') },
    { name: 'a document type', files: () => xml((text) => text.replace('?>\n', '?>\n<!DOCTYPE private_key [<!ENTITY a "b">]>\n')), expected: malformed('xml-forbidden') },
    { name: 'a document type from elsewhere', files: () => xml((text) => text.replace('?>\n', '?>\n<!DOCTYPE private_key SYSTEM "http://127.0.0.1/a.dtd">\n')), expected: malformed('xml-forbidden') },
    { name: 'a predefined entity', files: () => files({ elements: { label: 'a &amp; b' } }), expected: malformed('xml-forbidden') },
    { name: 'a character by number', files: () => files({ attributes: { extractable: '&#102;alse' } }), expected: malformed('xml-forbidden') },
    { name: 'a comment inside a value', files: () => files({ attributes: { extractable: 'fal<!-- -->se' } }), expected: malformed('xml-forbidden') },
    { name: 'a comment between elements', files: () => xml((text) => text.replace('\t<label>', '<!-- a -->\t<label>')), expected: malformed('xml-forbidden') },
    { name: 'a CDATA section', files: () => files({ elements: { label: '<![CDATA[a]]>' } }), expected: malformed('xml-forbidden') },
    { name: 'a processing instruction', files: () => xml((text) => text.replace('\t<label>', '<?php ?>\t<label>')), expected: malformed('xml-forbidden') },
    { name: 'a declaration in the middle', files: () => xml((text) => text.replace('\t<label>', '<?xml version="1.0"?>\t<label>')), expected: malformed('xml') },
    { name: 'another version of XML', files: () => xml((text) => text.replace('version="1.0"', 'version="1.1"')), expected: malformed('xml') },
    { name: 'another character encoding', files: () => xml((text) => text.replace('UTF-8', 'ISO-8859-1')), expected: malformed('xml') },
    { name: 'octets that are no UTF-8', files: () => ({ ...files(), 'key.xml': Buffer.concat([Buffer.from('<private_key>'), Buffer.from([0xc3, 0x28]), Buffer.from('</private_key>')]) }), expected: malformed('xml') },
    { name: 'an element twice', files: () => xml((text) => text.replace('\t<label>', '\t<label>a</label>\n\t<label>')), expected: malformed('xml-twice') },
    { name: 'an attribute of the key twice', files: () => xml((text) => text.replace('\t\t<sign>', '\t\t<extractable>true</extractable>\n\t\t<sign>')), expected: malformed('xml-twice') },
    { name: 'an XML attribute twice', files: () => xml((text) => text.replace('creation="generated"', 'creation="generated" creation="imported"')), expected: malformed('xml') },
    { name: 'an XML attribute without quotes', files: () => xml((text) => text.replace('"generated"', 'generated')), expected: malformed('xml') },
    { name: 'an XML attribute with a line end', files: () => xml((text) => text.replace('"generated"', '"gener\nated"')), expected: malformed('xml') },
    { name: 'text beside elements', files: () => xml((text) => text.replace('\t<label>', 'text\t<label>')), expected: malformed('xml') },
    { name: 'text after the last element', files: () => xml((text) => text.replace('</private_key>', 'text</private_key>')), expected: malformed('xml') },
    { name: 'text after the root element', files: () => xml((text) => `${text}text`), expected: malformed('xml') },
    { name: 'a second root element', files: () => xml((text) => `${text}<a/>`), expected: malformed('xml') },
    { name: 'an end of another name', files: () => xml((text) => text.replace('</label>', '</lable>')), expected: malformed('xml') },
    { name: 'a text cut short', files: () => xml((text) => text.slice(0, -20)), expected: malformed('xml') },
    { name: 'elements nested too deep', files: () => files({ elements: { more: deep(4) } }), expected: malformed('xml') },
    { name: 'too many elements', files: () => files({ elements: { more: Array.from({ length: 101 }, (_, index) => `<a${index}/>`).join('') } }), expected: malformed('xml') },
    { name: 'a name that is none', files: () => files({ elements: { more: '<1/>' } }), expected: malformed('xml') },
    { name: 'an attribute of the key that is neither true nor false', files: () => files({ attributes: { extractable: 'FALSE' } }), expected: malformed('xml-value') },
    { name: 'an attribute of the key with white space', files: () => files({ attributes: { extractable: ' false' } }), expected: malformed('xml-value') },
    { name: 'a time without a zone', files: () => files({ elements: { create_time: '2026-10-01T20:31:53' } }), expected: malformed('xml-value') },
    { name: 'a day that does not exist', files: () => files({ elements: { create_time: '2026-02-30T20:31:53Z' } }), expected: malformed('xml-value') },
    { name: 'elements inside a value', files: () => files({ elements: { label: '<a/>' } }), expected: malformed('xml-value') },
    { name: 'a state attestation that is damaged', files: () => ({ ...files(), 'state.xml': Buffer.from('<state>') }), expected: malformed('xml', 'state.xml') },
    { name: 'a key usage that is damaged', files: () => files({ signerExtensions: [extension('2.5.29.15', Buffer.from('0500', 'hex'), true)] }), expected: { malformed: 'chain.crt', reason: 'malformed.der' } },
    { name: 'a policy that is damaged', files: () => files({ deviceExtensions: [extension('2.5.29.32', Buffer.from('30023000', 'hex'))] }), expected: { malformed: 'chain.crt', reason: 'malformed.der' } },
    { name: 'an extension twice', files: () => files({ signerExtensions: [fake.usage(0), fake.usage(0)] }), expected: { malformed: 'chain.crt', reason: 'malformed.duplicate-extension' } },
  ]

  it.each(CASES)('ATT-2: $name', ({ files: given, expected }) => {
    expect(outcome(judge(given()))).toEqual(expected)
  })

  it('ATT-2: an element may be written empty, and text may hold any letter', () => {
    expect(outcome(judge(files({ elements: { label: 'コード署名' } })))).toEqual(GOOD)
    const text = primusXml(spkiOf(applicant)).replace('<label>signing</label>', '<label/>')
    expect(outcome(judge(files({ xml: text })))).toEqual(GOOD)
  })
})

describe.skipIf(!haveSamples())(`the published Primus sample${haveSamples() ? '' : ` (${NO_SAMPLES})`}`, () => {
  const path = (name: string) => `securosys/gillstrom/${name}`
  const real = (): Files => Object.fromEntries(['attestation.xml', 'attestation.sig', 'chain.pem'].map((name) => [name, sample(path(name))]))
  const request = () => Buffer.from(/-----BEGIN [^-]+-----([^-]+)-----END/.exec(sample(path('csr.pem')).toString('latin1'))![1]!, 'base64')
  const on = { ...shipped, rows: shipped.rows.map(({ off: _, ...row }) => row) }
  const ask = (anchors: () => typeof shipped, given = real()) => judgeOf(MAKER, () => requestKey(request()), anchors)(given, { certificateRequestDer: request() })

  it('ATT-2: RSA-4096 with its own request: everything is proven but the model', () => {
    const report = ask(() => on)
    expect(outcome(report)).toEqual(GOOD)
    expect(report.key).toMatchObject({ type: 'RSA-4096', permittedByPolicy: true })
    expect(report.device).toMatchObject({ serial: '18386101' })
    expect(report.device!.details.map(({ value }) => value.values!['text'])).toEqual(['rsa_4096_sign', '2025-10-01T20:31:53.000Z', '2025-10-18T20:19:33.000Z', '10', 'CN=attestation-key, C=CH, L=Zurich, O=Securosys, ST=ZH'])
    expect(outcome(ask(() => shipped))).toEqual(untrusted('anchor.off-single-source'))
    expect(outcome(judgeOf(MAKER, () => spkiOf(big), () => on)(real()))).toEqual({ 'same-key': 'same-key.differs', ...(GOOD as object) })
    expect(outcome(ask(() => on, { ...real(), 'attestation.xml': Buffer.from(real()['attestation.xml']!.toString().trimEnd()) }))).toEqual(chain('signature.bad'))
  })

  it('ATT-2: openssl says the same of signature, chain and key', () => {
    const folder = mkdtempSync(join(tmpdir(), 'primus-'))
    try {
      const openssl = (...words: string[]) => execFileSync('openssl', words, { cwd: folder, encoding: 'utf8' }).trim()
      const [leaf, device] = sample(path('chain.pem')).toString().split(/(?<=END CERTIFICATE-----\n)/) as [string, string]
      writeFileSync(join(folder, 'leaf.pem'), leaf)
      writeFileSync(join(folder, 'device.pem'), device)
      writeFileSync(join(folder, 'leaf.pub'), openssl('x509', '-in', 'leaf.pem', '-noout', '-pubkey'))
      expect(openssl('dgst', '-sha256', '-verify', 'leaf.pub', '-signature', samplePath(path('attestation.sig')), samplePath(path('attestation.xml')))).toBe('Verified OK')
      expect(openssl('verify', '-partial_chain', '-trusted', 'device.pem', 'leaf.pem')).toBe('leaf.pem: OK')
      expect(openssl('x509', '-in', 'device.pem', '-noout', '-text')).toMatch(/CN ?= ?PRIMUS HSM KEY \(SN: 18386101\)[\s\S]*CA:TRUE, pathlen:0[\s\S]*Policy: 1\.3\.6\.1\.4\.1\.44668\.4\.1\.3/)
      const der = execFileSync('openssl', ['pkey', '-pubin', '-outform', 'DER'], { input: openssl('req', '-in', samplePath(path('csr.pem')), '-noout', '-pubkey') })
      expect(ask(() => on).key.attestedSpkiSha256).toBe(createHash('sha256').update(der).digest('hex'))
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('ATT-2: the key held is the published fact', () => {
    const [fact] = (JSON.parse(attestationFact('anchors.json')) as { maker: string; spki: string; spkiSha256: string; subjectDer: string; certificateSha256: string }[]).filter(({ maker }) => maker === 'securosys')
    expect(shipped.rows.map(({ spki, subjectDer, spkiSha256, certificateSha256 }) => ({ spki: spki.toString('base64'), subjectDer: subjectDer.toString('base64'), spkiSha256, certificateSha256 }))).toEqual([{ spki: fact!.spki, subjectDer: fact!.subjectDer, spkiSha256: fact!.spkiSha256, certificateSha256: fact!.certificateSha256 }])
  })

  it('ATT-2: 500 mutations of the sample crash nothing, and only changes outside what is signed leave it as it was', () => {
    const next = random(44668)
    const names = Object.keys(real())
    const tally = { good: 0, refused: 0, malformed: 0 }
    for (let round = 0; round < 500; round++) {
      const name = names[round % 3]!
      const changed = { ...real(), [name]: mutate(real()[name]!, next) }
      const report = ask(() => on, changed)
      expect('verified' in report.verdict).toBe(false)
      if ('malformed' in report.verdict) tally.malformed++
      else if (report.chainTrusted) {
        tally.good++
        expect(name === 'chain.pem' || changed[name]!.equals(real()[name]!), name).toBe(true)
        expect(report.key.attestedSpkiSha256).toBe(report.key.spkiSha256)
      } else tally.refused++
    }
    expect(tally.refused).toBeGreaterThan(50)
    expect(tally.malformed).toBeGreaterThan(50)
  })
})

describe('mutated fake evidence', () => {
  it('ATT-2: 500 mutations crash nothing, whatever the request says', () => {
    const next = random(7)
    const given = files()
    const names = Object.keys(given)
    for (let round = 0; round < 500; round++) {
      const name = names[round % 3]!
      const report = judge({ ...given, [name]: mutate(given[name]!, next) }, { policy: round % 2 ? shippedPolicy : withSampleKeys(), at: NOW })
      expect('verified' in report.verdict).toBe(false)
    }
  })
})
