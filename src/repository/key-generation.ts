/**
 * Key generation reports (REP-2, CAK-1; CSBR 6.1.1.1): what a ceremony put on record, read back for publication. Who was present is told by name only
 * where the policy says so; the module's serial number stays with the auditors.
 */
import { z } from 'zod'

const keySchema = z.object({
  tokenLabel: z.string(),
  label: z.string(),
  id: z.string(),
  spkiSha256: z.string(),
  attributes: z.object({ local: z.boolean(), alwaysSensitive: z.boolean(), neverExtractable: z.boolean(), sensitive: z.boolean(), extractable: z.boolean() }),
})
const reportSchema = z.object({
  policy: z.string(),
  keys: z.array(keySchema),
  plan: z.object({ lines: z.array(z.string()), code: z.string() }).optional(),
  modules: z.array(z.object({ tokenLabel: z.string(), manufacturer: z.string(), model: z.string(), firmware: z.string(), library: z.string() })).optional(),
})
const personsSchema = z.array(z.string())

/** Every kind of ceremony that is put on record: each has its words, `key-generation.ceremony.<kind>`. */
export const CEREMONY_KINDS = [
  'first-hierarchy', 'add-timestamps', 'renew-lists', 'change-timestamp-key', 'remove-timestamp-key', 'revoke-timestamp-certificate', 'add-responder-key', 'remove-responder-key',
] as const
export type CeremonyKind = (typeof CEREMONY_KINDS)[number]

/** A row of the ceremonies, as the database holds it. */
export interface CeremonyRow {
  readonly id: string
  readonly kind: string
  readonly demo: boolean
  /** JSON. */
  readonly persons: string
  readonly report: string
  readonly heldAt: Date
}

export type GeneratedKey = z.infer<typeof keySchema>
export interface Ceremony {
  readonly id: string
  readonly kind: string
  readonly demo: boolean
  readonly heldAt: Date
  readonly policy: string
  /** True for the demo hierarchy that the set-up makes: nobody was present. */
  readonly unattended: boolean
  /** How many persons were present and confirmed the plan. */
  readonly present: number
  /** The roles that they stated, each once. */
  readonly roles: readonly string[]
  /** With their roles; null where the policy withholds them. */
  readonly names: readonly string[] | null
  readonly keys: readonly GeneratedKey[]
  readonly plan: { readonly lines: readonly string[]; readonly code: string } | null
  readonly modules: readonly { readonly tokenLabel: string; readonly manufacturer: string; readonly model: string; readonly firmware: string; readonly library: string }[]
}

/** Null for a record that is none of a ceremony that made keys. */
export function readCeremony(row: CeremonyRow, ceremonyNames: 'published' | 'withheld'): Ceremony | null {
  const report = reportSchema.safeParse(json(row.report))
  const persons = personsSchema.safeParse(json(row.persons))
  if (!report.success || !persons.success || report.data.keys.length === 0) return null
  const { policy, keys, plan = null, modules = [] } = report.data
  const unattended = row.demo && row.kind === 'first-hierarchy'
  return {
    id: row.id,
    kind: row.kind,
    demo: row.demo,
    heldAt: row.heldAt,
    policy,
    unattended,
    present: unattended ? 0 : persons.data.length,
    roles: unattended ? [] : [...new Set(persons.data.flatMap((person) => /[,、,]\s*(\S.*)$/.exec(person)?.[1]?.trim() ?? []))],
    names: ceremonyNames === 'published' && !unattended ? persons.data : null,
    keys,
    plan,
    modules,
  }
}

/** The ceremony that made this key. */
export const ceremonyOf = (ceremonies: readonly Ceremony[], spkiSha256: string): { readonly ceremony: Ceremony; readonly key: GeneratedKey } | null => {
  for (const ceremony of ceremonies) {
    const key = ceremony.keys.find((each) => each.spkiSha256 === spkiSha256)
    if (key) return { ceremony, key }
  }
  return null
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
