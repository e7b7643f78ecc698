/**
 * LOG-1, ATT-6, ATT-7: an entry of a register counts for `ca` when the audit log, its chain unbroken, holds that one entitled person proposed exactly
 * this content, that another one confirmed it, and that nobody withdrew it since. A row alone is not enough.
 */
import type { ProtectionFacts } from '../key-protection/protection.ts'
import type { Provenance } from '../key-protection/register.ts'
import type { AuditTrail } from './issue-ports.ts'

/** The facts without the entries that the log does not bear out, and those entries' names. */
export function provenFacts(facts: ProtectionFacts, trail: AuditTrail): { readonly facts: ProtectionFacts; readonly unproven: readonly string[] } {
  const unproven: string[] = []
  const proven = <Entry extends { readonly name: string; readonly provenance: Provenance; readonly withdrawnAt: string | null }>(entries: readonly Entry[]): readonly Entry[] =>
    entries.filter((entry) => {
      const holds = isProven(entry.provenance, entry.withdrawnAt !== null, trail)
      if (!holds) unproven.push(entry.name)
      return holds
    })
  return { facts: { ...facts, auditors: proven(facts.auditors), signingServices: proven(facts.signingServices) }, unproven }
}

function isProven({ entryId, register, sha256, proposedBy, confirmedBy, entitled }: Provenance, withdrawn: boolean, trail: AuditTrail): boolean {
  const events = trail.eventsOfEntry(entryId)
  const acts = (event: string, actor: string) => events.findIndex((each) => each.event === event && each.actor === actor && each.details['sha256'] === sha256 && each.details['register'] === register)
  const proposed = acts('register.proposed', proposedBy)
  const confirmed = acts('register.confirmed', confirmedBy)
  // A row put back to confirmed after it was withdrawn is found here.
  const loggedWithdrawal = events.some(({ event }) => event === 'register.withdrawn')
  return entitled && proposedBy !== confirmedBy && proposed >= 0 && confirmed > proposed && (withdrawn || !loggedWithdrawal)
}
