/** What views/apply/attestation.ejs shows: verdict, device, the five findings. */
import { attestationRows, inWords, readAttestationReport } from './findings.ts'
import { translate, type Language } from './locales.ts'

/** The attestation's report in words, with the device it speaks of. */
export function attestationModel(language: Language, stored: { readonly report: string }) {
  const report = readAttestationReport(stored)
  const t = (key: string) => translate(language, key)
  const { device, verdict, findings } = report
  const row = (term: string, text: string) => ({ term, text, mono: false, copy: false })
  return {
    outcome: verdict.outcome,
    verdict: t(`attestation.verdict.${verdict.outcome}`),
    malformed: verdict.outcome === 'malformed' ? { file: verdict.file, reason: inWords(language, verdict.reason) } : null,
    device: device
      ? [
          ...(report.maker ? [row(t('key-protection.device.maker'), inWords(language, report.maker.title))] : []),
          row(t('key-protection.device.model'), inWords(language, device.model)),
          ...(device.firmware ? [row(t('key-protection.device.firmware'), device.firmware)] : []),
          ...(device.serial ? [row(t('key-protection.device.serial'), device.serial)] : []),
          ...(device.formFactor ? [row(t('key-protection.device.form-factor'), inWords(language, device.formFactor))] : []),
          ...device.details.map(({ label, value }) => row(inWords(language, label), inWords(language, value))),
        ]
      : [],
    trusted: report.chainTrusted,
    findings: attestationRows(report, language),
    cautions: findings ? [...new Set(Object.values(findings).flatMap(({ cautions }) => cautions.map((caution) => inWords(language, caution))))] : [],
    at: report.at,
  }
}
