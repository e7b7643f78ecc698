import { beforeEach, expect, test } from 'vitest'
import { type ClockEvent, type ProcessClock, processClock } from '../../src/clock/process-clock.ts'
import { loadPolicy } from '../../src/policy/policy.ts'
import type { ClockReading } from '../../src/timestamp/clock-watch.ts'

const { clock: rules } = loadPolicy()
const START = Date.UTC(2026, 10, 22, 12)
const SYNCHRONISED: ClockReading = { state: 'synchronised', source: 'chrony', errorMilliseconds: 2, lastUpdate: null }

let offset: number
let elapsed: number
let reading: ClockReading
let lastDated: Date | null
let events: ClockEvent[]
let clock: ProcessClock
const now = () => new Date(START + elapsed + offset)
const make = (demo = false) =>
  processClock({ rules, demo, clock: now, monotonic: () => elapsed, source: { read: async () => reading }, lastDated: async () => lastDated, note: async (event) => void events.push(event) })

beforeEach(() => {
  offset = elapsed = 0
  reading = SYNCHRONISED
  lastDated = null
  events = []
  clock = make()
})
const look = async () => {
  elapsed += rules.checkSeconds * 1000
  await clock.check()
}
const names = () => events.map(({ event, details }) => ('doubt' in details ? `${event} ${details.doubt}` : event))

test('CRL-2, OCS-2: a clock that goes back stops what is signed at once, with an audit event, until it is right again', async () => {
  await look()
  expect([clock.stops(), names()]).toEqual([null, []])
  lastDated = now()
  offset = -3_600_000
  // Before the next look already.
  expect(clock.stops()).toBe('stepped')
  await look()
  expect(events[0]).toMatchObject({ event: 'clock.adjusted', details: { milliseconds: -3_600_000 } })
  await look()
  expect(clock.stops()).toBe('behind-what-was-signed')
  expect(names()).toEqual(['clock.adjusted', 'clock.unsure stepped', 'clock.unsure behind-what-was-signed'])
  // An hour later it is where it was.
  elapsed += 3_600_000
  await look()
  expect([clock.stops(), names().at(-1)]).toEqual([null, 'clock.sure'])
})

test('a clock that jumps ahead stops too until it was looked at: a list from the future would bar every later one', async () => {
  await look()
  offset = 86_400_000
  expect(clock.stops()).toBe('stepped')
  await look()
  expect(clock.stops()).toBe('stepped')
  await look()
  expect([clock.stops(), names()]).toEqual([null, ['clock.adjusted', 'clock.unsure stepped', 'clock.sure']])
})

test('a clock that creeps away is noticed when it has gone as far as a step', async () => {
  await look()
  for (let turn = 0; turn < 6 && clock.stops() === null; turn++) {
    offset -= 1000
    await look()
  }
  expect(events[0]).toMatchObject({ event: 'clock.adjusted', details: { milliseconds: -5000 } })
})

test('at a start: what was signed before, by whomever, is not ahead', async () => {
  lastDated = new Date(START + 60_000)
  await look()
  expect([clock.stops(), events[0]]).toMatchObject(['behind-what-was-signed', { event: 'clock.unsure', details: { stops: true } }])
  // The permitted error of two clocks is none.
  clock = make()
  lastDated = new Date(now().getTime() + 2 * rules.maximumErrorMilliseconds)
  await clock.check()
  expect(clock.stops()).toBe(null)
})

test.each<[string, ClockReading]>([
  ['unsynchronised', { state: 'unsynchronised', source: 'chrony', why: 'Not synchronised, stratum 0' }],
  ['error-too-large', { state: 'synchronised', source: 'chrony', errorMilliseconds: 60_000, lastUpdate: null }],
  ['synchronised-too-long-ago', { state: 'synchronised', source: 'timedatectl', errorMilliseconds: null, lastUpdate: new Date(START - 48 * 3_600_000) }],
])('%s is told and stops nothing: a time server that is away must not take the lists with it', async (doubt, found) => {
  reading = found
  await look()
  await look()
  expect([clock.stops(), clock.doubt(), names()]).toEqual([null, doubt, [`clock.unsure ${doubt}`]])
  reading = SYNCHRONISED
  await look()
  expect([clock.doubt(), names().at(-1)]).toEqual([null, 'clock.sure'])
})

test('a machine that tells nothing of its clock is told of in production, and is quiet under a demo hierarchy', async () => {
  reading = { state: 'unreadable', why: 'neither chronyc, timedatectl nor adjtimex answers' }
  await look()
  expect(names()).toEqual(['clock.unsure unreadable'])
  events = []
  clock = make(true)
  await look()
  expect([clock.doubt(), names()]).toEqual([null, []])
})

test('REV-4: a clock of which nothing is told is never said to be right: unreadable, under a demo hierarchy too, and not checked before the first look', async () => {
  for (const demo of [true, false]) {
    clock = make(demo)
    expect(clock.standing()).toBe('not-checked')
    reading = { state: 'unreadable', why: 'neither chronyc, timedatectl nor adjtimex answers' }
    await look()
    expect(clock.standing()).toBe('unreadable')
    reading = SYNCHRONISED
    await look()
    expect(clock.standing()).toBe(null)
    reading = { state: 'unsynchronised', source: 'chrony', why: 'stratum 0' }
    await look()
    expect(clock.standing()).toBe('unsynchronised')
  }
})

test('where the audit log can’t be written the doubt stands', async () => {
  clock = processClock({ rules, demo: false, clock: now, monotonic: () => elapsed, source: { read: async () => reading }, lastDated: async () => new Date(START + 3_600_000), note: () => Promise.reject(new Error('no database')) })
  await expect(clock.check()).rejects.toThrow('no database')
  expect(clock.stops()).toBe('behind-what-was-signed')
})
