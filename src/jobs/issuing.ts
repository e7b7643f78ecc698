/** Issues what was approved, one application at a time, until none waits. */
import { randomUUID } from 'node:crypto'
import { issueNext, type IssuingTurn } from '../application/issue.ts'
import type { IssuingParts } from '../application/issue-ports.ts'
import type { ChainBreach } from '../audit/audit-log.ts'
import { auditTrail } from '../audit/audit-trail.ts'
import { issuanceStore } from '../database/issuance-store.ts'
import type { Services } from '../services.ts'
import type { Signer } from '../signer/signer.ts'
import { currentAuthority } from './issuing-authority.ts'

/** So that one turn ends, and a process that is asked to stop stops. */
const AT_MOST = 20

export const CA_ACTOR = 'process:ca'

/**
 * The parts of issuing as this process has them; its leases carry a name of its own.
 * @param onBreach told of each breach of the audit log, once; while there is one, nothing is issued
 */
export function issuingParts(services: Services, signer: Pick<Signer, 'sign'>, onBreach: (breach: ChainBreach) => void = () => undefined): IssuingParts {
  const { policy, clock, random, database, config } = services
  return {
    policy,
    clock,
    randomBytes: random,
    newId: randomUUID,
    owner: `ca-${randomUUID()}`,
    portalUrl: config.portal.url,
    store: issuanceStore(database),
    trail: auditTrail(database, onBreach),
    change: (act) => services.work(CA_ACTOR, (work, trx) => act(work, issuanceStore(trx))),
    async authority() {
      const found = await currentAuthority(database, signer, config)
      if (!found) throw new Error('no issuing authority is on record')
      return found
    },
  }
}

/** @returns what became of each application that was taken up */
export async function issueWaiting(parts: IssuingParts): Promise<readonly IssuingTurn[]> {
  const turns: IssuingTurn[] = []
  for (let turn = await issueNext(parts); turn !== 'idle'; turn = await issueNext(parts)) {
    turns.push(turn)
    if (turns.length === AT_MOST) break
  }
  return turns
}
