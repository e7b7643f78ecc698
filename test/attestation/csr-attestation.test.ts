import { beforeAll, describe, expect, it } from 'vitest'
import { readEvidence } from '../../src/attestation/evidence.ts'
import { reportToJson, verifyAttestation } from '../../src/attestation/verify-attestation.ts'
import { context, integer, ia5String, nullValue, octetString, oid, sequence, setOf, utf8String } from '../../src/pki/der.ts'
import { shippedPolicy, withMakers } from '../support/attestation-policy.ts'
import { attestationAttribute, fakeTpm, rawAttribute, requestWith, tpmFactory, tpmStatement, type TpmFactory } from '../support/fake-tpm.ts'
import { fakeFactory, fakeYubikey, requestFor, rsa, spkiOf, type FakeFactory, type KeyPair } from '../support/fake-yubikey.ts'
import { judgeEvidence, outcome } from '../support/judge-evidence.ts'
import { MAKERS } from '../support/specimens.ts'
import { mutate, random } from '../support/mutate.ts'
import { ENVELOPES } from './ietf-expected.ts'

/** A type of statement that nobody here knows: example.com's arc of RFC 5612. */
const UNKNOWN = '1.3.6.1.4.1.32473.1'
const CERTIFY = '2.23.133.20.1'
const STMT = sequence(octetString(Buffer.from('evidence')))

let applicant: KeyPair
let spki: Buffer
let yubico: FakeFactory
let tcg: TpmFactory
beforeAll(() => {
  applicant = rsa(3072)
  spki = spkiOf(applicant)
  yubico = fakeFactory()
  tcg = tpmFactory()
})

const statement = (type = UNKNOWN, ...members: Buffer[]): Buffer => sequence(oid(type), ...members)
const bundle = (...members: Buffer[]): Buffer => rawAttribute(sequence(...members))
const nested = (levels: number): Buffer => (levels === 1 ? sequence() : sequence(nested(levels - 1)))
const certificate = () => fakeYubikey(yubico, spki).leaf

const REQUESTS: { [name: string]: () => Buffer[] } = {
  'one statement': () => [attestationAttribute([{ type: UNKNOWN, stmt: STMT }])],
  'one statement with a certificate': () => [attestationAttribute([{ type: UNKNOWN, stmt: STMT }], [certificate()])],
  'as many statements as are taken': () => [attestationAttribute(Array.from({ length: 4 }, () => ({ type: UNKNOWN, stmt: nested(8) })))],
  'two attributes': () => [attestationAttribute([{ type: UNKNOWN, stmt: STMT }]), attestationAttribute([{ type: UNKNOWN, stmt: STMT }])],
  'two values': () => [rawAttribute(sequence(sequence(statement(UNKNOWN, STMT))), sequence(sequence(statement(CERTIFY, STMT))))],
  'no value': () => [rawAttribute()],
  'one statement more than are taken': () => [attestationAttribute(Array.from({ length: 5 }, () => ({ type: UNKNOWN, stmt: STMT })))],
  'no statement': () => [bundle(sequence())],
  'an empty list of certificates': () => [bundle(sequence(statement(UNKNOWN, STMT)), sequence())],
  'a third member': () => [bundle(sequence(statement(UNKNOWN, STMT)), sequence(certificate()), sequence())],
  'a statement without content': () => [bundle(sequence(statement(UNKNOWN)))],
  'a statement with a member after its content': () => [bundle(sequence(statement(UNKNOWN, STMT, nullValue())))],
  'a statement of an older draft, with a hint': () => [bundle(sequence(statement(UNKNOWN, STMT, ia5String('verifier.example'))))],
  'bundles of an older draft': () => [rawAttribute(sequence(sequence(sequence(statement(UNKNOWN, STMT)))))],
  'a certificate of another format': () => [bundle(sequence(statement(UNKNOWN, STMT)), sequence(context(3, oid('1.2.3'), nullValue())))],
  'a statement nested too deep': () => [attestationAttribute([{ type: UNKNOWN, stmt: nested(9) }])],
  'octets inside a statement that are not DER': () => [attestationAttribute([{ type: UNKNOWN, stmt: Buffer.from('30020500'.replace('0500', '0501'), 'hex') }])],
  'octets after the bundle': () => [sequence(oid('1.2.840.113549.1.9.16.2.59'), Buffer.concat([Buffer.from([0x31]), length(sequence(sequence(statement(UNKNOWN, STMT))), Buffer.from('0500', 'hex'))]))],
  'an extension request instead of an attribute': () => [sequence(oid('1.2.840.113549.1.9.14'), setOf(sequence(sequence(oid('1.2.840.113549.1.9.16.2.59'), octetString(sequence(sequence(statement(UNKNOWN, STMT))))))))],
  'seventeen certificates': () => [attestationAttribute([{ type: UNKNOWN, stmt: STMT }], Array.from({ length: 17 }, certificate))],
}
/** Length and content of values that are put one after another as they are. */
const length = (...content: Buffer[]): Buffer => {
  const octets = Buffer.concat(content)
  return Buffer.concat([Buffer.from([octets.length]), octets])
}

const ask = (request: Buffer, files: { name: string; bytes: Buffer }[] = [], makers: readonly string[] = MAKERS) =>
  verifyAttestation({ files, certificateRequestDer: request, publicKeySpki: spki, at: new Date('2026-11-21T00:00:00Z'), policy: withMakers(shippedPolicy, ...makers), demoHierarchy: false }, { 'yubikey-piv': yubico.anchors, tpm2: tcg.anchors })

describe('the attribute id-aa-attestation of a request', () => {
  it('ATT-2: is tried in every form of the table', () => {
    expect(Object.keys(REQUESTS)).toEqual(ENVELOPES.map(({ name }) => name))
  })

  it.each(ENVELOPES)('ATT-2: $name', ({ name, reason }) => {
    const request = requestWith(spki, ...REQUESTS[name]!())
    if (reason === null) {
      const { statements, certificates } = readEvidence([], request)
      expect(statements.every(({ file, type }) => file === null && type === UNKNOWN)).toBe(true)
      expect([statements.length, certificates.length]).toEqual([name.startsWith('as many') ? 4 : 1, name.includes('certificate') ? 1 : 0])
    } else {
      expect(outcome(ask(request))).toEqual({ malformed: { file: null, reason: `malformed.${reason}` } })
      // In a request among the files the file is named.
      expect(outcome(ask(requestFor(spki), [{ name: 'request.der', bytes: request }]))).toEqual({ malformed: { file: 'request.der', reason: `malformed.${reason}` } })
    }
  })

  it('ATT-2: a hint before the content is an older draft too, and a text for content alone is not', () => {
    expect(outcome(ask(requestWith(spki, bundle(sequence(statement(UNKNOWN, utf8String('hint'), STMT))))))).toEqual({ malformed: { file: null, reason: 'malformed.csr-attestation.older-draft' } })
    expect(readEvidence([], requestWith(spki, bundle(sequence(statement(UNKNOWN, utf8String('content')))))).statements).toHaveLength(1)
  })

  it('ATT-2: what is no bundle at all is refused', () => {
    for (const value of [integer(1), octetString(Buffer.alloc(4)), sequence(), sequence(integer(1)), sequence(sequence(integer(1))), sequence(sequence(sequence())), sequence(sequence(sequence(integer(1), STMT))), sequence(sequence(statement(UNKNOWN, STMT)), integer(1)), sequence(sequence(statement(UNKNOWN, STMT)), sequence(integer(1)))])
      expect(outcome(ask(requestWith(spki, rawAttribute(value)))), value.toString('hex')).toEqual({ malformed: { file: null, reason: 'malformed.csr-attestation.form' } })
  })

  it('ATT-2: a statement of a type that nobody knows is named by its object identifier, each once', () => {
    const types = (...all: string[]) => {
      const report = ask(requestWith(spki, attestationAttribute(all.map((type) => ({ type, stmt: STMT })))))
      expect(report.maker).toBeNull()
      expect(report.verdict).toMatchObject({ malformed: { file: null, reason: { key: 'attestation.malformed.csr-attestation.unknown-type' } } })
      return 'malformed' in report.verdict ? report.verdict.malformed.reason.values!['types'] : ''
    }
    expect(types(UNKNOWN)).toBe(UNKNOWN)
    expect(types(UNKNOWN, '1.2.3', UNKNOWN)).toBe(`${UNKNOWN}, 1.2.3`)
  })

  it('ATT-2: no maker looks into a statement of a type that is not its own', () => {
    const { leaf, device } = fakeYubikey(yubico, spki)
    const tpm = fakeTpm(tcg, applicant)
    for (const stmt of [sequence(leaf, device), tpmStatement(tpm)]) expect(outcome(ask(requestWith(spki, attestationAttribute([{ type: UNKNOWN, stmt }]))))).toEqual({ malformed: { file: null, reason: 'malformed.csr-attestation.unknown-type' } })
  })

  it('ATT-2: a maker reads the statement of its own type beside one that nobody knows', () => {
    const tpm = fakeTpm(tcg, applicant)
    const another = tpmStatement(fakeTpm(tcg, applicant, { extraData: Buffer.from([1]) }))
    const request = requestWith(spki, attestationAttribute([{ type: UNKNOWN, stmt: another }, { type: CERTIFY, stmt: tpmStatement(tpm) }], [tpm.ak, tpm.authority]))
    expect(outcome(ask(request))).toEqual({ verified: true })
  })

  it('ATT-2: certificates in the bundle go to the makers as uploaded ones do', () => {
    const { leaf, device } = fakeYubikey(yubico, spki)
    expect(outcome(ask(requestWith(spki, attestationAttribute([{ type: UNKNOWN, stmt: STMT }], [leaf, device]))))).toEqual({ verified: true })
    // Beside files that a maker knows, a statement that nobody knows is no obstacle: what was uploaded proves the key by itself.
    expect(outcome(ask(requestWith(spki, attestationAttribute([{ type: UNKNOWN, stmt: STMT }])), [{ name: 'leaf', bytes: leaf }, { name: 'f9', bytes: device }]))).toEqual({ verified: true })
  })

  it('ATT-2: a statement of a type that a maker knows goes to that maker; where the policy does not list it, it is named and not taken', () => {
    const tpm = fakeTpm(tcg, applicant)
    const request = requestWith(spki, attestationAttribute([{ type: CERTIFY, stmt: tpmStatement(tpm) }], [tpm.ak, tpm.authority]))
    expect(outcome(judgeEvidence('tpm2', {}, { request }, tcg.anchors))).toEqual({ verified: true })
    const report = ask(request, [], shippedPolicy.attestation.makers)
    expect(outcome(report)).toEqual({ malformed: { file: null, reason: 'off.tpm2' } })
    expect(report.maker).toMatchObject({ id: 'tpm2', title: { key: 'attestation-tpm2.title' }, demo: false })
  })

  it('ATT-2: the same statement in the request applied with and in one among the files is one', () => {
    const request = requestWith(spki, attestationAttribute([{ type: UNKNOWN, stmt: STMT }]))
    expect(readEvidence([{ name: 'r', bytes: request }], request).statements).toHaveLength(1)
    expect(readEvidence([{ name: 'r', bytes: requestWith(spki, attestationAttribute([{ type: UNKNOWN, stmt: nested(2) }])) }], request).statements.map(({ file }) => file)).toEqual([null, 'r'])
    expect(readEvidence([{ name: 'r', bytes: requestWith(spki, attestationAttribute([{ type: '1.2.3', stmt: STMT }])) }], request).statements.map(({ type }) => type)).toEqual([UNKNOWN, '1.2.3'])
  })

  it('ATT-2: 500 mutations of a request with a statement and certificates crash nothing, and verify no other key', () => {
    const next = random(20261127)
    const tpm = fakeTpm(tcg, applicant)
    const attribute = attestationAttribute([{ type: CERTIFY, stmt: tpmStatement(tpm) }], [tpm.ak, tpm.authority])
    const tally = { verified: 0, refused: 0, malformed: 0 }
    for (let round = 0; round < 500; round++) {
      const request = round % 2 ? requestWith(spki, mutate(attribute, next)) : mutate(requestWith(spki, attribute), next)
      const { verdict, key } = reportToJson(ask(round % 4 < 2 ? request : requestFor(spki), round % 4 < 2 ? [] : [{ name: 'r', bytes: request }]))
      tally[verdict.outcome]++
      if (verdict.outcome === 'verified') expect(key.attestedSpkiSha256).toBe(key.spkiSha256)
    }
    expect(tally.malformed).toBeGreaterThan(200)
  })
})
