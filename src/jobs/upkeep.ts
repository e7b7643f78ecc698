/** What `ca` does that can wait: it begins when what was approved is issued and `status` answers. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { LogLine } from '../log.ts'
import type { Services } from '../services.ts'
import type { Pkcs11Signer } from '../signer/pkcs11.ts'
import { statusClient, StatusUnanswered } from '../status-client.ts'
import { type ExampleParts, keepExamples } from './examples.ts'
import { currentAuthority } from './issuing-authority.ts'
import { reconcileDaily } from './reconciliation.ts'
import { timestamper } from './time-stamp.ts'

const SETTLED_MS = 20_000

export interface Upkeep {
  examples(): Promise<void>
  reconciliation(): Promise<void>
  /** Lets nothing wait any longer: the process ends. */
  stop(): void
}

/** @param elapsed milliseconds that never go back; @param tell one line for operators */
export function upkeep(services: Services, token: Pkcs11Signer, elapsed: () => number, tell: (line: LogLine) => void): Upkeep {
  const { policy, database, clock, random, config } = services
  const client = statusClient(config.status.url)
  const started = elapsed()
  const settled = () => elapsed() - started > SETTLED_MS
  const ending = new AbortController()
  const wait = async (milliseconds: number): Promise<void> => {
    await sleep(milliseconds, null, { signal: ending.signal }).catch(() => {
      throw new StatusUnanswered('ca was stopped on the way')
    })
  }
  const [unstamped, beyond] = [new Set<string>(), new Set<string>()]
  const parts: ExampleParts = { policy, database, clock, random, signer: token, stamp: timestamper(client, random) }
  return {
    async examples() {
      const authority = settled() ? await currentAuthority(database, token, config) : null
      if (!authority) return
      const turn = await keepExamples(parts, authority)
      for (const example of newly(turn.unstamped, unstamped)) tell({ level: 'warning', job: 'examples', example, waits: 'no time-stamp to be had now; it is asked for again until the certificate ends (REP-2)' })
      for (const example of newly(turn.beyond, beyond))
        tell({ level: 'alert', job: 'examples', example, means: 'its files have no time-stamp, and its certificate has ended: another is made in its place once status gives time-stamps and the CA may still issue (REP-2)' })
    },
    async reconciliation() {
      const result = settled() ? await reconcileDaily({ policy, database, clock, random, client, statusUrl: config.status.url, wait, alert: tell }) : null
      if (result?.outcome === 'differed')
        tell({ level: 'alert', job: 'reconciliation', differences: result.differences, first: result.details.slice(0, 10), means: 'database, lists and OCSP answers differ: npm run status:reconcile (CRL-3, OCS-3)' })
      if (result?.outcome === 'unanswered') tell({ level: 'warning', job: 'reconciliation', unanswered: result.details[0], means: 'status could not be asked; it is tried again in an hour' })
    },
    stop: () => ending.abort(),
  }
}

/** Those that were not told of before; what stands no more may be told of again. */
function newly(now: readonly string[], told: Set<string>): readonly string[] {
  const fresh = now.filter((id) => !told.has(id))
  for (const id of told) if (!now.includes(id)) told.delete(id)
  for (const id of fresh) told.add(id)
  return fresh
}
