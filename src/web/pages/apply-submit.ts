/** Everything on one page, what is missing named and linked, and handing it in (CP 4.1.2). */
import { examineSteps, STEPS, submitApplication } from '../../application/apply.ts'
import type { Dossier } from '../../application/application.ts'
import { storedRequest } from '../../application/verify-key.ts'
import { keyRegister } from '../../database/key-register.ts'
import { METHODS } from '../../key-protection/methods.ts'
import type { Services } from '../../services.ts'
import { readRuleReport, ruleRows } from '../findings.ts'
import { formatInstant, translate, type Language } from '../locales.ts'
import { detailRows } from '../method-details.ts'
import { applicationPath, changeDraft, changedMeanwhile, ownDraft } from '../own-application.ts'
import { protectionModel } from '../protection-model.ts'
import { page, redirect, type FieldError, type Reply, type Route } from '../reply.ts'
import { countryName } from './apply-organisation.ts'
import { requestRows } from './apply-request.ts'
import { subjectPreview } from './apply-subject.ts'

async function form(services: Services, language: Language, dossier: Dossier, certified: boolean, errors: readonly FieldError[] = []): Promise<Reply> {
  const { application, agreements, evidence, assessments } = dossier
  const { reference, organisation, key, request } = application
  const t = (path: string, values?: Record<string, string>) => translate(language, path, values)
  const states = examineSteps(dossier, services.policy)
  const row = (term: string, text: string, mono = false) => ({ term, text, mono, copy: false })
  const judged = (kind: string) => assessments.find((assessment) => assessment.kind === kind) ?? null
  const [rules, protection] = [judged('request'), judged('key-protection')]
  const method = METHODS.find(({ number }) => number === key?.method)
  const title = (document: string) => services.policy.texts.find((text) => text.document === document && text.language === language)?.title ?? document
  return page(
    'apply/submit',
    'apply.step.submit.title',
    {
      reference,
      version: application.version,
      action: applicationPath(reference, 'submit'),
      certified,
      missing: STEPS.filter((step) => states[step] !== 'done').map((step) => ({
        href: applicationPath(reference, step),
        title: t(`apply.step.${step}.title`),
        text: t(`apply.missing.${step}.${states[step]}`),
      })),
      hrefs: Object.fromEntries(STEPS.map((step) => [step, applicationPath(reference, step)])),
      organisation: organisation
        ? [
            row(t('apply.organisation.legal-name'), organisation.legalName),
            row(t('apply.organisation.registration-number'), organisation.registrationNumber, true),
            row(
              t('apply.organisation.address'),
              [organisation.postalCode, organisation.state, organisation.locality, organisation.street].filter(Boolean).join(language === 'ja' ? ' ' : ', '),
            ),
            row(t('apply.organisation.country'), countryName(language, organisation.country)),
            row(t('apply.organisation.founded-on'), organisation.foundedOn),
            row(t('apply.organisation.phone'), organisation.phone),
          ]
        : null,
      agreements: agreements.map((agreement) =>
        row(
          title(agreement.document),
          t('apply.agreements.accepted', { version: agreement.version, at: formatInstant(language, agreement.acceptedAt), sha256: agreement.sha256.slice(0, 16) }),
        ),
      ),
      subject: application.subject ? subjectPreview(language, application.subject) : null,
      request: request ? requestRows(language, storedRequest(request.requestDer)) : null,
      rules: rules ? ruleRows(readRuleReport(rules), language).filter(({ outcome }) => outcome === 'fail') : [],
      key:
        key && method
          ? [
              row(t('key-protection.option.legend'), t(`key-protection.option.${key.option}.title`)),
              row(t('key-protection.method.legend'), `${method.number}. ${t(`key-protection.method.${method.id}.title`)}`),
              ...detailRows(language, method, key.details, await services.protection.facts(application)),
            ]
          : null,
      files: evidence.map(({ name }) => name),
      report: protection ? protectionModel(language, protection) : null,
    },
    { errors },
  )
}

export function applySubmitRoutes(_services: Services): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/applications/:reference/submit',
      who: ['subscriber'],
      events: [],
      handle: ownDraft(async ({ services, language }, { dossier }) => form(services, language, dossier, false)),
    },
    {
      method: 'POST',
      path: '/applications/:reference/submit',
      who: ['subscriber'],
      events: ['application.submitted', 'application.evidence-removed'],
      handle: changeDraft(async (request, { dossier, application, account }) => {
        const { services, language } = request
        const accuracyCertified = request.form['accuracy'] === 'yes'
        if (!accuracyCertified) return form(services, language, dossier, false, [{ field: 'accuracy', message: { key: 'apply.submit.error.accuracy' } }])
        const applicant = { email: account.email, name: account.name, language }
        const outcome = await services.work(account.id, (work, trx) =>
          submitApplication(work, {
            dossier,
            policy: services.policy,
            register: keyRegister(trx),
            accuracyCertified,
            applicant,
            portalUrl: services.config.portal.url,
          }),
        )
        switch (outcome) {
          case 'submitted':
            return redirect(applicationPath(application.reference), 'apply.submit.done')
          case 'changed-meanwhile':
          case 'not-certified':
            return changedMeanwhile(application)
          case 'incomplete': {
            const now = await services.applications.dossier(application.id)
            return form(services, language, now ?? dossier, true, [{ field: 'missing', message: { key: 'apply.submit.error.incomplete' } }])
          }
        }
      }),
    },
  ]
}
