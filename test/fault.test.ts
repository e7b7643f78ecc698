import { expect, test } from 'vitest'
import { describeFault, lastingFaults, tellFault } from '../src/fault.ts'
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
  expect(tellFault(new AggregateError([new Error('connect ECONNREFUSED ::1:5432'), new Error('other')]))).toBe('connect ECONNREFUSED ::1:5432')
})

test('a fault that meets every request is said when it begins, every ten minutes while it lasts, and again when it comes back after a minute', () => {
  let now = 0
  const toBeSaid = lastingFaults(() => now)
  const met = (message: string, seconds: number) => Array.from({ length: seconds }, () => ((now += 1000), toBeSaid(message))).filter(Boolean).length
  expect(met('refused', 599)).toBe(1)
  expect(met('other', 30)).toBe(1)
  expect(met('refused', 600)).toBe(1)
  now += 61_000
  expect(met('refused', 10)).toBe(1)
})
