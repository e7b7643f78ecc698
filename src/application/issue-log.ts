/**
 * LOG-1, VET-6, ACC-2 (CSBR 3.2.9, 5.2.4): rows that say that officers acted are not enough. The audit log, its chain unbroken, must hold each of
 * their acts, by the person whom the row names, in the order in which they can happen.
 */
import type { Dossier } from './application.ts'
import { CHECKLIST } from './checklist.ts'
import { finding } from './issue-finding.ts'
import type { AuditTrail, HoldFinding, LoggedEvent } from './issue-ports.ts'
import { ACT } from './issue-acts.ts'

/** What ends a round of vetting, or the approval that closed it. */
const ENDS: readonly string[] = [ACT.returned, ACT.voided, ACT.rejected, ACT.withdrawn]

export async function judgeLog(dossier: Dossier, trail: AuditTrail): Promise<HoldFinding[]> {
  const breach = await trail.firstBreach()
  if (breach !== null) return [finding('log-broken', 'LOG-1', { entry: String(breach) })]
  return judgeActs(dossier, trail.eventsOf(dossier.application.id))
}

/** Read backwards: of each act the last one counts, and it must come before the act that rests on it. */
function judgeActs({ application, checks, duties, approval }: Dossier, events: readonly LoggedEvent[]): HoldFinding[] {
  const findings: HoldFinding[] = []
  const against = (code: string, of?: string) => void findings.push(finding(code, 'LOG-1', of === undefined ? {} : { of }))
  const last = (before: number, fits: (event: LoggedEvent) => boolean): number => events.slice(0, before).findLastIndex(fits)
  const vetters = duties.filter(({ duty }) => duty === 'vetted').map(({ accountId }) => accountId)

  const approvedAt = last(events.length, ({ event }) => event === ACT.approved)
  const approved = events[approvedAt]
  // The digest in the log is of what the officer approved; the one in the row might have been taken by whoever wrote the row.
  const { actor, details: said = {} } = approved ?? {}
  const asApproved = actor === approval?.approverId && said['approval'] === approval?.id && said['digest'] === approval?.digest
  // Without an approval in force, that alone is the finding.
  if (approval && !asApproved) against('log-approved')
  else if (approval && events.slice(approvedAt).some(({ event }) => ENDS.includes(event))) against('log-superseded')

  const beforeApproval = approvedAt < 0 ? events.length : approvedAt
  const vettedAt = last(beforeApproval, ({ event, actor }) => event === ACT.vetted && vetters.includes(actor))
  if (vettedAt < 0 || events.slice(vettedAt, beforeApproval).some(({ event }) => ENDS.includes(event))) against('log-vetted')

  const beforeVetted = vettedAt < 0 ? beforeApproval : vettedAt
  const recorded = checks.map((check) => {
    const at = last(beforeVetted, ({ event, details }) => event === ACT.checked && details['item'] === check.item)
    const logged = events[at]
    return { item: check.item, at, holds: logged?.actor === check.officerId && logged.details['outcome'] === check.outcome }
  })
  // The digest covers a row of an item that no list has; there are no words for one.
  for (const { id } of CHECKLIST) if (recorded.some(({ item, holds }) => item === id && !holds)) against('log-check', id)

  const beforeChecks = Math.min(beforeVetted, ...recorded.filter(({ at }) => at >= 0).map(({ at }) => at))
  const startedAt = last(beforeChecks, ({ event, actor }) => event === ACT.started && vetters.includes(actor))
  if (startedAt < 0) against('log-vetting-started')
  const submittedAt = last(startedAt < 0 ? beforeChecks : startedAt, ({ event, actor }) => event === ACT.submitted && actor === application.applicantId)
  if (submittedAt < 0) against('log-submitted')
  return findings
}
