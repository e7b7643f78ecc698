/** An OCSP answer with its HTTP headers, made once and sent as often as it is asked for (RFC 5019 6). */
import { createHash } from 'node:crypto'
import type { Kept } from './answer-cache.ts'
import { type AnswerCount, newCount } from './answer-tally.ts'
import type { OcspAnswer } from './responder.ts'

/** Header names and values by turns, as `writeHead` takes them. */
type Headers = string[]

export interface ReadyAnswer extends Kept {
  readonly der: Buffer
  /** How often it was sent. */
  readonly count: AnswerCount
  readonly get: Headers
  readonly post: Headers
  /** What a 304 carries (RFC 9110 15.4.5); null: it has no other version, and is always sent. */
  readonly notModified: Headers | null
  readonly etag: string
  /**
   * Milliseconds: who has an answer from then or later needs no other. null when a certificate is revoked: another node may have said good in
   * the same second, and only the tag tells the two apart.
   */
  readonly lastModified: number | null
  /** Milliseconds. It is given from `from` until `until`, and signed anew from `renewAt` on while it is still given; `until` ≤ `from`: given once. */
  readonly from: number
  readonly renewAt: number
  readonly until: number
}

const HOUR = 3_600_000
const always = (length: number): Headers => ['Content-Type', 'application/ocsp-response', 'Content-Length', String(length), 'X-Content-Type-Options', 'nosniff']

/**
 * How long an answer is given before another is signed: CSBR 4.9.10: half of a life shorter than sixteen hours, else until eight hours before its end.
 * (Never beyond four days: the policy allows no longer life.)
 */
const givenFor = (life: number): number => (life < 16 * HOUR ? life / 2 : life - 8 * HOUR)

/** @param maxAgeSeconds `ocspMaxAgeSeconds` of the policy */
export function readyAnswer({ der, about, cache }: OcspAnswer, maxAgeSeconds: number): ReadyAnswer {
  const count = newCount(about, der.length)
  const plain = [...always(der.length), 'Cache-Control', 'no-store']
  if (!cache) return { der, count, get: plain, post: plain, notModified: null, etag: '', lastModified: null, from: 0, renewAt: 0, until: 0, size: der.length, tags: [], dropped: false }
  const from = cache.thisUpdate.getTime()
  const life = cache.nextUpdate.getTime() - from
  const given = givenFor(life)
  // The headers are those of the last moment in which they are sent; a life too short for that is given once, with what is left of it.
  const short = life - given < maxAgeSeconds * 1000
  const maxAge = short ? Math.min(maxAgeSeconds, Math.floor(life / 1000)) : maxAgeSeconds
  const etag = `"${createHash('sha256').update(der).digest('hex')}"`
  const caching = ['Cache-Control', `max-age=${maxAge}, public, no-transform, must-revalidate`, 'ETag', etag, 'Last-Modified', cache.thisUpdate.toUTCString(), 'Expires', cache.nextUpdate.toUTCString()]
  return {
    der,
    count,
    get: [...always(der.length), ...caching],
    // No cache keeps what came by POST (RFC 5019 6).
    post: plain,
    notModified: caching,
    etag,
    lastModified: cache.revoked ? null : from,
    from,
    renewAt: short ? from : from + given / 2,
    until: short ? from : from + given,
    size: der.length + 1500,
    tags: cache.tags,
    dropped: false,
  }
}
