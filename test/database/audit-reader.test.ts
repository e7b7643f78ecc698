import { expect, test } from 'vitest'
import { auditPage } from '../../src/database/audit-reader.ts'
import { allowTampering } from '../audit/tampering.ts'
import { describeOnBothDatabases } from '../support/database.ts'
import { account, AT } from './rows.ts'

const NOTHING = { subject: '', person: '', from: null, until: null, before: null, limit: 50 } as const

describeOnBothDatabases('LOG-1: reading the audit log', (open) => {
  test('LOG-1: days are read page by page, each entry once, where the clocks of two hosts differ', async () => {
    const database = await open()
    await allowTampering(database)
    const seconds = [10, 12, 11, 11, 14, 13, 15]
    await database('audit_events').insert(seconds.map((second, index) => ({ seq: index + 1, at: `2026-11-20T12:00:${second}.000Z`, actor: 'process:ca', event: 'process.started', subject: 'process:ca', details: '{}', previous_hash: '', hash: String(index) })))
    const pages: number[][] = []
    for (let before: number | null = null; ; before = pages.at(-1)!.at(-1)!) {
      const page = await auditPage(database, { ...NOTHING, from: '2026-11-20T00:00:00.000Z', until: '2026-11-21T00:00:00.000Z', before, limit: 2 })
      if (page.length === 0) break
      pages.push(page.map(({ seq }) => seq))
    }
    expect(pages).toEqual([[7, 5], [6, 2], [4, 3], [1]])
    const numbered = await auditPage(database, { ...NOTHING, subject: 'process:', from: '2026-11-20T00:00:00.000Z', before: 6 })
    expect(numbered.map(({ seq }) => seq)).toEqual([5, 4, 3, 2, 1])
  })

  test('LOG-1: a beginning is looked for sign by sign, whatever language the database sorts by', async () => {
    const database = await open()
    await allowTampering(database)
    const subjects = ['module:a_b', 'module:axb', 'Module:a', 'module-x', 'module:会社', 'module:会']
    await database('audit_events').insert(subjects.map((subject, index) => ({ seq: index + 1, at: '2026-11-20T12:00:00.000Z', actor: subject, event: 'module.shipped', subject, details: '{}', previous_hash: '', hash: String(index) })))
    for (const filter of ['subject', 'person'] as const) {
      const found = async (beginning: string) => (await auditPage(database, { ...NOTHING, [filter]: beginning })).map(({ subject }) => subject)
      expect(await found('module:')).toEqual(['module:会', 'module:会社', 'module:axb', 'module:a_b'])
      expect(await found('module:a_')).toEqual(['module:a_b'])
      expect(await found('module:会')).toEqual(['module:会', 'module:会社'])
      expect(await found('%')).toEqual([])
    }
  })

  test('LOG-1: a person is found by part of the name or address, in capitals or not, and by the name as it is written', async () => {
    const database = await open()
    await allowTampering(database)
    await database('accounts').insert([['emile', 'Émile Ōta'], ['aoki', 'Aoki_Hanako']].map(([id, name]) => ({ ...account(id!), name })))
    await database('audit_events').insert(['emile', 'aoki'].map((actor, index) => ({ seq: index + 1, at: AT, actor, event: 'session.begun', subject: `account:${actor}`, details: '{}', previous_hash: '', hash: String(index) })))
    for (const [person, who] of [['Émile', 'emile'], ['Ōta', 'emile'], ['MILE', 'emile'], ['hanako', 'aoki'], ['AOKI_H', 'aoki'], ['aoki@EXAMPLE', 'aoki']] as const)
      expect((await auditPage(database, { ...NOTHING, person })).map(({ actor }) => actor), person).toEqual([who])
    // What has a meaning in a pattern is a sign like others.
    for (const person of ['Aoki%', 'É_ile']) expect(await auditPage(database, { ...NOTHING, person }), person).toEqual([])
  })
})
