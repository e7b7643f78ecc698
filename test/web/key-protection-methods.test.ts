/** The page of key protection as somebody meets it who looks at one method after the other. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { words } from '../support/portal.ts'
import { rsaKeyPair } from '../pki/keys.ts'
import { applicantOf, applicationAt, evidenceFiles, fillDraft, giveEvidence, KEY, requestText, sendStep, startApplication, startScene, submit, type Scene } from './applicant.ts'
import { officerOf } from './officers.ts'

let scene: Scene
const keys = rsaKeyPair(3072)
beforeAll(async () => void (scene = await startScene()))
afterAll(() => scene?.portal.close())

const K = 'key-protection'
const named = (page: { readonly text: string }, key: string, values?: Record<string, string>): boolean => page.text.includes(words(key, values))

test('APP-2: files stay with the method that they were uploaded for, and come back with it', async () => {
  const { client } = await applicantOf(scene)
  const path = await startApplication(client)
  await sendStep(client, `${path}/request`, { request: requestText(keys) }, [])
  await sendStep(client, `${path}/key-protection`, KEY)
  const uploaded = await sendStep(client, `${path}/key-protection`, {}, evidenceFiles(scene, keys), `${path}/key-protection/evidence`)
  expect(named(uploaded, `${K}.uploaded.pass`)).toBe(true)

  const other = await sendStep(client, `${path}/key-protection`, { ...KEY, option: 'cloud-key-protection', method: '5' })
  expect(other.text).toContain('attestation.pem')
  expect(named(other, `${K}.evidence.other-method`, { method: `2. ${words(`${K}.method.key-attestation.title`)}` })).toBe(true)
  // Nothing was handed in for this method: nothing is said to be wrong with it.
  expect(named(other, `${K}.verdict.malformed`)).toBe(false)

  const back = await sendStep(client, `${path}/key-protection`, KEY)
  expect(back.path).not.toContain('key-protection')
  const again = await client.get(`${path}/key-protection`)
  expect(named(again, 'attestation.verdict.verified')).toBe(true)
  expect(again.text).not.toContain(words(`${K}.evidence.other-method`).slice(0, 20))
})

test('ATT-9: a certificate in a report’s place is refused, and what nobody judged is not called checked', async () => {
  const { client } = await applicantOf(scene)
  const path = await startApplication(client)
  const [certificate] = evidenceFiles(scene, keys)
  for (const [method, option, reason] of [
    ['3', 'own-module', 'key-protection-prescribed-library.malformed.not-a-report'],
    ['4', 'own-module', 'key-protection-document.malformed.other-object'],
  ] as const) {
    await sendStep(client, `${path}/key-protection`, { ...KEY, option, method })
    const upload = (bytes: string | Buffer, name: string) => client.upload(`${path}/key-protection/evidence`, { version: version() }, [{ field: 'evidence', name, bytes }])
    let page = await client.get(`${path}/key-protection`)
    const version = () => page.value('version')!
    const refused = await upload(certificate!.bytes as string, 'intermediate.pem')
    expect([method, named(refused, reason)]).toEqual([method, true])
    if (method !== '4') continue
    page = await client.get(`${path}/key-protection`)
    const saved = await upload('%PDF-1.7 audit', 'audit.pdf')
    expect(named(saved, `${K}.uploaded.waiting`)).toBe(true)
    expect(saved.html).not.toContain('notice-good')
  }
})

test('ATT-6 ATT-7: methods whose registers are empty can’t be chosen, not by a forged form either, and say whom to ask', async () => {
  const { client } = await applicantOf(scene)
  const path = await startApplication(client)
  const closed = ({ html }: { readonly html: string }) => [1, 2, 3, 4, 5, 6, 7].filter((method) => new RegExp(`<input type="radio"[^>]*name="method" value="${method}"[^>]*>`).exec(html)![0].includes(' disabled'))
  const page = await client.get(`${path}/key-protection`)
  expect(closed(page)).toEqual([6, 7])
  expect(page.html).toContain(`mailto:${scene.portal.services.policy.operator.problemReports}`)
  for (const [method, option] of [['6', 'own-module'], ['7', 'signing-service']] as const) {
    const refused = await sendStep(client, `${path}/key-protection`, { ...KEY, option, method })
    expect([refused.status, refused.errors, closed(refused)]).toEqual([422, new Map([['method', words('key-protection.standing.closed')]]), [6, 7]])
  }
  expect((await applicationAt(scene, path)).key).toBeNull()
})

test('ATT-9: what was uploaded for a method that is not the one applied with goes nowhere with the application, on record', async () => {
  const { client } = await applicantOf(scene)
  const path = await fillDraft(scene, client, keys)
  const toMethod = (method: string) => sendStep(client, `${path}/key-protection`, { ...KEY, method })
  await toMethod('4')
  await giveEvidence(client, path, [{ field: 'evidence', name: 'audit.pdf', bytes: '%PDF-1.7 audit' }])
  await toMethod('2')
  const draft = await applicationAt(scene, path)
  const { services } = scene.portal
  const names = async () => (await services.applications.dossier(draft.id))!.evidence.map(({ name }) => name).sort()
  // A draft keeps them: whoever looks at another method loses nothing.
  expect([await names(), Object.values(draft.key!.setAside!)]).toEqual([['attestation.pem', 'audit.pdf', 'intermediate.pem'], [4]])
  expect(named(await submit(client, path), 'apply.submit.done')).toBe(true)
  const handedIn = await applicationAt(scene, path)
  expect([handedIn.state, await names(), handedIn.key!.setAside]).toEqual(['submitted', ['attestation.pem', 'intermediate.pem'], undefined])
  expect(await services.database('evidence_files').where({ application_id: draft.id, name: 'audit.pdf' })).toEqual([])
  const removed = await services.database('audit_events').where({ subject: `application:${draft.id}`, event: 'application.evidence-removed' })
  expect(removed.map(({ details }) => JSON.parse(details))).toEqual([{ name: 'audit.pdf', sha256: Object.keys(draft.key!.setAside!)[0], because: 'other-method' }])
  const officer = await officerOf(scene, 'vetting-officer')
  const dossier = await officer.client.get(`/review/${draft.reference}`)
  expect(dossier.text).toContain('attestation.pem')
  expect(dossier.text).not.toContain('audit.pdf')
})

test('ATT-1: before a module was ordered there is one statement and the order, not a list of failures', async () => {
  const { client } = await applicantOf(scene)
  const path = await startApplication(client)
  expect(named(await client.get(`${path}/request`), 'apply.request.method-first')).toBe(true)
  await sendStep(client, `${path}/request`, { request: requestText(rsaKeyPair(3072)) }, [])
  const page = await sendStep(client, `${path}/key-protection`, { ...KEY, method: '1' })
  expect(named(page, 'key-protection-shipped-module.section.not-ours')).toBe(true)
  expect(page.html).not.toContain('finding-fail')
})
