/**
 * The contract with the seven methods of CP 6.2.7 (CSBR 6.2.7.4.2): what a method is given, and what it answers. All answer with the finding
 * that makers answer with; the verdict is drawn elsewhere, once, for all of them (`judge-protection.ts`).
 */
import type { AnchorChange } from '../attestation/anchor-changes.ts'
import type { EvidenceFile } from '../attestation/evidence.ts'
import type { DemoAnchor } from '../attestation/makers.ts'
import { say, type Finding, type Message } from '../attestation/verifier.ts'
import type { Policy } from '../policy/policy.ts'
import type { AcceptedService, ApprovedAuditor } from './register.ts'
import type { ShippedKey } from './shipped-module.ts'

/** As CP 6.2.7 numbers the methods. */
export type MethodNumber = 1 | 2 | 3 | 4 | 5 | 6 | 7

/** The three options of CSBR 6.2.7.4.1, as the applicant represents them (APP-2). */
export type KeyOption = 'own-module' | 'cloud-key-protection' | 'signing-service'
export const KEY_OPTIONS: readonly KeyOption[] = ['own-module', 'cloud-key-protection', 'signing-service']

/** What the applicant states for a method beside the files: name to text, checked against the method's fields. */
export type Details = Readonly<Record<string, string>>

/** One thing to state. Its words: `key-protection-<id>.field.<name>.label` and `.hint`. */
export interface DetailField {
  readonly name: string
  readonly kind: 'text' | 'long-text' | 'date' | 'choice'
  readonly required: boolean
  /** Characters; 200 unless told. */
  readonly maximum?: number
  /** For a choice: values whose words stand under `key-protection-<id>.field.<name>.choice.<value>`, unless `text` gives them (a name of the registers). */
  readonly choices?: (facts: ProtectionFacts) => readonly { readonly value: string; readonly text?: string }[]
}

/** A random value that the portal gave out for one application (methods 3 and 6): a report that carries it is not an older one. */
export interface Challenge {
  readonly method: MethodNumber
  /** 32 octets, lower-case hex. */
  readonly value: string
  readonly issuedAt: string
  readonly expiresAt: string
  /** When a report that was taken answered it, and with which key; null while none did. */
  readonly answered: { readonly at: string; readonly spkiSha256: string } | null
}

/** What the database knows that a method's judgement needs. Read first, so that judging stays pure. */
export interface ProtectionFacts {
  /** As recorded of the CA at its creation, never from the environment. */
  readonly demoHierarchy: boolean
  /** The demo makers of this installation; not looked at under any other hierarchy. */
  readonly demoAnchors: readonly DemoAnchor[]
  /** What the operator changed about makers' keys (method 2): confirmed changes alone, in the order of confirming. */
  readonly anchorChanges: readonly AnchorChange[]
  /** Those given out for this application, oldest first. */
  readonly challenges: readonly Challenge[]
  /** The inventory's entry for the key applied for; null for a key that we never generated into a module (method 1). */
  readonly shippedKey: ShippedKey | null
  /** Those whom two officers entered into the register, the withdrawn ones too (method 6). */
  readonly auditors: readonly ApprovedAuditor[]
  /** Likewise the Signing Services (method 7). */
  readonly signingServices: readonly AcceptedService[]
}

/** Of the application judged. */
export interface ProtectionSubject {
  readonly id: string
  readonly reference: string
  readonly organisationId: string | null
  readonly applicantId: string
  /** As the applicant states it; null before. */
  readonly legalName: string | null
}

export interface ProtectionInput {
  readonly files: readonly EvidenceFile[]
  /** The request applied with, DER. Its own signature is judged where requests are, not here. */
  readonly certificateRequestDer: Buffer
  /** SubjectPublicKeyInfo (DER) of the key applied for. */
  readonly publicKeySpki: Buffer
  readonly details: Details
  readonly at: Date
  readonly policy: Pick<Policy, 'id' | 'attestation' | 'keys' | 'keyProtection' | 'periods'>
  readonly facts: ProtectionFacts
  readonly application: ProtectionSubject
}

/** What a method found. */
export interface Examination<Question extends string> {
  readonly findings: { readonly [Q in Question]: Finding }
  /** What the evidence speaks of: a device, a service, a report. */
  readonly about: readonly { readonly label: Message; readonly value: Message }[]
  /** False: what `about` shows is claimed by a signature or certificate that we don't trust. */
  readonly trusted: boolean
  /** Rests on a demo maker. */
  readonly demo: boolean
}

/** What an officer confirms where a method's evidence is a document that only a person can read. Words as for every item: `review.item.<id>`. */
export interface ReviewerItem {
  readonly id: string
  readonly clause: string
  /** Words: `review.source.<id>`. */
  readonly sources: readonly string[]
}

/** `closed`: nobody is in its register, or no module that it takes. */
export type Standing = 'open' | 'demo-only' | 'closed'

/** Of a method that takes the modules that the policy names. */
export function standingOf(modules: readonly { readonly demo: boolean }[], demoHierarchy: boolean): Standing {
  if (modules.some(({ demo }) => !demo)) return 'open'
  return demoHierarchy && modules.length > 0 ? 'demo-only' : 'closed'
}

/** One method. Pure: no clock, network, database or randomness. */
export interface MethodRules<Question extends string = string> {
  readonly number: MethodNumber
  /** Its words: `key-protection.method.<id>`, and the area `key-protection-<id>`. */
  readonly id: string
  /** Ledger row: `ATT-2`. */
  readonly row: string
  /** The options of CSBR 6.2.7.4.1 that it can show. */
  readonly options: readonly KeyOption[]
  /** The questions and the key of each one's words. A forgotten one does not compile (`Examination`). */
  readonly questions: { readonly [Q in Question]: string }
  /** What one application's evidence may come to, in octets and files; no files where the method takes none. */
  readonly limits: { readonly bytes: number; readonly files: number }
  /** File name endings, with the dot: a hint for the file chooser. */
  readonly endings: readonly string[]
  readonly fields: readonly DetailField[]
  readonly reviewerItem: ReviewerItem | null
  /** The certificate request comes out of the method: it is given afterwards, where the others ask for it first. */
  readonly makesRequest?: true
  /** Whether anybody can use it here today; a method without is always open. `demo-only`: under a demo hierarchy, with a demo module. */
  standing?(input: Pick<ProtectionInput, 'facts' | 'policy' | 'at'>): Standing
  /** Whether there is anything to judge yet. Never throws. */
  begun(input: ProtectionInput): boolean
  /** @throws MalformedStatement for evidence that cannot be read; whatever else is wrong with it is a finding */
  examine(input: ProtectionInput): Examination<Question>
  /** Why files can't be kept at all, beside the limits; null when they can. */
  refuse?(files: readonly EvidenceFile[], kept: readonly EvidenceFile[]): { readonly file: string; readonly reason: Message } | null
  /** The challenge that this evidence answers, once it is taken; null for none. Never throws. */
  answers?(input: ProtectionInput): string | null
}

/** A line of `about` with plain text as its value. */
export const about = (label: string, text: string): { label: Message; value: Message } => ({ label: { key: label }, value: say('key-protection.text', { text }) })
