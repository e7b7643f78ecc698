/** An entry of a register in the reader's words. */
import { createHash } from 'node:crypto'
import type { RegisterEntry } from '../application/register.ts'
import { signerText } from '../key-protection/document-signature.ts'
import type { AuditorContent, RegisterName, ServiceContent } from '../key-protection/register.ts'
import { dayOf, hasLapsed, lapseOf } from '../key-protection/stated-date.ts'
import { readCertificate } from '../pki/x509-certificate.ts'
import type { Policy } from '../policy/policy.ts'
import { translate, type Language } from './locales.ts'

type Periods = Pick<Policy, 'periods'>

/** What counts of it now: an entry may be confirmed and yet be past its days. */
export function stateTag(language: Language, { state, register, content }: RegisterEntry, now: Date, { periods }: Periods): { readonly kind: 'good' | 'wait' | 'bad' | 'neutral'; readonly text: string } {
  const tag = (kind: 'good' | 'wait' | 'bad' | 'neutral', code: string) => ({ kind, text: translate(language, `registers.state.${code}`) })
  if (state === 'withdrawn') return tag('neutral', 'withdrawn')
  if (state === 'proposed') return tag('wait', 'proposed')
  const day = dayOf(register === 'auditors' ? (content as AuditorContent).validUntil : (content as ServiceContent).reportDate)
  const lapsed = day === null || hasLapsed(day, register === 'auditors' ? 0 : periods.keyProtectionReuseMonths, now)
  return lapsed ? tag('bad', 'lapsed') : tag('good', 'confirmed')
}

interface SummaryRow {
  readonly term: string
  readonly text: string
  readonly mono: boolean
  readonly copy: boolean
}

export function registerRows(language: Language, { register, content, sha256 }: RegisterEntry, { periods }: Periods): readonly SummaryRow[] {
  const row = (term: string, text: string, mono = false): SummaryRow => ({ term, text, mono, copy: false })
  const label = (name: string) => translate(language, `registers.field.${register}.${name}.label`)
  const common = [row(translate(language, 'registers.digest'), sha256, true)]
  return [...(register === 'auditors' ? auditorRows(language, content as AuditorContent, label, row) : serviceRows(language, register, content as ServiceContent, label, row, periods)), ...common]
}

type Label = (name: string) => string
type Row = (term: string, text: string, mono?: boolean) => SummaryRow

function auditorRows(language: Language, content: AuditorContent, label: Label, row: Row): SummaryRow[] {
  const der = Buffer.from(content.certificate, 'base64')
  const certificate = readCertificate(der)
  const { notBefore, notAfter } = certificate.tbs
  return [
    row(label('name'), content.name),
    row(label('employer'), content.employer),
    row(label('qualification'), translate(language, `registers.field.auditors.qualification.choice.${content.qualification}`)),
    row(label('qualificationNumber'), content.qualificationNumber),
    row(translate(language, 'registers.certificate.subject'), signerText(certificate)),
    row(translate(language, 'registers.certificate.fingerprint'), createHash('sha256').update(der).digest('hex'), true),
    row(translate(language, 'registers.certificate.validity'), `${notBefore.date.toISOString().slice(0, 10)} – ${notAfter.date.toISOString().slice(0, 10)}`),
    row(label('validFrom'), content.validFrom),
    row(label('validUntil'), content.validUntil),
  ]
}

function serviceRows(language: Language, register: RegisterName, content: ServiceContent, label: Label, row: Row, { keyProtectionReuseMonths }: Policy['periods']): SummaryRow[] {
  const chosen = (name: 'technique' | 'authentication' | 'auditScheme') => row(label(name), translate(language, `registers.field.${register}.${name}.choice.${content[name]}`))
  const report = dayOf(content.reportDate)
  return [
    row(label('name'), content.name),
    row(label('operator'), content.operator),
    row(label('address'), content.address),
    chosen('technique'),
    chosen('authentication'),
    chosen('auditScheme'),
    row(label('auditor'), content.auditor),
    row(label('reportDate'), content.reportDate),
    row(translate(language, 'registers.lapses'), report ? lapseOf(report, keyProtectionReuseMonths) : '–'),
    row(translate(language, 'registers.period'), `${content.periodFrom} – ${content.periodTo}`),
    row(label('moduleModel'), content.moduleModel),
    row(translate(language, 'registers.module-certificate'), `${content.moduleScheme} ${content.moduleCertificate}, ${content.moduleLevel}`),
    row(label('agreementVersions'), content.agreementVersions.split('\n').join(', ')),
  ]
}
