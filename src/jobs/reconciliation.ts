/** Compares database, lists and OCSP answers once a day, on one host of several, and keeps the result (CRL-3, OCS-3, OCS-5). */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { audit } from '../audit/audit-log.ts'
import { listAuthorities } from '../database/authority-store.ts'
import type { Database, Transaction } from '../database/database.ts'
import { reconciliationSource } from '../database/reconciliation-source.ts'
import { beginReconciliation, finishReconciliation, lastReconciliation, reconciliationsAhead, type Reconciliation } from '../database/reconciliation-store.ts'
import { reconcile, type ReconciliationResult } from '../revocation/reconcile.ts'
import type { FetchAddress } from '../revocation/named-addresses.ts'
import type { Services } from '../services.ts'
import { type StatusClient, StatusUnanswered } from '../status-client.ts'
import type { Alert } from './crl-changes.ts'
import { CA_ACTOR } from './actor.ts'

const DAY_MS = 86_400_000
/** When `status` could not be asked. */
const AGAIN_MS = 3_600_000
/** Of the differences so many are kept; their number is the whole one. */
const KEPT_LINES = 100

export interface ComparisonParts extends Pick<Services, 'policy' | 'database' | 'clock' | 'random'> {
  readonly client: StatusClient
  /** Where the client asks: STATUS_URL. */
  readonly statusUrl: string
  /** Between two looks at what differs. */
  readonly wait?: (milliseconds: number) => Promise<void>
  /** For operators: the log. */
  readonly alert?: Alert
}

/** One comparison now, without writing anything. @throws StatusUnanswered */
export async function compareNow({ policy, database, clock, random, client, statusUrl, wait = sleep }: ComparisonParts): Promise<ReconciliationResult> {
  const authorities = await listAuthorities(database)
  const source = reconciliationSource(database)
  return reconcile({
    policy, authorities, source, now: clock, randomBytes: random, statusUrl, find: client.find, post: client.post, fetchAddress: fetchWith(client), wait: async (milliseconds) => void (await wait(milliseconds)),
  })
}

/** What an address that a certificate names does wrong is a difference, and no reason to break off. */
export const fetchWith =
  (client: StatusClient): FetchAddress =>
  async (address, { maxBytes, post }) => {
    try {
      return { octets: await (post ? client.post(address, post.type, post.body, maxBytes) : client.get(address, maxBytes)) }
    } catch (error) {
      if (StatusUnanswered.is(error)) return { fault: error.why, silent: error.silent }
      throw error
    }
  }

/** Runs one when a day has passed since the last. @returns its result; null when none was due, or another process has the turn */
export async function reconcileDaily(parts: ComparisonParts): Promise<Reconciliation | null> {
  const { database, clock } = parts
  const run = { id: randomUUID(), owner: `ca-${randomUUID()}`, at: clock() }
  if (!(await isDue(database, run.at))) return null
  const ahead = await reconciliationsAhead(database, run.at)
  if (ahead > 0) parts.alert?.({ level: 'alert', job: 'reconciliation', refused: `${ahead} comparisons say that they began in a time to come`, means: 'they count for nothing' })
  // Asked again inside: another host may have finished meanwhile.
  if (!(await database.transaction(async (trx) => (await isDue(trx, run.at)) && beginReconciliation(trx, run)))) return null
  let fault: unknown = null
  const found = await compareNow(parts).catch((error: unknown) => {
    if (StatusUnanswered.is(error)) return error
    // The turn is given back, and the fault goes on its way.
    fault = error
    return new StatusUnanswered('the comparison failed')
  })
  const finishedAt = clock()
  const result = 'lines' in found
    ? { outcome: found.differences === 0 ? 'agreed' : 'differed', certificates: found.certificates, listEntries: found.listEntries, differences: found.differences, details: found.lines.slice(0, KEPT_LINES) } as const
    : { outcome: 'unanswered', certificates: 0, listEntries: 0, differences: 0, details: [found.message] } as const
  const kept = await database.transaction(async (trx) => {
    if (!(await finishReconciliation(trx, { id: run.id, finishedAt, ...result }))) return false
    const { details: _lines, ...numbers } = result
    await audit(trx, { at: finishedAt, actor: CA_ACTOR, event: 'status.reconciled', subject: `reconciliation:${run.id}`, details: numbers })
    return true
  })
  if (fault !== null) throw fault
  return kept ? { id: run.id, startedAt: run.at, finishedAt, ...result } : null
}

async function isDue(db: Database | Transaction, now: Date): Promise<boolean> {
  const last = await lastReconciliation(db, now)
  return !last || now.getTime() - last.startedAt.getTime() >= (last.outcome === 'unanswered' ? AGAIN_MS : DAY_MS)
}
