/**
 * What the JSON of Cloud KMS must come to (`gcloud kms keys versions describe --format=json`, or the REST API's CryptoKeyVersion), made of the
 * published statement and chains in the members that the API's reference names. Written before the reader; the key is the attested one.
 * A JSON text is the two files by another way, so that its verdict is theirs (marvell-expected.ts).
 */
type Expected = { verified: true } | { refused: { [question: string]: string } } | { malformed: { file: string | null; reason: string } }

const historical: Expected = { refused: { 'certified-module': 'attestation.certificate.historical' } }
const malformed = (reason: string, file = 'version.json'): Expected => ({ malformed: { file, reason } })

/** `change` takes members of the CryptoKeyVersion, or of its `attestation` or `certChains`, out or puts others in their place. */
export interface JsonCase {
  title: string
  change?: { version?: object; attestation?: object; chains?: object }
  more?: readonly 'chains.pem'[]
  at: string
  expected: Expected
}
const BEFORE = '2026-09-21T12:00:00Z'
const NOW = '2026-11-21T00:00:00Z'

export const JSON_CASES: readonly JsonCase[] = [
  { title: 'whole, before FIPS 140-2 went Historical', at: BEFORE, expected: { verified: true } },
  { title: 'whole, today', at: NOW, expected: historical },
  { title: 'without chains, and the chains as a file', change: { attestation: { certChains: undefined } }, more: ['chains.pem'], at: BEFORE, expected: { verified: true } },
  { title: 'with chains, and the chains as a file again', more: ['chains.pem'], at: BEFORE, expected: { verified: true } },
  { title: 'without chains', change: { attestation: { certChains: undefined } }, at: BEFORE, expected: malformed('attestation-marvell.malformed.certificates-missing') },
  { title: 'without Google\'s chains', change: { chains: { googleCardCerts: [], googlePartitionCerts: undefined } }, at: BEFORE, expected: { refused: { 'genuine-device': 'attestation-marvell.leg.owner-missing', 'generated-inside': 'attestation.claim.untrusted', 'not-exportable': 'attestation.claim.untrusted', 'certified-module': 'attestation.claim.untrusted' } } },
  { title: 'of a key in software', change: { version: { attestation: undefined, protectionLevel: 'SOFTWARE' } }, at: BEFORE, expected: malformed('attestation-marvell.malformed.kms-no-attestation') },
  { title: 'of the older format', change: { attestation: { format: 'CAVIUM_V1_COMPRESSED' } }, at: BEFORE, expected: malformed('attestation-marvell.malformed.kms-format') },
  { title: 'of a format that nobody knows', change: { attestation: { format: 'CAVIUM_V3' } }, at: BEFORE, expected: malformed('attestation-marvell.malformed.kms-format') },
  { title: 'whose content is not base64', change: { attestation: { content: '!' } }, at: BEFORE, expected: malformed('attestation-marvell.malformed.kms-member') },
  { title: 'without content', change: { attestation: { content: undefined } }, at: BEFORE, expected: malformed('attestation-marvell.malformed.kms-member') },
  { title: 'whose chains are no lists', change: { chains: { caviumCerts: 'x' } }, at: BEFORE, expected: malformed('attestation-marvell.malformed.kms-member') },
  { title: 'with a chain that is not PEM', change: { chains: { caviumCerts: ['x'] } }, at: BEFORE, expected: malformed('attestation-marvell.malformed.kms-member') },
  { title: 'with a chain that is PEM of something else', change: { chains: { caviumCerts: ['-----BEGIN DATA-----\nAAAA\n-----END DATA-----\n'] } }, at: BEFORE, expected: malformed('attestation-marvell.malformed.kms-member') },
  { title: 'with a chain of a name that nobody knows', change: { chains: { otherCerts: [] } }, at: BEFORE, expected: malformed('attestation-marvell.malformed.kms-member') },
]
