import { beforeEach, expect, test } from 'vitest'
import { Registry } from 'prom-client'
import { aboutCertificates, AnswerTally, newCount } from '../../src/revocation/answer-tally.ts'
import { answerTimes, quantile, TIME_BOUNDS } from '../../src/revocation/answer-times.ts'
import { answerFigures } from '../../src/metrics/ocsp-figures.ts'

let now: number
let tally: AnswerTally
beforeEach(() => {
  now = 0
  tally = new AnswerTally(() => now)
})
const good = () => newCount(aboutCertificates('issuing-g1', [{ serial: '0a', state: 'good' }]), 1700)
const malformed = () => newCount({ authority: null, certificates: [], result: 'malformedRequest' }, 5)

test('OCS-8: equal answers of one turn are one row with their number, by method; the first was signed, the others were kept', () => {
  const count = good()
  for (const how of ['GET', 'GET', 'POST', '304', 'GET', 'HEAD'] as const) tally.sent(count, how)
  tally.sent(malformed(), 'GET')
  expect(tally.take().sent.map(({ how, times, signed, octets, about }) => [how, times, signed, octets, about.result])).toEqual([
    ['GET', 3, 1, 1700, 'good'],
    ['POST', 1, 0, 1700, 'good'],
    ['HEAD', 1, 0, 0, 'good'],
    ['304', 1, 0, 0, 'good'],
    ['GET', 1, 0, 5, 'malformedRequest'],
  ])
  tally.sent(count, 'GET')
  expect(tally.take().sent.map(({ times, signed }) => [times, signed])).toEqual([[1, 0]])
  expect(tally.take()).toEqual({ sent: [], refused: [], lost: 0 })
})

test('OCS-8: what HTTP refused is counted by method and code; a method of somebody’s own is none of ours to write down', () => {
  tally.refused('POST', 415)
  tally.refused('POST', 415)
  tally.refused('X'.repeat(5000), 405)
  expect(tally.take().refused).toEqual([{ method: 'POST', status: 415, times: 2 }, { method: 'other', status: 405, times: 1 }])
})

test('OCS-8: what nobody takes is bounded, and the rest is told as lost, not forgotten', () => {
  for (let each = 0; each < 200_003; each++) tally.sent(malformed(), 'GET')
  expect(tally.take()).toMatchObject({ lost: 3, refused: [] })
  expect(tally.take().lost).toBe(0)
})

test('the worst of several statuses is the answer’s', () => {
  const of = (...states: ('good' | 'revoked' | 'unknown')[]) => aboutCertificates('a', states.map((state, at) => ({ serial: `0${at}`, state }))).result
  expect([of('good'), of('good', 'unknown'), of('unknown', 'revoked', 'good')]).toEqual(['good', 'unknown', 'revoked'])
})

test('one kept answer in sixteen is timed, and stands for the others', () => {
  let reads = 0
  const timing = new AnswerTally(() => (reads++, now))
  for (let each = 0; each < 160; each++) {
    const began = timing.begin()
    now += 0.02
    timing.kept(began)
  }
  expect(reads).toBe(20)
  timing.made(timing.now() - 3)
  timing.take()
  expect(timing.times.counts[0]).toBe(160)
  expect(timing.times.counts[TIME_BOUNDS.indexOf(5)]).toBe(1)
  expect(timing.times.sum).toBeCloseTo(160 * 0.02 + 3)
  // A request that no kept answer served is none of them.
  timing.begin()
  timing.notKept()
  timing.take()
  expect(timing.times.counts[0]).toBe(160)
})

test('the shares of timed answers add up to all of them', () => {
  const times = answerTimes()
  for (const ms of [0.01, 0.2, 3]) times.timed(ms)
  times.settle(1000)
  expect(times.counts.reduce((sum, count) => sum + count)).toBe(1000)
})

test('a quantile lies within the bound that holds it; without answers there is none', () => {
  const times = answerTimes()
  for (let each = 0; each < 98; each++) times.made(0.3)
  for (let each = 0; each < 2; each++) times.made(80)
  expect(quantile(times.counts, 0.5)).toBeGreaterThan(0.25)
  expect(quantile(times.counts, 0.5)).toBeLessThan(0.5)
  expect(quantile(times.counts, 0.99)).toBeGreaterThan(50)
  expect(quantile(answerTimes().counts, 0.5)).toBe(null)
  const slow = answerTimes()
  slow.made(60_000)
  expect(quantile(slow.counts, 0.5)).toBe(10_000)
})

test('the figures: answers by result and source, refusals by code, a histogram whose last bucket is its count', async () => {
  const registry = new Registry()
  const totals = answerFigures(registry, tally.times)
  const count = good()
  for (let each = 0; each < 3; each++) tally.sent(count, 'GET')
  tally.sent(count, '304')
  tally.sent(malformed(), 'POST')
  tally.refused('GET', 413)
  tally.made(-2)
  totals.add(tally.take())
  const text = await registry.metrics()
  for (const line of [
    'ocsp_answers_total{result="good",source="signed"} 1',
    'ocsp_answers_total{result="good",source="kept"} 2',
    'ocsp_answers_total{result="good",source="not_modified"} 1',
    'ocsp_answers_total{result="malformedRequest",source="error"} 1',
    'ocsp_http_refusals_total{code="413"} 1',
    'ocsp_answer_duration_seconds_bucket{le="0.0025"} 1',
    'ocsp_answer_duration_seconds_bucket{le="+Inf"} 1',
    'ocsp_answer_duration_seconds_count 1',
    'ocsp_answer_duration_seconds_sum 0.002',
  ])
    expect(text.split('\n')).toContain(line)
})
