/** The smallest Windows program worth signing, for machines without a compiler: PE32+, one section, returns 0. Nothing here is ever run. */

const FILE_ALIGNMENT = 0x200
const SECTION_ALIGNMENT = 0x1000
const HEADERS_AT = 0x40
const OPTIONAL_HEADER_LENGTH = 112 + 16 * 8

/** DOS header, PE signature, COFF header, optional header, section table, section (Microsoft PE format specification). */
export function windowsProgram(): Buffer {
  const file = Buffer.alloc(2 * FILE_ALIGNMENT)
  file.write('MZ', 0, 'latin1')
  file.writeUInt32LE(HEADERS_AT, 0x3c)
  file.write('PE\0\0', HEADERS_AT, 'latin1')

  const coff = HEADERS_AT + 4
  file.writeUInt16LE(0x8664, coff)
  file.writeUInt16LE(1, coff + 2)
  file.writeUInt16LE(OPTIONAL_HEADER_LENGTH, coff + 16)
  // Executable, large addresses.
  file.writeUInt16LE(0x22, coff + 18)

  const optional = coff + 20
  file.writeUInt16LE(0x20b, optional)
  file.writeUInt32LE(FILE_ALIGNMENT, optional + 4)
  file.writeUInt32LE(SECTION_ALIGNMENT, optional + 16)
  file.writeUInt32LE(SECTION_ALIGNMENT, optional + 20)
  file.writeBigUInt64LE(0x140000000n, optional + 24)
  file.writeUInt32LE(SECTION_ALIGNMENT, optional + 32)
  file.writeUInt32LE(FILE_ALIGNMENT, optional + 36)
  file.writeUInt16LE(6, optional + 40)
  file.writeUInt16LE(6, optional + 48)
  file.writeUInt32LE(2 * SECTION_ALIGNMENT, optional + 56)
  file.writeUInt32LE(FILE_ALIGNMENT, optional + 60)
  // Console.
  file.writeUInt16LE(3, optional + 68)
  for (const [offset, size] of [[72, 0x100000n], [80, 0x1000n], [88, 0x100000n], [96, 0x1000n]] as const) file.writeBigUInt64LE(size, optional + offset)
  file.writeUInt32LE(16, optional + 108)

  const section = optional + OPTIONAL_HEADER_LENGTH
  file.write('.text', section, 'latin1')
  file.writeUInt32LE(FILE_ALIGNMENT, section + 8)
  file.writeUInt32LE(SECTION_ALIGNMENT, section + 12)
  file.writeUInt32LE(FILE_ALIGNMENT, section + 16)
  file.writeUInt32LE(FILE_ALIGNMENT, section + 20)
  // Code, to be executed and read.
  file.writeUInt32LE(0x60000020, section + 36)

  // xor eax, eax; ret
  Buffer.from([0x31, 0xc0, 0xc3]).copy(file, FILE_ALIGNMENT)
  return file
}
