/** The attestation object of format "tpm" (W3C WebAuthn 8.3), which ACME's device-attest-01 clients write too: CBOR with the statement's parts and chain. */
import { base64Octets, isObject, readJson } from '../../src/attestation/strict-json.ts'
import { MalformedStatement, say } from '../../src/attestation/verifier.ts'
import { isMap, readCbor } from './cbor.ts'

/** The text "fmt" and the text "tpm" behind it, as CBOR has them. */
const FORMAT = Buffer.from('63666d746374706d', 'hex')
export const looksLikeObject = (bytes: Buffer): boolean => bytes.length > 0 && bytes[0]! >> 5 === 5 && bytes.includes(FORMAT)

/** The member of a browser's answer that holds the object (W3C WebAuthn 5.1, RegistrationResponseJSON). */
const MEMBER = 'attestationObject'
export const looksLikeAnswer = (bytes: Buffer): boolean => bytes.includes(`"${MEMBER}"`)

/** The object in a browser's answer, or in its `response`. @throws MalformedStatement */
export function objectOf(bytes: Buffer, file: string): Buffer {
  const answer = readJson(bytes, file)
  const response = isObject(answer) && answer.has('response') ? answer.get('response') : answer
  const text = isObject(response) ? response.get(MEMBER) : undefined
  const octets = typeof text === 'string' ? base64Octets(text, 'base64url') : null
  if (!octets) throw new MalformedStatement(file, say('attestation-tpm2.malformed.object', { member: MEMBER }))
  return octets
}

/** COSE algorithms (RFC 8812 2, RFC 9053 2.1) and the digest of each. A TPMT_SIGNATURE says it again itself. */
const ALGORITHMS: ReadonlyMap<number, string> = new Map([
  [-257, 'sha256'],
  [-258, 'sha384'],
  [-259, 'sha512'],
  [-65535, 'sha1'],
  [-7, 'sha256'],
  [-35, 'sha384'],
  [-36, 'sha512'],
])
const VERSION = '2.0'

export interface ObjectParts {
  readonly certify: Buffer
  readonly signature: Buffer
  readonly publicArea: Buffer
  readonly digest: string
  readonly certificates: readonly Buffer[]
}

/** @throws MalformedStatement */
export function readObject(bytes: Buffer, file: string | null): ObjectParts {
  const malformed = (member: string) => new MalformedStatement(file, say('attestation-tpm2.malformed.object', { member }))
  const object = readCbor(bytes)
  if (!isMap(object)) throw malformed('CBOR')
  const statement = object.get('attStmt')
  if (!isMap(statement)) throw malformed('attStmt')
  if (statement.get('ver') !== VERSION) throw malformed('ver')
  const octets = (name: string): Buffer => {
    const value = statement.get(name)
    if (!Buffer.isBuffer(value) || value.length === 0) throw malformed(name)
    return value
  }
  const algorithm = statement.get('alg')
  const digest = typeof algorithm === 'number' ? ALGORITHMS.get(algorithm) : undefined
  if (digest === undefined) throw malformed('alg')
  const chain = statement.get('x5c')
  if (!Array.isArray(chain) || chain.length === 0 || !chain.every((der) => Buffer.isBuffer(der))) throw malformed('x5c')
  return { certify: octets('certInfo'), signature: octets('sig'), publicArea: octets('pubArea'), digest, certificates: chain as Buffer[] }
}
