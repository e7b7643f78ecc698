/** A distinguished name as people type it: `CN=Foo K.K., O=Foo K.K., C=JP`, or a bare name; a comma within a value is written `\,`. */
import type { AttributeType, NameAttribute } from './name.ts'

const TYPES: Readonly<Record<string, AttributeType>> = { C: 'countryName', ST: 'stateOrProvinceName', L: 'localityName', O: 'organizationName', OU: 'organizationalUnitName', CN: 'commonName' }
export const ENTERED_TYPES: readonly string[] = Object.keys(TYPES)

/** @returns the attributes in the order given, or the part that is none */
export function readEnteredName(text: string): { readonly attributes: readonly NameAttribute[] } | { readonly refused: string } {
  if (!text.includes('=')) return text.trim() === '' ? { refused: text } : { attributes: [{ type: 'commonName', value: text.trim() }] }
  const attributes: NameAttribute[] = []
  for (const part of text.split(/(?<!\\),/)) {
    const [, name, value] = /^\s*([A-Za-z]+)\s*=\s*(.+?)\s*$/.exec(part) ?? []
    const type = name ? TYPES[name.toUpperCase()] : undefined
    if (!type || !value) return { refused: part.trim() }
    attributes.push({ type, value: value.replaceAll('\\,', ',') })
  }
  return { attributes }
}
