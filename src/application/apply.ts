/** Applying: what an application needs before it is handed in, and handing it in (APP-1…4, APP-6, CP 4.1.2). */
import type { Policy, PolicyDocument } from '../policy/policy.ts'
import { openMethod } from '../key-protection/methods.ts'
import type { Agreement, Application, Assessment, Dossier } from './application.ts'
import type { Contact } from './certificate-record.ts'
import { findMove } from './lifecycle.ts'
import { drawLetters } from './draw-letters.ts'
import type { ApplicationChange, RandomBytes, Work } from './ports.ts'
import { subjectSchema } from './subject-statement.ts'
import { ownEvidence, takenBack } from './set-aside.ts'
import { examineProtection, examineRequest, type KeyRegister, protectionAssessment, requestAssessment, storedRequest } from './verify-key.ts'

export const STEPS = ['organisation', 'agreements', 'subject', 'request', 'key-protection'] as const
export type Step = (typeof STEPS)[number]

/** `refused`: entered, and found wanting by a rule; the applicant must change it. */
export type StepState = 'done' | 'to-do' | 'refused'

const DOCUMENTS = ['cp', 'cps', 'subscriber-agreement', 'key-protection-guide'] as const

/** The texts in force, one a document, in the language asked for. */
export const textsInForce = (policy: Pick<Policy, 'texts'>, language: 'en' | 'ja'): readonly PolicyDocument[] =>
  DOCUMENTS.map((document) => policy.texts.find((text) => text.document === document && text.language === language)!)

/** Whether the text agreed to still is one of those in force, in whichever language it was read (APP-1). */
export const agreementInForce = (agreement: Agreement, policy: Pick<Policy, 'texts'>): boolean =>
  policy.texts.some((text) => text.document === agreement.document && text.version === agreement.version && text.sha256 === agreement.sha256)

export function examineSteps({ application, agreements, assessments }: Dossier, policy: Policy): Readonly<Record<Step, StepState>> {
  const judged = (entered: boolean, kind: Assessment['kind']): StepState => {
    const outcome = assessments.find((assessment) => assessment.kind === kind)?.outcome
    if (!entered || outcome === undefined) return 'to-do'
    return outcome === 'pass' ? 'done' : 'refused'
  }
  const agreed = DOCUMENTS.every((document) => agreements.some((agreement) => agreement.document === document && agreementInForce(agreement, policy)))
  return {
    organisation: application.organisation ? 'done' : 'to-do',
    agreements: agreed ? 'done' : 'to-do',
    subject: subjectState(application, policy),
    request: judged(application.request !== null, 'request'),
    'key-protection': shown(application, policy, judged(application.key !== null, 'key-protection')),
  }
}

/** The subject names the country of the organisation that is verified; an organisation changed afterwards asks for another look. */
function subjectState({ subject, organisation }: Application, policy: Policy): StepState {
  if (!subject) return 'to-do'
  if (organisation && organisation.country !== subject.country) return 'refused'
  return subjectSchema(policy.subject.countries).safeParse(subject).success ? 'done' : 'refused'
}

const shown = ({ key, request }: Application, policy: Policy, state: StepState): StepState =>
  key === null || request === null || openMethod(key.method, key.option, policy) === null ? 'to-do' : state

/** A reference that people can read over the telephone: ten letters and digits, none of them alike. */
export function drawReference(random: RandomBytes): string {
  const drawn = drawLetters(random, 10)
  return `${drawn.slice(0, 5)}-${drawn.slice(5)}`
}

export async function startApplication(
  work: Work,
  start: { id: string; reference: string; applicantId: string; organisationId: string | null; policyId: string },
): Promise<Application> {
  const application = await work.applications.create(start)
  await work.audit({
    event: 'application.started',
    subject: `application:${application.id}`,
    details: { reference: application.reference, policy: application.policyId },
  })
  return application
}

/** False when the application is no draft any more, or was changed meanwhile (another tab): nothing was changed then. */
export async function saveDraft(work: Work, application: Application, change: ApplicationChange): Promise<boolean> {
  return application.state === 'draft' && (await work.applications.change(application, change))
}

export type Submission = 'submitted' | 'changed-meanwhile' | 'incomplete' | 'not-certified'

export interface SubmissionInput {
  readonly dossier: Dossier
  readonly policy: Policy
  readonly register: KeyRegister
  /** CP 4.1.2: the applicant certified that the information is accurate. */
  readonly accuracyCertified: boolean
  readonly applicant: Contact
  readonly portalUrl: string
}

/**
 * Hands a draft in. Request and evidence are judged again at this moment, over what is stored: a key reported, a policy or a date
 * passed meanwhile counts. `incomplete` keeps the new judgements, so that the task list shows what is wanting.
 */
export async function submitApplication(work: Work, input: SubmissionInput): Promise<Submission> {
  const { dossier, policy, register, applicant } = input
  const { application } = dossier
  const move = findMove('submit', application.state)
  if (!move) return 'changed-meanwhile'
  if (!input.accuracyCertified) return 'not-certified'
  const assessments: Assessment[] = []
  const own = ownEvidence(application, dossier.evidence)
  if (application.request) {
    assessments.push(requestAssessment(await examineRequest(storedRequest(application.request.requestDer), application, policy, register), work.now))
    const report = examineProtection(application, own, await work.protection.facts(application), work.now, policy)
    if (report) assessments.push(protectionAssessment(report))
  }
  const complete = Object.values(examineSteps({ ...dossier, assessments }, policy)).every((state) => state === 'done')
  if (!complete) {
    if (!(await saveDraft(work, application, {}))) return 'changed-meanwhile'
    for (const assessment of assessments) await work.applications.putAssessment(application.id, assessment)
    return 'incomplete'
  }
  const at = work.now.toISOString()
  const strays = dossier.evidence.filter((file) => !own.includes(file))
  const key = strays.length > 0 && application.key ? { key: takenBack(application.key, strays) } : {}
  if (!(await work.applications.move(application, move.to, { ...key, accuracyCertifiedAt: at, submittedAt: at }))) return 'changed-meanwhile'
  for (const { id, name, sha256 } of strays) {
    await work.applications.removeEvidence(application.id, id)
    await work.audit({ event: 'application.evidence-removed', subject: `application:${application.id}`, details: { name, sha256, because: 'other-method' } })
  }
  for (const assessment of assessments) await work.applications.putAssessment(application.id, assessment)
  if (!(await work.applications.takeDuty(application.id, application.applicantId, 'applied')))
    throw new Error('the applicant already holds another duty on the application')
  await work.audit({
    event: move.event,
    subject: `application:${application.id}`,
    details: { spkiSha256: application.request?.spkiSha256, accuracyCertifiedAt: at },
  })
  await work.mail({
    to: applicant.email,
    language: applicant.language,
    name: 'application-submitted',
    values: { name: applicant.name, reference: application.reference, link: `${input.portalUrl}/applications/${application.reference}` },
  })
  return 'submitted'
}

/** False when it can't be withdrawn (any more): nothing was changed then. */
export async function withdrawApplication(work: Work, application: Application): Promise<boolean> {
  const move = findMove('withdraw', application.state)
  if (!move || !(await work.applications.move(application, move.to))) return false
  if (await work.applications.voidApproval(application.id, 'withdrawn'))
    await work.audit({ event: 'application.approval-voided', subject: `application:${application.id}`, details: { because: 'withdrawn' } })
  // Never handed in: what was sent for it serves nobody, and is not kept.
  const evidence = application.state === 'draft' ? ((await work.applications.dossier(application.id))?.evidence ?? []) : []
  for (const { id } of evidence) await work.applications.removeEvidence(application.id, id)
  const removed = evidence.map(({ sha256 }) => sha256).sort()
  await work.audit({ event: move.event, subject: `application:${application.id}`, details: { from: application.state, ...(removed.length > 0 ? { removed } : {}) } })
  return true
}
