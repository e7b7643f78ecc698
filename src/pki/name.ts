/** Distinguished names (RFC 5280 4.1.2.4): written from attributes, read back into attributes, shown on one line. */
import { type Der, MalformedDer, oid, printableString, readDer, sequence, setOf, TAG, utf8String } from './der.ts'
import { OID } from './oids.ts'

/** The attributes that this software writes. */
export const WRITTEN_ATTRIBUTES = ['countryName', 'stateOrProvinceName', 'localityName', 'organizationName', 'organizationalUnitName', 'commonName', 'serialNumber'] as const
export type AttributeType = (typeof WRITTEN_ATTRIBUTES)[number]

export interface NameAttribute {
  readonly type: AttributeType
  readonly value: string
}

/** One attribute of a name as it was found. `text` is null where the value is no string type read here. */
export interface FoundAttribute {
  readonly oid: string
  readonly tag: number
  readonly text: string | null
  readonly raw: Buffer
}
/** A relative distinguished name: one attribute, as a rule. */
export type RelativeDistinguishedName = readonly FoundAttribute[]

const PRINTABLE = /^[A-Za-z0-9 '()+,\-./:=?]*$/

/**
 * One attribute per RDN, in the order given. countryName and serialNumber are PrintableString (RFC 5280 appendix A.1), the others
 * UTF8String. A serialNumber or country that PrintableString cannot hold becomes UTF8String, which the lint of the bytes refuses (CRT-2).
 */
export function encodeName(attributes: readonly NameAttribute[]): Buffer {
  return sequence(
    ...attributes.map(({ type, value }) => {
      const printable = (type === 'countryName' || type === 'serialNumber') && PRINTABLE.test(value)
      return setOf(sequence(oid(OID[type]), printable ? printableString(value) : utf8String(value)))
    }),
  )
}

const TEXT_TAGS: readonly number[] = [TAG.utf8String, TAG.printableString, TAG.ia5String, TAG.teletexString, TAG.bmpString]

/** @throws MalformedDer when the bytes are no Name */
export function decodeName(name: Der | Uint8Array): RelativeDistinguishedName[] {
  const der = name instanceof Uint8Array ? readDer(name) : name
  return der
    .expect(TAG.sequence, 'name')
    .children()
    .map((rdn) => {
      const attributes = rdn.expect(TAG.set, 'relative distinguished name').children()
      if (attributes.length === 0) throw new MalformedDer('relative distinguished name without attributes', rdn.offset)
      attributes.forEach((attribute, index) => {
        if (index > 0 && Buffer.compare(attributes[index - 1]!.raw, attribute.raw) >= 0) throw new MalformedDer('relative distinguished name is not in DER order', attribute.offset)
      })
      return attributes.map((attribute): FoundAttribute => {
        const [type, value, ...rest] = attribute.expect(TAG.sequence, 'name attribute').children()
        if (!type || !value || rest.length > 0) throw new MalformedDer('name attribute has the wrong number of fields', attribute.offset)
        return { oid: type.oid(), tag: value.tag, text: TEXT_TAGS.includes(value.tag) ? value.text() : null, raw: value.raw }
      })
    })
}

const SHORT: Readonly<Record<string, string>> = {
  [OID.countryName]: 'C',
  [OID.stateOrProvinceName]: 'ST',
  [OID.localityName]: 'L',
  [OID.organizationName]: 'O',
  [OID.organizationalUnitName]: 'OU',
  [OID.commonName]: 'CN',
  [OID.serialNumber]: 'serialNumber',
  [OID.surname]: 'SN',
  [OID.givenName]: 'GN',
  [OID.title]: 'title',
  [OID.streetAddress]: 'street',
  [OID.postalCode]: 'postalCode',
  [OID.organizationIdentifier]: 'organizationIdentifier',
  [OID.emailAddress]: 'emailAddress',
  [OID.domainComponent]: 'DC',
  [OID.userId]: 'UID',
}

/** The customary short form of an attribute type (CN, O, C …), or its dotted form. */
export const attributeLabel = (dotted: string): string => SHORT[dotted] ?? dotted

/** The name on one line in the order of the certificate, special characters escaped as in RFC 4514 2.4. For eyes, never for comparison. */
export function displayName(name: readonly RelativeDistinguishedName[]): string {
  return name.map((rdn) => rdn.map((attribute) => `${attributeLabel(attribute.oid)}=${shown(attribute)}`).join('+')).join(', ')
}

function shown({ text, raw }: FoundAttribute): string {
  if (text === null) return `#${raw.toString('hex')}`
  return text
    .replace(/[\\",+<>;]/g, '\\$&')
    .replace(/^[# ]| $/g, '\\$&')
    .replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g, (character) => [...Buffer.from(character, 'utf8')].map((octet) => `\\${octet.toString(16).padStart(2, '0').toUpperCase()}`).join(''))
}
