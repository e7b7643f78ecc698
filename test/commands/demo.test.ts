/** The demo commands on a whole instance, as a newcomer runs them. */
import { execFileSync } from 'node:child_process'
import { createPublicKey, X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseSubject } from '../../src/commands/make-demo-key.ts'
import { ROLES } from '../../src/people/roles.ts'
import { startInstance, type Instance } from '../support/instance.ts'
import { freePorts, oneLine, run } from '../support/program.ts'
import { Client, signIn } from '../support/portal.ts'

const folder = mkdtempSync(join(tmpdir(), 'demo-'))
let instance: Instance
let env: Record<string, string>

beforeAll(async () => {
  instance = await startInstance()
  env = Object.fromEntries(['DATA_DIR', 'PORTAL_PORT', 'STATUS_PORT', 'PORTAL_URL', 'STATUS_URL'].map((name) => [name, instance.env[name]!]))
})
afterAll(async () => {
  await instance?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const openssl = (...parameters: string[]): string => execFileSync('openssl', parameters, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

describe('demo:key', () => {
  test('makes a key, a request that openssl verifies, and a demo statement about that key', async () => {
    const out = join(folder, 'key')
    const ended = await run('commands/demo-key', env, ['--subject', 'CN=例示ソフト株式会社, O=Smith\\, Jones K.K., C=JP', '--out', out])
    expect([ended.code, ended.err]).toEqual([0, ''])
    for (const name of ['request.pem', 'attestation.pem', 'intermediate.pem']) expect(ended.out).toContain(join(out, name))
    expect(ended.out).toMatch(/^DEMO: /)
    const text = execFileSync('openssl', ['req', '-in', join(out, 'request.pem'), '-verify', '-noout', '-text', '-nameopt', 'utf8,sep_comma_plus'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
    for (const part of ['Public-Key: (3072 bit)', 'CN=例示ソフト株式会社', 'O=Smith, Jones K.K.']) expect(text.includes(part), text.slice(0, 300)).toBe(true)
    const key = createPublicKey(openssl('req', '-in', join(out, 'request.pem'), '-pubkey', '-noout'))
    const attestation = new X509Certificate(readFileSync(join(out, 'attestation.pem')))
    expect(attestation.publicKey.equals(key)).toBe(true)
    const intermediate = new X509Certificate(readFileSync(join(out, 'intermediate.pem')))
    expect(attestation.checkIssued(intermediate)).toBe(true)
    expect(intermediate.issuer).toContain('DEMO')
    // The PIN stands in its file alone.
    expect(statSync(join(out, 'pin')).mode & 0o777).toBe(0o600)
    expect(ended.out.includes(readFileSync(join(out, 'pin'), 'utf8').trim())).toBe(false)
    // ATT-9: judged as the instance's page judges it; without the instance the demo maker is nobody.
    const files = ['request.pem', 'attestation.pem', 'intermediate.pem'].map((name) => join(out, name))
    const here = await run('commands/check-key', env, [...files, '--json'])
    expect([here.code, JSON.parse(here.out).maker, JSON.parse(here.out).verdict]).toEqual([0, 'demo', 'verified'])
    expect(here.err).toContain('demo instance')
    expect((await run('commands/check-key', { DATA_DIR: join(folder, 'nothing') }, files)).code).toBe(1)
    expect(existsSync(join(folder, 'nothing'))).toBe(false)
    // A second key doesn't take the first one's place.
    expect(oneLine(await run('commands/demo-key', env, ['--subject', 'CN=X', '--out', out]))).toMatch(/^demo:key: /)
    expect(createPublicKey(openssl('req', '-in', join(out, 'request.pem'), '-pubkey', '-noout')).equals(key)).toBe(true)
  })

  test.each([
    [[], /give the subject/],
    [['--subject', 'CN=X', '--bits', '2048'], /--bits is 3072 or 4096/],
    [['--subject', 'XX=Y'], /--subject: "XX=Y" is none of/],
    [['--subjekt', 'CN=X'], /--subjekt/],
  ])('%j: one line', async (parameters, said) => {
    expect(oneLine(await run('commands/demo-key', env, parameters))).toMatch(said)
  })

  test('subjects are read as they are typed', () => {
    expect(parseSubject('Foo K.K.')).toEqual([{ type: 'commonName', value: 'Foo K.K.' }])
    expect(parseSubject('cn = Foo\\, Bar , c=JP')).toEqual([{ type: 'commonName', value: 'Foo, Bar' }, { type: 'countryName', value: 'JP' }])
  })
})

describe('demo:people', () => {
  test('prints one person of each role with what it takes to sign in; run again, the same people', async () => {
    const ended = await run('commands/demo-people', env)
    expect([ended.code, ended.err]).toEqual([0, ''])
    const people = [...ended.out.matchAll(/^([\w, -]+?)(?: of .+)?\n {2}address {3}(\S+)\n {2}password {2}(\S+)\n {2}code {6}(\d{6}) {2}\(\d+ s left\)\n {2}key {7}(\S+) /gm)].map(([, roles, email, password, code, secret]) => ({ roles, email: email!, password: password!, code, secret: secret! }))
    expect(people.map((person) => person.roles).sort()).toEqual([...ROLES].sort())
    for (const person of people) {
      const client = new Client(instance.portalUrl)
      const page = await signIn(instance, client, { id: '', name: '', ...person })
      expect([person.roles, page.status]).toEqual([person.roles, 200])
    }
    const again = await run('commands/demo-people', env)
    for (const person of people) for (const part of [person.email, person.password, person.secret]) expect(again.out).toContain(part)
    expect(statSync(join(instance.dataDir, 'demo-people.json')).mode & 0o777).toBe(0o600)
    expect(await instance.services.database('audit_events').where({ event: 'demo.people-created' })).toHaveLength(ROLES.length)
  })
})

describe('demo:life', () => {
  test('walks one whole life, has openssl judge it, and leaves exactly the promised files', async () => {
    const out = join(folder, 'life')
    const ended = await run('commands/demo-life', env, ['--out', out])
    expect([ended.code, ended.err], ended.out + instance.output()).toEqual([0, ''])
    expect(readdirSync(out).sort()).toEqual(['crl.der', 'good.pem', 'issuing.pem', 'revoked.pem', 'root.crl.der', 'root.pem', 'status.json'])
    const status = JSON.parse(readFileSync(join(out, 'status.json'), 'utf8'))
    expect(Object.keys(status).sort()).toEqual(['caIssuers', 'crl', 'good', 'ocsp', 'revoked', 'unissued'])
    for (const url of ['ocsp', 'crl', 'caIssuers']) expect(status[url]).toMatch(new RegExp(`^${instance.statusUrl}/`))
    const serialOf = (name: string) => new X509Certificate(readFileSync(join(out, name))).serialNumber
    const plain = (serial: string) => serial.replace(/^0+/, '')
    expect([plain(status.good), plain(status.revoked)]).toEqual([serialOf('good.pem'), serialOf('revoked.pem')].map(plain))
    expect(new Set([status.good, status.revoked, status.unissued]).size).toBe(3)
    for (const serial of [status.good, status.revoked, status.unissued]) expect(serial).toMatch(/^[0-9A-F]{16,40}$/)

    const [root, issuing] = [join(out, 'root.pem'), join(out, 'issuing.pem')]
    expect(openssl('verify', '-x509_strict', '-CAfile', root, '-untrusted', issuing, join(out, 'good.pem'))).toContain('OK')
    const list = openssl('crl', '-inform', 'DER', '-in', join(out, 'crl.der'), '-noout', '-text')
    expect([list.includes(serialOf('revoked.pem')), list.includes(serialOf('good.pem'))]).toEqual([true, false])
    for (const [name, expected] of [['good', 'good'], ['revoked', 'revoked'], ['unissued', 'unknown']] as const) {
      const answer = execFileSync('openssl', ['ocsp', '-issuer', issuing, '-serial', `0x${status[name]}`, '-CAfile', root, '-verify_other', issuing, '-url', status.ocsp], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
      expect(answer).toContain(`: ${expected}`)
    }
    // Each step is told as a sentence with its number.
    expect(ended.out.match(/^ ?\d+\. \S/gm)!.length).toBeGreaterThan(20)
    expect(ended.out).not.toMatch(/undefined|\[object/)
  }, 300_000)

  test('LOG-1: the log of that life, faults among it, holds nobody\u2019s name or address, no token, session, password or PIN', async () => {
    const { database } = instance.services
    const client = new Client(instance.portalUrl)
    const person = { name: 'Hanako Aoki of the log', email: 'hanako.aoki@log.example', organisation: 'Log Test K.K.', password: 'plum orchard lantern log', 'password-again': 'plum orchard lantern log' }
    await client.get('/sign-in')
    await client.post('/sign-in', { email: person.email, password: person.password })
    // A fault in the middle of a statement that carries all of it.
    await database.schema.renameTable('mail_outbox', 'mail_outbox_away')
    await client.get('/register')
    expect((await client.post('/register', person)).status).toBe(500)
    await database.schema.renameTable('mail_outbox_away', 'mail_outbox')
    await client.get('/check-key?name=hanako.aoki@log.example')
    await expect.poll(() => instance.faults().length).toBeGreaterThan(0)
    const lines = instance.output().split('\n').filter((line) => line.startsWith('{'))
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ level: expect.stringMatching(/^(info|warning|error|alert)$/), at: expect.any(String), process: expect.any(String), node: expect.any(String) })
    expect(lines.some((line) => line.includes('"reference"'))).toBe(true)
    const secrets = new Set<string>(Object.values(person))
    for (const { email, name } of await database('accounts')) for (const each of [email, name]) secrets.add(each)
    for (const { legal_name: name } of await database('organisations')) secrets.add(name)
    for (const { recipient, body } of await database('mail_outbox')) for (const each of [recipient, ...(body.match(/[\w-]{20,}/g) ?? [])]) secrets.add(each)
    for (const { subject_organization: organization, subject_common_name: commonName } of await database('applications')) for (const each of [organization, commonName]) if (each) secrets.add(each)
    for (const name of readdirSync(join(instance.dataDir, 'pins'))) secrets.add(readFileSync(join(instance.dataDir, 'pins', name), 'utf8').trim())
    expect(secrets.size).toBeGreaterThan(15)
    const log = lines.join('\n')
    expect([...secrets].filter((secret) => log.includes(secret))).toEqual([])
    expect(log).not.toMatch(/[\w.+-]+@[\w-]+\.[a-z]{2,}/)
  })

  test('without a place for the files: one line', async () => {
    expect(oneLine(await run('commands/demo-life', env))).toBe('demo:life: say where the files go:  npm run demo:life -- --out DIR')
  })

  test('when no portal answers: one line that says what to run', async () => {
    const { PORTAL_URL } = await freePorts()
    const ended = await run('commands/demo-life', { ...env, PORTAL_URL }, ['--out', join(folder, 'nobody')])
    expect(oneLine(ended)).toBe(`demo:life: ${PORTAL_URL} does not answer (ECONNREFUSED): run  npm start  first, or set PORTAL_URL`)
    expect(ended.code).toBe(1)
  })

  test('before any start: one line', async () => {
    mkdirSync(join(folder, 'fresh'))
    for (const [name, parameters] of [['key', ['--subject', 'CN=X']], ['people', []], ['life', ['--out', join(folder, 'x')]]] as const)
      expect(oneLine(await run(`commands/demo-${name}`, { ...env, DATA_DIR: join(folder, 'fresh') }, parameters))).toBe(`demo:${name}: No hierarchy yet: run  npm start  once; it makes a demo one`)
    expect(existsSync(join(folder, 'x'))).toBe(false)
  })
})
