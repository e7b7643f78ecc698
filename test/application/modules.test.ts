import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { issueNext } from '../../src/application/issue.ts'
import { enterModule, orderModule, receiveModule, sendLetter, shipModule, withdrawModule, type ModuleStore } from '../../src/application/modules.ts'
import type { Work } from '../../src/application/ports.ts'
import type { Database } from '../../src/database/database.ts'
import { moduleStore } from '../../src/database/module-store.ts'
import { issuingParts } from '../../src/jobs/issuing.ts'
import type { Services } from '../../src/services.ts'
import type { Signer } from '../../src/signer/signer.ts'
import { rsaKeyPair, type KeyPair } from '../pki/keys.ts'
import { heldFor, insertApprovedApplication, insertPeople, type ApprovedApplication } from '../support/approved-application.ts'
import { describeOnBothDatabases } from '../support/database.ts'
import { demoHierarchy, type DemoHierarchy } from '../support/demo-hierarchy.ts'
import { newModule } from '../support/shipped-modules.ts'

let hierarchy: DemoHierarchy
let token: Signer
let keys: KeyPair[]
beforeAll(async () => {
  hierarchy = await demoHierarchy()
  token = await hierarchy.token('ca')
  keys = [rsaKeyPair(3072), rsaKeyPair(3072)]
}, 120_000)
afterAll(() => hierarchy.remove())

type Act<T> = (work: Work, store: ModuleStore) => Promise<T>

describeOnBothDatabases('shipped modules', (open) => {
  let database: Database
  let services: Services
  let minutes = 0
  beforeAll(async () => {
    database = await open()
    services = await hierarchy.services(database, { clock: () => new Date(Date.now() + minutes++ * 60_000) })
  })

  type People = Awaited<ReturnType<typeof insertPeople>>
  const as = <T>(person: string, act: Act<T>): Promise<T> => services.work(person, (work, trx) => act(work, moduleStore(trx)))
  const found = async (id: string) => (await moduleStore(database).find(id))!
  const eventsOf = async (id: string) => (await database('audit_events').where({ subject: `module:${id}` }).orderBy('seq')).map(({ event }: { event: string }) => event)

  /** A draft with an order, and a module with one key that was just prepared. */
  async function ordered(pair: KeyPair, people?: People) {
    const of = people ?? (await insertPeople(services, `Org ${randomUUID()}`))
    const id = randomUUID()
    await as('command:token-prepare', (work, store) => enterModule(work, store, newModule(id, pair.spki)))
    const application = randomUUID()
    await as(of.applicant, async (work, store) => {
      await work.applications.create({ id: application, reference: application.slice(0, 11), applicantId: of.applicant, organisationId: of.organisationId, policyId: services.policy.id })
      await orderModule(work, store, { id: randomUUID(), applicationId: application, organisationId: of.organisationId, recipient: 'Chiba Ken', address: '1-1 Kanda', phone: '+81 3 0000 0000' })
    })
    const order = (await moduleStore(database).orderOf(application))!
    return { id, people: of, order }
  }
  const ship = ({ id, people, order }: Awaited<ReturnType<typeof ordered>>) => as(people.vetter, async (work, store) => shipModule(work, store, (await store.find(id))!, order, { carrier: 'Carrier', tracking: '123' }))
  const receive = ({ id, people }: Awaited<ReturnType<typeof ordered>>) => as(people.applicant, async (work, store) => receiveModule(work, store, (await store.find(id))!, services.policy))
  const letter = ({ id }: Awaited<ReturnType<typeof ordered>>, by: string) => as(by, async (work, store) => sendLetter(work, store, (await store.find(id))!, 'registered mail', services.policy))

  test('ATT-1, ATT-10: goes its way once, step by step, each on record', async () => {
    const module = await ordered(rsaKeyPair(2048))
    expect(await receive(module)).toBe('not-now')
    expect(await letter(module, module.people.approver)).toBe('not-now')
    expect(await ship(module)).toBe('done')
    expect(await ship(module)).toBe('not-now')
    expect(await letter(module, module.people.approver)).toBe('not-now')
    expect(await receive(module)).toBe('done')
    expect(await receive(module)).toBe('not-now')
    expect(await letter(module, module.people.vetter)).toBe('same-person')
    expect(await letter(module, module.people.approver)).toBe('done')
    expect(await found(module.id)).toMatchObject({ state: 'activated', organisationId: module.people.organisationId, tracking: '123', letterSent: { by: module.people.approver, route: 'registered mail' } })
    expect(await eventsOf(module.id)).toEqual(['module.prepared', 'module.shipped', 'module.received', 'module.letter-sent'])
  })

  test('ATT-1: one module goes out for one order, and one order gets one module', async () => {
    const [one, other] = [await ordered(rsaKeyPair(2048)), await ordered(rsaKeyPair(2048))]
    await ship(one)
    expect(await ship({ ...other, order: one.order })).toBe('changed-meanwhile')
    expect(await found(other.id)).toMatchObject({ state: 'prepared', organisationId: null, shipped: null })
    expect(await eventsOf(other.id)).toEqual(['module.prepared'])
    expect(await ship(other)).toBe('done')
  })

  test('ATT-1: an order of an application that ended waits for nothing', async () => {
    const { order } = await ordered(rsaKeyPair(2048))
    const waits = async () => (await moduleStore(database).openOrders()).some(({ id }) => id === order.id)
    expect(await waits()).toBe(true)
    await database('applications').where({ id: order.applicationId }).update({ state: 'withdrawn' })
    expect(await waits()).toBe(false)
  })

  test('ATT-1: an older view of a module changes nothing', async () => {
    const module = await ordered(rsaKeyPair(2048))
    const seen = await found(module.id)
    await ship(module)
    expect(await as(module.people.approver, (work, store) => withdrawModule(work, store, seen, 'lost', services.policy))).toBe('changed-meanwhile')
    expect((await found(module.id)).state).toBe('shipped')
  })

  test('ATT-1: a module, a letter and a key are in the inventory once', async () => {
    const { spki } = rsaKeyPair(2048)
    const id = randomUUID()
    const enter = (module: Parameters<typeof enterModule>[2]) => as('command:token-prepare', (work, store) => enterModule(work, store, module))
    expect(await enter(newModule(id, spki))).toBe(true)
    const fresh = () => newModule(randomUUID(), rsaKeyPair(1024).spki)
    const [serialNumber, letter] = [id.slice(0, 16), id.slice(0, 8).toUpperCase()]
    expect(await enter({ ...fresh(), serialNumber })).toBe(false)
    expect(await enter({ ...fresh(), letter })).toBe(false)
    expect(await enter(newModule(randomUUID(), spki))).toBe(false)
    expect(await enter(fresh())).toBe(true)
  })

  test('ATT-1, ATT-10: nobody but who ordered a module says that it arrived, or sees it, whatever organisation they state', async () => {
    const module = await ordered(rsaKeyPair(2048))
    await ship(module)
    const other = (await insertPeople(services, `Org ${randomUUID()}`)).applicant
    await database('accounts').where({ id: other }).update({ organisation_id: module.people.organisationId })
    expect(await as(other, async (work, store) => receiveModule(work, store, (await store.find(module.id))!, services.policy))).toBe('not-now')
    expect(await moduleStore(database).orderedBy(other)).toEqual([])
    expect((await moduleStore(database).orderedBy(module.people.applicant)).map(({ id }) => id)).toEqual([module.id])
  })

  /** An application approved for the key of a module that went the whole way. */
  async function approvedWith(pair: KeyPair, people?: People): Promise<ApprovedApplication & { readonly module: string }> {
    const module = await ordered(pair, people)
    await ship(module)
    await receive(module)
    await letter(module, module.people.approver)
    return { ...(await insertApprovedApplication(services, hierarchy.maker, { keys: pair, people: module.people, key: { method: 1 }, evidence: [] })), module: module.id }
  }
  const turn = (signer: Pick<Signer, 'sign'> = token) => issueNext(issuingParts(services, signer))

  test('ATT-1, ISS-1: `ca` issues for a key of the inventory, and holds when the log does not bear the rows out, or the module was withdrawn', async () => {
    const application = await approvedWith(keys[0]!)
    expect(await turn()).toBe('issued')

    const never: Pick<Signer, 'sign'> = { sign: () => Promise.reject(new Error('nothing may be signed here')) }
    const { applicant, vetter, approver, organisationId } = application
    const of = { people: { applicant, vetter, approver, organisationId }, keys: keys[0]!, key: { method: 1 } as const, evidence: [] }
    const heldBy = async (): Promise<unknown> => {
      const { id } = await insertApprovedApplication(services, hierarchy.maker, of)
      expect(await turn(never)).toBe('held')
      return (await heldFor(services, id))!.map(({ row, code, message }) => [row, code, message.key.replace('key-protection-shipped-module.', '')])
    }
    // Rows alone: what they say of the module is not what the log says.
    const row = await database('shipped_modules').where({ id: application.module }).first()
    for (const [column, value] of [['witnessed_by', 'Somebody Else'], ['serial_number', 'FORGED'], ['firmware', '2.7'], ['activation_bits', 999]] as const) {
      await database('shipped_modules').where({ id: application.module }).update({ [column]: value })
      expect(await heldBy(), column).toEqual([['ATT-1', 'key-protection-from-inventory', 'record.lacks']])
      await database('shipped_modules').where({ id: application.module }).update({ [column]: row[column] })
    }
    const key = await database('shipped_keys').where({ module_id: application.module }).first()
    await database('shipped_keys').where({ module_id: application.module }).update({ attributes: JSON.stringify({ ...JSON.parse(key.attributes), decrypt: null }) })
    expect((await heldBy()) as unknown[]).toContainEqual(['ATT-1', 'key-protection-from-inventory', 'record.lacks'])
    await database('shipped_keys').where({ module_id: application.module }).update({ attributes: key.attributes })
    await as(application.approver, async (work, store) => withdrawModule(work, store, (await store.find(application.module))!, 'came back', services.policy))
    expect(await heldBy()).toEqual([
      ['ATT-1', 'key-protection-from-inventory', 'record.lacks'],
      ['ATT-1', 'key-protection-shipped-to-you', 'shipping.withdrawn'],
    ])
    // A row put back by hand revives nothing.
    await database('shipped_modules').where({ id: application.module }).update({ state: 'activated' })
    expect(await heldBy()).toEqual([['ATT-1', 'key-protection-from-inventory', 'record.lacks']])
  })

  test('ATT-1: a key of a module of another organisation is refused', async () => {
    const owner = await approvedWith(keys[1]!)
    await database('applications').where({ id: owner.id }).update({ state: 'withdrawn' })
    const { id } = await insertApprovedApplication(services, hierarchy.maker, { people: await insertPeople(services, 'Another K.K.'), keys: keys[1]!, key: { method: 1 }, evidence: [] })
    expect(await turn()).toBe('held')
    expect((await heldFor(services, id))!.map(({ message }) => message.key)).toContain('key-protection-shipped-module.shipping.to-others')
  })
})
