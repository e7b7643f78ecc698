/**
 * The log of the processes: one JSON line each on standard error, by pino. It holds what operators act on and nothing of persons: no body, cookie, PIN, address of a mail or
 * of a visitor. A line names things by the ids that the database gave them.
 */
import { pino } from 'pino'

/** `alert`: a person has to act now. `error`: something failed and is tried again. */
export type Level = 'info' | 'warning' | 'error' | 'alert'

export interface LogLine {
  readonly level: Level
  readonly [field: string]: unknown
}

const NUMBERS: Readonly<Record<Level, number>> = { info: 30, warning: 40, error: 50, alert: 60 }

/** Whoever writes one of these by mistake writes nothing. */
const NEVER = ['password', 'pin', 'cookie', 'authorization', 'secret', 'token', 'code', 'body', 'email', 'recipient', 'name', 'address', 'ip']

/** @param write takes each line with its end */
export function createLog(write: (line: string) => void) {
  let named: Readonly<Record<string, unknown>> = {}
  const logger = pino<Level>(
    {
      customLevels: NUMBERS as Record<Level, number>,
      useOnlyCustomLevels: true,
      level: 'info',
      base: null,
      messageKey: 'message',
      timestamp: () => `,"at":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      mixin: () => named,
      // What the line says of itself goes before what the process says of it.
      mixinMergeStrategy: (line, own) => ({ ...own, ...line }),
      redact: { paths: NEVER.flatMap((name) => [name, `*.${name}`]), remove: true },
    },
    // Written at once: a process that ends by a fault has said why.
    { write },
  )
  return {
    log({ level, ...line }: LogLine): void {
      logger[level](line)
    },
    /** Who speaks, in every line from now on. */
    name(fields: Readonly<Record<string, unknown>>): void {
      named = fields
    },
  }
}

const own = createLog((line) => void process.stderr.write(line))

/** One line on standard error. */
export const log = own.log

/** @param fields `process`, `node` and, of several, `worker` */
export const nameLog = own.name
