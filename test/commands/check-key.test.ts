/** `npm run check-key` as a process of its own: no database, no start, nothing written. */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodePem } from '../../src/pki/pem.ts'
import type { CheckKeyJson } from '../../src/key-protection/check-key-json.ts'
import { makeRequest, rsaKeyPair } from '../pki/keys.ts'
import { haveSamples, NO_SAMPLES, samplePath } from '../support/attestation-samples.ts'
import { openEmpty, urlOf } from '../support/database.ts'
import { run, type Ended } from '../support/program.ts'
import { words } from '../support/portal.ts'

const folder = mkdtempSync(join(tmpdir(), 'check-key-'))
const dataDir = join(folder, 'data')
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const check = (...parameters: string[]): Promise<Ended> => run('commands/check-key', { DATA_DIR: dataDir }, parameters)
const json = (ended: Ended): CheckKeyJson => JSON.parse(ended.out) as CheckKeyJson

let csr: string
beforeAll(() => {
  const keys = rsaKeyPair(3072)
  csr = join(folder, 'request.csr')
  writeFileSync(csr, encodePem('CERTIFICATE REQUEST', makeRequest(keys)))
  writeFileSync(join(folder, 'my.key'), keys.privateKey.export({ type: 'pkcs8', format: 'pem' }))
  writeFileSync(join(folder, 'letter.txt'), 'Dear CA')
})

describe('npm run check-key, wrong words', () => {
  const WRONG: Record<string, { parameters: () => string[]; said: RegExp }> = {
    'no file': { parameters: () => [], said: /usage: npm run check-key/ },
    'an unknown option': { parameters: () => [csr, '--jason'], said: /--jason/ },
    'a file that is not there': { parameters: () => [join(folder, 'none')], said: /none: there is no such file/ },
    'a date that is none': { parameters: () => [csr, '--at', '2026-02-30'], said: /--at is a date such as/ },
    'a language that nobody wrote': { parameters: () => [csr, '--language', 'fr'], said: /--language is one of en, ja/ },
  }
  test.each(Object.keys(WRONG))('ATT-9: %s: exit code 2, one sentence, nothing on standard output', async (what) => {
    const ended = await check(...WRONG[what]!.parameters())
    expect(ended.code).toBe(2)
    expect(ended.err).toMatch(WRONG[what]!.said)
    expect(ended.err).not.toMatch(/\n\s+at /)
    expect(ended.out).toBe('')
  })

  test('POL-1: a policy that is not one is told', async () => {
    const ended = await run('commands/check-key', { POLICY_FILE: join(folder, 'letter.txt') }, [csr])
    expect([ended.code, ended.out]).toEqual([2, ''])
    expect(ended.err).toContain('letter.txt')
  })
})

describe('npm run check-key, files that cannot be judged', () => {
  test('ATT-9: a text: exit code 2, the reason in both forms', async () => {
    const text = await check(join(folder, 'letter.txt'))
    expect(text.code).toBe(2)
    expect(text.out).toContain(words('check-key.malformed.no-key'))
    const answer = await check(join(folder, 'letter.txt'), '--json', '--language', 'ja')
    expect(answer.code).toBe(2)
    expect(json(answer)).toMatchObject({ maker: null, device: null, verdict: 'malformed', failed: ['files'], keyRules: [] })
    expect(json(answer).findings.files!.observed.text).toMatch(/[\u3040-\u30ff]/)
  })

  test('ATT-2: a private key: named, and not a byte of it repeated', async () => {
    const ended = await check(csr, join(folder, 'my.key'), '--json')
    expect(ended.code).toBe(2)
    expect(json(ended).findings.files).toMatchObject({ file: 'my.key', observed: { key: 'attestation.malformed.private-key' } })
    expect(ended.out + ended.err).not.toMatch(/[A-Za-z0-9+/]{60}/)
  })

  test('ATT-2: a file without end is read no further than is taken', async () => {
    const ended = await check('/dev/zero', '--json')
    expect([ended.code, json(ended).findings.files!.observed.key]).toEqual([2, 'attestation.malformed.too-large'])
  })
})

describe.skipIf(!haveSamples())(`npm run check-key, with published samples${haveSamples() ? '' : ` (${NO_SAMPLES})`}`, () => {
  const luna = () => [samplePath('luna/rsa-pkc.p7b'), samplePath('luna/rsa-test.csr')]
  const hsm = () => ['device', 'csr', 'attestation'].map((name) => samplePath(`yubihsm2/gillstrom/${name}.pem`))

  test('ATT-9: verified: exit code 0, exactly the six members, each sentence with its key', async () => {
    const ended = await check('--json', '--at', '2026-11-22', ...luna())
    expect([ended.code, ended.err]).toEqual([0, ''])
    const answer = json(ended)
    expect(Object.keys(answer)).toEqual(['maker', 'device', 'verdict', 'failed', 'findings', 'keyRules'])
    expect(answer).toMatchObject({ maker: 'thales-luna', verdict: 'verified', failed: [], device: { firmware: '7.8.4', serial: '521174', trusted: true } })
    expect(Object.keys(answer.findings)).toEqual(['genuine-device', 'same-key', 'generated-inside', 'not-exportable', 'certified-module'])
    expect(answer.findings['certified-module']!.observed).toEqual({ text: words('attestation.certificate.active', answer.findings['certified-module']!.observed.values), key: 'attestation.certificate.active', values: expect.any(Object) })
    expect(answer.keyRules.map(({ rule, outcome }) => `${rule} ${outcome}`)).toEqual(['KEY-1 fail', 'KEY-2 pass', 'KEY-3 pass', 'KEY-5 pass', 'APP-3 pass'])
    expect(existsSync(dataDir)).toBe(false)
  })

  test('ATT-9: a database without tables is no instance; of one that can’t be asked the reason is told without a trace, and what ships judges', async () => {
    const empty = await openEmpty()
    await empty.raw('SELECT 1')
    const answers = []
    for (const DATABASE_URL of [urlOf(empty), 'postgres://nobody@127.0.0.1:9/none']) {
      const ended = await run('commands/check-key', { DATA_DIR: dataDir, DATABASE_URL }, ['--json', '--at', '2026-11-22', ...luna()])
      answers.push([ended.code, json(ended).verdict, ended.err])
    }
    expect(answers).toEqual([[0, 'verified', ''], [0, 'verified', expect.stringMatching(/^The instance of DATA_DIR and DATABASE_URL can’t be asked \(The database can't be reached: [^\n]*127\.0\.0\.1:9\): judged with the keys that ship alone\.\n$/)]])
  })

  test('ATT-9: refused: exit code 1, the failing question and its fix stand first', async () => {
    const ended = await check(...hsm(), '--at', '2026-11-22')
    expect(ended.code).toBe(1)
    const lines = ended.out.split('\n')
    expect(lines[0]).toBe(`Verdict: ${words('check-key.verdict.refused')}`)
    expect(lines[1]!.trim()).toBe(words('attestation.question.certified-module'))
    expect(lines[4]).toContain(words('attestation.certificate.remedy-historical'))
  })

  test('ATT-8: --at decides: the day before and the moment after', async () => {
    expect((await check(...hsm(), '--at', '2026-05-02')).code).toBe(0)
    expect((await check(...hsm(), '--at', '2026-09-21T23:59:59Z')).code).toBe(0)
    expect((await check(...hsm(), '--at', '2026-09-22T00:00:00Z')).code).toBe(1)
  })

  test('ATT-2: --public-key stands in place of the request', async () => {
    const files = ['rsa.dat', 'rsa.certs.pem'].map((name) => samplePath(`marvell-google/smallstep/${name}`))
    const ended = await check(...files, '--public-key', samplePath('marvell-google/smallstep/pub.pem'), '--json', '--at', '2026-09-21')
    expect([ended.code, json(ended).failed]).toEqual([1, ['same-key']])
    expect((await check(...files, '--json', '--at', '2026-09-21').then(json)).findings['same-key']!.observed.key).toBe('check-key.not-given.observed')
  })

  test('ATT-9: leaves no file behind', () => {
    expect(readdirSync(folder).sort()).toEqual(['letter.txt', 'my.key', 'request.csr'])
  })
})
