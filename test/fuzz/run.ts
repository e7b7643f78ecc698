/**
 * `npm run fuzz`: damages uploads of every maker, by a seed, and asks the public engine about each.
 * It fails when the engine throws, thinks for more than a second, verifies a key that was not attested, or grows.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { outcome } from '../support/judge-maker.ts'
import { fakeSpecimens, judgeSpecimen, realSpecimens, type Specimen } from '../support/specimens.ts'
import { caseOf, readCase, writeCase } from './case-file.ts'
import { fuzzer } from './oracle.ts'
import type { Report, Work } from './worker.ts'

const USAGE = `usage: npm run fuzz -- [--count N] [--seed S] [--maker M] [--sample PART-OF-ID] [--only ROUND]
       npm run fuzz -- --replay FILE`

/** CPU time that one answer may take. Wall time says nothing on a machine that others use. */
const HANG_MS = 1000
/** What the process may grow by while one sample is damaged, beyond what its first rounds needed. */
const GROWTH_LIMIT = 192 * 2 ** 20

const { values: options } = parseArgs({
  options: { count: { type: 'string', default: '100000' }, seed: { type: 'string', default: '1' }, maker: { type: 'string' }, sample: { type: 'string' }, only: { type: 'string' }, replay: { type: 'string' }, help: { type: 'boolean' } },
})

/** In the data folder, which git doesn't look at. */
const FOLDER = join(process.env['DATA_DIR'] ?? 'var', 'fuzz')

function keep(specimen: Specimen, name: string): string {
  mkdirSync(FOLDER, { recursive: true })
  const file = join(FOLDER, `${name.replace(/[^\w-]+/g, '_')}.json`)
  writeFileSync(file, writeCase(specimen))
  return file
}

const cpuMs = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

interface Result {
  readonly tally: Record<string, number>
  readonly faults: number
  readonly growth: number
}

/** All rounds of one specimen, in a thread that is ended when a round takes too long. */
async function fuzzOne(specimens: readonly Specimen[], index: number, seed: number, count: number): Promise<Result> {
  const cases = specimens.map(writeCase)
  const specimen = specimens[index]!
  const tally: Record<string, number> = {}
  let [faults, growth, first] = [0, 0, 0]
  const fault = (round: number, what: readonly string[], how: readonly string[]) => {
    faults++
    const file = keep(caseOf(specimen, fuzzer(specimen, specimens, seed).upload(round)), `${specimen.id}-${seed}-${round}`)
    console.log(`  FAULT in round ${round} (${how.join(', ')}): ${what.join('; ')}\n    npm run fuzz -- --replay ${file}`)
  }
  for (let from = 0; from < count; ) {
    const place = new SharedArrayBuffer(4)
    const current = new Int32Array(place)
    current[0] = from
    const worker = new Worker(new URL('./worker.mjs', import.meta.url), { workerData: { cases, index, seed, from, to: count, place } satisfies Work, resourceLimits: { maxOldGenerationSizeMb: 512 } })
    from = await new Promise<number>((resolve, reject) => {
      let [round, since, started] = [-1, cpuMs(), false]
      const finish = (next: number) => {
        clearInterval(watch)
        void worker.terminate().then(() => resolve(next))
      }
      const watch = setInterval(() => {
        const now = Atomics.load(current, 0)
        if (now !== round) [round, since] = [now, cpuMs()]
        else if (cpuMs() - since > HANG_MS && started) {
          fault(now, [`no answer after ${HANG_MS} ms`], [])
          finish(now + 1)
        }
      }, 50)
      worker.on('message', (report: Report) => {
        // Until then the thread loads its programs.
        started = true
        if ('started' in report) return
        if ('fault' in report) return fault(report.fault.round, report.fault.what, report.fault.how)
        const { round: done, tally: more, rss } = report.progress
        for (const [kind, number] of Object.entries(more)) tally[kind] = (tally[kind] ?? 0) + number
        if (first === 0 && done >= 3000) first = rss
        if (first > 0) growth = Math.max(growth, rss - first)
        if (done === count) finish(count)
      })
      worker.on('error', (error) => {
        if (!started) return reject(error)
        fault(current[0]!, [`the thread ended: ${String(error)}`], [])
        finish(current[0]! + 1)
      })
    })
  }
  if (growth > GROWTH_LIMIT) {
    faults++
    console.log(`  FAULT: the process grew by ${Math.round(growth / 2 ** 20)} MiB`)
  }
  return { tally, faults, growth }
}

function replay(file: string): void {
  const specimen = readCase(readFileSync(file, 'utf8'))
  const started = cpuMs()
  console.log(JSON.stringify(outcome(judgeSpecimen(specimen, specimen)), null, 2))
  console.log(`${Math.round(cpuMs() - started)} ms`)
}

async function run(): Promise<void> {
  const specimens = [...realSpecimens(), ...fakeSpecimens()]
  const chosen = specimens.filter(({ maker, id }) => (options.maker ?? maker) === maker && id.includes(options.sample ?? ''))
  const [count, seed] = [Number(options.count), Number(options.seed)]
  if (chosen.length === 0 || !Number.isSafeInteger(count) || count < 1 || !Number.isSafeInteger(seed)) throw new Error(`${USAGE}\nsamples: ${specimens.map(({ id }) => id).join(' ')}`)
  if (!specimens.some(({ real }) => real)) console.log('skipped: no shared samples; stand-ins only')
  if (options.only !== undefined) {
    for (const specimen of chosen) {
      const upload = fuzzer(specimen, specimens, seed).upload(Number(options.only))
      console.log(`${specimen.id}: ${upload.how.join(', ')}: ${keep(caseOf(specimen, upload), `${specimen.id}-${seed}-${options.only}`)}`)
    }
    return
  }
  let [faults, rounds] = [0, 0]
  for (const specimen of chosen) {
    const started = cpuMs()
    const { tally, faults: found, growth } = await fuzzOne(specimens, specimens.indexOf(specimen), seed, count)
    const done = Object.values(tally).reduce((sum, each) => sum + each, 0)
    faults += found
    rounds += done
    console.log(`${specimen.id}: ${done} mutations, ${Object.entries(tally).map(([kind, number]) => `${number} ${kind}`).join(', ')}; ${((cpuMs() - started) / done).toFixed(2)} ms each, grew by ${Math.round(growth / 2 ** 20)} MiB; ${found} faults`)
  }
  console.log(`${rounds} mutations of ${chosen.length} uploads, seed ${seed}: ${faults} faults`)
  process.exitCode = faults > 0 ? 1 : 0
}

if (options.help) console.log(USAGE)
else if (options.replay !== undefined) replay(options.replay)
else await run()
