/** Generated inside, not exportable, and certified module: what the statement and the cluster's certificate claim. */
import { certificateCheck, type DeviceCatalogue, type DeviceRow } from '../../src/attestation/catalogue.ts'
import { checkWriter } from '../../src/attestation/check.ts'
import { DIGITAL_SIGNATURE, keyUsage } from '../../src/attestation/certificate-extensions.ts'
import { keyType, policyKeyCheck } from '../../src/attestation/public-key.ts'
import { say, type Check, type ExamineContext, type Message } from '../../src/attestation/verifier.ts'
import { SOURCE } from './chain.ts'
import { OID } from './extensions.ts'
import type { DsmStatement } from './parse.ts'

const claim = checkWriter('attestation-fortanix', { source: SOURCE, clause: 'CSBR 6.2.7.4.2 (2)' })
const check = checkWriter('attestation-fortanix', { source: SOURCE, clause: 'CSBR 6.2.7.4.1' })

export const generationCheck = ({ claims: { generated } }: DsmStatement): Check =>
  claim(generated, generated ? 'generated.stated' : 'generated.not-stated', 'generated.expected', { oid: OID.generated }, { remedy: 'remedy.generate' })

export const exportCheck = ({ claims: { neverExportable } }: DsmStatement): Check =>
  claim(neverExportable, neverExportable ? 'export.never' : 'export.not-stated', 'export.expected', { oid: OID.neverExportable }, { remedy: 'remedy.not-exportable' })

export const usageCheck = ({ leaf }: DsmStatement): Check => {
  const signs = keyUsage(leaf)?.includes(DIGITAL_SIGNATURE) === true
  return claim(signs, signs ? 'usage.signs' : 'usage.other', 'usage.expected', {}, { remedy: 'remedy.generate' })
}

/** Rows of the catalogue by protection profile. */
const PROFILES: Readonly<Record<string, string>> = { [OID.fx2200]: 'fx2200' }

export const catalogueRow = ({ enrollment }: DsmStatement, catalogue: DeviceCatalogue): DeviceRow | undefined => {
  const [profile, ...more] = enrollment?.profiles ?? []
  // Each further profile is a further kind of machine that the cluster lets in.
  return profile !== undefined && more.length === 0 && enrollment?.unknown.length === 0 ? catalogue.devices.find(({ id }) => id === PROFILES[profile]) : undefined
}

export function moduleChecks(statement: DsmStatement, { at, catalogue, policy }: ExamineContext): { checks: Check[]; cautions: Message[]; headline: Check | undefined } {
  const { enrollment, leaf } = statement
  const cautions: Message[] = []
  let headline: Check | undefined
  const row = catalogueRow(statement, catalogue)
  const profiles = [...(enrollment?.profiles ?? []), ...(enrollment?.unknown ?? [])].join(', ')
  const seen = row ? 'profile.listed' : profiles === '' ? 'profile.none' : 'profile.unlisted'
  const checks: Check[] = [check(row !== undefined, seen, 'profile.expected', { profiles, model: row?.model ?? '', models: catalogue.devices.map(({ model }) => model).join(', ') }, { remedy: 'remedy.module' })]
  const type = keyType(leaf.spki)
  if (row) {
    const made = type !== null && row.keyTypes.includes(type)
    checks.push(check(made, made ? 'key-type.certified' : 'key-type.uncertified', 'key-type.expected', { type: type ?? '?', model: row.model, types: row.keyTypes.join(', ') }, { source: row.certificates[0]!.source, remedy: 'remedy.key-type' }))
    const certified = certificateCheck(row, at, policy.attestation)
    checks.push((headline = certified.check))
    cautions.push(...certified.cautions, say('attestation-fortanix.profile.mode-not-stated'))
  }
  checks.push(policyKeyCheck(type, policy.keys, 'attestation-fortanix'))
  return { checks, cautions, headline }
}
