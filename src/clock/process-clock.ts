/**
 * The clock of `ca` and of OCSP: whether what is signed now may be dated now. What the time-stamping clock asks of the system is asked here too, with the policy's wider bounds;
 * but only a clock that was moved, or that lies behind what was dated before, stops signing: a time server that is away for a day must not take the revocation lists with it.
 */
import { type ClockNote, type ClockParts, type Doubt, watchClock } from '../timestamp/clock-watch.ts'

/** Nothing is dated while one of these stands: a list or an answer would say something of a time that is not now. */
const STOPS: ReadonlySet<Doubt> = new Set<Doubt>(['stepped', 'behind-an-earlier-token'])
const UNREADABLE: Doubt = 'unreadable'

export type ClockEvent =
  | { readonly event: 'clock.adjusted'; readonly details: { readonly milliseconds: number; readonly to: string } }
  | { readonly event: 'clock.unsure'; readonly details: { readonly doubt: string; readonly says: string; readonly stops: boolean } }
  | { readonly event: 'clock.sure'; readonly details: { readonly says: string } }

export interface ProcessClockParts extends Omit<ClockParts, 'lastToken' | 'note' | 'rules'> {
  readonly rules: Omit<ClockParts['rules'], 'unreadable'>
  /** The latest time that is known to have been signed, by whom and wherever. */
  lastDated(): Promise<Date | null>
  /** Puts it on the audit log. Where that fails the clock is looked at again at the next turn. */
  note(event: ClockEvent): Promise<void>
}

export interface ProcessClock {
  /** One look. @throws what a part throws */
  check(): Promise<void>
  /** Why nothing may be dated now; null when it may. */
  stops(): string | null
  /** Anything that speaks against the clock. */
  doubt(): string | null
  /** For everybody: `doubt()`, and where nothing stands against a clock of which nothing is told either, `unreadable`. Null only where the clock was found synchronised. */
  standing(): string | null
}

/** In words of its own: here it is no token that lies ahead. */
const nameOf = (doubt: Doubt): string => (doubt === 'behind-an-earlier-token' ? 'behind-what-was-signed' : doubt)

export function processClock({ rules, lastDated, note, ...parts }: ProcessClockParts): ProcessClock {
  let doubted = false
  const watch = watchClock({
    ...parts,
    // A demo machine often has no program that tells; production is told of it.
    rules: { ...rules, unreadable: 'stamp-under-demo' },
    lastToken: lastDated,
    async note(told: ClockNote) {
      if (told.event === 'timestamp.clock-adjusted') await note({ event: 'clock.adjusted', details: told.details })
      else if (told.event === 'timestamp.clock-unsure') await note({ event: 'clock.unsure', details: { doubt: nameOf(told.details.doubt), says: told.details.says, stops: STOPS.has(told.details.doubt) } })
      // A start at which nothing speaks against the clock is no event.
      else if (doubted) await note({ event: 'clock.sure', details: told.details })
      doubted = told.event !== 'timestamp.clock-sure'
    },
  })
  const doubt = (): Doubt | null => {
    const now = watch.now()
    return 'unsure' in now ? now.unsure : null
  }
  const named = (): string | null => {
    const now = doubt()
    return now === null ? null : nameOf(now)
  }
  return {
    check: () => watch.check(),
    stops() {
      const now = doubt()
      return now !== null && STOPS.has(now) ? nameOf(now) : null
    },
    doubt: named,
    standing: () => named() ?? (watch.readable() ? null : UNREADABLE),
  }
}
