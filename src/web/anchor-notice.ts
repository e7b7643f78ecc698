/** What administrators and auditors are told of makers' keys that end (ATT-2). */
import { endingAnchors } from '../attestation/anchor-report.ts'
import { presentMakers } from '../database/protection-store.ts'
import type { Services } from '../services.ts'

/** How many keys that are relied on have ended or end within the days of the policy. */
export async function countEndingAnchors({ database, policy }: Pick<Services, 'database' | 'policy'>, now: Date): Promise<number> {
  return endingAnchors(await presentMakers(database, policy), now, policy.attestation.anchorNoticeDays).length
}
