/** An application as the rules see it. Rows become this in `database/application-store.ts`. */
import type { Details, KeyOption, MethodNumber } from '../key-protection/protection.ts'
import type { ApplicationState } from './lifecycle.ts'

export interface OrganisationStatement {
  readonly legalName: string
  readonly country: string
  readonly state: string
  readonly locality: string
  readonly street: string
  readonly postalCode: string
  readonly registrationNumber: string
  /** ISO date. */
  readonly foundedOn: string
  readonly phone: string
}

/** Subject attributes as they go into the certificate (CRT-2); empty text means absent. */
export interface SubjectStatement {
  readonly country: string
  readonly state: string
  readonly locality: string
  readonly organization: string
  readonly organizationalUnit: string
  readonly commonName: string
  readonly serialNumber: string
}

export interface KeyStatement {
  readonly option: KeyOption
  /** Which of the seven methods of CP 6.2.7 shows it. */
  readonly method: MethodNumber
  readonly representedAt: string
  /** What the applicant stated for the method. */
  readonly details: Details
  /** In a draft, files uploaded for other methods: SHA-256 to the method's number. Not judged, and not handed in. */
  readonly setAside?: Readonly<Record<string, MethodNumber>>
}

export interface RequestStatement {
  readonly requestDer: Buffer
  readonly spkiDer: Buffer
  readonly spkiSha256: string
}

export interface Application {
  readonly id: string
  readonly reference: string
  readonly applicantId: string
  readonly organisationId: string | null
  readonly state: ApplicationState
  readonly version: number
  readonly policyId: string
  readonly organisation: OrganisationStatement | null
  readonly subject: SubjectStatement | null
  readonly request: RequestStatement | null
  readonly key: KeyStatement | null
  readonly accuracyCertifiedAt: string | null
  readonly createdAt: string
  readonly updatedAt: string
  readonly submittedAt: string | null
  readonly decision: { readonly reason: string; readonly by: string; readonly at: string } | null
  /** What `ca` found against issuing (JSON text), while `held`. */
  readonly holdFindings: string | null
}

export interface Agreement {
  readonly document: string
  readonly version: string
  readonly language: string
  readonly sha256: string
  readonly acceptedBy: string
  readonly acceptedAt: string
}

export interface EvidenceFile {
  readonly id: string
  readonly name: string
  readonly bytes: Buffer
  readonly sha256: string
  readonly uploadedBy: string
  readonly uploadedAt: string
}

/** A judgement kept beside its evidence: the request's rules, or the report on the key's protection (ATT-9). */
export interface Assessment {
  readonly kind: 'request' | 'key-protection'
  readonly outcome: 'pass' | 'fail' | 'malformed'
  readonly report: string
  readonly assessedAt: string
}

export interface VettingCheck {
  readonly item: string
  readonly outcome: 'confirmed' | 'not-confirmed'
  readonly source: string
  readonly document: string
  readonly documentDate: string
  readonly obtainedOn: string
  /** VET-10: inspected for alteration or falsification. */
  readonly inspected: boolean
  readonly note: string
  readonly officerId: string
  readonly checkedAt: string
}

export type Duty = 'applied' | 'vetted' | 'decided'
export interface DutyRow {
  readonly accountId: string
  readonly duty: Duty
  readonly takenAt: string
}

export interface Approval {
  readonly id: string
  readonly applicationId: string
  readonly approverId: string
  /** SHA-256, hex, over exactly what was approved (VET-6). */
  readonly digest: string
  readonly approvedAt: string
}

/** All that an approval covers, and all that a reviewer sees. */
export interface Dossier {
  readonly application: Application
  readonly agreements: readonly Agreement[]
  readonly evidence: readonly EvidenceFile[]
  readonly assessments: readonly Assessment[]
  readonly checks: readonly VettingCheck[]
  readonly duties: readonly DutyRow[]
  readonly approval: Approval | null
}
