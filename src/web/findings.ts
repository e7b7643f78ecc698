/** Verdicts of the rules and answers on the key's protection, in the reader's words, as views/parts/findings.ejs takes them (ATT-9). */
import type { Assessment } from '../application/application.ts'
import type { Finding } from '../attestation/verifier.ts'
import type { RuleVerdict } from '../certificate/rule-verdict.ts'
import type { ProtectionReportJson } from '../key-protection/judge-protection.ts'
import { translate, type Language } from './locales.ts'

export interface FindingRow {
  readonly title: string
  readonly outcome: 'pass' | 'fail'
  readonly observed: string
  readonly expected: string
  readonly remedy: string | null
  readonly source: string | null
  readonly clause: string | null
}

/** A sentence of a rule; its values may be numbers. */
export const inWords = (language: Language, message: { readonly key: string; readonly values?: Readonly<Record<string, string | number>> }): string =>
  translate(language, message.key, Object.fromEntries(Object.entries(message.values ?? {}).map(([name, value]) => [name, String(value)])))

export const readRuleReport = (assessment: Pick<Assessment, 'report'>): readonly RuleVerdict[] => JSON.parse(assessment.report) as RuleVerdict[]
export const readProtectionReport = (assessment: Pick<Assessment, 'report'>): ProtectionReportJson => JSON.parse(assessment.report) as ProtectionReportJson

export const ruleRows = (verdicts: readonly RuleVerdict[], language: Language): readonly FindingRow[] =>
  verdicts.map((verdict) => ({
    title: `${verdict.row}: ${translate(language, `key-rules.${verdict.row}.title`)}`,
    outcome: verdict.outcome,
    observed: inWords(language, verdict.observed),
    expected: inWords(language, verdict.expected),
    remedy: verdict.remedy && verdict.outcome === 'fail' ? inWords(language, verdict.remedy) : null,
    source: null,
    clause: verdict.clause,
  }))

/** One answer each; none for malformed evidence. */
export const protectionRows = ({ findings }: ProtectionReportJson, language: Language): readonly FindingRow[] =>
  (findings ?? []).map(({ title, finding }) => findingRow(title, finding, language))

export function findingRow(title: string, { outcome, observed, expected, remedy, source, clause, claimed }: Finding, language: Language): FindingRow {
  const seen = inWords(language, observed)
  return {
    title: translate(language, title),
    outcome,
    observed: claimed ? `${seen} (${translate(language, 'attestation.claimed')})` : seen,
    expected: inWords(language, expected),
    remedy: remedy && outcome === 'fail' ? inWords(language, remedy) : null,
    source,
    clause: clause ?? null,
  }
}
