/** What every process tells of itself: memory, CPU, and how long its event loop keeps others waiting. */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, Gauge, type Registry } from 'prom-client'

/** How often the event loop's delay is looked at. */
const RESOLUTION_MS = 20

/** @returns how to stop the measurement */
export function processFigures(registry: Registry, startedAt: Date): () => void {
  const registers = [registry]
  new Counter({ name: 'process_cpu_seconds_total', help: 'CPU time of the process, user and system', registers, collect: keep(() => { const { user, system } = process.cpuUsage(); return (user + system) / 1e6 }) })
  new Gauge({ name: 'process_resident_memory_bytes', help: 'Resident memory', registers, collect: gauge(() => process.memoryUsage.rss()) })
  new Gauge({ name: 'nodejs_heap_used_bytes', help: 'Heap in use', registers, collect: gauge(() => process.memoryUsage().heapUsed) })
  new Gauge({ name: 'process_start_time_seconds', help: 'When the process started, seconds since 1970', registers, aggregator: 'min', collect: gauge(() => startedAt.getTime() / 1000) })
  const delay: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delay.enable()
  // Its own sampling period is no delay.
  const seconds = (nanoseconds: number): number => (Number.isFinite(nanoseconds) ? Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1000) : 0)
  new Gauge({
    name: 'nodejs_eventloop_delay_seconds',
    help: 'How long the event loop kept others waiting since the last scrape; of several workers the worst',
    labelNames: ['quantile'],
    registers,
    aggregator: 'max',
    collect() {
      this.set({ quantile: '0.5' }, seconds(delay.percentile(50)))
      this.set({ quantile: '0.99' }, seconds(delay.percentile(99)))
      this.set({ quantile: '1' }, seconds(delay.max))
      delay.reset()
    },
  })
  return () => void delay.disable()
}

/** A counter whose value somebody else counts, in a plain number. */
export function keep(value: () => number) {
  return function (this: Counter): void {
    this.reset()
    this.inc(value())
  }
}

/** The same, by one label. */
export function keepBy<L extends string>(label: L, values: () => Iterable<readonly [string, number]>) {
  return function (this: Counter<L>): void {
    this.reset()
    for (const [name, value] of values()) this.inc({ [label]: name } as Partial<Record<L, string>>, value)
  }
}

/** A gauge that is asked for when it is read; what can't be read is no number. */
export function gauge(value: () => number | null | Promise<number | null>) {
  return async function (this: Gauge): Promise<void> {
    const now = await Promise.resolve().then(value).catch(() => null)
    if (now === null) this.remove()
    else this.set(now)
  }
}
