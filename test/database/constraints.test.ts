import { statSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { isUniqueViolation, type Database } from '../../src/database/database.ts'
import { describeOnBothDatabases, urlOf } from '../support/database.ts'
import { account, AT, certificate, insertFoundations, revocation } from './rows.ts'

/** What the database said against the statement; fails the test when it said nothing. */
async function refusal(statement: Promise<unknown>): Promise<Error> {
  try {
    await statement
  } catch (error) {
    return error as Error
  }
  throw new Error('the database took it')
}

describeOnBothDatabases('constraints', (open, engine) => {
  let database: Database
  beforeAll(async () => {
    database = await open()
    await insertFoundations(database)
  })

  test('ACC-2: a person who vetted an application cannot also decide on it', async () => {
    const vetted = { application_id: 'application-1', account_id: 'vetter', duty: 'vetted', taken_at: AT }
    await database('duties').insert(vetted)
    const error = await refusal(database('duties').insert({ ...vetted, duty: 'decided' }))
    expect(error.message).toMatch(/duties(_pkey|\.application_id, duties\.account_id)/)
    expect(isUniqueViolation(error)).toBe(true)
    await database('duties').insert({ ...vetted, account_id: 'approver', duty: 'decided' })
    await database('duties').insert({ ...vetted, application_id: 'application-2', duty: 'decided' })
  })

  test.each(['application_id', 'account_id', 'duty', 'taken_at'])('ACC-2: a duty without %s is refused', async (column) => {
    const error = await refusal(database('duties').insert({ application_id: 'application-2', account_id: 'approver', duty: 'decided', taken_at: AT, [column]: null }))
    expect(error.message).toMatch(/not.null/i)
  })

  test('ACC-2: a duty that does not exist is refused', async () => {
    const error = await refusal(database('duties').insert({ application_id: 'application-2', account_id: 'subscriber', duty: 'looked', taken_at: AT }))
    expect(error.message).toContain('duties_duty')
    expect(isUniqueViolation(error)).toBe(false)
  })

  test('VET-6: one approval of an application is in force, voided ones beside it', async () => {
    const approval = { id: 'approval-3', application_id: 'application-2', approver_id: 'approver', digest: 'cd'.repeat(32), approved_at: AT }
    const error = await refusal(database('approvals').insert(approval))
    expect(error.message).toMatch(/approvals(_one_in_force|\.application_id)/)
    expect(isUniqueViolation(error)).toBe(true)
    await database('approvals').insert({ ...approval, voided_at: AT, voided_because: 'changed' })
  })

  test('a row that names nobody is refused', async () => {
    const error = await refusal(database('account_roles').insert({ account_id: 'nobody', role: 'auditor', granted_by: 'vetter', granted_at: AT }))
    expect(error.message).toMatch(/foreign key/i)
    expect(isUniqueViolation(error)).toBe(false)
  })

  test('a key of NULL is refused', async () => {
    expect((await refusal(database('accounts').insert({ ...account('x'), id: null }))).message).toMatch(/not.null/i)
  })

  test('text longer than its column is refused, and text that just fits is kept', async () => {
    expect((await refusal(database('organisations').insert({ id: 'long', legal_name: 'あ'.repeat(201), created_at: AT }))).message).toMatch(/too long|CHECK constraint failed: length/)
    await database('organisations').insert({ id: 'fits', legal_name: '𠮟'.repeat(200), created_at: AT })
    expect((await database('organisations').where({ id: 'fits' }).first()).legal_name).toBe('𠮟'.repeat(200))
  })

  test('bytes come back as the bytes that went in', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, n) => n))
    await database('evidence_files').insert({ id: 'file', application_id: 'application-1', name: 'a', bytes, sha256: 'ab'.repeat(32), uploaded_by: 'subscriber', uploaded_at: AT })
    const row = await database('evidence_files').where({ id: 'file' }).first()
    expect(Buffer.isBuffer(row.bytes) && bytes.equals(row.bytes)).toBe(true)
  })

  test('isUniqueViolation: the same e-mail address twice, whoever asks', async () => {
    const error = await refusal(database('accounts').insert({ ...account('second'), email: 'vetter@example.jp' }))
    expect(isUniqueViolation(error)).toBe(true)
    for (const other of [null, undefined, 'UNIQUE', new Error('UNIQUE constraint failed')]) expect(isUniqueViolation(other)).toBe(false)
  })

  describe('certificates', () => {
    const SIGNED = { der: Buffer.from([1]), certificate_sha256: 'ef'.repeat(32), issued_at: AT }

    test.each(Object.keys(SIGNED))('OCS-3: none is issued without %s', async (column) => {
      const row = certificate('unsigned', '20', { ...SIGNED, state: 'issued', approval_id: 'approval-2' })
      expect((await refusal(database('certificates').insert({ ...row, [column]: null }))).message).toContain('certificates_issued_signed')
    })

    test('ISS-5: a second certificate for one approval is refused, after abandoned ones a first is not', async () => {
      await database('certificates').insert(certificate('abandoned-1', '21', { state: 'abandoned' }))
      await database('certificates').insert(certificate('abandoned-2', '22', { state: 'abandoned' }))
      await database('certificates').insert(certificate('first', '23'))
      for (const state of ['recorded', 'issued']) {
        const error = await refusal(database('certificates').insert(certificate('second', '24', { ...SIGNED, state })))
        expect(error.message).toMatch(/certificates_one_per_approval|UNIQUE rows of certificates/)
        expect(isUniqueViolation(error)).toBe(true)
      }
      expect((await refusal(database('certificates').where({ id: 'abandoned-1' }).update({ state: 'recorded' }))).message).toMatch(/never rewritten|one_per_approval|UNIQUE/)
    })

    test('ISS-3: a serial number is used once by one authority', async () => {
      const error = await refusal(database('certificates').insert(certificate('same-serial', '21', { approval_id: 'approval-2' })))
      expect(error.message).toMatch(/serial|UNIQUE rows of certificates/)
      expect(isUniqueViolation(error)).toBe(true)
    })

    test('ISS-5: a recorded certificate is issued once, and what was recorded never changes', async () => {
      await database('certificates').where({ id: 'first' }).update({ state: 'issued', ...SIGNED })
      await database('certificates').where({ id: 'first' }).update({ accepted_at: AT })
      const changes = { state: 'abandoned', der: Buffer.from([2]), tbs: Buffer.from([3]), serial: '99', approval_id: 'approval-2', id: 'other', not_after: '2027-01-01T00:00:00.000Z' }
      for (const [column, value] of Object.entries(changes)) expect((await refusal(database('certificates').where({ id: 'first' }).update({ [column]: value }))).message, column).toContain('rows of certificates are never rewritten')
    })

    test.each([
      ['another serial number', { serial: '99' }],
      ['the serial number of another certificate', { serial: '21' }],
      ['another authority', { authority_id: 'other-authority' }],
      ['no certificate', { certificate_id: 'none' }],
      ['a retention run, which would take it off the lists', { retention_run_id: 'run' }],
      ['a reason that is never published (REV-5)', { reason_code: 6 }],
    ])('REV-4, REV-7: no revocation comes with %s', async (_, wrong) => {
      await database('authorities').insert({ ...(await database('authorities').where({ id: 'issuing' }).first()), id: 'other-authority', spki_sha256: 'ee'.repeat(32) }).onConflict('id').ignore()
      await database('retention_runs').insert({ id: 'run', authority_id: 'issuing', ran_at: AT, ended_before: AT }).onConflict('id').ignore().catch(() => undefined)
      expect((await refusal(database('revocations').insert({ ...revocation('first', '23'), ...wrong }))).message).toContain('a revocation is of the certificate that its row names')
      expect(await database('revocations')).toEqual([])
    })

    test.each([['revocations', () => ({ ...revocation('first', '23'), revoked_at: '2099-01-01T00:00:00.000Z' })], ['revocations', () => ({ ...revocation('first', '23'), revoked_at: 'today' })], ['timestamp_tokens', () => ({ serial: '1', certificate_id: 'unit', gen_time: '2099-01-01T00:00:00.000Z', imprint_hash: 'sha256', tst_info_sha256: 'ab'.repeat(32) })]] as const)('CRL-2, TSA-3: no row of %s is dated ahead of the database’s own clock', async (table, row) => {
      expect((await refusal(database(table).insert(row()))).message).toContain(`rows of ${table} are not dated ahead`)
    })

    test('REV-7: a revocation neither goes nor moves to another certificate; its date and reason may be corrected (REV-3)', async () => {
      await database('revocations').insert(revocation('first', '23'))
      await database('revocations').where({ certificate_id: 'first' }).update({ revoked_at: '2026-11-03T00:00:00.000Z', reason_code: 4 })
      for (const change of [{ certificate_id: 'abandoned-1' }, { serial: '21' }]) {
        expect((await refusal(database('revocations').where({ certificate_id: 'first' }).update(change))).message).toContain('rows of revocations are never rewritten')
      }
    })
  })

  describe('rows that stay', () => {
    const KEY = '12'.repeat(32)
    beforeAll(async () => {
      await database('compromised_keys').insert({ spki_sha256: KEY, source: 'report', recorded_at: AT })
      await database('certified_keys').insert({ spki_sha256: KEY, organisation_id: 'organisation', purpose: 'code-signing', first_certified_at: AT })
    })

    test.each(['certificates', 'revocations', 'compromised_keys', 'certified_keys'])('REV-7, KEY-4, APP-4: DELETE on %s is refused', async (table) => {
      const before = await database(table).select()
      expect(before.length).toBeGreaterThan(0)
      expect((await refusal(database(table).delete())).message).toContain(`rows of ${table} are never removed`)
      expect(await database(table).select()).toEqual(before)
    })

    test.runIf(engine === 'PostgreSQL').each(['certificates', 'revocations', 'compromised_keys', 'certified_keys'])('REV-7, KEY-4, APP-4: TRUNCATE of %s is refused', async (table) => {
      expect((await refusal(database.raw(`TRUNCATE ${table} CASCADE`))).message).toMatch(/rows of \w+ are never removed/)
    })

    test('KEY-4: a compromised key can not be rewritten into another', async () => {
      expect((await refusal(database('compromised_keys').update({ spki_sha256: '34'.repeat(32) }))).message).toContain('rows of compromised_keys are never rewritten')
    })

    test('APP-4: a certified key can not pass to another organisation', async () => {
      expect((await refusal(database('certified_keys').update({ organisation_id: 'fits' }))).message).toContain('rows of certified_keys are never rewritten')
    })

    test('isUniqueViolation: a key marked twice', async () => {
      expect(isUniqueViolation(await refusal(database('compromised_keys').insert({ spki_sha256: KEY, source: 'again', recorded_at: AT })))).toBe(true)
    })

    // REPLACE is SQLite's: it removes whatever row stands in the way on any unique key. Off is what other tools connect with.
    describe.runIf(engine === 'SQLite').each(['ON', 'OFF'])('on SQLite with recursive_triggers %s', (setting) => {
      beforeAll(() => database.raw(`PRAGMA recursive_triggers=${setting}`))

      const replace = (table: string, row: Record<string, unknown>) => refusal(database.raw(database(table).insert(row).toQuery().replace('insert', 'insert or replace')))
      const cases: [what: string, table: string, row: () => Record<string, unknown>][] = [
        ['a certificate by its id', 'certificates', () => certificate('first', '77', { state: 'abandoned' })],
        ['a certificate by its serial number', 'certificates', () => certificate('new', '23', { state: 'abandoned' })],
        ['a certificate by its approval', 'certificates', () => certificate('new', '78')],
        ['a revocation', 'revocations', () => ({ ...revocation('first', '23'), revoked_at: '2026-11-05T00:00:00.000Z' })],
        ['a compromised key', 'compromised_keys', () => ({ spki_sha256: KEY, source: 'other', recorded_at: AT })],
        ['a certified key', 'certified_keys', () => ({ spki_sha256: KEY, organisation_id: 'fits', purpose: 'code-signing', first_certified_at: AT })],
      ]
      test.each(cases)('REV-7, KEY-4, ISS-5: REPLACE of %s is refused', async (_, table, row) => {
        const before = await database(table).select()
        expect((await replace(table, row())).message).toMatch(new RegExp(`rows of ${table} are never (replaced|removed)`))
        expect(await database(table).select()).toEqual(before)
      })

      test('ISS-5: UPDATE OR REPLACE of a certificate over another is refused', async () => {
        const before = await database('certificates').select()
        expect((await refusal(database.raw("UPDATE OR REPLACE certificates SET id = 'first' WHERE id = 'abandoned-1'"))).message).toContain('rows of certificates are never rewritten')
        expect(await database('certificates').select()).toEqual(before)
      })
    })
  })

  test.runIf(engine === 'SQLite')('on SQLite the files of the database are its owner’s alone', () => {
    for (const suffix of ['', '-wal', '-shm']) expect(statSync(urlOf(database).slice('sqlite:'.length) + suffix).mode & 0o077, suffix).toBe(0)
  })
})
