import { saveDraft } from '../../application/apply.ts'
import type { Application } from '../../application/application.ts'
import { organisationSchema } from '../../application/organisation-statement.ts'
import { assignOrganisation, organisationNamed } from '../../people/organisations.ts'
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
  errors: readonly FieldError[] = [],
): Reply =>
  page(
    'apply/organisation',
    'apply.step.organisation.title',
    {
      reference,
      version,
      action: applicationPath(reference, 'organisation'),
      values: Object.fromEntries(FIELDS.map((field) => [field, given[field] ?? ''])),
      countries: services.policy.subject.countries.map((value) => ({ value, text: countryName(language, value) })),
    },
    { errors },
  )

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
      handle: ownDraft(async ({ services, language }, { application }) =>
        form(services, language, application, { ...(application.organisation ?? { country: services.policy.subject.countries[0]! }) }),
      ),
    },
    {
      method: 'POST',
      path: '/applications/:reference/organisation',
      who: ['subscriber'],
      events: ['application.organisation-stated'],
      handle: changeDraft(async (request, { application, account }) => {
        const { services, language, now } = request
        const read = readForm(organisationSchema(services.policy.subject.countries, now.toISOString().slice(0, 10)), request.form)
        if (!read.ok) return form(services, language, application, request.form, read.errors)
        const saved = await services.work(account.id, async (work, trx) => {
          const organisationId = account.organisationId ?? (await organisationNamed(trx, read.values.legalName, work.now))
          if (!(await saveDraft(work, application, { organisation: read.values, organisationId }))) return false
          if (account.organisationId === null) await assignOrganisation(trx, account.id, organisationId)
          await work.audit({ event: 'application.organisation-stated', subject: `application:${application.id}`, details: { ...read.values } })
          return true
        })
        return saved ? redirect(nextPath(application.reference, 'organisation'), 'apply.saved') : changedMeanwhile(application)
      }),
    },
  ]
}
