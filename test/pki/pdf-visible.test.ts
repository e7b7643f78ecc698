import { describe, expect, test } from 'vitest'
import { openPdf } from '../../src/pki/pdf-file.ts'
import { pdfText } from '../../src/pki/pdf-text.ts'
import { pageOf, pdfOf, streamOf, type PageOptions } from '../support/pdf-objects.ts'

/** What is read of a page on which this stands before the word, and this after it. */
const read = (before: string, after = '', options: PageOptions = {}, shown = '(SECRET) Tj'): string => pdfText(openPdf(pageOf(`${before} BT /F1 9 Tf 40 700 Td ${shown} ET ${after}`, options)))
const state = (entries: string): PageOptions => ({ resources: `/ExtGState << /G << ${entries} >> /H << /ca 1 >> >>` })
const UNREAD = '\ufffd'

describe('text of a PDF that is surely seen', () => {
  test.each<[string, string, PageOptions]>([
    ['black as it begins', '', {}],
    ['black', '0 g', {}],
    ['nearly black', '0.1 0.1 0.2 rg', {}],
    ['black ink', '0 0 0 1 k', {}],
    ['black of three inks', '1 1 1 0 k', {}],
    ['black of a named device space', '/DeviceRGB cs 0 0 0 sc', {}],
    ['black again', 'q 1 g Q', {}],
    ['opaque', '/G gs', state('/ca 1 /BM /Normal /SMask /None')],
    ['opaque again', '/G gs /H gs', state('/ca 0.2')],
    ['under a state that says nothing of it', '/G gs', state('/LW 2')],
    ['in marked content that is no layer', '/Span BMC', {}],
    ['behind a layer', '/OC /O BDC EMC', {}],
    ['turned and scaled', '0 2 -2 0 1500 100 cm 1 0 0 1 0 0 cm', {}],
    ['on a page that is cropped elsewhere', '', { page: '/MediaBox [0 0 595 842] /CropBox [30 600 595 842]' }],
  ])('ATT-6: is read: %s', (_, before, options) => expect(read(before, '', options)).toBe('SECRET'))

  test.each<[string, string, PageOptions]>([
    ['white', '1 g', {}],
    ['white of three colours', '1 1 1 rg', {}],
    ['grey', '0.5 g', {}],
    ['red', '1 0 0 rg', {}],
    ['without ink', '0 0 0 0 k', {}],
    ['in a colour of a named device space', '/DeviceGray cs 1 sc', {}],
    ['in a separation', '/S cs 1 scn', { resources: '/ColorSpace << /S [/Separation /Black /DeviceGray 6 0 R] >>' }],
    ['in a pattern', '/Pattern cs /P scn', {}],
    ['in black where the page replaces black', '0 g', { resources: '/ColorSpace << /DefaultGray [/Separation /White /DeviceGray 6 0 R] >>' }],
    ['in black as it begins where the page replaces it', '', { resources: '/ColorSpace << /DefaultGray [/Separation /White /DeviceGray 6 0 R] >>' }],
    ['transparent', '/G gs', state('/ca 0')],
    ['nearly opaque', '/G gs', state('/ca 0.9')],
    ['behind a mask', '/G gs', state('/SMask << /S /Alpha >>')],
    ['behind a mask that another state leaves', '/G gs /H gs', state('/SMask << /S /Alpha >>')],
    ['blended away', '/G gs', state('/BM /Screen')],
    ['turned to white by a transfer function', '/G gs', state('/TR 6 0 R')],
    ['on an optional layer', '/OC /O BDC', {}],
    ['in marked content on an optional layer', '/OC /O BDC /Span BMC', {}],
    ['beside the page', '1 0 0 1 0 -5000 cm', {}],
    ['right of the page', '1 0 0 1 600 0 cm', {}],
    ['outside of what the page is cropped to', '', { page: '/MediaBox [0 0 595 842] /CropBox [0 0 595 600]' }],
    ['scaled to nothing', '0 0 0 0 0 0 cm', {}],
    ['scaled small', '0.4 0 0 0.4 0 0 cm', {}],
    ['scaled flat', '1 0 0 0.01 0 400 cm', {}],
    ['scaled narrow', '0.01 0 0 1 0 0 cm', {}],
    ['slanted to a line', '1 0 1 0.001 0 100 cm', {}],
    ['pressed narrow', '1 Tz', {}],
    ['drawn as outlines', '1 Tr', {}],
  ])('ATT-6: is not: %s', (_, before, options) => expect(read(before, '', options)).toBe(UNREAD))

  test.each<[string, string, string]>([
    ['of no size', '/F1 0 Tf (SECRET) Tj', UNREAD],
    ['of small size', '/F1 3.9 Tf (SECRET) Tj', UNREAD],
    ['of the smallest size', '/F1 4 Tf (SECRET) Tj', 'SECRET'],
    ['moved off the page by its rise', '900 Ts (SECRET) Tj', UNREAD],
    ['moved off the page inside an array', '[-99999 (SECRET)] TJ', UNREAD],
    ['moved off the page by wide spaces', '9999 Tw (a ) Tj (SECRET) Tj', `a ${UNREAD}`],
    ['moved off the page by wide characters', '9999 Tc (a) Tj (SECRET) Tj', `a${UNREAD}`],
    ['moved off the page by the operator for both', '9999 0 (a ) " (SECRET) Tj', `a ${UNREAD}`],
    ['placed off the page', '1 0 0 1 -50 700 Tm (SECRET) Tj', UNREAD],
    ['of a font that is not there', '/F3 9 Tf (SECRET) Tj', UNREAD],
    ['of the saved font again', 'q /F3 9 Tf Q (SECRET) Tj', 'SECRET'],
  ])('ATT-6: of text %s', (_, shown, expected) => expect(read('', '', {}, shown)).toBe(expected))

  test('ATT-6: a font of procedures draws anything, whatever characters it names', () => {
    const map = streamOf('1 beginbfchar <00> <0041> endbfchar')
    const shown = (subtype: string) =>
      pdfText(openPdf(pdfOf(['<< /Pages 2 0 R >>', '<< /Kids [3 0 R] >>', '<< /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>', streamOf('BT /F 9 Tf 40 700 Td <00> Tj ET'), `<< /Subtype ${subtype} /ToUnicode 6 0 R >>`, map])))
    expect(shown('/Type1')).toBe('A')
    expect(shown('/Type3')).toBe(UNREAD)
  })

  test.each<[string, string, string]>([
    ['drawn as it is', '', 'SECRET'],
    ['of a layer', '/OC 7 0 R', UNREAD],
    ['moved off the page', '/Matrix [1 0 0 1 0 900]', UNREAD],
    ['scaled small', '/Matrix [0.1 0 0 0.1 0 0]', UNREAD],
  ])('ATT-6: inside a form %s', (_, entries, expected) => {
    const form = streamOf('BT /F1 9 Tf 40 700 Td (SECRET) Tj ET', `/Subtype /Form ${entries}`)
    expect(pdfText(openPdf(pageOf('/X Do', { resources: '/XObject << /X 6 0 R >>', more: [form, '<< /Type /OCG >>'] })))).toBe(expected)
  })

  test('ATT-6: a form inherits the colour and the layer that it is drawn in', () => {
    const form = streamOf('BT /F1 9 Tf 40 700 Td (SECRET) Tj ET', '/Subtype /Form')
    for (const before of ['1 g', '/OC /O BDC', '/G gs']) expect(pdfText(openPdf(pageOf(`${before} /X Do`, { resources: '/XObject << /X 6 0 R >> /ExtGState << /G << /ca 0 >> >>', more: [form] })))).toBe(UNREAD)
  })

  test('ATT-6: lines are told apart by where they stand on the page, however the page is scaled', () => {
    const pdf = pageOf('.24 0 0 -.24 0 842 cm BT /F1 50 Tf 1 0 0 -1 100 100 Tm (one) Tj 1 0 0 -1 400 100 Tm (same) Tj 1 0 0 -1 100 160 Tm (two) Tj ET')
    expect(pdfText(openPdf(pdf))).toBe('onesame\ntwo')
  })

  test('ATT-6: a page without a media box is none', () => expect(() => pdfText(openPdf(pageOf('', { page: '' })))).toThrow('structure'))
})
