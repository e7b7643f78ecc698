import { execFileSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { expect, test } from 'vitest'
import { nginxFacts } from '../../src/commands/nginx-arguments.ts'
import { LARGEST_FORM_MIB, nginxFile } from '../../src/commands/nginx-file.ts'
import { readConfig } from '../../src/config.ts'
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
  expect(await run('commands/nginx-config', ADDRESSES)).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/^nginx:config: usage: .*\n$/) })
})

const FILES = ['--certificate', '/a', '--key', '/b']
test.each<[string, Record<string, string>, string[], RegExp]>([
  ['without a certificate', ADDRESSES, [], /^usage: /],
  ['for a portal without TLS', { ...ADDRESSES, PORTAL_URL: 'http://portal.ca.example' }, FILES, /^PORTAL_URL: nginx ends TLS/],
  ['for an address with a path', { ...ADDRESSES, STATUS_URL: 'http://ca.example/status' }, FILES, /there may be no path, is "\/status"/],
  ['for a node without a port', ADDRESSES, [...FILES, '--portal', '10.0.0.1'], /^"10\.0\.0\.1" is not HOST:PORT/],
  ['with a word that nginx would read otherwise', ADDRESSES, ['--certificate', '/a; include /etc/passwd', '--key', '/b'], /would mean something else to nginx/],
  ['with an option that it does not know', ADDRESSES, ['--portals', 'x'], /^Unknown option '--portals'.*\nusage: /],
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

function selfSigned(): { certificate: string; key: string } {
  const folder = mkdtempSync(`${process.env['TEST_RUN_FOLDER']}/tls-`)
  const [certificate, key] = [`${folder}/tls.pem`, `${folder}/tls.key`]
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', certificate, '-days', '2', '-subj', '/CN=localhost'], { stdio: 'ignore' })
  return { certificate, key }
}
