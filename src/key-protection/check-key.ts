/**
 * "Check my key": what any person gets told of a key and its evidence, before applying and without an account. The page, the command
 * `check-key` and `POST /api/check-key` all ask here, and the answer is of the same rules by which applications are judged.
 */
import type { Anchors } from '../attestation/anchors.ts'
import { readEvidence, type EvidenceFile } from '../attestation/evidence.ts'
import { BUILT_IN_MAKERS, makersFor } from '../attestation/makers.ts'
import { finding, MalformedStatement, questions, say, type Check, type Device, type Finding, type Message, type Question } from '../attestation/verifier.ts'
import { verifyAttestation, type AttestationInput, type AttestationReport } from '../attestation/verify-attestation.ts'
import { examineKey } from '../certificate/key-rules.ts'
import type { RuleVerdict } from '../certificate/rule-verdict.ts'
import type { CertificateRequest } from '../pki/certificate-request.ts'
import { MalformedDer, sequence } from '../pki/der.ts'
import { readPublicKey, type PublicKey } from '../pki/public-key.ts'
import { requestInfo } from '../pki/request-writer.ts'
import type { Policy } from '../policy/policy.ts'
import { sortDroppedFiles, type DroppedFiles } from './dropped-files.ts'
import { openMethods } from './methods.ts'
import { recogniseWithoutAttestation, withoutAttestation, type OtherMethod, type WithoutAttestation } from './without-attestation.ts'

/** Whose keys count beside those that ship: facts of the installation, none of them from the files. */
export type AttestationTrust = Omit<AttestationInput, 'files' | 'certificateRequestDer' | 'publicKeySpki' | 'at' | 'policy'>

/** No installation: the keys that ship, and no demo maker. */
export const SHIPPED_TRUST: AttestationTrust = { demoHierarchy: false }

export interface CheckKeyInput {
  /** In any order; the request or public key is told from the evidence by its content. */
  readonly files: readonly EvidenceFile[]
  readonly at: Date
  readonly policy: AttestationInput['policy'] & Pick<Policy, 'keyProtection'>
  readonly trust: AttestationTrust
  /**
   * The verdicts with what a database knows of keys (KEY-3, KEY-4); left out where none is at hand. Whether somebody has a certificate for the
   * key (APP-4) is never told to strangers.
   */
  readonly register?: (verdicts: readonly RuleVerdict[], key: PublicKey) => Promise<readonly RuleVerdict[]>
  /** What the person says the key is in: an id of `WITHOUT_ATTESTATION`, heeded when the files hold no statement. */
  readonly device?: string
}

/** A finding that is no question of the contract: the files themselves. Stands alone, when they cannot be judged. */
export type Failed = Question | 'files'

export interface KeyCheck {
  readonly verdict: 'verified' | 'refused' | 'malformed'
  readonly maker: AttestationReport['maker']
  readonly device: Device | null
  /** False: what `device` and `findings` show is claimed by a certificate that we don't trust. */
  readonly trusted: boolean
  /** The findings that fail, in the order of the questions; empty exactly when verified. */
  readonly failed: readonly Failed[]
  /** The five; or `files` alone (malformed), or `genuine-device` alone (a device that attests nothing). */
  readonly findings: { readonly [Q in Failed]?: Finding }
  /** KEY-1, 2, 3, with a request KEY-5 and APP-3, with a register KEY-4. Apart: a key of a size that is not taken may well be attested. */
  readonly keyRules: readonly RuleVerdict[]
  /** Set when the device gives no attestation: the other methods of CP 6.2.7 that fit, and those of them that are open at this CA, the best first. */
  readonly without: (WithoutAttestation & { readonly open: readonly OtherMethod[] }) | null
  /** The key asked about; null when the files hold none, however clear it is which one the evidence speaks of. */
  readonly key: PublicKey | null
  readonly request: CertificateRequest | null
  /** What was judged, out of its archives and without the request and the public key. */
  readonly evidence: readonly EvidenceFile[]
  /** The file that cannot be read; null when it is none in particular, or nothing is malformed. */
  readonly file: string | null
}

const NOTHING: DroppedFiles = { request: null, publicKey: null, evidence: [] }

/**
 * Judges what was dropped. Never throws for what is in it.
 * `anchorsOf` is for tests alone: it puts other keys in a maker's place.
 */
export async function checkKey(input: CheckKeyInput, anchorsOf: { readonly [maker: string]: Anchors } = {}): Promise<KeyCheck> {
  let sorted: DroppedFiles = NOTHING
  let key: PublicKey | null
  try {
    sorted = sortDroppedFiles(input.files)
    key = sorted.publicKey ?? attestedKey(input, sorted.evidence, anchorsOf)
  } catch (error) {
    if (!MalformedStatement.is(error)) throw error
    return malformed(error.file, error.reason, sorted, [])
  }
  const verdicts = key ? examineKey(sorted.request ?? key, input.policy) : []
  const keyRules = key && input.register ? await input.register(verdicts, key) : verdicts
  return judge(input, sorted, key, keyRules, anchorsOf)
}

/** The key that a statement speaks of, for whoever has no request yet; null when no maker knows the files. @throws MalformedStatement */
function attestedKey({ trust, policy, at }: CheckKeyInput, files: readonly EvidenceFile[], anchorsOf: { readonly [maker: string]: Anchors }): PublicKey | null {
  const evidence = readEvidence(files, sequence())
  const maker = makersFor(withEveryMaker(policy), trust, anchorsOf).find((candidate) => candidate.recognises(evidence))
  if (!maker) return null
  try {
    return readPublicKey(maker.examine(evidence, { publicKey: Buffer.alloc(0), at, policy }).attestedKey)
  } catch (error) {
    if (MalformedDer.is(error)) return null
    throw error
  }
}

function judge(input: CheckKeyInput, sorted: DroppedFiles, key: PublicKey | null, keyRules: readonly RuleVerdict[], anchorsOf: { readonly [maker: string]: Anchors }): KeyCheck {
  const { request, publicKey, evidence } = sorted
  const without = () => recogniseWithoutAttestation(evidence) ?? withoutAttestation(input.device ?? '')
  if (!key) {
    const service = without()
    return service ? unattested(service, input.policy, sorted, keyRules) : malformed(null, say(input.files.length === 0 ? 'check-key.malformed.nothing' : 'check-key.malformed.no-key'), sorted, keyRules)
  }
  const report = verifyAttestation(
    {
      ...input.trust,
      files: evidence,
      certificateRequestDer: request?.der ?? keyAlone(key),
      publicKeySpki: key.spki,
      at: input.at,
      policy: withEveryKind(withEveryMaker(input.policy)),
    },
    anchorsOf,
  )
  const { maker, device, verdict, chainTrusted } = report
  if ('malformed' in verdict) {
    const service = maker ? null : without()
    return service ? unattested(service, input.policy, sorted, keyRules) : { ...malformed(verdict.malformed.file, verdict.malformed.reason, sorted, keyRules), maker }
  }
  const findings = { ...report.findings! }
  if (maker && !maker.demo && !input.policy.attestation.makers.includes(maker.id)) findings['genuine-device'] = unlisted(findings['genuine-device'])
  if (!publicKey) findings['same-key'] = notGiven(findings['same-key'])
  const failed = questions.filter((question) => findings[question].outcome === 'fail')
  return { ...about(sorted, keyRules), verdict: 'verified' in verdict && failed.length === 0 ? 'verified' : 'refused', maker, device, trusted: chainTrusted, failed, findings }
}

const CLAUSE = 'CSBR 6.2.7.4.2 (2)'

/** A policy's list of makers decides (absence never permits), and whoever asks still learns what the evidence is worth. */
const withEveryMaker = <P extends Pick<Policy, 'attestation'>>(policy: P): P => ({ ...policy, attestation: { ...policy.attestation, makers: BUILT_IN_MAKERS } })

const unlisted = (genuine: Finding): Finding =>
  finding([{ outcome: 'fail', observed: say('check-key.unlisted.observed'), expected: say('check-key.unlisted.expected'), source: CLAUSE, clause: CLAUSE, remedy: say('check-key.unlisted.remedy') }, ...genuine.checks], {
    claimed: genuine.claimed,
    cautions: genuine.cautions,
  })

const notGiven = (same: Finding): Finding =>
  finding([{ outcome: 'fail', observed: say('check-key.not-given.observed'), expected: say('check-key.not-given.expected'), source: CLAUSE, clause: CLAUSE, remedy: say('check-key.not-given.remedy') }], { claimed: same.claimed, cautions: same.cautions })

/**
 * The attestation is judged as if the policy took every kind of key that a module may be certified for: whether it does is KEY-1, answered
 * apart. What the module is certified for is asked all the same.
 */
function withEveryKind(policy: CheckKeyInput['policy']): CheckKeyInput['policy'] {
  const { subscriber } = policy.keys
  return { ...policy, keys: { ...policy.keys, subscriber: { ...subscriber, rsaBits: [...subscriber.rsaBits, 2048, 3072, 4096], curves: ['P-256', 'P-384', 'P-521', 'Ed25519'] } } }
}

/** A public key in the place where a request has it, so that the one verifier reads it: nothing is signed by it, and nobody is told that it were. */
const keyAlone = ({ spki }: PublicKey): Buffer => sequence(requestInfo(sequence(), spki))

const about = ({ request, publicKey, evidence }: DroppedFiles, keyRules: readonly RuleVerdict[]) => ({ maker: null, device: null, trusted: false, keyRules, without: null, key: publicKey, request, evidence, file: null })

function malformed(file: string | null, reason: Message, sorted: DroppedFiles, keyRules: readonly RuleVerdict[]): KeyCheck {
  // What to do about a private key is said with it, and sending it again is not it.
  const remedy = reason.key === 'attestation.malformed.private-key' ? {} : { remedy: say('check-key.files.remedy') }
  const check: Check = { outcome: 'fail', observed: reason, expected: say('check-key.files.expected'), source: CLAUSE, clause: CLAUSE, ...remedy }
  return { ...about(sorted, keyRules), verdict: 'malformed', failed: ['files'], findings: { files: finding([check]) }, file }
}

/** No statement can be had from such a device: that is a refusal with a way on, and no fault of the files. */
function unattested({ id, methods }: WithoutAttestation, policy: CheckKeyInput['policy'], sorted: DroppedFiles, keyRules: readonly RuleVerdict[]): KeyCheck {
  const open = methods.filter((method) => openMethods(policy).some(({ number }) => number === method))
  const check: Check = {
    outcome: 'fail',
    observed: say(`check-key.without.${id}.why`),
    expected: say('check-key.without.expected'),
    source: CLAUSE,
    clause: CLAUSE,
    remedy: open.length > 0 ? say('check-key.without.remedy', { methods: open.join(', ') }) : say('check-key.without.remedy-none', { methods: methods.join(', ') }),
  }
  return { ...about(sorted, keyRules), verdict: 'refused', failed: ['genuine-device'], findings: { 'genuine-device': finding([check]) }, without: { id, methods, open } }
}
