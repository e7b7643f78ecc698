import { zipSync } from 'fflate'
import { createHash, createPublicKey } from 'node:crypto'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { routeTable } from '../../src/web/routes.ts'
import type { Client } from '../support/client.ts'
import { words, type Person } from '../support/portal.ts'
import { extensionRequest, makeRequest, plainExtension, rsaKeyPair, rsaSpki, seededBytes, seededNumbers, type KeyPair } from '../pki/keys.ts'
import { encodePem } from '../../src/pki/pem.ts'
import {
  AGREED,
  applicantOf,
  applicationAt,
  evidenceFiles,
  fillDraft,
  giveEvidence,
  giveRequest,
  KEY,
  ORGANISATION,
  requestText,
  type Scene,
  sendStep,
  startApplication,
  startScene,
  SUBJECT,
  submit,
} from './applicant.ts'

let scene: Scene
let keys: KeyPair
let otherKeys: KeyPair
let person: Person
let client: Client

beforeAll(async () => {
  keys = rsaKeyPair(3072)
  otherKeys = rsaKeyPair(3072)
  scene = await startScene()
  ;({ person, client } = await applicantOf(scene))
})

// Each in its own test, or the last one would answer for them all.
afterEach(() => expect(scene.portal.faults).toEqual([]))

// One person has a bounded number of drafts.
beforeEach(async () => {
  await rows('applications', { state: 'draft' }).update({ state: 'withdrawn' })
})

const rows = (table: string, where: Record<string, unknown>) => scene.portal.services.database(table).where(where)
const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex')
const events = async (path: string): Promise<string[]> =>
  (await rows('audit_events', { subject: `application:${(await applicationAt(scene, path)).id}` }).orderBy('seq')).map((row: { event: string }) => row.event)

test('APP-6: an application goes from draft to submitted step by step, each on record, and says who must act next', async () => {
  const path = await fillDraft(scene, client, keys)
  const list = await client.get(path)
  expect(list.text).toContain(words('lifecycle.waits-for.subscriber'))
  const done = await submit(client, path)
  expect(done.text).toContain(words('apply.submit.done'))
  expect(done.text).toContain(words('lifecycle.waits-for.vetting-officer'))
  const application = await applicationAt(scene, path)
  expect(application).toMatchObject({
    state: 'submitted',
    organisation: ORGANISATION,
    subject: { ...SUBJECT, organization: SUBJECT.commonName },
    key: { option: 'own-module', method: 2 },
  })
  expect(application.accuracyCertifiedAt).toBe(application.submittedAt)
  expect(application.request!.spkiSha256).toBe(sha256(keys.spki))
  expect(await rows('duties', { application_id: application.id })).toMatchObject([{ account_id: person.id, duty: 'applied' }])
  expect(await events(path)).toEqual(
    [
      'started',
      'organisation-stated',
      'agreements-accepted',
      'subject-stated',
      'request-uploaded',
      'key-protection-stated',
      'evidence-uploaded',
      'submitted',
    ].map((event) => `application.${event}`),
  )
  const [mail] = await scene.portal.mails(person.email)
  expect(mail).toMatchObject({ subject: words('mail.application-submitted.subject', { reference: application.reference }), link: path })
  expect(await rows('organisations', { id: application.organisationId })).toMatchObject([{ legal_name: ORGANISATION.legalName }])
  // Handed in: nothing can be changed any more.
  expect((await client.get(`${path}/subject`)).path).toBe(path)
  const late = await client.post(`${path}/subject`, { ...SUBJECT, version: String(application.version), commonName: 'Changed' })
  expect(late.status).toBe(409)
  expect((await applicationAt(scene, path)).subject!.commonName).toBe(SUBJECT.commonName)
})

test('APP-6: the applicant half works in Japanese', async () => {
  const { client: reader } = await applicantOf(scene, { language: 'ja' })
  const path = await fillDraft(scene, reader, otherKeys)
  for (const step of ['', '/organisation', '/agreements', '/agreements/cp', '/subject', '/request', '/key-protection', '/submit', '/withdraw'])
    expect((await reader.get(path + step)).html).toContain('<html lang="ja"')
  const done = await submit(reader, path)
  expect(done.text).toContain(words('apply.submit.done', {}, 'ja'))
  const application = await applicationAt(scene, path)
  expect(await rows('application_agreements', { application_id: application.id, language: 'ja' })).toHaveLength(4)
  expect((await sendStep(reader, `${path}/withdraw`, {})).text).toContain(words('applications.withdraw.done', {}, 'ja'))
  expect((await applicationAt(scene, path)).state).toBe('withdrawn')
})

test('APP-1, APP-7: takes the agreements one by one, and keeps text, version, SHA-256, time and person', async () => {
  const path = await startApplication(client)
  const refused = await sendStep(client, `${path}/agreements`, { ...AGREED, 'agree-cps': '' })
  expect(refused.status).toBe(422)
  expect(refused.errors).toEqual(new Map([['agree-cps', words('apply.agreements.error.cps')]]))
  expect(refused.value('agree-cp')).toBe('yes')
  const application = await applicationAt(scene, path)
  expect(await rows('application_agreements', { application_id: application.id })).toEqual([])
  await sendStep(client, `${path}/agreements`, AGREED)
  const kept = await rows('application_agreements', { application_id: application.id })
  expect(kept).toHaveLength(4)
  for (const row of kept) {
    const [text] = await rows('document_texts', { sha256: row.sha256 })
    expect(sha256(text.text)).toBe(row.sha256)
    expect(text).toMatchObject({ document: row.document, version: row.version, language: 'en' })
    expect(row.accepted_by).toBe(person.id)
    expect(Date.parse(row.accepted_at)).toBeGreaterThan(Date.now() - 60_000)
  }
})

test('APP-1: a text other than the one shown is not agreed to', async () => {
  const path = await startApplication(client)
  const { version } = await applicationAt(scene, path)
  const page = await client.post(`${path}/agreements`, { ...AGREED, version: String(version), 'text-cp': sha256('older text') })
  expect(page.status).toBe(422)
  expect(page.errors.get('agree-cp')).toBe(words('apply.agreements.error.newer'))
})

test('APP-1: an application without agreements is not taken', async () => {
  const path = await startApplication(client)
  await sendStep(client, `${path}/organisation`, ORGANISATION)
  const page = await submit(client, path)
  expect(page.status).toBe(422)
  expect(page.text).toContain(words('apply.missing.agreements.to-do'))
  expect((await applicationAt(scene, path)).state).toBe('draft')
})

test('APP-1: an application whose information is not certified as accurate is not taken', async () => {
  const path = await fillDraft(scene, client, keys)
  const page = await sendStep(client, `${path}/submit`, {})
  expect(page.errors.get('accuracy')).toBe(words('apply.submit.error.accuracy'))
  expect((await applicationAt(scene, path)).state).toBe('draft')
})

test('APP-1: a Japanese reader is told in Japanese time when the agreements were made', async () => {
  const applicant = await applicantOf(scene, { language: 'ja' })
  const path = await fillDraft(scene, applicant.client, rsaKeyPair(3072))
  const { acceptedAt } = (await scene.portal.services.applications.dossier((await applicationAt(scene, path)).id))!.agreements[0]!
  const inTokyo = new Date(Date.parse(acceptedAt) + 9 * 3_600_000).toISOString()
  expect((await applicant.client.get(`${path}/submit`)).text).toContain(`${inTokyo.slice(0, 10)} ${inTokyo.slice(11, 16)} JST に同意`)
})

test.each([
  ['a corporate number with a wrong check digit', { registrationNumber: '8000012050002' }, 'registrationNumber', 'apply.organisation.error.corporate-number'],
  ['a country that the policy does not list', { country: 'US' }, 'country', 'apply.organisation.error.country'],
  ['a day in the future', { foundedOn: '2999-01-01' }, 'foundedOn', 'apply.organisation.error.founded-later'],
  ['a day that does not exist', { foundedOn: '2001-02-30' }, 'foundedOn', 'apply.organisation.error.founded-on'],
  ['no legal name', { legalName: ' ' }, 'legalName', 'forms.required'],
  ['a legal name of nothing that is seen', { legalName: '\u3164' }, 'legalName', 'forms.characters'],
  ['two spaces in a row', { legalName: 'Aoki  Kogyo' }, 'legalName', 'forms.spaces'],
  ['a registration number of hyphens', { registrationNumber: '- -' }, 'registrationNumber', 'forms.required'],
])('CP 3.2.2: the organisation is refused with %s, at the field, with the form as it was', async (_what, wrong, field, key) => {
  const path = await startApplication(client)
  const page = await sendStep(client, `${path}/organisation`, { ...ORGANISATION, ...wrong })
  expect(page.status).toBe(422)
  expect(page.errors).toEqual(new Map([[field, words(key)]]))
  expect(page.value('street')).toBe(ORGANISATION.street)
  expect((await applicationAt(scene, path)).organisation).toBeNull()
})

test('CP 3.2.2: numbers from a Japanese keyboard are taken as what they are', async () => {
  const path = await startApplication(client)
  await sendStep(client, `${path}/organisation`, { ...ORGANISATION, registrationNumber: '7000012050002', postalCode: '100ー0013', phone: '03-1234-5678' })
  expect((await applicationAt(scene, path)).organisation).toMatchObject({ registrationNumber: '7000012050002', postalCode: '100-0013', phone: '03-1234-5678' })
})

test.each([
  ['a postal code', 'postalCode', '\u3371'.repeat(40), 40],
  ['a telephone number', 'phone', `(${'\u247d'.repeat(39)}`, 40],
  ['a registration number', 'registrationNumber', '\u247d'.repeat(64), 64],
  ['a day of foundation', 'foundedOn', '\u32c0'.repeat(40), 40],
])('CP 3.2.2: %s that grows beyond its bound when it is read is refused, not a fault', async (_what, field, typed, max) => {
  const path = await startApplication(client)
  const page = await sendStep(client, `${path}/organisation`, { ...ORGANISATION, [field]: typed })
  expect([page.status, page.errors.get(field)]).toEqual([422, words('forms.too-long', { max: String(max) })])
  expect((await applicationAt(scene, path)).organisation).toBeNull()
})

test('APP-4: an account that stands for an organisation applies for no other; its form has the name already', async () => {
  const { client: insider, person: who } = await applicantOf(scene, { organisation: 'Demo Software K.K.' })
  const path = await startApplication(insider)
  expect((await insider.get(`${path}/organisation`)).value('legalName')).toBe('Demo Software K.K.')
  const page = await sendStep(insider, `${path}/organisation`, { ...ORGANISATION, legalName: 'Rival Software K.K.' })
  expect([page.status, page.errors]).toEqual([422, new Map([['legalName', words('apply.organisation.error.other-organisation', { name: 'Demo Software K.K.' })]])])
  expect([page.value('legalName'), page.value('street')]).toEqual(['Rival Software K.K.', ORGANISATION.street])
  expect((await applicationAt(scene, path)).organisation).toBeNull()
  expect(await rows('organisations', { legal_name: 'Rival Software K.K.' })).toEqual([])
  await sendStep(insider, `${path}/organisation`, { ...ORGANISATION, legalName: 'Demo Software K.K.' })
  const [{ organisation_id }] = await rows('accounts', { id: who.id })
  expect(await applicationAt(scene, path)).toMatchObject({ organisation: { legalName: 'Demo Software K.K.' }, organisationId: organisation_id })
})

test('APP-4: the first statement of an account sets its organisation, in whichever tab; later ones follow it', async () => {
  const { client: newcomer, person: who } = await applicantOf(scene)
  const [first, second] = [await startApplication(newcomer), await startApplication(newcomer)]
  const send = async (path: string, legalName: string) => newcomer.post(`${path}/organisation`, { ...ORGANISATION, legalName, version: String((await applicationAt(scene, path)).version) })
  await newcomer.get(`${first}/organisation`)
  const pages = await Promise.all([send(first, 'First K.K.'), send(second, 'Second K.K.')])
  expect(pages.map((page) => page.status).sort()).toEqual([200, 422])
  const [{ organisation_id }] = await rows('accounts', { id: who.id })
  const stated = [await applicationAt(scene, first), await applicationAt(scene, second)].filter(({ organisation }) => organisation !== null)
  expect(stated).toMatchObject([{ organisationId: organisation_id }])
  expect(await rows('organisations', { id: organisation_id })).toMatchObject([{ legal_name: stated[0]!.organisation!.legalName }])
})

test.each([
  ['a common name of signs alone', { commonName: '- . -' }, 'commonName', words('subject.error.meaningless')],
  ['65 characters', { commonName: '会'.repeat(65) }, 'commonName', words('forms.too-long', { max: '64' })],
  ['129 characters of a locality', { locality: 'x'.repeat(129) }, 'locality', words('forms.too-long', { max: '128' })],
  ['neither locality nor state', { locality: '', state: '' }, 'locality', words('subject.error.place')],
  ['a serialNumber outside PrintableString', { serialNumber: '法人1' }, 'serialNumber', words('subject.error.printable')],
  ['a character that cannot be seen', { commonName: 'Aoki\u200bKogyo' }, 'commonName', words('forms.characters')],
  ['a full-width word for nothing', { commonName: '\uff2e\uff0f\uff21' }, 'commonName', words('subject.error.meaningless')],
  ['a filler for a name', { commonName: '\uffa0' }, 'commonName', words('forms.characters')],
  ['a variation selector', { commonName: 'Demo\ufe0f' }, 'commonName', words('forms.characters')],
  ['a no-break space', { locality: 'Chiyoda\u00a0ku' }, 'locality', words('forms.spaces')],
])('CRT-2: the subject is refused with %s', async (_what, wrong, field, sentence) => {
  const path = await startApplication(client)
  const page = await sendStep(client, `${path}/subject`, { ...SUBJECT, ...wrong })
  expect(page.status).toBe(422)
  expect(page.errors).toEqual(new Map([[field, sentence]]))
  expect((await applicationAt(scene, path)).subject).toBeNull()
})

test('CRT-2: the subject is shown as it will appear', async () => {
  const path = await startApplication(client)
  await sendStep(client, `${path}/subject`, SUBJECT)
  expect((await client.get(`${path}/subject`)).text).toContain('C=JP, ST=Tokyo, L=Chiyoda-ku, O=株式会社アオキ工業, CN=株式会社アオキ工業')
})

/** A request that one rule refuses: the sentence at the field, every verdict shown, the paste still there, nothing stored. */
async function refusedRequest(text: string, rule: string, observed: string): Promise<void> {
  const path = await startApplication(client)
  const page = await giveRequest(client, path, text)
  expect(page.status).toBe(422)
  expect(page.errors.get('request')).toContain(words(`key-rules.${rule}.title`))
  expect(page.errors.get('request')).toContain(observed)
  expect(page.html.match(/class="finding finding-fail"/g)).toHaveLength(1)
  expect(page.value('request')!.replaceAll('\r\n', '\n')).toBe(text)
  const application = await applicationAt(scene, path)
  expect(application.request).toBeNull()
  expect(await rows('assessments', { application_id: application.id })).toEqual([])
}

test('KEY-1: refuses an RSA key of 2048 bits', () =>
  refusedRequest(requestText(rsaKeyPair(2048)), 'KEY-1', words('key-rules.KEY-1.observed.rsa', { bits: '2048' })))
test('KEY-2: refuses a public exponent of 3', () =>
  refusedRequest(requestText(rsaKeyPair(3072, 3)), 'KEY-2', words('key-rules.KEY-2.observed.exponentSmall', { exponent: '3' })))
test('KEY-5: refuses a request signed with SHA-1', () =>
  refusedRequest(encodePem('CERTIFICATE REQUEST', makeRequest(keys, { hash: 'sha1' })), 'KEY-5', words('key-rules.KEY-5.observed.hash', { hash: 'SHA-1' })))
test('APP-3: refuses a request that another key signed', () =>
  refusedRequest(encodePem('CERTIFICATE REQUEST', makeRequest(otherKeys, { spki: keys.spki })), 'APP-3', words('key-rules.APP-3.observed.invalid')))

test('APP-3: a request damaged in copying is told as that, without a word on the weakness of a key that nobody has', async () => {
  const modulus = BigInt(`0x${Buffer.from(createPublicKey({ key: keys.spki, format: 'der', type: 'spki' }).export({ format: 'jwk' }).n!, 'base64url').toString('hex')}`)
  const multiple = modulus - (modulus % 1931n)
  const spki = rsaSpki(multiple % 2n === 1n ? multiple : multiple - 1931n, 65537n)
  const text = encodePem('CERTIFICATE REQUEST', makeRequest(keys, { spki }))
  await refusedRequest(text, 'APP-3', words('key-rules.APP-3.observed.invalid'))
  const page = await giveRequest(client, await startApplication(client), text)
  expect(page.text).not.toContain('1931')
  for (const row of ['KEY-1', 'KEY-2', 'KEY-3', 'KEY-5', 'KEY-4', 'APP-4']) expect(page.text).not.toContain(`${row}: `)
})

test('KEY-4: refuses a key that was marked as compromised', async () => {
  const marked = rsaKeyPair(3072)
  await rows('compromised_keys', {}).insert({ spki_sha256: sha256(marked.spki), source: 'test', recorded_at: '2026-05-01T00:00:00.000Z' })
  await refusedRequest(requestText(marked), 'KEY-4', words('key-rules.KEY-4.observed.compromised', { date: '2026-05-01' }))
})

test('APP-4: refuses a key certified for another organisation, for another purpose, or in use in a live application of another', async () => {
  const database = scene.portal.services.database
  await database('organisations').insert({ id: 'elsewhere', legal_name: 'Elsewhere K.K.', created_at: new Date().toISOString() })
  const certified = rsaKeyPair(3072)
  await database('certified_keys').insert({
    spki_sha256: sha256(certified.spki),
    organisation_id: 'elsewhere',
    purpose: 'code-signing',
    first_certified_at: new Date().toISOString(),
  })
  await refusedRequest(requestText(certified), 'APP-4', words('key-rules.APP-4.observed.otherSubscriber'))

  const { organisationId } = await applicationAt(scene, await startApplication(client))
  const mail = rsaKeyPair(3072)
  await database('certified_keys').insert({
    spki_sha256: sha256(mail.spki),
    organisation_id: organisationId ?? 'elsewhere',
    purpose: 'e-mail',
    first_certified_at: new Date().toISOString(),
  })
  await refusedRequest(requestText(mail), 'APP-4', words('key-rules.APP-4.observed.otherPurpose'))

  const { client: stranger } = await applicantOf(scene, { organisation: 'Stranger K.K.' })
  const theirs = rsaKeyPair(3072)
  await submit(stranger, await fillDraft(scene, stranger, theirs, 'Stranger K.K.'))
  await refusedRequest(requestText(theirs), 'APP-4', words('key-rules.APP-4.observed.otherApplication'))
})

test('APP-4, KEY-4: a key that became unacceptable after its upload is refused at submission', async () => {
  const path = await fillDraft(scene, client, rsaKeyPair(3072))
  const { id, request } = await applicationAt(scene, path)
  await rows('compromised_keys', {}).insert({ spki_sha256: request!.spkiSha256, source: 'test', recorded_at: new Date().toISOString() })
  const page = await submit(client, path)
  expect(page.status).toBe(422)
  expect(page.text).toContain(words('apply.missing.request.refused'))
  expect((await applicationAt(scene, path)).state).toBe('draft')
  expect(await rows('assessments', { application_id: id, kind: 'request' })).toMatchObject([{ outcome: 'fail' }])
  expect(await rows('duties', { application_id: id })).toEqual([])
})

test('KEY-1, APP-6: a request is taken as PEM, DER, bare base64, with CRLF and a byte order mark, and shown as what it is', async () => {
  const path = await startApplication(client)
  const der = makeRequest(keys, { attributes: [extensionRequest(plainExtension('2.5.29.15', Buffer.from('03020780', 'hex')))] })
  const forms = [
    der,
    Buffer.from(encodePem('NEW CERTIFICATE REQUEST', der)),
    Buffer.from(der.toString('base64')),
    Buffer.from(`\ufeff${encodePem('CERTIFICATE REQUEST', der).replaceAll('\n', '\r\n')}`),
  ]
  for (const bytes of forms) {
    await sendStep(client, `${path}/request`, { request: '' }, [{ field: 'requestFile', name: 'key.csr', bytes }])
    expect((await applicationAt(scene, path)).request!.requestDer.equals(der)).toBe(true)
  }
  const page = await client.get(`${path}/request`)
  for (const fact of [
    words('apply.request.key.rsa', { bits: '3072' }),
    '65537',
    'SHA-256',
    sha256(keys.spki)
      .toUpperCase()
      .replace(/..(?=.)/g, '$&:'),
    'CN=Asked For K.K.',
    'keyUsage',
    words('apply.request.asked.text'),
  ])
    expect(page.text).toContain(fact)
  for (const row of ['KEY-1', 'KEY-2', 'KEY-3', 'KEY-5', 'APP-3', 'KEY-4', 'APP-4']) expect(page.text).toContain(`${row}: ${words(`key-rules.${row}.title`)}`)
})

test('KEY-1: a private key pasted by mistake is refused, neither stored nor shown again', async () => {
  const path = await startApplication(client)
  const pem = otherKeys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  const page = await giveRequest(client, path, pem)
  expect(page.errors.get('request')).toBe(words('certificate-request.refused.private-key'))
  expect(page.html).not.toContain('PRIVATE KEY')
  const upload = await giveEvidence(client, path, [{ field: 'evidence', name: 'key.pem', bytes: pem }])
  expect(upload.status).toBe(422)
  expect(upload.errors.get('evidence')).toContain(words('attestation.malformed.private-key'))
  const encrypted = await giveEvidence(client, path, [
    { field: 'evidence', name: 'key.der', bytes: otherKeys.privateKey.export({ type: 'pkcs8', format: 'der', cipher: 'aes-256-cbc', passphrase: 'x' }) },
  ])
  expect(encrypted.errors.get('evidence')).toContain(words('attestation.malformed.private-key'))
  expect(await rows('evidence_files', { application_id: (await applicationAt(scene, path)).id })).toEqual([])
})

test('APP-2: the option and the representation are asked for, and kept with their time', async () => {
  const path = await startApplication(client)
  const page = await sendStep(client, `${path}/key-protection`, { option: 'own-module', method: '2' })
  expect(page.status).toBe(422)
  expect(page.errors).toEqual(new Map([['representation', words('key-protection.error.representation')]]))
  expect(page.value('option')).toBe('own-module')
  expect((await applicationAt(scene, path)).key).toBeNull()
  await sendStep(client, `${path}/key-protection`, KEY)
  const { key } = await applicationAt(scene, path)
  expect(key).toMatchObject({ option: 'own-module', method: 2 })
  expect(Date.parse(key!.representedAt)).toBeGreaterThan(Date.now() - 60_000)
})

test.each(['8', '0', '02', ''])('CP 6.2.7: method "%s" is none that this CA takes', async (method) => {
  const path = await startApplication(client)
  const page = await sendStep(client, `${path}/key-protection`, { ...KEY, method })
  expect(page.errors).toEqual(new Map([['method', words('key-protection.error.method')]]))
  expect((await applicationAt(scene, path)).key).toBeNull()
})

test.each([
  ['own-module', '5'],
  ['own-module', '7'],
  ['cloud-key-protection', '1'],
  ['signing-service', '2'],
])('APP-2: a key said to be kept by %s is not shown by method %s', async (option, method) => {
  const path = await startApplication(client)
  const page = await sendStep(client, `${path}/key-protection`, { ...KEY, option, method })
  expect(page.errors).toEqual(new Map([['method', words(`key-protection.error.method-not-for.${option}`)]]))
  expect((await applicationAt(scene, path)).key).toBeNull()
})

test('ATT-2, ATT-9: evidence for another key is kept, refused with its five findings, and stands in the way of submission', async () => {
  const path = await fillDraft(scene, client, keys)
  const { id } = await applicationAt(scene, path)
  await giveRequest(client, path, requestText(otherKeys))
  expect(await rows('assessments', { application_id: id, kind: 'key-protection' })).toMatchObject([{ outcome: 'fail' }])
  const page = await client.get(`${path}/key-protection`)
  expect(page.text).toContain(words('attestation.verdict.refused'))
  for (const question of ['genuine-device', 'same-key', 'generated-inside', 'not-exportable', 'certified-module'])
    expect(page.text).toContain(words(`attestation.question.${question}`))
  expect(page.text).toContain(words('attestation.same-key.remedy'))
  expect(await rows('evidence_files', { application_id: id })).toHaveLength(2)
  const refused = await submit(client, path)
  expect(refused.status).toBe(422)
  expect(refused.text).toContain(words('apply.missing.key-protection.refused'))
  expect((await applicationAt(scene, path)).state).toBe('draft')
  // The right request again: judged anew, without another upload.
  await giveRequest(client, path, requestText(keys))
  expect((await client.get(`${path}/key-protection`)).text).toContain(words('attestation.verdict.verified'))
})

test('ATT-9: evidence is kept as it came, and can be removed one by one', async () => {
  const path = await startApplication(client)
  const files = evidenceFiles(scene, keys)
  await giveEvidence(client, path, [files[1]!])
  await giveEvidence(client, path, [files[0]!, files[1]!])
  const { id } = await applicationAt(scene, path)
  const kept = await rows('evidence_files', { application_id: id })
  expect(kept.map((row: { bytes: Buffer }) => row.bytes.toString()).sort()).toEqual(files.map(({ bytes }) => String(bytes)).sort())
  expect(await rows('assessments', { application_id: id })).toEqual([])
  await giveRequest(client, path, requestText(keys))
  expect(await rows('assessments', { application_id: id, kind: 'key-protection' })).toMatchObject([{ outcome: 'pass' }])
  const intermediate = kept.find((row: { name: string }) => row.name === 'intermediate.pem')
  await sendStep(client, `${path}/key-protection`, {}, undefined, `${path}/key-protection/evidence/${intermediate.id}/remove`)
  expect(await rows('evidence_files', { application_id: id })).toHaveLength(1)
  expect(await rows('assessments', { application_id: id, kind: 'key-protection' })).toMatchObject([{ outcome: 'malformed' }])
})

test('KEY-1: no method keeps a private key, alone or in an archive', async () => {
  const path = await startApplication(client)
  await sendStep(client, `${path}/key-protection`, { ...KEY, method: '4' })
  const key = otherKeys.privateKey.export({ type: 'pkcs8', format: 'der' })
  const jwk = JSON.stringify(otherKeys.privateKey.export({ format: 'jwk' }))
  for (const bytes of [key, jwk, Buffer.from(zipSync({ 'key.der': key }))]) {
    const page = await giveEvidence(client, path, [{ field: 'evidence', name: 'report.pdf', bytes }])
    expect(page.errors.get('evidence')).toContain(words('attestation.malformed.private-key'))
  }
  expect(await rows('evidence_files', { application_id: (await applicationAt(scene, path)).id })).toEqual([])
})

test('ATT-9: what was sent for a draft is not kept when the draft is withdrawn', async () => {
  const path = await fillDraft(scene, client, keys)
  const { id } = await applicationAt(scene, path)
  const removed = await rows('evidence_files', { application_id: id }).orderBy('sha256').pluck('sha256')
  expect(removed).not.toEqual([])
  await sendStep(client, `${path}/withdraw`, {})
  expect(await rows('evidence_files', { application_id: id })).toEqual([])
  // LOG-1: what is gone is named on record.
  const [{ details }] = await rows('audit_events', { subject: `application:${id}`, event: 'application.withdrawn' })
  expect(JSON.parse(details)).toEqual({ from: 'draft', removed })
})

test('ATT-2: demo evidence counts under a hierarchy recorded as a demo one alone', async () => {
  const path = await fillDraft(scene, client, keys)
  const authorities = rows('authorities', { id: 'issuing' })
  await authorities.clone().update({ demo: 0 })
  try {
    const page = await submit(client, path)
    expect(page.status).toBe(422)
    expect((await applicationAt(scene, path)).state).toBe('draft')
    expect(page.text).toContain(words('apply.missing.key-protection.refused'))
  } finally {
    await authorities.clone().update({ demo: 1 })
  }
})

test('ATT-9: too much evidence is refused at the field, and nothing of it is kept', async () => {
  const path = await startApplication(client)
  const page = await giveEvidence(client, path, [{ field: 'evidence', name: 'big.pem', bytes: 'x'.repeat(70 * 1024) }])
  expect(page.status).toBe(422)
  expect(page.errors.get('evidence')).toBe(words('key-protection.error.file', { file: 'big.pem', reason: words('attestation.malformed.too-large', { limit: '64 KB' }) }))
  expect(await rows('evidence_files', { application_id: (await applicationAt(scene, path)).id })).toEqual([])
})

test('APP-6: a form drawn before another tab saved is refused, and changes nothing', async () => {
  const path = await startApplication(client)
  const old = (await client.get(`${path}/subject`)).value('version')!
  await sendStep(client, `${path}/subject`, SUBJECT)
  const page = await client.post(`${path}/subject`, { ...SUBJECT, commonName: 'From the older tab', version: old })
  expect(page.status).toBe(409)
  expect(page.title).toBe(words('apply.changed.title'))
  expect((await applicationAt(scene, path)).subject!.commonName).toBe(SUBJECT.commonName)
})

test('ACC-2: another person sees and changes nothing of an application', async () => {
  const path = await fillDraft(scene, client, keys)
  const reference = path.split('/').at(-1)!
  const before = await scene.portal.services.applications.dossier((await applicationAt(scene, path)).id)
  const { client: stranger } = await applicantOf(scene)
  const routes = routeTable(scene.portal.services).filter((route) => route.path.startsWith('/applications/:reference'))
  expect(routes.length).toBeGreaterThan(15)
  for (const route of routes) {
    const address = route.path.replace(':reference', reference).replace(':document', 'cp').replace(':format', 'pem').replace(':file', before!.evidence[0]!.id)
    const page = route.method === 'GET' ? await stranger.get(address) : await stranger.post(address, { version: String(before!.application.version) })
    expect([address, page.status]).toEqual([address, 404])
  }
  expect(await scene.portal.services.applications.dossier(before!.application.id)).toEqual(before)
})

test('APP-6: one person has a bounded number of drafts', async () => {
  const { client: eager, person: who } = await applicantOf(scene)
  for (let n = 0; n < 20; n++) await startApplication(eager)
  await eager.post('/applications')
  expect(eager.page!.text).toContain(words('applications.too-many', { limit: '20' }))
  expect(await rows('applications', { applicant_id: who.id })).toHaveLength(20)
})

test('KEY-1, ATT-9: foreign bytes never end in a fault (fixed seed)', async () => {
  const path = await startApplication(client)
  const random = seededNumbers(20261121)
  const good = [makeRequest(keys), Buffer.from(requestText(keys)), ...evidenceFiles(scene, keys).map(({ bytes }) => Buffer.from(bytes))]
  for (let round = 0; round < 120; round++) {
    const bytes = Buffer.from(round % 6 === 0 ? seededBytes(`noise ${round}`, random(400)) : good[random(good.length)]!)
    for (let flips = random(4); flips > 0 && bytes.length > 0; flips--) bytes[random(bytes.length)] = random(256)
    const cut = random(3) === 0 ? bytes.subarray(0, random(bytes.length + 1)) : bytes
    const { version, id } = await applicationAt(scene, path)
    const fields = { version: String(version), request: '' }
    const page =
      round % 2 === 0
        ? await client.upload(`${path}/request`, fields, [{ field: 'requestFile', name: `${round}.csr`, bytes: cut }])
        : await client.upload(`${path}/key-protection/evidence`, fields, [{ field: 'evidence', name: `${round}.pem`, bytes: cut }])
    // Taken or refused, on a page of this application: being led to sign in would have tried nothing.
    expect([round, page.status, [200, 422].includes(page.status), page.path.startsWith(`${path}/`)]).toEqual([round, page.status, true, true])
    expect([round, ...scene.portal.faults]).toEqual([round])
    await rows('evidence_files', { application_id: id }).delete()
  }
}, 180_000)
