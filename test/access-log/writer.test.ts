import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { truncatedAddress } from '../../src/access-log/client.ts'
import { accessLines, HEADING } from '../../src/access-log/line.ts'
import { finishedName, openName, readName } from '../../src/access-log/names.ts'
import { type AccessLog, openAccessLog } from '../../src/access-log/writer.ts'
import { aboutCertificates, AnswerTally, newCount, type Taken } from '../../src/revocation/answer-tally.ts'

let folder: string
let at: Date
let told: unknown[]
let log: AccessLog
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'access-log-')), 'logs')
  at = new Date('2026-11-22T10:20:30.400Z')
  told = []
  log = open()
})
afterEach(() => rmSync(join(folder, '..'), { recursive: true, force: true }))
const open = (more: { mostWaiting?: number; mostInFile?: number } = {}) => openAccessLog({ folder, node: 'node-7', clock: () => at, told: (what) => told.push(what), ...more })

const about = aboutCertificates('issuing-g1', [{ serial: '0a', state: 'good' }, { serial: '0b', state: 'revoked' }])
const taken = (times: number, more: Partial<Taken> = {}): Taken => ({ sent: [{ how: 'GET', about, octets: 1700, times, signed: 1, client: null }], refused: [], lost: 0, ...more })
const files = () => readdirSync(folder).sort()
const text = (name: string) => readFileSync(join(folder, name), 'utf8')
const LINE = '2026-11-22T10:20:30Z GET 200 1700 3 1 issuing-g1 revoked 0a=good,0b=revoked -\n'

test('OCS-8: a line says when, how, what was answered about which certificates, how often within the second and how many of these were signed for it', () => {
  const { text: lines, answers } = accessLines(
    {
      sent: [
        { how: 'GET', about, octets: 1700, times: 3, signed: 1, client: null },
        { how: '304', about, octets: 0, times: 2, signed: 0, client: null },
        { how: 'POST', about: { authority: null, certificates: [], result: 'unauthorized' }, octets: 5, times: 1, signed: 0, client: '192.0.2.0/24' },
      ],
      refused: [{ method: 'PUT', status: 405, times: 4 }],
      lost: 9,
    },
    at,
  )
  expect(lines).toBe(
    `${LINE}2026-11-22T10:20:30Z GET 304 0 2 0 issuing-g1 revoked 0a=good,0b=revoked -\n2026-11-22T10:20:30Z POST 200 5 1 0 - unauthorized - 192.0.2.0/24\n2026-11-22T10:20:30Z PUT 405 0 4 0 - refused - -\n# 2026-11-22T10:20:30Z 9 answers before this line are not on record: more were given within a second than can be counted apart\n`,
  )
  expect(answers).toBe(10)
})

test('OCS-8: nobody’s address is on a line unless the policy has it; then the network alone, each apart', () => {
  expect(['192.0.2.77', '::ffff:192.0.2.77', '2001:db8:1:2:3:4:5:6', '2001:db8::1', '::1', 'fe80::1%eth0', undefined, 'x'].map(truncatedAddress)).toEqual(['192.0.2.0/24', '192.0.2.0/24', '2001:db8:1::/48', '2001:db8:0::/48', '0:0:0::/48', 'fe80:0:0::/48', '-', '-'])
  const from = (remoteAddress: string) => ({ socket: { remoteAddress } })
  const without = new AnswerTally(() => 0)
  const withClients = new AnswerTally(() => 0, truncatedAddress)
  for (const tally of [without, withClients]) {
    const count = newCount(about, 1700)
    for (const address of ['192.0.2.1', '192.0.2.2', '198.51.100.1']) tally.sent(count, 'GET', from(address))
  }
  expect(without.take().sent.map(({ client, times }) => [client, times])).toEqual([[null, 3]])
  expect(withClients.take().sent.map(({ client, times, signed }) => [client, times, signed])).toEqual([['192.0.2.0/24', 2, 1], ['198.51.100.0/24', 1, 0]])
  expect(withClients.take().sent).toEqual([])
})

test('OCS-8: lines go to a file of the day, that only its owner reads; the next day begins another and finishes the first', async () => {
  log.write(taken(3))
  await log.settled()
  const [first] = files()
  expect(first).toMatch(/^ocsp-2026-11-22-node-7\.\d+-[0-9a-f]{6}\.1\.log\.open$/)
  expect(text(first!)).toBe(HEADING + LINE)
  expect(statSync(join(folder, first!)).mode & 0o777).toBe(0o600)
  at = new Date('2026-11-23T00:00:00.900Z')
  // Without an answer too.
  log.write({ sent: [], refused: [], lost: 0 })
  await log.settled()
  expect(files()).toEqual([first!.replace('.open', '')])
  log.write(taken(1))
  await log.close()
  expect(files().map((name) => readName(name)!).map(({ day, state }) => [day, state])).toEqual([['2026-11-22', 'finished'], ['2026-11-23', 'finished']])
  expect(log.lines).toBe(2)
})

test('OCS-8: no line is lost or written twice when the clock goes back over midnight while lines wait', async () => {
  for (const [times, moment] of [[1, '2026-11-23T00:00:00.100Z'], [2, '2026-11-23T00:00:01.100Z'], [4, '2026-11-22T23:59:59.100Z'], [8, '2026-11-23T00:00:01.100Z']] as const) {
    at = new Date(moment)
    log.write(taken(times))
  }
  await log.close()
  const written = (day: string) => files().filter((name) => readName(name)!.day === day).flatMap((name) => text(name).split('\n').filter((line) => line.startsWith(day)).map((line) => Number(line.split(' ')[4])))
  expect([written('2026-11-22'), written('2026-11-23')]).toEqual([[4], [1, 2, 8]])
})

test('OCS-8: a file that is full is finished, and another begun', async () => {
  log = open({ mostInFile: 300 })
  for (let second = 0; second < 5; second++) {
    log.write(taken(1))
    await log.settled()
  }
  await log.close()
  expect(files().length).toBeGreaterThan(1)
  expect(files().map((name) => readName(name)!.number)).toEqual(files().map((_, at) => at + 1))
  expect(files().flatMap((name) => text(name).split('\n')).filter((line) => line.startsWith('2026'))).toHaveLength(5)
})

test('OCS-8: what can’t be written waits, is lost beyond a bound, counted, alarmed, and said in the file once it can be written again', async () => {
  writeFileSync(folder, 'no folder')
  log = open({ mostWaiting: 200 })
  for (const times of [1, 2, 4]) {
    log.write(taken(times))
    await log.settled()
  }
  expect(told).toHaveLength(3)
  expect(told[0]).toMatchObject({ failed: expect.stringContaining('EEXIST'), lost: 0 })
  expect(log.lost).toBe(4)
  rmSync(folder)
  log.write(taken(8))
  // Only now is there room again.
  await log.settled()
  log.write(taken(16))
  await log.close()
  const lines = text(files()[0]!).split('\n')
  expect(lines[1]).toMatch(/^# 2026-11-22T10:20:30Z (4|12) answers before this line are not on record: they could not be written$/)
  const written = lines.filter((line) => line.startsWith('2026')).reduce((sum, line) => sum + Number(line.split(' ')[4]), 0)
  expect(written + log.lost).toBe(31)
  expect(told.at(-1)).toEqual({ recovered: true, lost: log.lost })
})

test('names of its files are read back, and nothing else is', () => {
  const name = { day: '2026-11-22', node: 'eu-1.example', run: '123-abcdef', number: 12 }
  expect(readName(finishedName(name))).toEqual({ ...name, pid: 123, state: 'finished' })
  expect(readName(openName(name))).toMatchObject({ state: 'open' })
  expect(readName(`${finishedName(name)}.gz`)).toMatchObject({ state: 'kept' })
  for (const other of ['ocsp.log', `${finishedName(name)}.gz.part`, `x${finishedName(name)}`, '../ocsp-2026-11-22-a.1-abcdef.1.log']) expect(readName(other), other).toBe(null)
})
