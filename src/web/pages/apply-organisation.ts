import { saveDraft } from '../../application/apply.ts'
import type { Application } from '../../application/application.ts'
import { organisationSchema } from '../../application/organisation-statement.ts'
import { assignOrganisation, organisationNamed, organisationOf } from '../../people/organisations.ts'
import type { Services } from '../../services.ts'
import { readForm } from '../form.ts'
import { translate, type Language } from '../locales.ts'
import { applicationPath, changeDraft, changedMeanwhile, nextPath, ownDraft } from '../own-application.ts'
import { page, redirect, type FieldError, type Reply, type Route } from '../reply.ts'

const FIELDS = ['legalName', 'country', 'state', 'locality', 'street', 'postalCode', 'registrationNumber', 'foundedOn', 'phone'] as const

const form = (
  services: Services,
  language: Language,
  { reference, version }: Application,
  given: Readonly<Record<string, string>>,
  ownName: string | null,
  errors: readonly FieldError[] = [],
): Reply =>
  page(
    'apply/organisation',
    'apply.step.organisation.title',
    {
      reference,
      version,
      action: applicationPath(reference, 'organisation'),
      named: ownName !== null,
      values: Object.fromEntries(FIELDS.map((field) => [field, given[field] ?? ''])),
      countries: services.policy.subject.countries.map((value) => ({ value, text: countryName(language, value) })),
    },
    { errors },
  )

/**
 * APP-4, ACC-2: keys and officers' conflicts are told apart by organisation, so an account stands for one: the first that it
 * states. Another name is another organisation until the CA has looked at it.
 */
const otherName = (legalName: string): FieldError => ({ field: 'legalName', message: { key: 'apply.organisation.error.other-organisation', values: { name: legalName } } })

/** The country in the reader's language, with its code: Japan (JP). */
export const countryName = (language: Language, code: string): string =>
  translate(language, 'apply.country', { name: new Intl.DisplayNames([language], { type: 'region' }).of(code) ?? code, code })

export function applyOrganisationRoutes(_services: Services): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/applications/:reference/organisation',
      who: ['subscriber'],
      events: [],
      handle: ownDraft(async ({ services, language }, { application, account }) => {
        const ownName = (await organisationOf(services.database, account.id))?.legalName ?? null
        const proposed = { country: services.policy.subject.countries[0]!, ...(ownName === null ? {} : { legalName: ownName }) }
        return form(services, language, application, { ...(application.organisation ?? proposed) }, ownName)
      }),
    },
    {
      method: 'POST',
      path: '/applications/:reference/organisation',
      who: ['subscriber'],
      events: ['application.organisation-stated'],
      handle: changeDraft(async (request, { application, account }) => {
        const { services, language, now } = request
        const read = readForm(organisationSchema(services.policy.subject.countries, now.toISOString().slice(0, 10)), request.form)
        const ownName = (await organisationOf(services.database, account.id))?.legalName ?? null
        if (!read.ok) return form(services, language, application, request.form, ownName, read.errors)
        const outcome = await services.work(account.id, async (work, trx) => {
          // Looked up here: another tab may have stated the account's first organisation since the page was drawn.
          const standing = await organisationOf(trx, account.id)
          if (standing && standing.legalName !== read.values.legalName) return otherName(standing.legalName)
          const organisationId = standing?.id ?? (await organisationNamed(trx, read.values.legalName, work.now))
          if (!(await saveDraft(work, application, { organisation: read.values, organisationId }))) return 'changed-meanwhile'
          if (!standing) await assignOrganisation(trx, account.id, organisationId)
          await work.audit({ event: 'application.organisation-stated', subject: `application:${application.id}`, details: { ...read.values } })
          return 'saved'
        })
        if (outcome === 'saved') return redirect(nextPath(application.reference, 'organisation'), 'apply.saved')
        return outcome === 'changed-meanwhile' ? changedMeanwhile(application) : form(services, language, application, request.form, ownName, [outcome])
      }),
    },
  ]
}
