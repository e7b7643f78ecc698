/** What goes into the certificate's subject (CRT-2; CSBR 7.1.4.2; RFC 5280 appendix A.1). Messages are keys of the locale files. */
import { z } from 'zod'
import { isMetaOnly } from '../certificate/name-text.ts'
import type { SubjectStatement } from './application.ts'
import { optionalLine, requiredLine } from './entered-text.ts'

/** An empty field leaves its attribute out; what is there must say something (CSBR 7.1.4.2.2 d). */
const meaningful = (text: string): boolean => text === '' || !isMetaOnly(text)
/** serialNumber is a PrintableString (RFC 5280 appendix A.1). */
const PRINTABLE = /^[A-Za-z0-9 '()+,\-./:=?]*$/

export const subjectSchema = (countries: readonly string[]) =>
  z
    .object({
      commonName: requiredLine(64).refine(meaningful, 'subject.error.meaningless'),
      country: z.string('forms.required').refine((country) => countries.includes(country), 'apply.organisation.error.country'),
      state: optionalLine(128).refine(meaningful, 'subject.error.meaningless'),
      locality: optionalLine(128).refine(meaningful, 'subject.error.meaningless'),
      organizationalUnit: optionalLine(64).refine(meaningful, 'subject.error.meaningless'),
      serialNumber: optionalLine(64)
        .refine(meaningful, 'subject.error.meaningless')
        .refine((text) => PRINTABLE.test(text), 'subject.error.printable'),
    })
    .superRefine((subject, context) => {
      // CSBR 7.1.4.2.3 c, d: locality or state at least.
      if (subject.state === '' && subject.locality === '') context.addIssue({ code: 'custom', path: ['locality'], message: 'subject.error.place' })
    })
    // The verified legal name stands in both (CSBR 7.1.4.2.2 a, 7.1.4.2.3 a).
    .transform((subject): SubjectStatement => ({ ...subject, organization: subject.commonName }))
