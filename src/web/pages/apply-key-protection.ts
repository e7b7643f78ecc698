/** Where the key lives and how that is shown (APP-2, CP 6.2.7): the method chosen, what is stated and handed in for it, judged at once (ATT-9). */
import { createHash, randomUUID } from 'node:crypto'
import { saveDraft } from '../../application/apply.ts'
import type { Application, Dossier } from '../../application/application.ts'
import { ownEvidence, setAsideFor, takenBack } from '../../application/set-aside.ts'
import { keepProtection } from '../../application/verify-key.ts'
import { isPrivateKey } from '../../pki/private-key.ts'
import { KEY_ATTESTATION, methodOf, METHODS, openMethod, openMethods } from '../../key-protection/methods.ts'
import { KEY_OPTIONS, type KeyOption, type MethodRules, type ProtectionFacts, type Standing } from '../../key-protection/protection.ts'
import { readDetails } from '../../key-protection/read-details.ts'
import { unpack } from '../../attestation/containers.ts'
import { LIMITS, type EvidenceFile } from '../../attestation/evidence.ts'
import { MalformedStatement, type Message } from '../../attestation/verifier.ts'
import type { Services } from '../../services.ts'
import { inWords } from '../findings.ts'
import { translate } from '../locales.ts'
import { detailFields } from '../method-details.ts'
import { applicationPath, changeDraft, changedMeanwhile, nextPath, ownDraft } from '../own-application.ts'
import { protectionModel } from '../protection-model.ts'
import { page, redirect, type FieldError, type PageRequest, type Reply, type Route } from '../reply.ts'
import { METHOD_SECTIONS } from './methods/sections.ts'

/** The largest upload that some method takes; each method's own limit is asked afterwards. */
const UPLOAD = { maxBytes: Math.max(...METHODS.map(({ limits }) => limits.bytes)), maxFiles: Math.max(...METHODS.map(({ limits }) => limits.files)) }

/** The method that the page shows: the chosen one; key attestation before anything was chosen. */
const shownMethod = ({ key }: Application, services: Services): MethodRules | null =>
  key ? openMethod(key.method, key.option, services.policy) : (openMethods(services.policy).find(({ number }) => number === KEY_ATTESTATION) ?? null)

const standingHere = (method: MethodRules, facts: ProtectionFacts, { services, now }: Pick<PageRequest, 'services' | 'now'>): Standing => method.standing?.({ facts, policy: services.policy, at: now }) ?? 'open'

/** The page, with what was entered into one of its forms and what is wrong with it. */
async function form(
  request: PageRequest,
  dossier: Dossier,
  given: { readonly choice?: Readonly<Record<string, string>>; readonly details?: Readonly<Record<string, string>>; readonly entered?: Readonly<Record<string, string>> } = {},
  errors: readonly FieldError[] = [],
): Promise<Reply> {
  const { services, language, now, query } = request
  const { application, evidence, assessments } = dossier
  const { reference, version, key } = application
  const t = (path: string, values?: Record<string, string>) => translate(language, `key-protection.${path}`, values)
  const protection = assessments.find(({ kind }) => kind === 'key-protection')
  const method = shownMethod(application, services)
  const section = method && METHOD_SECTIONS.find(({ id }) => id === method.id)
  const facts = await services.protection.facts(application)
  const standing = (rules: MethodRules) => standingHere(rules, facts, request)
  // Without a key of a module of ours there is one thing to say and to do; as many findings would say it again.
  const orderFirst = method?.id === 'shipped-module' && facts.shippedKey === null
  return page(
    'apply/key-protection',
    'apply.step.key-protection.title',
    {
      reference,
      version,
      action: applicationPath(reference, 'key-protection'),
      requestHref: applicationPath(reference, 'request'),
      next: nextPath(reference, 'key-protection'),
      option: given.choice ? (given.choice['option'] ?? '') : (key?.option ?? ''),
      options: KEY_OPTIONS.map((value) => ({ value, text: t(`option.${value}.title`), hint: t(`option.${value}.hint`) })),
      represented: given.choice ? given.choice['representation'] === 'yes' : key !== null,
      representedAt: key?.representedAt ?? null,
      method: given.choice ? (given.choice['method'] ?? '') : String(key?.method ?? ''),
      methods: openMethods(services.policy).map((rules) => {
        const { number, id } = rules
        const at = standing(rules)
        // A choice that was saved when its register had somebody in it still shows.
        return { value: String(number), text: `${number}. ${t(`method.${id}.title`)}`, hint: [t(`method.${id}.hint`), ...(at === 'open' ? [] : [t(`standing.${at}`)])].join(' '), disabled: at === 'closed' && number !== key?.method }
      }),
      contact: services.policy.operator.problemReports,
      chosen: method && {
        id: method.id,
        closed: standing(method) === 'closed',
        orderFirst,
        title: t(`method.${method.id}.title`),
        personConfirms: services.policy.keyProtection.personConfirms.includes(method.number),
        section: section ? await section.model({ services, language, now, dossier, facts, query, entered: given.entered ?? {} }) : null,
        fields: detailFields(language, method, given.details ?? key?.details ?? {}, facts),
        limits: method.limits.files > 0 ? { files: String(method.limits.files), size: sizeInWords(method.limits.bytes) } : null,
        accept: method.endings.join(','),
        requestFirst: method.makesRequest ? 'key-protection.evidence.request-after' : 'key-protection.evidence.request-first',
      },
      requestGiven: application.request !== null,
      files: evidence.map((file) => ({
        otherMethod: key?.setAside?.[file.sha256] === undefined ? null : t('evidence.other-method', { method: `${key.setAside[file.sha256]}. ${t(`method.${methodOf(key.setAside[file.sha256]!).id}.title`)}` }),
        name: file.name,
        size: String(file.bytes.length),
        sha256: file.sha256,
        uploadedAt: file.uploadedAt,
        remove: `${applicationPath(reference, 'key-protection')}/evidence/${file.id}/remove`,
      })),
      report: protection && !orderFirst ? protectionModel(language, protection) : null,
    },
    { errors },
  )
}

export function applyKeyProtectionRoutes(services: Services): readonly Route[] {
  const path = '/applications/:reference/key-protection'
  return [
    {
      method: 'GET',
      path,
      who: ['subscriber'],
      events: [],
      handle: ownDraft(async (request, { dossier }) => form(request, dossier)),
    },
    {
      method: 'POST',
      path,
      who: ['subscriber'],
      events: ['application.key-protection-stated'],
      handle: changeDraft(async (request, { dossier, application, account }) => {
        const { services } = request
        const option = KEY_OPTIONS.find((each): each is KeyOption => each === request.form['option'])
        const number = request.form['method'] ?? ''
        const known = openMethods(services.policy).find((each) => String(each.number) === number)
        const method = option ? openMethod(number, option, services.policy) : null
        const closed = known !== undefined && standingHere(known, await services.protection.facts(application), request) === 'closed'
        const errors: FieldError[] = [
          ...(option ? [] : [{ field: 'option', message: { key: 'key-protection.error.option' } }]),
          ...(request.form['representation'] === 'yes' ? [] : [{ field: 'representation', message: { key: 'key-protection.error.representation' } }]),
          ...(known ? [] : [{ field: 'method', message: { key: 'key-protection.error.method' } }]),
          ...(known && option && !method ? [{ field: 'method', message: { key: `key-protection.error.method-not-for.${option}` } }] : closed ? [{ field: 'method', message: { key: 'key-protection.standing.closed' } }] : []),
        ]
        if (!option || !method || errors.length > 0) return form(request, dossier, { choice: request.form }, errors)
        const outcome = await services.work(account.id, async (work) => {
          // The same representation made before keeps its date, what was stated for the same method keeps standing.
          const representedAt = application.key?.option === option ? application.key.representedAt : work.now.toISOString()
          const details = application.key?.method === method.number ? application.key.details : {}
          const key = { option, method: method.number, representedAt, details, ...setAsideFor(method.number, application, dossier.evidence) }
          if (!(await saveDraft(work, application, { key }))) return null
          const protection = await keepProtection(work, { ...application, key }, dossier.evidence, services.policy)
          await work.audit({
            event: 'application.key-protection-stated',
            subject: `application:${application.id}`,
            details: { option, method: method.number, representedAt, outcome: protection?.outcome ?? 'none' },
          })
          return protection?.outcome ?? 'none'
        })
        if (outcome === null) return changedMeanwhile(application)
        return redirect(outcome === 'pass' ? nextPath(application.reference, 'key-protection') : applicationPath(application.reference, 'key-protection'), 'apply.saved')
      }),
    },
    {
      method: 'POST',
      path: `${path}/details`,
      who: ['subscriber'],
      events: ['application.key-protection-stated'],
      handle: changeDraft(async (request, { dossier, application, account }) => {
        const { services } = request
        const { key } = application
        const method = shownMethod(application, services)
        if (!key || !method) return changedMeanwhile(application)
        const facts = await services.protection.facts(application)
        if (standingHere(method, facts, request) === 'closed') return changedMeanwhile(application)
        const { details, errors } = readDetails(method.fields, request.form, facts)
        if (errors.length > 0) return form(request, dossier, { details }, errors)
        const saved = await services.work(account.id, async (work) => {
          const stated = { ...key, details }
          if (!(await saveDraft(work, application, { key: stated }))) return false
          const protection = await keepProtection(work, { ...application, key: stated }, dossier.evidence, services.policy)
          await work.audit({
            event: 'application.key-protection-stated',
            subject: `application:${application.id}`,
            details: { option: key.option, method: key.method, representedAt: key.representedAt, stated: details, outcome: protection?.outcome ?? 'none' },
          })
          return protection?.outcome ?? 'none'
        })
        if (!saved) return changedMeanwhile(application)
        return redirect(`${applicationPath(application.reference, 'key-protection')}#evidence-report`, saved === 'pass' ? 'key-protection.stated.pass' : { key: `key-protection.stated.${saved === 'none' ? 'none' : 'judged'}`, kind: 'info' })
      }),
    },
    {
      method: 'POST',
      path: `${path}/evidence`,
      who: ['subscriber'],
      events: ['application.evidence-uploaded'],
      upload: UPLOAD,
      handle: changeDraft(async (request, { dossier, application, account }) => {
        const { services, language } = request
        const method = shownMethod(application, services)
        const refuse = (message: FieldError['message']) => form(request, dossier, {}, [{ field: 'evidence', message }])
        if (!method || method.limits.files === 0 || standingHere(method, await services.protection.facts(application), request) === 'closed') return changedMeanwhile(application)
        if (request.uploadProblem) return refuse(request.uploadProblem)
        const uploads = request.files.filter(({ field }) => field === 'evidence').map(({ name, bytes }) => ({ name: fileName(name), bytes }))
        if (uploads.length === 0) return refuse({ key: 'forms.upload-missing' })
        const own = ownEvidence(application, dossier.evidence)
        const refusal = refuseFiles(method, uploads, own)
        if (refusal) return refuse({ key: 'key-protection.error.file', values: { file: refusal.file || uploads[0]!.name, reason: inWords(language, refusal.reason) } })
        const fresh = uploads
          .map((file) => ({ ...file, sha256: createHash('sha256').update(file.bytes).digest('hex') }))
          .filter(({ sha256 }, index, all) => ![...dossier.evidence, ...all.slice(0, index)].some((other) => other.sha256 === sha256))
        // Given again for this method: then it counts here.
        const again = dossier.evidence.filter((file) => !own.includes(file) && uploads.some(({ bytes }) => bytes.equals(file.bytes)))
        const draft = application.key ? { ...application, key: takenBack(application.key, again) } : application
        const saved = await services.work(account.id, async (work) => {
          if (!(await saveDraft(work, application, draft.key ? { key: draft.key } : {}))) return null
          for (const file of fresh)
            await work.applications.addEvidence(application.id, { ...file, id: randomUUID(), uploadedBy: account.id, uploadedAt: work.now.toISOString() })
          const protection = await keepProtection(work, draft, [...dossier.evidence, ...fresh], services.policy)
          await work.audit({
            event: 'application.evidence-uploaded',
            subject: `application:${application.id}`,
            details: { files: [...fresh, ...again].map(({ name, sha256 }) => ({ name, sha256 })), outcome: protection?.outcome ?? 'none' },
          })
          return protection?.outcome ?? (application.request ? 'incomplete' : 'waiting')
        })
        if (saved === null) return changedMeanwhile(application)
        // Only what passed is told in green: the rest stands below, or has not been judged at all.
        return redirect(`${applicationPath(application.reference, 'key-protection')}#evidence-report`, { key: `key-protection.uploaded.${saved}`, ...(saved === 'pass' ? {} : { kind: 'info' as const }) })
      }),
    },
    {
      method: 'POST',
      path: `${path}/evidence/:file/remove`,
      who: ['subscriber'],
      events: ['application.evidence-removed'],
      handle: changeDraft(async ({ services, params }, { dossier, application, account }) => {
        const file = dossier.evidence.find(({ id }) => id === params['file'])
        if (!file) return { kind: 'not-found' }
        const draft = application.key ? { ...application, key: takenBack(application.key, [file]) } : application
        const saved = await services.work(account.id, async (work) => {
          if (!(await saveDraft(work, application, draft.key ? { key: draft.key } : {}))) return false
          await work.applications.removeEvidence(application.id, file.id)
          const protection = await keepProtection(
            work,
            draft,
            dossier.evidence.filter(({ id }) => id !== file.id),
            services.policy,
          )
          await work.audit({
            event: 'application.evidence-removed',
            subject: `application:${application.id}`,
            details: { name: file.name, sha256: file.sha256, outcome: protection?.outcome ?? 'none' },
          })
          return true
        })
        return saved ? redirect(applicationPath(application.reference, 'key-protection'), 'key-protection.removed') : changedMeanwhile(application)
      }),
    },
    ...METHOD_SECTIONS.flatMap((section) => section.routes?.(services, (request, dossier, entered, errors) => form(request, dossier, { entered }, errors)) ?? []),
  ]
}

/** By itself or in an archive, which method 2 alone opens later on. */
function holdsPrivateKey(file: EvidenceFile): boolean {
  try {
    return [file, ...unpack(file, { bytes: LIMITS.unpacked, files: LIMITS.files })].some(({ bytes }) => isPrivateKey(bytes))
  } catch (error) {
    if (!MalformedStatement.is(error)) throw error
    return isPrivateKey(file.bytes)
  }
}

/** Why files can't be kept: a private key, whatever the method; more than the method takes; or what the method itself says. */
function refuseFiles({ limits, refuse }: MethodRules, files: readonly EvidenceFile[], kept: readonly EvidenceFile[]): { readonly file: string; readonly reason: Message } | null {
  for (const file of files) if (holdsPrivateKey(file)) return { file: file.name, reason: { key: 'attestation.malformed.private-key' } }
  const empty = files.find(({ bytes }) => bytes.length === 0)
  if (empty) return { file: empty.name, reason: { key: 'attestation.malformed.empty' } }
  const all = [...kept, ...files]
  const last = files.at(-1)!.name
  if (all.length > limits.files) return { file: last, reason: { key: 'attestation.malformed.too-many-files', values: { limit: String(limits.files) } } }
  if (all.reduce((sum, { bytes }) => sum + bytes.length, 0) > limits.bytes) return { file: last, reason: { key: 'attestation.malformed.too-large', values: { limit: sizeInWords(limits.bytes) } } }
  return refuse?.(files, kept) ?? null
}

/** As the words of the methods write their limits: 5 MB, 64 KB. */
const sizeInWords = (octets: number): string => (octets >= 1024 * 1024 && octets % (1024 * 1024) === 0 ? `${octets / (1024 * 1024)} MB` : `${octets / 1024} KB`)

/** A file's name without folders and without characters that cannot be seen. */
const fileName = (name: string): string =>
  name
    .replace(/^.*[/\\]/, '')
    .replace(/[\p{C}\ufffd]/gu, '')
    .slice(0, 200) || 'file'
