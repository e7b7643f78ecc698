/**
 * The operator's changes of makers' keys (ATT-2): proposed by one person, confirmed by another who reads the same digest. What can't be right
 * is refused before it is kept.
 */
import { createPublicKey } from 'node:crypto'
import { addedAnchors, changeDigest, type AnchorChange, type ProposedAnchorChange } from '../attestation/anchor-changes.ts'
import type { Anchor } from '../attestation/anchors.ts'
import type { Maker } from '../attestation/makers.ts'
import type { AuditEventName } from '../audit/events.ts'
import type { AuditNote } from './ports.ts'

/** What the audit log calls each kind of change once it counts. */
export const CONFIRMING = { add: 'anchor.added', withdraw: 'anchor.withdrawn', 'turn-on': 'anchor.turned-on' } as const satisfies Readonly<Record<ProposedAnchorChange['kind'], AuditEventName>>

export type AnchorChangeProblem =
  | 'no-person'
  | 'no-reason'
  | 'unknown-maker'
  | 'unknown-key'
  | 'already-held'
  | 'not-one-key'
  | 'not-a-key'
  | 'arrives-off'
  | 'unknown-device'
  | 'wrong-period'
  | 'already-withdrawn'
  | 'refused-key'
  | 'not-off'
  | 'unknown-change'
  | 'already-confirmed'
  | 'same-person'

/** One name for one person, however it was typed. */
const personOf = (name: string): string => name.normalize('NFKC').trim().replace(/\s+/g, ' ').toLowerCase()
export const samePerson = (one: string, other: string): boolean => personOf(one) === personOf(other)

/** Why a change can't be right as the keys stand now; null when it can. `makers`: all that may be asked, with their keys. */
export function refuseChange(change: ProposedAnchorChange, makers: readonly Maker[]): AnchorChangeProblem | null {
  if (personOf(change.proposedBy) === '') return 'no-person'
  if (change.reason.trim() === '') return 'no-reason'
  const maker = makers.find(({ id, demo }) => id === change.maker && !demo)
  if (!maker) return 'unknown-maker'
  const held = maker.anchors.rows.find((row) => row.spkiSha256 === change.spkiSha256)
  if (change.kind === 'add') return held ? 'already-held' : refuseRow(addedAnchors(change).rows, change, maker)
  if (!held) return 'unknown-key'
  // Turning a refusal off would let in what the maker's verifier was taught to refuse.
  if (held.role === 'refuse') return 'refused-key'
  if (change.kind === 'withdraw') return held.off?.why === 'withdrawn' ? 'already-withdrawn' : null
  return held.off ? null : 'not-off'
}

function refuseRow(rows: readonly Anchor[], { spkiSha256 }: ProposedAnchorChange, { catalogue }: Maker): AnchorChangeProblem | null {
  const [row, ...more] = rows
  if (!row || more.length > 0 || row.spkiSha256 !== spkiSha256) return 'not-one-key'
  if (!isKey(row.spki)) return 'not-a-key'
  if (row.off) return 'arrives-off'
  if (row.device !== undefined && !catalogue.devices.some(({ id }) => id === row.device)) return 'unknown-device'
  return row.notBefore < row.notAfter ? null : 'wrong-period'
}

function isKey(spki: Buffer): boolean {
  try {
    return createPublicKey({ key: spki, format: 'der', type: 'spki' }).type === 'public'
  } catch {
    return false
  }
}

/** Why this person can't confirm the change; null when they can. */
export function refuseConfirmation(change: ProposedAnchorChange & Partial<AnchorChange>, person: string, makers: readonly Maker[]): AnchorChangeProblem | null {
  if (change.confirmedAt !== undefined) return 'already-confirmed'
  if (personOf(person) === '') return 'no-person'
  if (samePerson(person, change.proposedBy)) return 'same-person'
  return refuseChange(change, makers)
}

const note = (event: AuditEventName, change: ProposedAnchorChange, person: string): AuditNote => ({
  event,
  subject: `anchor:${change.id}`,
  details: { change: change.id, kind: change.kind, maker: change.maker, sha256: change.spkiSha256, digest: changeDigest(change), person },
})

export const proposalNote = (change: ProposedAnchorChange): AuditNote => note('anchor.proposed', change, change.proposedBy)
export const confirmationNote = (change: ProposedAnchorChange, person: string): AuditNote => note(CONFIRMING[change.kind], change, person)
