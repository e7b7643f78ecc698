/** Who may vet and who may decide (ACC-2, VET-6; CSBR 3.2.9, 5.2.4), before the database says the same. */
import type { Role } from '../people/roles.ts'
import type { Dossier, Duty } from './application.ts'

export interface Reviewer {
  readonly id: string
  readonly roles: ReadonlySet<Role>
  readonly organisationId: string | null
}

/** Why this person may not take this duty; null when they may. The key of a sentence. */
export function refuseDuty(reviewer: Reviewer, dossier: Pick<Dossier, 'application' | 'duties'>, duty: Duty & ('vetted' | 'decided')): string | null {
  const role: Role = duty === 'vetted' ? 'vetting-officer' : 'approving-officer'
  if (!reviewer.roles.has(role)) return 'review.refused.role'
  const { application, duties } = dossier
  if (application.applicantId === reviewer.id) return 'review.refused.own-application'
  if (application.organisationId !== null && reviewer.organisationId === application.organisationId) return 'review.refused.own-organisation'
  const held = duties.find((row) => row.accountId === reviewer.id)
  if (held && held.duty !== duty) return held.duty === 'vetted' ? 'review.refused.vetted-it' : held.duty === 'decided' ? 'review.refused.decided-it' : 'review.refused.own-application'
  return null
}

/** What a certificate can't be approved without, as message keys; empty when it can. */
export function missingForApproval(dossier: Dossier, documents: readonly string[]): readonly string[] {
  const missing: string[] = []
  const { application } = dossier
  if (!application.organisation || !application.subject || !application.request || !application.key) missing.push('review.missing.statements')
  if (application.accuracyCertifiedAt === null) missing.push('review.missing.accuracy')
  if (!documents.every((document) => dossier.agreements.some((agreement) => agreement.document === document))) missing.push('review.missing.agreements')
  for (const kind of ['request', 'key-protection'] as const) if (dossier.assessments.find((assessment) => assessment.kind === kind)?.outcome !== 'pass') missing.push(`review.missing.${kind}`)
  if (!dossier.duties.some((row) => row.duty === 'vetted')) missing.push('review.missing.vetted')
  return missing
}
