/** A certificate as the rules see it after `ca` signed it, and what the rules need of its store. `database/certificate-store.ts` fulfils it. */

export interface Revocation {
  readonly reasonCode: number
  /** An id of revocation-grounds.ts. */
  readonly ground: string
  readonly explanation: string
  /** The date that lists and answers show. */
  readonly revokedAt: string
  readonly recordedAt: string
  readonly requestedBy: string
}

export interface CertificateRecord {
  readonly id: string
  readonly authorityId: string
  readonly applicationId: string
  /** Hex, as `ca` recorded it. */
  readonly serial: string
  readonly spkiSha256: string
  readonly der: Buffer
  readonly certificateSha256: string
  readonly notBefore: string
  readonly notAfter: string
  readonly issuedAt: string
  readonly acceptedAt: string | null
  readonly revocation: Revocation | null
}

export interface Contact {
  readonly email: string
  readonly name: string
  readonly language: 'en' | 'ja'
}

/** Issued certificates only: what is recorded and not yet signed, or abandoned, is nobody's certificate. */
export interface CertificateRecords {
  find(id: string): Promise<CertificateRecord | null>
  findByApplication(applicationId: string): Promise<CertificateRecord | null>
  /** Every certificate with that key, revoked or not. */
  findByKey(spkiSha256: string): Promise<readonly CertificateRecord[]>
  /** Newest first. */
  list(limit?: number): Promise<readonly CertificateRecord[]>
  /** Issuing CA's certificate first, then those above it to the root, DER. */
  chain(authorityId: string): Promise<readonly Buffer[]>
  setAccepted(id: string): Promise<void>
  /** False when the certificate already is revoked (REV-7: once and for ever). */
  insertRevocation(certificate: CertificateRecord, revocation: Revocation): Promise<boolean>
  /** KEY-4. False when the key was marked before. `source` says who says so. */
  markCompromised(spkiSha256: string, source: string): Promise<boolean>
  /** Whom to write to about an account's application or certificate. */
  contact(accountId: string): Promise<Contact | null>
}
