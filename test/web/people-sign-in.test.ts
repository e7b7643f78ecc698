import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { SessionData } from 'express-session'
import { endSessions } from '../../src/people/sessions.ts'
import { safeReturn } from '../../src/web/pages/second-factor.ts'
import { DatabaseSessionStore } from '../../src/web/session-store.ts'
import { createPerson, signIn, startPortal, totpCode, words, type Client, type Person, type Portal } from '../support/portal.ts'

let portal: Portal
beforeAll(async () => {
  portal = await startPortal()
})
afterEach(() => expect(portal.faults).toEqual([]))

let line = 0
/** Each test from an address of its own, so that one's wrong tries don't slow the next. */
const client = (): Client => portal.client({ address: `198.51.100.${++line}` })
const person = (): Promise<Person> => createPerson(portal.services, { roles: ['subscriber'] })
const events = (id: string) =>
  portal.services
    .database('audit_events')
    .where({ subject: `account:${id}` })
    .orderBy('seq')
    .select('event', 'details')
const isIn = async (browser: Client): Promise<boolean> => (await browser.get('/account', { follow: false })).status === 200

describe('signing in', () => {
  test('ACC-1: after the password nothing opens but the second factor; after the code the page that was asked for', async () => {
    const someone = await person()
    const browser = client()
    const turned = await browser.get('/account/password')
    expect(turned.path).toBe('/sign-in')
    expect(turned.text).toContain(words('errors.sign-in-first'))
    expect((await browser.post('/sign-in', { email: ` ${someone.email.toUpperCase()} `, password: someone.password })).path).toBe('/second-factor')
    for (const path of ['/account', '/second-factor/recovery-codes', '/account/password'])
      expect((await browser.get(path, { follow: false })).location).toBe('/sign-in')
    expect((await browser.post('/second-factor', { code: await totpCode(portal.services, someone) })).path).toBe('/account/password')
    expect((await events(someone.id)).map((each) => each.event)).toEqual(['session.signed-in'])
  })

  test('ACC-1: the session has a new identifier after the password and again after the code', async () => {
    const someone = await person()
    const browser = client()
    await browser.get('/sign-in')
    const ids = [browser.cookies.get('portal')]
    await browser.post('/sign-in', { email: someone.email, password: someone.password })
    ids.push(browser.cookies.get('portal'))
    const thief = browser.twin()
    await browser.post('/second-factor', { code: await totpCode(portal.services, someone) })
    ids.push(browser.cookies.get('portal'))
    expect(new Set(ids).size).toBe(3)
    // Who knew the identifier from before the code has nothing.
    expect(await isIn(thief)).toBe(false)
    expect(await isIn(browser)).toBe(true)
  })

  test('ACC-3: unknown address, wrong password and unconfirmed account get one answer, status and body', async () => {
    const someone = await person()
    const answers = []
    for (const email of [someone.email, 'nobody@people.example']) {
      const page = await client().post('/sign-in', { email, password: 'not the right one' })
      answers.push([page.status, page.text, page.html.replaceAll(email, 'EMAIL').replace(/value="[\w-]{43}"/g, '')])
    }
    expect(answers[0]).toEqual(answers[1])
    expect(answers[0]![0]).toBe(422)
    const [{ details }] = (await events(someone.id)) as [{ details: string }]
    expect(JSON.parse(details)).toEqual({ step: 'password', reason: 'wrong', address: expect.stringMatching(/^198\.51\.100\./) })
  })

  test('ACC-3: a locked account and a name that no account has are refused alike, the owner is told once, nothing secret is logged', async () => {
    const clocked = await startPortal()
    const known = await createPerson(clocked.services, { roles: ['subscriber'] })
    const seen: unknown[] = []
    for (const email of [known.email, 'nobody@people.example']) {
      const browser = clocked.client({ address: email === known.email ? '198.51.100.1' : '198.51.100.2' })
      const statuses: number[] = []
      for (let wrong = 0; wrong < 10; wrong++) {
        statuses.push((await browser.post('/sign-in', { email, password: `wrong guess ${wrong}` })).status)
        clocked.advance({ seconds: 81 })
      }
      const refused = await browser.post('/sign-in', { email, password: known.password })
      seen.push([statuses, refused.status, refused.text, refused.headers.get('retry-after')])
    }
    expect((seen[0] as unknown[]).slice(0, 3)).toEqual((seen[1] as unknown[]).slice(0, 3))
    expect((seen[0] as [number[], number])[0]).toEqual(Array(10).fill(422))
    expect((seen[0] as [number[], number])[1]).toBe(429)
    expect((await clocked.mails(known.email)).map((mail) => mail.subject)).toEqual([words('mail.sign-in-locked.subject')])
    const log = JSON.stringify(await clocked.services.database('audit_events'))
    expect(log).toContain('session.locked')
    expect(log).not.toContain('wrong guess')
    expect(log).not.toContain('nobody@people.example')

    // The right password from another place, meanwhile: refused as for a stranger, until the owner of the mailbox resets it.
    const away = clocked.client({ address: '203.0.113.9' })
    expect((await away.post('/sign-in', { email: known.email, password: known.password })).status).toBe(429)
    await away.post('/password-reset', { email: known.email })
    const link = (await clocked.mails(known.email)).find((mail) => mail.link?.startsWith('/password-reset/'))!.link!
    expect((await away.post(link, { password: 'a wholly new passphrase' })).path).toBe('/sign-in')
    await signIn(clocked, away, { ...known, password: 'a wholly new passphrase' })
    expect(await isIn(away)).toBe(true)

    clocked.advance({ minutes: 16 })
    expect((await clocked.client({ address: '198.51.100.1' }).post('/sign-in', { email: known.email, password: 'a wholly new passphrase' })).path).toBe(
      '/second-factor',
    )
    expect(clocked.faults).toEqual([])
    await clocked.close()
  }, 60_000)

  test('ACC-3: hostile fields are answered with a sentence, never a fault', async () => {
    const browser = client()
    for (const fields of [
      {},
      { email: '' },
      { email: 'x'.repeat(5000), password: 'y' },
      { email: ['a@b.example', 'c@d.example'], password: 'z' },
      { email: '\u0000@b.example', password: '\u0000' },
      { 'email[$ne]': '1', password: 'x' },
      { __proto__: 'x', email: '__proto__', password: 'constructor' },
    ])
      expect((await browser.post('/sign-in', fields as Record<string, string>)).status).toBe(422)
    expect((await browser.get('/password-reset/..%2f..%2fetc')).status).toBe(404)
    expect((await browser.get(`/register/confirm/${'A'.repeat(43)}`)).status).toBe(404)
  })

  test('ACC-1: after signing in only a path of our own is gone to', () => {
    for (const path of ['//evil.example', '/\\evil.example', 'https://evil.example/', '/a b', '/\n/evil', '/sign-in', 'javascript:alert(1)', '', undefined])
      expect(safeReturn(path)).toBe('/')
    for (const path of ['/account', '/applications/A-1?x=1&y=%2F']) expect(safeReturn(path)).toBe(path)
  })
})

describe('sessions', () => {
  test('ACC-3: end after 30 idle minutes and after 12 hours whatever happens', async () => {
    const clocked = await startPortal()
    const someone = await createPerson(clocked.services, { roles: ['subscriber'] })
    const browser = clocked.client()
    await signIn(clocked, browser, someone)
    clocked.advance({ minutes: 29 })
    expect(await isIn(browser)).toBe(true)
    clocked.advance({ minutes: 29 })
    expect(await isIn(browser)).toBe(true)
    clocked.advance({ minutes: 31 })
    expect(await isIn(browser)).toBe(false)
    await signIn(clocked, browser, someone)
    // Never idle for more than 25 minutes, yet out after 12 hours.
    for (let minutes = 0; minutes < 12 * 60 - 5; minutes += 25) {
      expect(await isIn(browser), `${minutes} minutes`).toBe(true)
      clocked.advance({ minutes: 25 })
    }
    expect(await isIn(browser)).toBe(false)
    await clocked.close()
  })

  test('ACC-3: what a password began ends after ten minutes without the code', async () => {
    const clocked = await startPortal()
    const someone = await createPerson(clocked.services, { roles: ['subscriber'] })
    const browser = clocked.client()
    await browser.post('/sign-in', { email: someone.email, password: someone.password })
    clocked.advance({ minutes: 9 })
    expect((await browser.get('/second-factor')).status).toBe(200)
    clocked.advance({ minutes: 2 })
    expect((await browser.post('/second-factor', { code: await totpCode(clocked.services, someone) })).path).toBe('/sign-in')
    expect(await isIn(browser)).toBe(false)
    await clocked.close()
  })

  test('ACC-3: signing out ends this session for every holder of the cookie; signing out everywhere ends all', async () => {
    const someone = await person()
    const [one, two] = [client(), client()]
    await signIn(portal, one, someone)
    await signIn(portal, two, someone)
    const thief = one.twin()
    const out = await one.post('/sign-out')
    expect(out.text).toContain(words('sign-in.signed-out'))
    expect([await isIn(one), await isIn(thief), await isIn(two)]).toEqual([false, false, true])
    portal.advance({ minutes: 2 })
    await signIn(portal, one, someone)
    await one.post('/sign-out/everywhere')
    expect([await isIn(one), await isIn(two)]).toEqual([false, false])
    expect((await events(someone.id)).map((each) => each.event)).toEqual([
      'session.signed-in',
      'session.signed-in',
      'session.signed-out',
      'session.signed-in',
      'session.signed-out-everywhere',
    ])
  })

  test('ACC-1: the table holds no identifier that a cookie has', async () => {
    const someone = await person()
    const browser = client()
    await signIn(portal, browser, someone)
    const id = decodeURIComponent(browser.cookies.get('portal')!).replace(/^s:/, '').split('.')[0]!
    expect(id.length).toBeGreaterThan(20)
    expect(JSON.stringify(await portal.services.database('sessions'))).not.toContain(id)
  })

  test('ACC-3: a request still under way when its session is ended doesn’t bring it back', async () => {
    const someone = await person()
    const browser = client()
    await signIn(portal, browser, someone)
    const { database, clock, config } = portal.services
    const store = new DatabaseSessionStore(database, clock, config.session)
    const id = decodeURIComponent(browser.cookies.get('portal')!).replace(/^s:/, '').split('.')[0]!
    const underWay = await new Promise<SessionData | null | undefined>((done, failed) => store.get(id, (error, data) => (error ? failed(error) : done(data))))
    await endSessions(database, someone.id)
    await new Promise<void>((done, failed) => store.set(id, underWay!, (error) => (error ? failed(error) : done())))
    expect(await isIn(browser)).toBe(false)
  })

  test('ACC-1: a closed account is out at its next request', async () => {
    const someone = await person()
    const browser = client()
    await signIn(portal, browser, someone)
    await portal.services.database('accounts').where({ id: someone.id }).update({ state: 'closed' })
    expect(await isIn(browser)).toBe(false)
    expect((await client().post('/sign-in', { email: someone.email, password: someone.password })).errors.get('email')).toBe(words('sign-in.wrong'))
  })
})
