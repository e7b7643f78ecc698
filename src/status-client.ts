/** Asks `status` over HTTP, as everybody else does. */

/** A million entries on a list, and room. */
const MAX_BYTES = 1 << 27
const TIMEOUT_MS = 20_000

/** `status` could not be reached, or did not answer as it should: what it would have said is not known. */
export class StatusUnanswered extends Error {
  readonly #statusUnanswered = true
  /** The message without the address. */
  readonly why: string
  /** Nothing at all came back. */
  readonly silent: boolean
  constructor(message: string, { why = message, silent = false }: { readonly why?: string; readonly silent?: boolean } = {}) {
    super(message)
    this.why = why
    this.silent = silent
  }
  static is(error: unknown): error is StatusUnanswered {
    return typeof error === 'object' && error !== null && #statusUnanswered in error
  }
}

/** Redirects are not followed; each question takes at most 20 seconds, and an answer `maxBytes` octets. */
export interface StatusClient {
  /** @param path from the root, or a whole address. @throws StatusUnanswered for anything but 200 */
  get(path: string, maxBytes?: number): Promise<Buffer>
  /** Null for what is not there (404). @throws StatusUnanswered for anything else but 200 */
  find(path: string): Promise<Buffer | null>
  /** @throws StatusUnanswered for anything but 200 */
  post(path: string, type: string, body: Buffer, maxBytes?: number): Promise<Buffer>
}

/** @param base address without a slash at its end */
export function statusClient(base: string): StatusClient {
  const addressOf = (path: string) => (path.startsWith('/') ? base + path : path)
  const unanswered = (path: string, why: string, silent = false) => new StatusUnanswered(`${addressOf(path)} ${why}`, { why, silent })
  async function ask(path: string, how: RequestInit, maxBytes = MAX_BYTES): Promise<Buffer | null> {
    let answered = false
    try {
      // A cache on the way may hold what was true before: it is asked to look again.
      const headers = { 'Cache-Control': 'no-cache', ...how.headers }
      const { status, body } = await fetch(addressOf(path), { ...how, headers, redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) })
      answered = true
      if (status !== 200) {
        await body?.cancel()
        if (status === 404) return null
        throw unanswered(path, `answers ${status}`)
      }
      const chunks: Uint8Array[] = []
      let length = 0
      for await (const chunk of body ?? []) {
        length += chunk.length
        if (length > maxBytes) throw unanswered(path, `answers with more than ${maxBytes} octets`)
        chunks.push(chunk)
      }
      return Buffer.concat(chunks)
    } catch (error) {
      if (StatusUnanswered.is(error)) throw error
      const { message, cause } = error as Error & { cause?: { code?: string; message?: string } }
      throw unanswered(path, `can't be reached: ${cause?.code ?? cause?.message ?? message}`, !answered)
    }
  }
  async function there(path: string, how: RequestInit, maxBytes?: number): Promise<Buffer> {
    const found = await ask(path, how, maxBytes)
    if (!found) throw unanswered(path, 'answers 404')
    return found
  }
  return {
    get: (path, maxBytes) => there(path, {}, maxBytes),
    find: (path) => ask(path, {}),
    post: (path, type, body, maxBytes) => there(path, { method: 'POST', headers: { 'Content-Type': type }, body: new Uint8Array(body) }, maxBytes),
  }
}
