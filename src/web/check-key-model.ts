/** What the pages and the interface of "Check my key" share: how often it may be asked, and its answer in words. */
import { questionWords, findingNames } from '../key-protection/check-key-json.ts'
import type { KeyCheck } from '../key-protection/check-key.ts'
import { DROPPED_LIMITS } from '../key-protection/dropped-files.ts'
import { OTHER_METHOD_IDS, type OtherMethod } from '../key-protection/without-attestation.ts'
import { addressBucket, admitUse } from '../people/attempts.ts'
import { inWords, ruleRows } from './findings.ts'
import { formatInstant, translate, type Language } from './locales.ts'
import type { PageRequest } from './reply.ts'

/** What a form or a program may send, octets of the form itself left out. */
export const CHECK_UPLOAD = { maxBytes: DROPPED_LIMITS.bytes, maxFiles: DROPPED_LIMITS.files }
/** Checks of one subscriber line, page and interface together: a person trying things out, or a build pipeline. */
export const CHECKS_AT_ONCE = { most: 30, minutes: 10 }

/** False when too many were asked from this address lately. Nothing of what was asked is kept. */
export const admitCheck = ({ services, address, now }: Pick<PageRequest, 'services' | 'address' | 'now'>): Promise<boolean> =>
  services.database.transaction((trx) => admitUse(trx, 'check-key', addressBucket(address), CHECKS_AT_ONCE, now))

/** What views/check-key/outcome.ejs and grounds.ejs show. */
export function verdictModel(language: Language, check: KeyCheck, at: Date) {
  const t = (key: string, values?: Record<string, string>) => translate(language, key, values)
  const { device, maker, findings, failed, keyRules, verdict, without } = check
  const leading = failed[0] ? { name: failed[0], finding: findings[failed[0]]! } : null
  const row = (term: string, text: string | null) => (text === null ? [] : [{ term: t(`check-key.device.${term}`), text, mono: false, copy: false }])
  const broken = keyRules.filter(({ outcome }) => outcome === 'fail')
  const reason = leading ? inWords(language, leading.finding.observed) : ''
  const remedy = leading?.finding.remedy ? t('check-key.what-to-do', { remedy: inWords(language, leading.finding.remedy) }) : null
  return {
    verdict,
    kind: verdict === 'verified' ? (broken.length === 0 ? 'good' : 'warning') : 'bad',
    title: verdict === 'refused' && leading ? t('check-key.refused', { question: t(questionWords(leading.name)) }) : t(`check-key.verdict.${verdict}`),
    text: leading ? [check.file ? t('check-key.in-file', { file: check.file, reason }) : reason, ...(remedy ? [remedy] : [])].join('\n\n') : t(broken.length === 0 ? 'check-key.verified-text' : 'check-key.verified-but'),
    broken: broken.map((rule) => `${inWords(language, rule.observed)}${language === 'ja' ? '。' : '. '}${rule.remedy ? inWords(language, rule.remedy) : ''}`),
    maker: maker && verdict === 'malformed' ? t('check-key.maker', { maker: inWords(language, maker.title) }) : null,
    trusted: check.trusted,
    device: device
      ? [
          ...row('maker', device.maker),
          ...row('model', inWords(language, device.model)),
          ...row('firmware', device.firmware),
          ...row('serial', device.serial),
          ...row('form-factor', device.formFactor && inWords(language, device.formFactor)),
          ...device.details.map(({ label, value }) => ({ term: inWords(language, label), text: inWords(language, value), mono: false, copy: false })),
        ]
      : [],
    findings:
      verdict === 'malformed'
        ? []
        : findingNames(check).map((name) => {
            const { outcome, observed, expected, remedy: fix, source, clause, claimed } = findings[name]!
            const seen = inWords(language, observed)
            return {
              title: t(questionWords(name)),
              outcome,
              observed: claimed ? `${seen} (${t('attestation.claimed')})` : seen,
              expected: inWords(language, expected),
              remedy: fix && outcome === 'fail' ? inWords(language, fix) : null,
              source,
              clause: clause ?? null,
            }
          }),
    cautions: [...new Set(Object.values(findings).flatMap((finding) => finding.cautions.map((caution) => inWords(language, caution))))],
    rules: ruleRows(keyRules, language),
    rulesIncomplete: check.key !== null && check.request === null,
    methods: without ? methodRows(language, without) : [],
    at: formatInstant(language, at),
  }
}

/** The other methods that fit a device without attestation, each with whether applications may choose it here. */
export const methodRows = (language: Language, { methods, open }: { readonly methods: readonly OtherMethod[]; readonly open: readonly OtherMethod[] }) =>
  methods.map((number) => {
    const words = `key-protection.method.${OTHER_METHOD_IDS[number]}`
    return { title: `${number}. ${translate(language, `${words}.title`)}`, hint: translate(language, `${words}.hint`), open: open.includes(number) }
  })

/** Whether what was checked can go into an application as it is: with its evidence, or for another method than attestation. */
export const carriesOver = ({ verdict, without, request, keyRules }: KeyCheck): boolean =>
  (verdict === 'verified' || without !== null) && request !== null && keyRules.every(({ outcome }) => outcome === 'pass')
