/**
 * What an officer confirms before an application may be decided: the items, the sources each may rest on, and what makes
 * a confirmation complete (VET-1, VET-2, VET-3, VET-5, VET-9, VET-10).
 */
import { addMonths, addYears } from '../certificate/validity.ts'
import { METHODS, reviewerItemOf } from '../key-protection/methods.ts'
import type { ReviewerItem } from '../key-protection/protection.ts'
import type { Policy } from '../policy/policy.ts'
import type { Application, VettingCheck } from './application.ts'

/** Words stand in the locale files: `review.item.<id>.…` and `review.source.<id>`. */
export type ChecklistItem = ReviewerItem

const OFFICIAL = ['government-agency', 'reliable-data-source', 'site-visit', 'attestation-letter', 'seal-certificate']
const ADDRESS = [...OFFICIAL, 'utility-bill', 'bank-statement', 'tax-document']

const LEGAL_IDENTITY: ChecklistItem = { id: 'legal-identity', clause: 'CP 3.2.2; CSBR 3.2.2.1.1', sources: OFFICIAL }
const PLACE: ChecklistItem = { id: 'address', clause: 'CSBR 3.2.2.1 (2), 3.2.2.1.1', sources: ADDRESS }
const REGISTRATION: ChecklistItem = { id: 'registration-number', clause: 'CSBR 3.2.2.1 (1)', sources: ['government-agency', 'reliable-data-source'] }
const AUTHORITY: ChecklistItem = { id: 'requester-authority', clause: 'CP 3.2.5; CSBR 3.2.5', sources: ['telephone', 'postal-letter', 'site-visit', 'attestation-letter'] }
const REQUESTER: ChecklistItem = { id: 'requester-identity', clause: 'CSBR 3.2.2.1 (4), 3.2.3.1', sources: ['photo-identity', 'notary'] }
const UNIT: ChecklistItem = { id: 'organizational-unit', clause: 'CSBR 7.1.4.2.2 b', sources: OFFICIAL }
const TRADE_NAME: ChecklistItem = { id: 'trade-name', clause: 'CSBR 3.2.2.1.2', sources: ['government-agency', 'reliable-data-source', 'attestation-letter', 'utility-bill', 'bank-statement', 'tax-document'] }

/** What a person confirms of the key's protection, where the method's evidence is a document. */
const PROTECTION: readonly ChecklistItem[] = METHODS.flatMap(({ reviewerItem }) => reviewerItem ?? [])

export const CHECKLIST: readonly ChecklistItem[] = [LEGAL_IDENTITY, PLACE, REGISTRATION, AUTHORITY, REQUESTER, UNIT, TRADE_NAME, ...PROTECTION]

/** The facts of the policy that the checklist needs. */
export interface CheckPolicy extends Pick<Policy, 'keyProtection'> {
  readonly periods: CheckPeriods
}

const YOUNG_YEARS = 3

/** The items that this application needs. */
export function requiredItems(application: Application, policy: CheckPolicy): readonly ChecklistItem[] {
  const { organisation, subject, submittedAt, key } = application
  if (!organisation || !subject) return CHECKLIST
  const items = [LEGAL_IDENTITY, PLACE, REGISTRATION, AUTHORITY]
  // CSBR 3.2.2.1 (4): formed less than three years before the request, or at a date that nobody can tell.
  const founded = Date.parse(organisation.foundedOn)
  if (!(founded <= addYears(new Date(submittedAt ?? application.createdAt), -YOUNG_YEARS).getTime())) items.push(REQUESTER)
  if (subject.organizationalUnit !== '') items.push(UNIT)
  // The organisation's name in the certificate is the legal name or a verified trade name.
  if (subject.organization !== organisation.legalName || subject.commonName !== organisation.legalName) items.push(TRADE_NAME)
  const protection = key && reviewerItemOf(key.method, policy)
  return protection ? [...items, protection] : items
}

export interface CheckEntry {
  readonly outcome: 'confirmed' | 'not-confirmed'
  readonly source: string
  readonly document: string
  readonly documentDate: string
  readonly obtainedOn: string
  readonly inspected: boolean
  readonly note: string
}

export interface CheckPeriods {
  readonly validationReuseDays: number
  readonly keyProtectionReuseMonths: number
  readonly sealCertificateMonths: number
}

/** What stands against an entry, as field and message key; empty when it may be recorded. */
export function judgeEntry(item: ChecklistItem, entry: CheckEntry, today: Date, periods: CheckPeriods): readonly { field: keyof CheckEntry; message: { key: string; values?: Record<string, string> } }[] {
  const wrong: { field: keyof CheckEntry; message: { key: string; values?: Record<string, string> } }[] = []
  const documentDate = day(entry.documentDate)
  const obtainedOn = day(entry.obtainedOn)
  // The officer's calendar may be a day ahead of UTC.
  const latest = today.getTime() + 86_400_000
  if (!item.sources.includes(entry.source)) wrong.push({ field: 'source', message: { key: 'forms.choose' } })
  if (documentDate === null) wrong.push({ field: 'documentDate', message: { key: 'forms.date' } })
  else if (documentDate > latest) wrong.push({ field: 'documentDate', message: { key: 'review.errors.in-future' } })
  if (obtainedOn === null) wrong.push({ field: 'obtainedOn', message: { key: 'forms.date' } })
  else if (obtainedOn > latest) wrong.push({ field: 'obtainedOn', message: { key: 'review.errors.in-future' } })
  else if (documentDate !== null && obtainedOn < documentDate) wrong.push({ field: 'obtainedOn', message: { key: 'review.errors.before-document' } })
  else if (lapsesAt({ item: item.id, obtainedOn: entry.obtainedOn }, periods).getTime() < today.getTime())
    wrong.push({
      field: 'obtainedOn',
      message: isProtection(item.id) ? { key: 'review.errors.too-old-months', values: { months: String(periods.keyProtectionReuseMonths) } } : { key: 'review.errors.too-old', values: { days: String(periods.validationReuseDays) } },
    })
  // CP 3.2.2: a seal certificate proves for three months.
  if (entry.source === 'seal-certificate' && documentDate !== null && obtainedOn !== null && addMonths(new Date(obtainedOn), -periods.sealCertificateMonths).getTime() > documentDate)
    wrong.push({ field: 'documentDate', message: { key: 'review.errors.seal-too-old', values: { months: String(periods.sealCertificateMonths) } } })
  // VET-10: a confirmation rests on a document that somebody looked at for alteration.
  if (entry.outcome === 'confirmed' && !entry.inspected) wrong.push({ field: 'inspected', message: { key: 'review.errors.inspect' } })
  if (entry.outcome === 'not-confirmed' && entry.note.trim() === '') wrong.push({ field: 'note', message: { key: 'review.errors.say-why' } })
  return wrong
}

/** Items without a confirmation that holds at `now`; the application can't be decided for issuing while there is one. */
export function openItems(application: Application, checks: readonly VettingCheck[], now: Date, policy: CheckPolicy): readonly { item: ChecklistItem; why: 'missing' | 'not-confirmed' | 'lapsed' }[] {
  return requiredItems(application, policy).flatMap((item): { item: ChecklistItem; why: 'missing' | 'not-confirmed' | 'lapsed' }[] => {
    const check = checks.find((each) => each.item === item.id)
    if (!check) return [{ item, why: 'missing' }]
    if (check.outcome !== 'confirmed' || !check.inspected) return [{ item, why: 'not-confirmed' }]
    return lapsesAt(check, policy.periods).getTime() < now.getTime() ? [{ item, why: 'lapsed' }] : []
  })
}

/**
 * Items that nobody has answered yet: checking can't be finished with one. An item that could not be confirmed is an answer;
 * it leads to a rejection, since approval asks for `openItems` to be empty.
 */
export const unfinishedItems = (application: Application, checks: readonly VettingCheck[], now: Date, policy: CheckPolicy): readonly { item: ChecklistItem; why: 'missing' | 'not-confirmed' | 'lapsed' }[] =>
  openItems(application, checks, now, policy).filter(({ why }) => why !== 'not-confirmed')

const isProtection = (item: string): boolean => PROTECTION.some(({ id }) => id === item)

/** VET-5: the moment from which a check no longer counts, from the day its data was obtained; sooner for the key's protection (CSBR 4.2.1). */
export const lapsesAt = ({ item, obtainedOn }: Pick<VettingCheck, 'item' | 'obtainedOn'>, periods: Pick<CheckPeriods, 'validationReuseDays' | 'keyProtectionReuseMonths'>): Date =>
  isProtection(item) ? addMonths(new Date(obtainedOn), periods.keyProtectionReuseMonths) : new Date(Date.parse(obtainedOn) + periods.validationReuseDays * 86_400_000)

function day(text: string): number | null {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return null
  const date = new Date(`${text}T00:00:00Z`)
  return Number.isNaN(date.getTime()) || date.toISOString().slice(0, 10) !== text ? null : date.getTime()
}
