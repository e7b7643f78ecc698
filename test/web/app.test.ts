/** The frame of the portal: what holds for every page, whoever wrote it. */
import { createHash } from 'node:crypto'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createApp } from '../../src/web/app.ts'
import { DatabaseSessionStore, removeEndedSessions } from '../../src/web/session-store.ts'
import { createPerson, signIn, startPortal, words, type Portal } from '../support/portal.ts'

let portal: Portal
beforeAll(async () => {
  portal = await startPortal()
})
afterEach(() => expect(portal.faults).toEqual([]))

const ask = (path: string, init: RequestInit = {}) => fetch(portal.url + path, { redirect: 'manual', ...init })
const subscriber = async () => {
  const person = await createPerson(portal.services, { roles: ['subscriber'] })
  const client = portal.client()
  await signIn(portal, client, person)
  return { person, client }
}

describe('every answer', () => {
  const ANSWERS: readonly [what: string, path: string, init: RequestInit, status: number][] = [
    ['a page', '/', {}, 200],
    ['a page that is not there', '/nowhere', {}, 404],
    ['a page that needs signing in', '/review', {}, 303],
    ['a change of language', '/?lang=ja', {}, 303],
    ['a stale form', '/sign-in', { method: 'POST', body: new URLSearchParams({ email: 'x' }) }, 403],
    ['an address that can’t be decoded', '/review/%E0%A4%A', {}, 400],
    ['a form that is too large', '/sign-in', { method: 'POST', body: new URLSearchParams({ email: 'x'.repeat(300_000) }) }, 413],
    ['a form of too many fields', '/sign-in', { method: 'POST', body: new URLSearchParams(Array.from({ length: 300 }, (_, each) => [`f${each}`, 'x'])) }, 413],
    ['a form in no known encoding', '/sign-in', { method: 'POST', body: 'email=x', headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-7' } }, 400],
    ['a form of another kind', '/sign-in', { method: 'POST', body: '{"email":{"$ne":1}}', headers: { 'content-type': 'application/json' } }, 403],
    ['a style sheet', '/assets/portal.css', {}, 200],
    ['a file beside the assets', '/assets/..%2f..%2f..%2fpackage.json', {}, 404],
    ['a method that nothing takes', '/', { method: 'DELETE' }, 404],
    ['HEAD', '/', { method: 'HEAD' }, 200],
    ['OPTIONS', '/', { method: 'OPTIONS' }, 404],
  ]
  test.each(ANSWERS)('has its headers and no word of what serves it: %s', async (_, path, init, status) => {
    const answer = await ask(path, init)
    const text = await answer.text()
    expect(answer.status, text.slice(0, 300)).toBe(status)
    const csp = answer.headers.get('content-security-policy')!
    expect(csp.split(';').map((each) => each.trim()).sort()).toEqual(["base-uri 'none'", "default-src 'none'", "font-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "img-src 'self'", "script-src 'self'", "style-src 'self'"])
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
    expect(answer.headers.get('referrer-policy')).toBe('same-origin')
    expect(answer.headers.get('x-powered-by')).toBeNull()
    if ((answer.headers.get('content-type') ?? '').startsWith('text/html')) {
      if (status !== 303) expect(answer.headers.get('cache-control')).toBe('no-store')
      expect(text).not.toMatch(/Express|node_modules|\.ts:\d+|at \w+ \(/)
    }
  })

  test('what goes wrong is a sentence in the reader’s language, with a heading', async () => {
    for (const [path, init, key] of [['/nowhere', {}, 'errors.not-found.title'], ['/review/%E0%A4%A', {}, 'errors.bad-request.title'], ['/sign-in', { method: 'POST', body: new URLSearchParams({ email: 'x'.repeat(300_000) }) }, 'errors.too-large.title']] as const) {
      const page = await portal.client({ language: 'ja' }).get('/')
      expect(page.html).toContain('lang="ja"')
      const answer = await ask(path, { ...init, headers: { 'accept-language': 'ja' } })
      expect(await answer.text()).toContain(words(key, {}, 'ja'))
    }
  })

  test('a fault of ours gives a number to quote, and the log its cause under that number', async () => {
    const { services } = portal
    const log: Record<string, unknown>[] = []
    const { createServer } = await import('node:http')
    const broken = createServer(createApp({ ...services, secrets: services.secrets, applications: services.applications, demoHierarchy: services.demoHierarchy, database: new Proxy(services.database, { apply: (target, self, [table]: [string]) => { if (table === 'mail_outbox') throw new Error('the disk is gone: /secret/path'); return Reflect.apply(target as unknown as (name: string) => unknown, self, [table]) } }) }, (line) => log.push(line)))
    await new Promise<void>((ready) => broken.listen(0, '127.0.0.1', ready))
    const { port } = broken.address() as { port: number }
    const answer = await fetch(`http://127.0.0.1:${port}/mail?token=secret`)
    const text = await answer.text()
    await new Promise((done) => broken.close(done))
    expect(answer.status).toBe(500)
    expect(text).toContain(words('errors.fault.title'))
    expect(text).not.toContain('/secret/path')
    expect(log).toHaveLength(1)
    expect(text).toContain(String(log[0]!['reference']))
    expect(log[0]).toMatchObject({ level: 'error', method: 'GET', path: '/mail', error: expect.stringContaining('the disk is gone') })
    expect(JSON.stringify(log)).not.toContain('token=secret')
  })
})

describe('the language', () => {
  test.each([
    ['/?lang=ja', '/'],
    ['/repository?x=1&lang=en&y=2', '/repository?x=1&y=2'],
    ['//evil.example/?lang=ja', '/evil.example/'],
    ['///evil.example?lang=ja', '/evil.example'],
    ['/\\evil.example?lang=ja', '/evil.example'],
    ['/\\/\\evil.example?lang=ja', '/evil.example'],
    ['/%5Cevil.example?lang=ja', '/%5Cevil.example'],
    ['/%2f%2fevil.example?lang=ja', '/%2f%2fevil.example'],
    ['/.//evil.example?lang=ja', '/.//evil.example'],
    ['/%0d%0aSet-Cookie:%20a=b?lang=ja', '/%0d%0aSet-Cookie:%20a=b'],
    ['/?lang=ja&next=https://evil.example', '/?next=https%3A%2F%2Fevil.example'],
  ])('its switch at %s leads to %s, never to another host', async (path, to) => {
    const location = await rawLocation(path)
    expect(location.toLowerCase()).toBe(to.toLowerCase())
    expect(new URL(location, 'https://portal.example').origin).toBe('https://portal.example')
  })

  test('another language is not set, and a form is not turned away by it', async () => {
    expect((await ask('/?lang=xx')).status).toBe(200)
    expect((await ask('/?lang=ja&lang=en')).status).toBe(200)
    expect((await ask('/sign-in?lang=ja', { method: 'POST', body: new URLSearchParams() })).status).toBe(403)
  })

  test('it is kept in a cookie that no script reads', async () => {
    const cookie = (await ask('/?lang=ja')).headers.get('set-cookie')!
    expect(cookie).toMatch(/^lang=ja; Max-Age=\d+; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Lax$/)
  })
})

/** The Location of an address that fetch would tidy up before it asked. */
async function rawLocation(path: string): Promise<string> {
  const { connect } = await import('node:net')
  const { hostname, port } = new URL(portal.url)
  const text = await new Promise<string>((done, failed) => {
    let answer = ''
    const socket = connect(Number(port), hostname, () => socket.end(`GET ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: close\r\n\r\n`))
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1'))).on('close', () => done(answer)).on('error', failed)
  })
  expect(text).toMatch(/^HTTP\/1\.1 303 /)
  expect(text.match(/^set-cookie:/gim)).toHaveLength(1)
  return /^location: (.*)\r$/im.exec(text)![1]!
}

describe('the session', () => {
  test('ACC-3: who only reads public pages gets no cookie and leaves no row; a page with a form keeps its token', async () => {
    const count = async () => Number((await portal.services.database('sessions').count({ n: '*' }))[0]!['n'])
    const before = await count()
    for (const path of ['/', '/status', '/repository', '/anchors', '/devices', '/no-such-page']) expect((await ask(path)).headers.getSetCookie(), path).toEqual([])
    expect(await count()).toBe(before)
    expect((await ask('/sign-in')).headers.getSetCookie()).toHaveLength(1)
    expect(await count()).toBe(before + 1)
  })

  test('ACC-3: its cookie is HttpOnly and SameSite, for the whole site; the table holds only its hash', async () => {
    const page = await ask('/sign-in')
    const cookie = page.headers.getSetCookie().find((each) => each.startsWith('portal='))!
    expect(cookie).toMatch(/^portal=[^;]+; Path=\/; HttpOnly; SameSite=Lax$/)
    const id = decodeURIComponent(cookie.slice('portal='.length).split(';')[0]!).replace(/^s:/, '').split('.')[0]!
    const [row] = await portal.services.database('sessions').where({ id_hash: createHash('sha256').update(id).digest('hex') })
    expect(row).toBeDefined()
    expect(JSON.stringify(await portal.services.database('sessions'))).not.toContain(id)
  })

  test('ACC-3: under https it is Secure and bound to the host, and browsers are told to stay on https', async () => {
    const secure = await startPortal({ env: { PORTAL_URL: 'https://portal.ca.example' } })
    const page = await fetch(`${secure.url}/sign-in`, { headers: { 'x-forwarded-proto': 'https' } })
    const cookies = page.headers.getSetCookie()
    expect(cookies).toHaveLength(1)
    expect(cookies[0]).toMatch(/^__Host-portal=[^;]+; Path=\/; HttpOnly; Secure; SameSite=Lax$/)
    expect(page.headers.get('strict-transport-security')).toBe('max-age=63072000')
    expect(page.headers.get('content-security-policy')).toContain('upgrade-insecure-requests')
    const language = await fetch(`${secure.url}/?lang=ja`, { redirect: 'manual', headers: { 'x-forwarded-proto': 'https' } })
    expect(language.headers.getSetCookie()[0]).toMatch(/; Secure; /)
    // Over plain HTTP no session cookie leaves at all.
    expect((await fetch(`${secure.url}/sign-in`)).headers.getSetCookie()).toEqual([])
  })

  test('ACC-3: an identifier that somebody chose, or whose signature is not ours, is not taken up', async () => {
    for (const cookie of ['portal=s%3Achosen.signature', 'portal=chosen', 'portal=s%3A.', 'portal=', 'portal=%E0%A4%A']) {
      const answer = await ask('/sign-in', { headers: { cookie } })
      expect(answer.status).toBe(200)
      expect(answer.headers.getSetCookie().find((each) => each.startsWith('portal='))).not.toContain('chosen')
    }
    expect(await portal.services.database('sessions').where({ id_hash: createHash('sha256').update('chosen').digest('hex') })).toEqual([])
  })

  test('ACC-3: the identifier from before signing in is worth nothing afterwards', async () => {
    const person = await createPerson(portal.services, { roles: ['subscriber'] })
    const victim = portal.client()
    await victim.get('/sign-in')
    const before = victim.twin()
    await signIn(portal, victim, person)
    expect(victim.cookies.get('portal')).not.toBe(before.cookies.get('portal'))
    expect((await before.get('/account', { follow: false })).location).toBe('/sign-in')
    expect((await victim.get('/account')).status).toBe(200)
  })

  test('ACC-3: it ends when idle, and after its longest time however busy', async () => {
    const clocked = await startPortal()
    const idle = clocked.client()
    const busy = clocked.client()
    for (const client of [idle, busy]) await signIn(clocked, client, await createPerson(clocked.services, { roles: ['subscriber'] }))
    clocked.advance({ minutes: 29 })
    expect((await busy.get('/account', { follow: false })).status).toBe(200)
    clocked.advance({ minutes: 1 })
    expect((await idle.get('/account', { follow: false })).location).toBe('/sign-in')
    for (let minutes = 30; minutes < 12 * 60; minutes += 25) {
      expect((await busy.get('/account', { follow: false })).status, `${minutes} minutes`).toBe(200)
      clocked.advance({ minutes: 25 })
    }
    expect((await busy.get('/account', { follow: false })).location).toBe('/sign-in')
    expect(clocked.faults).toEqual([])
  })

  test('ACC-3: what has ended is removed', async () => {
    const clocked = await startPortal()
    await clocked.client().get('/sign-in')
    const { database, clock, config } = clocked.services
    await removeEndedSessions(database, clock(), config.session.idleMinutes)
    expect(await database('sessions')).toHaveLength(1)
    clocked.advance({ minutes: 31 })
    await removeEndedSessions(database, clock(), config.session.idleMinutes)
    expect(await database('sessions')).toEqual([])
  })

  test('ACC-3: a session ended elsewhere is not brought back by a request that was under way', async () => {
    const { database, clock, config } = portal.services
    const store = new DatabaseSessionStore(database, clock, config.session)
    const data = { cookie: { originalMaxAge: null }, data: { csrfToken: 'token' } } as never
    const call = <T>(work: (done: (error?: unknown, value?: T) => void) => void) => new Promise<T | undefined>((done, failed) => work((error, value) => (error ? failed(error) : done(value))))
    await call((done) => store.set('identifier', data, done))
    const read = (await call((done) => store.get('identifier', done as never))) as never
    expect(read).toMatchObject({ data: { csrfToken: 'token' } })
    await call((done) => store.set('identifier', read, done))
    expect(await call((done) => store.get('identifier', done as never))).toMatchObject({ data: { csrfToken: 'token' } })
    await call((done) => store.destroy('identifier', done))
    await call((done) => store.set('identifier', read, done))
    await call((done) => store.touch('identifier', read, done))
    expect(await call((done) => store.get('identifier', done as never))).toBeNull()
  })

  test('ACC-1: a session whose account was closed is nobody’s', async () => {
    const { person, client } = await subscriber()
    await portal.services.database('accounts').where({ id: person.id }).update({ state: 'closed' })
    expect((await client.get('/account', { follow: false })).location).toBe('/sign-in')
  })
})

describe('addresses', () => {
  test('what no reference can be is not found, with NUL too, which PostgreSQL would not compare', async () => {
    const { client } = await subscriber()
    for (const path of ['/applications/%00', '/applications/a%00b/subject', '/applications/constructor', '/applications/__proto__']) expect((await client.get(path)).status, path).toBe(404)
    expect((await client.get('/applications?x=%00&constructor=1&__proto__=2')).status).toBe(200)
  })
})
