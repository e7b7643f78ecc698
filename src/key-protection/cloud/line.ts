/** One line of what a tool printed, and the check of it: what the line says, what it should say, and the command that puts it right. */
import { isObject, type Json } from '../../attestation/strict-json.ts'
import { say, type Check, type Message } from '../../attestation/verifier.ts'
import type { CloudFile } from './files.ts'
import { AREA } from './question.ts'

const CLAUSE = 'CSBR 6.2.7.4.2 (5)'

/** The member of nested objects; undefined where there is none. */
export function member(json: Json | undefined, ...path: readonly string[]): Json | undefined {
  return path.reduce<Json | undefined>((inner, name) => (isObject(inner) ? inner.get(name) : undefined), json)
}
/** A text, or null for anything else. */
export function textOf(json: Json | undefined, ...path: readonly string[]): string | null {
  const value = member(json, ...path)
  return typeof value === 'string' && value !== '' ? value : null
}
export const listOf = (json: Json | undefined, ...path: readonly string[]): readonly Json[] => {
  const value = member(json, ...path)
  return Array.isArray(value) ? (value as readonly Json[]) : []
}
export const textsOf = (json: Json | undefined, ...path: readonly string[]): readonly string[] => listOf(json, ...path).filter((each): each is string => typeof each === 'string')

/** A value as a person reads it. */
export function shown(json: Json | undefined): string {
  if (json === undefined) return '–'
  if (Array.isArray(json)) return json.length === 0 ? '[]' : (json as readonly Json[]).map(shown).join(', ')
  return isObject(json) ? '{…}' : String(json)
}

/** A date and time: ISO 8601 with its zone, or seconds since 1970 as version 1 of the AWS CLI prints them. Null for anything else. */
export function momentOf(json: Json | undefined): Date | null {
  if (typeof json === 'number') return json > 0 && json < 1e11 ? new Date(Math.floor(json) * 1000) : null
  if (typeof json !== 'string') return null
  const parts = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?(Z|[+-]\d\d:?\d\d)$/.exec(json)
  if (!parts) return null
  const date = new Date(parts[1]! + parts[2]!.replace(/^([+-]\d\d)(\d\d)$/, '$1:$2'))
  return Number.isNaN(date.getTime()) ? null : date
}

/** The later of two moments, of which either may be unknown. */
export const later = (one: Date | null, other: Date | null): Date | null => (one === null || (other !== null && other > one) ? other : one)

/** A word of a command that came out of a file: only what is harmless on a command line, else the placeholder. */
export const word = (text: string | null, placeholder: string): string => (text !== null && /^[A-Za-z0-9/][A-Za-z0-9:/_.@-]{0,250}$/.test(text) ? text : placeholder)

export interface LineExtras {
  /** Key of the remedy's words; the command stands in them as `{command}`. */
  readonly fix: string
  readonly command?: string
  readonly source?: string
  readonly clause?: string
  readonly values?: Readonly<Record<string, string>>
  readonly expectedValues?: Readonly<Record<string, string>>
}

/** A remedy with its command. Commands are ours, with words that `word` let through: they are never cut, or nobody could run them. */
export const remedy = (fix: string, command = ''): Message => ({ key: `${AREA}.fix.${fix}`, values: { command } })

/** The check of one line: `path` names it as people would find it (`KeyMetadata.Origin`). `reason` is what is wrong when it does not pass. */
export function lineCheck(passes: boolean, file: CloudFile, path: string, value: Json | undefined, reason: string, expected: string, { fix, command, source, clause, values, expectedValues }: LineExtras): Check {
  const seen = { file: file.name, path, value: shown(value), ...values }
  return {
    outcome: passes ? 'pass' : 'fail',
    observed: passes ? say(`${AREA}.line`, seen) : say(`${AREA}.${reason}`, seen),
    expected: say(`${AREA}.expected.${expected}`, expectedValues && { ...expectedValues }),
    source: source ?? CLAUSE,
    clause: clause ?? CLAUSE,
    ...(passes ? {} : { remedy: remedy(fix, command) }),
  }
}

/** The check that fails because the output of a command is not there. */
export const missingOutput = (command: string, clause = CLAUSE): Check => ({
  outcome: 'fail',
  observed: say(`${AREA}.missing`),
  expected: say(`${AREA}.expected.output`),
  source: clause,
  clause,
  remedy: remedy('run', command),
})

export const LOGGING_CLAUSE = 'CSBR 6.2.7.4.1 (2)'
