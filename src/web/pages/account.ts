/** One's own account: password, recovery codes, sessions. */
import { z } from 'zod'
import { changePassword, newRecoveryCodes } from '../../people/password-change.ts'
import { ROLES } from '../../people/roles.ts'
import { countRecoveryCodes } from '../../people/second-factor.ts'
import type { Services } from '../../services.ts'
import { readForm } from '../form.ts'
import { page, redirect, type FieldError, type Reply, type Route } from '../reply.ts'
import { codeField, LIMITS, newPasswordErrors, passwordField } from './person-fields.ts'
import { showRecoveryCodes } from './second-factor.ts'

const passwordPage = (errors: readonly FieldError[] = []): Reply => page('people/change-password', 'account.password.title', { ...LIMITS }, { errors })
const codesPage = (errors: readonly FieldError[] = []): Reply => page('people/new-recovery-codes', 'account.codes.title', {}, { errors })

export function accountRoutes(_services: Services): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/account',
      who: ROLES,
      events: [],
      async handle({ services, account }) {
        const { id, name, email, roles } = account!
        return page('people/account', 'account.title', { name, email, roles: [...roles], recoveryCodes: await countRecoveryCodes(services.database, id) })
      },
    },
    { method: 'GET', path: '/account/password', who: ROLES, events: [], handle: async () => passwordPage() },
    {
      method: 'POST',
      path: '/account/password',
      who: ROLES,
      events: ['account.password-changed'],
      async handle(request) {
        const account = request.account!
        const form = readForm(z.object({ 'present-password': passwordField, password: passwordField, code: codeField }), request.form)
        const errors = form.ok ? newPasswordErrors(form.values.password, account) : form.errors
        if (!form.ok || errors.length > 0) return passwordPage(errors)
        const { password, code, 'present-password': present } = form.values
        const verdict = await changePassword(request.services, { accountId: account.id, present, code, password, address: request.address })
        if (verdict.outcome === 'wait') return { kind: 'too-many', retryAfterSeconds: verdict.retryAfterSeconds }
        if (verdict.outcome === 'wrong')
          return passwordPage([{ field: verdict.field, message: { key: verdict.field === 'code' ? 'second-factor.wrong' : 'account.password.wrong' } }])
        // Every session has ended with the old password; this one begins anew, under a new id.
        await request.signIn(account.id)
        return redirect('/account', 'account.password.done')
      },
    },
    { method: 'GET', path: '/account/recovery-codes', who: ROLES, events: [], handle: async () => codesPage() },
    {
      method: 'POST',
      path: '/account/recovery-codes',
      who: ROLES,
      events: ['account.recovery-codes-made'],
      async handle(request) {
        const account = request.account!
        const form = readForm(z.object({ code: codeField }), request.form)
        if (!form.ok) return codesPage(form.errors)
        const verdict = await newRecoveryCodes(request.services, { accountId: account.id, code: form.values.code, address: request.address })
        if (verdict.outcome === 'wait') return { kind: 'too-many', retryAfterSeconds: verdict.retryAfterSeconds }
        if (verdict.outcome === 'wrong') return codesPage([{ field: 'code', message: { key: 'second-factor.wrong' } }])
        showRecoveryCodes(request, account.id, verdict.recoveryCodes)
        request.session.returnTo = '/account'
        return redirect('/second-factor/recovery-codes')
      },
    },
  ]
}
