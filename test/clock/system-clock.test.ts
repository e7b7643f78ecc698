import { describe, expect, test } from 'vitest'
import { readAdjtimex, readChronyTracking, readTimedatectl, systemClock } from '../../src/clock/system-clock.ts'

// As chrony 4.3 prints it.
const TRACKING = 'D4B6C0D2,ntp.example,2,1772323200.123456789,0.000012345,-0.000020000,0.000031000,-12.345,0.001,0.050,0.020000000,0.001500000,64.3,Normal\n'
const fields = (change: Readonly<Record<number, string>>) => TRACKING.trim().split(',').map((field, index) => change[index] ?? field).join(',')
// As adjtimex 1.29 prints it.
const ADJTIMEX = '         mode: 0\n       offset: -12\n    frequency: 123456\n     maxerror: 250500\n     esterror: 0\n       status: 8193\ntime_constant: 7\n'

describe('TSA-3: what the system says of its clock', () => {
  test('TSA-3: chrony: synchronised, with its bound of the error and the time of its last measurement', () => {
    expect(readChronyTracking(TRACKING)).toEqual({ state: 'synchronised', source: 'chrony', errorMilliseconds: expect.closeTo(11.512, 2), lastUpdate: new Date(1772323200123) })
    for (const leap of ['Insert second', 'Delete second']) expect(readChronyTracking(fields({ 13: leap })).state).toBe('synchronised')
  })

  test.each<[string, Readonly<Record<number, string>>]>([
    ['says so', { 13: 'Not synchronised' }],
    ['has no stratum', { 2: '0' }],
    ['has stratum 16', { 2: '16' }],
  ])('TSA-3: chrony: not synchronised when it %s', (_, change) => {
    expect(readChronyTracking(fields(change)).state).toBe('unsynchronised')
  })

  test.each(['', '506 Cannot talk to daemon', fields({ 3: 'soon' }), `${TRACKING.trim()},more`])('TSA-3: chrony: %j is unreadable', (text) => {
    expect(readChronyTracking(text).state).toBe('unreadable')
  })

  test('TSA-3: timedatectl: yes, no, and anything else', () => {
    const at = new Date(0)
    expect(readTimedatectl('NTPSynchronized=yes\n', at)).toMatchObject({ state: 'synchronised', lastUpdate: at })
    expect(readTimedatectl('NTPSynchronized=no\n', null).state).toBe('unsynchronised')
    for (const text of ['', 'NTP=yes\n', 'NTPSynchronized=maybe\n', 'CanNTPSynchronized=yes\n']) expect(readTimedatectl(text, null).state).toBe('unreadable')
  })

  test('TSA-3: adjtimex: the kernel\'s unsynchronised bit and its largest error', () => {
    expect(readAdjtimex(ADJTIMEX)).toMatchObject({ state: 'synchronised', errorMilliseconds: 250.5 })
    expect(readAdjtimex(ADJTIMEX.replace('8193', '64')).state).toBe('unsynchronised')
    expect(readAdjtimex('').state).toBe('unreadable')
  })

  test('TSA-3: the first program that answers is believed; none answering is unreadable', async () => {
    const asked: string[] = []
    const answering = (answers: Readonly<Record<string, string>>) => systemClock(async (program) => (asked.push(program), answers[program] ?? null), async () => null).read()
    expect((await answering({})).state).toBe('unreadable')
    expect(asked).toEqual(['chronyc', 'timedatectl', 'adjtimex'])
    expect(await answering({ chronyc: TRACKING, timedatectl: 'NTPSynchronized=no\n' })).toMatchObject({ source: 'chrony' })
    expect(await answering({ timedatectl: 'NTPSynchronized=no\n', adjtimex: ADJTIMEX })).toMatchObject({ source: 'timedatectl', state: 'unsynchronised' })
    expect(await answering({ adjtimex: ADJTIMEX })).toMatchObject({ source: 'adjtimex' })
  })

  test('TSA-3: this machine is asked without an exception', async () => {
    expect(['synchronised', 'unsynchronised', 'unreadable']).toContain((await systemClock().read()).state)
  })
})
