/**
 * What the OCSP service sent, counted in plain numbers while it sends: a kept answer costs one addition. Once a second somebody takes the counts and writes them
 * down (OCS-8: the access log; the figures for operators). Nothing is formatted or stored before that.
 */
import { type AnswerTimes, answerTimes } from './answer-times.ts'

/** What an answer says, for the record. */
export interface AnswerAbout {
  /** Null where the request named no issuer of ours. */
  readonly authority: string | null
  /** Lower-case hex serial numbers with their states, in the order of the request. */
  readonly certificates: readonly { readonly serial: string; readonly state: 'good' | 'revoked' | 'unknown' }[]
  /** The worst of the states; of an answer without any, its OCSPResponseStatus. */
  readonly result: AnswerResult
}
export type AnswerResult = 'good' | 'revoked' | 'unknown' | 'malformedRequest' | 'internalError' | 'tryLater' | 'unauthorized'

/** @param certificates at least one */
export function aboutCertificates(authority: string, certificates: AnswerAbout['certificates']): AnswerAbout {
  const states = new Set(certificates.map(({ state }) => state))
  return { authority, certificates, result: states.has('revoked') ? 'revoked' : states.has('unknown') ? 'unknown' : 'good' }
}

export type SentHow = 'GET' | 'POST' | 'HEAD' | '304'

/** How often one answer was sent since it was last taken. One object for all copies of an answer. */
export interface AnswerCount {
  readonly about: AnswerAbout
  readonly octets: number
  get: number
  post: number
  head: number
  notModified: number
  /** Its first sending, which had it signed, is not yet on record. */
  signed: boolean
  waiting: boolean
  /** By client, where the policy has them told apart: GET, POST, HEAD, 304. */
  clients: Map<string, [get: number, post: number, head: number, notModified: number]> | null
}

export const newCount = (about: AnswerAbout, octets: number): AnswerCount => ({ about, octets, get: 0, post: 0, head: 0, notModified: 0, signed: about.certificates.length > 0, waiting: false, clients: null })

/** One line of the record: so many equal answers within one turn. */
export interface SentRow {
  readonly how: SentHow
  readonly about: AnswerAbout
  readonly octets: number
  readonly times: number
  /** How many of them were signed for this request; the others had been kept. */
  readonly signed: number
  /** Where they came from, as far as the policy has it written down; null: not at all. */
  readonly client: string | null
}
export interface RefusedRow {
  readonly method: string
  /** HTTP status code. */
  readonly status: number
  readonly times: number
}
export interface Taken {
  readonly sent: readonly SentRow[]
  readonly refused: readonly RefusedRow[]
  /** Answers that were sent and of which nothing else is known, since nobody took the counts for too long. */
  readonly lost: number
}

/** Different answers that wait to be taken. A second has fewer. */
const MOST_WAITING = 200_000
/** Of kept answers one in so many is timed: reading the clock costs more than counting. */
const TIMED = 16
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'CONNECT'])

export class AnswerTally {
  readonly times: AnswerTimes = answerTimes()
  readonly #elapsed: () => number
  readonly #clientOf: ((address: string | undefined) => string) | null
  #waiting: AnswerCount[] = []
  #refused = new Map<string, number>()
  #kept = 0
  #lost = 0

  /**
   * @param elapsed milliseconds that only go forward
   * @param clientOf what is written down of the address that asks; null: nothing, and the address is not looked at
   */
  constructor(elapsed: () => number, clientOf: ((address: string | undefined) => string) | null = null) {
    this.#elapsed = elapsed
    this.#clientOf = clientOf
  }

  /** Before a kept answer is looked for: when, or -1 where this one is not timed. */
  begin(): number {
    return this.#kept++ % TIMED === 0 ? this.#elapsed() : -1
  }

  /** A kept answer was handed over. @param began of `begin` */
  kept(began: number): void {
    if (began >= 0) this.times.timed(this.#elapsed() - began)
  }

  /** None was kept. */
  notKept(): void {
    this.#kept--
  }

  /** The moment from which an answer that has to be made is timed. */
  now(): number {
    return this.#elapsed()
  }

  made(began: number): void {
    this.times.made(this.#elapsed() - began)
  }

  /** @param from whoever has the address, asked only where the policy wants it written down */
  sent(count: AnswerCount, how: SentHow, from?: { readonly socket: { readonly remoteAddress?: string | undefined } }): void {
    if (this.#clientOf !== null) this.#apart(count, how, this.#clientOf(from?.socket.remoteAddress))
    else if (how === 'GET') count.get++
    else if (how === 'POST') count.post++
    else if (how === '304') count.notModified++
    else count.head++
    if (count.waiting) return
    if (this.#waiting.length >= MOST_WAITING) {
      count.get = count.post = count.notModified = count.head = 0
      count.clients = null
      this.#lost++
      return
    }
    count.waiting = true
    this.#waiting.push(count)
  }

  #apart(count: AnswerCount, how: SentHow, client: string): void {
    count.clients ??= new Map()
    let times = count.clients.get(client)
    if (times === undefined) count.clients.set(client, (times = [0, 0, 0, 0]))
    times[how === 'GET' ? 0 : how === 'POST' ? 1 : how === 'HEAD' ? 2 : 3]++
  }

  refused(method: string, status: number): void {
    const key = `${METHODS.has(method) ? method : 'other'} ${status}`
    this.#refused.set(key, (this.#refused.get(key) ?? 0) + 1)
  }

  /** What was sent since the last taking. */
  take(): Taken {
    const waiting = this.#waiting
    this.#waiting = []
    const sent: SentRow[] = []
    for (const count of waiting) {
      const { about, octets } = count
      let signed = count.signed ? 1 : 0
      const row = (how: SentHow, times: number, client: string | null): void => {
        if (times === 0) return
        sent.push({ how, about, octets: how === 'GET' || how === 'POST' ? octets : 0, times, signed, client })
        signed = 0
      }
      const rows = (get: number, post: number, head: number, notModified: number, client: string | null): void => {
        row('GET', get, client)
        row('POST', post, client)
        row('HEAD', head, client)
        row('304', notModified, client)
      }
      rows(count.get, count.post, count.head, count.notModified, null)
      for (const [client, times] of count.clients ?? []) rows(...times, client)
      count.clients = null
      count.get = count.post = count.head = count.notModified = 0
      count.signed = count.waiting = false
    }
    const refused = [...this.#refused].map(([key, times]) => ({ method: key.split(' ')[0]!, status: Number(key.split(' ')[1]), times }))
    this.#refused.clear()
    this.times.settle(this.#kept)
    this.#kept = 0
    const lost = this.#lost
    this.#lost = 0
    return { sent, refused, lost }
  }
}
