import { randomUUID } from 'node:crypto'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { REVOCATION_GROUNDS } from '../../src/application/revocation-grounds.ts'
import { rsaKeyPair, type KeyPair } from '../pki/keys.ts'
import type { Client } from '../support/client.ts'
import { dropTrigger } from '../support/database.ts'
import { words, type Person } from '../support/portal.ts'
import { applicantOf, fillDraft, putCertificate, startScene, submit, type Scene } from './applicant.ts'
import { officerOf, referenceOf, type Officer } from './officers.ts'

let scene: Scene
let keys: KeyPair
let applicant: { person: Person; client: Client }
let officer: Officer
let serials = 0

beforeAll(async () => {
  keys = rsaKeyPair(3072)
  scene = await startScene()
  applicant = await applicantOf(scene)
  officer = await officerOf(scene, 'revocation-officer')
})
afterEach(() => expect(scene.portal.faults).toEqual([]))

const rows = (table: string, where: Record<string, unknown>) => scene.portal.services.database(table).where(where)
const EXPLANATION = 'The subscriber wrote that the laptop was stolen.'
const REVOKE = { ground: 'misused', explanation: EXPLANATION, confirm: 'yes' }

async function issued(key = keys) {
  const path = await fillDraft(scene, applicant.client, key)
  await submit(applicant.client, path)
  const serial = (++serials).toString(16).padStart(16, '6')
  return { reference: referenceOf(path), serial, ...(await putCertificate(scene, path, serial)) }
}

describe('the officers’ list of certificates', () => {
  test('REV-1: an officer revokes with a ground; the certificate, its application, the record and the subscriber’s mail say so', async () => {
    const { serial, id, reference } = await issued()
    expect((await officer.client.get('/certificates')).html.includes(`/certificates/${serial}`)).toBe(true)
    const page = await officer.client.get(`/certificates/${serial}`)
    for (const fact of [serial, reference, 'アオキ工業']) expect(page.text).toContain(fact)
    for (const ground of REVOCATION_GROUNDS.filter((each) => each.statedBy.includes('revocation-officer'))) expect(page.html.includes(`value="${ground.id}"`)).toBe(true)
    const done = await officer.client.post(`/certificates/${serial}/revoke`, REVOKE)
    expect(done.text).toContain(words('certificates.notice.revoked'))
    expect(done.text).toContain(words('revocation.ground.misused.title'))
    expect(done.html.includes('/revoke"')).toBe(false)
    expect(await rows('revocations', { certificate_id: id })).toMatchObject([{ ground: 'misused', reason_code: 9, explanation: EXPLANATION, requested_by: officer.person.id, serial }])
    expect(await rows('applications', { reference })).toMatchObject([{ state: 'revoked' }])
    expect(await rows('audit_events', { event: 'certificate.revoked', subject: `certificate:${id}` })).toMatchObject([{ actor: officer.person.id }])
    const [mail] = await scene.portal.mails(applicant.person.email)
    expect(mail!.body).toContain(serial)
    expect(mail!.body).toContain(EXPLANATION)
    expect((await officer.client.get('/certificates')).text).toContain(words('certificates.status.revoked'))
  })

  test('OCS-3: a row that holds no certificate is listed as such, and can be revoked', async () => {
    for (const der of [Buffer.from([0]), Buffer.alloc(0), Buffer.from([0x30, 0])]) {
      const { serial, id } = await issued()
      const { services } = scene.portal
      await dropTrigger(services.database, 'certificates', 'certificates_not_rewritten')
      await services.database('certificates').where({ id }).update({ der })
      expect((await officer.client.get('/certificates')).text).toContain(words('certificates.unreadable'))
      expect((await officer.client.get(`/certificates/${serial}`)).text).toContain(words('certificates.unreadable'))
      expect((await officer.client.post(`/certificates/${serial}/revoke`, REVOKE)).text).toContain(words('certificates.notice.revoked'))
    }
  })

  test('REV-1: a ground, an explanation and a confirmation are required; the form comes back as it was', async () => {
    const { serial, id } = await issued()
    await officer.client.get(`/certificates/${serial}`)
    for (const [change, field, sentence] of [
      [{ ground: '' }, 'ground', words('forms.choose')],
      [{ ground: 'nonsense' }, 'ground', words('forms.choose')],
      [{ ground: 'constructor' }, 'ground', words('forms.choose')],
      [{ explanation: 'short' }, 'explanation', words('certificates.errors.explain')],
      [{ explanation: 'x'.repeat(2001) }, 'explanation', words('forms.too-long', { max: '2000' })],
      [{ confirm: 'no' }, 'confirm', words('forms.tick')],
    ] as const) {
      const fields = { ...REVOKE, ...change }
      const page = await officer.client.post(`/certificates/${serial}/revoke`, fields)
      expect([page.status, page.errors.get(field)], JSON.stringify(change).slice(0, 60)).toEqual([422, sentence])
      expect(page.value('explanation')).toBe(fields.explanation)
      expect(page.value('ground') ?? '').toBe(REVOCATION_GROUNDS.some((ground) => ground.id === fields.ground) ? fields.ground : '')
    }
    const empty = await officer.client.post(`/certificates/${serial}/revoke`)
    expect([...empty.errors.keys()].sort()).toEqual(['confirm', 'explanation', 'ground'])
    expect(await rows('revocations', { certificate_id: id })).toEqual([])
  })

  test('REV-7: a second revocation changes nothing, whatever ground it gives', async () => {
    const { serial, id } = await issued()
    await officer.client.post(`/certificates/${serial}/revoke`, REVOKE, { from: `/certificates/${serial}` })
    const before = await rows('revocations', { certificate_id: id })
    const again = await officer.client.post(`/certificates/${serial}/revoke`, { ...REVOKE, ground: 'misissued', explanation: 'Another story altogether.' })
    expect(again.text).toContain(words('certificates.notice.already-revoked'))
    expect(await rows('revocations', { certificate_id: id })).toEqual(before)
    expect(await rows('audit_events', { event: 'certificate.revoked', subject: `certificate:${id}` })).toHaveLength(1)
  })

  test('REV-7: of two officers at the same moment one revokes', async () => {
    const { serial, id } = await issued()
    const other = await officerOf(scene, 'revocation-officer')
    for (const { client } of [officer, other]) await client.get(`/certificates/${serial}`)
    const pages = await Promise.all([officer, other].map(({ client }, index) => client.post(`/certificates/${serial}/revoke`, { ...REVOKE, explanation: `Officer ${index} says so.` })))
    expect(pages.map((page) => page.status)).toEqual([200, 200])
    expect(await rows('revocations', { certificate_id: id })).toHaveLength(1)
    expect(await rows('audit_events', { event: 'certificate.revoked', subject: `certificate:${id}` })).toHaveLength(1)
  })

  test('KEY-4: a compromised key is marked and never comes back', async () => {
    const lost = rsaKeyPair(3072)
    const { serial } = await issued(lost)
    await officer.client.post(`/certificates/${serial}/revoke`, { ...REVOKE, ground: 'key-compromise' }, { from: `/certificates/${serial}` })
    expect(await rows('compromised_keys', {})).toHaveLength(1)
    expect(await rows('audit_events', { event: 'key.marked-compromised' })).toHaveLength(1)
  })

  test('ACC-2: other staff read, and revoke nothing; subscribers have no business there', async () => {
    const { serial, id } = await issued()
    for (const role of ['vetting-officer', 'approving-officer', 'auditor', 'administrator'] as const) {
      const reader = await officerOf(scene, role)
      const page = await reader.client.get(`/certificates/${serial}`)
      expect(page.status).toBe(200)
      expect(page.html.includes(`/certificates/${serial}/revoke`)).toBe(false)
      expect((await reader.client.post(`/certificates/${serial}/revoke`, REVOKE)).status, role).toBe(403)
    }
    expect((await applicant.client.get(`/certificates/${serial}`)).status).toBe(403)
    expect((await applicant.client.post(`/certificates/${serial}/revoke`, REVOKE)).status).toBe(403)
    expect(await rows('revocations', { certificate_id: id })).toEqual([])
  })

  test('OCS-3: a serial number that was recorded and not signed is no certificate', async () => {
    const { id } = await issued()
    const serial = '5'.repeat(16)
    const [signed] = await rows('certificates', { id })
    const approvalId = randomUUID()
    await rows('approvals', {}).insert({ ...(await rows('approvals', { id: signed!['approval_id'] }))[0], id: approvalId, voided_at: signed!['issued_at'], voided_because: 'test' })
    await rows('certificates', {}).insert({ ...signed, id: randomUUID(), approval_id: approvalId, serial, state: 'recorded', der: null, certificate_sha256: null, issued_at: null })
    expect((await officer.client.get(`/certificates/${serial}`)).status).toBe(404)
    expect((await officer.client.post(`/certificates/${serial}/revoke`, REVOKE)).status).toBe(404)
    for (const odd of ['00', '%00', serial.toUpperCase() + '0', '..%2f']) expect((await officer.client.get(`/certificates/${odd}`)).status, odd).toBe(404)
  })
})
