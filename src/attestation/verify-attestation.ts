/**
 * Method 2 of CSBR 6.2.7.4.2: takes a maker's statement in, has it examined, and draws the verdict: here, once, for every maker.
 * Pure: the same files, request, policy and moment give the same report, so another process can ask again over what was stored.
 */
import { createHash } from 'node:crypto'
import type { Policy } from '../policy/policy.ts'
import type { AnchorChange } from './anchor-changes.ts'
import type { Anchors } from './anchors.ts'
import { readEvidence, requestKey, type Evidence, type EvidenceFile } from './evidence.ts'
import { makersFor, unlistedMakers, type DemoAnchor, type Maker } from './makers.ts'
import { proofs, type Proof } from './proof.ts'
import { keyType, keyTypePermitted } from './public-key.ts'
import { finding, MalformedStatement, questions, say, type Device, type Finding, type Findings, type Message, type Question } from './verifier.ts'

interface KeyFacts {
  /** SHA-256 of the SubjectPublicKeyInfo, lower-case hex. */
  readonly spkiSha256: string
  readonly maker: string
  readonly demo: boolean
}

const verifiedKeys = proofs<'verified key', KeyFacts>()
/** Proof that a key was attested. Nothing but `verifyAttestation` makes one. */
export type VerifiedKey = Proof<'verified key', KeyFacts>
export const isVerifiedKey = verifiedKeys.is

export type Verdict =
  | { readonly verified: VerifiedKey }
  /** The questions answered no, in the order of QUESTIONS; never empty. */
  | { readonly refused: readonly Question[] }
  /** `file` is null for the certificate request itself, or when nothing was given. */
  | { readonly malformed: { readonly file: string | null; readonly reason: Message } }

export interface AttestationReport {
  readonly verdict: Verdict
  /** The maker whose statement this is; null when no maker knows it. */
  readonly maker: { readonly id: string; readonly title: Message; readonly demo: boolean } | null
  readonly at: Date
  readonly policy: string
  /** False: whatever the statement says below is claimed by a certificate that we don't trust. */
  readonly chainTrusted: boolean
  readonly device: Device | null
  /** All five, or null for a malformed statement. */
  readonly findings: Findings | null
  readonly key: { readonly type: string | null; readonly permittedByPolicy: boolean; readonly spkiSha256: string; readonly attestedSpkiSha256: string | null }
  /** What was judged, so that the report and the stored bytes can be matched years later (ATT-9). */
  readonly evidence: readonly { readonly file: string | null; readonly size: number; readonly sha256: string }[]
}

export interface AttestationInput {
  readonly files: readonly EvidenceFile[]
  /** The request applied with, DER. Its own signature is judged where requests are, not here. */
  readonly certificateRequestDer: Buffer
  /** SubjectPublicKeyInfo (DER) of the key applied for. */
  readonly publicKeySpki: Buffer
  readonly at: Date
  readonly policy: Pick<Policy, 'id' | 'attestation' | 'keys' | 'periods'>
  /** As recorded of the CA at its creation, never from the environment. */
  readonly demoHierarchy: boolean
  /** The demo makers of this installation; not looked at under any other hierarchy. */
  readonly demoAnchors?: readonly DemoAnchor[]
  /** What the operator changed about makers' keys: confirmed changes alone, in the order of confirming. */
  readonly anchorChanges?: readonly AnchorChange[]
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

/**
 * Judges key attestation evidence. Bad evidence is a verdict, never an exception.
 * `anchorsOf` is for tests alone: it puts other keys in a maker's place.
 */
export function verifyAttestation(input: AttestationInput, anchorsOf: { readonly [maker: string]: Anchors } = {}): AttestationReport {
  const { files, certificateRequestDer, publicKeySpki, at, policy } = input
  const type = keyType(publicKeySpki)
  const report = {
    maker: null as AttestationReport['maker'],
    at,
    policy: policy.id,
    chainTrusted: false,
    device: null,
    findings: null,
    key: { type, permittedByPolicy: keyTypePermitted(type, policy.keys), spkiSha256: sha256(publicKeySpki), attestedSpkiSha256: null as string | null },
    evidence: [{ file: null, size: certificateRequestDer.length, sha256: sha256(certificateRequestDer) }, ...files.map(({ name, bytes }) => ({ file: name, size: bytes.length, sha256: sha256(bytes) }))],
  }
  try {
    const evidence = readEvidence(files, certificateRequestDer)
    const maker = makersFor(policy, input, anchorsOf).find((candidate) => candidate.recognises(evidence))
    if (!maker) {
      const unlisted = unlistedMakers(policy).find((candidate) => candidate.recognises(evidence))
      if (unlisted) report.maker = { id: unlisted.id, title: unlisted.title, demo: unlisted.demo }
      throw unaccepted(evidence, unlisted?.id)
    }
    report.maker = { id: maker.id, title: maker.title, demo: maker.demo }
    const { findings: answers, device, attestedKey } = maker.examine(evidence, { publicKey: publicKeySpki, at, policy })
    const findings = { ...answers, 'same-key': withRequestKey(answers['same-key'], requestKey(certificateRequestDer), publicKeySpki) }
    report.key.attestedSpkiSha256 = sha256(attestedKey)
    return { ...report, verdict: draw(findings, maker, publicKeySpki), chainTrusted: findings['genuine-device'].outcome === 'pass', device, findings }
  } catch (error) {
    if (!MalformedStatement.is(error)) throw error
    return { ...report, verdict: { malformed: { file: error.file, reason: error.reason } } }
  }
}

/** What is wrong with evidence that no listed maker knows. Types of statements that nobody here knows are named, and nothing is guessed from what is in them. */
function unaccepted({ files, statements }: Evidence, unlisted: string | undefined): MalformedStatement {
  const file = files[0]?.name ?? null
  if (unlisted !== undefined) return new MalformedStatement(file, say(`attestation.off.${unlisted}`))
  const [statement] = statements
  if (statement) return new MalformedStatement(statement.file, say('attestation.malformed.csr-attestation.unknown-type', { types: [...new Set(statements.map(({ type }) => type))].join(', ') }))
  return new MalformedStatement(file, say(file === null ? 'attestation.malformed.nothing' : 'attestation.malformed.unrecognised'))
}

/** The one place where a verdict is drawn: every question answered yes, or the list of those that are not. */
function draw(findings: Findings, maker: Maker, publicKeySpki: Buffer): Verdict {
  const refused = questions.filter((question) => findings[question]?.outcome !== 'pass')
  return refused.length > 0 ? { refused } : { verified: verifiedKeys.make({ spkiSha256: sha256(publicKeySpki), maker: maker.id, demo: maker.demo }) }
}

/** The key judged must be the key of the request that was stored, whatever the caller says it is. */
function withRequestKey(sameKey: Finding, inRequest: Buffer, publicKeySpki: Buffer): Finding {
  if (inRequest.equals(publicKeySpki)) return sameKey
  const check = {
    outcome: 'fail' as const,
    observed: say('attestation.same-key.request-differs', { sha256: sha256(inRequest) }),
    expected: say('attestation.same-key.expected', { sha256: sha256(publicKeySpki) }),
    source: 'CSBR 6.2.7.4.2 (2)',
    clause: 'CSBR 6.2.7.4.2 (2)',
    alert: true as const,
  }
  return finding([check, ...sameKey.checks], { claimed: sameKey.claimed, cautions: sameKey.cautions })
}

export type ReportJson = Omit<AttestationReport, 'verdict' | 'at'> & {
  readonly at: string
  readonly verdict:
    | { readonly outcome: 'verified'; readonly spkiSha256: string; readonly maker: string; readonly demo: boolean }
    | { readonly outcome: 'refused'; readonly questions: readonly Question[] }
    | { readonly outcome: 'malformed'; readonly file: string | null; readonly reason: Message }
}

/** The report as plain data for storing and showing. It is a record, not a proof: no token comes back from it. */
export function reportToJson({ verdict, at, ...rest }: AttestationReport): ReportJson {
  return {
    ...rest,
    at: at.toISOString(),
    verdict:
      'verified' in verdict
        ? { outcome: 'verified', spkiSha256: verdict.verified.spkiSha256, maker: verdict.verified.maker, demo: verdict.verified.demo }
        : 'refused' in verdict
          ? { outcome: 'refused', questions: verdict.refused }
          : { outcome: 'malformed', ...verdict.malformed },
  }
}
