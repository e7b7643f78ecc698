import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { acceptCertificate } from '../../src/application/accept.ts'
import type { Work } from '../../src/application/ports.ts'
import { findGround, REVOCATION_GROUNDS, type RevocationGround } from '../../src/application/revocation-grounds.ts'
import { revokeCertificate } from '../../src/application/revoke.ts'
import { audit } from '../../src/audit/audit-log.ts'
import { applicationStore } from '../../src/database/application-store.ts'
import { protectionStore } from '../../src/database/protection-store.ts'
import { certificateStore } from '../../src/database/certificate-store.ts'
import type { Database, Transaction } from '../../src/database/database.ts'
import { keyRegister } from '../../src/database/key-register.ts'
import { isPublishedReason } from '../../src/revocation/reason.ts'
import { LANGUAGES, translate } from '../../src/web/locales.ts'
import { certificate, insertFoundations } from '../database/rows.ts'
import { describeOnBothDatabases } from '../support/database.ts'

const now = new Date('2026-11-21T10:00:00.000Z')
const ground = (id: string): RevocationGround => REVOCATION_GROUNDS.find((each) => each.id === id)!

test('REV-1: every ground of CSBR 4.9.1.1 is there, with its clock, a published reason and words in both languages', () => {
  const numbers = REVOCATION_GROUNDS.flatMap(({ clause }) => [...clause.matchAll(/4\.9\.1\.1 \((\d+)\)/g)].map((match) => Number(match[1])))
  expect([...new Set(numbers)].sort((one, other) => one - other)).toEqual(Array.from({ length: 14 }, (_, index) => index + 1))
  for (const { id, clause, withinHours, reasonCode, keyCompromised } of REVOCATION_GROUNDS) {
    const number = Number(/4\.9\.1\.1 \((\d+)\)/.exec(clause)?.[1] ?? 1)
    expect([id, withinHours]).toEqual([id, number <= 6 ? 24 : 120])
    expect([id, reasonCode === 0 || isPublishedReason(reasonCode)]).toEqual([id, true])
    expect([id, keyCompromised]).toEqual([id, reasonCode === 1])
    for (const language of LANGUAGES) for (const part of ['title', 'hint']) expect(translate(language, `revocation.ground.${id}.${part}`)).not.toBe('')
  }
  expect(findGround('misused', 'subscriber')).toBeNull()
  expect(findGround('misused', 'revocation-officer')?.id).toBe('misused')
})

describeOnBothDatabases('revoking', (open) => {
  async function scene() {
    const database = await open()
    await insertFoundations(database)
    await database('applications').update({ state: 'issued' })
    for (const n of [1, 2])
      await database('certificates').insert(
        certificate(`certificate-${n}`, `0${n}`, {
          application_id: `application-${n}`,
          approval_id: `approval-${n}`,
          state: 'issued',
          der: Buffer.from([0x30, 0]),
          certificate_sha256: 'ef'.repeat(32),
          issued_at: now.toISOString(),
        }),
      )
    return { database, records: certificateStore(database, now) }
  }
  const mails: { name: string; values: Readonly<Record<string, string>> }[] = []
  const inWork = <T>(database: Database, change: (work: Work, trx: Transaction) => Promise<T>): Promise<T> =>
    database.transaction((trx) =>
      change(
        {
          now,
          actor: 'subscriber',
          applications: applicationStore(trx, now),
          protection: protectionStore(trx, now),
          audit: (note) => audit(trx, { at: now, actor: 'subscriber', ...note }),
          mail: async (note) => void mails.push(note),
        },
        trx,
      ),
    )
  const revoke = async (database: Database, id: string, because: string, as: 'subscriber' | 'revocation-officer' = 'subscriber') => {
    const found = (await certificateStore(database, now).find(id))!
    return inWork(database, (work, trx) =>
      revokeCertificate(work, certificateStore(trx, now), {
        certificate: found,
        ground: ground(because),
        explanation: '',
        by: 'subscriber',
        as,
        portalUrl: 'https://portal.test',
      }),
    )
  }

  test('REV-1, REV-7: a revocation is recorded once, with its audit entry and mail, and moves the application', async () => {
    const { database, records } = await scene()
    mails.length = 0
    expect(await revoke(database, 'certificate-1', 'superseded')).toMatchObject({ outcome: 'revoked' })
    expect((await records.find('certificate-1'))!.revocation).toEqual({
      reasonCode: 4,
      ground: 'superseded',
      explanation: '',
      revokedAt: now.toISOString(),
      recordedAt: now.toISOString(),
      requestedBy: 'subscriber',
    })
    expect((await records.find('certificate-2'))!.revocation).toBeNull()
    expect(await database('applications').where({ id: 'application-1' }).first('state')).toEqual({ state: 'revoked' })
    expect(await database('audit_events').where({ subject: 'certificate:certificate-1' })).toMatchObject([{ event: 'certificate.revoked' }])
    expect(mails).toMatchObject([{ name: 'certificate-revoked', values: { link: 'https://portal.test/applications/A-1/certificate' } }])
    expect(await revoke(database, 'certificate-1', 'key-compromise')).toEqual({ outcome: 'already-revoked' })
    expect(await keyRegister(database).compromisedAt((await records.find('certificate-1'))!.spkiSha256)).toBeNull()
  })

  test('KEY-4: a compromised key is marked, and takes its other certificates along', async () => {
    const { database, records } = await scene()
    const { spkiSha256 } = (await records.find('certificate-1'))!
    const outcome = await revoke(database, 'certificate-1', 'key-compromise')
    expect(outcome).toMatchObject({ outcome: 'revoked', certificates: [{ id: 'certificate-1' }, { id: 'certificate-2' }] })
    expect(await keyRegister(database).compromisedAt(spkiSha256)).toBe(now.toISOString())
    for (const { revocation } of await records.findByKey(spkiSha256)) expect(revocation).toMatchObject({ reasonCode: 1 })
  })

  test("REV-1: a subscriber can not state an officer's ground", async () => {
    const { database, records } = await scene()
    expect(await revoke(database, 'certificate-1', 'misused')).toEqual({ outcome: 'not-permitted' })
    expect((await records.find('certificate-1'))!.revocation).toBeNull()
    expect(await revoke(database, 'certificate-1', 'misused', 'revocation-officer')).toMatchObject({ outcome: 'revoked' })
  })

  test('REV-1: of two revocations at the same moment one happens', async () => {
    const { database, records } = await scene()
    const outcomes = await Promise.all([revoke(database, 'certificate-1', 'cessation'), revoke(database, 'certificate-1', 'superseded')])
    expect(outcomes.map(({ outcome }) => outcome).filter((outcome) => outcome === 'revoked')).toHaveLength(1)
    expect(outcomes.map(({ outcome }) => outcome).filter((outcome) => outcome === 'changed-meanwhile')).toHaveLength(1)
    expect((await records.find('certificate-1'))!.revocation).not.toBeNull()
  })

  test("ISS-5: what is recorded and not signed, or abandoned, is nobody's certificate", async () => {
    const { database, records } = await scene()
    await database('applications').insert({
      id: 'application-3',
      reference: 'A-3',
      applicant_id: 'subscriber',
      organisation_id: 'organisation',
      state: 'issuing',
      policy_id: 'test',
      created_at: now.toISOString(),
      updated_at: now.toISOString(),
    })
    await database('approvals').insert({
      id: 'approval-3',
      application_id: 'application-3',
      approver_id: 'approver',
      digest: '0'.repeat(64),
      approved_at: now.toISOString(),
    })
    await database('certificates').insert(certificate('certificate-3', '03', { application_id: 'application-3', approval_id: 'approval-3' }))
    expect(await records.find('certificate-3')).toBeNull()
    expect(await records.findByApplication('application-3')).toBeNull()
    expect((await records.list()).map(({ id }) => id).sort()).toEqual(['certificate-1', 'certificate-2'])
  })

  test("ACP-1: acceptance moves the application and dates the certificate, unless it is another's", async () => {
    const { database, records } = await scene()
    const accept = async (applicationId: string) =>
      inWork(database, async (work, trx) =>
        acceptCertificate(
          work,
          certificateStore(trx, now),
          (await work.applications.find(applicationId))!,
          (await certificateStore(trx, now).find('certificate-1'))!,
        ),
      )
    expect(await accept('application-2')).toBe(false)
    expect(await accept('application-1')).toBe(true)
    expect((await records.find('certificate-1'))!.acceptedAt).toBe(now.toISOString())
    expect(await accept('application-1')).toBe(false)
  })

  test("APP-4: a key in a live application of another organisation is seen; in one's own, in a draft or in a dead one it is not", async () => {
    const { database } = await scene()
    const key = 'cd'.repeat(32)
    const register = keyRegister(database)
    const mine = { id: 'mine', applicantId: 'vetter', organisationId: 'other' }
    await database('organisations').insert({ id: 'other', legal_name: 'Other', created_at: now.toISOString() })
    const theirs = randomUUID()
    await database('applications').insert({
      id: theirs,
      reference: 'A-9',
      applicant_id: 'subscriber',
      organisation_id: 'organisation',
      state: 'submitted',
      policy_id: 'test',
      spki_sha256: key,
      created_at: now.toISOString(),
      updated_at: now.toISOString(),
    })
    expect(await register.appliedElsewhere(key, mine)).toBe(true)
    expect(await register.appliedElsewhere(key, { ...mine, organisationId: null })).toBe(true)
    expect(await register.appliedElsewhere(key, { ...mine, organisationId: 'organisation' })).toBe(false)
    expect(await register.appliedElsewhere(key, { ...mine, applicantId: 'subscriber' })).toBe(false)
    expect(await register.appliedElsewhere('ee'.repeat(32), mine)).toBe(false)
    for (const state of ['draft', 'withdrawn', 'rejected']) {
      await database('applications').where({ id: theirs }).update({ state })
      expect([state, await register.appliedElsewhere(key, mine)]).toEqual([state, false])
    }
  })
})
