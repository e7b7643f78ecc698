import { expect, test } from 'vitest'
import { answerChart, CHART_SIZES, type HourOfTimes } from '../../src/web/answer-chart.ts'

const hour = (half: number | null, most: number | null): HourOfTimes => ({ label: 'x', half, most })
const day = (of: (at: number) => HourOfTimes) => Array.from({ length: 24 }, (_, at) => of(at))

test.each(Object.keys(CHART_SIZES) as (keyof typeof CHART_SIZES)[])('the picture (%s) keeps within its frame, slower stands higher, and the newest hour has its label', (size) => {
  const chart = answerChart(day((at) => hour(0.02 * (at + 1), 3000)), size)
  for (const { x, y } of chart.points) expect([x > chart.left, x < chart.right, y >= 0, y <= chart.bottom]).toEqual([true, true, true, true])
  const half = chart.points.filter(({ kind }) => kind === 'half')
  expect(half.map(({ y }) => y)).toEqual(half.map(({ y }) => y).sort((one, other) => other - one))
  expect(chart.points.find(({ kind }) => kind === 'most')!.y).toBeLessThan(half.at(-1)!.y)
  expect(chart.hours.at(-1)!.x).toBe(half.at(-1)!.x)
  expect(chart.marks.map(({ milliseconds }) => milliseconds)).toEqual([0.01, 0.1, 1, 10, 100, 1000, 10_000])
  expect(chart.marks[0]!.y).toBe(chart.bottom)
})

test('an hour without answers is a gap in the line, not a zero', () => {
  const chart = answerChart(day((at) => (at === 5 ? hour(null, null) : hour(1, 2))), 'wide')
  expect(chart.half.match(/M/g)).toHaveLength(2)
  expect(chart.points).toHaveLength(46)
})

test('a day of equal answers has a scale all the same, and a lone hour a point', () => {
  const chart = answerChart(day((at) => (at === 23 ? hour(1, 1) : hour(null, null))), 'narrow')
  expect(chart.marks.map(({ milliseconds }) => milliseconds)).toEqual([1, 10])
  expect(chart.points).toHaveLength(2)
  expect(chart.most).toMatch(/^M[\d.]+ [\d.]+$/)
})
