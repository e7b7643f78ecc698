/**
 * LOG-1: the audit log, hash-chained. An entry commits in the same transaction as the change it tells of:
 * no audit, no act.
 */
import { createHash } from 'node:crypto'
import type { Knex } from 'knex'
import { writeAlone, type Transaction } from '../database/database.ts'
import { readDetails } from './details.ts'
import type { AuditEventName } from './events.ts'

export interface AuditEntry {
  at: Date
  /** An account's id, or `process:ca` and the like. */
  actor: string
  event: AuditEventName
  /** Kind and id of what changed: `application:…`, `certificate:…`, `account:…`. */
  subject: string
  /** Facts of the change. Never a secret, never a private key, never a whole document: its SHA-256. */
  details?: Readonly<Record<string, unknown>>
}

export interface AuditRow {
  seq: number
  at: string
  actor: string
  event: string
  subject: string
  details: string
  previous_hash: string
  hash: string
}

/** What the first entry names as the hash before it. */
export const GENESIS = '0'.repeat(64)

/** SHA-256 over the entry's fields as one JSON array: nothing can move from one field into the next. */
export function auditHash(row: Omit<AuditRow, 'hash'>): string {
  return createHash('sha256')
    .update(JSON.stringify([row.seq, row.at, row.actor, row.event, row.subject, row.details, row.previous_hash]))
    .digest('hex')
}

/** The last entry about this subject among these events; nothing is appended after it but by this transaction. */
export async function lastEntry(trx: Transaction, subject: string, events: readonly AuditEventName[]): Promise<{ readonly at: Date; readonly event: string; readonly details: Readonly<Record<string, unknown>> } | null> {
  await writeAlone(trx)
  const row = await trx<AuditRow>('audit_events').where({ subject }).whereIn('event', [...events]).orderBy('seq', 'desc').first('at', 'event', 'details')
  return row ? { at: new Date(row.at), event: row.event, details: readDetails(row.details) } : null
}

/** Appends one entry inside the transaction of the change. Throws when it can't: the change then rolls back. */
export const audit = (trx: Transaction, entry: AuditEntry): Promise<void> => auditAll(trx, [entry])

/** Appends several, in their order, likewise. */
export async function auditAll(trx: Transaction, entries: readonly AuditEntry[]): Promise<void> {
  // One writer at a time extends the chain.
  await writeAlone(trx)
  const last = await trx<AuditRow>('audit_events').orderBy('seq', 'desc').first('seq', 'hash')
  let [seq, previous_hash] = last ? [Number(last.seq), last.hash] : [0, GENESIS]
  const rows: AuditRow[] = []
  for (const { at, actor, event, subject, details } of entries) {
    const row = { seq: ++seq, at: at.toISOString(), actor, event, subject, details: JSON.stringify(details ?? {}), previous_hash }
    previous_hash = auditHash(row)
    rows.push({ ...row, hash: previous_hash })
  }
  await trx('audit_events').insert(rows)
}

export type ChainBreach = { intact: false; at: number; reason: 'gap' | 'link' | 'hash' }
export type ChainVerdict = { intact: true; entries: number; head: string } | ChainBreach

/** Why this row can't be entry number `expected` after an entry with the hash `previous`; null when it is. */
export function findBreach(row: AuditRow, expected: number, previous: string): ChainBreach | null {
  if (row.seq !== expected) return { intact: false, at: Math.min(row.seq, expected), reason: 'gap' }
  if (row.previous_hash !== previous) return { intact: false, at: row.seq, reason: 'link' }
  return auditHash(row) === row.hash ? null : { intact: false, at: row.seq, reason: 'hash' }
}

/** Walks the whole chain and names the first entry that does not fit. What was cut off its end only a head noted elsewhere can tell. */
export async function verifyAuditChain(database: Knex): Promise<ChainVerdict> {
  let previous = GENESIS
  let expected = 1
  for (;;) {
    // From the very first row, whatever its number: an entry put before the first one is found too.
    const rows = await database<AuditRow>('audit_events').where((query) => (expected === 1 ? query : query.where('seq', '>=', expected))).orderBy('seq').limit(500)
    if (rows.length === 0) return { intact: true, entries: expected - 1, head: previous }
    for (const raw of rows) {
      const row = { ...raw, seq: Number(raw.seq) }
      const breach = findBreach(row, expected, previous)
      if (breach) return breach
      previous = row.hash
      expected++
    }
  }
}
