/** The applicant's applications, and one application: what is done, what is next, who must act (APP-6). */
import { randomUUID } from 'node:crypto'
import { drawReference, examineSteps, startApplication, STEPS, withdrawApplication, type StepState } from '../../application/apply.ts'
import type { Application, Dossier } from '../../application/application.ts'
import { findMove, nextActor, type ApplicationState } from '../../application/lifecycle.ts'
import { certificateStore } from '../../database/certificate-store.ts'
import type { Services } from '../../services.ts'
import { formatInstant, translate, type Language } from '../locales.ts'
import { applicationPath, changedMeanwhile, own } from '../own-application.ts'
import { page, redirect, type Route } from '../reply.ts'

/** Open applications that one person may have at a time: enough for anyone, too few to fill the database. */
export const DRAFTS_AT_ONCE = 20

const tagOf = (state: ApplicationState): 'good' | 'bad' | 'wait' | 'neutral' =>
  state === 'accepted' ? 'good' : state === 'rejected' || state === 'revoked' ? 'bad' : state === 'draft' || state === 'withdrawn' ? 'neutral' : 'wait'

interface Task {
  readonly title: string
  readonly href: string | null
  readonly kind: 'good' | 'bad' | 'wait' | 'neutral'
  readonly status: string
  readonly hint: string | null
}

const STEP_KINDS = { done: 'good', 'to-do': 'neutral', refused: 'bad' } as const satisfies Record<StepState, Task['kind']>

function draftTasks(language: Language, dossier: Dossier, policy: Services['policy']): readonly Task[] {
  const { reference } = dossier.application
  const states = examineSteps(dossier, policy)
  const complete = STEPS.every((step) => states[step] === 'done')
  return [
    ...STEPS.map((step) => ({
      title: translate(language, `apply.step.${step}.title`),
      href: applicationPath(reference, step),
      kind: STEP_KINDS[states[step]],
      status: translate(language, `apply.step-state.${states[step]}`),
      hint: translate(language, `apply.step.${step}.hint`),
    })),
    {
      title: translate(language, 'apply.step.submit.title'),
      href: applicationPath(reference, 'submit'),
      kind: 'neutral' as const,
      status: translate(language, complete ? 'apply.step-state.to-do' : 'apply.step-state.not-yet'),
      hint: translate(language, 'apply.step.submit.hint'),
    },
  ]
}

/** The stations after submission, each with the states in which it is the one at work. */
const STATIONS: ReadonlyArray<{ readonly id: string; readonly at: readonly ApplicationState[] }> = [
  { id: 'vet', at: ['submitted', 'vetting'] },
  { id: 'approve', at: ['vetted'] },
  { id: 'issue', at: ['approved', 'issuing', 'held'] },
  { id: 'accept', at: ['issued'] },
]

function stationTasks(language: Language, { state, reference }: Application): readonly Task[] {
  const present = state === 'accepted' || state === 'revoked' ? STATIONS.length : STATIONS.findIndex(({ at }) => at.includes(state))
  return [
    { title: translate(language, 'applications.station.submit'), href: null, kind: 'good', status: translate(language, 'apply.step-state.done'), hint: null },
    ...STATIONS.map(({ id }, index): Task => ({
      title: translate(language, `applications.station.${id}`),
      href: id === 'accept' && present >= index ? applicationPath(reference, 'certificate') : null,
      kind: index < present ? 'good' : index === present ? 'wait' : 'neutral',
      status: translate(
        language,
        index < present
          ? 'apply.step-state.done'
          : index > present
            ? 'apply.step-state.not-yet'
            : id === 'accept'
              ? 'applications.your-turn'
              : 'applications.in-progress',
      ),
      hint: null,
    })),
  ]
}

export function applicationsRoutes(_services: Services): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/applications',
      who: ['subscriber'],
      events: [],
      async handle({ services, account, language }) {
        const applications = await services.applications.list({ applicantId: account!.id })
        return page('apply/applications', 'applications.title', {
          applications: applications.map(({ reference, state, subject, organisation, updatedAt }) => ({
            href: applicationPath(reference),
            reference,
            name: subject?.commonName ?? organisation?.legalName ?? '',
            kind: tagOf(state),
            status: translate(language, `lifecycle.state.${state}`),
            updatedAt,
          })),
        })
      },
    },
    {
      method: 'POST',
      path: '/applications',
      who: ['subscriber'],
      events: ['application.started'],
      async handle({ services, account }) {
        const reference = drawReference(services.random)
        const started = await services.work(account!.id, async (work) => {
          const drafts = await work.applications.list({ applicantId: account!.id, states: ['draft'] })
          if (drafts.length >= DRAFTS_AT_ONCE) return false
          await startApplication(work, {
            id: randomUUID(),
            reference,
            applicantId: account!.id,
            organisationId: account!.organisationId,
            policyId: services.policy.id,
          })
          return true
        })
        return started
          ? redirect(applicationPath(reference))
          : redirect('/applications', { key: 'applications.too-many', values: { limit: String(DRAFTS_AT_ONCE) } })
      },
    },
    {
      method: 'GET',
      path: '/applications/:reference',
      who: ['subscriber'],
      events: [],
      handle: own(async ({ services, language }, { dossier, application }) => {
        const { state, reference, decision } = application
        const actor = nextActor(state)
        const officer = decision ? await certificateStore(services.database, services.clock()).contact(decision.by) : null
        return page(
          'apply/application',
          { key: 'applications.one', values: { reference } },
          {
            reference,
            state,
            kind: tagOf(state),
            status: translate(language, `lifecycle.state.${state}`),
            explain: translate(language, `lifecycle.explain.${state}`),
            waitsFor: translate(language, `lifecycle.waits-for.${actor ?? 'nobody'}`),
            tasks:
              state === 'draft'
                ? draftTasks(language, dossier, services.policy)
                : state === 'rejected' || state === 'withdrawn'
                  ? []
                  : stationTasks(language, application),
            createdAt: application.createdAt,
            submittedAt: application.submittedAt,
            decision:
              state === 'rejected' && decision
                ? {
                    reason: decision.reason,
                    on: formatInstant(language, decision.at),
                    by: officer?.name ?? '',
                    role: translate(language, 'lifecycle.mover.approving-officer'),
                  }
                : null,
            name: application.subject?.commonName ?? application.organisation?.legalName ?? null,
            certificateHref: ['issued', 'accepted', 'revoked'].includes(state) ? applicationPath(reference, 'certificate') : null,
            withdrawHref: findMove('withdraw', state) ? applicationPath(reference, 'withdraw') : null,
          },
        )
      }),
    },
    {
      method: 'GET',
      path: '/applications/:reference/withdraw',
      who: ['subscriber'],
      events: [],
      handle: own(async (_request, { application }) =>
        findMove('withdraw', application.state)
          ? page(
              'apply/withdraw',
              { key: 'applications.withdraw.title', values: { reference: application.reference } },
              { href: applicationPath(application.reference), reference: application.reference, version: application.version },
            )
          : redirect(applicationPath(application.reference)),
      ),
    },
    {
      method: 'POST',
      path: '/applications/:reference/withdraw',
      who: ['subscriber'],
      events: ['application.withdrawn'],
      handle: own(async ({ services, form }, { application, account }) => {
        if (form['version'] !== String(application.version)) return changedMeanwhile(application)
        const done = await services.work(account.id, (work) => withdrawApplication(work, application))
        return done ? redirect(applicationPath(application.reference), 'applications.withdraw.done') : changedMeanwhile(application)
      }),
    },
  ]
}
