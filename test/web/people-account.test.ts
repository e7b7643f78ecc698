import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createPerson, signIn, startPortal, totpCode, words, type Client, type Person, type Portal } from '../support/portal.ts'

let portal: Portal
beforeAll(async () => {
  portal = await startPortal()
})
afterEach(() => expect(portal.faults).toEqual([]))

let line = 0
const client = (): Client => portal.client({ address: `198.51.100.${++line}` })
const person = (): Promise<Person> => createPerson(portal.services, { roles: ['vetting-officer'] })
const isIn = async (browser: Client): Promise<boolean> => (await browser.get('/account', { follow: false })).status === 200
const NEW = 'evening rain on tin roofs'

describe('changing the password', () => {
  test('ACC-3: with the present one and a code; every other session ends, also one that waits for its code', async () => {
    const someone = await person()
    const [here, there, waiting] = [client(), client(), client()]
    await signIn(portal, here, someone)
    await signIn(portal, there, someone)
    await waiting.post('/sign-in', { email: someone.email, password: someone.password })
    portal.advance({ minutes: 2 })
    const done = await here.post('/account/password', { 'present-password': someone.password, password: NEW, code: await totpCode(portal.services, someone) })
    expect([done.path, done.text.includes(words('account.password.done'))]).toEqual(['/account', true])
    expect([await isIn(here), await isIn(there)]).toEqual([true, false])
    expect((await waiting.post('/second-factor', { code: await totpCode(portal.services, someone) })).path).toBe('/sign-in')
    expect((await client().post('/sign-in', { email: someone.email, password: someone.password })).status).toBe(422)
    await signIn(portal, client(), { ...someone, password: NEW })
    expect((await portal.mails(someone.email))[0]!.subject).toBe(words('mail.password-changed.subject'))
  })

  test.each([
    ['the wrong present password', { 'present-password': 'not this one at all' }, 'present-password', 'account.password.wrong'],
    ['a wrong code', { code: '000000' }, 'code', 'second-factor.wrong'],
    ['a new one that is too short', { password: 'short' }, 'password', 'people.password.too-short'],
  ])('ACC-1: is refused with %s, and changes nothing', async (_, change, field, key) => {
    const someone = await person()
    const browser = client()
    await signIn(portal, browser, someone)
    const before = await portal.services.database('accounts').where({ id: someone.id }).first('password_hash')
    const page = await browser.post('/account/password', {
      'present-password': someone.password,
      password: NEW,
      code: await totpCode(portal.services, someone),
      ...change,
    })
    expect([page.status, page.errors.get(field), page.errors.size]).toEqual([422, words(key, { least: '12', max: '128' }), 1])
    expect(await portal.services.database('accounts').where({ id: someone.id }).first('password_hash')).toEqual(before)
    expect(await isIn(browser)).toBe(true)
  })

  test('ACC-1: new recovery codes are made for a code only', async () => {
    const someone = await person()
    const browser = client()
    await signIn(portal, browser, someone)
    expect((await browser.post('/account/recovery-codes', { code: '000000' })).errors.get('code')).toBe(words('second-factor.wrong'))
    expect(await portal.services.database('recovery_codes').where({ account_id: someone.id })).toEqual([])
  })
})

describe('a new password by mail', () => {
  const linkTo = async (someone: Person): Promise<string> =>
    (await portal.mails(someone.email)).find((mail) => mail.link?.startsWith('/password-reset/'))!.link!

  test('ACC-1: the link sets a password and ends every session; the second factor is still asked for', async () => {
    const someone = await person()
    const inside = client()
    await signIn(portal, inside, someone)
    const browser = client()
    await browser.get('/password-reset')
    expect((await browser.post('/password-reset', { email: someone.email })).path).toBe('/password-reset/sent')
    const link = await linkTo(someone)
    expect((await browser.get(link)).status).toBe(200)
    expect((await browser.post(link, { password: 'short' })).errors.get('password')).toBe(words('people.password.too-short', { least: '12' }))
    const done = await browser.post(link, { password: NEW })
    expect([done.path, done.text.includes(words('sign-in.new-password.done'))]).toEqual(['/sign-in', true])
    expect([await isIn(inside), await isIn(browser)]).toEqual([false, false])
    expect((await browser.post(link, { password: NEW })).status).toBe(404)
    await signIn(portal, browser, { ...someone, password: NEW })
    expect(await isIn(browser)).toBe(true)
  })

  test('ACC-3: the answer is the same for an unknown address, which gets no mail', async () => {
    const someone = await person()
    const [known, unknown] = [
      await client().post('/password-reset', { email: someone.email }),
      await client().post('/password-reset', { email: 'nobody@people.example' }),
    ]
    expect([known.status, known.path, known.text]).toEqual([unknown.status, unknown.path, unknown.text])
    expect(await portal.mails('nobody@people.example')).toEqual([])
  })

  test('ACC-3: works for one hour, and a newer link voids the older', async () => {
    const someone = await person()
    await client().post('/password-reset', { email: someone.email })
    const older = await linkTo(someone)
    await client().post('/password-reset', { email: someone.email })
    const newer = (await portal.mails(someone.email)).map((mail) => mail.link!).find((link) => link !== older)!
    expect((await client().get(older)).status).toBe(404)
    portal.advance({ minutes: 59 })
    expect((await client().get(newer)).status).toBe(200)
    portal.advance({ minutes: 2 })
    expect((await client().get(newer)).status).toBe(404)
  })

  test('ACC-3: a mailbox gets at most five links a day, the answer stays the same', async () => {
    const someone = await person()
    for (let each = 0; each < 8; each++) expect((await client().post('/password-reset', { email: someone.email })).path).toBe('/password-reset/sent')
    expect(await portal.mails(someone.email)).toHaveLength(5)
  })
})
