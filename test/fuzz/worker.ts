/** The thread that asks the engine. It writes down which round it is in before it begins, so that the main thread can tell a round that doesn't end. */
import { parentPort, workerData } from 'node:worker_threads'
import { readCase } from './case-file.ts'
import { fuzzer } from './oracle.ts'

export interface Work {
  /** All specimens, written as cases. */
  readonly cases: readonly string[]
  /** Which of them this thread damages. */
  readonly index: number
  readonly seed: number
  readonly from: number
  readonly to: number
  /** The number of the round being run. */
  readonly place: SharedArrayBuffer
}

export type Report =
  | { readonly started: true }
  | { readonly fault: { readonly round: number; readonly what: readonly string[]; readonly how: readonly string[] } }
  | { readonly progress: { readonly round: number; readonly tally: Readonly<Record<string, number>>; readonly rss: number } }

const { cases, index, seed, from, to, place } = workerData as Work
const specimens = cases.map(readCase)
const fuzz = fuzzer(specimens[index]!, specimens, seed)
const current = new Int32Array(place)
const post = (report: Report) => parentPort!.postMessage(report)

post({ started: true })
let tally: Record<string, number> = {}
for (let round = from; round < to; round++) {
  Atomics.store(current, 0, round)
  const upload = fuzz.upload(round)
  const { kind, faults } = await fuzz.judge(upload)
  tally[kind] = (tally[kind] ?? 0) + 1
  if (faults.length > 0) post({ fault: { round, what: faults, how: upload.how } })
  if ((round + 1) % 1000 === 0 || round + 1 === to) {
    post({ progress: { round: round + 1, tally, rss: process.memoryUsage().rss } })
    tally = {}
  }
}
