/**
 * A PDF's objects (ISO 32000-1 7.5), found as a viewer finds them: from `startxref` through the cross-reference tables or streams. Scanning for
 * objects instead would read ones that no viewer shows.
 */
import { inflateSync } from 'node:zlib'
import { MalformedPdf } from './pdf-fault.ts'
import { isDictionary, isList, isReference, isStream, nameOf, PdfReader, type Dictionary, type Stream, type Value } from './pdf-object.ts'
import { PDF_STEPS, PdfWork } from './pdf-work.ts'

/** `inflated`: octets of all streams together. `held`: objects inside one object stream. `nested`: objects of which one must be found to find the next. */
export const PDF_LIMITS = { bytes: 6 * 1024 * 1024, inflated: 4 * 1024 * 1024, objects: 50_000, held: 10_000, updates: 32, nested: 16 } as const

type Place = { readonly offset: number } | { readonly inside: number }

export interface PdfFile {
  readonly root: Dictionary
  /** What reading it has cost, and what pays for reading on. */
  readonly work: PdfWork
  /** What a reference leads to; any other value as it is. @throws MalformedPdf */
  resolve(value: Value | undefined): Value
  /** A stream's octets, out of FlateDecode. Null for a filter that is not read here. @throws MalformedPdf */
  octets(stream: Stream): Buffer | null
}

/** Whether the octets say that they are a PDF, with its end where a whole file has it. */
export const isPdf = (bytes: Buffer): boolean => /^%PDF-[12]\.\d/.test(bytes.toString('latin1', 0, 8))

/** @param work pays for everything that is read of the file, by whomever. @throws MalformedPdf */
export function openPdf(bytes: Buffer, work: PdfWork = new PdfWork()): PdfFile {
  if (bytes.length > PDF_LIMITS.bytes) throw new MalformedPdf('too-large')
  if (!isPdf(bytes)) throw new MalformedPdf('not-a-pdf')
  const end = bytes.toString('latin1', Math.max(0, bytes.length - 1024))
  const start = /startxref[\0\t\n\f\r ]+(\d{1,10})[\0\t\n\f\r ]+%%EOF[\0\t\n\f\r ]*$/.exec(end)
  if (!start) throw new MalformedPdf('cut-short')
  let budget = PDF_LIMITS.inflated
  const inflate = (data: Buffer): Buffer => {
    work.spend(data.length)
    try {
      const found = inflateSync(data, { maxOutputLength: Math.max(1, budget) })
      budget -= found.length
      work.spend(found.length)
      return found
    } catch (error) {
      throw new MalformedPdf((error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE' ? 'too-large' : 'structure')
    }
  }
  const places = new Map<number, Place | null>()
  const resolving = new Set<number>()
  const known = new Map<number, Value>()
  const holders = new Map<number, ReadonlyMap<number, Buffer>>()
  const unpacked = new Map<Stream, Buffer | null>()

  const objectAt = (offset: number, number: number | null): Value => {
    const reader = new PdfReader(bytes, work, offset)
    const found = reader.number()
    reader.number()
    if (!reader.take('obj') || (number !== null && found !== number)) throw new MalformedPdf('structure')
    return reader.value()
  }

  /** Each object is read once, and only when something refers to it. */
  function find(number: number): Value {
    const read = known.get(number)
    if (read !== undefined) return read
    const place = places.get(number)
    if (!place) return null
    if (resolving.has(number) || resolving.size >= PDF_LIMITS.nested) throw new MalformedPdf('structure')
    resolving.add(number)
    try {
      const found = 'offset' in place ? objectAt(place.offset, number) : objectIn(place.inside, number)
      known.set(number, found)
      return found
    } finally {
      resolving.delete(number)
    }
  }

  function objectIn(holder: number, number: number): Value {
    const data = held(holder).get(number)
    const found = data ? new PdfReader(data, work).value() : null
    // 7.5.7: no stream stands inside another.
    if (isStream(found)) throw new MalformedPdf('structure')
    return found
  }

  /** Where the objects inside an object stream stand (7.5.7), unread. */
  function held(holder: number): ReadonlyMap<number, Buffer> {
    const open = holders.get(holder)
    if (open) return open
    const place = places.get(holder)
    const stream = place && 'offset' in place ? find(holder) : null
    if (!isStream(stream)) throw new MalformedPdf('structure')
    const data = octets(stream)
    const [count, first] = [file.resolve(stream.dictionary.get('N')), file.resolve(stream.dictionary.get('First'))]
    if (!data || !isCount(count) || !isCount(first) || first > data.length) throw new MalformedPdf('structure')
    if (count > PDF_LIMITS.held) throw new MalformedPdf('too-large')
    const index = new PdfReader(data, work)
    const rows: [number, number][] = []
    for (let each = 0; each < count; each++) rows.push([index.number(), index.number()])
    const found = new Map<number, Buffer>()
    rows.forEach(([number, offset], at) => {
      const end = rows[at + 1]?.[1] ?? data.length - first
      // 7.5.7: offsets rise; one object ends where the next begins, and none stands there twice.
      if (offset >= end || found.has(number)) throw new MalformedPdf('structure')
      found.set(number, data.subarray(first + offset, first + end))
    })
    holders.set(holder, found)
    return found
  }

  function octets(stream: Stream): Buffer | null {
    const before = unpacked.get(stream)
    if (before !== undefined) return before
    const found = unpack(stream)
    unpacked.set(stream, found)
    return found
  }

  function unpack({ dictionary, start }: Stream): Buffer | null {
    const length = file.resolve(dictionary.get('Length'))
    if (typeof length !== 'number' || !Number.isSafeInteger(length) || length < 0 || start + length > bytes.length) throw new MalformedPdf('structure')
    const data = bytes.subarray(start, start + length)
    const filter = file.resolve(dictionary.get('Filter'))
    const filters = filter === null ? [] : isList(filter) ? filter.map((each) => nameOf(file.resolve(each))) : [nameOf(filter)]
    if (filters.length === 0) return data
    if (filters.length > 1 || filters[0] !== 'FlateDecode') return null
    const given = file.resolve(dictionary.get('DecodeParms'))
    const parameters = file.resolve(isList(given) ? given[0] : given)
    const found = inflate(data)
    work.spend(found.length)
    return unpredict(found, isDictionary(parameters) ? parameters : new Map())
  }

  const file = {
    root: new Map() as Dictionary,
    work,
    resolve(value: Value | undefined): Value {
      return isReference(value) ? find(value.object) : (value ?? null)
    },
    octets,
  }

  let trailer: Dictionary | null = null
  const seen = new Set<number>()
  for (let next: Value | undefined = Number(start[1]); next !== undefined; ) {
    if (typeof next !== 'number' || next >= bytes.length || seen.has(next) || seen.size >= PDF_LIMITS.updates) throw new MalformedPdf('structure')
    seen.add(next)
    const section: Dictionary = readSection(next)
    // The newest section names the root.
    trailer ??= section
    if (section.has('Encrypt')) throw new MalformedPdf('encrypted')
    // A table with a stream beside it shows one thing to old viewers and another to new ones.
    if (section.has('XRefStm')) throw new MalformedPdf('structure')
    next = section.get('Prev')
  }
  const root = file.resolve(trailer?.get('Root'))
  if (!isDictionary(root)) throw new MalformedPdf('structure')
  file.root = root
  return file

  function place(number: number, entry: Place | null): void {
    work.spend(PDF_STEPS.entry)
    if (places.size >= PDF_LIMITS.objects) throw new MalformedPdf('too-large')
    // Newest first: an older section changes nothing.
    if (!places.has(number)) places.set(number, entry)
  }

  function readSection(offset: number): Dictionary {
    const reader = new PdfReader(bytes, work, offset)
    if (!reader.take('xref')) return readStreamSection(offset)
    while (!reader.take('trailer')) {
      const [from, count] = [reader.number(), reader.number()]
      reader.skip()
      if (count > PDF_LIMITS.objects) throw new MalformedPdf('too-large')
      for (let each = 0; each < count; each++) {
        const row = /^(\d{10}) (\d{5}) ([nf])[ \r\n]{2}/.exec(bytes.toString('latin1', reader.at, reader.at + 20))
        if (!row) throw new MalformedPdf('structure')
        reader.at += 20
        work.spend(20)
        place(from + each, row[3] === 'n' ? { offset: Number(row[1]) } : null)
      }
    }
    const found = reader.value()
    if (!isDictionary(found)) throw new MalformedPdf('structure')
    return found
  }

  /** A cross-reference stream (7.5.8). */
  function readStreamSection(offset: number): Dictionary {
    const stream = objectAt(offset, null)
    if (!isStream(stream) || nameOf(stream.dictionary.get('Type')) !== 'XRef') throw new MalformedPdf('structure')
    const { dictionary } = stream
    const data = octets(stream)
    const widths = dictionary.get('W')
    const size = dictionary.get('Size')
    const index = dictionary.get('Index') ?? [0, size ?? 0]
    if (!data || !isList(widths) || widths.length !== 3 || !widths.every((width) => isCount(width) && width <= 6) || !isList(index) || !index.every(isCount)) throw new MalformedPdf('structure')
    const [kindWidth, firstWidth, secondWidth] = widths as number[]
    let cursor = 0
    const read = (width: number, without: number): number => {
      if (width === 0) return without
      if (cursor + width > data.length) throw new MalformedPdf('structure')
      cursor += width
      return data.readUIntBE(cursor - width, width)
    }
    for (let pair = 0; pair + 1 < index.length; pair += 2) {
      const [from, count] = [index[pair] as number, index[pair + 1] as number]
      if (count > PDF_LIMITS.objects) throw new MalformedPdf('too-large')
      for (let each = 0; each < count; each++) {
        const [kind, first] = [read(kindWidth!, 1), read(firstWidth!, 0)]
        // A generation, or a place among the objects of a stream, which names each itself.
        read(secondWidth!, 0)
        place(from + each, kind === 1 ? { offset: first } : kind === 2 ? { inside: first } : null)
      }
    }
    return dictionary
  }
}

const isCount = (value: Value): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0

/** Undoes PNG predictors (7.4.4.4); TIFF's is not met in what is read here. */
function unpredict(data: Buffer, parameters: Dictionary): Buffer {
  const predictor = parameters.get('Predictor') ?? 1
  if (predictor === 1) return data
  const columns = parameters.get('Columns') ?? 1
  const plain = (parameters.get('Colors') ?? 1) === 1 && (parameters.get('BitsPerComponent') ?? 8) === 8
  if (typeof predictor !== 'number' || predictor < 10 || typeof columns !== 'number' || !Number.isSafeInteger(columns) || columns < 1 || columns > 4096 || !plain) throw new MalformedPdf('structure')
  const rows = Math.floor(data.length / (columns + 1))
  const found = Buffer.alloc(rows * columns)
  for (let row = 0; row < rows; row++) {
    const kind = data[row * (columns + 1)]
    for (let column = 0; column < columns; column++) {
      const raw = data[row * (columns + 1) + 1 + column]!
      const up = row > 0 ? found[(row - 1) * columns + column]! : 0
      const left = column > 0 ? found[row * columns + column - 1]! : 0
      if (kind === undefined || kind > 2) throw new MalformedPdf('structure')
      found[row * columns + column] = raw + (kind === 2 ? up : kind === 1 ? left : 0)
    }
  }
  return found
}
