/** Certified module: of the FIPS series, in the catalogue by firmware and kind of key, under a certificate that the policy takes. */
import { certificateCheck } from '../../src/attestation/catalogue.ts'
import { keyType, policyKeyCheck } from '../../src/attestation/public-key.ts'
import { say, type Check, type ExamineContext, type Message } from '../../src/attestation/verifier.ts'
import { hex, maySign } from './capabilities.ts'
import { AREA, check } from './chain.ts'
import type { HsmStatement } from './parse.ts'

const CLAUSE = 'CSBR 6.2.7.4.1'
const remedy = 'remedy.fips-device'

/** `genuine`: whether the chain is trusted, so that a device that is not certified can be called by its name. */
export function moduleChecks({ leaf, claims, deviceClaims }: HsmStatement, { at, catalogue, policy }: ExamineContext, genuine: boolean): { checks: Check[]; cautions: Message[]; headline: Check | undefined } {
  const cautions: Message[] = []
  const checks: Check[] = [fipsCheck()]
  let headline: Check | undefined
  const firmware = claims.firmware ?? '–'
  const type = keyType(leaf.spki)
  const row = catalogue.devices.find((device) => device.firmware.includes(firmware))
  const listed = catalogue.devices.flatMap((device) => device.firmware).join(', ')
  checks.push(check(row !== undefined, row ? 'firmware.listed' : 'firmware.unlisted', 'firmware.expected', { firmware, model: row?.model ?? '', listed }, { remedy, clause: CLAUSE, ...(row ? { source: row.certificates[0]!.source } : {}) }))
  if (row) {
    const made = type !== null && row.keyTypes.includes(type)
    checks.push(check(made, made ? 'key-type.certified' : 'key-type.uncertified', 'key-type.expected', { type: type ?? '?', firmware, types: row.keyTypes.join(', ') }, { remedy: 'remedy.key-type', clause: CLAUSE, source: row.certificates[0]!.source }))
    const certified = certificateCheck(row, at, policy.attestation)
    checks.push((headline = certified.check))
    cautions.push(...certified.cautions)
  }
  const signs = claims.capabilities !== null && maySign(claims.capabilities, type)
  checks.push(check(signs, signs ? 'signing.may' : 'signing.may-not', 'signing.expected', { capabilities: claims.capabilities === null ? '–' : hex(claims.capabilities), type: type ?? '?' }, { remedy: 'remedy.signing' }))
  checks.push(policyKeyCheck(type, policy.keys, AREA))
  return { checks, cautions, headline }

  /**
   * Either mark makes it a FIPS device; a statement that denies FIPS mode is believed whatever the device is.
   * Where the statement is silent on the mode, as firmware 2.2 is, staff are told that it is not proved.
   */
  function fipsCheck(): Check {
    const seen = claims.fipsMode === false ? (deviceClaims.fips ? 'mode-off' : 'neither') : claims.fipsMode ? 'mode-on' : deviceClaims.fips ? 'device' : 'neither'
    const passes = seen === 'mode-on' || seen === 'device'
    if (seen === 'device') cautions.push(say(`${AREA}.fips.mode-not-stated`))
    return check(passes, `fips.${seen === 'neither' && !genuine ? 'neither-claimed' : seen}`, 'fips.expected', { firmware: claims.firmware ?? '–' }, { clause: CLAUSE, remedy: seen === 'mode-off' ? 'remedy.fips-mode' : remedy })
  }
}
