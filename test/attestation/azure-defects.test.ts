/** Azure Managed HSM. No real envelope is public: its shape is that of Microsoft's script, everything in these tests is of our own making. */
import { createHash } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import { ATTRIBUTE } from '../../attestations/marvell/blob.ts'
import type { Question } from '../../src/attestation/verifier.ts'
import { verifyAttestation, type AttestationInput, type AttestationReport } from '../../src/attestation/verify-attestation.ts'
import { shippedPolicy, withAttestation } from '../support/attestation-policy.ts'
import { unworded } from '../support/attestation-words.ts'
import * as hsm from '../support/fake-hsm.ts'
import { azureJson, fakeHsm, hsmFactory, NAMES, type HsmFactory, type HsmOptions } from '../support/fake-hsm.ts'
import { requestFor, rsa, spkiOf } from '../support/fake-yubikey.ts'

const BEFORE = new Date('2026-09-21T12:00:00Z')
const NOW = new Date('2026-11-21T00:00:00Z')
/** Google is listed too: each must know its own. */
const policy = withAttestation(shippedPolicy, { makers: ['google-cloud-hsm', 'azure-managed-hsm', 'yubikey-piv'] })

let factory: HsmFactory
let stranger: HsmFactory
let spki: Buffer
let big: Buffer
beforeAll(() => {
  factory = hsmFactory()
  stranger = hsmFactory()
  spki = spkiOf(rsa(3072))
  big = spkiOf(rsa(4096))
})

type Files = Record<string, Buffer>
function judge(files: Files, more: Partial<AttestationInput> = {}, anchors = factory.anchors): AttestationReport {
  const publicKeySpki = more.publicKeySpki ?? spki
  const report = verifyAttestation(
    { files: Object.entries(files).map(([name, bytes]) => ({ name, bytes })), certificateRequestDer: requestFor(publicKeySpki), publicKeySpki, at: BEFORE, policy, demoHierarchy: false, ...more },
    anchors,
  )
  expect(unworded(report)).toEqual([])
  return report
}
const made = (options: HsmOptions = {}, key = spki) => fakeHsm(factory, key, { objects: 'private', ...options })
const json = (options: HsmOptions = {}, change: { [member: string]: unknown } = {}, key = spki): Files => ({ 'att.json': azureJson(made(options, key), change) })
const short = (key: string) => key.replace(/^attestation-marvell\./, '')
const reasons = ({ verdict, findings }: AttestationReport) => ('refused' in verdict ? Object.fromEntries(verdict.refused.map((question: Question) => [question, short(findings![question].observed.key)])) : verdict)
const malformed = ({ verdict }: AttestationReport) => {
  if (!('malformed' in verdict)) throw new Error(JSON.stringify(verdict))
  return { file: verdict.malformed.file, reason: short(verdict.malformed.reason.key).replace(/^malformed\./, '') }
}
const claims = { 'generated-inside': 'attestation.claim.untrusted', 'not-exportable': 'attestation.claim.untrusted', 'certified-module': 'attestation.claim.untrusted' }
const untrusted = (reason: string) => ({ 'genuine-device': reason, ...claims })

describe('Azure Managed HSM, synthetic', () => {
  it.each([3072, 4096])('ATT-2 KEY-1: RSA-%i is verified by Marvell\'s leg, and staff are told what is not proven', (bits) => {
    const key = bits === 3072 ? spki : big
    const report = judge(json({}, {}, key), { publicKeySpki: key })
    expect(reasons(report)).toHaveProperty('verified')
    expect(report.maker?.id).toBe('azure-managed-hsm')
    expect(report.findings!['genuine-device'].cautions.map(({ key: word }) => short(word))).toEqual(['owner-not-proven'])
    expect(report.findings!['certified-module'].cautions.map(({ key: word }) => short(word))).toContain('synthetic-only')
  })

  it('ATT-2: takes the whole object, its attributes or its attestation; base64url or base64; a public half of its own or in one pair', () => {
    const one = made()
    for (const wrap of [(attestation: object) => ({ attributes: { attestation } }), (attestation: object) => ({ attestation }), (attestation: object) => attestation]) expect(reasons(judge({ 'att.json': azureJson(one, {}, wrap) }))).toHaveProperty('verified')
    const padded = one.blob.toString('base64')
    expect(reasons(judge(json({}, { privateKeyAttestation: padded })))).toHaveProperty('verified')
    const publicHalf = made({ objects: 'public' }).blob.toString('base64url')
    expect(reasons(judge(json({}, { publicKeyAttestation: publicHalf })))).toHaveProperty('verified')
    for (const change of [{}, { publicKeyAttestation: publicHalf }]) expect(reasons(judge(json({ objects: 'swapped' }, change)))).toHaveProperty('verified')
  })

  it('ATT-2: a root of an owner in the bundle is no evidence, and certificates may come in a file of their own', () => {
    const { certificates } = made()
    const owner = hsm.pemBundle([certificates.partition, certificates.card, certificates.root, certificates.ownerRoot, certificates.ownerCard, certificates.ownerPartition])
    expect(reasons(judge(json({}, { certificatePemFile: owner.toString('base64url') })))).toHaveProperty('verified')
    expect(reasons(judge(json({}, { certificatePemFile: hsm.pemBundle([certificates.ownerRoot, certificates.ownerCard, certificates.ownerPartition]).toString('base64url') })))).toEqual(untrusted('leg.maker-missing'))
    expect(reasons(judge({ ...json({}, { certificatePemFile: hsm.pemBundle([certificates.root]).toString('base64url') }), 'c.pem': hsm.pemBundle([certificates.card, certificates.partition]) }))).toHaveProperty('verified')
  })

  it('ATT-8: the older line is Historical today, LiquidSecurity 2 waits for its root', () => {
    expect(reasons(judge(json(), { at: NOW }))).toEqual({ 'certified-module': 'attestation.certificate.historical' })
    expect(reasons(judge(json({ cardIssuer: NAMES.ls2 }), { at: NOW }))).toEqual(untrusted('attestation.anchor.off-single-source'))
    expect(reasons(judge(json({ cardIssuer: NAMES.ls2 }), { at: NOW }, factory.allOn))).toHaveProperty('verified')
  })

  const DEFECTS: { name: string; files: () => Files; more?: () => Partial<AttestationInput>; refused: Partial<Record<Question, string>> }[] = [
    { name: 'a statement for another key than the request', files: () => json(), more: () => ({ publicKeySpki: big }), refused: { 'same-key': 'attestation.same-key.differs' } },
    { name: 'an imported key', files: () => json({ privateAttributes: { [ATTRIBUTE.local]: 0 } }), refused: { 'generated-inside': 'attribute.local.no' } },
    { name: 'an exportable key', files: () => json({ privateAttributes: { [ATTRIBUTE.extractable]: 1 } }), refused: { 'not-exportable': 'attribute.extractable.yes' } },
    { name: 'a digest of another key', files: () => json({ privateAttributes: { [ATTRIBUTE.keyDigest]: createHash('sha256').update('x').digest() } }), refused: { 'same-key': 'digest.differs' } },
    { name: 'the public half of another pair', files: () => json({}, { publicKeyAttestation: made({ objects: 'public' }, big).blob.toString('base64url') }), refused: { 'same-key': 'pair.differs' } },
    { name: 'one public half of the pair and one of another', files: () => json({ objects: 'pair' }, { publicKeyAttestation: made({ objects: 'public' }, big).blob.toString('base64url') }), refused: { 'same-key': 'pair.differs' } },
    { name: 'a public half that the partition did not sign', files: () => json({}, { publicKeyAttestation: made({ objects: 'public', signedBy: stranger.keys.partition }).blob.toString('base64url') }), refused: untrusted('statement-signature.bad') },
    { name: 'a private half that the partition did not sign', files: () => json({ signedBy: stranger.keys.partition }), refused: untrusted('statement-signature.bad') },
    { name: 'another root of Marvell\'s name, brought along', files: () => json({ card: { signedBy: stranger.keys.marvell } }), refused: untrusted('card-signature.bad') },
    { name: 'Google\'s key in Marvell\'s place', files: () => json({ card: { issuer: NAMES.hawksbill, signedBy: factory.keys.hawksbill } }), refused: untrusted('pinned-card.unknown') },
    { name: 'a card that is not in FIPS mode', files: () => json({ cardName: 'HSM:5.3G2041-ICM000001' }), refused: { 'certified-module': 'mode.card' } },
  ]
  it.each(DEFECTS)('ATT-2: refuses $name', ({ files, more, refused }) => {
    expect(reasons(judge(files(), more?.()))).toEqual(refused)
  })

  const att = (reason: string) => ({ file: 'att.json', reason })
  const CASES: { name: string; files: () => Files; expected: { file: string | null; reason: string } }[] = [
    { name: 'JSON that is damaged', files: () => ({ 'att.json': Buffer.concat([json()['att.json']!, Buffer.from(']')]) }), expected: att('attestation.malformed.json') },
    { name: 'JSON cut short', files: () => ({ 'att.json': json()['att.json']!.subarray(0, -2) }), expected: att('attestation.malformed.json') },
    { name: 'a member twice', files: () => ({ 'att.json': Buffer.from(json()['att.json']!.toString().replace('"version"', '"version":"MRVL-1","version"')) }), expected: att('attestation.malformed.json-twice') },
    { name: 'a list', files: () => ({ 'att.json': Buffer.from('["privateKeyAttestation"]') }), expected: att('envelope') },
    { name: 'an attestation that is none', files: () => ({ 'att.json': azureJson(made(), {}, (attestation) => ({ attributes: { attestation: [attestation] } })) }), expected: att('envelope') },
    { name: 'another version', files: () => json({}, { version: 'MRVL-2' }), expected: att('envelope-version') },
    { name: 'no version', files: () => json({}, { version: undefined }), expected: att('envelope-version') },
    { name: 'no statement', files: () => json({}, { privateKeyAttestation: null }), expected: att('envelope-member') },
    { name: 'a statement that is a number', files: () => json({}, { privateKeyAttestation: 7 }), expected: att('envelope-member') },
    { name: 'a statement that is no base64', files: () => json({}, { privateKeyAttestation: '@@@' }), expected: att('envelope-member') },
    { name: 'a public half that is no base64', files: () => json({}, { publicKeyAttestation: '@@@' }), expected: att('envelope-member') },
    { name: 'no certificates', files: () => json({}, { certificatePemFile: '' }), expected: att('envelope-member') },
    { name: 'certificates that are no PEM', files: () => json({}, { certificatePemFile: Buffer.from('none').toString('base64url') }), expected: att('envelope-member') },
    { name: 'a certificate request among the certificates', files: () => json({}, { certificatePemFile: Buffer.from(hsm.pemBundle([made().certificates.card]).toString().replaceAll('CERTIFICATE', 'CERTIFICATE REQUEST')).toString('base64url') }), expected: att('envelope-member') },
    { name: '17 certificates', files: () => json({}, { certificatePemFile: hsm.pemBundle(Array.from({ length: 17 }, () => made().certificates.card)).toString('base64url') }), expected: att('attestation.malformed.too-many-certificates') },
    { name: 'a certificate that is none', files: () => json({}, { certificatePemFile: hsm.pemBundle([Buffer.from('3003020100', 'hex')]).toString('base64url') }), expected: att('attestation.malformed.certificate') },
    { name: 'octets after a certificate', files: () => json({}, { certificatePemFile: hsm.pemBundle([Buffer.concat([made().certificates.card, Buffer.from([5, 0])])]).toString('base64url') }), expected: att('attestation.malformed.der') },
    { name: 'a statement of the older kind (V1)', files: () => json({}, { privateKeyAttestation: Buffer.concat([Buffer.alloc(20, 9), Buffer.from('00000006000000010000000900000000' + '00000001' + '03', 'hex'), Buffer.alloc(256, 7)]).toString('base64url') }), expected: att('older-format') },
    { name: 'octets after the statement', files: () => json({}, { privateKeyAttestation: Buffer.concat([made().blob, Buffer.from([0])]).toString('base64url') }), expected: att('length') },
    { name: 'a public half that is a private one', files: () => json({}, { publicKeyAttestation: made().blob.toString('base64url') }), expected: att('several-keys') },
    { name: 'two envelopes', files: () => ({ ...json(), 'b.json': json()['att.json']! }), expected: { file: 'b.json', reason: 'several-statements' } },
    { name: 'something else beside it', files: () => ({ ...json(), 'notes.txt': Buffer.from('my key') }), expected: { file: 'notes.txt', reason: 'attestation.malformed.not-a-certificate' } },
  ]
  it.each(CASES)('ATT-2: says what is wrong with $name', ({ files, expected }) => {
    expect(malformed(judge(files()))).toEqual(expected)
  })

  it('ATT-2: a statement taken out of its envelope is asked for Google\'s leg, and its remedy says what to upload', () => {
    const { blob, certificates } = made()
    const report = judge({ 'a.dat': blob, 'c.pem': hsm.pemBundle([certificates.card, certificates.partition]) })
    expect(report.maker?.id).toBe('google-cloud-hsm')
    expect(reasons(report)).toEqual(untrusted('leg.owner-missing'))
    expect(report.findings!['genuine-device'].remedy?.key).toBe('attestation-marvell.remedy.whole-chain')
  })
})
