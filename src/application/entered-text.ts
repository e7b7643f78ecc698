/** One line of text as a person entered it: bounds counted in characters, nothing in it that cannot be seen. Messages are keys of the locale files. */
import { z } from 'zod'

/** Unassigned, private-use, control and format characters, and the sign of broken text: two names could look alike. */
const UNSEEN = /[\p{C}\u2028\u2029\ufffd]/u

const oneLine = (max: number) =>
  z
    .string('forms.required')
    .transform((text) => text.replace(/[\t\n]+/g, ' ').trim())
    .refine((text) => [...text].length <= max, `forms.too-long|max=${max}`)
    .refine((text) => !UNSEEN.test(text), 'forms.characters')

export const optionalLine = (max: number) => z.preprocess((value) => value ?? '', oneLine(max))
export const requiredLine = (max: number) => oneLine(max).refine((text) => text !== '', 'forms.required')

const HYPHENS = /[‐‑‒–—−ー]/g
/** Digits, letters and hyphens in their ASCII form, however a Japanese keyboard wrote them. */
export const normalised = <T extends z.ZodType<string>>(schema: T) => schema.transform((text) => text.normalize('NFKC').replace(HYPHENS, '-'))
