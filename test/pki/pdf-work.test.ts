import { describe, expect, test } from 'vitest'
import { MalformedPdf } from '../../src/pki/pdf-fault.ts'
import { openPdf, PDF_LIMITS } from '../../src/pki/pdf-file.ts'
import { pdfText } from '../../src/pki/pdf-text.ts'
import { PDF_STEPS, PdfWork } from '../../src/pki/pdf-work.ts'
import { pdfSignatures } from '../../src/pki/pdf-signature.ts'
import { objectStreamOf, pageOf, pdfOf, streamOf } from '../support/pdf-objects.ts'

/** What became of a file, and the steps that it took. */
function read(pdf: Buffer, limit: number = PDF_STEPS.limit): { readonly outcome: string; readonly spent: number } {
  const work = new PdfWork(limit)
  try {
    return { outcome: `text:${pdfText(openPdf(pdf, work))}`, spent: work.spent }
  } catch (error) {
    if (!MalformedPdf.is(error)) throw error
    return { outcome: error.code, spent: work.spent }
  }
}
const ROOT = '<< /Pages 101 0 R >> '
const PAGES = '<< /Kids [102 0 R] >> '
const PAGE = '<< /MediaBox [0 0 9 9] >> '
const OWNER = '<< /MediaBox [0 0 9 9] /Contents 103 0 R >> '
const count = (length: number) => Array.from({ length }, (_, index) => index)
/** The last single step may overrun the limit by what one stream holds. */
const OVERRUN = PDF_LIMITS.inflated

describe('the work that a PDF asks for', () => {
  test('ATT-9: an object stream is read once and only where something refers to it', () => {
    const values = `${ROOT}${PAGES}${PAGE}`
    const offsets = [0, ROOT.length, ROOT.length + PAGES.length]
    expect(read(objectStreamOf(values, offsets)).outcome).toBe('text:')
    // A hundred kilobytes that nothing refers to cost what unpacking costs, and no values.
    const more = `[${'<<>>'.repeat(20_000)}]`
    const { outcome, spent } = read(objectStreamOf(values + more, [...offsets, values.length]))
    expect(outcome).toBe('text:')
    expect(spent).toBeLessThan(3 * more.length)
  })

  test.each<[string, () => Buffer, string]>([
    ['offsets that are all the same', () => objectStreamOf(`${ROOT}[${'<<>>'.repeat(20_000)}]`, [0, ...count(199).map(() => ROOT.length)]), 'structure'],
    ['offsets that fall', () => objectStreamOf(`${ROOT}${PAGES}${PAGE}`, [0, ROOT.length + PAGES.length, ROOT.length]), 'structure'],
    ['an offset behind its end', () => objectStreamOf(ROOT, [0, 5000]), 'structure'],
    ['values before its beginning', () => objectStreamOf(ROOT, [0], { first: -40 }), 'structure'],
    ['more objects than are read', () => objectStreamOf(`${ROOT}[${'<<>>'.repeat(20_000)}]`, [0, ...count(49_000).map(() => ROOT.length)]), 'too-large'],
    ['a stream inside it', () => objectStreamOf(`${ROOT}${PAGES}${OWNER}<< /Length 0 >>\nstream\nendstream`, [0, ROOT.length, ROOT.length + PAGES.length, ROOT.length + PAGES.length + OWNER.length]), 'structure'],
  ])('ATT-9: an object stream is refused with %s', (_, make, expected) => {
    const { outcome, spent } = read(make())
    expect(outcome).toBe(expected)
    expect(spent).toBeLessThan(4_000_000)
  })

  test('ATT-9: inline pictures are passed by once, however many', () => {
    const steps = (pictures: number) => read(pageOf('BI EI '.repeat(pictures))).spent
    expect(steps(20_000)).toBeLessThan(2.2 * steps(10_000))
    expect(read(pageOf('BI x EI BT /F1 9 Tf 9 9 Td (seen) Tj ET')).outcome).toBe('text:seen')
    expect(read(pageOf('BI xEI EIx EI BT /F1 9 Tf 9 9 Td (seen) Tj ET')).outcome).toBe('text:seen')
    expect(read(pageOf('BI x BT /F1 9 Tf 9 9 Td (swallowed) Tj ET')).outcome).toBe('text:')
  })

  test('ATT-9: a long row of digits is no number, and is seen so in one passing', () => {
    const { outcome, spent } = read(pdfOf(['<< /Pages 2 0 R >>'], `/X ${'1'.repeat(100_000)}x `))
    expect(outcome).toBe('structure')
    expect(spent).toBeLessThan(300_000)
  })

  test('ATT-9: an object that is referred to again and again is read once', () => {
    const dictionary = `<< ${count(20_000).map((index) => `/k${index} 1`).join(' ')} >>`
    const steps = (times: number) => read(pageOf('/X Do '.repeat(times), { resources: '/XObject 6 0 R', more: [dictionary] })).spent
    expect(steps(100)).toBeLessThan(1.05 * steps(1))
  })

  test.each<[string, () => Buffer]>([
    ['a page of operators without end', () => pageOf('q Q '.repeat(1_000_000))],
    ['a form that is drawn again and again', () => pageOf('/X Do '.repeat(5000), { resources: '/XObject << /X 6 0 R >>', more: [streamOf('0 g '.repeat(1000), '/Subtype /Form')] })],
    ['contents that are named again and again', () => pdfOf(['<< /Pages 2 0 R >>', '<< /Kids [3 0 R] >>', `<< /MediaBox [0 0 9 9] /Contents [${'4 0 R '.repeat(100_000)}] >>`, streamOf(' '.repeat(2_000_000), '', false)])],
    ['one page that stands there again and again', () => pdfOf(['<< /Pages 2 0 R >>', `<< /Kids [${'3 0 R '.repeat(200)}] >>`, '<< /MediaBox [0 0 9 9] /Contents 4 0 R >>', streamOf('0 g '.repeat(20_000))])],
    ['a list of small objects', () => pageOf(`[${'<<>>'.repeat(900_000)}] TJ`)],
    ['a font whose map names every character thousands of times', () => mapped()],
    ['cross-references that repeat themselves', () => Buffer.concat([Buffer.from('%PDF-1.7\n1 0 obj\n'), streamOf('', `/Type /XRef /W [0 0 0] /Size 1 /Index [${'0 40000 '.repeat(200)}] /Root 1 0 R`), Buffer.from('\nendobj\nstartxref\n9\n%%EOF\n')])],
  ])('ATT-9: ends with a reason for %s', (_, make) => {
    const pdf = make()
    const { outcome, spent } = read(pdf)
    expect(['too-much-work', 'too-large']).toContain(outcome)
    expect(spent).toBeLessThan(PDF_STEPS.limit + OVERRUN)
  })

  test('ATT-9: is paid out of one purse for opening and for reading', () => {
    const pdf = pageOf('BT /F1 9 Tf 9 9 Td (seen) Tj ET')
    const work = new PdfWork()
    const file = openPdf(pdf, work)
    const opened = work.spent
    pdfText(file)
    expect(opened).toBeGreaterThan(0)
    expect(work.spent).toBeGreaterThan(opened)
    expect(read(pdf, work.spent).outcome).toBe('text:seen')
    expect(read(pdf, work.spent - 1).outcome).toBe('too-much-work')
    expect(read(pdf, opened - 1).outcome).toBe('too-much-work')
  })

  test('ATT-9: all streams together unpack to four mebioctets at most', () => {
    const forms = count(3).map(() => streamOf(' '.repeat(1_500_000), '/Subtype /Form'))
    const drawn = (names: string) => read(pageOf(names, { resources: '/XObject << /A 6 0 R /B 7 0 R /C 8 0 R >>', more: forms })).outcome
    expect(drawn('/A Do /B Do /A Do')).toBe('text:')
    expect(drawn('/A Do /B Do /C Do')).toBe('too-large')
  })

  test('ATT-9: objects that need each other in a long row are refused before the stack ends', () => {
    // The length of each object stream stands inside the next one.
    const length = 4000
    const parts = [Buffer.from('%PDF-1.7\n')]
    let at = parts[0]!.length
    const rows: Buffer[] = []
    const row = (kind: number, place: number): void => {
      const found = Buffer.alloc(7)
      found[0] = kind
      found.writeUInt32BE(place, 1)
      rows.push(found)
    }
    for (let each = 1; each <= length; each++) {
      row(1, at)
      const part = Buffer.from(`${each} 0 obj\n<< /N 1 /First 6 /Length ${each + 1 + 10_000} 0 R >>\nstream\n`)
      parts.push(part)
      at += part.length
    }
    for (let each = 1; each <= length; each++) row(2, each)
    const table = streamOf(Buffer.concat(rows), `/Type /XRef /W [1 4 2] /Index [1 ${length} 10001 ${length}] /Root 10001 0 R`)
    const pdf = Buffer.concat([...parts, Buffer.from('9000 0 obj\n'), table, Buffer.from(`\nendobj\nstartxref\n${at}\n%%EOF\n`)])
    const { outcome, spent } = read(pdf)
    expect(outcome).toBe('structure')
    expect(spent).toBeLessThan(1_000_000)
  })

  test('ATT-9: a glyph may stand for a ligature, and for no sentence', () => {
    const text = (octets: string) => read(mapped(`1 beginbfchar <00> <${octets}> endbfchar`)).outcome
    expect(text('006600660069')).toBe('text:ffi')
    expect(text('0066'.repeat(9))).toBe('text:\ufffd')
  })
})

/** A page that shows a string in a font with this ToUnicode map. */
function mapped(map = `1 beginbfrange ${'<00><ffff><0000>'.repeat(3000)} endbfrange`): Buffer {
  return pdfOf(['<< /Pages 2 0 R >>', '<< /Kids [3 0 R] >>', '<< /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>', streamOf(`BT /F 9 Tf 9 9 Td <00> Tj ET`), '<< /Subtype /Type1 /ToUnicode 6 0 R >>', streamOf(map)])
}

test('ATT-9: signatures of a PDF each have contents of their own', () => {
  const make = (times: number): Buffer => {
    const ranges = '/ByteRange [0 0000000000 0000000000 0000000000] '.repeat(times)
    const head = `%PDF-1.7\n1 0 obj\n<< /Type /Sig ${ranges}/Contents `
    const tail = ' >>\nendobj\n'
    const second = head.length + 6
    const filled = head.replaceAll('0000000000 0000000000 0000000000', [head.length, second, tail.length].map((each) => String(each).padStart(10, '0')).join(' '))
    return Buffer.from(`${filled}<3000>${tail}`)
  }
  expect(pdfSignatures(make(1))).toHaveLength(1)
  expect(() => pdfSignatures(make(2))).toThrow('signature')
})
