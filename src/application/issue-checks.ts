/**
 * Everything that must hold at the moment of issuing, judged again from the rows and the audit log (VET-6, VET-5, ACC-2, APP-1, APP-3, APP-4,
 * KEY-1…5, ATT-2, LOG-1):
 * what the portal checked and wrote down is its word, and its word is not enough.
 */
import { examineKey } from '../certificate/key-rules.ts'
import type { Message, RuleVerdict } from '../certificate/rule-verdict.ts'
import { isProtectedKey, type ProtectedKey } from '../key-protection/judge-protection.ts'
import { KEY_ATTESTATION, openMethod } from '../key-protection/methods.ts'
import type { ProtectionFacts } from '../key-protection/protection.ts'
import { readCertificateRequest } from '../pki/certificate-request.ts'
import type { PublicKey } from '../pki/public-key.ts'
import type { Policy } from '../policy/policy.ts'
import type { Application, Dossier } from './application.ts'
import { approvalDigest } from './approve-digest.ts'
import { provenChallenges } from './challenge.ts'
import { openItems } from './checklist.ts'
import { judgeAnchorChanges } from './issue-anchors.ts'
import { finding } from './issue-finding.ts'
import { judgeLog } from './issue-log.ts'
import { provenModule } from './issue-module.ts'
import { provenFacts } from './issue-register.ts'
import type { AuditTrail, HoldFinding, IssuanceStore, IssuingAuthority } from './issue-ports.ts'
import { refuseDuty } from './review.ts'
import { askOfRequest, examineProtection } from './verify-key.ts'

export interface IssuingFacts {
  readonly policy: Policy
  readonly authority: IssuingAuthority
  readonly now: Date
  readonly store: IssuanceStore
  readonly trail: AuditTrail
}

/** An application that has all of its parts. */
type Part = 'organisationId' | 'organisation' | 'subject' | 'request' | 'key'
export type CompleteApplication = Application & { readonly [Each in Part]: NonNullable<Application[Each]> }

/** What a judgement without a finding rested on, for the last look: what is still the same needs no second opinion. */
export interface Grounds {
  readonly at: Date
  /** Of the approval, which covers every octet of the application and its evidence (VET-6). */
  readonly digest: string
  readonly publicKey: PublicKey
  /** What the request's own bytes show. */
  readonly examined: readonly RuleVerdict[]
  /** As they were read, before the log was asked about them. */
  readonly known: ProtectionFacts
}

export type Judgement = { readonly complete: CompleteApplication; readonly grounds: Grounds } | { readonly findings: readonly HoldFinding[] }

/** Every rule that stands against issuing to this application now; with none, the application as one that has all of its parts. */
export async function judgeForIssuing(dossier: Dossier, facts: IssuingFacts): Promise<Judgement> {
  const { application } = dossier
  const findings = [...judgeApproval(dossier), ...judgeAgreements(dossier, facts.policy), ...(await judgeDuties(dossier, facts.store)), ...(await judgeLog(dossier, facts.trail))]
  if (application.policyId !== facts.policy.id) findings.push(finding('policy-changed', 'APP-1', { then: application.policyId, now: facts.policy.id }))
  if (!isComplete(application)) return { findings: [...findings, finding('incomplete', 'APP-2')] }
  const key = await judgeKey(application, dossier, facts)
  findings.push(...judgeChecks(dossier, facts), ...key.findings)
  if (findings.length > 0 || !key.grounds) return { findings }
  return { complete: application, grounds: { ...key.grounds, at: facts.now, digest: dossier.approval!.digest } }
}

const PARTS: readonly Part[] = ['organisationId', 'organisation', 'subject', 'request', 'key']
const isComplete = (application: Application): application is CompleteApplication => PARTS.every((part) => application[part] !== null)

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
  // Whoever confirmed something; an approver of an earlier round keeps the duty on record and counts no more.
  const confirmed = [...new Set(checks.map(({ officerId }) => officerId))]
  const findings: HoldFinding[] = []
  if (applied.length !== 1 || applied[0] !== application.applicantId) findings.push(finding('duty-applied', 'ACC-2'))
  if (vetted.length === 0 || !confirmed.every((id) => vetted.includes(id))) findings.push(finding('duty-vetted', 'ACC-2'))
  if (approval && !decided.includes(approval.approverId)) findings.push(finding('duty-decided', 'ACC-2'))
  const applicant = await store.reviewer(application.applicantId)
  const entitled = applicant?.roles.has('subscriber') === true && applicant.organisationId === application.organisationId
  if (!entitled) findings.push(finding('applicant-not-entitled', 'ACC-2'))
  for (const [duty, people] of [['vetted', confirmed], ['decided', approval ? [approval.approverId] : []]] as const)
    for (const id of people) {
      const reviewer = await store.reviewer(id)
      if (!reviewer || refuseDuty(reviewer, dossier, duty) !== null) findings.push(finding(`${duty}-not-entitled`, 'ACC-2'))
    }
  return findings
}

/** VET-1, VET-5: every item confirmed, and none older than may be re-used at this moment (CSBR 4.2.1). */
const judgeChecks = ({ application, checks }: Dossier, { now, policy }: IssuingFacts): HoldFinding[] =>
  openItems(application, checks, now, policy).map(({ item, why }) =>
    finding('check-open', why === 'lapsed' ? 'VET-5' : 'VET-1', { of: item.id, days: String(policy.periods.validationReuseDays), months: String(policy.periods.keyProtectionReuseMonths) }),
  )

interface KeyJudgement {
  readonly findings: readonly HoldFinding[]
  readonly grounds?: Pick<Grounds, 'publicKey' | 'examined' | 'known'>
}

/** The key rules over the stored request, and the evidence over its stored bytes. */
async function judgeKey(application: CompleteApplication, { evidence }: Dossier, { policy, authority, now, store, trail }: IssuingFacts): Promise<KeyJudgement> {
  const { requestDer, spkiDer, spkiSha256 } = application.request
  const intake = readCertificateRequest(requestDer)
  if ('refused' in intake) return { findings: [finding('request-unreadable', 'APP-3')] }
  const { request } = intake
  const findings: HoldFinding[] = []
  if (!request.publicKey.spki.equals(spkiDer) || request.publicKey.sha256 !== spkiSha256) findings.push(finding('request-key-differs', 'APP-3'))
  const examined = examineKey(request, policy)
  const verdicts = await askOfRequest(examined, request.publicKey, application, store)
  findings.push(...verdicts.filter(({ outcome }) => outcome !== 'pass').map(fromVerdict))
  const method = openMethod(application.key.method, application.key.option, policy)
  if (!method) return { findings: [...findings, finding('method-not-open', 'APP-2', { method: String(application.key.method) })] }
  const { row } = method
  const known = await store.protectionFacts(application, authority.demo)
  // A change counts at once: the log is read on to where the rows were read.
  await trail.firstBreach()
  if (method.number === KEY_ATTESTATION) findings.push(...judgeAnchorChanges(known.anchorChanges, trail.anchorActs()))
  const { facts, unproven } = provenFacts({ ...known, challenges: provenChallenges(known.challenges, trail.eventsOf(application.id)) }, trail)
  const examine = (counted: typeof facts) => examineProtection(application, evidence, { ...counted, shippedKey: provenModule(facts.shippedKey, spkiSha256, trail) }, now, policy)
  const report = examine(facts)
  if (!report) return { findings: [...findings, finding('evidence-missing', row)] }
  const protectionFinding = (code: string, message: Message): HoldFinding => ({ code: `key-protection-${code}`, row, message })
  if ('malformed' in report.verdict) findings.push(protectionFinding('malformed', report.verdict.malformed.reason))
  else if ('refused' in report.verdict) findings.push(...report.findings!.filter((each) => each.finding.outcome !== 'pass').map((each) => protectionFinding(each.question, each.finding.observed)))
  else if (!provesKey(report.verdict.verified, spkiSha256, authority)) findings.push(finding('evidence-of-another', row))
  // Of the register's entries that were not counted, the one that this evidence rests on.
  if (!('verified' in report.verdict))
    for (const { name, withIt } of unproven) if (JSON.stringify(examine(withIt)?.findings) !== JSON.stringify(report.findings)) findings.push(finding('register-unproven', 'LOG-1', { name }))
  return { findings, grounds: { publicKey: request.publicKey, examined, known } }
}

/** The verdict's own token says of which key it is, and whether a demo maker stands behind it. */
const provesKey = (key: ProtectedKey, spkiSha256: string, { demo }: IssuingAuthority): boolean =>
  isProtectedKey(key) && key.spkiSha256 === spkiSha256 && (demo || !key.demo)

const fromVerdict = ({ row, observed }: RuleVerdict): HoldFinding => ({ code: row.toLowerCase(), row, message: observed })
