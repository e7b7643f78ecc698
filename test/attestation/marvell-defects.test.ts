import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, it } from 'vitest'
import { ATTRIBUTE } from '../../attestations/marvell/blob.ts'
import type { Question } from '../../src/attestation/verifier.ts'
import { verifyAttestation, type AttestationInput, type AttestationReport } from '../../src/attestation/verify-attestation.ts'
import { boolean, integer, octetString, sequence } from '../../src/pki/der.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { shippedPolicy, withAttestation, withSampleKeys } from '../support/attestation-policy.ts'
import { unworded } from '../support/attestation-words.ts'
import * as hsm from '../support/fake-hsm.ts'
import { fakeHsm, googleFiles, hsmFactory, NAMES, type FakeHsm, type HsmFactory, type HsmOptions } from '../support/fake-hsm.ts'
import { ec, requestFor, rsa, spkiOf, type KeyPair } from '../support/fake-yubikey.ts'

/** The last days on which certificate 4399 (FIPS 140-2) counts under the shipped policy, and a day after. */
const BEFORE = new Date('2026-09-21T12:00:00Z')
const NOW = new Date('2026-11-21T00:00:00Z')
const listed = (policy: Policy = shippedPolicy): Policy => withAttestation(policy, { makers: ['google-cloud-hsm'] })

let factory: HsmFactory
let stranger: HsmFactory
let applicant: KeyPair
let big: KeyPair
let small: KeyPair
let spki: Buffer

beforeAll(() => {
  factory = hsmFactory()
  stranger = hsmFactory()
  applicant = rsa(3072)
  big = rsa(4096)
  small = rsa(2048)
  spki = spkiOf(applicant)
})

type Files = Record<string, Buffer>
function judge(files: Files, more: Partial<AttestationInput> = {}, anchors = factory.anchors): AttestationReport {
  const publicKeySpki = more.publicKeySpki ?? spki
  const report = verifyAttestation(
    { files: Object.entries(files).map(([name, bytes]) => ({ name, bytes })), certificateRequestDer: requestFor(publicKeySpki), publicKeySpki, at: BEFORE, policy: listed(), demoHierarchy: false, ...more },
    anchors,
  )
  expect(unworded(report)).toEqual([])
  return report
}
const made = (options: HsmOptions = {}, key = spki): FakeHsm => fakeHsm(factory, key, options)
const files = (options: HsmOptions = {}, key = spki): Files => googleFiles(made(options, key))
const short = (key: string) => key.replace(/^attestation-marvell\./, '')
const reasons = ({ verdict, findings }: AttestationReport) => ('refused' in verdict ? Object.fromEntries(verdict.refused.map((question: Question) => [question, short(findings![question].observed.key)])) : verdict)
const failures = ({ findings }: AttestationReport) => [...new Set(Object.values(findings!).flatMap(({ checks }) => checks.filter(({ outcome }) => outcome === 'fail').map(({ observed }) => short(observed.key))))]
const malformed = ({ verdict }: AttestationReport) => {
  if (!('malformed' in verdict)) throw new Error(JSON.stringify(verdict))
  return { file: verdict.malformed.file, reason: short(verdict.malformed.reason.key).replace(/^malformed\./, '') }
}

describe('a genuine HSM of Google\'s', () => {
  it.each([3072, 4096])('ATT-2 KEY-1: RSA-%i is verified under the shipped policy while its certificate is accepted', (bits) => {
    const key = spkiOf(bits === 3072 ? applicant : big)
    for (const objects of ['pair', 'private'] as const) {
      const report = judge(files({ objects }, key), { publicKeySpki: key })
      expect(reasons(report)).toHaveProperty('verified')
      expect(report.chainTrusted).toBe(true)
      expect(report.key).toMatchObject({ type: `RSA-${bits}`, permittedByPolicy: true, attestedSpkiSha256: report.key.spkiSha256 })
      for (const finding of Object.values(report.findings!)) expect(finding).toMatchObject({ outcome: 'pass', claimed: false })
      expect(report.device).toMatchObject({ maker: 'Marvell', serial: '5.3G2041-ICM000001', firmware: null })
      expect(report.device!.details.map(({ value }) => value.values?.['text'] ?? value.key)).toEqual(['7', 'attestation-marvell.mode.says-fips', 'app_key', '3876590dc15'])
    }
  })

  it('ATT-2: position says nothing: the private object is judged wherever it stands, and it alone', () => {
    expect(reasons(judge(files({ objects: 'swapped' })))).toHaveProperty('verified')
    expect(reasons(judge(files({ objects: 'swapped', privateAttributes: { [ATTRIBUTE.extractable]: 1 } })))).toEqual({ 'not-exportable': 'attribute.extractable.yes' })
    // The public half says what a private one must say, and the private one what a public one may say.
    const inverted = { privateAttributes: { [ATTRIBUTE.local]: 0, [ATTRIBUTE.sensitive]: 0 }, publicAttributes: { [ATTRIBUTE.sensitive]: 1, [ATTRIBUTE.extractable]: 0, [ATTRIBUTE.alwaysSensitive]: 1, [ATTRIBUTE.neverExtractable]: 1, [ATTRIBUTE.sign]: 1 } }
    for (const objects of ['pair', 'swapped'] as const) expect(reasons(judge(files({ ...inverted, objects })))).toEqual({ 'generated-inside': 'attribute.local.no', 'not-exportable': 'attribute.sensitive.no' })
  })

  it('ATT-2: takes the statement packed or not, certificates in any order, with or without roots', () => {
    const one = made()
    const { root, card, partition, ownerRoot, ownerCard, ownerPartition } = one.certificates
    for (const order of [[ownerPartition, ownerCard, partition, card], [card, ownerCard, ownerPartition, partition, root, ownerRoot], [card, partition, ownerPartition], [card, card, partition, ownerPartition, ownerPartition]])
      expect(reasons(judge({ 'a.dat': one.blob, 'c.pem': hsm.pemBundle(order) }))).toHaveProperty('verified')
    expect(reasons(judge({ 'a.gz': gzipSync(one.blob), 'card.der': card, 'partition.der': partition, 'owner.der': ownerPartition }))).toHaveProperty('verified')
  })

  it('ATT-8: its certificate is Historical today; the policy\'s dated switch decides', () => {
    expect(reasons(judge(files(), { at: NOW }))).toEqual({ 'certified-module': 'attestation.certificate.historical' })
    const policy = withAttestation(listed(), { historicalCertificates: [{ scheme: 'FIPS 140-2', acceptedUntil: '2027-03-31T23:59:59Z', why: 'test' }] })
    expect(reasons(judge(files(), { at: NOW, policy }))).toHaveProperty('verified')
    expect(reasons(judge(files(), { at: new Date('2027-04-01T00:00:00Z'), policy }))).toEqual({ 'certified-module': 'attestation.certificate.historical' })
  })

  it('ATT-2: LiquidSecurity 2 waits for its root to be confirmed; with the root on it is verified today', () => {
    const newer = files({ cardIssuer: NAMES.ls2 })
    const report = judge(newer, { at: NOW })
    expect(reasons(report)).toMatchObject({ 'genuine-device': 'attestation.anchor.off-single-source' })
    expect(report.findings!['genuine-device'].observed.values!['confirmAt']).toMatch(/^https:\/\/www\.marvell\.com\//)
    expect(report.chainTrusted).toBe(false)
    const on = judge(newer, { at: NOW }, factory.allOn)
    expect(reasons(on)).toHaveProperty('verified')
    expect(on.findings!['genuine-device'].cautions.map(({ key }) => short(key))).toEqual(['attestation.anchor.one-source'])
    expect(on.findings!['certified-module'].cautions.map(({ key }) => short(key))).toEqual(['attestation.certificate.unconfirmed', 'firmware-not-stated', 'synthetic-only'])
  })

  it('ATT-9: each finding says what was seen, what is expected and by what rule, and failures say what to do', () => {
    for (const report of [judge(files()), judge(files({ privateAttributes: { [ATTRIBUTE.local]: 0, [ATTRIBUTE.sensitive]: 0 }, cardName: 'HSM:1', partitionName: 'HSM:1:PARTN:1' })), judge(files(), { publicKeySpki: spkiOf(small) }), judge(files({}, spkiOf(small)), { publicKeySpki: spkiOf(small) })])
      for (const finding of Object.values(report.findings!)) {
        expect(finding.checks.length).toBeGreaterThan(0)
        for (const check of [finding, ...finding.checks]) {
          expect(check.observed.key && check.expected.key && check.source && check.clause).toBeTruthy()
          if (check === finding && check.outcome === 'fail') expect(check.remedy).toBeDefined()
        }
      }
  })
})

interface Defect {
  name: string
  files: () => Files
  more?: () => Partial<AttestationInput>
  refused: Partial<Record<Question, string>>
}
const claims = { 'generated-inside': 'attestation.claim.untrusted', 'not-exportable': 'attestation.claim.untrusted', 'certified-module': 'attestation.claim.untrusted' }
const untrusted = (reason: string) => ({ 'genuine-device': reason, ...claims })
const certified = (reason: string) => ({ 'certified-module': reason })
const flagged = (name: string, type: number, value: number | null) => ({ files: () => files({ privateAttributes: { [type]: value } }), refused: { 'not-exportable': `attribute.${name}.${value === null ? 'missing' : value === 1 ? 'yes' : 'no'}` } })
const OTHER_CARD = 'HSM:5.3G2041-ICM000002, for FIPS mode'
let p256: KeyPair | undefined
const curve = (): KeyPair => (p256 ??= ec('P-256'))

const DEFECTS: Defect[] = [
  { name: 'the statement is for another key than the request', files: () => files(), more: () => ({ publicKeySpki: spkiOf(big) }), refused: { 'same-key': 'attestation.same-key.differs' } },
  { name: 'the key judged is not the key of the stored request', files: () => files(), more: () => ({ certificateRequestDer: requestFor(spkiOf(big)) }), refused: { 'same-key': 'attestation.same-key.request-differs' } },
  { name: 'the HSM\'s digest is of another key', files: () => files({ privateAttributes: { [ATTRIBUTE.keyDigest]: createHash('sha256').update('other').digest() } }), refused: { 'same-key': 'digest.differs' } },
  { name: 'no digest by the HSM', files: () => files({ privateAttributes: { [ATTRIBUTE.keyDigest]: null } }), refused: { 'same-key': 'digest.missing' } },
  { name: 'the public half of another pair', files: () => { const { n } = numbers(small); return files({ publicAttributes: { [ATTRIBUTE.modulus]: n, [ATTRIBUTE.modulusBits]: Buffer.from('00000800', 'hex') } }) }, refused: { 'same-key': 'pair.differs' } },
  { name: 'an imported key', files: () => files({ privateAttributes: { [ATTRIBUTE.local]: 0 } }), refused: { 'generated-inside': 'attribute.local.no' } },
  { name: 'a key of which it is not said whether it was imported', files: () => files({ privateAttributes: { [ATTRIBUTE.local]: null } }), refused: { 'generated-inside': 'attribute.local.missing' } },
  { name: 'an extractable key', ...flagged('extractable', ATTRIBUTE.extractable, 1) },
  { name: 'no word of being extractable', ...flagged('extractable', ATTRIBUTE.extractable, null) },
  { name: 'a key that was extractable once', ...flagged('never-extractable', ATTRIBUTE.neverExtractable, 0) },
  { name: 'no word of having been extractable', ...flagged('never-extractable', ATTRIBUTE.neverExtractable, null) },
  { name: 'a key that is not sensitive', ...flagged('sensitive', ATTRIBUTE.sensitive, 0) },
  { name: 'no word of being sensitive', ...flagged('sensitive', ATTRIBUTE.sensitive, null) },
  { name: 'a key that was not always sensitive', ...flagged('always-sensitive', ATTRIBUTE.alwaysSensitive, 0) },
  { name: 'no word of having been sensitive', ...flagged('always-sensitive', ATTRIBUTE.alwaysSensitive, null) },
  { name: 'a key that is not for signing', files: () => files({ privateAttributes: { [ATTRIBUTE.sign]: 0 } }), refused: certified('attribute.sign.no') },
  { name: 'no word of what the key is for', files: () => files({ privateAttributes: { [ATTRIBUTE.sign]: null } }), refused: certified('attribute.sign.missing') },

  { name: 'Marvell\'s leg alone', files: () => googleFiles(made(), ['ownerRoot', 'ownerCard', 'ownerPartition']), refused: untrusted('leg.owner-missing') },
  { name: 'Google\'s leg alone', files: () => googleFiles(made(), ['root', 'card', 'partition']), refused: untrusted('leg.maker-missing') },
  { name: 'another root of Marvell\'s name', files: () => files({ card: { signedBy: stranger.keys.marvell } }), refused: untrusted('card-signature.bad') },
  { name: 'another root of Google\'s name', files: () => files({ ownerPartition: { signedBy: stranger.keys.hawksbill } }), refused: untrusted('owner-signature.bad') },
  { name: 'Google\'s key in Marvell\'s place', files: () => files({ card: { issuer: NAMES.hawksbill, signedBy: factory.keys.hawksbill } }), refused: untrusted('pinned-card.unknown') },
  { name: 'Marvell\'s key in Google\'s place', files: () => files({ ownerPartition: { issuer: NAMES.marvell, signedBy: factory.keys.marvell } }), refused: untrusted('pinned-owner.unknown') },
  { name: 'the owner\'s root of another cloud', files: () => files({ ownerPartition: { issuer: hsm.hsmNameDer('Owner'), signedBy: stranger.keys.hawksbill } }), refused: untrusted('pinned-owner.unknown') },
  { name: 'a root that is nobody\'s, brought along', files: () => ({ ...files({ cardIssuer: hsm.hsmNameDer('Some root'), card: { signedBy: stranger.keys.marvell } }), 'root.der': hsm.hsmCertificate({ issuer: hsm.hsmNameDer('Some root'), subject: hsm.hsmNameDer('Some root'), key: stranger.keys.marvell, signedBy: stranger.keys.marvell }) }), refused: untrusted('pinned-card.unknown') },
  { name: 'a partition signed by another card of the name', files: () => files({ partition: { signedBy: stranger.keys.card } }), refused: untrusted('partition-signature.bad') },
  { name: 'a partition of another card', files: () => files({ partitionName: 'HSM:5.3G2041-ICM000002:PARTN:7, for FIPS mode' }), refused: untrusted('names.differ') },
  { name: 'Google\'s certificate for another partition key', files: () => files({ ownerPartition: { key: stranger.keys.partition } }), refused: untrusted('partition-key.differs') },
  { name: 'Google\'s certificate for another partition of the same key', files: () => files({ ownerPartition: { subject: hsm.hsmNameDer(hsm.PARTITION.replace(':7', ':8')) } }), refused: untrusted('partition-key.differs') },
  { name: 'Google\'s certificate for another card key', files: () => files({ ownerCard: { key: stranger.keys.card } }), refused: untrusted('card-key.differs') },
  { name: 'a certificate of the card that Google did not sign', files: () => files({ ownerCard: { signedBy: stranger.keys.hawksbill } }), refused: untrusted('card-key.differs') },
  { name: 'a statement signed by another partition', files: () => files({ signedBy: stranger.keys.partition }), refused: untrusted('statement-signature.bad') },
  { name: 'a statement signed by the card', files: () => files({ signedBy: factory.keys.card }), refused: untrusted('statement-signature.bad') },
  { name: 'a statement signed with SHA-512', files: () => files({ digest: 'sha512' }), refused: untrusted('statement-signature.bad') },
  { name: 'a statement whose signature is a bare digest at the end', files: () => withBlob((blob) => Buffer.concat([blob.subarray(0, -32), createHash('sha256').update(blob.subarray(0, -256)).digest()])), refused: untrusted('statement-signature.bad') },
  { name: 'a card certificate with SHA-1', files: () => files({ card: { digest: 'sha1' } }), refused: untrusted('card-signature.bad') },
  { name: 'a partition certificate with SHA-1', files: () => files({ partition: { digest: 'sha1' } }), refused: untrusted('partition-signature.bad') },
  { name: 'a card of tomorrow', files: () => files({ card: { notBefore: new Date('2026-09-22T00:00:00Z') } }), refused: untrusted('attestation.validity.outside') },
  { name: 'a partition past its end', files: () => files({ partition: { notAfter: new Date('2026-09-20T00:00:00Z') } }), refused: untrusted('attestation.validity.outside') },
  { name: 'Google\'s certificate past its end', files: () => files({ ownerPartition: { notAfter: new Date('2026-09-20T00:00:00Z') } }), refused: untrusted('attestation.validity.outside') },
  { name: 'a day before Marvell\'s root began', files: () => files({ card: { notBefore: new Date('2021-03-23T00:00:00Z') }, partition: { notBefore: new Date('2021-03-23T00:00:00Z') }, ownerPartition: { notBefore: new Date('2021-03-23T00:00:00Z') } }), more: () => ({ at: new Date('2024-07-24T23:59:59Z') }), refused: untrusted('attestation.validity.outside') },
  { name: 'a day after Google\'s root ends', files: () => files(), more: () => ({ at: new Date('2030-01-02T00:00:00Z') }), refused: untrusted('attestation.validity.outside') },
  { name: 'a partition that says it is a CA', files: () => files({ partition: { extensions: [hsm.extension('2.5.29.19', sequence(boolean(true)), true)] } }), refused: untrusted('extensions.unknown') },
  { name: 'a critical extension that we don\'t process', files: () => files({ ownerPartition: { extensions: [hsm.extension('2.5.29.36', sequence(), true)] } }), refused: untrusted('extensions.unknown') },

  { name: 'a card that is not in FIPS mode', files: () => files({ cardName: 'HSM:5.3G2041-ICM000001, for non-FIPS mode' }), refused: certified('mode.card') },
  { name: 'a card that says nothing of its mode', files: () => files({ cardName: 'HSM:5.3G2041-ICM000001' }), refused: certified('mode.card') },
  { name: 'a partition that is not in FIPS mode', files: () => files({ partitionName: hsm.PARTITION.replace('FIPS', 'non-FIPS') }), refused: certified('mode.partition') },
  { name: 'a partition that adds to its mode', files: () => files({ partitionName: `${hsm.PARTITION} (test)` }), refused: certified('mode.partition') },
  { name: 'RSA-2048, which the shipped policy does not take', files: () => files({}, spkiOf(small)), more: () => ({ publicKeySpki: spkiOf(small) }), refused: certified('attestation.key-type.not-in-policy') },
  { name: 'P-256, which the shipped policy does not take', files: () => files({}, spkiOf(curve())), more: () => ({ publicKeySpki: spkiOf(curve()) }), refused: certified('attestation.key-type.not-in-policy') },
  { name: 'a policy that does not count FIPS 140-2', files: () => files(), more: () => ({ policy: withAttestation(listed(), { schemes: [{ scheme: 'FIPS 140-3', minimumLevel: 2 }] }) }), refused: certified('attestation.certificate.scheme') },
  { name: 'a policy that asks for level 4', files: () => files(), more: () => ({ policy: withAttestation(listed(), { schemes: [{ scheme: 'FIPS 140-2', minimumLevel: 4 }] }) }), refused: certified('attestation.certificate.level') },
]

const numbers = (key: KeyPair) => ({ n: Buffer.from(key.publicKey.export({ format: 'jwk' }).n!, 'base64url') })
/** Files whose statement was changed after it was signed. */
const withBlob = (change: (blob: Buffer) => Buffer, options: HsmOptions = {}): Files => {
  const one = made(options)
  return googleFiles({ ...one, blob: change(one.blob) })
}

describe('one defect each', () => {
  it.each(DEFECTS)('ATT-2: refuses $name', ({ files: given, more, refused }) => {
    const report = judge(given(), more?.())
    expect(reasons(report)).toEqual(refused)
    // One defect: where the chain is good, nothing fails but what is shown.
    if (!('genuine-device' in refused)) expect(failures(report)).toEqual(Object.values(refused))
  })

  it('ATT-2: P-256 and RSA-2048 pass where a policy takes them; a curve of the same length is found out by the digest', () => {
    const policy = listed(withSampleKeys())
    for (const key of [curve(), small]) expect(reasons(judge(files({}, spkiOf(key)), { publicKeySpki: spkiOf(key), policy }))).toHaveProperty('verified')
    const koblitz = ec('secp256k1')
    const point = spkiOf(koblitz).subarray(-65)
    const asIf = files({ privateAttributes: { [ATTRIBUTE.modulus]: point, [ATTRIBUTE.keyDigest]: createHash('sha256').update(spkiOf(koblitz)).digest() }, objects: 'private' }, spkiOf(curve()))
    expect(reasons(judge(asIf, { publicKeySpki: spkiOf(koblitz), policy }))).toEqual({ 'same-key': 'attestation.same-key.differs' })
    const claimedAsP256 = Buffer.concat([spkiOf(curve()).subarray(0, -65), point])
    expect(reasons(judge(asIf, { publicKeySpki: claimedAsP256, policy }))).toEqual({ 'same-key': 'digest.differs' })
  })

  it('ATT-2: Google\'s chain beside the chain and statement of another LiquidSecurity HSM does not make it Google\'s', () => {
    // Somebody's own card, genuine under Marvell's root, with the name of one of Google's.
    const own = fakeHsm({ ...factory, keys: { ...factory.keys, card: stranger.keys.card, partition: stranger.keys.partition } }, spki)
    const google = made()
    const mixed = { 'a.dat': own.blob, 'c.pem': hsm.pemBundle([own.certificates.card, own.certificates.partition, google.certificates.ownerCard, google.certificates.ownerPartition]) }
    expect(reasons(judge(mixed))).toEqual(untrusted('partition-key.differs'))
    expect(failures(judge(mixed))).toEqual(['partition-key.differs', 'card-key.differs', 'attestation.claim.untrusted'])
    // Marvell's leg taken from Google too: then the statement is not that partition's.
    expect(reasons(judge({ 'a.dat': own.blob, 'c.pem': googleFiles(google)['chains.pem']! }))).toEqual(untrusted('statement-signature.bad'))
  })

  it('ATT-2: an attested key, or a partition, is no card: nothing below it is followed', () => {
    const forged = hsm.hsmCertificate({ issuer: hsm.hsmNameDer(hsm.PARTITION), subject: hsm.hsmNameDer(hsm.PARTITION.replace(':7', ':9')), key: small, signedBy: factory.keys.partition })
    const one = made({ signedBy: small })
    expect(malformed(judge({ 'a.dat': one.blob, 'c.pem': hsm.pemBundle([forged, one.certificates.card, one.certificates.ownerPartition]) }))).toEqual({ file: 'c.pem', reason: 'card-missing' })
    expect(malformed(judge({ 'a.dat': one.blob, 'c.pem': hsm.pemBundle([forged, ...Object.values(one.certificates)]) }))).toEqual({ file: 'c.pem', reason: 'several-partitions' })
    const asCard = hsm.hsmCertificate({ issuer: hsm.hsmNameDer(hsm.CARD), subject: hsm.hsmNameDer(OTHER_CARD), key: small, signedBy: factory.keys.card })
    const below = hsm.hsmCertificate({ issuer: hsm.hsmNameDer(OTHER_CARD), subject: hsm.hsmNameDer(OTHER_CARD.replace(',', ':PARTN:1,')), key: small, signedBy: small })
    expect(reasons(judge({ 'a.dat': one.blob, 'c.pem': hsm.pemBundle([asCard, below, one.certificates.card, one.certificates.ownerCard, one.certificates.ownerPartition]) }))).toMatchObject({ 'genuine-device': 'pinned-card.unknown' })
  })

  it('ATT-2: a chain that is not trusted turns every claim into one that is only claimed', () => {
    const { findings, chainTrusted, device } = judge(files({ card: { signedBy: stranger.keys.marvell } }))
    expect(chainTrusted).toBe(false)
    expect(device?.serial).toBe('5.3G2041-ICM000001')
    for (const question of ['same-key', 'generated-inside', 'not-exportable', 'certified-module'] as const) expect(findings![question].claimed).toBe(true)
  })

  it('ATT-2: marks that no honest device has are told to staff', () => {
    const alerts = (options: HsmOptions) => Object.values(judge(files(options)).findings!).some(({ checks }) => checks.some(({ alert }) => alert))
    for (const options of [{ signedBy: stranger.keys.partition }, { ownerPartition: { key: stranger.keys.partition } }, { card: { signedBy: stranger.keys.marvell } }]) expect(alerts(options)).toBe(true)
    expect(alerts({ privateAttributes: { [ATTRIBUTE.local]: 0 } })).toBe(false)
  })

  it('ATT-2: an anchor that is refused, or signs no devices, is none; one without a product leads to no certificate', () => {
    const altered = (change: object) => ({ ...factory.anchors, 'google-cloud-hsm': { ...factory.anchors['google-cloud-hsm'], rows: factory.anchors['google-cloud-hsm'].rows.map((row) => (row.subjectDer.equals(NAMES.marvell) ? { ...row, ...change } : row)) } })
    expect(reasons(judge(files(), {}, altered({ role: 'refuse' })))).toEqual(untrusted('pinned-card.unknown'))
    expect(reasons(judge(files(), {}, altered({ signsDevices: false })))).toEqual(untrusted('pinned-card.unknown'))
    expect(reasons(judge(files(), {}, altered({ device: undefined })))).toEqual(certified('product.unlisted'))
  })

  it('ATT-8: a kind of key that the product is not certified for is refused, whatever the policy takes', () => {
    const weak = rsa(1024)
    const policy = listed({ ...shippedPolicy, keys: { ...shippedPolicy.keys, subscriber: { ...shippedPolicy.keys.subscriber, rsaBits: [1024] } } })
    expect(reasons(judge(files({}, spkiOf(weak)), { publicKeySpki: spkiOf(weak), policy }))).toEqual(certified('key-type.uncertified'))
  })

  it('ATT-2: the real anchors are used unless a test says otherwise; a maker that the policy does not list is not asked', () => {
    expect(reasons(judge(files(), {}, {} as typeof factory.anchors))).toMatchObject({ 'genuine-device': 'card-signature.bad' })
    expect(malformed(judge(files(), { policy: withAttestation(shippedPolicy, { makers: [] }) })).reason).toBe('attestation.off.google-cloud-hsm')
  })
})

describe('statements that cannot be read', () => {
  const edited = (edit: (unsigned: Buffer) => void, options: HsmOptions = {}): Files => files({ ...options, edit: (unsigned) => (edit(unsigned), unsigned) })
  const word = (at: number, value: number) => edited((blob) => blob.writeUInt32BE(value, at))
  const BLOCK = 32
  /** A pair with octets put between the block's header and the first object, every length set right. */
  const shifted = (unsigned: Buffer, gap: number): Buffer => {
    const blob = Buffer.concat([unsigned.subarray(0, BLOCK + 8), Buffer.alloc(gap), unsigned.subarray(BLOCK + 8)])
    for (const at of [8, 12]) blob.writeUInt32BE(blob.readUInt32BE(at) + gap, at)
    for (const at of [BLOCK + 4, BLOCK + 6]) blob.writeUInt16BE(blob.readUInt16BE(at) + gap, at)
    return blob
  }
  /** As the older scripts read it: an object at octet 20, its attributes, a signature. */
  const older = (start: number): Buffer => {
    const attribute = Buffer.concat([Buffer.from('00000000' + '00000001' + '03', 'hex'), Buffer.from('00000163' + '00000001' + '01', 'hex')])
    return Buffer.concat([Buffer.alloc(start, 9), Buffer.from('00000006' + '00000002', 'hex'), Buffer.from([0, 0, 0, attribute.length]), attribute, Buffer.alloc(256, 7)])
  }
  const statement = (bytes: Buffer): Files => ({ ...files(), 'attestation.dat': bytes })
  const dat = (reason: string) => ({ file: 'attestation.dat', reason })
  const CASES: { name: string; files: () => Files; expected: { file: string | null; reason: string } }[] = [
    { name: 'a statement of the older kind (V1) as one script reads it', files: () => statement(older(20)), expected: dat('older-format') },
    { name: 'a statement of the older kind (V1) as another reads it, packed', files: () => statement(gzipSync(older(984))), expected: dat('older-format') },
    { name: 'a statement of the older kind (V1) of one object', files: () => statement(older(24)), expected: dat('older-format') },
    { name: 'a statement cut short', files: () => withBlob((blob) => blob.subarray(0, -1)), expected: dat('length') },
    { name: 'a statement cut to its head', files: () => withBlob((blob) => blob.subarray(0, 290)), expected: dat('too-short') },
    { name: 'octets after the statement', files: () => withBlob((blob) => Buffer.concat([blob, Buffer.from([0])])), expected: dat('length') },
    { name: 'octets after the attributes, under the signature', files: () => files({ edit: (unsigned) => { const longer = Buffer.concat([unsigned, Buffer.alloc(8)]); longer.writeUInt32BE(longer.length + 256, 8); longer.writeUInt32BE(longer.length - BLOCK, 12); return longer } }), expected: dat('layout') },
    { name: 'an error of the HSM', files: () => ({ ...word(0, 0x99), 'chains.pem': files()['chains.pem']! }), expected: dat('hsm-error') },
    { name: 'other flags', files: () => word(4, 7), expected: dat('not-a-statement') },
    { name: 'a block that is too large', files: () => word(12, 0x7fffffff), expected: dat('layout') },
    { name: 'a block that leaves room for three handles', files: () => edited((blob) => blob.writeUInt32BE(blob.readUInt32BE(12) - 8, 12)), expected: dat('layout') },
    { name: 'a handle that is not the object\'s', files: () => word(20, 1), expected: dat('layout') },
    { name: 'another version of the block', files: () => edited((blob) => blob.writeUInt16BE(2, BLOCK)), expected: dat('layout') },
    { name: 'other flags of the block', files: () => edited((blob) => blob.writeUInt16BE(1, BLOCK + 2)), expected: dat('layout') },
    { name: 'a first object elsewhere', files: () => edited((blob) => blob.writeUInt16BE(12, BLOCK + 4)), expected: dat('layout') },
    { name: 'a gap before the first object', files: () => files({ edit: (unsigned) => shifted(unsigned, 4) }), expected: dat('layout') },
    { name: 'one object that speaks of a second', files: () => edited((blob) => blob.writeUInt16BE(0x100, 24 + 6), { objects: 'private' }), expected: dat('layout') },
    { name: 'an object that reaches over the signature and beyond', files: () => edited((blob) => { blob.writeUInt32BE(blob.readUInt32BE(24 + 12) + 1, 24 + 12); blob.writeUInt32BE(blob.readUInt32BE(24 + 16) + 1000, 24 + 16); blob.writeUInt32BE(1 + 256, blob.length - 5) }, { objects: 'private' }), expected: dat('layout') },
    { name: 'a second object elsewhere', files: () => edited((blob) => blob.writeUInt16BE(blob.readUInt16BE(BLOCK + 6) + 4, BLOCK + 6)), expected: dat('layout') },
    { name: 'a pair that hides its second object', files: () => edited((blob) => blob.writeUInt16BE(0, BLOCK + 6)), expected: dat('layout') },
    { name: 'a size that is not the sum of the attributes', files: () => edited((blob) => blob.writeUInt32BE(blob.readUInt32BE(BLOCK + 16) - 9, BLOCK + 16)), expected: dat('layout') },
    { name: 'one attribute fewer than there are', files: () => edited((blob) => blob.writeUInt32BE(blob.readUInt32BE(BLOCK + 12) - 1, BLOCK + 12)), expected: dat('layout') },
    { name: 'an attribute longer than what is left', files: () => edited((blob) => blob.writeUInt32BE(0xffffffff, BLOCK + 24)), expected: dat('layout') },
    { name: '65 attributes', files: () => files({ morePrivate: Array.from({ length: 40 }, (_, index) => [0x90000000 + index, Buffer.alloc(0)]) }), expected: dat('layout') },
    { name: 'an attribute twice', files: () => files({ morePrivate: [[ATTRIBUTE.local, Buffer.from([1])]] }), expected: dat('duplicate-attribute') },
    { name: 'an unknown attribute twice', files: () => files({ morePrivate: [[0x80000002, Buffer.from([1])]] }), expected: dat('duplicate-attribute') },
    { name: 'a flag of two octets', files: () => files({ privateAttributes: { [ATTRIBUTE.extractable]: Buffer.from([0, 0]) } }), expected: dat('attribute') },
    { name: 'a flag without octets', files: () => files({ privateAttributes: { [ATTRIBUTE.extractable]: Buffer.alloc(0) } }), expected: dat('attribute') },
    { name: 'a flag that is neither 00 nor 01', files: () => files({ privateAttributes: { [ATTRIBUTE.local]: 2 } }), expected: dat('attribute') },
    { name: 'a digest of 20 octets', files: () => files({ privateAttributes: { [ATTRIBUTE.keyDigest]: Buffer.alloc(20) } }), expected: dat('attribute') },
    { name: 'a class of two octets', files: () => files({ privateAttributes: { [ATTRIBUTE.class]: Buffer.from([3, 3]) } }), expected: dat('attribute') },
    { name: 'a secret key', files: () => files({ objects: 'private', privateAttributes: { [ATTRIBUTE.class]: 4 } }), expected: dat('secret-key') },
    { name: 'a public key alone', files: () => files({ objects: 'public' }), expected: dat('no-private-key') },
    { name: 'an object without a class', files: () => files({ objects: 'private', privateAttributes: { [ATTRIBUTE.class]: null } }), expected: dat('no-private-key') },
    { name: 'two private keys', files: () => files({ publicAttributes: { [ATTRIBUTE.class]: 3 } }), expected: dat('several-keys') },
    { name: 'a secret key beside the private one', files: () => files({ publicAttributes: { [ATTRIBUTE.class]: 4 } }), expected: dat('several-keys') },
    { name: 'a kind of key that is neither RSA nor EC', files: () => files({ privateAttributes: { [ATTRIBUTE.keyType]: 1 } }), expected: dat('key-attribute') },
    { name: 'a kind of key that is neither, with a point', files: () => files({ objects: 'private', privateAttributes: { [ATTRIBUTE.keyType]: 1 } }, spkiOf(curve())), expected: dat('key-attribute') },
    { name: 'a point that is not in its plain form', files: () => files({ objects: 'private', privateAttributes: { [ATTRIBUTE.modulus]: Buffer.alloc(65, 2) } }, spkiOf(curve())), expected: dat('key-attribute') },
    { name: 'no modulus', files: () => files({ privateAttributes: { [ATTRIBUTE.modulus]: null } }), expected: dat('key-attribute') },
    { name: 'no exponent', files: () => files({ privateAttributes: { [ATTRIBUTE.publicExponent]: null } }), expected: dat('key-attribute') },
    { name: 'a length of the modulus that is not its length', files: () => files({ privateAttributes: { [ATTRIBUTE.modulusBits]: Buffer.from('00001000', 'hex') } }), expected: dat('key-attribute') },
    { name: 'a point of no length that we know', files: () => files({ privateAttributes: { [ATTRIBUTE.keyType]: 3, [ATTRIBUTE.modulus]: Buffer.alloc(64, 4) } }), expected: dat('key-attribute') },
    { name: 'a gzip bomb', files: () => statement(gzipSync(Buffer.alloc(10_000_000))), expected: dat('attestation.malformed.unpacked-too-large') },
    { name: 'damaged gzip', files: () => statement(gzipSync(made().blob).subarray(0, -9)), expected: dat('attestation.malformed.gzip') },
    { name: 'octets after the gzip member', files: () => statement(Buffer.concat([gzipSync(made().blob), Buffer.from('x')])), expected: dat('attestation.malformed.gzip') },
    { name: 'gzip in gzip', files: () => statement(gzipSync(gzipSync(made().blob))), expected: dat('attestation.malformed.nested-archive') },
    { name: 'a long file of another kind', files: () => ({ 'x.sig': Buffer.alloc(384, 0x5a) }), expected: { file: 'x.sig', reason: 'attestation.malformed.unrecognised' } },
    { name: 'two statements', files: () => ({ ...files(), 'b.dat': made().blob, 'c.dat': made({ objects: 'private' }).blob }), expected: { file: 'c.dat', reason: 'several-statements' } },
    { name: 'a file that is nothing of this', files: () => ({ ...files(), 'notes.txt': Buffer.from('my key') }), expected: { file: 'notes.txt', reason: 'attestation.malformed.not-a-certificate' } },
    { name: 'a statement without certificates', files: () => ({ 'attestation.dat': made().blob }), expected: dat('certificates-missing') },
    { name: 'certificates without a statement', files: () => ({ 'chains.pem': files()['chains.pem']! }), expected: { file: 'chains.pem', reason: 'statement-missing' } },
    { name: 'roots and a statement', files: () => googleFiles(made(), ['card', 'partition', 'ownerCard', 'ownerPartition']), expected: dat('certificates-missing') },
    { name: 'a partition that issued itself', files: () => ({ 'attestation.dat': made().blob, 'chains.pem': hsm.pemBundle([made({ partition: { issuer: hsm.hsmNameDer(hsm.PARTITION), signedBy: factory.keys.partition } }).certificates.partition]) }), expected: dat('certificates-missing') },
    { name: 'an error of the HSM alone', files: () => ({ 'attestation.dat': Object.values(word(0, 0x99))[0]! }), expected: dat('hsm-error') },
    { name: 'a partition without its card', files: () => googleFiles(made(), ['card', 'ownerCard']), expected: { file: 'chains.pem', reason: 'card-missing' } },
    { name: 'two partitions of one card', files: () => ({ ...files(), 'other.der': made({ partitionName: hsm.PARTITION.replace(':7', ':8') }).certificates.partition }), expected: { file: 'other.der', reason: 'several-partitions' } },
    { name: 'two partitions of Google\'s', files: () => ({ ...files(), 'other.der': made({ partitionName: hsm.PARTITION.replace(':7', ':8') }).certificates.ownerPartition }), expected: { file: 'other.der', reason: 'several-partitions' } },
    { name: '17 certificates', files: () => ({ 'attestation.dat': made().blob, 'many.pem': hsm.pemBundle(Array.from({ length: 17 }, () => made().certificates.root)) }), expected: { file: 'many.pem', reason: 'attestation.malformed.too-many-certificates' } },
    { name: 'an extension twice', files: () => files({ ownerPartition: { extensions: [hsm.extension('2.5.29.14', octetString(Buffer.from('a'))), hsm.extension('2.5.29.14', octetString(Buffer.from('b')))] } }), expected: { file: 'chains.pem', reason: 'attestation.malformed.duplicate-extension' } },
    { name: 'a version 1 certificate with extensions', files: () => files({ card: { extensions: [hsm.extension('2.5.29.19', sequence(boolean(true), integer(0)))] } }), expected: { file: 'chains.pem', reason: 'attestation.malformed.der' } },
  ]

  it.each(CASES)('ATT-2: says what is wrong with $name', ({ files: given, expected }) => {
    expect(malformed(judge(given()))).toEqual(expected)
  })

  it('ATT-2: unknown attributes are passed over, since newer firmware has more of them', () => {
    expect(reasons(judge(files({ morePrivate: [[0x80000999, Buffer.alloc(64)], [0x1999, Buffer.from('x')]] })))).toHaveProperty('verified')
  })
})
