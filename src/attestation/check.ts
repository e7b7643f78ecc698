/** Writes a maker's checks: words of one locale area, a default source and clause, and remedies only where something failed. */
import { say, type Check, type Message } from './verifier.ts'

export interface CheckExtras {
  /** Key of the remedy's words below the area. */
  readonly remedy?: string
  readonly alert?: true
  readonly source?: string
  readonly clause?: string
}

export type CheckWriter = (passes: boolean, observed: string, expected: string, values?: Record<string, string>, extras?: CheckExtras) => Check

/** A writer of checks whose words stand under `area`: `check(true, 'signature.good', 'signature.expected')`. */
export const checkWriter =
  (area: string, defaults: { source: string; clause: string }): CheckWriter =>
  (passes, observed, expected, values, { remedy, alert, source = defaults.source, clause = defaults.clause } = {}) => ({
    outcome: passes ? 'pass' : 'fail',
    observed: say(`${area}.${observed}`, values),
    expected: say(`${area}.${expected}`, values),
    source,
    clause,
    ...(passes || remedy === undefined ? {} : { remedy: say(`${area}.${remedy}`) }),
    ...(passes || alert === undefined ? {} : { alert }),
  })

/** What is shown of a device: a label and a value, both words of the area. */
export const detailWriter =
  (area: string) =>
  (label: string, value: string, values?: Record<string, string>): { label: Message; value: Message } => ({ label: say(`${area}.label.${label}`), value: say(`${area}.${value}`, values) })
