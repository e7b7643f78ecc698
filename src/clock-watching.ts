/** `ca` and `status` watch their clock: what they need of database, audit log and log for it, put together. */
import { performance } from 'node:perf_hooks'
import { audit } from './audit/audit-log.ts'
import { type ProcessClock, processClock } from './clock/process-clock.ts'
import { systemClock } from './clock/system-clock.ts'
import { latestCrls } from './database/crl-store.ts'
import { dropOldFigures, dropOldNodes, lastSeen, noteClock, noteNode } from './database/node-store.ts'
import { keptTime, lastSeenPath } from './clock/kept-time.ts'
import { every, explain, log } from './process.ts'
import type { Services } from './services.ts'
import type { ClockSource } from './timestamp/clock-watch.ts'

export interface WatchedClock extends ProcessClock {
  stop(): Promise<void>
}

const NOTE_MS = 60_000
const TOLD_MS = 5 * 60_000

/** @param lastSigned the latest time that this process itself has signed */
export async function watchProcessClock(services: Services, name: 'ca' | 'status', lastSigned: () => Date | null = () => null, source: ClockSource = systemClock()): Promise<WatchedClock> {
  const { policy, database, clock, config } = services
  const demo = await services.demoHierarchy()
  const kept = keptTime(lastSeenPath(config.dataDir, name))
  let ahead: string | null = null
  const watched = processClock({
    rules: policy.clock,
    demo,
    clock,
    monotonic: () => performance.now(),
    source,
    async lastDated() {
      const lists = await latestCrls(database)
      // Another host's account of the same name may write this row, or one account all of them: what it says of a time to come is told of, and stops nothing.
      const seen = await lastSeen(database, config.node, name)
      const says = seen !== null && seen.getTime() - clock().getTime() > TOLD_MS ? seen.toISOString() : null
      if (says !== null && says !== ahead) log({ level: 'alert', job: 'clock', refused: `node_states has ${config.node} ${name} as seen at ${says}`, means: 'the clock went back, or the row is false: nothing stops for it' })
      ahead = says
      const known = [...lists.map(({ thisUpdate }) => thisUpdate), await kept.read(), lastSigned()]
      return known.reduce((latest, each) => (each !== null && (latest === null || each > latest) ? each : latest), null)
    },
    async note({ event, details }) {
      await database.transaction((trx) => audit(trx, { at: clock(), actor: `process:${name}`, event, subject: `process:${name}`, details: { node: config.node, ...details } }))
      const stopped = 'stops' in details && details.stops
      log({ level: event === 'clock.sure' ? 'info' : 'alert', job: 'clock', event, ...details, ...(stopped ? { means: 'nothing is signed with this clock until it is right' } : {}) })
    },
  })
  const fault = (error: unknown) => log({ level: 'error', job: 'clock', error: explain(error) })
  await watched.check().catch(fault)
  const jobs = [
    every(policy.clock.checkSeconds * 1000, 'clock', () => watched.check()),
    // A time that is doubted is none to compare with after the next start.
    every(NOTE_MS, 'node', async () => {
      if (watched.stops() === null) {
        await kept.write(clock())
        await noteNode(database, { node: config.node, process: name, seenAt: clock(), clock: watched.standing() })
      } else await noteClock(database, config.node, name, watched.standing())
      await dropOldNodes(database, name, clock())
      if (name === 'status') await dropOldFigures(database, clock())
    }),
  ]
  return { ...watched, stop: async () => void (await Promise.all(jobs.map((job) => job.stop()))) }
}
