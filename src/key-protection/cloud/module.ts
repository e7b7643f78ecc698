/** Whether the modules behind a cloud's keys are certified (CSBR 6.2.7.4.1, ATT-8): the provider's published module, in our catalogue. */
import { certificateCheck, loadCatalogue, type DeviceCatalogue } from '../../attestation/catalogue.ts'
import { keyType, policyKeyCheck } from '../../attestation/public-key.ts'
import { say, type Check, type Message } from '../../attestation/verifier.ts'
import type { Policy } from '../../policy/policy.ts'
import { AREA, type CloudId } from './question.ts'

export const cloudModules: DeviceCatalogue = loadCatalogue(new URL('devices.json', import.meta.url))

const CLAUSE = 'CSBR 6.2.7.4.1'

const OF_CLOUD: { readonly [Id in CloudId]: readonly string[] } = { aws: ['aws-kms'], google: ['google-cloud-hsm'], azure: ['azure-hsm-platform-2', 'azure-managed-hsm'] }

/** How the certificate of each of a cloud's modules stands, so that people know before they take a report. */
export const modulesOf = (cloud: CloudId, at: Date, policy: Pick<Policy, 'attestation'>): readonly { readonly model: string; readonly accepted: boolean; readonly observed: Message }[] =>
  cloudModules.devices
    .filter(({ id }) => OF_CLOUD[cloud].includes(id))
    .map((row) => {
      const { outcome, observed } = certificateCheck(row, at, policy.attestation).check
      return { model: row.model, accepted: outcome === 'pass', observed }
    })

/**
 * The checks of the module that `id` names in the catalogue. No file of a cloud names the module itself: the row says what the provider
 * publishes, and staff are told so.
 */
export function moduleChecks(id: string, described: Buffer | null, at: Date, policy: Pick<Policy, 'attestation' | 'keys'>, catalogue: DeviceCatalogue = cloudModules): { checks: Check[]; cautions: Message[] } {
  const row = catalogue.devices.find((device) => device.id === id)
  if (!row)
    return {
      checks: [{ outcome: 'fail', observed: say(`${AREA}.module.unlisted`, { id }), expected: say(`${AREA}.module.expected`), source: CLAUSE, clause: CLAUSE, remedy: say(`${AREA}.fix.module`) }],
      cautions: [],
    }
  const { check, cautions } = certificateCheck(row, at, policy.attestation)
  const type = described && keyType(described)
  const made = type !== null && row.keyTypes.includes(type)
  return {
    checks: [
      // What devices are told to do ("use another device") is no help with a cloud.
      check.outcome === 'pass' ? check : { ...check, remedy: say(`${AREA}.fix.module`) },
      {
        outcome: made ? 'pass' : 'fail',
        observed: say(`${AREA}.module.${made ? 'makes' : 'makes-not'}`, { type: type ?? '?', model: row.model }),
        expected: say(`${AREA}.module.key-types`, { types: row.keyTypes.join(', ') }),
        source: row.certificates[0]!.source,
        clause: CLAUSE,
        ...(made ? {} : { remedy: say(`${AREA}.remedy.key-type`) }),
      },
      policyKeyCheck(type, policy.keys, AREA),
    ],
    cautions: [...cautions, say(`${AREA}.module.as-published`, { model: row.model })],
  }
}
