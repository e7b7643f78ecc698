/** Changes that come while a transaction runs go together in the next: one write to the disk for several, each with its own audit entries (LOG-1). */

type Change<W, S> = <T>(act: (work: W, store: S) => Promise<T>) => Promise<T>

interface Waiting<W, S> {
  act(work: W, store: S): Promise<unknown>
  done(value: unknown): void
  failed(error: unknown): void
}

/**
 * @param transact one transaction; rolls back when its act throws
 * @param atMost acts in one transaction, side by side: none may rest on the order among them
 * @returns the same, shared: an act that throws takes nobody along. What it was with is undone, and each then goes by itself; so an act may be begun
 *   twice, and does nothing outside of its transaction
 */
export function sharedTransactions<W, S>(transact: Change<W, S>, atMost: number): Change<W, S> {
  const waiting: Waiting<W, S>[] = []
  let running = false

  async function alone({ act, done, failed }: Waiting<W, S>): Promise<void> {
    await transact(act).then(done, failed)
  }

  async function together(): Promise<void> {
    const taken: Waiting<W, S>[] = []
    try {
      const values = await transact(async (work, store) => {
        const made: unknown[] = []
        // Taken when the transaction has begun, and while it goes on: what waited for the connection goes along.
        while (waiting.length > 0 && taken.length < atMost) {
          const next = waiting.splice(0, atMost - taken.length)
          taken.push(...next)
          // Side by side, so that what all of them ask goes as one statement. The transaction ends when all have come to rest.
          const ended = await Promise.allSettled(next.map(({ act }) => act(work, store)))
          for (const each of ended) {
            if (each.status === 'rejected') throw each.reason
            made.push(each.value)
          }
        }
        return made
      })
      taken.forEach(({ done }, index) => done(values[index]))
    } catch (error) {
      // The transaction could not begin.
      if (taken.length === 0) for (const { failed } of waiting.splice(0)) failed(error)
      else if (taken.length === 1) taken[0]!.failed(error)
      else for (const each of taken) await alone(each)
    }
  }

  async function run(): Promise<void> {
    while (waiting.length > 0) await together()
    running = false
  }

  return <T>(act: (work: W, store: S) => Promise<T>): Promise<T> =>
    new Promise<T>((done, failed) => {
      waiting.push({ act, done: done as (value: unknown) => void, failed })
      // What is asked for in the same turn of the event loop goes along with the first.
      if (!running) {
        running = true
        setImmediate(() => void run())
      }
    })
}
