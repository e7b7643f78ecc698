/**
 * What is costly to make and the same to every test file (RSA keys, a hierarchy in its tokens) is made once in a run: by the
 * first test file that asks, in the run's own folder, which goes with the run. Nothing is kept from one run to the next.
 */
import { existsSync, linkSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

let own: string | undefined
/** The folder that global-setup.ts made; outside of vitest one of this process's own. */
export function runFolder(): string {
  const shared = process.env['TEST_RUN_FOLDER']
  if (shared) return shared
  if (own === undefined) {
    const made = (own = mkdtempSync(join(tmpdir(), 'test-run-')))
    process.on('exit', () => rmSync(made, { recursive: true, force: true }))
  }
  return own
}

/** The text of that name. Who makes it at the same time as another takes the first one's. */
export function keptText(name: string, make: () => string): string {
  const file = join(runFolder(), name)
  if (!existsSync(file)) keep(file, make())
  return readFileSync(file, 'utf8')
}

/** As {@link keptText}. */
export async function keptTextAsync(name: string, make: () => Promise<string>): Promise<string> {
  const file = join(runFolder(), name)
  if (!existsSync(file)) keep(file, await make())
  return readFileSync(file, 'utf8')
}

function keep(file: string, text: string): void {
  const draft = `${file}.${process.pid}`
  writeFileSync(draft, text, { mode: 0o600 })
  try {
    linkSync(draft, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(draft)
  }
}

/** The folder of that name, filled by `make` once; others wait for it. To be copied from, never to be changed. */
export async function keptFolder(name: string, make: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(runFolder(), name)
  for (const lock = `${folder}.lock`; !existsSync(folder); await sleep(50)) {
    if (!taken(lock)) continue
    try {
      // It may have been finished between the look and the lock.
      if (existsSync(folder)) break
      const draft = `${folder}.draft`
      rmSync(draft, { recursive: true, force: true })
      mkdirSync(draft, { mode: 0o700 })
      await make(draft)
      renameSync(draft, folder)
    } finally {
      rmSync(lock, { force: true })
    }
  }
  return folder
}

/** Takes a lock file. One whose process is gone is free. */
export function taken(lock: string): boolean {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  try {
    const pid = Number(readFileSync(lock, 'utf8'))
    // Empty for the moment between its making and its writing.
    if (pid !== 0) process.kill(pid, 0)
  } catch {
    rmSync(lock, { force: true })
  }
  return false
}
