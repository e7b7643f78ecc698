/** The seven methods of CP 6.2.7 (CSBR 6.2.7.4.2) that show where a subscriber's key is kept, and which of them this CA takes. */
import type { Policy } from '../policy/policy.ts'
import { cloudReport } from './cloud-report.ts'
import { itAudit } from './it-audit.ts'
import { keyAttestation } from './key-attestation.ts'
import { prescribedLibrary } from './prescribed-library.ts'
import type { KeyOption, MethodNumber, MethodRules, ReviewerItem } from './protection.ts'
import { shippedModule } from './shipped-module.ts'
import { signingService } from './signing-service.ts'
import { witnessedGeneration } from './witnessed-generation.ts'

export const KEY_ATTESTATION = 2

export const METHODS: readonly MethodRules[] = [shippedModule, keyAttestation, prescribedLibrary, itAudit, cloudReport, witnessedGeneration, signingService]

/** @throws Error for a number that no method has: it is read from a row that the portal checked */
export function methodOf(number: number): MethodRules {
  const rules = METHODS.find((method) => method.number === number)
  if (!rules) throw new Error(`no key protection method ${number}`)
  return rules
}

type MethodPolicy = Pick<Policy, 'keyProtection'>

/** The methods that the policy opens, in the order of the CP. */
export const openMethods = (policy: MethodPolicy): readonly MethodRules[] => METHODS.filter(({ number }) => policy.keyProtection.methods.includes(number))

/** The method of that number when the policy opens it and it can show the option; null otherwise. */
export const openMethod = (number: string | number, option: KeyOption, policy: MethodPolicy): MethodRules | null =>
  openMethods(policy).find((method) => String(method.number) === String(number) && method.options.includes(option)) ?? null

/** What an officer confirms of a method's evidence: where the policy asks for a person. */
export const reviewerItemOf = (number: MethodNumber, policy: MethodPolicy): ReviewerItem | null =>
  policy.keyProtection.personConfirms.includes(number) ? (METHODS.find((method) => method.number === number)?.reviewerItem ?? null) : null
