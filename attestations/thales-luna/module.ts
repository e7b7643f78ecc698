/** Certified module: model and firmware in the catalogue, the kind of key, and a certificate that the policy takes. */
import { certificateCheck, type DeviceCatalogue, type DeviceRow } from '../../src/attestation/catalogue.ts'
import { keyType, policyKeyCheck } from '../../src/attestation/public-key.ts'
import { say, type Check, type ExamineContext, type Message } from '../../src/attestation/verifier.ts'
import { AREA, check } from './chain.ts'
import type { LunaClaims, LunaStatement } from './parse.ts'

const CLAUSE = 'CSBR 6.2.7.4.1'
const remedy = 'remedy.certified'

export const rowOf = ({ model, firmware }: LunaClaims, catalogue: DeviceCatalogue): DeviceRow | undefined =>
  model === null || firmware === null ? undefined : catalogue.devices.find((device) => device.match === model && device.firmware.includes(firmware))

export function moduleChecks({ chain, claims }: LunaStatement, { at, catalogue, policy }: ExamineContext): { checks: Check[]; cautions: Message[]; headline: Check | undefined } {
  const checks: Check[] = []
  // No confirmation says whether the partition was in FIPS mode; the firmware's reading is inferred from one module.
  const cautions: Message[] = [say(`${AREA}.fips.not-stated`)]
  let headline: Check | undefined
  const type = keyType(chain[0]!.spki)
  const models = [...new Set(catalogue.devices.map((device) => device.match ?? device.model))].join(', ')
  const known = claims.model !== null && catalogue.devices.some((device) => device.match === claims.model)
  checks.push(check(known, known ? 'model.listed' : claims.model === null ? 'model.not-stated' : 'model.unlisted', 'model.expected', { model: claims.model ?? '–', models }, { remedy, clause: CLAUSE }))
  const row = rowOf(claims, catalogue)
  const firmware = claims.firmware ?? '–'
  const listed = catalogue.devices.filter((device) => device.match === claims.model).flatMap((device) => device.firmware).join(', ')
  checks.push(check(row !== undefined, row ? 'firmware.listed' : 'firmware.unlisted', 'firmware.expected', { firmware, model: row?.model ?? claims.model ?? '–', listed: listed || '–' }, { remedy, clause: CLAUSE, ...(row ? { source: row.certificates[0]!.source } : {}) }))
  if (row) {
    const made = type !== null && row.keyTypes.includes(type)
    checks.push(check(made, made ? 'key-type.certified' : 'key-type.uncertified', 'key-type.expected', { type: type ?? '?', firmware, types: row.keyTypes.join(', ') }, { remedy: 'remedy.key-type', clause: CLAUSE, source: row.certificates[0]!.source }))
    const certified = certificateCheck(row, at, policy.attestation)
    checks.push((headline = certified.check))
    cautions.push(...certified.cautions)
  }
  checks.push(policyKeyCheck(type, policy.keys, AREA))
  return { checks, cautions, headline }
}
