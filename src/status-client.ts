/** Asks `status` over HTTP, as everybody else does. */

/** A million entries on a list, and room. */
const MAX_BYTES = 1 << 27
const TIMEOUT_MS = 20_000

/** `status` could not be reached, or did not answer as it should: what it would have said is not known. */
export class StatusUnanswered extends Error {
  readonly #statusUnanswered = true
  static is(error: unknown): error is StatusUnanswered {
    return typeof error === 'object' && error !== null && #statusUnanswered in error
  }
}

export interface StatusClient {
  /** @param path from the root, or a whole address. @throws StatusUnanswered for anything but 200 */
  get(path: string): Promise<Buffer>
  /** Null for what is not there (404). @throws StatusUnanswered for anything else but 200 */
  find(path: string): Promise<Buffer | null>
  /** @throws StatusUnanswered for anything but 200 */
  post(path: string, type: string, body: Buffer): Promise<Buffer>
}

/** @param base address without a slash at its end */
export function statusClient(base: string): StatusClient {
  async function ask(path: string, how: RequestInit): Promise<Buffer | null> {
    const url = path.startsWith('/') ? base + path : path
    try {
      // A cache on the way may hold what was true before: it is asked to look again.
      const headers = { 'Cache-Control': 'no-cache', ...how.headers }
      const answer = await fetch(url, { ...how, headers, redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) })
      const chunks: Uint8Array[] = []
      let length = 0
      for await (const chunk of answer.body ?? []) {
        length += chunk.length
        if (length > MAX_BYTES) throw new StatusUnanswered(`${url} answers with more than ${MAX_BYTES} octets`)
        chunks.push(chunk)
      }
      if (answer.status === 404) return null
      if (answer.status !== 200) throw new StatusUnanswered(`${url} answers ${answer.status}`)
      return Buffer.concat(chunks)
    } catch (error) {
      if (StatusUnanswered.is(error)) throw error
      const { message, cause } = error as Error & { cause?: { code?: string; message?: string } }
      throw new StatusUnanswered(`${url} can't be reached: ${cause?.code ?? cause?.message ?? message}`)
    }
  }
  async function there(path: string, how: RequestInit): Promise<Buffer> {
    const found = await ask(path, how)
    if (!found) throw new StatusUnanswered(`${path.startsWith('/') ? base + path : path} answers 404`)
    return found
  }
  return {
    get: (path) => there(path, {}),
    find: (path) => ask(path, {}),
    post: (path, type, body) => there(path, { method: 'POST', headers: { 'Content-Type': type }, body: new Uint8Array(body) }),
  }
}
