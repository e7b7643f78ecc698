import { randomUUID } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { audit } from '../../src/audit/audit-log.ts'
import { createFirstAdministrator, createFirstAdministratorLink } from '../../src/people/first-administrator.ts'
import { rsaKeyPair } from '../pki/keys.ts'
import { appendAnything, NO_DETAILS } from '../audit/entries.ts'
import { allowTampering } from '../audit/tampering.ts'
import { createPerson, signIn, startPortal, totpCode, words, type Client, type Person, type Portal } from '../support/portal.ts'
import { applicantOf, applicationAt, fillDraft, ORGANISATION, startScene, submit } from './applicant.ts'

let portal: Portal
afterEach(async () => {
  expect(portal.faults).toEqual([])
  await portal.close()
})

const pathOf = (link: string | null): string => link!.slice(portal.url.length)
const audited = (event: string) => portal.services.database('audit_events').where({ event }).orderBy('seq')
const invitations = () => portal.services.database('invitations')
const invitationLink = async (email: string) => (await portal.mails(email)).find((mail) => mail.link?.startsWith('/invitation/'))?.link ?? null

async function enrol(client: Client): Promise<void> {
  const secret = /[A-Z2-7]{4}(?: [A-Z2-7]{4}){7}/.exec((await client.get('/second-factor')).text)![0].replaceAll(' ', '')
  expect((await client.post('/second-factor', { code: await totpCode(portal.services, { secret }) })).title).toBe(words('second-factor.codes.title'))
}
async function administrator(): Promise<Person & { client: Client }> {
  const person = await createPerson(portal.services, { roles: ['administrator'] })
  const client = portal.client()
  await signIn(portal, client, person)
  return { ...person, client }
}

describe('the first administrator', () => {
  const first = { name: 'Ichiro Suzuki', email: 'ichiro@ca.example', password: 'slow river copper lamp' }

  test('ACC-2: is made once by the link of the start, sets up TOTP, and is on record as having acted alone', async () => {
    portal = await startPortal()
    const older = pathOf(await createFirstAdministratorLink(portal.services))
    const link = pathOf(await createFirstAdministratorLink(portal.services))
    const client = portal.client()
    // A second start voids the link of the first.
    expect((await client.get(older)).status).toBe(404)
    expect((await client.get(`${link.slice(0, -1)}${link.endsWith('A') ? 'B' : 'A'}`)).status).toBe(404)
    await client.get(link)
    expect((await client.post(link, { ...first, password: 'short' })).value('email')).toBe(first.email)
    expect((await client.post(link, first)).title).toBe(words('second-factor.enrol.title'))
    expect((await client.get('/people', { follow: false })).location).toBe('/sign-in')
    await enrol(client)
    expect((await client.get('/people')).text).toContain(first.email)
    expect(JSON.parse((await audited('account.first-administrator'))[0].details)).toMatchObject({ alone: true, roles: ['administrator'] })
    expect(await createFirstAdministratorLink(portal.services)).toBeNull()
    expect((await portal.client().post(link, { ...first, email: 'other@ca.example' })).status).toBe(404)
  })

  test('ACC-2: of two who use the link at the same moment one becomes administrator', async () => {
    portal = await startPortal()
    const link = pathOf(await createFirstAdministratorLink(portal.services))
    const pages = await Promise.all(['a', 'b', 'c'].map((name) => portal.client().post(link, { ...first, email: `${name}@ca.example` })))
    expect(pages.map((page) => page.path).filter((path) => path === '/second-factor')).toHaveLength(1)
    expect(await portal.services.database('account_roles').where({ role: 'administrator' })).toHaveLength(1)
  })

  test('ACC-2: the link is gone once there is an administrator, and after 72 hours', async () => {
    portal = await startPortal()
    const link = pathOf(await createFirstAdministratorLink(portal.services))
    portal.advance({ hours: 73 })
    const dead = await portal.client().get(link)
    expect([dead.status, dead.text.includes(words('people.dead-link.first-administrator')), dead.html.includes('<p><a href="/sign-in">')]).toEqual([404, true, true])
    const fresh = pathOf(await createFirstAdministratorLink(portal.services))
    expect((await portal.client().get(fresh)).status).toBe(200)
    await createPerson(portal.services, { roles: ['administrator'] })
    const ended = await portal.client().get(fresh)
    expect([ended.status, ended.text.includes(words('people.dead-link.administrator-exists'))]).toEqual([404, true])
    expect((await portal.client().post(fresh, first)).status).toBe(404)
    // Also when the page's own look came before the other administrator was made.
    expect(await createFirstAdministrator(portal.services, { token: fresh.split('/').at(-1)!, ...first, language: 'en', address: '192.0.2.1' })).toEqual({ outcome: 'gone' })
  })
})

describe('invitations', () => {
  const invited = { email: 'officer@ca.example', roles: ['vetting-officer', 'approving-officer'], language: 'en' }

  test('ACC-2: the only administrator invites alone, on record; the invited sets name, password and TOTP and has exactly the roles', async () => {
    portal = await startPortal()
    const { client, id } = await administrator()
    expect((await client.get('/people')).text).toContain(words('people.invite.alone'))
    expect((await client.post('/people', invited)).text).toContain(words('people.invited.sent'))
    expect(JSON.parse((await audited('account.invited'))[0].details)).toMatchObject({ alone: true, email: invited.email, roles: invited.roles })

    const link = (await invitationLink(invited.email))!
    const officer = portal.client()
    const opened = await officer.get(link)
    expect(opened.text).toContain(words('roles.vetting-officer'))
    const wrong = await officer.post(link, { name: 'Jiro', password: 'officer@ca.example' })
    expect([wrong.errors.get('password'), wrong.value('name')]).toEqual([words('people.password.is-about-you'), 'Jiro'])
    expect((await officer.post(link, { name: 'Jiro Kato', password: 'slow river copper lamp', roles: 'administrator', email: 'x@ca.example' })).path).toBe(
      '/second-factor',
    )
    await enrol(officer)
    const account = await portal.services.database('accounts').where({ email: invited.email }).first()
    expect(await portal.services.database('account_roles').where({ account_id: account.id }).orderBy('role').select('role', 'granted_by')).toEqual([
      { role: 'approving-officer', granted_by: id },
      { role: 'vetting-officer', granted_by: id },
    ])
    expect((await portal.client().get(link)).status).toBe(404)
    expect((await audited('account.invitation-accepted')).map((row) => row.subject)).toEqual([`account:${account.id}`])
  })

  test('ACC-2: with two administrators the one who invites can’t confirm; the other can; no link exists before', async () => {
    portal = await startPortal()
    const [first, second] = [await administrator(), await administrator()]
    expect((await first.client.post('/people', invited)).text).toContain(words('people.invited.waiting'))
    expect(await portal.mails(invited.email)).toEqual([])
    expect(await portal.services.database('link_tokens')).toEqual([])
    const { id } = await invitations().first()
    // The page offers no button, and the address refuses all the same.
    expect((await first.client.get('/people')).html).not.toContain(`/people/invitations/${id}/confirm`)
    const own = await first.client.post(`/people/invitations/${id}/confirm`)
    expect([own.status, own.text.includes(words('people.problems.own'))]).toEqual([403, true])
    expect((await invitations().first()).state).toBe('waiting')

    expect((await second.client.get('/people')).html).toContain(`/people/invitations/${id}/confirm`)
    expect((await second.client.post(`/people/invitations/${id}/confirm`)).text).toContain(words('people.invited.sent'))
    expect((await invitations().first()).confirmed_by).toBe(second.id)
    expect((await audited('account.invitation-confirmed'))[0].actor).toBe(second.id)
    expect((await portal.client().get((await invitationLink(invited.email))!)).status).toBe(200)
    expect((await second.client.post(`/people/invitations/${id}/confirm`)).status).toBe(404)
  })

  test('ACC-2: an officer invited as working for an organisation too is refused on its applications, and the staff list says so', async () => {
    const scene = await startScene()
    portal = scene.portal
    const { client } = await administrator()
    const organisation = ORGANISATION.legalName
    const bad = await client.post('/people', { ...invited, organisation: 'Aoki\u200bKogyo' })
    expect([bad.errors.get('organisation'), bad.value('email')]).toEqual([words('forms.characters'), invited.email])
    expect((await client.post('/people', { ...invited, organisation })).text).toContain(words('people.open.organisation', { name: organisation }))
    expect(JSON.parse((await audited('account.invited'))[0].details)).toMatchObject({ organisation })
    const officer = portal.client()
    const link = (await invitationLink(invited.email))!
    await officer.get(link)
    await officer.post(link, { name: 'Jiro Kato', password: 'slow river copper lamp' })
    await enrol(officer)
    expect(JSON.parse((await audited('account.invitation-accepted'))[0].details)).toMatchObject({ organisation })
    expect((await client.get('/people')).text).toContain(organisation)

    const applicant = await applicantOf(scene)
    const path = await fillDraft(scene, applicant.client, rsaKeyPair(3072))
    await submit(applicant.client, path)
    const reference = path.split('/').at(-1)!
    await officer.get(`/review/${reference}`)
    const { version } = await applicationAt(scene, path)
    const refused = await officer.post(`/review/${reference}/start-vetting`, { version: String(version) })
    expect([refused.status, refused.text.includes(words('review.refused.own-organisation'))]).toEqual([403, true])
    expect((await applicationAt(scene, path)).state).toBe('submitted')
  })

  test.each([
    ['no role', [], 'people.problems.no-role'],
    ['auditor and officer', ['auditor', 'vetting-officer'], 'people.problems.roles-exclude'],
    ['administrator and officer', ['administrator', 'approving-officer'], 'people.problems.roles-exclude'],
    ['subscriber', ['subscriber'], 'people.problems.roles-exclude'],
  ])('ACC-2: refuses %s, keeps what was chosen and invites nobody', async (_, roles, key) => {
    portal = await startPortal()
    const { client } = await administrator()
    const page = await client.post('/people', { ...invited, roles })
    expect([page.status, page.errors.get('roles'), page.value('email')]).toEqual([422, words(key), invited.email])
    for (const role of roles.filter((each) => each !== 'subscriber')) expect(page.html).toMatch(new RegExp(`value="${role}" checked`))
    expect(await invitations()).toEqual([])
  })

  test('ACC-2: refuses an address with an account and one invited already; a withdrawn link is dead; a link lasts 72 hours', async () => {
    portal = await startPortal()
    const { client } = await administrator()
    const known = await createPerson(portal.services, { roles: ['subscriber'] })
    expect((await client.post('/people', { ...invited, email: known.email })).errors.get('email')).toBe(words('people.problems.address-in-use'))
    await client.post('/people', invited)
    expect((await client.post('/people', invited)).errors.get('email')).toBe(words('people.problems.already-invited'))
    const link = (await invitationLink(invited.email))!
    const { id } = await invitations().first()
    expect((await client.post(`/people/invitations/${id}/withdraw`)).text).toContain(words('people.invited.withdrawn'))
    expect(await portal.services.database('link_tokens').where({ invitation_id: id })).toEqual([])
    expect((await portal.client().get(link)).status).toBe(404)

    await client.post('/people', { ...invited, email: 'later@ca.example' })
    const later = (await invitationLink('later@ca.example'))!
    portal.advance({ hours: 71 })
    expect((await portal.client().get(later)).status).toBe(200)
    portal.advance({ hours: 2 })
    expect((await portal.client().get(later)).status).toBe(404)
  })

  test('ACC-2: nobody registers as staff, whatever the form says', async () => {
    portal = await startPortal()
    const email = 'sneaky@maker.example'
    await portal
      .client()
      .post('/register', { name: 'S', email, password: 'slow river copper lamp', roles: 'administrator', role: 'administrator', state: 'active' })
    const { id, state } = await portal.services.database('accounts').where({ email }).first()
    expect([state, await portal.services.database('account_roles').where({ account_id: id }).pluck('role')]).toEqual(['unconfirmed', ['subscriber']])
  })
})

describe('the auditor', () => {
  test('LOG-1, ISS-6: sees an entry that is none of ours as it stands, and the others beside it', async () => {
    const other = await startPortal()
    for (const details of NO_DETAILS) await appendAnything(other.services.database, { event: 'no.event', subject: 'x:1', details, at: 'no time' })
    const auditor = await createPerson(other.services, { roles: ['auditor'] })
    const client = other.client()
    await signIn(other, client, auditor)
    const page = await client.get('/audit')
    expect(page.status).toBe(200)
    expect(page.text).toContain('not json')
    expect(page.text).toContain('no time')
    expect(other.faults).toEqual([])
  })

  test('ACC-2: reads every event, by subject and page by page, sees the chain’s verdict, and has nothing to send but the filter', async () => {
    portal = await startPortal()
    const auditor = await createPerson(portal.services, { roles: ['auditor'], name: 'Akiko Audit' })
    await portal.services.work('process:test', async (work) => {
      for (let each = 0; each < 120; each++)
        await work.audit({ event: 'process.started', subject: `process:${each % 2 === 0 ? 'ca' : 'c_'}`, details: { each } })
    })
    const client = portal.client()
    await signIn(portal, client, auditor)
    const newest = await client.get('/audit')
    expect(newest.text).toContain(words('audit.chain.intact'))
    expect(newest.text).toContain(words('audit.events.session.signed-in'))
    expect(newest.html.match(/<tr>/g)).toHaveLength(51)
    // The frame's own form signs out; the page has none that sends.
    expect(newest.html.match(/<form[^>]*method="post"/g)).toHaveLength(1)
    const next = /href="(\/audit\?[^"]*before=\d+)"/.exec(newest.html)![1]!.replaceAll('&amp;', '&').replaceAll('&#38;', '&')
    const older = await client.get(next)
    expect(older.html.match(/<tr>/g)).toHaveLength(51)
    expect(older.text).not.toContain(words('audit.chain.intact'))
    // `_` and `%` are letters of a subject, not patterns.
    const filtered = await client.get('/audit?subject=process%3Ac_')
    expect(filtered.text).not.toContain('process:ca')
    expect(filtered.value('subject')).toBe('process:c_')
    expect((await client.get('/audit?subject=%25')).text).toContain(words('audit.none'))
    for (const query of ["?subject='%22<script>&before=x", `?before=${'9'.repeat(40)}`, '?before=-1', '?subject[]=a'])
      expect((await client.get(`/audit${query}`)).status).toBe(200)
    // By reference, person and day, with the words that people use.
    const { database } = portal.services
    const application = { id: randomUUID(), reference: 'ABQEF-AFXVX' }
    await portal.services.work(auditor.id, async (work) => {
      await work.applications.create({ ...application, applicantId: auditor.id, organisationId: null, policyId: portal.services.policy.id })
      await work.audit({ event: 'application.started', subject: `application:${application.id}`, details: { option: 'own-module' } })
    })
    const found = async (query: string): Promise<readonly string[]> => [...(await client.get(`/audit?${query}`)).html.matchAll(/<td>([^<>]*)<\/td>\s*<td><a/g)].map(([, event]) => event!)
    const started = words('audit.events.application.started')
    expect(await found('subject=abqef-afxvx')).toEqual([started])
    const shown = await client.get('/audit?subject=ABQEF-AFXVX')
    expect(shown.html).toMatch(/<td><a [^>]*>ABQEF-AFXVX<\/a><\/td>\s*<td>Akiko Audit<\/td>/)
    expect(new Set(await found('person=akiko'))).toEqual(new Set([started, words('audit.events.session.signed-in')]))
    const [{ at }] = await database('audit_events').orderBy('seq', 'desc').limit(1).select('at')
    expect((await found(`from=${at.slice(0, 10)}`)).length).toBeGreaterThan(0)
    expect(await found(`until=${new Date(Date.parse(at) - 86_400_000).toISOString().slice(0, 10)}`)).toEqual([])
    expect((await client.get('/audit?from=soon')).errors.get('from')).toBe(words('forms.date'))
    // Days begin as the times that the page shows: 16:00 UTC is one o'clock of the next day in Japan.
    await database.transaction((trx) => audit(trx, { at: new Date('2026-03-10T16:00:00Z'), actor: 'process:ca', event: 'process.stopped', subject: 'process:ca', details: {} }))
    const onDay = async (day: string) => (await found(`from=${day}&until=${day}`)).length
    expect([await onDay('2026-03-10'), await onDay('2026-03-11'), await onDay('9999-12-31')]).toEqual([1, 0, 0])
    expect((await found('until=9999-12-31')).length).toBeGreaterThan(1)
    expect((await client.get('/audit?lang=ja')).title).toBe(words('audit.title', {}, 'ja'))
    expect([await onDay('2026-03-10'), await onDay('2026-03-11')]).toEqual([0, 1])
    expect((await client.get('/audit?from=2026-03-11&until=2026-03-11')).text).toContain('2026-03-11 01:00 JST')
  })

  test('LOG-1: an altered entry is shown with its number', async () => {
    portal = await startPortal()
    const auditor = await createPerson(portal.services, { roles: ['auditor'] })
    const client = portal.client()
    await signIn(portal, client, auditor)
    await allowTampering(portal.services.database)
    await portal.services.database('audit_events').where({ seq: 1 }).update({ actor: 'somebody else' })
    expect((await client.get('/audit')).text).toContain(words('audit.chain.reason.hash', { at: '1' }))
  })
})
