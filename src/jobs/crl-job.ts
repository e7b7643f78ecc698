/** The jobs of `ca` around revocation lists: what the change feed tells reaches the publisher, and each day what is over goes from the lists. */
import { statusFeed } from '../database/status-feed.ts'
import { StatusWatch } from '../revocation/status-watch.ts'
import type { Services } from '../services.ts'
import type { Signer } from '../signer/signer.ts'
import { CrlPublisher } from './crl.ts'
import type { Alert } from './crl-changes.ts'
import type { SigningAuthority } from './issuing-authority.ts'
import { runRetention } from './retention.ts'

export interface CrlJobs {
  /** Publishes what is due: for calling each second. */
  publish(): Promise<void>
  /** For calling each day. */
  drop(): Promise<void>
}

/** @param authorities whose lists this process signs, read anew at each call */
export function crlJobs(services: Pick<Services, 'config' | 'policy' | 'database' | 'clock'>, signer: Pick<Signer, 'signDigest'>, authorities: () => Promise<readonly SigningAuthority[]>, alert: Alert): CrlJobs {
  const { database, policy, clock } = services
  const publisher = new CrlPublisher({ policy, database, clock, signer, folder: services.config.dataDir, alert })
  const watch = new StatusWatch({ feed: statusFeed(database), elapsed: () => performance.now(), staleMinutes: policy.periods.statusStaleMinutes })
  watch.onChange((changes) => publisher.changed(changes))
  return {
    async publish() {
      // A revocation committed after this reading has the next turn.
      await watch.poll()
      await publisher.turn(await authorities())
    },
    async drop() {
      for (const authority of await authorities()) await runRetention(services, authority)
    },
  }
}
