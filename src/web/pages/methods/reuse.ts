/** Using a report or an agreement again that was confirmed in an earlier application (CSBR 4.2.1): for the sections of methods 4 and 7. */
import { randomUUID } from 'node:crypto'
import type { Application } from '../../../application/application.ts'
import { saveDraft } from '../../../application/apply.ts'
import { reusableEvidence } from '../../../application/reuse-evidence.ts'
import { ownEvidence, takenBack } from '../../../application/set-aside.ts'
import { keepProtection } from '../../../application/verify-key.ts'
import type { Services } from '../../../services.ts'
import { applicationPath, changeDraft, changedMeanwhile } from '../../own-application.ts'
import { redirect, type Route } from '../../reply.ts'

/** What may be used again, for the view. */
export async function reuseModel(services: Services, application: Application, now: Date) {
  const offered = await reusableEvidence(services.applications, application, now, services.policy)
  return offered.map(({ reference, date, lapses, files }) => ({ reference, date, lapses, files: files.map(({ name }) => name).join(', ') }))
}

/** The document as it was, with its date and everything stated of it; it is judged anew, and an officer confirms it anew. */
export const reuseRoute: Route = {
  method: 'POST',
  path: '/applications/:reference/key-protection/reuse',
  who: ['subscriber'],
  events: ['application.evidence-uploaded'],
  handle: changeDraft(async ({ services, form, now }, { dossier, application, account }) => {
    const { key } = application
    const earlier = (await reusableEvidence(services.applications, application, now, services.policy)).find(({ reference }) => reference === form['from'])
    if (!key || !earlier) return { kind: 'not-found' }
    const own = ownEvidence(application, dossier.evidence)
    const stated = { ...takenBack(key, earlier.files), details: earlier.details }
    const saved = await services.work(account.id, async (work) => {
      if (!(await saveDraft(work, application, { key: stated }))) return false
      for (const { id } of [...own, ...dossier.evidence.filter((file) => !own.includes(file) && earlier.files.some(({ sha256 }) => sha256 === file.sha256))]) await work.applications.removeEvidence(application.id, id)
      const files = earlier.files.map(({ name, bytes, sha256 }) => ({ id: randomUUID(), name, bytes, sha256, uploadedBy: account.id, uploadedAt: work.now.toISOString() }))
      for (const file of files) await work.applications.addEvidence(application.id, file)
      const protection = await keepProtection(work, { ...application, key: stated }, files, services.policy)
      await work.audit({
        event: 'application.evidence-uploaded',
        subject: `application:${application.id}`,
        details: { files: files.map(({ name, sha256 }) => ({ name, sha256 })), usedAgainFrom: earlier.reference, removed: own.map(({ sha256 }) => sha256), stated: earlier.details, outcome: protection?.outcome ?? 'none' },
      })
      return true
    })
    return saved ? redirect(`${applicationPath(application.reference, 'key-protection')}#evidence-report`, 'key-protection-document.reuse.done') : changedMeanwhile(application)
  }),
}
