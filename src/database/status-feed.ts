/** What `status` learns of changes: the rows that migration 0020's triggers write, read once each and in no order. */
import type { StatusChange, StatusFeed } from '../revocation/status-watch.ts'
import { isPostgres, type Database } from './database.ts'

/** More changes than this at once, and forgetting everything is quicker. */
const MOST = 20_000
const TIMEOUT_MS = 5000
const KEPT_MS = 24 * 3_600_000

export const statusFeed = (db: Database): StatusFeed => (isPostgres(db) ? postgresFeed(db) : sqliteFeed(db))

/** Drops rows that every watcher has long read. `ca` does it: `status` writes nothing. */
export const forgetStatusChanges = async (db: Database, now: Date): Promise<number> => db('status_changes').where('changed_at', '<', new Date(now.getTime() - KEPT_MS).toISOString()).delete()

const readChange = (row: { authority_id: string; serial: string }): StatusChange => ({ authorityId: row.authority_id, serial: row.serial })

/** One writes at a time, so ids are in the order of commits. */
function sqliteFeed(db: Database): StatusFeed {
  let last: number | null = null
  return {
    async read() {
      // Kept by SQLite for AUTOINCREMENT: it never goes down, not even when rows are dropped.
      const [top] = await db('sqlite_sequence').where({ name: 'status_changes' }).select('seq').timeout(TIMEOUT_MS)
      const head = Number(top?.seq ?? 0)
      const from = last
      if (from === null || head < from || head - from > MOST) {
        last = head
        return { changes: [], gap: true }
      }
      if (head === from) return { changes: [], gap: false }
      const rows = await db('status_changes').where('id', '>', from).where('id', '<=', head).select('authority_id', 'serial').timeout(TIMEOUT_MS)
      last = head
      return { changes: rows.map(readChange), gap: false }
    },
    listen: () => async () => undefined,
  }
}

/**
 * An id taken earlier may be committed later, so the place reached is PostgreSQL's own horizon: every transaction below it had ended when the
 * rows were read. Rows from the horizon on are read again and known by their ids.
 */
function postgresFeed(db: Database): StatusFeed {
  let horizon: bigint | null = null
  let known = new Map<string, bigint>()
  return {
    async read() {
      // One statement, one snapshot: the horizon is that of the rows.
      const { rows } = await db
        .raw(
          `SELECT h.xmin::text AS horizon, c.id::text AS id, c.transaction_id::text AS transaction_id, c.authority_id, c.serial
          FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS xmin) h LEFT JOIN status_changes c ON c.transaction_id >= ? LIMIT ?`,
          [String(horizon ?? 2n ** 62n), MOST + 1],
        )
        .timeout(TIMEOUT_MS)
      const reached = BigInt(rows[0].horizon)
      const found: { id: string; transaction_id: string; authority_id: string; serial: string }[] = rows.filter((row: { id: string | null }) => row.id !== null)
      // The first call; a database put back from a copy, whose transactions count from lower again; more than is worth telling apart.
      const gap = horizon === null || reached < horizon || found.length > MOST
      const changes = gap ? [] : found.filter(({ id }) => !known.has(id)).map(readChange)
      const seen = new Map<string, bigint>(gap ? [] : known)
      for (const { id, transaction_id } of found) seen.set(id, BigInt(transaction_id))
      known = new Map([...seen].filter(([, transaction]) => transaction >= reached))
      horizon = reached
      return { changes, gap }
    },
    listen: (wake) => listenOnPostgres(db, wake),
  }
}

interface ListeningConnection {
  query(sql: string): Promise<unknown>
  on(event: 'notification' | 'error' | 'end', listener: () => void): void
  end(): Promise<void>
}

/** A connection of its own; where it is lost a new one is opened, and polling goes on meanwhile. */
function listenOnPostgres(db: Database, wake: () => void): () => Promise<void> {
  let connection: ListeningConnection | null = null
  let stopped = false
  let timer: NodeJS.Timeout | null = null
  const retry = () => {
    connection = null
    if (!stopped && timer === null)
      timer = setTimeout(() => {
        timer = null
        void connect()
      }, 1000)
  }
  const connect = async (): Promise<void> => {
    try {
      const opened: ListeningConnection = await db.client.acquireRawConnection()
      opened.on('error', retry)
      opened.on('end', retry)
      opened.on('notification', wake)
      connection = opened
      if (stopped) return void (await opened.end())
      await opened.query('LISTEN status_changes')
      // What was told while nobody listened.
      wake()
    } catch {
      // The polling reports the same fault.
      retry()
    }
  }
  const first = connect()
  return async () => {
    stopped = true
    if (timer) clearTimeout(timer)
    await first
    await connection?.end().catch(() => undefined)
  }
}
