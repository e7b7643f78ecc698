import { beforeEach, expect, test } from 'vitest'
import { audit, lastEntry, verifyAuditChain } from '../../src/audit/audit-log.ts'
import { numberOnLog } from '../../src/database/crl-store.ts'
import type { Database } from '../../src/database/database.ts'
import { lastReconciliation } from '../../src/database/reconciliation-store.ts'
import { describeOnBothDatabases } from '../support/database.ts'
import { appendAnything, NO_DETAILS } from './entries.ts'

const AT = new Date('2026-11-22T10:00:00.000Z')

describeOnBothDatabases('entries that this software did not write', (open) => {
  let database: Database
  beforeEach(async () => void (database = await open()))

  test('LOG-1, ISS-6: say nothing, and no reader of the log breaks off at one', async () => {
    for (const details of NO_DETAILS) {
      await appendAnything(database, { event: 'timestamp.signing-changed', subject: 'node:a', details, at: 'no time' })
      await appendAnything(database, { event: 'crl.issued', subject: 'crl:issuing', details })
      const last = await database.transaction((trx) => lastEntry(trx, 'node:a', ['timestamp.signing-changed']))
      expect(last, details).toMatchObject({ event: 'timestamp.signing-changed', details: details.startsWith('{') ? { doubt: null } : {} })
      expect(await numberOnLog(database, 'crl:issuing'), details).toBeNull()
    }
    expect(await verifyAuditChain(database)).toMatchObject({ intact: true, entries: 2 * NO_DETAILS.length })
  })

  test('CRL-3, ISS-6: a comparison counts by its own entry, whatever else was put on the log about it before', async () => {
    const result = { outcome: 'differed', certificates: 5, listEntries: 2, differences: 1 }
    await database('status_reconciliations').insert({ id: 'run', started_at: AT.toISOString(), owner: 'ca', finished_at: AT.toISOString(), outcome: 'differed', certificates: 5, list_entries: 2, differences: 1, details: '["x"]' })
    for (const details of [...NO_DETAILS, JSON.stringify({ ...result, outcome: 'agreed', differences: 0 })]) await appendAnything(database, { event: 'status.reconciled', subject: 'reconciliation:run', details })
    expect(await lastReconciliation(database, AT)).toBeNull()
    await database.transaction((trx) => audit(trx, { at: AT, actor: 'process:ca', event: 'status.reconciled', subject: 'reconciliation:run', details: result }))
    expect(await lastReconciliation(database, AT)).toMatchObject({ id: 'run', outcome: 'differed', differences: 1, details: ['x'] })
    await database('status_reconciliations').update({ details: 'not json' })
    expect(await lastReconciliation(database, AT)).toMatchObject({ id: 'run', details: [] })
  })
})
