/** Method 4 of CP 6.2.7: an internal or external IT audit says that keys are only generated in suitable modules (CSBR 6.2.7.4.2 (4)). */
import { checkWriter } from '../attestation/check.ts'
import { finding, say, type Check, type Finding, type Message } from '../attestation/verifier.ts'
import { aboutSignature, signatureCheck } from './document-signature.ts'
import { about, type Details, type Examination, type MethodRules, type ProtectionInput } from './protection.ts'
import { readSignedDocument, refuseOtherObjects, type SignedDocument } from './signed-document.ts'
import { dayOf, hasLapsed, isAhead, lapseOf } from './stated-date.ts'
import { judgeStatedModule, type StatedModule } from './stated-module.ts'

const AREA = 'key-protection-it-audit'
const CLAUSE = 'CSBR 6.2.7.4.2 (4)'
const NUMBER = 4
/** CSBR 4.2.1: methods 4, 5 and 7 may be re-used for 13 months. */
const AGE_CLAUSE = 'CSBR 4.2.1'

const QUESTIONS = {
  report: `${AREA}.question.report`,
  signature: `${AREA}.question.signature`,
  scope: `${AREA}.question.scope`,
  modules: `${AREA}.question.modules`,
  recent: `${AREA}.question.recent`,
} as const
export type AuditQuestion = keyof typeof QUESTIONS

const check = checkWriter(AREA, { source: CLAUSE, clause: CLAUSE })
const MAX_MODULES = 20

export const itAudit: MethodRules<AuditQuestion> = {
  number: NUMBER,
  id: 'it-audit',
  row: 'ATT-4',
  options: ['own-module', 'cloud-key-protection'],
  questions: QUESTIONS,
  limits: { bytes: 5 * 1024 * 1024, files: 2 },
  endings: ['.pdf', '.p7m', '.p7s', '.p7b', '.pem'],
  fields: [
    { name: 'auditor', kind: 'text', required: true, maximum: 100 },
    { name: 'organisation', kind: 'text', required: true },
    { name: 'relation', kind: 'choice', required: true, choices: () => [{ value: 'external' }, { value: 'internal' }] },
    { name: 'scope', kind: 'long-text', required: true, maximum: 2000 },
    { name: 'covers', kind: 'choice', required: true, choices: () => [{ value: 'yes' }, { value: 'no' }] },
    { name: 'from', kind: 'date', required: true },
    { name: 'to', kind: 'date', required: true },
    { name: 'report-date', kind: 'date', required: true },
    { name: 'modules', kind: 'long-text', required: true, maximum: 2000 },
  ],
  reviewerItem: { id: 'it-audit', clause: `${CLAUSE}; ${AGE_CLAUSE}`, sources: ['external-audit', 'internal-audit'] },
  refuse: refuseOtherObjects,
  begun: ({ files, details }) => files.length > 0 && details['report-date'] !== undefined,
  examine(input): Examination<AuditQuestion> {
    const report = readSignedDocument(input.files)
    const modules = readModules(input.details['modules'] ?? '')
    const judged = modules.map((module) => judgeStatedModule(module, NUMBER, input))
    return {
      findings: {
        report: finding([reportCheck(report)]),
        signature: signatureFinding(report),
        scope: finding([scopeCheck(input.details)]),
        modules: finding([modulesCheck(modules), ...judged.flatMap(({ checks }) => checks)], { cautions: judged.flatMap(({ cautions }) => cautions) }),
        recent: finding(dateChecks(input)),
      },
      about: aboutReport(input, report),
      // Signed or not: what the report says, only a person can judge.
      trusted: false,
      demo: judged.some(({ demo }) => demo),
    }
  },
}

function reportCheck({ kind, bytes }: SignedDocument): Check {
  const whole = kind === 'pdf'
  return check(whole, whole ? 'report.pdf' : 'report.text', 'report.expected', { kilobytes: String(Math.ceil(bytes.length / 1024)) }, { remedy: 'report.remedy' })
}

/** Without a signature a report may stand; with one that is broken it may not. */
function signatureFinding({ signatures }: SignedDocument): Finding {
  if (signatures.length === 0) return finding([check(true, 'signature.none', 'signature.expected')], { cautions: [say(`${AREA}.signature.officer-none`)] })
  const checks = signatures.map((signature) =>
    signature.certificate ? signatureCheck(signature, signature.certificate, CLAUSE) : check(false, 'signature.no-certificate', 'signature.expected', undefined, { remedy: 'signature.remedy' }),
  )
  return finding(checks, { cautions: [say(`${AREA}.signature.officer-trust`)] })
}

/** CSBR 6.2.7.4.2 (4): the audit is of how keys for code signing are made, and of nothing wider or narrower. */
function scopeCheck({ covers, scope }: Details): Check {
  const stated = covers === 'yes' && (scope ?? '').trim() !== ''
  return check(stated, stated ? 'scope.covers' : 'scope.other', 'scope.expected', undefined, { remedy: 'scope.remedy' })
}

/** One module a line: model; serial numbers; certificate. */
function readModules(text: string): readonly StatedModule[] {
  return text
    .split('\n')
    .map((line) => line.split(/[;;|]/).map((part) => part.trim()))
    .filter(([model]) => model !== undefined && model !== '')
    .map(([model, , certificate]) => ({ model: model!, firmware: null, certificate: certificate ?? '' }))
}

const modulesCheck = (modules: readonly StatedModule[]): Check => {
  const whole = modules.length > 0 && modules.length <= MAX_MODULES && modules.every(({ certificate }) => certificate !== '')
  return check(whole, whole ? 'modules.stated' : 'modules.unstated', 'modules.expected', { count: String(modules.length), limit: String(MAX_MODULES) }, { remedy: 'modules.remedy' })
}

function dateChecks({ details, at, policy }: ProtectionInput): Check[] {
  const months = policy.periods.keyProtectionReuseMonths
  const [from, to, report] = [dayOf(details['from']), dayOf(details['to']), dayOf(details['report-date'])]
  const values = { from: details['from'] ?? '–', to: details['to'] ?? '–', report: details['report-date'] ?? '–', months: String(months) }
  const write = (passes: boolean, observed: string, expected: string, clause: string, more: Record<string, string> = {}) => check(passes, `dates.${observed}`, `dates.${expected}`, { ...values, ...more }, { remedy: `dates.remedy-${expected}`, source: clause, clause })
  if (!from || !to || !report) return [write(false, 'unstated', 'order-expected', CLAUSE)]
  const ordered = from <= to && to <= report && !isAhead(report, at)
  const lapses = lapseOf(report, months)
  const lapsed = hasLapsed(report, months, at)
  return [write(ordered, ordered ? 'in-order' : isAhead(report, at) ? 'ahead' : 'out-of-order', 'order-expected', CLAUSE), write(!lapsed, lapsed ? 'lapsed' : 'until', 'recent-expected', AGE_CLAUSE, { lapses })]
}

function aboutReport({ details, policy }: ProtectionInput, { signatures }: SignedDocument): Examination<AuditQuestion>['about'] {
  const line = (name: string) => about(`${AREA}.field.${name}.label`, details[name] ?? '–')
  const relation: { label: Message; value: Message } = { label: say(`${AREA}.field.relation.label`), value: say(`${AREA}.field.relation.choice.${details['relation'] === 'internal' ? 'internal' : 'external'}`) }
  const report = dayOf(details['report-date'])
  return [
    line('auditor'),
    line('organisation'),
    relation,
    about(`${AREA}.about.period`, `${details['from'] ?? '–'} – ${details['to'] ?? '–'}`),
    line('report-date'),
    ...(report ? [about(`${AREA}.about.lapses`, lapseOf(report, policy.periods.keyProtectionReuseMonths))] : []),
    line('scope'),
    line('modules'),
    ...signatures.flatMap((signature) => (signature.certificate ? aboutSignature(signature, signature.certificate) : [])),
  ]
}
