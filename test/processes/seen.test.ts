/** The private ports of the real processes. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Database } from '../../src/database/database.ts'
import { appendAnything } from '../audit/entries.ts'
import { ENGINE, openFresh, urlOf } from '../support/database.ts'
import { demoHierarchy, type DemoHierarchy } from '../support/demo-hierarchy.ts'
import { findPostgres } from '../support/postgres.ts'
import { freePorts, oneLine, run, start, type Program } from '../support/program.ts'

let hierarchy: DemoHierarchy
let database: Database
let env: Record<string, string>
const folder = mkdtempSync(join(tmpdir(), 'seen-'))

beforeAll(async () => {
  hierarchy = await demoHierarchy()
  database = await openFresh()
  await hierarchy.services(database)
  env = { ...hierarchy.env, ...(await freePorts()), DATABASE_URL: urlOf(database), PORTAL_TLS_KEY: '', NODE_NAME: 'node-7' }
}, 120_000)
afterAll(async () => {
  await hierarchy.remove()
  rmSync(folder, { recursive: true, force: true })
})

async function freePort(): Promise<string> {
  const server = createServer()
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  const { port } = server.address() as AddressInfo
  await new Promise((done) => server.close(done))
  return String(port)
}

const ready = async (port: string): Promise<[number, string[]]> => {
  const response = await fetch(`http://127.0.0.1:${port}/ready`)
  return [response.status, ((await response.json()) as { notReady: string[] }).notReady]
}
const metrics = async (port: string): Promise<string> => (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
const value = (text: string, name: string): number => Number(text.split('\n').find((line) => line.startsWith(`${name} `))?.slice(name.length + 1) ?? NaN)

async function within(program: Program, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } finally {
    program.signalGroup('SIGTERM')
    expect((await program.ended).code).toBe(0)
  }
}

test('ca tells its lists, its signatures and what waits; status beside it becomes ready when ca has certified the responder', async () => {
  const [CA_METRICS_PORT, STATUS_METRICS_PORT] = [await freePort(), await freePort()]
  const status = start('status', { ...env, STATUS_METRICS_PORT })
  await status.said('Status ')
  await within(status, async () => {
    expect(await ready(STATUS_METRICS_PORT)).toEqual([503, expect.arrayContaining(['lists', 'responder'])])
    const ca = start('ca', { ...env, CA_METRICS_PORT })
    await ca.said('CA ')
    await within(ca, async () => {
      await expect.poll(() => ready(CA_METRICS_PORT), { timeout: 30_000, interval: 200 }).toEqual([200, []])
      // A scrape within five seconds tells what was read before.
      await expect.poll(async () => value(await metrics(CA_METRICS_PORT), 'crl_number{authority="issuing-g1",shard="0"}'), { timeout: 30_000, interval: 500 }).toBe(1)
      const text = await metrics(CA_METRICS_PORT)
      expect(value(text, 'signer_signatures_total')).toBeGreaterThanOrEqual(3)
      expect(value(text, 'issuance_oldest_waiting_seconds')).toBe(0)
      expect(value(text, 'audit_breaks')).toBe(0)
      expect(value(text, 'signer_not_after_timestamp_seconds{kind="responder",authority="issuing-g1"}')).toBeGreaterThan(Date.now() / 1000 + 100 * 86_400)
    })
    await expect.poll(() => ready(STATUS_METRICS_PORT), { timeout: 30_000, interval: 500 }).toEqual([200, []])
  })
})

test('status with two workers has one private port: their answers together, and what a dead one counted stays', async () => {
  const STATUS_METRICS_PORT = await freePort()
  const ACCESS_LOG_DIR = join(folder, 'access-log')
  const status = start('status', { ...env, STATUS_METRICS_PORT, STATUS_WORKERS: '2', ACCESS_LOG_DIR })
  await status.said(', 2 workers')
  await within(status, async () => {
    const ask = () => fetch(`http://127.0.0.1:${env['STATUS_PORT']}/ocsp/x`, { headers: { connection: 'close' } })
    for (let each = 0; each < 6; each++) await ask()
    const answers = async () => value(await metrics(STATUS_METRICS_PORT), 'ocsp_answers_total{result="malformedRequest",source="error"}')
    await expect.poll(answers, { timeout: 20_000, interval: 300 }).toBe(6)
    expect((await ready(STATUS_METRICS_PORT))[0]).toBe(200)
    const { stdout } = spawnSync('ps', ['-o', 'pid=,args=', '--ppid', String(status.child.pid)], { encoding: 'utf8' })
    process.kill(Number.parseInt(stdout.split('\n').find((line) => line.includes('status.ts'))!, 10), 'SIGKILL')
    await status.said('another is started')
    expect(await answers()).toBe(6)
    const line = JSON.parse(status.output().split('\n').find((each) => each.includes('another is started'))!) as Record<string, unknown>
    expect(line).toMatchObject({ level: 'error', process: 'status', node: 'node-7', worker: expect.any(Number), at: expect.stringMatching(/^20\d\d-.*Z$/) })
    const figures = await metrics(STATUS_METRICS_PORT)
    expect(value(figures, 'access_log_lost_answers_total')).toBe(0)
    // The disk of a PostgreSQL server is that machine's own to tell of.
    const disks = ['data', ...(ENGINE === 'SQLite' ? ['database'] : []), 'access-log']
    expect([...figures.matchAll(/^disk_size_bytes\{folder="([^"]+)"\}/gm)].map(([, of]) => of).sort()).toEqual([...disks].sort())
    for (const of of disks) expect(value(figures, `disk_size_bytes{folder="${of}"}`)).toBeGreaterThanOrEqual(value(figures, `disk_free_bytes{folder="${of}"}`))
    // Of the moment before the end nothing is lost.
    await fetch(`http://127.0.0.1:${env['STATUS_PORT']}/ocsp`, { method: 'POST', body: 'x', headers: { connection: 'close' } })
  })
  const lines = readdirSync(ACCESS_LOG_DIR).filter((name) => !name.endsWith('.gz')).flatMap((name) => readFileSync(join(ACCESS_LOG_DIR, name), 'utf8').split('\n')).filter((each) => each !== '' && !each.startsWith('#'))
  const times = (pattern: RegExp) => lines.filter((each) => pattern.test(each)).reduce((sum, each) => sum + Number(each.split(' ')[4]), 0)
  expect(times(/^20\d\d-\d\d-\d\dT[\d:]{8}Z GET 200 5 \d+ 0 - malformedRequest - -$/)).toBe(6)
  expect(times(/ POST 415 0 1 0 - refused - -$/)).toBe(1)
})

test('OCS-8: where the access log can’t be written status answers all the same, and says so once', async () => {
  const ACCESS_LOG_DIR = join(folder, 'a-file')
  writeFileSync(ACCESS_LOG_DIR, '')
  const status = start('status', { ...env, ACCESS_LOG_DIR })
  await status.said('Status ')
  await within(status, async () => {
    for (let second = 0; second < 3; second++) {
      expect((await fetch(`http://127.0.0.1:${env['STATUS_PORT']}/ocsp/x`)).status).toBe(200)
      await new Promise((later) => setTimeout(later, 1100))
    }
  })
  const said = status.output().split('\n').filter((line) => line.includes('"alert"') && line.includes('access-log'))
  expect(said.map((line) => JSON.parse(line) as object)).toMatchObject([{ job: 'access-log', error: expect.stringContaining('EEXIST'), lostAnswers: 0 }])
})

test('OCS-2, TSA-3: status whose clock lies an hour behind its own last word signs no answer and no time-stamp: tryLater, an alert, an audit event', async () => {
  const STATUS_METRICS_PORT = await freePort()
  const lastSeen = join(env['DATA_DIR']!, 'last-seen-status')
  writeFileSync(lastSeen, `${new Date(Date.now() + 3_600_000).toISOString()}\n`)
  const status = start('status', { ...env, STATUS_METRICS_PORT })
  await status.said('Status ')
  await within(status, async () => {
    const ask = async () => Buffer.from(await (await fetch(`http://127.0.0.1:${env['STATUS_PORT']}/ocsp`, { method: 'POST', headers: { 'content-type': 'application/ocsp-request' }, body: '0' })).arrayBuffer()).toString('hex')
    expect(await ask()).toBe('30030a0103')
    expect(await ready(STATUS_METRICS_PORT)).toEqual([503, ['clock', 'timestamp-clock']])
    expect(await metrics(STATUS_METRICS_PORT)).toMatch(/^clock_sure 0$/m)
    expect(JSON.parse(status.output().split('\n').find((line) => line.includes('"clock.unsure"'))!)).toMatchObject({ level: 'alert', doubt: 'behind-what-was-signed', stops: true })
    expect(await database('audit_events').where({ event: 'clock.unsure', actor: 'process:status' })).toHaveLength(1)
  })
  rmSync(lastSeen)
})

test('OCS-1, ISS-6: status starts and answers though an entry of the log is not JSON, and though its time-stamps can’t be opened; these begin when they can', async () => {
  const apart = await openFresh()
  await hierarchy.services(apart)
  for (const event of ['timestamp.signing-changed', 'timestamp.clock-sure']) await appendAnything(apart, { event, subject: 'node:node-7', details: 'not json' })
  await apart.schema.renameTable('timestamp_certificates', 'away')
  const STATUS_METRICS_PORT = await freePort()
  const status = start('status', { ...env, ...(await freePorts()), DATABASE_URL: urlOf(apart), STATUS_METRICS_PORT })
  await within(status, async () => {
    await status.said('Status ')
    await status.said('Time-stamps  none: ')
    expect((await ready(STATUS_METRICS_PORT))[1]).toContain('timestamp-clock')
    expect((await fetch(`${/http:\S+/.exec(status.output())![0].replace(/,$/, '')}/ca/issuing-g1.cer`)).status).toBe(200)
    await apart.schema.renameTable('away', 'timestamp_certificates')
    await status.said('"begun":"Time-stamps')
    await expect.poll(async () => (await ready(STATUS_METRICS_PORT))[1], { timeout: 10_000 }).not.toContain('timestamp-clock')
  })
})

test.skipIf(findPostgres() === null && process.env['CI'] !== 'true')('ISS-6: who keeps a lock shows at /ready and in one alert line, with its number and its account, and is gone when it is ended', async () => {
  const apart = await openFresh('PostgreSQL')
  await hierarchy.services(apart)
  const PORTAL_METRICS_PORT = await freePort()
  const portal = start('portal', { ...env, ...(await freePorts()), DATABASE_URL: urlOf(apart), PORTAL_METRICS_PORT })
  await within(portal, async () => {
    await portal.said('Portal ')
    expect(await ready(PORTAL_METRICS_PORT)).toEqual([200, []])
    const holder = await apart.transaction()
    const { rows: [{ pid, account }] } = await holder.raw('SELECT pg_backend_pid() AS pid, current_user AS account, pg_advisory_lock(7230001)')
    await portal.said(`"job":"locks","pid":${pid},"account":"${account}"`)
    expect(await ready(PORTAL_METRICS_PORT)).toEqual([503, ['locks']])
    await apart.raw('SELECT pg_terminate_backend(?)', [pid])
    await holder.rollback().catch(() => undefined)
    await expect.poll(() => ready(PORTAL_METRICS_PORT), { timeout: 20_000 }).toEqual([200, []])
    expect(portal.output().match(/"job":"locks"/g)).toHaveLength(1)
  })
}, 60_000)

test('portal tells requests, mail and sign-ins; with its database gone it lives and is not ready', async () => {
  const PORTAL_METRICS_PORT = await freePort()
  const portal = start('portal', { ...env, PORTAL_METRICS_PORT })
  await portal.said('Portal ')
  await within(portal, async () => {
    expect(await ready(PORTAL_METRICS_PORT)).toEqual([200, []])
    await fetch(`http://127.0.0.1:${env['PORTAL_PORT']}/`)
    const text = await metrics(PORTAL_METRICS_PORT)
    expect(value(text, 'portal_requests_total{method="GET",code="200"}')).toBe(1)
    expect(value(text, 'mail_unsent{state="waiting"}')).toBe(0)
    expect(value(text, 'sign_in_events_total{event="session.refused"}')).toBe(0)
    await database.schema.renameTable('authorities', 'authorities_away')
    try {
      await expect.poll(() => ready(PORTAL_METRICS_PORT), { timeout: 10_000 }).toEqual([503, ['hierarchy']])
      expect((await fetch(`http://127.0.0.1:${PORTAL_METRICS_PORT}/health`)).status).toBe(200)
    } finally {
      await database.schema.renameTable('authorities_away', 'authorities')
    }
  })
})

test('a private port that is taken, or that others reach without being meant to: one line, and nothing is served', async () => {
  const server = createServer()
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo
  expect(oneLine(await run('ca', { ...env, CA_METRICS_PORT: String(port) }))).toBe(`ca: Port ${port} is in use: stop what uses it, or set CA_METRICS_PORT`)
  await new Promise((done) => server.close(done))
  const ended = await run('portal', { ...env, METRICS_HOST: '0.0.0.0' })
  expect([ended.code, ended.err.split('\n')[1]]).toEqual([1, '  METRICS_HOST: 0.0.0.0 may be reached from other machines: bind to 127.0.0.1, or set METRICS_BEYOND_LOOPBACK=yes on purpose'])
})
