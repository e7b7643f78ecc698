import { expect, test } from 'vitest'
import { describeFault } from '../src/fault.ts'
import { describeOnBothDatabases } from './support/database.ts'

describeOnBothDatabases('a database error in the log', (open) => {
  test('LOG-1: tells the code and the reason, and none of the values that were to be stored', async () => {
    const database = await open()
    await database('organisations').insert({ id: '1', legal_name: 'first', created_at: '2026-11-21T00:00:00.000Z' })
    const error: unknown = await database('organisations').insert({ id: '1', legal_name: 'Secret Name - K.K.', created_at: '2026-11-21T00:00:00.000Z' }).catch((fault: unknown) => fault)
    const told = describeFault(error)
    expect(told).toMatch(/^(SQLITE_CONSTRAINT|23505): /)
    expect(told).toMatch(/organisations/)
    expect(told).not.toContain('Secret Name')
  })
})

test('other faults keep their stack, and a code that only looks like a database’s keeps its message', () => {
  expect(describeFault(new Error('plain'))).toMatch(/^Error: plain\n\s+at /)
  expect(describeFault(Object.assign(new Error('EPERM: not permitted'), { code: 'EPERM' }))).toContain('EPERM: not permitted')
  expect(describeFault('text')).toBe('text')
})
