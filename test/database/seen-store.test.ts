import { expect, test } from 'vitest'
import { audit } from '../../src/audit/audit-log.ts'
import { auditCounts } from '../../src/database/seen-store.ts'
import { openFresh } from '../support/database.ts'

test('LOG-1: entries of the audit log are counted once each, from the first look on, however many look at once', async () => {
  const database = await openFresh()
  const say = (event: 'process.started' | 'process.stopped') => database.transaction((trx) => audit(trx, { at: new Date('2026-11-22T10:20:30Z'), actor: 'process:ca', event, subject: 'process:ca', details: {} }))
  await say('process.started')
  const counts = auditCounts(database, ['process.started'])
  expect([...(await counts())]).toEqual([['process.started', 0]])
  await say('process.started')
  await say('process.stopped')
  await Promise.all([counts(), counts(), counts()])
  expect([...(await counts())]).toEqual([['process.started', 1]])
})
