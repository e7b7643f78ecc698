/** Reading the audit log a page at a time; nothing here writes. */
import type { Knex } from 'knex'
import type { AuditRow } from '../audit/audit-log.ts'
import { isPostgres, type Database } from './database.ts'

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
  /** Instants, ISO 8601 in UTC to the millisecond: from the first on, before the second; null for no bound. */
  readonly from: string | null
  readonly until: string | null
  /** Only events after this sequence number in the page's order. */
  readonly before: number | null
  readonly limit: number
}

/** Of people of one name, so many are looked for. */
const NAMESAKES = 50

const part = (text: string): string => text.replace(/[!%_]/g, '!$&')
/** In whichever case it was typed. Both sides are lowered by the engine: SQLite lowers the letters of ASCII alone, and É must at least find É. */
const alike = (column: 'name' | 'email'): string => `lower(${column}) LIKE lower(?) ESCAPE '!'`

/** Texts of this beginning, octet by octet: on PostgreSQL by the operators that its index has, since `<` there goes by the language of the database. */
function beginsWith(database: Database, query: Knex.QueryBuilder, column: 'subject' | 'actor', beginning: string): void {
  const [from, below] = isPostgres(database) ? ['~>=~', '~<~'] : ['>=', '<']
  query.orWhereRaw(`(${column} ${from} ? AND ${column} ${below} ?)`, [beginning, `${beginning}\u{10ffff}`])
}

/** By days alone: then in the order of time, which the clocks of two hosts may make another than that of `seq`. */
const byTime = ({ subject, person, from, until }: AuditFilter): boolean => subject === '' && person === '' && (from !== null || until !== null)
const orderOf = (filter: AuditFilter) => [...(byTime(filter) ? ['at'] : []), 'seq'].map((column) => ({ column, order: 'desc' as const }))

/**
 * The sequence numbers of a page: found in one index, before any row is read. PostgreSQL would rather walk back from the newest entry until it has
 * met enough, which for rare ones or days of long ago is the whole log: so it is not asked for an order in which it could.
 */
async function seqsOf(database: Database, filter: AuditFilter): Promise<readonly number[]> {
  const query = database('audit_events').limit(filter.limit)
  if (filter.subject === '' && filter.person === '') query.orderBy(orderOf(filter))
  else query.orderByRaw('seq + 0 DESC')
  if (filter.subject !== '') {
    const application = await database('applications').where({ reference: filter.subject.toUpperCase() }).first('id')
    if (application) query.where('subject', `application:${application.id}`)
    else query.where((either) => beginsWith(database, either, 'subject', filter.subject))
  }
  if (filter.person !== '') {
    const like = `%${part(filter.person)}%`
    const people: readonly string[] = await database('accounts').whereRaw(alike('name'), [like]).orWhereRaw(alike('email'), [like]).limit(NAMESAKES).pluck('id')
    query.where((either) => {
      if (people.length > 0) either.whereIn('actor', people)
      beginsWith(database, either, 'actor', filter.person)
    })
  }
  // Times are ISO 8601 in UTC, so that texts compare as they do.
  if (filter.from !== null) query.where('at', '>=', filter.from)
  if (filter.until !== null) query.where('at', '<', filter.until)
  const last = filter.before !== null && byTime(filter) ? await database('audit_events').where({ seq: filter.before }).first('at') : undefined
  if (last) query.whereRaw('(at, seq) < (?, ?)', [last.at, filter.before!])
  else if (filter.before !== null) query.where('seq', '<', filter.before)
  return query.pluck('seq')
}

/** Newest first. */
export async function auditPage(database: Database, filter: AuditFilter): Promise<readonly AuditLine[]> {
  const rows = await database<AuditRow & { name: string | null }>('audit_events')
    .leftJoin('accounts', 'accounts.id', 'audit_events.actor')
    .whereIn('seq', [...(await seqsOf(database, filter))])
    .orderBy(orderOf(filter))
    .select('audit_events.*', 'accounts.name')
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
