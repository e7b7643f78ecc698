import { get, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Counter, Gauge, Registry } from 'prom-client'
import { afterEach, expect, test } from 'vitest'
import { asksForUs, createPrivateServer } from '../../src/metrics/private-port.ts'
import { gauge, keep, keepBy, processFigures } from '../../src/metrics/process-figures.ts'
import { type Figures, inText, type ReadinessCheck, seen, sumOf, worstOf } from '../../src/metrics/seen.ts'
import { remembered } from '../../src/metrics/state-figures.ts'
import { figuresOf } from '../../src/workers.ts'

const told = (error: unknown): string => (error as Error).message
const servers: Server[] = []
afterEach(() => servers.splice(0).forEach((server) => server.close()))

async function open(checks: readonly ReadinessCheck[], registry = new Registry(), elapsed = () => performance.now()): Promise<string> {
  const server = createPrivateServer(seen(registry, checks, told), '127.0.0.1', elapsed, (error) => expect.fail(String(error)))
  servers.push(server)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const figures = async (value: number): Promise<Figures> => {
  const registry = new Registry()
  const registers = [registry]
  new Counter({ name: 'answers_total', help: 'a', labelNames: ['kind'], registers, collect: keepBy('kind', () => [['kept', value]]) })
  new Gauge({ name: 'memory_bytes', help: 'm', registers, collect: gauge(() => value) })
  new Gauge({ name: 'age_seconds', help: 'w', registers, aggregator: 'max', collect: gauge(() => value) })
  new Gauge({ name: 'unknown', help: 'u', registers, collect: gauge(() => Promise.reject(new Error('no database'))) })
  // As it comes from another process.
  return JSON.parse(JSON.stringify(await registry.getMetricsAsJSON())) as Figures
}

test('/health answers while the process lives, /ready names each thing that is not ready, and what hangs is not ready', async () => {
  const port = await open([
    { name: 'database', run: () => Promise.reject(new Error('connection refused')) },
    { name: 'token', run: () => null },
    { name: 'lists', run: async () => 'no list in force of issuing-g1' },
    { name: 'clock', run: () => new Promise(() => undefined) },
  ])
  expect((await fetch(`${port}/health`)).status).toBe(200)
  const ready = await fetch(`${port}/ready`)
  expect([ready.status, await ready.json()]).toEqual([
    503,
    { ready: false, notReady: ['database', 'lists', 'clock'], checks: { database: 'connection refused', token: 'ok', lists: 'no list in force of issuing-g1', clock: 'no answer within 3 s' } },
  ])
})

test('what /ready says is a figure too, one for each check', async () => {
  const text = await (await fetch(`${await open([{ name: 'database', run: () => Promise.reject(new Error('connection refused')) }, { name: 'token', run: () => null }])}/metrics`)).text()
  expect(text).toMatch(/^ready_check\{check="database"\} 0\nready_check\{check="token"\} 1$/m)
})

test('a page elsewhere whose name was led to this machine (DNS rebinding) learns nothing; beyond loopback whatever name the network has is answered', async () => {
  const port = await open([{ name: 'database', run: () => null }])
  const { host } = new URL(port)
  const asked = (name: string) => new Promise<number>((done, failed) => get(`${port}/ready`, { headers: { host: name } }, (answer) => done(answer.resume().statusCode!)).once('error', failed))
  for (const name of [host, 'localhost', 'LOCALHOST:9', '[::1]:9', '127.0.0.1']) expect(await asked(name), name).toBe(200)
  for (const name of ['attacker.example', `attacker.example:${host.split(':')[1]}`, '127.0.0.1.attacker.example', '10.0.0.7']) expect(await asked(name), name).toBe(421)
  expect(['0.0.0.0', '10.0.0.7', '::'].map((bound) => asksForUs('ca-1.internal:9100', bound))).toEqual([true, true, true])
  expect(['127.0.0.2', 'localhost', '::1'].map((bound) => asksForUs('ca-1.internal:9100', bound))).toEqual([false, false, false])
  expect(asksForUs('127.0.0.2:9100', '127.0.0.2')).toBe(true)
})

test('/ready is 200 when nothing stands against it, and who asks again and again costs one look a second', async () => {
  let looks = 0
  let now = 0
  const port = await open([{ name: 'database', run: () => (looks++, null) }], new Registry(), () => now)
  for (let ask = 0; ask < 5; ask++) expect((await fetch(`${port}/ready`)).status).toBe(200)
  expect(looks).toBe(1)
  now += 1500
  await fetch(`${port}/ready`)
  expect(looks).toBe(2)
})

test('the private port knows three paths, reading alone, and nothing is cached', async () => {
  const port = await open([])
  expect([(await fetch(`${port}/`)).status, (await fetch(`${port}/metrics/`)).status, (await fetch(`${port}/metrics`, { method: 'POST', body: 'x' })).status]).toEqual([404, 404, 405])
  const { headers } = await fetch(`${port}/metrics`)
  expect([headers.get('cache-control'), headers.get('content-type')]).toEqual(['no-store', 'text/plain; version=0.0.4; charset=utf-8'])
})

test('/metrics has what every process tells of itself, in the units that the names say', async () => {
  const registry = new Registry()
  const stop = processFigures(registry, new Date(1_700_000_000_000))
  const text = await (await fetch(`${await open([], registry)}/metrics`)).text()
  stop()
  expect(text).toMatch(/^process_resident_memory_bytes \d{7,}$/m)
  expect(text).toMatch(/^process_start_time_seconds 1700000000$/m)
  expect(text).toMatch(/^# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total \d+\.\d+$/m)
  expect(text).toMatch(/^nodejs_eventloop_delay_seconds\{quantile="0.99"\} \d/m)
})

test('figures of several workers are one: sums, the worst where the figure says so, and nothing for what none could read', async () => {
  const text = await inText(await sumOf([await figures(3), await figures(5)]))
  expect(text).toMatch(/^answers_total\{kind="kept"\} 8$/m)
  expect(text).toMatch(/^memory_bytes 8$/m)
  expect(text).toMatch(/^age_seconds 5$/m)
  expect(text).not.toMatch(/^unknown /m)
})

test('what a worker counted stays counted when it is gone, its memory does not, and a late word of it counts once', async () => {
  const all = figuresOf()
  all.told(1, await figures(3))
  all.told(2, await figures(5))
  all.ended(1)
  all.told(1, await figures(3))
  all.told(3, await figures(1))
  all.ended(3)
  const text = await inText(await all.sum())
  expect(text).toMatch(/^answers_total\{kind="kept"\} 9$/m)
  expect(text).toMatch(/^memory_bytes 5$/m)
  expect(await inText(await all.sum())).toBe(text)
})

test('a check that fails in one worker fails, and says in which', () => {
  expect(worstOf([['worker 1', { database: null, token: null }], ['worker 2', { database: 'refused', token: null }], ['worker 3', { database: 'refused', token: null }]])).toEqual({ database: 'worker 2: refused; worker 3: refused', token: null })
})

test('a counter counts what stands in a plain number', async () => {
  const registry = new Registry()
  let plain = 7
  new Counter({ name: 'n_total', help: 'n', registers: [registry], collect: keep(() => plain) })
  expect(await registry.metrics()).toContain('\nn_total 7\n')
  plain = 9
  expect(await registry.metrics()).toContain('\nn_total 9\n')
})

test('a query is remembered for some seconds, a fault is not', async () => {
  let [now, reads] = [0, 0]
  const read = remembered(async () => {
    if (++reads === 1) throw new Error('no database')
    return reads
  }, () => now)
  await expect(read()).rejects.toThrow('no database')
  expect([await read(), await read()]).toEqual([2, 2])
  now += 6000
  expect(await read()).toBe(3)
})
