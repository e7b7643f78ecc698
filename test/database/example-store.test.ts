import { expect, test } from 'vitest'
import { allExamples, beginExample, begunExamples, abandonExample, findExample, listExamples, noteExampleKey, recordExample, revokeExample, stampExample, storeExample } from '../../src/database/example-store.ts'
import { certificateStore } from '../../src/database/certificate-store.ts'
import { keyRegister } from '../../src/database/key-register.ts'
import { audit } from '../../src/audit/audit-log.ts'
import { beginReconciliation, finishReconciliation, lastReconciliation, reconciliationsAhead } from '../../src/database/reconciliation-store.ts'
import { describeOnBothDatabases, withDatesAhead } from '../support/database.ts'
import { certificate, insertFoundations } from './rows.ts'

const at = (text: string) => new Date(text)
const T0 = at('2030-01-01T00:00:00.000Z')
const key = { tokenLabel: 'issuing', label: 'example 1', id: 'aa', spkiSha256: null }

describeOnBothDatabases('example certificates in the database', (open) => {
  async function issued() {
    const database = await withDatesAhead(await open())
    await insertFoundations(database)
    const authorityId = 'issuing'
    await database.transaction(async (trx) => {
      expect(await beginExample(trx, { id: 'e1', authorityId, kind: 'revoked', key, startedAt: T0 })).toBe(true)
      expect(await noteExampleKey(trx, 'e1', { spkiSha256: 'f'.repeat(64), spki: Buffer.from('spki') })).toBe(true)
      const record = { certificateId: 'c1', authorityId, serial: '1234', spkiSha256: 'f'.repeat(64), crlShard: 0, crlUrl: 'http://status.test/crl/issuing.crl', tbs: Buffer.from('tbs'), notBefore: T0, notAfter: at('2030-01-31T23:59:59.000Z'), recordedAt: T0 }
      expect(await recordExample(trx, 'e1', record)).toBe(true)
    })
    return { database, authorityId }
  }

  test('REP-2: an example is made once at a time, issued with its specimens, stamped, revoked once, and listed for what it shows', async () => {
    const { database, authorityId } = await issued()
    expect(await listExamples(database, T0)).toEqual([])
    expect(await database.transaction((trx) => beginExample(trx, { id: 'e2', authorityId, kind: 'revoked', key: { ...key, label: 'example 2' }, startedAt: T0 }))).toBe(false)
    expect(await begunExamples(database, authorityId)).toMatchObject([{ id: 'e1', kind: 'revoked', certificateId: 'c1' }])
    const specimens = { jar: Buffer.from('jar'), executable: null }
    await database.transaction(async (trx) => {
      expect(await storeExample(trx, 'e1', { certificateId: 'c1', der: Buffer.from('der'), sha256: '0'.repeat(64), at: T0, specimens })).toBe(true)
    })
    expect(await listExamples(database, T0)).toMatchObject([{ id: 'e1', kind: 'revoked', state: 'valid', pending: true, serial: '1234', stampedAt: null }])
    await database.transaction(async (trx) => {
      expect(await revokeExample(trx, 'e1', at('2030-01-01T00:01:00.000Z'), 5)).toBe(true)
      expect(await revokeExample(trx, 'e1', at('2030-01-02T00:01:00.000Z'), 5)).toBe(false)
      expect(await stampExample(trx, 'e1', specimens, T0)).toBe(true)
      expect(await stampExample(trx, 'e1', specimens, T0)).toBe(false)
      // What is issued is not given up.
      expect(await abandonExample(trx, { id: 'e1', certificateId: 'c1' }, T0)).toBe(false)
    })
    expect(await listExamples(database, T0)).toMatchObject([{ state: 'revoked', pending: false, revokedAt: at('2030-01-01T00:01:00.000Z'), stampedAt: T0 }])
    expect(await listExamples(database, at('2030-02-01T00:00:00.000Z'))).toMatchObject([{ state: 'revoked-then-expired', pending: true }])
    expect(await findExample(database, 'e1')).toMatchObject({ jar: Buffer.from('jar'), executable: null })
    expect(await findExample(database, 'e2')).toBeNull()
  })

  test('REP-2: it is nobody\'s certificate: no list of subscribers\' certificates has it, and its key is taken for no application', async () => {
    const { database } = await issued()
    await database.transaction((trx) => storeExample(trx, 'e1', { certificateId: 'c1', der: Buffer.from('der'), sha256: '0'.repeat(64), at: T0, specimens: { jar: null, executable: null } }))
    const subscribers = certificateStore(database, T0)
    expect(await subscribers.list()).toEqual([])
    expect(await subscribers.find('c1')).toBeNull()
    expect(await subscribers.findByKey('f'.repeat(64))).toEqual([])
    expect(await keyRegister(database).certifiedFor('f'.repeat(64))).toEqual({ organisationId: '', purpose: 'example' })
    const others: Buffer[] = []
    for await (const batch of keyRegister(database).otherKeys('0'.repeat(64))) others.push(...batch)
    expect(others).toContainEqual(Buffer.from('spki'))
  })

  test('ISS-5: one given up is never signed, its row stays, and another may begin', async () => {
    const { database, authorityId } = await issued()
    await database.transaction(async (trx) => {
      expect(await abandonExample(trx, { id: 'e1', certificateId: 'c1' }, T0)).toBe(true)
      const late = { certificateId: 'c1', der: Buffer.from('der'), sha256: '0'.repeat(64), at: T0, specimens: { jar: null, executable: null } }
      expect(await storeExample(trx, 'e1', late)).toBe(false)
      expect(await beginExample(trx, { id: 'e2', authorityId, kind: 'revoked', key: { ...key, label: 'example 2' }, startedAt: T0 })).toBe(true)
    })
    expect(await database('certificates').where({ id: 'c1' }).first('state')).toEqual({ state: 'abandoned' })
    await expect(database('example_certificates').where({ id: 'e1' }).delete()).rejects.toThrow(/never removed/)
    expect(await allExamples(database)).toEqual([])
  })

  test('ISS-5: a certificate has an application and its approval, or neither', async () => {
    const database = await withDatesAhead(await open())
    await insertFoundations(database)
    await expect(database('certificates').insert({ ...certificate('c9', '99'), approval_id: null })).rejects.toThrow(/or neither/)
    await expect(database('certificates').insert({ ...certificate('c9', '99'), application_id: null })).rejects.toThrow(/or neither/)
  })

  test('CRL-3: one reconciliation runs at a time; a turn left by a process that died lapses; the last result is read back', async () => {
    const database = await withDatesAhead(await open())
    const begin = (id: string, when: Date) => database.transaction((trx) => beginReconciliation(trx, { id, owner: 'host', at: when }))
    expect(await lastReconciliation(database, T0)).toBeNull()
    expect(await begin('r1', T0)).toBe(true)
    expect(await begin('r2', T0)).toBe(false)
    const seven = at('2030-01-01T07:00:00.000Z')
    expect(await begin('r3', seven)).toBe(true)
    const result = { finishedAt: seven, outcome: 'differed', certificates: 3, listEntries: 1, differences: 1, details: ['1234: one says this, one that'] } as const
    expect(await database.transaction((trx) => finishReconciliation(trx, { id: 'r1', ...result }))).toBe(false)
    expect(await database.transaction((trx) => finishReconciliation(trx, { id: 'r3', ...result }))).toBe(true)
    // OCS-3: a row that the audit log does not bear out is no result.
    expect(await lastReconciliation(database, seven)).toBeNull()
    await database.transaction((trx) => audit(trx, { at: seven, actor: 'process:ca', event: 'status.reconciled', subject: 'reconciliation:r3', details: { outcome: 'differed', certificates: 3, listEntries: 1, differences: 1 } }))
    expect(await lastReconciliation(database, seven)).toEqual({ id: 'r3', startedAt: seven, ...result })
    expect(await begin('r4', seven)).toBe(true)
    // A turn that says it began in a time to come is nobody's.
    await database('status_reconciliations').where({ id: 'r4' }).update({ started_at: '2099-01-01T00:00:00.000Z' })
    expect(await reconciliationsAhead(database, seven)).toBe(1)
    expect(await begin('r5', seven)).toBe(true)
  })
})
