import { expect, test } from 'vitest'
import { connectAgain, describeOnBothDatabases, openFresh, urlOf } from '../support/database.ts'
import { runOther } from './other-process.ts'
import { AT } from './rows.ts'

const COUNTER = { id: 'counter', recipient: 'a@example.jp', subject: 'a', body: 'a', locale: 'en', created_at: AT }

test('SQLite: transactions of three processes that read and then write all succeed, and none overwrites another', async () => {
  const database = await openFresh('SQLite')
  await database('mail_outbox').insert(COUNTER)
  expect(await Promise.all([1, 2, 3].map(() => runOther(urlOf(database), 'count', '60')))).toEqual(['', '', ''])
  expect((await database('mail_outbox').first()).failures).toBe(180)
})

describeOnBothDatabases('compare-and-set', (open) => {
  test('of three workers on connections of their own one takes the lease', async () => {
    const database = await open()
    await database('mail_outbox').insert(COUNTER)
    const workers = [database, connectAgain(database), connectAgain(database)]
    const taken = await Promise.all(workers.map((worker) => worker.transaction((trx) => trx('mail_outbox').where({ id: 'counter', failures: 0 }).update({ failures: 1 }))))
    expect(taken.filter((rows) => rows === 1)).toHaveLength(1)
  })
})
