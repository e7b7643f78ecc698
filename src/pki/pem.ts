/** PEM armour (RFC 7468). */

/** One PEM block, 64 characters a line, ending with a line feed. */
export function encodePem(label: string, der: Uint8Array): string {
  const base64 = Buffer.from(der).toString('base64')
  return `-----BEGIN ${label}-----\n${base64.replace(/.{1,64}/g, '$&\n')}-----END ${label}-----\n`
}

export const certificatePem = (der: Uint8Array): string => encodePem('CERTIFICATE', der)

export interface PemBlock {
  readonly label: string
  readonly der: Buffer
}

/**
 * The PEM blocks of a text in their order, whatever stands around them; RFC 1421 header lines are dropped.
 * Null when an opening line has no closing line of the same label, or what stands between is not base64.
 */
export function readPem(text: string): PemBlock[] | null {
  const blocks: PemBlock[] = []
  // Every repetition is bounded: the text is foreign, and open ones would take quadratic time on rows of dashes.
  const opening = /-{2,10} {0,4}BEGIN ([A-Z0-9][A-Z0-9 ]{0,40}?) {0,4}-{2,10}/g
  for (let found = opening.exec(text); found; found = opening.exec(text)) {
    const closing = /-{2,10} {0,4}END ([A-Z0-9][A-Z0-9 ]{0,40}?) {0,4}-{2,10}/g
    closing.lastIndex = opening.lastIndex
    const end = closing.exec(text)
    if (!end || end[1] !== found[1]) return null
    const der = decodeBase64(text.slice(opening.lastIndex, end.index).replace(/^[A-Za-z][A-Za-z0-9-]*:.*$/gm, ''))
    if (!der) return null
    blocks.push({ label: found[1]!, der })
    opening.lastIndex = closing.lastIndex
  }
  return blocks
}

/** Base64 with any white space in it, padded or not; null when it is something else, or empty. */
export function decodeBase64(text: string): Buffer | null {
  const body = text.replace(/\s+/g, '')
  if (body.length === 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(body) || body.replace(/=+$/, '').length % 4 === 1) return null
  return Buffer.from(body, 'base64')
}
