/** What goes into the certificate's subject (CRT-2; CSBR 7.1.4.2; RFC 5280 appendix A.1). Messages are keys of the locale files. */
import { z } from 'zod'
import type { SubjectStatement } from './application.ts'
import { optionalLine, requiredLine } from './entered-text.ts'

/** CSBR 7.1.4.2.2 d: nothing but '.', '-' and space, or another way to say that there is nothing. */
const META_ONLY = /^(?:[.\-\s]+|n\/a|none|null|undefined|unknown|not applicable|tbd)$/i
const meaningful = (text: string): boolean => !META_ONLY.test(text)
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
