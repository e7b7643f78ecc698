/** Revocation lists as `status` sends them: in pieces, and never an older one after a newer (CRL-2, CRL-4). */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { hasTag } from './entity-tag.ts'

export interface ServedCrl {
  readonly authorityId: string
  readonly shard: number
  readonly number: bigint
  readonly thisUpdate: Date
  readonly nextUpdate: Date
  readonly tbsSha256: string
  /** Length of the whole list. */
  readonly octets: number
  pieces(): AsyncIterable<Buffer>
}

/** How long a cache may hold a list without asking again: short, so that a revocation shows soon behind one too (REV-4). */
export const CRL_CACHE_SECONDS = 30

/**
 * A list up to this length goes in one write: a client that reads what is there and waits for no more (osslsigncode 2.9) takes the rest of a list that
 * came in pieces for missing.
 */
const AT_ONCE_OCTETS = 64 * 1024

/** The highest number of each list that this process served. A database put back from a copy doesn't make relying parties forget revocations. */
export class HighestServed {
  readonly #numbers = new Map<string, bigint>()

  /** Whether this list may be served: its number is not below one served before. */
  admits({ authorityId, shard, number }: Pick<ServedCrl, 'authorityId' | 'shard' | 'number'>): boolean {
    const list = `${authorityId}/${shard}`
    const highest = this.#numbers.get(list) ?? -1n
    if (number < highest) return false
    if (number > highest) this.#numbers.set(list, number)
    return true
  }
}

/** Answers GET or HEAD with the list, or with 304 to who has it. */
export async function sendCrl(crl: ServedCrl, now: Date, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const left = Math.floor((crl.nextUpdate.getTime() - now.getTime()) / 1000)
  // Two lists never have the same signed octets: their numbers differ.
  const etag = `"${crl.tbsSha256.slice(0, 32)}"`
  response.setHeader('Content-Type', 'application/pkix-crl')
  response.setHeader('ETag', etag)
  response.setHeader('Last-Modified', crl.thisUpdate.toUTCString())
  response.setHeader('Expires', crl.nextUpdate.toUTCString())
  response.setHeader('Cache-Control', `max-age=${Math.max(0, Math.min(CRL_CACHE_SECONDS, left))}, public, no-transform, must-revalidate`)
  const known = request.headers['if-none-match']
  if (known !== undefined && hasTag(known, etag)) {
    response.statusCode = 304
    response.end()
    return
  }
  response.setHeader('Content-Length', crl.octets)
  if (request.method === 'HEAD') {
    response.end()
    return
  }
  if (crl.octets <= AT_ONCE_OCTETS) {
    const all: Buffer[] = []
    for await (const piece of crl.pieces()) all.push(piece)
    response.end(Buffer.concat(all))
    return
  }
  const pieces = crl.pieces()[Symbol.asyncIterator]()
  // A list that can't be read is an error, not the beginning of one.
  const first = await pieces.next()
  await pipeline(async function* () {
    for (let next = first; !next.done; next = await pieces.next()) yield next.value
  }, response).catch((error: unknown) => {
    // Who asked may go away in the middle.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
  })
}
