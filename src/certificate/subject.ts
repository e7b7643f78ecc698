/** The approved subject in the order in which it stands in certificates: from the country inwards, the name last. */
import type { NameAttribute } from '../pki/name.ts'

/** Empty text means that the attribute is absent (CRT-2). */
export interface SubjectFields {
  readonly country: string
  readonly state: string
  readonly locality: string
  readonly organization: string
  readonly organizationalUnit: string
  readonly serialNumber: string
  readonly commonName: string
}

const ORDER: readonly (readonly [NameAttribute['type'], keyof SubjectFields])[] = [
  ['countryName', 'country'],
  ['stateOrProvinceName', 'state'],
  ['localityName', 'locality'],
  ['organizationName', 'organization'],
  ['organizationalUnitName', 'organizationalUnit'],
  ['serialNumber', 'serialNumber'],
  ['commonName', 'commonName'],
]

export const subjectAttributes = (subject: SubjectFields): readonly NameAttribute[] => ORDER.flatMap(([type, field]) => (subject[field] === '' ? [] : [{ type, value: subject[field] }]))
