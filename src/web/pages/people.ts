/** Administrators: who works here, whom to invite, and the second administrator's word (ACC-2). */
import { z } from 'zod'
import { optionalLine } from '../../application/entered-text.ts'
import { countAdministrators, listStaff } from '../../people/accounts.ts'
import { confirmInvitation, invite, listOpenInvitations, withdrawInvitation, type InvitationProblem } from '../../people/invitations.ts'
import { isRole, STAFF_ROLES } from '../../people/roles.ts'
import type { Services } from '../../services.ts'
import { countEndingAnchors } from '../anchor-notice.ts'
import { readForm } from '../form.ts'
import { page, redirect, type FieldError, type PageRequest, type Reply, type Route } from '../reply.ts'
import { emailField } from './person-fields.ts'

async function peoplePage(request: PageRequest, errors: readonly FieldError[] = []): Promise<Reply> {
  const { services, form, lists, account } = request
  const invitations = await listOpenInvitations(services.database)
  return page(
    'people/people',
    'people.title',
    {
      staff: await listStaff(services.database),
      invitations: invitations.map((each) => ({ ...each, own: each.createdBy === account!.id })),
      roles: STAFF_ROLES,
      alone: (await countAdministrators(services.database, 'enrolled')) === 1,
      email: form['email'] ?? '',
      organisation: form['organisation'] ?? '',
      chosen: lists['roles'] ?? [],
      language: form['language'] ?? request.language,
      endingAnchors: await countEndingAnchors(services, request.now),
    },
    { errors },
  )
}

const FIELD: Readonly<Record<InvitationProblem, string>> = {
  'no-role': 'roles',
  'roles-exclude': 'roles',
  'address-in-use': 'email',
  'already-invited': 'email',
}

export function peopleRoutes(_services: Services): readonly Route[] {
  return [
    { method: 'GET', path: '/people', who: ['administrator'], events: [], handle: (request) => peoplePage(request) },
    {
      method: 'POST',
      path: '/people',
      who: ['administrator'],
      events: ['account.invited'],
      async handle(request) {
        const form = readForm(z.object({ email: emailField, organisation: optionalLine(200), language: z.enum(['en', 'ja'], 'forms.choose') }), request.form)
        const roles = (request.lists['roles'] ?? []).filter(isRole)
        if (!form.ok) return peoplePage(request, form.errors)
        const { email, language, organisation } = form.values
        const verdict = await invite(request.services, request.account!.id, { email, language, organisation: organisation === '' ? null : organisation, roles })
        if (verdict.outcome === 'sent' || verdict.outcome === 'waiting') return redirect('/people', `people.invited.${verdict.outcome}`)
        return peoplePage(request, [{ field: FIELD[verdict.outcome], message: { key: `people.problems.${verdict.outcome}` } }])
      },
    },
    {
      method: 'POST',
      path: '/people/invitations/:id/confirm',
      who: ['administrator'],
      events: ['account.invitation-confirmed'],
      async handle({ services, account, params }) {
        const outcome = await confirmInvitation(services, account!.id, params['id']!)
        if (outcome === 'gone') return { kind: 'not-found' }
        return outcome === 'own' ? { kind: 'refused', reason: { key: 'people.problems.own' } } : redirect('/people', 'people.invited.sent')
      },
    },
    {
      method: 'POST',
      path: '/people/invitations/:id/withdraw',
      who: ['administrator'],
      events: ['account.invitation-withdrawn'],
      handle: async ({ services, account, params }) =>
        (await withdrawInvitation(services, account!.id, params['id']!)) === 'gone' ? { kind: 'not-found' } : redirect('/people', 'people.invited.withdrawn'),
    },
  ]
}
