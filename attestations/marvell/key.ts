/** The key that a statement is about: finds the private object by its CLASS and puts its public key together. Judges nothing. */
import { bitString, integer, nullValue, oid, sequence } from '../../src/pki/der.ts'
import { MalformedStatement, say } from '../../src/attestation/verifier.ts'
import { ATTRIBUTE, CLASS, hex, KEY_TYPE, type HsmBlob, type HsmObject } from './blob.ts'

export interface AttestedKey {
  readonly privateObject: HsmObject
  /** SubjectPublicKeyInfo (DER) that the private object states. */
  readonly spki: Buffer
  /** The same of the public objects beside it, where there are any. */
  readonly publicSpkis: readonly Buffer[]
}

const RSA = sequence(oid('1.2.840.113549.1.1.1'), nullValue())
/** The curve is not stated: it is the NIST one of that length, and a key of any other fails by its digest (0x1003). */
const CURVES: Record<number, string> = { 65: '1.2.840.10045.3.1.7', 97: '1.3.132.0.34', 133: '1.3.132.0.35' }

/**
 * Position says nothing: an object is what its CLASS says it is.
 * @throws MalformedStatement when there is not exactly one private key, or something beside it that is not its public half
 */
export function attestedKey(blobs: readonly HsmBlob[]): AttestedKey {
  const found = blobs.flatMap(({ file, objects }) => objects.map((object) => ({ file, object, objectClass: object.attributes.get(ATTRIBUTE.class)?.[0] })))
  const file = found[0]?.file ?? null
  const privates = found.filter(({ objectClass }) => objectClass === CLASS.private)
  const publics = found.filter(({ objectClass }) => objectClass === CLASS.public)
  const key = privates[0]
  if (!key) throw new MalformedStatement(file, say(`attestation-marvell.malformed.${found.some(({ objectClass }) => objectClass === CLASS.secret) ? 'secret-key' : 'no-private-key'}`))
  if (privates.length > 1 || privates.length + publics.length !== found.length) throw new MalformedStatement(found.at(-1)!.file, say('attestation-marvell.malformed.several-keys'))
  return { privateObject: key.object, spki: publicKeyOf(key.object, key.file), publicSpkis: publics.map(({ object, file: holder }) => publicKeyOf(object, holder)) }
}

function publicKeyOf({ attributes }: HsmObject, file: string): Buffer {
  const malformed = (type: number) => new MalformedStatement(file, say('attestation-marvell.malformed.key-attribute', { type: hex(type) }))
  const type = attributes.get(ATTRIBUTE.keyType)?.[0]
  const modulus = attributes.get(ATTRIBUTE.modulus)
  if (type !== KEY_TYPE.rsa && type !== KEY_TYPE.ec) throw malformed(ATTRIBUTE.keyType)
  if (!modulus || modulus.length === 0 || modulus.length > 2048) throw malformed(ATTRIBUTE.modulus)
  if (type === KEY_TYPE.rsa) {
    const exponent = attributes.get(ATTRIBUTE.publicExponent)
    if (!exponent || exponent.length === 0 || exponent.length > 32) throw malformed(ATTRIBUTE.publicExponent)
    const bits = attributes.get(ATTRIBUTE.modulusBits)?.readUInt32BE(0)
    if (bits !== BigInt(`0x${modulus.toString('hex')}`).toString(2).length) throw malformed(ATTRIBUTE.modulusBits)
    return sequence(RSA, bitString(sequence(integer(modulus), integer(exponent))))
  }
  const curve = CURVES[modulus.length]
  if (!curve || modulus[0] !== 4) throw malformed(ATTRIBUTE.modulus)
  return sequence(sequence(oid('1.2.840.10045.2.1'), oid(curve)), bitString(modulus))
}

/** Text of a fixed field, up to its padding of zeros. For showing: its octets are the applicant's choice. */
export const fieldText = ({ attributes }: HsmObject, type: number): string | null => {
  const value = attributes.get(type)
  if (!value) return null
  const end = value.indexOf(0)
  return value.subarray(0, end < 0 ? value.length : end).toString('latin1') || null
}
