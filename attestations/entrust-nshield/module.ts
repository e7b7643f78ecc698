/** Certified module: what the warrant says it was approved for, in the catalogue, in a world of FIPS mode. */
import { certificateCheck, type DeviceCatalogue, type DeviceRow } from '../../src/attestation/catalogue.ts'
import { checkWriter } from '../../src/attestation/check.ts'
import { keyType, policyKeyCheck } from '../../src/attestation/public-key.ts'
import { type Check, type ExamineContext, type Message } from '../../src/attestation/verifier.ts'
import { SOURCE } from './chain.ts'
import type { NShieldStatement } from './parse.ts'
import type { Approval, Warrant } from './warrant.ts'

const check = checkWriter('attestation-nshield', { source: SOURCE, clause: 'CSBR 6.2.7.4.1' })

const schemeOf = ({ scheme, edition }: Approval): string | null => (scheme === 'FIPS140' ? `FIPS 140-${edition}` : null)
const nameOf = (approval: Approval): string => `${schemeOf(approval) ?? `${approval.scheme} ${approval.edition}`}, ${approval.level}`

/** The row whose certificates the warrant speaks of. Warrants name no model and no firmware: scheme, edition and level lead to the row. */
export function catalogueRow(warrant: Warrant, catalogue: DeviceCatalogue): DeviceRow | undefined {
  const approvals = warrant.certificates.at(-1)!.approvals
  return catalogue.devices.find((device) => device.certificates.some(({ scheme, level }) => approvals.some((approval) => schemeOf(approval) === scheme && approval.level === level)))
}

export function moduleChecks(statement: NShieldStatement, { at, catalogue, policy }: ExamineContext): { checks: Check[]; cautions: Message[]; headline: Check | undefined } {
  const approvals = statement.warrant.certificates.at(-1)!.approvals
  const listed = approvals.map(nameOf).join('; ')
  const checks: Check[] = [check(approvals.length > 0, approvals.length > 0 ? 'approvals.some' : 'approvals.none', 'approvals.expected', { listed }, { remedy: 'remedy.module' })]
  const cautions: Message[] = []
  let headline: Check | undefined
  const type = keyType(statement.spki)
  const row = catalogueRow(statement.warrant, catalogue)
  const models = catalogue.devices.map(({ model }) => model).join(', ')
  checks.push(check(row !== undefined, row ? 'model.listed' : 'model.unlisted', 'model.expected', { listed, model: row?.model ?? '', models }, { source: row?.certificates[0]?.source ?? SOURCE, remedy: 'remedy.module' }))
  if (row) {
    const made = type !== null && row.keyTypes.includes(type)
    checks.push(check(made, made ? 'key-type.certified' : 'key-type.uncertified', 'key-type.expected', { type: type ?? '?', model: row.model, types: row.keyTypes.join(', ') }, { source: row.certificates[0]!.source, remedy: 'remedy.key-type' }))
    const certified = certificateCheck(row, at, policy.attestation)
    checks.push((headline = certified.check))
    cautions.push(...certified.cautions)
  }
  // The certificate by the officer's key over KFIPS is the only place where a bundle says that the world is in FIPS 140 level 3 mode.
  const fips = statement.fipsWorld !== null && statement.plainWorld === null
  checks.push(check(fips, fips ? 'world.fips' : 'world.not-fips', 'world.fips-expected', {}, { remedy: 'remedy.fips-world' }))
  checks.push(policyKeyCheck(type, policy.keys, 'attestation-nshield'))
  return { checks, cautions, headline }
}
