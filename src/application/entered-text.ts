/** One line of text as a person entered it: bounds counted in characters, nothing in it that cannot be seen. Messages are keys of the locale files. */
import { z } from 'zod'
import { holdsOddSpaces, holdsUnseen } from '../certificate/name-text.ts'
import { readEnteredDay } from '../key-protection/entered-day.ts'

/** @param reading what the text is taken as; before the bound, since some readings are longer than what was typed */
const oneLine = (max: number, reading: (text: string) => string = (text) => text) =>
  z
    .string('forms.required')
    .transform((text) => reading(text.replace(/[\t\n]+/g, ' ')).trim())
    .refine((text) => [...text].length <= max, `forms.too-long|max=${max}`)
    .refine((text) => !holdsUnseen(text), 'forms.characters')
    .refine((text) => !holdsOddSpaces(text), 'forms.spaces')

export const optionalLine = (max: number) => z.preprocess((value) => value ?? '', oneLine(max))
export const requiredLine = (max: number) => oneLine(max).refine((text) => text !== '', 'forms.required')

const HYPHENS = /[‐‑‒–—−ー]/g
/** Digits, letters and hyphens taken as their ASCII form, however a Japanese keyboard wrote them. */
export const plainLine = (max: number) => oneLine(max, (text) => text.normalize('NFKC').replace(HYPHENS, '-')).refine((text) => text !== '', 'forms.required')

/** A day as people write it, as `2001-04-01`. */
export const enteredDay = (refusal = 'forms.date') =>
  plainLine(40)
    .transform((text) => readEnteredDay(text) ?? '')
    .refine((day) => day !== '', refusal)
