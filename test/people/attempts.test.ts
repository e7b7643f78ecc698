import { expect, test } from 'vitest'
import { addressBucket, admitTry, admitUse, removeOldAttempts, tryWasRight, waitAfter, type Target } from '../../src/people/attempts.ts'
import type { Database } from '../../src/database/database.ts'
import { describeOnBothDatabases } from '../support/database.ts'

const start = Date.parse('2026-10-01T09:00:00Z')
const at = (seconds: number) => new Date(start + seconds * 1000)
const target: Target = { what: 'password', of: 'officer@ca.example' }
const HOME = '192.0.2.10'

const attempt = (database: Database, address: string, seconds: number, whom = target) =>
  database.transaction((trx) => admitTry(trx, whom, address, at(seconds)))
/** Wrong tries, each as soon as the wait before it is over. */
async function wrongTries(database: Database, address: string, count: number, from = 0): Promise<number> {
  let time = from
  for (let each = 0; each < count;) {
    const admission = await attempt(database, address, time)
    if (admission.admitted) each++
    else time += admission.retryAfterSeconds
  }
  return time
}

test('ACC-3: the wait grows from the fifth wrong try on, is 15 minutes at the tenth, doubles to a day and stays there', () => {
  expect([0, 4, 5, 6, 9, 10, 11, 16, 17, 400].map((wrong) => waitAfter(wrong) / 1000)).toEqual([0, 0, 5, 10, 80, 900, 1800, 57_600, 86_400, 86_400])
})

test('ACC-3: one subscriber line is one address, an IPv6 /64 included', () => {
  expect(addressBucket('192.0.2.1')).toBe('192.0.2.1')
  expect(addressBucket('::ffff:192.0.2.1')).toBe('192.0.2.1')
  expect(new Set(['2001:db8:1:2::1', '2001:0db8:0001:0002:aaaa:bbbb:cccc:dddd', '2001:DB8:1:2:0:0:0:9%eth0'].map(addressBucket))).toEqual(
    new Set(['2001:db8:1:2::/64']),
  )
  expect(addressBucket('2001:db8:1:3::1')).not.toBe(addressBucket('2001:db8:1:2::1'))
  expect(addressBucket('::1')).toBe('0:0:0:0::/64')
  expect(addressBucket('x'.repeat(500)).length).toBeLessThan(60)
})

describeOnBothDatabases('ACC-3: attempts', (open) => {
  test('ACC-3: of many tries at the same moment only those before the limit are admitted', async () => {
    const database = await open()
    const admissions = await Promise.all(Array.from({ length: 30 }, () => attempt(database, HOME, 0)))
    expect(admissions.filter((each) => each.admitted)).toHaveLength(5)
  })

  test('ACC-3: the tenth wrong try locks for 15 minutes, and persistence does not lengthen the wait', async () => {
    const database = await open()
    const time = await wrongTries(database, HOME, 9)
    const tenth = await attempt(database, HOME, time + 80)
    expect(tenth).toMatchObject({ admitted: true, locksNext: true })
    for (let each = 0; each < 20; each++) expect((await attempt(database, HOME, time + 81 + each)).admitted).toBe(false)
    expect(await attempt(database, HOME, time + 80 + 899)).toEqual({ admitted: false, retryAfterSeconds: 1 })
    expect((await attempt(database, HOME, time + 80 + 900)).admitted).toBe(true)
  })

  test('ACC-3: tries from many addresses together lock the account for strangers, never for its owner at a known address', async () => {
    const database = await open()
    const first = await attempt(database, HOME, -3600)
    if (!first.admitted) throw new Error('not admitted')
    await database.transaction((trx) => tryWasRight(trx, target, HOME, first.ids, at(-3600)))
    let time = 0
    for (let each = 0; each < 10; each++) time = await wrongTries(database, `203.0.113.${each}`, 1, time)
    expect((await attempt(database, '203.0.113.200', time + 1)).admitted).toBe(false)
    expect((await attempt(database, HOME, time + 1)).admitted).toBe(true)
    // Somebody else's account is not touched.
    expect((await attempt(database, '203.0.113.200', time + 1, { ...target, of: 'other@ca.example' })).admitted).toBe(true)
  })

  test('ACC-3: a right try takes back what was counted from there', async () => {
    const database = await open()
    const time = await wrongTries(database, HOME, 4)
    const right = await attempt(database, HOME, time)
    if (!right.admitted) throw new Error('not admitted')
    await database.transaction((trx) => tryWasRight(trx, target, HOME, right.ids, at(time)))
    for (let each = 0; each < 5; each++) expect((await attempt(database, HOME, time)).admitted).toBe(true)
  })

  test('ACC-3: an address that tries one account after another waits too', async () => {
    const database = await open()
    for (let each = 0; each < 60; each++) expect((await attempt(database, HOME, 0, { ...target, of: `person-${each}@ca.example` })).admitted).toBe(true)
    expect((await attempt(database, HOME, 1, { ...target, of: 'one-more@ca.example' })).admitted).toBe(false)
    expect((await attempt(database, '192.0.2.11', 1, { ...target, of: 'one-more@ca.example' })).admitted).toBe(true)
  })

  test('ACC-3: uses are counted within their minutes; old counts are removed; nobody’s typing is kept', async () => {
    const database = await open()
    const use = (seconds: number) => database.transaction((trx) => admitUse(trx, 'reset', 'officer@ca.example', { most: 2, minutes: 60 }, at(seconds)))
    expect([await use(0), await use(1), await use(2), await use(3602)]).toEqual([true, true, false, true])
    await attempt(database, HOME, 0)
    expect(JSON.stringify(await database('attempts'))).not.toContain('officer')
    await removeOldAttempts(database, at(31 * 86_400))
    expect(await database('attempts')).toEqual([])
  })
})
