/** `portal`: web pages. Holds no signing key and no PIN. */
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { readFileSync } from 'node:fs'
import { removeExpiredFiles } from './database/kept-files.ts'
import { endingAnchors } from './attestation/anchor-report.ts'
import { presentMakers } from './database/protection-store.ts'
import { sendWaitingMail, smtpTransport, terminalTransport } from './mail/mailer.ts'
import { removeOldAttempts } from './people/attempts.ts'
import { createFirstAdministratorLink } from './people/first-administrator.ts'
import { every, listen, log, runProcess, say, stopServer } from './process.ts'
import { createApp } from './web/app.ts'
import { removeEndedSessions } from './web/session-store.ts'

await runProcess('portal', async (services, config) => {
  const app = createApp(services, log)
  const { tls } = config.portal
  const server = tls ? createTlsServer({ cert: readFileSync(tls.certificate), key: readFileSync(tls.key), minVersion: 'TLSv1.2' }, app) : createServer(app)
  server.requestTimeout = 60_000
  server.headersTimeout = 20_000
  // Longer than a proxy keeps its connections open (60 s as a rule): whoever closes an idle one first, it must not be us while a request is on its way.
  server.keepAliveTimeout = 75_000
  await listen(server, config.portal.port, config.portal.host, 'portal')
  const transport = config.mail.smtpUrl ? smtpTransport(config.mail.smtpUrl, config.mail.from) : terminalTransport(say)
  // Never the text or the address: links in mails are secrets.
  const mailFailed = (mail: { id: string; failures: number }, error: unknown) => log({ level: 'warning', job: 'mail', mail: mail.id, attempt: mail.failures, error: (error as Error).message })
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
    ready: [`Portal   ${config.portal.url}`, ...(ending.length > 0 ? [`         Keys of makers that ended or end soon: ${ending.length} (npm run anchors -- report)`] : []), ...(link ? ['', 'Create the first administrator (this link works once):', `  ${link}`] : [])].join('\n'),
    async stop() {
      await stopServer(server)
      await Promise.all(jobs.map((job) => job.stop()))
    },
  }
})
