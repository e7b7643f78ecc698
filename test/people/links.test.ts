import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { findLink, makeLink, takeLink, voidLinks } from '../../src/people/links.ts'
import { describeOnBothDatabases } from '../support/database.ts'

const now = new Date('2026-10-01T09:00:00Z')
const later = (minutes: number) => new Date(now.getTime() + minutes * 60_000)

describeOnBothDatabases('ACC-1: links sent by mail', (open) => {
  test('ACC-1: a link is taken once, also at the same moment; looking at it takes nothing', async () => {
    const database = await open()
    const token = await database.transaction((trx) => makeLink(trx, randomBytes, 'first-administrator', {}, now))
    for (let each = 0; each < 3; each++) expect(await findLink(database, 'first-administrator', token, now)).not.toBeNull()
    const taken = await Promise.all(Array.from({ length: 8 }, () => database.transaction((trx) => takeLink(trx, 'first-administrator', token, now))))
    expect(taken.filter((row) => row !== null)).toHaveLength(1)
    expect(await findLink(database, 'first-administrator', token, now)).toBeNull()
  })

  test('ACC-1: a link is good for its own kind only, until its hour, and while no newer one was made', async () => {
    const database = await open()
    const make = () => database.transaction((trx) => makeLink(trx, randomBytes, 'reset-password', {}, now))
    const older = await make()
    const token = await make()
    expect(older).not.toBe(token)
    expect(await findLink(database, 'reset-password', older, now)).toBeNull()
    expect(await findLink(database, 'confirm-email', token, now)).toBeNull()
    expect(await findLink(database, 'reset-password', token, later(59))).not.toBeNull()
    expect(await findLink(database, 'reset-password', token, later(60))).toBeNull()
    for (const wrong of ['', `${token}x`, token.toLowerCase(), "' OR 1=1 --"]) expect(await findLink(database, 'reset-password', wrong, now)).toBeNull()
    await database.transaction((trx) => voidLinks(trx, 'reset-password', {}))
    expect(await findLink(database, 'reset-password', token, now)).toBeNull()
  })
})
