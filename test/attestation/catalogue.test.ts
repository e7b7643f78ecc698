import { describe, expect, it } from 'vitest'
import { catalogue } from '../../attestations/yubikey-piv/index.ts'
import { readAnchors } from '../../src/attestation/anchors.ts'
import { certificateCheck, readCatalogue, standing, type DeviceRow, type ModuleCertificate } from '../../src/attestation/catalogue.ts'
import { shippedPolicy } from '../support/attestation-policy.ts'

const certificate: ModuleCertificate = { scheme: 'FIPS 140-3', number: '1', level: 2, validFrom: '2026-05-22', validUntil: '2031-05-21', historicalSince: null, revokedSince: null, source: 'test', confirmed: true }
const NOW = new Date('2026-11-21T00:00:00Z')
const policy = shippedPolicy.attestation
const stands = (change: Partial<ModuleCertificate>, at = NOW, rules = policy) => standing({ ...certificate, ...change }, at, rules)

describe('how a module\'s certificate stands', () => {
  it('ATT-8: from its first day to the end of its last', () => {
    expect(stands({}, new Date('2026-05-21T23:59:59.999Z'))).toBe('not-yet')
    expect(stands({}, new Date('2026-05-22T00:00:00Z'))).toBe('active')
    expect(stands({}, new Date('2031-05-21T23:59:59.999Z'))).toBe('active')
    expect(stands({}, new Date('2031-05-22T00:00:00Z'))).toBe('historical')
  })

  it('ATT-8: a revoked one is refused from that day on, even where historical ones are taken', () => {
    const lenient = { ...policy, historicalCertificates: [{ scheme: 'FIPS 140-3', acceptedUntil: '2040-01-01T00:00:00Z', why: 'test' }] }
    expect(stands({ revokedSince: '2026-11-21' }, NOW, lenient)).toBe('revoked')
    expect(stands({ revokedSince: '2026-11-22' }, NOW, lenient)).toBe('active')
    expect(stands({ historicalSince: '2026-11-01', revokedSince: '2026-11-21' }, NOW, lenient)).toBe('revoked')
  })

  it('ATT-8: the switch is for its scheme and to its second', () => {
    const until = (scheme: string, acceptedUntil: string) => ({ ...policy, historicalCertificates: [{ scheme, acceptedUntil, why: 'test' }] })
    const historical = { historicalSince: '2026-09-22' }
    expect(stands(historical, NOW, until('FIPS 140-3', '2026-11-21T00:00:00Z'))).toBe('historical-accepted')
    expect(stands(historical, NOW, until('FIPS 140-3', '2026-11-20T23:59:59Z'))).toBe('historical')
    expect(stands(historical, NOW, until('FIPS 140-2', '2030-01-01T00:00:00Z'))).toBe('historical')
  })

  it('ATT-8: below the policy\'s level, or of a scheme that it does not list, counts for nothing', () => {
    expect(stands({ level: 1 })).toBe('level')
    expect(stands({ scheme: 'Common Criteria', level: 3 })).toBe('level')
    expect(stands({ scheme: 'Common Criteria', level: 4 })).toBe('active')
    expect(stands({ scheme: 'CSPN' })).toBe('scheme')
  })

  it('ATT-8: a device is judged by its best certificate, and an unconfirmed one is told to staff', () => {
    const device: DeviceRow = { id: 'x', model: 'X', firmware: ['1.0.0'], keyTypes: ['RSA-3072'], certificates: [{ ...certificate, level: 1 }, { ...certificate, number: '2', confirmed: false }] }
    const { check, cautions } = certificateCheck(device, NOW, policy)
    expect(check).toMatchObject({ outcome: 'pass', observed: { key: 'attestation.certificate.active', values: { number: '2' } } })
    expect(cautions.map((caution) => caution.key)).toEqual(['attestation.certificate.unconfirmed'])
    expect(certificateCheck({ ...device, certificates: [certificate] }, NOW, policy).cautions).toEqual([])
  })
})

describe('facts about makers', () => {
  it('ATT-8: no two devices of the catalogue share a firmware, so a firmware names one row', () => {
    const firmware = catalogue.devices.flatMap((device) => device.firmware)
    expect(new Set(firmware).size).toBe(firmware.length)
  })

  it('ATT-8: a catalogue or an anchor that is not as it should be does not load', () => {
    expect(() => readCatalogue({ asOf: '2026-11-21', devices: [{ id: 'x' }] })).toThrow()
    const row = { role: 'anchor', subject: 'CN=x', subjectDer: 'AAAA', spki: 'AAAA', spkiSha256: '0'.repeat(64), certificateSha256: null, notBefore: '2026-01-01', notAfter: '2027-01-01', signsDevices: true, under: null, basicConstraintsFrom: null, use: 'x', independentSources: 1 }
    expect(() => readAnchors({ maker: 'x', asOf: '2026-11-21', sources: ['x'], rows: [row] })).toThrow(/spkiSha256/)
  })
})
