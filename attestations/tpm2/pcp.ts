/**
 * The key attestation of Windows' platform crypto provider, "KADS" ([MS-WCCE] 2.2.2.5): a statement, a bare signature and the key's storage,
 * little-endian. The key's storage begins with its public area; what follows is sealed by the TPM and is not looked at.
 */
import { MalformedStatement, say } from '../../src/attestation/verifier.ts'

const MAGIC = Buffer.from('KADS', 'latin1')
const TPM_2_0 = 2
const KEY_MAGIC = Buffer.from('PCPM', 'latin1')
/** Magic, header size, type, flags, and the sizes of nine parts. */
const KEY_HEADER = 13 * 4

export const looksLikePcp = (bytes: Buffer): boolean => bytes.subarray(0, 4).equals(MAGIC)

/** @throws MalformedStatement */
export function readPcp(bytes: Buffer, file: string | null): { certify: Buffer; signature: Buffer; publicArea: Buffer } {
  const fail = (octet: number): never => {
    throw new MalformedStatement(file, say('attestation-tpm2.malformed.structure', { structure: 'KADS', octet: String(octet) }))
  }
  if (bytes.length < 24) fail(bytes.length)
  const [platform, header, attest, signature, key] = [4, 8, 12, 16, 20].map((at) => bytes.readUInt32LE(at)) as [number, number, number, number, number]
  if (platform !== TPM_2_0) fail(4)
  if (header !== 24) fail(8)
  if (header + attest + signature + key !== bytes.length) fail(12)
  const start = header + attest + signature
  const blob = bytes.subarray(start)
  if (blob.length < KEY_HEADER || !blob.subarray(0, 4).equals(KEY_MAGIC)) fail(start)
  const keyHeader = blob.readUInt32LE(4)
  const publicSize = blob.readUInt32LE(16)
  if (blob.readUInt32LE(8) !== TPM_2_0 || keyHeader < KEY_HEADER || keyHeader + publicSize > blob.length) fail(start + 4)
  return { certify: bytes.subarray(header, header + attest), signature: bytes.subarray(header + attest, start), publicArea: blob.subarray(keyHeader, keyHeader + publicSize) }
}
