/**
 * A CryptoKeyVersion of Cloud KMS in JSON, as `gcloud kms keys versions describe --format=json` and the REST API print it: its attestation and
 * chains. All else in it is Cloud KMS's word and no evidence, so it is not looked at.
 */
import { unpack } from '../../src/attestation/containers.ts'
import { LIMITS, type FoundCertificate, type OtherFile } from '../../src/attestation/evidence.ts'
import { base64Octets, isObject, readJson, type Json } from '../../src/attestation/strict-json.ts'
import { MalformedStatement, say } from '../../src/attestation/verifier.ts'
import { readPem } from '../../src/pki/pem.ts'

/** The format that can be checked, and the lists of the API's CertificateChains. */
const FORMAT = 'CAVIUM_V2_COMPRESSED'
const CHAINS = ['caviumCerts', 'googleCardCerts', 'googlePartitionCerts']

/** By octets, so that a spoilt text is still answered with what is wrong about it. A key in software has no attestation, but its name. */
export const looksLikeKeyVersion = ({ kind, bytes }: OtherFile): boolean => kind === 'json' && (bytes.includes('"CAVIUM_V') || (bytes.includes('/cryptoKeyVersions/') && bytes.includes('"protectionLevel"')))

/** @throws MalformedStatement */
export function readKeyVersion({ name: file, bytes }: OtherFile): { statement: { name: string; bytes: Buffer }; certificates: FoundCertificate[] } {
  const malformed = (reason: string, values: Record<string, string>) => new MalformedStatement(file, say(`attestation-marvell.malformed.${reason}`, values))
  const member = (name: string) => malformed('kms-member', { name })
  const version = readJson(bytes, file)
  if (!isObject(version)) throw member('name')
  const attestation = version.get('attestation')
  if (attestation === undefined || attestation === null) throw malformed('kms-no-attestation', { level: text(version.get('protectionLevel')) })
  if (!isObject(attestation)) throw member('attestation')
  if (attestation.get('format') !== FORMAT) throw malformed('kms-format', { format: text(attestation.get('format')), known: FORMAT })
  const content = attestation.get('content')
  // The API's base64 is of either alphabet, as JSON's mapping of octets allows.
  const octets = typeof content === 'string' ? (base64Octets(content, 'base64') ?? base64Octets(content, 'base64url')) : null
  if (!octets) throw member('content')
  const [statement, ...more] = unpack({ name: file, bytes: octets }, { bytes: LIMITS.unpacked, files: 1 })
  if (!statement || more.length > 0) throw member('content')

  const chains = attestation.get('certChains') ?? new Map<string, Json>()
  if (!isObject(chains)) throw member('certChains')
  const certificates: FoundCertificate[] = []
  for (const [name, list] of chains) {
    if (!CHAINS.includes(name) || !Array.isArray(list)) throw member(name)
    for (const pem of list) {
      const blocks = typeof pem === 'string' ? readPem(pem) : null
      if (!blocks || blocks.length === 0 || blocks.some(({ label }) => label !== 'CERTIFICATE')) throw member(name)
      certificates.push(...blocks.map(({ der }) => ({ file, der })))
    }
  }
  return { statement: { name: file, bytes: statement.bytes }, certificates }
}

const text = (json: Json | undefined): string => (typeof json === 'string' ? json : '–')
