/** The auditor's page: every event, newest first, read only (ACC-2: auditors read and change nothing; LOG-1). */
import { verifyAuditChain } from '../../audit/audit-log.ts'
import { auditPage } from '../../database/audit-reader.ts'
import type { Services } from '../../services.ts'
import { countEndingAnchors } from '../anchor-notice.ts'
import { cleanText } from '../form.ts'
import { WORDS } from '../locales.ts'
import { page, type Route } from '../reply.ts'

const PER_PAGE = 50

export function auditRoutes(_services: Services): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/audit',
      who: ['auditor'],
      events: [],
      async handle({ services, query, language, now }) {
        const subject = cleanText(query['subject'] ?? '').slice(0, 120)
        const before = /^[1-9]\d{0,14}$/.test(query['before'] ?? '') ? Number(query['before']) : null
        const events = await auditPage(services.database, { subject, before, limit: PER_PAGE })
        const last = events.at(-1)
        const older =
          events.length === PER_PAGE && last && last.seq > 1
            ? `/audit?${new URLSearchParams({ ...(subject === '' ? {} : { subject }), before: String(last.seq) })}`
            : null
        return page('people/audit', 'audit.title', {
          subject,
          endingAnchors: await countEndingAnchors(services, now),
          events: events.map((event) => ({ ...event, words: WORDS[language].get(`audit.events.${event.event}`) ?? event.event })),
          older,
          newest: before === null ? null : `/audit${subject === '' ? '' : `?${new URLSearchParams({ subject })}`}`,
          // The whole chain is walked, so only where the list begins.
          verdict: before === null ? await verifyAuditChain(services.database) : null,
        })
      },
    },
  ]
}
