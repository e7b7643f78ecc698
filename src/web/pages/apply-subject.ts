import { saveDraft } from '../../application/apply.ts'
import type { Application, SubjectStatement } from '../../application/application.ts'
import { subjectSchema } from '../../application/subject-statement.ts'
import { subjectAttributes } from '../../certificate/subject.ts'
import { decodeName, displayName, encodeName } from '../../pki/name.ts'
import type { Services } from '../../services.ts'
import { readForm } from '../form.ts'
import { translate, type Language } from '../locales.ts'
import { applicationPath, changeDraft, changedMeanwhile, nextPath, ownDraft } from '../own-application.ts'
import { page, redirect, type FieldError, type Reply, type Route } from '../reply.ts'
import { countryName } from './apply-organisation.ts'

const FIELDS = ['commonName', 'country', 'state', 'locality', 'organizationalUnit', 'serialNumber'] as const

export interface SubjectPreview {
  readonly line: string
  readonly rows: readonly { readonly term: string; readonly text: string; readonly mono: boolean; readonly copy: boolean }[]
}

/** The subject as it will stand in the certificate, read back from the octets that are made of it. */
export function subjectPreview(language: Language, subject: SubjectStatement): SubjectPreview {
  const attributes = subjectAttributes(subject)
  return {
    line: displayName(decodeName(encodeName(attributes))),
    rows: attributes.map(({ type, value }) => ({ term: translate(language, `subject.attribute.${type}`), text: value, mono: false, copy: false })),
  }
}

function form(
  services: Services,
  language: Language,
  { reference, version, subject, organisation }: Application,
  given: Readonly<Record<string, string>>,
  errors: readonly FieldError[] = [],
): Reply {
  return page(
    'apply/subject',
    'apply.step.subject.title',
    {
      reference,
      version,
      action: applicationPath(reference, 'subject'),
      values: Object.fromEntries(FIELDS.map((field) => [field, given[field] ?? ''])),
      countries: services.policy.subject.countries.map((value) => ({ value, text: countryName(language, value) })),
      legalName: organisation?.legalName ?? null,
      countryDiffers: subject !== null && organisation !== null && subject.country !== organisation.country,
      preview: subject && errors.length === 0 ? subjectPreview(language, subject) : null,
    },
    { errors },
  )
}

export function applySubjectRoutes(_services: Services): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/applications/:reference/subject',
      who: ['subscriber'],
      events: [],
      handle: ownDraft(async ({ services, language }, { application }) => {
        const { subject, organisation } = application
        const proposed: Record<string, string> = organisation
          ? { commonName: organisation.legalName, country: organisation.country, state: organisation.state, locality: organisation.locality }
          : { country: services.policy.subject.countries[0]! }
        return form(services, language, application, subject ? { ...subject } : proposed)
      }),
    },
    {
      method: 'POST',
      path: '/applications/:reference/subject',
      who: ['subscriber'],
      events: ['application.subject-stated'],
      handle: changeDraft(async (request, { application, account }) => {
        const { services, language } = request
        const read = readForm(subjectSchema(services.policy.subject.countries), request.form)
        if (!read.ok) return form(services, language, application, request.form, read.errors)
        const saved = await services.work(account.id, async (work) => {
          if (!(await saveDraft(work, application, { subject: read.values }))) return false
          await work.audit({ event: 'application.subject-stated', subject: `application:${application.id}`, details: { ...read.values } })
          return true
        })
        return saved ? redirect(nextPath(application.reference, 'subject'), 'apply.saved') : changedMeanwhile(application)
      }),
    },
  ]
}
