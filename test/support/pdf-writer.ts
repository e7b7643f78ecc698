/** Small PDFs and signatures in them, written apart from the reader under test (ISO 32000-1 7.5, 12.8). */
import { deflateSync } from 'node:zlib'

export interface PdfOptions {
  /** Deflates the page's contents. */
  readonly deflated?: boolean
  /** Puts the objects into an object stream, behind a cross-reference stream, as PDF 1.5 allows. */
  readonly streams?: boolean
  /** Text rendering mode: 3 draws nothing. */
  readonly mode?: number
  /** Names each glyph by a map of the font's own, two octets a character. */
  readonly mapped?: boolean
  /** Entries of the trailer. */
  readonly trailer?: string
  /** Objects that no cross-reference leads to, after the first one's place. */
  readonly hidden?: string
}

const escaped = (text: string) => text.replace(/[\\()]/g, (character) => `\\${character}`)
const shifted = (text: string) => [...text].map((character) => (character.codePointAt(0)! + 100).toString(16).padStart(4, '0')).join('')

const MAP = `/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /M def 1 begincodespacerange <0000> <ffff> endcodespacerange 1 beginbfrange <0064> <00e3> <0000> endbfrange endcmap end end`

/** One page of lines in Courier. */
export function writePdf(lines: readonly string[], options: PdfOptions = {}): Buffer {
  const show = (line: string) => (options.mapped ? `<${shifted(line)}> Tj T*` : `(${escaped(line)}) Tj T*`)
  const plain = Buffer.from(`BT /F1 9 Tf ${options.mode === undefined ? '' : `${options.mode} Tr `}11 TL 40 800 Td\n${lines.map(show).join('\n')}\nET`, 'latin1')
  const contents = options.deflated ? deflateSync(plain) : plain
  const font = options.mapped ? '<< /Type /Font /Subtype /Type0 /BaseFont /M /Encoding /Identity-H /ToUnicode 6 0 R >>' : '<< /Type /Font /Subtype /Type1 /BaseFont /Courier /Encoding /WinAnsiEncoding >>'
  const objects = new Map<number, string>([
    [1, '<< /Type /Catalog /Pages 2 0 R >>'],
    [2, '<< /Type /Pages /Kids [3 0 R] /Count 1 >>'],
    [3, '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 5 0 R >> >> /Contents 4 0 R >>'],
    [5, font],
  ])
  const stream = (dictionary: string, data: Buffer) => Buffer.concat([Buffer.from(`<< ${dictionary} /Length ${data.length} >>\nstream\n`, 'latin1'), data, Buffer.from('\nendstream')])
  const streams = new Map<number, Buffer>([[4, stream(options.deflated ? '/Filter /FlateDecode' : '', contents)], ...(options.mapped ? [[6, stream('', Buffer.from(MAP))] as const] : [])])
  return options.streams ? withStreams(objects, streams, stream) : withTable(objects, streams, options)
}

function withTable(objects: ReadonlyMap<number, string>, streams: ReadonlyMap<number, Buffer>, { trailer = '', hidden = '' }: PdfOptions): Buffer {
  const parts: Buffer[] = [Buffer.from(`%PDF-1.7\n%\xe2\xe3\xcf\xd3\n${hidden}`, 'latin1')]
  const offsets = new Map<number, number>()
  const length = () => parts.reduce((sum, part) => sum + part.length, 0)
  for (const [number, body] of [...objects, ...streams].sort(([one], [other]) => one - other)) {
    offsets.set(number, length())
    parts.push(Buffer.from(`${number} 0 obj\n`), Buffer.isBuffer(body) ? body : Buffer.from(body, 'latin1'), Buffer.from('\nendobj\n'))
  }
  const start = length()
  const size = Math.max(...offsets.keys()) + 1
  const rows = Array.from({ length: size }, (_, number) => (offsets.has(number) ? `${String(offsets.get(number)).padStart(10, '0')} 00000 n \n` : '0000000000 65535 f \n'))
  parts.push(Buffer.from(`xref\n0 ${size}\n${rows.join('')}trailer\n<< /Size ${size} /Root 1 0 R ${trailer} >>\nstartxref\n${start}\n%%EOF\n`))
  return Buffer.concat(parts)
}

function withStreams(objects: ReadonlyMap<number, string>, streams: ReadonlyMap<number, Buffer>, stream: (dictionary: string, data: Buffer) => Buffer): Buffer {
  const parts: Buffer[] = [Buffer.from('%PDF-1.5\n')]
  const length = () => parts.reduce((sum, part) => sum + part.length, 0)
  const rows = new Map<number, readonly [number, number, number]>()
  const put = (number: number, body: Buffer) => {
    rows.set(number, [1, length(), 0])
    parts.push(Buffer.from(`${number} 0 obj\n`), body, Buffer.from('\nendobj\n'))
  }
  for (const [number, body] of streams) put(number, body)
  const bodies = [...objects]
  let at = 0
  const index = bodies.map(([number, body], place) => {
    rows.set(number, [2, 10, place])
    const entry = `${number} ${at}`
    at += body.length + 1
    return entry
  })
  const head = `${index.join(' ')} `
  put(10, stream(`/Type /ObjStm /N ${bodies.length} /First ${head.length} /Filter /FlateDecode`, deflateSync(Buffer.from(head + bodies.map(([, body]) => body).join(' '), 'latin1'))))
  const start = length()
  const size = 12
  rows.set(11, [1, start, 0])
  const table = Buffer.concat(Array.from({ length: size }, (_, number) => {
    const [kind, first, second] = rows.get(number) ?? [0, 0, 0]
    const row = Buffer.alloc(6)
    row[0] = kind
    row.writeUInt32BE(first, 1)
    row[5] = second
    return row
  }))
  // PNG's "up" predictor, as most writers use.
  const predicted = Buffer.concat(Array.from({ length: size }, (_, row) => Buffer.from([2, ...table.subarray(row * 6, row * 6 + 6).map((octet, column) => (octet - (row > 0 ? table[(row - 1) * 6 + column]! : 0)) & 0xff)])))
  parts.push(Buffer.from('11 0 obj\n'), stream(`/Type /XRef /W [1 4 1] /Size ${size} /Root 1 0 R /Filter /FlateDecode /DecodeParms << /Predictor 12 /Columns 6 >>`, deflateSync(predicted)), Buffer.from(`\nendobj\nstartxref\n${start}\n%%EOF\n`))
  return Buffer.concat(parts)
}

export interface PdfSigning {
  readonly subFilter?: string
  /** Of the signature's dictionary: `D:…`. */
  readonly signedAt?: string
  /** Added after the signature. */
  readonly after?: Buffer
  /** Changes the four numbers. */
  readonly range?: (range: readonly [number, number, number, number]) => readonly [number, number, number, number]
}

const ROOM = 12_000

/** Signs by an incremental update, as signing tools do. `sign` gets the octets covered and gives the CMS message. */
export function signPdf(pdf: Buffer, sign: (covered: Buffer) => Buffer, options: PdfSigning = {}): Buffer {
  const text = pdf.toString('latin1')
  const previous = Number(/startxref\s+(\d+)\s+%%EOF\s*$/.exec(text)![1])
  const number = 100
  const time = options.signedAt ? ` /M (${options.signedAt})` : ''
  const before = `${number} 0 obj\n<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /${options.subFilter ?? 'adbe.pkcs7.detached'}${time} /ByteRange [0 ********** ********** **********] /Contents `
  const offset = pdf.length + before.length
  const objectAt = pdf.length
  const tail = '>>\nendobj\n'
  const tableAt = offset + ROOM + 2 + tail.length
  const rest = `${tail}xref\n${number} 1\n${String(objectAt).padStart(10, '0')} 00000 n \ntrailer\n<< /Size ${number + 1} /Root 1 0 R /Prev ${previous} >>\nstartxref\n${tableAt}\n%%EOF\n`
  const whole = [0, offset, offset + ROOM + 2, rest.length] as const
  const range = options.range?.(whole) ?? whole
  const head = Buffer.from(before.replace('[0 ********** ********** **********]', `[${range.join(' ')}]`.padEnd('[0 ********** ********** **********]'.length)), 'latin1')
  const covered = Buffer.concat([pdf, head, Buffer.from(rest, 'latin1')])
  const message = sign(covered).toString('hex')
  if (message.length > ROOM) throw new Error('the message needs more room')
  return Buffer.concat([pdf, head, Buffer.from(`<${message.padEnd(ROOM, '0')}>`), Buffer.from(rest, 'latin1'), options.after ?? Buffer.alloc(0)])
}
