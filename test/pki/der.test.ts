import { describe, expect, it } from 'vitest'
import { bitString, boolean, context, contextPrimitive, enumerated, generalizedTime, ia5String, integer, MalformedDer, namedBits, octetString, oid, printableString, readDer, sequence, setOf, time, tlv, utf8String } from '../../src/pki/der.ts'
import { mutate, seededNumbers } from './keys.ts'

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')
const refuses = (action: () => unknown, words: RegExp): void => {
  let thrown: unknown
  try {
    action()
  } catch (error) {
    thrown = error
  }
  expect(MalformedDer.is(thrown), String(thrown)).toBe(true)
  expect((thrown as Error).message).toMatch(words)
}

describe('DER reader', () => {
  it.each([
    ['octets after the value', '0500 00', /after the value/],
    ['content cut short', '0403 0102', /cut short/],
    ['a length field cut short', '0482 01', /cut short/],
    ['a lone identifier', '04', /cut short/],
    ['nothing at all', '', /cut short/],
    ['indefinite length', '3080 0000', /indefinite/],
    ['a long length below 128', '048101 00', /shortest/],
    ['a length with a leading zero', `04820080${'00'.repeat(128)}`, /shortest/],
    ['a length field of five octets', '048500000000 01', /too long/],
    ['a high tag number', '1f8101 00', /tag numbers/],
  ])('refuses %s', (_, hex, words) => refuses(() => readDer(bytes(hex)), words))

  it('gives the one value inside, and refuses none or two', () => {
    expect(readDer(bytes('a003 0201 07')).only().integer()).toBe(7n)
    refuses(() => readDer(bytes('a000')).only(), /exactly one/)
    refuses(() => readDer(bytes('a006 020107 020108')).only(), /exactly one/)
    refuses(() => readDer(bytes('0400')).only(), /constructed/)
  })

  it.each([
    ['an integer without content', '0200', /without content/],
    ['an integer padded with 00', '0202 007f', /shortest/],
    ['a negative integer padded with FF', '0202 ff80', /shortest/],
  ])('refuses %s', (_, hex, words) => refuses(() => readDer(bytes(hex)).integer(), words))

  it.each([
    ['a boolean of 01', '0101 01', (der: ReturnType<typeof readDer>) => der.boolean(), /neither/],
    ['a padded object identifier', '0603 2a8001', (der: ReturnType<typeof readDer>) => der.oid(), /shortest/],
    ['an unfinished object identifier', '0602 2a86', (der: ReturnType<typeof readDer>) => der.oid(), /not well formed/],
    ['a key that does not fill octets', '0302 0180', (der: ReturnType<typeof readDer>) => der.bitStringOctets(), /whole octets/],
    ['named bits with a trailing zero', '0302 0680', (der: ReturnType<typeof readDer>) => der.namedBits(), /shortest/],
    ['more than seven unused bits', '0302 0880', (der: ReturnType<typeof readDer>) => der.namedBits(), /not well formed/],
    ['broken UTF-8', '0c02 c328', (der: ReturnType<typeof readDer>) => der.text(), /UTF-8/],
    ['an underscore in PrintableString', '1301 5f', (der: ReturnType<typeof readDer>) => der.text(), /PrintableString/],
    ['an octet above 7F in IA5String', '1601 80', (der: ReturnType<typeof readDer>) => der.text(), /IA5String/],
    ['UTCTime without seconds', '170b 323730333031303030305a', (der: ReturnType<typeof readDer>) => der.time(), /form of RFC 5280/],
    ['GeneralizedTime with a fraction', '1811 32303237303330313030303030302e355a', (der: ReturnType<typeof readDer>) => der.time(), /form of RFC 5280/],
    ['30 February', '170d 3237303233303030303030305a', (der: ReturnType<typeof readDer>) => der.time(), /no such time/],
    ['children of a primitive value', '0400', (der: ReturnType<typeof readDer>) => der.children(), /constructed/],
  ])('refuses %s', (_, hex, read, words) => refuses(() => read(readDer(bytes(hex))), words))

  it('refuses values nested too deep, too many values, and too many octets', () => {
    let nested: Buffer = octetString(Buffer.alloc(0))
    for (let level = 0; level < 40; level++) nested = sequence(nested)
    const walk = (der: ReturnType<typeof readDer>): void => (der.constructed ? der.children().forEach(walk) : undefined)
    refuses(() => walk(readDer(nested)), /nested deeper/)
    refuses(() => readDer(sequence(...Array.from({ length: 20 }, () => boolean(true))), { maxNodes: 10 }).children(), /too many/)
    refuses(() => readDer(octetString(Buffer.alloc(100)), { maxBytes: 50 }), /longer than 50/)
  })

  it('throws nothing but MalformedDer on any octets (fixed seed)', () => {
    const random = seededNumbers(20270301)
    const sound = sequence(integer(5), context(0, utf8String('日本'), setOf(boolean(true), namedBits([0, 8]))), time(new Date('2027-03-01T00:00:00Z')), oid('1.2.840.113549'), bitString(Buffer.from([1])))
    const touch = (der: ReturnType<typeof readDer>): void => {
      for (const read of [() => der.integer(), () => der.oid(), () => der.text(), () => der.time(), () => der.boolean(), () => der.namedBits(), () => der.bitStringOctets(), () => der.children().forEach(touch)])
        try {
          read()
        } catch (error) {
          if (!MalformedDer.is(error)) throw error
        }
    }
    for (let round = 0; round < 5000; round++) {
      try {
        touch(readDer(mutate(sound, random), { maxNodes: 500 }))
      } catch (error) {
        if (!MalformedDer.is(error)) throw error
      }
    }
  })
})

describe('DER writer', () => {
  it.each([0n, 1n, 127n, 128n, 255n, 256n, 65537n, 1n << 64n, (1n << 4096n) - 1n])('writes the integer %s so that the reader gives it back', (value) => {
    expect(readDer(integer(value)).integer()).toBe(value)
  })
  it('writes unsigned octets in their shortest positive form', () => {
    expect(integer(bytes('0000ff')).toString('hex')).toBe('020200ff')
    expect(integer(Buffer.alloc(0)).toString('hex')).toBe('020100')
    expect(() => integer(-1)).toThrow(RangeError)
  })
  it.each(['0.9.2342.19200300.100.1.25', '1.2.840.113549.1.1.11', '2.5.29.15', '2.23.140.1.4.1', '2.999.3'])('writes the object identifier %s so that the reader gives it back', (dotted) => {
    expect(readDer(oid(dotted)).oid()).toBe(dotted)
  })
  it.each([0, 1, 127, 128, 255, 256, 65535, 65536, 70000])('writes a value of %i octets with the shortest length', (length) => {
    const written = octetString(Buffer.alloc(length, 7))
    expect(readDer(written).value.length).toBe(length)
  })
  it('writes named bits without trailing zeros', () => {
    expect(namedBits([0]).toString('hex')).toBe('03020780')
    expect(namedBits([5, 6]).toString('hex')).toBe('03020106')
    expect(namedBits([8]).toString('hex')).toBe('0303070080')
    expect(namedBits([]).toString('hex')).toBe('030100')
    expect(readDer(namedBits([0, 8])).namedBits()).toEqual([0, 8])
  })
  it('sorts a SET OF by its encodings', () => {
    expect(setOf(integer(2), integer(1)).toString('hex')).toBe('3106020101020102')
  })
  it('writes UTCTime through 2049 and GeneralizedTime from 2050 on, without fractions', () => {
    expect(time(new Date('2049-12-31T23:59:59.900Z')).toString('latin1')).toBe('\x17\x0d491231235959Z')
    expect(time(new Date('2050-01-01T00:00:00Z')).toString('latin1')).toBe('\x18\x0f20500101000000Z')
    expect(time(new Date('1949-12-31T23:59:59Z'))[0]).toBe(0x18)
    expect(readDer(time(new Date('1950-01-01T00:00:00Z'))).time().toISOString()).toBe('1950-01-01T00:00:00.000Z')
    expect(readDer(generalizedTime(new Date('2027-03-01T01:02:03.456Z'))).time().toISOString()).toBe('2027-03-01T01:02:03.000Z')
  })
  it('refuses characters that a string type cannot hold', () => {
    expect(() => printableString('a_b')).toThrow(RangeError)
    expect(() => ia5String('日')).toThrow(RangeError)
  })
  it('writes context tags, ENUMERATED and BOOLEAN', () => {
    expect(context(3, boolean(true)).toString('hex')).toBe('a3030101ff')
    expect(contextPrimitive(6, Buffer.from('a')).toString('hex')).toBe('860161')
    expect(readDer(enumerated(4)).enumerated()).toBe(4n)
    expect(tlv(0x04, Buffer.from([1]), Buffer.from([2])).toString('hex')).toBe('04020102')
  })
})
