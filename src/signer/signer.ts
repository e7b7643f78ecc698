/**
 * What the rest of the software knows of private keys: names for them, and signatures made by them.
 * The keys themselves live in a hardware security module and never leave it (CP 6.2.1, CP 6.2.7, ISS-6).
 */
import { constants, createHash, createPublicKey, type KeyObject, publicDecrypt } from 'node:crypto'

export type Hash = 'sha256' | 'sha384' | 'sha512'

/** A key as it was recorded when it was made. A signer refuses a key that answers to the label and isn't this one. */
export interface KeyReference {
  readonly tokenLabel: string
  /** CKA_LABEL */
  readonly label: string
  /** CKA_ID in lower-case hexadecimal */
  readonly id: string
  /** SHA-256 of the SubjectPublicKeyInfo in lower-case hexadecimal */
  readonly spkiSha256: string
}

/** What the module itself says of a private key (PKCS #11 4.9). All five are checked when a key is generated, and go into the key generation report. */
export interface KeyAttributes {
  readonly local: boolean
  readonly alwaysSensitive: boolean
  readonly neverExtractable: boolean
  readonly sensitive: boolean
  readonly extractable: boolean
}

export interface GeneratedKeyPair {
  /** SubjectPublicKeyInfo, DER */
  readonly spki: Buffer
  readonly attributes: KeyAttributes
  readonly reference: KeyReference
}

/** What a module and its token say of themselves (PKCS #11 3.1, 3.2): for reports, never for trust. */
export interface ModuleFacts {
  readonly tokenLabel: string
  readonly manufacturer: string
  readonly model: string
  readonly serialNumber: string
  readonly firmware: string
  /** The PKCS #11 library: what it calls itself, and its version. */
  readonly library: string
}

export interface Signer {
  readonly tokenLabel: string
  /**
   * RSASSA-PKCS1-v1_5 over data, verified against the recorded public key before it is returned. Deterministic: the same input gives the same octets.
   * @throws SignerUnavailable
   */
  sign(key: KeyReference, hash: Hash, data: Uint8Array): Promise<Buffer>
  /**
   * The same signature over data that the caller has taken the digest of: for lists that never stand in memory as a whole.
   * @throws SignerUnavailable; RangeError when the digest has another length than the hash gives
   */
  signDigest(key: KeyReference, hash: Hash, digest: Uint8Array): Promise<Buffer>
  /**
   * The SubjectPublicKeyInfo (DER) of the one key with this label.
   * @throws SignerUnavailable `key-missing` or `key-ambiguous` when there isn't exactly one
   */
  publicKey(label: string): Promise<Buffer>
  /**
   * Makes a key that can't leave the module. Never called on the way to a signature: a key that is missing is a fault, not a reason to make one.
   * @param wanted id is CKA_ID in hexadecimal; bits the modulus length
   * @throws SignerUnavailable `key-exists` when the label or the id is taken, `key-exposed` when the module made a key that could leave it
   */
  generateRsaKeyPair(wanted: { readonly label: string; readonly id: string; readonly bits: number }): Promise<GeneratedKeyPair>
  /** Waits for signatures under way, then lets go of the module. */
  close(): Promise<void>
}

export type SignerFault =
  | 'module-missing'
  | 'module-failed'
  | 'storage-missing'
  | 'token-missing'
  | 'token-ambiguous'
  | 'pin-refused'
  | 'key-missing'
  | 'key-ambiguous'
  | 'key-changed'
  | 'key-exists'
  | 'key-exposed'
  | 'wrong-token'
  | 'signature-wrong'
  | 'closed'

/** A signer that can't do what it was asked. The message is one line for an operator and names no PIN. */
export class SignerUnavailable extends Error {
  readonly #signerUnavailable = true
  readonly reason: SignerFault
  constructor(reason: SignerFault, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'SignerUnavailable'
    this.reason = reason
  }
  static is(error: unknown): error is SignerUnavailable {
    return typeof error === 'object' && error !== null && #signerUnavailable in error
  }
}

/** Removes a key pair for ever. `absent`: a removal that was broken off had done it. */
export async function removeIfPresent(token: { removeKeyPair(key: KeyReference): Promise<void> }, key: KeyReference): Promise<'removed' | 'absent'> {
  try {
    await token.removeKeyPair(key)
    return 'removed'
  } catch (error) {
    if (SignerUnavailable.is(error) && error.reason === 'key-missing') return 'absent'
    throw error
  }
}

export const spkiSha256 = (spki: Uint8Array): string => createHash('sha256').update(spki).digest('hex')

/** SubjectPublicKeyInfo (DER) of an RSA key from its two numbers, big-endian. */
export function rsaSpki(modulus: Buffer, publicExponent: Buffer): Buffer {
  const key = createPublicKey({ key: { kty: 'RSA', n: modulus.toString('base64url'), e: publicExponent.toString('base64url') }, format: 'jwk' })
  return key.export({ type: 'spki', format: 'der' })
}

/** DigestInfo up to the digest (RFC 8017 9.2 note 1). */
const DIGEST_INFO: Readonly<Record<Hash, Buffer>> = {
  sha256: Buffer.from('3031300d060960864801650304020105000420', 'hex'),
  sha384: Buffer.from('3041300d060960864801650304020205000430', 'hex'),
  sha512: Buffer.from('3051300d060960864801650304020305000440', 'hex'),
}

/**
 * What RSASSA-PKCS1-v1_5 signs (RFC 8017 9.2).
 * @throws RangeError when the digest has another length than the hash gives
 */
export function digestInfo(hash: Hash, digest: Uint8Array): Buffer {
  const prefix = DIGEST_INFO[hash]
  if (digest.length !== prefix.at(-1)) throw new RangeError(`a digest of ${digest.length} octets is none of ${hash}`)
  return Buffer.concat([prefix, digest])
}

/** Whether this is the RSASSA-PKCS1-v1_5 signature of what has this digest: the encoded message is compared whole, as RFC 8017 8.2.2 does. */
export function verifyDigest(key: KeyObject, hash: Hash, digest: Uint8Array, signature: Uint8Array): boolean {
  let signed: Buffer
  try {
    signed = publicDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, signature)
  } catch {
    return false
  }
  return signed.equals(digestInfo(hash, digest))
}
