/** What operators and the public status page are told of the state of things: figures alone, nobody's name. */
import type { CrlRecord } from './crl-store.ts'
import type { Database, Row } from './database.ts'
import { respondersAt } from './responder-store.ts'

/** Which authorities have no list in force, in words for operators; null when all have one. */
export function endedLists(authorities: readonly { readonly id: string }[], lists: readonly Pick<CrlRecord, 'authorityId' | 'nextUpdate'>[], now: Date): string | null {
  const of = (id: string) => lists.filter(({ authorityId }) => authorityId === id)
  // Every shard counts: a certificate's own list is one of them.
  const ended = authorities.filter(({ id }) => of(id).length === 0 || of(id).some(({ nextUpdate }) => nextUpdate <= now))
  return ended.length === 0 ? null : `no list in force of ${ended.map(({ id }) => id).join(', ')}`
}

export interface SignerEnd {
  readonly kind: 'root' | 'issuing' | 'timestamp-ca' | 'responder' | 'timestamp'
  /** The authority itself, or the one that a responder or unit signs under. */
  readonly authorityId: string
  readonly notAfter: Date
}

/** Whose signature counts now and until when: of several responder certificates the one that lasts longest, of time-stamping units each that still signs. */
export async function signerEnds(db: Database, now: Date): Promise<readonly SignerEnd[]> {
  const at = now.toISOString()
  const authorities: Row[] = await db('authorities').where('not_after', '>', at).orderBy('created_at').orderBy('id').select('id', 'kind', 'not_after')
  const responders: Row[] = await respondersAt(db, now).groupBy('certificate.authority_id').select('certificate.authority_id').max('certificate.not_after as not_after')
  const units: Row[] = await db('timestamp_certificates').whereNull('revoked_at').whereNull('removed_at').where('not_before', '<=', at).where('use_until', '>', at).groupBy('authority_id').select('authority_id').max('use_until as not_after')
  const of = (kind: SignerEnd['kind'], rows: readonly Row[]): SignerEnd[] => rows.map((row) => ({ kind, authorityId: row['authority_id'], notAfter: new Date(row['not_after']) }))
  return [...authorities.map((row) => ({ kind: row['kind'] as SignerEnd['kind'], authorityId: row['id'], notAfter: new Date(row['not_after']) })), ...of('responder', responders), ...of('timestamp', units)]
}

/** How many enrolled keys of each issuing CA have a certificate in force; with fewer than two, the one that answers has no successor (OCS-2). */
export async function respondersByAuthority(db: Database, now: Date): Promise<ReadonlyMap<string, number>> {
  const issuing: Row[] = await db('authorities').where({ kind: 'issuing' }).where('not_after', '>', now.toISOString()).select('id')
  const rows: Row[] = await respondersAt(db, now).groupBy('certificate.authority_id').select('certificate.authority_id').countDistinct('certificate.responder_key_id as count')
  return new Map(issuing.map(({ id }) => [id, Number(rows.find((row) => row['authority_id'] === id)?.['count'] ?? 0)]))
}

export async function applicationsByState(db: Database): Promise<ReadonlyMap<string, number>> {
  const rows: Row[] = await db('applications').groupBy('state').select('state').count('* as count')
  return new Map(rows.map((row) => [row['state'], Number(row['count'])]))
}

/** When the approval was given that waits longest for `ca`; null when none waits. */
export async function oldestWaiting(db: Database): Promise<Date | null> {
  const waiting = db('applications').join('approvals', 'approvals.application_id', 'applications.id').whereIn('applications.state', ['approved', 'issuing']).whereNull('approvals.voided_at')
  const row: Row | undefined = await waiting.min('approvals.approved_at as at').first()
  return row?.['at'] ? new Date(row['at']) : null
}

/** Milliseconds from approval to certificate, of those issued since, in ascending order. */
export async function timesToIssue(db: Database, since: Date): Promise<readonly number[]> {
  const rows: Row[] = await db('certificates').join('approvals', 'approvals.id', 'certificates.approval_id').where('certificates.issued_at', '>=', since.toISOString()).limit(10_000).select('certificates.issued_at as issued', 'approvals.approved_at as approved')
  return rows.map((row) => Date.parse(row['issued']) - Date.parse(row['approved'])).sort((one, other) => one - other)
}

/** Counts entries of the audit log by event, from one look to the next, so that no look reads the whole log. */
export function auditCounts(db: Database, events: readonly string[]): () => Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>(events.map((event) => [event, 0]))
  let head: number | null = null
  const look = async (): Promise<ReadonlyMap<string, number>> => {
    const last = Number((await db('audit_events').max('seq as seq').first())?.['seq'] ?? 0)
    if (head !== null && last > head) {
      const rows: Row[] = await db('audit_events').where('seq', '>', head).where('seq', '<=', last).whereIn('event', [...events]).groupBy('event').select('event').count('* as count')
      for (const row of rows) counts.set(row['event'], (counts.get(row['event']) ?? 0) + Number(row['count']))
    }
    head = last
    return counts
  }
  let turn: Promise<unknown> = Promise.resolve()
  return () => {
    // One look after the other: two at once would count the same entries.
    const next = turn.then(look)
    turn = next.catch(() => undefined)
    return next
  }
}

/** Mail that waits to be sent, and mail that was given up. */
export async function mailStates(db: Database, attempts: number): Promise<{ readonly waiting: number; readonly failing: number; readonly abandoned: number }> {
  const count = async (where: (query: ReturnType<typeof db>) => unknown): Promise<number> => {
    const query = db('mail_outbox').whereNull('sent_at')
    where(query)
    return Number((await query.count('* as count').first())?.['count'] ?? 0)
  }
  return {
    waiting: await count((query) => query.where('failures', '<', attempts)),
    failing: await count((query) => query.where('failures', '>', 0).where('failures', '<', attempts)),
    abandoned: await count((query) => query.where('failures', '>=', attempts)),
  }
}

/** @throws what the driver says when the database can't be reached */
export async function reachDatabase(db: Database): Promise<null> {
  await db.raw('select 1')
  return null
}
