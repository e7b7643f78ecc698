/** A TBSCertificate read whole from its octets: every field and every extension that the profiles know, so that one malformed octet anywhere shows. */
import {
  type AccessDescription,
  type AuthorityKeyIdentifier,
  type BasicConstraints,
  type DistributionPoint,
  type PolicyInformation,
  readAuthorityInfoAccess,
  readAuthorityKeyIdentifier,
  readBasicConstraints,
  readCertificatePolicies,
  readCrlDistributionPoints,
  readExtendedKeyUsage,
  readKeyUsage,
  readSubjectKeyIdentifier,
} from '../../pki/extension-values.ts'
import { readDer } from '../../pki/der.ts'
import { decodeName, type RelativeDistinguishedName } from '../../pki/name.ts'
import { OID } from '../../pki/oids.ts'
import { type PublicKey, readPublicKey } from '../../pki/public-key.ts'
import { readTbsCertificate, type TbsCertificate } from '../../pki/x509-certificate.ts'

/** An extension that is there; null stands for one that is not. */
export type Present<Value> = { readonly critical: boolean; readonly value: Value } | null

export interface TbsView {
  readonly tbs: TbsCertificate
  readonly subject: readonly RelativeDistinguishedName[]
  readonly key: PublicKey
  readonly keyUsage: Present<number[]>
  readonly extendedKeyUsage: Present<string[]>
  readonly basicConstraints: Present<BasicConstraints>
  readonly subjectKeyIdentifier: Present<Buffer>
  readonly authorityKeyIdentifier: Present<AuthorityKeyIdentifier>
  readonly crlDistributionPoints: Present<DistributionPoint[]>
  readonly authorityInfoAccess: Present<AccessDescription[]>
  readonly certificatePolicies: Present<PolicyInformation[]>
  readonly ocspNoCheck: Present<Buffer>
}

/** @throws MalformedDer */
export function readTbsView(bytes: Uint8Array): TbsView {
  const tbs = readTbsCertificate(bytes)
  decodeName(tbs.issuer)
  const find = <Value>(oid: string, read: (value: Buffer) => Value): Present<Value> => {
    const found = tbs.extensions.find((extension) => extension.oid === oid)
    return found ? { critical: found.critical, value: read(found.value) } : null
  }
  return {
    tbs,
    subject: decodeName(tbs.subject),
    key: readPublicKey(tbs.spki),
    keyUsage: find(OID.keyUsage, readKeyUsage),
    extendedKeyUsage: find(OID.extendedKeyUsage, readExtendedKeyUsage),
    basicConstraints: find(OID.basicConstraints, readBasicConstraints),
    subjectKeyIdentifier: find(OID.subjectKeyIdentifier, readSubjectKeyIdentifier),
    authorityKeyIdentifier: find(OID.authorityKeyIdentifier, readAuthorityKeyIdentifier),
    crlDistributionPoints: find(OID.crlDistributionPoints, readCrlDistributionPoints),
    authorityInfoAccess: find(OID.authorityInfoAccess, readAuthorityInfoAccess),
    certificatePolicies: find(OID.certificatePolicies, readCertificatePolicies),
    ocspNoCheck: find(OID.ocspNoCheck, (value) => readDer(value).raw),
  }
}
