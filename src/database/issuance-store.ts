/** What `ca` takes, records and stores while it issues. */
import type { Knex } from 'knex'
import type { IssuanceStore, RecordedCertificate } from '../application/issue-ports.ts'
import { findSignedIn } from '../people/accounts.ts'
import { readApplication } from './application-store.ts'
import { certificateStore } from './certificate-store.ts'
import { openList } from './crl-store.ts'
import type { Database, Transaction, Row } from './database.ts'
import { readProtectionFacts } from './protection-store.ts'
import { keyRegister } from './key-register.ts'

const WAITING = ['approved', 'issuing']

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
  return {
    ...keyRegister(db),
    async waiting(now, atMost) {
      return (await db('applications').whereIn('state', WAITING).where(free(now)).orderBy('updated_at').orderBy('id').limit(atMost)).map(readApplication)
    },
    async lease(application, owner, now, until) {
      const taken = await db('applications')
        .where({ id: application.id, version: application.version, state: application.state })
        .where(free(now))
        .update({ lease_owner: owner, lease_until: until.toISOString(), version: application.version + 1 })
      return taken === 1
    },
    async endLease(applicationId) {
      await db('applications').where({ id: applicationId }).update({ lease_owner: null, lease_until: null })
    },
    async recordOf(applicationId) {
      const row = await db('certificates').where({ application_id: applicationId, state: 'recorded' }).first()
      return row ? readRecord(row) : null
    },
    async insertRecord(record, crlUrl) {
      await openList(db, { authorityId: record.authorityId, shard: record.crlShard }, crlUrl, record.recordedAt)
      await db('certificates').insert({
        id: record.id,
        authority_id: record.authorityId,
        application_id: record.applicationId,
        approval_id: record.approvalId,
        serial: record.serial,
        state: 'recorded',
        spki_sha256: record.spkiSha256,
        crl_shard: record.crlShard,
        tbs: record.tbs,
        not_before: record.notBefore.toISOString(),
        not_after: record.notAfter.toISOString(),
        recorded_at: record.recordedAt.toISOString(),
      })
    },
    async storeIssued(id, der, sha256, issuedAt) {
      const stored = { state: 'issued', der, certificate_sha256: sha256, issued_at: issuedAt.toISOString() }
      return (await db('certificates').where({ id, state: 'recorded' }).update(stored)) === 1
    },
    async abandon(id) {
      return (await db('certificates').where({ id, state: 'recorded' }).update({ state: 'abandoned' })) === 1
    },
    async claimKey(spkiSha256, organisationId, purpose, at) {
      const known = await db('certified_keys').where({ spki_sha256: spkiSha256 }).first('organisation_id', 'purpose')
      if (known) return known.organisation_id === organisationId && known.purpose === purpose
      await db('certified_keys').insert({ spki_sha256: spkiSha256, organisation_id: organisationId, purpose, first_certified_at: at.toISOString() })
      return true
    },
    // Active and with a second factor (ACC-1): a closed account's word counts no more.
    reviewer: (accountId) => findSignedIn(db, accountId),
    contact: (accountId) => certificateStore(db, new Date(0)).contact(accountId),
    protectionFacts: (application, demoHierarchy) => readProtectionFacts(db, application, demoHierarchy),
  }
}
