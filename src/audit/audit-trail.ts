/**
 * LOG-1 for `ca`: what the audit log says of each application that is still under way, kept from the moment at which its entries were verified.
 * The chain is read once from its first entry, then from the head that was verified last; a row altered behind that head changes nothing here, and
 * the next start finds it.
 */
import { CONFIRMING } from '../application/change-anchors.ts'
import { ACT, LAST_ACTS } from '../application/issue-acts.ts'
import type { AuditTrail, LoggedEvent } from '../application/issue-ports.ts'
import type { Database } from '../database/database.ts'
import { gathered } from '../database/gathered.ts'
import { type AuditRow, type ChainBreach, findBreach, GENESIS } from './audit-log.ts'
import { readDetails } from './details.ts'

const ACTS: ReadonlySet<string> = new Set(Object.values(ACT))
const ANCHOR_EVENTS: ReadonlySet<string> = new Set(['anchor.proposed', ...Object.values(CONFIRMING)])
const OF_APPLICATION = 'application:'
/** What officers keep by hand and `ca` relies on: subjects and the events of each. */
const KEPT_BY_HAND: readonly (readonly [subject: string, event: string])[] = [['register-entry:', 'register.'], ['module:', 'module.']]
const AT_ONCE = 500

/** @param onBreach called once for each breach that is found, not for each look at it */
export function auditTrail(database: Database, onBreach: (breach: ChainBreach) => void): AuditTrail {
  const trails = new Map<string, LoggedEvent[]>()
  // Entries of the registers are few, and may be relied on at any time.
  const entries = new Map<string, LoggedEvent[]>()
  const anchorActs: LoggedEvent[] = []
  let head = { seq: 0, hash: GENESIS }
  let told: string | null = null

  async function advance(): Promise<ChainBreach | null> {
    for (;;) {
      // Beginning with the verified head itself: a log cut off behind it, or written anew, has another entry there. On an empty log from any number.
      const rows = await database<AuditRow>('audit_events').where((query) => (head.seq === 0 ? query : query.where('seq', '>=', head.seq))).orderBy('seq').limit(AT_ONCE)
      const [first, ...rest] = rows.map((row) => ({ ...row, seq: Number(row.seq) }))
      if (head.seq > 0 && first?.seq !== head.seq) return { intact: false, at: head.seq, reason: 'gap' }
      if (head.seq > 0 && (first!.hash !== head.hash || findBreach(first!, head.seq, first!.previous_hash))) return { intact: false, at: head.seq, reason: 'hash' }
      const fresh = head.seq === 0 && first ? [first, ...rest] : rest
      for (const row of fresh) {
        const breach = findBreach(row, head.seq + 1, head.hash)
        if (breach) return breach
        keep(row)
        head = { seq: row.seq, hash: row.hash }
      }
      if (rows.length < AT_ONCE) return null
    }
  }

  function keep({ event, actor, subject, details: text }: AuditRow): void {
    const kept = KEPT_BY_HAND.find(([beginning, events]) => subject.startsWith(beginning) && event.startsWith(events))
    if (kept) {
      const entry = subject.slice(kept[0].length)
      return void entries.set(entry, [...(entries.get(entry) ?? []), { event: event as LoggedEvent['event'], actor, details: readDetails(text) }])
    }
    if (ANCHOR_EVENTS.has(event)) return void anchorActs.push({ event: event as LoggedEvent['event'], actor, details: readDetails(text) })
    const last = (LAST_ACTS as readonly string[]).includes(event)
    if (!last && !ACTS.has(event)) return
    const details = readDetails(text)
    const id = subject.startsWith(OF_APPLICATION) ? subject.slice(OF_APPLICATION.length) : details['application']
    if (typeof id !== 'string') return
    if (last) return void trails.delete(id)
    const trail = trails.get(id) ?? []
    trail.push({ event: event as LoggedEvent['event'], actor, details })
    trails.set(id, trail)
  }

  /** Several that ask while nothing is being read are answered by one reading, which begins after all of them asked. */
  const look = gathered(async (asked: readonly undefined[]) => {
    const breach = await advance()
    const words = breach && `${breach.at} ${breach.reason}`
    if (breach && words !== told) onBreach(breach)
    told = words
    return asked.map(() => breach?.at ?? null)
  })

  return {
    firstBreach: () => look(undefined),
    eventsOf: (applicationId) => trails.get(applicationId) ?? [],
    eventsOfEntry: (entryId) => entries.get(entryId) ?? [],
    anchorActs: () => anchorActs,
  }
}
