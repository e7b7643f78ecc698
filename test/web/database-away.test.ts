import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { openDatabase } from '../../src/database/database.ts'
import { isDatabaseAway } from '../../src/fault.ts'
import { openServices, type Services } from '../../src/services.ts'
import { createApp } from '../../src/web/app.ts'
import { LANGUAGES, translate } from '../../src/web/locales.ts'

let services: Services
let server: Server
const folder = mkdtempSync(join(tmpdir(), 'away-'))
const lines: object[] = []

beforeAll(async () => {
  // Nobody listens there.
  services = openServices(readConfig('portal', { NODE_ENV: 'test', DATA_DIR: folder }), { database: openDatabase('postgres://nobody:x@127.0.0.1:1/none') })
  server = createServer(createApp(services, (line) => lines.push(line)))
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
})
afterAll(async () => {
  server.close()
  await services.close()
  rmSync(folder, { recursive: true, force: true })
})

test.each(LANGUAGES)('without the database every page is 503 with the time to come again, in plain words, and the log says it once (%s)', async (language) => {
  const ask = (path: string, init: RequestInit = {}) => fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, { ...init, headers: { 'accept-language': language, cookie: 'portal=s%3Aabc.def', ...init.headers } })
  for (const [path, init] of [['/', {}], ['/status', {}], ['/repository', {}], ['/nowhere', {}], ['/sign-in', { method: 'POST', body: new URLSearchParams({ email: 'x' }) }]] as const) {
    const answer = await ask(path, init)
    expect([answer.status, answer.headers.get('retry-after'), answer.headers.get('cache-control'), answer.headers.get('set-cookie')], path).toEqual([503, '30', 'no-store', null])
    const html = await answer.text()
    for (const key of ['title', 'text', 'sent']) expect(html.replaceAll('&#39;', "'")).toContain(translate(language, `errors.unavailable.${key}`))
  }
  const program = await ask('/repository/examples.json')
  expect([program.status, program.headers.get('retry-after')]).toEqual([503, '30'])
  expect(lines).toEqual([{ level: 'error', job: 'pages', error: expect.stringMatching(/^The database can't be reached: .*ECONNREFUSED/) }])
})

const coded = (code: string, message = 'x') => Object.assign(new Error(message), { code })
test.each<[string, unknown, boolean]>([
  ['a connection refused', coded('ECONNREFUSED'), true],
  ['each address of a name refused', new AggregateError([coded('ECONNREFUSED')], ''), true],
  ['a server that shuts down', coded('57P01', 'select 1 - terminating connection due to administrator command'), true],
  ['a server that starts', coded('57P03', 'the database system is starting up'), true],
  ['a connection that broke', new Error('Connection terminated unexpectedly'), true],
  ['a broken connection in the middle of a statement', new Error('select 1 - Connection terminated unexpectedly'), true],
  ['a host that does not answer', new Error('timeout expired'), true],
  ['a statement refused', coded('23505', 'insert into x - duplicate key'), false],
  ['a text that says so', coded('23505', 'insert - ECONNREFUSED'), false],
  ['a fault of ours', new TypeError('x is undefined'), false],
])('the database is away or not: %s', (_, error, away) => expect(isDatabaseAway(error)).toBe(away))
