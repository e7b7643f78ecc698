/**
 * The text that a PDF's pages show in black (ISO 32000-1 9), line by line, as far as its fonts say which characters they draw. What is not surely seen,
 * a signer may not have seen: it is not read. What is covered, cut away by a clipping path, or drawn by a font that names other characters than it
 * draws is read all the same: only a viewer shows that.
 */
import { MalformedPdf } from './pdf-fault.ts'
import type { PdfFile } from './pdf-file.ts'
import { type Decode, PdfFonts, UNKNOWN, unknownFont } from './pdf-font.ts'
import { type Box, Graphics } from './pdf-graphics.ts'
import { isDictionary, isList, isOperator, isStream, nameOf, PdfReader, type Dictionary, type Stream, type Value } from './pdf-object.ts'
import { PDF_STEPS } from './pdf-work.ts'

const LIMITS = { pages: 200, nodes: 2000, characters: 400_000, operators: 400_000, depth: 6 } as const

/**
 * Text that is painted otherwise than in plain black, 4 points high and on the page leaves U+FFFD in its place; text that paints nothing leaves nothing.
 * @throws MalformedPdf
 */
export function pdfText(file: PdfFile): string {
  const shown = new ShownText(file)
  for (const { contents, resources, box } of pagesOf(file)) {
    shown.begin()
    const parts: Buffer[] = []
    for (const each of isList(contents) ? contents : [contents]) {
      const part = file.resolve(each)
      const data = isStream(part) ? file.octets(part) : null
      // The same stream may be named again and again.
      file.work.spend((data?.length ?? 0) + PDF_STEPS.value)
      if (data) parts.push(data, Buffer.from('\n'))
    }
    show(shown, Buffer.concat(parts), resources, Graphics.ofPage(box, resources, file.resolve), 0)
  }
  return shown.text
}

interface Page {
  readonly contents: Value
  readonly resources: Dictionary
  readonly box: Box
}

/** What a page takes from the nodes above it (7.7.3.4). */
interface Inherited {
  readonly resources: Dictionary
  readonly media: Value
  readonly crop: Value
}

function pagesOf(file: PdfFile): Page[] {
  const found: Page[] = []
  let visited = 0
  const visit = (value: Value, above: Inherited, depth: number): void => {
    file.work.spend(PDF_STEPS.value)
    if (!isDictionary(value) || depth > 16) throw new MalformedPdf('structure')
    if (++visited > LIMITS.nodes) throw new MalformedPdf('too-large')
    const own = file.resolve(value.get('Resources'))
    const here = { resources: isDictionary(own) ? own : above.resources, media: value.get('MediaBox') ?? above.media, crop: value.get('CropBox') ?? above.crop }
    const kids = file.resolve(value.get('Kids'))
    if (isList(kids)) for (const kid of kids) visit(file.resolve(kid), here, depth + 1)
    else if (found.push({ contents: file.resolve(value.get('Contents')), resources: here.resources, box: boxOf(file, here) }) > LIMITS.pages) throw new MalformedPdf('too-large')
  }
  visit(file.resolve(file.root.get('Pages')), { resources: new Map(), media: null, crop: null }, 0)
  return found
}

/** What a viewer shows of a page: its crop box, inside of the media box, which every page has (14.11.2). */
function boxOf(file: PdfFile, { media, crop }: Inherited): Box {
  const read = (value: Value): Box | null => {
    const list = file.resolve(value)
    const [x1, y1, x2, y2] = isList(list) && list.length === 4 ? list.map((each) => file.resolve(each)) : []
    if (typeof x1 !== 'number' || typeof y1 !== 'number' || typeof x2 !== 'number' || typeof y2 !== 'number') return null
    return [Math.min(x1, x2), Math.min(y1, y2), Math.max(x1, x2), Math.max(y1, y2)]
  }
  const whole = read(media)
  if (!whole) throw new MalformedPdf('structure')
  const [left, bottom, right, top] = read(crop) ?? whole
  return [Math.max(left, whole[0]), Math.max(bottom, whole[1]), Math.min(right, whole[2]), Math.min(top, whole[3])]
}

/** What was shown so far; a line ends where the next string stands at another height. */
class ShownText {
  readonly file: PdfFile
  readonly fonts: PdfFonts
  text = ''
  #operators = 0
  #height: number | null = null
  constructor(file: PdfFile) {
    this.file = file
    this.fonts = new PdfFonts(file)
  }
  begin(): void {
    this.#height = null
  }
  operator(): void {
    this.file.work.spend(PDF_STEPS.operator)
    if (++this.#operators > LIMITS.operators) throw new MalformedPdf('too-large')
  }
  add(words: string, height: number): void {
    if (words === '') return
    if (this.text !== '' && (this.#height === null || !(Math.abs(height - this.#height) <= 1))) this.text += '\n'
    this.#height = height
    this.text += words
    if (this.text.length > LIMITS.characters) throw new MalformedPdf('too-large')
  }
}

function show(shown: ShownText, data: Buffer, resources: Dictionary, graphics: Graphics, depth: number): void {
  if (depth > LIMITS.depth) throw new MalformedPdf('structure')
  const { file, fonts } = shown
  const reader = new PdfReader(data, file.work, 0, true)
  // The font is saved and restored with the rest of the state.
  const saved: Decode[] = []
  let decode = unknownFont
  let operands: Value[] = []
  const words = (value: Value | undefined): void => {
    if (!Buffer.isBuffer(value)) return
    if (!graphics.unpainted) shown.add(graphics.seen ? decode(value) : UNKNOWN, graphics.height)
    graphics.shown(value)
  }
  while (!reader.done) {
    const value = reader.value()
    if (!isOperator(value)) {
      if (operands.push(value) > 1000) throw new MalformedPdf('structure')
      continue
    }
    shown.operator()
    const last = operands.at(-1)
    graphics.apply(value.operator, operands)
    switch (value.operator) {
      case 'q':
        saved.push(decode)
        break
      case 'Q':
        decode = saved.pop() ?? decode
        break
      case 'Tf':
        decode = fonts.named(nameOf(operands[0]) ?? '', resources)
        break
      case '"':
        graphics.apply('Tw', operands.slice(0, 1))
        graphics.apply('Tc', operands.slice(1, 2))
        graphics.down()
        words(last)
        break
      case "'":
        graphics.down()
        words(last)
        break
      case 'Tj':
        words(last)
        break
      case 'TJ':
        for (const each of isList(last) ? last : []) {
          words(each)
          if (typeof each !== 'number') continue
          graphics.kern(each)
          // A move of a fifth of the font's size to the right is a space.
          if (each < -200 && graphics.seen) shown.add(' ', graphics.height)
        }
        break
      case 'BI':
        // An inline picture's octets (8.9.7) look like anything.
        reader.skipPast('EI')
        break
      case 'Do': {
        const forms = file.resolve(resources.get('XObject'))
        const form = isDictionary(forms) ? file.resolve(forms.get(nameOf(last) ?? '')) : null
        if (isStream(form) && nameOf(file.resolve(form.dictionary.get('Subtype'))) === 'Form') showForm(shown, form, resources, graphics, depth)
        break
      }
    }
    operands = []
  }
}

function showForm(shown: ShownText, form: Stream, resources: Dictionary, graphics: Graphics, depth: number): void {
  const { file } = shown
  const found = file.resolve(form.dictionary.get('Resources'))
  const own = isDictionary(found) ? found : resources
  const data = file.octets(form)
  shown.begin()
  if (data) show(shown, data, own, graphics.within(form.dictionary, own), depth + 1)
  shown.begin()
}
