import { expect, test } from 'vitest'
import { ACCOUNTS, accountsSql, GRANTS } from '../../src/database/accounts.ts'
import { openFresh } from '../support/database.ts'
import { shape } from '../database/shape.ts'

test('ISS-6: every table has a line in src/database/accounts.ts that says which process may do what, and every column named there exists', async () => {
  const tables = await shape(await openFresh('SQLite'))
  expect(Object.keys(GRANTS).sort()).toEqual(Object.keys(tables).sort())
  for (const [table, grants] of Object.entries(GRANTS))
    for (const [account, granted] of Object.entries(grants)) {
      expect(granted, `${table} ${account}`).toMatch(/^(SELECT|INSERT|UPDATE|DELETE)( \([a-z0-9_, ]+\))?(, (SELECT|INSERT|UPDATE|DELETE)( \([a-z0-9_, ]+\))?)*$/)
      const columns = tables[table]!.columns.map((column) => column.replace('?', ''))
      for (const [, named] of granted.matchAll(/\(([^)]+)\)/g)) for (const column of named!.split(', ')) expect(columns, `${table} ${account}`).toContain(column)
    }
})

test('ISS-6: only `ca` makes certificates, only ceremonies make authorities and enrol keys, nobody changes or removes an audit event', () => {
  const who = (table: string, privilege: string) => ACCOUNTS.filter((account) => GRANTS[table]![account]?.includes(privilege))
  expect([who('certificates', 'INSERT'), who('responder_certificates', 'INSERT'), who('authorities', 'INSERT'), who('responder_keys', 'INSERT')]).toEqual([['ca'], ['ca'], ['operator'], ['operator']])
  expect([who('audit_events', 'UPDATE'), who('audit_events', 'DELETE'), who('revocations', 'DELETE'), who('certificates', 'DELETE'), who('timestamp_tokens', 'INSERT')]).toEqual([[], [], [], [], ['status']])
  expect(who('duties', 'INSERT')).toEqual(['portal'])
})

test('a prefix that is no name is refused, since it goes into SQL', () => {
  for (const prefix of ['', 'Ca_', 'a b', "x'; DROP", '1a']) expect(() => accountsSql(prefix)).toThrow(TypeError)
})
