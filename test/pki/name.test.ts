import { describe, expect, it } from 'vitest'
import { ia5String, MalformedDer, oid, readDer, sequence, setOf, TAG, tlv, utf8String } from '../../src/pki/der.ts'
import { decodeName, displayName, encodeName, type NameAttribute } from '../../src/pki/name.ts'

const NAME: NameAttribute[] = [
  { type: 'countryName', value: 'JP' },
  { type: 'stateOrProvinceName', value: '東京都' },
  { type: 'organizationName', value: 'Example, Inc.' },
  { type: 'commonName', value: 'Example, Inc.' },
  { type: 'serialNumber', value: '0100-01-000001' },
]

describe('distinguished names', () => {
  it('CRT-2: writes countryName and serialNumber as PrintableString, the others as UTF8String, one attribute each', () => {
    const decoded = decodeName(encodeName(NAME))
    expect(decoded.map((rdn) => rdn.map(({ tag, text }) => [tag, text]))).toEqual([
      [[TAG.printableString, 'JP']],
      [[TAG.utf8String, '東京都']],
      [[TAG.utf8String, 'Example, Inc.']],
      [[TAG.utf8String, 'Example, Inc.']],
      [[TAG.printableString, '0100-01-000001']],
    ])
  })
  it('shows a name on one line with special and invisible characters escaped', () => {
    expect(displayName(decodeName(encodeName(NAME)))).toBe('C=JP, ST=東京都, O=Example\\, Inc., CN=Example\\, Inc., serialNumber=0100-01-000001')
    expect(displayName(decodeName(encodeName([{ type: 'commonName', value: ' a\u202eb\n+ ' }])))).toBe('CN=\\ a\\E2\\80\\AEb\\0A\\+\\ ')
  })
  it('shows an attribute of a type not read here as hex', () => {
    expect(displayName(decodeName(sequence(setOf(sequence(oid('1.2.3'), tlv(TAG.octetString, Buffer.from([1]))))))).startsWith('1.2.3=#0401')).toBe(true)
  })
  it.each([
    ['an RDN without attributes', sequence(tlv(TAG.set))],
    ['an attribute with three fields', sequence(setOf(sequence(oid('2.5.4.3'), utf8String('a'), utf8String('b'))))],
    ['an RDN out of DER order', sequence(tlv(TAG.set, sequence(oid('2.5.4.11'), utf8String('b')), sequence(oid('2.5.4.3'), utf8String('a'))))],
    ['a set for a sequence', setOf()],
    ['broken UTF-8', sequence(setOf(sequence(oid('2.5.4.3'), tlv(TAG.utf8String, Buffer.from([0xff])))))],
  ])('refuses %s', (_, der) => {
    expect(() => decodeName(der)).toThrow(MalformedDer)
  })
  it('reads the values of foreign string types', () => {
    const found = decodeName(readDer(sequence(setOf(sequence(oid('0.9.2342.19200300.100.1.25'), ia5String('example'))), setOf(sequence(oid('2.5.4.3'), tlv(TAG.bmpString, Buffer.from('65e5', 'hex')))))))
    expect(found.flat().map(({ text }) => text)).toEqual(['example', '日'])
  })
})
