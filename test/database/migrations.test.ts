import { expect, test } from 'vitest'
import { migrate } from '../../src/database/database.ts'
import { describeOnBothDatabases, openEmpty, openFresh, urlOf } from '../support/database.ts'
import { findPostgres } from '../support/postgres.ts'
import { runOther } from './other-process.ts'
import { certificate, insertFoundations, revocation } from './rows.ts'
import { functionNames, shape, tableNames } from './shape.ts'

describeOnBothDatabases('migrations', (open, engine) => {
  test('go up, down one by one, and up again to the same tables', async () => {
    const database = await openEmpty(engine)
    await migrate(database)
    const first = await shape(database)
    expect(Object.keys(first)).toContain('audit_events')
    for (let done = await database.migrate.currentVersion(); done !== 'none'; done = await database.migrate.currentVersion()) await database.migrate.down()
    expect(await tableNames(database)).toEqual([])
    expect(await functionNames(database)).toEqual([])
    await migrate(database)
    expect(await shape(database)).toEqual(first)
  })

  test('go down with rows in the tables that refuse DELETE', async () => {
    const database = await open()
    await insertFoundations(database)
    await database('certificates').insert(certificate('certificate-1', '11'))
    await database('revocations').insert(revocation('certificate-1', '11'))
    await database.migrate.rollback(undefined, true)
    expect(await tableNames(database)).toEqual([])
  })

  test('run once when four processes start at the same time on an empty database', async () => {
    const database = await openEmpty(engine)
    expect(await Promise.all([1, 2, 3, 4].map(() => runOther(urlOf(database), 'migrate')))).toEqual(['', '', '', ''])
    expect(await tableNames(database)).toContain('audit_events')
  })

  test('leave nothing behind when one fails on the way, and run the next time', async () => {
    const database = await openEmpty(engine)
    await database.schema.createTable('audit_events', (table) => table.integer('in_the_way'))
    await expect(migrate(database)).rejects.toThrow(/audit_events.*already exists/)
    expect(await tableNames(database)).toEqual(['audit_events'])
    await database.schema.dropTable('audit_events')
    await migrate(database)
    expect(await tableNames(database)).toContain('accounts')
  })
})

test.skipIf(findPostgres() === null)('migrations: columns, keys, references and checks are the same on SQLite and PostgreSQL', async () => {
  const [onSqlite, onPostgres] = await Promise.all([openFresh('SQLite'), openFresh('PostgreSQL')])
  const expected = await shape(onSqlite)
  expect(await shape(onPostgres)).toEqual(expected)
  expect(expected['certificates']!.unique).toEqual(['approval_id where', 'authority_id, serial', 'id'])
  expect(expected['duties']).toMatchObject({ columns: ['account_id', 'application_id', 'duty', 'taken_at'], unique: ['application_id, account_id'], checks: ['duties_duty'] })
})
