/** A tar archive (POSIX ustar) of a few text files: same files, same octets. No time, no owner. */

export interface TarEntry {
  /** At most 100 octets. */
  readonly path: string
  readonly text: string
  readonly executable?: boolean
}

const BLOCK = 512

export function tar(entries: readonly TarEntry[]): Buffer {
  const sorted = [...entries].sort((one, other) => (one.path < other.path ? -1 : 1))
  return Buffer.concat([...sorted.flatMap(({ path, text, executable }) => member(path, Buffer.from(text, 'utf8'), executable ?? false)), Buffer.alloc(2 * BLOCK)])
}

function member(path: string, content: Buffer, executable: boolean): Buffer[] {
  if (Buffer.byteLength(path) > 100) throw new RangeError(`a path of more than 100 octets: ${path}`)
  const header = Buffer.alloc(BLOCK)
  const octal = (value: number, offset: number, length: number) => header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, 'latin1')
  header.write(path, 0, 'utf8')
  octal(executable ? 0o755 : 0o644, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(content.length, 124, 12)
  octal(0, 136, 12)
  header.write('0', 156, 'latin1')
  header.write('ustar\x0000', 257, 'latin1')
  // The checksum counts its own field as spaces.
  header.fill(' ', 148, 156)
  const sum = header.reduce((total, octet) => total + octet, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return [header, content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)]
}
