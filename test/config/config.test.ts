import { readdirSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { fileURLToPath } from 'node:url'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ConfigRefused, ENTRIES, readConfig, type ProcessName } from '../../src/config.ts'

const HERE = fileURLToPath(import.meta.url)
const PROCESSES: readonly ProcessName[] = ['portal', 'ca', 'status', 'ceremony', 'command']
const PRODUCTION = { NODE_ENV: 'production', PORTAL_URL: 'https://ca.example.jp', SMTP_URL: 'smtps://user:word@mail.example.jp:465', PORTAL_TLS_CERTIFICATE: HERE, PORTAL_TLS_KEY: HERE }

/** Why the configuration was refused; the names of the entries in order. */
function reasons(processName: ProcessName, env: Record<string, string>): readonly string[] {
  try {
    readConfig(processName, env)
  } catch (error) {
    if (ConfigRefused.is(error)) return error.reasons
    throw error
  }
  return []
}
const named = (processName: ProcessName, env: Record<string, string>) => reasons(processName, env).map((reason) => reason.split(':')[0])

describe('readConfig', () => {
  test('an empty environment is a whole development configuration', () => {
    expect(readConfig('portal', {})).toEqual({
      production: false,
      dataDir: fileURLToPath(new URL('../../var', import.meta.url)),
      policyFile: fileURLToPath(new URL('../../src/policy/secom-pfm20pub-6.02.json', import.meta.url)),
      databaseUrl: `sqlite:${fileURLToPath(new URL('../../var/portal.sqlite', import.meta.url))}`,
      portal: { host: '127.0.0.1', port: 8080, url: 'http://localhost:8080', trustProxy: false, tls: null },
      status: { host: '127.0.0.1', port: 8081, url: 'http://localhost:8081', workers: 1 },
      earlierUrls: [],
      node: hostname(),
      accessLogDir: fileURLToPath(new URL('../../var/access-log', import.meta.url)),
      metrics: { host: '127.0.0.1', port: 8180 },
      mail: { smtpUrl: null, from: 'ca@localhost' },
      session: { idleMinutes: 30, absoluteHours: 12 },
      hsm: null,
    })
  })

  test('each process has a private port of its own, beside the public ones of its instance', () => {
    const port = (name: ProcessName, env: Record<string, string> = {}) => readConfig(name, env).metrics.port
    expect(PROCESSES.map((name) => port(name))).toEqual([8180, 8182, 8181, null, null])
    expect(PROCESSES.map((name) => port(name, { PORTAL_PORT: '9080', STATUS_PORT: '65530' }))).toEqual([9180, 65429, 65430, null, null])
    // The next where it would be another's.
    expect(PROCESSES.map((name) => port(name, { PORTAL_PORT: '8081', STATUS_PORT: '8080' }))).toEqual([8181, 8182, 8180, null, null])
    expect(PROCESSES.map((name) => port(name, { PORTAL_PORT: '8181', STATUS_PORT: '8081' }))).toEqual([8281, 8183, 8182, null, null])
    expect(port('ca', { CA_METRICS_PORT: '9464' })).toBe(9464)
    expect(port('ca', { CA_METRICS_PORT: 'none' })).toBe(null)
    expect(named('ca', { CA_METRICS_PORT: '8081' })).toEqual(['CA_METRICS_PORT'])
  })

  test.each(['0.0.0.0', '::', '10.0.0.5', 'metrics.example', '2001:db8::1'])('inner figures are never public by accident: METRICS_HOST=%s alone is refused', (host) => {
    expect(named('status', { METRICS_HOST: host })).toEqual(['METRICS_HOST'])
    expect(readConfig('status', { METRICS_HOST: host, METRICS_BEYOND_LOOPBACK: 'yes' }).metrics.host).toBe(host)
  })
  test.each(['127.0.0.1', '127.3.2.1', '::1', 'localhost'])('METRICS_HOST=%s stays on this machine', (host) => expect(readConfig('status', { METRICS_HOST: host }).metrics.host).toBe(host))

  test('an entry set to nothing is an entry not set', () => {
    expect(readConfig('ca', Object.fromEntries(ENTRIES.map(({ name }) => [name, ''])))).toEqual(readConfig('ca', {}))
  })

  test('DATA_DIR and the ports place a second instance beside the first', () => {
    const config = readConfig('ca', { DATA_DIR: 'second', PORTAL_PORT: '9080', STATUS_PORT: '9081' })
    expect(config).toMatchObject({
      dataDir: resolve('second'),
      databaseUrl: `sqlite:${resolve('second/portal.sqlite')}`,
      portal: { port: 9080, url: 'http://localhost:9080' },
      status: { port: 9081, url: 'http://localhost:9081' },
      hsm: { pinFile: resolve('second/pins/issuing') },
    })
  })

  test('lists every wrong entry at once', () => {
    const wrong = {
      NODE_ENV: 'prod',
      DATABASE_URL: 'mysql://root@localhost/ca',
      POLICY_FILE: '/nowhere/policy.json',
      PORTAL_PORT: '0',
      STATUS_PORT: '8o81',
      PORTAL_URL: 'ftp://example.jp',
      STATUS_URL: 'https://status.example.jp',
      PORTAL_TLS_CERTIFICATE: '/nowhere/tls.pem',
      PORTAL_TLS_KEY: '/nowhere/tls.key',
      TRUST_PROXY: 'true',
      SMTP_URL: 'http://mail.example.jp',
      PKCS11_MODULE: '/nowhere/pkcs11.so',
      SESSION_IDLE_MINUTES: '-5',
      SESSION_ABSOLUTE_HOURS: '73',
    }
    expect(named('ca', wrong).sort()).toEqual(Object.keys(wrong).sort())
    expect(() => readConfig('ca', wrong)).toThrow(/can't be used:\n {2}NODE_ENV: must be development, test or production, is "prod"\n {2}DATABASE_URL: [^]*SESSION_ABSOLUTE_HOURS: must be a whole number from 1 to 72, is "73"$/)
  })

  const oneWrong: [why: string, env: Record<string, string>, reason: string][] = [
    ['a port above 65535', { PORTAL_PORT: '65536' }, 'PORTAL_PORT: must be a whole number from 1 to 65535, is "65536"'],
    ['a port with a fraction', { STATUS_PORT: '80.5' }, 'STATUS_PORT: must be a whole number from 1 to 65535, is "80.5"'],
    ['both servers on one port', { PORTAL_PORT: '9000', STATUS_PORT: '9000' }, 'STATUS_PORT: must differ from PORTAL_PORT'],
    ['an address that is none', { PORTAL_URL: 'ca.example.jp' }, 'PORTAL_URL: must be an address that begins with http:// or https://, is "ca.example.jp"'],
    ['an address with a query', { PORTAL_URL: 'https://ca.example.jp/?a=1' }, 'PORTAL_URL: must be an address that begins with http:// or https://, is "https://ca.example.jp/?a=1"'],
    ['an earlier address that is none', { EARLIER_URLS: 'http://old.example.jp status.example.jp' }, 'EARLIER_URLS: must be an address that begins with http:// or https://, is "status.example.jp"'],
    ['an address beyond ASCII, which no certificate can carry', { STATUS_URL: 'http://認証局.example.jp' }, 'STATUS_URL: must be an address that begins with http://, is "http://認証局.example.jp"'],
    ['a certificate without its key', { PORTAL_TLS_CERTIFICATE: HERE }, 'PORTAL_TLS_CERTIFICATE and PORTAL_TLS_KEY: give both or none'],
    ['a key without its certificate', { PORTAL_TLS_KEY: HERE }, 'PORTAL_TLS_CERTIFICATE and PORTAL_TLS_KEY: give both or none'],
    ['a database of another kind', { DATABASE_URL: 'mysql://user:word@localhost/ca' }, 'DATABASE_URL: must begin with sqlite: or postgres://'],
    ['a database without a file', { DATABASE_URL: 'sqlite:' }, 'DATABASE_URL: must begin with sqlite: or postgres://'],
    ['a mail server of another kind, its password not shown', { SMTP_URL: 'imap://user:word@localhost' }, 'SMTP_URL: must be an address that begins with smtp:// or smtps://'],
  ]
  test.each(oneWrong)('refuses %s', (_, env, reason) => {
    expect(reasons('portal', env)).toEqual([reason])
  })

  test('every message names an entry of the table', () => {
    const names = new Set(ENTRIES.map(({ name }) => name))
    for (const [, , reason] of oneWrong) expect(names).toContain(reason.split(/:| and /)[0])
  })

  test('can not be changed afterwards', () => {
    const frozen = (value: unknown): boolean => typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(frozen))
    for (const processName of PROCESSES) expect(frozen(readConfig(processName, PRODUCTION)), processName).toBe(true)
  })
})

describe('production', () => {
  test('a whole one is taken by every process', () => {
    for (const processName of PROCESSES) expect(readConfig(processName, PRODUCTION).production, processName).toBe(true)
  })

  test('REP-3: the portal is refused without TLS', () => {
    const { PORTAL_TLS_CERTIFICATE: _certificate, PORTAL_TLS_KEY: _key, ...plain } = PRODUCTION
    expect(reasons('portal', plain)).toEqual([expect.stringMatching(/^PORTAL_TLS_CERTIFICATE: production serves the portal over TLS/)])
    expect(reasons('portal', { ...plain, TRUST_PROXY: 'no' })).toHaveLength(1)
    expect(readConfig('portal', { ...plain, TRUST_PROXY: 'yes' }).portal).toMatchObject({ trustProxy: true, tls: null })
  })

  test('REP-3: the portal is refused under a plain HTTP address', () => {
    expect(reasons('portal', { ...PRODUCTION, PORTAL_URL: 'http://ca.example.jp' })).toEqual(['PORTAL_URL: must begin with https:// in production'])
    expect(named('portal', { ...PRODUCTION, PORTAL_URL: '' })).toEqual(['PORTAL_URL'])
  })

  test.each(['portal', 'ca'] as const)('%s is refused without a mail server', (processName) => {
    expect(reasons(processName, { ...PRODUCTION, SMTP_URL: '' })).toEqual(['SMTP_URL: production sends real mail; give a server'])
  })

  test('a portal with nothing set hears of all three', () => {
    expect(named('portal', { NODE_ENV: 'production' })).toEqual(['SMTP_URL', 'PORTAL_TLS_CERTIFICATE', 'PORTAL_URL'])
  })
})

describe('keys', () => {
  test('ISS-6: the portal knows no token, no PIN file and no PKCS#11 module, whatever its environment says', () => {
    const env = { PKCS11_MODULE: HERE, CA_TOKEN: 'the-token', CA_PIN_FILE: '/the/pin/file', STATUS_TOKEN: 'the-token', STATUS_PIN_FILE: '/the/pin/file', ROOT_TOKEN: 'the-token', ROOT_PIN_FILE: '/the/pin/file' }
    for (const processName of ['portal', 'command'] as const) {
      const config = readConfig(processName, env)
      expect(config.hsm).toBeNull()
      expect(JSON.stringify(config)).not.toMatch(/the-token|pin|config\.test/)
    }
  })

  test.each([
    ['ca', 'CA', 'issuing'],
    ['status', 'STATUS', 'status'],
    ['ceremony', 'ROOT', 'root'],
  ] as const)('ISS-6: %s knows its own token alone', (processName, prefix, label) => {
    const others = Object.fromEntries(['CA', 'STATUS', 'ROOT'].filter((other) => other !== prefix).flatMap((other) => [[`${other}_TOKEN`, 'other'], [`${other}_PIN_FILE`, '/other']]))
    expect(readConfig(processName, { DATA_DIR: '/data', ...others }).hsm).toEqual({ module: null, tokenLabel: label, pinFile: `/data/pins/${label}` })
    expect(readConfig(processName, { PKCS11_MODULE: HERE, [`${prefix}_TOKEN`]: 'mine', [`${prefix}_PIN_FILE`]: '/mine', ...others }).hsm).toEqual({ module: HERE, tokenLabel: 'mine', pinFile: '/mine' })
  })

  test('no entry of the environment holds a PIN', () => {
    expect(ENTRIES.filter(({ name }) => /PIN|PASSWORD|SECRET/.test(name) && !name.endsWith('_FILE'))).toEqual([])
  })
})

describe('the table of entries', () => {
  const SOURCE = fileURLToPath(new URL('../../src', import.meta.url))
  // Of the system, of npm, of compilers and of SoftHSM2 itself: set or passed on, nobody configures the product by them.
  const FOREIGN = ['PATH', 'HOME', 'INIT_CWD', 'CFLAGS', 'CXXFLAGS', 'SOFTHSM2_CONF']
  const READS = [/\benv(?:ironment)?(?:\?\.|\.|\[')([A-Z][A-Z0-9_]+)\b/g, /\b(?:text|whole|address|file|privatePort)\('([A-Z][A-Z0-9_]+)'/g, /\['([A-Z]+_TOKEN)', '[A-Z_]+', '[a-z]+'\]/g, /\['[A-Z]+_TOKEN', '([A-Z_]+)', '[a-z]+'\]/g]

  const read = new Map<string, string>()
  // The subscriber's program is one of its own: its help says what it reads.
  for (const file of readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter((name) => /\.m?[jt]s$/.test(name) && !name.startsWith('keygen/'))) {
    const source = readFileSync(join(SOURCE, file), 'utf8')
    for (const pattern of READS) for (const [, name] of source.matchAll(pattern)) read.set(name!, file)
    // An entry taken out by destructuring would not be seen above.
    if (/\}\s*=\s*(process\.)?env\b/.test(source)) read.set(`destructured in ${file}`, file)
  }

  test('names every entry that the product reads', () => {
    const names = new Set([...ENTRIES.map(({ name }) => name), ...FOREIGN])
    expect([...read].filter(([name]) => !names.has(name))).toEqual([])
  })

  test('names none that the product does not read, and none twice', () => {
    const names = ENTRIES.map(({ name }) => name)
    expect(names.filter((name) => !read.has(name))).toEqual([])
    expect(new Set(names).size).toBe(names.length)
  })

  test('states the defaults that hold', () => {
    const stated = Object.fromEntries(ENTRIES.map(({ name, fallback }) => [name, fallback]))
    const { portal, status, session, mail } = readConfig('portal', {})
    expect(stated).toMatchObject({ PORTAL_PORT: String(portal.port), PORTAL_HOST: portal.host, STATUS_PORT: String(status.port), STATUS_HOST: status.host, MAIL_FROM: mail.from, SESSION_IDLE_MINUTES: String(session.idleMinutes), SESSION_ABSOLUTE_HOURS: String(session.absoluteHours) })
    for (const [processName, token, file] of [['ca', 'CA_TOKEN', 'CA_PIN_FILE'], ['status', 'STATUS_TOKEN', 'STATUS_PIN_FILE'], ['ceremony', 'ROOT_TOKEN', 'ROOT_PIN_FILE']] as const) {
      expect(readConfig(processName, { DATA_DIR: '/data' }).hsm).toMatchObject({ tokenLabel: stated[token], pinFile: stated[file]!.replace('DATA_DIR', '/data') })
    }
  })
})
