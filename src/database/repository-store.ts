/** What the public repository reads of the hierarchy. Nothing here writes. */
import type { Database, Row } from './database.ts'
import { respondersAt } from './responder-store.ts'
import { RESPONDER_ORDER } from './status-store.ts'

export interface ResponderInForce {
  readonly authorityId: string
  readonly certificateDer: Buffer
  readonly notAfter: Date
  /** That `status` answers with it now; the others take its place when its certificate or key goes. Where several tokens hold keys, one of each answers. */
  readonly answers: boolean
}

/** The responder certificates that may answer at `now`, for each key the one that began last; first those that answer, then by their end. The rule is `findResponder`'s (status-store.ts). */
export async function respondersInForce(db: Database, now: Date): Promise<readonly ResponderInForce[]> {
  const rows: Row[] = await respondersAt(db, now)
    .orderBy([...RESPONDER_ORDER])
    .select('certificate.authority_id', 'certificate.responder_key_id', 'certificate.der', 'certificate.not_after', 'enrolled.token_label')
  const [keys, tokens] = [new Set<string>(), new Set<string>()]
  const found = rows.flatMap((row): ResponderInForce[] => {
    if (keys.has(row['responder_key_id'])) return []
    keys.add(row['responder_key_id'])
    const token = `${row['authority_id']} ${row['token_label']}`
    const answers = !tokens.has(token)
    tokens.add(token)
    return [{ authorityId: row['authority_id'], certificateDer: row['der'], notAfter: new Date(row['not_after']), answers }]
  })
  return found.sort((one, other) => Number(other.answers) - Number(one.answers) || other.notAfter.getTime() - one.notAfter.getTime())
}
