/** What the public repository reads of the hierarchy. Nothing here writes. */
import type { Database, Row } from './database.ts'

export interface ResponderInForce {
  readonly authorityId: string
  readonly certificateDer: Buffer
  readonly notAfter: Date
}

/** The responder certificates that may answer at `now`, for each key the one that lasts longest. */
export async function respondersInForce(db: Database, now: Date): Promise<readonly ResponderInForce[]> {
  const at = now.toISOString()
  const rows: Row[] = await db('responder_certificates as certificate')
    .join('responder_keys as key', 'key.id', 'certificate.responder_key_id')
    .whereNull('key.retired_at')
    .whereNotNull('certificate.der')
    .where('certificate.not_before', '<=', at)
    .where('certificate.not_after', '>=', at)
    .orderBy('certificate.not_after', 'desc')
    .select('certificate.authority_id', 'certificate.responder_key_id', 'certificate.der', 'certificate.not_after')
  const seen = new Set<string>()
  return rows.flatMap((row) => {
    if (seen.has(row['responder_key_id'])) return []
    seen.add(row['responder_key_id'])
    return [{ authorityId: row['authority_id'], certificateDer: row['der'], notAfter: new Date(row['not_after']) }]
  })
}
