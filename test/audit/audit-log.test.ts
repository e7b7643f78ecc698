import { beforeEach, describe, expect, test } from 'vitest'
import { audit, auditHash, verifyAuditChain, type AuditRow } from '../../src/audit/audit-log.ts'
import type { Database } from '../../src/database/database.ts'
import { connectAgain, describeOnBothDatabases, urlOf } from '../support/database.ts'
import { runOther } from '../database/other-process.ts'
import { AT } from '../database/rows.ts'
import { allowTampering } from './tampering.ts'

const GENESIS = '0'.repeat(64)
const AGREE = { at: new Date(AT), actor: 'subscriber', event: 'application.agreements-accepted', subject: 'application:1' } as const

async function append(database: Database, count: number): Promise<AuditRow[]> {
  for (let n = 1; n <= count; n++) await database.transaction((trx) => audit(trx, { ...AGREE, details: { n, word: '同意' } }))
  return entries(database)
}

const entries = async (database: Database): Promise<AuditRow[]> => (await database<AuditRow>('audit_events').orderBy('seq')).map((row) => ({ ...row, seq: Number(row.seq) }))

function sealed(row: Omit<AuditRow, 'hash'>): AuditRow {
  return { ...row, hash: auditHash(row) }
}

describeOnBothDatabases('the audit log', (open, engine) => {
  let database: Database
  beforeEach(async () => {
    database = await open()
  })

  test('LOG-1: an entry tells when, who, what, and seals the one before it', async () => {
    const [first, second] = await append(database, 2)
    expect(first).toMatchObject({ seq: 1, at: AT, actor: 'subscriber', event: 'application.agreements-accepted', subject: 'application:1', details: '{"n":1,"word":"同意"}', previous_hash: GENESIS })
    expect(second).toMatchObject({ seq: 2, previous_hash: first!.hash })
    expect(first!.hash).toBe(auditHash(first!))
  })

  describe('what the database itself refuses', () => {
    let before: AuditRow[]
    beforeEach(async () => {
      before = await append(database, 3)
    })
    const refused = async (statement: Promise<unknown>, reason: RegExp) => {
      await expect(statement).rejects.toThrow(reason)
      expect(await entries(database)).toEqual(before)
    }
    const next = (): AuditRow => sealed({ ...before[2]!, seq: 4, previous_hash: before[2]!.hash })

    test.each(['actor', 'details', 'hash'])('LOG-1: UPDATE of %s', async (column) => {
      await refused(database('audit_events').where({ seq: 2 }).update({ [column]: 'x' }), /append-only/)
    })
    test('LOG-1: UPDATE that changes nothing', async () => {
      await refused(database('audit_events').where({ seq: 2 }).update({ actor: 'subscriber' }), /append-only/)
    })
    test.each([1, 2, 3])('LOG-1: DELETE of entry %i of 3', async (seq) => {
      await refused(database('audit_events').where({ seq }).delete(), /append-only/)
    })
    test('LOG-1: DELETE of all', async () => {
      await refused(database('audit_events').delete(), /append-only/)
    })
    test.each([
      ['after a gap', { seq: 5 }],
      ['under a number already used', { seq: 2 }],
      ['before the first', { seq: 0 }],
      ['that follows an older entry', { previous_hash: GENESIS }],
    ])('LOG-1: INSERT %s', async (_, change) => {
      await refused(database('audit_events').insert(sealed({ ...next(), ...change })), /out of line/)
    })
    test('LOG-1: INSERT without a number', async () => {
      await refused(database('audit_events').insert({ ...next(), seq: null as unknown as number }), /not.null/i)
    })
    test('LOG-1: INSERT of two at once of which the second is out of line', async () => {
      await refused(database('audit_events').insert([next(), sealed({ ...next(), seq: 5 })]), /out of line/)
    })
    test('what follows is taken: the refusals above are not for another reason', async () => {
      await database('audit_events').insert(next())
      expect(await verifyAuditChain(database)).toMatchObject({ intact: true, entries: 4 })
    })

    describe.runIf(engine === 'PostgreSQL')('on PostgreSQL', () => {
      test('LOG-1: TRUNCATE', async () => {
        await refused(database.raw('TRUNCATE audit_events'), /append-only/)
      })
      test('LOG-1: ON CONFLICT DO UPDATE by number', async () => {
        await refused(database('audit_events').insert({ ...before[1]!, actor: 'x' }).onConflict('seq').merge(), /out of line|append-only/)
      })
      test('LOG-1: ON CONFLICT DO UPDATE by hash', async () => {
        await refused(database('audit_events').insert({ ...next(), hash: before[1]!.hash }).onConflict('hash').merge(), /hash that is not its own/)
      })
    })

    describe.runIf(engine === 'SQLite').each(['ON', 'OFF'])('on SQLite with recursive_triggers %s', (setting) => {
      beforeEach(async () => {
        await database.raw(`PRAGMA recursive_triggers=${setting}`)
      })
      const replace = (row: AuditRow) => database.raw(database('audit_events').insert(row).toQuery().replace('insert', 'insert or replace'))

      test('LOG-1: REPLACE by number', async () => {
        await refused(replace({ ...before[1]!, actor: 'x' }), /out of line|append-only/)
      })
      test('LOG-1: REPLACE by hash, in line', async () => {
        await refused(replace({ ...next(), hash: before[1]!.hash }), /out of line|append-only/)
      })
      test('LOG-1: UPDATE OR REPLACE', async () => {
        await refused(database.raw('UPDATE OR REPLACE audit_events SET seq = 2 WHERE seq = 3'), /append-only/)
      })
    })
  })

  test('LOG-1: the entry goes when its change fails, and the change goes when its entry fails', async () => {
    const organisation = { id: 'organisation', legal_name: 'Example K.K.', created_at: AT }
    await expect(
      database.transaction(async (trx) => {
        await audit(trx, AGREE)
        await trx('organisations').insert({ ...organisation, legal_name: null })
      }),
    ).rejects.toThrow(/not.null/i)
    await expect(
      database.transaction(async (trx) => {
        await trx('organisations').insert(organisation)
        await audit(trx, { ...AGREE, subject: 'x'.repeat(121) })
      }),
    ).rejects.toThrow(/too long|CHECK constraint failed/)
    expect(await database('organisations').select()).toEqual([])
    expect(await verifyAuditChain(database)).toEqual({ intact: true, entries: 0, head: GENESIS })
  })

  test('LOG-1: writers on several connections, some of which roll back, keep one unbroken chain', async () => {
    const writers = [database, connectAgain(database), connectAgain(database)]
    const outcomes = await Promise.allSettled(
      writers.flatMap((writer, w) =>
        Array.from({ length: 15 }, (_, n) =>
          writer.transaction(async (trx) => {
            await audit(trx, { ...AGREE, details: { w, n } })
            if (n % 5 === 0) throw new Error('changed its mind')
          }),
        ),
      ),
    )
    expect(new Set(outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [(outcome.reason as Error).message] : [])))).toEqual(new Set(['changed its mind']))
    expect(await verifyAuditChain(database)).toMatchObject({ intact: true, entries: 3 * 12 })
  })

  test('LOG-1: three processes that write at the same time keep one unbroken chain', async () => {
    expect(await Promise.all([1, 2, 3].map(() => runOther(urlOf(database), 'append', '40')))).toEqual(['', '', ''])
    expect(await verifyAuditChain(database)).toMatchObject({ intact: true, entries: 120 })
    expect(await database('audit_events').countDistinct({ writers: 'actor' }).first()).toMatchObject({ writers: engine === 'SQLite' ? 3 : '3' })
  })

  test('LOG-1: verification walks a log longer than one page and names its head', async () => {
    await database.transaction(async (trx) => {
      for (let n = 0; n < 1001; n++) await audit(trx, { ...AGREE, details: { n } })
    })
    const head = (await entries(database)).at(-1)!.hash
    expect(await verifyAuditChain(database)).toEqual({ intact: true, entries: 1001, head })
    await allowTampering(database)
    await database('audit_events').where({ seq: 900 }).update({ actor: 'nobody' })
    expect(await verifyAuditChain(database)).toEqual({ intact: false, at: 900, reason: 'hash' })
  })

  describe('verification finds', () => {
    let log: AuditRow[]
    beforeEach(async () => {
      log = await append(database, 5)
      await allowTampering(database)
    })
    const verdict = () => verifyAuditChain(database)
    const rewrite = (row: AuditRow) => database('audit_events').where({ seq: row.seq }).update(row)

    test.each([1, 3])('LOG-1: a gap where entry %i was', async (seq) => {
      await database('audit_events').where({ seq }).delete()
      expect(await verdict()).toEqual({ intact: false, at: seq, reason: 'gap' })
    })
    test('LOG-1: an entry put before the first', async () => {
      await database('audit_events').insert(sealed({ ...log[0]!, seq: 0, subject: 'application:0' }))
      expect(await verdict()).toEqual({ intact: false, at: 0, reason: 'gap' })
    })
    test.each([
      ['time', { at: '2026-11-02T09:00:00.001Z' }],
      ['actor', { actor: 'somebody' }],
      ['event', { event: 'application.rejected' }],
      ['subject', { subject: 'application:2' }],
      ['details', { details: '{}' }],
      ['hash', { hash: 'f'.repeat(64) }],
    ])('LOG-1: an entry whose %s was changed', async (_, change) => {
      await database('audit_events').where({ seq: 3 }).update(change)
      expect(await verdict()).toEqual({ intact: false, at: 3, reason: 'hash' })
    })
    test('LOG-1: an entry changed and sealed anew, at the entry after it', async () => {
      await rewrite(sealed({ ...log[2]!, actor: 'somebody' }))
      expect(await verdict()).toEqual({ intact: false, at: 4, reason: 'link' })
    })
    test('LOG-1: an entry linked to another and sealed anew', async () => {
      await rewrite(sealed({ ...log[2]!, previous_hash: log[0]!.hash }))
      expect(await verdict()).toEqual({ intact: false, at: 3, reason: 'link' })
    })
    test('LOG-1: an entry taken out and the rest moved up', async () => {
      await database('audit_events').where({ seq: 3 }).delete()
      for (const row of log.slice(3)) await database('audit_events').where({ seq: row.seq }).update({ seq: row.seq - 1 })
      expect(await verdict()).toEqual({ intact: false, at: 3, reason: 'link' })
    })
  })
})

describe('auditHash', () => {
  const row = { seq: 1, at: AT, actor: 'ab', event: 'c', subject: 'd', details: '{}', previous_hash: GENESIS }
  test('LOG-1: nothing moves from one field into the next', () => {
    expect(auditHash({ ...row, actor: 'a', event: 'bc' })).not.toBe(auditHash(row))
  })
  test('LOG-1: is the SHA-256 of the JSON array of the fields, so that anybody can compute it elsewhere', () => {
    // printf '%s' '[1,"2026-11-02T09:00:00.000Z","ab","c","d","{}","000…0"]' | sha256sum
    expect(auditHash(row)).toBe('bd11048f1e7fe4e8fb241234a7887ece2ddf4c16cc7b5bfe5aa6434219201b87')
  })
})
