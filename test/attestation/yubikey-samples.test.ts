import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { anchors } from '../../attestations/yubikey-piv/index.ts'
import { requestKey } from '../../src/attestation/evidence.ts'
import type { Question } from '../../src/attestation/verifier.ts'
import { isVerifiedKey, verifyAttestation, type AttestationReport } from '../../src/attestation/verify-attestation.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { shippedPolicy, withAttestation, withMakers, withSampleKeys } from '../support/attestation-policy.ts'
import { attestationFact, haveSamples, NO_SAMPLES, sample, samplePath } from '../support/attestation-samples.ts'
import { unworded } from '../support/attestation-words.ts'
import { requestFor } from '../support/fake-yubikey.ts'
import { SAMPLES, type SampleCase } from './yubikey-expected.ts'

const NOW = new Date('2026-11-21T00:00:00Z')
const BEFORE = new Date('2026-09-21T12:00:00Z')

const pemToDer = (bytes: Buffer): Buffer => Buffer.from(/-----BEGIN [^-]+-----([^-]+)-----END/.exec(bytes.toString('latin1'))![1]!, 'base64')
const keyOf = (path: string): Buffer => new X509Certificate(sample(`yubico-piv/${path}`)).publicKey.export({ type: 'spki', format: 'der' })

function judge(row: SampleCase, at: Date, policy: Policy, files = row.files.map((name) => ({ name, bytes: sample(`yubico-piv/${name}`) }))): AttestationReport {
  const certificateRequestDer = row.request ? pemToDer(sample(`yubico-piv/${row.request}`)) : requestFor(keyOf(row.requestKeyOf!))
  const report = verifyAttestation({ files, certificateRequestDer, publicKeySpki: requestKey(certificateRequestDer), at, policy, demoHierarchy: false })
  expect(unworded(report)).toEqual([])
  return report
}

function outcome({ verdict, findings }: AttestationReport): SampleCase['expected'] {
  if ('verified' in verdict) return { verified: isVerifiedKey(verdict.verified) as true }
  if ('malformed' in verdict) return { malformed: { file: verdict.malformed.file, reason: verdict.malformed.reason.key.replace('attestation.', '') } }
  return { refused: Object.fromEntries(verdict.refused.map((question: Question) => [question, findings![question].observed.key.replace('attestation.', '')])) }
}

const last = (key: string | undefined): string | undefined => key?.split('.').at(-1)

describe.skipIf(!haveSamples())(`published YubiKey samples${haveSamples() ? '' : ` (${NO_SAMPLES})`}`, () => {
  it.each(SAMPLES)('ATT-2: $title', (row) => {
    const report = judge(row, NOW, withSampleKeys())
    expect(outcome(report)).toEqual(row.expected)
    if (row.facts) {
      const { device, key } = report
      expect({
        firmware: device?.firmware,
        serial: device?.serial,
        formFactor: last(device?.formFactor?.key),
        slot: device?.details[0]?.value.values?.['slot'],
        pinPolicy: last(device?.details[1]?.value.key),
        touchPolicy: last(device?.details[2]?.value.key),
        spkiSha256: key.attestedSpkiSha256,
        keyType: row.facts.keyType,
      }).toEqual(row.facts)
    }
  })

  it.each(SAMPLES)('ATT-8: on the last day before FIPS 140-2 went Historical: $title', (row) => {
    expect(outcome(judge(row, BEFORE, withSampleKeys()))).toEqual(row.expectedBefore)
  })

  it.each(SAMPLES)('KEY-1 ATT-2: the shipped key sizes let no sample pass, on any day: $title', (row) => {
    for (const at of [BEFORE, NOW]) expect('verified' in judge(row, at, shippedPolicy).verdict).toBe(false)
  })

  const fips = SAMPLES.filter((row) => 'verified' in row.expectedBefore)

  it('ATT-8: a policy that accepts Historical certificates to a later date takes them until then', () => {
    expect(fips.length).toBeGreaterThanOrEqual(4)
    const policy = withAttestation(withSampleKeys(), { historicalCertificates: [{ scheme: 'FIPS 140-2', acceptedUntil: '2027-03-31T23:59:59Z', why: 'test' }] })
    for (const row of fips) {
      const report = judge(row, NOW, policy)
      expect(outcome(report)).toEqual({ verified: true })
      expect(report.findings!['certified-module'].observed.key).toBe('attestation.certificate.historical-accepted')
      expect(outcome(judge(row, new Date('2027-04-01T00:00:00Z'), policy))).toEqual({ refused: { 'certified-module': 'certificate.historical' } })
    }
  })

  it('ATT-8: a policy without the switch refuses them from the first Historical day on', () => {
    const policy = withAttestation(withSampleKeys(), { historicalCertificates: [] })
    for (const row of fips) {
      expect(outcome(judge(row, new Date('2026-09-21T23:59:59Z'), policy))).toEqual({ verified: true })
      expect(outcome(judge(row, new Date('2026-09-22T00:00:00Z'), policy))).toEqual({ refused: { 'certified-module': 'certificate.historical' } })
    }
  })

  it('ATT-2: takes PEM or DER, one file or two, in any order, with text around the blocks and a byte order mark', () => {
    const row = fips[0]!
    const [leaf, device] = row.files.map((name) => sample(`yubico-piv/${name}`)) as [Buffer, Buffer]
    const forms = [
      [leaf, device],
      [device, leaf],
      [pemToDer(device), leaf],
      [pemToDer(leaf), pemToDer(device)],
      [Buffer.concat([device, Buffer.from('\n'), leaf])],
      [Buffer.concat([Buffer.from('\uFEFFsubject=/CN=YubiKey\r\n'), Buffer.from(leaf.toString().replaceAll('\n', '\r\n')), device])],
      [leaf, leaf, device],
    ]
    for (const form of forms) expect(outcome(judge(row, BEFORE, withSampleKeys(), form.map((bytes, index) => ({ name: `upload-${index}`, bytes }))))).toEqual({ verified: true })
  })

  it('ATT-2: takes a request with embedded statements as an uploaded file too, for the same key only', () => {
    const name = 'tamemycerts/yubikey_valid_5_4_3_Once_Cached_UsbAKeychain_9a_FIPS_RSA_2048_CSR.pem'
    const bytes = sample(`yubico-piv/${name}`)
    const spki = requestKey(pemToDer(bytes))
    const ask = (publicKeySpki: Buffer) =>
      verifyAttestation({ files: [{ name, bytes }], certificateRequestDer: requestFor(publicKeySpki), publicKeySpki, at: BEFORE, policy: withSampleKeys(), demoHierarchy: false })
    expect(outcome(ask(spki))).toEqual({ verified: true })
    expect(outcome(ask(keyOf('ipxe/attestation-9c.crt')))).toEqual({ refused: { 'same-key': 'same-key.differs' } })
  })

  it('ATT-2: what is read of each certificate is what openssl prints', () => {
    for (const row of SAMPLES.filter((candidate) => candidate.facts && candidate.files.length > 0)) {
      const report = judge(row, NOW, withSampleKeys())
      const leaf = row.files.find((name) => !/intermediate|F9/.test(name))!
      const text = execFileSync('openssl', ['asn1parse', '-in', samplePath(`yubico-piv/${leaf}`)], { encoding: 'utf8' })
      const value = (arc: string) => new RegExp(`41482\\.3\\.${arc}\\n.*\\[HEX DUMP\\]:([0-9A-F]+)`).exec(text)![1]!
      expect(report.device!.firmware).toBe([...Buffer.from(value('3'), 'hex')].join('.'))
      expect(report.device!.serial).toBe(String(parseInt(value('7').slice(4), 16)))
      const subject = execFileSync('openssl', ['x509', '-in', samplePath(`yubico-piv/${leaf}`), '-noout', '-subject', '-nameopt', 'RFC2253'], { encoding: 'utf8' })
      expect(subject.trim()).toBe(`subject=CN=YubiKey PIV Attestation ${report.device!.details[0]!.value.values!['slot']}`)
    }
  })

  it('ATT-2: every key held is a published fact, byte for byte, and the refused ones are all there', () => {
    const facts = (JSON.parse(attestationFact('anchors.json')) as { maker: string; role: string; subjectDer: string; spki: string; spkiSha256: string; certificateSha256: string; notBefore: string; notAfter: string }[]).filter(
      (fact) => fact.maker === 'yubikey-piv' && fact.role !== 'reference',
    )
    const tuple = (row: { role: string; spkiSha256: string; certificateSha256: string | null; notBefore: string; notAfter: string }, subject: Buffer, spki: Buffer) =>
      [row.role, subject.toString('hex'), spki.toString('hex'), row.spkiSha256, row.certificateSha256, row.notBefore, row.notAfter].join(' ')
    expect(anchors.rows.map((row) => tuple(row, row.subjectDer, row.spki)).sort()).toEqual(facts.map((fact) => tuple(fact, Buffer.from(fact.subjectDer, 'base64'), Buffer.from(fact.spki, 'base64'))).sort())
  })

  it('ATT-2: other makers\' evidence is not taken for a YubiKey\'s', () => {
    for (const name of ['yubihsm2/gillstrom/attestation.pem', 'luna/rsa-pkc.p7b', 'fortanix/key_attestation.json', 'marvell-google/smallstep/rsa.dat', 'nshield/key_simple_test1.att']) {
      const { verdict } = verifyAttestation({ files: [{ name, bytes: sample(name) }], certificateRequestDer: requestFor(keyOf('ipxe/attestation-9a.crt')), publicKeySpki: keyOf('ipxe/attestation-9a.crt'), at: NOW, policy: withSampleKeys(withMakers(shippedPolicy, 'yubikey-piv')), demoHierarchy: false })
      expect(verdict, name).toHaveProperty('malformed.file', name)
    }
  })
})
