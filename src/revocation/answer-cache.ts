/** Keeps what was asked for lately, in bounded memory, and drops what changed. A hit costs one look-up and writes nothing. */

export interface Kept {
  /** Octets of memory, about. */
  readonly size: number
  /** What it depends on, see {@link changeTag}. */
  readonly tags: readonly string[]
  /** Set once and for ever when something that it depends on changed. */
  dropped: boolean
}

export const changeTag = (authorityId: string, serial: string): string => `${authorityId} ${serial}`

interface Generation<V> {
  readonly entries: Map<string, V>
  readonly byTag: Map<string, Set<V>>
  size: number
}

const generation = <V>(): Generation<V> => ({ entries: new Map(), byTag: new Map(), size: 0 })

/**
 * Two generations: when the young one has half of the memory it becomes the old one, and the old one goes at once. What is asked for again moves
 * to the young. So the lately used stay, without a list to be put in order at each hit.
 */
export class AnswerCache<V extends Kept> {
  readonly #half: number
  #young = generation<V>()
  #old = generation<V>()

  /** @param limit octets for everything kept */
  constructor(limit: number) {
    this.#half = limit / 2
  }

  get(key: string): V | undefined {
    const young = this.#young.entries.get(key)
    if (young !== undefined) return young.dropped ? undefined : young
    const old = this.#old.entries.get(key)
    if (old === undefined || old.dropped) return undefined
    this.set(key, old)
    return old
  }

  set(key: string, value: V): void {
    const size = value.size + 2 * key.length
    if (size > this.#half) return
    if (this.#young.size + size > this.#half) {
      this.#old = this.#young
      this.#young = generation()
    }
    const { entries, byTag } = this.#young
    entries.set(key, value)
    this.#young.size += size
    for (const tag of value.tags) {
      const those = byTag.get(tag)
      if (those) those.add(value)
      else byTag.set(tag, new Set([value]))
    }
  }

  /** Drops all that depends on `tag`, and returns it, each once. */
  drop(tag: string): V[] {
    const gone = new Set<V>()
    for (const { byTag } of [this.#young, this.#old]) {
      for (const value of byTag.get(tag) ?? []) {
        if (!value.dropped) gone.add(value)
        value.dropped = true
      }
      byTag.delete(tag)
    }
    return [...gone]
  }

  clear(): void {
    this.#young = generation()
    this.#old = generation()
  }

  /** Octets held, about; for measurements and tests. */
  get size(): number {
    return this.#young.size + this.#old.size
  }
}
