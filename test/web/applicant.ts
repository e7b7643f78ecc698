/** An applicant at work on the real portal, under a hierarchy recorded as a demo one. */
import { randomUUID } from 'node:crypto'
import { attestDemoKey, makeDemoMaker, type DemoMaker } from '../../attestations/demo/make.ts'
import { commonName, writeCertificate } from '../../attestations/demo/certificate.ts'
import { encodePem } from '../../src/pki/pem.ts'
import { readCertificate } from '../../src/pki/x509-certificate.ts'
import { makeRequest, rsaKeyPair, type KeyPair } from '../pki/keys.ts'
import type { Client, File, Page } from '../support/client.ts'
import { createPerson, signIn, startPortal, type Person, type Portal } from '../support/portal.ts'

export interface Scene {
  readonly portal: Portal
  readonly maker: DemoMaker
  /** Issuing CA's key and certificate, and the root's certificate. */
  readonly authority: KeyPair
  readonly chain: readonly [issuing: Buffer, root: Buffer]
}

const YEAR = 365 * 86_400_000
const plain = (subject: string, issuer: string, spki: Buffer, serial: string, key: KeyPair): Buffer =>
  writeCertificate(
    {
      serial: Buffer.from(serial, 'hex'),
      issuer: commonName(issuer),
      subject: commonName(subject),
      notBefore: new Date(Date.now() - 3_600_000),
      notAfter: new Date(Date.now() + YEAR),
      spki,
      extensions: [],
    },
    key.privateKey,
  )

export async function startScene(): Promise<Scene> {
  const portal = await startPortal()
  const { database } = portal.services
  const maker = makeDemoMaker(new Date(), rsaKeyPair(2048))
  const authority = rsaKeyPair(2048)
  const root = plain('DEMO Root', 'DEMO Root', authority.spki, '01', authority)
  const issuing = plain('DEMO Issuing', 'DEMO Root', authority.spki, '02', authority)
  const at = new Date().toISOString()
  await database('ceremonies').insert({ id: 'ceremony', kind: 'demo', demo: 1, persons: '[]', report: '{}', held_at: at })
  for (const [id, kind, parent_id, der] of [
    ['root', 'root', null, root],
    ['issuing', 'issuing', 'root', issuing],
  ] as const)
    await database('authorities').insert({
      id,
      kind,
      parent_id,
      ceremony_id: 'ceremony',
      demo: 1,
      token_label: id,
      key_label: id,
      key_id: '01',
      spki_sha256: id.padEnd(64, '0'),
      subject_der: readCertificate(der).tbs.subject,
      certificate_der: der,
      not_before: at,
      not_after: at,
      created_at: at,
    })
  await database('demo_anchors').insert({ id: 'maker', anchor: JSON.stringify(maker.anchor), created_at: at })
  return { portal, maker, authority, chain: [issuing, root] }
}

export async function applicantOf(
  { portal }: Scene,
  options: { organisation?: string; language?: 'en' | 'ja' } = {},
): Promise<{ person: Person; client: Client }> {
  const person = await createPerson(portal.services, { roles: ['subscriber'], ...(options.organisation ? { organisation: options.organisation } : {}) })
  const client = portal.client(options.language ? { language: options.language } : {})
  await signIn(portal, client, person)
  return { person, client }
}

export const ORGANISATION = {
  legalName: '株式会社アオキ工業',
  country: 'JP',
  state: '東京都',
  locality: '千代田区',
  street: '霞が関3-1-1',
  postalCode: '100-0013',
  registrationNumber: '7000012050002',
  foundedOn: '1999-04-01',
  phone: '03-1234-5678',
}
export const SUBJECT = { commonName: '株式会社アオキ工業', country: 'JP', state: 'Tokyo', locality: 'Chiyoda-ku', organizationalUnit: '', serialNumber: '' }
export const KEY = { option: 'own-module', representation: 'yes', method: '2' }

/** Sends a step's form as a browser does: with every hidden field that the page drew. */
export async function sendStep(client: Client, path: string, fields: Record<string, string>, files?: readonly File[], to = path): Promise<Page> {
  const page = await client.get(path)
  const hidden = Object.fromEntries(
    ['version', ...['cp', 'cps', 'subscriber-agreement', 'key-protection-guide'].map((document) => `text-${document}`)].flatMap((name) =>
      page.value(name) === null ? [] : [[name, page.value(name)!]],
    ),
  )
  return files ? client.upload(to, { ...hidden, ...fields }, files) : client.post(to, { ...hidden, ...fields })
}

export const AGREED = Object.fromEntries(['cp', 'cps', 'subscriber-agreement', 'key-protection-guide'].map((document) => [`agree-${document}`, 'yes']))

/** Starts an application and returns its address. */
export async function startApplication(client: Client): Promise<string> {
  await client.get('/applications')
  return (await client.post('/applications')).path
}

export const requestText = (keys: KeyPair): string => encodePem('CERTIFICATE REQUEST', makeRequest(keys))

let f9: KeyPair | undefined
export function evidenceFiles(scene: Scene, keys: KeyPair): readonly File[] {
  const { attestationPem, intermediatePem } = attestDemoKey(scene.maker, keys.spki, new Date(), (f9 ??= rsaKeyPair(2048)))
  return [
    { field: 'evidence', name: 'intermediate.pem', bytes: intermediatePem },
    { field: 'evidence', name: 'attestation.pem', bytes: attestationPem },
  ]
}

export const giveRequest = (client: Client, path: string, text: string): Promise<Page> => sendStep(client, `${path}/request`, { request: text }, [])
export const giveEvidence = (client: Client, path: string, files: readonly File[]): Promise<Page> =>
  sendStep(client, `${path}/key-protection`, {}, files, `${path}/key-protection/evidence`)

/** Every step of a draft, submission left out. @param legalName the applicant's organisation, where the account has one already */
export async function fillDraft(scene: Scene, client: Client, keys: KeyPair, legalName = ORGANISATION.legalName): Promise<string> {
  const path = await startApplication(client)
  await sendStep(client, `${path}/organisation`, { ...ORGANISATION, legalName })
  await sendStep(client, `${path}/agreements`, AGREED)
  await sendStep(client, `${path}/subject`, SUBJECT)
  await giveRequest(client, path, requestText(keys))
  await sendStep(client, `${path}/key-protection`, KEY)
  await giveEvidence(client, path, evidenceFiles(scene, keys))
  return path
}

export const applicationAt = async ({ portal }: Scene, path: string) => (await portal.services.applications.findByReference(path.split('/').at(-1)!))!

/** What `ca` would have left of a submitted application: a certificate for its key, ready for the applicant. */
export async function putCertificate(scene: Scene, path: string, serial: string): Promise<{ id: string; der: Buffer }> {
  const { database } = scene.portal.services
  const application = await applicationAt(scene, path)
  const at = scene.portal.services.clock().toISOString()
  const der = plain('株式会社アオキ工業', 'DEMO Issuing', application.request!.spkiDer, serial, scene.authority)
  const [id, approvalId] = [randomUUID(), randomUUID()]
  await database('approvals').insert({
    id: approvalId,
    application_id: application.id,
    approver_id: application.applicantId,
    digest: '0'.repeat(64),
    approved_at: at,
  })
  await database('certificates').insert({
    id,
    authority_id: 'issuing',
    application_id: application.id,
    approval_id: approvalId,
    serial,
    state: 'issued',
    spki_sha256: application.request!.spkiSha256,
    tbs: Buffer.from([0x30, 0]),
    der,
    certificate_sha256: '0'.repeat(64),
    not_before: at,
    not_after: at,
    recorded_at: at,
    issued_at: at,
  })
  await database('applications')
    .where({ id: application.id })
    .update({ state: 'issued', version: application.version + 1 })
  return { id, der }
}

export async function submit(client: Client, path: string): Promise<Page> {
  return sendStep(client, `${path}/submit`, { accuracy: 'yes' })
}
