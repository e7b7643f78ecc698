import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { toPem } from '../../attestations/demo/certificate.ts'
import { anchors as shipped } from '../../attestations/entrust-nshield/index.ts'
import { spkiOf, type NCoreKey } from '../../attestations/entrust-nshield/ncore.ts'
import { readWarrant } from '../../attestations/entrust-nshield/warrant.ts'
import { integer, sequence } from '../../src/pki/der.ts'
import { withSampleKeys } from '../support/attestation-policy.ts'
import { haveSamples, NO_SAMPLES, sample } from '../support/attestation-samples.ts'
import { fakeBundle, fakeEntrust, ncoreKey, type FakeEntrust } from '../support/fake-nshield.ts'
import { rsa } from '../support/fake-yubikey.ts'
import { NOW } from '../support/judge-evidence.ts'
import { judgeOf, outcome, untrusted, wellFounded, type Outcome } from '../support/judge-maker.ts'
import { mutate, random } from '../support/mutate.ts'

const MAKER = 'entrust-nshield'
const BEFORE = new Date('2026-09-21T12:00:00Z')
const on = { ...shipped, rows: shipped.rows.map(({ off: _, ...row }) => row) }
const policy = () => withSampleKeys()
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

/**
 * Entrust's two examples, worked out by hand from the published layout before the verifier was written. Both modules' warrants
 * say FIPS 140-2 level 3, Historical since 2026-09-22; both worlds are plain, so no day makes the module count as certified.
 */
const SAMPLES: { file: string; title: string; type: string; spkiSha256: string; spkiHead: string; protection: string; expected: Outcome; expectedBefore: Outcome }[] = [
  {
    file: 'nshield/key_pkcs11_test2.att',
    title: 'P-256 under a softcard, recovery disabled',
    type: 'P-256',
    spkiSha256: '9d6ff5b89aeaa83473e6fd6b26d863fef15343915432b79b213456bea78018a5',
    spkiHead: '3059301306072a8648ce3d020106082a8648ce3d030107034200',
    protection: 'softcard',
    expected: { 'certified-module': 'certificate.historical' },
    expectedBefore: { 'certified-module': 'attestation-nshield.world.not-fips' },
  },
  {
    file: 'nshield/key_simple_test1.att',
    title: 'RSA-2048 that the Administrator Card Set recovers',
    type: 'RSA-2048',
    spkiSha256: '2b4a952255d651822b0cc10bc9719e8eb1b1a7188a24b365c324717760a230fe',
    spkiHead: '30820122300d06092a864886f70d01010105000382010f00',
    protection: 'module',
    expected: { 'not-exportable': 'attestation-nshield.acl.recoverable', 'certified-module': 'certificate.historical' },
    expectedBefore: { 'not-exportable': 'attestation-nshield.acl.recoverable', 'certified-module': 'attestation-nshield.world.not-fips' },
  },
]

const members = (file: string) => JSON.parse(sample(file).toString()) as Record<string, string>
/** Little-endian numbers of pubkeydata, by hand. */
function spkiByHand(file: string, head: string): Buffer {
  const data = Buffer.from(members(file)['pubkeydata']!, 'base64url')
  const le = (start: number, length: number) => Buffer.from(data.subarray(start, start + length)).reverse()
  return data[0] === 46 ? Buffer.concat([Buffer.from(`${head}04`, 'hex'), le(16, 32), le(52, 32)]) : Buffer.concat([Buffer.from(head, 'hex'), sequence(integer(le(16, 256)), integer(le(8, 4)))])
}

describe.skipIf(!haveSamples())(`published nShield samples${haveSamples() ? '' : ` (${NO_SAMPLES})`}`, () => {
  it.each(SAMPLES)('ATT-2: $title', (row) => {
    const spki = spkiByHand(row.file, row.spkiHead)
    expect(sha256(spki)).toBe(row.spkiSha256)
    const files = { 'key.att': sample(row.file) }
    const judge = judgeOf(MAKER, () => spki, () => on)
    const report = judge(files, { policy: policy() })
    expect(outcome(report)).toEqual(row.expected)
    expect(report.key).toMatchObject({ type: row.type, attestedSpkiSha256: row.spkiSha256 })
    expect(report.device).toMatchObject({ serial: '8938-1075-88BB' })
    expect(Object.fromEntries(report.device!.details.map(({ label, value }) => [label.key.split('.').at(-1), value.values?.['text'] ?? value.key.split('.').at(-1)]))).toMatchObject({
      'physical-serial': '36-J31028',
      world: 'not-fips',
      suite: 'DLf3072s256mAEScSP800131Ar1',
      protection: row.protection,
      warrant: 'FieldUpgradeModuleInformation',
    })
    wellFounded(report)
    expect(outcome(judge(files, { policy: policy(), at: BEFORE }))).toEqual(row.expectedBefore)
  })

  it.each(SAMPLES)('ATT-2: under the anchors that ship nothing is relied on: $title', ({ file, spkiHead, expected }) => {
    const spki = spkiByHand(file, spkiHead)
    const report = judgeOf(MAKER, () => spki)({ 'key.att': sample(file) }, { policy: policy() })
    expect(outcome(report)).toEqual({ ...(expected as object), ...(untrusted('anchor.off-single-source') as object) })
    expect(report.findings!['genuine-device'].checks.filter((check) => check.outcome === 'fail')).toHaveLength(1)
  })

  it('ATT-2: each example is refused for the other one\'s key', () => {
    const [one, other] = SAMPLES.map(({ file, spkiHead }) => ({ bytes: sample(file), spki: spkiByHand(file, spkiHead) })) as [{ bytes: Buffer; spki: Buffer }, { bytes: Buffer; spki: Buffer }]
    expect(outcome(judgeOf(MAKER, () => other.spki, () => on)({ 'key.att': one.bytes }, { policy: policy() }))).toMatchObject({ 'same-key': 'same-key.differs' })
    const swapped = { ...members(SAMPLES[0]!.file), pubkeydata: members(SAMPLES[1]!.file)['pubkeydata'] }
    expect(outcome(judgeOf(MAKER, () => other.spki, () => on)({ 'key.att': Buffer.from(JSON.stringify(swapped)) }, { policy: policy() }))).toMatchObject({ 'generated-inside': 'attestation-nshield.generation.other-key' })
  })

  it('ATT-2: openssl verifies the warrant under the key that is held', () => {
    const folder = mkdtempSync(join(tmpdir(), 'warrant-'))
    try {
      const { certificates } = readWarrant(Buffer.from(members(SAMPLES[0]!.file)['warrant']!, 'base64url'), 'key.att')
      let key: Buffer = shipped.rows[0]!.spki
      for (const { payload, signature, key: next } of certificates) {
        writeFileSync(join(folder, 'key.pem'), toPem('PUBLIC KEY', key))
        writeFileSync(join(folder, 'sig'), sequence(integer(signature.subarray(0, 66)), integer(signature.subarray(66))))
        writeFileSync(join(folder, 'payload'), payload)
        expect(execFileSync('openssl', ['dgst', '-sha512', '-verify', 'key.pem', '-signature', 'sig', 'payload'], { cwd: folder, encoding: 'utf8' }).trim()).toBe('Verified OK')
        key = spkiOf(next)
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('mutated bundles', () => {
  let entrust: FakeEntrust
  let key: NCoreKey
  beforeAll(() => {
    entrust = fakeEntrust()
    key = ncoreKey(rsa(3072).publicKey)
  })

  const run = (bytes: Buffer, spki: Buffer, anchors: () => typeof shipped, next: () => number, rounds: number) => {
    const judge = judgeOf(MAKER, () => spki, anchors)
    const fields = Object.entries(JSON.parse(bytes.toString()) as Record<string, string>)
    const tally = { verified: 0, refused: 0, malformed: 0 }
    for (let round = 0; round < rounds; round++) {
      // Half of the changes go into the octets of one field, where the text around them would stop most.
      const [name, value] = fields[Math.floor(next() * fields.length)]!
      const changed = round % 2 === 0 ? mutate(bytes, next) : Buffer.from(JSON.stringify({ ...Object.fromEntries(fields), [name]: mutate(Buffer.from(value, 'base64url'), next).toString('base64url') }))
      const report = judge({ 'key.att': changed }, { policy: policy(), at: NOW })
      const kind = 'verified' in report.verdict ? 'verified' : 'refused' in report.verdict ? 'refused' : 'malformed'
      tally[kind]++
      if (kind === 'verified') expect(report.key.attestedSpkiSha256).toBe(sha256(spki))
    }
    return tally
  }

  it('ATT-2: 500 mutations of a good bundle crash nothing and verify no other key', () => {
    const tally = run(fakeBundle(entrust, key), spkiOf(key), () => entrust.anchors, random(20261121), 500)
    expect(tally.refused).toBeGreaterThan(50)
    expect(tally.malformed).toBeGreaterThan(50)
    // What is left are changes to labels, white space and recovery members that nobody signed, and changes that change nothing.
    expect(tally.verified).toBeLessThan(50)
  })

  it.skipIf(!haveSamples()).each(SAMPLES)('ATT-2: 500 mutations of a published bundle crash nothing and verify nothing: $title', ({ file, spkiHead }) => {
    expect(run(sample(file), spkiByHand(file, spkiHead), () => on, random(7), 500).verified).toBe(0)
  })
})
