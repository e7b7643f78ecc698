import { gunzipSync, gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, it } from 'vitest'
import { readBlob } from '../../attestations/marvell/blob.ts'
import { attestedKey } from '../../attestations/marvell/key.ts'
import { reportToJson, type AttestationReport } from '../../src/attestation/verify-attestation.ts'
import { certificatePem, readPem } from '../../src/pki/pem.ts'
import { withSampleKeys } from '../support/attestation-policy.ts'
import { haveSamples, NO_SAMPLES, sample } from '../support/attestation-samples.ts'
import { fakeHsm, googleFiles, hsmFactory, type FakeHsm, type HsmFactory } from '../support/fake-hsm.ts'
import { rsa, spkiOf } from '../support/fake-yubikey.ts'
import { judgeEvidence } from '../support/judge-evidence.ts'
import { mutate, random } from '../support/mutate.ts'
import { JSON_CASES, type JsonCase } from './google-json-expected.ts'

const MAKER = 'google-cloud-hsm'
const BEFORE = new Date('2026-09-21T12:00:00Z')

/** A CryptoKeyVersion as the API's reference has it; a member of undefined is left out. */
function keyVersion(content: Buffer, [root, card, partition, owner, ownerCard, ownerPartition]: string[], change: JsonCase['change'] = {}): Buffer {
  const certChains = { caviumCerts: [partition, card, root], googleCardCerts: [ownerCard, owner], googlePartitionCerts: [ownerPartition, owner], ...change.chains }
  const attestation = { format: 'CAVIUM_V2_COMPRESSED', content: content.toString('base64'), certChains, ...change.attestation }
  const version = { name: 'projects/p/locations/global/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1', state: 'ENABLED', protectionLevel: 'HSM', algorithm: 'RSA_SIGN_PKCS1_4096_SHA256', attestation, createTime: '2026-01-01T00:00:00.000000000Z', ...change.version }
  return Buffer.from(JSON.stringify(version, null, 2))
}

function outcome({ verdict, findings }: AttestationReport) {
  if ('verified' in verdict) return { verified: true }
  if ('malformed' in verdict) return { malformed: { file: verdict.malformed.file, reason: verdict.malformed.reason.key } }
  return { refused: Object.fromEntries(verdict.refused.map((question) => [question, findings![question].observed.key])) }
}

describe.skipIf(!haveSamples())(`the published statement in the JSON of Cloud KMS${haveSamples() ? '' : ` (${NO_SAMPLES})`}`, () => {
  it.each(JSON_CASES)('ATT-2: $title', ({ change, more = [], at, expected }) => {
    const [content, pem] = [sample('marvell-google/smallstep/rsa.dat'), sample('marvell-google/smallstep/rsa.certs.pem')]
    const spki = attestedKey([readBlob(gunzipSync(content), 'x')]).spki
    // The file's first three certificates are Marvell's leg, the others Google's (marvell-expected.ts).
    const chains = readPem(pem.toString())!.map(({ der }) => certificatePem(der))
    const files = { 'version.json': keyVersion(content, chains, change), ...(more.includes('chains.pem') ? { 'chains.pem': pem } : {}) }
    expect(outcome(judgeEvidence(MAKER, files, { spki }, undefined, { at: new Date(at), policy: withSampleKeys() }))).toEqual(expected)
  })
})

describe('statements of our own in the JSON of Cloud KMS', () => {
  let factory: HsmFactory
  let hsm: FakeHsm
  let spki: Buffer
  let chains: string[]
  beforeAll(() => {
    factory = hsmFactory()
    spki = spkiOf(rsa(3072))
    hsm = fakeHsm(factory, spki)
    chains = readPem(googleFiles(hsm)['chains.pem']!.toString())!.map(({ der }) => certificatePem(der))
  })
  const whole = (change: JsonCase['change'] = {}): Buffer =>
    keyVersion(googleFiles(hsm)['attestation.dat']!, [], { ...change, chains: { caviumCerts: chains, googleCardCerts: [], googlePartitionCerts: [], ...change.chains } })
  const judge = (files: Record<string, Buffer>) => judgeEvidence(MAKER, files, { spki }, factory.anchors[MAKER], { at: BEFORE })

  it('ATT-2: are verified as the two files are, also with the statement as a file beside them', () => {
    expect(outcome(judge({ 'v.json': whole() }))).toEqual({ verified: true })
    expect(outcome(judge({ 'v.json': whole(), 'attestation.dat': googleFiles(hsm)['attestation.dat']! }))).toEqual({ verified: true })
    expect(outcome(judge({ 'v.json': whole({ attestation: { content: googleFiles(hsm)['attestation.dat']!.toString('base64url') } }) }))).toEqual({ verified: true })
    // As `gcloud kms keys versions get-certificate-chain` prints them, with the JSON for the statement alone.
    expect(outcome(judge({ 'v.json': whole({ attestation: { certChains: undefined } }), 'chains.pem': Buffer.from(chains.join('')) }))).toEqual({ verified: true })
  })

  it('ATT-2: are not confused with another statement, or taken past the limit of certificates', () => {
    const changed = Buffer.from(hsm.blob)
    changed[20]! ^= 1
    expect(outcome(judge({ 'v.json': whole(), 'other.dat': changed }))).toEqual({ malformed: { file: 'other.dat', reason: 'attestation-marvell.malformed.several-statements' } })
    const many = Array.from({ length: 17 }, () => chains[0]!)
    expect(outcome(judge({ 'v.json': whole({ chains: { caviumCerts: many } }) }))).toEqual({ malformed: { file: 'v.json', reason: 'attestation.malformed.too-many-certificates' } })
  })

  it.each([
    ['an array', '[{"format":"CAVIUM_V2_COMPRESSED"}]', 'attestation-marvell.malformed.kms-member'],
    ['an attestation that is a text', '{"attestation":"CAVIUM_V2_COMPRESSED"  , "x":"CAVIUM_V2"}', 'attestation-marvell.malformed.kms-member'],
    ['chains that are a list', '{"attestation":{"format":"CAVIUM_V2_COMPRESSED","content":"AAAA","certChains":[]}}', 'attestation-marvell.malformed.kms-member'],
    ['a member twice', '{"attestation":{"format":"CAVIUM_V2_COMPRESSED","format":"CAVIUM_V2_COMPRESSED"}}', 'attestation.malformed.json-twice'],
    ['a text cut short', '{"attestation":{"format":"CAVIUM_V2_COMPRESSED"', 'attestation.malformed.json'],
    ['content that is a zip of two files', `{"attestation":{"format":"CAVIUM_V2_COMPRESSED","content":"${Buffer.from('504b0506', 'hex').toString('base64')}"}}`, 'attestation.malformed.zip'],
  ])('ATT-2: %s is refused with the reason', (_, text, reason) => {
    expect(outcome(judge({ 'v.json': Buffer.from(text) }))).toEqual({ malformed: { file: 'v.json', reason } })
  })

  it('ATT-2: a small content that would unpack to much is refused', () => {
    const bomb = gzipSync(Buffer.alloc(1 << 20))
    expect(bomb.length).toBeLessThan(4096)
    expect(outcome(judge({ 'v.json': whole({ attestation: { content: bomb.toString('base64') } }) }))).toEqual({ malformed: { file: 'v.json', reason: 'attestation.malformed.unpacked-too-large' } })
  })

  it('ATT-2: 500 mutations crash nothing, and verify no other key', () => {
    const next = random(20261123)
    const text = whole()
    const tally = { verified: 0, refused: 0, malformed: 0 }
    for (let round = 0; round < 500; round++) {
      const { verdict, key } = reportToJson(judge({ 'v.json': mutate(text, next) }))
      tally[verdict.outcome]++
      if (verdict.outcome === 'verified') expect(key.attestedSpkiSha256).toBe(key.spkiSha256)
    }
    expect(tally.malformed).toBeGreaterThan(200)
  })
})
