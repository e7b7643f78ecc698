import { expect, test } from 'vitest'
import { AnswerCache, type Kept } from '../../src/revocation/answer-cache.ts'

const entry = (tags: string[] = [], size = 100): Kept => ({ size, tags, dropped: false })

test('gives back what was kept, under each of its keys', () => {
  const cache = new AnswerCache(10_000)
  const one = entry()
  cache.set('a', one)
  cache.set('b', one)
  expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([one, one, undefined])
})
test('never holds more than its limit, whatever is asked for', () => {
  const cache = new AnswerCache(10_000)
  for (let made = 0; made < 5000; made++) {
    cache.set(`key ${made}`, entry([`tag ${made}`], (made % 7) * 100))
    expect(cache.size).toBeLessThanOrEqual(10_000)
  }
})
test('what alone would fill it is not kept', () => {
  const cache = new AnswerCache(10_000)
  cache.set('a', entry([], 6000))
  expect([cache.get('a'), cache.size]).toEqual([undefined, 0])
})
test('what is asked for again stays, what is not goes', () => {
  const cache = new AnswerCache<Kept>(10_000)
  const asked = entry()
  cache.set('asked', asked)
  cache.set('once', entry())
  for (let made = 0; made < 500; made++) {
    expect(cache.get('asked')).toBe(asked)
    cache.set(`key ${made}`, entry())
  }
  expect(cache.get('once')).toBeUndefined()
})
test('REV-4: what depends on a changed certificate is dropped under each key and in both generations, the rest stays', () => {
  const cache = new AnswerCache<Kept>(10_000)
  const [old, both, other] = [entry(['1']), entry(['2', '1']), entry(['2'])]
  cache.set('old', old)
  for (let made = 0; made < 50; made++) cache.set(`key ${made}`, entry())
  for (let made = 0; made < 10; made++) cache.set(`more ${made}`, entry())
  cache.set('both', both)
  cache.set('both too', both)
  cache.set('other', other)
  expect(new Set(cache.drop('1'))).toEqual(new Set([old, both]))
  expect(['old', 'both', 'both too', 'other'].map((key) => cache.get(key))).toEqual([undefined, undefined, undefined, other])
  expect(cache.drop('1')).toEqual([])
})
test('REV-4: what was dropped is not kept again by who still holds it', () => {
  const cache = new AnswerCache<Kept>(10_000)
  const one = entry(['1'])
  cache.set('a', one)
  cache.drop('1')
  cache.set('b', one)
  expect(cache.get('b')).toBeUndefined()
})
test('forgets everything at once', () => {
  const cache = new AnswerCache<Kept>(10_000)
  cache.set('a', entry(['1']))
  cache.clear()
  expect([cache.get('a'), cache.size, cache.drop('1')]).toEqual([undefined, 0, []])
})
