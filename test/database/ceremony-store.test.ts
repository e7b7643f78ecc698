import { beforeAll, expect, test } from 'vitest'
import { findStatement, insertStatement, listStatements, type CeremonyStatement, type StatementFiles } from '../../src/database/ceremony-store.ts'
import type { Database } from '../../src/database/database.ts'
import { describeOnBothDatabases } from '../support/database.ts'

const STATEMENT: CeremonyStatement & StatementFiles = {
  sha256: 'ab'.repeat(32),
  ceremonyId: 'ceremony',
  part: 'witness',
  fileName: '報告書.pdf',
  mediaType: 'application/pdf',
  octets: Buffer.from([0, 1, 255]),
  signatureName: null,
  signatureOctets: null,
  signer: '上田 緑',
  signerCertificates: Buffer.from([48, 0]),
  signedAt: null,
  publishedAt: new Date('2026-11-22T00:00:00Z'),
}

describeOnBothDatabases('statements about ceremonies', (open) => {
  let database: Database
  beforeAll(async () => {
    database = await open()
    await database('ceremonies').insert({ id: 'ceremony', kind: 'first-hierarchy', demo: 0, persons: '[]', report: '{}', held_at: '2026-11-22T00:00:00.000Z' })
    expect(await database.transaction((trx) => insertStatement(trx, STATEMENT, ['A', 'B']))).toBe(true)
  })

  test('REP-2: are read back as they were published', async () => {
    const { octets, signatureOctets, ...listed } = STATEMENT
    expect(await listStatements(database)).toEqual([listed])
    expect(await findStatement(database, STATEMENT.sha256)).toEqual({ ...listed, octets, signatureOctets })
    expect(await findStatement(database, '00'.repeat(32))).toBeNull()
  })

  test('REP-2: are published once', async () => {
    expect(await database.transaction((trx) => insertStatement(trx, { ...STATEMENT, part: 'auditor' }, ['A', 'B']))).toBe(false)
    expect((await listStatements(database)).map(({ part }) => part)).toEqual(['witness'])
  })

  test.each<[string, (database: Database) => Promise<unknown>]>([
    ['removed', (db) => db('ceremony_statements').delete()],
    ['changed', (db) => db('ceremony_statements').update({ octets: Buffer.from([1]) })],
    ['given to another signer', (db) => db('ceremony_statements').update({ signer: 'Somebody' })],
  ])('REP-2: can not be %s', async (_, act) => {
    await expect(act(database)).rejects.toThrow(/rows of ceremony_statements are never (removed|rewritten)/)
    expect((await findStatement(database, STATEMENT.sha256))?.octets).toEqual(STATEMENT.octets)
  })
})
