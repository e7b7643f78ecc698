/** What an applicant states of the organisation (CP 3.2.2; CSBR 3.2.2.1). Messages are keys of the locale files. */
import { z } from 'zod'
import { enteredDay, optionalLine, plainLine, requiredLine } from './entered-text.ts'

/**
 * The check digit of a Japanese corporate number (法人番号, 13 digits, the first of them the check digit):
 * 9 less the remainder by 9 of the other digits' sum, every second one doubled, counted from the right.
 */
export function isCorporateNumber(text: string): boolean {
  if (!/^[1-9]\d{12}$/.test(text)) return false
  const digits = [...text.slice(1)].reverse().map(Number)
  const sum = digits.reduce((total, digit, index) => total + digit * (index % 2 === 0 ? 1 : 2), 0)
  return Number(text[0]) === 9 - (sum % 9)
}

/** @param today ISO date: nothing was founded after it */
export const organisationSchema = (countries: readonly string[], today: string) =>
  z
    .object({
      // A register writes no half-width kana, and the certificate would show them.
      legalName: requiredLine(200).refine((name) => !/[\uff61-\uff9f]/.test(name), 'apply.organisation.error.half-width-kana'),
      country: z.string('forms.required').refine((country) => countries.includes(country), 'apply.organisation.error.country'),
      state: optionalLine(128),
      locality: requiredLine(128),
      street: requiredLine(200),
      postalCode: plainLine(40).refine((code) => /^[0-9A-Za-z][0-9A-Za-z -]{2,}$/.test(code), 'apply.organisation.error.postal-code'),
      registrationNumber: plainLine(64)
        .transform((number) => number.replace(/[ -]/g, ''))
        .refine((number) => number !== '', 'forms.required'),
      foundedOn: enteredDay('apply.organisation.error.founded-on').refine((date) => date <= today, 'apply.organisation.error.founded-later'),
      phone: plainLine(40).refine((phone) => /^\+?[0-9(][0-9() .-]{5,}$/.test(phone), 'apply.organisation.error.phone'),
    })
    .superRefine((organisation, context) => {
      if (organisation.country !== 'JP') return
      if (!isCorporateNumber(organisation.registrationNumber))
        context.addIssue({ code: 'custom', path: ['registrationNumber'], message: 'apply.organisation.error.corporate-number' })
      if (organisation.state === '') context.addIssue({ code: 'custom', path: ['state'], message: 'apply.organisation.error.prefecture' })
    })
