/** The route table, whatever is in it: sign-in, second factor, role and CSRF token at every route. */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findSignedIn } from '../../src/people/accounts.ts'
import { ROLES, type Role } from '../../src/people/roles.ts'
import type { Route } from '../../src/web/reply.ts'
import { routeTable } from '../../src/web/routes.ts'
import { tableNames } from '../database/shape.ts'
import { createPerson, signIn, startPortal, words, type Client, type Portal } from '../support/portal.ts'

/** POST routes that audit nothing when they succeed, each with its reason. */
const NOTHING_TO_AUDIT: Readonly<Record<string, string>> = {
  'POST /sign-in': 'signed in is who gave the second factor too, which is audited there; what is refused is audited by the rule',
  'POST /check-key': 'judges what is sent in memory and forgets it; nothing changes',
  'POST /check-key/use': 'keeps what a stranger asks to be kept, sealed and for an hour; what an application takes of it is audited there',
  'POST /api/check-key': 'judges what is sent in memory and forgets it; nothing changes',
  'POST /second-factor/recovery-codes': 'takes codes from one’s own page that were shown there; the account does not change',
}

let portal: Portal
let table: readonly Route[]
const people = new Map<Role, Client>()
let halfway: Client

/** A path with every parameter filled by an id that nothing has. */
const pathOf = (route: Route): string => route.path.replace(/\/:(\w+)/g, '/00000000-0000-4000-8000-000000000000').replace(/\/\*(\w+)/g, '/x')
const nameOf = (route: Route): string => `${route.method} ${route.path}`

// What a request may always change, whoever sends it: its session and the note that it was refused.
const ALWAYS = new Set(['sessions', 'audit_events', 'attempts'])
async function state(): Promise<string> {
  const { database } = portal.services
  const hash = createHash('sha256')
  for (const name of await tableNames(database)) if (!ALWAYS.has(name)) hash.update(JSON.stringify([name, await database(name)]))
  const events: { event: string }[] = await database('audit_events').whereNot('event', 'access.refused').select('event', 'subject')
  return hash.update(JSON.stringify(events)).digest('hex')
}

beforeAll(async () => {
  portal = await startPortal()
  table = routeTable(portal.services)
  for (const role of ROLES) {
    const client = portal.client()
    await signIn(portal, client, await createPerson(portal.services, { roles: [role], organisation: `${role} organisation` }))
    people.set(role, client)
  }
  const person = await createPerson(portal.services, { roles: ['subscriber'] })
  halfway = portal.client()
  await halfway.post('/sign-in', { email: person.email, password: person.password })
})
afterAll(() => expect(portal.faults).toEqual([]))

const roled = () => table.filter((route): route is Route & { who: readonly Role[] } => typeof route.who !== 'string')
const send = (client: Client, route: Route) =>
  route.method === 'GET' ? client.get(pathOf(route), { follow: false }) : client.post(pathOf(route), {}, { follow: false })
/** Every route at once in one test would stop at the first; this names all that fail. */
async function each(routes: readonly Route[], check: (route: Route) => Promise<string | null>): Promise<void> {
  const failures: string[] = []
  for (const route of routes) {
    const failure = await check(route)
    if (failure !== null) failures.push(`${nameOf(route)}: ${failure}`)
  }
  expect(failures).toEqual([])
}

describe('the route table', () => {
  test('ACC-1: no address stands twice, each begins with a slash', () => {
    const names = table.map(nameOf)
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
    for (const route of table) expect(route.path).toMatch(/^\/(?!\/)/)
  })

  test.each(ROLES)('ACC-1: the menu leads a %s to pages that take the role, and to each of them once', async (role) => {
    const menu = /<nav class="menu"[\s\S]*?<\/nav>/.exec((await people.get(role)!.get('/')).html)![0]
    const paths = [...menu.matchAll(/<a href="([^"]+)"/g)].map(([, path]) => path!)
    expect(paths.length).toBeGreaterThan(2)
    expect(new Set(paths).size).toBe(paths.length)
    for (const path of paths) {
      const who = table.find((route) => route.method === 'GET' && route.path === path)?.who
      expect(who === 'anyone' || who?.includes(role as never), path).toBe(true)
    }
  })

  test('ACC-1: every route that asks for a role sends whoever is not signed in to the sign-in page', async () => {
    const stranger = portal.client()
    await stranger.get('/sign-in')
    const before = await state()
    await each([...roled(), ...table.filter((route) => route.who === 'second-factor')], async (route) => {
      const page = await send(stranger, route)
      return page.status === 303 && page.location === '/sign-in' ? null : `${page.status} ${page.location ?? page.title}`
    })
    expect(await state()).toBe(before)
  })

  test('ACC-1: with the password alone no such route answers', async () => {
    const before = await state()
    await each(roled(), async (route) => {
      const page = await send(halfway, route)
      return page.status === 303 && page.location === '/sign-in' ? null : `${page.status} ${page.location ?? page.title}`
    })
    expect(await state()).toBe(before)
    // The session was half way all the time, so what was refused was refused for that.
    expect((await halfway.get('/second-factor')).status).toBe(200)
  })

  test('ACC-2: a role that the route does not name is refused, on record', async () => {
    const before = await state()
    await each(roled(), async (route) => {
      for (const role of ROLES) {
        if (route.who.includes(role)) continue
        const page = await send(people.get(role)!, route)
        if (page.status !== 403 || !page.text.includes(words('errors.refused.role'))) return `${role} gets ${page.status} ${page.location ?? page.title}`
      }
      return null
    })
    expect(await state()).toBe(before)
    expect(await portal.services.database('audit_events').where({ event: 'access.refused' })).not.toEqual([])
  })

  test('ACC-2: auditors have nothing to send but their own account’s forms; administrators nothing about applications', () => {
    const OWN = /^\/(?:sign-out|account|second-factor)(?:\/|$)/
    for (const route of roled().filter((each) => each.method === 'POST' && !OWN.test(each.path))) {
      expect(route.who, nameOf(route)).not.toContain('auditor')
      if (!route.path.startsWith('/people')) expect(route.who, nameOf(route)).not.toContain('administrator')
    }
  })

  test('ACC-1: no POST changes anything without the session’s token: none, another’s, or from another site', async () => {
    const before = await state()
    await each(
      table.filter((route) => route.method === 'POST' && !route.stateless),
      async (route) => {
        const client = route.who === 'anyone' ? portal.client() : route.who === 'second-factor' ? halfway : people.get(route.who[0])!
        if (route.who === 'anyone') await client.get('/sign-in')
        const foreign = people.get('auditor') === client ? people.get('subscriber')!.csrf! : people.get('auditor')!.csrf!
        for (const [how, sending, fields] of [
          ['no token', { csrf: null }, {}],
          ['an empty token', { csrf: '' }, {}],
          ['the token of another session', { csrf: foreign }, {}],
          ['a request from another site', { headers: { 'sec-fetch-site': 'cross-site' } }, {}],
        ] as const) {
          const page = await client.post(pathOf(route), fields, { ...sending, follow: false })
          if (page.status !== 403 || page.title !== words('errors.stale-form.title')) return `${how}: ${page.status} ${page.location ?? page.title}`
          if (route.upload && how !== 'a request from another site') {
            const upload = await client.upload(pathOf(route), {}, [{ field: 'file', name: 'a.pem', bytes: 'x' }], { ...sending, follow: false })
            if (upload.status !== 403) return `${how}, multipart: ${upload.status}`
          }
        }
        return null
      },
    )
    expect(await state()).toBe(before)
  })

  test('LOG-1: every POST names the events that it audits, or stands in the list above with its reason', () => {
    const silent = table.filter((route) => route.method === 'POST' && route.events.length === 0).map(nameOf)
    expect(silent.filter((name) => !(name in NOTHING_TO_AUDIT))).toEqual([])
    expect(Object.keys(NOTHING_TO_AUDIT).filter((name) => !silent.includes(name))).toEqual([])
  })

  test('ACC-1: for who may, each GET answers with a page or a sentence, and each POST of an empty form with one, never a fault', async () => {
    await each(
      table.filter((route) => !route.path.startsWith('/sign-out')),
      async (route) => {
        const clients = route.who === 'anyone' ? [portal.client()] : route.who === 'second-factor' ? [halfway] : route.who.map((role) => people.get(role)!)
        for (const client of clients) {
          const page = await send(client, route)
          if (page.status >= 500) return `${page.status} ${page.title}`
          if (page.status === 200 && page.html !== '' && page.title === '') return 'no heading'
        }
        return null
      },
    )
  })

  test('ACC-1: whoever is signed in has both factors: without the second the account is nobody', async () => {
    const person = await createPerson(portal.services, { roles: ['administrator'] })
    expect(await findSignedIn(portal.services.database, person.id)).not.toBeNull()
    await portal.services.database('accounts').where({ id: person.id }).update({ totp_confirmed_at: null })
    expect(await findSignedIn(portal.services.database, person.id)).toBeNull()
  })

  test('ACC-1: development pages are absent in production', () => {
    for (const route of table.filter((each) => each.path === '/mail')) expect(route.developmentOnly).toBe(true)
  })
})
