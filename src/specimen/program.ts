/**
 * The smallest Windows program (PE32, no section: nothing in it runs), signed as Authenticode does (Windows Authenticode Portable Executable Signature
 * Format 1.0).
 */
import { createHash } from 'node:crypto'
import { bitString, context, contextPrimitive, nullValue, octetString, oid, sequence } from '../pki/der.ts'
import { OID } from '../pki/oids.ts'
import { attribute } from '../pki/signed-data-encoding.ts'
import { signatureValue, signContent, type SpecimenSigner, TIMESTAMP_ATTRIBUTE, timestampOf, withoutTimestamp, withTimestamp } from './signature.ts'

const SPC = {
  indirectData: '1.3.6.1.4.1.311.2.1.4',
  peImageData: '1.3.6.1.4.1.311.2.1.15',
  opusInfo: '1.3.6.1.4.1.311.2.1.12',
} as const

const PE_AT = 0x40
const OPTIONAL_AT = PE_AT + 24
const CHECKSUM_AT = OPTIONAL_AT + 64
/** Entry 4 of the data directories. */
const SECURITY_AT = OPTIONAL_AT + 96 + 4 * 8
const HEADERS_END = OPTIONAL_AT + 224
const ALIGNMENT = 0x200

/** @param note ASCII, in the room after the headers, so that no two examples are the same program */
export async function signedProgram(note: string, signer: SpecimenSigner): Promise<Buffer> {
  const image = unsigned(note)
  const digest = createHash('sha256').update(image.subarray(0, CHECKSUM_AT)).update(image.subarray(CHECKSUM_AT + 4, SECURITY_AT)).update(image.subarray(SECURITY_AT + 8)).digest()
  // SpcPeImageData: no flags, and the file link that every signer writes.
  const link = context(0, context(2, contextPrimitive(0, Buffer.from('<<<Obsolete>>>', 'utf16le').swap16())))
  const value = [sequence(oid(SPC.peImageData), sequence(bitString(Buffer.alloc(0)), link)), sequence(sequence(oid(OID.sha256), nullValue()), octetString(digest))]
  // The digest is of the content octets, without tag and length (PKCS #7 1.5 9.3).
  const cms = await signContent({ type: SPC.indirectData, wrapped: sequence(...value), digested: Buffer.concat(value), attributes: [attribute(SPC.opusInfo, sequence())] }, signer)
  return attach(image, cms)
}

/** The signature that a time-stamp is to cover. @param program one of `signedProgram` */
export const programSignature = (program: Buffer): Buffer => signatureValue(taken(program).cms)

/** @param program one of `signedProgram`, without a time-stamp */
export function stampedProgram(program: Buffer, token: Buffer): Buffer {
  const { image, cms } = taken(program)
  return attach(image, withTimestamp(cms, token, TIMESTAMP_ATTRIBUTE.authenticode))
}

/** The token that `stampedProgram` put in; null where there is none. */
export const programTimestamp = (program: Buffer): Buffer | null => timestampOf(taken(program).cms)

/** As `signedProgram` made it. */
export function unstampedProgram(program: Buffer): Buffer {
  const { image, cms } = taken(program)
  return attach(image, withoutTimestamp(cms))
}

function unsigned(note: string): Buffer {
  const image = Buffer.alloc(ALIGNMENT)
  image.write('MZ', 0, 'latin1')
  image.writeUInt32LE(PE_AT, 0x3c)
  image.write('PE\0\0', PE_AT, 'latin1')
  image.writeUInt16LE(0x14c, PE_AT + 4)
  image.writeUInt16LE(224, PE_AT + 20)
  // Executable image, 32-bit machine.
  image.writeUInt16LE(0x0102, PE_AT + 22)
  image.writeUInt16LE(0x10b, OPTIONAL_AT)
  image.writeUInt32LE(0x400000, OPTIONAL_AT + 28)
  image.writeUInt32LE(0x1000, OPTIONAL_AT + 32)
  image.writeUInt32LE(ALIGNMENT, OPTIONAL_AT + 36)
  image.writeUInt16LE(4, OPTIONAL_AT + 40)
  image.writeUInt16LE(4, OPTIONAL_AT + 48)
  image.writeUInt32LE(0x1000, OPTIONAL_AT + 56)
  image.writeUInt32LE(ALIGNMENT, OPTIONAL_AT + 60)
  image.writeUInt16LE(3, OPTIONAL_AT + 68)
  image.writeUInt32LE(16, OPTIONAL_AT + 92)
  image.write(note.slice(0, ALIGNMENT - HEADERS_END), HEADERS_END, 'latin1')
  return image
}

function attach(image: Buffer, cms: Buffer): Buffer {
  const length = 8 + Math.ceil(cms.length / 8) * 8
  const table = Buffer.alloc(length)
  table.writeUInt32LE(length, 0)
  // WIN_CERT_REVISION_2_0, WIN_CERT_TYPE_PKCS_SIGNED_DATA
  table.writeUInt16LE(0x0200, 4)
  table.writeUInt16LE(0x0002, 6)
  cms.copy(table, 8)
  const program = Buffer.concat([image, table])
  program.writeUInt32LE(image.length, SECURITY_AT)
  program.writeUInt32LE(length, SECURITY_AT + 4)
  program.writeUInt32LE(checksum(program), CHECKSUM_AT)
  return program
}

function taken(program: Buffer): { readonly image: Buffer; readonly cms: Buffer } {
  const at = program.readUInt32LE(SECURITY_AT)
  const image = Buffer.from(program.subarray(0, at))
  image.fill(0, CHECKSUM_AT, CHECKSUM_AT + 4).fill(0, SECURITY_AT, SECURITY_AT + 8)
  const padded = program.subarray(at + 8)
  // The padding belongs to the table, not to the value.
  return { image, cms: padded.subarray(0, 4 + padded.readUInt16BE(2)) }
}

/** The PE checksum: the sum of all 16-bit words, carries folded in, and the file's length. Its own field counts as zero. */
function checksum(program: Buffer): number {
  let sum = 0
  for (let at = 0; at < program.length; at += 2) {
    if (at !== CHECKSUM_AT && at !== CHECKSUM_AT + 2) sum += program.readUInt16LE(at)
    sum = (sum & 0xffff) + (sum >>> 16)
  }
  return sum + program.length
}
