/** What a lint is: one rule of one clause, judged on the octets to be signed (CP 4.3.1; ISS-1). */
import type { Policy } from '../../policy/policy.ts'
import type { NameAttribute } from '../../pki/name.ts'
import { CERTIFICATE_KINDS, type CertificateKind, type CertificateUrls, type Issuer } from '../profile.ts'
import type { Message } from '../rule-verdict.ts'
import type { TbsView } from './tbs-view.ts'

/** What was ordered, to hold the octets against. */
export interface LintContext {
  readonly kind: CertificateKind
  readonly policy: Policy
  /** The present moment. */
  readonly now: Date
  readonly issuer: Issuer | 'self'
  /** The subject as approved. */
  readonly subject: readonly NameAttribute[]
  /** The approved public key, SubjectPublicKeyInfo DER. */
  readonly spki: Buffer
  readonly urls: CertificateUrls
}

export interface Lint {
  /** Ledger row and what is looked at, e.g. crt-3-key-usage. */
  readonly id: string
  readonly row: string
  readonly clause: string
  readonly kinds: readonly CertificateKind[]
  /** Name of the sentence in the locale file lints.json. */
  readonly sentence: string
  /** Every lint is an error: nothing is signed while one speaks. */
  readonly severity: 'error'
  /** Null when the rule is kept; otherwise what was found, as data to put into the sentence. */
  readonly check: (view: TbsView, context: LintContext) => string | null
}

export interface LintFinding {
  readonly id: string
  readonly row: string
  readonly clause: string
  readonly message: Message
}

export const finding = ({ id, row, clause, sentence }: Pick<Lint, 'id' | 'row' | 'clause' | 'sentence'>, observed: string): LintFinding => ({
  id,
  row,
  clause,
  message: { key: `lints.${sentence}`, values: { observed } },
})

/** Stands in a finding for what is not there. */
export const ABSENT = '–'

export function lint(row: string, sentence: string, kinds: readonly CertificateKind[] | 'all', clause: string, check: Lint['check']): Lint {
  return { id: `${row.toLowerCase()}-${sentence}`, row, clause, kinds: kinds === 'all' ? CERTIFICATE_KINDS : kinds, sentence, severity: 'error', check }
}

export const same = (found: readonly unknown[], expected: readonly unknown[]): boolean => found.length === expected.length && found.every((value, index) => value === expected[index])
export const sameSet = (found: readonly string[], expected: readonly string[]): boolean => same([...found].sort(), [...expected].sort())
export const listed = (found: readonly (string | number)[]): string => (found.length === 0 ? ABSENT : found.join(', '))
