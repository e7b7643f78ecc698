/** The applicant's own application behind a page: nobody else's is found, a draft alone is changed, and never over another tab's work. */
import type { Application, Dossier } from '../application/application.ts'
import { STEPS } from '../application/apply.ts'
import { page, redirect, type PageRequest, type Reply, type SignedIn } from './reply.ts'

export const applicationPath = (reference: string, rest = ''): string => `/applications/${reference}${rest === '' ? '' : `/${rest}`}`

export interface Own {
  readonly dossier: Dossier
  readonly application: Application
  readonly account: SignedIn
}

async function findOwn({ services, account, params }: PageRequest): Promise<Own | null> {
  const found = account && (await services.applications.findByReference(params['reference'] ?? ''))
  if (!found || found.applicantId !== account.id) return null
  const dossier = await services.applications.dossier(found.id)
  return dossier && { dossier, application: dossier.application, account }
}

type OwnHandler = (request: PageRequest, own: Own) => Promise<Reply>

/** The application in whatever state. */
export const own =
  (handle: OwnHandler) =>
  async (request: PageRequest): Promise<Reply> => {
    const found = await findOwn(request)
    return found ? handle(request, found) : { kind: 'not-found' }
  }

/** A page of a draft: what is handed in is seen on the application's own page. */
export const ownDraft = (handle: OwnHandler) =>
  own(async (request, found) => (found.application.state === 'draft' ? handle(request, found) : redirect(applicationPath(found.application.reference))))

/** A change to a draft, refused when the form was drawn from an older version. */
export const changeDraft = (handle: OwnHandler) =>
  own(async (request, found) =>
    found.application.state === 'draft' && request.form['version'] === String(found.application.version)
      ? handle(request, found)
      : changedMeanwhile(found.application),
  )

/** Another tab, or the application's own progress, came first. */
export const changedMeanwhile = ({ reference, state }: Application): Reply =>
  page('apply/changed', 'apply.changed.title', { reference, href: applicationPath(reference), state: `lifecycle.state.${state}` }, { status: 409 })

/** Where "save and continue" leads from a step. */
export function nextPath(reference: string, step: (typeof STEPS)[number]): string {
  return applicationPath(reference, STEPS[STEPS.indexOf(step) + 1] ?? 'submit')
}
