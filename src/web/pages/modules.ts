/** The inventory of shipped modules: what is there, what is ordered, shipping, the letter, withdrawing (ATT-1, ATT-10). */
import { z } from 'zod'
import { requiredLine } from '../../application/entered-text.ts'
import { sendLetter, shipModule, withdrawModule, type ModuleMove, type ModuleOrder, type ShippedModule } from '../../application/modules.ts'
import { moduleStore } from '../../database/module-store.ts'
import { STAFF_ROLES } from '../../people/roles.ts'
import type { Services } from '../../services.ts'
import { readForm } from '../form.ts'
import { formatInstant, translate, type Language } from '../locales.ts'
import { page, redirect, type FieldError, type PageRequest, type Reply, type Route } from '../reply.ts'

const OFFICERS = ['vetting-officer', 'approving-officer'] as const

const shipSchema = z.object({ order: z.string('forms.choose').min(1, 'forms.choose'), carrier: requiredLine(100), tracking: requiredLine(100) })
const letterSchema = z.object({ route: requiredLine(200) })
const withdrawSchema = z.object({ because: requiredLine(500) })

export function moduleRoutes(_services: Services): readonly Route[] {
  return [
    { method: 'GET', path: '/modules', who: STAFF_ROLES, events: [], handle: list },
    { method: 'GET', path: '/modules/:id', who: STAFF_ROLES, events: [], handle: (request) => withModule(request, (module) => show(request, module)) },
    { method: 'POST', path: '/modules/:id/ship', who: OFFICERS, events: ['module.shipped'], handle: ship },
    { method: 'POST', path: '/modules/:id/letter', who: OFFICERS, events: ['module.letter-sent'], handle: letter },
    { method: 'POST', path: '/modules/:id/withdraw', who: OFFICERS, events: ['module.withdrawn'], handle: withdraw },
  ]
}

const KIND = { prepared: 'neutral', shipped: 'wait', received: 'wait', activated: 'good', withdrawn: 'bad' } as const

interface OrderShown extends ModuleOrder {
  readonly reference: string
  readonly organisation: string
}

/** Orders that no module went out for, with the names of what they are for. */
async function waitingOrders({ services }: PageRequest): Promise<readonly OrderShown[]> {
  const orders = await moduleStore(services.database).openOrders()
  const named = (table: string, ids: readonly string[], column: string): Promise<Record<string, string>[]> => services.database(table).whereIn('id', [...ids]).select('id', column)
  const applications = await named('applications', orders.map(({ applicationId }) => applicationId), 'reference')
  const organisations = await named('organisations', orders.map(({ organisationId }) => organisationId), 'legal_name')
  return orders.map((order) => ({
    ...order,
    reference: applications.find(({ id }) => id === order.applicationId)?.['reference'] ?? '–',
    organisation: organisations.find(({ id }) => id === order.organisationId)?.['legal_name'] ?? '–',
  }))
}

async function list(request: PageRequest): Promise<Reply> {
  const { services, language } = request
  const modules = await moduleStore(services.database).list()
  return page('modules/list', 'modules.title', {
    modules: modules.map((module) => ({
      id: module.id,
      serial: module.serialNumber,
      model: `${module.manufacturer} ${module.model}`,
      kind: KIND[module.state],
      state: translate(language, `modules.state.${module.state}`),
      organisation: module.organisation ?? '–',
      preparedAt: module.preparedAt,
    })),
    orders: (await waitingOrders(request)).map(({ reference, organisation, recipient, address, phone, orderedAt }) => ({ reference, organisation, to: `${recipient}, ${address}, ${phone}`, orderedAt })),
  })
}

async function withModule(request: PageRequest, then: (module: ShippedModule) => Promise<Reply>): Promise<Reply> {
  const module = await moduleStore(request.services.database).find(request.params['id'] ?? '')
  return module ? then(module) : { kind: 'not-found' }
}

async function show(request: PageRequest, module: ShippedModule, errors: readonly FieldError[] = []): Promise<Reply> {
  const { services, language, account, form } = request
  const t = (path: string, values?: Record<string, string>) => translate(language, `modules.${path}`, values)
  const acts = [module.shipped, module.received, module.letterSent, module.withdrawn]
  const people: { id: string; name: string }[] = await services.database('accounts').whereIn('id', acts.flatMap((act) => act?.by ?? [])).select('id', 'name')
  const by = (act: { readonly by: string; readonly at: string }) => t('field.by', { name: people.find(({ id }) => id === act.by)?.name ?? act.by, at: formatInstant(language, act.at) })
  const row = (path: string, text: string, mono = false) => ({ term: t(`field.${path}`), text, mono, copy: false })
  const mayAct = OFFICERS.some((role) => account!.roles.has(role))
  const applications: { reference: string; spki_sha256: string }[] = await services.database('applications').whereIn('spki_sha256', module.keys.map(({ spkiSha256 }) => spkiSha256)).whereNot({ state: 'draft' }).select('reference', 'spki_sha256')
  return page(
    'modules/module',
    { key: 'modules.one', values: { serial: module.serialNumber } },
    {
      id: module.id,
      version: module.version,
      kind: KIND[module.state],
      state: t(`state.${module.state}`),
      facts: [
        row('model', `${module.manufacturer} ${module.model}`),
        row('firmware', module.firmware),
        row('serial', module.serialNumber, true),
        row('token', module.tokenLabel),
        row('prepared', t('field.prepared-by', { one: module.preparedBy, other: module.witnessedBy, at: formatInstant(language, module.preparedAt) })),
        row('letter', module.letter, true),
        row('activation', t('field.bits', { bits: String(module.activationBits) })),
        row('organisation', module.organisation ?? '–'),
        ...(module.shipped ? [row('shipped', `${by(module.shipped)}, ${module.shipped.carrier}, ${module.tracking ?? '–'}`)] : []),
        ...(module.received ? [row('received', by(module.received))] : []),
        ...(module.letterSent ? [row('letter-sent', `${by(module.letterSent)}, ${module.letterSent.route}`)] : []),
        ...(module.withdrawn ? [row('withdrawn', `${by(module.withdrawn)}${translate(language, 'frame.colon')}${module.withdrawn.because}`)] : []),
      ],
      keys: module.keys.map(({ label, keyId, spkiSha256 }) => ({ label, keyId, sha256: spkiSha256, references: applications.filter(({ spki_sha256 }) => spki_sha256 === spkiSha256).map(({ reference }) => reference) })),
      may: {
        ship: mayAct && module.state === 'prepared',
        letter: mayAct && module.state === 'received' && module.shipped?.by !== account!.id,
        letterByOther: mayAct && module.state === 'received' && module.shipped?.by === account!.id,
        waits: mayAct && module.state === 'shipped',
        withdraw: mayAct && module.state !== 'withdrawn',
      },
      orders: (await waitingOrders(request)).map(orderOption(language)),
      entered: { order: form['order'] ?? '', carrier: form['carrier'] ?? '', tracking: form['tracking'] ?? '', route: form['route'] ?? '', because: form['because'] ?? '' },
    },
    { errors },
  )
}

const orderOption =
  (language: Language) =>
  ({ id, reference, organisation, recipient, address, phone, orderedAt }: OrderShown) => ({ value: id, text: `${reference}, ${organisation}`, hint: `${recipient}, ${address}, ${phone}; ${formatInstant(language, orderedAt)}` })

/** Does one move on the module as the form saw it. */
async function move<T extends z.ZodType>(request: PageRequest, schema: T, act: (values: z.infer<T>, module: ShippedModule) => Promise<ModuleMove>, done: string): Promise<Reply> {
  return withModule(request, async (module) => {
    const form = readForm(schema, request.form)
    if (!form.ok) return show(request, module, form.errors)
    const outcome = request.form['version'] === String(module.version) ? await act(form.values, module) : 'changed-meanwhile'
    return redirect(`/modules/${module.id}`, `modules.notice.${outcome === 'done' ? done : outcome === 'same-person' ? 'same-person' : 'not-now'}`)
  })
}

const ship = (request: PageRequest): Promise<Reply> =>
  move(
    request,
    shipSchema,
    async ({ order: id, ...by }, module) =>
      request.services.work(request.account!.id, async (work, trx) => {
        const store = moduleStore(trx)
        const order = (await store.openOrders()).find((each) => each.id === id)
        return order ? shipModule(work, store, module, order, by) : 'not-now'
      }),
    'shipped',
  )

const letter = (request: PageRequest): Promise<Reply> =>
  move(request, letterSchema, ({ route }, module) => request.services.work(request.account!.id, (work, trx) => sendLetter(work, moduleStore(trx), module, route, request.services.policy)), 'letter-sent')

const withdraw = (request: PageRequest): Promise<Reply> =>
  move(request, withdrawSchema, ({ because }, module) => request.services.work(request.account!.id, (work, trx) => withdrawModule(work, moduleStore(trx), module, because, request.services.policy)), 'withdrawn')
