import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { anchors } from '../../attestations/yubihsm2/index.ts'
import { withAttestation, withSampleKeys } from '../support/attestation-policy.ts'
import { attestationFact, haveSamples, NO_SAMPLES, sample, samplePath } from '../support/attestation-samples.ts'
import { judgeEvidence, outcome, untrusted, type Expected } from '../support/judge-evidence.ts'

const FOLDER = 'yubihsm2/gillstrom'
const pemToDer = (bytes: Buffer): Buffer => Buffer.from(/-----BEGIN [^-]+-----([^-]+)-----END/.exec(bytes.toString('latin1'))![1]!, 'base64')
const openssl = (...words: string[]) => execFileSync('openssl', words, { encoding: 'utf8' })

/**
 * What the one published sample must come to, worked out by hand from `openssl x509 -text`, `openssl asn1parse` and the catalogue:
 * RSA-4096 in object 0x0024 of a FIPS device 20783176 with firmware 2.2.0. Its certificate #3916 (FIPS 140-2) ended on 2026-05-02;
 * the shipped policy accepts Historical FIPS 140-2 certificates to 2026-09-21T23:59:59Z. The key's size is one that the shipped policy takes.
 */
const CASES: { title: string; files: string[]; at: string; expected: Expected }[] = [
  { title: 'today: firmware 2.2.0 is certified under FIPS 140-2 alone', files: ['attestation.pem', 'device.pem', 'subca.pem'], at: '2026-11-21T00:00:00Z', expected: { refused: { 'certified-module': 'certificate.historical' } } },
  { title: 'on the last day on which the policy takes Historical certificates', files: ['attestation.pem', 'device.pem', 'subca.pem'], at: '2026-09-21T23:59:59Z', expected: { verified: true } },
  { title: 'while its certificate was active', files: ['device.pem', 'attestation.pem'], at: '2026-05-02T23:59:59Z', expected: { verified: true } },
  { title: 'without the certificate of the device', files: ['attestation.pem', 'subca.pem'], at: '2026-05-02T00:00:00Z', expected: { malformed: { file: 'attestation.pem', reason: 'malformed.device-missing' } } },
  { title: 'without the attestation', files: ['device.pem', 'subca.pem'], at: '2026-05-02T00:00:00Z', expected: { malformed: { file: 'device.pem', reason: 'malformed.attestation-missing' } } },
]

describe.skipIf(!haveSamples())(`published YubiHSM 2 sample${haveSamples() ? '' : ` (${NO_SAMPLES})`}`, () => {
  const request = () => pemToDer(sample(`${FOLDER}/csr.pem`))
  const files = (names: string[]) => Object.fromEntries(names.map((name) => [name, sample(`${FOLDER}/${name}`)]))

  it.each(CASES)('ATT-2 ATT-8: $title', ({ files: names, at, expected }) => {
    expect(outcome(judgeEvidence('yubihsm2', files(names), { request: request() }, undefined, { at: new Date(at) }))).toEqual(expected)
  })

  it('ATT-8: with the switch off it is refused from the day after its certificate ended', () => {
    const policy = withAttestation(withSampleKeys(), { historicalCertificates: [] })
    const at = (date: string) => outcome(judgeEvidence('yubihsm2', files(['attestation.pem', 'device.pem']), { request: request() }, undefined, { at: new Date(date), policy }))
    expect(at('2026-05-02T23:59:59Z')).toEqual({ verified: true })
    expect(at('2026-05-03T00:00:00Z')).toEqual({ refused: { 'certified-module': 'certificate.historical' } })
  })

  it('ATT-2: the device, the object, its capabilities and the key are what openssl prints', () => {
    const report = judgeEvidence('yubihsm2', files(['attestation.pem', 'device.pem']), { request: request() })
    const leaf = samplePath(`${FOLDER}/attestation.pem`)
    const text = openssl('asn1parse', '-in', leaf)
    const value = (arc: string) => new RegExp(`41482\\.4\\.${arc}\\n.*\\[HEX DUMP\\]:([0-9A-F]+)`).exec(text)![1]!
    expect(report.device!.firmware).toBe([...Buffer.from(value('1').slice(4), 'hex')].join('.'))
    expect(report.device!.serial).toBe(String(parseInt(value('2').slice(4), 16)))
    expect(report.device!.model.key).toBe('attestation-yubihsm2.model.fips')
    const [object, capabilities, domains] = report.device!.details.map((row) => row.value.values!)
    expect(openssl('x509', '-in', leaf, '-noout', '-subject', '-nameopt', 'RFC2253').trim()).toBe(`subject=CN=YubiHSM Attestation id:${object!['id']}`)
    expect(object!['label']).toBe(Buffer.from(value('9').slice(4), 'hex').toString())
    expect(capabilities!['capabilities']).toBe(`0x${value('5').slice(6).toLowerCase()}`)
    expect(domains!['domains']).toBe('3, 4')
    expect(value('4')).toBe('030300000C')
    const spki = execFileSync('sh', ['-c', `openssl req -in '${samplePath(`${FOLDER}/csr.pem`)}' -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -r`], { encoding: 'utf8' })
    expect(spki.slice(0, 64)).toBe(report.key.attestedSpkiSha256)
    expect(report.key.type).toBe('RSA-4096')
    // openssl's own verification of the same three links, to the key that we hold.
    expect(openssl('verify', '-partial_chain', '-ignore_critical', '-trusted', samplePath(`${FOLDER}/subca.pem`), '-untrusted', samplePath(`${FOLDER}/device.pem`), leaf)).toMatch(/: OK\n$/)
    expect(openssl('x509', '-in', samplePath(`${FOLDER}/subca.pem`), '-noout', '-fingerprint', '-sha256').replaceAll(':', '').toLowerCase()).toContain(anchors.rows.find((row) => row.signsDevices && !row.off)!.certificateSha256)
  })

  it('ATT-2: staff hear that the key may sign attestations, and what is not documented', () => {
    const { findings } = judgeEvidence('yubihsm2', files(['attestation.pem', 'device.pem']), { request: request() }, undefined, { at: new Date('2026-05-01T00:00:00Z') })
    expect(findings!['not-exportable'].cautions.map((caution) => caution.key)).toEqual(['attestation-yubihsm2.export.signs-attestations'])
    expect(findings!['certified-module'].cautions.map((caution) => caution.key)).toEqual(['attestation-yubihsm2.fips.mode-not-stated', 'attestation.certificate.unconfirmed'])
    expect(findings!['genuine-device'].cautions.map((caution) => caution.key)).toEqual(['attestation.anchor.one-source'])
  })

  it('ATT-2: one octet changed in a signed certificate breaks it', () => {
    for (const name of ['attestation.pem', 'device.pem']) {
      const der = pemToDer(sample(`${FOLDER}/${name}`))
      der[der.length - 1]! ^= 1
      const reason = name === 'attestation.pem' ? 'leaf-signature.bad' : 'device-signature.bad'
      expect(outcome(judgeEvidence('yubihsm2', { ...files(['attestation.pem', 'device.pem']), [name]: der }, { request: request() }))).toEqual(untrusted(reason))
    }
  })

  it('ATT-2: every key held is a published fact, byte for byte; the one seen at its maker only is off', () => {
    const facts = JSON.parse(attestationFact('anchors.json')) as { maker: string; role: string; spki: string; subjectDer: string; spkiSha256: string; certificateSha256: string; notBefore: string; notAfter: string; independentSources: number }[]
    for (const row of anchors.rows) {
      const fact = facts.find((candidate) => candidate.certificateSha256 === row.certificateSha256)!
      expect([row.role, row.spki.toString('base64'), row.subjectDer.toString('base64'), row.spkiSha256, row.notBefore, row.notAfter, row.independentSources]).toEqual([fact.role, fact.spki, fact.subjectDer, fact.spkiSha256, fact.notBefore, fact.notAfter, fact.independentSources])
      expect(row.off !== undefined, row.subject).toBe(row.independentSources === 0)
    }
    const named = facts.filter((fact) => fact.maker === 'yubihsm2').map((fact) => fact.certificateSha256)
    expect(anchors.rows.map((row) => row.certificateSha256)).toEqual(expect.arrayContaining(named))
    expect(anchors.rows.filter((row) => row.signsDevices).map((row) => row.subject)).toEqual(['CN=Yubico YubiHSM 6742036 Sub-CA', 'CN=YubiHSM Attestation B2 1'])
  })
})
