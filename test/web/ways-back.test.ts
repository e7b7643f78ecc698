import { expect, test } from 'vitest'
import { createPerson, signIn, startPortal, totpCode, words } from '../support/portal.ts'

test('a path that only takes a form leads to its page, in the chosen language too', async () => {
  const portal = await startPortal()
  const client = portal.client()
  await signIn(portal, client, await createPerson(portal.services, { roles: ['subscriber'] }))
  const started = await client.post('/applications', {}, { from: '/applications' })
  const base = /^\/applications\/[^/?]+/.exec(started.path)![0]
  expect((await client.get(`${base}/key-protection/evidence`)).path).toBe(`${base}/key-protection`)
  expect((await client.get(`${base}/key-protection/evidence?lang=ja`)).title).toBe(words('apply.step.key-protection.title', {}, 'ja'))
  expect((await client.get('/review/x/approve', { follow: false })).location).toBe('/review/x')
})

test('ACC-3: a form sent after the session ended says that nothing was saved, and signing in leads back to its page', async () => {
  const portal = await startPortal()
  const person = await createPerson(portal.services, { roles: ['subscriber'] })
  const client = portal.client()
  await signIn(portal, client, person)
  await client.get('/account/password')
  portal.advance({ hours: 13 })
  const page = await client.post('/account/password', {}, { headers: { referer: `${portal.url}/account/password` } })
  expect(page.path).toBe('/sign-in')
  expect(page.text).toContain(words('errors.session-ended'))
  await client.post('/sign-in', { email: person.email, password: person.password })
  expect((await client.post('/second-factor', { code: await totpCode(portal.services, person) })).path).toBe('/account/password')
})

test('the summary of errors names each field as the form does', async () => {
  const portal = await startPortal()
  const client = portal.client()
  const page = await client.post('/register', { name: '', email: 'nobody', password: '' }, { from: '/register' })
  expect(page.status).toBe(422)
  expect(page.text).toContain(`${words('people.fields.email')}: ${page.errors.get('email')}`)
  expect(page.text).toContain(`${words('people.fields.name')}: ${page.errors.get('name')}`)
})
