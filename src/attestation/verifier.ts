/**
 * The contract with a maker: five questions, one finding for each, and what a verifier must be able to do.
 * A maker's folder under `attestations/` implements `AttestationVerifier`; nothing else is asked of it.
 */
import type { Policy } from '../policy/policy.ts'
import type { Anchors } from './anchors.ts'
import type { DeviceCatalogue } from './catalogue.ts'
import type { Evidence } from './evidence.ts'

/** Words in the reader's language: a key of the locale files and what fills its placeholders. */
export interface Message {
  readonly key: string
  readonly values?: Readonly<Record<string, string>>
}

/** A message. Values from foreign bytes are cut and stripped of control characters before they are shown to anybody. */
export function say(key: string, values?: Record<string, string>): Message {
  if (!values) return { key }
  return { key, values: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, presentable(value)])) }
}

const presentable = (text: string): string => {
  const clean = text.replace(/[\p{C}\u2028\u2029]/gu, '\uFFFD')
  return clean.length > 200 ? `${clean.slice(0, 200)}…` : clean
}

/** The questions of CSBR 6.2.7.4.2 (2), and the key of each one's words. A forgotten one does not compile (`Findings`). */
export const QUESTIONS = {
  'genuine-device': 'attestation.question.genuine-device',
  'same-key': 'attestation.question.same-key',
  'generated-inside': 'attestation.question.generated-inside',
  'not-exportable': 'attestation.question.not-exportable',
  'certified-module': 'attestation.question.certified-module',
} as const

export type Question = keyof typeof QUESTIONS
export const questions = Object.keys(QUESTIONS) as Question[]

/** One thing looked at: what was seen, what it should be, where that is written, and what the applicant can do (ATT-9). */
export interface Check {
  readonly outcome: 'pass' | 'fail'
  readonly observed: Message
  readonly expected: Message
  /** Where the rule or the fact comes from: a section, a document, an address. */
  readonly source: string
  /** The clause of the CSBR or CP that asks for it. */
  readonly clause?: string
  readonly remedy?: Message
  /** Something that no honest device does: staff are told. */
  readonly alert?: true
}

/** The answer to one question. It passes when every check behind it passes; what it shows is the first check that fails. */
export interface Finding extends Check {
  /** True when the evidence says this under a certificate that we don't trust. Then it never passes on the evidence's word. */
  readonly claimed: boolean
  readonly cautions: readonly Message[]
  readonly checks: readonly Check[]
}

export type Findings = { readonly [Q in Question]: Finding }

/**
 * Draws one finding from its checks. No check at all is a failure: absence never permits.
 * `headline` is what a finding shows whose checks all pass (default: the last of them).
 */
export function finding(checks: readonly Check[], options: { claimed?: boolean; cautions?: readonly Message[]; headline?: Check | undefined } = {}): Finding {
  const passed = options.headline && checks.includes(options.headline) ? options.headline : checks.at(-1)
  const shown = checks.find((check) => check.outcome === 'fail') ?? passed ?? {
    outcome: 'fail' as const,
    observed: say('attestation.claim.nothing'),
    expected: say('attestation.claim.expected'),
    source: 'ATT-9',
  }
  return { ...shown, claimed: options.claimed ?? false, cautions: options.cautions ?? [], checks }
}

/** The check that every claim of an untrusted statement fails. */
export const untrustedClaim = (): Check => ({
  outcome: 'fail',
  observed: say('attestation.claim.untrusted'),
  expected: say('attestation.claim.expected'),
  source: 'CSBR 6.2.7.4.2 (2)',
  clause: 'CSBR 6.2.7.4.2 (2)',
  remedy: say('attestation.claim.remedy'),
})

/** What the statement says of the device, for people to read. A claim, unless the report says that the chain is trusted. */
export interface Device {
  readonly maker: string
  readonly model: Message
  readonly firmware: string | null
  readonly serial: string | null
  readonly formFactor: Message | null
  readonly details: readonly { readonly label: Message; readonly value: Message }[]
}

/** A statement that cannot be read, or is not whole. `file` is null for the certificate request itself. */
export class MalformedStatement extends Error {
  readonly #malformedStatement = true
  readonly file: string | null
  readonly reason: Message
  constructor(file: string | null, reason: Message) {
    super(`${file ?? 'certificate request'}: ${reason.key}`)
    this.name = 'MalformedStatement'
    this.file = file
    this.reason = reason
  }
  static is(error: unknown): error is MalformedStatement {
    return typeof error === 'object' && error !== null && #malformedStatement in error
  }
}

/** One kind of file that a maker's evidence is made of; the upload form is drawn from it. */
export interface AcceptedFile {
  readonly what: Message
  /** File name endings, with the dot. A hint for the file chooser; recognition is by content. */
  readonly endings: readonly string[]
  readonly required: boolean
  /** True when the certificate request may carry it instead. */
  readonly embeddable: boolean
}

export interface ExamineContext {
  /** SubjectPublicKeyInfo (DER) of the key applied for. */
  readonly publicKey: Buffer
  readonly at: Date
  readonly anchors: Anchors
  readonly catalogue: DeviceCatalogue
  readonly policy: Pick<Policy, 'attestation' | 'keys' | 'periods'>
}

/** What a maker's folder supplies. All of it is pure: no clock, network, database or randomness. */
export interface AttestationVerifier<Statement> {
  /** As the policy's `attestation.makers` lists it. */
  readonly id: string
  readonly title: Message
  readonly accepts: readonly AcceptedFile[]
  /** Whether the evidence has this maker's shape. Never throws. */
  recognises(evidence: Evidence, anchors: Anchors): boolean
  /** Reads the statement and judges nothing. @throws MalformedStatement */
  parse(evidence: Evidence): Statement
  /** Answers every question. Bad evidence is a finding, never an exception. */
  examine(statement: Statement, context: ExamineContext): Findings
  describe(statement: Statement): Device
  /** SubjectPublicKeyInfo (DER) of the attested key. */
  attestedKey(statement: Statement): Buffer
}
