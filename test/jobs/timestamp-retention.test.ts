import { beforeEach, expect, test } from 'vitest'
import { randomUUID } from 'node:crypto'
import { verifyAuditChain } from '../../src/audit/audit-log.ts'
import type { Database } from '../../src/database/database.ts'
import { insertTimestampCertificate } from '../../src/database/timestamp-store.ts'
import { removeOldTokens } from '../../src/jobs/timestamp-retention.ts'
import { loadPolicy } from '../../src/policy/policy.ts'
import { describeOnBothDatabases, withDatesAhead } from '../support/database.ts'

const policy = loadPolicy()
const YEAR = 366 * 86_400_000
const BEGAN = new Date('2027-03-01T00:00:00.000Z')
const ENDS = new Date('2038-06-01T00:00:00.000Z')
const later = (from: Date, milliseconds: number) => new Date(from.getTime() + milliseconds)

describeOnBothDatabases('records of time-stamps', (open) => {
  let database: Database
  beforeEach(async () => {
    database = await withDatesAhead(await open())
    const at = BEGAN.toISOString()
    await database('ceremonies').insert({ id: 'ceremony', kind: 'test', demo: 1, persons: '[]', report: '{}', held_at: at })
    await database('authorities').insert({ id: 'timestamp-g1', kind: 'timestamp-ca', parent_id: null, ceremony_id: 'ceremony', demo: 1, token_label: 'root', key_label: 'k', key_id: '01', spki_sha256: 'c'.repeat(64), subject_der: Buffer.from('n'), certificate_der: Buffer.from('c'), not_before: at, not_after: at, created_at: at })
    for (const [index, notAfter] of [ENDS, later(ENDS, YEAR)].entries())
      await database.transaction((trx) =>
        insertTimestampCertificate(trx, { id: `unit-${index}`, authorityId: 'timestamp-g1', key: { tokenLabel: 'status', label: 'timestamp', id: '01', spkiSha256: String(index).repeat(64) }, serial: `0${index}`, der: Buffer.from('c'), notBefore: BEGAN, notAfter, useUntil: notAfter, removeBy: notAfter, revokedAt: null, removedAt: null }, 'ceremony', BEGAN),
      )
  })
  const given = async (unit: number, ...moments: Date[]) =>
    database('timestamp_tokens').insert(moments.map((moment) => ({ serial: randomUUID().replaceAll('-', ''), certificate_id: `unit-${unit}`, gen_time: moment.toISOString(), imprint_hash: 'sha256', tst_info_sha256: 'b'.repeat(64) })))
  const left = async () => (await database('timestamp_tokens').orderBy('gen_time').orderBy('certificate_id')).map((row: { certificate_id: string; gen_time: string }) => `${row.certificate_id} ${row.gen_time}`)
  const runAt = (now: Date, atOnce?: number) => removeOldTokens({ policy, database, clock: () => now }, atOnce)

  test('LOG-2: go when seven years are over and two since their certificate ended, not a moment before, by a run on record', async () => {
    // The last one is younger than seven years when its certificate has been over for two.
    await given(0, later(BEGAN, 1000), later(ENDS, -YEAR))
    await given(1, later(BEGAN, 1000))
    const twoYearsOn = later(ENDS, 2 * YEAR)
    expect(await runAt(twoYearsOn)).toBe(0)
    const due = later(twoYearsOn, 1)
    expect(await runAt(due)).toBe(1)
    expect(await left()).toEqual([`unit-1 ${later(BEGAN, 1000).toISOString()}`, `unit-0 ${later(ENDS, -YEAR).toISOString()}`])
    expect(await database('timestamp_retentions').first()).toMatchObject({ certificate_id: 'unit-0', given_before: later(due, -7 * YEAR).toISOString(), ran_at: due.toISOString() })
    const event = await database('audit_events').where({ event: 'timestamp.tokens-removed' }).first()
    expect([event.subject, JSON.parse(event.details)]).toEqual(['timestamp:unit-0', { certificate: 'unit-0', givenBefore: later(due, -7 * YEAR).toISOString(), tokens: 1 }])
    expect(await verifyAuditChain(database)).toMatchObject({ intact: true })
  })

  test('LOG-2: many go in parts, those of one second together, and nothing is left to do', async () => {
    await given(0, ...[1, 2, 2, 2, 3, 4].map((second) => later(BEGAN, second * 1000)))
    expect(await runAt(later(ENDS, 3 * YEAR), 2)).toBe(6)
    expect(await left()).toEqual([])
    expect((await database('timestamp_retentions').orderBy('given_before')).map((row: { tokens: number }) => Number(row.tokens))).toEqual([4, 2])
    expect(await runAt(later(ENDS, 3 * YEAR), 2)).toBe(0)
    expect(await database('audit_events').where({ event: 'timestamp.tokens-removed' })).toHaveLength(2)
  })

  test('LOG-2: nobody removes them otherwise: not without a run, not of another certificate, not what came later than it says', async () => {
    await given(0, later(BEGAN, 1000), later(BEGAN, 5000))
    await given(1, later(BEGAN, 1000))
    await expect(database('timestamp_tokens').delete()).rejects.toThrow('by a run on record alone')
    await database('timestamp_retentions').insert({ id: 'run', certificate_id: 'unit-0', given_before: later(BEGAN, 5000).toISOString(), tokens: 1, ran_at: ENDS.toISOString() })
    await expect(database('timestamp_tokens').where({ certificate_id: 'unit-1' }).delete()).rejects.toThrow('by a run on record alone')
    await expect(database('timestamp_tokens').where({ gen_time: later(BEGAN, 5000).toISOString() }).delete()).rejects.toThrow('by a run on record alone')
    expect(await left()).toHaveLength(3)
    expect(await database('timestamp_tokens').where({ certificate_id: 'unit-0' }).where('gen_time', '<', later(BEGAN, 5000).toISOString()).delete()).toBe(1)
    await expect(database('timestamp_retentions').delete()).rejects.toThrow('never removed')
    await expect(database('timestamp_retentions').update({ tokens: 9 })).rejects.toThrow('never rewritten')
  })
})
