/** Reads what an applicant states for a method, against the method's fields. */
import type { Message } from '../attestation/verifier.ts'
import { readEnteredDay } from './entered-day.ts'
import type { DetailField, Details, ProtectionFacts } from './protection.ts'

/** A form names a field with this before it, so that no method's field can stand for one of the form's own. */
export const FIELD_PREFIX = 'd-'

export interface DetailError {
  readonly field: string
  readonly message: Message
}

/** The statement, or what is wrong with which field; never both. Names that the method does not have are left out. */
export function readDetails(fields: readonly DetailField[], form: Readonly<Record<string, string>>, facts: ProtectionFacts): { readonly details: Details; readonly errors: readonly DetailError[] } {
  const details: Record<string, string> = {}
  const errors: DetailError[] = []
  for (const field of fields) {
    const text = (form[FIELD_PREFIX + field.name] ?? '').replaceAll('\r\n', '\n').trim()
    const message = wrongWith(field, text, facts)
    if (message) errors.push({ field: FIELD_PREFIX + field.name, message })
    if (text !== '') details[field.name] = (field.kind === 'date' ? readEnteredDay(text) : null) ?? text
  }
  return { details, errors }
}

function wrongWith({ kind, required, maximum = 200, choices }: DetailField, text: string, facts: ProtectionFacts): Message | null {
  if (text === '') return required ? { key: kind === 'choice' ? 'forms.choose' : 'forms.required' } : null
  if (text.length > maximum) return { key: 'forms.too-long', values: { max: String(maximum) } }
  // A text of several lines may hold line ends and tabs; no field holds what cannot be seen.
  if ((kind === 'long-text' ? /[^\P{C}\n\t]/u : /\p{C}/u).test(text)) return { key: 'forms.characters' }
  if (kind === 'date' && readEnteredDay(text) === null) return { key: 'forms.date' }
  if (kind === 'choice' && !choices?.(facts).some(({ value }) => value === text)) return { key: 'forms.choose' }
  return null
}

/** Whether it is a day of the calendar, written year-month-day. */
export function isDay(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false
  const date = new Date(`${text}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text)
}
