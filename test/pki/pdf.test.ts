import { deflateSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { openPdf, PDF_LIMITS } from '../../src/pki/pdf-file.ts'
import { MalformedPdf } from '../../src/pki/pdf-fault.ts'
import { pdfSignatures } from '../../src/pki/pdf-signature.ts'
import { pdfText } from '../../src/pki/pdf-text.ts'
import { mutate, random } from '../support/mutate.ts'
import { signPdf, writePdf, type PdfOptions } from '../support/pdf-writer.ts'

const LINES = ['Key: value (a) \\ b', 'Second: line']
const text = (pdf: Buffer): string => pdfText(openPdf(pdf))
const code = (run: () => unknown): string => {
  try {
    run()
    return 'read'
  } catch (error) {
    if (!MalformedPdf.is(error)) throw error
    return error.code
  }
}
const replaced = (pdf: Buffer, from: string, to: string): Buffer => {
  const whole = pdf.toString('latin1')
  expect(whole).toContain(from)
  return Buffer.from(whole.replace(from, to), 'latin1')
}

describe('the text of a PDF', () => {
  test.each<[string, PdfOptions]>([
    ['plain', {}],
    ['deflated', { deflated: true }],
    ['with object and cross-reference streams', { streams: true, deflated: true }],
    ['with a font that maps its glyphs', { mapped: true }],
  ])('ATT-6: is read line by line: %s', (_, options) => expect(text(writePdf(LINES, options)).split('\n')).toEqual(LINES))

  test.each([3, 7])('ATT-6: leaves out what rendering mode %i does not show', (mode) => expect(text(writePdf(LINES, { mode }))).toBe(''))

  test('ATT-6: comes from the objects that the cross-reference leads to; others that nobody sees are not read', () => {
    const hidden = '4 0 obj\n<< /Length 44 >>\nstream\nBT /F1 9 Tf 40 700 Td (Hidden: line) Tj ET     \nendstream\nendobj\n'
    expect(text(writePdf(LINES, { hidden })).split('\n')).toEqual(LINES)
  })

  test('ATT-6: of an object that was updated the newest one counts, as a viewer shows it', () => {
    const pdf = writePdf(LINES)
    const start = /startxref\s+(\d+)/.exec(pdf.toString('latin1'))![1]!
    const contents = 'BT /F1 9 Tf 40 800 Td (Newer) Tj ET'
    const object = `4 0 obj\n<< /Length ${contents.length} >>\nstream\n${contents}\nendstream\nendobj\n`
    const update = `${object}xref\n4 1\n${String(pdf.length).padStart(10, '0')} 00000 n \ntrailer\n<< /Size 6 /Root 1 0 R /Prev ${start} >>\nstartxref\n${pdf.length + object.length}\n%%EOF\n`
    expect(text(Buffer.concat([pdf, Buffer.from(update)]))).toBe('Newer')
  })

  test('ATT-6: a space is a wide gap inside a shown array', () => expect(text(pageOf('[(a)-250(b)-10(c)] TJ'))).toBe('a bc'))

  test('ATT-6: a line begins wherever an operator goes down', () => {
    expect(text(pageOf('(a) Tj 0 -14 TD (b) Tj T* (c) Tj')).split('\n')).toEqual(['a', 'b', 'c'])
    expect(text(pageOf("12 TL (a) Tj (b) ' 1 0 (c) \"")).split('\n')).toEqual(['a', 'b', 'c'])
  })

  test('ATT-6: a character that no font names is a sign of its own, never a guess', () => {
    expect(text(pageOf('(ab) Tj', '/Type3'))).toBe('\ufffd\ufffd')
    expect(text(pageOf('/F9 9 Tf (ab) Tj'))).toBe('\ufffd')
  })

  test.each<[string, () => Buffer, string]>([
    ['no PDF', () => Buffer.from('%PDX-1.7'), 'not-a-pdf'],
    ['one cut short', () => writePdf(LINES).subarray(0, -8), 'cut-short'],
    ['an encrypted one', () => writePdf(LINES, { trailer: '/Encrypt << /V 1 >>' }), 'encrypted'],
    ['one with two kinds of cross-reference', () => writePdf(LINES, { trailer: '/XRefStm 10' }), 'structure'],
    ['one whose cross-references lead in a circle', () => circle(), 'structure'],
    ['one whose dictionary has a key twice', () => replaced(writePdf(LINES), '/Type /Catalog /Pages 2 0 R', '/Pages 2 0 R   /Pages 2 0 R'), 'structure'],
    ['one whose cross-reference leads to another object', () => replaced(writePdf(LINES), '\n4 0 obj', '\n9 0 obj'), 'structure'],
    ['one whose root is no dictionary', () => replaced(writePdf(LINES), '/Root 1 0 R', '/Root 7 0 R'), 'structure'],
    ['one whose pages are their own children', () => replaced(writePdf(LINES), '/Kids [3 0 R]', '/Kids [2 0 R]'), 'structure'],
    ['one whose stream is longer than the file', () => replaced(writePdf(LINES), '/Length ', '/Length 9'), 'structure'],
    ['one that is too long', () => Buffer.alloc(PDF_LIMITS.bytes + 1, '%PDF-1.7 '), 'too-large'],
  ])('ATT-6: refuses %s', (_, make, expected) => expect(code(() => text(make()))).toBe(expected))

  test('ATT-6: refuses a stream that unpacks beyond the limit', () => {
    const bomb = deflateSync(Buffer.alloc(PDF_LIMITS.inflated + 1024))
    const head = Buffer.from('%PDF-1.7\n')
    const object = Buffer.concat([Buffer.from(`4 0 obj\n<< /Filter /FlateDecode /Length ${bomb.length} >>\nstream\n`), bomb, Buffer.from('\nendstream\nendobj\n')])
    const rest = '1 0 obj\n<< /Pages 2 0 R >>\nendobj\n2 0 obj\n<< /MediaBox [0 0 595 842] /Contents 4 0 R >>\nendobj\n'
    const at = (text: string) => head.length + object.length + rest.indexOf(text)
    const row = (offset: number) => `${String(offset).padStart(10, '0')} 00000 n \n`
    const table = `xref\n1 2\n${row(at('1 0 obj'))}${row(at('2 0 obj'))}4 1\n${row(head.length)}trailer\n<< /Root 1 0 R >>\nstartxref\n${head.length + object.length + rest.length}\n%%EOF`
    expect(code(() => text(Buffer.concat([head, object, Buffer.from(rest + table)])))).toBe('too-large')
  })

  test('ATT-6: damaged files are refused or read, and nothing else happens (1500, fixed seed)', () => {
    const next = random(61)
    for (const pdf of [writePdf(LINES), writePdf(LINES, { streams: true, deflated: true }), writePdf(LINES, { mapped: true })])
      for (let round = 0; round < 500; round++) code(() => text(mutate(pdf, next)))
  })
})

/** A page of these operators, with a font of this type. */
function pageOf(operators: string, subtype = '/Type1'): Buffer {
  const contents = `BT /F1 9 Tf 40 800 Td ${operators} ET`
  const objects = ['<< /Pages 2 0 R >>', '<< /Kids [3 0 R] >>', `<< /MediaBox [0 0 595 842] /Resources << /Font << /F1 << /Subtype ${subtype} >> >> >> /Contents 4 0 R >>`, `<< /Length ${contents.length} >>\nstream\n${contents}\nendstream`]
  let text = '%PDF-1.7\n'
  const rows = objects.map((body, index) => {
    const row = `${String(text.length).padStart(10, '0')} 00000 n \n`
    text += `${index + 1} 0 obj\n${body}\nendobj\n`
    return row
  })
  return Buffer.from(`${text}xref\n1 ${rows.length}\n${rows.join('')}trailer\n<< /Root 1 0 R >>\nstartxref\n${text.length}\n%%EOF\n`, 'latin1')
}

function circle(): Buffer {
  const pdf = writePdf(LINES)
  const start = /startxref\s+(\d+)/.exec(pdf.toString('latin1'))![1]!
  return writePdf(LINES, { trailer: `/Prev ${start}` })
}

describe('signatures inside a PDF', () => {
  const MESSAGE = Buffer.from('3003020101', 'hex')
  const signed = (options?: Parameters<typeof signPdf>[2], pdf = writePdf(LINES)) => signPdf(pdf, () => MESSAGE, options)

  test('ATT-6: cover all of the file but themselves, and say when', () => {
    const pdf = signed({ subFilter: 'ETSI.CAdES.detached', signedAt: "D:20261122170000+09'00'" })
    let covered: Buffer | null = null
    const again = signPdf(writePdf(LINES), (octets) => ((covered = octets), MESSAGE), { subFilter: 'ETSI.CAdES.detached', signedAt: "D:20261122170000+09'00'" })
    expect(again.equals(pdf)).toBe(true)
    const [signature, ...more] = pdfSignatures(pdf)
    expect(more).toEqual([])
    expect(signature).toMatchObject({ subFilter: 'ETSI.CAdES.detached', wholeFile: true, signedAt: new Date('2026-11-22T08:00:00Z') })
    expect(signature!.covered.equals(covered!)).toBe(true)
    expect(signature!.message.subarray(0, MESSAGE.length).equals(MESSAGE)).toBe(true)
    expect(text(pdf).split('\n')).toEqual(LINES)
    expect(openPdf(pdf).root.has('Pages')).toBe(true)
  })

  test('ATT-6: none in a file without', () => expect(pdfSignatures(writePdf(LINES))).toEqual([]))

  test('ATT-6: don’t cover what is added after them', () => {
    expect(pdfSignatures(signed({ after: Buffer.from('%more\n') }))[0]!.wholeFile).toBe(false)
    const twice = signPdf(signed(), () => MESSAGE)
    expect(pdfSignatures(twice).map(({ wholeFile }) => wholeFile)).toEqual([false, true])
  })

  test.each<[string, Parameters<typeof signPdf>[2]]>([
    ['that leaves out more than itself before', { range: ([a, b, c, d]) => [a, b - 10, c, d] }],
    ['that leaves out more than itself after', { range: ([a, b, c, d]) => [a, b, c + 10, d - 10] }],
    ['that covers part of itself', { range: ([a, b, c, d]) => [a, b + 1, c, d] }],
    ['that leaves out the file’s beginning', { range: ([, b, c, d]) => [10, b, c, d] }],
    ['that goes beyond the file', { range: ([a, b, c, d]) => [a, b, c, d + 1] }],
    ['that leaves out nothing', { range: ([a, b, , d]) => [a, b, b, d] }],
  ])('ATT-6: refuses a range %s', (_, options) => expect(code(() => pdfSignatures(signed(options)))).toBe('signature'))

  test('ATT-6: refuses a range that stands outside of the dictionary whose contents it leaves out', () => {
    const decoy = (range: readonly number[]) => `% /ByteRange [${range.map((number) => String(number).padStart(10, '0')).join(' ')}]\n`
    let whole: readonly number[] = [0, 0, 0, 0]
    signPdf(writePdf(LINES, { hidden: decoy(whole) }), () => MESSAGE, { range: (range) => (whole = range) && range })
    expect(code(() => pdfSignatures(signed({}, writePdf(LINES, { hidden: decoy(whole) }))))).toBe('signature')
  })

  test('ATT-6: refuses a range around something that is no signature’s contents', () => {
    expect(code(() => pdfSignatures(replaced(signed(), '/Contents <', '/Content_ <')))).toBe('signature')
    expect(code(() => pdfSignatures(replaced(signed(), '<3003', '<30x3')))).toBe('signature')
  })

  test('ATT-6: damaged files are refused or read, and nothing else happens (1000, fixed seed)', () => {
    const pdf = signed()
    const next = random(62)
    for (let round = 0; round < 1000; round++) code(() => pdfSignatures(mutate(pdf, next)))
  })
})
