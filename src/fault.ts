/** A fault as the log may tell it. A database's error repeats the statement with every value in it: only what follows the statement is told. */

/** One text with the stack; nothing that was to be stored. */
export function describeFault(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const told = tellFault(error)
  if (told === error.message) return error.stack ?? error.message
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
  return [told, ...frames].join('\n')
}

/** What a fault says, without the stack and without anything that was to be stored. */
export function tellFault(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // Each address of a name was tried, and the whole has no words of its own.
  if (error instanceof AggregateError && error.message === '' && error.errors.length > 0) return tellFault(error.errors[0])
  const { code } = error as { code?: unknown }
  const fromDatabase = typeof code === 'string' && (code.startsWith('SQLITE_') || /^(?=.*\d)[0-9A-Z]{5}$/.test(code))
  if (!fromDatabase) return error.message
  const end = error.message.lastIndexOf(' - ')
  const said = end < 0 ? error.message : error.message.slice(end + 3)
  return said.startsWith(code) ? said : `${code}: ${said}`
}

/** A fault that was not met for so long is over; met again, it is a new one. */
const OVER_MS = 60_000
/** While it lasts it is said again after this. */
const AGAIN_MS = 600_000
/** Faults known apart; beyond it all are new. */
const MOST = 100

/**
 * A fault that lasts meets every request and every turn of a job: it is said when it begins and now and then while it lasts, not each time.
 * @param elapsed milliseconds that only go forward
 * @returns whether this one, met now, is to be said
 */
export function lastingFaults(elapsed: () => number): (message: string) => boolean {
  const met = new Map<string, { readonly saidAt: number; readonly metAt: number }>()
  return (message) => {
    const now = elapsed()
    const before = met.get(message)
    const said = before !== undefined && now - before.metAt < OVER_MS && now - before.saidAt < AGAIN_MS
    if (!before && met.size >= MOST) met.clear()
    met.set(message, { saidAt: said ? before.saidAt : now, metAt: now })
    return !said
  }
}

/** What the system says of a host or a connection, and PostgreSQL of itself (SQLSTATE 08, 53300, 57P, 55P03 of a lock that somebody keeps): it will be there again. */
const AWAY = /^(ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EPIPE|08[0-9A-Z]{3}|53300|55P03|57P0[1-5])$/
/** Words of the driver and the pool, which give these no code; the statement may stand before them. */
const AWAY_WORDS = /(?:^| - )(?:Connection terminated(?: unexpectedly| due to connection timeout)?|timeout expired|timeout exceeded when trying to connect|Client has encountered a connection error and is not queryable|Knex: Timeout acquiring a connection\b.*|Unable to acquire a connection)$/

/** Whether the database could not be reached, rather than refused something. */
export function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error instanceof AggregateError && error.errors.length > 0) return isDatabaseAway(error.errors[0])
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? AWAY.test(code) : AWAY_WORDS.test(error.message)
}
