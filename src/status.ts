/** `status`: OCSP, CRLs, CA certificates and time-stamps. Holds the responder and time-stamping keys, in a token of their own. */
import { listAuthorities, listResponderKeys } from './database/authority-store.ts'
import { findCrl, findResponder, readStatus, type FalseRow, type StatusChecks } from './database/status-store.ts'
import { listen, log, runProcess, StartRefused, stopServer } from './process.ts'
import { issuedBy } from './revocation/issued-certificate.ts'
import { createResponder } from './revocation/responder.ts'
import { createStatusServer } from './revocation/status-server.ts'
import { openConfiguredToken } from './signer/open-token.ts'
import { openTimestamps } from './timestamps.ts'

/** Anybody may ask about one serial number for ever: the log gets one line for it. */
const ALERTS = 10_000
const alerted = new Set<string>()
function alertOnce({ table, authorityId, serial }: FalseRow): void {
  const row = `${table} ${authorityId} ${serial}`
  if (alerted.has(row) || alerted.size >= ALERTS) return
  alerted.add(row)
  const why = 'this row holds no certificate that the authority signed: its status is unknown (OCS-3)'
  log({ level: 'alert', process: 'status', table, authority: authorityId, serial, refused: why })
}

await runProcess('status', async (services, config) => {
  const { database, policy, clock } = services
  const authorities = await listAuthorities(database)
  if (authorities.length === 0) throw new StartRefused('No hierarchy yet: run  npm start  (a demo one) or  npm run ceremony')
  const signer = await openConfiguredToken(config)
  const fault = (error: unknown) => log({ level: 'error', process: 'status', error: error instanceof Error ? error.message : String(error) })
  // A key that is not where the ceremony put it shows now, not at the first question.
  for (const authority of authorities) for (const responder of await listResponderKeys(database, authority.id)) if (responder.key.tokenLabel === signer.tokenLabel) await signer.publicKey(responder.key.label)
  const checks: StatusChecks = { issuedBy: issuedBy(authorities), falseRow: alertOnce }
  const respond = createResponder({
    policy,
    signer,
    authorities,
    readStatus: (authorityId, serial) => readStatus(database, checks, authorityId, serial),
    findResponder: (authorityId, now) => findResponder(database, checks, authorityId, now),
    fault,
  })
  const timestamps = await openTimestamps(services, { signer, authorities, issuedBy: checks.issuedBy })
  const stamping = 'none' in timestamps ? null : timestamps
  const server = createStatusServer({
    now: clock,
    respond,
    fault,
    stamp: stamping?.respond ?? null,
    findCrl: (id) => findCrl(database, id),
    findCertificate: async (id) => authorities.find((authority) => authority.id === id)?.certificateDer ?? null,
  })
  await listen(server, config.status.port, config.status.host, 'status').catch(async (error: unknown) => {
    await stamping?.stop()
    throw error
  })
  return {
    ready: [`Status   ${config.status.url}`, 'none' in timestamps ? timestamps.none : timestamps.ready].join('\n'),
    async stop() {
      await stopServer(server)
      await stamping?.stop()
      await signer.close()
    },
  }
})
