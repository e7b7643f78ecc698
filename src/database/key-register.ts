/** What the database knows of a public key: by its SPKI's SHA-256 (KEY-4, APP-4), by its modulus and beside the others (KEY-3). */
import { X509Certificate } from 'node:crypto'
import { EXAMPLE_PURPOSE } from '../application/example.ts'
import type { KeyRegister } from '../application/verify-key.ts'
import type { Database, Transaction } from './database.ts'

/** Not a draft, which claims nothing yet, and not what came to nothing. */
const ALIVE = ['submitted', 'vetting', 'vetted', 'approved', 'issuing', 'held', 'issued', 'accepted', 'revoked']

const BATCH = 500

export function keyRegister(db: Database | Transaction): KeyRegister {
  return {
    async weakKeyListed(digests) {
      const row = await db('weak_keys')
        .where((any) => void digests.forEach(({ kind, digest }) => any.orWhere({ kind, digest })))
        .first('kind')
      return row ? row.kind : null
    },
    async hasCompleteWeakKeyList(bits) {
      const finished = db('weak_key_complete').join('weak_key_lists', 'weak_key_lists.number', 'weak_key_complete.list_number').whereNotNull('weak_key_lists.finished_at')
      return (await finished.where({ bits }).first('bits')) !== undefined
    },
    async *otherKeys(spkiSha256) {
      // An application keeps its key for ever, so those of certificates are among them; a draft has proved nothing yet.
      for (let after = ''; ;) {
        const rows: { spki_sha256: string; spki_der: Buffer }[] = await db('applications')
          .whereNotNull('submitted_at')
          .whereNotNull('spki_der')
          .where('spki_sha256', '>', after)
          .whereNot({ spki_sha256: spkiSha256 })
          .distinct('spki_sha256', 'spki_der')
          .orderBy('spki_sha256')
          .limit(BATCH)
        if (rows.length === 0) break
        yield rows.map((row) => row.spki_der)
        after = rows.at(-1)!.spki_sha256
      }
      const reported: { spki_der: Buffer }[] = await db('compromise_reports').whereNotNull('spki_der').whereNot({ spki_sha256: spkiSha256 }).select('spki_der')
      yield reported.map((row) => row.spki_der)
      const responders: { spki_der: Buffer }[] = await db('responder_keys').select('spki_der')
      const authorities: { certificate_der: Buffer }[] = await db('authorities').select('certificate_der')
      const examples: { spki_der: Buffer }[] = await db('example_certificates').whereNotNull('spki_der').whereNot({ spki_sha256: spkiSha256 }).select('spki_der')
      yield examples.map((row) => row.spki_der)
      yield [...responders.map((row) => row.spki_der), ...authorities.flatMap((row) => spkiOf(row.certificate_der))]
    },
    async compromisedAt(spkiSha256) {
      const row = await db('compromised_keys').where({ spki_sha256: spkiSha256 }).first('recorded_at')
      return row ? String(row.recorded_at) : null
    },
    async certifiedFor(spkiSha256) {
      const row = await db('certified_keys').where({ spki_sha256: spkiSha256 }).first('organisation_id', 'purpose')
      if (row) return { organisationId: row.organisation_id, purpose: row.purpose }
      // REP-2: the key of an example is for no application, ever.
      const example = await db('example_certificates').where({ spki_sha256: spkiSha256 }).first('id')
      return example ? { organisationId: '', purpose: EXAMPLE_PURPOSE } : null
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

/** Of the few certificates of authorities, which are asked for with each key: what their octets hold, read once. */
const spkis = new Map<string, readonly Buffer[]>()
const MOST_KEPT = 100

/** Of a certificate in a row of ours; none where the row holds no certificate, which whoever signs with it finds. */
function spkiOf(certificate: Buffer): readonly Buffer[] {
  const octets = certificate.toString('latin1')
  const known = spkis.get(octets)
  if (known) return known
  const read = readSpki(certificate)
  if (spkis.size >= MOST_KEPT) spkis.clear()
  spkis.set(octets, read)
  return read
}

function readSpki(certificate: Buffer): readonly Buffer[] {
  try {
    return [new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' })]
  } catch {
    return []
  }
}
