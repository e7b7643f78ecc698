/** Method 1 on the page of key protection: ordering a module, saying that it arrived, and the commands for the request (ATT-1, ATT-10). */
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { plainLine, requiredLine } from '../../../application/entered-text.ts'
import { orderModule, receiveModule } from '../../../application/modules.ts'
import { moduleStore } from '../../../database/module-store.ts'
import { readForm } from '../../form.ts'
import { formatInstant, translate } from '../../locales.ts'
import type { MethodSection } from '../../method-section.ts'
import { applicationPath, changeDraft, changedMeanwhile } from '../../own-application.ts'
import { redirect, type Route } from '../../reply.ts'

const orderSchema = z.object({ recipient: requiredLine(100), address: requiredLine(500), phone: plainLine(40) })

export const shippedModuleSection: MethodSection = {
  id: 'shipped-module',
  async model({ services, language, dossier: { application }, entered }) {
    const store = moduleStore(services.database)
    const { organisation, organisationId } = application
    const order = await store.orderOf(application.id)
    const modules = (await store.orderedBy(application.applicantId)).filter((module) => module.organisationId === organisationId)
    const t = (path: string, values?: Record<string, string>) => translate(language, `key-protection-shipped-module.section.${path}`, values)
    return {
      organisationGiven: organisationId !== null,
      organisationHref: applicationPath(application.reference, 'organisation'),
      order: order && { at: order.orderedAt, to: t('ordered-for', { recipient: order.recipient, address: order.address }) },
      entered: {
        recipient: entered['recipient'] ?? '',
        address: entered['address'] ?? (organisation ? [organisation.postalCode, organisation.state, organisation.locality, organisation.street].filter(Boolean).join(' ') : ''),
        phone: entered['phone'] ?? organisation?.phone ?? '',
      },
      modules: modules.map((module) => ({
        id: module.id,
        version: module.version,
        name: `${module.manufacturer} ${module.model}`,
        serial: module.serialNumber,
        kind: module.state === 'withdrawn' ? 'bad' : module.state === 'activated' ? 'good' : 'wait',
        state: translate(language, `modules.state.${module.state}`),
        arrives: module.state === 'shipped',
        usable: module.state === 'activated',
        shipped: module.shipped ? `${formatInstant(language, module.shipped.at)}, ${t('tracking', { carrier: module.shipped.carrier, tracking: module.tracking ?? '–' })}` : '–',
        letter: module.letterSent ? t('letter-sent', { at: formatInstant(language, module.letterSent.at), route: module.letterSent.route }) : t('letter-waits'),
        keys: module.keys.map(({ label, keyId, spkiSha256 }) => ({ label, sha256: spkiSha256, command: requestCommand(module.tokenLabel, keyId, label) })),
      })),
    }
  },
  routes: ({ policy }, show): readonly Route[] => {
    const path = '/applications/:reference/key-protection'
    return [
      {
        method: 'POST',
        path: `${path}/order`,
        who: ['subscriber'],
        events: ['module.ordered'],
        handle: changeDraft(async (request, { dossier, application, account }) => {
          const { services } = request
          const { organisationId } = application
          if (organisationId === null || application.key?.method !== 1) return changedMeanwhile(application)
          const form = readForm(orderSchema, request.form)
          if (!form.ok) return show(request, dossier, request.form, form.errors)
          const ordered = await services.work(account.id, (work, trx) => orderModule(work, moduleStore(trx), { id: randomUUID(), applicationId: application.id, organisationId, ...form.values }))
          return redirect(`${applicationPath(application.reference, 'key-protection')}#evidence-report`, `key-protection-shipped-module.notice.${ordered ? 'ordered' : 'not-now'}`)
        }),
      },
      {
        method: 'POST',
        path: `${path}/modules/:module/received`,
        who: ['subscriber'],
        events: ['module.received'],
        handle: changeDraft(async ({ services, params }, { application, account }) => {
          const outcome = await services.work(account.id, async (work, trx) => {
            const store = moduleStore(trx)
            const module = await store.find(params['module'] ?? '')
            // A module of somebody else's order is not there for this person.
            return module?.orderedBy === account.id ? receiveModule(work, store, module, policy) : null
          })
          if (outcome === null) return { kind: 'not-found' }
          return redirect(`${applicationPath(application.reference, 'key-protection')}#evidence-report`, `key-protection-shipped-module.notice.${outcome === 'done' ? 'received' : 'not-now'}`)
        }),
      },
    ]
  },
}

/** RFC 7512: the token and the key as the module names them. */
function requestCommand(token: string, keyId: string, label: string): string {
  const id = keyId.replace(/../g, '%$&')
  return `PKCS11_PROVIDER_MODULE=/path/to/driver.so openssl req -new -provider pkcs11 -provider default -key "pkcs11:token=${encodeURIComponent(token)};id=${id};type=private" -subj "/CN=${label}" -sha256 -out request.pem`
}
