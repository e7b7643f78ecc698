/** PDFs out of objects as they are given, whatever they say (ISO 32000-1 7.5), for what no writer of documents makes. */
import { deflateSync } from 'node:zlib'

/** Objects numbered from 1 on, behind a cross-reference table; the first is the root. `trailer` adds entries. */
export function pdfOf(objects: readonly (string | Buffer)[], trailer = ''): Buffer {
  const parts = [Buffer.from('%PDF-1.7\n')]
  let length = parts[0]!.length
  const rows = objects.map((object, index) => {
    const row = `${String(length).padStart(10, '0')} 00000 n \n`
    const part = Buffer.concat([Buffer.from(`${index + 1} 0 obj\n`), Buffer.from(object as string, 'latin1'), Buffer.from('\nendobj\n')])
    parts.push(part)
    length += part.length
    return row
  })
  return Buffer.concat([...parts, Buffer.from(`xref\n0 ${rows.length + 1}\n0000000000 65535 f \n${rows.join('')}trailer\n<< /Size ${rows.length + 1} /Root 1 0 R ${trailer} >>\nstartxref\n${length}\n%%EOF\n`, 'latin1')])
}

export function streamOf(data: Buffer | string, entries = '', deflated = true): Buffer {
  const plain = Buffer.from(data as string, 'latin1')
  const octets = deflated ? deflateSync(plain, { level: 9 }) : plain
  return Buffer.concat([Buffer.from(`<< /Length ${octets.length} ${deflated ? '/Filter /FlateDecode' : ''} ${entries} >>\nstream\n`, 'latin1'), octets, Buffer.from('\nendstream')])
}

export interface PageOptions {
  /** Entries of the page's resources. */
  readonly resources?: string
  /** Entries of the page. */
  readonly page?: string
  /** Objects from number 6 on. */
  readonly more?: readonly (string | Buffer)[]
}

/** One page of these operators, with Courier as /F1 (object 5). */
export const pageOf = (operators: Buffer | string, { resources = '', page = '/MediaBox [0 0 595 842]', more = [] }: PageOptions = {}): Buffer =>
  pdfOf(['<< /Pages 2 0 R >>', '<< /Kids [3 0 R] /Count 1 >>', `<< /Type /Page ${page} /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> ${resources} >> >>`, streamOf(operators), '<< /Subtype /Type1 /BaseFont /Courier >>', ...more])

/** An object stream (object 1) with these offsets, numbered from 100 on; object 100 is the root. */
export function objectStreamOf(values: string, offsets: readonly number[], entries: { readonly first?: number; readonly count?: number } = {}): Buffer {
  const index = `${offsets.map((offset, at) => `${100 + at} ${offset}`).join(' ')} `
  const holder = Buffer.concat([Buffer.from('%PDF-1.7\n1 0 obj\n'), streamOf(index + values, `/Type /ObjStm /N ${entries.count ?? offsets.length} /First ${entries.first ?? index.length}`), Buffer.from('\nendobj\n')])
  const row = (kind: number, place: number, at: number): Buffer => {
    const found = Buffer.alloc(7)
    found[0] = kind
    found.writeUInt32BE(place, 1)
    found.writeUInt16BE(at, 5)
    return found
  }
  const rows = [row(1, 9, 0), ...offsets.map((_, at) => row(2, 1, at & 0xffff))]
  return Buffer.concat([holder, Buffer.from('2 0 obj\n'), streamOf(Buffer.concat(rows), `/Type /XRef /W [1 4 2] /Size ${100 + offsets.length} /Index [1 1 100 ${offsets.length}] /Root 100 0 R`), Buffer.from(`\nendobj\nstartxref\n${holder.length}\n%%EOF\n`)])
}
