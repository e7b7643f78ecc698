/** What the OCSP service tells of itself. The hot path counts in plain numbers (answer-tally.ts); here they are read. */
import { Counter, Gauge, type MetricObjectWithValues, type MetricValue, type Registry } from 'prom-client'
import type { Taken } from '../revocation/answer-tally.ts'
import { type AnswerTimes, TIME_BOUNDS } from '../revocation/answer-times.ts'
import { gauge, keep, keepBy } from './process-figures.ts'

export interface AnswerTotals {
  add(taken: Taken): void
}

/** Answers since the process started, as they are taken from the tally. */
export function answerFigures(registry: Registry, times: AnswerTimes): AnswerTotals {
  const sources = new Map<string, number>()
  const refusals = new Map<number, number>()
  const registers = [registry]
  new Counter({
    name: 'ocsp_answers_total',
    help: 'OCSP answers by the worst status that they tell (or their error) and where they came from: kept, signed for this request, or not sent again (304)',
    labelNames: ['result', 'source'],
    registers,
    collect() {
      this.reset()
      for (const [key, count] of sources) {
        const [result, source] = key.split(' ') as [string, string]
        this.inc({ result, source }, count)
      }
    },
  })
  new Counter({
    name: 'ocsp_http_refusals_total',
    help: 'Requests to the OCSP address that HTTP refused, by status code',
    labelNames: ['code'],
    registers,
    collect() {
      this.reset()
      for (const [code, count] of refusals) this.inc({ code: String(code) }, count)
    },
  })
  registry.registerMetric(timesHistogram(times) as never)
  const add = <K>(counts: Map<K, number>, key: K, count: number): void => void counts.set(key, (counts.get(key) ?? 0) + count)
  return {
    add({ sent, refused }) {
      for (const { about, how, times, signed } of sent) {
        const { result } = about
        if (signed > 0) add(sources, `${result} signed`, signed)
        if (times > signed) add(sources, `${result} ${how === '304' ? 'not_modified' : about.certificates.length === 0 ? 'error' : 'kept'}`, times - signed)
      }
      for (const { status, times } of refused) add(refusals, status, times)
    },
  }
}

/** prom-client's own histogram counts each observation by itself; these counts are there already. */
function timesHistogram(times: AnswerTimes): { readonly name: string; get(): Promise<MetricObjectWithValues<MetricValue<string>>> } {
  const name = 'ocsp_answer_duration_seconds'
  return {
    name,
    async get() {
      const values: { metricName: string; labels: Record<string, string>; value: number }[] = []
      let below = 0
      for (const [at, count] of times.counts.entries()) {
        below += count
        values.push({ metricName: `${name}_bucket`, labels: { le: TIME_BOUNDS[at] === undefined ? '+Inf' : String(TIME_BOUNDS[at]! / 1000) }, value: below })
      }
      values.push({ metricName: `${name}_sum`, labels: {}, value: times.sum / 1000 }, { metricName: `${name}_count`, labels: {}, value: below })
      return { name, help: 'From the whole request to the whole answer inside this process; of kept answers one in sixteen is timed', type: 'histogram', values, aggregator: 'sum' } as unknown as MetricObjectWithValues<MetricValue<string>>
    },
  }
}

export interface OcspState {
  /** Milliseconds since changes of status were read. */
  feedAge(): number
  memory(): number
}

export function ocspStateFigures(registry: Registry, { feedAge, memory }: OcspState): void {
  const registers = [registry]
  new Gauge({ name: 'ocsp_feed_age_seconds', help: 'Since changes of status were last read; of several workers the worst', registers, aggregator: 'max', collect: gauge(() => (Number.isFinite(feedAge()) ? feedAge() / 1000 : null)) })
  new Gauge({ name: 'ocsp_cache_bytes', help: 'Memory of kept answers, about', registers, collect: gauge(memory) })
}

export interface SigningCounts {
  signatures: number
  errors: number
  /** Milliseconds, all signatures together. */
  time: number
}

export function signingFigures(registry: Registry, counts: SigningCounts): void {
  const registers = [registry]
  new Counter({ name: 'signer_signatures_total', help: 'Signatures by the token', registers, collect: keep(() => counts.signatures) })
  new Counter({ name: 'signer_errors_total', help: 'Signatures that the token did not make', registers, collect: keep(() => counts.errors) })
  new Counter({ name: 'signer_sign_seconds_total', help: 'Time spent waiting for signatures', registers, collect: keep(() => counts.time / 1000) })
}

/** Counts what a signer does. */
export function counted<F extends (...given: never[]) => Promise<unknown>>(sign: F, counts: SigningCounts, elapsed: () => number): F {
  return (async (...given: Parameters<F>) => {
    const began = elapsed()
    try {
      const signature = await sign(...given)
      counts.signatures++
      return signature
    } catch (error) {
      counts.errors++
      throw error
    } finally {
      counts.time += elapsed() - began
    }
  }) as F
}

/** CSBR 5.4.1.2 (4), as a figure. */
export function timestampFigures(registry: Registry, { answered, clockDoubt }: { readonly answered: ReadonlyMap<string, number>; clockDoubt(): string | null }): void {
  const registers = [registry]
  new Counter({ name: 'timestamp_answers_total', help: 'Time-stamp requests answered, by outcome; each granted is a row on record', labelNames: ['outcome'], registers, collect: keepBy('outcome', () => answered) })
  new Gauge({ name: 'timestamp_clock_sure', help: '1 while time-stamps are given by this clock, 0 while something speaks against it; of several workers the worst', registers, aggregator: 'min', collect: gauge(() => (clockDoubt() === null ? 1 : 0)) })
}

export function clockFigure(registry: Registry, clockDoubt: () => string | null): void {
  new Gauge({ name: 'clock_sure', help: '1 while nothing speaks against the clock, 0 while something does; of several workers the worst', registers: [registry], aggregator: 'min', collect: gauge(() => (clockDoubt() === null ? 1 : 0)) })
}

/** OCS-8: what is on record, and what is lost from it. */
export function accessLogFigures(registry: Registry, accessLog: { readonly lines: number; readonly lost: number }): void {
  const registers = [registry]
  new Counter({ name: 'access_log_lines_total', help: 'Lines written to the OCSP access log', registers, collect: keep(() => accessLog.lines) })
  new Counter({ name: 'access_log_lost_answers_total', help: 'Answers that are not in the OCSP access log since it could not be written', registers, collect: keep(() => accessLog.lost) })
}
