/**
 * LOG-1, ATT-6, ATT-7: an entry of a register counts for `ca` when the audit log, its chain unbroken, holds that one entitled person proposed exactly
 * this content, that another one confirmed it, and that nobody withdrew it since. A row alone is not enough.
 */
import type { ProtectionFacts } from '../key-protection/protection.ts'
import type { AcceptedService, ApprovedAuditor, Provenance } from '../key-protection/register.ts'
import type { AuditTrail } from './issue-ports.ts'

interface Unproven {
  readonly name: string
  /** The facts as they would be if it counted. */
  readonly withIt: ProtectionFacts
}

/** The facts without the entries that the log does not bear out, and those entries. */
export function provenFacts(all: ProtectionFacts, trail: AuditTrail): { readonly facts: ProtectionFacts; readonly unproven: readonly Unproven[] } {
  const holds = ({ provenance, withdrawnAt }: ApprovedAuditor | AcceptedService): boolean => isProven(provenance, withdrawnAt !== null, trail)
  const [auditors, signingServices] = [all.auditors.filter(holds), all.signingServices.filter(holds)]
  const facts = { ...all, auditors, signingServices }
  return {
    facts,
    unproven: [
      ...all.auditors.filter((entry) => !holds(entry)).map((entry) => ({ name: entry.name, withIt: { ...facts, auditors: [...auditors, entry] } })),
      ...all.signingServices.filter((entry) => !holds(entry)).map((entry) => ({ name: entry.name, withIt: { ...facts, signingServices: [...signingServices, entry] } })),
    ],
  }
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
