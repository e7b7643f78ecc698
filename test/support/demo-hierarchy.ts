/** One demo hierarchy on a real SoftHSM, put into as many databases as a test file wants. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import { makeDemoMaker, type DemoMaker } from '../../attestations/demo/make.ts'
import type { Clock } from '../../src/application/ports.ts'
import { makeHierarchy } from '../../src/commands/hierarchy.ts'
import { readConfig, type Config, type ProcessName } from '../../src/config.ts'
import { migrate, openDatabase, type Database } from '../../src/database/database.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { openServices, type Services } from '../../src/services.ts'
import { openConfiguredToken } from '../../src/signer/open-token.ts'
import type { Pkcs11Signer } from '../../src/signer/pkcs11.ts'
import { keptFolder } from './kept.ts'

export interface DemoHierarchy {
  /** The environment of a process of this installation. */
  readonly env: Readonly<Record<string, string>>
  /** Signs demo attestations that this hierarchy takes. */
  readonly maker: DemoMaker
  config(name: ProcessName): Config
  /** Services on a migrated database, with the hierarchy in it. */
  services(database: Database, overrides?: { readonly clock?: Clock; readonly policy?: Policy }): Promise<Services>
  /** The token of a process, opened: `ca` or `status`. Closed by `remove`. */
  token(name: 'ca' | 'status'): Promise<Pkcs11Signer>
  remove(): Promise<void>
}

/** In the order of their foreign keys. */
const TABLES = ['ceremonies', 'authorities', 'responder_keys', 'crls', 'crl_lists', 'crl_addresses', 'timestamp_certificates', 'demo_anchors']

interface Made {
  readonly maker: DemoMaker
  readonly rows: ReadonlyMap<string, object[]>
}

const environment = (dataDir: string) => ({ NODE_ENV: 'test', DATA_DIR: dataDir, PORTAL_URL: 'https://portal.test', STATUS_URL: 'http://status.test' })

/** The ceremony's keys take seconds: held once in a run, its tokens and rows copied by each test file. */
async function holdCeremony(folder: string): Promise<void> {
  const dataDir = join(folder, 'data')
  process.env['DATA_DIR'] = dataDir
  const maker = makeDemoMaker(new Date())
  const database = openDatabase('sqlite::memory:')
  await migrate(database)
  await makeHierarchy(openServices(readConfig('command', environment(dataDir)), { database }), { demo: true, persons: ['test'] }, () => undefined)
  await database('demo_anchors').insert({ id: 'test', anchor: JSON.stringify(maker.anchor), created_at: new Date().toISOString() })
  const rows = new Map<string, object[]>()
  for (const table of TABLES) rows.set(table, await database(table).select())
  await database.destroy()
  writeFileSync(join(folder, 'made'), serialize({ maker, rows } satisfies Made), { mode: 0o600 })
}

/** Call it in beforeAll, once. It points this process's DATA_DIR to a folder of its own. */
export async function demoHierarchy(): Promise<DemoHierarchy> {
  const kept = await keptFolder('demo-hierarchy', holdCeremony)
  const { maker, rows } = deserialize(readFileSync(join(kept, 'made'))) as Made
  const dataDir = mkdtempSync(join(tmpdir(), 'hierarchy-'))
  cpSync(join(kept, 'data'), dataDir, { recursive: true })
  process.env['DATA_DIR'] = dataDir
  const env = environment(dataDir)
  const config = (name: ProcessName) => readConfig(name, env)
  const signers: Pkcs11Signer[] = []
  return {
    env,
    maker,
    config,
    async services(database, overrides = {}) {
      for (const table of TABLES) await database(table).insert(table === 'authorities' ? byParent(rows.get(table)!) : rows.get(table)!)
      return openServices(config('ca'), { database, ...overrides })
    },
    async token(name) {
      const signer = await openConfiguredToken(config(name))
      signers.push(signer)
      return signer
    },
    async remove() {
      for (const signer of signers) await signer.close()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

const byParent = (rows: readonly object[]): object[] => [...rows].sort((one) => ('parent_id' in one && one.parent_id === null ? -1 : 1))
