/** What is given to `npm run nginx:config`, checked: every word goes into nginx's own language. */
import { parseArgs } from 'node:util'
import type { Config } from '../config.ts'
import { StartRefused } from '../start-refused.ts'
import type { NginxFacts } from './nginx-file.ts'

export const USAGE = `npm run --silent nginx:config -- --certificate FILE --key FILE [--portal HOST:PORT]… [--status HOST:PORT]… [--portal-ca FILE] [--listen ADDRESS]… [--cache FOLDER] [--log FOLDER]

Prints nginx's configuration for PORTAL_URL and STATUS_URL and these nodes; those not named are those of this configuration.
Exit code: 0 it was printed; 2 nothing was, and one line says why.`
const SEE = '--help tells the words'
const NODE = /^([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]):\d{1,5}$/
const WORD = /^[\w./:*[\]-]+$/

function parse(args: readonly string[]) {
  const many = { type: 'string', multiple: true } as const
  const one = { type: 'string' } as const
  try {
    return parseArgs({ args: [...args], options: { portal: many, status: many, listen: many, certificate: one, key: one, 'portal-ca': one, cache: one, log: one } }).values
  } catch (error) {
    // What follows the first sentence is for who writes programs.
    throw new StartRefused(`${(error as Error).message.split('. ')[0]}; ${SEE}`)
  }
}

/** @throws StartRefused */
export function nginxFacts(args: readonly string[], { portal, status }: Pick<Config, 'portal' | 'status'>): NginxFacts {
  const given = parse(args)
  if (!given.certificate || !given.key) throw new StartRefused(`--certificate FILE and --key FILE are wanted; ${SEE}`)
  if (!portal.url.startsWith('https:')) throw new StartRefused('PORTAL_URL: nginx ends TLS for the portal; give its https:// address')
  for (const { pathname } of [portal.url, status.url].map((url) => new URL(url))) if (pathname !== '/') throw new StartRefused(`PORTAL_URL and STATUS_URL: nginx leads whole names to the nodes; there may be no path, is "${pathname}"`)
  const facts: NginxFacts = {
    portalUrl: portal.url,
    statusUrl: status.url,
    portals: given.portal ?? [`${portal.host}:${portal.port}`],
    statuses: given.status ?? [`${status.host}:${status.port}`],
    certificate: given.certificate,
    key: given.key,
    portalAuthority: given['portal-ca'] ?? null,
    listen: given.listen ?? ['*', '[::]'],
    cache: given.cache ?? '/var/cache/nginx/codesign-status',
    log: given.log ?? '/var/log/nginx',
  }
  for (const node of [...facts.portals, ...facts.statuses]) if (!NODE.test(node)) throw new StartRefused(`"${node}" is not HOST:PORT`)
  for (const word of [facts.certificate, facts.key, facts.portalAuthority ?? '/', facts.cache, facts.log, ...facts.listen]) if (!WORD.test(word)) throw new StartRefused(`"${word}" would mean something else to nginx`)
  return facts
}
