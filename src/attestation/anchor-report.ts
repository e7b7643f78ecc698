/** Makers' keys that end soon: devices under them are refused from the day after. */
import { day } from './anchor-checks.ts'
import type { Anchor } from './anchors.ts'
import type { Maker } from './makers.ts'

const DAY = 86_400_000

export interface EndingAnchor {
  readonly maker: Maker
  readonly anchor: Anchor
  readonly ended: boolean
}

/** The keys that are relied on and end within so many days, or have ended; the next to end first. The demo maker's are nobody's business. */
export const endingAnchors = (makers: readonly Maker[], at: Date, days: number): readonly EndingAnchor[] =>
  makers
    .filter(({ demo }) => !demo)
    .flatMap((maker) => maker.anchors.rows.map((anchor) => ({ maker, anchor, ended: anchor.notAfter < day(at) })))
    .filter(({ anchor }) => anchor.role !== 'refuse' && !anchor.off && anchor.notAfter <= day(new Date(at.getTime() + days * DAY)))
    .sort((one, other) => (one.anchor.notAfter < other.anchor.notAfter ? -1 : 1))
