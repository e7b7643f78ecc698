/** `status`: OCSP, CRLs, CA certificates and time-stamps. Holds the responder and time-stamping keys, in a token of their own. With several workers each has all of its own parts. */
import cluster from 'node:cluster'
import { fileURLToPath } from 'node:url'
import { Registry } from 'prom-client'
import type { Config } from './config.ts'
import { listAuthorities, listResponderKeys } from './database/authority-store.ts'
import { statusFeed } from './database/status-feed.ts'
import { findCrl, findResponder, readStatus, type FalseRow, type StatusChecks } from './database/status-store.ts'
import { lastingFaults, tellFault } from './fault.ts'
import { every, listen, log, type Running, runProcess, runWorker, StartRefused, stopServer, writtenFolders } from './process.ts'
import { AnswerTally } from './revocation/answer-tally.ts'
import { answerTimes } from './revocation/answer-times.ts'
import { issuedBy } from './revocation/issued-certificate.ts'
import { OcspService } from './revocation/ocsp-service.ts'
import { createResponder, errorAnswer } from './revocation/responder.ts'
import { remembering } from './revocation/status-memory.ts'
import { createStatusServer } from './revocation/status-server.ts'
import { StatusWatch } from './revocation/status-watch.ts'
import type { Services } from './services.ts'
import { truncatedAddress } from './access-log/client.ts'
import { keepAccessLogs } from './access-log/keeper.ts'
import { type AccessLogParts, openAccessLog } from './access-log/writer.ts'
import { watchProcessClock } from './clock-watching.ts'
import { addAnswerTimes } from './database/node-store.ts'
import { endedLists, reachDatabase } from './database/seen-store.ts'
import { accessLogFigures, answerFigures, clockFigure, counted, ocspStateFigures, type SigningCounts, signingFigures, timestampFigures } from './metrics/ocsp-figures.ts'
import { diskFigures } from './metrics/disk-figures.ts'
import { processFigures } from './metrics/process-figures.ts'
import { seen } from './metrics/seen.ts'
import { signerFigures } from './metrics/state-figures.ts'
import { openConfiguredToken } from './signer/open-token.ts'
import { openTimestamps, type Timestamps } from './timestamps.ts'
import { startWorkers } from './workers.ts'

/** Anybody may ask about one serial number for ever: the log gets one line for it. */
const ALERTS = 10_000
const alerted = new Set<string>()
function alertOnce({ table, authorityId, serial }: FalseRow): void {
  const row = `${table} ${authorityId} ${serial}`
  if (alerted.has(row) || alerted.size >= ALERTS) return
  alerted.add(row)
  const why = table === 'revocations' ? 'the date of this row is none: its certificate is answered for as revoked since it began' : 'this row holds no certificate that the authority signed: its status is unknown (OCS-3)'
  log({ level: 'alert', job: 'ocsp', table, authority: authorityId, serial, refused: why })
}

const elapsed = (): number => performance.now()

const toBeSaid = lastingFaults(elapsed)
function fault(error: unknown): void {
  const message = tellFault(error)
  if (toBeSaid(message)) log({ level: 'error', job: 'status', error: message })
}

/** REV-4: a revocation shows within two seconds, on every worker; PostgreSQL tells at once, and this is how long it takes at most where it can't. */
const POLL_MS = 500

/** How often the public status page hears how long answers took. */
const TELL_MS = 60_000
/** How often what was sent is counted together. */
const TAKE_MS = 1000

async function serve(services: Services, config: Config): Promise<Running & { readonly more: string }> {
  const { database, policy, clock } = services
  let authorities = await listAuthorities(database)
  if (authorities.length === 0) throw new StartRefused('No hierarchy yet: run  npm start  (a demo one) or  npm run ceremony')
  const signer = await openConfiguredToken(config)
  // A key that is not where the ceremony put it shows now, not at the first question.
  for (const authority of authorities) for (const responder of await listResponderKeys(database, authority.id)) if (responder.key.tokenLabel === signer.tokenLabel) await signer.publicKey(responder.key.label)

  const signing: SigningCounts = { signatures: 0, errors: 0, time: 0 }
  const sign = counted(signer.sign.bind(signer), signing, elapsed)
  const tally = new AnswerTally(elapsed, policy.accessLog.clientAddress === 'none' ? null : truncatedAddress)
  const accessLog = config.accessLogDir === null ? null : openAccessLog({ folder: config.accessLogDir, node: config.node, clock, told: toldOfAccessLog })

  const feed = statusFeed(database)
  const watch = new StatusWatch({ feed, elapsed, staleMinutes: policy.periods.statusStaleMinutes })
  let checks: StatusChecks
  let respond: ReturnType<typeof createResponder>
  const reading = remembering(
    {
      readStatus: (authorityId, serial) => readStatus(database, checks, authorityId, serial),
      findResponder: (authorityId, now) => findResponder(database, checks, authorityId, now),
    },
    watch,
    elapsed,
  )
  const know = (found: typeof authorities) => {
    const made = createResponder({ policy, signer: { sign }, authorities: found, ...reading, fault })
    checks = { issuedBy: issuedBy(found), tokenLabel: signer.tokenLabel, falseRow: alertOnce }
    respond = made
    authorities = found
  }
  know(authorities)
  let onHierarchy = (): void => undefined
  let reloading: Promise<void> = Promise.resolve()
  // A ceremony made another generation: it is answered for under its own issuer, without a restart. What can't be read leaves what was known.
  const reload = (): void => {
    reloading = reloading
      .then(async () => {
        know(await listAuthorities(database))
        onHierarchy()
      })
      .catch((error: unknown) => {
        fault(error)
        setTimeout(reload, 1000).unref()
      })
  }
  watch.onChange((changes) => {
    if (changes === 'everything' || changes.some(({ serial }) => serial === '*')) reload()
  })
  let lastSigned: Date | null = null
  const watched = await watchProcessClock(services, 'status', () => lastSigned)
  const ocsp = new OcspService({
    now: clock,
    policy,
    async respond(request, now) {
      // An answer that is dated falsely is worse than none: tryLater.
      if (watched.stops() !== null) return errorAnswer('tryLater')
      if (lastSigned === null || now > lastSigned) lastSigned = now
      return respond(request, now)
    },
    watch,
    fault,
  })
  // Answers rest on what changes since now.
  await watch.poll()

  const registry = new Registry()
  let stamping: Timestamps | null = null
  let stopping = false
  /** @returns a line for who starts the process */
  const openStamping = async (): Promise<string> => {
    const opened = await openTimestamps(services, { signer: { tokenLabel: signer.tokenLabel, sign }, authorities: () => authorities, issuedBy: (...of) => checks.issuedBy(...of) })
    if ('none' in opened) return opened.none
    stamping = opened
    timestampFigures(registry, opened)
    return opened.ready
  }
  /** Why there are none, though there should be. */
  let unopened: string | null = null
  const failed = (error: unknown): void => {
    unopened = tellFault(error)
    fault(error)
    setTimeout(onHierarchy, 1000).unref()
  }
  let opening = openStamping()
  // A ceremony added them: they begin without a restart.
  onHierarchy = () => {
    if (stamping || stopping) return
    opening = opening.catch(() => '').then(async (before) => {
      if (stamping || stopping) return before
      const line = await openStamping()
      if (stamping) log({ level: 'info', job: 'timestamps', begun: line })
      return line
    })
    opening.then(() => void (unopened = null), failed)
  }
  // OCS-1, CRL-1: what goes wrong with them holds up no OCSP answer and no list.
  const timestamps = await opening.catch((error: unknown) => {
    failed(error)
    return `Time-stamps  none: ${tellFault(error)}; tried again each second`
  })
  const server = createStatusServer({
    now: clock,
    ocsp,
    tally,
    fault,
    get stamp() {
      return stamping?.respond ?? null
    },
    findCrl: (id, shard) => findCrl(database, id, shard),
    findCertificate: async (id) => authorities.find((authority) => authority.id === id)?.certificateDer ?? null,
  })
  await listen(server, config.status.port, config.status.host, 'status').catch(async (error: unknown) => {
    await stamping?.stop()
    throw error
  })
  const look = () => watch.poll().catch(fault)
  const polling = every(POLL_MS, 'status-changes', look)
  const unlisten = feed.listen(() => void look())
  const stopFigures = processFigures(registry, clock())
  diskFigures(registry, writtenFolders('status', config))
  const totals = answerFigures(registry, tally.times)
  const take = () => {
    const taken = tally.take()
    totals.add(taken)
    accessLog?.write(taken)
  }
  const taking = every(TAKE_MS, 'answers', async () => take())
  if (accessLog) accessLogFigures(registry, accessLog)
  const told = answerTimes().counts.slice()
  const tellTimes = async () => {
    const counts = [...tally.times.counts]
    await addAnswerTimes(database, config.node, clock(), counts.map((count, bound) => count - told[bound]!))
    told.splice(0, told.length, ...counts)
  }
  const telling = every(TELL_MS, 'answer-times', tellTimes)
  ocspStateFigures(registry, { feedAge: () => watch.age, memory: () => ocsp.memory })
  signingFigures(registry, signing)
  const { lists } = signerFigures({ registry, database, clock, elapsed })
  clockFigure(registry, () => watched.doubt())
  const issuing = () => authorities.filter(({ kind }) => kind === 'issuing')
  return {
    seen: seen(
      registry,
      [
        { name: 'database', run: () => reachDatabase(database) },
        { name: 'changes', run: () => (watch.fresh ? null : `changes of status were last read ${Math.round(watch.age / 1000)} s ago`) },
        { name: 'lists', run: async () => endedLists(authorities, await lists(), clock()) },
        {
          name: 'responder',
          async run() {
            const missing: string[] = []
            for (const { id } of issuing()) if (!(await reading.findResponder(id, clock()))) missing.push(id)
            return missing.length === 0 ? null : `no responder certificate in force for ${missing.join(', ')}`
          },
        },
        {
          name: 'token',
          async run() {
            for (const { id } of issuing()) {
              const responder = await reading.findResponder(id, clock())
              if (responder) await signer.publicKey(responder.key.label)
            }
            return null
          },
        },
        { name: 'clock', run: () => watched.stops() },
        { name: 'timestamp-clock', run: () => stamping?.clockDoubt() ?? unopened },
      ],
      tellFault,
    ),
    more: timestamps,
    async stop() {
      stopping = true
      await stopServer(server)
      // First, since it needs no database: what was answered is on record though that is away.
      await taking.stop()
      take()
      await accessLog?.close()
      await opening.catch(() => undefined)
      await stamping?.stop()
      await unlisten()
      await polling.stop()
      await watched.stop()
      await telling.stop()
      await tellTimes()
      stopFigures()
      await signer.close()
    },
  }
}

const KEEP_MS = 60_000
/** Lines of one round. */
const REFUSALS = 20
/** OCS-8: one of the processes of a node keeps what all its workers wrote. */
function keeping<R extends Running>({ database, clock, policy }: Services, { accessLogDir, node }: Config, running: R): R {
  if (accessLogDir === null) return running
  const told = new Set<string>()
  const job = every(KEEP_MS, 'access-log', async () => {
    const { refused } = await keepAccessLogs({ folder: accessLogDir, node, database, clock, keepYears: policy.accessLog.keepYears, lives: processLives })
    for (const file of refused.filter((each) => !told.has(each)).slice(0, REFUSALS)) {
      told.add(file)
      log({ level: 'alert', job: 'access-log', file, refused: 'a row of access_log_files that this node did not write', means: 'no file is removed for it: npm run access-log:verify (OCS-8)' })
    }
  })
  return {
    ...running,
    async stop() {
      await job.stop()
      await running.stop()
    },
  }
}

function processLives(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** A disk that is full says so each second: once in this time. */
const ACCESS_LOG_ALARM_MS = 600_000
let alarmedAt = -Infinity
function toldOfAccessLog(what: Parameters<AccessLogParts['told']>[0]): void {
  if ('recovered' in what) {
    alarmedAt = -Infinity
    return log({ level: 'info', job: 'access-log', event: 'written again', lost: what.lost })
  }
  if (elapsed() - alarmedAt < ACCESS_LOG_ALARM_MS) return
  alarmedAt = elapsed()
  log({ level: 'alert', job: 'access-log', error: what.failed, waitingOctets: what.waiting, lostAnswers: what.lost, means: 'answers go on; what waits beyond its bound is lost from the archive (OCS-8)' })
}

if (cluster.isPrimary)
  await runProcess('status', async (services, config) => {
    const { workers, url } = config.status
    const ready = `Status   ${url}`
    if (workers === 1) {
      const { more, ...running } = await serve(services, config)
      return keeping(services, config, { ready: `${ready}\n${more}`, ...running })
    }
    return keeping(services, config, { ready: `${ready}, ${workers} workers`, ...(await startWorkers('status', fileURLToPath(import.meta.url), workers)) })
  })
else await runWorker('status', serve)
