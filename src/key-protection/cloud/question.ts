/** What is asked of every cloud's report, and what one cloud's reader answers (CSBR 6.2.7.4.1 (2), 6.2.7.4.2 (5)). */
import type { Check, Message } from '../../attestation/verifier.ts'
import type { Policy } from '../../policy/policy.ts'
import type { CloudFile } from './files.ts'

export const AREA = 'key-protection-cloud-report'

/** The questions and the key of each one's words. A forgotten one does not compile (`CloudAnswer`). */
export const CLOUD_QUESTIONS = {
  'one-report': `${AREA}.question.one-report`,
  'same-key': `${AREA}.question.same-key`,
  'hardware-protected': `${AREA}.question.hardware-protected`,
  'certified-module': `${AREA}.question.certified-module`,
  'generated-inside': `${AREA}.question.generated-inside`,
  'not-exportable': `${AREA}.question.not-exportable`,
  'signing-only': `${AREA}.question.signing-only`,
  'everything-logged': `${AREA}.question.everything-logged`,
  recent: `${AREA}.question.recent`,
} as const
export type CloudQuestion = keyof typeof CLOUD_QUESTIONS

export const CLOUDS = ['aws', 'google', 'azure'] as const
export type CloudId = (typeof CLOUDS)[number]

export interface CloudInput {
  readonly files: readonly CloudFile[]
  /** SubjectPublicKeyInfo (DER) of the key applied for. */
  readonly publicKeySpki: Buffer
  /** As the applicant states it; null before. */
  readonly region: string | null
  readonly at: Date
  readonly policy: Pick<Policy, 'attestation' | 'keys'>
}

/** One cloud's answer. `recent` is asked of all clouds alike, of the dates given here. */
export interface CloudAnswer {
  readonly checks: { readonly [Q in Exclude<CloudQuestion, 'recent'>]: readonly Check[] }
  readonly cautions: { readonly [Q in CloudQuestion]?: readonly Message[] }
  readonly about: readonly { readonly label: Message; readonly value: Message }[]
  /** When the cloud made the key; null where no file says it. */
  readonly created: Date | null
  /** The last moment that the files themselves speak of: the report is not older, and its date not before. */
  readonly latest: Date | null
  /** The last moment at which the log was delivered, where a file says it: what the files show is no younger than that. */
  readonly lastLog: Date | null
}

/** How the output of one command is recognised, and the command that prints it. */
export interface OutputKind {
  readonly id: string
  readonly command: string
  readonly is: (file: CloudFile) => boolean
}

export interface CloudReader {
  readonly id: CloudId
  readonly outputs: readonly OutputKind[]
  /** `found` holds the file of each output, `others` those of outputs that may come more than once. Never throws. */
  examine(found: FoundOutputs, input: CloudInput): CloudAnswer
}

/** Files by the output that they are. */
export type FoundOutputs = ReadonlyMap<string, readonly CloudFile[]>
