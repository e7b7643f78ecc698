/** The fields of forms about people: one rule for an address, a name, a new password wherever it is asked for. */
import { z } from 'zod'
import { PASSWORD_LEAST, PASSWORD_MOST, passwordProblem } from '../../people/passwords.ts'
import type { FieldError } from '../reply.ts'

/** Full-width letters of an input method are what they mean; case makes no difference. */
export const emailField = z
  .string('forms.email')
  .max(400, 'forms.too-long|max=254')
  .transform((text) => text.normalize('NFKC').trim().toLowerCase())
  .pipe(z.email('forms.email').max(254, 'forms.too-long|max=254'))
export const nameField = z
  .string('forms.required')
  .min(1, 'forms.required')
  .max(100, 'forms.too-long|max=100')
  .regex(/^[^\n]*$/, 'forms.characters')
export const passwordField = z.string('forms.required').min(1, 'forms.required').max(1000, `people.password.too-long|max=${PASSWORD_MOST}`)
export const codeField = z.string('forms.required').min(1, 'forms.required').max(100, 'forms.too-long|max=100')
export const LIMITS = { least: String(PASSWORD_LEAST), most: String(PASSWORD_MOST) }

/** What is wrong with a new password, at its field. */
export function newPasswordErrors(password: string, person: { readonly email: string; readonly name: string }): readonly FieldError[] {
  const problem = passwordProblem(password, person)
  return problem === null ? [] : [{ field: 'password', message: { key: `people.password.${problem}`, values: { least: LIMITS.least, max: LIMITS.most } } }]
}
