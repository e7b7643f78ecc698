import { execFileSync } from 'node:child_process'
import { beforeAll, describe, expect, it } from 'vitest'
import { toPem } from '../../attestations/demo/certificate.ts'
import { reportToJson } from '../../src/attestation/verify-attestation.ts'
import { boolean, context, generalizedTime, integer, nullValue, octetString, oid, sequence, utf8String } from '../../src/pki/der.ts'
import { shippedPolicy, withSampleKeys } from '../support/attestation-policy.ts'
import { haveSamples, NO_SAMPLES, sample, samplePath } from '../support/attestation-samples.ts'
import { ec, fakeFactory, fakeYubikey, spkiOf } from '../support/fake-yubikey.ts'
import { judgeEvidence, outcome, untrusted, type Expected } from '../support/judge-evidence.ts'
import { wellFounded } from '../support/judge-maker.ts'
import { mutate, random } from '../support/mutate.ts'
import { EVIDENCE_EXPECTED, EVIDENCE_FACTS, EVIDENCE_SAMPLE } from './ietf-expected.ts'

const ARC = '1.3.6.1.5.5.999'
let spki: Buffer
let other: Buffer
beforeAll(() => {
  spki = spkiOf(ec('P-256'))
  other = spkiOf(ec('P-384'))
})

const claim = (id: string, value?: Buffer): Buffer => sequence(oid(`${ARC}.1.${id}`), ...(value ? [value] : []))
const element = (id: number, ...claims: Buffer[]): Buffer => sequence(oid(`${ARC}.0.${id}`), sequence(...claims))
const transaction = (): Buffer => element(0, claim('0.0', octetString(Buffer.alloc(8, 1))), claim('0.1', generalizedTime(new Date('2026-11-01T00:00:00Z'))))
const platform = (...more: Buffer[]): Buffer => element(1, claim('1.0', utf8String('Acme Corp')), claim('1.2', octetString(Buffer.from('HSM-9000'))), claim('1.4', utf8String('42')), claim('1.6', utf8String('2.1.0')), ...(more.length > 0 ? more : [claim('1.10', boolean(true)), claim('1.12', integer(3))]))

interface KeyOptions {
  local?: boolean | null
  extractable?: boolean | null
  neverExtractable?: boolean | null
  sensitive?: boolean | null
}
const state = (id: string, value: boolean | null): Buffer[] => (value === null ? [] : [claim(id, boolean(value))])
const key = (of: Buffer, { local = true, extractable = false, neverExtractable = true, sensitive = true }: KeyOptions = {}): Buffer =>
  element(2, claim('2.0', octetString(Buffer.from('key-1'))), claim('2.1', octetString(of)), ...state('2.2', extractable), ...state('2.3', sensitive), ...state('2.4', neverExtractable), ...state('2.5', local), claim('2.7'))

const signature = (...sid: Buffer[]): Buffer => sequence(sequence(...(sid.length > 0 ? sid : [context(0, octetString(Buffer.from('c0ffee', 'hex')))])), sequence(oid('1.2.840.10045.4.3.2')), octetString(Buffer.alloc(70, 5)))
const whole = (elements: Buffer[], signatures: Buffer[] = [signature()], ...more: Buffer[]): Buffer => sequence(sequence(integer(1), sequence(...elements)), sequence(...signatures), ...more)
const good = (options?: KeyOptions): Buffer => whole([transaction(), platform(), key(spki, options)])
const judge = (bytes: Buffer, applied = spki) => judgeEvidence('rats-pkix', { 'evidence.der': bytes }, { spki: applied }, undefined, { policy: withSampleKeys() })

describe.skipIf(!haveSamples())(`the published PKIX evidence${haveSamples() ? '' : ` (${NO_SAMPLES})`}`, () => {
  const given = () => ({ 'evidence.pem': sample(EVIDENCE_SAMPLE) })

  it('ATT-2: is named and not taken under the shipped policy, and attests no key where it is listed', () => {
    const report = judgeEvidence('yubikey-piv', given(), { spki }, undefined, { policy: { ...shippedPolicy } })
    expect(outcome(report)).toEqual(EVIDENCE_EXPECTED.off)
    expect(report.maker).toMatchObject({ id: 'rats-pkix', demo: false })
    expect(shippedPolicy.attestation.makers).not.toContain('rats-pkix')
    expect(outcome(judgeEvidence('rats-pkix', given(), { spki }))).toEqual(EVIDENCE_EXPECTED.listed)
  })

  it('ATT-2: says what openssl prints of it', () => {
    // The key of the table, put into the published evidence, brings its other claims to light.
    const der = Buffer.from(/-----BEGIN EVIDENCE-----([^-]+)-----END/.exec(sample(EVIDENCE_SAMPLE).toString())![1]!, 'base64')
    const text = execFileSync('openssl', ['asn1parse', '-in', samplePath(EVIDENCE_SAMPLE)], { encoding: 'utf8' })
    for (const value of [EVIDENCE_FACTS.vendor, EVIDENCE_FACTS.firmware]) expect(text).toContain(`UTF8STRING        :${value}`)
    expect(text).toContain(`OCTET STRING      :${EVIDENCE_FACTS.model}`)
    expect(text).toContain(`OBJECT            :${EVIDENCE_FACTS.arc}.0.1`)
    expect(text).toContain(EVIDENCE_FACTS.signerKeyId.toUpperCase())
    const { device } = judge(withKey(der))
    expect(device).toMatchObject({ maker: EVIDENCE_FACTS.vendor, firmware: EVIDENCE_FACTS.firmware })
    expect(device!.model.values).toEqual({ name: EVIDENCE_FACTS.model })
    expect(device!.details[0]!.value.values).toEqual({ text: EVIDENCE_FACTS.signerKeyId })
    expect(device!.details[1]!.value).toEqual({ key: 'attestation-rats.fips-boot.yes', values: { level: String(EVIDENCE_FACTS.fipsLevel) } })
  })

  /** The published evidence with a key element more; its signature is then nobody's. */
  function withKey(der: Buffer): Buffer {
    const [tbsStart, listStart] = [4, 4 + 4 + 3]
    const list = der.subarray(listStart + 4, listStart + 4 + der.readUInt16BE(listStart + 2))
    const rest = der.subarray(tbsStart + 4 + der.readUInt16BE(tbsStart + 2))
    return sequence(sequence(integer(1), sequence(list, key(spki))), rest)
  }
})

describe('PKIX evidence', () => {
  it('ATT-2: is never verified, however good its claims: its identifiers are not final, and no maker\'s key is held', () => {
    for (const bytes of [good(), Buffer.from(toPem('EVIDENCE', good()))]) {
      const report = judge(bytes)
      expect(outcome(report)).toEqual(untrusted('identifiers.stand-ins'))
      wellFounded(report)
      expect(report.findings!['genuine-device'].checks.map(({ observed, outcome: result }) => `${observed.key} ${result}`)).toEqual(['attestation-rats.identifiers.stand-ins fail', 'attestation-rats.signer.unheld fail'])
      expect(report.device).toMatchObject({ maker: 'Acme Corp', firmware: '2.1.0', serial: '42' })
      for (const question of ['generated-inside', 'not-exportable', 'certified-module'] as const) expect(report.findings![question].claimed).toBe(true)
    }
    expect(outcome(judge(good(), other))).toEqual(untrusted('identifiers.stand-ins', { 'same-key': 'same-key.differs' }))
  })

  it('ATT-9: tells what is claimed, and what is not', () => {
    const observed = (options: KeyOptions) => {
      const { findings } = judge(good(options))
      return [...findings!['generated-inside'].checks, ...findings!['not-exportable'].checks].filter(({ observed: { key: name } }) => !name.endsWith('untrusted')).map(({ observed: { key: name }, outcome: result }) => `${name.replace('attestation-rats.', '')} ${result}`)
    }
    expect(observed({})).toEqual(['local.yes pass', 'extractable.no pass', 'never-extractable.yes pass', 'sensitive.yes pass'])
    expect(observed({ local: false, extractable: true, neverExtractable: false, sensitive: false })).toEqual(['local.no fail', 'extractable.yes fail', 'never-extractable.no fail', 'sensitive.no fail'])
    expect(observed({ local: null, extractable: null, neverExtractable: null, sensitive: null })).toEqual(['local.missing fail', 'extractable.missing fail', 'never-extractable.missing fail', 'sensitive.missing fail'])
  })

  it('ATT-9: describes the HSM, and says where it does not tell', () => {
    const module = (bytes: Buffer) => judge(bytes).findings!['certified-module'].checks.map(({ observed, outcome: result }) => `${observed.key.replace(/^attestation(-rats)?\./, '')} ${result}`)
    expect(module(good())).toEqual(['claim.untrusted fail', 'module.states fail', 'key-type.in-policy pass'])
    expect(module(whole([platform(claim('1.10', boolean(false))), key(spki)]))).toEqual(['claim.untrusted fail', 'module.states-not fail', 'key-type.in-policy pass'])
    const { device } = judge(whole([key(spki)], []))
    expect(device).toMatchObject({ maker: '–', firmware: null, serial: null })
    expect(device!.details.map(({ value }) => value.values)).toEqual([{ text: '–' }, { level: '–' }])
    expect(judge(whole([element(1, claim('1.2', octetString(Buffer.from([1, 0xff])))), key(spki)])).device!.model.values).toEqual({ name: '01ff' })
    expect(judge(whole([element(1, claim('1.3', utf8String('rev B'))), key(spki)], [signature(context(1, spki))])).device).toMatchObject({ firmware: 'rev B' })
  })

  const MALFORMED: { name: string; bytes: () => Buffer; reason: string }[] = [
    { name: 'no key', bytes: () => whole([transaction(), platform()]), reason: 'key-missing' },
    { name: 'a key element without the key', bytes: () => whole([element(2, claim('2.5', boolean(true)))]), reason: 'key-missing' },
    { name: 'a key claim without a value', bytes: () => whole([element(2, claim('2.1'))]), reason: 'key-missing' },
    { name: 'two keys', bytes: () => whole([key(spki), key(other)]), reason: 'several-keys' },
    { name: 'two platforms', bytes: () => whole([platform(), platform(), key(spki)]), reason: 'several-platforms' },
    { name: 'another version', bytes: () => pem(sequence(sequence(integer(2), sequence(key(spki))), sequence(signature()))), reason: 'der' },
    { name: 'a claim twice', bytes: () => pem(whole([element(2, claim('2.1', octetString(spki)), claim('2.1', octetString(spki)))])), reason: 'der' },
    { name: 'a claim with two values', bytes: () => pem(whole([element(2, sequence(oid(`${ARC}.1.2.1`), octetString(spki), octetString(spki)))])), reason: 'der' },
    { name: 'a flag that is no BOOLEAN', bytes: () => whole([element(2, claim('2.1', octetString(spki)), claim('2.5', integer(1)))]), reason: 'der' },
    { name: 'a model that is no octets', bytes: () => whole([element(1, claim('1.2', integer(1))), key(spki)]), reason: 'der' },
    { name: 'a vendor that is no text', bytes: () => whole([element(1, claim('1.0', integer(1))), key(spki)]), reason: 'der' },
    { name: 'nine signatures', bytes: () => pem(whole([key(spki)], Array.from({ length: 9 }, () => signature()))), reason: 'der' },
    { name: 'a signer of no kind', bytes: () => pem(whole([key(spki)], [signature(integer(1))])), reason: 'der' },
    { name: 'a signer named in the wrong order', bytes: () => pem(whole([key(spki)], [signature(context(1, spki), context(0, octetString(Buffer.alloc(2))))])), reason: 'der' },
    { name: 'a key identifier twice', bytes: () => pem(whole([key(spki)], [signature(context(0, octetString(Buffer.alloc(2)), octetString(Buffer.alloc(2))))])), reason: 'der' },
    { name: 'a signature block of two members', bytes: () => pem(whole([key(spki)], [sequence(sequence(context(1, spki)), sequence())])), reason: 'der' },
    { name: 'a member after the certificates', bytes: () => pem(whole([key(spki)], [signature()], context(0, sequence()), nullValue())), reason: 'der' },
    { name: 'a certificate that is none', bytes: () => whole([key(spki)], [signature()], context(0, sequence(sequence(nullValue())))), reason: 'certificate' },
    { name: 'octets after the evidence', bytes: () => pem(Buffer.concat([good(), Buffer.from([0])])), reason: 'der' },
    { name: 'evidence cut short', bytes: () => pem(good().subarray(0, -1)), reason: 'der' },
  ]
  const pem = (der: Buffer): Buffer => Buffer.from(toPem('EVIDENCE', der))

  it.each(MALFORMED)('ATT-2: $name', ({ bytes, reason }) => {
    expect(outcome(judge(bytes()))).toEqual({ malformed: { file: 'evidence.der', reason: `malformed.${reason}` } } satisfies Expected)
  })

  it('ATT-2: certificates in it are read, and files beside it are not taken', () => {
    const { device } = fakeYubikey(fakeFactory(), spki)
    expect(outcome(judge(whole([key(spki)], [signature()], context(0, sequence(device)))))).toEqual(untrusted('identifiers.stand-ins'))
    expect(outcome(judgeEvidence('rats-pkix', { a: good(), b: whole([key(spki)]) }, { spki }))).toEqual({ malformed: { file: 'b', reason: 'malformed.several' } })
    expect(outcome(judgeEvidence('rats-pkix', { 'x.json': Buffer.from('{}') }, { spki }))).toEqual({ malformed: { file: 'x.json', reason: 'malformed.unrecognised' } })
  })

  it('ATT-2: 500 mutations crash nothing, and none is verified', () => {
    const next = random(20261128)
    const tally = { verified: 0, refused: 0, malformed: 0 }
    for (let round = 0; round < 500; round++) {
      const bytes = mutate(good(), next)
      tally[reportToJson(judge(round % 2 ? Buffer.from(toPem('EVIDENCE', bytes)) : bytes)).verdict.outcome]++
    }
    expect(tally.verified).toBe(0)
    expect(tally.refused).toBeGreaterThan(20)
    expect(tally.malformed).toBeGreaterThan(200)
  })
})
