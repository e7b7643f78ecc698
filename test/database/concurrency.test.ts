import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { openServices } from '../../src/services.ts'
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

describeOnBothDatabases('changes of several machines at the same moment', (open) => {
  const machines = async () => {
    const database = await open()
    await database('mail_outbox').insert([COUNTER, { ...COUNTER, id: 'second' }])
    const config = readConfig('command', { NODE_ENV: 'test', DATA_DIR: tmpdir() })
    return { database, ours: openServices(config, { database }), theirs: openServices(config, { database: connectAgain(database) }) }
  }

  test('what was read before it is changed is still so when it is changed', async () => {
    const { database, ours, theirs } = await machines()
    const once = (services: typeof ours) =>
      services.work('test', async (_, trx) => {
        const { failures } = await trx('mail_outbox').where({ id: 'counter' }).first()
        await trx('mail_outbox').where({ id: 'counter' }).update({ failures: failures + 1 })
      })
    await Promise.all(Array.from({ length: 20 }, (_, index) => once(index % 2 === 0 ? ours : theirs)))
    expect((await database('mail_outbox').where({ id: 'counter' }).first()).failures).toBe(20)
  })

  test('LOG-1: one that audits first and one that audits last do not wait for each other', async () => {
    const { database, ours, theirs } = await machines()
    const entry = { event: 'process.started', subject: 'process:test' } as const
    const pause = () => new Promise((turn) => setTimeout(turn, 50))
    await Promise.all([
      ours.work('test', async (work, trx) => {
        await work.audit(entry)
        await pause()
        await trx('mail_outbox').where({ id: 'counter' }).update({ failures: 1 })
      }),
      theirs.work('test', async (work, trx) => {
        await trx('mail_outbox').where({ id: 'counter' }).update({ failures: 2 })
        await pause()
        await work.audit(entry)
      }),
    ])
    expect(await database('audit_events')).toHaveLength(2)
  })
})
