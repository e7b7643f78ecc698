/** Certified module: FIPS by both of its marks, in the catalogue by firmware and kind of key, under a certificate that the policy takes. */
import { certificateCheck, type DeviceCatalogue } from '../../src/attestation/catalogue.ts'
import { keyType, policyKeyCheck } from '../../src/attestation/public-key.ts'
import { say, type Check, type ExamineContext, type Message } from '../../src/attestation/verifier.ts'
import type { PivStatement } from './parse.ts'

const SOURCE = 'https://developers.yubico.com/PIV/Introduction/PIV_attestation.html'
const CLAUSE = 'CSBR 6.2.7.4.1'
const remedy = say('attestation.yubikey-piv.remedy.fips-device')

/** `genuine`: whether the chain is trusted, so that a device that is not certified can be called by its name. */
export function moduleChecks({ leaf, claims, deviceClaims }: PivStatement, { at, catalogue, policy }: ExamineContext, genuine: boolean): { checks: Check[]; cautions: Message[]; headline: Check | undefined } {
  const checks: Check[] = [fipsMarks()]
  const cautions: Message[] = []
  let headline: Check | undefined
  const firmware = claims.firmware ?? '–'
  const type = keyType(leaf.spki)
  const row = catalogue.devices.find((device) => device.firmware.includes(firmware))
  checks.push({
    outcome: row ? 'pass' : 'fail',
    observed: say(row ? 'attestation.yubikey-piv.firmware.listed' : 'attestation.yubikey-piv.firmware.unlisted', { firmware, model: row?.model ?? '' }),
    expected: say('attestation.yubikey-piv.firmware.expected', { firmware: certifiedFirmware(catalogue) }),
    source: row?.certificates[0]?.source ?? SOURCE,
    clause: CLAUSE,
    ...(row ? {} : { remedy }),
  })
  if (row) {
    const made = type !== null && row.keyTypes.includes(type)
    checks.push({
      outcome: made ? 'pass' : 'fail',
      observed: say(made ? 'attestation.yubikey-piv.key-type.certified' : 'attestation.yubikey-piv.key-type.uncertified', { type: type ?? '?', firmware }),
      expected: say('attestation.yubikey-piv.key-type.expected', { types: row.keyTypes.join(', '), firmware }),
      source: row.certificates[0]!.source,
      clause: CLAUSE,
      ...(made ? {} : { remedy: say('attestation.yubikey-piv.remedy.key-type') }),
    })
    const certified = certificateCheck(row, at, policy.attestation)
    checks.push((headline = certified.check))
    cautions.push(...certified.cautions)
  }
  checks.push(pinPolicy())
  checks.push(policyKeyCheck(type, policy.keys, 'attestation.yubikey-piv'))
  return { checks, cautions, headline }

  /** Either mark without the other is refused and reported: no device leaves the factory so (formats.md 2.3 step 6). */
  function fipsMarks(): Check {
    const cspn = claims.cspnBit || deviceClaims.cspn
    const both = claims.fipsBit && deviceClaims.fips
    const seen = both ? (cspn ? 'fips-and-cspn' : 'both') : claims.fipsBit ? 'bit-only' : deviceClaims.fips ? 'extension-only' : cspn ? 'cspn' : 'neither'
    return {
      outcome: seen === 'both' ? 'pass' : 'fail',
      observed: say(`attestation.yubikey-piv.fips.${seen === 'neither' && !genuine ? 'neither-claimed' : seen}`, { firmware: claims.firmware ?? '–' }),
      expected: say('attestation.yubikey-piv.fips.expected'),
      source: SOURCE,
      clause: CLAUSE,
      ...(seen === 'both' ? {} : { remedy }),
      ...(seen === 'bit-only' || seen === 'extension-only' || seen === 'fips-and-cspn' ? { alert: true as const } : {}),
    }
  }

  /** A key that signs without a PIN has no operator authentication, which FIPS 140 Level 2 has and CSBR 6.2.7.4.1 rests on. */
  function pinPolicy(): Check {
    const name = PIN_POLICIES[claims.pinPolicy ?? 0] ?? 'unknown'
    const accepted = name === 'once' || name === 'always' || (name === 'never' && policy.attestation.pinPolicyNever === 'accept')
    return {
      outcome: accepted ? 'pass' : 'fail',
      observed: say(`attestation.yubikey-piv.pin-policy.${name}`),
      expected: say('attestation.yubikey-piv.pin-policy.expected'),
      source: 'https://docs.yubico.com/hardware/yubikey/yk-tech-manual/fips-specifics.html',
      clause: CLAUSE,
      ...(accepted ? {} : { remedy: say('attestation.yubikey-piv.remedy.pin-policy') }),
    }
  }
}

export const PIN_POLICIES: Record<number, string> = { 1: 'never', 2: 'once', 3: 'always' }
export const TOUCH_POLICIES: Record<number, string> = { 1: 'never', 2: 'always', 3: 'cached' }

const certifiedFirmware = (catalogue: DeviceCatalogue): string => catalogue.devices.flatMap((device) => device.firmware).join(', ')
