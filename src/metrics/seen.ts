/** What a process lets its operators see: figures for Prometheus, and whether it can do its work. One process, or one in several workers. */
import { AggregatorRegistry, Gauge, type MetricObjectWithValues, type MetricValue, Registry } from 'prom-client'

export type Figures = readonly MetricObjectWithValues<MetricValue<string>>[]

/** What is not ready, in words for operators, by the name of the check; null: nothing stands against it. */
export type Readiness = Readonly<Record<string, string | null>>

export interface Seen {
  figures(): Promise<Figures>
  readiness(): Promise<Readiness>
}

/** Something that the process needs in order to work. */
export interface ReadinessCheck {
  readonly name: string
  /** @returns what is wrong, or null. What it throws is wrong too. */
  run(): Promise<string | null> | string | null
}

/** A check that hangs is a check that failed. */
const CHECK_MS = 3_000

export function seen(registry: Registry, checks: readonly ReadinessCheck[], told: (error: unknown) => string): Seen {
  const judge = async ({ run }: ReadinessCheck): Promise<string | null> => {
    let timer: NodeJS.Timeout | undefined
    const tooLong = new Promise<string>((done) => (timer = setTimeout(done, CHECK_MS, `no answer within ${CHECK_MS / 1000} s`)))
    try {
      return await Promise.race([Promise.resolve().then(run), tooLong])
    } catch (error) {
      return told(error)
    } finally {
      clearTimeout(timer)
    }
  }
  return {
    figures: async () => await registry.getMetricsAsJSON(),
    readiness: async () => Object.fromEntries(await Promise.all(checks.map(async (check) => [check.name, await judge(check)] as const))),
  }
}

/** What `/ready` says, for who has rules on figures alone. */
export async function readinessFigure(readiness: Readiness): Promise<Figures> {
  const registry = new Registry()
  const figure = new Gauge({ name: 'ready_check', help: '1 while nothing stands against what the process needs, 0 while it is not ready', labelNames: ['check'], registers: [registry] })
  for (const [check, wrong] of Object.entries(readiness)) figure.set({ check }, wrong === null ? 1 : 0)
  return await registry.getMetricsAsJSON()
}

/** The figures of several processes as one: sums, or as each figure says (its aggregator). */
export const sumOf = async (several: readonly Figures[]): Promise<Figures> => await AggregatorRegistry.aggregate(several as unknown as object[]).getMetricsAsJSON()

/** The figures as Prometheus reads them (text format 0.0.4). */
export const inText = async (figures: Figures): Promise<string> => await AggregatorRegistry.aggregate([figures as unknown as object]).metrics()

/** Counts only go up: what a worker counted stays counted when it is gone. */
export const countsIn = (figures: Figures): Figures => figures.filter(({ type }) => (type as unknown) === 'counter' || (type as unknown) === 'histogram')

/** A check that fails in one worker fails. */
export function worstOf(several: readonly (readonly [worker: string, Readiness])[]): Readiness {
  const worst: Record<string, string | null> = {}
  for (const [worker, readiness] of several) for (const [name, wrong] of Object.entries(readiness)) worst[name] = wrong === null ? (worst[name] ?? null) : [worst[name], `${worker}: ${wrong}`].filter(Boolean).join('; ')
  return worst
}
