/**
 * CSBR 4.2.1: what methods 4, 5 and 7 rest on may be used again for 13 months, counted from the document's own day. Offered of the applicant's own
 * earlier applications for the same organisation alone: an organisation's name is only a claim until an officer has verified it.
 */
import type { Policy } from '../policy/policy.ts'
import { reviewerItemOf } from '../key-protection/methods.ts'
import type { Details, MethodNumber } from '../key-protection/protection.ts'
import { dayOf, hasLapsed, lapseOf } from '../key-protection/stated-date.ts'
import type { Application, EvidenceFile } from './application.ts'
import type { ApplicationStore } from './ports.ts'

/** The day from which each counts. */
const DAY_OF: Readonly<Partial<Record<MethodNumber, string>>> = { 4: 'report-date', 7: 'agreement-date' }
const OFFERED = 5

export interface ReusableEvidence {
  /** Of the earlier application. */
  readonly reference: string
  readonly date: string
  readonly lapses: string
  readonly details: Details
  readonly files: readonly EvidenceFile[]
}

/** Evidence of the draft's method that an officer confirmed in an earlier application and that has not lapsed, newest first, each document once. */
export async function reusableEvidence(
  store: Pick<ApplicationStore, 'list' | 'dossier'>,
  draft: Application,
  now: Date,
  policy: Pick<Policy, 'keyProtection' | 'periods'>,
): Promise<readonly ReusableEvidence[]> {
  const method = draft.key?.method
  const item = method && reviewerItemOf(method, policy)
  const field = method && DAY_OF[method]
  if (!item || !field || draft.organisationId === null) return []
  const months = policy.periods.keyProtectionReuseMonths
  const earlier = (await store.list({ applicantId: draft.applicantId })).filter(({ id, organisationId, key, state, submittedAt }) => {
    const day = dayOf(key?.details[field])
    return id !== draft.id && organisationId === draft.organisationId && key?.method === method && submittedAt !== null && state !== 'rejected' && day !== null && !hasLapsed(day, months, now)
  })
  const found: ReusableEvidence[] = []
  const seen = new Set<string>()
  for (const { id } of earlier.slice(0, OFFERED * 2)) {
    const dossier = await store.dossier(id)
    const { reference, key } = dossier!.application
    const documents = dossier!.evidence.map(({ sha256 }) => sha256).join()
    if (seen.has(documents) || !dossier!.checks.some((check) => check.item === item.id && check.outcome === 'confirmed')) continue
    seen.add(documents)
    const date = key!.details[field]!
    found.push({ reference, date, lapses: lapseOf(dayOf(date)!, months), details: key!.details, files: dossier!.evidence })
    if (found.length === OFFERED) break
  }
  return found
}
