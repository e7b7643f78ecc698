/** Every certificate with its status as the database has it, in batches, for the comparison with what relying parties get. */
import { X509Certificate } from 'node:crypto'
import type { KnownCertificate, ReconciliationSource } from '../revocation/reconcile.ts'
import { revocationDate } from '../revocation/revocation-date.ts'
import type { Authority } from '../signer/authority.ts'
import { listAuthorities } from './authority-store.ts'
import { latestCrls } from './crl-store.ts'
import type { Database, Row } from './database.ts'

const BATCH = 500

const read = (row: Row): KnownCertificate => ({
  serial: row['serial'],
  issued: row['state'] === 'issued',
  der: row['der'],
  notAfter: new Date(row['not_after']),
  revoked: row['revoked_at'] === null ? null : { at: revocationDate(row['revoked_at'], { der: row['der'] }), reason: Number(row['reason_code']) },
})

/** One table's certificates in one shape. */
interface Table {
  readonly name: string
  rows(db: Database, authorityId: string): ReturnType<Database>
}

const TABLES: readonly Table[] = [
  {
    name: 'certificates',
    rows: (db, authorityId) =>
      db('certificates')
        .leftJoin('revocations', 'revocations.certificate_id', 'certificates.id')
        .where('certificates.authority_id', authorityId)
        .select('certificates.id', 'certificates.serial', 'certificates.state', 'certificates.der', 'certificates.not_after', 'revocations.revoked_at', 'revocations.reason_code'),
  },
  {
    name: 'responder_certificates',
    rows: (db, authorityId) =>
      db('responder_certificates')
        .where('responder_certificates.authority_id', authorityId)
        .select('responder_certificates.id', 'responder_certificates.serial', 'responder_certificates.der', 'responder_certificates.not_after')
        .select(db.raw("CASE WHEN der IS NULL THEN 'recorded' ELSE 'issued' END AS state, NULL AS revoked_at, NULL AS reason_code")),
  },
  {
    name: 'timestamp_certificates',
    rows: (db, authorityId) =>
      db('timestamp_certificates')
        .where('timestamp_certificates.authority_id', authorityId)
        .select('timestamp_certificates.id', 'timestamp_certificates.serial', 'timestamp_certificates.der', 'timestamp_certificates.not_after', 'timestamp_certificates.revoked_at', 'timestamp_certificates.reason_code')
        .select(db.raw("'issued' AS state")),
  },
]

export function reconciliationSource(db: Database): ReconciliationSource {
  /** The CAs under this one: a few. */
  const below = async (authority: Authority): Promise<readonly KnownCertificate[]> =>
    (await listAuthorities(db)).filter(({ parentId }) => parentId === authority.id).map(({ certificateDer, notAfter }) => {
      const serial = new X509Certificate(certificateDer).serialNumber.toLowerCase()
      return { serial: serial.padStart(serial.length + (serial.length % 2), '0'), issued: true, der: certificateDer, notAfter, revoked: null }
    })
  return {
    lists: async ({ id }) => (await latestCrls(db, id)).map(({ shard }) => shard),
    async *certificates(authority) {
      for (const { name, rows } of TABLES)
        for (let after = ''; ; ) {
          const batch: Row[] = await rows(db, authority.id).where(`${name}.id`, '>', after).orderBy(`${name}.id`).limit(BATCH)
          if (batch.length === 0) break
          yield batch.map(read)
          after = batch.at(-1)!['id']
        }
      const authorities = await below(authority)
      if (authorities.length > 0) yield authorities
    },
    async known(authority, serials) {
      const found = new Map<string, KnownCertificate>()
      for (let at = 0; at < serials.length; at += BATCH)
        for (const { name, rows } of TABLES) for (const row of await rows(db, authority.id).whereIn(`${name}.serial`, serials.slice(at, at + BATCH))) found.set(row['serial'], read(row))
      for (const each of await below(authority)) if (serials.includes(each.serial)) found.set(each.serial, each)
      return found
    },
  }
}
