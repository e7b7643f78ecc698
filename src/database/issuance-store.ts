/** What `ca` takes, records and stores while it issues. */
import type { Knex } from 'knex'
import type { Application } from '../application/application.ts'
import type { IssuanceStore, RecordedCertificate } from '../application/issue-ports.ts'
import { findAllSignedIn } from '../people/accounts.ts'
import { compareAndSet, readApplication } from './application-store.ts'
import { readContacts, recordCertificates } from './certificate-store.ts'
import { openList } from './crl-store.ts'
import { isPostgres, type Database, type Transaction, type Row } from './database.ts'
import { gathered } from './gathered.ts'
import { readAllProtectionFacts } from './protection-store.ts'
import { keyRegister } from './key-register.ts'

const WAITING = ['approved', 'issuing']

interface Signed {
  readonly id: string
  readonly der: Buffer
  readonly sha256: string
  readonly issuedAt: Date
}

interface Claim {
  readonly spki_sha256: string
  readonly organisation_id: string
  readonly purpose: string
  readonly first_certified_at?: string
}

const readRecord = (row: Row): RecordedCertificate => ({
  id: row['id'],
  authorityId: row['authority_id'],
  applicationId: row['application_id'],
  approvalId: row['approval_id'],
  serial: row['serial'],
  spkiSha256: row['spki_sha256'],
  crlShard: Number(row['crl_shard']),
  tbs: row['tbs'],
  notBefore: new Date(row['not_before']),
  notAfter: new Date(row['not_after']),
  recordedAt: new Date(row['recorded_at']),
})

export function issuanceStore(db: Database | Transaction): IssuanceStore {
  const free = (now: Date) => (query: Knex.QueryBuilder) => void query.whereNull('lease_until').orWhere('lease_until', '<=', now.toISOString())
  const insertRecord = gathered(async (records: readonly { record: RecordedCertificate; crlUrl: string }[]) => {
    const lists = new Map(records.map(({ record, crlUrl }) => [JSON.stringify([record.authorityId, record.crlShard, crlUrl]), { record, crlUrl }]))
    for (const { record, crlUrl } of lists.values()) await openList(db, { authorityId: record.authorityId, shard: record.crlShard }, crlUrl, record.recordedAt)
    await recordCertificates(db, records.map(({ record }) => record))
    return records.map(() => undefined)
  })
  const storeIssued = gathered(async (signed: readonly Signed[]) => {
    const ids = signed.map(({ id }) => id)
    const each = (type: string, of: (one: Signed) => Buffer | string) => db.raw(`CASE id ${'WHEN ? THEN CAST(? AS TYPE) '.replace('TYPE', type).repeat(signed.length)}END`, signed.flatMap((one) => [one.id, of(one)]))
    const octets = isPostgres(db) ? 'bytea' : 'blob'
    const stored = await db('certificates')
      .whereIn('id', ids)
      .where({ state: 'recorded' })
      .update({ state: 'issued', der: each(octets, ({ der }) => der), certificate_sha256: each('text', ({ sha256 }) => sha256), issued_at: each('text', ({ issuedAt }) => issuedAt.toISOString()) })
    if (stored !== signed.length && signed.length > 1) throw new Error(`of ${signed.length} certificates ${stored} waited for their signature`)
    return signed.map(() => stored === signed.length)
  })
  const claimKey = gathered(async (claims: readonly Claim[]) => {
    const known: Claim[] = await db('certified_keys').whereIn('spki_sha256', [...new Set(claims.map((each) => each.spki_sha256))]).select('spki_sha256', 'organisation_id', 'purpose')
    const made: Claim[] = []
    const granted = claims.map((claim) => {
      const holder = [...known, ...made].find((each) => each.spki_sha256 === claim.spki_sha256)
      if (holder) return holder.organisation_id === claim.organisation_id && holder.purpose === claim.purpose
      made.push(claim)
      return true
    })
    if (made.length > 0) await db('certified_keys').insert(made)
    return granted
  })
  const factsOf = (demoHierarchy: boolean) => gathered((applications: readonly Application[]) => readAllProtectionFacts(db, applications, demoHierarchy))
  const [facts, demoFacts] = [factsOf(false), factsOf(true)]
  return {
    ...keyRegister(db),
    async waiting(now, atMost) {
      return (await db('applications').whereIn('state', WAITING).where(free(now)).orderBy('updated_at').orderBy('id').limit(atMost)).map(readApplication)
    },
    lease: (applications, owner, now, until) => compareAndSet(db, applications, { lease_owner: owner, lease_until: until.toISOString() }, free(now)),
    endLease: gathered(async (ids: readonly string[]) => {
      await db('applications').whereIn('id', [...ids]).update({ lease_owner: null, lease_until: null })
      return ids.map(() => undefined)
    }),
    async recordOf(applicationId) {
      const row = await db('certificates').where({ application_id: applicationId, state: 'recorded' }).first()
      return row ? readRecord(row) : null
    },
    insertRecord: (record, crlUrl) => insertRecord({ record, crlUrl }),
    storeIssued: (id, der, sha256, issuedAt) => storeIssued({ id, der, sha256, issuedAt }),
    async abandon(id) {
      return (await db('certificates').where({ id, state: 'recorded' }).update({ state: 'abandoned' })) === 1
    },
    claimKey: (spkiSha256, organisationId, purpose, at) => claimKey({ spki_sha256: spkiSha256, organisation_id: organisationId, purpose, first_certified_at: at.toISOString() }),
    // Active and with a second factor (ACC-1): a closed account's word counts no more.
    reviewer: gathered((ids: readonly string[]) => findAllSignedIn(db, ids)),
    contact: gathered((ids: readonly string[]) => readContacts(db, ids)),
    protectionFacts: (application, demoHierarchy) => (demoHierarchy ? demoFacts : facts)(application),
  }
}
