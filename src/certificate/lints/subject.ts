/** Lints of the subject name (CRT-2; CP table 7.1-5; CSBR 7.1.4.2; RFC 5280 appendix A.1). */
import { TAG } from '../../pki/der.ts'
import { attributeLabel, WRITTEN_ATTRIBUTES } from '../../pki/name.ts'
import { OID } from '../../pki/oids.ts'
import { holdsOddSpaces, holdsUnseen, isMetaOnly } from '../name-text.ts'
import { ABSENT, type Lint, lint, listed } from './lint.ts'
import type { TbsView } from './tbs-view.ts'

const ALLOWED: readonly string[] = WRITTEN_ATTRIBUTES.map((type) => OID[type])
/** Characters (not octets) that RFC 5280 appendix A.1 allows; the country's length follows from its list. */
const UPPER_BOUNDS: Readonly<Record<string, number>> = {
  [OID.stateOrProvinceName]: 128,
  [OID.localityName]: 128,
  [OID.organizationName]: 64,
  [OID.organizationalUnitName]: 64,
  [OID.commonName]: 64,
  [OID.serialNumber]: 64,
}
/** CP table 7.1-5 has room for three organizational units; every other attribute stands once. */
const TIMES_ALLOWED = (oid: string): number => (oid === OID.organizationalUnitName ? 3 : 1)

const attributes = (view: TbsView) => view.subject.flat()
const values = (view: TbsView, oid: string): string[] => attributes(view).flatMap((attribute) => (attribute.oid === oid && attribute.text !== null ? [attribute.text] : []))
const shown = (found: readonly { oid: string; text: string | null }[]): string | null => (found.length === 0 ? null : found.map(({ oid, text }) => `${attributeLabel(oid)}=${text ?? ABSENT}`).join(', '))

export const SUBJECT_LINTS: readonly Lint[] = [
  lint('CRT-2', 'subject-required', 'all', 'CP table 7.1-5; CSBR 7.1.4.2.2 a, 7.1.4.2.3 a, f', (view) => {
    const missing = [OID.countryName, OID.organizationName, OID.commonName].filter((oid) => !attributes(view).some((attribute) => attribute.oid === oid))
    return missing.length === 0 ? null : listed(missing.map(attributeLabel))
  }),
  lint('CRT-2', 'subject-place', ['subscriber'], 'CSBR 7.1.4.2.3 c, d', (view) =>
    attributes(view).some(({ oid }) => oid === OID.localityName || oid === OID.stateOrProvinceName) ? null : ABSENT,
  ),
  lint('CRT-2', 'no-domain-component', 'all', 'CSBR 7.1.4.2.2 c', (view) => shown(attributes(view).filter(({ oid }) => oid === OID.domainComponent))),
  lint('CRT-2', 'subject-allowed', 'all', 'CP table 7.1-5; CSBR 7.1.2.4', (view) => shown(attributes(view).filter(({ oid }) => oid !== OID.domainComponent && !ALLOWED.includes(oid)))),
  lint('CRT-2', 'subject-repeats', 'all', 'CP table 7.1-5', (view) => {
    const all = attributes(view)
    const repeated = all.filter(
      ({ oid, raw }, index) => all.slice(0, index).filter((earlier) => earlier.oid === oid).length >= TIMES_ALLOWED(oid) || all.slice(0, index).some((earlier) => earlier.oid === oid && earlier.raw.equals(raw)),
    )
    // Attributes that may not stand at all are another lint's matter.
    return shown(repeated.filter(({ oid }) => ALLOWED.includes(oid)))
  }),
  lint('CRT-2', 'subject-single-valued', 'all', 'RFC 5280 4.1.2.4; CP 3.1.1', (view) => shown(view.subject.filter((rdn) => rdn.length > 1).flat())),
  lint('CRT-2', 'subject-country', ['subscriber'], 'CP table 7.1-5; CSBR 7.1.4.2.3 f', (view, { policy }) => {
    const wrong = values(view, OID.countryName).filter((country) => !policy.subject.countries.includes(country))
    return wrong.length === 0 ? null : listed(wrong)
  }),
  lint('CRT-2', 'subject-bounds', 'all', 'RFC 5280 appendix A.1', (view) => shown(attributes(view).filter(({ oid, text }) => text !== null && [...text].length > (UPPER_BOUNDS[oid] ?? Infinity)))),
  lint('CRT-2', 'subject-encoding', 'all', 'RFC 5280 4.1.2.4, appendix A.1', (view) => {
    const encodings = (oid: string): readonly number[] => (oid === OID.countryName || oid === OID.serialNumber ? [TAG.printableString] : [TAG.utf8String, TAG.printableString])
    return shown(attributes(view).filter(({ oid, tag }) => ALLOWED.includes(oid) && !encodings(oid).includes(tag)))
  }),
  lint('CRT-2', 'subject-meta', 'all', 'CSBR 7.1.4.2.2 d', (view) => shown(attributes(view).filter(({ oid, text }) => oid !== OID.countryName && text !== null && isMetaOnly(text)))),
  // Blanks at the edges, blanks that look like others, and characters that cannot be seen make two names look alike.
  lint('CRT-2', 'subject-edges', 'all', 'CP 3.1.1; RFC 5280 7.1', (view) =>
    shown(attributes(view).filter(({ text }) => text !== null && !isMetaOnly(text) && (text !== text.trim() || holdsUnseen(text) || holdsOddSpaces(text)))),
  ),
  lint('CRT-2', 'subject-approved', 'all', 'CP 4.3.1; CSBR 4.2.1', (view, { subject }) => {
    const found = attributes(view).filter(({ oid }) => ALLOWED.includes(oid))
    const agrees = found.length === subject.length && subject.every(({ type, value }, index) => found[index]!.oid === OID[type] && found[index]!.text === value)
    return agrees ? null : (shown(found) ?? ABSENT)
  }),
]
