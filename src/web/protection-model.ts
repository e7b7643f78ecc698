/** What views/apply/protection-report.ejs shows: verdict, what the evidence speaks of, the findings. */
import { methodOf } from '../key-protection/methods.ts'
import { inWords, protectionRows, readProtectionReport } from './findings.ts'
import { translate, WORDS, type Language } from './locales.ts'

/** A method whose evidence is no device's word has a sentence of its own. */
function verdictKey(method: number, outcome: string): string {
  const own = `key-protection-${methodOf(method).id}.verdict.${outcome}`
  return WORDS.en.has(own) ? own : `attestation.verdict.${outcome}`
}

/** The report on a key's protection in words. */
export function protectionModel(language: Language, stored: { readonly report: string }) {
  const report = readProtectionReport(stored)
  const { verdict, findings } = report
  return {
    outcome: verdict.outcome,
    verdict: translate(language, verdictKey(report.method, verdict.outcome)),
    malformed: verdict.outcome === 'malformed' ? { file: verdict.file, reason: inWords(language, verdict.reason) } : null,
    about: report.about.map(({ label, value }) => ({ term: inWords(language, label), text: inWords(language, value), mono: false, copy: false })),
    trusted: report.trusted,
    demo: report.demo,
    findings: protectionRows(report, language),
    cautions: [...new Set((findings ?? []).flatMap(({ finding }) => finding.cautions.map((caution) => inWords(language, caution))))],
    at: report.at,
  }
}
