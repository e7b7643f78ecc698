/** Retention runs and what each dropped from the lists. */
import type { Database, Transaction, Row } from './database.ts'

export interface RetentionRun {
  readonly id: string
  readonly authorityId: string
  readonly ranAt: Date
  /** Certificates that ended before it were dropped. */
  readonly endedBefore: Date
}

/** A revocation with its certificate's octets. */
export interface EndedCertificate {
  readonly certificateId: string
  readonly serial: string
  readonly der: Buffer | null
  readonly tbs: Buffer
}

const read = (row: Row): EndedCertificate => ({ certificateId: row['id'], serial: row['serial'], der: row['der'], tbs: row['tbs'] })

/** Revoked certificates that are on the lists still and whose rows say that they ended before `before`, the oldest first, without the first `passed`. */
export async function endedRevoked(db: Database | Transaction, authorityId: string, before: Date, limit: number, passed: number): Promise<readonly EndedCertificate[]> {
  const rows: Row[] = await db('certificates')
    .join('revocations', 'revocations.certificate_id', 'certificates.id')
    .where('certificates.authority_id', authorityId)
    .where('certificates.not_after', '<', before.toISOString())
    .whereNull('revocations.retention_run_id')
    .orderBy('certificates.not_after')
    .orderBy('certificates.id')
    .offset(passed)
    .limit(limit)
    .select('certificates.id', 'certificates.serial', 'certificates.der', 'certificates.tbs')
  return rows.map(read)
}

export async function beginRun(trx: Transaction, { id, authorityId, ranAt, endedBefore }: RetentionRun): Promise<void> {
  await trx('retention_runs').insert({ id, authority_id: authorityId, ran_at: ranAt.toISOString(), ended_before: endedBefore.toISOString() })
}

/** @returns the serial numbers marked: without those that another run marked meanwhile */
export async function markDropped(trx: Transaction, runId: string, certificateIds: readonly string[]): Promise<readonly string[]> {
  const serials: string[] = []
  for (let at = 0; at < certificateIds.length; at += 500) {
    const rows: Row[] = await trx('revocations').whereIn('certificate_id', certificateIds.slice(at, at + 500)).whereNull('retention_run_id').update({ retention_run_id: runId }).returning('serial')
    serials.push(...rows.map((row) => row['serial']))
  }
  return serials
}

/** The runs that dropped any of these. */
export async function runsOf(db: Database, authorityId: string, serials: readonly string[]): Promise<readonly RetentionRun[]> {
  const runs = new Map<string, RetentionRun>()
  for (let at = 0; at < serials.length; at += 500) {
    const rows: Row[] = await db('retention_runs')
      .join('revocations', 'revocations.retention_run_id', 'retention_runs.id')
      .where('retention_runs.authority_id', authorityId)
      .where('revocations.authority_id', authorityId)
      .whereIn('revocations.serial', serials.slice(at, at + 500))
      .distinct('retention_runs.id', 'retention_runs.ran_at', 'retention_runs.ended_before')
    for (const row of rows) runs.set(row['id'], { id: row['id'], authorityId, ranAt: new Date(row['ran_at']), endedBefore: new Date(row['ended_before']) })
  }
  return [...runs.values()]
}

export async function serialsOfRun(db: Database, runId: string): Promise<readonly EndedCertificate[]> {
  const rows: Row[] = await db('revocations').join('certificates', 'certificates.id', 'revocations.certificate_id').where('revocations.retention_run_id', runId).select('certificates.id', 'certificates.serial', 'certificates.der', 'certificates.tbs')
  return rows.map(read)
}
