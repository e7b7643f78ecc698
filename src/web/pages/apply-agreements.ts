/** APP-1, APP-7: the four texts, each shown, each agreed to; what was agreed is the very text that was shown. */
import { agreementInForce, saveDraft, textsInForce } from '../../application/apply.ts'
import type { Dossier } from '../../application/application.ts'
import type { PolicyDocument } from '../../policy/policy.ts'
import type { Services } from '../../services.ts'
import type { Language } from '../locales.ts'
import { parseMarkdown } from '../markdown.ts'
import { applicationPath, changeDraft, changedMeanwhile, nextPath, ownDraft } from '../own-application.ts'
import { page, redirect, type FieldError, type Reply, type Route } from '../reply.ts'

function form(
  services: Services,
  language: Language,
  { application, agreements }: Dossier,
  ticked: ReadonlySet<string> | null,
  errors: readonly FieldError[] = [],
): Reply {
  const { reference, version } = application
  return page(
    'apply/agreements',
    'apply.step.agreements.title',
    {
      reference,
      version,
      action: applicationPath(reference, 'agreements'),
      documents: textsInForce(services.policy, language).map((text) => {
        const earlier = agreements.find((agreement) => agreement.document === text.document && agreementInForce(agreement, services.policy))
        return {
          document: text.document,
          title: text.title,
          textVersion: text.version,
          sample: text.sample,
          sha256: text.sha256,
          href: applicationPath(reference, `agreements/${text.document}`),
          checked: ticked ? ticked.has(text.document) : earlier !== undefined,
          acceptedAt: earlier?.acceptedAt ?? null,
        }
      }),
    },
    { errors },
  )
}

export function applyAgreementsRoutes(_services: Services): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/applications/:reference/agreements',
      who: ['subscriber'],
      events: [],
      handle: ownDraft(async ({ services, language }, { dossier }) => form(services, language, dossier, null)),
    },
    {
      method: 'GET',
      path: '/applications/:reference/agreements/:document',
      who: ['subscriber'],
      events: [],
      handle: ownDraft(async ({ services, language, params }, { application }) => {
        const text = textsInForce(services.policy, language).find(({ document }) => document === params['document'])
        if (!text) return { kind: 'not-found' }
        return page(
          'apply/document',
          { key: 'apply.agreements.text-title', values: { title: text.title } },
          {
            back: applicationPath(application.reference, 'agreements'),
            textVersion: text.version,
            sha256: text.sha256,
            blocks: parseMarkdown(text.text),
          },
        )
      }),
    },
    {
      method: 'POST',
      path: '/applications/:reference/agreements',
      who: ['subscriber'],
      events: ['application.agreements-accepted'],
      handle: changeDraft(async (request, { dossier, application, account }) => {
        const { services, language } = request
        const ticked = new Set(
          Object.keys(request.form)
            .filter((name) => request.form[name] === 'yes' && name.startsWith('agree-'))
            .map((name) => name.slice('agree-'.length)),
        )
        const errors: FieldError[] = []
        const shown: PolicyDocument[] = []
        for (const { document } of textsInForce(services.policy, language)) {
          // By its digest, not by the language of this request: it may have been switched since the form was drawn.
          const text = services.policy.texts.find((each) => each.document === document && each.sha256 === request.form[`text-${document}`])
          if (!ticked.has(document)) errors.push({ field: `agree-${document}`, message: { key: `apply.agreements.error.${document}` } })
          else if (!text) errors.push({ field: `agree-${document}`, message: { key: 'apply.agreements.error.newer' } })
          else shown.push(text)
        }
        if (errors.length > 0) return form(services, language, dossier, ticked, errors)
        const saved = await services.work(account.id, async (work) => {
          if (!(await saveDraft(work, application, {}))) return false
          const fresh = shown.filter(
            (text) => !dossier.agreements.some((agreement) => agreement.document === text.document && agreementInForce(agreement, services.policy)),
          )
          for (const text of fresh) {
            await work.applications.keepText(text)
            await work.applications.putAgreement(application.id, {
              document: text.document,
              version: text.version,
              language: text.language,
              sha256: text.sha256,
              acceptedBy: account.id,
              acceptedAt: work.now.toISOString(),
            })
          }
          await work.audit({
            event: 'application.agreements-accepted',
            subject: `application:${application.id}`,
            details: { accepted: fresh.map(({ document, version, language: read, sha256 }) => ({ document, version, language: read, sha256 })) },
          })
          return true
        })
        return saved ? redirect(nextPath(application.reference, 'agreements'), 'apply.saved') : changedMeanwhile(application)
      }),
    },
  ]
}
