import { expect, test } from 'vitest'
import { forgetStatusChanges, statusFeed } from '../../src/database/status-feed.ts'
import type { Database } from '../../src/database/database.ts'
import { connectAgain, describeOnBothDatabases } from '../support/database.ts'
import { AT, certificate, insertFoundations, revocation } from './rows.ts'

const SIGNED = { state: 'issued', der: Buffer.from([0x30, 0x00]), certificate_sha256: 'cd'.repeat(32), issued_at: AT }

describeOnBothDatabases('the changes of status', (open, engine) => {
  const told = async (feed: ReturnType<typeof statusFeed>) => {
    const { changes, gap } = await feed.read()
    return gap ? 'gap' : changes.map(({ authorityId, serial }) => `${authorityId} ${serial}`).sort()
  }
  /** A transaction of another database on the same server keeps the horizon back: the rows before the gap are read again until that has ended. */
  async function afterGap(feed: ReturnType<typeof statusFeed>): Promise<void> {
    expect(await told(feed)).toBe('gap')
    await expect.poll(() => told(feed), { timeout: 20_000 }).toEqual([])
  }
  /** A database with a recorded certificate, and a feed that has read all of that. */
  async function begun(): Promise<{ database: Database; feed: ReturnType<typeof statusFeed> }> {
    const database = await open()
    await insertFoundations(database)
    await database('certificates').insert(certificate('one', '11'))
    const feed = statusFeed(database)
    await afterGap(feed)
    return { database, feed }
  }

  test('REV-4: a revocation is told once, as is its correction', async () => {
    const { database, feed } = await begun()
    await database('revocations').insert(revocation('one', '11'))
    expect(await told(feed)).toEqual(['issuing 11'])
    expect(await told(feed)).toEqual([])
    await database('revocations').update({ reason_code: 4 })
    expect(await told(feed)).toEqual(['issuing 11'])
    expect(await told(feed)).toEqual([])
  })
  test('OCS-3: a certificate is told when it is signed, not when it is recorded', async () => {
    const { database, feed } = await begun()
    await database('certificates').insert(certificate('two', '22', { application_id: 'application-2', approval_id: 'approval-2' }))
    expect(await told(feed)).toEqual([])
    await database('certificates').where({ id: 'two' }).update(SIGNED)
    expect(await told(feed)).toEqual(['issuing 22'])
    const { id: _, ...row } = certificate('three', '33', SIGNED)
    await database('certificates').where({ id: 'one' }).update({ state: 'abandoned' })
    await database('certificates').insert({ id: 'three', ...row })
    expect(await told(feed)).toEqual(['issuing 33'])
  })
  test('OCS-2: a responder certificate is told when it is signed, and a new authority as the hierarchy', async () => {
    const { database, feed } = await begun()
    await database('responder_keys').insert({ id: 'key', authority_id: 'issuing', token_label: 't', key_label: 'k', key_id: '01', spki_der: SIGNED.der, spki_sha256: 'k', enrolled_at: AT, enrolment_signature: SIGNED.der })
    await database('responder_certificates').insert({ id: 'r', responder_key_id: 'key', authority_id: 'issuing', serial: '44', tbs: SIGNED.der, not_before: AT, not_after: AT, recorded_at: AT })
    expect(await told(feed)).toEqual([])
    await database('responder_certificates').update({ der: SIGNED.der })
    expect(await told(feed)).toEqual(['issuing 44'])
    const authority = await database('authorities').first()
    await database('authorities').insert({ ...authority, id: 'issuing-2', spki_sha256: 'other' })
    expect(await told(feed)).toEqual(['issuing-2 *'])
  })
  test('what is not committed is not told; what is rolled back never', async () => {
    const { database, feed } = await begun()
    const other = statusFeed(connectAgain(database))
    await afterGap(other)
    await database
      .transaction(async (trx) => {
        await trx('revocations').insert(revocation('one', '11'))
        expect(await told(other)).toEqual([])
        throw new Error('rolled back')
      })
      .catch(() => undefined)
    expect([await told(feed), await told(other)]).toEqual([[], []])
    await database.transaction((trx) => trx('revocations').insert(revocation('one', '11')))
    expect([await told(feed), await told(other)]).toEqual([['issuing 11'], ['issuing 11']])
  })
  test('more changes than are worth telling apart are a gap, after which it goes on', async () => {
    const { database, feed } = await begun()
    const at = "'2026-11-22T00:00:00.000Z'"
    // Of the present transaction, as the triggers would have it.
    const transaction = engine === 'PostgreSQL' ? 'pg_current_xact_id()::text::bigint' : '0'
    await database.raw(`INSERT INTO status_changes (authority_id, serial, transaction_id, changed_at) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20001) SELECT 'issuing', 'aa', ${transaction}, ${at} FROM n`)
    await afterGap(feed)
    await database('revocations').insert(revocation('one', '11'))
    expect(await told(feed)).toEqual(['issuing 11'])
  })
  test('rows that every watcher has read are dropped after a day, and the feed goes on', async () => {
    const { database, feed } = await begun()
    await database('revocations').insert(revocation('one', '11'))
    await told(feed)
    expect(await forgetStatusChanges(database, new Date(Date.now() + 23 * 3_600_000))).toBe(0)
    expect(await forgetStatusChanges(database, new Date(Date.now() + 25 * 3_600_000))).toBeGreaterThan(0)
    expect(await told(feed)).toEqual([])
    await database('revocations').update({ reason_code: 4 })
    expect(await told(feed)).toEqual(['issuing 11'])
  })

  if (engine === 'SQLite')
    test('a database put back from a copy is a gap', async () => {
      const { database, feed } = await begun()
      await database.raw("UPDATE sqlite_sequence SET seq = seq - 1 WHERE name = 'status_changes'")
      expect(await told(feed)).toBe('gap')
    })
  else {
    test('REV-4: a change that takes its number first and commits last is told all the same', async () => {
      const { database, feed } = await begun()
      const slow = await database.transaction()
      await slow('revocations').insert(revocation('one', '11'))
      const authority = await database('authorities').first()
      await database('authorities').insert({ ...authority, id: 'issuing-2', spki_sha256: 'other' })
      expect(await told(feed)).toEqual(['issuing-2 *'])
      expect(await told(feed)).toEqual([])
      await slow.commit()
      expect(await told(feed)).toEqual(['issuing 11'])
      expect(await told(feed)).toEqual([])
    })
    test('REV-4: who listens is woken by a commit, also after the connection was cut', async () => {
      const { database, feed } = await begun()
      let woken = 0
      const stop = feed.listen(() => woken++)
      const until = async (count: number) => {
        while (woken < count) await new Promise((done) => setTimeout(done, 20))
      }
      try {
        // Once when it begins to listen.
        await until(1)
        await database('revocations').insert(revocation('one', '11'))
        await until(2)
        await database.raw("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN status_changes' AND datname = current_database()")
        await until(3)
        await database('revocations').update({ reason_code: 4 })
        await until(4)
      } finally {
        await stop()
      }
    })
  }
})
