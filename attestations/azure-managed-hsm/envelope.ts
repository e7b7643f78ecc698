/** The JSON of `az keyvault key get-attestation`: whole, or its `attributes`, or its `attestation`. Reads and judges nothing. */
import { LIMITS, type Evidence, type FoundCertificate } from '../../src/attestation/evidence.ts'
import { base64Octets, isObject, readJson, type JsonObject } from '../../src/attestation/strict-json.ts'
import { MalformedStatement, say } from '../../src/attestation/verifier.ts'
import { readPem } from '../../src/pki/pem.ts'

/** The one version that is published (Azure/azure-managed-hsm-key-attestation). */
const VERSION = 'MRVL-1'

export interface Envelope {
  readonly parts: readonly { readonly name: string; readonly bytes: Buffer }[]
  readonly certificates: readonly FoundCertificate[]
}

/** @throws MalformedStatement */
export function readEnvelope({ others, certificates }: Evidence): Envelope {
  const stray = others.find(({ kind }) => kind !== 'json')
  if (stray) throw new MalformedStatement(stray.name, say('attestation.malformed.not-a-certificate'))
  const [file, another] = others
  if (!file) throw new MalformedStatement(null, say('attestation-marvell.malformed.envelope-missing'))
  if (another) throw new MalformedStatement(another.name, say('attestation-marvell.malformed.several-statements'))
  const malformed = (reason: string, values: Record<string, string> = {}) => new MalformedStatement(file.name, say(`attestation-marvell.malformed.${reason}`, values))

  let attestation = readJson(file.bytes, file.name)
  for (const name of ['attributes', 'attestation']) if (isObject(attestation) && attestation.has(name)) attestation = attestation.get(name)!
  if (!isObject(attestation)) throw malformed('envelope')
  const version = attestation.get('version')
  if (version !== VERSION) throw malformed('envelope-version', { version: typeof version === 'string' ? version : '–', known: VERSION })
  const required = (name: string): Buffer => octets(attestation as JsonObject, name, malformed) ?? fail(malformed('envelope-member', { name }))
  const bundle = readPem(required('certificatePemFile').toString('latin1'))
  if (!bundle || bundle.length === 0 || bundle.some(({ label }) => label !== 'CERTIFICATE')) throw malformed('envelope-member', { name: 'certificatePemFile' })
  if (bundle.length + certificates.length > LIMITS.certificates) throw new MalformedStatement(file.name, say('attestation.malformed.too-many-certificates', { limit: String(LIMITS.certificates) }))
  const publicHalf = octets(attestation, 'publicKeyAttestation', malformed)
  const parts = [required('privateKeyAttestation'), ...(publicHalf ? [publicHalf] : [])]
  return { parts: parts.map((bytes) => ({ name: file.name, bytes })), certificates: [...bundle.map(({ der }) => ({ file: file.name, der })), ...certificates] }
}

const fail = (error: Error): never => {
  throw error
}

/** The octets of a member: base64url by Microsoft's REST, base64 by some of its libraries. Null where it is left out or null. */
function octets(object: JsonObject, name: string, malformed: (reason: string, values: Record<string, string>) => Error): Buffer | null {
  const value = object.get(name)
  if (value === undefined || value === null) return null
  const bytes = typeof value === 'string' ? (base64Octets(value, 'base64url') ?? base64Octets(value, 'base64')) : null
  if (!bytes) throw malformed('envelope-member', { name })
  return bytes
}
