import { beforeAll, describe, expect, test } from 'vitest'
import { auditHash, GENESIS } from '../../src/audit/audit-log.ts'
import { isPostgres, type Database } from '../../src/database/database.ts'
import { describeOnBothDatabases } from '../support/database.ts'
import { AT, certificate, insertFoundations, revocation } from './rows.ts'
import { tableNames } from './shape.ts'

/** Columns of texts and octets whose type has no end, with the condition that gives them one. */
async function endless(database: Database): Promise<readonly { readonly column: string; readonly condition: string }[]> {
  if (isPostgres(database)) {
    const { rows } = await database.raw(`SELECT c.table_name || '.' || c.column_name AS column, COALESCE(pg_get_constraintdef(k.oid), '') AS condition FROM information_schema.columns c
      LEFT JOIN pg_constraint k ON k.conname = c.table_name || '_size'
      WHERE c.table_schema = 'public' AND c.table_name NOT LIKE 'knex%' AND c.data_type NOT IN ('integer', 'bigint') AND c.character_maximum_length IS NULL`)
    return rows
  }
  const found: { column: string; condition: string }[] = []
  for (const table of await tableNames(database)) {
    const triggers: { sql: string }[] = await database.raw("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name IN (?, ?)", [`${table}_size`, `${table}_size_kept`])
    const columns: { name: string; type: string }[] = await database.raw(`PRAGMA table_info(${table})`)
    for (const { name, type } of columns) if (!/^(integer|bigint|varchar\(\d+\))$/i.test(type)) found.push({ column: `${table}.${name}`, condition: triggers.length === 2 ? triggers.map(({ sql }) => sql).join('\n') : '' })
  }
  return found
}

describeOnBothDatabases('what one process writes and another reads', (open, engine) => {
  let database: Database
  beforeAll(async () => {
    database = await open()
    await insertFoundations(database)
    await database('certificates').insert(certificate('certificate', '11'))
    await database('certificates').insert(certificate('other', '12', { approval_id: 'approval-2', application_id: 'application-2' }))
  })

  test('ISS-6: no text and no octets without an end: each column has a type with a length, or a limit of its own', async () => {
    const columns = await endless(database)
    expect(columns.length).toBe(49)
    for (const { column, condition } of columns) {
      const name = column.split('.')[1]
      if (engine === 'PostgreSQL') expect(condition, column).toMatch(new RegExp(`octet_length\\(${name}\\) <= \\d+\\)`))
      else expect(condition.match(new RegExp(`length\\(CAST\\(NEW\\.${name} AS BLOB\\)\\) > \\d+`, 'g')), column).toHaveLength(2)
    }
  })

  const entry = (change: object = {}) => {
    const row = { seq: 1, at: AT, actor: 'process:status', event: 'process.started', subject: 'process:status', details: '{}', previous_hash: GENESIS, ...change }
    return { ...row, hash: auditHash(row) }
  }
  const sized = engine === 'PostgreSQL' ? /_size|too long/ : /_size/

  test.each([
    ['an audit event', () => database('audit_events').insert(entry({ details: JSON.stringify({ x: 'x'.repeat(70_000) }) }))],
    ['an application', () => database('applications').where({ id: 'application-1' }).update({ decision_reason: 'あ'.repeat(30_000) })],
    ['the reason of a revocation', () => database('revocations').insert({ ...revocation('certificate', '11'), explanation: 'x'.repeat(70_000) })],
    ['a document', () => database('evidence_files').insert({ id: 'long', application_id: 'application-1', name: 'a', bytes: Buffer.alloc(17 << 20), sha256: 'ab'.repeat(32), uploaded_by: 'subscriber', uploaded_at: AT })],
  ])('ISS-6: %s of a length that would end who reads it is refused', async (_, act) => {
    await expect(act()).rejects.toThrow(sized)
    expect(await database('audit_events')).toEqual([])
  })

  test('ISS-6: the files of one application are together no more than 64 MiB', async () => {
    const add = (n: number, application = 'application-1') => database('evidence_files').insert({ id: `file-${n}`, application_id: application, name: 'a', bytes: Buffer.alloc(16 << 20), sha256: 'ab'.repeat(32), uploaded_by: 'subscriber', uploaded_at: AT })
    for (let n = 1; n <= 4; n++) await add(n)
    await expect(add(5)).rejects.toThrow('no more files than so many octets')
    await add(5, 'application-2')
  })

  test.each(['2025-99-99T99:99:99.999Z', '2026-02-31T10:00:00.000Z', '2026-02-29T10:00:00.000Z', '2026-11-02T24:00:00.000Z', '2026-11-02T23:59:60.000Z', '0000-01-01T00:00:00.000Z', '2026-11-02T08:59:59.999Z'])('CRL-2: no revocation is dated %s: on a day that no calendar has, or before its certificate', async (date) => {
    const refused = engine === 'PostgreSQL' ? /dated on a day that is|out of range/ : /dated on a day that is/
    await expect(database('revocations').insert({ ...revocation('certificate', '11'), revoked_at: date })).rejects.toThrow(refused)
    await database('revocations').insert(revocation('other', '12')).onConflict('certificate_id').ignore().catch(() => undefined)
    await expect(database('revocations').where({ certificate_id: 'other' }).update({ revoked_at: date })).rejects.toThrow(refused)
  })

  test('TSA-3: no time-stamp is dated on a day that no calendar has', async () => {
    await expect(database('timestamp_tokens').insert({ serial: '1', certificate_id: 'unit', gen_time: '2026-02-31T10:00:00.000Z', imprint_hash: 'sha256', tst_info_sha256: 'ab'.repeat(32) })).rejects.toThrow(/dated on a day that is|out of range/)
  })

  test('CRL-2: each millisecond that is one is taken', async () => {
    const dates = Array.from({ length: 200 }, (_, n) => new Date(Date.parse(AT) + n * 1_234_567 + n).toISOString())
    for (const date of dates) await database('revocations').where({ certificate_id: 'other' }).update({ revoked_at: date })
    expect((await database('revocations').where({ certificate_id: 'other' }).first()).revoked_at).toBe(dates.at(-1))
  })

  describe('the audit log', () => {
    test.each([
      ['no JSON', { details: 'not json' }],
      ['no object', { details: '[1]' }],
      ['nothing', { details: '' }],
      ['no day', { at: '2026-02-31T10:00:00.000Z' }],
      ['no date', { at: 'today' }],
    ])('LOG-1: takes no entry that says %s where something is to be read', async (_, change) => {
      await expect(database('audit_events').insert(entry(change))).rejects.toThrow(/audit event not readable|type json|out of range/)
    })

    test.runIf(engine === 'PostgreSQL').each([
      ['made up', () => ({ ...entry(), hash: 'f'.repeat(64) })],
      ['of other details', () => ({ ...entry(), details: '{"a":1}' })],
      ['of another subject', () => ({ ...entry(), subject: 'process:ca' })],
      ['of the same characters in other fields', () => ({ ...entry(), actor: 'process:', event: 'statusprocess.started' })],
      ['in capitals', () => ({ ...entry(), hash: entry().hash.toUpperCase() })],
    ])('ISS-6, LOG-1: takes no entry whose hash is %s: one would stop issuing for ever', async (_, row) => {
      await expect(database('audit_events').insert(row())).rejects.toThrow('hash that is not its own')
    })

    test('LOG-1: takes what the product itself writes, whatever characters it has', async () => {
      const odd = [...Array.from({ length: 0x1f }, (_, n) => String.fromCodePoint(n + 1)), '\u007f\u0080\u009f', '\u2028\u2029', '"\\/', '\u{1f600}𠮟', '同意 é', '</script>', '\ufeff\ufffd']
      let previous_hash = GENESIS
      for (const [n, text] of [...odd, odd.join('')].entries()) {
        const row = entry({ seq: n + 1, previous_hash, actor: text, subject: `${text}${n}`, details: JSON.stringify({ [text]: `${text}\0\ud800` }) })
        await database('audit_events').insert(row)
        previous_hash = row.hash
      }
      expect(await database('audit_events')).toHaveLength(odd.length + 1)
    })
  })
})
