/**
 * The verdict on how a key is protected: drawn here, once, for all seven methods. Pure: the same input gives the same report, so that
 * `ca` can ask again over what was stored.
 */
import { createHash } from 'node:crypto'
import { proofs, type Proof } from '../attestation/proof.ts'
import { MalformedStatement, type Finding, type Message } from '../attestation/verifier.ts'
import { methodOf } from './methods.ts'
import type { MethodNumber, MethodRules, ProtectionInput } from './protection.ts'

interface KeyFacts {
  /** SHA-256 of the SubjectPublicKeyInfo, lower-case hex. */
  readonly spkiSha256: string
  readonly method: MethodNumber
  readonly demo: boolean
}

const protectedKeys = proofs<'protected key', KeyFacts>()
/** Proof that a key's protection was shown. Nothing but `judgeProtection` makes one; what needs a protected key takes this and no flag. */
export type ProtectedKey = Proof<'protected key', KeyFacts>
export const isProtectedKey = protectedKeys.is

export type ProtectionVerdict =
  | { readonly verified: ProtectedKey }
  /** The questions answered no, in the method's order; never empty. */
  | { readonly refused: readonly string[] }
  /** `file` is null for the certificate request itself, or when nothing was given. */
  | { readonly malformed: { readonly file: string | null; readonly reason: Message } }

export interface ProtectionReport {
  readonly method: MethodNumber
  readonly at: Date
  readonly policy: string
  readonly verdict: ProtectionVerdict
  /** In the method's order; `title` is the key of the question's words. Null for malformed evidence. */
  readonly findings: readonly { readonly question: string; readonly title: string; readonly finding: Finding }[] | null
  readonly about: readonly { readonly label: Message; readonly value: Message }[]
  readonly trusted: boolean
  readonly demo: boolean
  /** Of the key applied for. */
  readonly spkiSha256: string
  /** What was judged, so that the report and the stored bytes can be matched years later (ATT-9). */
  readonly evidence: readonly { readonly file: string | null; readonly size: number; readonly sha256: string }[]
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

/** Judges by one method. Bad evidence is a verdict, never an exception. Null while there is nothing to judge. */
export function judgeProtection(method: MethodNumber, input: ProtectionInput): ProtectionReport | null {
  return judgeBy(methodOf(method), input)
}

/** As `judgeProtection`, by the rules given: for tests of one method. */
export function judgeBy(rules: MethodRules, input: ProtectionInput): ProtectionReport | null {
  if (!rules.begun(input)) return null
  const { files, certificateRequestDer, publicKeySpki, at, policy } = input
  const spkiSha256 = sha256(publicKeySpki)
  const report = {
    method: rules.number,
    at,
    policy: policy.id,
    findings: null,
    about: [],
    trusted: false,
    demo: false,
    spkiSha256,
    evidence: [{ file: null, size: certificateRequestDer.length, sha256: sha256(certificateRequestDer) }, ...files.map(({ name, bytes }) => ({ file: name, size: bytes.length, sha256: sha256(bytes) }))],
  }
  try {
    const { findings: answers, about, trusted, demo } = rules.examine(input)
    const findings = Object.entries(rules.questions).map(([question, title]) => ({ question, title, finding: answers[question]! }))
    const refused = findings.filter(({ finding }) => finding?.outcome !== 'pass').map(({ question }) => question)
    const verdict = findings.length === 0 || refused.length > 0 ? { refused } : { verified: protectedKeys.make({ spkiSha256, method: rules.number, demo }) }
    return { ...report, verdict, findings, about, trusted, demo }
  } catch (error) {
    if (!MalformedStatement.is(error)) throw error
    return { ...report, verdict: { malformed: { file: error.file, reason: error.reason } } }
  }
}

export type ProtectionReportJson = Omit<ProtectionReport, 'verdict' | 'at'> & {
  readonly at: string
  readonly verdict:
    | { readonly outcome: 'verified'; readonly spkiSha256: string }
    | { readonly outcome: 'refused'; readonly questions: readonly string[] }
    | { readonly outcome: 'malformed'; readonly file: string | null; readonly reason: Message }
}

/** The report as plain data for storing and showing. It is a record, not a proof: no token comes back from it. */
export function protectionToJson({ verdict, at, ...rest }: ProtectionReport): ProtectionReportJson {
  return {
    ...rest,
    at: at.toISOString(),
    verdict:
      'verified' in verdict
        ? { outcome: 'verified', spkiSha256: verdict.verified.spkiSha256 }
        : 'refused' in verdict
          ? { outcome: 'refused', questions: verdict.refused }
          : { outcome: 'malformed', ...verdict.malformed },
  }
}
