import { describe, expect, test } from 'vitest'
import type { Database } from '../../src/database/database.ts'
import { insertTimestampCertificate, lastTokenTime, listRevokedTimestampCertificates, listTimestampCertificates, recordKeyRemoval, revokeTimestampCertificate, tokenRecorder } from '../../src/database/timestamp-store.ts'
import type { TokenRecord } from '../../src/timestamp/timestamp-authority.ts'
import type { TimestampCertificate } from '../../src/timestamp/unit.ts'
import { connectAgain, describeOnBothDatabases, withDatesAhead } from '../support/database.ts'

const AT = new Date('2027-03-01T00:00:00.000Z')
const CERTIFICATE: TimestampCertificate = {
  id: 'unit-1',
  authorityId: 'timestamp-g1',
  key: { tokenLabel: 'status', label: 'timestamp', id: '01', spkiSha256: 'a'.repeat(64) },
  serial: '01ab',
  der: Buffer.from('certificate'),
  notBefore: AT,
  notAfter: new Date('2038-06-01T00:00:00.000Z'),
  useUntil: new Date('2028-06-01T00:00:00.000Z'),
  removeBy: new Date('2028-09-01T00:00:00.000Z'),
  revokedAt: null,
  removedAt: null,
}
const token = (serial: string, second = 0): TokenRecord => ({ serial, certificateId: 'unit-1', genTime: new Date(AT.getTime() + second * 1000), imprintHash: 'sha256', tstInfoSha256: 'b'.repeat(64) })

async function foundations(database: Database): Promise<void> {
  const at = AT.toISOString()
  await database('ceremonies').insert({ id: 'ceremony', kind: 'test', demo: 1, persons: '[]', report: '{}', held_at: at })
  await database('authorities').insert({ id: 'timestamp-g1', kind: 'timestamp-ca', parent_id: null, ceremony_id: 'ceremony', demo: 1, token_label: 'root', key_label: 'k', key_id: '01', spki_sha256: 'c'.repeat(64), subject_der: Buffer.from('n'), certificate_der: Buffer.from('c'), not_before: at, not_after: at, created_at: at })
  await database.transaction((trx) => insertTimestampCertificate(trx, CERTIFICATE, 'ceremony', AT))
}

describeOnBothDatabases('time-stamps on record', (open, engine) => {
  test('TSA-2: a unit comes back as it was put in; its revocation and its key\'s removal are said once', async () => {
    const database = await withDatesAhead(await open())
    await foundations(database)
    expect(await listTimestampCertificates(database)).toEqual([CERTIFICATE])
    const change = <T>(work: (trx: Parameters<typeof recordKeyRemoval>[0]) => Promise<T>) => database.transaction(work)
    expect(await change((trx) => revokeTimestampCertificate(trx, 'unit-1', AT, 1))).toBe(true)
    expect(await change((trx) => revokeTimestampCertificate(trx, 'unit-1', AT, 4))).toBe(false)
    expect(await change((trx) => recordKeyRemoval(trx, 'unit-1', AT, 'ceremony'))).toBe(true)
    expect(await change((trx) => recordKeyRemoval(trx, 'unit-1', AT, 'ceremony'))).toBe(false)
    expect(await listTimestampCertificates(database)).toEqual([{ ...CERTIFICATE, revokedAt: AT, removedAt: AT }])
    expect(await listRevokedTimestampCertificates(database, 'timestamp-g1')).toEqual([{ serial: '01ab', revokedAt: AT, reason: 1, notAfter: CERTIFICATE.notAfter }])
  })

  test('TSA-1: no serial number twice, on whichever node: two connections at once, one wins each', async () => {
    const database = await withDatesAhead(await open())
    await foundations(database)
    const nodes = [tokenRecorder(database), tokenRecorder(connectAgain(database))]
    const serials = Array.from({ length: 60 }, (_, index) => `01${index.toString(16).padStart(4, '0')}`)
    const won = await Promise.all(serials.map(async (serial) => (await Promise.all(nodes.map((record) => record(token(serial))))).filter(Boolean).length))
    expect(won).toEqual(serials.map(() => 1))
    expect(await database('timestamp_tokens').orderBy('serial').pluck('serial')).toEqual(serials)
    // After a restart too.
    expect(await tokenRecorder(database)(token(serials[0]!))).toBe(false)
  })

  test('TSA-1: what comes while one is written goes together, each answered for itself', async () => {
    const database = await withDatesAhead(await open())
    await foundations(database)
    const record = tokenRecorder(database)
    await record(token('0105'))
    let statements = 0
    database.on('query', ({ sql }: { sql: string }) => void (/insert into .timestamp_tokens/i.test(sql) && statements++))
    const answers = await Promise.all(Array.from({ length: 150 }, (_, index) => record(token(`02${index.toString(16).padStart(4, '0')}`))))
    expect(answers.every(Boolean)).toBe(true)
    expect(statements).toBeLessThanOrEqual(3)
    expect(await Promise.all(['0106', '0105', '0107'].map((serial) => record(token(serial))))).toEqual([true, false, true])
  })

  test('TSA-1: a fault is the caller\'s, and the next one is written', async () => {
    const database = await withDatesAhead(await open())
    await foundations(database)
    const record = tokenRecorder(database)
    await expect(record({ ...token('01'), certificateId: 'nobody' })).rejects.toThrow()
    expect(await record(token('01'))).toBe(true)
  })

  test('TSA-2: authorities take the new kind and still no other, and the database is whole after its change', async () => {
    const database = await withDatesAhead(await open())
    await foundations(database)
    const row = await database('authorities').first()
    await expect(database('authorities').insert({ ...row, id: 'other', kind: 'other', spki_sha256: 'd'.repeat(64) })).rejects.toThrow(/authorities_kind/)
    if (engine === 'SQLite') expect(await database.raw('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }])
  })

  test('TSA-3: the latest time that any node stamped', async () => {
    const database = await withDatesAhead(await open())
    await foundations(database)
    expect(await lastTokenTime(database, 0)).toEqual({ at: null, ahead: null })
    const record = tokenRecorder(database)
    await Promise.all([record(token('01', 5)), record(token('02', 90)), record(token('03', 7))])
    expect(await lastTokenTime(database, 0)).toEqual({ at: new Date(AT.getTime() + 90_000), ahead: null })
  })

  test.runIf(engine === 'PostgreSQL')('TSA-3, ISS-6: a token ahead of the database’s own clock, within what the database takes, counts for nothing and is told of', async () => {
    const database = await open()
    await foundations(database)
    const write = (serial: string, at: Date) => database('timestamp_tokens').insert({ serial, certificate_id: 'unit-1', gen_time: at.toISOString(), imprint_hash: 'sha256', tst_info_sha256: 'b'.repeat(64) })
    const [past, soon, ahead] = [-60_000, 3_000, 298_000].map((milliseconds) => new Date(Date.now() + milliseconds)) as [Date, Date, Date]
    await write('01', past)
    await write('02', soon)
    expect(await lastTokenTime(database, 10_000)).toEqual({ at: past, ahead: null })
    await write('03', ahead)
    expect(await lastTokenTime(database, 10_000)).toEqual({ at: past, ahead })
    // So far ahead no row was taken: the database's clock went back, and counts for nothing itself.
    await withDatesAhead(database)
    await write('04', AT)
    expect(await lastTokenTime(database, 10_000)).toEqual({ at: AT, ahead: null })
  })

  describe('CSBR 5.4.1.2 (3)', () => {
    test.each([
      ['a token removed', (database: Database) => database('timestamp_tokens').delete()],
      ['a token given another time', (database: Database) => database('timestamp_tokens').update({ gen_time: new Date(0).toISOString() })],
      ['a unit removed', (database: Database) => database('timestamp_certificates').delete()],
      ['a unit given more time', (database: Database) => database('timestamp_certificates').update({ use_until: '2037-01-01T00:00:00.000Z' })],
      ['a revocation taken back', (database: Database) => database('timestamp_certificates').update({ revoked_at: null, reason_code: null })],
    ])('TSA-2: %s is refused by the database', async (_, harm) => {
      const database = await withDatesAhead(await open())
      await foundations(database)
      await tokenRecorder(database)(token('01'))
      await database.transaction((trx) => revokeTimestampCertificate(trx, 'unit-1', AT, 1))
      await expect(harm(database)).rejects.toThrow(/never (removed|rewritten)|removed by a run on record alone/)
    })
  })
})
