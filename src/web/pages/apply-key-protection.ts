/** Where the key lives and how that is shown (APP-2, CP 6.2.7); method 2: the maker's attestation, judged at once (ATT-2, ATT-9). */
import { createHash, randomUUID } from 'node:crypto'
import { saveDraft } from '../../application/apply.ts'
import { KEY_OPTIONS, type Dossier, type EvidenceFile, type KeyOption } from '../../application/application.ts'
import type { Work } from '../../application/ports.ts'
import { type DemoTrust, evidenceAssessment, examineEvidence } from '../../application/verify-key.ts'
import { EVIDENCE_LIMITS, refuseEvidence } from '../../key-protection/key-attestation.ts'
import { openMethod, PROTECTION_METHODS } from '../../key-protection/methods.ts'
import type { Services } from '../../services.ts'
import { attestationModel } from '../attestation-model.ts'
import { inWords } from '../findings.ts'
import { translate, type Language } from '../locales.ts'
import { applicationPath, changeDraft, changedMeanwhile, demoTrust, nextPath, ownDraft } from '../own-application.ts'
import { page, redirect, type FieldError, type Reply, type Route } from '../reply.ts'

function form(
  services: Services,
  language: Language,
  { application, evidence, assessments }: Dossier,
  given: Readonly<Record<string, string>> | null,
  errors: readonly FieldError[] = [],
): Reply {
  const { reference, version, key } = application
  const t = (path: string) => translate(language, `key-protection.${path}`)
  const attestation = assessments.find(({ kind }) => kind === 'attestation')
  return page(
    'apply/key-protection',
    'apply.step.key-protection.title',
    {
      reference,
      version,
      action: applicationPath(reference, 'key-protection'),
      requestHref: applicationPath(reference, 'request'),
      next: nextPath(reference, 'key-protection'),
      option: given ? (given['option'] ?? '') : (key?.option ?? ''),
      options: KEY_OPTIONS.map((value) => ({ value, text: t(`option.${value}.title`), hint: t(`option.${value}.hint`) })),
      represented: given ? given['representation'] === 'yes' : key !== null,
      representedAt: key?.representedAt ?? null,
      method: given ? (given['method'] ?? '') : String(key?.method ?? ''),
      openMethods: PROTECTION_METHODS.filter(({ open }) => open).map(({ number, id }) => ({
        value: String(number),
        text: `${number}. ${t(`method.${id}.title`)}`,
        hint: t(`method.${id}.hint`),
      })),
      closedMethods: PROTECTION_METHODS.filter(({ open }) => !open).map(({ number, id }) => ({
        number,
        title: t(`method.${id}.title`),
        hint: t(`method.${id}.hint`),
      })),
      requestGiven: application.request !== null,
      files: evidence.map((file) => ({
        name: file.name,
        size: String(file.bytes.length),
        sha256: file.sha256,
        uploadedAt: file.uploadedAt,
        remove: `${applicationPath(reference, 'key-protection')}/evidence/${file.id}/remove`,
      })),
      report: attestation ? attestationModel(language, attestation) : null,
      limits: { files: String(EVIDENCE_LIMITS.files), kilobytes: String(EVIDENCE_LIMITS.bytes / 1024) },
    },
    { errors },
  )
}

/** Judges what is stored now and keeps the judgement beside it. Returns its outcome for the log. */
async function judge(
  work: Work,
  { application }: Dossier,
  files: readonly Pick<EvidenceFile, 'name' | 'bytes'>[],
  services: Services,
  demo: DemoTrust,
): Promise<string> {
  const report = application.request
    ? examineEvidence(application.request.requestDer, application.request.spkiDer, files, work.now, services.policy, demo)
    : null
  if (!report) {
    await work.applications.removeAssessment(application.id, 'attestation')
    return 'none'
  }
  const assessment = evidenceAssessment(report)
  await work.applications.putAssessment(application.id, assessment)
  return assessment.outcome
}

export function applyKeyProtectionRoutes(_services: Services): readonly Route[] {
  const path = '/applications/:reference/key-protection'
  return [
    {
      method: 'GET',
      path,
      who: ['subscriber'],
      events: [],
      handle: ownDraft(async ({ services, language }, { dossier }) => form(services, language, dossier, null)),
    },
    {
      method: 'POST',
      path,
      who: ['subscriber'],
      events: ['application.key-protection-stated'],
      handle: changeDraft(async (request, { dossier, application, account }) => {
        const { services, language } = request
        const option = KEY_OPTIONS.find((each): each is KeyOption => each === request.form['option'])
        const method = openMethod(request.form['method'] ?? '')
        const errors: FieldError[] = [
          ...(option ? [] : [{ field: 'option', message: { key: 'key-protection.error.option' } }]),
          ...(request.form['representation'] === 'yes' ? [] : [{ field: 'representation', message: { key: 'key-protection.error.representation' } }]),
          ...(method ? [] : [{ field: 'method', message: { key: 'key-protection.error.method' } }]),
        ]
        if (!option || !method || errors.length > 0) return form(services, language, dossier, request.form, errors)
        const saved = await services.work(account.id, async (work) => {
          // The same representation made before keeps its date.
          const representedAt = application.key?.option === option ? application.key.representedAt : work.now.toISOString()
          if (!(await saveDraft(work, application, { key: { option, method: method.number, representedAt } }))) return false
          await work.audit({
            event: 'application.key-protection-stated',
            subject: `application:${application.id}`,
            details: { option, method: method.number, representedAt },
          })
          return true
        })
        if (!saved) return changedMeanwhile(application)
        const proven = dossier.assessments.some(({ kind, outcome }) => kind === 'attestation' && outcome === 'pass')
        return redirect(proven ? nextPath(application.reference, 'key-protection') : applicationPath(application.reference, 'key-protection'), 'apply.saved')
      }),
    },
    {
      method: 'POST',
      path: `${path}/evidence`,
      who: ['subscriber'],
      events: ['application.evidence-uploaded'],
      upload: { maxBytes: EVIDENCE_LIMITS.bytes, maxFiles: EVIDENCE_LIMITS.files },
      handle: changeDraft(async (request, { dossier, application, account }) => {
        const { services, language } = request
        const refuse = (message: FieldError['message']) => form(services, language, dossier, null, [{ field: 'evidence', message }])
        if (request.uploadProblem) return refuse(request.uploadProblem)
        const uploads = request.files.filter(({ field }) => field === 'evidence').map(({ name, bytes }) => ({ name: fileName(name), bytes }))
        if (uploads.length === 0) return refuse({ key: 'forms.upload-missing' })
        const refusal = refuseEvidence(uploads, dossier.evidence)
        if (refusal)
          return refuse({ key: 'key-protection.error.file', values: { file: refusal.file || uploads[0]!.name, reason: inWords(language, refusal.reason) } })
        const fresh = uploads
          .map((file) => ({ ...file, sha256: createHash('sha256').update(file.bytes).digest('hex') }))
          .filter(({ sha256 }, index, all) => ![...dossier.evidence, ...all.slice(0, index)].some((other) => other.sha256 === sha256))
        const demo = await demoTrust(services)
        const saved = await services.work(account.id, async (work) => {
          if (!(await saveDraft(work, application, {}))) return false
          for (const file of fresh)
            await work.applications.addEvidence(application.id, { ...file, id: randomUUID(), uploadedBy: account.id, uploadedAt: work.now.toISOString() })
          const outcome = await judge(work, dossier, [...dossier.evidence, ...fresh], services, demo)
          await work.audit({
            event: 'application.evidence-uploaded',
            subject: `application:${application.id}`,
            details: { files: fresh.map(({ name, sha256 }) => ({ name, sha256 })), outcome },
          })
          return true
        })
        return saved
          ? redirect(`${applicationPath(application.reference, 'key-protection')}#evidence-report`, 'key-protection.uploaded')
          : changedMeanwhile(application)
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
        const demo = await demoTrust(services)
        const saved = await services.work(account.id, async (work) => {
          if (!(await saveDraft(work, application, {}))) return false
          await work.applications.removeEvidence(application.id, file.id)
          const outcome = await judge(
            work,
            dossier,
            dossier.evidence.filter(({ id }) => id !== file.id),
            services,
            demo,
          )
          await work.audit({
            event: 'application.evidence-removed',
            subject: `application:${application.id}`,
            details: { name: file.name, sha256: file.sha256, outcome },
          })
          return true
        })
        return saved ? redirect(applicationPath(application.reference, 'key-protection'), 'key-protection.removed') : changedMeanwhile(application)
      }),
    },
  ]
}

/** A file's name without folders and without characters that cannot be seen. */
const fileName = (name: string): string =>
  name
    .replace(/^.*[/\\]/, '')
    .replace(/[\p{C}\ufffd]/gu, '')
    .slice(0, 200) || 'file'
