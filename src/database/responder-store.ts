/** OCSP responder certificates in the database. `ca` writes them, `status` answers with them. */
import type { Database, Transaction, Row } from './database.ts'

export interface ResponderCertificate {
  readonly id: string
  readonly responderKeyId: string
  readonly authorityId: string
  /** Lower-case hex, whole octets, no sign octet. */
  readonly serial: string
  readonly tbs: Buffer
  /** Null while it is on record and not yet signed. */
  readonly der: Buffer | null
  readonly notBefore: Date
  readonly notAfter: Date
  readonly recordedAt: Date
}
export interface IssuedResponderCertificate extends ResponderCertificate {
  readonly der: Buffer
}

const read = (row: Row): ResponderCertificate => ({
  id: row['id'],
  responderKeyId: row['responder_key_id'],
  authorityId: row['authority_id'],
  serial: row['serial'],
  tbs: row['tbs'],
  der: row['der'],
  notBefore: new Date(row['not_before']),
  notAfter: new Date(row['not_after']),
  recordedAt: new Date(row['recorded_at']),
})

/** Who may answer at `now`, as `certificate` and its key as `enrolled`: signed, in force, and the key not retired. */
export const respondersAt = (db: Database, now: Date) =>
  db('responder_certificates as certificate')
    .join('responder_keys as enrolled', 'enrolled.id', 'certificate.responder_key_id')
    .whereNull('enrolled.retired_at')
    .whereNotNull('certificate.der')
    .where('certificate.not_before', '<=', now.toISOString())
    .where('certificate.not_after', '>', now.toISOString())

/** The certificates that a key may answer with at `now`, the one that lasts longest first. */
export async function validResponderCertificates(db: Database | Transaction, responderKeyId: string, now: Date): Promise<IssuedResponderCertificate[]> {
  const at = now.toISOString()
  const rows: Row[] = await db('responder_certificates')
    .where({ responder_key_id: responderKeyId })
    .whereNotNull('der')
    .where('not_before', '<=', at)
    .where('not_after', '>=', at)
    .orderBy('not_after', 'desc')
  return rows.map((row) => read(row) as IssuedResponderCertificate)
}

/** The certificate put on record last for this key, signed or not. */
export async function lastRecordedResponderCertificate(db: Database | Transaction, responderKeyId: string): Promise<ResponderCertificate | null> {
  const row = await db('responder_certificates').where({ responder_key_id: responderKeyId }).orderBy('recorded_at', 'desc').first()
  return row ? read(row) : null
}

/** Whether the audit log holds that this key was refused: the log is for what happened, not for each look. */
export const isRefusalNoted = async (trx: Transaction, subject: string): Promise<boolean> =>
  (await trx('audit_events').where({ event: 'responder.key-refused', subject }).first('seq')) !== undefined

export async function recordResponderCertificate(trx: Transaction, certificate: ResponderCertificate): Promise<void> {
  await trx('responder_certificates').insert({
    id: certificate.id,
    responder_key_id: certificate.responderKeyId,
    authority_id: certificate.authorityId,
    serial: certificate.serial,
    tbs: certificate.tbs,
    der: null,
    not_before: certificate.notBefore.toISOString(),
    not_after: certificate.notAfter.toISOString(),
    recorded_at: certificate.recordedAt.toISOString(),
  })
}

/** False when it was signed already. */
export async function storeResponderCertificate(trx: Transaction, id: string, der: Buffer): Promise<boolean> {
  return (await trx('responder_certificates').where({ id, der: null }).update({ der })) === 1
}
