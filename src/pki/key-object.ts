/** Public keys as OpenSSL holds them. To load one costs more than to verify a signature with it, and the same few signed nearly all there is to verify. */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { byOctets } from './by-octets.ts'

/**
 * The key of a SubjectPublicKeyInfo, DER. A key object can't be changed.
 * @throws Error, OpenSSL's, when it can't load the key: a point that is not on its curve, a modulus of no use
 */
export const publicKeyObject: (spki: Buffer) => KeyObject = byOctets((spki) => createPublicKey({ key: spki, format: 'der', type: 'spki' }), { most: 256, longest: 1200 })
