/** Whether there is room where a process writes: a full disk stops the audit log, and with it every act (LOG-1), or loses the access log (OCS-8). */
import type { StatsFs } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Gauge, type Registry } from 'prom-client'

/** What is written there, and where. */
export type WrittenFolders = Readonly<Record<string, string>>

export interface Room {
  readonly folder: string
  readonly path: string
  /** Octets that this user may still write. */
  readonly free: number
  readonly size: number
}

/** Of a disk that is nine tenths full the rest goes in days where it took weeks to get there, and file systems grow slow. */
const LOW_SHARE = 0.1
/** An hour of the largest access log that the README reckons with (20 GB a day): less is too late on a disk of any size. */
const LOW_OCTETS = 2 ** 30

export const isLow = ({ free, size }: Pick<Room, 'free' | 'size'>): boolean => free < LOW_OCTETS || free < LOW_SHARE * size

/** @throws what the system says of a folder that can't be looked at */
export async function roomIn(folders: WrittenFolders): Promise<readonly Room[]> {
  return Promise.all(
    Object.entries(folders).map(async ([folder, path]) => {
      const { bavail, blocks, bsize } = await diskOf(path)
      return { folder, path, free: bavail * bsize, size: blocks * bsize }
    }),
  )
}

/** A folder that is made with the first file lies where its parent does. */
async function diskOf(path: string): Promise<StatsFs> {
  try {
    return await statfs(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(path) === path) throw error
    return diskOf(dirname(path))
  }
}

export function diskFigures(registry: Registry, folders: WrittenFolders): void {
  const of = (name: string, help: string, value: (room: Room) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['folder'],
      registers: [registry],
      aggregator: 'min',
      async collect() {
        this.reset()
        for (const room of await roomIn(folders).catch(() => [])) this.set({ folder: room.folder }, value(room))
      },
    })
  of('disk_free_bytes', 'Room where this process writes', ({ free }) => free)
  of('disk_size_bytes', 'Size of the disk where this process writes', ({ size }) => size)
}

/** What stands is told again after this. */
const AGAIN_MS = 6 * 3_600_000

/**
 * @param look at the room there is
 * @param elapsed milliseconds that only go forward
 * @returns what to call each minute: it tells of each folder that is short, and again while it is
 */
export function watchRoom(look: () => Promise<readonly Room[]>, elapsed: () => number, tell: (room: Room) => void): () => Promise<void> {
  const told = new Map<string, number>()
  return async () => {
    for (const room of await look()) {
      if (!isLow(room)) told.delete(room.folder)
      else if (elapsed() - (told.get(room.folder) ?? -Infinity) >= AGAIN_MS) {
        told.set(room.folder, elapsed())
        tell(room)
      }
    }
  }
}
