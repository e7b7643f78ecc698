/** What a database enforces, in words that don't depend on the engine, so that two can be compared. */
import { isPostgres, type Database } from '../../src/database/database.ts'

export interface TableShape {
  /** `name`, or `name?` when it takes NULL. */
  columns: string[]
  /** Primary key and unique indexes, each as its columns; `where` when it covers only some rows. */
  unique: string[]
  /** `column -> table.column` */
  references: string[]
  /** Names of the CHECK constraints that have one; on SQLite also of the trigger that stands in for one on sizes, which can't be added there. */
  checks: string[]
}

export async function tableNames(database: Database): Promise<string[]> {
  const rows: { name: string }[] = isPostgres(database) ? (await database.raw("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'")).rows : await database.raw("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
  return rows.map(({ name }) => name).filter((name) => !name.startsWith('knex_')).sort()
}

export async function shape(database: Database): Promise<Record<string, TableShape>> {
  const entries: [string, TableShape][] = []
  for (const table of await tableNames(database)) entries.push([table, isPostgres(database) ? await postgresTable(database, table) : await sqliteTable(database, table)])
  return Object.fromEntries(entries)
}

/** Functions of the schema, which PostgreSQL keeps when the tables that used them go. */
export const functionNames = async (database: Database): Promise<string[]> =>
  isPostgres(database) ? (await database.raw("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace")).rows.map((row: { proname: string }) => row.proname) : []

const unique = (columns: string[], partial: boolean) => `${columns.join(', ')}${partial ? ' where' : ''}`

async function sqliteTable(database: Database, table: string): Promise<TableShape> {
  const columns: { name: string; notnull: number; pk: number }[] = await database.raw(`PRAGMA table_info(${table})`)
  const indexes: { name: string; unique: number; partial: number; origin: string }[] = await database.raw(`PRAGMA index_list(${table})`)
  const keys: { from: string; table: string; to: string }[] = await database.raw(`PRAGMA foreign_key_list(${table})`)
  const [{ sql }] = await database.raw('SELECT sql FROM sqlite_master WHERE name = ?', [table])
  const sizes: { name: string }[] = await database.raw("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name = ?", [`${table}_size`])
  const found = [columns.filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk).map(({ name }) => name)].map((all) => unique(all, false))
  for (const index of indexes.filter((one) => one.unique === 1 && one.origin !== 'pk')) {
    const parts: { name: string }[] = await database.raw(`PRAGMA index_info(${index.name})`)
    found.push(unique(parts.map(({ name }) => name), index.partial === 1))
  }
  return {
    columns: columns.map(({ name, notnull }) => `${name}${notnull ? '' : '?'}`).sort(),
    unique: found.sort(),
    references: keys.map((key) => `${key.from} -> ${key.table}.${key.to}`).sort(),
    checks: [...[...String(sql).matchAll(/constraint (\w+) check/g)].map(([, name]) => name!), ...sizes.map(({ name }) => name)].sort(),
  }
}

async function postgresTable(database: Database, table: string): Promise<TableShape> {
  const rows = async <Row>(sql: string): Promise<Row[]> => (await database.raw(sql, [table])).rows
  const columns = await rows<{ name: string; nullable: string }>('SELECT column_name AS name, is_nullable AS nullable FROM information_schema.columns WHERE table_name = ?')
  const indexes = await rows<{ columns: string[]; partial: boolean }>(`SELECT indpred IS NOT NULL AS partial,
      ARRAY(SELECT attname::text FROM unnest(indkey) WITH ORDINALITY AS k(n, i) JOIN pg_attribute ON attrelid = indrelid AND attnum = n ORDER BY i) AS columns
    FROM pg_index WHERE indrelid = ?::regclass AND indisunique`)
  const keys = await rows<{ reference: string }>(`SELECT a.attname || ' -> ' || confrelid::regclass || '.' || b.attname AS reference FROM pg_constraint
    JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = conkey[1] JOIN pg_attribute b ON b.attrelid = confrelid AND b.attnum = confkey[1]
    WHERE contype = 'f' AND conrelid = ?::regclass`)
  const checks = await rows<{ name: string }>("SELECT conname AS name FROM pg_constraint WHERE contype = 'c' AND conrelid = ?::regclass")
  return {
    columns: columns.map(({ name, nullable }) => `${name}${nullable === 'YES' ? '?' : ''}`).sort(),
    unique: indexes.map((index) => unique(index.columns, index.partial)).sort(),
    references: keys.map(({ reference }) => reference).sort(),
    checks: checks.map(({ name }) => name).sort(),
  }
}
