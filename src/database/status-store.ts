/** What `status` reads: it writes nothing. */
import type { Responder } from '../signer/authority.ts'
import type { IssuedBy } from '../revocation/issued-certificate.ts'
import type { CertificateStatus } from '../revocation/ocsp-response.ts'
import { isDate } from '../revocation/crl-entries.ts'
import { revocationDate } from '../revocation/revocation-date.ts'
import type { ServedCrl } from '../revocation/served-crl.ts'
import { crlOctets, latestCrl } from './crl-store.ts'
import type { Database, Row } from './database.ts'
import { respondersAt } from './responder-store.ts'

/** What a row says and its certificate doesn't bear out. */
export interface FalseRow {
  /** `revocations` where its date is none. */
  readonly table: 'certificates' | 'responder_certificates' | 'revocations'
  readonly authorityId: string
  readonly serial: string
}

export interface StatusChecks {
  readonly issuedBy: IssuedBy
  /** The token whose keys sign here, since each node may have one of its own; without it every token counts. */
  readonly tokenLabel?: string
  /** Told at each question about such a row. */
  falseRow(row: FalseRow): void
}

/**
 * The status of a serial number under an authority. Issued means signed by it: recorded but unsigned, abandoned, never seen, and a row
 * without the authority's signature are all `unknown` (OCS-3). A revocation is believed as it stands: too many revoked harm nobody who relies.
 * Throws when the rows can't be read; nobody turns that into an answer.
 */
export async function readStatus(db: Database, checks: StatusChecks, authorityId: string, serial: string): Promise<CertificateStatus> {
  const revoked = await db('revocations').where({ authority_id: authorityId, serial }).first('revoked_at', 'reason_code')
  if (revoked) return readRevocation(db, checks, authorityId, serial, revoked)
  const certificate = await db('certificates')
    .leftJoin('revocations', 'revocations.certificate_id', 'certificates.id')
    .where({ 'certificates.authority_id': authorityId, 'certificates.serial': serial, 'certificates.state': 'issued' })
    .first('certificates.der', 'revocations.revoked_at', 'revocations.reason_code')
  // Whatever serial number the row of the revocation says, its certificate is revoked.
  if (certificate && certificate.revoked_at !== null) return readRevocation(db, checks, authorityId, serial, certificate)
  const found = [
    { table: 'certificates', row: certificate },
    { table: 'responder_certificates', row: await db('responder_certificates').where({ authority_id: authorityId, serial }).whereNotNull('der').first('der') },
  ] as const
  let good = false
  for (const { table, row } of found) {
    if (!row) continue
    if (checks.issuedBy(authorityId, serial, row.der)) good = true
    else checks.falseRow({ table, authorityId, serial })
  }
  return { state: good ? 'good' : 'unknown' }
}

async function readRevocation(db: Database, checks: StatusChecks, authorityId: string, serial: string, row: Row): Promise<CertificateStatus> {
  const reason = Number(row['reason_code']) === 0 ? {} : { reason: Number(row['reason_code']) }
  if (isDate(row['revoked_at'])) return { state: 'revoked', at: new Date(row['revoked_at']), ...reason }
  checks.falseRow({ table: 'revocations', authorityId, serial })
  const certificate = await db('certificates').where({ authority_id: authorityId, serial }).first('der', 'tbs')
  return { state: 'revoked', at: revocationDate(row['revoked_at'], certificate ?? null), ...reason }
}

/** The one that answers first: of two that begin in one second, the one that was recorded later. */
export const RESPONDER_ORDER = [
  { column: 'certificate.not_before', order: 'desc' },
  { column: 'certificate.recorded_at', order: 'desc' },
  { column: 'certificate.serial' },
] as const

/**
 * The responder certificate in force at `now`: of those that the authority signed for a key of this token that is not retired, the one that began last. So the one before
 * it answers until the new one begins. A false row silences nobody.
 */
export async function findResponder(db: Database, checks: StatusChecks, authorityId: string, now: Date): Promise<Responder | null> {
  const rows = await respondersAt(db, now)
    .where('certificate.authority_id', authorityId)
    .modify((query) => void (checks.tokenLabel !== undefined && query.where('enrolled.token_label', checks.tokenLabel)))
    .orderBy([...RESPONDER_ORDER])
    .select('certificate.serial', 'certificate.der', 'certificate.not_before', 'certificate.not_after', 'enrolled.token_label', 'enrolled.key_label', 'enrolled.key_id', 'enrolled.spki_sha256')
  for (const row of rows) {
    if (!checks.issuedBy(authorityId, row.serial, row.der)) {
      checks.falseRow({ table: 'responder_certificates', authorityId, serial: row.serial })
      continue
    }
    return {
      key: { tokenLabel: row.token_label, label: row.key_label, id: row.key_id, spkiSha256: row.spki_sha256 },
      certificateDer: row.der,
      notBefore: new Date(row.not_before),
      notAfter: new Date(row.not_after),
    }
  }
  return null
}

/** The newest published list of an authority, or of a shard of it, for sending: its octets are read in pieces when they are asked for. */
export async function findCrl(db: Database, authorityId: string, shard = 0): Promise<ServedCrl | null> {
  const found = await latestCrl(db, authorityId, shard)
  return found && { ...found, pieces: () => crlOctets(db, found) }
}
