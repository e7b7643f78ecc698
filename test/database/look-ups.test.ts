import { expect, test } from 'vitest'
import { openFresh } from '../support/database.ts'

// SQLite chooses without having counted: each question must leave it one good index.
test.each([
  ['revocations', 'revoked_at, reason_code', 'revocations_by_serial (authority_id=? AND serial=?)'],
  ['certificates', 'der', '(authority_id=? AND serial=?)'],
])('OCS-6: a row of %s is found by authority and serial number, not by walking through those of the authority', async (table, columns, index) => {
  const database = await openFresh('SQLite')
  const plan: { detail: string }[] = await database.raw(`EXPLAIN QUERY PLAN SELECT ${columns} FROM ${table} WHERE authority_id = 'a' AND serial = '01' LIMIT 1`)
  expect(plan.map(({ detail }) => detail).join()).toContain(index)
})
