/** Forms: unknown text in, typed values or sentences at the field out. Zod messages are message keys. */
import type { z } from 'zod'
import type { FieldError } from './reply.ts'

/**
 * Control characters never belong in a form's text; line ends are made one kind, and composed and full-width forms
 * are left as typed: the certificate shows what the applicant wrote.
 */
export function cleanText(value: string): string {
  return value.replace(/\r\n?/g, '\n').replace(/[\u0000-\u0008\u000b-\u001f\u007f\u202a-\u202e\u2066-\u2069]/g, '').trim()
}

export type FormOutcome<T> = { readonly ok: true; readonly values: T } | { readonly ok: false; readonly errors: readonly FieldError[] }

/**
 * Reads a form by a schema whose messages are keys of the locale files (`people.errors.email`).
 * A key may carry values after a bar: `forms.too-long|max=64`.
 */
export function readForm<T extends z.ZodType>(schema: T, form: Readonly<Record<string, string>>): FormOutcome<z.infer<T>> {
  const cleaned = Object.fromEntries(Object.entries(form).map(([name, value]) => [name, /password/i.test(name) ? value : cleanText(value)]))
  const parsed = schema.safeParse(cleaned)
  if (parsed.success) return { ok: true, values: parsed.data }
  const seen = new Set<string>()
  const errors: FieldError[] = []
  for (const issue of parsed.error.issues) {
    const field = String(issue.path[0] ?? 'form')
    if (seen.has(field)) continue
    seen.add(field)
    errors.push({ field, message: messageOf(issue.message) })
  }
  return { ok: false, errors }
}

function messageOf(text: string): { key: string; values?: Record<string, string> } {
  const [key, ...pairs] = text.split('|')
  // A message that is no key of ours (a missing field in a forged form) still gets a sentence.
  if (!key || !/^[a-z][a-z0-9-]*(\.[A-Za-z0-9-]+)+$/.test(key)) return { key: 'forms.required' }
  return pairs.length === 0 ? { key } : { key, values: Object.fromEntries(pairs.map((pair) => pair.split('=', 2) as [string, string])) }
}
