import { expect, test } from 'vitest'
import { sharedTransactions } from '../../src/jobs/shared-transactions.ts'

/** Transactions that note which acts were committed together. */
function noting(atMost = 8) {
  const committed: string[][] = []
  const begun: string[] = []
  const change = sharedTransactions<string[], null>(async (act) => {
    const made: string[] = []
    const value = await act(made, null)
    committed.push(made)
    return value
  }, atMost)
  const write = (name: string, fails = false) =>
    change(async (made) => {
      begun.push(name)
      await new Promise((soon) => setImmediate(soon))
      if (fails) throw new Error(name)
      made.push(name)
      return `${name} done`
    })
  return { committed, begun, write }
}

test('LOG-1: acts asked for at once share one transaction, in their order, and each gets its own value', async () => {
  const { committed, write } = noting()
  expect(await Promise.all(['a', 'b', 'c'].map((name) => write(name)))).toEqual(['a done', 'b done', 'c done'])
  expect(committed).toEqual([['a', 'b', 'c']])
})

test('LOG-1: one that throws is undone by itself: the others commit, each alone', async () => {
  const { committed, write } = noting()
  const ended = await Promise.allSettled([write('a'), write('b', true), write('c')])
  expect(ended.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(committed).toEqual([['a'], ['c']])
})

test('where no transaction can begin, each is told, and the next asks anew', async () => {
  let away = true
  const change = sharedTransactions<null, null>((act) => (away ? Promise.reject(new Error('database is away')) : act(null, null)), 8)
  const ended = await Promise.allSettled([change(async () => 1), change(async () => 2)])
  expect(ended.map((each) => each.status === 'rejected' && (each.reason as Error).message)).toEqual(['database is away', 'database is away'])
  away = false
  expect(await change(async () => 3)).toBe(3)
})

test('what comes while a transaction runs goes along, and no transaction grows beyond its limit', async () => {
  const { committed, begun, write } = noting(2)
  const first = write('a')
  while (begun.length === 0) await new Promise((soon) => setImmediate(soon))
  await Promise.all([first, ...['b', 'c', 'd'].map((name) => write(name))])
  expect(committed).toEqual([['a', 'b'], ['c', 'd']])
})
