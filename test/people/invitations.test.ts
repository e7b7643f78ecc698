import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { createAccount } from '../../src/people/accounts.ts'
import { staffRoles } from '../../src/people/invitations.ts'
import { compatible, ROLES, STAFF_ROLES, type Role } from '../../src/people/roles.ts'
import { describeOnBothDatabases } from '../support/database.ts'

const now = new Date('2026-10-01T09:00:00Z')

test('ACC-2: of all sets of roles only single ones and sets of officers can be held by one person; a subscriber is never staff', () => {
  for (let set = 0; set < 2 ** ROLES.length; set++) {
    const roles: Role[] = ROLES.filter((_, bit) => (set >> bit) & 1)
    const officersOnly = roles.every((role) => role.endsWith('-officer'))
    expect(compatible(roles), roles.join()).toBe(roles.length === 1 || (roles.length > 1 && officersOnly))
    expect(staffRoles(roles), roles.join()).toBe(compatible(roles) && roles.every((role) => STAFF_ROLES.includes(role)))
  }
})

describeOnBothDatabases('ACC-2: accounts and invitations in the database', (open) => {
  const account = (email: string, roles: readonly Role[]) => ({
    email,
    name: email,
    language: 'en' as const,
    passwordHash: '-',
    state: 'active' as const,
    roles,
    grantedBy: 'test',
  })

  test('ACC-2: no account is made with roles that exclude each other', async () => {
    const database = await open()
    await expect(database.transaction((trx) => createAccount(trx, account('a@ca.example', ['auditor', 'vetting-officer']), now))).rejects.toThrow('exclude')
    expect(await database('accounts')).toEqual([])
  })

  test('ACC-2: one address is one account, whatever its case', async () => {
    const database = await open()
    expect(await database.transaction((trx) => createAccount(trx, account('a@ca.example', ['auditor']), now))).not.toBeNull()
    expect(await database.transaction((trx) => createAccount(trx, account('A@CA.example', ['administrator']), now))).toBeNull()
  })

  test('ACC-2: the database itself refuses an invitation sent on one administrator’s word, and a confirmation by the one who made it', async () => {
    const database = await open()
    const [first, second] = await database.transaction(async (trx) => [
      await createAccount(trx, account('a@ca.example', ['administrator']), now),
      await createAccount(trx, account('b@ca.example', ['administrator']), now),
    ])
    const invitation = {
      email: 'c@ca.example',
      roles: '["auditor"]',
      locale: 'en',
      created_by: first,
      created_at: now.toISOString(),
      alone: 0,
      confirmed_by: null as string | null,
      confirmed_at: null,
    }
    const put = (change: object) => database('invitations').insert({ id: randomUUID(), ...invitation, ...change })
    await expect(put({ state: 'sent' })).rejects.toThrow(/invitations_confirmed|CHECK/)
    await expect(put({ state: 'accepted' })).rejects.toThrow(/invitations_confirmed|CHECK/)
    await expect(put({ state: 'sent', confirmed_by: first })).rejects.toThrow(/invitations_two_people|CHECK/)
    await put({ state: 'waiting' })
    await put({ state: 'sent', confirmed_by: second })
    await put({ state: 'sent', alone: 1 })
  })
})
