/** Which characters a PDF's fonts draw (ISO 32000-1 9.10), as far as they say so. */
import { MalformedPdf } from './pdf-fault.ts'
import type { PdfFile } from './pdf-file.ts'
import { isDictionary, isList, isOperator, isStream, nameOf, PdfReader, type Dictionary, type Value } from './pdf-object.ts'
import { PDF_STEPS } from './pdf-work.ts'

export type Decode = (bytes: Buffer) => string
/** Stands for a character that no font names. */
export const UNKNOWN = '\ufffd'
/** Octets of UTF-16 that one glyph may stand for: ligatures, no sentences. */
const MAX_GLYPH = 16

export const unknownFont: Decode = () => UNKNOWN

/** The fonts of one file, each read once. */
export class PdfFonts {
  readonly #file: PdfFile
  readonly #known = new Map<Dictionary, Decode>()
  constructor(file: PdfFile) {
    this.#file = file
  }

  /** @throws MalformedPdf */
  named(name: string, resources: Dictionary): Decode {
    const fonts = this.#file.resolve(resources.get('Font'))
    const font = isDictionary(fonts) ? this.#file.resolve(fonts.get(name)) : null
    if (!isDictionary(font)) return unknownFont
    const found = this.#known.get(font) ?? decodeOf(this.#file, font)
    this.#known.set(font, found)
    return found
  }
}

function decodeOf(file: PdfFile, font: Dictionary): Decode {
  const wide = nameOf(font.get('Subtype')) === 'Type0'
  // A font of procedures draws anything, in any size.
  const drawn = nameOf(font.get('Subtype')) === 'Type3'
  const map = file.resolve(font.get('ToUnicode'))
  const data = isStream(map) && !drawn ? file.octets(map) : null
  if (data) {
    const characters = readCharacterMap(file, data)
    const width = wide ? 2 : 1
    return (bytes) => {
      file.work.spend(bytes.length * PDF_STEPS.character)
      let text = ''
      for (let at = 0; at + width <= bytes.length; at += width) text += characters.get(bytes.readUIntBE(at, width)) ?? UNKNOWN
      return text
    }
  }
  const encoding = file.resolve(font.get('Encoding'))
  // Without a map of its own, a font with an encoding of its own draws characters that nobody can name.
  const plain = !wide && !isDictionary(encoding) && !drawn
  return plain ? (bytes) => bytes.toString('latin1') : (bytes) => UNKNOWN.repeat(bytes.length)
}

/** A ToUnicode map (9.10.3): its bfchar and bfrange lines. */
function readCharacterMap(file: PdfFile, data: Buffer): ReadonlyMap<number, string> {
  const found = new Map<number, string>()
  const reader = new PdfReader(data, file.work, 0, true)
  const text = (bytes: Buffer): string => (bytes.length % 2 === 0 && bytes.length <= MAX_GLYPH ? Buffer.from(bytes).swap16().toString('utf16le') : UNKNOWN)
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
        const count = Math.max(0, code(until) - code(from) + 1)
        // Eighteen octets name 65,536 characters.
        file.work.spend(count * PDF_STEPS.character)
        const one = Buffer.isBuffer(to) && to.length >= 2 && to.length <= MAX_GLYPH && to.length % 2 === 0 ? to : null
        const [head, tail] = one ? [text(one.subarray(0, -2)), one.readUInt16BE(one.length - 2)] : ['', 0]
        for (let each = 0; each < count; each++) {
          const listed = isList(to) ? to[each] : null
          if (Buffer.isBuffer(listed)) found.set(code(from) + each, text(listed))
          else if (one) found.set(code(from) + each, head + String.fromCharCode((tail + each) & 0xffff))
        }
      }
    operands = []
  }
  return found
}
