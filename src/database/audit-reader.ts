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
  /** An application's reference, or a person's name, where the subject is one. */
  readonly subjectName: string | null
  /** JSON, as it was hashed. */
  readonly details: string
}

export interface AuditFilter {
  /** An application's reference, or the beginning of a subject (`application:`, or one whole); empty for all. */
  readonly subject: string
  /** Part of a name or address, or the beginning of an actor (`process:`); empty for all. */
  readonly person: string
  /** Days, year-month-day in UTC, both included; null for no bound. */
  readonly from: string | null
  readonly until: string | null
  /** Only events with a smaller sequence number. */
  readonly before: number | null
  readonly limit: number
}

/** Of people of one name, so many are looked for. */
const NAMESAKES = 50

const part = (text: string): string => text.replace(/[!%_]/g, '!$&')

/** Newest first. */
export async function auditPage(database: Database, filter: AuditFilter): Promise<readonly AuditLine[]> {
  const query = database<AuditRow & { name: string | null }>('audit_events')
    .leftJoin('accounts', 'accounts.id', 'audit_events.actor')
    .orderBy('seq', 'desc')
    .limit(filter.limit)
  if (filter.subject !== '') {
    const application = await database('applications').where({ reference: filter.subject.toUpperCase() }).first('id')
    if (application) query.where('subject', `application:${application.id}`)
    else query.whereRaw("subject LIKE ? ESCAPE '!'", [`${part(filter.subject)}%`])
  }
  if (filter.person !== '') {
    const like = `%${part(filter.person.toLowerCase())}%`
    const people: { id: string }[] = await database('accounts').whereRaw("lower(name) LIKE ? ESCAPE '!'", [like]).orWhereRaw("lower(email) LIKE ? ESCAPE '!'", [like]).limit(NAMESAKES).select('id')
    query.where((either) => void either.whereIn('actor', people.map(({ id }) => id)).orWhereRaw("actor LIKE ? ESCAPE '!'", [`${part(filter.person)}%`]))
  }
  // Times are ISO 8601 in UTC, so that texts compare as they do.
  if (filter.from !== null) query.where('at', '>=', filter.from)
  if (filter.until !== null) query.where('at', '<=', `${filter.until}T23:59:59.999Z`)
  if (filter.before !== null) query.where('seq', '<', filter.before)
  const rows = await query.select('audit_events.*', 'accounts.name')
  const named = await subjectNames(database, rows.map(({ subject }) => subject))
  return rows.map((row) => ({
    seq: Number(row.seq),
    at: row.at,
    actor: row.actor,
    actorName: row.name,
    event: row.event,
    subject: row.subject,
    subjectName: named.get(row.subject) ?? null,
    details: row.details,
  }))
}

/** What people call the applications and accounts of one page. */
async function subjectNames(database: Database, subjects: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const ids = (kind: string) => [...new Set(subjects.filter((subject) => subject.startsWith(`${kind}:`)).map((subject) => subject.slice(kind.length + 1)))]
  const applications: { id: string; reference: string }[] = await database('applications').whereIn('id', ids('application')).select('id', 'reference')
  const accounts: { id: string; name: string }[] = await database('accounts').whereIn('id', ids('account')).select('id', 'name')
  return new Map([...applications.map(({ id, reference }) => [`application:${id}`, reference] as const), ...accounts.map(({ id, name }) => [`account:${id}`, name] as const)])
}
