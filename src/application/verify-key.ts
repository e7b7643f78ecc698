/**
 * What is asked of the key applied with, and of the proof that it lives in hardware. The portal asks at upload and again at submission;
 * `ca` asks once more before it signs, over the same stored bytes.
 */
import type { DemoAnchor } from '../attestation/makers.ts'
import { type AttestationReport, reportToJson } from '../attestation/verify-attestation.ts'
import { examineKey } from '../certificate/key-rules.ts'
import type { RuleVerdict } from '../certificate/rule-verdict.ts'
import { examineKeyAttestation } from '../key-protection/key-attestation.ts'
import { type CertificateRequest, readCertificateRequest } from '../pki/certificate-request.ts'
import type { Policy } from '../policy/policy.ts'
import type { Application, Assessment, EvidenceFile } from './application.ts'

/** What the database knows of keys (KEY-4, APP-4). `database/key-register.ts` fulfils it. */
export interface KeyRegister {
  /** When the key was marked as compromised; null when it was not. */
  compromisedAt(spkiSha256: string): Promise<string | null>
  certifiedFor(spkiSha256: string): Promise<{ readonly organisationId: string; readonly purpose: string } | null>
  /** Whether an application of somebody else, submitted and still alive or issued, has the key. */
  appliedElsewhere(spkiSha256: string, application: Pick<Application, 'id' | 'applicantId' | 'organisationId'>): Promise<boolean>
}

/** What keys are certified for here (CSBR 9.6.3 (3)). */
export const CERTIFIED_PURPOSE = 'code-signing'

/** Whose demo evidence counts: as recorded of the hierarchy, never from the environment. */
export interface DemoTrust {
  readonly demoHierarchy: boolean
  readonly demoAnchors: readonly DemoAnchor[]
}

const say = (row: 'KEY-4' | 'APP-4', path: string, values?: Record<string, string>) => ({ key: `key-rules.${row}.${path}`, ...(values ? { values } : {}) })

/** Every rule on a request: what the bytes show (KEY-1, 2, 3, 5, APP-3), then what the register knows (KEY-4, APP-4). */
export async function examineRequest(
  request: CertificateRequest,
  application: Application,
  policy: Policy,
  register: KeyRegister,
): Promise<readonly RuleVerdict[]> {
  const { sha256 } = request.publicKey
  return [...examineKey(request, policy), await examineCompromise(sha256, register), await examineUniqueness(sha256, application, register)]
}

async function examineCompromise(sha256: string, register: KeyRegister): Promise<RuleVerdict> {
  const rule = { row: 'KEY-4', clause: 'CSBR 6.1.1.3 (3) (4), 6.1.2', expected: say('KEY-4', 'expected') }
  const since = await register.compromisedAt(sha256)
  if (since === null) return { ...rule, outcome: 'pass', observed: say('KEY-4', 'observed.notKnown') }
  return { ...rule, outcome: 'fail', observed: say('KEY-4', 'observed.compromised', { date: since.slice(0, 10) }), remedy: say('KEY-4', 'remedy') }
}

async function examineUniqueness(sha256: string, application: Application, register: KeyRegister): Promise<RuleVerdict> {
  const rule = { row: 'APP-4', clause: 'CSBR 9.6.3 (3)', expected: say('APP-4', 'expected') }
  const failed = (observed: string): RuleVerdict => ({
    ...rule,
    outcome: 'fail',
    observed: say('APP-4', `observed.${observed}`),
    remedy: say('APP-4', 'remedy'),
  })
  const certified = await register.certifiedFor(sha256)
  if (certified && certified.purpose !== CERTIFIED_PURPOSE) return failed('otherPurpose')
  if (certified && certified.organisationId !== application.organisationId) return failed('otherSubscriber')
  if (await register.appliedElsewhere(sha256, application)) return failed('otherApplication')
  return { ...rule, outcome: 'pass', observed: say('APP-4', certified ? 'observed.ownRenewal' : 'observed.notKnown') }
}

export const requestAssessment = (verdicts: readonly RuleVerdict[], at: Date): Assessment => ({
  kind: 'request',
  outcome: verdicts.every(({ outcome }) => outcome === 'pass') ? 'pass' : 'fail',
  report: JSON.stringify(verdicts),
  assessedAt: at.toISOString(),
})

/** The stored request, read again from its octets. @throws Error when the row holds no readable request: it was read before it was stored */
export function storedRequest(requestDer: Buffer): CertificateRequest {
  const intake = readCertificateRequest(requestDer)
  if ('refused' in intake) throw new Error(`stored certificate request: ${intake.refused.code}`)
  return intake.request
}

/** Method 2 of CP 6.2.7 over what is stored. Null while there is nothing to judge: no file, and no attestation in the request. */
export function examineEvidence(
  requestDer: Buffer,
  spkiDer: Buffer,
  files: readonly Pick<EvidenceFile, 'name' | 'bytes'>[],
  at: Date,
  policy: Policy,
  demo: DemoTrust,
): AttestationReport | null {
  const report = examineKeyAttestation({
    files: files.map(({ name, bytes }) => ({ name, bytes })),
    certificateRequestDer: requestDer,
    publicKeySpki: spkiDer,
    at,
    policy,
    ...demo,
  })
  const nothing = files.length === 0 && 'malformed' in report.verdict && report.maker === null
  return nothing ? null : report
}

export const evidenceAssessment = (report: AttestationReport): Assessment => ({
  kind: 'attestation',
  outcome: 'verified' in report.verdict ? 'pass' : 'refused' in report.verdict ? 'fail' : 'malformed',
  report: JSON.stringify(reportToJson(report)),
  assessedAt: report.at.toISOString(),
})
