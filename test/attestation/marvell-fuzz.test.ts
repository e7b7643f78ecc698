import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { beforeAll, describe, expect, it } from 'vitest'
import { reportToJson, verifyAttestation } from '../../src/attestation/verify-attestation.ts'
import { withAttestation, withSampleKeys } from '../support/attestation-policy.ts'
import { haveSamples, NO_SAMPLES, sample } from '../support/attestation-samples.ts'
import { azureJson, fakeHsm, googleFiles, hsmFactory, type FakeHsm, type HsmFactory } from '../support/fake-hsm.ts'
import { requestFor, rsa, spkiOf } from '../support/fake-yubikey.ts'

/** Mulberry32: the same mutations on every run. */
const random = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
}

/** One to four changes: a bit, an octet, a word of a length, a cut, an insertion, a piece copied over another. */
function mutate(bytes: Buffer, next: () => number): Buffer {
  let changed = Buffer.from(bytes)
  const place = () => Math.floor(next() * changed.length)
  for (let count = 1 + Math.floor(next() * 4); count > 0 && changed.length > 4; count--)
    switch (Math.floor(next() * 6)) {
      case 0:
        changed[place()]! ^= 1 << Math.floor(next() * 8)
        break
      case 1:
        changed[place()] = Math.floor(next() * 256)
        break
      case 2:
        changed.writeUInt32BE([0, 1, 255, 0x10000, 0x7fffffff, 0xffffffff][Math.floor(next() * 6)]!, Math.min(place(), changed.length - 4) & ~3)
        break
      case 3:
        changed = changed.subarray(0, place())
        break
      case 4: {
        const at = place()
        changed = Buffer.concat([changed.subarray(0, at), Buffer.from([Math.floor(next() * 256)]), changed.subarray(at)])
        break
      }
      default:
        changed.copy(changed, place(), place(), place())
    }
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
      const statement = form === 0 ? mutate(one.blob, next) : form === 1 ? mutate(google['attestation.dat']!, next) : one.blob
      const files = form === 3 ? [{ name: 'a.json', bytes: mutate(azureJson(one), next) }] : [{ name: 'a.dat', bytes: statement }, { name: 'c.pem', bytes: form === 2 ? mutate(chains, next) : chains }]
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
    for (let round = 0; round < 300; round++) tally[ask(Object.entries(googleFiles(fakeHsm(factory, spki, { edit: (unsigned) => mutate(unsigned, next) }))).map(([name, bytes]) => ({ name, bytes })), spki, factory.anchors)]++
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
      const bytes = mutate(blob, next)
      expect(ask([{ name: 'a.dat', bytes }, { name: 'c.pem', bytes: chains }], key)).not.toBe('verified')
    }
  })
})
