/** What a CA certificate says, in plain fields, for those who publish it (REP-1, REP-2). Judges nothing. */
import { createHash } from 'node:crypto'
import { readAuthorityKeyIdentifier, readCertificatePolicies, readExtendedKeyUsage, readSubjectKeyIdentifier } from '../pki/extension-values.ts'
import { decodeName, type RelativeDistinguishedName } from '../pki/name.ts'
import { OID } from '../pki/oids.ts'
import { readPublicKey } from '../pki/public-key.ts'
import { readSignatureScheme } from '../pki/signature-algorithm.ts'
import { readCertificate } from '../pki/x509-certificate.ts'

export interface CertificateFacts {
  readonly der: Buffer
  readonly subject: readonly RelativeDistinguishedName[]
  readonly issuer: readonly RelativeDistinguishedName[]
  /** Null where the subject has none. */
  readonly commonName: string | null
  /** Upper-case hex, whole octets. */
  readonly serial: string
  readonly notBefore: Date
  readonly notAfter: Date
  /** Lower-case hex, of the whole certificate. */
  readonly sha256: string
  readonly sha1: string
  /** Lower-case hex, of the SubjectPublicKeyInfo. */
  readonly spkiSha256: string
  /** As it is spoken of: `RSA 4096`, `P-256`. */
  readonly key: string
  /** Null for a scheme that is not known here. */
  readonly signatureHash: string | null
  readonly subjectKeyIdentifier: Buffer | null
  readonly authorityKeyIdentifier: Buffer | null
  /** Object identifiers; null where the extension is absent, which allows every purpose. */
  readonly purposes: readonly string[] | null
  readonly policies: readonly string[]
}

/** @throws MalformedDer */
export function factsOf(certificate: Uint8Array): CertificateFacts {
  const { der, tbs, signatureAlgorithm } = readCertificate(certificate)
  const value = (oid: string) => tbs.extensions.find((extension) => extension.oid === oid)?.value
  const read = <T>(oid: string, reader: (octets: Buffer) => T): T | null => {
    const octets = value(oid)
    return octets ? reader(octets) : null
  }
  const subject = decodeName(tbs.subject)
  const { facts, sha256: spkiSha256 } = readPublicKey(tbs.spki)
  const serial = tbs.serialNumber.toString(16).toUpperCase()
  const digest = (hash: 'sha256' | 'sha1') => createHash(hash).update(der).digest('hex')
  return {
    der,
    subject,
    issuer: decodeName(tbs.issuer),
    commonName: subject.flat().findLast(({ oid }) => oid === OID.commonName)?.text ?? null,
    serial: serial.padStart(serial.length + (serial.length % 2), '0'),
    notBefore: tbs.notBefore.date,
    notAfter: tbs.notAfter.date,
    sha256: digest('sha256'),
    sha1: digest('sha1'),
    spkiSha256,
    key: facts.type === 'rsa' ? `RSA ${facts.bits}` : facts.type === 'other' ? facts.algorithm : facts.curve,
    signatureHash: readSignatureScheme(signatureAlgorithm)?.hash ?? null,
    subjectKeyIdentifier: read(OID.subjectKeyIdentifier, readSubjectKeyIdentifier),
    authorityKeyIdentifier: read(OID.authorityKeyIdentifier, (octets) => readAuthorityKeyIdentifier(octets).keyIdentifier),
    purposes: read(OID.extendedKeyUsage, readExtendedKeyUsage),
    policies: (read(OID.certificatePolicies, readCertificatePolicies) ?? []).map(({ oid }) => oid),
  }
}
