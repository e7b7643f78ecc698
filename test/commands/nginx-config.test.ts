import { execFileSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { createServer, request as httpRequest, type Server } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { nginxFacts } from '../../src/commands/nginx-arguments.ts'
import { LARGEST_FORM_MIB, nginxFile } from '../../src/commands/nginx-file.ts'
import { readConfig } from '../../src/config.ts'
import type { OcspService } from '../../src/revocation/ocsp-service.ts'
import { readyAnswer } from '../../src/revocation/ready-answer.ts'
import { errorAnswer } from '../../src/revocation/responder.ts'
import { createStatusServer } from '../../src/revocation/status-server.ts'
import { openServices } from '../../src/services.ts'
import { routeTable } from '../../src/web/routes.ts'
import { openFresh } from '../support/database.ts'
import { findNginx, startNginx } from '../support/nginx.ts'
import { run } from '../support/program.ts'

const ADDRESSES = { PORTAL_URL: 'https://portal.ca.example', STATUS_URL: 'http://status.ca.example' }
const FACTS = { portalUrl: ADDRESSES.PORTAL_URL, statusUrl: ADDRESSES.STATUS_URL, portals: ['10.0.0.1:8080', '[fd00::2]:8080'], statuses: ['10.0.0.3:8081'], certificate: '/tls.pem', key: '/tls.key', portalAuthority: null, listen: ['*', '[::]'], cache: '/cache', log: '/log' }

test('npm run nginx:config prints from PORTAL_URL and STATUS_URL; nodes not named are those of this configuration', async () => {
  const ended = await run('commands/nginx-config', { ...ADDRESSES, PORTAL_HOST: '10.0.0.9', PORTAL_PORT: '9080' }, ['--certificate', '/tls.pem', '--key', '/tls.key', '--status', '10.0.0.3:8081'])
  expect([ended.code, ended.err]).toEqual([0, ''])
  expect(ended.out).toBe(nginxFile({ ...FACTS, portals: ['10.0.0.9:9080'], cache: '/var/cache/nginx/codesign-status', log: '/var/log/nginx' }))
  expect(await run('commands/nginx-config', ADDRESSES)).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/^nginx:config: --certificate FILE and --key FILE are wanted; --help tells the words\n$/) })
})

const FILES = ['--certificate', '/a', '--key', '/b']
test.each<[string, Record<string, string>, string[], RegExp]>([
  ['without a certificate', ADDRESSES, [], /^--certificate FILE and --key FILE are wanted; --help tells the words$/],
  ['for a portal without TLS', { ...ADDRESSES, PORTAL_URL: 'http://portal.ca.example' }, FILES, /^PORTAL_URL: nginx ends TLS/],
  ['for an address with a path', { ...ADDRESSES, STATUS_URL: 'http://ca.example/status' }, FILES, /there may be no path, is "\/status"/],
  ['for a node without a port', ADDRESSES, [...FILES, '--portal', '10.0.0.1'], /^"10\.0\.0\.1" is not HOST:PORT/],
  ['with a word that nginx would read otherwise', ADDRESSES, ['--certificate', '/a; include /etc/passwd', '--key', '/b'], /would mean something else to nginx/],
  ['with an option that it does not know', ADDRESSES, ['--portals', 'x'], /^Unknown option '--portals'; --help tells the words$/],
])('npm run nginx:config refuses to print %s', (_, env, parameters, said) => {
  expect(() => nginxFacts(parameters, readConfig('command', env))).toThrow(said)
})

test('the largest form of any page fits through', async () => {
  const services = openServices(readConfig('portal', { NODE_ENV: 'test', DATA_DIR: '/nonexistent' }), { database: await openFresh() })
  const uploads = routeTable(services).map(({ upload }) => upload?.maxBytes ?? 0)
  expect(Math.max(...uploads)).toBeGreaterThan(1024 * 1024)
  // With sixty fields of 64 KiB (uploads.ts) and the lines between the parts.
  expect(Math.max(...uploads) + 60 * 66 * 1024).toBeLessThanOrEqual(LARGEST_FORM_MIB * 1024 * 1024)
})

test('who comes by HTTP is led to HTTPS, unless the status has that name and port', () => {
  expect(nginxFile(FACTS)).toContain('return 301 https://portal.ca.example$request_uri;')
  expect(nginxFile({ ...FACTS, statusUrl: 'http://portal.ca.example' })).not.toContain('return 301')
  expect(nginxFile({ ...FACTS, portalUrl: 'https://portal.ca.example:8443' })).not.toContain('return 301')
})

test.skipIf(findNginx() === null && process.env['CI'] !== 'true')('nginx takes it with TLS on to the portals too, whose certificate it then verifies', async () => {
  const { certificate, key } = selfSigned()
  const text = (folder: string) =>
    nginxFile({ ...FACTS, portalUrl: 'https://localhost:18443', statusUrl: 'http://localhost:18081', portals: ['127.0.0.1:1'], statuses: ['127.0.0.1:1'], listen: ['127.0.0.9'], certificate, key, portalAuthority: certificate, cache: `${folder}/cache`, log: folder })
  expect(text('/x')).toMatch(/proxy_pass https:\/\/codesign_portal;[\s\S]*proxy_ssl_verify on;/)
  const nginx = await startNginx(text)
  expect(nginx.tested).toContain('test is successful')
  await nginx.stop()
})

test.skipIf(findNginx() === null && process.env['CI'] !== 'true')('OCS-6: nginx refuses by itself what a node would refuse; no stranger has nodes taken for dead, fills the cache with spellings or the log with a line', async () => {
  let asked = 0
  const node = createStatusServer({ now: () => new Date(), ocsp: { find: () => null, malformed: readyAnswer(errorAnswer('malformedRequest'), 30) } as unknown as OcspService, findCrl: async () => null, findCertificate: async () => (asked++, Buffer.from('a certificate')), fault: () => undefined })
  const [portalNode, PORT] = [createServer({ maxHeaderSize: 48 * 1024 }, (_, response) => response.end('a page')), 18_082]
  for (const server of [node, portalNode]) await new Promise<void>((ready) => server.listen(0, '127.0.0.9', ready))
  const at = (server: Server) => `127.0.0.9:${(server.address() as AddressInfo).port}`
  const { certificate, key } = selfSigned()
  const nginx = await startNginx((folder) => nginxFile({ ...FACTS, portalUrl: 'https://localhost:18444', statusUrl: `http://localhost:${PORT}`, portals: [at(portalNode)], statuses: [at(node)], listen: ['127.0.0.9'], certificate, key, cache: `${folder}/cache`, log: folder }))
  const ask = (path: string, headers: Record<string, string> = {}, secure = false) =>
    new Promise<string>((done, failed) => {
      const options = { host: '127.0.0.9', port: secure ? 18_444 : PORT, path, agent: false as const, headers: { ...headers, host: 'localhost' }, rejectUnauthorized: false, servername: 'localhost' }
      const sent = (secure ? httpsRequest : httpRequest)(options, (response) => {
        response.resume()
        response.on('end', () => done(`${response.statusCode} ${response.headers['x-cache-status'] ?? '-'}`))
      })
      sent.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' || error.code === 'EPIPE' ? done('cut') : failed(error)))
      sent.end()
    })
  try {
    await expect.poll(() => ask('/').catch(() => 'not yet'), { timeout: 10_000 }).toBe('200 MISS')
    const fields = (count: number, length: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`x-${n}`, 'y'.repeat(length)]))
    for (const secure of [false, true]) for (let times = 0; times < 24; times++) expect(['200 -', '404 -', '404 MISS', '400 -', 'cut'], String(times)).toContain(await ask('/x', fields(1 + (times % 12), 7000), secure))
    expect([await ask('/', {}, true), await ask('/ca/x.cer'), await ask('/ca/x.cer')]).toEqual(['200 -', '200 MISS', '200 HIT'])
    // No node was asked in vain.
    expect(nginx.log('codesign-failures.log')).toBe('')
    const before = asked
    for (const odd of ['/ca/x.cer?1', '/ca/x.cer?1', '/ca/x.cer?2', '//ca/x.cer', '///ca/x.cer']) expect(await ask(odd)).toBe('200 BYPASS')
    expect(asked).toBe(before + 5)
    await ask(`/ocsp${'/'.repeat(30_000)}x`).catch(() => undefined)
    await expect.poll(() => nginx.log('codesign-status.log')).toContain('/ocsp///')
    for (const line of nginx.log('codesign-status.log').split('\n')) expect(line.length).toBeLessThan(2600)
  } finally {
    await nginx.stop()
    for (const server of [node, portalNode]) server.close().closeAllConnections()
  }
})

test.skipIf(findNginx() === null && process.env['CI'] !== 'true')('OCS-8, LOG-1: whatever goes wrong, nginx writes neither a mailed link nor who asked; which node failed stands in a log of its own', async () => {
  const { certificate, key } = selfSigned()
  const ports = { portal: 18_446, status: 18_084 }
  const nginx = await startNginx((folder) => nginxFile({ ...FACTS, portalUrl: `https://localhost:${ports.portal}`, statusUrl: `http://localhost:${ports.status}`, portals: ['127.0.0.1:1'], statuses: ['127.0.0.1:2'], listen: ['127.0.0.9'], certificate, key, cache: `${folder}/cache`, log: folder }))
  const SECRET = 'c2VjcmV0LWxpbms'
  const ask = (secure: boolean, path: string, more: { method?: string; headers?: Record<string, string>; servername?: string } = {}) =>
    new Promise<number | string>((done) => {
      const { headers, method = 'GET', servername = 'localhost' } = more
      const sent = (secure ? httpsRequest : httpRequest)({ host: '127.0.0.9', localAddress: '127.0.0.77', port: secure ? ports.portal : ports.status, path, method, servername, agent: false, rejectUnauthorized: false, headers: { host: 'localhost', ...headers } }, (response) => response.resume().on('end', () => done(response.statusCode!)))
      sent.on('error', (error: NodeJS.ErrnoException) => done(error.code ?? ''))
      sent.end()
    })
  try {
    await expect.poll(() => ask(true, `/sign-in/password/${SECRET}`), { timeout: 10_000 }).toBe(502)
    expect(await ask(false, `/ocsp/${SECRET}`)).toBe(502)
    expect(await ask(false, '/tsa', { method: 'POST' })).toBe(502)
    // Refused by nginx itself, before or after it knows which server is meant.
    for (const secure of [true, false]) for (const more of [{ headers: { 'content-length': '99999999' }, method: 'POST' }, { headers: { 'x-long': 'y'.repeat(60_000) } }, { headers: { host: 'a b' } }, { servername: 'other.example' }]) await ask(secure, `/${SECRET}`, more)
    await expect.poll(() => nginx.log('codesign-failures.log').split('\n').filter((line) => line !== '').length).toBeGreaterThanOrEqual(3)
    const lines = nginx.log('codesign-failures.log')
    expect(lines).toMatch(/^\S+ localhost GET 502 "127\.0\.0\.1:1" "502" "[\d.]+"$/m)
    expect(lines).toMatch(/^\S+ localhost POST 502 "(127\.0\.0\.1:2|codesign_status)" "502" "[\d.]+"$/m)
    expect(nginx.log('error.log')).toContain('start worker process')
    for (const text of [lines, nginx.log('error.log')]) expect(text).not.toMatch(new RegExp(`${SECRET}|127\\.0\\.0\\.77|request:`))
    expect(nginx.log('codesign-status.log')).not.toContain('127.0.0.77')
  } finally {
    await nginx.stop()
  }
})

test('TSA-1: a time-stamp is asked for once, and no more of them from one address than a person makes', () => {
  const [, stamping] = /location = \/tsa \{([^}]*)\}/.exec(nginxFile(FACTS))!
  expect(stamping).toMatch(/limit_req zone=codesign_stamping[^]*proxy_next_upstream error timeout;/)
  expect(stamping).not.toMatch(/non_idempotent|proxy_cache/)
})

function selfSigned(): { certificate: string; key: string } {
  const folder = mkdtempSync(`${process.env['TEST_RUN_FOLDER']}/tls-`)
  const [certificate, key] = [`${folder}/tls.pem`, `${folder}/tls.key`]
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', certificate, '-days', '2', '-subj', '/CN=localhost'], { stdio: 'ignore' })
  return { certificate, key }
}
