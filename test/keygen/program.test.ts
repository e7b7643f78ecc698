/** The program as subscribers get it, as a process, on a real module. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { generate } from '../../src/keygen/generate.ts'
import { packKeygen } from '../../src/keygen/package.ts'
import { readKeyReport } from '../../src/key-protection/read-key-report.ts'
import { readCertificateRequest } from '../../src/pki/certificate-request.ts'
import { cleanEnvironment } from '../support/program.ts'
import { inputOf, judgeReport, outcomeOf, CHALLENGE } from '../support/key-reports.ts'
import { freshSoftHsm, type TestHsm } from '../support/softhsm.ts'
import { TYPESCRIPT } from '../support/typescript.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const VALUE = CHALLENGE.value
let hsm: TestHsm
let token: Awaited<ReturnType<TestHsm['token']>>
let folder: string
/** The packed program's own file, with the packages of this tree beside it. */
let program: string
let count = 0
const fresh = (): string => join(folder, `out-${++count}`)

beforeAll(async () => {
  hsm = freshSoftHsm()
  token = await hsm.token('subscriber')
  await hsm.token('another')
  folder = mkdtempSync(join(tmpdir(), 'keygen-'))
  writeFileSync(join(folder, 'keygen.tgz'), (await packKeygen()).bytes)
  execFileSync('tar', ['-xzf', 'keygen.tgz'], { cwd: folder })
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  program = join(folder, 'package', 'main.js')
}, 60_000)
afterAll(() => {
  hsm.remove()
  rmSync(folder, { recursive: true, force: true })
})

const environment = (env: Readonly<Record<string, string>> = {}) => ({ ...cleanEnvironment({}), LC_ALL: 'C', SOFTHSM2_CONF: hsm.conf, KEYGEN_PIN: token.pin, ...env })
const base = (label: string, out: string) => ['--module', hsm.module, '--token-label', 'subscriber', '--label', label, '--out', out]

/** Not waited for by blocking: the portal that it asks may be in this process. */
function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [program, ...args], { cwd: folder, env: environment(env), stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  return new Promise((done) => child.once('close', (code) => done({ code, out, err })))
}

describe('keygen on a module', () => {
  test('ATT-3: generates a key, and writes a request and a report that the rules accept', async () => {
    const out = fresh()
    const made = await run([...base('first', out), '--challenge', VALUE, '--subject', 'CN=Example K.K., C=JP'])
    expect(made).toMatchObject({ code: 0, err: '' })
    const intake = readCertificateRequest(readFileSync(join(out, 'request.pem')))
    if ('refused' in intake) throw new Error(intake.refused.code)
    const { request } = intake
    expect(request.signature).toMatchObject({ hash: 'sha256', check: 'valid' })
    expect(request.publicKey.facts).toMatchObject({ type: 'rsa', bits: 3072, exponent: 65537n })
    expect(made.out).toContain(request.publicKey.sha256)
    const bytes = readFileSync(join(out, 'key-report.json'))
    const keys = { spki: request.publicKey.spki } as Parameters<typeof inputOf>[0]
    expect(outcomeOf(judgeReport(inputOf(keys, [bytes], { certificateRequestDer: request.der })))).toBe('verified')
    expect(readKeyReport({ name: 'r', bytes })).toMatchObject({ challenge: VALUE, token: { label: 'subscriber', manufacturer: 'SoftHSM project', model: 'SoftHSM v2' }, key: { label: 'first', mechanism: 0, attributes: { sign: true, signRecover: false, decrypt: false, unwrap: false, derive: false } } })
    // Judged by other software too.
    expect(execFileSync('openssl', ['req', '-in', join(out, 'request.pem'), '-noout', '-verify', '-subject'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })).toContain('Example K.K.')
    expect(`${made.out}${made.err}${readFileSync(join(out, 'key-report.json'))}`).not.toContain(token.pin)
  })

  test('ATT-3: openssl finds the report’s signature good over the octets that its form describes', async () => {
    const out = fresh()
    expect((await run([...base('checked', out), '--challenge', VALUE])).code).toBe(0)
    const { signature, ...rest } = JSON.parse(readFileSync(join(out, 'key-report.json'), 'utf8')) as { signature: string; key: { publicKey: string } }
    writeFileSync(join(out, 'octets'), `code-signing-key-report 1\n${JSON.stringify(rest)}`)
    writeFileSync(join(out, 'signature'), Buffer.from(signature, 'base64'))
    writeFileSync(join(out, 'key.der'), Buffer.from(rest.key.publicKey, 'base64'))
    const verified = () => spawnSync('openssl', ['dgst', '-sha256', '-verify', join(out, 'key.der'), '-keyform', 'DER', '-signature', join(out, 'signature'), join(out, 'octets')], { encoding: 'utf8' }).stdout
    expect(verified()).toContain('Verified OK')
    writeFileSync(join(out, 'octets'), 'x', { flag: 'a' })
    expect(verified()).not.toContain('Verified OK')
  })

  test('ATT-3: shows the tokens without a PIN', async () => {
    const { code, out } = await run(['--module', hsm.module, '--list'], { KEYGEN_PIN: '' })
    expect(code).toBe(0)
    expect(out).toMatch(/slot \d+: “subscriber”, SoftHSM project SoftHSM v2, firmware 2\.\d+, serial number [0-9a-f]+/)
    expect(out).toContain('“another”')
  })

  test.each<[string, (out: string) => { args: readonly string[]; env?: Record<string, string> }, RegExp]>([
    ['a wrong PIN, tried once', (out) => ({ args: [...base('x1', out), '--challenge', VALUE], env: { KEYGEN_PIN: 'wrong-pin' } }), /refused the PIN \(CKR_PIN_INCORRECT\)/],
    ['an empty PIN', (out) => ({ args: [...base('x2', out), '--challenge', VALUE], env: { KEYGEN_PIN: '' } }), /PIN is empty/],
    ['no PIN and no terminal', (out) => ({ args: [...base('x3', out), '--challenge', VALUE, '--pin-file', join(out, 'none')] }), /PIN file .* can't be read/],
    ['a label that a key has', (out) => ({ args: [...base('first', out), '--challenge', VALUE] }), /already has a key with the label “first”/],
    ['a token that is not there', (out) => ({ args: ['--module', hsm.module, '--token-label', 'none', '--challenge', VALUE, '--out', out] }), /No such token.*“?subscriber/],
    ['two tokens to choose from', (out) => ({ args: ['--module', hsm.module, '--challenge', VALUE, '--out', out] }), /More than one token/],
    ['a library that is not there', (out) => ({ args: ['--module', '/no/such.so', '--challenge', VALUE, '--out', out] }), /does not exist: \/no\/such\.so/],
    ['a file that is no library', (out) => ({ args: ['--module', join(ROOT, 'package.json'), '--challenge', VALUE, '--out', out] }), /PKCS#11 library failed/],
  ])('ATT-3: says so and writes nothing: %s', async (_name, given, said) => {
    const out = fresh()
    const { args, env } = given(out)
    const { code, err } = await run(args, env)
    expect(err).toMatch(said)
    expect(code).toBe(1)
    expect(existsSync(out) ? readdirSync(out) : []).toEqual([])
  })

  test('ATT-3: takes the PIN from a file that nobody else can read', async () => {
    const file = join(folder, 'pin')
    writeFileSync(file, `${token.pin}\n`, { mode: 0o644 })
    const open = await run([...base('by-file', fresh()), '--challenge', VALUE, '--pin-file', file])
    expect(open).toMatchObject({ code: 1, err: expect.stringContaining('chmod 600') as string })
    execFileSync('chmod', ['600', file])
    expect((await run([...base('by-file', fresh()), '--challenge', VALUE, '--pin-file', file], { KEYGEN_PIN: 'not-used' })).code).toBe(0)
  })

  test('ATT-3: writes over nothing, and generates nothing then', async () => {
    const out = fresh()
    expect((await run([...base('kept', out), '--challenge', VALUE])).code).toBe(0)
    const before = readFileSync(join(out, 'request.pem'))
    expect(await run([...base('kept-2', out), '--challenge', VALUE])).toMatchObject({ code: 1, err: expect.stringContaining('is there already') as string })
    expect(readFileSync(join(out, 'request.pem')).equals(before)).toBe(true)
    expect((await run([...base('kept-2', fresh()), '--challenge', VALUE])).code, 'the label is free').toBe(0)
  })

  test('ATT-3: destroys the key when its files can’t be written', async () => {
    const out = fresh()
    const task = { do: 'generate', module: hsm.module, token: { label: 'subscriber' }, source: { challenge: VALUE }, label: 'unwritten', bits: 3072, subject: null, out, pinFile: null } as const
    const surroundings = { now: () => new Date(), tell: () => undefined }
    // The report's name is taken between the first look and the writing.
    const taken = { ...surroundings, pin: async () => (writeFileSync(join(out, 'key-report.json'), 'somebody else’s'), token.pin) }
    await expect(generate(task, taken)).rejects.toMatchObject({ key: 'error.write' })
    expect(readdirSync(out)).toEqual(['key-report.json'])
    // No key is left under the label.
    await expect(generate({ ...task, out: fresh() }, { ...surroundings, pin: async () => token.pin })).resolves.toMatchObject({ label: 'unwritten' })
  })

  test('ATT-3: npm run keygen is the same program, from its sources', () => {
    expect(execFileSync(process.execPath, [...TYPESCRIPT, 'src/keygen/main.ts', '--version'], { cwd: ROOT, encoding: 'utf8' })).toBe('code-signing-keygen 1.0.0\n')
  })

  test('ATT-3: speaks Japanese', async () => {
    const { code, err } = await run([...base('ja', fresh()), '--challenge', 'ab', '--language', 'ja'])
    expect(code).toBe(2)
    expect(err).toBe('--challenge は、ページに表示されたとおりの64桁の16進数で指定してください。\n')
    expect((await run(['--help'], { LC_ALL: 'ja_JP.UTF-8' })).out).toContain('ハードウェアモジュールの中で')
  })
})

describe('keygen and the portal', () => {
  const answer = { challenge: VALUE, expiresAt: '2026-11-23T00:00:00.000Z', reference: 'CS-2345-ABCD', subject: '株式会社アオキ工業', libraryVersions: ['1.0.0'], modules: [{ manufacturer: 'SoftHSM project', model: 'SoftHSM v2', firmware: { from: '2.0', to: '2.99' } }] }

  async function runWith(given: object, label: string, out: string) {
    const server = createServer((_request, response) => void response.end(JSON.stringify(given)))
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
    try {
      return await run([...base(label, out), '--portal', `http://127.0.0.1:${(server.address() as AddressInfo).port}`, '--ticket', 'CS-2345-ABCD.0123456789abcdefghijkl'])
    } finally {
      server.closeAllConnections()
      server.close()
    }
  }

  test('ATT-3: takes the challenge and the name from it', async () => {
    const out = fresh()
    expect(await runWith(answer, 'by-ticket', out)).toMatchObject({ code: 0, out: expect.stringContaining('CS-2345-ABCD') as string })
    expect(readKeyReport({ name: 'r', bytes: readFileSync(join(out, 'key-report.json')) }).challenge).toBe(VALUE)
    expect(execFileSync('openssl', ['req', '-in', join(out, 'request.pem'), '-noout', '-subject', '-nameopt', 'utf8'], { encoding: 'utf8' })).toContain('株式会社アオキ工業')
  })

  test.each([
    ['a module that the CA does not permit', { modules: [{ ...answer.modules[0]!, model: 'HSM 7' }] }, 'does not permit this module'],
    ['firmware that the CA does not permit', { modules: [{ ...answer.modules[0]!, firmware: { from: '3.0', to: '3.1' } }] }, 'does not permit this module'],
    ['a version that the CA no longer accepts', { libraryVersions: ['2.0.0'] }, 'does not accept this version (1.0.0)'],
  ])('ATT-3: generates nothing for %s', async (_name, change, said) => {
    const out = fresh()
    expect(await runWith({ ...answer, ...change }, 'never', out)).toMatchObject({ code: 1, err: expect.stringContaining(said) as string })
    expect(readdirSync(out)).toEqual([])
  })

  test('ATT-3: and indeed no key stands under the label then', async () => expect((await run([...base('never', fresh()), '--challenge', VALUE])).code).toBe(0))
})

const compiler = ['cc', 'gcc'].find((name) => spawnSync(name, ['--version']).status === 0)
describe.skipIf(!compiler)(compiler ? 'a module that does not do as it is told' : 'skipped: no C compiler', () => {
  test('ATT-3: makes an extractable key: the program refuses and destroys it', async () => {
    const lenient = join(folder, 'lenient.so')
    execFileSync(compiler!, ['-shared', '-fPIC', `-I${join(ROOT, 'node_modules/pkcs11js/includes/pkcs11')}`, '-o', lenient, join(ROOT, 'test/support/lenient-module.c'), '-ldl'])
    const out = fresh()
    const [, ...rest] = base('lenient', out)
    const refused = await run(['--module', lenient, ...rest.slice(1), '--challenge', VALUE], { REAL_MODULE: hsm.module })
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('CKA_EXTRACTABLE, CKA_NEVER_EXTRACTABLE') as string })
    expect(readdirSync(out)).toEqual([])
    expect((await run([...base('lenient', fresh()), '--challenge', VALUE])).code, 'no key is left under the label').toBe(0)
  })
})

const terminal = spawnSync('script', ['--version']).status === 0
describe.skipIf(!terminal)(terminal ? 'a terminal' : 'skipped: no script(1)', () => {
  test('ATT-3: asks for the PIN and shows nothing of it', async () => {
    const out = fresh()
    const quoted = [process.execPath, program, ...base('by-hand', out), '--challenge', VALUE].map((word) => `'${word}'`).join(' ')
    const { KEYGEN_PIN: _none, ...env } = environment()
    const child = spawn('script', ['-q', '-e', '-c', quoted, '/dev/null'], { cwd: folder, env, stdio: ['pipe', 'pipe', 'pipe'] })
    let shown = ''
    let typed = false
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      shown += text
      if (typed || !shown.includes('PIN of the token “subscriber”')) return
      typed = true
      // One wrong character, taken back.
      setTimeout(() => child.stdin.write(`${token.pin.slice(0, 5)}z\u007f${token.pin.slice(5)}\r`), 300)
    })
    const code = await new Promise((done) => child.once('close', done))
    expect(shown).toContain('Done.')
    expect(code).toBe(0)
    expect(shown).not.toContain(token.pin.slice(0, 5))
    expect(existsSync(join(out, 'key-report.json'))).toBe(true)
  })
})
