import { beforeAll, expect, test } from 'vitest'
import { auditPage, type AuditFilter } from '../../src/database/audit-reader.ts'
import { isPostgres, type Database } from '../../src/database/database.ts'
import { allowTampering } from '../audit/tampering.ts'
import { describeOnBothDatabases, openFresh } from '../support/database.ts'
import { account, insertFoundations } from './rows.ts'

// SQLite chooses without having counted: each question must leave it one good index.
test.each([
  ['revocations', 'revoked_at, reason_code', 'revocations_by_serial (authority_id=? AND serial=?)'],
  ['certificates', 'der', '(authority_id=? AND serial=?)'],
])('OCS-6: a row of %s is found by authority and serial number, not by walking through those of the authority', async (table, columns, index) => {
  const database = await openFresh('SQLite')
  const plan: { detail: string }[] = await database.raw(`EXPLAIN QUERY PLAN SELECT ${columns} FROM ${table} WHERE authority_id = 'a' AND serial = '01' LIMIT 1`)
  expect(plan.map(({ detail }) => detail).join()).toContain(index)
})

const ENTRIES = 40_000
/** One entry a minute, of 2000 applications and 500 people; now and then a process. */
const entry = (seq: string, hex: (number: string) => string, at: string): string =>
  `SELECT ${seq}, ${at}, CASE WHEN ${seq} % 1000 = 0 THEN 'process:ca' ELSE 'person-' || ${hex(`${seq} % 500`)} END, 'application.started', 'application:' || CASE WHEN ${seq} % 2000 = 1 THEN 'application-1' ELSE ${hex(`${seq} % 2000`)} END, '{}', '', 'hash ' || ${seq}`

async function fill(database: Database): Promise<void> {
  await allowTampering(database)
  if (isPostgres(database)) {
    const at = `to_char(timestamp '2026-01-01' + n * interval '1 minute', 'YYYY-MM-DD"T"HH24:MI:SS.000"Z"')`
    await database.raw(`INSERT INTO audit_events ${entry('n', (number) => `lpad(to_hex((${number})::int), 4, '0')`, at)} FROM generate_series(1, ${ENTRIES}) AS n`)
    await database.raw('ANALYZE audit_events')
    return
  }
  const at = `strftime('%Y-%m-%dT%H:%M:00.000Z', '2026-01-01', n || ' minutes')`
  await database.raw(`INSERT INTO audit_events WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < ${ENTRIES}) ${entry('n', (number) => `printf('%04x', ${number})`, at)} FROM counted`)
}

/** What the engine does for each question about the log that this page asked. */
async function plansOf(database: Database, filter: Partial<AuditFilter>): Promise<{ readonly plan: string; readonly found: number }> {
  const asked: { sql: string; bindings: unknown[] }[] = []
  const note = (query: { sql: string; bindings: unknown[] }) => void (query.sql.includes('audit_events') && asked.push(query))
  database.on('query', note)
  const found = (await auditPage(database, { subject: '', person: '', from: null, until: null, before: null, limit: 50, ...filter })).length
  database.removeListener('query', note)
  const plans: string[] = []
  for (const { sql, bindings } of asked) {
    const plain = sql.replace(/\$\d+/g, '?')
    const rows: { detail: string }[] | { rows: { 'QUERY PLAN': string }[] } = await database.raw(`EXPLAIN ${isPostgres(database) ? '' : 'QUERY PLAN '}${plain}`, bindings as string[])
    plans.push(...(Array.isArray(rows) ? rows.map(({ detail }) => detail) : rows.rows.map((row) => row['QUERY PLAN'])))
  }
  return { plan: plans.join('\n'), found }
}

describeOnBothDatabases('LOG-1: the auditor’s questions', (open) => {
  let database: Database
  beforeAll(async () => {
    database = await open()
    await fill(database)
    await insertFoundations(database)
    await database('accounts').insert({ ...account('person-0123'), name: 'Ken Aoki' })
  })

  test.each<[string, Partial<AuditFilter>, string, number]>([
    ['an application', { subject: 'a-1' }, 'audit_events_by_subject', 20],
    ['the beginning of a subject', { subject: 'application:00ff' }, 'audit_events_by_subject', 20],
    ['a person', { person: 'ken' }, 'audit_events_by_actor', 50],
    ['the beginning of an actor', { person: 'process:' }, 'audit_events_by_actor', 40],
    ['a day', { from: '2026-01-05T00:00:00.000Z', until: '2026-01-06T00:00:00.000Z' }, 'audit_events_by_time', 50],
    ['a day and a person', { from: '2026-01-05T00:00:00.000Z', until: '2026-01-06T00:00:00.000Z', person: 'ken' }, 'audit_events_by_', 3],
    ['an older page of a day', { from: '2026-01-02T00:00:00.000Z', until: '2026-01-03T00:00:00.000Z', before: 1500 }, 'audit_events_by_time', 50],
    ['nothing in particular', {}, 'audit_events', 50],
  ])('LOG-1: %s is found in an index, without a walk through the log', async (_, filter, index, expected) => {
    const { plan, found } = await plansOf(database, filter)
    expect(found).toBe(expected)
    expect(plan).toContain(index)
    expect(plan).not.toMatch(/Seq Scan on audit_events|SCAN audit_events(?! USING)/)
  })
})
