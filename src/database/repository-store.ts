/** What the public repository reads of the hierarchy. Nothing here writes, and no list's octets are fetched for a page: they may be megabytes. */
import type { Database, Row } from './database.ts'

export interface PublishedList {
  readonly authorityId: string
  readonly number: string
  readonly thisUpdate: Date
  readonly nextUpdate: Date
  /** How many revoked certificates stand on it. */
  readonly entries: number
}

/** The list in force of each authority. */
export async function publishedLists(db: Database): Promise<readonly PublishedList[]> {
  const newest = db('crls').whereNotNull('der').groupBy('authority_id').select('authority_id').max({ number: 'number' }).as('newest')
  const rows: Row[] = await db('crls')
    .join(newest, (join) => join.on('newest.authority_id', 'crls.authority_id').andOn('newest.number', 'crls.number'))
    .orderBy('crls.authority_id')
    .select('crls.authority_id', 'crls.number', 'crls.this_update', 'crls.next_update', 'crls.entries')
  return rows.map((row) => ({ authorityId: row['authority_id'], number: String(row['number']), thisUpdate: new Date(row['this_update']), nextUpdate: new Date(row['next_update']), entries: Number(row['entries']) }))
}

export interface ResponderInForce {
  readonly authorityId: string
  readonly certificateDer: Buffer
  readonly notAfter: Date
}

/** The responder certificates that may answer at `now`, for each key the one that lasts longest. */
export async function respondersInForce(db: Database, now: Date): Promise<readonly ResponderInForce[]> {
  const at = now.toISOString()
  const rows: Row[] = await db('responder_certificates').whereNotNull('der').where('not_before', '<=', at).where('not_after', '>=', at).orderBy('not_after', 'desc').select('authority_id', 'responder_key_id', 'der', 'not_after')
  const seen = new Set<string>()
  return rows.flatMap((row) => {
    if (seen.has(row['responder_key_id'])) return []
    seen.add(row['responder_key_id'])
    return [{ authorityId: row['authority_id'], certificateDer: row['der'], notAfter: new Date(row['not_after']) }]
  })
}
