/**
 * The same tests on SQLite and on PostgreSQL, each on fresh, migrated databases.
 * Without a PostgreSQL server on the machine that half is skipped, saying so; under CI it fails.
 * With TEST_DATABASE=postgres everything runs on PostgreSQL, on one server for the whole run (global-setup.ts).
 */
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, test } from 'vitest'
import { isPostgres, migrate, openDatabase, type Database } from '../../src/database/database.ts'
import { keptFolder } from './kept.ts'
import { findPostgres, startPostgres, type PostgresServer } from './postgres.ts'

export type Engine = 'SQLite' | 'PostgreSQL'

/** The engine of every test that does not choose one itself. */
export const ENGINE: Engine = process.env['TEST_DATABASE'] === 'postgres' ? 'PostgreSQL' : 'SQLite'

const urls = new WeakMap<Database, string>()
const opened: Database[] = []
let folder: string | undefined
let server: Promise<PostgresServer> | undefined
const templates = new Map<Engine, Promise<string>>()
/** On the server of the whole run, which outlives this file. */
const leftover: string[] = []
let count = 0

// Registered where a test file imports this one: after all of that file's tests, whatever became of them.
afterAll(async () => {
  await Promise.all(opened.splice(0).map((database) => database.destroy()))
  await (await server)?.stop()
  if (leftover.length > 0) await keeping(shared()!, async (keeper) => void (await Promise.all(leftover.splice(0).map((name) => keeper.raw(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)))))
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
  folder = server = undefined
  templates.clear()
})

/**
 * Runs `tests` once for each engine. `open` gives a fresh database with every table, closed and removed after the file's last test.
 * For a second connection or process on the same database see {@link connectAgain} and {@link urlOf}.
 */
export function describeOnBothDatabases(title: string, tests: (open: () => Promise<Database>, engine: Engine) => void): void {
  if (ENGINE === 'SQLite') describe(`${title} (SQLite)`, () => tests(() => openFresh('SQLite'), 'SQLite'))
  const onPostgres = `${title} (PostgreSQL)`
  if (findPostgres() !== null) describe(onPostgres, () => tests(() => openFresh('PostgreSQL'), 'PostgreSQL'))
  else if (process.env['CI'] === 'true') describe(onPostgres, () => test('runs on PostgreSQL', () => Promise.reject(new Error('no PostgreSQL server on this machine'))))
  else {
    console.log('skipped: no PostgreSQL')
    describe.skip(onPostgres, () => tests(() => openFresh('PostgreSQL'), 'PostgreSQL'))
  }
}

/** A fresh database with every table. */
export async function openFresh(engine = ENGINE): Promise<Database> {
  return open(await freshTables(engine))
}

/** What DATABASE_URL would be for a fresh database with every table. */
async function freshTables(engine: Engine): Promise<string> {
  if (!templates.has(engine)) templates.set(engine, makeTemplate(engine))
  const template = await templates.get(engine)!
  return freshUrl(engine, template)
}

/** For a portal in the tests' own process: DATABASE_URL of a fresh database with every table, or nothing where the data folder holds the database. */
export const freshEnvironment = async (): Promise<Readonly<Record<string, string>>> => (ENGINE === 'SQLite' ? {} : { DATABASE_URL: await freshTables(ENGINE) })

const CREATE = "import pg from 'pg'; const c = new pg.Client(process.argv[1]); await c.connect(); await c.query('CREATE DATABASE ' + process.argv[2]); await c.end()"
const ofFolders = new Map<string, string>()
/**
 * The environment of a process with a data folder of its own. On SQLite its database lies there; on PostgreSQL each data folder has an empty database,
 * the same at every call in this file. An environment that names a database stays as it is.
 */
export function withDatabase<E extends Readonly<Record<string, string | undefined>>>(env: E): E & { readonly DATABASE_URL?: string } {
  const dataDir = env['DATA_DIR']
  if (ENGINE === 'SQLite' || dataDir === undefined || env['DATABASE_URL'] !== undefined) return env
  let url = ofFolders.get(dataDir)
  if (url === undefined) {
    const name = freshName()
    leftover.push(name)
    execFileSync(process.execPath, ['--input-type=module', '-e', CREATE, process.env['TEST_POSTGRES']!, name], { cwd: import.meta.dirname, stdio: ['ignore', 'ignore', 'inherit'] })
    url = shared()!.url(name)
    ofFolders.set(dataDir, url)
  }
  return { ...env, DATABASE_URL: url }
}

/** A fresh database without tables. */
export const openEmpty = async (engine = ENGINE): Promise<Database> => open(await freshUrl(engine, null))

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

/** Takes away one of the database's own guards, as an intruder who owns it could. */
export const dropTrigger = async (database: Database, table: string, trigger: string): Promise<void> => void (await database.raw(`DROP TRIGGER IF EXISTS ${trigger}${isPostgres(database) ? ` ON ${table}` : ''}`))

/** For a test whose clock runs ahead of the database's own, which refuses what is dated later. */
export async function withDatesAhead(database: Database): Promise<Database> {
  for (const table of ['revocations', 'timestamp_tokens']) await dropTrigger(database, table, `${table}_not_ahead`)
  return database
}

/** For a row with a date that no calendar has, as an intruder who owns the database could write it. */
export async function withDatesOfNoDay(database: Database): Promise<Database> {
  for (const trigger of ['revocations_not_ahead', 'revocations_on_a_day', 'revocations_on_a_day_insert', 'revocations_on_a_day_update']) await dropTrigger(database, 'revocations', trigger)
  return database
}

function open(url: string): Database {
  const database = openDatabase(url)
  urls.set(database, url)
  opened.push(database)
  return database
}

/** A database file with every table and no row, to be copied: made once in a run. */
export async function emptySqlite(): Promise<string> {
  const folder = await keptFolder('empty-sqlite', async (draft) => {
    const database = openDatabase(`sqlite:${join(draft, 'portal.sqlite')}`)
    await migrate(database)
    // Closing puts the write-ahead log into the file.
    await database.destroy()
  })
  return join(folder, 'portal.sqlite')
}

const TEMPLATE = 'portal_template'
async function makeTemplate(engine: Engine): Promise<string> {
  const everybodys = shared()
  if (engine === 'PostgreSQL' && everybodys) {
    // Made by the first file of the run; the others wait for it.
    await keeping(everybodys, (keeper) =>
      keeper.transaction(async (trx) => {
        await trx.raw('SELECT pg_advisory_xact_lock(1)')
        if ((await trx('pg_database').where({ datname: TEMPLATE })).length > 0) return
        const url = await freshUrl(engine, null)
        const database = openDatabase(url)
        await migrate(database)
        await database.destroy()
        await keeper.raw(`ALTER DATABASE ${new URL(url).pathname.slice(1)} RENAME TO ${TEMPLATE}`)
      }),
    )
    return everybodys.url(TEMPLATE)
  }
  if (engine === 'SQLite') return `sqlite:${await emptySqlite()}`
  const url = await freshUrl(engine, null)
  const database = openDatabase(url)
  await migrate(database)
  // PostgreSQL copies only a database that nobody uses.
  await database.destroy()
  return url
}

async function freshUrl(engine: Engine, template: string | null): Promise<string> {
  const name = freshName()
  if (engine === 'SQLite') {
    folder ??= mkdtempSync(join(tmpdir(), 'portal-db-'))
    const file = join(folder, `${name}.sqlite`)
    if (template !== null) copyFileSync(template.slice('sqlite:'.length), file)
    return `sqlite:${file}`
  }
  const place = shared() ?? (await (server ??= startPostgres()))
  if (shared()) leftover.push(name)
  await keeping(place, (keeper) => keeper.raw(template === null ? `CREATE DATABASE ${name}` : `CREATE DATABASE ${name} TEMPLATE ${new URL(template).pathname.slice(1)}`))
  return place.url(name)
}

const freshName = (): string => `portal_${process.pid}_${++count}`

/** The server of the whole run, where there is one. */
function shared(): Pick<PostgresServer, 'url'> | null {
  const base = process.env['TEST_POSTGRES']
  return base === undefined ? null : { url: (database) => new URL(`/${database}`, base).href }
}

async function keeping<T>(place: Pick<PostgresServer, 'url'>, work: (keeper: Database) => Promise<T>): Promise<T> {
  const keeper = openDatabase(place.url('postgres'))
  try {
    return await work(keeper)
  } finally {
    await keeper.destroy()
  }
}
