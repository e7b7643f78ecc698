/** What `status` reads: it writes nothing. */
import type { Responder } from '../signer/authority.ts'
import type { CertificateStatus } from '../revocation/ocsp-response.ts'
import type { Database } from './database.ts'

/**
 * The status of a serial number under an authority. Issued means issued: recorded but unsigned, abandoned and never seen are
 * all `unknown` (OCS-3). Throws when the rows can't be read; nobody turns that into an answer.
 */
export async function readStatus(db: Database, authorityId: string, serial: string): Promise<CertificateStatus> {
  const revoked = await db('revocations').where({ authority_id: authorityId, serial }).first('revoked_at', 'reason_code')
  if (revoked) return { state: 'revoked', at: new Date(revoked.revoked_at), ...(Number(revoked.reason_code) === 0 ? {} : { reason: Number(revoked.reason_code) }) }
  const issued = await db('certificates').where({ authority_id: authorityId, serial, state: 'issued' }).first('id')
  if (issued) return { state: 'good' }
  const responder = await db('responder_certificates').where({ authority_id: authorityId, serial }).whereNotNull('der').first('id')
  return responder ? { state: 'good' } : { state: 'unknown' }
}

/** The responder certificate in force at `now`: the one that began last. */
export async function findResponder(db: Database, authorityId: string, now: Date): Promise<Responder | null> {
  const stamp = now.toISOString()
  const row = await db('responder_certificates as certificate')
    .join('responder_keys as enrolled', 'enrolled.id', 'certificate.responder_key_id')
    .where('certificate.authority_id', authorityId)
    .whereNotNull('certificate.der')
    .where('certificate.not_before', '<=', stamp)
    .where('certificate.not_after', '>', stamp)
    .orderBy('certificate.not_before', 'desc')
    .first('certificate.der', 'certificate.not_before', 'certificate.not_after', 'enrolled.token_label', 'enrolled.key_label', 'enrolled.key_id', 'enrolled.spki_sha256')
  if (!row) return null
  return {
    key: { tokenLabel: row.token_label, label: row.key_label, id: row.key_id, spkiSha256: row.spki_sha256 },
    certificateDer: row.der,
    notBefore: new Date(row.not_before),
    notAfter: new Date(row.not_after),
  }
}

/** The newest published list of an authority. */
export async function findCrl(db: Database, authorityId: string): Promise<{ readonly der: Buffer; readonly thisUpdate: Date; readonly nextUpdate: Date; readonly number: string } | null> {
  const row = await db('crls').where({ authority_id: authorityId }).whereNotNull('der').orderBy('number', 'desc').first()
  return row ? { der: row.der, thisUpdate: new Date(row.this_update), nextUpdate: new Date(row.next_update), number: String(row.number) } : null
}
