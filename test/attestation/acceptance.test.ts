import { describe, expect, it } from 'vitest'
import { acceptedDevices } from '../../src/attestation/acceptance.ts'
import { withChanges, type AnchorChange } from '../../src/attestation/anchor-changes.ts'
import type { Anchor } from '../../src/attestation/anchors.ts'
import type { DeviceRow, ModuleCertificate } from '../../src/attestation/catalogue.ts'
import { makersFor, type Maker } from '../../src/attestation/makers.ts'
import { shippedPolicy, withAttestation } from '../support/attestation-policy.ts'

const NOW = new Date('2026-11-22T09:00:00Z')
const shipped = (anchorChanges: readonly AnchorChange[] = []) => makersFor(shippedPolicy, { demoHierarchy: false, anchorChanges })
const answers = (at = NOW, policy = shippedPolicy, makers: readonly Maker[] = shipped()) =>
  Object.fromEntries(
    acceptedDevices(makers, policy, at).map(({ maker, device, keyTypes, reasons, since, until }) => [
      `${maker.id} ${device.id} ${keyTypes.join(' ')}`,
      { reasons: reasons.map(({ key }) => key.replace(/^(attestation|devices)\./, '')), since: since?.toISOString() ?? null, until: until?.toISOString() ?? null },
    ]),
  )

const BOTH = 'RSA-3072 RSA-4096'
const certificate = (more: Partial<ModuleCertificate> = {}): ModuleCertificate => ({ scheme: 'FIPS 140-3', number: '1', level: 2, validFrom: '2026-01-10', validUntil: '2031-01-09', historicalSince: null, revokedSince: null, source: 'test', confirmed: true, ...more })
const anchor = (more: Partial<Anchor> = {}): Anchor => ({ ...shipped()[0]!.anchors.rows.find(({ signsDevices }) => signsDevices)!, notBefore: '2020-01-01', notAfter: '2040-12-31', ...more })
const made = (device: Partial<DeviceRow> = {}, rows: readonly Anchor[] = [anchor()]): Maker => ({
  ...shipped()[0]!,
  anchors: { asOf: '2026-11-22', sources: ['test'], rows },
  catalogue: { asOf: '2026-11-22', devices: [{ id: 'd', model: 'Device', firmware: ['1.0.0'], keyTypes: ['RSA-3072', 'RSA-4096'], certificates: [certificate()], ...device }] },
})
const one = (maker: Maker, at = NOW, policy = shippedPolicy) => answers(at, policy, [maker])[`yubikey-piv d ${BOTH}`]!

describe('what works with us', () => {
  it('ATT-8: today, under the shipped policy', () => {
    const now = answers()
    expect(now[`yubikey-piv yubikey-5-fips-140-3 ${BOTH}`]).toEqual({ reasons: [], since: '2026-05-22T00:00:00.000Z', until: '2031-05-21T23:59:59.999Z' })
    expect(now[`yubikey-piv yubikey-5-fips-140-2 ${BOTH}`]!.reasons).toEqual(['why.key-type', 'certificate.historical'])
    expect(now[`thales-luna luna-k7-fips-140-3 ${BOTH}`]!.reasons).toEqual([])
    expect(now[`google-cloud-hsm nitrox-iii-cnn35xx-nfbe ${BOTH}`]).toEqual({ reasons: ['certificate.historical'], since: '2026-09-22T00:00:00.000Z', until: null })
    expect(now[`google-cloud-hsm liquidsecurity-2 ${BOTH}`]!.reasons).toEqual(['why.key-off'])
    expect(now[`entrust-nshield nshield-5s ${BOTH}`]!.reasons).toEqual(['why.key-off'])
    expect(now[`securosys-primus primus ${BOTH}`]!.reasons).toEqual(['certificate.historical', 'why.module-state', 'why.key-off'])
    expect(now[`fortanix-dsm fx2200 ${BOTH}`]!.reasons).toEqual(['certificate.historical', 'why.key-off'])
  })

  it('ATT-8: the dated switch for historical certificates moves the dates, both ways', () => {
    const until = (acceptedUntil: string) => withAttestation(shippedPolicy, { historicalCertificates: [{ scheme: 'FIPS 140-2', acceptedUntil, why: 'test' }] })
    const name = `google-cloud-hsm nitrox-iii-cnn35xx-nfbe ${BOTH}`
    expect(answers(NOW, until('2027-03-31T23:59:59Z'))[name]).toMatchObject({ reasons: [], until: '2027-03-31T23:59:59.000Z' })
    expect(answers(new Date('2027-04-01T00:00:00Z'), until('2027-03-31T23:59:59Z'))[name]).toMatchObject({ reasons: ['certificate.historical'], since: '2027-03-31T23:59:59.001Z', until: null })
    expect(answers(NOW, withAttestation(shippedPolicy, { historicalCertificates: [] }))[name]!.reasons).toEqual(['certificate.historical'])
  })

  it('ATT-8: each date of a certificate begins or ends the answer', () => {
    expect(one(made())).toEqual({ reasons: [], since: '2026-01-10T00:00:00.000Z', until: '2031-01-09T23:59:59.999Z' })
    expect(one(made(), new Date('2026-01-09T00:00:00Z'))).toEqual({ reasons: ['certificate.not-yet'], since: null, until: '2026-01-09T23:59:59.999Z' })
    expect(one(made({ certificates: [certificate({ revokedSince: '2026-10-01' })] }))).toEqual({ reasons: ['certificate.revoked'], since: '2026-10-01T00:00:00.000Z', until: null })
    expect(one(made({ certificates: [certificate(), certificate({ number: '2', validFrom: '2030-06-01', validUntil: null })] }))).toMatchObject({ until: '2040-12-31T23:59:59.999Z' })
    expect(one(made({ certificates: [certificate({ level: 1 })] }))).toEqual({ reasons: ['certificate.level'], since: null, until: null })
  })

  it('ATT-2: a key of the maker\'s that is off, withdrawn, ended or missing refuses the device, and the end of its key is the end of the answer', () => {
    const reasons = (...rows: Anchor[]) => one(made({}, rows)).reasons
    expect(reasons(anchor({ off: { why: 'single-source', confirmAt: 'https://example.com' } }))).toEqual(['why.key-off'])
    expect(reasons(anchor({ off: { why: 'withdrawn', since: '2026-11-20', reason: 'test' } }))).toEqual(['why.key-withdrawn'])
    expect(reasons(anchor({ notAfter: '2026-11-21' }))).toEqual(['why.key-ended'])
    expect(reasons(anchor({ signsDevices: false }))).toEqual(['why.no-key'])
    expect(reasons(anchor({ role: 'refuse' }))).toEqual(['why.no-key'])
    expect(reasons(anchor({ device: 'other' }))).toEqual(['why.no-key'])
    expect(reasons(anchor({ device: 'd' }))).toEqual([])
    expect(reasons(anchor({ notAfter: '2026-11-21' }), anchor())).toEqual([])
    expect(one(made({}, [anchor({ notAfter: '2028-02-29' })]))).toMatchObject({ until: '2028-02-29T23:59:59.999Z' })
  })

  it('ATT-2: where the owner of a device signs too, his key counts as well', () => {
    const owner = (more: Partial<Anchor> = {}) => one(made({}, [anchor(), anchor({ vouchesFor: 'owner', ...more })])).reasons
    expect(owner()).toEqual([])
    expect(owner({ notAfter: '2026-11-21' })).toEqual(['why.key-ended'])
    expect(one(made({}, [anchor({ vouchesFor: 'owner' })])).reasons).toEqual(['why.no-key'])
  })

  it('KEY-1 ATT-8: key sizes that the certified module does not make are refused by themselves', () => {
    expect(answers(NOW, shippedPolicy, [made({ keyTypes: ['RSA-4096'] })])).toMatchObject({ 'yubikey-piv d RSA-4096': { reasons: [] }, 'yubikey-piv d RSA-3072': { reasons: ['why.key-type'] } })
  })

  it('ATT-2: what the operator withdraws is refused here at once', () => {
    const luna = shipped().find(({ id }) => id === 'thales-luna')!.anchors
    const change: AnchorChange = { id: 'c', kind: 'withdraw', maker: 'thales-luna', spkiSha256: luna.rows.find(({ off }) => !off)!.spkiSha256, anchors: null, reason: 'test', proposedBy: 'A', proposedAt: NOW.toISOString(), confirmedBy: 'B', confirmedAt: NOW.toISOString() }
    expect(withChanges('thales-luna', luna, [change]).rows.filter(({ off }) => !off)).toEqual([])
    expect(answers(NOW, shippedPolicy, shipped([change]))[`thales-luna luna-k7-fips-140-3 ${BOTH}`]!.reasons).toEqual(['why.key-withdrawn'])
  })
})
