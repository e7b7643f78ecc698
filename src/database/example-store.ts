/** Example certificates in the database (REP-2). `ca` writes them, the repository shows them, the probe asks about them. */
import { shownExamples, type ExampleCertificate, type ExampleKind, type ShownExample } from '../application/example.ts'
import { insertRevocation, recordCertificates } from './certificate-store.ts'
import { openList } from './crl-store.ts'
import { isUniqueViolation, type Database, type Row, type Transaction } from './database.ts'

/** What was signed by an example's key in its only minutes. */
export interface Specimens {
  /** A Java archive; null in none. */
  readonly jar: Buffer | null
  /** A Windows program (PE). */
  readonly executable: Buffer | null
}

/** One that is being made: its key may be in the module. */
export interface BegunExample {
  readonly id: string
  readonly authorityId: string
  readonly kind: ExampleKind
  readonly certificateId: string | null
  readonly key: { readonly tokenLabel: string; readonly label: string; readonly id: string; readonly spkiSha256: string | null }
  readonly startedAt: Date
}

const moment = (text: string | null): Date | null => (text === null ? null : new Date(text))

const read = (row: Row): ExampleCertificate => ({
  id: row['id'],
  kind: row['kind'],
  authorityId: row['authority_id'],
  serial: row['serial'],
  der: row['der'],
  notBefore: new Date(row['not_before']),
  notAfter: new Date(row['not_after']),
  revokedAt: moment(row['revoked_at']),
  spkiSha256: row['spki_sha256'],
  issuedAt: new Date(row['issued_at']),
  stampedAt: moment(row['stamped_at']),
})

const issued = (db: Database | Transaction) =>
  db('example_certificates as example')
    .join('certificates as certificate', 'certificate.id', 'example.certificate_id')
    .leftJoin('revocations as revocation', 'revocation.certificate_id', 'certificate.id')
    .where('certificate.state', 'issued')
    .whereNotNull('example.issued_at')
    .select('example.id', 'example.kind', 'example.authority_id', 'example.spki_sha256', 'example.issued_at', 'example.stamped_at')
    .select('certificate.serial', 'certificate.der', 'certificate.not_before', 'certificate.not_after', 'revocation.revoked_at')

/**
 * For the repository: of each authority and kind the example that shows it, with what it shows at `now`, `pending` while it doesn't yet. Empty where the
 * policy has none, and in the first minutes.
 */
export const listExamples = async (db: Database, now: Date): Promise<readonly ShownExample[]> => shownExamples(await allExamples(db), now)

/** Every example ever issued, the newest first. */
export async function allExamples(db: Database | Transaction): Promise<readonly ExampleCertificate[]> {
  return (await issued(db).orderBy('certificate.not_before', 'desc').orderBy('example.id')).map(read)
}

/** The one with this id, with what its key signed; null for none. */
export async function findExample(db: Database | Transaction, id: string): Promise<(ExampleCertificate & Specimens) | null> {
  const row = await issued(db).where('example.id', id).select('example.jar', 'example.executable').first()
  return row ? { ...read(row), jar: row.jar, executable: row.executable } : null
}

/** Those of an authority that are being made, or were when a process died. */
export async function begunExamples(db: Database | Transaction, authorityId: string): Promise<readonly BegunExample[]> {
  const rows: Row[] = await db('example_certificates').where({ authority_id: authorityId, issued_at: null, abandoned_at: null })
  return rows.map((row) => ({
    id: row['id'],
    authorityId: row['authority_id'],
    kind: row['kind'],
    certificateId: row['certificate_id'],
    key: { tokenLabel: row['token_label'], label: row['key_label'], id: row['key_id'], spkiSha256: row['spki_sha256'] },
    startedAt: new Date(row['started_at']),
  }))
}

/** Begins one: on record before its key is made, so that no key is left in the module that nobody knows. False when one of its kind is being made. */
export async function beginExample(trx: Transaction, begun: Omit<BegunExample, 'certificateId'>): Promise<boolean> {
  const { id, authorityId, kind, key, startedAt } = begun
  const held = await trx('example_certificates').where({ authority_id: authorityId, kind, issued_at: null, abandoned_at: null }).first('id')
  if (held) return false
  try {
    await trx('example_certificates').insert({
      id, authority_id: authorityId, kind, token_label: key.tokenLabel, key_label: key.label, key_id: key.id, started_at: startedAt.toISOString(),
    })
    return true
  } catch (error) {
    if (isUniqueViolation(error)) return false
    throw error
  }
}

/** Its key was made. False when it was given up meanwhile. */
export async function noteExampleKey(trx: Transaction, id: string, key: { readonly spkiSha256: string; readonly spki: Buffer }): Promise<boolean> {
  return (await trx('example_certificates').where({ id, abandoned_at: null, spki_sha256: null }).update({ spki_sha256: key.spkiSha256, spki_der: key.spki })) === 1
}

export interface ExampleRecord {
  readonly certificateId: string
  readonly authorityId: string
  readonly serial: string
  readonly spkiSha256: string
  /** Which list it belongs on, as its certificate says, and that list's address. */
  readonly crlShard: number
  readonly crlUrl: string
  readonly tbs: Buffer
  readonly notBefore: Date
  readonly notAfter: Date
  readonly recordedAt: Date
}

/** Puts the octets to be signed on record, as issuing does (ISS-5). False when the example was given up meanwhile. */
export async function recordExample(trx: Transaction, id: string, record: ExampleRecord): Promise<boolean> {
  await openList(trx, { authorityId: record.authorityId, shard: record.crlShard }, record.crlUrl, record.recordedAt)
  await recordCertificates(trx, [{ ...record, id: record.certificateId, applicationId: null, approvalId: null }])
  return (await trx('example_certificates').where({ id, abandoned_at: null, certificate_id: null }).update({ certificate_id: record.certificateId })) === 1
}

/** False when it was given up meanwhile. */
export async function storeExample(trx: Transaction, id: string, issue: { readonly certificateId: string; readonly der: Buffer; readonly sha256: string; readonly at: Date; readonly specimens: Specimens }): Promise<boolean> {
  const { certificateId, der, sha256, specimens } = issue
  const at = issue.at.toISOString()
  const example = await trx('example_certificates').where({ id, abandoned_at: null, issued_at: null }).update({ issued_at: at, key_removed_at: at, ...specimens })
  const certificate = await trx('certificates').where({ id: certificateId, state: 'recorded' }).update({ state: 'issued', der, certificate_sha256: sha256, issued_at: at })
  return example === 1 && certificate === 1
}

/** Gives one up for ever, and what is on record of its certificate: never signed. False when it was issued meanwhile, or given up already. */
export async function abandonExample(trx: Transaction, { id, certificateId }: Pick<BegunExample, 'id' | 'certificateId'>, at: Date): Promise<boolean> {
  const given = await trx('example_certificates').where({ id, issued_at: null, abandoned_at: null }).update({ abandoned_at: at.toISOString(), key_removed_at: at.toISOString() })
  if (given !== 1) return false
  if (certificateId !== null) await trx('certificates').where({ id: certificateId, state: 'recorded' }).update({ state: 'abandoned' })
  return true
}

/** When one of this kind was given up last; null when none was. */
export async function lastAbandoned(db: Database | Transaction, authorityId: string, kind: ExampleKind): Promise<Date | null> {
  const row = await db('example_certificates').where({ authority_id: authorityId, kind }).whereNotNull('abandoned_at').orderBy('abandoned_at', 'desc').first('abandoned_at')
  return row ? new Date(row.abandoned_at) : null
}

/** False when it is revoked already (REV-7). */
export async function revokeExample(trx: Transaction, id: string, at: Date, reason: number): Promise<boolean> {
  const row = await trx('example_certificates').where({ id }).whereNotNull('issued_at').first('certificate_id', 'authority_id')
  const certificate = row && (await trx('certificates').where({ id: row.certificate_id, state: 'issued' }).first('serial'))
  if (!certificate) return false
  const stamp = at.toISOString()
  return insertRevocation(trx, { id: row.certificate_id, authorityId: row.authority_id, serial: certificate.serial }, { reasonCode: reason, ground: 'example', explanation: '', revokedAt: stamp, recordedAt: stamp, requestedBy: null })
}

/** Puts the files without time-stamps in the place of those with them. False when another was quicker. */
export async function unstampExample(trx: Transaction, { id, stampedAt }: Pick<ExampleCertificate, 'id' | 'stampedAt'>, specimens: Specimens): Promise<boolean> {
  if (stampedAt === null) return false
  return (await trx('example_certificates').where({ id, stamped_at: stampedAt.toISOString() }).update({ ...specimens, stamped_at: null })) === 1
}

/** False when they had their time-stamps already. */
export async function stampExample(trx: Transaction, id: string, specimens: Specimens, at: Date): Promise<boolean> {
  return (await trx('example_certificates').where({ id, stamped_at: null }).update({ ...specimens, stamped_at: at.toISOString() })) === 1
}
