/** Signing in by e-mail address and password, signing out, and a new password by mail. */
import { z } from 'zod'
import { accountToReset, requestReset, resetPassword } from '../../people/password-change.ts'
import { ROLES } from '../../people/roles.ts'
import { endSessions } from '../../people/sessions.ts'
import { checkPassword } from '../../people/sign-in.ts'
import type { Services } from '../../services.ts'
import { readForm } from '../form.ts'
import { page, redirect, type FieldError, type Reply, type Route } from '../reply.ts'
import { emailField, LIMITS, newPasswordErrors, passwordField } from './person-fields.ts'
import { askSecondFactor } from './second-factor.ts'

const signInPage = (email: string, errors: readonly FieldError[] = []): Reply => page('people/sign-in', 'sign-in.title', { email }, { errors })
const askResetPage = (email: string, errors: readonly FieldError[] = []): Reply => page('people/ask-reset', 'sign-in.reset.title', { email }, { errors })
const newPasswordPage = (token: string, email: string, errors: readonly FieldError[] = []): Reply =>
  page('people/new-password', 'sign-in.new-password.title', { token, email, ...LIMITS }, { errors })
const deadLink = (): Reply =>
  page('people/dead-link', 'people.dead-link.title', { text: 'people.dead-link.text', next: '/password-reset', nextText: 'sign-in.reset.title' }, { status: 404 })

export function signInRoutes(_services: Services): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/sign-in',
      who: 'anyone',
      events: [],
      handle: async ({ account }) => (account ? redirect('/') : signInPage('')),
    },
    {
      method: 'POST',
      path: '/sign-in',
      who: 'anyone',
      // Signed in is who gave the second factor too; that step audits it. What is refused is audited by the rule.
      events: [],
      async handle(request) {
        const form = readForm(z.object({ email: emailField, password: passwordField }), request.form)
        if (!form.ok) return signInPage(request.form['email'] ?? '', form.errors)
        const verdict = await checkPassword(request.services, { ...form.values, address: request.address })
        if (verdict.outcome === 'wait') return { kind: 'too-many', retryAfterSeconds: verdict.retryAfterSeconds }
        if (verdict.outcome === 'wrong') return signInPage(request.form['email'] ?? '', [{ field: 'email', message: { key: 'sign-in.wrong' } }])
        return askSecondFactor(request, verdict.account.id)
      },
    },
    {
      method: 'POST',
      path: '/sign-out',
      who: ROLES,
      events: ['session.signed-out'],
      async handle(request) {
        await request.services.work(request.account!.id, (work) => work.audit({ event: 'session.signed-out', subject: `account:${request.account!.id}` }))
        await request.renewSession()
        return redirect('/sign-in', 'sign-in.signed-out')
      },
    },
    {
      method: 'POST',
      path: '/sign-out/everywhere',
      who: ROLES,
      events: ['session.signed-out-everywhere'],
      async handle(request) {
        const { id } = request.account!
        await request.services.work(id, async (work, trx) =>
          work.audit({ event: 'session.signed-out-everywhere', subject: `account:${id}`, details: { sessionsEnded: await endSessions(trx, id) } }),
        )
        await request.renewSession()
        return redirect('/sign-in', 'sign-in.signed-out-everywhere')
      },
    },
    { method: 'GET', path: '/password-reset', who: 'anyone', events: [], handle: async () => askResetPage('') },
    {
      method: 'POST',
      path: '/password-reset',
      who: 'anyone',
      events: ['account.password-reset-requested'],
      async handle(request) {
        const form = readForm(z.object({ email: emailField }), request.form)
        if (!form.ok) return askResetPage(request.form['email'] ?? '', form.errors)
        const verdict = await requestReset(request.services, { email: form.values.email, address: request.address })
        return verdict.outcome === 'wait' ? { kind: 'too-many', retryAfterSeconds: verdict.retryAfterSeconds } : redirect('/password-reset/sent')
      },
    },
    {
      method: 'GET',
      path: '/password-reset/sent',
      who: 'anyone',
      events: [],
      handle: async () => page('people/mail-sent', 'sign-in.reset.sent.title', { text: 'sign-in.reset.sent.text' }),
    },
    {
      method: 'GET',
      path: '/password-reset/:token',
      who: 'anyone',
      events: [],
      async handle({ services, params }) {
        const account = await accountToReset(services, params['token']!)
        return account ? newPasswordPage(params['token']!, account.email) : deadLink()
      },
    },
    {
      method: 'POST',
      path: '/password-reset/:token',
      who: 'anyone',
      events: ['account.password-changed'],
      async handle(request) {
        const token = request.params['token']!
        const account = await accountToReset(request.services, token)
        if (!account) return deadLink()
        const form = readForm(z.object({ password: passwordField }), request.form)
        const errors = form.ok ? newPasswordErrors(form.values.password, account) : form.errors
        if (!form.ok || errors.length > 0) return newPasswordPage(token, account.email, errors)
        const outcome = await resetPassword(request.services, { token, password: form.values.password, address: request.address })
        return outcome === 'gone' ? deadLink() : redirect('/sign-in', 'sign-in.new-password.done')
      },
    },
  ]
}
