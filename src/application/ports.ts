/**
 * What the rules need from outside: stores, clock, randomness, the audit log and mail. Adapters in `database`, `audit`
 * and `mail` fulfil these; `services.ts` puts them together. All of one Work commits or none of it.
 */
import type { AuditEventName } from '../audit/events.ts'
import type { Agreement, Application, Approval, Assessment, Dossier, Duty, EvidenceFile, KeyStatement, OrganisationStatement, RequestStatement, SubjectStatement, VettingCheck } from './application.ts'
import type { Challenge, MethodNumber, ProtectionFacts } from '../key-protection/protection.ts'
import type { PolicyDocument } from '../policy/policy.ts'
import type { ApplicationState } from './lifecycle.ts'

export type Clock = () => Date
export type RandomBytes = (size: number) => Buffer

export interface AuditNote {
  readonly event: AuditEventName
  readonly subject: string
  readonly details?: Readonly<Record<string, unknown>>
}

export interface MailNote {
  readonly to: string
  readonly language: 'en' | 'ja'
  /** Keys of the locale files: `mail.<name>.subject` and `mail.<name>.body`. */
  readonly name: string
  /** What fills the placeholders; an instant is ISO 8601 as the database keeps it, and is written in the mail to the minute, in UTC. */
  readonly values: Readonly<Record<string, string>>
}

/** One unit of work by one actor: changes, their audit entries and their mail in one transaction. */
export interface Work {
  readonly now: Date
  readonly actor: string
  readonly applications: ApplicationStore
  readonly protection: ProtectionStore
  audit(note: AuditNote): Promise<void>
  mail(note: MailNote): Promise<void>
}

/** What the seven methods of key protection keep beside the application. */
export interface ProtectionStore {
  /** What judging an application's key protection needs to know. */
  facts(application: Pick<Application, 'id' | 'organisationId' | 'request'>): Promise<ProtectionFacts>
  giveChallenge(applicationId: string, challenge: Omit<Challenge, 'answered'>): Promise<void>
  /** Marks it as answered with this key, once. False when it was answered with another. */
  answerChallenge(applicationId: string, method: MethodNumber, value: string, spkiSha256: string): Promise<boolean>
}

export interface ApplicationChange {
  readonly organisation?: OrganisationStatement
  readonly organisationId?: string
  readonly subject?: SubjectStatement
  /** null takes the request away. */
  readonly request?: RequestStatement | null
  readonly key?: KeyStatement | null
  readonly accuracyCertifiedAt?: string | null
  readonly submittedAt?: string
  readonly decision?: { readonly reason: string; readonly by: string; readonly at: string } | null
  readonly holdFindings?: string | null
}

export interface ApplicationStore {
  create(application: { id: string; reference: string; applicantId: string; organisationId: string | null; policyId: string }): Promise<Application>
  find(id: string): Promise<Application | null>
  findByReference(reference: string): Promise<Application | null>
  dossier(id: string): Promise<Dossier | null>
  list(filter: { applicantId?: string; states?: readonly ApplicationState[] }): Promise<readonly Application[]>
  /**
   * Compare-and-set on the version: false when somebody else changed the application meanwhile.
   * Raises the version by one.
   */
  change(application: Application, change: ApplicationChange): Promise<boolean>
  /** Compare-and-set on state and version, for a move of the lifecycle. */
  move(application: Application, to: ApplicationState, change?: ApplicationChange): Promise<boolean>
  /** Keeps a text that somebody agreed to, once for each SHA-256 (APP-1). */
  keepText(text: PolicyDocument): Promise<void>
  putAgreement(id: string, agreement: Agreement): Promise<void>
  addEvidence(id: string, file: EvidenceFile): Promise<void>
  removeEvidence(id: string, fileId: string): Promise<boolean>
  putAssessment(id: string, assessment: Assessment): Promise<void>
  removeAssessment(id: string, kind: Assessment['kind']): Promise<void>
  putCheck(id: string, check: VettingCheck): Promise<void>
  /** False when the person already holds another duty on this application: the primary key refuses (ACC-2). */
  takeDuty(id: string, accountId: string, duty: Duty): Promise<boolean>
  putApproval(approval: Approval): Promise<void>
  voidApproval(applicationId: string, because: string): Promise<boolean>
}
