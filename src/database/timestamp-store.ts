/** Time-stamping units and their tokens in the database. The ceremony writes the units, `status` the tokens. */
import type { TokenRecord } from '../timestamp/timestamp-authority.ts'
import type { TimestampCertificate } from '../timestamp/unit.ts'
import { isPostgres, isUniqueViolation, type Database, type Row, type Transaction } from './database.ts'

const moment = (text: string | null): Date | null => (text === null ? null : new Date(text))

const read = (row: Row): TimestampCertificate => ({
  id: row['id'],
  authorityId: row['authority_id'],
  key: { tokenLabel: row['token_label'], label: row['key_label'], id: row['key_id'], spkiSha256: row['spki_sha256'] },
  serial: row['serial'],
  der: row['der'],
  notBefore: new Date(row['not_before']),
  notAfter: new Date(row['not_after']),
  useUntil: new Date(row['use_until']),
  removeBy: new Date(row['remove_by']),
  revokedAt: moment(row['revoked_at']),
  removedAt: moment(row['removed_at']),
})

/** Every unit ever made, the oldest first. */
export async function listTimestampCertificates(db: Database | Transaction): Promise<readonly TimestampCertificate[]> {
  return (await db('timestamp_certificates').orderBy('not_before').orderBy('id')).map(read)
}

export async function insertTimestampCertificate(trx: Transaction, certificate: TimestampCertificate, ceremonyId: string, now: Date): Promise<void> {
  await trx('timestamp_certificates').insert({
    id: certificate.id,
    authority_id: certificate.authorityId,
    ceremony_id: ceremonyId,
    token_label: certificate.key.tokenLabel,
    key_label: certificate.key.label,
    key_id: certificate.key.id,
    spki_sha256: certificate.key.spkiSha256,
    serial: certificate.serial,
    der: certificate.der,
    not_before: certificate.notBefore.toISOString(),
    not_after: certificate.notAfter.toISOString(),
    use_until: certificate.useUntil.toISOString(),
    remove_by: certificate.removeBy.toISOString(),
    created_at: now.toISOString(),
  })
}

/** False when it was revoked already: what was said once stays (CSBR 4.9.7). */
export async function revokeTimestampCertificate(trx: Transaction, id: string, at: Date, reason: number): Promise<boolean> {
  return (await trx('timestamp_certificates').where({ id, revoked_at: null }).update({ revoked_at: at.toISOString(), reason_code: reason })) === 1
}

/** False when its removal is on record already. */
export async function recordKeyRemoval(trx: Transaction, id: string, at: Date, ceremonyId: string): Promise<boolean> {
  return (await trx('timestamp_certificates').where({ id, removed_at: null }).update({ removed_at: at.toISOString(), removal_ceremony_id: ceremonyId })) === 1
}

/** What goes onto the list of the units' CA. */
export async function listRevokedTimestampCertificates(db: Database | Transaction, authorityId: string): Promise<readonly { readonly serial: string; readonly revokedAt: Date; readonly reason: number; readonly notAfter: Date }[]> {
  const rows: Row[] = await db('timestamp_certificates').where({ authority_id: authorityId }).whereNotNull('revoked_at').orderBy('revoked_at').orderBy('serial')
  return rows.map((row) => ({ serial: row['serial'], revokedAt: new Date(row['revoked_at']), reason: Number(row['reason_code']), notAfter: new Date(row['not_after']) }))
}

export interface LastToken {
  /** Null before the first. */
  readonly at: Date | null
  /** The time of a token ahead of the database's own clock, which counts for nothing: of a node whose clock is wrong, or a false row. */
  readonly ahead: Date | null
}

/** As migration 0035 has it. */
const TOLERATED_MS = 5 * 60_000

/**
 * The latest time that any node has put on record. On PostgreSQL, where another account could write it, none that is ahead of the server's own clock: what the server tolerates would
 * stop every node until then. Still later than that no row can be, unless the server's own clock went back.
 * @param differenceMs by how much clocks that are right may differ: nobody is told of less
 */
export async function lastTokenTime(db: Database, differenceMs: number): Promise<LastToken> {
  const newest = () => db('timestamp_tokens').orderBy('gen_time', 'desc').first('gen_time')
  const at = moment((await newest())?.gen_time ?? null)
  if (at === null || !isPostgres(db)) return { at, ahead: null }
  const { rows: [{ now }] }: { rows: [{ now: string }] } = await db.raw(`SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS now`)
  const difference = at.getTime() - new Date(now).getTime()
  if (difference <= 0 || difference > TOLERATED_MS) return { at, ahead: null }
  return { at: moment((await newest().where('gen_time', '<=', now))?.gen_time ?? null), ahead: difference > differenceMs ? at : null }
}

/** The oldest tokens of a certificate given before a moment, about so many: whole seconds of them, since others may share the last one. Null when there is none. */
export async function tokensBefore(db: Database, certificateId: string, cutoff: Date, atMost: number): Promise<{ readonly givenBefore: Date; readonly tokens: number } | null> {
  const older = () => db('timestamp_tokens').where({ certificate_id: certificateId }).where('gen_time', '<', cutoff.toISOString())
  const last: Row | undefined = await older().orderBy('gen_time').offset(atMost - 1).first('gen_time')
  const givenBefore = last ? new Date(new Date(last['gen_time']).getTime() + 1) : cutoff
  const [count] = await older().where('gen_time', '<', givenBefore.toISOString()).count({ tokens: '*' })
  const tokens = Number(count!['tokens'])
  return tokens === 0 ? null : { givenBefore, tokens }
}

/** Puts the run on record, without which the database refuses, and removes what it names. */
export async function removeTokens(trx: Transaction, run: { readonly id: string; readonly certificateId: string; readonly givenBefore: Date; readonly tokens: number; readonly ranAt: Date }): Promise<number> {
  const before = run.givenBefore.toISOString()
  await trx('timestamp_retentions').insert({ id: run.id, certificate_id: run.certificateId, given_before: before, tokens: run.tokens, ran_at: run.ranAt.toISOString() })
  return trx('timestamp_tokens').where({ certificate_id: run.certificateId }).where('gen_time', '<', before).delete()
}

/** As many in one statement as SQLite binds values for. */
const AT_ONCE = 100
/** More than a process makes at once (timestamp-authority.ts). */
const MOST_WAITING = 1000

interface Waiting {
  readonly token: TokenRecord
  done(fresh: boolean): void
  failed(error: unknown): void
}

/**
 * Puts tokens on record. What comes while a statement runs waits and goes together in the next: one write for many, none answered before it is written.
 * @returns false for a serial number that was given before, by whichever node
 */
export function tokenRecorder(db: Database): (token: TokenRecord) => Promise<boolean> {
  const waiting: Waiting[] = []
  let writing = false

  const insert = (batch: readonly Waiting[]) =>
    db('timestamp_tokens').insert(
      batch.map(({ token }) => ({ serial: token.serial, certificate_id: token.certificateId, gen_time: token.genTime.toISOString(), imprint_hash: token.imprintHash, tst_info_sha256: token.tstInfoSha256 })),
    )

  async function write(batch: readonly Waiting[]): Promise<void> {
    try {
      await insert(batch)
      for (const each of batch) each.done(true)
    } catch (error) {
      // One number that was there takes the others with it: each by itself then.
      if (batch.length > 1) for (const each of batch) await write([each])
      else if (isUniqueViolation(error)) batch[0]!.done(false)
      else batch[0]!.failed(error)
    }
  }

  async function run(): Promise<void> {
    writing = true
    while (waiting.length > 0) await write(waiting.splice(0, AT_ONCE))
    writing = false
  }

  return (token) =>
    new Promise((done, failed) => {
      if (waiting.length >= MOST_WAITING) return failed(new Error('too many tokens wait to be put on record'))
      waiting.push({ token, done, failed })
      if (!writing) void run()
    })
}
