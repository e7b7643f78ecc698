import { describe, expect, it } from 'vitest'
import { readMoment } from '../../src/key-protection/moment.ts'

describe('a moment as people and programs write it', () => {
  it.each([
    ['2026-11-22', '2026-11-22T00:00:00.000Z'],
    ['2024-02-29', '2024-02-29T00:00:00.000Z'],
    ['2026-11-22T09:30Z', '2026-11-22T09:30:00.000Z'],
    ['2026-11-22T09:30:15Z', '2026-11-22T09:30:15.000Z'],
    ['2026-11-22T09:30:15.25+09:00', '2026-11-22T00:30:15.250Z'],
    ['2026-11-22T23:30-05:30', '2026-11-23T05:00:00.000Z'],
  ])('ATT-2: %s is %s', (text, moment) => expect(readMoment(text)?.toISOString()).toBe(moment))

  it.each(['', 'x', '2026-11', '2026-02-30', '2026-02-30T00:00Z', '2026-13-01', '2026-11-22T25:00Z', '2026-11-22T09:30', '2026-11-22T09:30:15.1234Z', '2026-11-22T09Z', '22.11.2026', '2026-11-22 ', ' 2026-11-22', '2026-11-22T09:30Zx', '12026-11-22'])('ATT-2: %j is none', (text) =>
    expect(readMoment(text)).toBeNull(),
  )
})
