/** Publishes lists as `ca` does, in a process of its own whose memory is nobody else's, and prints what it took. Told by the bench: `first`, or `restart`. */
import { randomBytes, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { latestCrl } from '../../../src/database/crl-store.ts'
import { CrlPublisher } from '../../../src/jobs/crl.ts'
import { authoritiesOn } from '../../../src/jobs/issuing-authority.ts'
import { readConfig } from '../../../src/config.ts'
import { openDatabase } from '../../../src/database/database.ts'
import { loadPolicy } from '../../../src/policy/policy.ts'
import { openConfiguredToken } from '../../../src/signer/open-token.ts'

const AGAIN = Number(process.env.AGAIN ?? 5)

const delay = monitorEventLoopDelay({ resolution: 1 })
delay.enable()
interface Took {
  readonly cpu: number
  readonly wall: number
}
async function timed(work: () => Promise<unknown>): Promise<Took> {
  const [cpu, began] = [process.cpuUsage(), performance.now()]
  await work()
  const { user, system } = process.cpuUsage(cpu)
  return { cpu: (user + system) / 1e6, wall: (performance.now() - began) / 1e3 }
}
const median = (all: readonly Took[]): Took => [...all].sort((one, other) => one.cpu - other.cpu)[all.length >> 1]!

/** MiB. Of this program alone: what getrusage tells begins with the memory of the process that started it. */
const peak = (): number => Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]) / 1024

const config = readConfig('ca')
// Once before, so that starting the module is not what is measured.
const token = await openConfiguredToken(config)
const database = openDatabase(config.databaseUrl)
const policy = loadPolicy(process.env['POLICY_FILE'])
// The bench's certificates have no applications behind them.
await database.raw('PRAGMA foreign_keys=OFF')
const [authority] = await authoritiesOn(token, database, config)
const publisher = new CrlPublisher({ policy, database, clock: () => new Date(), signer: token, folder: tmpdir(), alert: (line) => console.error(line) })
const turn = () => publisher.turn([authority!])
const idle = process.memoryUsage.rss() / 2 ** 20
delay.reset()

const first = await timed(turn)
const again: Took[] = []
for (let round = 0; round < AGAIN; round++) {
  const serial = `01${randomBytes(16).toString('hex')}`
  const at = new Date().toISOString()
  await database.transaction(async (trx) => {
    const id = randomUUID()
    const certificate = await trx('certificates').first()
    // `ca` asks the certificate's own octets for its serial number.
    const der = Buffer.from(certificate.der)
    der.write(serial, der.indexOf(Buffer.from(certificate.serial, 'hex')), 'hex')
    await trx('certificates').insert({ ...certificate, id, serial, der, approval_id: id })
    await trx('revocations').insert({ certificate_id: id, authority_id: authority!.id, serial, reason_code: 1, ground: 'key-compromise', explanation: '', revoked_at: at, recorded_at: at, requested_by: 'bench' })
  })
  publisher.changed([{ authorityId: authority!.id, serial }])
  again.push(await timed(turn))
}
const crl = (await latestCrl(database, authority!.id))!
console.log(JSON.stringify({ first, again: median(again), entries: crl.entries, number: String(crl.number), octets: crl.octets, idle, rss: peak(), block: delay.max / 1e6 }))
await database.destroy()
await token.close()
