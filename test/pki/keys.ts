/** Keys and requests for tests, written apart from the code under test: the DER writer is all they share. */
import { constants, createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { bitString, context, integer, nullValue, octetString, oid, sequence, setOf, utf8String } from '../../src/pki/der.ts'
import { keptText } from '../support/kept.ts'

export interface KeyPair {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  readonly spki: Buffer
}

const withSpki = ({ privateKey, publicKey }: { privateKey: KeyObject; publicKey: KeyObject }): KeyPair => ({ privateKey, publicKey, spki: publicKey.export({ type: 'spki', format: 'der' }) })

const drawn = new Map<string, number>()
/** Another RSA key each time within a test file; each file draws the same ones, since to make one takes up to seconds. */
export function rsaKeyPair(bits: number, exponent = 65537): KeyPair {
  const kind = `rsa-${bits}-${exponent}`
  const number = (drawn.get(kind) ?? 0) + 1
  drawn.set(kind, number)
  const made = () => generateKeyPairSync('rsa', { modulusLength: bits, publicExponent: exponent }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  const privateKey = createPrivateKey(keptText(`${kind}-${number}.pem`, made))
  return withSpki({ privateKey, publicKey: createPublicKey(privateKey) })
}
export const ecKeyPair = (namedCurve: string): KeyPair => withSpki(generateKeyPairSync('ec', { namedCurve }))
export const ed25519KeyPair = (): KeyPair => withSpki(generateKeyPairSync('ed25519'))

/** SubjectPublicKeyInfo of an RSA key with these numbers, whether or not anybody could have its private key. */
export const rsaSpki = (modulus: bigint, exponent: bigint = 65537n): Buffer =>
  sequence(sequence(oid('1.2.840.113549.1.1.1'), nullValue()), bitString(sequence(integer(modulus), integer(exponent))))

/** Octets that follow from a seed. */
export function seededBytes(seed: string, length: number): Buffer {
  const blocks: Buffer[] = []
  for (let counter = 0; counter * 32 < length; counter++) blocks.push(createHash('sha256').update(`${seed} ${counter}`).digest())
  return Buffer.concat(blocks).subarray(0, length)
}

/** A number of exactly that many bits that no prime below 65536 divides: for the rules, a sound modulus. */
export function soundModulus(bits: number, seed = 'modulus'): bigint {
  let candidate = BigInt(`0x${seededBytes(`${seed} ${bits}`, Math.ceil(bits / 8)).toString('hex')}`) >> BigInt((8 - (bits % 8)) % 8)
  candidate |= (1n << BigInt(bits - 1)) | (1n << BigInt(bits - 2)) | 1n
  while (hasTinyFactor(candidate)) candidate -= 2n
  return candidate
}
function hasTinyFactor(value: bigint): boolean {
  for (let divisor = 3n; divisor < 65536n; divisor += 2n) if (value % divisor === 0n) return true
  return false
}

const SIGNATURE_OIDS: Record<string, Record<string, string>> = {
  rsa: { md5: '1.2.840.113549.1.1.4', sha1: '1.2.840.113549.1.1.5', sha256: '1.2.840.113549.1.1.11', sha384: '1.2.840.113549.1.1.12', sha512: '1.2.840.113549.1.1.13' },
  ec: { sha1: '1.2.840.10045.4.1', sha256: '1.2.840.10045.4.3.2', sha384: '1.2.840.10045.4.3.3' },
}

export interface RequestOptions {
  readonly hash?: string
  /** Key in the request, when it is not the one that signs. */
  readonly spki?: Buffer
  readonly subject?: Buffer
  readonly version?: number
  /** The attributes field; false leaves it out. */
  readonly attributes?: readonly Buffer[] | false
  readonly signatureAlgorithm?: Buffer
  readonly signature?: Buffer
  /** Signs with RSASSA-PSS and a salt of so many octets. */
  readonly pssSalt?: number
}

/** A signed certificate request, DER. */
export function makeRequest(keys: KeyPair, options: RequestOptions = {}): Buffer {
  const type = keys.privateKey.asymmetricKeyType!
  const hash = options.hash ?? 'sha256'
  const subject = options.subject ?? sequence(setOf(sequence(oid('2.5.4.3'), utf8String('Asked For K.K.'))))
  const attributes = options.attributes ?? []
  const info = sequence(integer(options.version ?? 0), subject, options.spki ?? keys.spki, ...(attributes === false ? [] : [context(0, ...attributes)]))
  const algorithm = options.signatureAlgorithm ?? (type === 'rsa' ? sequence(oid(SIGNATURE_OIDS.rsa![hash]!), nullValue()) : sequence(oid(type === 'ec' ? SIGNATURE_OIDS.ec![hash]! : '1.3.101.112')))
  const signer = options.pssSalt === undefined ? keys.privateKey : { key: keys.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: options.pssSalt }
  return sequence(info, algorithm, bitString(options.signature ?? sign(type === 'ed25519' ? null : hash, info, signer)))
}

/** The PKCS #9 extensionRequest attribute around Extension values. */
export const extensionRequest = (...extensions: Buffer[]): Buffer => sequence(oid('1.2.840.113549.1.9.14'), setOf(sequence(...extensions)))
export const plainExtension = (type: string, value: Buffer): Buffer => sequence(oid(type), octetString(value))

/** A generator of numbers in [0, below) with a fixed seed (mulberry32). */
export function seededNumbers(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** The bytes with a few of them changed, left out, doubled or cut. */
export function mutate(bytes: Buffer, random: (below: number) => number): Buffer {
  let mutated = Buffer.from(bytes)
  for (let change = 1 + random(4); change > 0; change--) {
    const at = random(mutated.length || 1)
    switch (random(6)) {
      case 0:
        if (mutated.length > 0) mutated[at] = random(256)
        break
      case 1:
        if (mutated.length > 0) mutated[at]! ^= 1 << random(8)
        break
      case 2:
        mutated = Buffer.concat([mutated.subarray(0, at), mutated.subarray(at + 1 + random(8))])
        break
      case 3:
        mutated = Buffer.concat([mutated.subarray(0, at), Buffer.from([random(256)]), mutated.subarray(at)])
        break
      case 4:
        mutated = Buffer.concat([mutated.subarray(0, at), mutated.subarray(at, at + random(40)), mutated.subarray(at)])
        break
      default:
        if (random(10) === 0) mutated = mutated.subarray(0, at)
        else if (mutated.length > 0) mutated[at] = [0x00, 0x80, 0x84, 0xff, 0x30, 0x7f][random(6)]!
    }
  }
  return mutated
}
