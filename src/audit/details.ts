/** What an entry of the audit log says, read back. Every process may append, so no text that stands there is a fault of the reader. */

/** No object: then an entry that this software did not write, which says nothing. */
export function readDetails(text: string): Readonly<Record<string, unknown>> {
  try {
    const details: unknown = JSON.parse(text)
    return typeof details === 'object' && details !== null && !Array.isArray(details) ? (details as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
