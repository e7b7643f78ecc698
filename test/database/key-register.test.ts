import { createHash } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import type { Database } from '../../src/database/database.ts'
import { keyRegister } from '../../src/database/key-register.ts'
import { weakKeyStore } from '../../src/database/weak-key-store.ts'
import { describeOnBothDatabases } from '../support/database.ts'
import { AT, insertFoundations } from './rows.ts'

const spkiOf = (n: number): Buffer => Buffer.from(`key ${n}`)
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

describeOnBothDatabases('the register of keys', (open) => {
  let database: Database
  beforeAll(async () => {
    database = await open()
    await insertFoundations(database)
  })
  const others = async (of: string) => {
    const batches: number[] = []
    const found: string[] = []
    for await (const batch of keyRegister(database).otherKeys(of)) {
      batches.push(batch.length)
      found.push(...batch.map(String))
    }
    return { batches, found }
  }
  const application = (n: number, change: object = {}) => ({
    id: `a-${n}`,
    reference: `R-${n}`,
    applicant_id: 'subscriber',
    state: 'withdrawn',
    policy_id: 'test',
    created_at: AT,
    updated_at: AT,
    submitted_at: AT,
    spki_der: spkiOf(n),
    spki_sha256: sha256(spkiOf(n)),
    ...change,
  })

  test('KEY-3: gives every other key that was handed in, once, in batches; not the key itself, and no draft\'s', async () => {
    for (let n = 0; n < 1100; n += 100) await database('applications').insert(Array.from({ length: 100 }, (_, index) => application(n + index)))
    await database('applications').insert([application(2000, { submitted_at: null }), application(2001, { spki_der: spkiOf(5), spki_sha256: sha256(spkiOf(5)) })])
    const { batches, found } = await others(sha256(spkiOf(7)))
    expect(found.length).toBe(new Set(found).size)
    expect(new Set(found)).toEqual(new Set(Array.from({ length: 1100 }, (_, n) => `key ${n}`).filter((key) => key !== 'key 7')))
    expect(Math.max(...batches)).toBeLessThanOrEqual(500)
  })

  test('KEY-3: finds a digest of its own kind only, and a complete list only when it was finished', async () => {
    const store = weakKeyStore(database)
    const register = keyRegister(database)
    const list = await store.beginList({ sha256: '0'.repeat(64), name: 'list', form: 'badkeys', entries: 1, skipped: 0, importedBy: 'test', startedAt: AT })
    await store.addDigests(list.number, [{ kind: 'sha256-120', digest: 'ab'.repeat(15) }])
    expect(await register.weakKeyListed([{ kind: 'sha1-80', digest: 'ab'.repeat(10) }, { kind: 'sha256-120', digest: 'ab'.repeat(15) }])).toBe('sha256-120')
    expect(await register.weakKeyListed([{ kind: 'sha256', digest: 'ab'.repeat(15) }, { kind: 'sha256-120', digest: 'ac'.repeat(15) }])).toBeNull()
    await store.stateComplete(list.number, 3072, 'test', AT)
    expect(await register.hasCompleteWeakKeyList(3072)).toBe(false)
    expect(await store.finishList(list.number, AT)).toBe(1)
    expect([await register.hasCompleteWeakKeyList(3072), await register.hasCompleteWeakKeyList(4096)]).toEqual([true, false])
  })

  test('KEY-3: what is blocked stays blocked', async () => {
    for (const table of ['weak_keys', 'weak_key_complete', 'weak_key_lists']) await expect(database(table).del()).rejects.toThrow(/never removed/)
  })
})
