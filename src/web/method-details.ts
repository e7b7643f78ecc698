/** What an applicant states for a method of key protection, as fields of a form and as lines to read. */
import type { MethodRules, Details, ProtectionFacts } from '../key-protection/protection.ts'
import { FIELD_PREFIX } from '../key-protection/read-details.ts'
import { translate, type Language } from './locales.ts'

const word = (language: Language, { id }: MethodRules, path: string): string => translate(language, `key-protection-${id}.field.${path}`)

/** The model of views/apply/method-fields.ejs. */
export const detailFields = (language: Language, method: MethodRules, values: Details, facts: ProtectionFacts) =>
  method.fields.map(({ name, kind, required, choices }) => ({
    name: FIELD_PREFIX + name,
    kind,
    required,
    label: word(language, method, `${name}.label`),
    hint: word(language, method, `${name}.hint`),
    value: values[name] ?? '',
    options: (choices?.(facts) ?? []).map(({ value, text }) => ({ value, text: text ?? word(language, method, `${name}.choice.${value}`), hint: null })),
  }))

/** What was stated, for reading. A choice that its register does not know any more is shown as it was stored. */
export const detailRows = (language: Language, method: MethodRules, details: Details, facts: ProtectionFacts) =>
  method.fields.flatMap(({ name, choices }) => {
    const stated = details[name]
    if (stated === undefined) return []
    const choice = choices?.(facts).find(({ value }) => value === stated)
    const text = choice ? (choice.text ?? word(language, method, `${name}.choice.${stated}`)) : stated
    return [{ term: word(language, method, `${name}.label`), text, mono: false, copy: false }]
  })
