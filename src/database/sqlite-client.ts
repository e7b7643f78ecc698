/**
 * Knex's SQLite client with BEGIN IMMEDIATE: a deferred transaction that reads and then writes fails with
 * SQLITE_BUSY as soon as another process writes in between, whatever the busy timeout says.
 */
import { createRequire } from 'node:module'
import type { Knex } from 'knex'

const require = createRequire(import.meta.url)
const SqliteDialect = require('knex/lib/dialects/sqlite3/index.js')
const SqliteTransaction = require('knex/lib/dialects/sqlite3/execution/sqlite-transaction.js')

class ImmediateTransaction extends SqliteTransaction {
  begin(connection: unknown) {
    return this['query'](connection, this['readOnly'] ? 'BEGIN;' : 'BEGIN IMMEDIATE;')
  }
}

export class ImmediateSqlite extends SqliteDialect {
  transaction(...parameters: unknown[]) {
    return new (ImmediateTransaction as unknown as new (...all: unknown[]) => unknown)(this, ...parameters)
  }
}

export const sqliteClient = ImmediateSqlite as unknown as typeof Knex.Client
