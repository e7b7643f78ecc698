/** Why a mail was not sent, as the log may tell it: a mail server repeats addresses in what it says, and the log holds none. */
export function mailFault(error: unknown): string {
  const { code, responseCode, message } = error as { code?: unknown; responseCode?: unknown; message?: unknown }
  const told = [code, responseCode].filter((each): each is string | number => typeof each === 'string' || typeof each === 'number')
  const said = String(message ?? error).replace(/<?[^\s<>"']+@[^\s<>"']+>?/g, '(address)')
  return told.length > 0 ? `${told.join(' ')}: ${said}` : said
}
