/** What `npm run status:probe` says where something is not as it should be: a portal of the test's own, with certificates that openssl makes. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { run } from '../support/program.ts'

/** Nobody listens there. */
const DEAD = 'http://127.0.0.1:4'
const PLACE = '127.0.0.1'

let folder: string
let path: string
let portal: Server
let url: string
let body: { demo: boolean; missing: unknown[]; examples: unknown[] }

const file = (name: string) => join(folder, name)
const openssl = (...words: string[]) => execFileSync('openssl', words, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })

function certify(name: string, issuer: string | null, extensions: string): void {
  writeFileSync(file(`${name}.ext`), extensions)
  openssl('req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=Test ${name}`)
  openssl('x509', '-req', '-in', `${name}.csr`, '-days', '30', '-extfile', `${name}.ext`, '-out', `${name}.pem`, ...(issuer ? ['-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`, '-CAcreateserial'] : ['-signkey', `${name}.key`]))
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'probe-faults-'))
  // openssl alone: what the others say is asked of a running instance.
  path = file('tools')
  mkdirSync(path)
  symlinkSync(join(process.env['PATH']!.split(delimiter).find((each) => existsSync(join(each, 'openssl')))!, 'openssl'), join(path, 'openssl'))
  const ca = 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n'
  certify('root', null, ca)
  certify('stranger', null, ca)
  certify('issuing', 'root', `${ca}authorityKeyIdentifier=keyid\ncrlDistributionPoints=URI:${DEAD}/crl/root.crl\n`)
  certify('leaf', 'issuing', `keyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\ncrlDistributionPoints=URI:${DEAD}/crl/issuing.crl\nauthorityInfoAccess=OCSP;URI:${DEAD}/ocsp\n`)
  portal = createServer((request, response) => {
    if (request.url === '/repository/examples.json') response.end(JSON.stringify(body))
    else if (request.url === '/chain.pem') response.end(['leaf', 'issuing', 'root'].map((name) => readFileSync(file(`${name}.pem`), 'utf8')).join(''))
    else response.writeHead(404).end()
  })
  await new Promise<void>((ready) => portal.listen(0, PLACE, ready))
  url = `http://${PLACE}:${(portal.address() as AddressInfo).port}`
}, 60_000)
afterAll(async () => {
  portal.closeAllConnections()
  await new Promise((done) => portal.close(done))
  rmSync(folder, { recursive: true, force: true })
})

const example = (kind: string, chain = '/chain.pem', more: object = {}) => ({
  kind, state: kind, pending: false, authority: 'issuing-g1', serial: '0a1b', notAfter: '2027-01-01T00:00:00.000Z', timeStamped: false, chain: url + chain, jar: `${url}/a.jar`, program: `${url}/a.exe`, ...more,
})
beforeEach(() => {
  body = { demo: false, missing: [], examples: [example('valid')] }
})
const probe = (...words: string[]) => run('commands/status-probe', { PATH: path }, ['--portal', url, ...words])
const said = (out: string, mark: string) => out.split('\n').filter((line) => line.startsWith(mark)).map((line) => line.replace(/ +/g, ' '))

test('REP-2: a dead address is a WRONG line with the example and the step, and the next step and the next example are taken', async () => {
  body.examples = [example('valid', '/gone.pem'), example('revoked')]
  const { code, out, err } = await probe()
  expect(said(out, 'WRONG')).toEqual([
    `WRONG valid chain ${url}/gone.pem answers 404 (issuing-g1 0a1b)`,
    `WRONG revoked ocsp-post must say revoked, says: ${DEAD}/ocsp can't be reached (issuing-g1 0a1b)`,
    expect.stringMatching(new RegExp(`^WRONG revoked ocsp-get must say revoked, says: ${DEAD}/ocsp/\\S+ can't be reached: ECONNREFUSED \\(issuing-g1 0a1b\\)$`)),
    expect.stringMatching(new RegExp(`^WRONG revoked crl must say revoked, says: ${DEAD}/crl/\\S+ can't be reached: ECONNREFUSED \\(issuing-g1 0a1b\\)$`)),
  ])
  expect(said(out, 'ok')).toEqual(['ok revoked dates in force (issuing-g1 0a1b)'])
  expect([code, err]).toEqual([1, ''])
})

test('REP-2: an example that is being made is no fault, and has an exit code of its own; one that nobody makes is', async () => {
  const missing = (kind: string, beingMade: boolean) => ({ authority: 'issuing-g1', kind, beingMade })
  body = { ...body, missing: ['valid', 'revoked'].map((kind) => missing(kind, true)), examples: [] }
  const soon = await probe()
  expect([soon.code, soon.err, said(soon.out, 'soon'), said(soon.out, 'WRONG')]).toEqual([3, '', ['soon valid example being made (issuing-g1)', 'soon revoked example being made (issuing-g1)'], []])
  expect(soon.out).toContain('Not every example is made yet: ask again in a minute or two.')
  body.missing = [missing('valid', true), missing('revoked', false)]
  const stuck = await probe()
  expect([stuck.code, said(stuck.out, 'WRONG')]).toEqual([1, ['WRONG revoked example issuing-g1 has none']])
  body.missing = []
  expect(await probe()).toMatchObject({ code: 2, out: '', err: 'There are no examples: the policy file orders none.\n' })
})

test('REP-2: a root that is another is one line, and nothing is judged under it', async () => {
  body.examples = ['valid', 'revoked'].map((kind) => example(kind))
  const { code, out, err } = await probe('--root', file('stranger.pem'))
  const sha256 = openssl('x509', '-in', 'root.pem', '-noout', '-fingerprint', '-sha256').toString().replace(/.*=|:|\s/g, '').toLowerCase()
  expect([code, err, said(out, 'WRONG'), said(out, 'ok')]).toEqual([1, '', [`WRONG (every kind) root ${file('stranger.pem')} is not the root of these certificates, which is CN=Test root, SHA-256 ${sha256}`], []])
})

test('REP-2: the root is taken in PEM, among others, and in DER', async () => {
  openssl('x509', '-in', 'root.pem', '-outform', 'DER', '-out', 'root.der')
  writeFileSync(file('two.pem'), `${readFileSync(file('stranger.pem'), 'utf8')}${readFileSync(file('root.pem'), 'utf8')}`)
  for (const name of ['root.der', 'two.pem']) expect(said((await probe('--root', file(name))).out, 'ok'), name).toEqual(['ok valid dates in force (issuing-g1 0a1b)'])
})

test.each([
  ['is not there', '/nonexist', "--root: /nonexist can't be read: there is no such file"],
  ['is a folder', '/', "--root: / can't be read: this is a folder"],
  ['holds no certificate', '/etc/hostname', '--root: /etc/hostname holds no certificate (PEM or DER)'],
])('REP-2: a root file that %s is said in one line', async (_, name, words) => {
  expect(await probe('--root', name)).toMatchObject({ code: 2, out: '', err: `${words}\n` })
})
