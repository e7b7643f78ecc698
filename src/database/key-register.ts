/** What the database knows of a public key, by its SPKI's SHA-256 (KEY-4, APP-4). */
import type { KeyRegister } from '../application/verify-key.ts'
import type { Database, Transaction } from './database.ts'

/** Not a draft, which claims nothing yet, and not what came to nothing. */
const ALIVE = ['submitted', 'vetting', 'vetted', 'approved', 'issuing', 'held', 'issued', 'accepted', 'revoked']

export function keyRegister(db: Database | Transaction): KeyRegister {
  return {
    async compromisedAt(spkiSha256) {
      const row = await db('compromised_keys').where({ spki_sha256: spkiSha256 }).first('recorded_at')
      return row ? String(row.recorded_at) : null
    },
    async certifiedFor(spkiSha256) {
      const row = await db('certified_keys').where({ spki_sha256: spkiSha256 }).first('organisation_id', 'purpose')
      return row ? { organisationId: row.organisation_id, purpose: row.purpose } : null
    },
    async appliedElsewhere(spkiSha256, { id, applicantId, organisationId }) {
      const row = await db('applications')
        .where({ spki_sha256: spkiSha256 })
        .whereIn('state', ALIVE)
        .whereNot({ id })
        .whereNot({ applicant_id: applicantId })
        .where((other) => {
          other.whereNull('organisation_id')
          // Without an organisation of its own, an application belongs to nobody else's.
          if (organisationId === null) other.orWhereNotNull('organisation_id')
          else other.orWhereNot({ organisation_id: organisationId })
        })
        .first('id')
      return row !== undefined
    },
  }
}
