/** Issued certificates and their revocations in the database: rows in, domain types out. */
import type { CertificateRecord, CertificateRecords, Contact, Revocation } from '../application/certificate-record.ts'
import type { RecordedCertificate } from '../application/issue-ports.ts'
import type { Database, Transaction, Row } from './database.ts'

/** A row of `certificates` left-joined with its revocation (see `certificatesWithRevocation`). */
function readCertificateRecord(row: Row): CertificateRecord {
  return {
    id: row['id'],
    authorityId: row['authority_id'],
    applicationId: row['application_id'],
    serial: row['serial'],
    spkiSha256: row['spki_sha256'],
    der: row['der'],
    certificateSha256: row['certificate_sha256'],
    notBefore: row['not_before'],
    notAfter: row['not_after'],
    issuedAt: row['issued_at'],
    acceptedAt: row['accepted_at'],
    revocation:
      row['revoked_at'] === null || row['revoked_at'] === undefined
        ? null
        : {
            reasonCode: Number(row['reason_code']),
            ground: row['ground'],
            explanation: row['explanation'],
            revokedAt: row['revoked_at'],
            recordedAt: row['revocation_recorded_at'],
            requestedBy: row['requested_by'],
          },
  }
}

const issuedCertificates = (db: Database | Transaction) =>
  db('certificates')
    .leftJoin('revocations', 'revocations.certificate_id', 'certificates.id')
    .where('certificates.state', 'issued')
    // The CA's own examples (REP-2) are nobody's: example-store.ts.
    .whereNotNull('certificates.application_id')
    .select(
      'certificates.*',
      'revocations.reason_code',
      'revocations.ground',
      'revocations.explanation',
      'revocations.revoked_at',
      'revocations.requested_by',
      'revocations.recorded_at as revocation_recorded_at',
    )

export function certificateStore(db: Database | Transaction, now: Date): CertificateRecords {
  const stamp = now.toISOString()
  const one = async (where: Row): Promise<CertificateRecord | null> => {
    const row = await issuedCertificates(db).where(where).orderBy('certificates.issued_at', 'desc').first()
    return row ? readCertificateRecord(row) : null
  }
  return {
    find: (id) => one({ 'certificates.id': id }),
    findByApplication: (applicationId) => one({ 'certificates.application_id': applicationId }),
    async findByKey(spkiSha256) {
      return (await issuedCertificates(db).where('certificates.spki_sha256', spkiSha256).orderBy('certificates.issued_at')).map(readCertificateRecord)
    },
    async list(limit = 500) {
      return (await issuedCertificates(db).orderBy('certificates.issued_at', 'desc').limit(limit)).map(readCertificateRecord)
    },
    async chain(authorityId) {
      const certificates: Buffer[] = []
      const seen = new Set<string>()
      for (let id: string | null = authorityId; id !== null && !seen.has(id);) {
        seen.add(id)
        const row: Row | undefined = await db('authorities').where({ id }).first('certificate_der', 'parent_id')
        if (!row) break
        certificates.push(row['certificate_der'])
        id = row['parent_id']
      }
      return certificates
    },
    async setAccepted(id) {
      await db('certificates').where({ id, state: 'issued', accepted_at: null }).update({ accepted_at: stamp })
    },
    insertRevocation: (certificate, revocation) => insertRevocation(db, certificate, revocation),
    async markCompromised(spkiSha256, source) {
      if (await db('compromised_keys').where({ spki_sha256: spkiSha256 }).first('spki_sha256')) return false
      await db('compromised_keys').insert({ spki_sha256: spkiSha256, source, recorded_at: stamp }).onConflict('spki_sha256').ignore()
      return true
    },
    contact: async (accountId) => (await readContacts(db, [accountId]))[0]!,
  }
}

/** What nobody applied for or asks for, the CA does for itself (REP-2). */
type OrOwn<T, K extends keyof T> = Omit<T, K> & { readonly [P in K]: T[P] | null }

/** Puts the octets to be signed on record (ISS-5). */
export async function recordCertificates(db: Database | Transaction, records: readonly OrOwn<RecordedCertificate, 'applicationId' | 'approvalId'>[]): Promise<void> {
  await db('certificates').insert(
    records.map((record) => ({
      id: record.id,
      authority_id: record.authorityId,
      application_id: record.applicationId,
      approval_id: record.approvalId,
      serial: record.serial,
      state: 'recorded',
      spki_sha256: record.spkiSha256,
      crl_shard: record.crlShard,
      tbs: record.tbs,
      not_before: record.notBefore.toISOString(),
      not_after: record.notAfter.toISOString(),
      recorded_at: record.recordedAt.toISOString(),
    })),
  )
}

/** False when the certificate already is revoked (REV-7). */
export async function insertRevocation(db: Database | Transaction, certificate: Pick<CertificateRecord, 'id' | 'authorityId' | 'serial'>, revocation: OrOwn<Revocation, 'requestedBy'>): Promise<boolean> {
  // Looked at first: on PostgreSQL a violated key ends the caller's whole transaction.
  if (await db('revocations').where({ certificate_id: certificate.id }).first('certificate_id')) return false
  await db('revocations').insert({
    certificate_id: certificate.id,
    authority_id: certificate.authorityId,
    serial: certificate.serial,
    // Where its list is looked for first; what counts is the address in the certificate itself.
    crl_shard: db('certificates').where({ id: certificate.id }).select('crl_shard'),
    reason_code: revocation.reasonCode,
    ground: revocation.ground,
    explanation: revocation.explanation,
    revoked_at: revocation.revokedAt,
    recorded_at: revocation.recordedAt,
    requested_by: revocation.requestedBy,
  })
  return true
}

/** In the order of the accounts; null for each that is not there. */
export async function readContacts(db: Database | Transaction, accountIds: readonly string[]): Promise<readonly (Contact | null)[]> {
  const rows: Row[] = await db('accounts').whereIn('id', [...new Set(accountIds)]).select('id', 'email', 'name', 'locale')
  return accountIds.map((accountId) => {
    const row = rows.find((each) => each['id'] === accountId)
    return row ? { email: row['email'], name: row['name'], language: row['locale'] === 'ja' ? 'ja' : 'en' } : null
  })
}
