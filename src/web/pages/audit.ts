/** The auditor's page: every event, newest first, read only (ACC-2: auditors read and change nothing; LOG-1). */
import { verifyAuditChain } from '../../audit/audit-log.ts'
import { readDetails } from '../../audit/details.ts'
import { readEnteredDay } from '../../key-protection/entered-day.ts'
import { auditPage } from '../../database/audit-reader.ts'
import type { Services } from '../../services.ts'
import { countEndingAnchors } from '../anchor-notice.ts'
import { cleanText } from '../form.ts'
import { startOfDay, WORDS } from '../locales.ts'
import { page, type Route } from '../reply.ts'

const PER_PAGE = 50
const DAY_MS = 86_400_000
/** Characters of an entry that is not ours. */
const SHOWN = 2_000

export function auditRoutes(_services: Services): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/audit',
      who: ['auditor'],
      events: [],
      async handle({ services, query, language, now }) {
        const text = (name: string) => cleanText(query[name] ?? '').slice(0, 120)
        const [subject, person] = [text('subject'), text('person')]
        const days = { from: text('from'), until: text('until') }
        const errors = (['from', 'until'] as const).filter((field) => days[field] !== '' && readEnteredDay(days[field]) === null).map((field) => ({ field, message: { key: 'forms.date' } }))
        const before = /^[1-9]\d{0,14}$/.test(query['before'] ?? '') ? Number(query['before']) : null
        const asked = { ...(subject === '' ? {} : { subject }), ...(person === '' ? {} : { person }), ...(days.from === '' ? {} : { from: days.from }), ...(days.until === '' ? {} : { until: days.until }) }
        const at = (more: Record<string, string>) => `/audit?${new URLSearchParams({ ...asked, ...more })}`
        // In the zone of the times beside: a day has another beginning on Japanese pages than on English ones.
        const begins = (entered: string, days: number): string | null => {
          const day = readEnteredDay(entered)
          if (day === null) return null
          const at = new Date(startOfDay(language, day).getTime() + days * DAY_MS).toISOString()
          // Beyond the year 9999 texts no longer compare as times do, and nothing is.
          return at.startsWith('+') ? null : at
        }
        const events = errors.length > 0 ? [] : await auditPage(services.database, { subject, person, from: begins(days.from, 0), until: begins(days.until, 1), before, limit: PER_PAGE })
        const last = events.at(-1)
        const older = events.length === PER_PAGE && last && last.seq > 1 ? at({ before: String(last.seq) }) : null
        return page('people/audit', 'audit.title', {
          subject,
          person,
          ...days,
          endingAnchors: await countEndingAnchors(services, now),
          events: events.map((event) => ({ ...event, words: WORDS[language].get(`audit.events.${event.event}`) ?? event.event, timed: !Number.isNaN(Date.parse(event.at)), facts: factsOf(event.details) })),
          older,
          newest: before === null ? null : at({}),
          // The whole chain is walked, so only where the list begins.
          verdict: before === null && Object.keys(asked).length === 0 ? await verifyAuditChain(services.database) : null,
        }, { errors })
      },
    },
  ]
}

/** The details as lines: each fact by the name under which it was sealed; what is a list or holds facts of its own, as JSON. What this software did not write is shown as it stands. */
function factsOf(details: string): readonly { readonly name: string; readonly value: string }[] {
  const facts = Object.entries(readDetails(details))
  if (facts.length === 0 && details !== '{}') return [{ name: '?', value: details.slice(0, SHOWN) }]
  return facts.map(([name, value]) => ({ name, value: typeof value === 'string' ? value : JSON.stringify(value) }))
}
