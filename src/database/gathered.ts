/** What several ask of the database in the same turn of the event loop, asked once for all of them. */

interface Asked<K, V> {
  readonly key: K
  done(value: V): void
  failed(error: unknown): void
}

/**
 * One question at a time, for all that came before it began: an answer is never older than its own asking, and of two that write the second sees the first's rows.
 * @param ask one answer for each key, in their order; what it throws, each of them is told
 */
export function gathered<K, V>(ask: (keys: readonly K[]) => Promise<readonly V[]>): (key: K) => Promise<V> {
  const waiting: Asked<K, V>[] = []
  let running = false

  async function run(): Promise<void> {
    while (waiting.length > 0) {
      const asked = waiting.splice(0)
      try {
        const values = await ask(asked.map(({ key }) => key))
        asked.forEach(({ done }, index) => done(values[index]!))
      } catch (error) {
        for (const { failed } of asked) failed(error)
      }
      // Those that were answered together go on together, and may ask the next together.
      await new Promise((soon) => setImmediate(soon))
    }
    running = false
  }

  return (key) =>
    new Promise<V>((done, failed) => {
      waiting.push({ key, done, failed })
      if (running) return
      running = true
      setImmediate(() => void run())
    })
}
