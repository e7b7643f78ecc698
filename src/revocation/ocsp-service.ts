/** OCSP as it is served: answers kept by the octets of their requests, signed anew ahead of need, and never given when they might be false. */
import type { Policy } from '../policy/policy.ts'
import { AnswerCache, changeTag } from './answer-cache.ts'
import { oid } from '../pki/der.ts'
import { readyAnswer, type ReadyAnswer } from './ready-answer.ts'
import { errorAnswer, type OcspAnswer } from './responder.ts'
import { EXTENSION } from './signed-object.ts'
import type { StatusWatch } from './status-watch.ts'

export interface OcspServiceParts {
  readonly now: () => Date
  readonly policy: Policy
  /** See responder.ts. */
  respond(request: Buffer, now: Date): Promise<OcspAnswer>
  readonly watch: Pick<StatusWatch, 'version' | 'fresh' | 'onChange'>
  /** Octets for kept answers. */
  readonly memory?: number
  fault(error: unknown): void
}

const MEMORY = 64 << 20
/** Answers being signed at once. More would wait for seconds: they are told to come again (RFC 6960 2.3). */
const MOST_PENDING = 1000
/** Of these with a nonce, which serve one client once: whoever draws nonces doesn't keep those waiting whose answer serves everybody. */
const MOST_PENDING_ONCE = MOST_PENDING / 2
/** Of the answers that one change ends, so many are signed anew at once. */
const MOST_RENEWED = 200
const AGAIN_MS = 10_000

const NONCE = oid(EXTENSION.ocspNonce)

interface KeptAnswer extends ReadyAnswer {
  readonly request: Buffer
  /** Milliseconds: from then on a hit has it signed anew. */
  renewAfter: number
}

export class OcspService {
  readonly malformed: ReadyAnswer
  readonly #tryLater: ReadyAnswer
  readonly #parts: OcspServiceParts
  readonly #kept: AnswerCache<KeptAnswer>
  readonly #pending = new Map<string, Promise<ReadyAnswer>>()
  /** How many of them have a nonce. */
  #once = 0

  constructor(parts: OcspServiceParts) {
    this.#parts = parts
    this.#kept = new AnswerCache(parts.memory ?? MEMORY)
    this.malformed = this.#ready(errorAnswer('malformedRequest'))
    this.#tryLater = this.#ready(errorAnswer('tryLater'))
    parts.watch.onChange((changes) => {
      if (changes === 'everything' || changes.some(({ serial }) => serial === '*')) return this.#kept.clear()
      const gone = changes.flatMap(({ authorityId, serial }) => this.#kept.drop(changeTag(authorityId, serial)))
      for (const { request } of gone.slice(0, MOST_RENEWED)) this.#behind(this.answer(request))
    })
  }

  /** The answer that is kept for this URL path or these octets ({@link bodyKey}), or null when it must be made. */
  find(key: string): ReadyAnswer | null {
    const kept = this.#kept.get(key)
    if (kept === undefined) return null
    const at = this.#parts.now().getTime()
    // Before `from`: the clock went back, and an answer from the future is none.
    if (at < kept.from || at >= kept.until || !this.#parts.watch.fresh) return null
    if (at >= kept.renewAt) return this.#renewed(kept, key, at)
    return kept
  }

  /**
   * An answer for the octets of a request, kept or made. Never rejects for what a client sends.
   * @param path the URL path that they came by, where they came by GET
   */
  async answer(request: Buffer, path?: string): Promise<ReadyAnswer> {
    const key = bodyKey(request)
    const kept = this.find(key)
    if (kept) {
      if (path !== undefined) this.#kept.set(path, kept as KeptAnswer)
      return kept
    }
    return this.#make(request, key, path)
  }

  /** Octets held by kept answers, about. */
  get memory(): number {
    return this.#kept.size
  }

  /** The newer answer where another spelling has had it signed; else this one, with a newer one on its way. */
  #renewed(kept: KeptAnswer, key: string, at: number): ReadyAnswer {
    const body = bodyKey(kept.request)
    const newer = this.#kept.get(body)
    if (newer !== undefined && newer !== kept && at < newer.renewAt) {
      this.#kept.set(key, newer)
      return newer
    }
    // What can't be signed now is not tried at each hit.
    if (at < kept.renewAfter) return kept
    kept.renewAfter = at + AGAIN_MS
    this.#behind(this.#make(kept.request, body, key))
    return kept
  }

  #make(request: Buffer, key: string, path?: string): Promise<ReadyAnswer> {
    const { watch, now } = this.#parts
    const { version } = watch
    // Who asks after a change must not be given what was read before it.
    const place = `${version} ${key}`
    const underWay = this.#pending.get(place)
    if (underWay) return underWay
    const once = request.includes(NONCE)
    if (this.#pending.size >= MOST_PENDING || (once && this.#once >= MOST_PENDING_ONCE)) return Promise.resolve(this.#tryLater)
    if (once) this.#once++
    const made = this.#parts
      .respond(request, now())
      .then((answer) => {
        const ready = this.#ready(answer)
        // A change was read meanwhile: the answer may rest on what was before it. It goes out once and is not kept.
        if (ready.until <= ready.from || version !== watch.version) return ready
        // A copy: what came in may be a view into a buffer of the connection.
        const kept: KeptAnswer = { ...ready, size: ready.size + request.length, request: Buffer.from(request), renewAfter: ready.renewAt }
        this.#kept.set(key, kept)
        if (path !== undefined && path !== key) this.#kept.set(path, kept)
        return kept
      })
      .finally(() => {
        this.#pending.delete(place)
        if (once) this.#once--
      })
    this.#pending.set(place, made)
    return made
  }

  #ready(answer: OcspAnswer): ReadyAnswer {
    return readyAnswer(answer, this.#parts.policy.periods.ocspMaxAgeSeconds)
  }

  #behind(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.#parts.fault(error))
  }
}

/** Octets as a key. No path is one: it begins with a slash, and a request with 0x30. */
export const bodyKey = (request: Buffer): string => request.toString('latin1')
