/** One life of an application as bare rows: enough for every foreign key, nothing that a rule would look at. */
import type { Database } from '../../src/database/database.ts'

export const AT = '2026-11-02T09:00:00.000Z'
const DIGEST = 'ab'.repeat(32)

export const account = (id: string) => ({ id, email: `${id}@example.jp`, name: id, state: 'active', locale: 'en', created_at: AT })

export const certificate = (id: string, serial: string, more: Record<string, unknown> = {}) => ({
  id,
  authority_id: 'issuing',
  application_id: 'application-1',
  approval_id: 'approval-1',
  serial,
  state: 'recorded',
  spki_sha256: DIGEST,
  tbs: Buffer.from([0x30, 0x00]),
  not_before: AT,
  not_after: AT,
  recorded_at: AT,
  ...more,
})

export const revocation = (certificateId: string, serial: string) => ({
  certificate_id: certificateId,
  authority_id: 'issuing',
  serial,
  reason_code: 1,
  ground: 'key-compromise',
  explanation: 'lost',
  revoked_at: AT,
  recorded_at: AT,
  requested_by: 'subscriber',
})

/** Organisation, persons, authority, two applications and an approval of each. */
export async function insertFoundations(database: Database): Promise<void> {
  await database('organisations').insert({ id: 'organisation', legal_name: 'Example K.K.', created_at: AT })
  await database('accounts').insert(['subscriber', 'vetter', 'approver'].map(account))
  await database('ceremonies').insert({ id: 'ceremony', kind: 'demo', demo: 1, persons: '[]', report: '{}', held_at: AT })
  await database('authorities').insert({
    id: 'issuing',
    kind: 'issuing',
    ceremony_id: 'ceremony',
    demo: 1,
    token_label: 'issuing',
    key_label: 'issuing',
    key_id: '01',
    spki_sha256: DIGEST,
    subject_der: Buffer.from([0x30, 0x00]),
    certificate_der: Buffer.from([0x30, 0x00]),
    not_before: AT,
    not_after: AT,
    created_at: AT,
  })
  for (const n of [1, 2]) {
    await database('applications').insert({ id: `application-${n}`, reference: `A-${n}`, applicant_id: 'subscriber', organisation_id: 'organisation', state: 'approved', policy_id: 'test', created_at: AT, updated_at: AT })
    await database('approvals').insert({ id: `approval-${n}`, application_id: `application-${n}`, approver_id: 'approver', digest: DIGEST, approved_at: AT })
  }
}
