/** What views/apply/protection-report.ejs shows: verdict, what the evidence speaks of, the findings. */
import type { ProtectionReportJson } from '../key-protection/judge-protection.ts'
import { KEY_ATTESTATION, methodOf } from '../key-protection/methods.ts'
import { inWords, protectionRows, readProtectionReport } from './findings.ts'
import { translate, WORDS, type Language } from './locales.ts'

/** What the verdict is called: as the method calls it, where it has words of its own. */
function verdictKey({ method, verdict }: ProtectionReportJson): string {
  // A statement of a maker that the policy leaves out was read well: it is not taken.
  if (verdict.outcome === 'malformed' && verdict.reason.key.startsWith('attestation.off.')) return 'attestation.verdict.not-taken'
  if (method === KEY_ATTESTATION) return `attestation.verdict.${verdict.outcome}`
  const own = `key-protection-${methodOf(method).id}.verdict.${verdict.outcome}`
  return WORDS.en.has(own) ? own : `key-protection.verdict.${verdict.outcome}`
}

/** The report on a key's protection in words. */
export function protectionModel(language: Language, stored: { readonly report: string }) {
  const report = readProtectionReport(stored)
  const { verdict, findings } = report
  return {
    outcome: verdict.outcome,
    verdict: translate(language, verdictKey(report)),
    malformed: verdict.outcome === 'malformed' ? { file: verdict.file, reason: inWords(language, verdict.reason) } : null,
    about: report.about.map(({ label, value }) => ({ term: inWords(language, label), text: inWords(language, value), mono: false, copy: false })),
    trusted: report.trusted,
    demo: report.demo,
    findings: protectionRows(report, language),
    cautions: [...new Set((findings ?? []).flatMap(({ finding }) => finding.cautions.map((caution) => inWords(language, caution))))],
    at: report.at,
  }
}
