/** A fault as the log may tell it. A database's error repeats the statement with every value in it: only what follows the statement is told. */

/** One text with the stack; nothing that was to be stored. */
export function describeFault(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code } = error as { code?: unknown }
  const fromDatabase = typeof code === 'string' && (code.startsWith('SQLITE_') || /^(?=.*\d)[0-9A-Z]{5}$/.test(code))
  if (!fromDatabase) return error.stack ?? error.message
  const end = error.message.lastIndexOf(' - ')
  const told = end < 0 ? code : `${code}: ${error.message.slice(end + 3)}`
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
  return [told, ...frames].join('\n')
}
