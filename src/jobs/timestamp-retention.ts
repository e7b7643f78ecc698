/**
 * LOG-2: what was written down of each time-stamp token is kept for the policy's years, and as long as CSBR 5.4.3 asks past the end of the certificate that
 * the token rests on; then it goes, by a run that stands in a table and on the audit log. Nothing else can remove these rows.
 */
import { randomUUID } from 'node:crypto'
import { audit } from '../audit/audit-log.ts'
import { listTimestampCertificates, removeTokens, tokensBefore } from '../database/timestamp-store.ts'
import type { Services } from '../services.ts'
import { CA_ACTOR } from './actor.ts'

/** A year of 366 days, so that no reading of the clauses ends after ours does. */
const YEAR = 366 * 86_400_000
/** In one transaction, which holds up no writer for long. */
const AT_ONCE = 10_000

type Parts = Pick<Services, 'policy' | 'database' | 'clock'>

/** @returns how many rows went */
export async function removeOldTokens({ policy, database, clock }: Parts, atOnce = AT_ONCE): Promise<number> {
  if (!policy.timestamp) return 0
  const { tokenKeepYears, tokenKeepYearsPastCertificate } = policy.timestamp.periods
  const now = clock()
  const cutoff = new Date(now.getTime() - tokenKeepYears * YEAR)
  let removed = 0
  for (const { id, notAfter } of await listTimestampCertificates(database)) {
    if (notAfter.getTime() + tokenKeepYearsPastCertificate * YEAR >= now.getTime()) continue
    for (;;) {
      const due = await tokensBefore(database, id, cutoff, atOnce)
      if (!due) break
      removed += await database.transaction(async (trx) => {
        const details = { certificate: id, givenBefore: due.givenBefore.toISOString(), tokens: due.tokens }
        // The log lets one writer through at a time: another process that does the same finds them gone.
        await audit(trx, { at: now, actor: CA_ACTOR, event: 'timestamp.tokens-removed', subject: `timestamp:${id}`, details })
        const gone = await removeTokens(trx, { id: randomUUID(), certificateId: id, ...due, ranAt: now })
        if (gone !== due.tokens) throw new Error(`${gone} time-stamp records instead of ${due.tokens} would have gone: nothing was removed`)
        return gone
      })
    }
  }
  return removed
}
