/** `portal`: web pages. Holds no signing key and no PIN. */
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { readFileSync } from 'node:fs'
import { Counter, Registry } from 'prom-client'
import { listAuthorities } from './database/authority-store.ts'
import { removeExpiredFiles } from './database/kept-files.ts'
import { isSecretOfDatabase } from './database/secret-mark.ts'
import { endingAnchors } from './attestation/anchor-report.ts'
import { presentMakers } from './database/protection-store.ts'
import { reachDatabase } from './database/seen-store.ts'
import { tellFault } from './fault.ts'
import { ATTEMPTS, sendWaitingMail, smtpTransport, terminalTransport } from './mail/mailer.ts'
import { diskFigures } from './metrics/disk-figures.ts'
import { keep, processFigures } from './metrics/process-figures.ts'
import { seen } from './metrics/seen.ts'
import { auditFigures, mailFigures } from './metrics/state-figures.ts'
import { requestFigures } from './metrics/request-figures.ts'
import { removeOldAttempts } from './people/attempts.ts'
import { createFirstAdministratorLink } from './people/first-administrator.ts'
import { mailFault } from './mail/mail-fault.ts'
import { every, listen, log, runProcess, say, StartRefused, stopServer, writtenFolders } from './process.ts'
import { limitServer } from './server-limits.ts'
import { createApp } from './web/app.ts'
import { removeEndedSessions } from './web/session-store.ts'

await runProcess('portal', async (services, config) => {
  if (!(await isSecretOfDatabase(services.database, services.secrets, services.clock())))
    throw new StartRefused(`This machine's secret (secrets/portal.key in ${config.dataDir}) is not the one that this database was used with: copy that file from another portal, mode 600`)
  const app = createApp(services, log)
  const { tls } = config.portal
  // More than nginx leads on (nginx-file.ts).
  const heads = { maxHeaderSize: 48 * 1024, connectionsCheckingInterval: 5000 }
  const server = tls ? createTlsServer({ ...heads, cert: readFileSync(tls.certificate), key: readFileSync(tls.key), minVersion: 'TLSv1.2' }, app) : createServer(heads, app)
  limitServer(server, { connections: 5000, idle: 120_000, head: 20_000, request: 60_000 })
  // Longer than a proxy keeps its connections open (60 s as a rule): whoever closes an idle one first, it must not be us while a request is on its way.
  server.keepAliveTimeout = 75_000
  await listen(server, config.portal.port, config.portal.host, 'portal')
  const transport = config.mail.smtpUrl ? smtpTransport(config.mail.smtpUrl, config.mail.from) : terminalTransport(say)
  // Never the text or the address: links in mails are secrets.
  let mailFailures = 0
  const mailFailed = (mail: { id: string; failures: number }, error: unknown) => {
    mailFailures++
    log({ level: 'warning', job: 'mail', mail: mail.id, attempt: mail.failures, error: mailFault(error) })
  }
  const registry = new Registry()
  const stopFigures = processFigures(registry, services.clock())
  diskFigures(registry, writtenFolders('portal', config))
  requestFigures(registry, server, () => performance.now())
  mailFigures({ registry, database: services.database }, ATTEMPTS)
  new Counter({ name: 'mail_failures_total', help: 'Attempts at sending mail that failed', registers: [registry], collect: keep(() => mailFailures) })
  auditFigures({ registry, database: services.database }, 'sign_in_events_total', 'Sign-ins and refusals since this process started, of all portals', ['session.signed-in', 'session.refused', 'session.locked', 'access.refused'])
  const jobs = [
    every(1000, 'mail', () => sendWaitingMail(services.database, transport, services.clock, { keepText: !config.production, failed: mailFailed })),
    every(3_600_000, 'attempts', () => removeOldAttempts(services.database, services.clock())),
    every(600_000, 'kept-files', () => removeExpiredFiles(services.database, services.clock())),
    every(600_000, 'sessions', () => removeEndedSessions(services.database, services.clock(), config.session.idleMinutes)),
  ]
  const ending = endingAnchors(await presentMakers(services.database, services.policy), services.clock(), services.policy.attestation.anchorNoticeDays)
  // Under `npm start` the parent prints the link; alone, this process does.
  const link = process.send ? null : await createFirstAdministratorLink(services)
  return {
    seen: seen(registry, [{ name: 'database', run: () => reachDatabase(services.database) }, { name: 'hierarchy', run: async () => ((await listAuthorities(services.database)).length > 0 ? null : 'no hierarchy yet: npm run ceremony') }], tellFault),
    ready: [`Portal   ${config.portal.url}`, ...(ending.length > 0 ? [`         Keys of makers that ended or end soon: ${ending.length} (npm run anchors -- report)`] : []), ...(link ? ['', 'Create the first administrator (this link works once):', `  ${link}`] : [])].join('\n'),
    async stop() {
      await stopServer(server)
      stopFigures()
      await Promise.all(jobs.map((job) => job.stop()))
    },
  }
})
