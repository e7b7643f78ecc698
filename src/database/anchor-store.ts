/** The operator's changes of makers' keys, proposed and confirmed. */
import type { AnchorChange, ProposedAnchorChange } from '../attestation/anchor-changes.ts'
import type { Database, Transaction } from './database.ts'

interface Row {
  id: string
  kind: AnchorChange['kind']
  maker: string
  spki_sha256: string
  anchors: string | null
  reason: string
  proposed_by: string
  proposed_at: string
  confirmed_by: string | null
  confirmed_at: string | null
}

const proposal = (row: Row): ProposedAnchorChange => ({
  id: row.id,
  kind: row.kind,
  maker: row.maker,
  spkiSha256: row.spki_sha256,
  anchors: row.anchors,
  reason: row.reason,
  proposedBy: row.proposed_by,
  proposedAt: row.proposed_at,
})

export function anchorStore(db: Database | Transaction) {
  return {
    /** Those that count, in the order in which they were confirmed. */
    async confirmed(): Promise<readonly AnchorChange[]> {
      const rows: Row[] = await db('anchor_changes').whereNotNull('confirmed_at').orderBy('position')
      return rows.map((row) => ({ ...proposal(row), confirmedBy: row.confirmed_by!, confirmedAt: row.confirmed_at! }))
    },
    async proposed(): Promise<readonly ProposedAnchorChange[]> {
      return (await db('anchor_changes').whereNull('confirmed_at').orderBy('proposed_at')).map(proposal)
    },
    async find(id: string): Promise<(ProposedAnchorChange & Partial<AnchorChange>) | null> {
      const row: Row | undefined = await db('anchor_changes').where({ id }).first()
      return row ? { ...proposal(row), ...(row.confirmed_at === null ? {} : { confirmedBy: row.confirmed_by!, confirmedAt: row.confirmed_at }) } : null
    },
    async propose({ id, kind, maker, spkiSha256, anchors, reason, proposedBy, proposedAt }: ProposedAnchorChange): Promise<void> {
      await db('anchor_changes').insert({ id, kind, maker, spki_sha256: spkiSha256, anchors, reason, proposed_by: proposedBy, proposed_at: proposedAt })
    },
    /** False when it was confirmed meanwhile. */
    async confirm(id: string, person: string, at: Date): Promise<boolean> {
      const { last } = (await db('anchor_changes').max({ last: 'position' }).first()) as { last: number | null }
      return (await db('anchor_changes').where({ id }).whereNull('confirmed_at').update({ confirmed_by: person, confirmed_at: at.toISOString(), position: Number(last ?? 0) + 1 })) === 1
    },
  }
}
