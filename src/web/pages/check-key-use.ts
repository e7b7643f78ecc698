/**
 * "Use this in my application": what was checked goes into a draft. From the button on it is kept, sealed and for less than an hour, so that
 * whoever is not signed in yet does not lose it on the way.
 */
import { createHash, randomUUID } from 'node:crypto'
import { drawReference, saveDraft, startApplication } from '../../application/apply.ts'
import type { Application } from '../../application/application.ts'
import type { Work } from '../../application/ports.ts'
import { takenBack } from '../../application/set-aside.ts'
import { examineRequest, keepProtection, requestAssessment, storedRequest } from '../../application/verify-key.ts'
import { checkHere } from '../../database/check-key-here.ts'
import { findKeptFiles, forgetFiles, keepFiles, type KeptFiles } from '../../database/kept-files.ts'
import { keyRegister } from '../../database/key-register.ts'
import type { Services } from '../../services.ts'
import { admitCheck, carriesOver, CHECK_UPLOAD, CHECKS_AT_ONCE } from '../check-key-model.ts'
import { inWords } from '../findings.ts'
import { applicationPath } from '../own-application.ts'
import { page, redirect, type FieldError, type PageRequest, type Reply, type Route, type SignedIn } from '../reply.ts'
import { DRAFTS_AT_ONCE } from './applications.ts'

const usePath = (token: string): string => `/check-key/use/${token}`
const gone = (): Reply => redirect('/check-key', 'check-key.use.gone')

/** Keeps what a person asks to keep, once it has been judged again: the fields may hold anything. */
async function keep(request: PageRequest): Promise<Reply> {
  const { services, lists, now, account, session } = request
  if (!(await admitCheck(request))) return { kind: 'too-many', retryAfterSeconds: CHECKS_AT_ONCE.minutes * 60 }
  const [names, octets] = [lists['name'] ?? [], lists['bytes'] ?? []]
  const files = octets.slice(0, CHECK_UPLOAD.maxFiles + 1).map((text, index) => ({ name: fileName(names[index] ?? ''), bytes: Buffer.from(text, 'base64url') }))
  const check = await checkHere(services, files, now)
  // A device without attestation is told by what the person chose, which the request alone does not show.
  const requestAlone = check.request !== null && check.evidence.length === 0
  if (!check.request || !(carriesOver(check) || (requestAlone && check.keyRules.every(({ outcome }) => outcome === 'pass')))) return redirect('/check-key', 'check-key.use.gone')
  const token = services.random(32).toString('base64url')
  const kept = { request: check.request.der, evidence: check.evidence }
  await services.database.transaction((trx) => keepFiles(trx, services.secrets, token, kept, now))
  if (account) return redirect(usePath(token))
  session.returnTo = usePath(token)
  return redirect('/sign-in', 'check-key.use.sign-in')
}

const fileName = (given: string): string => given.replace(/\p{C}/gu, '').slice(-200) || 'file'

const findKept = ({ services, params, now }: PageRequest): Promise<KeptFiles | null> => findKeptFiles(services.database, services.secrets, params['token'] ?? '', now)

async function choosePage({ services, account, params, form }: PageRequest, kept: KeptFiles, errors: readonly FieldError[] = []): Promise<Reply> {
  const drafts = await services.applications.list({ applicantId: account!.id, states: ['draft'] })
  const request = storedRequest(kept.request)
  return page(
    'check-key/use',
    'check-key.use.title',
    {
      action: usePath(params['token']!),
      files: [{ name: 'request.csr', size: kept.request.length }, ...kept.evidence.map(({ name, bytes }) => ({ name, size: bytes.length }))],
      key: request.publicKey.sha256.toUpperCase().replace(/..(?=.)/g, '$&:'),
      until: kept.expiresAt,
      into: form['into'] ?? 'new',
      drafts: drafts.map(({ reference, subject, organisation }) => ({ reference, name: subject?.commonName ?? organisation?.legalName ?? null })),
    },
    { errors },
  )
}

type Carried = { readonly into: string } | { readonly error: FieldError } | 'gone'

/** The draft chosen, or a new one; null when it is not this person's draft (any more). */
async function openDraft(work: Work, into: string, account: SignedIn, services: Services): Promise<Application | 'too-many' | null> {
  const drafts = await work.applications.list({ applicantId: account.id, states: ['draft'] })
  if (into !== 'new') return drafts.find(({ reference }) => reference === into) ?? null
  if (drafts.length >= DRAFTS_AT_ONCE) return 'too-many'
  return startApplication(work, { id: randomUUID(), reference: drawReference(services.random), applicantId: account.id, organisationId: account.organisationId, policyId: services.policy.id })
}

const wrong = (key: string, values?: Record<string, string>): Carried => ({ error: { field: 'into', message: { key, ...(values ? { values } : {}) } } })

/** Undoes what was begun: a new draft is not left behind by a request that it does not take. */
class Undo extends Error {
  readonly #undo = true
  readonly because: Carried
  constructor(because: Carried) {
    super('the transaction is undone')
    this.because = because
  }
  static is(error: unknown): error is Undo {
    return typeof error === 'object' && error !== null && #undo in error
  }
}

async function carry(request: PageRequest, kept: KeptFiles): Promise<Carried> {
  try {
    return await carryWhole(request, kept)
  } catch (error) {
    if (Undo.is(error)) return error.because
    throw error
  }
}

function carryWhole({ services, account, params, form, language }: PageRequest, kept: KeptFiles): Promise<Carried> {
  const into = form['into'] ?? ''
  return services.work(account!.id, async (work, trx): Promise<Carried> => {
    const application = await openDraft(work, into, account!, services)
    if (application === null) return wrong('check-key.use.choose')
    if (application === 'too-many') return wrong('applications.too-many', { limit: String(DRAFTS_AT_ONCE) })
    const request = storedRequest(kept.request)
    const verdicts = await examineRequest(request, application, services.policy, keyRegister(trx))
    const failed = verdicts.find(({ outcome }) => outcome === 'fail')
    if (failed) throw new Undo(wrong('check-key.use.refused', { reason: inWords(language, failed.observed) }))
    if (!(await forgetFiles(trx, params['token'] ?? ''))) throw new Undo('gone')
    const subject = `application:${application.id}`
    const stated = { requestDer: request.der, spkiDer: request.publicKey.spki, spkiSha256: request.publicKey.sha256 }
    const before = (await work.applications.dossier(application.id))?.evidence ?? []
    const change = { request: stated, ...(application.key ? { key: takenBack(application.key, before) } : {}) }
    if (!(await saveDraft(work, application, change))) throw new Error('the draft changed within its own transaction')
    await work.applications.putAssessment(application.id, requestAssessment(verdicts, work.now))
    for (const file of before) {
      await work.applications.removeEvidence(application.id, file.id)
      await work.audit({ event: 'application.evidence-removed', subject, details: { name: file.name, sha256: file.sha256, because: 'check-key' } })
    }
    const evidence = kept.evidence.map(({ name, bytes }) => ({ name, bytes, sha256: createHash('sha256').update(bytes).digest('hex'), id: randomUUID(), uploadedBy: account!.id, uploadedAt: work.now.toISOString() }))
    for (const file of evidence) await work.applications.addEvidence(application.id, file)
    const protection = await keepProtection(work, { ...application, ...change }, evidence, services.policy)
    await work.audit({
      event: 'application.request-uploaded',
      subject,
      details: { requestSha256: request.sha256, spkiSha256: request.publicKey.sha256, keyProtection: protection?.outcome ?? 'none', from: 'check-key' },
    })
    if (evidence.length > 0)
      await work.audit({ event: 'application.evidence-uploaded', subject, details: { files: evidence.map(({ name, sha256 }) => ({ name, sha256 })), outcome: protection?.outcome ?? 'none', from: 'check-key' } })
    return { into: application.reference }
  })
}

export function checkKeyUseRoutes(_services: Services): readonly Route[] {
  return [
    { method: 'POST', path: '/check-key/use', who: 'anyone', events: [], handle: keep },
    {
      method: 'GET',
      path: '/check-key/use/:token',
      who: ['subscriber'],
      events: [],
      async handle(request) {
        const kept = await findKept(request)
        return kept ? choosePage(request, kept) : gone()
      },
    },
    {
      method: 'POST',
      path: '/check-key/use/:token',
      who: ['subscriber'],
      events: ['application.started', 'application.request-uploaded', 'application.evidence-removed', 'application.evidence-uploaded'],
      async handle(request) {
        const { services, form, params } = request
        const kept = await findKept(request)
        if (!kept) return gone()
        if (form['forget'] === 'yes') {
          await services.database.transaction((trx) => forgetFiles(trx, params['token'] ?? ''))
          return redirect('/check-key', 'check-key.use.forgotten')
        }
        const carried = await carry(request, kept)
        if (carried === 'gone') return gone()
        return 'error' in carried ? choosePage(request, kept, [carried.error]) : redirect(applicationPath(carried.into, kept.evidence.length > 0 ? '' : 'key-protection'), 'check-key.use.done')
      },
    },
  ]
}
