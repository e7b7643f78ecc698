/** The real portal on a fresh database and a port of its own, and people to use it. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generate } from 'otplib'
import { afterAll } from 'vitest'
import type { Clock } from '../../src/application/ports.ts'
import { readConfig } from '../../src/config.ts'
import { migrate } from '../../src/database/database.ts'
import type { OutboxRow } from '../../src/mail/mailer.ts'
import { createAccount } from '../../src/people/accounts.ts'
import { organisationNamed } from '../../src/people/organisations.ts'
import { hashPassword } from '../../src/people/passwords.ts'
import type { Role } from '../../src/people/roles.ts'
import { enrolTotp, newTotpSecret } from '../../src/people/second-factor.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { openServices, type Services } from '../../src/services.ts'
import { createApp } from '../../src/web/app.ts'
import { Client, type Page } from './client.ts'
import { keptTextAsync } from './kept.ts'
import { emptySqlite, freshEnvironment } from './database.ts'

export { Client, type Page } from './client.ts'
export { words } from './page-checks.ts'

export interface Portal {
  readonly url: string
  readonly services: Services
  /** What the portal wrote to its log: faults. Tests that expect none assert that it is empty. */
  readonly faults: readonly Record<string, unknown>[]
  /** A new browser; `address` is where it seems to come from. */
  client(options?: { readonly address?: string; readonly language?: 'en' | 'ja' }): Client
  /** Moves the portal's clock forward (only when the portal was started without a clock). */
  advance(time: { readonly seconds?: number; readonly minutes?: number; readonly hours?: number }): void
  /** The mail to an address, newest first, with the first address in its text as a path of the portal. */
  mails(to: string): Promise<readonly { readonly subject: string; readonly body: string; readonly link: string | null; readonly language: string }[]>
  close(): Promise<void>
}

const open = new Set<Portal>()
afterAll(async () => {
  for (const portal of open) await portal.close()
})

export async function startPortal(
  options: { readonly policy?: Policy; readonly clock?: Clock; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Portal> {
  const dataDir = mkdtempSync(join(tmpdir(), 'portal-'))
  const server = createServer()
  server.keepAliveTimeout = 75_000
  await new Promise<void>((ready, failed) => server.once('error', failed).listen(0, '127.0.0.1', ready))
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  const config = readConfig('portal', {
    NODE_ENV: 'test',
    DATA_DIR: dataDir,
    PORTAL_PORT: String(port),
    PORTAL_URL: url,
    STATUS_PORT: String(port === 65535 ? 1024 : port + 1),
    TRUST_PROXY: 'yes',
    ...(await freshEnvironment()),
    ...options.env,
  })
  let moved = 0
  const clock = options.clock ?? (() => new Date(Date.now() + moved))
  const file = /^sqlite:(\/.*)$/.exec(config.databaseUrl)?.[1]
  if (file !== undefined && !existsSync(file)) copyFileSync(await emptySqlite(), file)
  const services = openServices(config, { clock, ...(options.policy ? { policy: options.policy } : {}) })
  await migrate(services.database)
  const faults: Record<string, unknown>[] = []
  server.on(
    'request',
    createApp(services, (line) => faults.push(line)),
  )
  const portal: Portal = {
    url,
    services,
    faults,
    client: ({ address, language } = {}) => new Client(url, { ...(address ? { 'x-forwarded-for': address } : {}), 'accept-language': language ?? 'en' }),
    advance({ seconds = 0, minutes = 0, hours = 0 }) {
      if (options.clock) throw new Error('this portal has a clock of its own')
      moved += (seconds + minutes * 60 + hours * 3600) * 1000
    },
    async mails(to) {
      const rows = await services
        .database<OutboxRow>('mail_outbox')
        .where({ recipient: to })
        .orderBy([{ column: 'created_at', order: 'desc' }])
      return rows.map((row) => ({
        subject: row.subject,
        body: row.body,
        link: /https?:\/\/\S+/.exec(row.body)?.[0].slice(url.length) ?? null,
        language: row.locale,
      }))
    },
    async close() {
      if (!open.delete(portal)) return
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
      await services.close()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
  open.add(portal)
  return portal
}

export interface Person {
  readonly id: string
  readonly email: string
  readonly name: string
  readonly password: string
  /** The TOTP secret, base32. */
  readonly secret: string
}

let count = 0

/** An active account with its second factor enrolled. `organisation` is a legal name. */
export async function createPerson(
  services: Services,
  options: { readonly roles: readonly Role[]; readonly organisation?: string; readonly name?: string; readonly email?: string },
): Promise<Person> {
  const number = ++count
  const name = options.name ?? `${options.roles[0]} ${number}`
  const email = options.email ?? `${options.roles[0]}-${number}@people.example`
  const password = `plum orchard lantern ${number}`
  const secret = newTotpSecret()
  // The product's own parameters, at the product's own price: once in a run for each password.
  const passwordHash = await keptTextAsync(`password-${number}.phc`, () => hashPassword(password))
  const id = await services.database.transaction(async (trx) => {
    const now = services.clock()
    const organisationId = options.organisation === undefined ? null : await organisationNamed(trx, options.organisation, now)
    const account = await createAccount(
      trx,
      { email, name, language: 'en', passwordHash, state: 'active', roles: options.roles, grantedBy: 'test', organisationId },
      now,
    )
    if (account === null) throw new Error(`${email} is there already`)
    await enrolTotp(trx, services.secrets, account, secret, null, now)
    return account
  })
  return { id, email, name, password, secret }
}

const lastStep = new Map<string, number>()

/**
 * A code that the portal will take: a code is good once, so the steps before, at and after the present one are used in turn.
 * When all three are used it waits for the next.
 */
export async function totpCode(services: Services, person: Pick<Person, 'secret'>): Promise<string> {
  const stepNow = () => Math.floor(services.clock().getTime() / 30_000)
  const used = lastStep.get(person.secret) ?? 0
  // Five seconds before a step ends the one before it is no longer given: it would be too old on arrival.
  const step = Math.max(Math.floor((services.clock().getTime() + 5000) / 30_000) - 1, used + 1)
  while (step > stepNow() + 1) await new Promise((done) => setTimeout(done, 200))
  lastStep.set(person.secret, step)
  return generate({ secret: person.secret, epoch: step * 30 })
}

/** Signs in as a person does: the form with the password, then the form with the code. Returns the page arrived at. */
export async function signIn(portal: Pick<Portal, 'services'>, client: Client, person: Person): Promise<Page> {
  await client.get('/sign-in')
  const second = await client.post('/sign-in', { email: person.email, password: person.password })
  if (second.path !== '/second-factor')
    throw new Error(`the password of ${person.email} led to ${second.path} (${second.status}): ${second.text.slice(0, 300)}`)
  const page = await client.post('/second-factor', { code: await totpCode(portal.services, person) })
  if (page.path === '/second-factor') throw new Error(`the code of ${person.email} was refused (${page.status}): ${page.text.slice(0, 300)}`)
  return page
}
