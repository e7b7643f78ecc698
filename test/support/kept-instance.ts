/**
 * An instance's first start makes a hierarchy, which takes seconds; its certificates name the addresses that it runs under. So a run has
 * places, each a pair of ports with the data folder that the first instance there had when it was ready. Who takes a place begins with a
 * copy of that folder, as if the product were started a second time.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { basename, join } from 'node:path'
import type { Database } from '../../src/database/database.ts'
import { runFolder, taken } from './kept.ts'

export interface Place {
  readonly portalPort: number
  readonly statusPort: number
  /** Whether a data folder was kept here, and is now in `dataDir`. */
  readonly begun: boolean
  /** Keeps the data folder of an instance that has just become ready, for those who take this place later. */
  keep(database: Database): Promise<void>
  leave(): void
}

/** Below the ports that the system gives to who asks for any. */
const [LEAST, MOST] = [20_000, 32_000]

const isFree = (port: number): Promise<boolean> =>
  new Promise((answer) => {
    const server = createServer().once('error', () => answer(false))
    server.listen(port, '127.0.0.1', () => server.close(() => answer(true)))
  })

async function freePair(): Promise<readonly [number, number]> {
  for (;;) {
    const port = LEAST + 2 * Math.floor((Math.random() * (MOST - LEAST)) / 2)
    if ((await isFree(port)) && (await isFree(port + 1))) return [port, port + 1]
  }
}

/** The first place that nobody has at present. */
export async function takePlace(dataDir: string): Promise<Place> {
  for (let number = 1; ; number++) {
    const folder = join(runFolder(), `instance-${number}`)
    const lock = `${folder}.lock`
    // A second look: the first frees the lock of a process that is gone.
    if (!taken(lock) && !taken(lock)) continue
    const leave = () => rmSync(lock, { force: true })
    if (!existsSync(folder)) {
      const [portalPort, statusPort] = await freePair()
      return { portalPort, statusPort, begun: false, keep: (database) => keep(database, dataDir, folder, [portalPort, statusPort]), leave }
    }
    const [portalPort, statusPort] = JSON.parse(readFileSync(join(folder, 'ports.json'), 'utf8')) as [number, number]
    if ((await isFree(portalPort)) && (await isFree(statusPort))) {
      cpSync(join(folder, 'data'), dataDir, { recursive: true })
      return { portalPort, statusPort, begun: true, keep: () => Promise.resolve(), leave }
    }
    leave()
  }
}

async function keep(database: Database, dataDir: string, folder: string, ports: readonly [number, number]): Promise<void> {
  const draft = `${folder}.draft`
  rmSync(draft, { recursive: true, force: true })
  mkdirSync(draft, { mode: 0o700 })
  // The database in one moment's state; the running instance's own files of it, and its lock, stay where they are.
  cpSync(dataDir, join(draft, 'data'), { recursive: true, filter: (path) => !/^(portal\.sqlite.*|instance.*)$/.test(basename(path)) || path === dataDir })
  await database.raw('VACUUM INTO ?', [join(draft, 'data', 'portal.sqlite')])
  writeFileSync(join(draft, 'ports.json'), JSON.stringify(ports))
  renameSync(draft, folder)
}
