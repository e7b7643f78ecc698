/**
 * The way of a shipped module (ATT-1, ATT-10): prepared by two persons, shipped to one organisation, received by it; then another officer sends the
 * letter with the activation data another way. Each step once, in this order; withdrawn from anywhere and for good.
 */
import type { ShippedKey, ModuleState } from '../key-protection/shipped-module.ts'
import type { Policy } from '../policy/policy.ts'
import type { Work } from './ports.ts'
import { keepProtection } from './verify-key.ts'

export interface ShippedModule extends Omit<ShippedKey, 'label' | 'keyId' | 'mechanism' | 'attributes' | 'moduleId' | 'onRecord'> {
  readonly id: string
  readonly version: number
  readonly tokenLabel: string
  readonly organisation: string | null
  readonly tracking: string | null
  readonly withdrawn: { readonly by: string; readonly at: string; readonly because: string } | null
  readonly keys: readonly ModuleKey[]
}

export interface ModuleKey extends Pick<ShippedKey, 'label' | 'keyId' | 'mechanism' | 'attributes'> {
  readonly spkiSha256: string
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer
}

/** Where a module is wanted. */
export interface ModuleOrder {
  readonly id: string
  readonly applicationId: string
  readonly organisationId: string
  readonly recipient: string
  readonly address: string
  readonly phone: string
  readonly orderedBy: string
  readonly orderedAt: string
  /** The module sent for it; null while it waits. */
  readonly moduleId: string | null
}

export interface NewModule extends Pick<ShippedModule, 'id' | 'manufacturer' | 'model' | 'firmware' | 'serialNumber' | 'tokenLabel' | 'preparedBy' | 'witnessedBy' | 'letter' | 'activationBits'> {
  readonly keys: readonly ModuleKey[]
}

type Change = Readonly<Record<string, string | null>>

export interface ModuleStore {
  list(): Promise<readonly ShippedModule[]>
  find(id: string): Promise<ShippedModule | null>
  /** Those that went out for this person's orders. */
  orderedBy(accountId: string): Promise<readonly ShippedModule[]>
  /** False when the module, its letter or one of its keys is in the inventory already. */
  insert(module: NewModule, at: string): Promise<boolean>
  /** Compare-and-set on state and version. */
  move(module: ShippedModule, to: ModuleState, change: Change): Promise<boolean>
  /** Those that no module went out for, of applications that have not ended. */
  openOrders(): Promise<readonly ModuleOrder[]>
  /** The order that this module went out for. */
  orderFor(moduleId: string): Promise<ModuleOrder | null>
  orderOf(applicationId: string): Promise<ModuleOrder | null>
  insertOrder(order: Omit<ModuleOrder, 'moduleId'>): Promise<void>
  /** False when another module went out for it. */
  fulfilOrder(orderId: string, moduleId: string): Promise<boolean>
}

export type ModuleMove = 'done' | 'changed-meanwhile' | 'not-now' | 'same-person'

const subject = ({ id }: { readonly id: string }): string => `module:${id}`

/** Enters a module that two persons prepared. False when it, or one of its keys, is there already. */
export async function enterModule(work: Work, store: ModuleStore, module: NewModule): Promise<boolean> {
  if (!(await store.insert(module, work.now.toISOString()))) return false
  const { keys, manufacturer, model, firmware, serialNumber, preparedBy, witnessedBy, letter, activationBits } = module
  await work.audit({
    event: 'module.prepared',
    subject: subject(module),
    details: { manufacturer, model, firmware, serialNumber, persons: [preparedBy, witnessedBy], letter, activationBits, keys: keys.map(({ spkiSha256, label, keyId, mechanism, attributes }) => ({ spkiSha256, label, keyId, mechanism, attributes })) },
  })
  return true
}

export async function orderModule(work: Work, store: ModuleStore, order: Omit<ModuleOrder, 'moduleId' | 'orderedAt' | 'orderedBy'>): Promise<boolean> {
  if (await store.orderOf(order.applicationId)) return false
  await store.insertOrder({ ...order, orderedBy: work.actor, orderedAt: work.now.toISOString() })
  await work.audit({ event: 'module.ordered', subject: `application:${order.applicationId}`, details: { order: order.id, organisation: order.organisationId } })
  return true
}

/** Sends a prepared module out for an order. */
export async function shipModule(work: Work, store: ModuleStore, module: ShippedModule, order: ModuleOrder, by: { readonly carrier: string; readonly tracking: string }): Promise<ModuleMove> {
  if (module.state !== 'prepared' || order.moduleId !== null) return 'not-now'
  const at = work.now.toISOString()
  if (!(await store.move(module, 'shipped', { organisation_id: order.organisationId, shipped_by: work.actor, shipped_at: at, ...by }))) return 'changed-meanwhile'
  if (!(await store.fulfilOrder(order.id, module.id))) {
    // Somebody sent another module for the order at the same moment: this one is on the shelf again.
    await store.move({ ...module, state: 'shipped', version: module.version + 1 }, 'prepared', { organisation_id: null, shipped_by: null, shipped_at: null, carrier: null, tracking: null })
    return 'changed-meanwhile'
  }
  await work.audit({ event: 'module.shipped', subject: subject(module), details: { organisation: order.organisationId, order: order.id, orderedBy: order.orderedBy, at, ...by } })
  return 'done'
}

/** Who ordered the module says that it arrived whole; nobody else, since anybody may state an organisation's name. */
export async function receiveModule(work: Work, store: ModuleStore, module: ShippedModule, policy: Policy): Promise<ModuleMove> {
  if (module.state !== 'shipped' || module.orderedBy !== work.actor) return 'not-now'
  const at = work.now.toISOString()
  if (!(await store.move(module, 'received', { received_by: work.actor, received_at: at }))) return 'changed-meanwhile'
  await work.audit({ event: 'module.received', subject: subject(module), details: { organisation: module.organisationId, at } })
  await judgeAgain(work, store, module, policy)
  return 'done'
}

/** CP 6.1.2: by another way than the module, and here by another person, once the module has arrived. */
export async function sendLetter(work: Work, store: ModuleStore, module: ShippedModule, route: string, policy: Policy): Promise<ModuleMove> {
  if (module.state !== 'received') return 'not-now'
  if (module.shipped?.by === work.actor) return 'same-person'
  const at = work.now.toISOString()
  if (!(await store.move(module, 'activated', { letter_sent_by: work.actor, letter_sent_at: at, letter_route: route }))) return 'changed-meanwhile'
  await work.audit({ event: 'module.letter-sent', subject: subject(module), details: { letter: module.letter, route, at } })
  await judgeAgain(work, store, module, policy)
  return 'done'
}

/** Lost, returned or suspect: its keys are never taken again. */
export async function withdrawModule(work: Work, store: ModuleStore, module: ShippedModule, because: string, policy: Policy): Promise<ModuleMove> {
  if (module.state === 'withdrawn') return 'not-now'
  if (!(await store.move(module, 'withdrawn', { withdrawn_by: work.actor, withdrawn_at: work.now.toISOString(), withdrawn_because: because }))) return 'changed-meanwhile'
  await work.audit({ event: 'module.withdrawn', subject: subject(module), details: { because, from: module.state } })
  await judgeAgain(work, store, module, policy)
  return 'done'
}

/** The draft that the module was ordered for shows where it stands now, without a change by its applicant. */
async function judgeAgain(work: Work, store: ModuleStore, module: ShippedModule, policy: Policy): Promise<void> {
  const order = await store.orderFor(module.id)
  const dossier = order && (await work.applications.dossier(order.applicationId))
  if (dossier?.application.state === 'draft' && dossier.application.key?.method === 1) await keepProtection(work, dossier.application, dossier.evidence, policy)
}
