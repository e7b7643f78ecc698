/** Tells a private key that somebody sent by mistake, which is refused before anything else is looked at and never kept, and a public one. */
import { type Der, MalformedDer, readDer, TAG } from './der.ts'
import { decodeBase64 } from './pem.ts'
import { decodeText } from './upload.ts'

const MAX_BYTES = 128 * 1024

/** PEM of whatever make, PKCS #8, PKCS #1, SEC 1, PKCS #12, PuTTY and JWK: the forms in which private keys leave software. */
export function isPrivateKey(bytes: Buffer): boolean {
  // Not by `isDerSequence`: a key of P-256 or Ed25519 has fewer than 128 octets, and must leave no hand either.
  if (bytes[0] === TAG.sequence && isPrivateKeyDer(bytes)) return true
  if (isDerSequence(bytes)) return false
  const text = decodeText(bytes)
  // With its BEGIN: a report may well speak of PRIVATE KEYs.
  if (/BEGIN [A-Z0-9 ]*PRIVATE KEY|PuTTY-User-Key-File/.test(text)) return true
  if (/^\s*\{/.test(text)) return /"kty"\s*:/.test(text) && /"d"\s*:\s*"/.test(text)
  const der = /BEGIN |\0/.test(text) ? null : decodeBase64(text)
  return der !== null && der[0] === TAG.sequence && isPrivateKeyDer(der)
}

function isPrivateKeyDer(bytes: Buffer): boolean {
  try {
    const [first, second, third]: (Der | undefined)[] = readDer(bytes, { maxBytes: MAX_BYTES }).children()
    if (first?.tag === TAG.sequence) return first.children()[0]?.tag === TAG.oid && second?.tag === TAG.octetString
    if (first?.tag !== TAG.integer || !second) return false
    const version = first.integer()
    // PKCS #8 (RFC 5958), SEC 1 (RFC 5915), PKCS #1 (RFC 8017 A.1.2: nine integers), PKCS #12 (RFC 7292: version 3).
    return (version <= 1n && second.tag === TAG.sequence && third?.tag === TAG.octetString) || (version === 1n && second.tag === TAG.octetString) || (version <= 1n && second.tag === TAG.integer && third?.tag === TAG.integer) || (version === 3n && second.tag === TAG.sequence)
  } catch (error) {
    if (MalformedDer.is(error)) return false
    throw error
  }
}

/** A SEQUENCE in the long form that is exactly as long as it says: no text and next to no other octets are. */
export function isDerSequence(bytes: Buffer): boolean {
  const octets = (bytes[1] ?? 0) - 0x80
  return bytes[0] === TAG.sequence && octets >= 1 && octets <= 3 && bytes.length > 2 + octets && bytes.length === 2 + octets + bytes.readUIntBE(2, octets)
}

/**
 * A SubjectPublicKeyInfo of any length, octet for octet. One of P-256 or Ed25519 begins like a text may (`0Y`), but no text has the tags of an
 * object identifier and of a bit string where they stand.
 */
export function isPublicKeyDer(bytes: Buffer): boolean {
  if (bytes[0] !== TAG.sequence) return false
  try {
    const [algorithm, key, more]: (Der | undefined)[] = readDer(bytes, { maxBytes: MAX_BYTES }).children()
    return algorithm?.tag === TAG.sequence && algorithm.children()[0]?.tag === TAG.oid && key?.tag === TAG.bitString && more === undefined
  } catch (error) {
    if (MalformedDer.is(error)) return false
    throw error
  }
}
