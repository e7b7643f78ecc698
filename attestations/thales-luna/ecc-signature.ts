/**
 * ECDSA as Luna firmware writes it on confirmations of elliptic-curve keys: r and s without the zero octet that keeps a DER
 * INTEGER positive, and NULL where the algorithm has no parameters. Read as what is meant; nothing else is forgiven.
 */
import { createPublicKey, verify } from 'node:crypto'
import type { MakerCertificate } from '../../src/attestation/maker-certificate.ts'
import { integer, readDer, sequence, TAG } from '../../src/pki/der.ts'

/** AlgorithmIdentifiers by their whole encoding: ecdsa-with-SHA256 and SHA384, with NULL or, as RFC 5758 3.2 has it, without. */
const DIGESTS: Record<string, string> = {
  '300c06082a8648ce3d0403020500': 'sha256',
  '300a06082a8648ce3d040302': 'sha256',
  '300c06082a8648ce3d0403030500': 'sha384',
  '300a06082a8648ce3d040303': 'sha384',
}

/** Whether `spki` signed the confirmation. Never throws. */
export function signedByModule(confirmation: MakerCertificate, spki: Buffer): boolean {
  const digest = DIGESTS[confirmation.signatureAlgorithm.toString('hex')]
  if (digest === undefined) return false
  try {
    const [r, s, ...rest] = readDer(confirmation.signature, { maxBytes: 160, maxDepth: 2, maxNodes: 3 }).expect(TAG.sequence).children()
    if (!r || !s || rest.length > 0) return false
    const repaired = sequence(...[r, s].map((number) => integer(number.expect(TAG.integer).value)))
    const key = createPublicKey({ key: spki, format: 'der', type: 'spki' })
    return key.asymmetricKeyType === 'ec' && verify(digest, confirmation.tbs, key, repaired)
  } catch {
    return false
  }
}
