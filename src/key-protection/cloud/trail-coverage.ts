/**
 * Which events of KMS a CloudTrail trail records, by its event selectors. KMS has management events only (its Sign among them), so a trail
 * records everything when its selectors let in management events of KMS, both those that read and those that write.
 * An event is recorded when any selector lets it in; a selector lets it in when all its conditions do.
 */
import type { Json } from '../../attestation/strict-json.ts'
import { listOf, member, textOf, textsOf } from './line.ts'

export type CoverageGap = 'no-management' | 'excludes-kms' | 'narrowed' | 'reads-missing' | 'writes-missing'
/** `field` is the condition that narrows, where that is the gap. */
export type Coverage = { readonly gap: null } | { readonly gap: CoverageGap; readonly field: string }

const KMS = 'kms.amazonaws.com'

interface Selector {
  readonly management: boolean
  readonly kms: boolean
  readonly reads: boolean
  readonly writes: boolean
  /** A condition on anything else: then nobody can say that everything is let in. */
  readonly narrowedBy: string | null
}

/** Of what `aws cloudtrail get-event-selectors` printed. */
export function trailCoverage(printed: Json | undefined): Coverage {
  const selectors = [...listOf(printed, 'EventSelectors').map(basic), ...listOf(printed, 'AdvancedEventSelectors').map(advanced)]
  const management = selectors.filter((selector) => selector.management)
  if (management.length === 0) return { gap: 'no-management', field: '' }
  const whole = management.filter(({ kms, narrowedBy }) => kms && narrowedBy === null)
  const reads = whole.some((selector) => selector.reads)
  const writes = whole.some((selector) => selector.writes)
  if (reads && writes) return { gap: null }
  if (management.every(({ kms }) => !kms)) return { gap: 'excludes-kms', field: '' }
  const narrowed = management.find(({ kms, narrowedBy }) => kms && narrowedBy !== null)
  if (narrowed) return { gap: 'narrowed', field: narrowed.narrowedBy! }
  return { gap: reads ? 'writes-missing' : 'reads-missing', field: '' }
}

function basic(selector: Json): Selector {
  const type = textOf(selector, 'ReadWriteType')
  return {
    management: member(selector, 'IncludeManagementEvents') === true,
    kms: !textsOf(selector, 'ExcludeManagementEventSources').includes(KMS),
    reads: type === 'All' || type === 'ReadOnly',
    writes: type === 'All' || type === 'WriteOnly',
    narrowedBy: null,
  }
}

function advanced(selector: Json): Selector {
  const conditions = listOf(selector, 'FieldSelectors')
  const on = (field: string) => conditions.filter((condition) => textOf(condition, 'Field') === field)
  const other = conditions.find((condition) => !['eventCategory', 'readOnly', 'eventSource'].includes(textOf(condition, 'Field') ?? ''))
  const lets = (field: string, value: string) => on(field).every((condition) => letsIn(condition, value))
  return {
    // The category is never left open: without it the service takes no selector.
    management: on('eventCategory').length > 0 && lets('eventCategory', 'Management'),
    kms: lets('eventSource', KMS),
    reads: lets('readOnly', 'true'),
    writes: lets('readOnly', 'false'),
    narrowedBy: other === undefined ? null : (textOf(other, 'Field') ?? '?'),
  }
}

/** All operators of a condition must let the value in; an operator that we don't know lets nothing in. */
function letsIn(condition: Json, value: string): boolean {
  const operators: Readonly<Record<string, (texts: readonly string[]) => boolean>> = {
    Equals: (texts) => texts.includes(value),
    StartsWith: (texts) => texts.some((text) => value.startsWith(text)),
    EndsWith: (texts) => texts.some((text) => value.endsWith(text)),
    NotEquals: (texts) => !texts.includes(value),
    NotStartsWith: (texts) => !texts.some((text) => value.startsWith(text)),
    NotEndsWith: (texts) => !texts.some((text) => value.endsWith(text)),
  }
  if (!(condition instanceof Map)) return false
  return [...(condition as ReadonlyMap<string, Json>).keys()].filter((name) => name !== 'Field').every((name) => operators[name]?.(textsOf(condition, name)) ?? false)
}
