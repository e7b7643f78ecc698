import { request } from 'node:http'
import { afterEach, expect, test, vi } from 'vitest'
import { DatabaseSessionStore } from '../../src/web/session-store.ts'
import { createPerson, startPortal } from '../support/portal.ts'

afterEach(() => void vi.restoreAllMocks())

/** As soon as the answer's head is there, as a browser does. */
const head = (url: URL, options: { readonly method?: string; readonly headers?: Record<string, string>; readonly body?: string } = {}): Promise<{ readonly status: number; readonly location: string | undefined; readonly cookie: string | undefined; text(): Promise<string> }> =>
  new Promise((done, failed) => {
    const sent = request(url, { method: options.method ?? 'GET', headers: options.headers ?? {} }, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (part: string) => void (text += part))
      const ended = new Promise<string>((whole) => answer.once('end', () => whole(text)))
      done({ status: answer.statusCode ?? 0, location: answer.headers.location, cookie: answer.headers['set-cookie']?.[0]?.split(';')[0], text: () => ended })
    })
    sent.once('error', failed).end(options.body)
  })

test('ACC-1: a browser that follows a redirect before the answer has ended finds its session stored', async () => {
  const portal = await startPortal()
  const person = await createPerson(portal.services, { roles: ['subscriber'] })
  const store = DatabaseSessionStore.prototype
  const set = store.set
  vi.spyOn(store, 'set').mockImplementation(function (this: DatabaseSessionStore, ...given) {
    setTimeout(() => set.apply(this, given), 150)
  })
  const form = await head(new URL('/sign-in', portal.url))
  const token = /name="_csrf" value="([^"]+)"/.exec(await form.text())![1]!
  const body = new URLSearchParams({ _csrf: token, email: person.email, password: person.password }).toString()
  const signedIn = await head(new URL('/sign-in', portal.url), { method: 'POST', headers: { cookie: form.cookie!, 'content-type': 'application/x-www-form-urlencoded' }, body })
  expect(signedIn).toMatchObject({ status: 303, location: '/second-factor' })
  const next = await head(new URL('/second-factor', portal.url), { headers: { cookie: signedIn.cookie! } })
  expect(next.status).toBe(200)
})
