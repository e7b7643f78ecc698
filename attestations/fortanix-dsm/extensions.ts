/** Fortanix' extensions, arc 1.3.6.1.4.1.49690 (Fortanix, "Using Fortanix DSM for Verifying Key Attestation Statements"). Read, not judged. */
import { guard } from '../../src/attestation/evidence.ts'
import type { MakerCertificate } from '../../src/attestation/maker-certificate.ts'
import { MalformedStatement, say } from '../../src/attestation/verifier.ts'
import { MalformedDer, readDer, TAG } from '../../src/pki/der.ts'

const ARC = '1.3.6.1.4.1.49690.'
export const OID = {
  /** Attribute of the statement's name: the key's UUID. */
  keyId: `${ARC}1.2.2`,
  claims: `${ARC}2.4.`,
  generated: `${ARC}2.4.1.1`,
  neverExportable: `${ARC}2.4.1.2`,
  enrollmentPolicy: `${ARC}2.5`,
  minimumProtection: `${ARC}2.5.1`,
  fx2200: `${ARC}2.5.1.1`,
  siteOperatorApproval: `${ARC}2.5.2`,
  policy: `${ARC}6.1.2`,
  signing: `${ARC}8.1`,
} as const

export interface KeyClaims {
  readonly generated: boolean
  readonly neverExportable: boolean
  /** Claims about the key that we do not know. */
  readonly unknown: readonly string[]
}

/** An empty SEQUENCE: the claim is that the extension is there. */
const EMPTY = Buffer.from('3000', 'hex')

/** @throws MalformedStatement when a claim holds something */
export function keyClaims(certificate: MakerCertificate): KeyClaims {
  const claimed = (oid: string): boolean => {
    const extension = certificate.extensions.get(oid)
    if (extension && !extension.value.equals(EMPTY)) throw new MalformedStatement(certificate.file, say('attestation-fortanix.malformed.claim', { oid }))
    return extension !== undefined
  }
  const [generated, neverExportable] = [claimed(OID.generated), claimed(OID.neverExportable)]
  return { generated, neverExportable, unknown: [...certificate.extensions.keys()].filter((oid) => oid.startsWith(OID.claims) && oid !== OID.generated && oid !== OID.neverExportable) }
}

/** What every machine of the cluster had to be before it was let in; null without the extension. */
export interface EnrollmentPolicy {
  /** Identifiers of the protection profiles, any of which is enough for a machine. */
  readonly profiles: readonly string[]
  readonly siteOperatorApproval: boolean
  readonly unknown: readonly string[]
}

/** @throws MalformedStatement */
export function enrollmentPolicy(certificate: MakerCertificate): EnrollmentPolicy | null {
  const extension = certificate.extensions.get(OID.enrollmentPolicy)
  if (!extension) return null
  return guard(certificate.file, () => {
    const items = readDer(extension.value, { maxBytes: 1024, maxDepth: 3, maxNodes: 40 })
      .expect(TAG.sequence)
      .children()
      .map((item) => {
        const [id, ...qualifiers] = item.expect(TAG.sequence).children().map((member) => member.oid())
        if (!id) throw new MalformedDer('policy item without an identifier', item.offset)
        return { id, qualifiers }
      })
    const ids = items.map(({ id }) => id)
    if (new Set(ids).size !== ids.length) throw new MalformedDer('policy item twice', 0)
    return {
      profiles: items.find(({ id }) => id === OID.minimumProtection)?.qualifiers ?? [],
      siteOperatorApproval: ids.includes(OID.siteOperatorApproval),
      unknown: ids.filter((id) => id !== OID.minimumProtection && id !== OID.siteOperatorApproval),
    }
  })
}
