import { randomUUID } from 'node:crypto'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { confirmEntry, proposeEntry, withdrawEntry, type RegisterEntry } from '../../src/application/register.ts'
import { readConfig } from '../../src/config.ts'
import type { Database } from '../../src/database/database.ts'
import { registerStore, registered } from '../../src/database/register-store.ts'
import { contentDigest, identityOf, type AuditorContent, type RegisterName, type ServiceContent } from '../../src/key-protection/register.ts'
import type { Role } from '../../src/people/roles.ts'
import { openServices, type Services } from '../../src/services.ts'
import { describeOnBothDatabases } from '../support/database.ts'
import { auditorContent, SERVICE, signatory, type Signatory } from '../support/witness.ts'

let auditor: Signatory
beforeAll(() => {
  auditor = signatory('Midori Ueda')
})

describeOnBothDatabases('the registers', (open) => {
  let database: Database
  let services: Services
  let vetting: string
  let approving: string
  let other: string

  beforeEach(async () => {
    database = await open()
    services = openServices(readConfig('command', { NODE_ENV: 'test', DATA_DIR: '/nonexistent', PORTAL_URL: 'https://portal.test' }), { database })
    const person = async (role: Role) => {
      const id = randomUUID()
      const at = new Date().toISOString()
      await database('accounts').insert({ id, email: `${id}@ca.example`, name: `${role} person`, state: 'active', locale: 'en', created_at: at })
      await database('account_roles').insert({ account_id: id, role, granted_by: 'test', granted_at: at })
      return id
    }
    ;[vetting, approving, other] = [await person('vetting-officer'), await person('approving-officer'), await person('approving-officer')]
  })

  const propose = async (by: string, register: RegisterName, content: AuditorContent | ServiceContent) => {
    const id = randomUUID()
    const outcome = await services.work(by, (work, trx) => proposeEntry(work, registerStore(trx), { id, register, identity: identityOf(register, content), content: JSON.stringify(content), file: { name: 'proof.pdf', bytes: Buffer.from('%PDF-1.7') } }))
    return { id, outcome }
  }
  const entryOf = async (id: string): Promise<RegisterEntry> => (await registerStore(database).find(id))!
  const confirm = async (by: string, entry: RegisterEntry) => services.work(by, (work, trx) => confirmEntry(work, registerStore(trx), entry))
  const withdraw = async (by: string, entry: RegisterEntry) => services.work(by, (work, trx) => withdrawEntry(work, registerStore(trx), entry, 'The certificate was lost.'))
  const events = async () => (await database('audit_events').orderBy('seq')).map((row: { event: string; actor: string; subject: string; details: string }) => ({ event: row.event, actor: row.actor, subject: row.subject, details: JSON.parse(row.details) }))

  test('ATT-6: one officer proposes, another confirms: then it counts, and the log holds both', async () => {
    const content = auditorContent(auditor)
    const { id, outcome } = await propose(vetting, 'auditors', content)
    expect(outcome).toBe('proposed')
    expect(await registered(database)).toEqual({ auditors: [], signingServices: [] })
    const proposed = await entryOf(id)
    expect(proposed).toMatchObject({ state: 'proposed', version: 1, content, sha256: contentDigest(JSON.stringify(content)), proposed: { id: vetting, name: 'vetting-officer person' }, confirmed: null, withdrawn: null })
    expect(await confirm(vetting, proposed)).toBe('own')
    expect(await confirm(approving, proposed)).toBe('confirmed')
    expect(await entryOf(id)).toMatchObject({ state: 'confirmed', version: 2, confirmed: { id: approving } })
    const { auditors } = await registered(database)
    expect(auditors).toEqual([expect.objectContaining({ name: 'Midori Ueda', withdrawnAt: null, provenance: { entryId: id, register: 'auditors', sha256: proposed.sha256, proposedBy: vetting, confirmedBy: approving, entitled: true } })])
    expect(auditors[0]!.certificate.equals(auditor.certificate)).toBe(true)
    expect(await registerStore(database).file(id)).toEqual({ name: 'proof.pdf', bytes: Buffer.from('%PDF-1.7') })
    const details = { register: 'auditors', name: 'Midori Ueda', sha256: proposed.sha256 }
    expect(await events()).toEqual([
      { event: 'register.proposed', actor: vetting, subject: `register-entry:${id}`, details },
      { event: 'register.confirmed', actor: approving, subject: `register-entry:${id}`, details: { ...details, proposedBy: vetting } },
    ])
  })

  test('ATT-7: an entry is withdrawn at once, with its reason, and stays on record as withdrawn', async () => {
    const { id } = await propose(approving, 'signing-services', SERVICE)
    await confirm(other, await entryOf(id))
    expect(await withdraw(vetting, await entryOf(id))).toBe('withdrawn')
    expect(await entryOf(id)).toMatchObject({ state: 'withdrawn', version: 3, withdrawn: { id: vetting, because: 'The certificate was lost.' } })
    expect((await registered(database)).signingServices).toEqual([expect.objectContaining({ name: SERVICE.name, withdrawnAt: expect.stringContaining('T') })])
    expect(await withdraw(vetting, await entryOf(id))).toBe('gone')
    expect((await events()).at(-1)).toMatchObject({ event: 'register.withdrawn', details: { because: 'The certificate was lost.', was: 'confirmed' } })
  })

  test('ATT-6: what is withdrawn before it was confirmed never counts and can’t be confirmed', async () => {
    const { id } = await propose(vetting, 'auditors', auditorContent(auditor))
    const seen = await entryOf(id)
    expect(await withdraw(vetting, seen)).toBe('withdrawn')
    expect(await confirm(approving, seen)).toBe('gone')
    expect(await confirm(approving, await entryOf(id))).toBe('gone')
    expect(await registered(database)).toEqual({ auditors: [], signingServices: [] })
  })

  test('ATT-6: one certificate stands in the register once, and again after it was withdrawn', async () => {
    const first = await propose(vetting, 'auditors', auditorContent(auditor))
    expect((await propose(approving, 'auditors', auditorContent(auditor, { name: 'Other Name' }))).outcome).toBe('known')
    await withdraw(vetting, await entryOf(first.id))
    expect((await propose(approving, 'auditors', auditorContent(auditor))).outcome).toBe('proposed')
    expect((await events()).filter(({ event }) => event === 'register.proposed')).toHaveLength(2)
  })

  test('ATT-6: of two who confirm or withdraw what both have seen, one is too late', async () => {
    const { id } = await propose(vetting, 'auditors', auditorContent(auditor))
    const seen = await entryOf(id)
    expect(await confirm(approving, seen)).toBe('confirmed')
    expect(await confirm(other, seen)).toBe('gone')
    expect(await withdraw(other, seen)).toBe('gone')
  })

  test('ATT-6: an entry by somebody without the role is not by entitled people', async () => {
    const { id } = await propose(vetting, 'auditors', auditorContent(auditor))
    await confirm(approving, await entryOf(id))
    await database('account_roles').where({ account_id: approving }).update({ role: 'revocation-officer' })
    expect((await registered(database)).auditors[0]!.provenance.entitled).toBe(false)
    await database('account_roles').where({ account_id: approving }).update({ role: 'approving-officer' })
    await database('account_roles').where({ account_id: vetting }).update({ role: 'administrator' })
    expect((await registered(database)).auditors[0]!.provenance.entitled).toBe(false)
  })

  test.each<[string, () => object]>([
    ['confirmed by its proposer', () => ({ state: 'confirmed', confirmed_by: vetting, confirmed_at: 'x' })],
    ['confirmed by nobody', () => ({ state: 'confirmed' })],
    ['withdrawn without a reason', () => ({ state: 'withdrawn', withdrawn_by: vetting, withdrawn_at: 'x' })],
    ['in force with a withdrawal', () => ({ withdrawn_by: vetting, withdrawn_at: 'x', withdrawn_because: 'y' })],
    ['of an unknown state', () => ({ state: 'lapsed' })],
    ['of an unknown register', () => ({ register: 'friends' })],
  ])('ATT-6: the database itself takes no entry %s', async (_, change) => {
    const { id } = await propose(vetting, 'auditors', auditorContent(auditor))
    await expect(database('register_entries').where({ id }).update(change())).rejects.toThrow()
  })

  test('ATT-6: a row that says what no entry can say is no entry, and stops no other', async () => {
    const { id } = await propose(vetting, 'auditors', auditorContent(auditor))
    await confirm(approving, await entryOf(id))
    await database('register_entries').where({ id }).update({ content: JSON.stringify({ ...auditorContent(auditor), extra: 1 }) })
    expect((await registered(database)).auditors.map(({ provenance }) => provenance.entryId)).not.toContain(id)
    await expect(registerStore(database).list()).rejects.toThrow()
    await database('register_entries').where({ id }).update({ content: JSON.stringify(auditorContent(auditor)) })
  })
})
