/**
 * Appends lines to a file per day and worker. Answers never wait for it: what can't be written now is kept in bounded memory, then counted as lost, said in an alarm
 * and in the file itself once that can be written again.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, open, rename, rm, truncate, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { Taken } from '../revocation/answer-tally.ts'
import { accessLines, HEADING, lostLine } from './line.ts'
import { openName } from './names.ts'

export interface AccessLogParts {
  readonly folder: string
  readonly node: string
  readonly clock: () => Date
  /** Told when writing fails, and when it goes on. */
  told(what: { readonly failed: string; readonly waiting: number; readonly lost: number } | { readonly recovered: true; readonly lost: number }): void
  /** Octets that wait at most. */
  readonly mostWaiting?: number
  /** Octets of one file. */
  readonly mostInFile?: number
}

export interface AccessLog {
  /** Takes counts; returns at once. */
  write(taken: Taken): void
  /** Answers that are on no line. */
  readonly lost: number
  readonly lines: number
  /** Writes what waits and finishes the file. */
  close(): Promise<void>
  /** When all that was taken so far is written, or failed to be. */
  settled(): Promise<void>
}

const MOST_WAITING = 16 << 20
const MOST_IN_FILE = 256 << 20

export function openAccessLog({ folder, node, clock, told, mostWaiting = MOST_WAITING, mostInFile = MOST_IN_FILE }: AccessLogParts): AccessLog {
  const run = `${process.pid}-${randomBytes(3).toString('hex')}`
  let file: { readonly handle: FileHandle; readonly path: string; readonly day: string; size: number } | null = null
  let waiting: { readonly text: string; readonly answers: number; readonly day: string }[] = []
  let waitingOctets = 0
  let failing = false
  let [lost, lines, number, untold] = [0, 0, 0, 0]
  let turn: Promise<void> = Promise.resolve()
  let running = false

  async function finish(): Promise<void> {
    if (!file) return
    const { handle, path } = file
    file = null
    await handle.close()
    await rename(path, path.replace(/\.open$/, ''))
  }

  async function fileOf(day: string): Promise<NonNullable<typeof file>> {
    if (file && (file.day !== day || file.size >= mostInFile)) await finish()
    if (!file) {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const path = join(folder, openName({ day, node, run, number: ++number }))
      // Never somebody else's file.
      const opened = { handle: await open(path, 'ax', 0o600), path, day, size: 0 }
      try {
        await append(opened, HEADING)
      } catch (error) {
        await opened.handle.close().catch(() => undefined)
        await rm(path, { force: true }).catch(() => undefined)
        throw error
      }
      file = opened
    }
    return file
  }

  async function append(to: NonNullable<typeof file>, text: string): Promise<void> {
    try {
      await to.handle.appendFile(text)
      to.size += Buffer.byteLength(text)
    } catch (error) {
      // Half a line would be read as a line.
      await truncate(to.path, to.size).catch(() => undefined)
      throw error
    }
  }

  async function flush(): Promise<void> {
    running = true
    try {
      while (waiting.length > 0) {
        const { day } = waiting[0]!
        // Those in front alone: a clock that went back over midnight has more of this day behind the next.
        const other = waiting.findIndex((each) => each.day !== day)
        const batch = waiting.slice(0, other < 0 ? waiting.length : other)
        const text = batch.map((each) => each.text).join('')
        const to = await fileOf(day)
        await append(to, (untold > 0 ? lostLine(untold, 'they could not be written', clock()) : '') + text)
        untold = 0
        waiting = waiting.slice(batch.length)
        waitingOctets -= text.length
        lines += text.split('\n').length - 1
      }
      if (file && file.day !== today()) await finish()
      if (failing) {
        failing = false
        told({ recovered: true, lost })
      }
    } catch (error) {
      failing = true
      told({ failed: (error as Error).message, waiting: waitingOctets, lost })
    } finally {
      running = false
    }
  }

  const today = (): string => clock().toISOString().slice(0, 10)

  function write(taken: Taken): void {
    const { text, answers } = accessLines(taken, clock())
    lost += taken.lost
    if (text !== '') {
      if (waitingOctets + text.length > mostWaiting) {
        lost += answers
        untold += answers
      } else {
        waiting.push({ text, answers, day: today() })
        waitingOctets += text.length
      }
    }
    if (!running) turn = flush()
  }

  return {
    write,
    get lost() {
      return lost
    },
    get lines() {
      return lines
    },
    settled: () => turn,
    async close() {
      await turn
      await flush()
      await finish().catch(() => undefined)
    },
  }
}
