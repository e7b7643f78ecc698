import { createHash } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import { attestDemoKey, makeDemoMaker, type DemoMaker } from '../../attestations/demo/make.ts'
import { isVerifiedKey, reportToJson, verifyAttestation, type AttestationInput } from '../../src/attestation/verify-attestation.ts'
import { shippedPolicy, withAttestation } from '../support/attestation-policy.ts'
import { translate } from '../../src/web/locales.ts'
import { requestFor, rsa, spkiOf, type KeyPair } from '../support/fake-yubikey.ts'

const NOW = new Date('2026-11-21T10:00:00Z')
let maker: DemoMaker
let key: KeyPair
let spki: Buffer
let files: AttestationInput['files']

beforeAll(() => {
  maker = makeDemoMaker(NOW)
  key = rsa(3072)
  spki = spkiOf(key)
  const { attestationPem, intermediatePem } = attestDemoKey(maker, spki, NOW)
  files = [
    { name: 'intermediate.pem', bytes: Buffer.from(intermediatePem) },
    { name: 'attestation.pem', bytes: Buffer.from(attestationPem) },
  ]
})

const judge = (more: Partial<AttestationInput>) =>
  verifyAttestation({ files, certificateRequestDer: requestFor(spki), publicKeySpki: spki, at: NOW, policy: shippedPolicy, demoHierarchy: true, demoAnchors: [maker.anchor], ...more })

describe('the demo maker', () => {
  it('ATT-2: its evidence is accepted under a demo hierarchy, and says that it proves nothing', () => {
    const report = judge({})
    if (!('verified' in report.verdict)) throw new Error(JSON.stringify(reportToJson(report).verdict))
    expect(isVerifiedKey(report.verdict.verified)).toBe(true)
    expect(report.verdict.verified).toMatchObject({ maker: 'demo', demo: true, spkiSha256: createHash('sha256').update(spki).digest('hex') })
    expect(report.maker).toMatchObject({ id: 'demo', demo: true })
    expect(report.device?.model.key).toBe('attestation.demo.model')
    for (const finding of Object.values(report.findings!)) expect(finding.cautions).toEqual([{ key: 'attestation.demo.caution' }])
  })

  it('ATT-9: no finding of it names the maker whose shape it has', () => {
    const findings = Object.values(judge({}).findings!)
    const shown = findings.flatMap((finding) => [finding.observed, finding.expected]).filter(({ key }) => /yubi/i.test(translate('en', key)))
    expect(shown).toEqual([])
    expect(findings.flatMap((finding) => [finding, ...finding.checks]).filter(({ source }) => /yubico/.test(source))).toEqual([])
  })

  it('ATT-2: RSA-4096 is attested too, RSA-2048 is not', () => {
    for (const [bits, outcome] of [[4096, 'verified'], [2048, 'refused']] as const) {
      const other = spkiOf(rsa(bits))
      const { attestationPem, intermediatePem } = attestDemoKey(maker, other, NOW)
      const { verdict } = judge({ files: [attestationPem, intermediatePem].map((text, index) => ({ name: String(index), bytes: Buffer.from(text) })), certificateRequestDer: requestFor(other), publicKeySpki: other })
      expect(verdict).toHaveProperty(outcome)
    }
  })

  it('ATT-2: its evidence is refused under any other hierarchy, whatever anchors or policy are given', () => {
    for (const policy of [shippedPolicy, withAttestation(shippedPolicy, { makers: ['demo', 'yubikey-piv'] })]) {
      const report = judge({ demoHierarchy: false, policy })
      expect(report.verdict).toEqual({ refused: ['genuine-device', 'generated-inside', 'not-exportable', 'certified-module'] })
      expect(report.findings!['genuine-device'].observed.key).toBe('attestation.yubikey-piv.pinned.unknown')
      expect(report.maker).toMatchObject({ id: 'yubikey-piv', demo: false })
    }
    expect(judge({ demoHierarchy: false, policy: withAttestation(shippedPolicy, { makers: ['demo'] }) }).verdict).toHaveProperty('malformed')
  })

  it('ATT-2: another installation\'s demo maker is not trusted', () => {
    const { verdict, findings } = judge({ demoAnchors: [makeDemoMaker(NOW).anchor] })
    expect(verdict).toHaveProperty('refused')
    expect(findings!['genuine-device'].observed.key).toBe('attestation.yubikey-piv.pinned.unknown')
    expect(judge({ demoAnchors: [] }).verdict).toHaveProperty('refused')
    const sameName = { ...makeDemoMaker(NOW).anchor, subject: maker.anchor.subject, subjectDer: maker.anchor.subjectDer }
    expect(judge({ demoAnchors: [sameName] }).findings!['genuine-device'].observed.key).toBe('attestation.yubikey-piv.device-signature.bad')
  })

  it('ATT-2: its evidence for another key is refused', () => {
    const other = spkiOf(rsa(3072))
    expect(judge({ certificateRequestDer: requestFor(other), publicKeySpki: other }).verdict).toEqual({ refused: ['same-key'] })
  })

  it('ATT-2: it is made anew each time, valid from the day before', () => {
    const [one, other] = [makeDemoMaker(NOW), makeDemoMaker(NOW)]
    expect(one.anchor.spki).not.toBe(other.anchor.spki)
    expect(one.anchor.subject).not.toBe(other.anchor.subject)
    expect(one.anchor.subject).toMatch(/^CN=DEMO /)
    expect(one.anchor.notBefore).toBe('2026-11-20')
    expect(() => attestDemoKey({ privateKeyPem: one.privateKeyPem, certificatePem: other.certificatePem }, spki, NOW)).toThrow(RangeError)
  })
})
