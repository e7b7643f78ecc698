/**
 * TSA-3: whether this machine's clock may be stamped with (CSBR 6.8). It is sure only after a look at the operating system's own word, when nothing
 * moved it since; every doubt refuses. The machine's steady clock, which no adjustment steps, shows jumps and drift.
 */
import type { TimestampPolicy } from '../policy/policy.ts'

/** What the operating system says of its clock. */
export type ClockReading =
  | { readonly state: 'synchronised'; readonly source: string; /** Null where the source doesn't say. */ readonly errorMilliseconds: number | null; readonly lastUpdate: Date | null }
  | { readonly state: 'unsynchronised'; readonly source: string; readonly why: string }
  | { readonly state: 'unreadable'; readonly why: string }

export interface ClockSource {
  read(): Promise<ClockReading>
}

export type Doubt =
  | 'not-checked'
  | 'stepped'
  | 'unreadable'
  | 'unsynchronised'
  | 'error-too-large'
  | 'synchronised-too-long-ago'
  | 'reference-in-the-future'
  /** A token was given that lies ahead: by another node, or before the clock went back while nobody watched. */
  | 'behind-an-earlier-token'

export type ClockNote =
  | { readonly event: 'timestamp.clock-adjusted'; readonly details: { readonly milliseconds: number; readonly to: string } }
  | { readonly event: 'timestamp.clock-unsure'; readonly details: { readonly doubt: Doubt; readonly says: string } }
  | { readonly event: 'timestamp.clock-sure'; readonly details: { readonly says: string } }

export interface ClockParts {
  readonly rules: TimestampPolicy['clock']
  readonly demo: boolean
  readonly clock: () => Date
  /** Milliseconds of a clock that is never stepped. */
  readonly monotonic: () => number
  readonly source: ClockSource
  /** The latest time that any node has stamped. */
  lastToken(): Promise<Date | null>
  /** Puts it on the audit log. Where that fails the clock stays unsure. */
  note(note: ClockNote): Promise<void>
}

export interface ClockWatch {
  /** One look. @throws what a part throws; the clock is unsure then */
  check(): Promise<void>
  /** The time to stamp with, or why there is none (RFC 3161: timeNotAvailable). */
  now(): { readonly at: Date } | { readonly unsure: Doubt }
  /** What the last look found, for operators. */
  says(): string
  /** Whether the operating system told the last look anything of its clock. */
  readable(): boolean
}

/** A look older than this many turns is none. */
const TURNS = 3

export function watchClock({ rules, demo, clock, monotonic, source, lastToken, note }: ClockParts): ClockWatch {
  let baseline: number | null = null
  let doubt: Doubt | null = 'not-checked'
  /** The doubt that stands on the audit log; undefined before the first look. */
  let noted: Doubt | null | undefined
  let checkedAt = -Infinity
  let steppedAt: Date | null = null
  let says = ''
  let readable = false

  const offset = (): number => clock().getTime() - monotonic()
  const moved = (): number => (baseline === null ? 0 : Math.round(offset() - baseline))

  async function judge(): Promise<Doubt | null> {
    const step = moved()
    const reading = await source.read().catch((error: unknown): ClockReading => ({ state: 'unreadable', why: error instanceof Error ? error.message : String(error) }))
    says = describe(reading)
    readable = reading.state !== 'unreadable'
    if (Math.abs(step) >= rules.stepMilliseconds) {
      await note({ event: 'timestamp.clock-adjusted', details: { milliseconds: step, to: clock().toISOString() } })
      steppedAt = clock()
      baseline = offset()
      return 'stepped'
    }
    baseline ??= offset()
    if (reading.state === 'unreadable') {
      if (!demo || rules.unreadable !== 'stamp-under-demo') return 'unreadable'
    } else if (reading.state === 'unsynchronised') return 'unsynchronised'
    else {
      const { errorMilliseconds, lastUpdate } = reading
      const now = clock().getTime()
      if (errorMilliseconds !== null && errorMilliseconds > rules.maximumErrorMilliseconds) return 'error-too-large'
      if (lastUpdate !== null) {
        if (now - lastUpdate.getTime() > rules.synchroniseHours * 3_600_000) return 'synchronised-too-long-ago'
        if (lastUpdate.getTime() - now > rules.maximumErrorMilliseconds) return 'reference-in-the-future'
        // Whoever moved the clock, its source has to have spoken since.
        if (steppedAt !== null && lastUpdate < steppedAt) return 'stepped'
      }
    }
    const last = await lastToken()
    // Two nodes may each be off by the permitted error.
    if (last !== null && last.getTime() - clock().getTime() > 2 * rules.maximumErrorMilliseconds) return 'behind-an-earlier-token'
    steppedAt = null
    return null
  }

  return {
    async check() {
      let found: Doubt | null = 'not-checked'
      try {
        found = await judge()
        if (found !== noted) await note(found === null ? { event: 'timestamp.clock-sure', details: { says } } : { event: 'timestamp.clock-unsure', details: { doubt: found, says } })
        noted = found
        doubt = found
        checkedAt = monotonic()
      } catch (error) {
        doubt = found ?? 'not-checked'
        throw error
      }
    },
    now() {
      if (doubt !== null) return { unsure: doubt }
      if (monotonic() - checkedAt > TURNS * rules.checkSeconds * 1000) return { unsure: 'not-checked' }
      if (Math.abs(moved()) >= rules.stepMilliseconds) {
        // The next look puts it on the audit log.
        doubt = 'stepped'
        return { unsure: 'stepped' }
      }
      return { at: clock() }
    },
    says: () => says,
    readable: () => readable,
  }
}

function describe(reading: ClockReading): string {
  if (reading.state === 'unreadable') return `unreadable: ${reading.why}`
  if (reading.state === 'unsynchronised') return `${reading.source}: not synchronised: ${reading.why}`
  const error = reading.errorMilliseconds === null ? '' : `, error at most ${Math.ceil(reading.errorMilliseconds)} ms`
  return `${reading.source}: synchronised${error}${reading.lastUpdate === null ? '' : `, last at ${reading.lastUpdate.toISOString()}`}`
}
