/** A time that a process keeps in a file of its own, so that no row which another may write counts as its memory. */
import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** Where a process keeps the last time that it saw with a clock that was sure. */
export const lastSeenPath = (dataDir: string, name: 'ca' | 'status'): string => join(dataDir, `last-seen-${name}`)

export interface KeptTime {
  /** Null before the first, and where what stands there is no time. */
  read(): Promise<Date | null>
  write(at: Date): Promise<void>
}

export function keptTime(path: string): KeptTime {
  return {
    async read() {
      const text = await readFile(path, 'latin1').catch(() => '')
      const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\n$/.test(text) ? new Date(text.trim()) : null
      return at && !Number.isNaN(at.getTime()) ? at : null
    },
    async write(at) {
      await mkdir(dirname(path), { recursive: true })
      // In one step: a crash leaves the old one or the new. Under a name of its own: the workers of a node keep one time.
      const fresh = `${path}.${randomUUID()}`
      await writeFile(fresh, `${at.toISOString()}\n`, { mode: 0o600 })
      await rename(fresh, path)
    },
  }
}
