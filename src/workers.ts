/** One program in several processes that listen on the same port and share nothing else (node:cluster). One that ends by itself is started again. */
import cluster, { type Worker } from 'node:cluster'
import { countsIn, type Figures, type Readiness, type Seen, sumOf, worstOf } from './metrics/seen.ts'
import { explain, log } from './process.ts'
import { StartRefused } from './start-refused.ts'

/** A worker that ends again and again shall not keep the machine busy with starting it. */
const AGAIN_MS = 1000
const STOP_MS = 8000
/** A worker that doesn't tell its figures in this time is left out of them. */
const ANSWER_MS = 4000

/**
 * @param file the program; it calls `runWorker` when it is no primary
 * @throws StartRefused with what the first worker says that refuses to start
 */
export async function startWorkers(name: string, file: string, count: number): Promise<{ readonly seen: Seen; stop(): Promise<void> }> {
  // Each worker accepts for itself: by way of the primary an answer on a connection of its own costs twice and more (test/bench/results.md).
  cluster.schedulingPolicy = cluster.SCHED_NONE
  cluster.setupPrimary({ exec: file, execArgv: process.execArgv, args: [] })
  let stopping = false
  const figures = figuresOf()
  const start = (): Promise<void> =>
    new Promise((ready, failed) => {
      const worker = cluster.fork()
      let started = false
      worker.on('message', (message: { ready?: true; refused?: string; id?: number; answer?: unknown }) => {
        if (message.ready) {
          started = true
          ready()
        } else if (message.refused !== undefined) failed(new StartRefused(message.refused))
        else if (message.id !== undefined) answers.get(message.id)?.(message.answer)
      })
      worker.once('exit', (code, signal) => {
        failed(new StartRefused(`a worker of ${name} ended`))
        figures.ended(worker.id)
        // What the whole process group was told ends a worker that still loads; this process may have set it aside (process.ts), and is told here.
        if (!started && !stopping && (signal === 'SIGINT' || signal === 'SIGTERM')) return void process.kill(process.pid, 'SIGTERM')
        if (!started || stopping) return
        log({ level: 'error', worker: worker.process.pid, error: `ended by itself (${signal ?? `exit code ${code}`}): another is started` })
        setTimeout(again, AGAIN_MS)
      })
    })
  const again = (): void => {
    if (stopping) return
    start().catch((error: unknown) => {
      log({ level: 'error', error: explain(error) })
      setTimeout(again, AGAIN_MS * 5)
    })
  }
  const workers = (): Worker[] => Object.values(cluster.workers ?? {}).filter((worker): worker is Worker => worker !== undefined)
  const stop = async (): Promise<void> => {
    stopping = true
    // One that has ended stays among them until its channel is closed too, and ends no second time.
    const living = workers().filter((worker) => !worker.isDead())
    await Promise.all(
      living.map(
        (worker) =>
          new Promise<void>((ended) => {
            worker.once('exit', () => ended())
            if (worker.isConnected()) worker.send({ stop: true }, () => undefined)
            // One that still loads hears nothing else.
            worker.process.kill('SIGTERM')
            setTimeout(() => worker.process.kill('SIGKILL'), STOP_MS).unref()
          }),
      ),
    )
  }
  try {
    await Promise.all(Array.from({ length: count }, start))
  } catch (error) {
    await stop()
    throw error
  }
  const seen: Seen = {
    async figures() {
      await Promise.all(workers().map(async (worker) => figures.told(worker.id, (await ask<Figures>(worker, 'figures')) ?? null)))
      return figures.sum()
    },
    async readiness() {
      const told = await Promise.all(workers().map(async (worker) => [`worker ${worker.process.pid}`, (await ask<Readiness>(worker, 'readiness')) ?? { answers: 'says nothing' }] as const))
      return { workers: told.length === 0 ? 'none runs' : null, ...worstOf(told) }
    },
  }
  return { seen, stop }
}

/** By the number of the question. */
const answers = new Map<number, (answer: unknown) => void>()
let asked = 0

function ask<T>(worker: Worker, what: 'figures' | 'readiness'): Promise<T | undefined> {
  const id = ++asked
  return new Promise<T | undefined>((done) => {
    const late = setTimeout(done, ANSWER_MS, undefined)
    answers.set(id, (answer) => {
      clearTimeout(late)
      done(answer as T)
    })
    if (worker.isConnected()) worker.send({ ask: what, id }, (error) => error && done(undefined))
    else done(undefined)
  }).finally(() => answers.delete(id))
}

/** The figures of all workers. What one counted until it was last asked stays when it is gone: else a restart would look like a fall. */
export function figuresOf(): { told(worker: number, figures: Figures | null): void; ended(worker: number): void; sum(): Promise<Figures> } {
  const last = new Map<number, Figures>()
  const ended = new Set<number>()
  const gone: Figures[] = []
  return {
    told(worker, figures) {
      // What was on its way when it ended would be counted twice.
      if (figures && !ended.has(worker)) last.set(worker, figures)
    },
    ended(worker) {
      ended.add(worker)
      const counted = last.get(worker)
      if (counted) gone.push(countsIn(counted))
      last.delete(worker)
    },
    async sum() {
      // One row for all that are gone, however many there were.
      if (gone.length > 1) gone.splice(0, gone.length, await sumOf(gone))
      return sumOf([...last.values(), ...gone])
    },
  }
}
