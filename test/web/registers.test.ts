import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { extension } from '../../attestations/demo/certificate.ts'
import { registerStore, registered } from '../../src/database/register-store.ts'
import { namedBits } from '../../src/pki/der.ts'
import { encodePem } from '../../src/pki/pem.ts'
import { LANGUAGES } from '../../src/web/locales.ts'
import { rsaKeyPair } from '../pki/keys.ts'
import type { Client, Page } from '../support/client.ts'
import { createPerson, signIn, startPortal, words, type Portal } from '../support/portal.ts'
import { writePdf } from '../support/pdf-writer.ts'
import { signatory } from '../support/witness.ts'

const YEAR = 365 * 86_400_000
const day = (offset: number): string => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10)
const now = (name: string, more: Parameters<typeof signatory>[1] = {}) => signatory(name, { notBefore: new Date(Date.now() - YEAR), notAfter: new Date(Date.now() + YEAR), ...more })

const AUDITOR = { name: 'Midori Ueda', employer: 'Ueda Audit LLC, Osaka', qualification: 'cisa', qualificationNumber: '1234567', validFrom: day(-10), validUntil: day(300) }
const SERVICE = {
  name: 'Example Signing',
  operator: 'Example Signing K.K.',
  address: '1-1 Kanda, Tokyo',
  technique: 'module',
  authentication: 'multi-factor',
  auditScheme: 'webtrust-code-signing',
  auditor: 'Example Audit LLC',
  reportDate: day(-60),
  periodFrom: day(-460),
  periodTo: day(-100),
  moduleModel: 'YubiHSM 2 FIPS 2.4.1',
  moduleScheme: 'FIPS 140-3',
  moduleCertificate: '5302',
  moduleLevel: '3',
  agreementVersions: '2026-01\n2026-07',
}
const PDF = writePdf(['Proof'])

let portal: Portal
let vetting: Client
let approving: Client
let second: Client

beforeAll(async () => {
  portal = await startPortal()
  const officer = async (role: 'vetting-officer' | 'approving-officer', name: string) => {
    const client = portal.client()
    await signIn(portal, client, await createPerson(portal.services, { roles: [role], name }))
    return client
  }
  vetting = await officer('vetting-officer', 'Vetting Person')
  approving = await officer('approving-officer', 'Approving Person')
  second = await officer('approving-officer', 'Second Person')
})
afterAll(() => expect(portal.faults).toEqual([]))

interface Given {
  readonly certificate?: Buffer | string | null
  readonly evidence?: Buffer | null
}
async function propose(client: Client, register: 'auditors' | 'signing-services', fields: Record<string, string>, { certificate = null, evidence = PDF }: Given = {}): Promise<Page> {
  await client.get(`/registers/${register}/new`)
  return client.upload(`/registers/${register}`, fields, [
    ...(certificate === null ? [] : [{ field: 'certificate', name: 'auditor.pem', bytes: certificate }]),
    ...(evidence === null ? [] : [{ field: 'evidence', name: 'proof.pdf', bytes: evidence }]),
  ])
}
const send = async (client: Client, path: string, action: string, fields: Record<string, string> = {}) => {
  const version = (await client.get(path)).value('version') ?? '1'
  return client.post(`${path}/${action}`, { version, ...fields })
}

describe('the registers’ pages', () => {
  test('ATT-6: an auditor is proposed, confirmed by another officer and withdrawn; everybody who may read sees where it stands', async () => {
    const who = now('Midori Ueda')
    const proposed = await propose(vetting, 'auditors', AUDITOR, { certificate: encodePem('CERTIFICATE', who.certificate) })
    expect(proposed.status).toBe(200)
    expect(proposed.path).toMatch(/^\/registers\/entries\/[0-9a-f-]{36}$/)
    for (const text of ['Midori Ueda', 'Ueda Audit LLC, Osaka', 'CISA', '1234567', AUDITOR.validUntil, words('registers.state.proposed'), words('registers.other-confirms')]) expect(proposed.text).toContain(text)
    expect(proposed.text).not.toContain(words('registers.confirm.submit'))
    expect((await registered(portal.services.database)).auditors).toEqual([])

    expect((await send(vetting, proposed.path, 'confirm')).status).toBe(403)
    const confirmed = await send(approving, proposed.path, 'confirm')
    expect(confirmed.text).toContain(words('registers.confirmed'))
    expect(confirmed.text).toContain('Approving Person')
    expect((await registered(portal.services.database)).auditors).toHaveLength(1)
    expect((await approving.get('/registers')).text).toContain(words('registers.state.confirmed'))

    const short = await send(vetting, proposed.path, 'withdraw', { reason: 'no' })
    expect(short.status).toBe(422)
    const withdrawn = await send(vetting, proposed.path, 'withdraw', { reason: 'The certificate was lost.' })
    expect(withdrawn.text).toContain('The certificate was lost.')
    expect(withdrawn.text).not.toContain(words('registers.withdraw.submit'))
    expect((await registered(portal.services.database)).auditors[0]!.withdrawnAt).not.toBeNull()
  })

  test('ATT-7: a Signing Service likewise; the page says until when its audit stands', async () => {
    const proposed = await propose(approving, 'signing-services', SERVICE)
    expect(proposed.status).toBe(200)
    for (const text of ['Example Signing K.K.', '2026-01, 2026-07', 'FIPS 140-3 5302, 3', words('registers.lapses')]) expect(proposed.text).toContain(text)
    expect((await send(second, proposed.path, 'confirm')).text).toContain(words('registers.confirmed'))
    const japanese = portal.client({ language: 'ja' })
    await signIn(portal, japanese, await createPerson(portal.services, { roles: ['auditor'] }))
    expect((await japanese.get('/registers')).text).toContain(words('registers.state.confirmed', {}, 'ja'))
    expect((await japanese.get(proposed.path)).text).not.toContain(words('registers.withdraw.submit', {}, 'ja'))
    const file = await japanese.get(`${proposed.path}/file`)
    expect(file.status).toBe(200)
  })

  test.each(LANGUAGES)('ATT-6, ATT-7: days are taken as people write them, and kept as year-month-day; what is none comes back as typed, with what is taken (%s)', async (language) => {
    const client = portal.client({ language })
    await signIn(portal, client, await createPerson(portal.services, { roles: ['vetting-officer'] }))
    const [from, to] = [new Date(day(-10)), new Date(day(300))]
    const typed = { validFrom: `${from.getUTCFullYear()}/${from.getUTCMonth() + 1}/${from.getUTCDate()}`, validUntil: `令和${to.getUTCFullYear() - 2018}年${to.getUTCMonth() + 1}月${to.getUTCDate()}日` }
    const certificate = now(`Days ${language}`).certificate
    const refused = await propose(client, 'auditors', { ...AUDITOR, ...typed, validFrom: '10 days ago' }, { certificate })
    expect([refused.status, refused.errors.get('validFrom')]).toEqual([422, words('forms.date', {}, language)])
    for (const example of ['2026-04-01', '2026/4/1', '令和8年4月1日']) expect(refused.errors.get('validFrom')).toContain(example)
    expect([refused.value('validFrom'), refused.value('validUntil')]).toEqual(['10 days ago', typed.validUntil])
    const proposed = await propose(client, 'auditors', { ...AUDITOR, ...typed }, { certificate })
    for (const kept of [AUDITOR.validFrom, AUDITOR.validUntil]) expect(proposed.text).toContain(kept)
    const entry = (await registerStore(portal.services.database).find(proposed.path.split('/').at(-1)!))!
    expect(entry.content).toMatchObject({ validFrom: AUDITOR.validFrom, validUntil: AUDITOR.validUntil })
    const service = await propose(client, 'signing-services', { ...SERVICE, name: `Days ${language}`, reportDate: SERVICE.reportDate.replaceAll('-', '.') })
    expect(service.text).toContain(SERVICE.reportDate)
  })

  test('ATT-6: nobody confirms what they proposed themselves', async () => {
    const proposed = await propose(approving, 'auditors', { ...AUDITOR, name: 'Own Auditor' }, { certificate: now('Own Auditor').certificate })
    expect(proposed.text).not.toContain(words('registers.confirm.submit'))
    const refused = await send(approving, proposed.path, 'confirm')
    expect(refused.status).toBe(403)
    expect(refused.text).toContain(words('registers.own'))
    expect((await registerStore(portal.services.database).find(proposed.path.split('/').at(-1)!))!.state).toBe('proposed')
  })

  test('ATT-6: an officer who saw another state is shown the present one, and nothing happens', async () => {
    const proposed = await propose(vetting, 'auditors', { ...AUDITOR, name: 'Seen Before' }, { certificate: now('Seen Before').certificate })
    await second.get(proposed.path)
    await send(approving, proposed.path, 'confirm')
    const stale = await second.post(`${proposed.path}/withdraw`, { version: '1', reason: 'The certificate was lost.' })
    expect(stale.text).toContain(words('registers.changed'))
    expect((await registerStore(portal.services.database).find(proposed.path.split('/').at(-1)!))!.state).toBe('confirmed')
  })

  test.each<[string, Record<string, string>, Given, string]>([
    ['without a certificate', {}, { certificate: null }, 'forms.upload-missing'],
    ['with something else than a certificate', {}, { certificate: Buffer.from('hello') }, 'registers.problem.certificate.unreadable'],
    ['with a private key', {}, { certificate: encodePem('PRIVATE KEY', Buffer.alloc(64, 1)) }, 'attestation.malformed.private-key'],
    ['with an expired certificate', {}, { certificate: now('Old', { notAfter: new Date(Date.now() - 86_400_000) }).certificate }, 'registers.problem.certificate.expired'],
    ['with a certificate that may not sign', {}, { certificate: now('Encrypts', { extensions: [extension('2.5.29.15', namedBits([2]))] }).certificate }, 'registers.problem.certificate.usage'],
    ['with a small key', {}, { certificate: now('Small', { keys: rsaKeyPair(1024) }).certificate }, 'registers.problem.certificate.key'],
    ['without proof of the qualification', {}, { evidence: null }, 'forms.upload-missing'],
    ['with a proof that is no PDF', {}, { evidence: Buffer.from('CISA') }, 'registers.problem.evidence-pdf'],
    ['without a name', { name: '' }, {}, 'forms.required'],
    ['with another qualification', { qualification: 'friend' }, {}, 'forms.choose'],
    ['with a day that is none', { validFrom: '2026-02-30' }, {}, 'forms.date'],
    ['approved until a day that is over', { validUntil: day(-3) }, {}, 'registers.problem.until'],
  ])('ATT-6: an auditor is not proposed %s; what was typed stays', async (_, change, given, reason) => {
    const before = (await registerStore(portal.services.database).list()).length
    const page = await propose(vetting, 'auditors', { ...AUDITOR, ...change }, { certificate: now('Fresh').certificate, ...given })
    expect(page.status).toBe(422)
    expect(page.text).toContain(words(reason).split('{')[0])
    expect(page.value('employer')).toBe(AUDITOR.employer)
    expect(await registerStore(portal.services.database).list()).toHaveLength(before)
  })

  test.each<[string, Record<string, string>, string]>([
    ['with a module of level 2', { moduleLevel: '2' }, 'registers.problem.module-level'],
    ['with a module of EAL 3', { moduleScheme: 'Common Criteria', moduleLevel: '3' }, 'registers.problem.module-level'],
    ['with an audit report of 14 months ago', { reportDate: day(-430), periodTo: day(-440) }, 'registers.problem.report-old'],
    ['with an audit report of a day to come', { reportDate: day(3) }, 'registers.problem.ahead'],
    ['with a report older than its period', { periodTo: day(-20) }, 'registers.problem.before-period'],
    ['with a period that ends before it begins', { periodFrom: day(-90) }, 'registers.problem.period'],
    ['with another audit scheme', { auditScheme: 'own' }, 'forms.choose'],
    ['without a version of the agreement', { agreementVersions: '' }, 'forms.required'],
  ])('ATT-7: a Signing Service is not proposed %s', async (_, change, reason) => {
    const page = await propose(vetting, 'signing-services', { ...SERVICE, name: 'Another Service', ...change })
    expect(page.status).toBe(422)
    expect(page.text).toContain(words(reason).split('{')[0])
  })

  test('ATT-6, ATT-7: what stands in the register is not proposed again', async () => {
    const who = now('Twice')
    await propose(vetting, 'auditors', { ...AUDITOR, name: 'Twice' }, { certificate: who.certificate })
    expect((await propose(approving, 'auditors', { ...AUDITOR, name: 'Twice Again' }, { certificate: who.certificate })).text).toContain(words('registers.problem.known.auditors'))
    await propose(vetting, 'signing-services', { ...SERVICE, name: 'Twice Signing' })
    expect((await propose(approving, 'signing-services', { ...SERVICE, name: 'TWICE signing' })).text).toContain(words('registers.problem.known.signing-services'))
  })

  test('ACC-2: an entry or register that is none is not found', async () => {
    for (const path of ['/registers/friends/new', '/registers/entries/00000000-0000-4000-8000-000000000000', '/registers/entries/x/file']) expect((await vetting.get(path)).status).toBe(404)
  })
})
