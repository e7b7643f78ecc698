/**
 * What the operator changes about the makers' keys that ship with this software: adds one, withdraws one, turns one on that was off.
 * Each change is proposed by one person and confirmed by another; the newest word on a key counts.
 */
import { createHash } from 'node:crypto'
import { readAnchors, type Anchor, type AnchorOff, type Anchors } from './anchors.ts'

export const CHANGE_KINDS = ['add', 'withdraw', 'turn-on'] as const

export interface ProposedAnchorChange {
  readonly id: string
  readonly kind: (typeof CHANGE_KINDS)[number]
  readonly maker: string
  readonly spkiSha256: string
  /** For a key that is added: JSON as in a maker's `anchors.json`, with one row. Null otherwise. */
  readonly anchors: string | null
  /** Why it is withdrawn, or how it was confirmed with the maker. */
  readonly reason: string
  readonly proposedBy: string
  /** ISO 8601. */
  readonly proposedAt: string
}

export interface AnchorChange extends ProposedAnchorChange {
  readonly confirmedBy: string
  readonly confirmedAt: string
}

/** SHA-256 of what is proposed, lower-case hex: what the audit log holds, and what the second person confirms. */
export const changeDigest = ({ id, kind, maker, spkiSha256, anchors, reason }: ProposedAnchorChange): string =>
  createHash('sha256').update(JSON.stringify([id, kind, maker, spkiSha256, anchors, reason])).digest('hex')

/** The keys of an added change. @throws Error when they are not as in a maker's `anchors.json` */
export const addedAnchors = ({ anchors }: Pick<ProposedAnchorChange, 'anchors'>): Anchors => readAnchors(JSON.parse(anchors ?? 'null'))

/** A maker's keys with the changes made to them, in the order given. */
export function withChanges(maker: string, anchors: Anchors, changes: readonly AnchorChange[]): Anchors {
  const own = changes.filter((change) => change.maker === maker)
  if (own.length === 0) return anchors
  const rows = own.reduce<readonly Anchor[]>(changed, anchors.rows)
  const days = [anchors.asOf, ...own.map(dayOf)]
  return { ...anchors, asOf: days.reduce((latest, each) => (each > latest ? each : latest)), rows: rows.map((row) => (row.off?.why === 'withdrawn' ? row : under(row, rows))) }
}

const dayOf = ({ confirmedAt }: AnchorChange): string => confirmedAt.slice(0, 10)

function changed(rows: readonly Anchor[], change: AnchorChange): readonly Anchor[] {
  const { kind, spkiSha256, reason } = change
  const since = dayOf(change)
  if (kind === 'add') return [...rows.filter((row) => row.spkiSha256 !== spkiSha256), ...addedAnchors(change).rows.map((row) => ({ ...row, confirmed: { since, how: reason } }))]
  return rows.map((row) => {
    if (row.spkiSha256 !== spkiSha256) return row
    return kind === 'withdraw' ? { ...row, off: { why: 'withdrawn' as const, since, reason }, confirmed: undefined } : { ...row, off: undefined, confirmed: { since, how: reason } }
  })
}

/** A key is held because its root is: with the root withdrawn, it counts for nothing either. */
function under(row: Anchor, rows: readonly Anchor[]): Anchor {
  const withdrawn = (above: Anchor): AnchorOff | undefined => (above.subject === row.under && above.off?.why === 'withdrawn' ? above.off : undefined)
  const off = rows.map(withdrawn).find((each) => each !== undefined)
  return off ? { ...row, off } : row
}
