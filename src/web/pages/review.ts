/** The officers' pages: the queue, an application on one page, the checklist, and the decision. */
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { approvalDigest } from '../../application/approve-digest.ts'
import type { Application, Dossier, Duty } from '../../application/application.ts'
import { CHECKLIST, judgeEntry, openItems, requiredItems, unfinishedItems } from '../../application/checklist.ts'
import { enteredDay } from '../../application/entered-text.ts'
import { findMove, nextActor, STATES, type ApplicationState, type MoveName } from '../../application/lifecycle.ts'
import type { ApplicationChange, Work } from '../../application/ports.ts'
import { missingForApproval, refuseDuty } from '../../application/review.ts'
import { STAFF_ROLES } from '../../people/roles.ts'
import type { Services } from '../../services.ts'
import { readForm } from '../form.ts'
import { translate, type Language } from '../locales.ts'
import { page, redirect, type PageRequest, type Reply, type Route } from '../reply.ts'
import { weakListNotice } from '../weak-lists.ts'
import { dossierModel } from './review-dossier.ts'

/** What the queue shows, most urgent first. */
const TABS: Readonly<Record<string, readonly ApplicationState[]>> = {
  vet: ['submitted', 'vetting'],
  decide: ['vetted', 'held'],
  issuing: ['approved', 'issuing'],
  done: ['issued', 'accepted', 'revoked', 'rejected', 'withdrawn'],
}

const checkSchema = z.object({
  outcome: z.enum(['confirmed', 'not-confirmed'], 'forms.choose'),
  source: z.string('forms.choose').min(1, 'forms.choose').max(40, 'forms.choose'),
  document: z.string('forms.required').min(3, 'forms.required').max(300, 'forms.too-long|max=300'),
  documentDate: enteredDay(),
  obtainedOn: enteredDay(),
  inspected: z.literal('yes').optional(),
  note: z.string().max(2000, 'forms.too-long|max=2000').optional(),
})
const reasonSchema = z.object({ reason: z.string('forms.required').min(10, 'review.errors.reason-short').max(2000, 'forms.too-long|max=2000') })
const confirmSchema = z.object({ correlated: z.literal('yes', 'forms.tick') })

export function reviewRoutes(_services: Services): readonly Route[] {
  return [
    { method: 'GET', path: '/review', who: STAFF_ROLES, events: [], handle: queue },
    { method: 'GET', path: '/review/:reference', who: STAFF_ROLES, events: [], handle: (request) => withDossier(request, (dossier) => show(request, dossier)) },
    { method: 'GET', path: '/review/:reference/evidence/:file', who: STAFF_ROLES, events: [], handle: evidence },
    { method: 'POST', path: '/review/:reference/start-vetting', who: ['vetting-officer'], events: ['application.vetting-started'], handle: startVetting },
    { method: 'GET', path: '/review/:reference/checks/:item', who: ['vetting-officer'], events: [], handle: (request) => withDossier(request, (dossier) => checkPage(request, dossier)) },
    { method: 'POST', path: '/review/:reference/checks/:item', who: ['vetting-officer'], events: ['application.check-recorded'], handle: recordCheck },
    { method: 'POST', path: '/review/:reference/finish-vetting', who: ['vetting-officer'], events: ['application.vetted'], handle: finishVetting },
    { method: 'POST', path: '/review/:reference/return', who: ['vetting-officer', 'approving-officer'], events: ['application.returned-to-vetting'], handle: returnToVetting },
    { method: 'POST', path: '/review/:reference/approve', who: ['approving-officer'], events: ['application.approved'], handle: approve },
    { method: 'POST', path: '/review/:reference/reject', who: ['approving-officer'], events: ['application.rejected'], handle: reject },
  ]
}

async function queue(request: PageRequest): Promise<Reply> {
  const { services, account, language, query } = request
  const fallback = account!.roles.has('vetting-officer') ? 'vet' : account!.roles.has('approving-officer') ? 'decide' : 'done'
  const tab = query['show'] !== undefined && Object.hasOwn(TABS, query['show']) ? query['show'] : fallback
  const counts: Record<string, number> = {}
  for (const [name, states] of Object.entries(TABS)) counts[name] = Number((await services.database('applications').whereIn('state', [...states]).whereNotNull('submitted_at').count({ total: '*' }).first())?.['total'] ?? 0)
  // One withdrawn as a draft was never handed in.
  const found = (await services.applications.list({ states: TABS[tab]! })).filter((application) => application.submittedAt !== null)
  const open = tab === 'done' ? found : [...found].reverse()
  return page('review/queue', 'review.queue.title', {
    tab,
    weakLists: await weakListNotice(services, language, 'staff'),
    tabs: Object.keys(TABS).map((name) => ({ name, text: translate(language, `review.queue.tab.${name}`), count: counts[name]! })),
    rows: open.map((application) => ({
      reference: application.reference,
      organisation: application.organisation?.legalName ?? '–',
      state: translate(language, `lifecycle.state.${application.state}`),
      waitsFor: translate(language, `lifecycle.mover.${nextActor(application.state) ?? 'subscriber'}`),
      waiting: nextActor(application.state) !== null,
      since: application.updatedAt,
    })),
  })
}

/** Drafts are the applicant's alone: an officer sees an application from its submission on. */
async function withDossier(request: PageRequest, then: (dossier: Dossier) => Promise<Reply>): Promise<Reply> {
  const found = await request.services.applications.findByReference(request.params['reference'] ?? '')
  if (!found || found.submittedAt === null) return { kind: 'not-found' }
  const dossier = await request.services.applications.dossier(found.id)
  return dossier ? then(dossier) : { kind: 'not-found' }
}

async function show(request: PageRequest, dossier: Dossier, more: { errors?: Parameters<typeof page>[3]; entered?: { reason: string } } = {}): Promise<Reply> {
  const model = await dossierModel(request.services, dossier, request.account!, request.language, request.now)
  return page('review/dossier', { key: 'review.dossier.title', values: { reference: dossier.application.reference, organisation: dossier.application.organisation?.legalName ?? '–' } }, { ...model, entered: more.entered ?? { reason: '' } }, more.errors)
}

async function evidence(request: PageRequest): Promise<Reply> {
  return withDossier(request, async (dossier) => {
    const file = dossier.evidence.find((each) => each.id === request.params['file'])
    return file ? { kind: 'file', bytes: file.bytes, type: 'application/octet-stream', name: file.name } : { kind: 'not-found' }
  })
}

/** The form was drawn from an older state of the application: nobody decides on what they did not see (VET-6). */
const outdated = (request: PageRequest, application: Application): boolean => request.form['version'] !== String(application.version)

const back = (application: Application, notice: string): Reply => redirect(`/review/${application.reference}`, notice)
/** Somebody acted meanwhile: nothing was changed, and the page shows what stands now. */
const overtaken = (application: Application): Reply => back(application, 'review.notice.overtaken')

type OfficersDuty = Duty & ('vetted' | 'decided')

interface OfficersMove {
  readonly name: MoveName
  readonly duty: OfficersDuty | ((dossier: Dossier) => OfficersDuty)
  readonly notice: string
  /** What stands against the move beside duty and state, or the form again; null when nothing does. */
  readonly hindrance?: (dossier: Dossier) => Reply | null | Promise<Reply | null>
  readonly change?: (work: Work) => ApplicationChange
  /** What belongs to the move, in its transaction, before its audit entry. Returns that entry's details. */
  readonly record: (work: Work, dossier: Dossier) => Promise<Readonly<Record<string, unknown>>> | Readonly<Record<string, unknown>>
}

/** One move of an officer's: by whoever may, from where it starts, on what was seen; then move, duty and audit entry in one transaction. */
const makeMove = (request: PageRequest, { name, duty, notice, hindrance, change, record }: OfficersMove): Promise<Reply> =>
  withDossier(request, async (dossier) => {
    const { application } = dossier
    const account = request.account!
    const taken = typeof duty === 'string' ? duty : duty(dossier)
    const refusal = refuseDuty(account, dossier, taken)
    if (refusal) return { kind: 'refused', reason: { key: refusal } }
    const move = findMove(name, application.state)
    if (!move || outdated(request, application)) return overtaken(application)
    const hindered = await hindrance?.(dossier)
    if (hindered) return hindered
    const done = await request.services.work(account.id, async (work) => {
      if (!(await work.applications.move(application, move.to, change?.(work)))) return false
      await takeDuty(work, application, taken)
      await work.audit({ event: move.event, subject: `application:${application.id}`, details: await record(work, dossier) })
      return true
    })
    return done ? back(application, `review.notice.${notice}`) : overtaken(application)
  })

/** The rules let this person take it; the database says the same, or nothing happens. */
async function takeDuty(work: Work, application: Application, duty: OfficersDuty): Promise<void> {
  if (!(await work.applications.takeDuty(application.id, work.actor, duty))) throw new Error('duty refused by the database')
}

const startVetting = (request: PageRequest): Promise<Reply> =>
  makeMove(request, { name: 'start-vetting', duty: 'vetted', notice: 'vetting-started', record: (_work, { application }) => ({ reference: application.reference }) })

async function checkPage(request: PageRequest, dossier: Dossier, more: { entered?: Record<string, string>; errors?: NonNullable<Parameters<typeof page>[3]>['errors'] } = {}): Promise<Reply> {
  const item = requiredItems(dossier.application, request.services.policy).find((each) => each.id === request.params['item'])
  if (!item) return { kind: 'not-found' }
  const t = (key: string) => translate(request.language, key)
  const known = dossier.checks.find((check) => check.item === item.id)
  const entered = more.entered ?? {
    outcome: known?.outcome ?? '',
    source: known?.source ?? '',
    document: known?.document ?? '',
    documentDate: known?.documentDate ?? '',
    obtainedOn: known?.obtainedOn ?? '',
    inspected: known?.inspected ? 'yes' : '',
    note: known?.note ?? '',
  }
  const { organisation, subject } = dossier.application
  const applicant = await request.services.database('accounts').where({ id: dossier.application.applicantId }).first('name', 'email')
  return page(
    'review/check',
    `review.item.${item.id}.title`,
    {
      reference: dossier.application.reference,
      version: dossier.application.version,
      item: { id: item.id, clause: item.clause, help: t(`review.item.${item.id}.help`) },
      claims: [
        { term: t('review.field.applicant'), text: applicant ? `${applicant.name} <${applicant.email}>` : '–', mono: false, copy: false },
        { term: t('review.field.legal-name'), text: organisation?.legalName ?? '–', mono: false, copy: true },
        { term: t('review.field.registration-number'), text: organisation?.registrationNumber || '–', mono: true, copy: true },
        { term: t('review.field.address'), text: organisation ? [organisation.street, organisation.locality, organisation.state, organisation.postalCode, organisation.country].filter(Boolean).join(', ') : '–', mono: false, copy: true },
        { term: t('review.field.founded'), text: organisation?.foundedOn ?? '–', mono: false, copy: false },
        { term: t('review.field.phone'), text: organisation?.phone ?? '–', mono: true, copy: false },
        ...(subject?.organizationalUnit ? [{ term: t('review.attribute.organizationalUnitName'), text: subject.organizationalUnit, mono: false, copy: false }] : []),
        { term: t('review.attribute.commonName'), text: subject?.commonName ?? '–', mono: false, copy: false },
      ],
      sources: item.sources.map((source) => ({ value: source, text: t(`review.source.${source}`) })),
      entered: { outcome: '', source: '', document: '', documentDate: '', obtainedOn: '', inspected: '', note: '', ...entered },
    },
    more.errors ? { errors: more.errors } : {},
  )
}

async function recordCheck(request: PageRequest): Promise<Reply> {
  return withDossier(request, async (dossier) => {
    const { application } = dossier
    const item = CHECKLIST.find((each) => each.id === request.params['item'])
    if (!item || !requiredItems(application, request.services.policy).includes(item)) return { kind: 'not-found' }
    const refusal = refuseDuty(request.account!, dossier, 'vetted')
    if (refusal) return { kind: 'refused', reason: { key: refusal } }
    if (application.state !== 'vetting' || outdated(request, application)) return overtaken(application)
    const form = readForm(checkSchema, request.form)
    if (!form.ok) return checkPage(request, dossier, { entered: request.form, errors: form.errors })
    const { outcome, source, document, documentDate, obtainedOn, inspected, note } = form.values
    const entry = { outcome, source, document, documentDate, obtainedOn, inspected: inspected === 'yes', note: note ?? '' }
    const errors = judgeEntry(item, entry, request.now, request.services.policy.periods)
    if (errors.length > 0) return checkPage(request, dossier, { entered: request.form, errors })
    const done = await request.services.work(request.account!.id, async (work) => {
      // The version rises with each check, so that nobody decides on a checklist that changed under their eyes.
      if (!(await work.applications.change(application, {}))) return false
      await takeDuty(work, application, 'vetted')
      await work.applications.putCheck(application.id, { ...entry, item: item.id, officerId: request.account!.id, checkedAt: work.now.toISOString() })
      await work.audit({ event: 'application.check-recorded', subject: `application:${application.id}`, details: { item: item.id, outcome, source, documentDate, obtainedOn } })
      return true
    })
    return done ? back(application, 'review.notice.check-recorded') : overtaken(application)
  })
}

const refused = (path: string): Reply => ({ kind: 'refused', reason: { key: `review.refused.${path}` } })

const finishVetting = (request: PageRequest): Promise<Reply> =>
  makeMove(request, {
    name: 'finish-vetting',
    duty: 'vetted',
    notice: 'vetted',
    hindrance: ({ application, checks }) => (unfinishedItems(application, checks, request.now, request.services.policy).length > 0 ? refused('checks-open') : null),
    record: (_work, { checks }) => ({ checks: checks.map(({ item }) => item) }),
  })

/** Back to the first officer; an approval in force is void (VET-6). */
const returnToVetting = (request: PageRequest): Promise<Reply> =>
  makeMove(request, {
    name: 'return-to-vetting',
    duty: ({ duties }) => (duties.some(({ accountId, duty }) => accountId === request.account!.id && duty === 'vetted') || !request.account!.roles.has('approving-officer') ? 'vetted' : 'decided'),
    notice: 'returned',
    change: () => ({ holdFindings: null }),
    async record(work, { application }) {
      if (await work.applications.voidApproval(application.id, 'returned-to-vetting')) await work.audit({ event: 'application.approval-voided', subject: `application:${application.id}`, details: { because: 'returned-to-vetting' } })
      return { from: application.state }
    },
  })

const approve = (request: PageRequest): Promise<Reply> =>
  makeMove(request, {
    name: 'approve',
    duty: 'decided',
    notice: 'approved',
    hindrance(dossier) {
      const { policy } = request.services
      const documents = policy.documents.map(({ document }) => document)
      if (missingForApproval(dossier, documents).length > 0 || openItems(dossier.application, dossier.checks, request.now, policy).length > 0) return refused('incomplete')
      const form = readForm(confirmSchema, request.form)
      return form.ok ? null : show(request, dossier, { errors: { errors: form.errors } })
    },
    async record(work, { application }) {
      const approval = { id: randomUUID(), applicationId: application.id, approverId: work.actor, approvedAt: work.now.toISOString() }
      // Over the rows as they stand in this transaction: what is approved is what is stored, not what a page showed.
      const standing = await work.applications.dossier(application.id)
      const digest = approvalDigest(standing!, approval)
      await work.applications.putApproval({ ...approval, digest })
      return { approval: approval.id, digest }
    },
  })

async function reject(request: PageRequest): Promise<Reply> {
  const { services, form: given } = request
  const account = request.account!
  const form = readForm(reasonSchema, given)
  const reason = form.ok ? form.values.reason : ''
  let applicant: { readonly email: string; readonly name: string; readonly locale: Language }
  return makeMove(request, {
    name: 'reject',
    duty: 'decided',
    notice: 'rejected',
    async hindrance(dossier) {
      if (!form.ok) return show(request, dossier, { errors: { errors: form.errors }, entered: { reason: given['reason'] ?? '' } })
      applicant = await services.database('accounts').where({ id: dossier.application.applicantId }).first('email', 'name', 'locale')
      return null
    },
    change: ({ now }) => ({ decision: { reason, by: account.id, at: now.toISOString() }, holdFindings: null }),
    async record(work, { application }) {
      await work.applications.voidApproval(application.id, 'rejected')
      await work.mail({
        to: applicant.email,
        language: applicant.locale,
        name: 'application-rejected',
        values: { name: applicant.name, reference: application.reference, reason, officer: account.name, at: work.now.toISOString(), link: `${services.config.portal.url}/applications/${application.reference}` },
      })
      return { reason }
    },
  })
}

/** Every state stands under exactly one tab, or is a draft. */
export const TABBED: readonly ApplicationState[] = STATES.filter((state) => Object.values(TABS).some((states) => states.includes(state)))
