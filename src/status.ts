/** `status`: OCSP, CRLs and CA certificates. Holds the responder keys, in a token of their own. */
import { listAuthorities, listResponderKeys } from './database/authority-store.ts'
import { findCrl, findResponder, readStatus } from './database/status-store.ts'
import { listen, log, runProcess, StartRefused, stopServer } from './process.ts'
import { createResponder } from './revocation/responder.ts'
import { createStatusServer } from './revocation/status-server.ts'
import { openConfiguredToken } from './signer/open-token.ts'

await runProcess('status', async (services, config) => {
  const { database, policy, clock } = services
  const authorities = await listAuthorities(database)
  if (authorities.length === 0) throw new StartRefused('No hierarchy yet: run  npm start  (a demo one) or  npm run ceremony')
  const signer = await openConfiguredToken(config)
  const fault = (error: unknown) => log({ level: 'error', process: 'status', error: error instanceof Error ? error.message : String(error) })
  // A key that is not where the ceremony put it shows now, not at the first question.
  for (const authority of authorities) for (const responder of await listResponderKeys(database, authority.id)) if (responder.key.tokenLabel === signer.tokenLabel) await signer.publicKey(responder.key.label)
  const respond = createResponder({
    policy,
    signer,
    authorities,
    readStatus: (authorityId, serial) => readStatus(database, authorityId, serial),
    findResponder: (authorityId, now) => findResponder(database, authorityId, now),
    fault,
  })
  const server = createStatusServer({
    now: clock,
    respond,
    fault,
    findCrl: (id) => findCrl(database, id),
    findCertificate: async (id) => authorities.find((authority) => authority.id === id)?.certificateDer ?? null,
  })
  await listen(server, config.status.port, config.status.host, 'status')
  return {
    ready: `Status   ${config.status.url}`,
    async stop() {
      await stopServer(server)
      await signer.close()
    },
  }
})
