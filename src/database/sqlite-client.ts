/**
 * Knex's SQLite client with two differences.
 * BEGIN IMMEDIATE: a deferred transaction that reads and then writes fails with SQLITE_BUSY as soon as another
 * process writes in between, whatever the busy timeout says.
 * Lengths that hold: SQLite takes any length for varchar(n); what PostgreSQL would refuse must be refused here too.
 */
import { createRequire } from 'node:module'
import type { Knex } from 'knex'

const require = createRequire(import.meta.url)
const SqliteDialect = require('knex/lib/dialects/sqlite3/index.js')
const SqliteColumnCompiler = require('knex/lib/dialects/sqlite3/schema/sqlite-columncompiler.js')
const SqliteTransaction = require('knex/lib/dialects/sqlite3/execution/sqlite-transaction.js')

class ImmediateTransaction extends SqliteTransaction {
  begin(connection: unknown) {
    return this['query'](connection, this['readOnly'] ? 'BEGIN;' : 'BEGIN IMMEDIATE;')
  }
}

class BoundedColumnCompiler extends SqliteColumnCompiler {
  varchar(length = 255) {
    return `${super['varchar'](length)} check (length(${this['formatter'].wrap(this['getColumnName']())}) <= ${length})`
  }
}

export class ImmediateSqlite extends SqliteDialect {
  columnCompiler(...parameters: unknown[]) {
    return new (BoundedColumnCompiler as unknown as new (...all: unknown[]) => unknown)(this, ...parameters)
  }
  transaction(...parameters: unknown[]) {
    return new (ImmediateTransaction as unknown as new (...all: unknown[]) => unknown)(this, ...parameters)
  }
}

export const sqliteClient = ImmediateSqlite as unknown as typeof Knex.Client
