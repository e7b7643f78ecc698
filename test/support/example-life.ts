/** The example certificates of a hierarchy, made by the real job and time-stamped by its own Timestamp Authority, at whatever time. */
import type { Clock } from '../../src/application/ports.ts'
import { listTimestampCertificates, tokenRecorder } from '../../src/database/timestamp-store.ts'
import { listAuthorities } from '../../src/database/authority-store.ts'
import type { ExampleParts } from '../../src/jobs/examples.ts'
import { timestamper } from '../../src/jobs/time-stamp.ts'
import type { Services } from '../../src/services.ts'
import type { Signer } from '../../src/signer/signer.ts'
import type { Pkcs11Signer } from '../../src/signer/pkcs11.ts'
import { createTimestampAuthority } from '../../src/timestamp/timestamp-authority.ts'
import { readUnit, type TimestampUnit, unitAt } from '../../src/timestamp/unit.ts'

/** RFC 3161 answers of this hierarchy, under a clock that is taken at its word. */
export async function timestampAuthority({ policy, database, random }: Services, clock: Clock, signer: Pick<Signer, 'sign'>): Promise<(request: Buffer) => Promise<Buffer>> {
  const authorities = await listAuthorities(database)
  const units: TimestampUnit[] = []
  for (const record of await listTimestampCertificates(database)) {
    const unit = readUnit(record, authorities.find(({ id }) => id === record.authorityId)!.certificateDer, policy.timestamp!)
    if ('refused' in unit) throw new Error(unit.refused)
    units.push(unit)
  }
  return createTimestampAuthority({
    policy: policy.timestamp!,
    signer,
    clock: { now: () => ({ at: clock() }) },
    randomBytes: random,
    unitAt: (at) => unitAt(units, at),
    record: tokenRecorder(database),
    answered: () => undefined,
    fault: (error) => {
      throw error
    },
  })
}

/** What the job of examples wants, with the tokens of `ca` and `status`. `unreachable()`: whether the Timestamp Authority is out of reach. */
export async function exampleParts(services: Services, ca: Pkcs11Signer, status: Signer, unreachable: () => boolean = () => false): Promise<ExampleParts> {
  const respond = await timestampAuthority(services, services.clock, status)
  const nothing = () => Promise.reject(new Error('nothing to get'))
  const client = { get: nothing, find: nothing, post: (_path: string, _type: string, body: Buffer) => respond(body) }
  const ask = timestamper(client, services.random)
  const { policy, database, clock, random } = services
  return { policy, database, clock, random, signer: ca, stamp: async (signature) => (unreachable() ? null : ask(signature)) }
}
