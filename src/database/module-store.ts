/** The inventory of shipped modules in the database: rows in, domain types out (ATT-1). */
import type { ModuleKey, ModuleOrder, ModuleStore, ShippedModule } from '../application/modules.ts'
import { REPORTED_ATTRIBUTES, type ReportedAttributes } from '../key-protection/key-report.ts'
import type { ModuleState, ShippedKey } from '../key-protection/shipped-module.ts'
import { isUniqueViolation, type Database, type Transaction } from './database.ts'

type Text = string | null
interface ModuleRow {
  id: string
  manufacturer: string
  model: string
  firmware: string
  serial_number: string
  token_label: string
  state: string
  version: number
  prepared_by: string
  witnessed_by: string
  prepared_at: string
  letter: string
  activation_bits: number
  organisation_id: Text
  shipped_by: Text
  shipped_at: Text
  carrier: Text
  tracking: Text
  received_by: Text
  received_at: Text
  letter_sent_by: Text
  letter_sent_at: Text
  letter_route: Text
  withdrawn_by: Text
  withdrawn_at: Text
  withdrawn_because: Text
}
interface KeyRow {
  spki_sha256: string
  module_id: string
  label: string
  key_id: string
  spki_der: Buffer
  mechanism: number | null
  attributes: string
}
interface OrderRow {
  id: string
  application_id: string
  organisation_id: string
  recipient: string
  address: string
  phone: string
  ordered_by: string
  ordered_at: string
  module_id: Text
}

const act = (by: Text, at: Text): { by: string; at: string } | null => (by !== null && at !== null ? { by, at } : null)

function readModule(row: ModuleRow, orderedBy: Text): Omit<ShippedModule, 'keys' | 'organisation'> {
  const [shipped, letterSent, withdrawn] = [act(row.shipped_by, row.shipped_at), act(row.letter_sent_by, row.letter_sent_at), act(row.withdrawn_by, row.withdrawn_at)]
  return {
    id: row.id,
    version: Number(row.version),
    manufacturer: row.manufacturer,
    model: row.model,
    firmware: row.firmware,
    serialNumber: row.serial_number,
    tokenLabel: row.token_label,
    state: row.state as ModuleState,
    organisationId: row.organisation_id,
    orderedBy,
    preparedBy: row.prepared_by,
    witnessedBy: row.witnessed_by,
    preparedAt: row.prepared_at,
    letter: row.letter,
    activationBits: Number(row.activation_bits),
    shipped: shipped && { ...shipped, carrier: row.carrier ?? '' },
    tracking: row.tracking,
    received: act(row.received_by, row.received_at),
    letterSent: letterSent && { ...letterSent, route: row.letter_route ?? '' },
    withdrawn: withdrawn && { ...withdrawn, because: row.withdrawn_because ?? '' },
  }
}

/** An attribute that a row does not tell counts as untold, which passes nowhere that matters. */
function readAttributes(text: string): ReportedAttributes {
  const told = JSON.parse(text) as Record<string, unknown>
  return Object.fromEntries(REPORTED_ATTRIBUTES.map((name) => [name, typeof told[name] === 'boolean' ? told[name] : null])) as ReportedAttributes
}

const readKey = (row: KeyRow): ModuleKey => ({
  spkiSha256: row.spki_sha256,
  spki: row.spki_der,
  label: row.label,
  keyId: row.key_id,
  mechanism: row.mechanism === null ? null : Number(row.mechanism),
  attributes: readAttributes(row.attributes),
})

const readOrder = (row: OrderRow): ModuleOrder => ({
  id: row.id,
  applicationId: row.application_id,
  organisationId: row.organisation_id,
  recipient: row.recipient,
  address: row.address,
  phone: row.phone,
  orderedBy: row.ordered_by,
  orderedAt: row.ordered_at,
  moduleId: row.module_id,
})

/** Which of these keys were shipped in a module. */
export async function shippedAmong(db: Database | Transaction, spkiSha256s: readonly string[]): Promise<ReadonlySet<string>> {
  const rows: { spki_sha256: string }[] = await db('shipped_keys').whereIn('spki_sha256', [...new Set(spkiSha256s)]).select('spki_sha256')
  return new Set(rows.map(({ spki_sha256 }) => spki_sha256))
}

/** The inventory's entry for a key, by the SHA-256 of its SubjectPublicKeyInfo; null for a key that was never generated into a module here. */
export async function findShippedKey(db: Database | Transaction, spkiSha256: string): Promise<ShippedKey | null> {
  const row: KeyRow | undefined = await db('shipped_keys').where({ spki_sha256: spkiSha256 }).first()
  const module: ModuleRow | undefined = row && (await db('shipped_modules').where({ id: row.module_id }).first())
  if (!row || !module) return null
  const { spki: _spki, spkiSha256: _sha256, ...key } = readKey(row)
  const { id: moduleId, version: _version, tokenLabel: _label, tracking: _tracking, withdrawn: _withdrawn, ...of } = readModule(module, (await db('module_orders').where({ module_id: module.id }).first('ordered_by'))?.ordered_by ?? null)
  return { moduleId, ...of, ...key, onRecord: true }
}

export function moduleStore(db: Database | Transaction): ModuleStore {
  async function whole(rows: readonly ModuleRow[]): Promise<ShippedModule[]> {
    const keys: KeyRow[] = await db('shipped_keys').whereIn('module_id', rows.map(({ id }) => id)).orderBy('label')
    const orders: { module_id: string; ordered_by: string }[] = await db('module_orders').whereIn('module_id', rows.map(({ id }) => id)).select('module_id', 'ordered_by')
    const organisations: { id: string; legal_name: string }[] = await db('organisations').whereIn('id', rows.flatMap(({ organisation_id }) => organisation_id ?? [])).select('id', 'legal_name')
    return rows.map((row) => ({
      ...readModule(row, orders.find(({ module_id }) => module_id === row.id)?.ordered_by ?? null),
      organisation: organisations.find(({ id }) => id === row.organisation_id)?.legal_name ?? null,
      keys: keys.filter((key) => key.module_id === row.id).map(readKey),
    }))
  }
  return {
    list: async () => whole(await db('shipped_modules').orderBy([{ column: 'prepared_at', order: 'desc' }, { column: 'id' }]).limit(500)),
    find: async (id) => (await whole(await db('shipped_modules').where({ id })))[0] ?? null,
    orderedBy: async (accountId) => whole(await db('shipped_modules').whereIn('id', db('module_orders').where({ ordered_by: accountId }).whereNotNull('module_id').select('module_id')).orderBy(['shipped_at', 'id'])),
    async insert(module, at) {
      const { keys } = module
      // Asked first, since PostgreSQL's transaction does not outlive a violation.
      if (await db('shipped_modules').where({ manufacturer: module.manufacturer, serial_number: module.serialNumber }).orWhere({ letter: module.letter }).first('id')) return false
      if (await db('shipped_keys').whereIn('spki_sha256', keys.map(({ spkiSha256 }) => spkiSha256)).first('module_id')) return false
      try {
        await db('shipped_modules').insert({
          id: module.id,
          manufacturer: module.manufacturer,
          model: module.model,
          firmware: module.firmware,
          serial_number: module.serialNumber,
          token_label: module.tokenLabel,
          state: 'prepared',
          version: 1,
          prepared_by: module.preparedBy,
          witnessed_by: module.witnessedBy,
          prepared_at: at,
          letter: module.letter,
          activation_bits: module.activationBits,
        })
        for (const { spkiSha256, spki, label, keyId, mechanism, attributes } of keys)
          await db('shipped_keys').insert({ spki_sha256: spkiSha256, module_id: module.id, label, key_id: keyId, spki_der: spki, mechanism, attributes: JSON.stringify(attributes), generated_at: at })
      } catch (error) {
        if (isUniqueViolation(error)) return false
        throw error
      }
      return true
    },
    async move({ id, version, state }, to, change) {
      return (await db('shipped_modules').where({ id, version, state }).update({ ...change, state: to, version: version + 1 })) === 1
    },
    async openOrders() {
      const rows: OrderRow[] = await db('module_orders')
        .join('applications', 'applications.id', 'module_orders.application_id')
        .whereNull('module_orders.module_id')
        .whereNotIn('applications.state', ['rejected', 'withdrawn'])
        .orderBy(['module_orders.ordered_at', 'module_orders.id'])
        .limit(500)
        .select('module_orders.*')
      return rows.map(readOrder)
    },
    async orderFor(moduleId) {
      const row: OrderRow | undefined = await db('module_orders').where({ module_id: moduleId }).first()
      return row ? readOrder(row) : null
    },
    async orderOf(applicationId) {
      const row: OrderRow | undefined = await db('module_orders').where({ application_id: applicationId }).first()
      return row ? readOrder(row) : null
    },
    async insertOrder(order) {
      await db('module_orders').insert({
        id: order.id,
        application_id: order.applicationId,
        organisation_id: order.organisationId,
        recipient: order.recipient,
        address: order.address,
        phone: order.phone,
        ordered_by: order.orderedBy,
        ordered_at: order.orderedAt,
      })
    },
    fulfilOrder: async (orderId, moduleId) => (await db('module_orders').where({ id: orderId }).whereNull('module_id').update({ module_id: moduleId })) === 1,
  }
}
