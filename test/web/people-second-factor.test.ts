import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createPerson, signIn, startPortal, totpCode, words, type Client, type Person, type Portal } from '../support/portal.ts'

let portal: Portal
beforeAll(async () => {
  portal = await startPortal()
})
afterEach(() => expect(portal.faults).toEqual([]))

let line = 0
const client = (): Client => portal.client({ address: `198.51.100.${++line}` })
const person = (): Promise<Person> => createPerson(portal.services, { roles: ['subscriber'] })
async function half(someone: Person): Promise<Client> {
  const browser = client()
  const page = await browser.post('/sign-in', { email: someone.email, password: someone.password })
  expect(page.path).toBe('/second-factor')
  return browser
}
const isIn = async (browser: Client): Promise<boolean> => (await browser.get('/account', { follow: false })).status === 200

/** Signs in, makes new recovery codes and gives them. */
async function recoveryCodesOf(someone: Person): Promise<readonly string[]> {
  const browser = client()
  await signIn(portal, browser, someone)
  const page = await browser.post('/account/recovery-codes', { code: await totpCode(portal.services, someone) })
  expect(page.title).toBe(words('second-factor.codes.title'))
  await browser.post('/second-factor/recovery-codes')
  return page.text.match(/\b[a-z2-9]{4}-[a-z2-9]{4}-[a-z2-9]{4}\b/g)!
}

describe('the second factor', () => {
  test('ACC-1: a code is good once, also when two browsers give it at the same moment', async () => {
    const someone = await person()
    const browsers = await Promise.all([half(someone), half(someone), half(someone), half(someone)])
    const code = await totpCode(portal.services, someone)
    const pages = await Promise.all(browsers.map((browser) => browser.post('/second-factor', { code })))
    expect(pages.filter((page) => page.path === '/applications').length).toBe(1)
    expect(pages.filter((page) => page.errors.get('code') === words('second-factor.wrong')).length).toBe(3)
    expect((await Promise.all(browsers.map(isIn))).filter(Boolean)).toHaveLength(1)
    expect((await (await half(someone)).post('/second-factor', { code })).errors.get('code')).toBe(words('second-factor.wrong'))
  })

  test.each([
    [['subscriber'], '/applications'],
    [['vetting-officer'], '/review'],
    [['approving-officer', 'revocation-officer'], '/review'],
    [['administrator'], '/people'],
    [['auditor'], '/audit'],
  ] as const)('ACC-2: signing in leads %j to their work at %s, and who was on the way elsewhere there', async (roles, path) => {
    const someone = await createPerson(portal.services, { roles: [...roles] })
    const page = await (await half(someone)).post('/second-factor', { code: await totpCode(portal.services, someone) })
    expect([page.status, page.path]).toEqual([200, path])
    const other = await createPerson(portal.services, { roles: [...roles] })
    const browser = client()
    await browser.get('/account')
    await browser.post('/sign-in', { email: other.email, password: other.password })
    expect((await browser.post('/second-factor', { code: await totpCode(portal.services, other) })).path).toBe('/account')
  })

  test('ACC-1: refuses what is no code, and keeps asking', async () => {
    const browser = await half(await person())
    for (const code of ['', '12345', 'abcdef', '1234567']) {
      const page = await browser.post('/second-factor', { code })
      expect([page.status, page.errors.has('code')]).toEqual([422, true])
    }
    expect(await isIn(browser)).toBe(false)
  })

  test('ACC-1: a recovery code lets in once, its owner is told, and it is on record', async () => {
    const someone = await person()
    const [code = ''] = await recoveryCodesOf(someone)
    const browser = await half(someone)
    await browser.get('/second-factor/recovery')
    expect((await browser.post('/second-factor/recovery', { code: code.replaceAll('-', '').toUpperCase() })).path).toBe('/applications')
    expect(await isIn(browser)).toBe(true)
    expect((await browser.get('/account')).text).toContain(`${words('account.codes.left')} 9`)
    const again = await half(someone)
    expect((await again.post('/second-factor/recovery', { code })).errors.get('code')).toBe(words('second-factor.recovery.wrong'))
    expect((await portal.mails(someone.email)).map((mail) => mail.subject)).toContain(words('mail.recovery-code-used.subject'))
    expect(await portal.services.database('audit_events').where({ subject: `account:${someone.id}`, event: 'account.recovery-code-used' })).toHaveLength(1)
  })

  test('ACC-3: guessing codes is slowed and locked by account from anywhere, whatever the kind of code, and the owner is told', async () => {
    const clocked = await startPortal()
    const someone = await createPerson(clocked.services, { roles: ['approving-officer'] })
    for (let wrong = 0; wrong < 10; wrong++) {
      const browser = clocked.client({ address: `203.0.113.${wrong}` })
      await browser.post('/sign-in', { email: someone.email, password: someone.password })
      expect(
        (await browser.post(wrong % 2 === 0 ? '/second-factor' : '/second-factor/recovery', { code: wrong % 2 === 0 ? '000000' : 'aaaa-aaaa-aaaa' })).status,
      ).toBe(422)
      clocked.advance({ seconds: 81 })
    }
    const browser = clocked.client({ address: '203.0.113.99' })
    await browser.post('/sign-in', { email: someone.email, password: someone.password })
    expect((await browser.post('/second-factor', { code: await totpCode(clocked.services, someone) })).status).toBe(429)
    expect((await clocked.mails(someone.email))[0]!.subject).toBe(words('mail.sign-in-locked.subject'))
    clocked.advance({ minutes: 16 })
    await signIn(clocked, clocked.client({ address: '203.0.113.99' }), someone)
    expect(clocked.faults).toEqual([])
    await clocked.close()
  })

  test('ACC-1: enrolment is offered only while there is no second factor, and the key is nobody’s before the first right code', async () => {
    const someone = await person()
    const browser = await half(someone)
    expect((await browser.get('/second-factor')).text).not.toContain(words('second-factor.enrol.key'))
    expect((await browser.get('/second-factor/qr.svg')).status).toBe(404)
    expect((await client().get('/second-factor/qr.svg', { follow: false })).location).toBe('/sign-in')

    await portal.services.database('accounts').where({ id: someone.id }).update({ totp_secret_sealed: null, totp_confirmed_at: null, totp_last_step: null })
    const [one, two] = [await half(someone), await half(someone)]
    const keyOf = async (of: Client) => /[A-Z2-7]{4}(?: [A-Z2-7]{4}){7}/.exec((await of.get('/second-factor')).text)![0].replaceAll(' ', '')
    const [first, second] = [await keyOf(one), await keyOf(two)]
    expect(first).not.toBe(second)
    expect(JSON.stringify(await portal.services.database('sessions'))).not.toContain(first)
    expect((await one.post('/second-factor', { code: await totpCode(portal.services, { secret: first }) })).path).toBe('/second-factor/recovery-codes')
    // Of two enrolments at once the later is asked for the code of the first.
    expect((await two.post('/second-factor', { code: await totpCode(portal.services, { secret: second }) })).errors.get('code')).toBe(
      words('second-factor.wrong'),
    )
    expect((await two.get('/second-factor')).text).not.toContain(words('second-factor.enrol.key'))
    expect(await isIn(two)).toBe(false)
  })

  test('ACC-1: recovery codes stay on the page until they are kept, sealed in the session, and are gone afterwards', async () => {
    const someone = await person()
    const browser = client()
    await signIn(portal, browser, someone)
    const page = await browser.post('/account/recovery-codes', { code: await totpCode(portal.services, someone) })
    const [code = ''] = page.text.match(/\b[a-z2-9]{4}-[a-z2-9]{4}-[a-z2-9]{4}\b/g)!
    expect((await browser.get('/second-factor/recovery-codes?lang=ja')).text).toContain(code)
    expect(JSON.stringify(await portal.services.database('sessions'))).not.toContain(code)
    expect((await browser.post('/second-factor/recovery-codes')).path).toBe('/account')
    expect((await browser.get('/second-factor/recovery-codes')).text).not.toContain(code)
  })
})
