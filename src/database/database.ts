/**
 * One connection pool per process. Rows leave this folder as domain types; times are ISO 8601 texts in UTC,
 * serial numbers hex texts, truth values 0 and 1, so that both engines tell the same story.
 */
import { chmodSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import knex, { type Knex } from 'knex'
import { migrations } from './migrations.ts'
import { sqliteClient } from './sqlite-client.ts'

export type Database = Knex
/** A change and its audit entry commit together: functions that write take this, never the pool. */
export type Transaction = Knex.Transaction
/** A row as the driver gives it: unknown until a store has read it. */
export type Row = Record<string, any>

// Every fault reaches the caller as an error; knex would also print it on standard output, with its stack.
const log = { warn() {}, error() {} }

/** Milliseconds. A host that vanishes in the middle of a transaction keeps its locks, and all others waiting, no longer than this; nobody waits long for one that does not answer. */
const PATIENCE = { connectionTimeoutMillis: 10_000, idle_in_transaction_session_timeout: 120_000, keepAlive: true, keepAliveInitialDelayMillis: 10_000 }

/**
 * @param url `sqlite:FILE` or `postgres://…`
 * @param lockMs on PostgreSQL: how long a statement waits for a lock before it fails (55P03); without it for as long as it takes
 */
export function openDatabase(url: string, lockMs?: number): Database {
  if (url.startsWith('sqlite:')) {
    const filename = url.slice('sqlite:'.length)
    if (filename !== ':memory:') mkdirSync(dirname(filename), { recursive: true })
    return knex({
      client: sqliteClient,
      connection: { filename },
      useNullAsDefault: true,
      pool: {
        min: 1,
        max: 1,
        afterCreate(connection: { exec(sql: string, done: (error: Error | null) => void): void }, done: (error: Error | null, connection: unknown) => void) {
          // recursive_triggers: without it INSERT OR REPLACE slips past the DELETE trigger of the audit log.
          connection.exec('PRAGMA busy_timeout=10000; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA recursive_triggers=ON;', (error) => {
            if (filename !== ':memory:' && !error) for (const suffix of ['', '-wal', '-shm']) chmodIfThere(filename + suffix)
            done(error, connection)
          })
        },
      },
      migrations: { migrationSource: migrations },
      log,
    })
  }
  return knex({ client: 'pg', connection: { connectionString: url, ...PATIENCE, ...(lockMs === undefined ? {} : { lock_timeout: lockMs }) }, pool: { min: 0, max: 10 }, migrations: { migrationSource: migrations }, log })
}

function chmodIfThere(path: string): void {
  try {
    chmodSync(path, 0o600)
  } catch {
    // The write-ahead files come and go with the first write.
  }
}

export const isPostgres = (database: Knex): boolean => (database.client as { dialect?: string }).dialect === 'postgresql'

/**
 * Until this transaction ends no other that asks for the same goes on, as SQLite's immediate transactions have it: what was read in it holds, and two
 * that change the same rows in another order never wait for each other.
 */
export async function writeAlone(trx: Transaction): Promise<void> {
  if (isPostgres(trx)) await trx.raw('SELECT pg_advisory_xact_lock(7230001)')
}

/** The account of this process may not change tables, and they are older than the program. */
export class TablesTooOld extends Error {
  readonly #tablesTooOld = true
  static is(error: unknown): error is TablesTooOld {
    return typeof error === 'object' && error !== null && #tablesTooOld in error
  }
}

/** Migrations that this program has and the database doesn't. Those that only the database has are a newer program's, which left room for this one. */
async function pending(database: Database): Promise<readonly string[]> {
  const own = (await migrations.getMigrations([])).map((file) => migrations.getMigrationName(file))
  if (!(await database.schema.hasTable('knex_migrations'))) return own
  const done = new Set((await database('knex_migrations').select('name')).map(({ name }: { name: string }) => name))
  return own.filter((name) => !done.has(name))
}

/**
 * Brings the tables to the present shape, all or nothing. Safe when another process does the same at the same time:
 * the second waits, then finds nothing to do. A process that dies on the way leaves neither half a shape nor knex's lock behind.
 * Where nothing is to be done, nothing is asked of the account but to read.
 * @throws TablesTooOld when something is to be done and this account may not
 */
export async function migrate(database: Database): Promise<void> {
  const left = await pending(database)
  if (left.length === 0) return
  await bringUp(database).catch((error: { code?: string }) => {
    // insufficient_privilege
    if (error.code !== '42501') throw error
    throw new TablesTooOld(`The tables of the database are older than this program (${left[0]} is missing), and this account may not change them: run  npm run database:migrate  with the owner's`)
  })
}

async function bringUp(database: Database): Promise<void> {
  await database.transaction(async (trx) => {
    if (isPostgres(trx)) {
      // Another process may be at it, for as long as the tables need.
      await trx.raw('SET LOCAL lock_timeout = 0')
      await trx.raw('SELECT pg_advisory_xact_lock(7230002)')
    }
    await trx.migrate.latest()
  })
}

/** True for a violation of a unique or primary key, on both engines. */
export function isUniqueViolation(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: string; message?: string }
  return code === '23505' || (code === 'SQLITE_CONSTRAINT' && /UNIQUE|PRIMARY KEY/.test(message ?? ''))
}
