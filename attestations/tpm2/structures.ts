/**
 * What TPM2_Certify returns and speaks of: TPMS_ATTEST, TPMT_SIGNATURE and TPMT_PUBLIC (TPM 2.0 Library, Part 2, 10.12, 11.3, 12.2).
 * Read strictly, judged nowhere here; the sizes are those of the largest digests, keys and names that the Library knows.
 */
import { MalformedStatement, say } from '../../src/attestation/verifier.ts'
import { bitString, integer, nullValue, oid, sequence } from '../../src/pki/der.ts'
import { TpmOctets } from './octets.ts'

/** TPM_GENERATED_VALUE: a restricted key signs nothing that begins so unless the TPM made it (Part 2, 6.2). */
export const MAGIC = Buffer.from('ff544347', 'hex')
const ST_ATTEST_CERTIFY = 0x8017
const OTHER_STATEMENTS: Record<number, string> = { 0x8014: 'TPM2_NV_Certify', 0x8015: 'TPM2_GetCommandAuditDigest', 0x8016: 'TPM2_GetSessionAuditDigest', 0x8018: 'TPM2_Quote', 0x8019: 'TPM2_GetTime', 0x801a: 'TPM2_CertifyCreation' }

/** TPM_ALG_ID of digests (Part 2, 6.3), as Node names them. */
export const DIGESTS: Readonly<Record<number, string>> = { 0x0004: 'sha1', 0x000b: 'sha256', 0x000c: 'sha384', 0x000d: 'sha512' }
const RSA = 0x0001
const ECC = 0x0023
const NULL = 0x0010
const RSASSA = 0x0014
const RSAES = 0x0015
const RSAPSS = 0x0016
const OAEP = 0x0017
const ECDSA = 0x0018
const ECDAA = 0x001a

const MAX_NAME = 2 + 64
const MAX_DATA = 2 + 64
const MAX_DIGEST = 64
const MAX_RSA = 512
const MAX_ECC = 66

export interface Certify {
  /** The octets that were signed. */
  readonly octets: Buffer
  /** What the caller gave as qualifying data. */
  readonly extraData: Buffer
  /** The name of the certified object: its nameAlg and the digest of its public area (Part 1, 16). */
  readonly name: Buffer
}

/** A TPMS_ATTEST of TPM2_Certify. @throws MalformedStatement */
export function readCertify(bytes: Buffer, file: string | null): Certify {
  const octets = new TpmOctets(bytes, 'TPMS_ATTEST', file)
  if (!octets.take(4).equals(MAGIC)) throw new MalformedStatement(file, say('attestation-tpm2.malformed.magic'))
  const type = octets.u16()
  if (type !== ST_ATTEST_CERTIFY) throw new MalformedStatement(file, say('attestation-tpm2.malformed.not-certify', { command: OTHER_STATEMENTS[type] ?? `0x${type.toString(16)}` }))
  octets.sized(MAX_NAME)
  const extraData = octets.sized(MAX_DATA)
  // TPMS_CLOCK_INFO and the firmware's version: a key outside the endorsement hierarchy signs them veiled (Part 1, 36.7), so nothing is read from them.
  octets.take(8 + 4 + 4)
  if (octets.u8() > 1) octets.fail()
  octets.u64()
  const name = octets.sized(MAX_NAME)
  octets.sized(MAX_NAME)
  octets.end()
  return { octets: bytes, extraData, name }
}

export interface TpmPublic {
  /** The octets that the name is made of. */
  readonly octets: Buffer
  /** TPM_ALG_ID of the digest in the name. */
  readonly nameAlgorithm: number
  readonly attributes: number
  /** SubjectPublicKeyInfo, DER, in the one form that keys are compared in. */
  readonly spki: Buffer
}

const CURVES: Record<number, { oid: string; octets: number }> = {
  0x0003: { oid: '1.2.840.10045.3.1.7', octets: 32 },
  0x0004: { oid: '1.3.132.0.34', octets: 48 },
  0x0005: { oid: '1.3.132.0.35', octets: 66 },
}

/** A TPMT_PUBLIC, or a TPM2B_PUBLIC around one, as tpm2-tools write it. @throws MalformedStatement */
export function readPublic(bytes: Buffer, file: string | null): TpmPublic {
  const area = bytes.length >= 2 && bytes.readUInt16BE(0) === bytes.length - 2 ? bytes.subarray(2) : bytes
  const octets = new TpmOctets(area, 'TPMT_PUBLIC', file)
  const type = octets.u16()
  const nameAlgorithm = octets.u16()
  const attributes = octets.u32()
  octets.sized(MAX_DIGEST)
  const rest = { octets: area, nameAlgorithm, attributes }
  if (type === RSA) {
    symmetric(octets)
    const scheme = octets.u16()
    if (scheme !== NULL && scheme !== RSAES) {
      if (scheme !== RSASSA && scheme !== RSAPSS && scheme !== OAEP) octets.fail()
      octets.u16()
    }
    const bits = octets.u16()
    const exponent = octets.u32()
    const modulus = octets.sized(MAX_RSA)
    octets.end()
    if (modulus.length === 0 || modulus.length * 8 !== bits || modulus[0]! < 0x80) octets.fail()
    // Zero stands for 65537 (Part 2, 12.2.3.5).
    return { ...rest, spki: sequence(sequence(oid('1.2.840.113549.1.1.1'), nullValue()), bitString(sequence(integer(modulus), integer(exponent === 0 ? 65537 : exponent)))) }
  }
  if (type !== ECC) throw new MalformedStatement(file, say('attestation-tpm2.malformed.key-kind', { type: `0x${type.toString(16).padStart(4, '0')}` }))
  symmetric(octets)
  const scheme = octets.u16()
  if (scheme !== NULL) octets.take(scheme === ECDAA ? 4 : 2)
  const curveId = octets.u16()
  const curve = CURVES[curveId]
  if (!curve) throw new MalformedStatement(file, say('attestation-tpm2.malformed.curve', { curve: `0x${curveId.toString(16).padStart(4, '0')}` }))
  if (octets.u16() !== NULL) octets.u16()
  const point = [octets.sized(MAX_ECC), octets.sized(MAX_ECC)].map((coordinate) => (coordinate.length > curve.octets ? octets.fail() : Buffer.concat([Buffer.alloc(curve.octets - coordinate.length), coordinate])))
  octets.end()
  return { ...rest, spki: sequence(sequence(oid('1.2.840.10045.2.1'), oid(curve.oid)), bitString(Buffer.concat([Buffer.from([4]), ...point]))) }
}

/** TPMT_SYM_DEF_OBJECT: NULL, or algorithm, key bits and mode. */
function symmetric(octets: TpmOctets): void {
  if (octets.u16() !== NULL) octets.take(4)
}

/** Whether octets begin as a public area does, in either form: a kind of key and a digest for its name. */
export function looksLikePublic(bytes: Buffer): boolean {
  const at = bytes.length >= 2 && bytes.readUInt16BE(0) === bytes.length - 2 ? 2 : 0
  return bytes.length >= at + 4 && [RSA, ECC].includes(bytes.readUInt16BE(at)) && DIGESTS[bytes.readUInt16BE(at + 2)] !== undefined
}

export interface TpmSignature {
  readonly scheme: 'rsassa' | 'rsapss' | 'ecdsa'
  /** As Node names it; null where the form does not tell it. */
  readonly digest: string | null
  /** RSA: the signature; ECDSA: r and s, each as long as asked. */
  readonly value: Buffer | { readonly r: Buffer; readonly s: Buffer }
}

/** Whether octets begin as a TPMT_SIGNATURE does: a scheme and a digest. */
export const looksLikeSignature = (bytes: Buffer): boolean => bytes.length >= 8 && [RSASSA, RSAPSS, ECDSA].includes(bytes.readUInt16BE(0)) && DIGESTS[bytes.readUInt16BE(2)] !== undefined

/** A TPMT_SIGNATURE. @throws MalformedStatement */
export function readSignature(bytes: Buffer, file: string | null): TpmSignature {
  const octets = new TpmOctets(bytes, 'TPMT_SIGNATURE', file)
  const scheme = octets.u16()
  const digest = DIGESTS[octets.u16()] ?? octets.fail()
  if (scheme === ECDSA) {
    const [r, s] = [octets.sized(MAX_ECC), octets.sized(MAX_ECC)]
    octets.end()
    return { scheme: 'ecdsa', digest, value: { r, s } }
  }
  if (scheme !== RSASSA && scheme !== RSAPSS) octets.fail()
  const value = octets.sized(MAX_RSA)
  octets.end()
  return { scheme: scheme === RSASSA ? 'rsassa' : 'rsapss', digest, value }
}

/** Lengths of a bare RSA signature: 2048, 3072 and 4096 bits. */
const BARE = [256, 384, 512]
export const looksLikeBareSignature = (bytes: Buffer): boolean => BARE.includes(bytes.length)

/** A TPMT_SIGNATURE, or the bare RSA signature that Windows and WebAuthn leave of one. @throws MalformedStatement */
export function readEitherSignature(bytes: Buffer, file: string | null, digest: string | null): TpmSignature {
  if (looksLikeBareSignature(bytes)) return { scheme: 'rsassa', digest, value: bytes }
  return readSignature(bytes, file)
}
