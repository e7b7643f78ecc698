/** Revocation lists in the database, and what goes on them. `ca` writes them, `status` serves the newest. */
import type { Database, Transaction, Row } from './database.ts'

export interface StoredCrl {
  readonly authorityId: string
  readonly number: bigint
  readonly thisUpdate: Date
  readonly nextUpdate: Date
  /** How many revoked certificates stand on it. */
  readonly entries: number
  readonly tbs: Buffer
  /** Null while it is on record and not yet signed. */
  readonly der: Buffer | null
}
export interface PublishedCrl extends StoredCrl {
  readonly der: Buffer
}

export interface RevokedCertificate {
  readonly serial: string
  readonly revokedAt: Date
  readonly reason: number
  readonly notAfter: Date
}

const read = (row: Row): StoredCrl => ({
  authorityId: row['authority_id'],
  number: BigInt(row['number']),
  thisUpdate: new Date(row['this_update']),
  nextUpdate: new Date(row['next_update']),
  entries: Number(row['entries']),
  tbs: row['tbs'],
  der: row['der'],
})

/** The list published last: the highest number that is signed (CRL-4: one row, whole or not there). */
export async function latestCrl(db: Database | Transaction, authorityId: string): Promise<PublishedCrl | null> {
  const row = await db('crls').where({ authority_id: authorityId }).whereNotNull('der').orderBy('number', 'desc').first()
  return row ? (read(row) as PublishedCrl) : null
}

/** The list with the highest number, signed or not. */
export async function lastRecordedCrl(db: Database | Transaction, authorityId: string): Promise<StoredCrl | null> {
  const row = await db('crls').where({ authority_id: authorityId }).orderBy('number', 'desc').first()
  return row ? read(row) : null
}

/** Every revoked certificate of this authority, in the order of revocation. */
export async function listRevoked(db: Database | Transaction, authorityId: string): Promise<readonly RevokedCertificate[]> {
  const rows: Row[] = await db('revocations')
    .join('certificates', 'certificates.id', 'revocations.certificate_id')
    .where('revocations.authority_id', authorityId)
    .orderBy('revocations.recorded_at')
    .orderBy('revocations.serial')
    .select('revocations.serial', 'revocations.revoked_at', 'revocations.reason_code', 'certificates.not_after')
  return rows.map((row) => ({
    serial: row['serial'],
    revokedAt: new Date(row['revoked_at']),
    reason: Number(row['reason_code']),
    notAfter: new Date(row['not_after']),
  }))
}

/** Puts a list on record before its signature. The primary key refuses a number that is taken (CRL-2). */
export async function recordCrl(trx: Transaction, crl: StoredCrl): Promise<void> {
  await trx('crls').insert({
    authority_id: crl.authorityId,
    number: Number(crl.number),
    this_update: crl.thisUpdate.toISOString(),
    next_update: crl.nextUpdate.toISOString(),
    entries: crl.entries,
    tbs: crl.tbs,
    der: null,
  })
}

/** False when that list was signed already. */
export async function publishCrl(trx: Transaction, authorityId: string, number: bigint, der: Buffer): Promise<boolean> {
  return (await trx('crls').where({ authority_id: authorityId, number: Number(number), der: null }).update({ der })) === 1
}
