/**
 * Everything that must hold at the moment of issuing, judged again from the rows (VET-6, VET-5, ACC-2, APP-1, APP-3, APP-4, KEY-1…5, ATT-2):
 * what the portal checked and wrote down is its word, and its word is not enough.
 */
import type { Message, RuleVerdict } from '../certificate/rule-verdict.ts'
import { KEY_ATTESTATION } from '../key-protection/methods.ts'
import { readCertificateRequest } from '../pki/certificate-request.ts'
import type { Policy } from '../policy/policy.ts'
import type { Application, Dossier } from './application.ts'
import { approvalDigest } from './approve-digest.ts'
import { openItems } from './checklist.ts'
import type { HoldFinding, IssuanceStore, IssuingAuthority } from './issue-ports.ts'
import { refuseDuty } from './review.ts'
import { examineEvidence, examineRequest } from './verify-key.ts'

export interface IssuingFacts {
  readonly policy: Policy
  readonly authority: IssuingAuthority
  readonly now: Date
  readonly store: IssuanceStore
}

/** An application that has all of its parts. */
export type CompleteApplication = Application & { readonly organisationId: string } & { readonly [Part in 'organisation' | 'subject' | 'request' | 'key']: NonNullable<Application[Part]> }

/** `of` names which of several a finding is about: each has words of its own. */
export const finding = (code: string, row: string, { of, ...values }: { of?: string; [name: string]: string | undefined } = {}): HoldFinding => ({
  code,
  row,
  message: { key: `issuing.finding.${code}${of === undefined ? '' : `.${of}`}`, ...(Object.keys(values).length > 0 ? { values: values as Record<string, string> } : {}) },
})

/** Every rule that stands against issuing to this application now; with none, the application as one that has all of its parts. */
export async function judgeForIssuing(dossier: Dossier, facts: IssuingFacts): Promise<{ complete: CompleteApplication } | { findings: readonly HoldFinding[] }> {
  const { application } = dossier
  const findings = [...judgeApproval(dossier), ...judgeAgreements(dossier, facts.policy), ...(await judgeDuties(dossier, facts.store))]
  if (application.policyId !== facts.policy.id) findings.push(finding('policy-changed', 'APP-1', { then: application.policyId, now: facts.policy.id }))
  if (!isComplete(application)) return { findings: [...findings, finding('incomplete', 'APP-2')] }
  findings.push(...judgeChecks(dossier, facts), ...(await judgeKey(application, dossier, facts)))
  return findings.length > 0 ? { findings } : { complete: application }
}

const isComplete = (application: Application): application is CompleteApplication =>
  application.organisation !== null && application.organisationId !== null && application.subject !== null && application.request !== null && application.key !== null

/** VET-6: the approval in force is of exactly these rows. */
export function judgeApproval(dossier: Dossier): HoldFinding[] {
  const { approval } = dossier
  if (!approval) return [finding('approval-missing', 'VET-6')]
  return approvalDigest(dossier, approval) === approval.digest ? [] : [finding('approval-differs', 'VET-6')]
}

/** APP-1, APP-7: each text agreed to by the applicant in person, and the information certified as accurate. */
function judgeAgreements({ application, agreements }: Dossier, policy: Policy): HoldFinding[] {
  const findings = policy.documents
    .filter(({ document }) => !agreements.some((agreement) => agreement.document === document && agreement.acceptedBy === application.applicantId))
    .map(({ document }) => finding('agreement-missing', 'APP-1', { of: document }))
  return application.accuracyCertifiedAt === null ? [...findings, finding('accuracy-not-certified', 'APP-1')] : findings
}

/** ACC-2, VET-6 (CSBR 3.2.9, 5.2.4): who applied, who vetted and who approved are different people who may still do so. */
async function judgeDuties(dossier: Dossier, store: IssuanceStore): Promise<HoldFinding[]> {
  const { application, duties, checks, approval } = dossier
  const holders = (duty: string): string[] => duties.filter((row) => row.duty === duty).map((row) => row.accountId)
  const [applied, vetted, decided] = [holders('applied'), holders('vetted'), holders('decided')]
  const findings: HoldFinding[] = []
  if (applied.length !== 1 || applied[0] !== application.applicantId) findings.push(finding('duty-applied', 'ACC-2'))
  if (vetted.length === 0 || !checks.every(({ officerId }) => vetted.includes(officerId))) findings.push(finding('duty-vetted', 'ACC-2'))
  if (approval && (decided.length !== 1 || decided[0] !== approval.approverId)) findings.push(finding('duty-decided', 'ACC-2'))
  const applicant = await store.reviewer(application.applicantId)
  if (!applicant?.roles.has('subscriber') || applicant.organisationId !== application.organisationId) findings.push(finding('applicant-not-entitled', 'ACC-2'))
  for (const [duty, people] of [['vetted', vetted], ['decided', decided]] as const)
    for (const id of people) {
      const reviewer = await store.reviewer(id)
      if (!reviewer || refuseDuty(reviewer, dossier, duty) !== null) findings.push(finding(`${duty}-not-entitled`, 'ACC-2'))
    }
  return findings
}

/** VET-1, VET-5: every item confirmed, and none older than may be re-used at this moment (CSBR 4.2.1). */
const judgeChecks = ({ application, checks }: Dossier, { now, policy }: IssuingFacts): HoldFinding[] =>
  openItems(application, checks, now, policy.periods).map(({ item, why }) => finding('check-open', why === 'lapsed' ? 'VET-5' : 'VET-1', { of: item.id, days: String(policy.periods.validationReuseDays) }))

/** The key rules over the stored request, and the evidence over its stored bytes. */
async function judgeKey(application: CompleteApplication, { evidence }: Dossier, { policy, authority, now, store }: IssuingFacts): Promise<HoldFinding[]> {
  const { requestDer, spkiDer, spkiSha256 } = application.request
  const intake = readCertificateRequest(requestDer)
  if ('refused' in intake) return [finding('request-unreadable', 'APP-3')]
  const { request } = intake
  const findings: HoldFinding[] = []
  if (!request.publicKey.spki.equals(spkiDer) || request.publicKey.sha256 !== spkiSha256) findings.push(finding('request-key-differs', 'APP-3'))
  for (const verdict of await examineRequest(request, application, policy, store)) if (verdict.outcome !== 'pass') findings.push(fromVerdict(verdict))
  // The other six methods have no evidence that can be judged here yet: absence never permits.
  if (application.key.method !== KEY_ATTESTATION) return [...findings, finding('method-not-verified', 'ATT-2', { method: String(application.key.method) })]
  const report = examineEvidence(requestDer, spkiDer, evidence, now, policy, { demoHierarchy: authority.demo, demoAnchors: authority.demo ? await store.demoAnchors() : [] })
  if (!report) return [...findings, finding('evidence-missing', 'ATT-2')]
  const attestation = (code: string, message: Message): HoldFinding => ({ code: `attestation-${code}`, row: 'ATT-2', message })
  if ('malformed' in report.verdict) findings.push(attestation('malformed', report.verdict.malformed.reason))
  else if ('refused' in report.verdict) for (const question of report.verdict.refused) findings.push(attestation(question, report.findings![question].observed))
  else if (report.verdict.verified.spkiSha256 !== spkiSha256 || (report.verdict.verified.demo && !authority.demo)) findings.push(finding('evidence-of-another', 'ATT-2'))
  return findings
}

const fromVerdict = ({ row, observed }: RuleVerdict): HoldFinding => ({ code: row.toLowerCase(), row, message: observed })
