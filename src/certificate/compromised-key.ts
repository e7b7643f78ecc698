/** KEY-4: a key that was reported as compromised is never certified again. What is reported stands in a register; this says what it means. */
import type { RuleVerdict } from './rule-verdict.ts'

/** @param since when the key was marked as compromised, ISO 8601; null when it was not */
export function examineCompromise(since: string | null): RuleVerdict {
  const rule = { row: 'KEY-4', clause: 'CSBR 6.1.1.3 (3) (4), 6.1.2', expected: { key: 'key-rules.KEY-4.expected' } }
  if (since === null) return { ...rule, outcome: 'pass', observed: { key: 'key-rules.KEY-4.observed.notKnown' } }
  return { ...rule, outcome: 'fail', observed: { key: 'key-rules.KEY-4.observed.compromised', values: { date: since.slice(0, 10) } }, remedy: { key: 'key-rules.KEY-4.remedy' } }
}
