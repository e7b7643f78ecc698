import { beforeEach, describe, expect, test } from 'vitest'
import { loadPolicy } from '../../src/policy/policy.ts'
import { type ClockNote, type ClockParts, type ClockReading, type ClockWatch, watchClock } from '../../src/timestamp/clock-watch.ts'

const RULES = loadPolicy().timestamp!.clock
const START = Date.parse('2027-03-01T00:00:00Z')
const HOUR = 3_600_000

let steady: number
/** What the wall clock is off from a clock that runs with the steady one. */
let off: number
let reading: ClockReading
let last: Date | null
let notes: ClockNote[]
let auditFails: boolean

beforeEach(() => {
  ;[steady, off, last, notes, auditFails] = [1_000_000, 0, null, [], false]
  reading = synchronised()
})

const wall = () => new Date(START + steady + off)
const synchronised = (change: Partial<Extract<ClockReading, { state: 'synchronised' }>> = {}): ClockReading => ({ state: 'synchronised', source: 'test', errorMilliseconds: 5, lastUpdate: null, ...change })
const watch = (change: Partial<ClockParts> = {}): ClockWatch =>
  watchClock({
    rules: RULES,
    demo: false,
    clock: wall,
    monotonic: () => steady,
    source: { read: async () => reading },
    lastToken: async () => last,
    async note(note) {
      if (auditFails) throw new Error('no audit log')
      notes.push(note)
    },
    ...change,
  })
const sure = { at: expect.any(Date) }
const events = () => notes.map(({ event, details }) => ('doubt' in details ? `${event} ${details.doubt}` : event))

describe('TSA-3: the clock', () => {
  test('TSA-3: is unsure before the first look, sure after a good one, and says so once', async () => {
    const clock = watch()
    expect(clock.now()).toEqual({ unsure: 'not-checked' })
    await clock.check()
    expect(clock.now()).toEqual({ at: wall() })
    await clock.check()
    expect(events()).toEqual(['timestamp.clock-sure'])
  })

  test.each<[string, string, () => void]>([
    ['unsynchronised', 'the system says that it is not synchronised', () => void (reading = { state: 'unsynchronised', source: 'test', why: '' })],
    ['unreadable', 'the system says nothing', () => void (reading = { state: 'unreadable', why: '' })],
    ['error-too-large', 'the error may be larger than permitted', () => void (reading = synchronised({ errorMilliseconds: RULES.maximumErrorMilliseconds + 1 }))],
    ['synchronised-too-long-ago', 'it was synchronised more than 24 hours ago', () => void (reading = synchronised({ lastUpdate: new Date(wall().getTime() - 24 * HOUR - 1) }))],
    ['reference-in-the-future', 'it was synchronised at a time that is still to come', () => void (reading = synchronised({ lastUpdate: new Date(wall().getTime() + 2000) }))],
    ['behind-an-earlier-token', 'a token was given that lies ahead', () => void (last = new Date(wall().getTime() + 2001))],
  ])('TSA-3: %s: refuses when %s, on record, and goes on when that is over', async (doubt, _, spoil) => {
    const clock = watch()
    await clock.check()
    spoil()
    await clock.check()
    expect(clock.now()).toEqual({ unsure: doubt })
    ;[reading, last] = [synchronised(), null]
    await clock.check()
    expect(clock.now()).toEqual(sure)
    expect(events()).toEqual(['timestamp.clock-sure', `timestamp.clock-unsure ${doubt}`, 'timestamp.clock-sure'])
  })

  test('TSA-3: a source that fails is unreadable', async () => {
    const clock = watch({ source: { read: () => Promise.reject(new Error('gone')) } })
    await clock.check()
    expect(clock.now()).toEqual({ unsure: 'unreadable' })
  })

  test.each([
    [1000, true],
    [-1000, true],
    [3_600_000, true],
    [999, false],
    [-999, false],
  ])('TSA-3: a jump of %i milliseconds is refused at once and audited: %s', async (jump, noticed) => {
    const clock = watch()
    await clock.check()
    off += jump
    expect(clock.now()).toEqual(noticed ? { unsure: 'stepped' } : sure)
    await clock.check()
    expect(clock.now()).toEqual(noticed ? { unsure: 'stepped' } : sure)
    expect(notes.filter(({ event }) => event === 'timestamp.clock-adjusted').map(({ details }) => (details as { milliseconds: number }).milliseconds)).toEqual(noticed ? [jump] : [])
    await clock.check()
    expect(clock.now()).toEqual(sure)
  })

  test('TSA-3: a jump that was taken back before the look is refused until the look', async () => {
    const clock = watch()
    await clock.check()
    off += 5000
    expect(clock.now()).toEqual({ unsure: 'stepped' })
    off -= 5000
    expect(clock.now()).toEqual({ unsure: 'stepped' })
    await clock.check()
    expect(clock.now()).toEqual(sure)
  })

  test('TSA-3: drift of less than a second at a time is audited when it adds up to one', async () => {
    const clock = watch()
    await clock.check()
    for (const step of [400, 400]) {
      off += step
      await clock.check()
      expect(clock.now()).toEqual(sure)
    }
    off += 400
    await clock.check()
    expect(clock.now()).toEqual({ unsure: 'stepped' })
    expect(events()).toContain('timestamp.clock-adjusted')
  })

  test('TSA-3: after a jump the source has to have spoken since, where it says when it spoke', async () => {
    const before = wall()
    reading = synchronised({ lastUpdate: before })
    const clock = watch()
    await clock.check()
    off += 5000
    for (let look = 0; look < 3; look++) {
      steady += 10_000
      await clock.check()
      expect(clock.now()).toEqual({ unsure: 'stepped' })
    }
    reading = synchronised({ lastUpdate: wall() })
    await clock.check()
    expect(clock.now()).toEqual(sure)
  })

  test('TSA-3: a look older than three turns is none', async () => {
    const clock = watch()
    await clock.check()
    steady += 3 * RULES.checkSeconds * 1000
    expect(clock.now()).toEqual(sure)
    steady += 1
    expect(clock.now()).toEqual({ unsure: 'not-checked' })
  })

  test('TSA-3: what cannot be audited is not stamped', async () => {
    const clock = watch()
    await clock.check()
    off += 2000
    auditFails = true
    await expect(clock.check()).rejects.toThrow('no audit log')
    expect(clock.now()).toHaveProperty('unsure')
    auditFails = false
    await clock.check()
    expect(events()).toContain('timestamp.clock-adjusted')
  })

  test('TSA-3: an unreadable state stamps under a demo hierarchy alone, and only where the policy says so', async () => {
    reading = { state: 'unreadable', why: 'no program' }
    for (const [demo, unreadable, expected] of [
      [true, 'stamp-under-demo', sure],
      [false, 'stamp-under-demo', { unsure: 'unreadable' }],
      [true, 'refuse', { unsure: 'unreadable' }],
    ] as const) {
      const clock = watch({ demo, rules: { ...RULES, unreadable } })
      await clock.check()
      expect(clock.now()).toEqual(expected)
      expect(clock.says()).toContain('no program')
    }
    reading = { state: 'unsynchronised', source: 'test', why: '' }
    const clock = watch({ demo: true })
    await clock.check()
    expect(clock.now()).toEqual({ unsure: 'unsynchronised' })
  })
})
