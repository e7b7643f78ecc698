/** How long answers took inside this process, from the whole request to the whole answer, as counts by upper bounds. */

/** Upper bounds in milliseconds; above the last everything else. */
export const TIME_BOUNDS: readonly number[] = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 10_000]

export interface AnswerTimes {
  /** How many answers each bound holds, the last without one; not cumulative. */
  readonly counts: readonly number[]
  /** Milliseconds, all answers together. */
  readonly sum: number
  /** An answer that was made. */
  made(milliseconds: number): void
  /** One of the kept answers, which are not all timed. */
  timed(milliseconds: number): void
  /** So many kept answers were sent since: they took as long as those that were timed. */
  settle(kept: number): void
}

export function answerTimes(): AnswerTimes {
  const counts = new Array<number>(TIME_BOUNDS.length + 1).fill(0)
  const samples = new Array<number>(TIME_BOUNDS.length + 1).fill(0)
  let [sum, sampled, sampledSum] = [0, 0, 0]
  const place = (milliseconds: number): number => {
    let at = 0
    while (at < TIME_BOUNDS.length && milliseconds > TIME_BOUNDS[at]!) at++
    return at
  }
  return {
    counts,
    get sum() {
      return sum
    },
    made(milliseconds) {
      counts[place(milliseconds)]!++
      sum += milliseconds
    },
    timed(milliseconds) {
      samples[place(milliseconds)]!++
      sampled++
      sampledSum += milliseconds
    },
    settle(kept) {
      if (sampled === 0) return
      let [given, seen] = [0, 0]
      for (let at = 0; at < samples.length; at++) {
        seen += samples[at]!
        // Rounded as one running total, so that together they are all of them.
        const upTo = Math.round((kept * seen) / sampled)
        counts[at]! += upTo - given
        given = upTo
        samples[at] = 0
      }
      sum += (sampledSum * kept) / sampled
      sampled = sampledSum = 0
    },
  }
}

/**
 * The time that a share of the answers did not exceed, as far as the bounds tell: interpolated within a bound.
 * @param share 0 to 1
 * @returns milliseconds; null where there were no answers
 */
export function quantile(counts: readonly number[], share: number): number | null {
  const all = counts.reduce((total, count) => total + count, 0)
  if (all === 0) return null
  const wanted = share * all
  let below = 0
  for (let at = 0; at < counts.length; at++) {
    const here = counts[at]!
    if (here > 0 && below + here >= wanted) {
      const from = at === 0 ? 0 : TIME_BOUNDS[at - 1]!
      const to = TIME_BOUNDS[at] ?? TIME_BOUNDS.at(-1)!
      return from + (to - from) * Math.max(0, Math.min(1, (wanted - below) / here))
    }
    below += here
  }
  return TIME_BOUNDS.at(-1)!
}
