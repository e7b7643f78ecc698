/** Reading the audit log a page at a time; nothing here writes. */
import type { AuditRow } from '../audit/audit-log.ts'
import type { Database } from './database.ts'

export interface AuditLine {
  readonly seq: number
  readonly at: string
  readonly actor: string
  readonly actorName: string | null
  readonly event: string
  readonly subject: string
  /** JSON, as it was hashed. */
  readonly details: string
}

/**
 * Newest first.
 * @param filter.subject the beginning of a subject (`application:`, or one whole); empty for all
 * @param filter.before only events with a smaller sequence number
 */
export async function auditPage(
  database: Database,
  filter: { readonly subject: string; readonly before: number | null; readonly limit: number },
): Promise<readonly AuditLine[]> {
  const query = database<AuditRow & { name: string | null }>('audit_events')
    .leftJoin('accounts', 'accounts.id', 'audit_events.actor')
    .orderBy('seq', 'desc')
    .limit(filter.limit)
  if (filter.subject !== '') query.whereRaw("subject LIKE ? ESCAPE '!'", [`${filter.subject.replace(/[!%_]/g, '!$&')}%`])
  if (filter.before !== null) query.where('seq', '<', filter.before)
  const rows = await query.select('audit_events.*', 'accounts.name')
  return rows.map((row) => ({
    seq: Number(row.seq),
    at: row.at,
    actor: row.actor,
    actorName: row.name,
    event: row.event,
    subject: row.subject,
    details: row.details,
  }))
}
