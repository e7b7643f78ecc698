import { expect, test } from 'vitest'
import { AUDIT_EVENTS, auditWriters, type AuditEventName } from '../../src/audit/events.ts'
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

test('ISS-6: each event of the audit log has its writers, and what one process believes another of is written by that one alone', () => {
  for (const event of AUDIT_EVENTS) {
    expect(auditWriters(event), event).not.toEqual([])
    expect(ACCOUNTS).toEqual(expect.arrayContaining([...auditWriters(event)]))
  }
  const of = (...events: AuditEventName[]) => events.map(auditWriters)
  expect(of('status.reconciled', 'crl.retention-run', 'certificate.issued')).toEqual([['ca'], ['ca'], ['ca']])
  expect(of('timestamp.signing-changed', 'timestamp.clock-sure', 'access-log.removed')).toEqual([['status'], ['status'], ['status']])
  expect(of('application.approved', 'application.vetted', 'register.confirmed', 'module.received')).toEqual([['portal'], ['portal'], ['portal'], ['portal']])
  expect(of('ceremony.held', 'authority.created', 'anchor.added', 'responder.key-enrolled')).toEqual([['operator'], ['operator'], ['operator'], ['operator']])
  for (const account of ACCOUNTS) expect(accountsSql('x_')).toContain(`CREATE POLICY x_${account}_adds ON audit_events FOR INSERT TO x_${account} WITH CHECK (event IN (`)
})

test('a prefix that is no name is refused, since it goes into SQL', () => {
  for (const prefix of ['', 'Ca_', 'a b', "x'; DROP", '1a']) expect(() => accountsSql(prefix)).toThrow(TypeError)
})
