/** Standard extensions of makers' certificates, read strictly (RFC 5280 4.2.1). What a value permits is decided elsewhere. */
import { MalformedDer, readDer, TAG } from '../pki/der.ts'
import { guard } from './evidence.ts'
import type { MakerCertificate } from './maker-certificate.ts'

const LIMITS = { maxBytes: 4096, maxDepth: 6, maxNodes: 100 }

/**
 * Positions of KeyUsage's set bits (4.2.1.3), or null without the extension. Bits after the last one that is set may be there,
 * which DER forbids (X.690 11.2.2) and some makers write all the same; bits said to be unused may not be set.
 * @throws MalformedStatement
 */
export function keyUsage(certificate: MakerCertificate): readonly number[] | null {
  const extension = certificate.extensions.get('2.5.29.15')
  if (!extension) return null
  return guard(certificate.file, () => {
    const [unused, ...octets] = readDer(extension.value, LIMITS).expect(TAG.bitString, 'key usage').value
    if (unused === undefined || unused > 7 || octets.length > 2 || (octets.length === 0 && unused > 0) || ((octets.at(-1) ?? 0) & ((1 << unused) - 1)) !== 0) throw new MalformedDer('key usage is not well formed', 0)
    return octets.flatMap((octet, index) => [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => octet & (0x80 >> bit)).map((bit) => 8 * index + bit))
  })
}
export const DIGITAL_SIGNATURE = 0
export const KEY_CERT_SIGN = 5

/** Object identifiers of certificatePolicies (4.2.1.4). @throws MalformedStatement */
export function certificatePolicies(certificate: MakerCertificate): readonly string[] {
  const extension = certificate.extensions.get('2.5.29.32')
  if (!extension) return []
  return guard(certificate.file, () =>
    readDer(extension.value, LIMITS)
      .expect(TAG.sequence)
      .children()
      .map((policy) => {
        const id = policy.expect(TAG.sequence).children()[0]
        if (!id) throw new MalformedDer('policy without an identifier', policy.offset)
        return id.oid()
      }),
  )
}

/** Object identifiers of extKeyUsage (4.2.1.12). @throws MalformedStatement */
export function extendedKeyUsages(certificate: MakerCertificate): readonly string[] {
  const extension = certificate.extensions.get('2.5.29.37')
  return extension ? guard(certificate.file, () => readDer(extension.value, LIMITS).expect(TAG.sequence).children().map((purpose) => purpose.oid())) : []
}

/**
 * Critical extensions other than those that the caller processes (4.2: such a certificate must be refused). `arc`, with its last dot: a maker's own
 * extensions, which are read with the statement.
 */
export const unknownCritical = (certificate: MakerCertificate, known: readonly string[], arc?: string): string[] =>
  [...certificate.extensions].filter(([oid, { critical }]) => critical && !known.includes(oid) && !(arc !== undefined && oid.startsWith(arc))).map(([oid]) => oid)
