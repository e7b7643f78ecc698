/**
 * LOG-1 for makers' keys: a row that says that a key counts, or counts no more, is not enough. The audit log must hold each change, proposed by
 * the one person and confirmed by the other whom the row names, in the order of the rows, and no confirmed change that has no row.
 */
import { changeDigest, type AnchorChange } from '../attestation/anchor-changes.ts'
import { CONFIRMING, samePerson } from './change-anchors.ts'
import { finding } from './issue-finding.ts'
import type { HoldFinding, LoggedEvent } from './issue-ports.ts'

export function judgeAnchorChanges(changes: readonly AnchorChange[], acts: readonly LoggedEvent[]): HoldFinding[] {
  const confirmed = acts.filter(({ event }) => event !== 'anchor.proposed')
  const inOrder = confirmed.length === changes.length && changes.every((change, index) => confirmed[index]!.details['change'] === change.id)
  return inOrder && changes.every((change) => isLogged(change, acts)) ? [] : [finding('log-anchors', 'LOG-1')]
}

function isLogged(change: AnchorChange, acts: readonly LoggedEvent[]): boolean {
  const digest = changeDigest(change)
  const of = (event: string, person: string) =>
    acts.findIndex((act) => act.event === event && act.details['change'] === change.id && act.details['digest'] === digest && act.details['person'] === person)
  const proposedAt = of('anchor.proposed', change.proposedBy)
  return proposedAt >= 0 && proposedAt < of(CONFIRMING[change.kind], change.confirmedBy) && !samePerson(change.proposedBy, change.confirmedBy)
}
