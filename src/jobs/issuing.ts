/** Issues what was approved until none waits: a few applications judged while others are signed, their changes put together into transactions. */
import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { issueTaken, takeWaiting, type IssuingTurn } from '../application/issue.ts'
import type { IssuingParts } from '../application/issue-ports.ts'
import type { ChainBreach } from '../audit/audit-log.ts'
import { auditTrail } from '../audit/audit-trail.ts'
import { gathered } from '../database/gathered.ts'
import { issuanceStore } from '../database/issuance-store.ts'
import type { Services } from '../services.ts'
import type { Signer } from '../signer/signer.ts'
import { CA_ACTOR } from './actor.ts'
import { currentAuthority } from './issuing-authority.ts'
import { sharedTransactions } from './shared-transactions.ts'

/** So that one turn ends, and a process that is asked to stop stops. */
const AT_MOST = 200
const TURN_MS = 2000
/** Taken together, recorded together and stored together: three writes to the disk and some ninety statements for all of them. */
const TOGETHER = 32
/** What is signed waits for the rest of its crew, so as to be stored with it, but not for a slow module. */
const AT_MOST_WAITS_MS = 250
/** While the applications of one crew are signed, another's are judged. */
const CREWS = 2

/**
 * The parts of issuing as this process has them; its leases carry a name of its own.
 * @param onBreach told of each breach of the audit log, once; while there is one, nothing is issued
 */
export function issuingParts(services: Services, signer: Pick<Signer, 'sign'>, onBreach: (breach: ChainBreach) => void = () => undefined): IssuingParts {
  const { policy, clock, random, database, config } = services
  const authority = gathered(async (asked: readonly undefined[]) => {
    const found = await currentAuthority(database, signer, config)
    if (!found) throw new Error('no issuing authority is on record')
    return asked.map(() => found)
  })
  return {
    policy,
    clock,
    randomBytes: random,
    newId: randomUUID,
    owner: `ca-${randomUUID()}`,
    portalUrl: config.portal.url,
    store: issuanceStore(database),
    trail: auditTrail(database, onBreach),
    change: sharedTransactions((act) => services.work(CA_ACTOR, (work, trx) => act(work, issuanceStore(trx))), TOGETHER),
    authority: () => authority(undefined),
  }
}

/**
 * @returns what became of each application that was taken up
 * @throws what the first of them threw, when all that were taken up are through
 */
export async function issueWaiting(parts: IssuingParts): Promise<readonly IssuingTurn[]> {
  const turns: IssuingTurn[] = []
  const faults: unknown[] = []
  const until = parts.clock().getTime() + TURN_MS
  let taking: Promise<unknown> = Promise.resolve()
  const take = () => {
    // One crew after the other, or both would reach for the same ones.
    const next = taking.then(() => takeWaiting(parts, TOGETHER))
    taking = next.catch(() => undefined)
    return next
  }
  const crew = async (): Promise<void> => {
    while (faults.length === 0 && turns.length < AT_MOST && parts.clock().getTime() < until) {
      const { dossiers, overtaken } = await take()
      if (dossiers.length + overtaken === 0) return
      for (let each = 0; each < overtaken; each++) turns.push('overtaken')
      const meeting = rendezvous(dossiers.length)
      const ended = await Promise.allSettled(dossiers.map((dossier) => meeting((all) => issueTaken(parts, dossier, all))))
      for (const each of ended) each.status === 'fulfilled' ? turns.push(each.value) : faults.push(each.reason)
    }
  }
  await Promise.all(Array.from({ length: CREWS }, () => crew().catch((error: unknown) => void faults.push(error))))
  if (faults.length > 0) throw faults[0]
  return turns
}

/**
 * @param expected how many come
 * @returns runs one of them, which may wait for all the others: until each has come to that place or has ended, or for {@link AT_MOST_WAITS_MS}
 */
function rendezvous(expected: number): <T>(one: (all: () => Promise<void>) => Promise<T>) => Promise<T> {
  let missing = expected
  let open: () => void
  const complete = new Promise<void>((done) => (open = done))
  return (one) => {
    let here = false
    const come = () => {
      if (here) return
      here = true
      if (--missing === 0) open()
    }
    const all = async () => {
      come()
      const patience = new AbortController()
      await Promise.race([complete, setTimeout(AT_MOST_WAITS_MS, undefined, { signal: patience.signal }).catch(() => undefined)])
      patience.abort()
    }
    return one(all).finally(come)
  }
}
