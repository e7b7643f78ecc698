/**
 * Certified module. A key attestation names neither model nor firmware nor mode; the state attestation of the same device does,
 * but its layout is not published. So it is asked for and its signature is checked, and what it says is left to a person.
 */
import { certificateCheck } from '../../src/attestation/catalogue.ts'
import { checkWriter } from '../../src/attestation/check.ts'
import { keyType, policyKeyCheck } from '../../src/attestation/public-key.ts'
import { type Check, type ExamineContext, type Message } from '../../src/attestation/verifier.ts'
import { signerChecks, signerOf, SOURCE } from './chain.ts'
import type { PrimusStatement } from './parse.ts'

const check = checkWriter('attestation-securosys', { source: SOURCE, clause: 'CSBR 6.2.7.4.1' })

export function moduleChecks(statement: PrimusStatement, { anchors, at, catalogue, policy }: ExamineContext): { checks: Check[]; cautions: Message[] } {
  const checks: Check[] = [stateCheck(statement)]
  const cautions: Message[] = []
  const type = keyType(statement.spki)
  const under = anchors.rows.find((row) => row.subjectDer.equals(statement.device.issuer))?.device
  const row = catalogue.devices.find(({ id }) => id === under)
  if (row) {
    const made = type !== null && row.keyTypes.includes(type)
    checks.push(check(made, made ? 'key-type.certified' : 'key-type.uncertified', 'key-type.expected', { type: type ?? '?', model: row.model, types: row.keyTypes.join(', ') }, { source: row.certificates[0]!.source, remedy: 'remedy.key-type' }))
    const certified = certificateCheck(row, at, policy.attestation)
    checks.push(certified.check)
    cautions.push(...certified.cautions)
  }
  checks.push(policyKeyCheck(type, policy.keys, 'attestation-securosys'))
  return { checks, cautions }
}

/** Never passes: the day that Securosys publishes the layout, model, version and mode are read here and lead to a row of the catalogue. */
function stateCheck(statement: PrimusStatement): Check {
  const { state, device } = statement
  if (!state) return check(false, 'state.missing', 'state.expected', {}, { remedy: 'remedy.state' })
  const signer = signerOf(statement, state.bytes)
  const genuine = signer !== undefined && signerChecks(signer, device).every(({ outcome }) => outcome === 'pass')
  return check(false, genuine ? 'state.not-read' : 'state.not-signed', 'state.expected', { file: state.name, device: device.subjectText }, { remedy: genuine ? 'remedy.other-method' : 'remedy.state' })
}
