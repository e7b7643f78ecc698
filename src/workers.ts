/** One program in several processes that listen on the same port and share nothing else (node:cluster). One that ends by itself is started again. */
import cluster, { type Worker } from 'node:cluster'
import { log } from './process.ts'
import { StartRefused } from './start-refused.ts'

/** A worker that ends again and again shall not keep the machine busy with starting it. */
const AGAIN_MS = 1000
const STOP_MS = 8000

/**
 * @param file the program; it calls `runWorker` when it is no primary
 * @throws StartRefused with what the first worker says that refuses to start
 */
export async function startWorkers(name: string, file: string, count: number): Promise<{ stop(): Promise<void> }> {
  // Each worker accepts for itself: by way of the primary an answer on a connection of its own costs twice and more (test/bench/results.md).
  cluster.schedulingPolicy = cluster.SCHED_NONE
  cluster.setupPrimary({ exec: file, execArgv: process.execArgv, args: [] })
  let stopping = false
  const start = (): Promise<void> =>
    new Promise((ready, failed) => {
      const worker = cluster.fork()
      let started = false
      worker.on('message', (message: { ready?: true; refused?: string }) => {
        if (message.ready) {
          started = true
          ready()
        } else if (message.refused !== undefined) failed(new StartRefused(message.refused))
      })
      worker.once('exit', (code, signal) => {
        failed(new StartRefused(`a worker of ${name} ended`))
        if (!started || stopping) return
        log({ level: 'error', process: name, worker: worker.id, error: `ended by itself (${signal ?? `exit code ${code}`}): another is started` })
        setTimeout(again, AGAIN_MS)
      })
    })
  const again = (): void => {
    if (stopping) return
    start().catch((error: unknown) => {
      log({ level: 'error', process: name, error: error instanceof Error ? error.message : String(error) })
      setTimeout(again, AGAIN_MS * 5)
    })
  }
  const workers = (): Worker[] => Object.values(cluster.workers ?? {}).filter((worker): worker is Worker => worker !== undefined)
  const stop = async (): Promise<void> => {
    stopping = true
    await Promise.all(
      workers().map(
        (worker) =>
          new Promise<void>((ended) => {
            worker.once('exit', () => ended())
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
  return { stop }
}
