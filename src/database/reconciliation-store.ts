/** What database, lists and OCSP answers said beside each other, in the database: one run at a time, whichever host does it. */
import { readDetails } from '../audit/details.ts'
import { isUniqueViolation, type Database, type Row, type Transaction } from './database.ts'

/** `unanswered`: `status` could not be asked, which says nothing of what it would have said. */
export type ReconciliationOutcome = 'agreed' | 'differed' | 'unanswered'

export interface Reconciliation {
  readonly id: string
  readonly startedAt: Date
  readonly finishedAt: Date
  readonly outcome: ReconciliationOutcome
  /** How many certificates were asked about, responder and CA certificates among them. */
  readonly certificates: number
  /** How many entries the lists had together. */
  readonly listEntries: number
  readonly differences: number
  /** The first of them, one line each, in English; why, when nothing could be asked. */
  readonly details: readonly string[]
}

const read = (row: Row): Reconciliation => ({
  id: row['id'],
  startedAt: new Date(row['started_at']),
  finishedAt: new Date(row['finished_at']),
  outcome: row['outcome'],
  certificates: Number(row['certificates']),
  listEntries: Number(row['list_entries']),
  differences: Number(row['differences']),
  details: linesOf(row['details']),
})

/** `ca` writes a list of lines; what else stands there stops nobody. */
function linesOf(text: string): readonly string[] {
  try {
    const lines: unknown = JSON.parse(text)
    return Array.isArray(lines) ? lines.filter((line): line is string => typeof line === 'string') : []
  } catch {
    return []
  }
}

/**
 * The run that finished last, for the status page; null before the first. One that could not ask counts too: it says so. A row counts only with its entry on the audit log,
 * and not when it says that it began in a time to come.
 */
export async function lastReconciliation(db: Database | Transaction, now: Date): Promise<Reconciliation | null> {
  const rows: Row[] = await db('status_reconciliations').whereNotNull('finished_at').where('started_at', '<=', new Date(now.getTime() + AHEAD_MS).toISOString()).orderBy('started_at', 'desc').limit(LOOKED_AT)
  for (const row of rows) {
    // Whichever was first: an entry that somebody else put beside it takes nothing away.
    const entries: readonly string[] = await db('audit_events').where({ event: 'status.reconciled', subject: `reconciliation:${row['id']}` }).orderBy('seq').pluck('details')
    if (entries.some((details) => saysTheSame(details, row))) return read(row)
  }
  return null
}

const saysTheSame = (details: string, row: Row): boolean => {
  const said = readDetails(details)
  return said['outcome'] === row['outcome'] && said['certificates'] === Number(row['certificates']) && said['listEntries'] === Number(row['list_entries']) && said['differences'] === Number(row['differences'])
}

/** How many rows say that they began in a time to come: none does by itself. */
export async function reconciliationsAhead(db: Database | Transaction, now: Date): Promise<number> {
  const [found] = await db('status_reconciliations').where('started_at', '>', new Date(now.getTime() + AHEAD_MS).toISOString()).count({ rows: '*' })
  return Number(found!['rows'])
}

/** Hosts' clocks may differ by so much. */
const AHEAD_MS = 5 * 60_000
const LOOKED_AT = 50

/** A run that lasts longer was left by a process that died. */
const RUN_LASTS_MS = 6 * 3_600_000

/** Takes the turn. False while another process has it. */
export async function beginReconciliation(trx: Transaction, run: { readonly id: string; readonly owner: string; readonly at: Date }): Promise<boolean> {
  const lapsed = new Date(run.at.getTime() - RUN_LASTS_MS).toISOString()
  const ahead = new Date(run.at.getTime() + AHEAD_MS).toISOString()
  await trx('status_reconciliations').where({ running: 1 }).where((either) => either.where('started_at', '<', lapsed).orWhere('started_at', '>', ahead)).update({ running: null })
  if (await trx('status_reconciliations').where({ running: 1 }).first('id')) return false
  try {
    await trx('status_reconciliations').insert({ id: run.id, owner: run.owner, started_at: run.at.toISOString(), running: 1 })
    return true
  } catch (error) {
    if (isUniqueViolation(error)) return false
    throw error
  }
}

/** False when the turn lapsed meanwhile. */
export async function finishReconciliation(trx: Transaction, { id, finishedAt, outcome, certificates, listEntries, differences, details }: Omit<Reconciliation, 'startedAt'>): Promise<boolean> {
  const result = { finished_at: finishedAt.toISOString(), outcome, certificates, list_entries: listEntries, differences, details: JSON.stringify(details), running: null }
  return (await trx('status_reconciliations').where({ id, running: 1 }).update(result)) === 1
}
