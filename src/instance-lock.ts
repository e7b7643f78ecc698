/** One `npm start` for one data folder: a second one would issue for the first, with its own addresses in the certificates. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { StartRefused } from './start-refused.ts'

/** When a process began, where the system tells (Linux): a number used again by another process is not taken for it. */
function beginning(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/**
 * Takes the data folder for this process until it ends.
 * @throws StartRefused while another process has it
 */
export function holdDataFolder(dataDir: string): void {
  const file = join(dataDir, 'instance')
  const own = `${process.pid} ${beginning(process.pid)}`
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  for (;;) {
    try {
      writeFileSync(file, own, { flag: 'wx', mode: 0o600 })
      break
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      const [pid = '', began = ''] = readFileSync(file, 'utf8').split(' ')
      if (/^\d+$/.test(pid) && alive(Number(pid)) && beginning(Number(pid)) === began)
        throw new StartRefused(`Another instance (process ${pid}) runs on ${dataDir}: stop it, or give this one a folder of its own with DATA_DIR`)
      rmSync(file, { force: true })
    }
  }
  process.on('exit', () => rmSync(file, { force: true }))
}
