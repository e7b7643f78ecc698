/** Making an account: subscribers by themselves, staff by invitation, the first administrator by the link of the start. */
import { z } from 'zod'
import { countAdministrators } from '../../people/accounts.ts'
import { createFirstAdministrator, firstAdministratorLinkIsGood } from '../../people/first-administrator.ts'
import { acceptInvitation, invitationOf, type Invitation } from '../../people/invitations.ts'
import { confirmEmail, emailToConfirm, register } from '../../people/registration.ts'
import type { Services } from '../../services.ts'
import { readForm, type FormOutcome } from '../form.ts'
import { page, redirect, type FieldError, type PageRequest, type Reply, type Route } from '../reply.ts'
import { emailField, LIMITS, nameField, newPasswordErrors, passwordField } from './person-fields.ts'
import { askSecondFactor } from './second-factor.ts'

const REGISTRATION = z.object({ name: nameField, email: emailField, password: passwordField })

type Entered = Readonly<Record<string, string>>
const entered = (form: Entered) => ({ name: form['name'] ?? '', email: form['email'] ?? '' })

const registerPage = (form: Entered, errors: readonly FieldError[] = []): Reply =>
  page('people/register', 'register.title', { ...entered(form), ...LIMITS }, { errors })
const confirmPage = (token: string, email: string, errors: readonly FieldError[] = []): Reply =>
  page('people/confirm', 'register.confirm.title', { token, email }, { errors })
const invitationPage = (token: string, invitation: Invitation, form: Entered, errors: readonly FieldError[] = []): Reply =>
  page(
    'people/invitation',
    'register.invitation.title',
    { token, email: invitation.email, roles: invitation.roles, name: form['name'] ?? '', ...LIMITS },
    { errors },
  )
const firstPage = (token: string, form: Entered, errors: readonly FieldError[] = []): Reply =>
  page('people/first-administrator', 'register.first.title', { token, ...entered(form), ...LIMITS }, { errors })
const deadLink = (next: string, nextText: string): Reply =>
  page('people/dead-link', 'people.dead-link.title', { text: 'people.dead-link.text', next, nextText }, { status: 404 })
/** No form gives a new one: the first administrator's link is printed by the program itself. */
const deadFirstLink = async ({ database }: Services): Promise<Reply> =>
  page('people/dead-link', 'people.dead-link.title', { text: (await countAdministrators(database, 'all')) > 0 ? 'people.dead-link.administrator-exists' : 'people.dead-link.first-administrator', next: null, nextText: null }, { status: 404 })

/** The form of a new account, its password judged against the rest of it. */
function readPerson<T extends { readonly password: string }>(request: PageRequest, schema: z.ZodType<T>, email?: string): FormOutcome<T> {
  const form = readForm(schema, request.form)
  if (!form.ok) return form
  const errors = newPasswordErrors(form.values.password, { email: email ?? request.form['email'] ?? '', name: request.form['name'] ?? '' })
  return errors.length > 0 ? { ok: false, errors } : form
}

const subscriberRoutes: readonly Route[] = [
  { method: 'GET', path: '/register', who: 'anyone', events: [], handle: async ({ account }) => (account ? redirect('/') : registerPage({})) },
  {
    method: 'POST',
    path: '/register',
    who: 'anyone',
    events: ['account.registered'],
    async handle(request) {
      const form = readPerson(request, REGISTRATION)
      if (!form.ok) return registerPage(request.form, form.errors)
      const verdict = await register(request.services, { ...form.values, language: request.language, address: request.address })
      return verdict.outcome === 'wait' ? { kind: 'too-many', retryAfterSeconds: verdict.retryAfterSeconds } : redirect('/register/sent')
    },
  },
  {
    method: 'GET',
    path: '/register/sent',
    who: 'anyone',
    events: [],
    handle: async () => page('people/mail-sent', 'register.sent.title', { text: 'register.sent.text' }),
  },
  {
    method: 'GET',
    path: '/register/confirm/:token',
    who: 'anyone',
    events: [],
    async handle({ services, params }) {
      const email = await emailToConfirm(services, params['token']!)
      return email === null ? deadLink('/register', 'register.title') : confirmPage(params['token']!, email)
    },
  },
  {
    method: 'POST',
    path: '/register/confirm/:token',
    who: 'anyone',
    events: ['account.email-confirmed'],
    async handle(request) {
      const token = request.params['token']!
      const email = await emailToConfirm(request.services, token)
      if (email === null) return deadLink('/register', 'register.title')
      const form = readForm(z.object({ password: passwordField }), request.form)
      if (!form.ok) return confirmPage(token, email, form.errors)
      const verdict = await confirmEmail(request.services, { token, password: form.values.password, address: request.address })
      switch (verdict.outcome) {
        case 'gone':
          return deadLink('/register', 'register.title')
        case 'wait':
          return { kind: 'too-many', retryAfterSeconds: verdict.retryAfterSeconds }
        case 'wrong':
          return confirmPage(token, email, [{ field: 'password', message: { key: 'register.confirm.wrong' } }])
        case 'confirmed':
          return askSecondFactor(request, verdict.accountId)
      }
    },
  },
]

const staffRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/invitation/:token',
    who: 'anyone',
    events: [],
    async handle({ services, params }) {
      const invitation = await invitationOf(services, params['token']!)
      return invitation ? invitationPage(params['token']!, invitation, {}) : deadLink('/', 'people.dead-link.home')
    },
  },
  {
    method: 'POST',
    path: '/invitation/:token',
    who: 'anyone',
    events: ['account.invitation-accepted'],
    async handle(request) {
      const token = request.params['token']!
      const invitation = await invitationOf(request.services, token)
      if (!invitation) return deadLink('/', 'people.dead-link.home')
      const form = readPerson(request, z.object({ name: nameField, password: passwordField }), invitation.email)
      if (!form.ok) return invitationPage(token, invitation, request.form, form.errors)
      const verdict = await acceptInvitation(request.services, { token, ...form.values, language: request.language, address: request.address })
      if (verdict.outcome === 'accepted') return askSecondFactor(request, verdict.accountId)
      return verdict.outcome === 'gone'
        ? deadLink('/', 'people.dead-link.home')
        : invitationPage(token, invitation, request.form, [{ field: 'form', message: { key: 'register.invitation.address-in-use' } }])
    },
  },
  {
    method: 'GET',
    path: '/first-administrator/:token',
    who: 'anyone',
    events: [],
    handle: async ({ services, params }) =>
      (await firstAdministratorLinkIsGood(services, params['token']!)) ? firstPage(params['token']!, {}) : deadFirstLink(services),
  },
  {
    method: 'POST',
    path: '/first-administrator/:token',
    who: 'anyone',
    events: ['account.first-administrator'],
    async handle(request) {
      const token = request.params['token']!
      if (!(await firstAdministratorLinkIsGood(request.services, token))) return deadFirstLink(request.services)
      const form = readPerson(request, REGISTRATION)
      if (!form.ok) return firstPage(token, request.form, form.errors)
      const verdict = await createFirstAdministrator(request.services, { token, ...form.values, language: request.language, address: request.address })
      if (verdict.outcome === 'created') return askSecondFactor(request, verdict.accountId)
      return verdict.outcome === 'gone'
        ? deadFirstLink(request.services)
        : firstPage(token, request.form, [{ field: 'email', message: { key: 'register.first.address-in-use' } }])
    },
  },
]

export function registerRoutes(_services: Services): readonly Route[] {
  return [...subscriberRoutes, ...staffRoutes]
}
