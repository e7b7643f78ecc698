/** What a person pasted or uploaded where DER or PEM was meant: the bytes behind editors', mail programs' and web pages' changes. */
import { decodeBase64, readPem } from './pem.ts'

export type Upload = { readonly der: Buffer; readonly label: string | null } | { readonly refused: 'empty' | 'private-key' | 'several' | 'pem-damaged' | 'not-base64'; readonly count?: number }

/**
 * One DER object out of an upload: DER as it is, one PEM block, or bare base64; with a byte order mark, CRLF, UTF-16, no-break spaces
 * and typographic dashes taken in stride. `label` is the PEM label, null without armour. The bytes are not parsed.
 */
export function readUpload(bytes: Buffer): Upload {
  // A DER SEQUENCE longer than 127 octets: no text has a second octet above 0x7f after '0'.
  if (bytes.length >= 2 && bytes[0] === 0x30 && bytes[1]! > 0x80) return { der: bytes, label: null }
  const text = decodeText(bytes)
  if (text.trim() === '') return { refused: 'empty' }
  const openings = text.match(/BEGIN [A-Z0-9][A-Z0-9 ]{0,40}/g) ?? []
  if (openings.some((line) => line.includes('PRIVATE KEY'))) return { refused: 'private-key' }
  if (openings.length > 1) return { refused: 'several', count: openings.length }
  if (openings.length === 0) {
    const der = decodeBase64(text)
    return der ? { der, label: null } : { refused: 'not-base64' }
  }
  const block = readPem(text)?.[0]
  return block ? { der: block.der, label: block.label } : { refused: 'pem-damaged' }
}

/** The text of an upload: UTF-8, UTF-16 or Latin-1, with what editors and web pages put in place of spaces and dashes put back. */
export function decodeText(bytes: Buffer): string {
  return utf16(bytes)
    .replace(/[\u200b-\u200d\u2060\ufeff]/g, '')
    .replace(/[\u00a0\u2000-\u200a\u202f\u205f\u3000]/g, ' ')
    .replace(/[\u2010-\u2015\u2212\uff0d]/g, '--')
}

function utf16(bytes: Buffer): string {
  const even = bytes.subarray(0, bytes.length & ~1)
  // Without a byte order mark, UTF-16 shows by a zero beside the first ASCII character.
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes.length >= 2 && bytes[0] !== 0 && bytes[1] === 0)) return even.toString('utf16le')
  if ((bytes[0] === 0xfe && bytes[1] === 0xff) || (bytes.length >= 2 && bytes[0] === 0 && bytes[1] !== 0)) return Buffer.from(even).swap16().toString('utf16le')
  // A lone 0xa0 is the no-break space of Latin-1 and Windows-1252, which is not UTF-8.
  return isUtf8(bytes) ? bytes.toString('utf8') : bytes.toString('latin1')
}

function isUtf8(bytes: Buffer): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return true
  } catch {
    return false
  }
}
