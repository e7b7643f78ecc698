/**
 * ISS-6: who keeps the others waiting. On PostgreSQL any account may take the audit log's lock, or one of a table that it reads, and not let go;
 * nothing forbids it, so it is found, told and ended by the owner (README). SQLite has one file and one writer, which its own waiting bounds.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Database, isPostgres, writeAlone } from './database.ts'

export interface Blocker {
  /** PostgreSQL's number of the connection that lets nobody on. */
  readonly pid: number
  readonly account: string | null
  /** How many connections wait for it, and the longest of them how long. */
  readonly waiting: number
  readonly seconds: number
}

/** Milliseconds of waiting that no work of the CA takes. */
const PATIENCE_MS = 5_000

/** Blocks that are themselves blocked are left out: who is to be ended stands at the head. Every account may read these two views as far as this. */
const BLOCKERS = `SELECT head.pid, head.usename AS account, count(DISTINCT waiting.pid) AS waiting, max(extract(epoch FROM clock_timestamp() - waiting.waitstart)) AS seconds
  FROM pg_locks waiting
  JOIN pg_stat_activity here ON here.pid = waiting.pid AND here.datname = current_database()
  CROSS JOIN LATERAL unnest(pg_blocking_pids(waiting.pid)) AS blocking(pid)
  JOIN pg_stat_activity head ON head.pid = blocking.pid
  WHERE NOT waiting.granted AND waiting.waitstart < clock_timestamp() - ? * interval '1 millisecond'
    AND NOT EXISTS (SELECT FROM pg_locks own WHERE own.pid = head.pid AND NOT own.granted)
  GROUP BY 1, 2 ORDER BY 4 DESC LIMIT 5`

/**
 * Waits for the audit log's lock as any change does, and tells who let this or another connection of the database wait too long.
 * @param patience milliseconds
 */
export async function findBlockers(db: Database, patience = PATIENCE_MS): Promise<readonly Blocker[]> {
  if (!isPostgres(db)) return []
  const probe = db
    .transaction(async (trx) => {
      await trx.raw(`SET LOCAL lock_timeout = ${2 * patience}`)
      await writeAlone(trx)
    })
    // lock_not_available
    .catch((error: { code?: string }) => (error.code === '55P03' ? undefined : Promise.reject(error)))
  const ended = new AbortController()
  const given = sleep(1.2 * patience, undefined, { signal: ended.signal }).catch(() => undefined)
  try {
    await Promise.race([probe, given])
    const { rows } = await db.raw(BLOCKERS, [patience])
    return rows.map(({ pid, account, waiting, seconds }: Record<string, unknown>) => ({ pid: Number(pid), account: account as string | null, waiting: Number(waiting), seconds: Math.floor(Number(seconds)) }))
  } finally {
    ended.abort()
    await probe
  }
}
