/**
 * The signed octets in which a Marvell LiquidSecurity HSM states a key's attributes (V2, firmware 3.x): read strictly, judged nowhere here.
 * Every octet is accounted for: lengths agree with each other and with the file, no attribute stands twice, nothing is between or after.
 */
import { MalformedStatement, say } from '../../src/attestation/verifier.ts'

/** Attribute types: those of PKCS #11 (CKA_…) and Marvell's own. */
export const ATTRIBUTE = {
  class: 0x000,
  token: 0x001,
  private: 0x002,
  label: 0x003,
  trusted: 0x086,
  keyType: 0x100,
  id: 0x102,
  sensitive: 0x103,
  encrypt: 0x104,
  decrypt: 0x105,
  wrap: 0x106,
  unwrap: 0x107,
  sign: 0x108,
  verify: 0x10a,
  derive: 0x10c,
  /** RSA: the modulus. EC: 04 ‖ X ‖ Y. */
  modulus: 0x120,
  modulusBits: 0x121,
  publicExponent: 0x122,
  valueLength: 0x161,
  extractable: 0x162,
  local: 0x163,
  neverExtractable: 0x164,
  alwaysSensitive: 0x165,
  checkValue: 0x173,
  wrapWithTrusted: 0x210,
  /** SHA-256 of the key's SubjectPublicKeyInfo. */
  keyDigest: 0x1003,
} as const

export const CLASS = { public: 2, private: 3, secret: 4 } as const
export const KEY_TYPE = { rsa: 0, ec: 3 } as const

/** Attributes whose value is 00 or 01 and nothing else. `token` is not among them: 02 is what real statements have. */
const FLAGS: readonly number[] = [
  ATTRIBUTE.private, ATTRIBUTE.trusted, ATTRIBUTE.sensitive, ATTRIBUTE.encrypt, ATTRIBUTE.decrypt, ATTRIBUTE.wrap, ATTRIBUTE.unwrap, ATTRIBUTE.sign, ATTRIBUTE.verify, ATTRIBUTE.derive,
  ATTRIBUTE.extractable, ATTRIBUTE.local, ATTRIBUTE.neverExtractable, ATTRIBUTE.alwaysSensitive, ATTRIBUTE.wrapWithTrusted,
]
/** Octets of the attributes that have one length. Types from 0x80000000 on are Marvell's own and occur: read, not interpreted. */
const LENGTHS: ReadonlyMap<number, number> = new Map([
  ...FLAGS.map((type) => [type, 1] as const),
  [ATTRIBUTE.class, 1],
  [ATTRIBUTE.token, 1],
  [ATTRIBUTE.keyType, 1],
  [ATTRIBUTE.label, 128],
  [ATTRIBUTE.id, 128],
  [ATTRIBUTE.modulusBits, 4],
  [ATTRIBUTE.valueLength, 4],
  [ATTRIBUTE.checkValue, 3],
  [ATTRIBUTE.keyDigest, 32],
])

export interface HsmObject {
  readonly handle: number
  readonly attributes: ReadonlyMap<number, Buffer>
}

export interface HsmBlob {
  readonly file: string
  /** What is signed: everything before the signature. */
  readonly signed: Buffer
  readonly signature: Buffer
  /** One, or a pair in either order: what each is, its CLASS says. */
  readonly objects: readonly HsmObject[]
}

const HEADER = 16
const HANDLE = 8
const SIGNATURE = 256
const BLOCK_HEADER = 8
const OBJECT_HEADER = 12
/** As in every statement seen. Another value may mean another layout, so it is not read. */
const FLAGS_SEEN = 3
const BLOCK_VERSION = 1
const MAX_ATTRIBUTES = 64

/** Whether octets begin as a V2 statement does, or as an error in its place: the flags seen, and room for an object and a signature. */
export const looksLikeBlob = (bytes: Buffer): boolean => bytes.length >= HEADER + HANDLE + SIGNATURE && bytes.readUInt32BE(4) === FLAGS_SEEN

/**
 * Whether octets look like a statement of the older kind (V1, firmware 2.x and 10.x): no usable header, an object at one of the places
 * that are told of it. It is not read any further: its layout is not known from a real one, and what its signature covers is checked
 * by no padding, so that a forger may choose it (formats.md 4.3).
 */
export const looksLikeOlderBlob = (bytes: Buffer): boolean =>
  [20, 24, 984].some((start) => {
    const end = bytes.length - SIGNATURE
    if (start + OBJECT_HEADER > end) return false
    const [count, size] = [bytes.readUInt32BE(start + 4), bytes.readUInt32BE(start + 8)]
    if (count === 0 || count > MAX_ATTRIBUTES || start + OBJECT_HEADER + size > end) return false
    let at = start + OBJECT_HEADER
    const limit = at + size
    for (let index = 0; index < count; index++) {
      if (at + 8 > limit) return false
      at += 8 + bytes.readUInt32BE(at + 4)
    }
    return at === limit
  })

/** @throws MalformedStatement when the octets are not a V2 statement to the last one; the older kind is named as such */
export function readBlob(bytes: Buffer, file: string): HsmBlob {
  try {
    return read(bytes, file)
  } catch (error) {
    throw MalformedStatement.is(error) && looksLikeOlderBlob(bytes) ? new MalformedStatement(file, say('attestation-marvell.malformed.older-format')) : error
  }
}

function read(bytes: Buffer, file: string): HsmBlob {
  const malformed = (reason: string, values: Record<string, string> = {}) => new MalformedStatement(file, say(`attestation-marvell.malformed.${reason}`, values))
  if (bytes.length < HEADER + HANDLE + BLOCK_HEADER + OBJECT_HEADER + SIGNATURE) throw malformed('too-short')
  const [status, flags, total, size] = [0, 4, 8, 12].map((at) => bytes.readUInt32BE(at)) as [number, number, number, number]
  if (flags !== FLAGS_SEEN) throw malformed('not-a-statement')
  if (status !== 0) throw malformed('hsm-error', { code: status.toString(16) })
  if (total !== bytes.length) throw malformed('length', { stated: String(total), actual: String(bytes.length) })
  const end = total - SIGNATURE
  const block = end - size
  const handles = (block - HEADER) / HANDLE
  if (handles !== 1 && handles !== 2) throw malformed('layout', { octet: '12' })
  const [version, blockFlags, first, second] = [0, 2, 4, 6].map((at) => bytes.readUInt16BE(block + at)) as [number, number, number, number]
  if (version !== BLOCK_VERSION || blockFlags !== FLAGS_SEEN) throw malformed('layout', { octet: String(block) })
  if (first !== BLOCK_HEADER || (second === 0) !== (handles === 1)) throw malformed('layout', { octet: String(block + 4) })
  const objects: HsmObject[] = []
  let at = block + first
  for (let index = 0; index < handles; index++) {
    if (index === 1 && at !== block + second) throw malformed('layout', { octet: String(block + 6) })
    const object = readObject(bytes, at, end, malformed)
    if (bytes.readBigUInt64BE(HEADER + index * HANDLE) !== BigInt(object.handle)) throw malformed('layout', { octet: String(HEADER + index * HANDLE) })
    objects.push(object)
    at = object.end
  }
  if (at !== end) throw malformed('layout', { octet: String(at) })
  return { file, signed: bytes.subarray(0, end), signature: bytes.subarray(end), objects }
}

function readObject(bytes: Buffer, start: number, limit: number, malformed: (reason: string, values: Record<string, string>) => Error): HsmObject & { end: number } {
  const broken = (octet: number) => malformed('layout', { octet: String(octet) })
  if (start + OBJECT_HEADER > limit) throw broken(start)
  const [handle, count, size] = [0, 4, 8].map((at) => bytes.readUInt32BE(start + at)) as [number, number, number]
  const end = start + OBJECT_HEADER + size
  if (count > MAX_ATTRIBUTES || end > limit) throw broken(start + 4)
  const attributes = new Map<number, Buffer>()
  let at = start + OBJECT_HEADER
  for (let index = 0; index < count; index++) {
    // Type and length can be read wherever this stands, since the signature follows the last object.
    const [type, length] = [bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4)]
    if (at + 8 + length > end) throw broken(at + 4)
    if (attributes.has(type)) throw malformed('duplicate-attribute', { type: hex(type) })
    const value = bytes.subarray(at + 8, at + 8 + length)
    const fixed = LENGTHS.get(type)
    if ((fixed !== undefined && fixed !== length) || (FLAGS.includes(type) && value[0]! > 1)) throw malformed('attribute', { type: hex(type), octet: String(at) })
    attributes.set(type, value)
    at += 8 + length
  }
  if (at !== end) throw broken(at)
  return { handle, attributes, end }
}

export const hex = (type: number): string => `0x${type.toString(16).padStart(3, '0')}`
