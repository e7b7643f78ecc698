/** Certified module: the TPM's maker, model and firmware as its AK's authority certified them, and that model's certificate. */
import { certificateCheck } from '../../src/attestation/catalogue.ts'
import { keyType, policyKeyCheck } from '../../src/attestation/public-key.ts'
import { say, type Check, type ExamineContext, type Message } from '../../src/attestation/verifier.ts'
import { firmwareOf } from './ak.ts'
import { AREA, check } from './chain.ts'
import { signingCheck } from './key.ts'
import type { TpmStatement } from './parse.ts'

const CLAUSE = 'CSBR 6.2.7.4.1'

export function moduleChecks({ claims, publicArea }: TpmStatement, { at, catalogue, policy }: ExamineContext): { checks: Check[]; cautions: Message[]; headline: Check | undefined } {
  const cautions: Message[] = []
  const checks: Check[] = []
  let headline: Check | undefined
  const firmware = firmwareOf(claims.version)
  const name = `${claims.manufacturer ?? '–'} ${claims.model ?? '–'}`
  const type = keyType(publicArea.spki)
  const rows = catalogue.devices.filter(({ match }) => match === name)
  const row = rows.find((device) => firmware !== null && device.firmware.includes(firmware))
  const listed = catalogue.devices.map((device) => `${device.model} ${device.firmware.join(', ')}`).join('; ')
  const seen = row ? 'listed' : rows.length > 0 ? 'other-firmware' : 'unlisted'
  checks.push(check(row !== undefined, `device.${seen}`, 'device.expected', { name, model: row?.model ?? '', firmware: firmware ?? '–', listed }, { remedy: 'remedy.device', clause: CLAUSE, ...(row ? { source: row.certificates[0]!.source } : {}) }))
  if (row) {
    const made = type !== null && row.keyTypes.includes(type)
    checks.push(check(made, made ? 'key-type.certified' : 'key-type.uncertified', 'key-type.expected', { type: type ?? '?', model: row.model, types: row.keyTypes.join(', ') }, { remedy: 'remedy.key-type', clause: CLAUSE, source: row.certificates[0]!.source }))
    const certified = certificateCheck(row, at, policy.attestation)
    checks.push((headline = certified.check))
    cautions.push(...certified.cautions, say(`${AREA}.build-not-stated`, { firmware: firmware ?? '–' }))
    if (row.syntheticOnly) cautions.push(say(`${AREA}.synthetic-only`))
  }
  checks.push(signingCheck(publicArea), policyKeyCheck(type, policy.keys, AREA))
  return { checks, cautions, headline }
}
