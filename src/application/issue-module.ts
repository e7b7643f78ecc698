/**
 * LOG-1, ATT-1, ATT-10: a module counts for `ca` when the audit log, its chain unbroken, holds each of its steps as the inventory tells them, in their
 * order: prepared with this key by these two persons, shipped to this organisation, received by it, the letter sent by another officer, never withdrawn.
 */
import { isDeepStrictEqual } from 'node:util'
import type { ShippedKey } from '../key-protection/shipped-module.ts'
import type { AuditTrail, LoggedEvent } from './issue-ports.ts'

/** The inventory's entry with the log's word on it. */
export const provenModule = (key: ShippedKey | null, spkiSha256: string, trail: AuditTrail): ShippedKey | null => key && { ...key, onRecord: isOnRecord(key, spkiSha256, trail.eventsOfEntry(key.moduleId)) }

function isOnRecord(key: ShippedKey, spkiSha256: string, events: readonly LoggedEvent[]): boolean {
  const { manufacturer, model, firmware, serialNumber, activationBits, organisationId, orderedBy, shipped, received, letterSent, preparedBy, witnessedBy, letter, label, keyId, mechanism, attributes } = key
  if (events.some(({ event }) => event === 'module.withdrawn')) return false
  const says = ({ event, actor, details }: LoggedEvent, name: string, said: Readonly<Record<string, unknown>>, by = actor): boolean =>
    event === name && actor === by && Object.entries(said).every(([field, value]) => isDeepStrictEqual(details[field], value))
  const at = (...act: [name: string, said: Readonly<Record<string, unknown>>, by: string]) => events.findIndex((event) => says(event, ...act))
  const module = { manufacturer, model, firmware, serialNumber, activationBits, letter, persons: [preparedBy, witnessedBy] }
  const made = { spkiSha256, label, keyId, mechanism, attributes }
  const prepared = events.findIndex((event) => says(event, 'module.prepared', module) && Array.isArray(event.details['keys']) && event.details['keys'].some((key) => isDeepStrictEqual(key, made)))
  if (!shipped || !received || !letterSent) return prepared >= 0
  const sent = at('module.shipped', { organisation: organisationId, orderedBy, at: shipped.at }, shipped.by)
  const arrived = at('module.received', { organisation: organisationId, at: received.at }, received.by)
  const followed = at('module.letter-sent', { letter, at: letterSent.at }, letterSent.by)
  return prepared >= 0 && sent > prepared && arrived > sent && followed > arrived && received.by === orderedBy && letterSent.by !== shipped.by
}
