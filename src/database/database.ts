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

/** @param url `sqlite:FILE` or `postgres://…` */
export function openDatabase(url: string): Database {
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
  return knex({ client: 'pg', connection: url, pool: { min: 0, max: 10 }, migrations: { migrationSource: migrations }, log })
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
 * Brings the tables to the present shape, all or nothing. Safe when another process does the same at the same time:
 * the second waits, then finds nothing to do. A process that dies on the way leaves neither half a shape nor knex's lock behind.
 */
export async function migrate(database: Database): Promise<void> {
  await database.transaction(async (trx) => {
    if (isPostgres(trx)) await trx.raw('SELECT pg_advisory_xact_lock(7230002)')
    await trx.migrate.latest()
  })
}

/** True for a violation of a unique or primary key, on both engines. */
export function isUniqueViolation(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: string; message?: string }
  return code === '23505' || (code === 'SQLITE_CONSTRAINT' && /UNIQUE|PRIMARY KEY/.test(message ?? ''))
}
