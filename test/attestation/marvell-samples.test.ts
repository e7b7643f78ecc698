import { execFileSync } from 'node:child_process'
import { createHash, createPublicKey } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { anchors as azureAnchors } from '../../attestations/azure-managed-hsm/index.ts'
import { anchors as googleAnchors, googleCloudHsm } from '../../attestations/google-cloud-hsm/index.ts'
import { readBlob } from '../../attestations/marvell/blob.ts'
import { attestedKey } from '../../attestations/marvell/key.ts'
import { readEvidence } from '../../src/attestation/evidence.ts'
import type { Question } from '../../src/attestation/verifier.ts'
import { isVerifiedKey, verifyAttestation, type AttestationReport } from '../../src/attestation/verify-attestation.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { certificatePem, readPem } from '../../src/pki/pem.ts'
import { shippedPolicy, withAttestation, withMakers, withSampleKeys } from '../support/attestation-policy.ts'
import { attestationFact, haveSamples, NO_SAMPLES, sample, samplePath } from '../support/attestation-samples.ts'
import { unworded } from '../support/attestation-words.ts'
import { requestFor } from '../support/fake-yubikey.ts'
import { KEY_DIGESTS, SAMPLES, type MarvellCase } from './marvell-expected.ts'

const NOW = new Date('2026-11-21T00:00:00Z')
const BEFORE = new Date('2026-09-21T12:00:00Z')
const listed = (policy: Policy): Policy => withAttestation(policy, { makers: ['google-cloud-hsm'] })
const policy = listed(withSampleKeys())

const bytesOf = (path: string): Buffer => sample(`marvell-google/${path}`)
const certificates = (): Buffer[] => readPem(bytesOf('smallstep/rsa.certs.pem').toString())!.map(({ der }) => der)

function fileOf(form: string): { name: string; bytes: Buffer } {
  const [name, change = ''] = form.split(/(?=[#!])/) as [string, string?]
  if (change === '!gunzip') return { name, bytes: gunzipSync(bytesOf(name)) }
  if (change.startsWith('#')) return { name, bytes: Buffer.from(change.slice(1).split(',').map((index) => certificatePem(certificates()[Number(index)]!)).join('')) }
  return { name, bytes: bytesOf(name) }
}
const keyOf = (path: MarvellCase['requestKey']): Buffer =>
  path.endsWith('.pem') ? createPublicKey(bytesOf(path)).export({ type: 'spki', format: 'der' }) : attestedKey([readBlob(gunzipSync(bytesOf(path)), path)]).spki

function judge(row: MarvellCase, at: Date, rules: Policy): AttestationReport {
  const publicKeySpki = keyOf(row.requestKey)
  const report = verifyAttestation({ files: row.files.map(fileOf), certificateRequestDer: requestFor(publicKeySpki), publicKeySpki, at, policy: rules, demoHierarchy: false })
  expect(unworded(report)).toEqual([])
  return report
}

function outcome({ verdict, findings }: AttestationReport): MarvellCase['expected'] {
  if ('verified' in verdict) return { verified: isVerifiedKey(verdict.verified) as true }
  if ('malformed' in verdict) return { malformed: { file: verdict.malformed.file, reason: verdict.malformed.reason.key } }
  return { refused: Object.fromEntries(verdict.refused.map((question: Question) => [question, findings![question].observed.key])) }
}

describe.skipIf(!haveSamples())(`published Google Cloud HSM samples${haveSamples() ? '' : ` (${NO_SAMPLES})`}`, () => {
  it.each(SAMPLES)('ATT-2: $title', (row) => {
    const report = judge(row, NOW, policy)
    expect(outcome(report)).toEqual(row.expected)
    expect(report.maker).toMatchObject({ id: 'google-cloud-hsm', demo: false })
    if (row.facts) {
      const { device, key } = report
      expect({ serial: device?.serial, partition: device?.details[0]?.value.values?.['text'], spkiSha256: key.attestedSpkiSha256 }).toEqual(row.facts)
    }
  })

  it.each(SAMPLES)('ATT-8: on the last day before FIPS 140-2 went Historical: $title', (row) => {
    expect(outcome(judge(row, BEFORE, policy))).toEqual(row.expectedBefore)
  })

  it.each(SAMPLES)('KEY-1 ATT-2: under the shipped key sizes, or without this maker in the policy, no sample passes: $title', (row) => {
    for (const at of [BEFORE, NOW]) {
      expect('verified' in judge(row, at, listed(shippedPolicy)).verdict).toBe(false)
      expect('malformed' in judge(row, at, withSampleKeys(withMakers(shippedPolicy))).verdict).toBe(true)
    }
  })

  it('ATT-2: an imported key fails by each attribute that says so', () => {
    const row = SAMPLES.find(({ title }) => title.includes('certificates of another HSM'))!
    const { findings } = judge(row, NOW, policy)
    const failed = (question: Question) => findings![question].checks.filter((check) => check.outcome === 'fail').map((check) => check.observed.key)
    expect(failed('generated-inside')).toEqual(['attestation.claim.untrusted', 'attestation-marvell.attribute.local.no'])
    expect(failed('not-exportable')).toEqual(['attestation.claim.untrusted', 'attestation-marvell.attribute.never-extractable.no', 'attestation-marvell.attribute.always-sensitive.no'])
    expect(findings!['same-key'].outcome).toBe('pass')
  })

  it('ATT-2: the digest that the HSM made of each key is that of the key that we read', () => {
    for (const [path, digest] of Object.entries(KEY_DIGESTS)) expect(createHash('sha256').update(keyOf(path as MarvellCase['requestKey'])).digest('hex')).toBe(digest)
  })

  it('ATT-2: a real statement of which any octet is changed does not verify', () => {
    const row = SAMPLES[0]!
    const plain = gunzipSync(bytesOf('smallstep/rsa.dat'))
    const publicKeySpki = keyOf(row.requestKey)
    for (let at = 0; at < plain.length; at += 37) {
      const bytes = Buffer.from(plain)
      bytes[at]! ^= 1
      const { verdict } = verifyAttestation({ files: [{ name: 'x', bytes }, fileOf(row.files[1]!)], certificateRequestDer: requestFor(publicKeySpki), publicKeySpki, at: BEFORE, policy, demoHierarchy: false })
      expect('verified' in verdict, `octet ${at}`).toBe(false)
    }
  })
})

describe.skipIf(!haveSamples())(`the facts that openssl prints${haveSamples() ? '' : ` (${NO_SAMPLES})`}`, () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'marvell-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))
  const put = (name: string, bytes: Buffer | string): string => {
    writeFileSync(join(folder, name), bytes)
    return join(folder, name)
  }
  const openssl = (...args: string[]): string => execFileSync('openssl', args, { encoding: 'utf8' })
  const pems = () => certificates().map((der, index) => put(`${index}.pem`, certificatePem(der)))

  it('ATT-2: names and dates of card and partition', () => {
    const files = pems()
    const { partition, ownerPartition, cards } = googleCloudHsm.parse(readEvidence(SAMPLES[0]!.files.map(fileOf), requestFor(keyOf('smallstep/rsa.dat')))).certificates
    const shown = (file: string) => openssl('x509', '-in', file, '-noout', '-subject', '-startdate', '-enddate', '-nameopt', 'multiline', '-dateopt', 'iso_8601')
    const pairs = [
      [cards[0]!, files[1]!],
      [partition!, files[2]!],
      [cards[1]!, files[4]!],
      [ownerPartition!, files[5]!],
    ] as const
    for (const [read, file] of pairs) {
      const text = shown(file)
      expect(text).toContain(`commonName                = HSM:${read.hsm.card}${read.hsm.partition ? `:PARTN:${read.hsm.partition}` : ''}${read.hsm.fipsMode ? ', for FIPS mode' : ''}\n`)
      expect(new Date(/notBefore=(.*)/.exec(text)![1]!.replace(' ', 'T'))).toEqual(read.notBefore)
      expect(new Date(/notAfter=(.*)/.exec(text)![1]!.replace(' ', 'T'))).toEqual(read.notAfter)
    }
  })

  it('ATT-2: each signature, under the keys that we hold', () => {
    const files = pems()
    const spki = (name: string) => put(`${name}.pub`, `-----BEGIN PUBLIC KEY-----\n${googleAnchors.rows.find(({ subject }) => subject.includes(name))!.spki.toString('base64')}\n-----END PUBLIC KEY-----\n`)
    const publicKey = (index: number) => put(`${index}.pub`, openssl('x509', '-in', files[index]!, '-noout', '-pubkey'))
    // The signed part and the signature, cut out by openssl itself.
    const signedBy = (index: number, key: string) => {
      const der = put(`${index}.der`, certificates()[index]!)
      openssl('asn1parse', '-inform', 'DER', '-in', der, '-strparse', '4', '-noout', '-out', join(folder, 'tbs'))
      const at = openssl('asn1parse', '-inform', 'DER', '-in', der).trim().split('\n').at(-1)!.trim().split(':')[0]!
      openssl('asn1parse', '-inform', 'DER', '-in', der, '-strparse', at, '-noout', '-out', join(folder, 'signature'))
      return openssl('dgst', '-sha256', '-verify', key, '-signature', join(folder, 'signature'), join(folder, 'tbs')).trim()
    }
    expect(signedBy(1, spki('localca'))).toBe('Verified OK')
    expect(signedBy(2, publicKey(1))).toBe('Verified OK')
    expect(signedBy(4, spki('Hawksbill'))).toBe('Verified OK')
    expect(signedBy(5, spki('Hawksbill'))).toBe('Verified OK')
    expect(openssl('x509', '-in', files[5]!, '-noout', '-pubkey')).toBe(openssl('x509', '-in', files[2]!, '-noout', '-pubkey'))
    const blob = readBlob(gunzipSync(bytesOf('smallstep/rsa.dat')), 'rsa.dat')
    expect(openssl('dgst', '-sha256', '-verify', publicKey(2), '-signature', put('blob.signature', blob.signature), put('blob.signed', blob.signed)).trim()).toBe('Verified OK')
    // The expired root of 2015 in the bundle has the key of the root of 2024 that we hold.
    expect(createPublicKey(openssl('x509', '-in', files[0]!, '-noout', '-pubkey')).export({ type: 'spki', format: 'der' })).toEqual(googleAnchors.rows[0]!.spki)
    expect(openssl('x509', '-in', samplePath('marvell-google/smallstep/rsa.certs.pem'), '-noout', '-enddate', '-dateopt', 'iso_8601').trim()).toBe('notAfter=2025-11-16 13:55:25Z')
  })

  it('ATT-2: every key held is a published fact, byte for byte; the one of a single origin is off', () => {
    const facts = (JSON.parse(attestationFact('anchors.json')) as { maker: string; role: string; subjectDer: string; spki: string; certificateSha256: string; notBefore: string; notAfter: string }[]).filter((fact) => fact.maker === 'marvell' && fact.role !== 'reference')
    const tuples = (rows: readonly { role: string; certificateSha256: string | null; notBefore: string; notAfter: string; subjectDer: Buffer | string; spki: Buffer | string }[]) =>
      rows.map((row) => [row.role, Buffer.isBuffer(row.subjectDer) ? row.subjectDer.toString('base64') : row.subjectDer, Buffer.isBuffer(row.spki) ? row.spki.toString('base64') : row.spki, row.certificateSha256, row.notBefore, row.notAfter].join(' ')).sort()
    expect(tuples(googleAnchors.rows)).toEqual(tuples(facts))
    expect(tuples(azureAnchors.rows)).toEqual(tuples(facts.filter((fact) => !Buffer.from(fact.subjectDer, 'base64').includes('Hawksbill'))))
    for (const { rows } of [googleAnchors, azureAnchors]) for (const row of rows) expect(row.off !== undefined, row.subject).toBe(row.independentSources < 2)
  })
})
