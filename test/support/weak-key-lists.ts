/** Lists of weak keys in the forms that others publish them in, made anew for a test, apart from the code under test. */
import { createHash } from 'node:crypto'

const hexOf = (modulus: bigint): string => modulus.toString(16).padStart(2 * Math.ceil(modulus.toString(16).length / 2), '0')

/** Debian's openssl-blacklist: comments, then the lower 80 bits of SHA-1 over what `openssl rsa -noout -modulus` prints. */
export const opensslFile = (moduli: readonly bigint[]): Buffer =>
  Buffer.from(`# Weak RSA keys\n# made for a test\n${moduli.map((modulus) => `${createHash('sha1').update(`Modulus=${hexOf(modulus).toUpperCase()}\n`).digest('hex').slice(20)}\n`).join('')}`)

/** badkeys' blocklist.dat: sorted blocks of 15 octets of SHA-256 and one of the collection's number. */
export const badkeysFile = (moduli: readonly bigint[], fillers = 0): Buffer => {
  const blocks = moduli.map((modulus) => Buffer.concat([createHash('sha256').update(Buffer.from(hexOf(modulus), 'hex')).digest().subarray(0, 15), Buffer.from([1])]))
  for (let filler = 0; filler < fillers; filler++) blocks.push(Buffer.concat([createHash('sha256').update(`filler ${filler}`).digest().subarray(0, 15), Buffer.from([2])]))
  return Buffer.concat(blocks.sort(Buffer.compare))
}

export async function* chunksOf(bytes: Buffer, size = 1 << 16): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
