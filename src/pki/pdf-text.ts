/**
 * The text that a PDF's pages show (ISO 32000-1 9), line by line, as far as its fonts say which characters they draw. Invisible text is left out: a
 * signer has not seen it.
 */
import { isDictionary, isList, isOperator, isStream, MalformedPdf, nameOf, PdfReader, type Dictionary, type Stream, type Value } from './pdf-object.ts'
import { openPdf, type PdfFile } from './pdf-file.ts'

const LIMITS = { pages: 200, characters: 400_000, operations: 2_000_000, depth: 6 } as const

type Decode = (bytes: Buffer) => string
const UNKNOWN = '\ufffd'

/** @throws MalformedPdf */
export function pdfText(bytes: Buffer): string {
  const file = openPdf(bytes)
  const shown = new ShownText()
  for (const { contents, resources } of pagesOf(file)) {
    shown.begin()
    const parts = isList(contents) ? contents.map((each) => file.resolve(each)) : [contents]
    const data = parts.filter(isStream).map((part) => file.octets(part) ?? Buffer.alloc(0))
    show(file, Buffer.concat(data.flatMap((part) => [part, Buffer.from('\n')])), resources, shown, 0)
  }
  return shown.text
}

interface Page {
  readonly contents: Value
  readonly resources: Dictionary
}

function pagesOf(file: PdfFile): Page[] {
  const found: Page[] = []
  let visited = 0
  const visit = (value: Value, inherited: Dictionary, depth: number): void => {
    if (!isDictionary(value) || depth > 16 || ++visited > 2000) throw new MalformedPdf('structure')
    const own = file.resolve(value.get('Resources'))
    const resources = isDictionary(own) ? own : inherited
    const kids = file.resolve(value.get('Kids'))
    if (isList(kids)) for (const kid of kids) visit(file.resolve(kid), resources, depth + 1)
    else if (found.push({ contents: file.resolve(value.get('Contents')), resources }) > LIMITS.pages) throw new MalformedPdf('too-large')
  }
  visit(file.resolve(file.root.get('Pages')), new Map(), 0)
  return found
}

/** What was shown so far; a line ends where the next string stands at another height. */
class ShownText {
  text = ''
  operations = 0
  #height: number | null = null
  begin(): void {
    this.#height = null
  }
  add(words: string, height: number): void {
    if (words === '') return
    if (this.text !== '' && (this.#height === null || Math.abs(height - this.#height) > 1)) this.text += '\n'
    this.#height = height
    this.text += words
    if (this.text.length > LIMITS.characters) throw new MalformedPdf('too-large')
  }
}

function show(file: PdfFile, data: Buffer, resources: Dictionary, shown: ShownText, depth: number): void {
  if (depth > LIMITS.depth) throw new MalformedPdf('structure')
  const reader = new PdfReader(data, 0, true)
  const fonts = new Map<string, Decode>()
  let operands: Value[] = []
  let decode: Decode = () => UNKNOWN
  let [height, scale, leading, mode] = [0, 1, 0, 0]
  const modes: number[] = []
  const number = (value: Value | undefined): number => (typeof value === 'number' ? value : 0)
  const words = (value: Value | undefined): void => {
    // 3: neither filled nor stroked; 7: only a clipping path.
    if (Buffer.isBuffer(value) && mode !== 3 && mode !== 7) shown.add(decode(value), height)
  }
  const down = (by: number): void => void (height += by * scale)
  while (!reader.done) {
    if (++shown.operations > LIMITS.operations) throw new MalformedPdf('too-large')
    const value = reader.value()
    if (!isOperator(value)) {
      if (operands.push(value) > 1000) throw new MalformedPdf('structure')
      continue
    }
    const last = operands.at(-1)
    switch (value.operator) {
      case 'q':
        modes.push(mode)
        break
      case 'Q':
        mode = modes.pop() ?? mode
        break
      case 'BT':
        height = 0
        scale = 1
        break
      case 'Tf':
        decode = fontOf(file, resources, nameOf(operands[0]) ?? '', fonts)
        break
      case 'Tr':
        mode = number(last)
        break
      case 'TL':
        leading = number(last)
        break
      case 'Td':
        down(number(operands[1]))
        break
      case 'TD':
        leading = -number(operands[1])
        down(number(operands[1]))
        break
      case 'Tm':
        scale = number(operands[3])
        height = number(operands[5])
        break
      case 'T*':
        down(-leading)
        break
      case "'":
      case '"':
        down(-leading)
        words(last)
        break
      case 'Tj':
        words(last)
        break
      case 'TJ':
        // A move of a fifth of the font's size to the right is a space.
        for (const each of isList(last) ? last : []) if (typeof each === 'number' && each < -200) { if (mode !== 3 && mode !== 7) shown.add(' ', height) } else words(each)
        break
      case 'BI':
        skipPicture(reader, data)
        break
      case 'Do': {
        const forms = file.resolve(resources.get('XObject'))
        const form = isDictionary(forms) ? file.resolve(forms.get(nameOf(last) ?? '')) : null
        if (isStream(form) && nameOf(form.dictionary.get('Subtype')) === 'Form') showForm(file, form, resources, shown, depth)
        break
      }
    }
    operands = []
  }
}

function showForm(file: PdfFile, form: Stream, resources: Dictionary, shown: ShownText, depth: number): void {
  const own = file.resolve(form.dictionary.get('Resources'))
  const data = file.octets(form)
  shown.begin()
  if (data) show(file, data, isDictionary(own) ? own : resources, shown, depth + 1)
  shown.begin()
}

/** An inline picture's octets (8.9.7) look like anything: skipped to its end. */
function skipPicture(reader: PdfReader, data: Buffer): void {
  const end = /[\0\t\n\f\r ]EI[\0\t\n\f\r ]/.exec(data.toString('latin1', reader.at))
  reader.at = end ? reader.at + end.index + 4 : data.length
}

function fontOf(file: PdfFile, resources: Dictionary, name: string, known: Map<string, Decode>): Decode {
  const found = known.get(name)
  if (found) return found
  const fonts = file.resolve(resources.get('Font'))
  const font = isDictionary(fonts) ? file.resolve(fonts.get(name)) : null
  const decode = isDictionary(font) ? decodeOf(file, font) : () => UNKNOWN
  known.set(name, decode)
  return decode
}

function decodeOf(file: PdfFile, font: Dictionary): Decode {
  const wide = nameOf(font.get('Subtype')) === 'Type0'
  const map = file.resolve(font.get('ToUnicode'))
  const data = isStream(map) ? file.octets(map) : null
  if (data) {
    const characters = readCharacterMap(data)
    const width = wide ? 2 : 1
    return (bytes) => {
      let text = ''
      for (let at = 0; at + width <= bytes.length; at += width) text += characters.get(bytes.readUIntBE(at, width)) ?? UNKNOWN
      return text
    }
  }
  const encoding = file.resolve(font.get('Encoding'))
  // Without a map of its own, a font with an encoding of its own draws characters that nobody can name.
  const plain = !wide && !isDictionary(encoding) && nameOf(font.get('Subtype')) !== 'Type3'
  return plain ? (bytes) => bytes.toString('latin1') : (bytes) => UNKNOWN.repeat(bytes.length)
}

/** A ToUnicode map (9.10.3): its bfchar and bfrange lines. */
function readCharacterMap(data: Buffer): ReadonlyMap<number, string> {
  const found = new Map<number, string>()
  const reader = new PdfReader(data, 0, true)
  const text = (bytes: Buffer): string => (bytes.length % 2 === 0 ? Buffer.from(bytes).swap16().toString('utf16le') : UNKNOWN)
  const code = (bytes: Buffer): number => (bytes.length > 0 && bytes.length <= 4 ? bytes.readUIntBE(0, bytes.length) : -1)
  let operands: Value[] = []
  while (!reader.done) {
    const value = reader.value()
    if (!isOperator(value)) {
      if (operands.push(value) > 20_000) throw new MalformedPdf('structure')
      continue
    }
    if (value.operator === 'endbfchar')
      for (let at = 0; at + 1 < operands.length; at += 2) {
        const [from, to] = operands.slice(at, at + 2)
        if (Buffer.isBuffer(from) && Buffer.isBuffer(to)) found.set(code(from), text(to))
      }
    if (value.operator === 'endbfrange')
      for (let at = 0; at + 2 < operands.length; at += 3) {
        const [from, until, to] = operands.slice(at, at + 3)
        if (!Buffer.isBuffer(from) || !Buffer.isBuffer(until) || code(until) - code(from) > 65_535) continue
        for (let each = code(from); each <= code(until); each++) {
          const listed = isList(to) ? to[each - code(from)] : null
          if (Buffer.isBuffer(listed)) found.set(each, text(listed))
          else if (Buffer.isBuffer(to) && to.length >= 2 && to.length % 2 === 0) {
            const moved = Buffer.from(to)
            moved.writeUInt16BE((moved.readUInt16BE(moved.length - 2) + each - code(from)) & 0xffff, moved.length - 2)
            found.set(each, text(moved))
          }
        }
      }
    operands = []
  }
  return found
}
