/** The fields of forms about people: one rule for an address, a name, a new password wherever it is asked for. */
import { z } from 'zod'
import { requiredLine } from '../../application/entered-text.ts'
import { PASSWORD_LEAST, PASSWORD_MOST, PASSWORD_MOST_TYPED, passwordProblem } from '../../people/passwords.ts'
import type { FieldError } from '../reply.ts'

/** Full-width letters of an input method are what they mean; case makes no difference. */
export const emailField = z
  .string('forms.email')
  .max(400, 'forms.too-long|max=254')
  .transform((text) => text.normalize('NFKC').trim().toLowerCase())
  .pipe(z.email('forms.email').max(254, 'forms.too-long|max=254'))
/**
 * What a mail program makes a link of: a scheme, a path, a mailbox, a host or IP address (a full stop between letters or
 * digits; initials such as "J.R." are none). The name stands in mails and on officers' pages: it must not lead anywhere.
 */
const LEADS_SOMEWHERE = /[/\\@]|\p{N}[.。]\p{N}|[\p{L}\p{N}-][.。][\p{L}\p{N}-]{2,}/u
export const nameField = z
  .string('forms.required')
  .regex(/^[^\t\n]*$/, 'forms.characters')
  .pipe(requiredLine(100))
  .refine((name) => !LEADS_SOMEWHERE.test(name.normalize('NFKC')), 'people.problems.name')
export const passwordField = z.string('forms.required').min(1, 'forms.required').max(PASSWORD_MOST_TYPED, `people.password.too-long|max=${PASSWORD_MOST}`)
export const codeField = z.string('forms.required').min(1, 'forms.required').max(100, 'forms.too-long|max=100')
export const LIMITS = { least: String(PASSWORD_LEAST), most: String(PASSWORD_MOST) }

/** What is wrong with a new password, at its field. */
export function newPasswordErrors(password: string, person: { readonly email: string; readonly name: string }): readonly FieldError[] {
  const problem = passwordProblem(password, person)
  return problem === null ? [] : [{ field: 'password', message: { key: `people.password.${problem}`, values: { least: LIMITS.least, max: LIMITS.most } } }]
}
