/** The page "Check my key": commands, verdicts in both languages, and the way into an application, with and without an account. */
import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { COMMAND_TOOLS, SYSTEMS } from '../../src/attestation/commands.ts'
import { WITHOUT_ATTESTATION } from '../../src/key-protection/without-attestation.ts'
import { removeExpiredFiles } from '../../src/database/kept-files.ts'
import { CHECKS_AT_ONCE } from '../../src/web/check-key-model.ts'
import { encodePem } from '../../src/pki/pem.ts'
import { ecKeyPair, makeRequest, rsaKeyPair, type KeyPair } from '../pki/keys.ts'
import type { Client, File, Page } from '../support/client.ts'
import { createPerson, signIn, totpCode, words } from '../support/portal.ts'
import { applicantOf, applicationAt, evidenceFiles, fillDraft, requestText, startApplication, startScene, type Scene } from './applicant.ts'

let scene: Scene
let keys: KeyPair
/** Made before the first request: making one blocks this process, the portal's connections with it. */
let pool: KeyPair[]
const freshKeys = (): KeyPair => pool.pop()!
let line = 0
beforeAll(async () => {
  scene = await startScene()
  keys = rsaKeyPair(3072)
  pool = Array.from({ length: 10 }, () => rsaKeyPair(3072))
})
afterEach(() => expect(scene.portal.faults).toEqual([]))

const stranger = (language?: 'en' | 'ja'): Client => scene.portal.client({ address: `198.51.100.${++line}`, ...(language ? { language } : {}) })
const file = (name: string, bytes: Buffer | string): File => ({ field: 'files', name, bytes })
const csr = (of = keys): File => file('request.csr', requestText(of))
const evidence = (of = keys): File[] => evidenceFiles(scene, of).map((each) => ({ ...each, field: 'files' }))
const drop = (client: Client, files: readonly File[], chosen: Record<string, string> = {}): Promise<Page> => client.upload(`/check-key?${new URLSearchParams(chosen)}`, {}, files, { from: '/check-key' })
const kept = async (): Promise<number> => Number((await scene.portal.services.database('kept_files').count({ n: '*' }).first())!['n'])

/** Sends the form "Use this in my application" as the page drew it. */
function use(client: Client, page: Page): Promise<Page> {
  const hidden = (name: string) => [...page.html.matchAll(new RegExp(`<input type="hidden" name="${name}" value="([^"]*)">`, 'g'))].map((match) => match[1]!)
  return client.post('/check-key/use', { name: hidden('name'), bytes: hidden('bytes') })
}

describe('the commands', () => {
  test.each(COMMAND_TOOLS.map(({ id }) => id))('ATT-9: of %s, on each system, in both languages', async (id) => {
    const tool = COMMAND_TOOLS.find((each) => each.id === id)!
    for (const system of SYSTEMS)
      for (const language of ['en', 'ja'] as const) {
        const page = await stranger(language).get(`/check-key?device=${id}&system=${system}`)
        expect([page.status, page.value('device'), page.value('system')]).toEqual([200, id, system])
        if (!tool.systems.includes(system)) expect(page.text).toContain(words(`commands.system.${tool.systems[0]!}`, {}, language))
        else
          for (const { words: key, command } of tool.steps) {
            expect(page.text).toContain(words(`commands.step.${key}`, {}, language))
            const text = typeof command === 'string' ? command : command?.[system]
            if (text) expect(page.text.replace(/\s+/g, ' ')).toContain(text.replace(/\s+/g, ' '))
          }
      }
  })

  test('ATT-9: each tool generates the key, makes the request and the attestation, and says what to hand in', () => {
    for (const { id, steps } of COMMAND_TOOLS) {
      const made = steps.flatMap(({ makes }) => makes ?? [])
      expect(made, id).toContain('request.csr')
      expect(made.length, id).toBeGreaterThan(1)
      expect(steps.some(({ words: key }) => key.includes('generate')), id).toBe(true)
    }
  })

  test.each(WITHOUT_ATTESTATION.map(({ id }) => id))('ATT-9: %s has none, and the page leads to the other methods', async (id) => {
    const page = await stranger().get(`/check-key?device=${id}&system=linux`)
    expect(page.text).toContain(words(`check-key.without.${id}.why`))
    expect(page.text).toContain(words('check-key.other.open'))
    expect(page.html).toContain('href="/register"')
  })

  test('a device or system that nobody offers is passed over', async () => {
    const page = await stranger().get('/check-key?device=%3Cscript%3E&system=plan9')
    expect([page.status, page.value('device'), page.value('system')]).toEqual([200, '', 'windows'])
    expect(page.html).not.toContain('<script>')
  })
})

describe('the verdict', () => {
  test('ATT-9: good, in both languages, and nothing is stored', async () => {
    for (const language of ['en', 'ja'] as const) {
      const page = await drop(stranger(language), [csr(), ...evidence()])
      expect(page.status).toBe(200)
      for (const key of ['check-key.verdict.verified', 'attestation.question.genuine-device', 'key-rules.APP-3.title', 'check-key.use.button', 'attestation.demo.caution']) expect(page.text, key).toContain(words(key, {}, language))
    }
    expect(await kept()).toBe(0)
  })

  test('ATT-9: bad: the failing question stands first, with what was found and the fix', async () => {
    const page = await drop(stranger(), [csr(freshKeys()), ...evidence()])
    expect(page.status).toBe(200)
    const title = words('check-key.refused', { question: words('attestation.question.same-key') })
    const [, after] = page.text.split(title)
    expect(after).toBeDefined()
    expect(after!.trimStart().slice(0, 600)).toContain(words('attestation.same-key.remedy'))
    expect(page.text).not.toContain(words('check-key.use.button'))
  })

  test('KEY-5: a good attestation is shown as good, and the rule that refuses the request beside it', async () => {
    const page = await drop(stranger(), [file('request.csr', encodePem('CERTIFICATE REQUEST', makeRequest(keys, { hash: 'sha1' }))), ...evidence()])
    for (const key of ['check-key.verdict.verified', 'check-key.verified-but', 'check-key.rules.broken', 'key-rules.KEY-5.remedy']) expect(page.text, key).toContain(words(key))
    expect(page.text).not.toContain(words('check-key.use.button'))
  })

  test('ATT-9: a public key in place of the request: what is missing is said', async () => {
    const page = await drop(stranger(), [file('pub.pem', encodePem('PUBLIC KEY', keys.spki)), ...evidence()])
    for (const key of ['check-key.verdict.verified', 'check-key.rules.not-asked', 'check-key.use.needs-request']) expect(page.text, key).toContain(words(key))
  })

  test('ATT-9: the device chosen is remembered, and one without attestation leads on', async () => {
    const page = await drop(stranger('ja'), [csr()], { device: 'etoken', system: 'macos' })
    expect([page.status, page.value('device'), page.value('system')]).toEqual([200, 'etoken', 'macos'])
    expect(page.text).toContain(words('check-key.without.etoken.why', {}, 'ja'))
    expect(page.text).toContain(words('key-protection.method.shipped-module.title', {}, 'ja'))
  })

  const ABUSE: Record<string, { files: () => File[]; said: () => string }> = {
    'no file': { files: () => [], said: () => words('forms.upload-missing') },
    'seventeen files': { files: () => Array.from({ length: 17 }, (_, index) => file(`${index}.pem`, 'x')), said: () => words('forms.upload-too-many', { limit: '16' }) },
    'two megabytes': { files: () => [file('large', Buffer.alloc(2_000_000, 1))], said: () => words('forms.upload-too-large', { limit: '96' }) },
    'a gzip bomb': { files: () => [csr(), file('bomb.gz', gzipSync(Buffer.alloc(50_000_000)))], said: () => words('attestation.malformed.unpacked-too-large', { limit: '64 KiB' }) },
    'a text': { files: () => [file('letter.txt', 'Dear CA')], said: () => words('check-key.malformed.no-key') },
    'an empty file': { files: () => [csr(), file('none.pem', '')], said: () => words('check-key.in-file', { file: 'none.pem', reason: words('attestation.malformed.empty') }) },
    'a private key': { files: () => [csr(), file('my.key', keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string)], said: () => words('check-key.in-file', { file: 'my.key', reason: words('attestation.malformed.private-key') }) },
    'a request alone': { files: () => [csr()], said: () => words('attestation.malformed.nothing') },
  }
  test.each(Object.keys(ABUSE))('ATT-2: %s: 422, with a sentence at the field, and nothing kept', async (what) => {
    const page = await drop(stranger(), ABUSE[what]!.files())
    expect(page.status).toBe(422)
    expect(page.errors.get('files')).toContain(ABUSE[what]!.said())
    expect(page.html).not.toMatch(/PRIVATE KEY|name="bytes"/)
    expect(await kept()).toBe(0)
  })

  test('ATT-2: after many checks from one address it waits', async () => {
    const client = scene.portal.client({ address: '203.0.113.9' })
    for (let count = 0; count < CHECKS_AT_ONCE.most; count++) await drop(client, [])
    expect((await drop(client, [csr(), ...evidence()])).status).toBe(429)
  })
})

describe('use this in my application', () => {
  test('APP-2: signed in: into a new application, with request, files and their judgement, on record', async () => {
    const { client } = await applicantOf(scene)
    const choose = await use(client, await drop(client, [csr(), ...evidence()]))
    expect([choose.status, choose.title]).toEqual([200, words('check-key.use.title')])
    expect(await kept()).toBe(1)
    const done = await client.post(choose.path, { into: 'new' })
    expect(done.text).toContain(words('check-key.use.done'))
    expect(await kept()).toBe(0)
    const application = await applicationAt(scene, done.path)
    const dossier = (await scene.portal.services.applications.dossier(application.id))!
    expect(application.request!.spkiDer).toEqual(keys.spki)
    expect(dossier.evidence.map(({ name }) => name).sort()).toEqual(['attestation.pem', 'intermediate.pem'])
    expect(dossier.assessments.map(({ kind, outcome }) => `${kind} ${outcome}`).sort()).toEqual(['key-protection pass', 'request pass'])
    const events = await scene.portal.services.database('audit_events').where({ subject: `application:${application.id}` }).orderBy('seq').pluck('event')
    expect(events).toEqual(['application.started', 'application.request-uploaded', 'application.evidence-uploaded'])
    // Good once.
    expect((await client.get(choose.path)).path).toBe('/check-key')
  })

  test('APP-2: into a draft chosen: what was there for another key gives way', async () => {
    const { client } = await applicantOf(scene)
    const other = freshKeys()
    const draft = await fillDraft(scene, client, other)
    const reference = draft.split('/').at(-1)!
    const fresh = freshKeys()
    const choose = await use(client, await drop(client, [csr(fresh), ...evidence(fresh)]))
    expect(choose.text).toContain(reference)
    const done = await client.post(choose.path, { into: reference })
    expect(done.path).toBe(draft)
    const dossier = (await scene.portal.services.applications.dossier((await applicationAt(scene, draft)).id))!
    expect(dossier.application.request!.spkiDer).toEqual(fresh.spki)
    expect(dossier.evidence).toHaveLength(2)
    expect(dossier.assessments.every(({ outcome }) => outcome === 'pass')).toBe(true)
  })

  test('ACC-2: not into somebody else’s draft, and nothing is left of the try', async () => {
    const { client: owner } = await applicantOf(scene)
    const foreign = (await startApplication(owner)).split('/').at(-1)!
    const { client } = await applicantOf(scene)
    const fresh = freshKeys()
    const choose = await use(client, await drop(client, [csr(fresh), ...evidence(fresh)]))
    for (const into of [foreign, '', 'no-such']) {
      const page = await client.post(choose.path, { into })
      expect([page.status, page.errors.get('into')]).toEqual([422, expect.stringContaining(words('check-key.use.choose'))])
    }
    expect((await applicationAt(scene, `/${foreign}`)).request).toBeNull()
    expect(await kept()).toBe(1)
    expect((await client.post(choose.path, { forget: 'yes' })).text).toContain(words('check-key.use.forgotten'))
    expect(await kept()).toBe(0)
  })

  test('KEY-4: a key reported meanwhile is not carried, and no empty application is left behind', async () => {
    const { client, person } = await applicantOf(scene)
    const fresh = freshKeys()
    const choose = await use(client, await drop(client, [csr(fresh), ...evidence(fresh)]))
    await report(fresh)
    const page = await client.post(choose.path, { into: 'new' })
    expect(page.status).toBe(422)
    expect(await scene.portal.services.applications.list({ applicantId: person.id })).toEqual([])
    await client.post(choose.path, { forget: 'yes' })
    // The verdict says so now, and offers nothing.
    const again = await drop(client, [csr(fresh), ...evidence(fresh)])
    expect(again.text).toContain(words('key-rules.KEY-4.remedy'))
    expect(again.text).not.toContain(words('check-key.use.button'))
  })

  test('ACC-1: without an account: through sign-in, and the files are still there', async () => {
    const client = stranger()
    const fresh = freshKeys()
    const page = await drop(client, [csr(fresh), ...evidence(fresh)])
    expect(page.text).toContain(words('check-key.use.text-guest'))
    const led = await use(client, page)
    expect([led.path, led.text.includes(words('check-key.use.sign-in'))]).toEqual(['/sign-in', true])
    const row = await scene.portal.services.database('kept_files').first()
    expect(JSON.stringify(row)).not.toContain(fresh.spki.toString('base64').slice(40, 80))
    const person = await createPerson(scene.portal.services, { roles: ['subscriber'] })
    const choose = await signIn(scene.portal, client, person)
    expect(choose.title).toBe(words('check-key.use.title'))
    expect(choose.text).toContain('attestation.pem')
    expect((await client.post(choose.path, { into: 'new' })).text).toContain(words('check-key.use.done'))
  })

  test('ACC-1: without an account: through registration, and the files are still there', async () => {
    const client = stranger()
    const fresh = freshKeys()
    await use(client, await drop(client, [csr(fresh), ...evidence(fresh)]))
    const person = { name: 'Hanako Sato', email: 'hanako@check-key.example', password: 'slow river copper lamp' }
    await client.get('/register')
    await client.post('/register', person)
    const [mail] = await scene.portal.mails(person.email)
    await client.get(mail!.link!)
    await client.post(mail!.link!, { password: person.password })
    const secret = /[A-Z2-7]{4}(?: [A-Z2-7]{4}){7}/.exec((await client.get('/second-factor')).text)![0].replaceAll(' ', '')
    await client.post('/second-factor', { code: await totpCode(scene.portal.services, { secret }) })
    const choose = await client.post('/second-factor/recovery-codes')
    expect(choose.title).toBe(words('check-key.use.title'))
    expect((await client.post(choose.path, { into: 'new' })).text).toContain(words('check-key.use.done'))
  })

  test('ACC-1: kept for less than an hour, and swept away', async () => {
    const { client } = await applicantOf(scene)
    const fresh = freshKeys()
    const choose = await use(client, await drop(client, [csr(fresh), ...evidence(fresh)]))
    const { database } = scene.portal.services
    const row = await database('kept_files').first()
    expect(Date.parse(row.expires_at) - scene.portal.services.clock().getTime()).toBeLessThan(51 * 60_000)
    await database('kept_files').update({ expires_at: new Date(scene.portal.services.clock().getTime() - 1).toISOString() })
    const late = await client.get(choose.path)
    expect([late.path, late.text.includes(words('check-key.use.gone'))]).toEqual(['/check-key', true])
    await removeExpiredFiles(database, scene.portal.services.clock())
    expect(await kept()).toBe(0)
  })

  test('ATT-9: a request for a device without attestation goes on to the choice of method', async () => {
    const { client } = await applicantOf(scene)
    const fresh = freshKeys()
    const choose = await use(client, await drop(client, [csr(fresh)], { device: 'aws-kms' }))
    expect((await client.post(choose.path, { into: 'new' })).path).toMatch(/\/key-protection$/)
  })

  test('ATT-2: what no page of ours would send is not kept', async () => {
    const client = stranger()
    await client.get('/check-key')
    const der = makeRequest(ecKeyPair('P-256')).toString('base64url')
    for (const fields of [{}, { name: 'a', bytes: 'AAAA' }, { name: 'a', bytes: der }, { name: ['a', 'b'], bytes: [der, keys.privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64url')] }] as Record<string, string | string[]>[]) expect((await client.post('/check-key/use', fields)).path).toBe('/check-key')
    expect(await kept()).toBe(0)
  })
})

async function report({ spki }: KeyPair): Promise<void> {
  await scene.portal.services.database('compromised_keys').insert({ spki_sha256: createHash('sha256').update(spki).digest('hex'), recorded_at: scene.portal.services.clock().toISOString(), source: 'test' })
}
