import { describe, expect, test } from 'vitest'
import type { Application, VettingCheck } from '../../src/application/application.ts'
import { CHECKLIST, judgeEntry, lapsesAt, openItems, requiredItems, unfinishedItems, type CheckEntry } from '../../src/application/checklist.ts'
import { loadPolicy } from '../../src/policy/policy.ts'
import { WORDS } from '../../src/web/locales.ts'
import { application } from './dossiers.ts'

const policy = loadPolicy()
const { periods } = policy
const NOW = new Date('2026-06-15T09:00:00Z')
const DAY = 86_400_000
const dayBefore = (moment: Date, days: number) => new Date(moment.getTime() - days * DAY).toISOString().slice(0, 10)

const ids = (change: Partial<Application> = {}) => requiredItems(application(change), policy).map((item) => item.id)
const organisation = (change: object) => ({ organisation: { ...application().organisation!, ...change } })
const subject = (change: object) => ({ subject: { ...application().subject!, ...change } })

describe('what an officer must confirm', () => {
  test('VET-1, VET-3: identity, address, registration number and the requester’s authority, always', () => {
    expect(ids()).toEqual(['legal-identity', 'address', 'registration-number', 'requester-authority'])
  })

  test.each([
    ['2023-06-15', false, 'three years to the day'],
    ['2023-06-16', true, 'a day short of three years'],
    ['2026-06-15', true, 'founded today'],
    ['', true, 'a date that nobody gave'],
    ['sometime', true, 'a date that nobody can read'],
  ])('VET-2: an organisation founded %s needs the requester’s identity: %s (%s)', (foundedOn, needed) => {
    expect(ids({ submittedAt: NOW.toISOString(), ...organisation({ foundedOn }) }).includes('requester-identity')).toBe(needed)
  })

  test('VET-2: three years count to the last day of a February without a 29th', () => {
    const asked = { submittedAt: '2028-02-29T10:00:00.000Z' }
    expect(ids({ ...asked, ...organisation({ foundedOn: '2025-03-01' }) })).toContain('requester-identity')
    expect(ids({ ...asked, ...organisation({ foundedOn: '2025-02-28' }) })).not.toContain('requester-identity')
  })

  test('VET-2: the age counts to the day of the request, not to the day of the check', () => {
    expect(ids({ submittedAt: '2026-06-15T00:00:00.000Z', ...organisation({ foundedOn: '2023-06-16' }) })).toContain('requester-identity')
    expect(ids({ submittedAt: null, createdAt: '2026-06-16T00:00:00.000Z', ...organisation({ foundedOn: '2023-06-16' }) })).not.toContain('requester-identity')
  })

  test.each([
    ['commonName', { commonName: 'Aoki Industries' }],
    ['organization', { organization: 'Aoki Industries' }],
  ])('VET-9: a %s that is not the legal name must be verified', (_, change) => {
    expect(ids(subject(change))).toContain('trade-name')
    expect(ids()).not.toContain('trade-name')
  })

  test('CRT-2: a unit in the subject must be verified', () => {
    expect(ids(subject({ organizationalUnit: 'Release Team' }))).toContain('organizational-unit')
  })

  test('an application without statements needs everything: absence never permits', () => {
    expect(ids({ organisation: null })).toEqual(CHECKLIST.map((item) => item.id))
    expect(ids({ subject: null })).toEqual(CHECKLIST.map((item) => item.id))
  })

  test('each item and each source has its words in both languages', () => {
    for (const words of [WORDS.en, WORDS.ja])
      for (const item of CHECKLIST) {
        expect(item.clause).toMatch(/CP|CSBR/)
        for (const key of [`review.item.${item.id}.title`, `review.item.${item.id}.help`, ...item.sources.map((source) => `review.source.${source}`)]) expect(words.has(key), key).toBe(true)
      }
  })
})

const item = (id: string) => CHECKLIST.find((each) => each.id === id)!
const entry: CheckEntry = { outcome: 'confirmed', source: 'government-agency', document: 'Certificate of registered matters', documentDate: '2026-06-01', obtainedOn: '2026-06-10', inspected: true, note: '' }
const wrong = (change: Partial<CheckEntry>, at = NOW, id = 'legal-identity') => judgeEntry(item(id), { ...entry, ...change }, at, periods).map(({ field, message }) => `${field}: ${message.key}`)

describe('what makes an entry complete', () => {
  test('VET-1: source, document, date and inspection, and nothing stands against it', () => {
    expect(wrong({})).toEqual([])
  })

  test.each([
    ['VET-1: a source that this item can’t rest on', { source: 'telephone' }, 'source: forms.choose'],
    ['VET-1: a source that nobody knows', { source: 'constructor' }, 'source: forms.choose'],
    ['VET-1: no date of the document', { documentDate: '' }, 'documentDate: forms.date'],
    ['VET-1: a day that no calendar has', { documentDate: '2026-02-30' }, 'documentDate: forms.date'],
    ['VET-1: a time in place of a day', { obtainedOn: '2026-06-10T00:00:00Z' }, 'obtainedOn: forms.date'],
    ['VET-1: a document from the future', { documentDate: '2026-06-17', obtainedOn: '2026-06-17' }, 'documentDate: review.errors.in-future'],
    ['VET-1: obtained in the future', { obtainedOn: '2026-06-17' }, 'obtainedOn: review.errors.in-future'],
    ['VET-1: obtained before it was written', { documentDate: '2026-06-11' }, 'obtainedOn: review.errors.before-document'],
    ['VET-10: confirmed without a look for alteration', { inspected: false }, 'inspected: review.errors.inspect'],
    ['VET-1: not confirmed, without a word why', { outcome: 'not-confirmed' as const, note: '  ' }, 'note: review.errors.say-why'],
  ])('%s is refused', (_, change, expected) => {
    expect(wrong(change)).toContain(expected)
  })

  test('VET-1: each defect is told alone', () => {
    expect(wrong({ source: 'telephone' })).toHaveLength(1)
    expect(wrong({ inspected: false })).toHaveLength(1)
  })

  test('VET-1: the day that has begun further east counts as today', () => {
    expect(wrong({ documentDate: '2026-06-16', obtainedOn: '2026-06-16' })).toEqual([])
  })

  test('VET-10: what was not confirmed need not have been inspected', () => {
    expect(wrong({ outcome: 'not-confirmed', inspected: false, note: 'The register shows another name.' })).toEqual([])
  })

  test('VET-5: data obtained 825 days ago counts, a day more and it doesn’t', () => {
    const at = new Date('2026-06-15T00:00:00Z')
    const old = (days: number) => wrong({ documentDate: '2020-01-01', obtainedOn: dayBefore(at, days) }, at)
    expect(periods.validationReuseDays).toBe(825)
    expect(old(825)).toEqual([])
    expect(old(826)).toEqual(['obtainedOn: review.errors.too-old'])
  })

  test('VET-1: a seal certificate is at most three months old when obtained, by the calendar', () => {
    const seal = (documentDate: string, obtainedOn: string) => wrong({ source: 'seal-certificate', documentDate, obtainedOn })
    expect(seal('2026-03-10', '2026-06-10')).toEqual([])
    expect(seal('2026-03-09', '2026-06-10')).toEqual(['documentDate: review.errors.seal-too-old'])
    // From the last day of May three months lead to the last day of February, not into March.
    expect(seal('2026-02-28', '2026-05-31')).toEqual([])
    expect(seal('2026-02-27', '2026-05-31')).toEqual(['documentDate: review.errors.seal-too-old'])
    // Any other document may be older.
    expect(wrong({ documentDate: '2019-01-01' })).toEqual([])
  })
})

const check = (id: string, change: Partial<VettingCheck> = {}): VettingCheck => ({ item: id, outcome: 'confirmed', source: 'government-agency', document: 'x', documentDate: '2026-06-01', obtainedOn: '2026-06-10', inspected: true, note: '', officerId: 'officer', checkedAt: NOW.toISOString(), ...change })
const all = (change: Partial<VettingCheck> = {}) => requiredItems(application(), policy).map((each) => check(each.id, each.id === 'address' ? change : {}))
const open = (checks: readonly VettingCheck[], at = NOW) => openItems(application(), checks, at, policy).map(({ item: { id }, why }) => `${id}: ${why}`)

describe('what is still open', () => {
  test('VET-1: nothing when every item is confirmed', () => {
    expect(open(all())).toEqual([])
    expect(open([])).toHaveLength(4)
  })

  test.each([
    ['not confirmed', { outcome: 'not-confirmed' as const }],
    ['confirmed without inspection', { inspected: false }],
  ])('VET-10: an item %s', (_, change) => {
    expect(open(all(change))).toEqual(['address: not-confirmed'])
  })

  test('VET-7: what could not be confirmed is answered, so that checking can end and the application be rejected', () => {
    const unfinished = (checks: readonly VettingCheck[]) => unfinishedItems(application(), checks, NOW, policy).map(({ item: { id }, why }) => `${id}: ${why}`)
    expect(unfinished(all({ outcome: 'not-confirmed' }))).toEqual([])
    expect(unfinished(all().slice(1))).toEqual(['legal-identity: missing'])
    expect(unfinished(all({ obtainedOn: '2020-01-01' }))).toEqual(['address: lapsed'])
  })

  test('VET-5: a check counts to the moment 825 days after the day its data was obtained, and not a millisecond longer', () => {
    const end = lapsesAt(check('address', { obtainedOn: '2024-03-12' }), periods)
    expect(end.toISOString()).toBe('2026-06-15T00:00:00.000Z')
    const old = all({ obtainedOn: '2024-03-12' })
    expect(open(old, end)).toEqual([])
    expect(open(old, new Date(end.getTime() + 1))).toEqual(['address: lapsed'])
  })

  test('VET-1: a check of an item that the application doesn’t need opens nothing and closes nothing', () => {
    expect(open([...all().slice(1), check('trade-name')])).toEqual(['legal-identity: missing'])
  })
})
