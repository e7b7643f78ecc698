/** How each process starts, says what is wrong in one line, and ends. */
import type { Server } from 'node:http'
import { dirname } from 'node:path'
import { audit } from './audit/audit-log.ts'
import { ConfigRefused, readConfig, type Config, type ProcessName } from './config.ts'
import { sizesWithoutCompleteList } from './application/weak-key-import.ts'
import { addressesElsewhere } from './certificate/named-addresses.ts'
import { listAuthorities } from './database/authority-store.ts'
import { isPostgres, migrate, openDatabase, TablesTooOld } from './database/database.ts'
import { type Blocker, findBlockers } from './database/locks.ts'
import { weakKeyStore } from './database/weak-key-store.ts'
import { PolicyRefused } from './policy/policy.ts'
import { describeFault, lastingFaults, tellFault } from './fault.ts'
import { log, nameLog } from './log.ts'
import { takesNoWords } from './no-words.ts'
import { createPrivateServer } from './metrics/private-port.ts'
import { roomIn, watchRoom, type WrittenFolders } from './metrics/disk-figures.ts'
import type { Seen } from './metrics/seen.ts'
import { openServices, type Services } from './services.ts'
import { SignerUnavailable } from './signer/signer.ts'
import { StartRefused } from './start-refused.ts'

export { log, StartRefused }

export const say = (line: string): void => void process.stdout.write(`${line}\n`)


/** What a driver, the system or a library refuses has a code of its own, and its message is for the operator; the rest is a fault of ours and shows where. */
const isRefusal = (error: Error): boolean => /^(SQLITE_(CANTOPEN|READONLY|FULL|IOERR|NOTADB|CORRUPT|BUSY|PERM)|(08|28|3D|53|57)[0-9A-Z]{3}$|55P03$|E[A-Z]+$|ERR_OSSL_|ERR_SSL_)/.test(String((error as NodeJS.ErrnoException).code ?? ''))

export function explain(error: unknown): string {
  if (ConfigRefused.is(error) || PolicyRefused.is(error) || StartRefused.is(error) || TablesTooOld.is(error) || SignerUnavailable.is(error)) return error.message
  if (!(error instanceof Error)) return String(error)
  const { code } = error as NodeJS.ErrnoException
  // Both addresses of a name were tried: either says it.
  const cause = error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error
  if (code === 'ECONNREFUSED' || code === 'ENOTFOUND') return `The database can't be reached: ${cause.message}`
  return isRefusal(error) ? tellFault(cause) : describeFault(error)
}

/** A second signal within this time is the same key press told twice: the terminal tells the whole group, and npm passes it on. */
const SAME_SIGNAL_MS = 1000

/** Calls `stop` once, at SIGINT or SIGTERM; who asks again later ends the process at once. */
export function onStopSignal(stop: (signal: string) => void, atOnce: () => void = () => undefined): void {
  let first: number | null = null
  const take = (signal: string) => {
    if (first === null) {
      first = performance.now()
      stop(signal)
    } else if (performance.now() - first > SAME_SIGNAL_MS) {
      atOnce()
      process.exit(130)
    }
  }
  process.on('SIGINT', take)
  process.on('SIGTERM', take)
}

export interface Running {
  /** What its private port tells. */
  readonly seen: Seen
  stop(): Promise<void>
}

/**
 * Starts one process: configuration, services, tables; then `start`, which returns how to stop.
 * SIGINT and SIGTERM stop it cleanly. Under `npm start` the parent alone says when: by SIGTERM, or by going away.
 */
export async function runProcess(name: ProcessName & ('portal' | 'ca' | 'status'), start: (services: Services, config: Config) => Promise<Running & { readonly ready: string }>): Promise<void> {
  takesNoWords(name)
  const hasParent = process.send !== undefined
  // Ctrl-C reaches the whole process group; here it would come before the parent's word, or twice.
  if (hasParent) process.on('SIGINT', () => undefined)
  let services: Services | null = null
  try {
    const config = readConfig(name)
    nameLog({ process: name, node: config.node })
    services = openWithLimit(config)
    refuseSamples(services)
    await migrate(services.database)
    const notices = await addressNotice(services)
    const running = await start(services, config)
    const locks = watchLocks(services)
    const privatePort = await openPrivatePort(name, config, locks.seen(running.seen)).catch(async (error: unknown) => {
      await locks.stop()
      await running.stop().catch(() => undefined)
      throw error
    })
    const opened = services
    const disks = watchDisks(writtenFolders(name, config))
    // Under a parent that has said it.
    const addresses = hasParent ? [] : notices.map((line) => `${name}: ${line}`)
    const ready = [running.ready, ...(name === 'status' ? [] : await weakKeyNotice(services, name)), ...addresses].join('\n')
    await note(opened, name, 'process.started')
    let stopping = false
    const stop = (signal: string) => {
      if (stopping) return
      stopping = true
      void privatePort
        .close()
        .then(() => Promise.all([running.stop(), disks.stop(), locks.stop()]))
        .then(() => note(opened, name, 'process.stopped'))
        .then(() => opened.close())
        .then(
          () => process.exit(0),
          (error) => {
            log({ level: 'error', signal, error: explain(error) })
            process.exit(1)
          },
        )
    }
    if (hasParent) {
      process.on('SIGTERM', () => stop('SIGTERM'))
      // The parent went away: nobody would stop this process any more.
      process.on('disconnect', () => stop('disconnect'))
      if (!process.connected) return stop('disconnect')
      process.send!({ ready })
    } else {
      onStopSignal(stop)
      say(ready)
    }
  } catch (error) {
    process.stderr.write(`${name}: ${explain(error)}\n`)
    await services?.close().catch(() => undefined)
    process.exit(1)
  }
}

/**
 * Starts one of several equal workers of a process. The parent made the tables and writes the audit log; it alone says when to stop, by a message or by
 * going away, and hears why a worker refuses to start.
 */
export async function runWorker(name: ProcessName & 'status', start: (services: Services, config: Config) => Promise<Running>): Promise<void> {
  // The whole process group hears a signal: a worker that ended by it before its parent would be taken for one that died, and be started again.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => undefined)
  let end = (): void => process.exit(0)
  process.on('message', (message: { stop?: true }) => void (message.stop && end()))
  let services: Services | null = null
  try {
    const config = readConfig(name)
    nameLog({ process: name, node: config.node, worker: process.pid })
    const opened = (services = openWithLimit(config))
    const running = await start(opened, config)
    let stopping = false
    const stop = () => {
      if (stopping) return
      stopping = true
      void running
        .stop()
        .then(() => opened.close())
        .then(
          () => process.exit(0),
          (error) => {
            log({ level: 'error', error: explain(error) })
            process.exit(1)
          },
        )
    }
    end = stop
    process.on('disconnect', stop)
    if (!process.connected) return stop()
    answerPrimary(running.seen)
    process.send!({ ready: true })
  } catch (error) {
    process.send?.({ refused: explain(error) })
    await services?.close().catch(() => undefined)
    process.exit(1)
  }
}

/** Where a process writes. PostgreSQL's disk is its own machine's to watch. */
export function writtenFolders(name: ProcessName, { dataDir, databaseUrl, accessLogDir }: Pick<Config, 'dataDir' | 'databaseUrl' | 'accessLogDir'>): WrittenFolders {
  return {
    data: dataDir,
    ...(databaseUrl.startsWith('sqlite:') ? { database: dirname(databaseUrl.slice('sqlite:'.length)) } : {}),
    ...(name === 'status' && accessLogDir !== null ? { 'access-log': accessLogDir } : {}),
  }
}

const ROOM_MS = 60_000

function watchDisks(folders: WrittenFolders): { stop(): Promise<void> } {
  const means = 'make room: when it is full nothing is recorded any more, and what is not recorded is not done'
  const turn = watchRoom(() => roomIn(folders), () => performance.now(), ({ folder, path, free, size }) => log({ level: 'alert', job: 'disk', folder, path, freeOctets: free, sizeOctets: size, means }))
  // Not in the first minute: who only tries something out knows their own disk.
  let begun = false
  return every(ROOM_MS, 'disk', async () => (begun ? turn() : void (begun = true)))
}

/** Nobody's page, question or list waits longer for a lock: it fails, and is tried again. */
const LOCK_MS = 15_000
const openWithLimit = (config: Config): Services => openServices(config, { database: openDatabase(config.databaseUrl, LOCK_MS) })
const LOCKS_MS = 5_000
/** One that stays is said again after this. */
const LOCKS_TOLD_MS = 600_000

/** ISS-6: tells operators who keeps the others waiting, and is not ready meanwhile. */
export function watchLocks({ database }: Pick<Services, 'database'>, look: () => Promise<readonly Blocker[]> = () => findBlockers(database)): { seen(seen: Seen): Seen; stop(): Promise<void> } {
  let found: readonly Blocker[] = []
  const told = new Map<number, number>()
  const job = every(LOCKS_MS, 'locks', async () => {
    found = await look().catch((error: unknown) => {
      found = []
      throw error
    })
    for (const blocker of found) {
      if (performance.now() - (told.get(blocker.pid) ?? -Infinity) < LOCKS_TOLD_MS) continue
      told.set(blocker.pid, performance.now())
      log({ level: 'alert', job: 'locks', ...blocker, means: `what waits is not done until this connection to PostgreSQL ends: SELECT pg_terminate_backend(${blocker.pid})` })
    }
  })
  const standing = () => (found.length === 0 ? null : found.map(({ pid, account, seconds }) => `PostgreSQL's ${pid} (${account ?? 'unknown'}) keeps others waiting for ${seconds} s`).join('; '))
  const seen = (of: Seen): Seen => ({ figures: () => of.figures(), readiness: async () => ({ ...(await of.readiness()), locks: standing() }) })
  // Elsewhere there is nothing to look at.
  return { seen: isPostgres(database) ? seen : (of) => of, stop: () => job.stop() }
}

/** The primary has the one private port and asks its workers (workers.ts). */
function answerPrimary(seen: Seen): void {
  process.on('message', (message: { ask?: 'figures' | 'readiness'; id?: number }) => {
    const { ask, id } = message
    if (ask !== 'figures' && ask !== 'readiness') return
    seen[ask]().then(
      (answer) => process.send?.({ answer, id }),
      (error: unknown) => log({ level: 'error', error: explain(error) }),
    )
  })
}

async function openPrivatePort(name: string, { metrics: { host, port } }: Config, seen: Seen): Promise<{ close(): Promise<void> }> {
  if (port === null) return { close: async () => undefined }
  const server = createPrivateServer(seen, host, () => performance.now(), (error) => log({ level: 'error', job: 'metrics', error: explain(error) }))
  await listen(server, port, host, `${name}_metrics`)
  return { close: () => stopServer(server) }
}

/** KEY-3: who takes or certifies keys says at start which of Debian's weak keys can't be looked for. */
async function weakKeyNotice({ database, policy }: Services, name: string): Promise<readonly string[]> {
  const sizes = sizesWithoutCompleteList(await weakKeyStore(database).lists(), policy.keys.subscriber.rsaBits)
  return sizes.length === 0 ? [] : [`${name}: no complete list of Debian weak keys for RSA ${sizes.join(', ')} (KEY-3): npm run weak-keys -- import`]
}

/**
 * The addresses in CA certificates, held against the configuration. One that nobody answers leaves relying parties without lists; one configured by mistake
 * goes into every certificate that `ca` issues.
 * @returns a line for each that differs
 * @throws StartRefused in production
 */
export async function addressNotice({ config, database }: Pick<Services, 'config' | 'database'>): Promise<readonly string[]> {
  const named = (await listAuthorities(database)).flatMap(({ certificateDer, parentId }) => (parentId === null ? [] : [{ der: certificateDer, issuerId: parentId }]))
  const lines = addressesElsewhere(named, { statusUrl: config.status.url, portalUrl: config.portal.url }, config.earlierUrls).map(({ of, base }) => {
    const [entry, url] = of === 'status' ? ['STATUS_URL', config.status.url] : ['PORTAL_URL', config.portal.url]
    return `${entry} is ${url}, but CA certificates name ${base}: set ${entry} to that, or have that answered too (by DNS or a proxy) and name it in EARLIER_URLS. Certificates issued from now on name ${url}`
  })
  if (config.production && lines.length > 0) throw new StartRefused(lines.join('\n'))
  return lines
}

async function note(services: Services, name: string, event: 'process.started' | 'process.stopped'): Promise<void> {
  await services.database.transaction((trx) => audit(trx, { at: services.clock(), actor: `process:${name}`, event, subject: `process:${name}`, details: { policy: services.policy.id } }))
}

/** Samples are for trying out: nobody is bound by them (CSBR 9.6.3). */
export function refuseSamples(services: Services): void {
  if (!services.config.production) return
  const samples = [...new Set(services.policy.texts.filter((text) => text.sample).map((text) => text.document))]
  if (samples.length > 0) throw new StartRefused(`Production needs the CA's own texts; these are samples: ${samples.join(', ')}. Name them in the policy file (POLICY_FILE).`)
}

/** Listens, or says in one line why not. Express's own callback form hides a taken port. */
export function listen(server: Server, port: number, host: string, what: string): Promise<void> {
  return new Promise((done, failed) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      failed(
        new StartRefused(
          error.code === 'EADDRINUSE'
            ? `Port ${port} is in use: stop what uses it, or set ${what.toUpperCase()}_PORT`
            : error.code === 'EACCES'
              ? `Port ${port} may not be opened by this user: choose one above 1023 with ${what.toUpperCase()}_PORT`
              : `Can't listen on ${host}:${port}: ${error.message}`,
        ),
      ),
    )
    server.listen(port, host, () => done())
  })
}

export function stopServer(server: Server): Promise<void> {
  return new Promise((done) => {
    server.close(() => done())
    server.closeIdleConnections()
    setTimeout(() => server.closeAllConnections(), 2000).unref()
  })
}

/** Repeats a job, never two at once; a failure is logged, once while it lasts, and tried again at the next turn. */
export function every(milliseconds: number, name: string, job: () => Promise<unknown>): { stop(): Promise<void> } {
  let stopped = false
  let timer: NodeJS.Timeout
  let running: Promise<unknown> = Promise.resolve()
  const toBeSaid = lastingFaults(() => performance.now())
  const turn = () => {
    running = job()
      .catch((error: unknown) => void (toBeSaid(tellFault(error)) && log({ level: 'error', job: name, error: explain(error) })))
      .finally(() => {
        if (!stopped) timer = setTimeout(turn, milliseconds)
      })
  }
  turn()
  return {
    async stop() {
      stopped = true
      clearTimeout(timer)
      await running
    },
  }
}
