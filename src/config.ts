/**
 * The environment, checked once and frozen. Every wrong entry is listed at once.
 * The table below is also what README.md prints.
 */
import { existsSync } from 'node:fs'
import { availableParallelism, hostname } from 'node:os'
import { BlockList, isIP } from 'node:net'
import { fileURLToPath } from 'node:url'
import { join, resolve } from 'node:path'
import { SHIPPED_POLICY } from './policy/policy.ts'

export type ProcessName = 'portal' | 'ca' | 'status' | 'ceremony' | 'command'

export interface Config {
  readonly production: boolean
  readonly dataDir: string
  readonly policyFile: string
  /** `sqlite:FILE` or `postgres://…` */
  readonly databaseUrl: string
  readonly portal: { readonly host: string; readonly port: number; readonly url: string; readonly trustProxy: boolean; readonly tls: { readonly certificate: string; readonly key: string } | null }
  readonly status: { readonly host: string; readonly port: number; readonly url: string; readonly workers: number }
  /** Addresses that CA certificates name and that are answered still, beside the two above. */
  readonly earlierUrls: readonly string[]
  /** What this node is called in logs, files and figures. */
  readonly node: string
  /** Where `status` keeps the OCSP access log (OCS-8); null: nowhere. */
  readonly accessLogDir: string | null
  /** Where this process tells figures and readiness; a port of null: nowhere. */
  readonly metrics: { readonly host: string; readonly port: number | null }
  readonly mail: { readonly smtpUrl: string | null; readonly from: string }
  readonly session: { readonly idleMinutes: number; readonly absoluteHours: number }
  /** Null in processes that must not reach a key (`portal`). PINs are read from files, never from the environment. */
  readonly hsm: { readonly module: string | null; readonly tokenLabel: string; readonly pinFile: string } | null
}

interface Entry {
  readonly name: string
  readonly usedBy: string
  readonly fallback: string
  readonly meaning: string
}

/** Every entry of the environment that the product reads. Printed in README.md. */
export const ENTRIES: readonly Entry[] = [
  { name: 'NODE_ENV', usedBy: 'all', fallback: 'development', meaning: '`production` refuses samples, demo evidence, unattended keys and plain HTTP' },
  { name: 'DATA_DIR', usedBy: 'all', fallback: 'var', meaning: 'the one folder that holds state: database, tokens, PIN files, secrets' },
  { name: 'DATABASE_URL', usedBy: 'all', fallback: 'sqlite:DATA_DIR/portal.sqlite', meaning: '`sqlite:FILE` or `postgres://user:password@host/name`' },
  { name: 'POLICY_FILE', usedBy: 'all', fallback: 'the shipped policy', meaning: 'the facts of the Certificate Policy; another file makes another CA' },
  { name: 'PORTAL_PORT', usedBy: 'portal', fallback: '8080', meaning: 'where the web pages are served' },
  { name: 'PORTAL_HOST', usedBy: 'portal', fallback: '127.0.0.1', meaning: 'the address the portal listens on' },
  { name: 'PORTAL_URL', usedBy: 'all', fallback: 'http://localhost:PORTAL_PORT', meaning: 'how people reach the portal; also the CPS address in certificates' },
  { name: 'PORTAL_TLS_CERTIFICATE', usedBy: 'portal', fallback: 'none', meaning: 'PEM file; with PORTAL_TLS_KEY the portal serves HTTPS itself' },
  { name: 'PORTAL_TLS_KEY', usedBy: 'portal', fallback: 'none', meaning: 'PEM file of the key for PORTAL_TLS_CERTIFICATE' },
  { name: 'TRUST_PROXY', usedBy: 'portal', fallback: 'no', meaning: '`yes` when a proxy in front ends TLS and sets X-Forwarded-For and X-Forwarded-Proto' },
  { name: 'STATUS_PORT', usedBy: 'status', fallback: '8081', meaning: 'where OCSP, CRLs and CA certificates are served' },
  { name: 'STATUS_HOST', usedBy: 'status', fallback: '127.0.0.1', meaning: 'the address status listens on' },
  { name: 'STATUS_URL', usedBy: 'all', fallback: 'http://localhost:STATUS_PORT', meaning: 'the base of the OCSP, CRL and CA addresses put into certificates (HTTP)' },
  { name: 'EARLIER_URLS', usedBy: 'portal, ca, status', fallback: 'none', meaning: 'addresses in CA certificates that differ from PORTAL_URL and STATUS_URL on purpose and are answered still, by DNS or a proxy; a space between two' },
  { name: 'STATUS_WORKERS', usedBy: 'status', fallback: 'one for each core; 1 outside production', meaning: 'how many processes answer for status on this machine' },
  { name: 'NODE_NAME', usedBy: 'all', fallback: 'the host name', meaning: 'what this machine is called in logs, figures and the names of access-log files: letters, digits, `-` and `.`' },
  { name: 'ACCESS_LOG_DIR', usedBy: 'status', fallback: 'DATA_DIR/access-log', meaning: 'where the OCSP access log is kept for the archive (OCS-8); `none`, outside production: nowhere' },
  { name: 'PORTAL_METRICS_PORT', usedBy: 'portal', fallback: 'PORTAL_PORT + 100', meaning: 'private port with `/metrics`, `/health` and `/ready`; `none`: none' },
  { name: 'STATUS_METRICS_PORT', usedBy: 'status', fallback: 'STATUS_PORT + 100', meaning: 'the same for status, one for all its workers' },
  { name: 'CA_METRICS_PORT', usedBy: 'ca', fallback: 'STATUS_PORT + 101', meaning: 'the same for ca; of these ports that nobody sets, one that would be another’s is the next' },
  { name: 'METRICS_HOST', usedBy: 'portal, ca, status', fallback: '127.0.0.1', meaning: 'the address of the private port' },
  { name: 'METRICS_BEYOND_LOOPBACK', usedBy: 'portal, ca, status', fallback: 'no', meaning: '`yes` lets METRICS_HOST be an address that other machines reach: inner figures, no password' },
  { name: 'SMTP_URL', usedBy: 'portal, ca', fallback: 'none', meaning: '`smtp://user:password@host:port`; without it (development only) mail is shown in the terminal and at /mail' },
  { name: 'MAIL_FROM', usedBy: 'portal, ca', fallback: 'ca@localhost', meaning: 'the sender of mail' },
  { name: 'SESSION_IDLE_MINUTES', usedBy: 'portal', fallback: '30', meaning: 'a session without a request ends after this' },
  { name: 'SESSION_ABSOLUTE_HOURS', usedBy: 'portal', fallback: '12', meaning: 'a session ends after this whatever happens' },
  { name: 'PKCS11_MODULE', usedBy: 'ca, status, ceremony', fallback: 'SoftHSM2, found', meaning: 'the PKCS#11 library of the HSM' },
  { name: 'SOFTHSM2_MODULE', usedBy: 'ca, status, ceremony', fallback: 'looked for', meaning: 'where the SoftHSM2 library lies, when it is not where the system puts it' },
  { name: 'CA_TOKEN', usedBy: 'ca', fallback: 'issuing', meaning: 'label of the token that holds the issuing CA key' },
  { name: 'CA_PIN_FILE', usedBy: 'ca', fallback: 'DATA_DIR/pins/issuing', meaning: 'file that holds the PIN of CA_TOKEN, readable by `ca` alone' },
  { name: 'STATUS_TOKEN', usedBy: 'status', fallback: 'status', meaning: 'label of the token that holds the responder keys' },
  { name: 'STATUS_PIN_FILE', usedBy: 'status', fallback: 'DATA_DIR/pins/status', meaning: 'file that holds the PIN of STATUS_TOKEN, readable by `status` alone' },
  { name: 'ROOT_TOKEN', usedBy: 'ceremony', fallback: 'root', meaning: 'label of the token that holds the root key; only the ceremony opens it' },
  { name: 'ROOT_PIN_FILE', usedBy: 'ceremony', fallback: 'DATA_DIR/pins/root', meaning: 'file that holds the PIN of ROOT_TOKEN; keep it off the machine between ceremonies' },
]

/** Every wrong entry of the environment, one line each. */
export class ConfigRefused extends Error {
  readonly #configRefused = true
  readonly reasons: readonly string[]
  constructor(reasons: readonly string[]) {
    super(`The configuration can't be used:\n${reasons.map((reason) => `  ${reason}`).join('\n')}`)
    this.name = 'ConfigRefused'
    this.reasons = reasons
  }
  static is(error: unknown): error is ConfigRefused {
    return typeof error === 'object' && error !== null && #configRefused in error
  }
}

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')
const isLoopback = (host: string): boolean => host === 'localhost' || (isIP(host) !== 0 && LOOPBACK.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4'))

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/**
 * @throws ConfigRefused with every wrong entry
 */
export function readConfig(processName: ProcessName, env: Readonly<Record<string, string | undefined>> = process.env): Config {
  const reasons: string[] = []
  const text = (name: string, fallback: string) => (env[name] === undefined || env[name] === '' ? fallback : env[name])
  const whole = (name: string, fallback: number, least: number, most: number) => {
    const given = text(name, String(fallback))
    const value = /^\d+$/.test(given) ? Number(given) : NaN
    if (value >= least && value <= most) return value
    reasons.push(`${name}: must be a whole number from ${least} to ${most}, is "${given}"`)
    // The configuration is refused already; what is derived from this entry shall not be blamed too.
    return fallback
  }
  const address = (name: string, fallback: string, protocols: readonly string[]) => addressOf(name, text(name, fallback), protocols)
  const addressOf = (name: string, given: string, protocols: readonly string[]) => {
    const parsed = URL.canParse(given) ? new URL(given) : null
    // ASCII: these addresses go into certificates as IA5String. Never shown with a password in it.
    if (!parsed || !protocols.includes(parsed.protocol) || parsed.search || parsed.hash || !/^[\x21-\x7e]+$/.test(given)) reasons.push(`${name}: must be an address that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}${given.includes('@') ? '' : `, is "${given}"`}`)
    return given.replace(/\/+$/, '')
  }
  const file = (name: string) => {
    const given = env[name]
    if (given !== undefined && given !== '' && !existsSync(given)) reasons.push(`${name}: no such file: ${given}`)
    return given === undefined || given === '' ? null : given
  }

  const mode = text('NODE_ENV', 'development')
  if (!['development', 'production', 'test'].includes(mode)) reasons.push(`NODE_ENV: must be development, test or production, is "${mode}"`)
  const production = mode === 'production'
  const dataDir = resolve(text('DATA_DIR', join(ROOT, 'var')))
  const databaseUrl = text('DATABASE_URL', `sqlite:${join(dataDir, 'portal.sqlite')}`)
  if (!/^sqlite:.+|^postgres(ql)?:\/\/.+/.test(databaseUrl)) reasons.push('DATABASE_URL: must begin with sqlite: or postgres://')
  const policyFile = resolve(text('POLICY_FILE', SHIPPED_POLICY))
  if (!existsSync(policyFile)) reasons.push(`POLICY_FILE: no such file: ${policyFile}`)

  const portalPort = whole('PORTAL_PORT', 8080, 1, 65535)
  const statusPort = whole('STATUS_PORT', 8081, 1, 65535)
  if (portalPort === statusPort) reasons.push('STATUS_PORT: must differ from PORTAL_PORT')
  const portalUrl = address('PORTAL_URL', `http://localhost:${portalPort}`, ['http:', 'https:'])
  const workers = whole('STATUS_WORKERS', production ? availableParallelism() : 1, 1, 256)
  const statusUrl = address('STATUS_URL', `http://localhost:${statusPort}`, ['http:'])
  const earlierUrls = text('EARLIER_URLS', '').split(/\s+/).filter(Boolean).map((each) => addressOf('EARLIER_URLS', each, ['http:', 'https:']))
  const certificate = file('PORTAL_TLS_CERTIFICATE')
  const key = file('PORTAL_TLS_KEY')
  if ((certificate === null) !== (key === null)) reasons.push('PORTAL_TLS_CERTIFICATE and PORTAL_TLS_KEY: give both or none')
  const proxy = text('TRUST_PROXY', 'no')
  if (proxy !== 'yes' && proxy !== 'no') reasons.push(`TRUST_PROXY: must be yes or no, is "${proxy}"`)
  const node = text('NODE_NAME', hostname().replace(/[^A-Za-z0-9.-]/g, '-').slice(0, 64) || 'node')
  if (!/^[A-Za-z0-9][A-Za-z0-9.-]{0,63}$/.test(node)) reasons.push(`NODE_NAME: must be at most 64 letters, digits, - and ., is "${node}"`)
  const accessLogDir = text('ACCESS_LOG_DIR', join(dataDir, 'access-log'))
  if (production && accessLogDir === 'none') reasons.push('ACCESS_LOG_DIR: production keeps the access log (OCS-8; CP 5.5.1)')
  const metricsHost = text('METRICS_HOST', '127.0.0.1')
  const beyond = text('METRICS_BEYOND_LOOPBACK', 'no')
  if (beyond !== 'yes' && beyond !== 'no') reasons.push(`METRICS_BEYOND_LOOPBACK: must be yes or no, is "${beyond}"`)
  // Set on purpose or not at all: the figures tell how much is left before something breaks.
  if (beyond !== 'yes' && !isLoopback(metricsHost)) reasons.push(`METRICS_HOST: ${metricsHost} may be reached from other machines: bind to 127.0.0.1, or set METRICS_BEYOND_LOOPBACK=yes on purpose`)
  const taken = [portalPort, statusPort]
  const privatePort = (name: string, publicPort: number, ahead: number): number | null => {
    // A port that is high already has its private one below.
    const step = publicPort + ahead <= 65535 ? 1 : -1
    let fallback = publicPort + step * ahead
    while (taken.includes(fallback)) fallback += step
    taken.push(fallback)
    if (text(name, '') === 'none' || (text(name, '') === '' && mode === 'test')) return null
    const port = whole(name, fallback, 1, 65535)
    if (port === portalPort || port === statusPort) reasons.push(`${name}: must differ from PORTAL_PORT and STATUS_PORT`)
    return port
  }
  const metricsPorts: Partial<Record<ProcessName, number | null>> = { portal: privatePort('PORTAL_METRICS_PORT', portalPort, 100), status: privatePort('STATUS_METRICS_PORT', statusPort, 100), ca: privatePort('CA_METRICS_PORT', statusPort, 101) }
  const smtpUrl = env['SMTP_URL'] ? address('SMTP_URL', '', ['smtp:', 'smtps:']) : null
  if (production && (processName === 'portal' || processName === 'ca')) {
    if (smtpUrl === null) reasons.push('SMTP_URL: production sends real mail; give a server')
  }
  if (production && processName === 'portal') {
    // CP 6.1.3, REP-3: public keys arrive over TLS only.
    if (certificate === null && proxy !== 'yes') reasons.push('PORTAL_TLS_CERTIFICATE: production serves the portal over TLS; give a certificate and key, or TRUST_PROXY=yes with a proxy that ends TLS')
    if (!portalUrl.startsWith('https:')) reasons.push('PORTAL_URL: must begin with https:// in production')
  }

  const token: Partial<Record<ProcessName, readonly [label: string, pin: string, fallback: string]>> = { ca: ['CA_TOKEN', 'CA_PIN_FILE', 'issuing'], status: ['STATUS_TOKEN', 'STATUS_PIN_FILE', 'status'], ceremony: ['ROOT_TOKEN', 'ROOT_PIN_FILE', 'root'] }
  const wanted = token[processName]
  const module = wanted ? file('PKCS11_MODULE') : null

  const idleMinutes = whole('SESSION_IDLE_MINUTES', 30, 1, 24 * 60)
  const absoluteHours = whole('SESSION_ABSOLUTE_HOURS', 12, 1, 72)
  if (reasons.length > 0) throw new ConfigRefused(reasons)
  return Object.freeze({
    production,
    dataDir,
    policyFile,
    databaseUrl,
    portal: Object.freeze({ host: text('PORTAL_HOST', '127.0.0.1'), port: portalPort, url: portalUrl, trustProxy: proxy === 'yes', tls: certificate !== null && key !== null ? Object.freeze({ certificate, key }) : null }),
    status: Object.freeze({ host: text('STATUS_HOST', '127.0.0.1'), port: statusPort, url: statusUrl, workers }),
    earlierUrls: Object.freeze(earlierUrls),
    node,
    accessLogDir: accessLogDir === 'none' ? null : resolve(accessLogDir),
    metrics: Object.freeze({ host: metricsHost, port: metricsPorts[processName] ?? null }),
    mail: Object.freeze({ smtpUrl, from: text('MAIL_FROM', 'ca@localhost') }),
    session: Object.freeze({ idleMinutes, absoluteHours }),
    hsm: wanted ? Object.freeze({ module, tokenLabel: text(wanted[0], wanted[2]), pinFile: text(wanted[1], join(dataDir, 'pins', wanted[2])) }) : null,
  })
}
