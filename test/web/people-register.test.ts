import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createPerson, startPortal, totpCode, words, type Portal } from '../support/portal.ts'

let portal: Portal
beforeAll(async () => {
  portal = await startPortal()
})
afterEach(() => expect(portal.faults).toEqual([]))

let number = 0
const fresh = () => ({ name: 'Hanako Sato', email: `hanako-${++number}@maker.example`, password: 'slow river copper lamp' })
const accountOf = (email: string) => portal.services.database('accounts').where({ email }).first()

describe('registration', () => {
  test('ACC-1: a subscriber registers, confirms the address, sets up TOTP, keeps the recovery codes and is in; before that no page opens', async () => {
    const client = portal.client()
    const person = fresh()
    await client.get('/register')
    const sent = await client.post('/register', person)
    expect([sent.path, sent.title]).toEqual(['/register/sent', words('register.sent.title')])
    // Not confirmed: the right password opens nothing.
    expect((await client.post('/sign-in', person)).errors.get('email')).toBe(words('sign-in.wrong'))

    const [mail] = await portal.mails(person.email)
    expect(mail!.subject).toBe(words('mail.confirm-address.subject'))
    const opened = await client.get(mail!.link!)
    expect(opened.status).toBe(200)
    // Opening the link alone, as mail scanners do, confirms nothing.
    expect((await accountOf(person.email)).state).toBe('unconfirmed')
    const enrol = await client.post(mail!.link!, { password: person.password })
    expect([enrol.path, enrol.title]).toEqual(['/second-factor', words('second-factor.enrol.title')])
    expect((await client.get('/account', { follow: false })).location).toBe('/sign-in')

    const qr = await client.get('/second-factor/qr.svg')
    expect(qr.headers.get('content-type')).toContain('image/svg+xml')
    expect(qr.bytes.toString()).toMatch(/^<svg[^]*<\/svg>\s*$/)
    expect(qr.bytes.toString()).not.toMatch(/style=|<script/)
    const secret = /[A-Z2-7]{4}(?: [A-Z2-7]{4}){7}/.exec((await client.get('/second-factor')).text)![0].replaceAll(' ', '')
    const refused = await client.post('/second-factor', { code: '000000' })
    expect(refused.errors.get('code')).toBe(words('second-factor.enrol.wrong'))
    // The key stays the same after a wrong code: the app has it already.
    expect(refused.text.replaceAll(' ', '')).toContain(secret)

    const codes = await client.post('/second-factor', { code: await totpCode(portal.services, { secret }) })
    expect(codes.title).toBe(words('second-factor.codes.title'))
    expect(codes.text.match(/\b[a-z2-9]{4}-[a-z2-9]{4}-[a-z2-9]{4}\b/g)).toHaveLength(10)
    // Back to the page that was asked for before signing in.
    expect((await client.post('/second-factor/recovery-codes')).path).toBe('/account')
    expect((await client.get('/second-factor/recovery-codes')).path).toBe('/account')
    expect((await client.get('/account')).text).toContain(person.email)

    const { id } = await accountOf(person.email)
    const stored = await portal.services.database('accounts').where({ id }).first()
    expect(stored.password_hash).toMatch(/^\$argon2id\$/)
    expect(JSON.stringify(stored)).not.toContain(secret)
    expect(await portal.services.database('account_roles').where({ account_id: id }).pluck('role')).toEqual(['subscriber'])
    const events = await portal.services
      .database('audit_events')
      .where({ subject: `account:${id}` })
      .orderBy('seq')
      .pluck('event')
    expect(events).toEqual([
      'account.registered',
      'session.refused',
      'account.email-confirmed',
      'session.refused',
      'account.second-factor-enrolled',
      'account.recovery-codes-made',
      'session.signed-in',
    ])
  })

  test('ACC-3: the same answer, status and body, for a known and for an unknown address; only the mailbox learns which', async () => {
    const known = await createPerson(portal.services, { roles: ['subscriber'] })
    const { password_hash: before } = await accountOf(known.email)
    const answers = []
    for (const email of [known.email, 'nobody-yet@maker.example']) {
      const client = portal.client({ address: `198.51.100.${answers.length + 1}` })
      await client.get('/register')
      const first = await client.post('/register', { ...fresh(), email }, { follow: false })
      const page = await client.get(first.location!)
      answers.push([first.status, first.location, page.status, page.text])
    }
    expect(answers[0]).toEqual(answers[1])
    expect((await portal.mails(known.email))[0]!.subject).toBe(words('mail.already-registered.subject'))
    expect((await portal.mails('nobody-yet@maker.example'))[0]!.subject).toBe(words('mail.confirm-address.subject'))
    expect(before).toBe((await accountOf(known.email)).password_hash)
  })

  test('ACC-1: whoever has the mail but not the password confirms nothing, so that a stranger’s registration never becomes an account', async () => {
    const person = fresh()
    await portal.client().post('/register', person)
    const link = (await portal.mails(person.email))[0]!.link!
    const page = await portal.client().post(link, { password: 'another good long one' })
    expect([page.status, page.errors.get('password')]).toEqual([422, words('register.confirm.wrong')])
    expect((await accountOf(person.email)).state).toBe('unconfirmed')
  })

  test('ACC-1: a confirmation link is good once, for 24 hours, and only its hash is stored', async () => {
    const person = fresh()
    await portal.client().post('/register', person)
    const link = (await portal.mails(person.email))[0]!.link!
    const token = link.split('/').at(-1)!
    expect(JSON.stringify(await portal.services.database('link_tokens'))).not.toContain(token)
    const taken = await Promise.all([portal.client(), portal.client()].map((client) => client.post(link, { password: person.password })))
    expect(taken.map((page) => page.path).sort()).toEqual([link, '/second-factor'].sort())
    const used = await portal.client().get(link)
    expect(used.title).toBe(words('people.dead-link.title'))
    for (const next of ['/sign-in', '/register']) expect(used.html).toContain(`<p><a href="${next}">`)

    const late = fresh()
    const clocked = await startPortal()
    await clocked.client().post('/register', late)
    const lateLink = (await clocked.mails(late.email))[0]!.link!
    clocked.advance({ hours: 23, minutes: 59 })
    expect((await clocked.client().get(lateLink)).status).toBe(200)
    clocked.advance({ minutes: 2 })
    expect((await clocked.client().get(lateLink)).status).toBe(404)
    expect((await clocked.client().post(lateLink, { password: late.password })).status).toBe(404)
    await clocked.close()
  })

  test('ACC-1: registering an unconfirmed address again replaces the older registration and its link', async () => {
    const person = fresh()
    await portal.client().post('/register', person)
    const older = (await portal.mails(person.email))[0]!.link!
    await portal.client().post('/register', { ...person, password: 'quite another phrase' })
    expect((await portal.client().get(older)).status).toBe(404)
    const newer = (await portal.mails(person.email)).map((mail) => mail.link!).find((link) => link !== older)!
    expect((await portal.client().post(newer, { password: person.password })).status).toBe(422)
    expect((await portal.client().post(newer, { password: 'quite another phrase' })).path).toBe('/second-factor')
  })

  test.each<[string, Partial<ReturnType<typeof fresh>>, string, string]>([
    ['no name', { name: '' }, 'name', 'forms.required'],
    ...(
      [
        ['a scheme', 'see https://evil.example/unlock', 'people.problems.name'],
        ['a path', 'evil/unlock', 'people.problems.name'],
        ['a mailbox', 'write to me@evil', 'people.problems.name'],
        ['a host', 'your account is locked. Unlock it: evil.example', 'people.problems.name'],
        ['a full-width host', 'evil\uff0eexample', 'people.problems.name'],
        ['a host with an ideographic full stop', 'evil\u3002example', 'people.problems.name'],
        ['an IP address', 'go to 192.0.2.1', 'people.problems.name'],
        ['two lines', 'Hanako\nyour account is locked', 'forms.characters'],
        ['a character that is not seen', 'Hanako\u200bSato', 'forms.characters'],
        ['a filler alone', '\u3164', 'forms.characters'],
        ['101 characters', '🔑'.repeat(101), 'forms.too-long'],
      ] as const
    ).map(([what, name, key]): [string, Partial<ReturnType<typeof fresh>>, string, string] => [`a name with ${what}`, { name }, 'name', key]),
    ['an address that is none', { email: 'hanako at maker' }, 'email', 'forms.email'],
    ['eleven characters', { password: 'elevenchars' }, 'password', 'people.password.too-short'],
    ['129 characters', { password: 'correct horse '.repeat(10).slice(0, 129) }, 'password', 'people.password.too-long'],
    ['the name in the password', { password: 'hanako sato 2026' }, 'password', 'people.password.is-about-you'],
    ['a password that everybody tries', { password: 'password1234' }, 'password', 'people.password.too-common'],
  ])('ACC-1: refuses %s at its field, keeps what was typed and makes no account', async (_, change, field, key) => {
    const person = { ...fresh(), ...change }
    const page = await portal.client().post('/register', person)
    expect([page.status, page.errors.get(field)]).toEqual([422, words(key, { least: '12', max: field === 'name' ? '100' : '128' })])
    expect(page.errors.size).toBe(1)
    expect([page.value('name'), page.value('email')]).toEqual([person.name, person.email])
    expect(page.html).not.toContain(person.password)
    expect(await accountOf(person.email)).toBeUndefined()
  })

  test.each(['J. R. R. Tolkien', 'J.R.R. Tolkien', '佐藤　花子', "Siobhán O'Brien-Sato", 'Martin Luther King Jr.', '🔑'.repeat(100)])('ACC-1: takes the name %s', async (name) => {
    const person = { ...fresh(), name }
    expect((await portal.client({ address: '198.51.100.77' }).post('/register', person)).path).toBe('/register/sent')
    expect((await accountOf(person.email)).name).toBe(name)
  })

  test('ACC-1: the mail to an address that nobody has confirmed repeats nothing that the stranger typed', async () => {
    const person = { ...fresh(), name: 'customer your account is locked' }
    await portal.client({ address: '198.51.100.78' }).post('/register', person)
    const [mail] = await portal.mails(person.email)
    expect(mail!.body).not.toContain('locked')
    expect(mail!.body).not.toContain('{name}')
    const { link } = mail!
    expect((await portal.client({ address: '198.51.100.78' }).post(link!, { password: person.password })).path).toBe('/second-factor')
  })

  test('ACC-1: a password of many marks opens what it registered', async () => {
    const person = { ...fresh(), password: `${'\u1ebf'.normalize('NFD').repeat(90)}x1` }
    const client = portal.client({ address: '198.51.100.79' })
    await client.post('/register', person)
    const link = (await portal.mails(person.email))[0]!.link!
    expect((await client.post(link, { password: person.password })).path).toBe('/second-factor')
    expect((await portal.client({ address: '198.51.100.80' }).post('/sign-in', person)).path).toBe('/second-factor')
  })

  test('ACC-3: an address that registers without end is slowed down; a mailbox gets at most three mails an hour', async () => {
    const client = portal.client({ address: '203.0.113.66' })
    const person = fresh()
    let last = 0
    for (let each = 0; each < 31; each++) last = (await client.post('/register', each < 5 ? person : fresh())).status
    expect(last).toBe(429)
    expect(await portal.mails(person.email)).toHaveLength(3)
  }, 120_000)

  test('ACC-1: registration and its mail in Japanese', async () => {
    const client = portal.client({ language: 'ja' })
    const person = { ...fresh(), name: '佐藤 花子' }
    expect((await client.get('/register')).title).toBe(words('register.title', {}, 'ja'))
    await client.post('/register', person)
    const [mail] = await portal.mails(person.email)
    expect([mail!.language, mail!.subject]).toEqual(['ja', words('mail.confirm-address.subject', {}, 'ja')])
    expect((await client.post(mail!.link!, { password: person.password })).title).toBe(words('second-factor.enrol.title', {}, 'ja'))
  })
})
