/** Certified module: the HSM's mode by its names, the product line by the key that signed the card, and that line's certificate. */
import type { Anchor } from '../../src/attestation/anchors.ts'
import { certificateCheck } from '../../src/attestation/catalogue.ts'
import { checkWriter } from '../../src/attestation/check.ts'
import { keyType, policyKeyCheck } from '../../src/attestation/public-key.ts'
import { say, type Check, type ExamineContext, type Message } from '../../src/attestation/verifier.ts'
import { usage } from './attributes.ts'
import { AREA, MARVELL } from './chain.ts'
import type { HsmCertificate } from './certificates.ts'
import type { MarvellStatement } from './statement.ts'

const CLAUSE = 'CSBR 6.2.7.4.1'
const check = checkWriter(AREA, { source: MARVELL, clause: CLAUSE })

export function moduleChecks(
  { key, certificates: { partition } }: MarvellStatement,
  card: HsmCertificate | undefined,
  anchor: Anchor | undefined,
  { at, catalogue, policy }: ExamineContext,
): { checks: Check[]; cautions: Message[]; headline: Check | undefined } {
  const cautions: Message[] = []
  let headline: Check | undefined
  // The name is the only place where an HSM states its mode, and each is written by the one above it: both must say so (formats.md 4.4).
  const names = [card, partition].map((certificate) => certificate?.hsm.fipsMode === true)
  const fips = names.every(Boolean)
  const checks = [check(fips, fips ? 'mode.fips' : names[0] ? 'mode.partition' : 'mode.card', 'mode.expected', { card: card?.subjectText ?? '–', partition: partition?.subjectText ?? '–' }, { remedy: 'remedy.other-hsm' })]
  const type = keyType(key.spki)
  const row = anchor?.device === undefined ? undefined : catalogue.devices.find(({ id }) => id === anchor.device)
  checks.push(check(row !== undefined, row ? 'product.listed' : 'product.unlisted', 'product.expected', { model: row?.model ?? '', models: catalogue.devices.map(({ model }) => model).join(', ') }, { remedy: 'remedy.other-hsm' }))
  if (row) {
    const made = type !== null && row.keyTypes.includes(type)
    checks.push(check(made, made ? 'key-type.certified' : 'key-type.uncertified', 'key-type.expected', { type: type ?? '?', model: row.model, types: row.keyTypes.join(', ') }, { remedy: 'remedy.key-type', source: row.certificates[0]!.source }))
    const certified = certificateCheck(row, at, policy.attestation)
    checks.push((headline = certified.check))
    cautions.push(...certified.cautions, say(`${AREA}.firmware-not-stated`, { model: row.model }))
    if (row.syntheticOnly) cautions.push(say(`${AREA}.synthetic-only`))
  }
  checks.push(usage(key))
  checks.push(policyKeyCheck(type, policy.keys, AREA))
  return { checks, cautions, headline }
}
