/**
 * Watches what changes in the database, so that answers signed before can go on being given: what changed is forgotten, and when changes can't
 * be read for too long, everything is (OCS-3). One in each process, sharing nothing.
 */

export interface StatusChange {
  readonly authorityId: string
  /** Lower-case hex; `*`: the hierarchy itself. */
  readonly serial: string
}

/** Where the database tells what changed. */
export interface StatusFeed {
  /**
   * What was committed since the call before, each at least once.
   * `gap`: that can't be told (the first call, a database put back, too much at once): take everything as changed.
   */
  read(): Promise<{ readonly changes: readonly StatusChange[]; readonly gap: boolean }>
  /** Calls `wake` soon after something was committed, where the database can tell; returns how to stop. */
  listen(wake: () => void): () => Promise<void>
}

export interface StatusWatchParts {
  readonly feed: Pick<StatusFeed, 'read'>
  /** Milliseconds that only go forward, whatever is done to the clock. */
  readonly elapsed: () => number
  /** `statusStaleMinutes` of the policy. */
  readonly staleMinutes: number
}

/** A pause longer than this (a machine asleep) may have outlasted the rows: everything is forgotten. Far below the time for which they are kept. */
const LONGEST_PAUSE_MS = 3_600_000

export class StatusWatch {
  readonly #parts: StatusWatchParts
  readonly #listeners: ((changes: readonly StatusChange[] | 'everything') => void)[] = []
  #version = 0
  #readAt = -Infinity
  #turn: Promise<void> | null = null
  #next: Promise<void> | null = null

  constructor(parts: StatusWatchParts) {
    this.#parts = parts
  }

  /** Rises with each change: what was read from the database under another version may be old and is not kept. */
  get version(): number {
    return this.#version
  }

  /** Milliseconds since changes were last read. */
  get age(): number {
    return this.#parts.elapsed() - this.#readAt
  }

  /** Whether changes were read within the policy's time. */
  get fresh(): boolean {
    return this.age <= this.#parts.staleMinutes * 60_000
  }

  onChange(listener: (changes: readonly StatusChange[] | 'everything') => void): void {
    this.#listeners.push(listener)
  }

  /** Reads what changed. Called while a reading is under way it reads once more behind it. @throws what the feed throws */
  poll(): Promise<void> {
    if (this.#turn === null) return (this.#turn = this.#read().finally(() => (this.#turn = null)))
    return (this.#next ??= this.#turn
      .catch(() => undefined)
      .then(() => {
        this.#next = null
        return this.poll()
      }))
  }

  async #read(): Promise<void> {
    // What is committed from here on may not be among what is read: it is as old as this moment.
    const started = this.#parts.elapsed()
    const { changes, gap } = await this.#parts.feed.read()
    const everything = gap || started - this.#readAt > LONGEST_PAUSE_MS
    this.#readAt = started
    if (!everything && changes.length === 0) return
    this.#version++
    for (const listener of this.#listeners) listener(everything ? 'everything' : changes)
  }
}
