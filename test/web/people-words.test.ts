import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { AUDIT_EVENTS } from '../../src/audit/events.ts'
import { createFirstAdministratorLink } from '../../src/people/first-administrator.ts'
import { WORDS } from '../../src/web/locales.ts'
import { createPerson, signIn, startPortal, totpCode, words, type Portal } from '../support/portal.ts'

let portal: Portal
beforeAll(async () => {
  portal = await startPortal()
})
afterEach(() => expect(portal.faults).toEqual([]))

describe('the words of people', () => {
  test('LOG-1: every event has its words for the auditor, in both languages', () => {
    for (const language of ['en', 'ja'] as const) expect(AUDIT_EVENTS.filter((event) => !WORDS[language].has(`audit.events.${event}`))).toEqual([])
  })

  test('ACC-1: every mail about people has its words in both languages and the same places to fill', () => {
    for (const name of [
      'confirm-address',
      'already-registered',
      'password-reset',
      'password-changed',
      'sign-in-locked',
      'recovery-code-used',
      'recovery-codes-made',
      'invitation',
    ])
      for (const part of ['subject', 'body']) {
        const places = (language: 'en' | 'ja') => [...WORDS[language].get(`mail.${name}.${part}`)!.matchAll(/\{\w+\}/g)].map(([place]) => place).sort()
        expect(places('ja'), name).toEqual(places('en'))
      }
  })

  test('ACC-1: the pages of people in Japanese, with and without errors', async () => {
    // Before there is an administrator.
    const first = (await createFirstAdministratorLink(portal.services))!.slice(portal.url.length)
    const anybody = portal.client({ language: 'ja' })
    for (const path of [
      first,
      '/register',
      '/register/sent',
      '/sign-in',
      '/password-reset',
      '/password-reset/sent',
      '/invitation/gone',
      '/register/confirm/gone',
    ]) {
      const page = await anybody.get(path)
      expect(page.html, path).toContain('<html lang="ja">')
      expect(page.title, path).toMatch(/[ぁ-んァ-ヶ一-龠]/)
    }
    for (const path of [first, '/register', '/sign-in', '/password-reset'])
      for (const [, sentence] of (await anybody.post(path, { name: '', email: '', password: 'x' })).errors) expect(sentence).toMatch(/[ぁ-んァ-ヶ一-龠]/)

    const administrator = await createPerson(portal.services, { roles: ['administrator'], name: '鈴木 一郎' })
    const second = await createPerson(portal.services, { roles: ['administrator'] })
    const client = portal.client({ language: 'ja' })
    const other = portal.client({ language: 'ja' })
    await signIn(portal, client, administrator)
    await signIn(portal, other, second)
    const page = await client.post('/people', { email: '新しい人', roles: ['auditor', 'administrator'], language: 'ja' })
    expect(page.errors.get('email')).toBe(words('forms.email', {}, 'ja'))
    await client.post('/people', { email: 'auditor@ca.example', roles: 'auditor', language: 'ja' })
    expect((await client.get('/people')).text).toContain(words('people.open.other-confirms', {}, 'ja'))
    await other.get('/people')
    const { id } = await portal.services.database('invitations').first()
    await other.post(`/people/invitations/${id}/confirm`)
    const [mail] = await portal.mails('auditor@ca.example')
    expect([mail!.language, mail!.subject]).toEqual(['ja', words('mail.invitation.subject', {}, 'ja')])
    const invited = portal.client({ language: 'ja' })
    expect((await invited.get(mail!.link!)).text).toContain(words('roles.auditor', {}, 'ja'))
    expect((await invited.post(mail!.link!, { name: '監査 花子', password: '月曜日の朝はゆっくり歩く' })).title).toBe(
      words('second-factor.enrol.title', {}, 'ja'),
    )

    for (const path of ['/account', '/account/password', '/account/recovery-codes']) expect((await client.get(path)).title).toMatch(/[ぁ-んァ-ヶ一-龠]/)
    expect((await client.post('/account/password', {})).errors.size).toBe(3)
    portal.advance({ minutes: 2 })
    const codes = await client.post('/account/recovery-codes', { code: await totpCode(portal.services, administrator) })
    expect(codes.title).toBe(words('second-factor.codes.title', {}, 'ja'))
  })
})
