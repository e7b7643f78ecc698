import { beforeEach, expect, test } from 'vitest'
import type { Database } from '../../src/database/database.ts'
import { addAnswerTimes, answersByHour, dropOldFigures, dropOldNodes, lastSeen, listNodes, noteClock, noteNode } from '../../src/database/node-store.ts'
import { TIME_BOUNDS } from '../../src/revocation/answer-times.ts'
import { describeOnBothDatabases } from '../support/database.ts'

const at = (text: string) => new Date(`2026-11-${text}Z`)
const counts = (first: number, last = 0) => [first, ...new Array<number>(TIME_BOUNDS.length - 1).fill(0), last]

describeOnBothDatabases('what nodes tell of themselves', (open) => {
  let database: Database
  beforeEach(async () => void (database = await open()))

  test('workers of a node add to its minute; hours are summed over nodes, empty ones are there', async () => {
    await addAnswerTimes(database, 'a', at('22T10:05:10.000'), counts(3, 1))
    await addAnswerTimes(database, 'a', at('22T10:05:50.000'), counts(4))
    await addAnswerTimes(database, 'b', at('22T10:59:59.000'), counts(1))
    await addAnswerTimes(database, 'b', at('22T11:00:00.000'), counts(8))
    await addAnswerTimes(database, 'b', at('21T11:59:59.000'), counts(99))
    await addAnswerTimes(database, 'b', at('22T11:30:00.000'), counts(0))
    expect(await database('answer_times').where({ node: 'a' }).orderBy('bound').select('minute', 'bound', 'answers')).toMatchObject([{ minute: '2026-11-22T10:05:00.000Z', bound: 0 }, { bound: TIME_BOUNDS.length }])
    const hours = await answersByHour(database, at('22T11:30:00.000'))
    expect(hours).toHaveLength(24)
    expect(hours.slice(-2).map(({ hour, counts: [first, ...rest] }) => [hour.toISOString(), first, rest.at(-1)])).toEqual([['2026-11-22T10:00:00.000Z', 8, 1], ['2026-11-22T11:00:00.000Z', 8, 0]])
    expect(hours.slice(1, 22).every(({ counts: all }) => all.every((count) => count === 0))).toBe(true)
    expect(hours[0]!.hour).toEqual(at('21T12:00:00.000'))
  })

  test('figures of more than two days ago are dropped', async () => {
    await addAnswerTimes(database, 'a', at('20T11:00:00.000'), counts(1))
    await addAnswerTimes(database, 'a', at('22T10:00:00.000'), counts(2))
    await dropOldFigures(database, at('22T12:00:00.000'))
    expect((await database('answer_times')).map(({ minute }: { minute: string }) => minute)).toEqual(['2026-11-22T10:00:00.000Z'])
  })

  test('ISS-6: what was not seen for a day is not shown, of thousands of one process the latest alone; each takes away its own of a month ago', async () => {
    const state = { node: 'a', process: 'status', seenAt: at('21T09:00:00.000'), clock: null } as const
    await noteNode(database, state)
    const known = { ...state, process: 'ca', seenAt: at('22T09:00:00.000') } as const
    await noteNode(database, known)
    expect(await listNodes(database, at('22T10:00:00.000'))).toEqual([known])
    await database.batchInsert('node_states', Array.from({ length: 2000 }, (_, n) => ({ node: `n${n}`, process: 'status', seen_at: at('22T09:59:00.000').toISOString(), clock_doubt: null })), 100)
    const shown = await listNodes(database, at('22T10:00:00.000'))
    expect([shown.length, shown[0]]).toEqual([301, known])
    await dropOldNodes(database, 'status', new Date('2026-12-23T00:00:00.000Z'))
    expect(await database('node_states')).toMatchObject([{ process: 'ca' }])
  })

  test('a node has one row for each process, with its last word', async () => {
    const state = { node: 'a', process: 'status', seenAt: at('22T10:00:00.000'), clock: 'unsynchronised' } as const
    await noteNode(database, state)
    await noteNode(database, { ...state, process: 'ca', clock: null })
    await noteNode(database, { ...state, seenAt: at('22T10:01:00.000'), clock: null })
    expect(await listNodes(database, at('22T10:05:00.000'))).toEqual([{ ...state, process: 'ca', clock: null }, { ...state, seenAt: at('22T10:01:00.000'), clock: null }])
    // A clock that tells no time says what is wrong with it, and nothing of when.
    await noteClock(database, 'a', 'status', 'stepped')
    await noteClock(database, 'b', 'status', 'stepped')
    expect(await listNodes(database, at('22T10:05:00.000'))).toEqual([{ ...state, process: 'ca', clock: null }, { ...state, seenAt: at('22T10:01:00.000'), clock: 'stepped' }])
    expect([await lastSeen(database, 'a', 'status'), await lastSeen(database, 'b', 'status')]).toEqual([at('22T10:01:00.000'), null])
  })
})
