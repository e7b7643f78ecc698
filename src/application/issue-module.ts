/**
 * LOG-1, ATT-1, ATT-10: a module counts for `ca` when the audit log, its chain unbroken, holds each of its steps as the inventory tells them, in their
 * order: prepared with this key by these two persons, shipped to this organisation, received by it, the letter sent by another officer, never withdrawn.
 */
import type { ShippedKey } from '../key-protection/shipped-module.ts'
import type { AuditTrail, LoggedEvent } from './issue-ports.ts'

/** The inventory's entry with the log's word on it. */
export const provenModule = (key: ShippedKey | null, spkiSha256: string, trail: AuditTrail): ShippedKey | null => key && { ...key, onRecord: isOnRecord(key, spkiSha256, trail.eventsOfEntry(key.moduleId)) }

function isOnRecord(key: ShippedKey, spkiSha256: string, events: readonly LoggedEvent[]): boolean {
  const { organisationId, shipped, received, letterSent, preparedBy, witnessedBy, letter } = key
  if (events.some(({ event }) => event === 'module.withdrawn')) return false
  const at = (name: string, fits: (event: LoggedEvent) => boolean) => events.findIndex((each) => each.event === name && fits(each))
  const prepared = at('module.prepared', ({ details }) => same(details['persons'], [preparedBy, witnessedBy]) && Array.isArray(details['keys']) && details['keys'].includes(spkiSha256) && details['letter'] === letter)
  const sent = at('module.shipped', ({ actor, details }) => actor === shipped?.by && details['organisation'] === organisationId && details['at'] === shipped.at)
  const arrived = at('module.received', ({ actor, details }) => actor === received?.by && details['organisation'] === organisationId && details['at'] === received.at)
  const followed = at('module.letter-sent', ({ actor, details }) => actor === letterSent?.by && actor !== shipped?.by && details['letter'] === letter && details['at'] === letterSent.at)
  return prepared >= 0 && sent > prepared && arrived > sent && followed > arrived
}

const same = (one: unknown, other: readonly string[]): boolean => Array.isArray(one) && one.length === other.length && other.every((each, index) => one[index] === each)
