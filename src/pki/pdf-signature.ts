/** Signatures inside a PDF (ISO 32000-1 12.8, ETSI EN 319 142-1): which octets each covers, and the CMS message that signs them. */
import { isPdf, PDF_LIMITS } from './pdf-file.ts'
import { MalformedPdf } from './pdf-fault.ts'

export interface PdfSignature {
  readonly subFilter: string
  /** The octets of the ranges, joined: what the message's digest is of. */
  readonly covered: Buffer
  /** The CMS message, with the zeros that fill its room. */
  readonly message: Buffer
  /** Everything in the file but the message itself: nothing was added after signing. */
  readonly wholeFile: boolean
  /** When it was signed as the signature's dictionary says, which the signature covers; null where it does not say. */
  readonly signedAt: Date | null
}

/** The two forms whose message signs the octets themselves; the others digest with SHA-1. */
export const PDF_SUB_FILTERS: readonly string[] = ['adbe.pkcs7.detached', 'ETSI.CAdES.detached']

const RANGE = /\/ByteRange[\0\t\n\f\r ]*\[[\0\t\n\f\r ]*(\d{1,10})[\0\t\n\f\r ]+(\d{1,10})[\0\t\n\f\r ]+(\d{1,10})[\0\t\n\f\r ]+(\d{1,10})[\0\t\n\f\r ]*\]/g
const MAX_SIGNATURES = 8

/**
 * The signatures of a file, in the order in which they stand in it.
 * @throws MalformedPdf when one names ranges that are not around its own contents
 */
export function pdfSignatures(bytes: Buffer): readonly PdfSignature[] {
  if (bytes.length > PDF_LIMITS.bytes) throw new MalformedPdf('too-large')
  if (!isPdf(bytes)) throw new MalformedPdf('not-a-pdf')
  const text = bytes.toString('latin1')
  const found = [...text.matchAll(RANGE)]
  if (found.length > MAX_SIGNATURES) throw new MalformedPdf('too-large')
  const gaps = new Set<number>()
  return found.map((range) => {
    const [start, length, second, rest] = range.slice(1).map(Number) as [number, number, number, number]
    const end = second + rest
    // Each signs around contents of its own.
    if (gaps.has(length)) throw new MalformedPdf('signature')
    gaps.add(length)
    if (start !== 0 || length < 1 || second <= length || end > bytes.length) throw new MalformedPdf('signature')
    const object = text.lastIndexOf(' obj', length)
    const after = text.indexOf('endobj', second)
    // What is left out is the value of Contents of this very dictionary, and nothing else.
    if (object < 0 || after < 0 || range.index < object || range.index > after || (range.index > length && range.index < second)) throw new MalformedPdf('signature')
    if (!/\/Contents[\0\t\n\f\r ]*$/.test(text.slice(Math.max(object, length - 40), length))) throw new MalformedPdf('signature')
    const gap = /^<([0-9A-Fa-f]+)>$/.exec(text.slice(length, second))
    if (!gap || gap[1]!.length % 2 !== 0) throw new MalformedPdf('signature')
    const dictionary = text.slice(object, length) + text.slice(second, after)
    return {
      subFilter: /\/SubFilter[\0\t\n\f\r ]*\/([A-Za-z0-9._-]{1,60})/.exec(dictionary)?.[1] ?? '',
      covered: Buffer.concat([bytes.subarray(0, length), bytes.subarray(second, end)]),
      message: Buffer.from(gap[1]!, 'hex'),
      wholeFile: end === bytes.length,
      signedAt: readTime(/\/M[\0\t\n\f\r ]*\(D:(\d{14}(?:Z|[+-]\d{2}'\d{2})?)/.exec(dictionary)?.[1]),
    }
  })
}

/** A date of ISO 32000-1 7.9.4, as far as it names the second and its zone; without one, UTC. */
function readTime(text: string | undefined): Date | null {
  const parts = text ? /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(?:Z|([+-]\d{2})'(\d{2}))?/.exec(text) : null
  if (!parts) return null
  const [, year, month, day, hour, minute, second, hours, minutes] = parts
  const time = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}${hours === undefined ? 'Z' : `${hours}:${minutes}`}`)
  return Number.isNaN(time.getTime()) ? null : time
}
