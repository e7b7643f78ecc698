import { createHash, sign } from 'node:crypto'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { compromiseText, REPORT_SOURCES } from '../../src/application/report-compromise.ts'
import { keyRegister } from '../../src/database/key-register.ts'
import { weakKeyStore } from '../../src/database/weak-key-store.ts'
import { encodePem } from '../../src/pki/pem.ts'
import { tableNames } from '../database/shape.ts'
import { makeRequest, rsaKeyPair, seededNumbers, mutate, type KeyPair } from '../pki/keys.ts'
import type { Client, Fields, File } from '../support/client.ts'
import { dropTrigger } from '../support/database.ts'
import { words } from '../support/portal.ts'
import { applicantOf, fillDraft, putCertificate, startScene, submit, type Scene } from './applicant.ts'
import { officerOf, referenceOf, type Officer } from './officers.ts'

let scene: Scene
let officer: Officer
let auditor: Officer
let applicant: { client: Client }
let keys: KeyPair
let spare: KeyPair
let pair: KeyPair
beforeAll(async () => {
  // Made first: a connection that idles for seconds is closed.
  ;[keys, spare, pair] = [rsaKeyPair(3072), rsaKeyPair(2048), rsaKeyPair(3072)]
  scene = await startScene()
  officer = await officerOf(scene, 'revocation-officer')
  auditor = await officerOf(scene, 'auditor')
  applicant = await applicantOf(scene)
})
afterEach(() => expect(scene.portal.faults).toEqual([]))

const hashOf = ({ spki }: KeyPair): string => createHash('sha256').update(spki).digest('hex')
const rows = (table: string, where: Record<string, unknown> = {}) => scene.portal.services.database(table).where(where)
const REASON = 'Found in a public repository, case 2026-11.'
const GOOD = { source: 'published', reason: REASON, confirm: 'yes', sha256: '', key: '' }
const file = (bytes: Buffer | string, field = 'key-file'): File => ({ field, name: 'key.pem', bytes })
const report = (fields: Fields, files: readonly File[] = []) => officer.client.upload('/keys/report', { ...GOOD, ...fields }, files, { from: '/keys/report' })
const pem = (pair: KeyPair) => pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string

describe('the list of compromised keys', () => {
  test('KEY-3: says what is missing of the lists of weak keys: to staff, and to the public', async () => {
    const missing = words('keys.lists.missing-staff', { bits: '3072 and 4096' })
    for (const path of ['/keys', '/review']) expect((await auditor.client.get(path)).text).toContain(missing)
    expect((await auditor.client.get('/keys')).text).toContain(words('keys.empty'))
    const anybody = scene.portal.client()
    expect((await anybody.get('/repository')).text).toContain(words('keys.lists.missing-public', { bits: '3072 and 4096' }))
    const store = weakKeyStore(scene.portal.services.database)
    const at = new Date().toISOString()
    const list = await store.beginList({ sha256: 'a'.repeat(64), name: 'blocklist.dat', form: 'badkeys', entries: 3_750_000, skipped: 0, importedBy: 'operator:test', startedAt: at })
    for (const bits of [3072, 4096]) await store.stateComplete(list.number, bits, 'operator:test', at)
    expect((await auditor.client.get('/keys')).text).toContain(words('keys.lists.unfinished'))
    expect((await auditor.client.get('/keys')).text).toContain(missing)
    await store.finishList(list.number, at)
    const page = await auditor.client.get('/keys')
    for (const shown of ['blocklist.dat', '3,750,000', '3072, 4096']) expect(page.text).toContain(shown)
    for (const each of [page, await auditor.client.get('/review'), await anybody.get('/repository')]) expect(each.text).not.toContain('CVE-2008-0166')
    expect(page.text).not.toContain(missing)
  })

  test('KEY-4: only a revocation officer may report; readers read', async () => {
    expect((await auditor.client.get('/keys')).html.includes('/keys/report')).toBe(false)
    expect((await auditor.client.get('/keys/report')).status).toBe(403)
    expect((await applicant.client.get('/keys')).status).toBe(403)
    expect((await officer.client.get('/keys')).html.includes('/keys/report')).toBe(true)
    expect((await officer.client.get(`/keys/${'0'.repeat(64)}`)).status).toBe(404)
  })
})

describe('a report of a compromised key', () => {
  test('KEY-4: marks a key by its SHA-256, with reason and source; it stays, is audited, and a second report is added', async () => {
    const sha256 = 'ab'.repeat(32)
    const page = await report({ sha256: sha256.toUpperCase() })
    expect(page.path).toBe(`/keys/${sha256}`)
    for (const shown of [words('keys.notice.marked'), sha256, REASON, words('keys.source.published'), words('keys.evidence.hash'), words('keys.proof.none'), officer.person.name]) expect(page.text).toContain(shown)
    expect(await rows('compromised_keys', { spki_sha256: sha256 })).toMatchObject([{ source: expect.stringMatching(/^report:/) }])
    expect(await keyRegister(scene.portal.services.database).compromisedAt(sha256)).not.toBeNull()
    expect((await report({ sha256, reason: 'Reported once more by mail.' })).text).toContain(words('keys.notice.noted'))
    expect(await rows('compromise_reports', { spki_sha256: sha256 })).toHaveLength(2)
    const events = await rows('audit_events', { subject: `key:${sha256}` }).orderBy('seq')
    expect(events.map(({ event, actor }: { event: string; actor: string }) => `${event} ${actor === officer.person.id}`)).toEqual(['key.compromise-reported true', 'key.marked-compromised true', 'key.compromise-reported true'])
    for (const table of ['compromise_reports', 'compromised_keys']) await expect(rows(table).del()).rejects.toThrow(/never removed/)
    expect((await auditor.client.get('/keys')).html.includes(`/keys/${sha256}`)).toBe(true)
  })

  test('KEY-4: a private key proves it, and only its public half is kept: not in a row, not in the log, not on a page', async () => {
    const page = await report({}, [file(pem(spare))])
    expect(page.path).toBe(`/keys/${hashOf(spare)}`)
    expect(page.text).toContain(words('keys.proof.private-key'))
    const [row] = await rows('compromise_reports', { spki_sha256: hashOf(spare) })
    expect(row).toMatchObject({ evidence: 'private-key', proof: 'private-key' })
    expect(row.spki_der.equals(spare.spki)).toBe(true)
    const secret = pem(spare).split('\n')[10]!
    const { database } = scene.portal.services
    for (const name of await tableNames(database)) expect(JSON.stringify(await database(name)).includes(secret), name).toBe(false)
    // Pasted, with a fault in another field: the form does not hand it back.
    const again = await report({ key: pem(spare), reason: '' })
    expect(again.status).toBe(422)
    expect(again.html.includes(secret)).toBe(false)
  })

  test('KEY-4: a signature over our text proves it, for a key given as a certificate request', async () => {
    const text = compromiseText(scene.portal.services.config.portal.url, hashOf(keys))
    const request = makeRequest(keys)
    const wrong = await report({}, [file(request), file(sign('sha256', Buffer.from('another text'), keys.privateKey), 'signature')])
    expect(wrong.errors.get('signature')).toBe(words('keys.errors.signature'))
    expect(await rows('compromise_reports', { spki_sha256: hashOf(keys) })).toEqual([])
    const page = await report({}, [file(request), file(sign('sha256', Buffer.from(text), keys.privateKey).toString('base64'), 'signature')])
    expect(page.text).toContain(words('keys.proof.signature'))
    expect(page.text).toContain(words('keys.evidence.request'))
  })

  test('KEY-4: shows the applications and certificates with the key, and leads to revocation', async () => {
    const path = await fillDraft(scene, applicant.client, pair)
    await submit(applicant.client, path)
    const serial = '5'.padStart(16, '6')
    const { id } = await putCertificate(scene, path, serial)
    await dropTrigger(scene.portal.services.database, 'certificates', 'certificates_not_rewritten')
    await rows('certificates', { id }).update({ not_after: new Date(Date.now() + 86_400_000).toISOString() })
    const page = await report({ key: encodePem('PUBLIC KEY', pair.spki), source: 'problem-report' })
    expect(page.text).toContain(words('keys.hurry.title', { count: '1' }))
    expect(page.text).toContain(words('keys.hurry.yours'))
    for (const link of [`/certificates/${serial}`, `/review/${referenceOf(path)}`]) expect(page.html.includes(`href="${link}"`)).toBe(true)
    expect((await auditor.client.get(page.path)).text).toContain(words('keys.hurry.officer'))
    await officer.client.get(`/certificates/${serial}`)
    await officer.client.post(`/certificates/${serial}/revoke`, { ground: 'misused', explanation: REASON, confirm: 'yes' })
    expect((await officer.client.get(page.path)).text).not.toContain(words('keys.hurry.yours'))
  })

  test.each<[string, Fields, readonly (() => File)[], string, string]>([
    ['no key', {}, [], 'key-file', 'nothing'],
    ['two ways', { sha256: 'ab'.repeat(32) }, [() => file(spare.spki)], 'key-file', 'several-ways'],
    ['a wrong digest', { sha256: 'abc' }, [], 'sha256', 'sha256'],
    ['no reason', { sha256: 'cd'.repeat(32), reason: 'short' }, [], 'reason', 'reason'],
    ['something unreadable', { key: 'hello' }, [], 'key', 'unread.unreadable'],
    ['an encrypted private key', {}, [() => file(spare.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'x' }) as string)], 'key-file', 'unread.encrypted'],
    ['a signature without the key', { sha256: 'cd'.repeat(32) }, [() => file('c2ln', 'signature')], 'signature', 'signature-needs-key'],
  ])('KEY-4: takes no report with %s, and the form comes back as it was', async (_, fields, files, field, error) => {
    const before = await rows('compromise_reports')
    const page = await report(fields, files.map((make) => make()))
    expect(page.status).toBe(422)
    expect(page.errors.get(field)).toBe(words(`keys.errors.${error}`))
    expect(page.value('source')).toBe('published')
    expect(await rows('compromise_reports')).toEqual(before)
  })

  test('KEY-4: neither source nor confirmation may be left out', async () => {
    expect((await report({ sha256: 'cd'.repeat(32), source: 'gossip' })).errors.get('source')).toBe(words('forms.choose'))
    expect((await report({ sha256: 'cd'.repeat(32), confirm: '' })).errors.get('confirm')).toBe(words('forms.tick'))
    for (const source of REPORT_SOURCES) expect((await officer.client.get('/keys/report')).html.includes(`value="${source}"`)).toBe(true)
  })

  test('KEY-4: no mutated upload makes a fault', async () => {
    const random = seededNumbers(7)
    for (let round = 0; round < 25; round++) {
      const page = await report({}, [file(mutate(Buffer.from(pem(spare)), random)), file(mutate(Buffer.from('c2lnbmF0dXJl'), random), 'signature')])
      expect(page.status).toBe(422)
      expect(page.errors.has('key-file') || page.errors.has('signature')).toBe(true)
    }
  })
})
