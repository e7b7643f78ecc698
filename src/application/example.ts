/**
 * Example certificates (REP-2): one for each status that a certificate can have, for the CA's own organisation as the policy file names it. What each is to
 * show, what it shows now, and when it is made anew. Nothing is dated back: expiry comes of a short life, a revocation of a real one.
 */
import type { Policy } from '../policy/policy.ts'
import { PUBLISHED_REASONS } from './published-reasons.ts'

export const EXAMPLE_KINDS = ['valid', 'revoked', 'expired', 'revoked-then-expired'] as const
export type ExampleKind = (typeof EXAMPLE_KINDS)[number]

export const isToBeRevoked = (kind: ExampleKind): boolean => kind === 'revoked' || kind === 'revoked-then-expired'
export const isToExpire = (kind: ExampleKind): boolean => kind === 'expired' || kind === 'revoked-then-expired'

/** APP-4: what the key of an example is certified for: nobody else's certificate. */
export const EXAMPLE_PURPOSE = 'example'

/** RFC 5280 5.3.1, CSBR 7.2.2: the certificate isn't used any more, and no key is said to be compromised that never was. */
export const EXAMPLE_REASON = PUBLISHED_REASONS.cessationOfOperation

/** One example certificate as it stands: signed, on record, its key destroyed. */
export interface ExampleCertificate {
  /** Lower-case UUID. */
  readonly id: string
  readonly kind: ExampleKind
  readonly authorityId: string
  /** Lower-case hex, whole octets, no sign octet. */
  readonly serial: string
  readonly der: Buffer
  readonly notBefore: Date
  readonly notAfter: Date
  readonly revokedAt: Date | null
  readonly spkiSha256: string
  readonly issuedAt: Date
  /** When the specimens got their time-stamps; null before, under a policy without time-stamps, and when theirs were taken out. */
  readonly stampedAt: Date | null
}

/** As relying parties see it at `now`. */
export function stateOf({ notAfter, revokedAt }: Pick<ExampleCertificate, 'notAfter' | 'revokedAt'>, now: Date): ExampleKind {
  // RFC 5280 4.1.2.5: the last second belongs to the life, to its end.
  const expired = now.getTime() >= notAfter.getTime() + 1000
  if (revokedAt === null) return expired ? 'expired' : 'valid'
  return expired ? 'revoked-then-expired' : 'revoked'
}

/** An example with what it shows at the moment that was asked about. */
export interface ShownExample extends ExampleCertificate {
  readonly state: ExampleKind
  /** It doesn't show yet what its kind says: it becomes so at `notAfter`, or is revoked within minutes. */
  readonly pending: boolean
}

/** Whether an example shows what its kind says, or will: a valid one that has expired never does again. */
export const showsOrWill = ({ kind, state }: { readonly kind: ExampleKind; readonly state: ExampleKind }): boolean =>
  state === kind || (state === 'valid' && kind !== 'valid') || (state === 'revoked' && kind === 'revoked-then-expired')

/**
 * Of each authority and kind the newest that shows what it is to show; the newest at all while none does. In the order of the kinds.
 * @param examples in any order
 */
export function shownExamples(examples: readonly ExampleCertificate[], now: Date): readonly ShownExample[] {
  const shown = examples.map((example): ShownExample => {
    const state = stateOf(example, now)
    return { ...example, state, pending: state !== example.kind }
  })
  const best = new Map<string, ShownExample>()
  for (const example of shown) {
    const place = `${example.authorityId} ${example.kind}`
    const held = best.get(place)
    const better = !held || (held.pending === example.pending ? example.notBefore > held.notBefore : held.pending)
    if (better) best.set(place, example)
  }
  return [...best.values()].sort((one, other) => one.authorityId.localeCompare(other.authorityId) || EXAMPLE_KINDS.indexOf(one.kind) - EXAMPLE_KINDS.indexOf(other.kind))
}

/** A kind that the authority in charge has no example of. */
export interface MissingExample {
  readonly kind: ExampleKind
  /** There was work on the examples lately, or the authority itself is new: it will come. Otherwise somebody has to look why not. */
  readonly beingMade: boolean
}

/** From one sign of work to the next: making one takes seconds, and `ca` makes one at a time. */
const MAKING_MS = 600_000

/** @param signs when the authority began, when examples of it were begun, and when they were issued */
export function missingExamples(held: ReadonlySet<ExampleKind>, signs: readonly Date[], now: Date): readonly MissingExample[] {
  const beingMade = signs.some((at) => now.getTime() - at.getTime() < MAKING_MS)
  return EXAMPLE_KINDS.filter((kind) => !held.has(kind)).map((kind) => ({ kind, beingMade }))
}

type ExamplePolicy = NonNullable<Policy['examples']>

const DAY = 86_400_000

/** The moment from which another one of its kind is to be made: all at one rhythm, so that an expired one isn't from years ago. */
export const dueAgainAt = ({ notBefore }: Pick<ExampleCertificate, 'notBefore'>, { validDays, renewDaysBefore }: ExamplePolicy): Date => new Date(notBefore.getTime() + (validDays - renewDaysBefore) * DAY)

/** Its files have no time-stamp and can get none: one of today would say that they were signed after the certificate's end. */
export const isBeyondStamping = ({ notAfter, stampedAt }: Pick<ExampleCertificate, 'notAfter' | 'stampedAt'>, now: Date): boolean => stampedAt === null && now > notAfter

/**
 * The kinds that want a new example now, in order.
 * @param newest by kind, of the authority that issues
 * @param canStamp a time-stamp is to be had now: without one, another in the place of one beyond stamping would be no better
 */
export function dueKinds(newest: ReadonlyMap<ExampleKind, Pick<ExampleCertificate, 'notBefore' | 'notAfter' | 'stampedAt'>>, policy: ExamplePolicy, now: Date, canStamp: boolean): readonly ExampleKind[] {
  return EXAMPLE_KINDS.filter((kind) => {
    const held = newest.get(kind)
    return !held || now >= dueAgainAt(held, policy) || (canStamp && isBeyondStamping(held, now))
  })
}

/** How many seconds its certificate lives, both ends counted. */
export const lifeSeconds = (kind: ExampleKind, { validDays, expiringMinutes }: ExamplePolicy): number => (isToExpire(kind) ? expiringMinutes * 60 : validDays * 86_400)
