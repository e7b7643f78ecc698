import { createHash } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import { toPem } from '../../attestations/demo/certificate.ts'
import { reportToJson, verifyAttestation } from '../../src/attestation/verify-attestation.ts'
import { shippedPolicy } from '../support/attestation-policy.ts'
import { mutate, random } from '../support/mutate.ts'
import { ARC, fakeFactory, fakeYubikey, requestFor, rsa, spkiOf, type FakeFactory } from '../support/fake-yubikey.ts'

const NOW = new Date('2026-11-21T00:00:00Z')
let factory: FakeFactory
let spki: Buffer

beforeAll(() => {
  factory = fakeFactory()
  spki = spkiOf(rsa(3072))
})

describe('mutated evidence', () => {
  it('ATT-2: 500 mutations of files and requests crash nothing and verify no other key', () => {
    const next = random(20261121)
    const { leaf, device } = fakeYubikey(factory, spki)
    const plain = requestFor(spki)
    const embedded = requestFor(spki, [{ oid: `${ARC}1`, value: leaf }, { oid: `${ARC}2`, value: device }])
    const pem = (der: Buffer) => Buffer.from(toPem('CERTIFICATE', der))
    const key = createHash('sha256').update(spki).digest('hex')
    const tally = { verified: 0, refused: 0, malformed: 0 }
    for (let round = 0; round < 500; round++) {
      const form = round % 5
      const files = form < 4 ? [form < 2 ? leaf : pem(leaf), form < 2 ? device : pem(device)].map((bytes, index) => ({ name: `${index}`, bytes: index === form % 2 ? mutate(bytes, next) : bytes })) : []
      const certificateRequestDer = form < 4 ? plain : mutate(embedded, next)
      const report = verifyAttestation({ files, certificateRequestDer, publicKeySpki: spki, at: NOW, policy: shippedPolicy, demoHierarchy: false }, { 'yubikey-piv': factory.anchors })
      const { verdict } = reportToJson(report)
      tally[verdict.outcome]++
      if (verdict.outcome === 'verified') {
        expect(verdict.spkiSha256).toBe(key)
        expect(report.key.attestedSpkiSha256).toBe(key)
        // Only changes that change nothing may pass in DER; in PEM and in a request there are octets that nobody signs here.
        if (form < 2) expect(files[form]!.bytes.equals([leaf, device][form]!)).toBe(true)
      }
      if (verdict.outcome === 'refused') expect(verdict.questions.length).toBeGreaterThan(0)
    }
    expect(tally.refused).toBeGreaterThan(50)
    expect(tally.malformed).toBeGreaterThan(50)
  })

  it('ATT-2: 500 runs of random octets are never more than malformed', () => {
    const next = random(7)
    for (let round = 0; round < 500; round++) {
      const bytes = Buffer.from(Array.from({ length: 1 + Math.floor(next() * 300) }, () => Math.floor(next() * 256)))
      if (round % 2 === 0) bytes[0] = 0x30
      const { verdict } = verifyAttestation({ files: [{ name: 'x', bytes }], certificateRequestDer: round % 3 === 0 ? bytes : requestFor(spki), publicKeySpki: spki, at: NOW, policy: shippedPolicy, demoHierarchy: false })
      expect(verdict).toHaveProperty('malformed')
    }
  })
})
