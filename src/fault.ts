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
  const { code } = error as { code?: unknown }
  const fromDatabase = typeof code === 'string' && (code.startsWith('SQLITE_') || /^(?=.*\d)[0-9A-Z]{5}$/.test(code))
  if (!fromDatabase) return error.message
  const end = error.message.lastIndexOf(' - ')
  const said = end < 0 ? error.message : error.message.slice(end + 3)
  return said.startsWith(code) ? said : `${code}: ${said}`
}
