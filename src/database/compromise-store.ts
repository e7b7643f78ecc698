/** Reports of compromised keys, and what is here of such a key (KEY-4). */
import type { CompromiseReport, CompromiseReports } from '../application/report-compromise.ts'
import type { Database, Transaction, Row } from './database.ts'

export function compromiseReports(db: Database | Transaction): CompromiseReports {
  return {
    async insert({ id, spkiSha256, spkiDer, evidence, proof, source, reason, reportedBy, reportedAt }) {
      await db('compromise_reports').insert({ id, spki_sha256: spkiSha256, spki_der: spkiDer, evidence, proof, source, reason, reported_by: reportedBy, reported_at: reportedAt })
    },
    async ofKey(spkiSha256) {
      return (await db('compromise_reports').where({ spki_sha256: spkiSha256 }).orderBy('reported_at').orderBy('id')).map(
        (row: Row): CompromiseReport => ({
          id: row['id'],
          spkiSha256: row['spki_sha256'],
          spkiDer: row['spki_der'],
          evidence: row['evidence'],
          proof: row['proof'],
          source: row['source'],
          reason: row['reason'],
          reportedBy: row['reported_by'],
          reportedAt: row['reported_at'],
        }),
      )
    },
  }
}

export interface CompromisedKey {
  readonly spkiSha256: string
  readonly recordedAt: string
  /** `certificate:ID` of the revocation or `report:ID` that marked it. */
  readonly source: string
  /** Certificates with this key that are not revoked and have not ended. */
  readonly standing: number
}

/** Newest first. */
export async function listCompromisedKeys(db: Database, now: Date, limit = 500): Promise<readonly CompromisedKey[]> {
  const rows: Row[] = await db('compromised_keys').orderBy('recorded_at', 'desc').orderBy('spki_sha256').limit(limit)
  const standing: Row[] = await db('certificates')
    .join('compromised_keys', 'compromised_keys.spki_sha256', 'certificates.spki_sha256')
    .leftJoin('revocations', 'revocations.certificate_id', 'certificates.id')
    .where('certificates.state', 'issued')
    .where('certificates.not_after', '>', now.toISOString())
    .whereNull('revocations.certificate_id')
    .groupBy('certificates.spki_sha256')
    .select('certificates.spki_sha256')
    .count({ total: '*' })
  const counts = new Map(standing.map((row) => [row['spki_sha256'], Number(row['total'])]))
  return rows.map((row) => ({ spkiSha256: row['spki_sha256'], recordedAt: row['recorded_at'], source: row['source'], standing: counts.get(row['spki_sha256']) ?? 0 }))
}

export async function findCompromisedKey(db: Database | Transaction, spkiSha256: string): Promise<Omit<CompromisedKey, 'standing'> | null> {
  const row = await db('compromised_keys').where({ spki_sha256: spkiSha256 }).first()
  return row ? { spkiSha256, recordedAt: row.recorded_at, source: row.source } : null
}

/** Applications that were handed in with this key. */
export async function applicationsWithKey(db: Database, spkiSha256: string): Promise<readonly { readonly reference: string; readonly state: string }[]> {
  return db('applications').where({ spki_sha256: spkiSha256 }).whereNotNull('submitted_at').orderBy('submitted_at').select('reference', 'state')
}
