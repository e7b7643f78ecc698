import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { beforeAll, describe, expect, it } from 'vitest'
import { reportToJson, verifyAttestation } from '../../src/attestation/verify-attestation.ts'
import { withAttestation, withSampleKeys } from '../support/attestation-policy.ts'
import { haveSamples, NO_SAMPLES, sample } from '../support/attestation-samples.ts'
import { azureJson, fakeHsm, googleFiles, hsmFactory, type FakeHsm, type HsmFactory } from '../support/fake-hsm.ts'
import { requestFor, rsa, spkiOf } from '../support/fake-yubikey.ts'
import { mutate, random } from '../support/mutate.ts'

/** Damage of any kind; now and then a word becomes a length at one of its edges. */
function damage(bytes: Buffer, next: () => number): Buffer {
  if (next() > 0.2 || bytes.length < 8) return mutate(bytes, next)
  const changed = Buffer.from(bytes)
  changed.writeUInt32BE([0, 1, 255, 0x10000, 0x7fffffff, 0xffffffff][Math.floor(next() * 6)]!, Math.floor((next() * (changed.length - 4)) / 4) * 4)
  return changed
}

const AT = new Date('2026-09-21T12:00:00Z')
const policy = withAttestation(withSampleKeys(), { makers: ['google-cloud-hsm', 'azure-managed-hsm'] })
let factory: HsmFactory
let spki: Buffer
let one: FakeHsm
beforeAll(() => {
  factory = hsmFactory()
  spki = spkiOf(rsa(3072))
  one = fakeHsm(factory, spki)
})

function ask(files: { name: string; bytes: Buffer }[], publicKeySpki: Buffer, anchors = {}) {
  const report = verifyAttestation({ files, certificateRequestDer: requestFor(publicKeySpki), publicKeySpki, at: AT, policy, demoHierarchy: false }, anchors)
  const { verdict } = reportToJson(report)
  if (verdict.outcome === 'verified') {
    expect(verdict.spkiSha256).toBe(createHash('sha256').update(publicKeySpki).digest('hex'))
    expect(report.key.attestedSpkiSha256).toBe(verdict.spkiSha256)
  }
  return verdict.outcome
}

describe('mutated statements of LiquidSecurity HSMs', () => {
  it('ATT-2: 500 mutations crash nothing, and no changed statement is verified', () => {
    const next = random(20261122)
    const tally = { verified: 0, refused: 0, malformed: 0 }
    const google = googleFiles(one)
    for (let round = 0; round < 500; round++) {
      const form = round % 4
      const chains = google['chains.pem']!
      const statement = form === 0 ? damage(one.blob, next) : form === 1 ? damage(google['attestation.dat']!, next) : one.blob
      const files = form === 3 ? [{ name: 'a.json', bytes: damage(azureJson(one), next) }] : [{ name: 'a.dat', bytes: statement }, { name: 'c.pem', bytes: form === 2 ? damage(chains, next) : chains }]
      const outcome = ask(files, spki, factory.anchors)
      tally[outcome]++
      if (form === 0 && outcome === 'verified') expect(statement.equals(one.blob)).toBe(true)
    }
    expect(tally.refused).toBeGreaterThan(20)
    expect(tally.malformed).toBeGreaterThan(200)
  })

  it('ATT-2: 300 mutations that the HSM signs, so that each check behind the signature is reached, crash nothing', () => {
    const next = random(77)
    const tally = { verified: 0, refused: 0, malformed: 0 }
    for (let round = 0; round < 300; round++) tally[ask(Object.entries(googleFiles(fakeHsm(factory, spki, { edit: (unsigned) => damage(unsigned, next) }))).map(([name, bytes]) => ({ name, bytes })), spki, factory.anchors)]++
    expect(tally.malformed).toBeGreaterThan(50)
  })

  it('ATT-2: 300 runs of random octets are never more than malformed', () => {
    const next = random(7)
    for (let round = 0; round < 300; round++) {
      const bytes = Buffer.from(Array.from({ length: 1 + Math.floor(next() * 900) }, () => Math.floor(next() * 256)))
      if (round % 2 === 0 && bytes.length >= 12) Buffer.from('0000000000000003', 'hex').copy(bytes)
      if (round % 4 === 0 && bytes.length >= 12) bytes.writeUInt32BE(bytes.length, 8)
      expect(ask([{ name: 'x', bytes }], spki, factory.anchors)).toBe('malformed')
    }
  })

  it.skipIf(!haveSamples())(`ATT-2: 500 mutations of the published statement: none is verified unless it is unchanged${haveSamples() ? '' : ` (${NO_SAMPLES})`}`, () => {
    const next = random(42)
    const blob = gunzipSync(sample('marvell-google/smallstep/rsa.dat'))
    const chains = sample('marvell-google/smallstep/rsa.certs.pem')
    const key = spkiOf(rsa(2048))
    for (let round = 0; round < 500; round++) {
      const bytes = damage(blob, next)
      expect(ask([{ name: 'a.dat', bytes }, { name: 'c.pem', bytes: chains }], key)).not.toBe('verified')
    }
  })
})
