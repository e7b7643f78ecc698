import { X509Certificate } from 'node:crypto'
import * as pkijs from 'pkijs'
import { beforeAll, expect, test } from 'vitest'
import { REVOCATION_GROUNDS } from '../../src/application/revocation-grounds.ts'
import type { Client } from '../support/client.ts'
import { words, type Person } from '../support/portal.ts'
import { rsaKeyPair, type KeyPair } from '../pki/keys.ts'
import {
  applicantOf,
  applicationAt,
  fillDraft,
  giveRequest,
  putCertificate,
  requestText,
  type Scene,
  sendStep,
  startApplication,
  startScene,
  submit,
} from './applicant.ts'

let scene: Scene
let keys: KeyPair
let person: Person
let client: Client
let serials = 0

beforeAll(async () => {
  keys = rsaKeyPair(3072)
  scene = await startScene()
  ;({ person, client } = await applicantOf(scene))
})

const rows = (table: string, where: Record<string, unknown>) => scene.portal.services.database(table).where(where)

async function issued(key = keys) {
  const path = await fillDraft(scene, client, key)
  await submit(client, path)
  return { path, ...(await putCertificate(scene, path, (++serials).toString(16).padStart(16, '7'))) }
}

const revoke = async (path: string, ground: string, explanation = '') => {
  await client.get(`${path}/certificate/revoke`)
  return client.post(`${path}/certificate/revoke`, { ground, explanation, step: 'confirmed' })
}

test('ACP-1: the certificate is delivered to the applicant in each form, each download on record', async () => {
  const { path, id, der } = await issued()
  const reference = path.split('/').at(-1)!
  const page = await client.get(`${path}/certificate`)
  expect(page.text).toContain(new X509Certificate(der).fingerprint256)
  for (const command of [
    'signtool sign',
    `/sha1 ${new X509Certificate(der).fingerprint.replaceAll(':', '')}`,
    'osslsigncode sign',
    'libykcs11.so',
    `-certchain ${reference}.chain.pem`,
  ])
    expect(page.text).toContain(command)
  const download = async (format: string) => (await client.get(`${path}/certificate/download/${format}`)).bytes
  expect(await download('cer')).toEqual(der)
  expect(new X509Certificate(await download('pem')).raw).toEqual(der)
  const chain = (await download('chain.pem')).toString().match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/g)!
  expect(chain.map((pem) => new X509Certificate(pem).raw)).toEqual([der, scene.chain[0]])
  const content = pkijs.ContentInfo.fromBER(Uint8Array.from(await download('p7b')))
  const { certificates } = new pkijs.SignedData({ schema: content.content })
  expect(certificates!.map((each) => Buffer.from((each as pkijs.Certificate).toSchema().toBER()))).toEqual([der, ...scene.chain])
  expect((await client.get(`${path}/certificate/download/constructor`)).status).toBe(404)
  expect(await rows('audit_events', { subject: `certificate:${id}`, event: 'certificate.delivered' })).toHaveLength(4)
})

test('ACP-1: acceptance is an explicit act, once', async () => {
  const { path, id } = await issued()
  expect((await client.get(path)).text).toContain(words('lifecycle.waits-for.subscriber'))
  const version = (await client.get(`${path}/certificate`)).value('version')!
  expect((await client.post(`${path}/certificate/accept`, { version })).text).toContain(words('delivery.accept.done'))
  expect((await applicationAt(scene, path)).state).toBe('accepted')
  const [row] = await rows('certificates', { id })
  expect(row.accepted_at).not.toBeNull()
  const again = await client.post(`${path}/certificate/accept`, { version })
  expect(again.status).toBe(409)
  expect(await rows('audit_events', { subject: `certificate:${id}`, event: 'certificate.accepted' })).toHaveLength(1)
})

test('REV-1: a revocation asks why, asks again, and then happens at once, on record, with a mail', async () => {
  const { path, id } = await issued()
  await client.get(`${path}/certificate/revoke`)
  const nothing = await client.post(`${path}/certificate/revoke`, { explanation: 'since yesterday', step: 'stated' })
  expect(nothing.status).toBe(422)
  expect(nothing.errors).toEqual(new Map([['ground', words('delivery.revoke.error.ground')]]))
  expect(nothing.value('explanation')).toBe('since yesterday')
  const question = await client.post(`${path}/certificate/revoke`, { ground: 'cessation', explanation: 'since yesterday', step: 'stated' })
  expect(question.title).toBe(words('delivery.revoke.confirm-title'))
  expect(await rows('revocations', { certificate_id: id })).toEqual([])
  const back = await client.post(`${path}/certificate/revoke`, { ground: 'cessation', explanation: 'since yesterday', step: 'change' })
  expect([back.status, back.value('ground'), back.value('explanation')]).toEqual([200, 'cessation', 'since yesterday'])
  const done = await revoke(path, 'cessation', 'since yesterday')
  expect(done.text).toContain(words('delivery.revoked.title'))
  expect(await rows('revocations', { certificate_id: id })).toMatchObject([
    { reason_code: 5, ground: 'cessation', explanation: 'since yesterday', requested_by: person.id },
  ])
  expect((await applicationAt(scene, path)).state).toBe('revoked')
  expect(await rows('audit_events', { subject: `certificate:${id}`, event: 'certificate.revoked' })).toHaveLength(1)
  const [mail] = await scene.portal.mails(person.email)
  expect(mail!.link).toBe(`${path}/certificate`)
  expect(mail!.body).toContain('since yesterday')
})

test('REV-7: what is revoked stays as it was revoked', async () => {
  const { path, id } = await issued()
  await revoke(path, 'superseded')
  const before = await rows('revocations', { certificate_id: id })
  expect((await revoke(path, 'key-compromise')).text).toContain(words('delivery.revoke.already'))
  expect(await rows('revocations', { certificate_id: id })).toEqual(before)
})

test('REV-5: a suspension is a revocation at once, and never a hold', async () => {
  const { path, id } = await issued()
  await revoke(path, 'suspension')
  expect(await rows('revocations', { certificate_id: id })).toMatchObject([{ reason_code: 0, ground: 'suspension' }])
  expect(REVOCATION_GROUNDS.map(({ reasonCode }) => reasonCode)).not.toContain(6)
})

test("REV-1: a subscriber states a subscriber's grounds only", async () => {
  const { path, id } = await issued()
  for (const ground of [...REVOCATION_GROUNDS.filter(({ statedBy }) => !statedBy.includes('subscriber')).map(({ id: name }) => name), 'certificate-hold', ''])
    expect((await revoke(path, ground)).errors.get('ground')).toBe(words('delivery.revoke.error.ground'))
  expect(await rows('revocations', { certificate_id: id })).toEqual([])
})

test('KEY-4: a compromised key takes every certificate with it, and never comes back', async () => {
  const lost = rsaKeyPair(3072)
  const first = await issued(lost)
  const second = await issued(lost)
  await revoke(first.path, 'key-compromise', 'stolen')
  for (const { id, path } of [first, second]) {
    expect(await rows('revocations', { certificate_id: id })).toMatchObject([{ reason_code: 1 }])
    expect((await applicationAt(scene, path)).state).toBe('revoked')
  }
  const { request } = await applicationAt(scene, first.path)
  expect(await rows('audit_events', { subject: `key:${request!.spkiSha256}` })).toMatchObject([{ event: 'key.marked-compromised' }])
  const path = await startApplication(client)
  const page = await giveRequest(client, path, requestText(lost))
  expect(page.errors.get('request')).toContain(words('key-rules.KEY-4.title'))
})

test('ACP-1: an application without a certificate has no page for one', async () => {
  const path = await startApplication(client)
  expect((await client.get(`${path}/certificate`)).status).toBe(404)
})

test('VET-7, APP-6: a rejection shows its reason, the officer, the role and the day', async () => {
  const path = await fillDraft(scene, client, rsaKeyPair(3072))
  await submit(client, path)
  const application = await applicationAt(scene, path)
  await rows('applications', { id: application.id }).update({
    state: 'rejected',
    decision_reason: 'The register shows another seat.',
    decided_by: person.id,
    decided_at: '2026-11-02T09:00:00.000Z',
  })
  const page = await client.get(path)
  expect(page.text).toContain('The register shows another seat.')
  expect(page.text).toContain(words('applications.decision.by', { role: words('lifecycle.mover.approving-officer'), name: person.name, on: '2026-11-02' }))
  expect((await sendStep(client, path, {}, undefined, `${path}/withdraw`)).status).toBe(409)
})
