/** The real status server on a port of its own in the test's process: the responder, its memory and the lists, under the clock of the services. */
import type { AddressInfo } from 'node:net'
import { listAuthorities } from '../../src/database/authority-store.ts'
import { statusFeed } from '../../src/database/status-feed.ts'
import { findCrl, findResponder, readStatus, type StatusChecks } from '../../src/database/status-store.ts'
import { issuedBy } from '../../src/revocation/issued-certificate.ts'
import { OcspService } from '../../src/revocation/ocsp-service.ts'
import { createResponder, type ResponderParts } from '../../src/revocation/responder.ts'
import { remembering } from '../../src/revocation/status-memory.ts'
import { createStatusServer } from '../../src/revocation/status-server.ts'
import { StatusWatch } from '../../src/revocation/status-watch.ts'
import type { Services } from '../../src/services.ts'
import type { Signer } from '../../src/signer/signer.ts'
import { type StatusClient, statusClient } from '../../src/status-client.ts'

export interface StatusPort {
  readonly url: string
  /** Reads what changed first, as the process does twice a second. */
  readonly client: StatusClient
  readonly faults: unknown[]
  close(): Promise<void>
}

/** @param change of what the responder reads: for answers that the product never gives */
export async function openStatusPort(services: Services, signer: Signer, change: Partial<Pick<ResponderParts, 'readStatus' | 'policy'>> = {}): Promise<StatusPort> {
  const { database, policy, clock } = services
  const authorities = await listAuthorities(database)
  const faults: unknown[] = []
  const checks: StatusChecks = { issuedBy: issuedBy(authorities), falseRow: () => undefined }
  const elapsed = () => performance.now()
  const watch = new StatusWatch({ feed: statusFeed(database), elapsed, staleMinutes: policy.periods.statusStaleMinutes })
  const reading = remembering(
    {
      readStatus: change.readStatus ?? ((authorityId, serial) => readStatus(database, checks, authorityId, serial)),
      findResponder: (authorityId, now) => findResponder(database, checks, authorityId, now),
    },
    watch,
    elapsed,
  )
  const fault = (error: unknown) => void faults.push(error)
  const respond = createResponder({ policy: change.policy ?? policy, signer, authorities, ...reading, fault })
  const ocsp = new OcspService({ now: clock, policy, respond, watch, fault })
  await watch.poll()
  const server = createStatusServer({
    now: clock,
    ocsp,
    fault,
    findCrl: (id, shard) => findCrl(database, id, shard),
    findCertificate: async (id) => authorities.find((authority) => authority.id === id)?.certificateDer ?? null,
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const plain = statusClient(url)
  return {
    url,
    client: {
      get: (path, maxBytes) => watch.poll().then(() => plain.get(path, maxBytes)),
      find: (path) => watch.poll().then(() => plain.find(path)),
      post: (path, type, body, maxBytes) => watch.poll().then(() => plain.post(path, type, body, maxBytes)),
    },
    faults,
    async close() {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}
