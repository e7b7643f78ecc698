/**
 * The same tests on SQLite and on PostgreSQL, each on fresh, migrated databases.
 * Without a PostgreSQL server on the machine that half is skipped, saying so; under CI it fails.
 */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, test } from 'vitest'
import { migrate, openDatabase, type Database } from '../../src/database/database.ts'
import { findPostgres, startPostgres, type PostgresServer } from './postgres.ts'

export type Engine = 'SQLite' | 'PostgreSQL'

const urls = new WeakMap<Database, string>()
const opened: Database[] = []
let folder: string | undefined
let server: Promise<PostgresServer> | undefined
const templates = new Map<Engine, Promise<string>>()
let count = 0

// Registered where a test file imports this one: after all of that file's tests, whatever became of them.
afterAll(async () => {
  await Promise.all(opened.splice(0).map((database) => database.destroy()))
  await (await server)?.stop()
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
  folder = server = undefined
  templates.clear()
})

/**
 * Runs `tests` once for each engine. `open` gives a fresh database with every table, closed and removed after the file's last test.
 * For a second connection or process on the same database see {@link connectAgain} and {@link urlOf}.
 */
export function describeOnBothDatabases(title: string, tests: (open: () => Promise<Database>, engine: Engine) => void): void {
  describe(`${title} (SQLite)`, () => tests(() => openFresh('SQLite'), 'SQLite'))
  const onPostgres = `${title} (PostgreSQL)`
  if (findPostgres() !== null) describe(onPostgres, () => tests(() => openFresh('PostgreSQL'), 'PostgreSQL'))
  else if (process.env['CI'] === 'true') describe(onPostgres, () => test('runs on PostgreSQL', () => Promise.reject(new Error('no PostgreSQL server on this machine'))))
  else {
    console.log('skipped: no PostgreSQL')
    describe.skip(onPostgres, () => tests(() => openFresh('PostgreSQL'), 'PostgreSQL'))
  }
}

/** A fresh database with every table. */
export async function openFresh(engine: Engine): Promise<Database> {
  if (!templates.has(engine)) templates.set(engine, makeTemplate(engine))
  const template = await templates.get(engine)!
  return open(await freshUrl(engine, template))
}

/** A fresh database without tables. */
export const openEmpty = async (engine: Engine): Promise<Database> => open(await freshUrl(engine, null))

/**
 * Another pool of connections to the same database, as another process would have. At most two beside the first on SQLite:
 * who waits for its lock waits in one of the four threads that Node has for this, and the holder needs one to go on.
 */
export const connectAgain = (database: Database): Database => open(urlOf(database))

/** What DATABASE_URL would be for this database. */
export function urlOf(database: Database): string {
  const url = urls.get(database)
  if (url === undefined) throw new Error('not a database of test/support/database.ts')
  return url
}

function open(url: string): Database {
  const database = openDatabase(url)
  urls.set(database, url)
  opened.push(database)
  return database
}

async function makeTemplate(engine: Engine): Promise<string> {
  const url = await freshUrl(engine, null)
  const database = openDatabase(url)
  await migrate(database)
  // Closing puts SQLite's write-ahead log into the file, and PostgreSQL copies only a database that nobody uses.
  await database.destroy()
  return url
}

async function freshUrl(engine: Engine, template: string | null): Promise<string> {
  const name = `portal_${++count}`
  if (engine === 'SQLite') {
    folder ??= mkdtempSync(join(tmpdir(), 'portal-db-'))
    const file = join(folder, `${name}.sqlite`)
    if (template !== null) copyFileSync(template.slice('sqlite:'.length), file)
    return `sqlite:${file}`
  }
  server ??= startPostgres()
  const { url } = await server
  const keeper = openDatabase(url('postgres'))
  try {
    await keeper.raw(template === null ? `CREATE DATABASE ${name}` : `CREATE DATABASE ${name} TEMPLATE ${new URL(template).pathname.slice(1)}`)
  } finally {
    await keeper.destroy()
  }
  return url(name)
}
