/**
 * What is asked of the key applied with, and of the proof that it lives in hardware. The portal asks at upload and again at submission;
 * `ca` asks once more before it signs, over the same stored bytes.
 */
import { createHash } from 'node:crypto'
import { examineKey, weaknessByRegister } from '../certificate/key-rules.ts'
import type { RuleVerdict } from '../certificate/rule-verdict.ts'
import { weakKeyDigests, type WeakKeyDigest, type WeakKeyKind } from '../certificate/weak-key-digests.ts'
import { sharesFactor } from '../certificate/weak-rsa.ts'
import { judgeProtection, protectionToJson, type ProtectionReport } from '../key-protection/judge-protection.ts'
import { KEY_ATTESTATION, methodOf } from '../key-protection/methods.ts'
import type { ProtectionFacts, ProtectionInput } from '../key-protection/protection.ts'
import { type CertificateRequest, readCertificateRequest } from '../pki/certificate-request.ts'
import { MalformedDer } from '../pki/der.ts'
import { type PublicKey, readPublicKey, type RsaKey } from '../pki/public-key.ts'
import type { Policy } from '../policy/policy.ts'
import type { Application, Assessment, EvidenceFile } from './application.ts'
import type { Work } from './ports.ts'
import { ownEvidence } from './set-aside.ts'

/**
 * What the database knows of keys (KEY-3, KEY-4, APP-4). `database/key-register.ts` fulfils it. A look-up that fails rejects: it is never an answer,
 * so that no key passes because nobody could look.
 */
export interface KeyRegister {
  /** The kind of digest by which a list of weak keys has the key; null when none has it. */
  weakKeyListed(digests: readonly WeakKeyDigest[]): Promise<WeakKeyKind | null>
  /** Whether a list is loaded that holds every Debian weak key of so many bits. */
  hasCompleteWeakKeyList(bits: number): Promise<boolean>
  /**
   * SubjectPublicKeyInfo, DER, of every other key known here: of applications that were handed in, of reports of compromise, of the authorities.
   * In batches, so that memory does not grow with their number.
   */
  otherKeys(spkiSha256: string): AsyncIterable<readonly Buffer[]>
  /** When the key was marked as compromised; null when it was not. */
  compromisedAt(spkiSha256: string): Promise<string | null>
  certifiedFor(spkiSha256: string): Promise<{ readonly organisationId: string; readonly purpose: string } | null>
  /** Whether an application of somebody else, submitted and still alive or issued, has the key. */
  appliedElsewhere(spkiSha256: string, application: Pick<Application, 'id' | 'applicantId' | 'organisationId'>): Promise<boolean>
}

/** What keys are certified for here (CSBR 9.6.3 (3)). */
export const CERTIFIED_PURPOSE = 'code-signing'

const say = (row: 'KEY-4' | 'APP-4', path: string, values?: Record<string, string>) => ({ key: `key-rules.${row}.${path}`, ...(values ? { values } : {}) })

/** Every rule on a request: what the bytes show (KEY-1, 2, 3, 5, APP-3), then what the register knows (KEY-3, KEY-4, APP-4). */
export async function examineRequest(
  request: CertificateRequest,
  application: Application,
  policy: Policy,
  register: KeyRegister,
): Promise<readonly RuleVerdict[]> {
  return askOfRequest(examineKey(request, policy), request.publicKey, application, register)
}

/** What the register knows of a request whose bytes were examined: all of its verdicts, with the register's among them. */
export async function askOfRequest(examined: readonly RuleVerdict[], publicKey: PublicKey, application: Application, register: KeyRegister): Promise<readonly RuleVerdict[]> {
  const verdicts = await askRegister(examined, publicKey, register)
  return [...verdicts, await examineUniqueness(publicKey.sha256, application, register)]
}

/** The rules on a key that is in no application: KEY-1, 2, 3 by its bytes and the register, KEY-4. */
export const examineKnownKey = (publicKey: PublicKey, policy: Policy, register: KeyRegister): Promise<readonly RuleVerdict[]> =>
  askRegister(examineKey(publicKey, policy), publicKey, register)

/** KEY-3 asked of the lists and the other keys too, and KEY-4. */
export async function askRegister(verdicts: readonly RuleVerdict[], publicKey: PublicKey, register: KeyRegister): Promise<readonly RuleVerdict[]> {
  const compromise = await examineCompromise(publicKey.sha256, register)
  const { facts } = publicKey
  if (facts.type !== 'rsa') return [...verdicts, compromise]
  const asked = await Promise.all(verdicts.map((verdict) => (verdict.row === 'KEY-3' && verdict.outcome === 'pass' ? examineListedWeakness(publicKey, facts, register) : verdict)))
  return [...asked, compromise]
}

/**
 * Of a key as it was read once: the batches of other keys in which it was found to share no factor, each by the digest of its octets. Who asks again
 * of the same reading, as `ca` does before it signs, has every key looked up again; only octets that it was compared with are not compared again.
 */
const compared = new WeakMap<PublicKey, Set<string>>()

function sharesFactorWithin(publicKey: PublicKey, { modulus }: RsaKey, others: readonly Buffer[]): boolean {
  const digest = digestOf(others)
  const known = compared.get(publicKey) ?? new Set()
  if (known.has(digest)) return false
  if (sharesFactor(modulus, others.flatMap(modulusOf))) return true
  compared.set(publicKey, known.add(digest))
  return false
}

function digestOf(keys: readonly Buffer[]): string {
  const hash = createHash('sha256')
  // Lengths too: nothing moves from one key into the next.
  for (const key of keys) hash.update(`${key.length}:`).update(key)
  return hash.digest('base64')
}

async function examineListedWeakness(publicKey: PublicKey, facts: RsaKey, register: KeyRegister): Promise<RuleVerdict> {
  const kind = await register.weakKeyListed(weakKeyDigests(facts.modulus))
  // The openssl-blacklist form holds Debian's keys alone; the others hold keys made public in other ways too.
  if (kind !== null) return weaknessByRegister(kind === 'sha1-80' ? 'debian' : 'listed', facts, true)
  for await (const batch of register.otherKeys(publicKey.sha256)) if (sharesFactorWithin(publicKey, facts, batch)) return weaknessByRegister('sharedFactor', facts, true)
  return weaknessByRegister(null, facts, await register.hasCompleteWeakKeyList(facts.bits))
}

/** By the octets themselves as they lie in memory: keys that are compared with the same others in one pass read each of them once. */
const moduli = new WeakMap<Buffer, readonly bigint[]>()

function modulusOf(spki: Buffer): readonly bigint[] {
  const known = moduli.get(spki)
  if (known) return known
  const read = readModulus(spki)
  moduli.set(spki, read)
  return read
}

/** A row that holds no key has no factor to share; what it is worth is its own readers' finding. */
function readModulus(spki: Buffer): readonly bigint[] {
  try {
    const { facts } = readPublicKey(spki)
    return facts.type === 'rsa' ? [facts.modulus] : []
  } catch (error) {
    if (MalformedDer.is(error)) return []
    throw error
  }
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

/**
 * The chosen method of CP 6.2.7 over what is stored; key attestation while none is chosen. Null without a request, and while there is
 * nothing to judge.
 */
export function examineProtection(application: Application, files: readonly Pick<EvidenceFile, 'name' | 'bytes'>[], facts: ProtectionFacts, at: Date, policy: Policy): ProtectionReport | null {
  const input = protectionInput(application, files, facts, at, policy)
  return input && judgeProtection(application.key?.method ?? KEY_ATTESTATION, input)
}

/** What a method is asked about an application; null without a request. */
export function protectionInput(application: Application, files: readonly Pick<EvidenceFile, 'name' | 'bytes'>[], facts: ProtectionFacts, at: Date, policy: Policy): ProtectionInput | null {
  const { id, reference, organisationId, applicantId, organisation, request, key } = application
  if (!request) return null
  return {
    files: files.map(({ name, bytes }) => ({ name, bytes })),
    certificateRequestDer: request.requestDer,
    publicKeySpki: request.spkiDer,
    details: key?.details ?? {},
    at,
    policy,
    facts,
    application: { id, reference, organisationId, applicantId, legalName: organisation?.legalName ?? null },
  }
}

export const protectionAssessment = (report: ProtectionReport): Assessment => ({
  kind: 'key-protection',
  outcome: 'verified' in report.verdict ? 'pass' : 'refused' in report.verdict ? 'fail' : 'malformed',
  report: JSON.stringify(protectionToJson(report)),
  assessedAt: report.at.toISOString(),
})

/**
 * Judges a draft's key protection over what is stored now and keeps the judgement beside it; a challenge that evidence answers is answered
 * for good, with this key. Returns the judgement; null when there was nothing to judge.
 */
export async function keepProtection(work: Work, application: Application, files: readonly Pick<EvidenceFile, 'name' | 'bytes' | 'sha256'>[], policy: Policy): Promise<Assessment | null> {
  const facts = await work.protection.facts(application)
  const input = protectionInput(application, ownEvidence(application, files), facts, work.now, policy)
  const method = application.key?.method ?? KEY_ATTESTATION
  const report = input && judgeProtection(method, input)
  if (!report) {
    await work.applications.removeAssessment(application.id, 'key-protection')
    return null
  }
  const assessment = protectionAssessment(report)
  const answered = assessment.outcome === 'pass' ? (methodOf(method).answers?.(input) ?? null) : null
  if (answered !== null && !(await work.protection.answerChallenge(application.id, method, answered, report.spkiSha256))) throw new Error('the challenge was answered with another key meanwhile')
  await work.applications.putAssessment(application.id, assessment)
  return assessment
}
