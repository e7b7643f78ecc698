/** `POST /api/check-key` against its own description, and what it does with what nobody should send. */
import { createHash } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { gzipSync } from 'node:zlib'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { attestDemoKey } from '../../attestations/demo/make.ts'
import { CHECKS_AT_ONCE } from '../../src/web/check-key-model.ts'
import { tableNames } from '../database/shape.ts'
import { ecKeyPair, makeRequest, rsaKeyPair, type KeyPair } from '../pki/keys.ts'
import { words } from '../support/portal.ts'
import { startScene, type Scene } from './applicant.ts'

let scene: Scene
let keys: KeyPair
let files: Record<string, Buffer | string>
let validate: Record<string, ValidateFunction>
let document: { paths: Record<string, Record<string, { responses: Record<string, unknown> }>>; openapi: string; servers: { url: string }[] }
let line = 0
/** A line of its own for each request, so that none waits for another. */
const address = () => `198.51.100.${++line}`

beforeAll(async () => {
  scene = await startScene()
  keys = rsaKeyPair(3072)
  const { attestationPem, intermediatePem } = attestDemoKey(scene.maker, keys.spki, new Date(), rsaKeyPair(2048))
  files = { 'request.csr': makeRequest(keys), 'attestation.pem': attestationPem, 'intermediate.pem': intermediatePem }
  document = (await (await fetch(`${scene.portal.url}/api/openapi.json`)).json()) as typeof document
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  ajv.addSchema(document, 'openapi')
  validate = Object.fromEntries(
    Object.keys(document.paths['/api/check-key']!['post']!.responses).map((status) => [status, ajv.compile({ $ref: `openapi#/paths/~1api~1check-key/post/responses/${status}/content/application~1json/schema` })]),
  )
})
const LOGGED = new Set<string>()
afterEach(() => expect(scene.portal.faults.map(({ path }) => path)).toEqual([...LOGGED]))

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: { verdict?: string; failed?: string[]; maker?: string | null; error?: { code: string; message: string }; findings?: Record<string, { observed: { key: string; text: string } }>; keyRules?: { rule: string; outcome: string }[] }
}

async function ask(parts: Readonly<Record<string, Buffer | string>>, options: { fields?: Record<string, string>; headers?: Record<string, string>; from?: string } = {}): Promise<Answer> {
  const form = new FormData()
  for (const [name, value] of Object.entries(options.fields ?? {})) form.append(name, value)
  for (const [name, bytes] of Object.entries(parts)) form.append('files', new Blob([typeof bytes === 'string' ? bytes : new Uint8Array(bytes)]), name)
  return read(await fetch(`${scene.portal.url}/api/check-key`, { method: 'POST', body: form, headers: { 'x-forwarded-for': options.from ?? address(), ...options.headers } }))
}

/** Every answer is one that the description foresees, without a cookie. */
async function read(response: Response): Promise<Answer> {
  const body = (await response.json()) as Answer['body']
  const schema = validate[String(response.status)]
  expect(schema, `${response.status} is described`).toBeDefined()
  expect(schema!(body), JSON.stringify(schema!.errors)).toBe(true)
  expect(response.headers.get('set-cookie')).toBeNull()
  expect(response.headers.get('content-type')).toMatch(/^application\/json/)
  expect(response.headers.get('cache-control')).toBe('no-store')
  return { status: response.status, headers: response.headers, body }
}

describe('POST /api/check-key', () => {
  test('ATT-9: verified: the six members and no more', async () => {
    const { status, body } = await ask(files)
    expect(status).toBe(200)
    expect(Object.keys(body)).toEqual(['maker', 'device', 'verdict', 'failed', 'findings', 'keyRules'])
    expect(body).toMatchObject({ maker: 'demo', verdict: 'verified', failed: [] })
    expect(body.keyRules!.map(({ rule, outcome }) => `${rule} ${outcome}`)).toEqual(['KEY-1 pass', 'KEY-2 pass', 'KEY-3 pass', 'KEY-5 pass', 'APP-3 pass', 'KEY-4 pass'])
  })

  test('ATT-9: refused: another key, with the reason in the language asked for', async () => {
    const other = { ...files, 'request.csr': makeRequest(ecKeyPair('P-256')) }
    const english = await ask(other)
    expect(english.status).toBe(200)
    expect(english.body).toMatchObject({ verdict: 'refused', failed: ['same-key'] })
    const japanese = await ask(other, { fields: { language: 'ja' }, headers: { 'accept-language': 'en' } })
    expect(japanese.body.findings!['same-key']!.observed.key).toBe(english.body.findings!['same-key']!.observed.key)
    expect(japanese.body.findings!['same-key']!.observed.text).toMatch(/[\u3040-\u30ff]/)
    expect((await ask(other, { headers: { 'accept-language': 'ja' } })).body.findings!['same-key']!.observed.text).toMatch(/[\u3040-\u30ff]/)
  })

  test('KEY-4: a key that was reported is told', async () => {
    const reported = rsaKeyPair(3072)
    const { body: before } = await ask({ 'request.csr': makeRequest(reported) })
    expect(before.keyRules!.at(-1)).toMatchObject({ rule: 'KEY-4', outcome: 'pass' })
    await scene.portal.services.database('compromised_keys').insert({ spki_sha256: createHash('sha256').update(reported.spki).digest('hex'), recorded_at: '2026-01-02T03:04:05.000Z', source: 'test' })
    const { body: after } = await ask({ 'request.csr': makeRequest(reported) })
    expect(after.keyRules!.at(-1)).toMatchObject({ rule: 'KEY-4', outcome: 'fail', observed: { values: { date: '2026-01-02' } } })
  })

  test('ATT-9: a device without attestation is named, with the methods', async () => {
    const { status, body } = await ask({ 'request.csr': files['request.csr']! }, { fields: { device: 'aws-kms' } })
    expect([status, body.verdict, body.failed]).toEqual([200, 'refused', ['genuine-device']])
    expect(body.findings!['genuine-device']!.observed.key).toBe('check-key.without.aws-kms.why')
  })

  test('ATT-8: `at` decides', async () => {
    const later = await ask(files, { fields: { at: '2099-01-01' } })
    expect(later.body.verdict).toBe('refused')
  })

  const MALFORMED: Record<string, { parts: () => Record<string, Buffer | string>; reason: string }> = {
    'no file': { parts: () => ({}), reason: 'check-key.malformed.nothing' },
    'an empty file': { parts: () => ({ 'none.pem': '' }), reason: 'attestation.malformed.empty' },
    'a text': { parts: () => ({ 'letter.txt': 'Dear CA' }), reason: 'check-key.malformed.no-key' },
    'a gzip bomb': { parts: () => ({ 'bomb.gz': gzipSync(Buffer.alloc(50_000_000)) }), reason: 'attestation.malformed.unpacked-too-large' },
    'a private key': { parts: () => ({ ...files, 'my.key': keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string }), reason: 'attestation.malformed.private-key' },
  }
  test.each(Object.keys(MALFORMED))('ATT-2: %s: 422, and why', async (what) => {
    const { parts, reason } = MALFORMED[what]!
    const { status, body } = await ask(parts())
    expect([status, body.verdict, body.error?.code, body.findings?.['files']?.observed.key]).toEqual([422, 'malformed', 'malformed', reason])
    expect(body.error!.message).toBe(body.findings!['files']!.observed.text)
  })

  test('ATT-2: a private key is kept nowhere', async () => {
    const secret = (keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string).split('\n')[3]!
    const { body } = await ask({ 'my.key': keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string })
    expect(JSON.stringify(body)).not.toContain(secret)
    for (const name of await tableNames(scene.portal.services.database)) expect(JSON.stringify(await scene.portal.services.database(name)), name).not.toContain(secret)
    expect(JSON.stringify(scene.portal.faults)).not.toContain(secret)
  })

  test('ATT-2: 413 for seventeen files, and for two megabytes', async () => {
    const many = await ask(Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`${index}.pem`, 'x'])))
    expect([many.status, many.body.error?.code]).toEqual([413, 'too-large'])
    const large = await ask({ 'large.bin': Buffer.alloc(2_000_000, 1) })
    expect([large.status, large.body.error?.message]).toEqual([413, words('check-key.api.too-large', { files: '16', kilobytes: '96' })])
  })

  test('ATT-2: 415 for what is no form with files', async () => {
    for (const [type, body] of [
      ['application/json', '{"files": []}'],
      ['application/x-www-form-urlencoded', 'files=x'],
      ['text/plain', 'x'],
    ] as const) {
      const answer = await read(await fetch(`${scene.portal.url}/api/check-key`, { method: 'POST', body, headers: { 'content-type': type, 'x-forwarded-for': address() } }))
      expect([answer.status, answer.body.error?.code], type).toEqual([415, 'not-multipart'])
    }
    const bare = await read(await fetch(`${scene.portal.url}/api/check-key`, { method: 'POST', headers: { 'x-forwarded-for': address() } }))
    expect(bare.status).toBe(415)
  })

  test('ATT-2: 422 for a form cut off, and for fields that hold something else', async () => {
    const broken = await read(
      await fetch(`${scene.portal.url}/api/check-key`, { method: 'POST', body: '--b\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\nxx', headers: { 'content-type': 'multipart/form-data; boundary=b', 'x-forwarded-for': address() } }),
    )
    expect([broken.status, broken.body.error?.code]).toEqual([422, 'broken'])
    for (const fields of [{ language: 'fr' }, { at: '2026-02-30' }, { at: 'now' }] as Record<string, string>[]) {
      const answer = await ask(files, { fields })
      expect([answer.status, answer.body.error?.code], JSON.stringify(fields)).toEqual([422, 'field'])
    }
  })

  test('ATT-2: 429 past the limit of one address, the next address is served', async () => {
    for (let count = 0; count < CHECKS_AT_ONCE.most; count++) expect((await ask({}, { from: '203.0.113.7' })).status).toBe(422)
    const refused = await ask(files, { from: '203.0.113.7' })
    expect([refused.status, refused.body.error?.code, refused.headers.get('retry-after')]).toEqual([429, 'too-many', String(CHECKS_AT_ONCE.minutes * 60)])
    expect((await ask(files, { from: '203.0.113.8' })).status).toBe(200)
  })

  test('ACC-1: a session’s cookie changes nothing, and no session is begun', async () => {
    const before = await scene.portal.services.database('sessions').count({ n: '*' })
    await ask(files, { headers: { cookie: 'portal=s%3Ax.y', 'sec-fetch-site': 'cross-site' } })
    expect(await scene.portal.services.database('sessions').count({ n: '*' })).toEqual(before)
  })

  test('a caller that goes away within its body leaves the portal as it was', async () => {
    const { hostname, port } = new URL(scene.portal.url)
    await new Promise<void>((done) => {
      const call = httpRequest({ hostname, port, path: '/api/check-key', method: 'POST', headers: { 'content-type': 'multipart/form-data; boundary=b', 'content-length': 5000, 'x-forwarded-for': address() } })
      call.on('error', () => done())
      call.write('--b\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n')
      setTimeout(() => call.destroy(), 100)
    })
    expect((await ask(files)).status).toBe(200)
  })

  test('a fault of ours is JSON too, with a number to quote', async () => {
    const { services } = scene.portal
    const { demoHierarchy } = services
    Object.assign(services, { demoHierarchy: () => Promise.reject(new Error('broken on purpose')) })
    LOGGED.add('/api/check-key')
    try {
      const { status, body } = await ask(files)
      expect([status, body.error?.code]).toEqual([500, 'fault'])
      expect(body.error!.message).toMatch(/[0-9a-f]{12}/)
      expect(body.error!.message).not.toContain('on purpose')
    } finally {
      Object.assign(services, { demoHierarchy })
    }
  })
})

describe('GET /api/openapi.json', () => {
  test('is OpenAPI 3.1, names this portal, and describes each route of the interface', async () => {
    expect(document.openapi).toMatch(/^3\.1\./)
    expect(document.servers).toEqual([{ url: scene.portal.url }])
    expect(Object.keys(document.paths)).toEqual(['/api/check-key', '/api/openapi.json'])
    expect(Object.keys(document.paths['/api/check-key']!['post']!.responses)).toEqual(['200', '413', '415', '422', '429', '500', '503'])
  })
})
