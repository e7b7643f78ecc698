import { afterAll, beforeAll, expect, test } from 'vitest'
import { watchProcessClock } from '../../src/clock-watching.ts'
import { listNodes } from '../../src/database/node-store.ts'
import { issueCrl } from '../../src/jobs/crl.ts'
import { currentAuthority } from '../../src/jobs/issuing-authority.ts'
import { openFresh } from '../support/database.ts'
import { demoHierarchy, type DemoHierarchy } from '../support/demo-hierarchy.ts'

let hierarchy: DemoHierarchy
beforeAll(async () => void (hierarchy = await demoHierarchy()), 120_000)
afterAll(() => hierarchy.remove())

test('CRL-2: after a list from an hour ahead `ca` signs none, says so on the audit log, and neither does issueCrl by itself', async () => {
  const database = await openFresh('SQLite')
  let ahead = 3_600_000
  const services = await hierarchy.services(database, { clock: () => new Date(Date.now() + ahead) })
  const token = await hierarchy.token('ca')
  const authority = (await currentAuthority(database, token, services.config))!
  expect(await issueCrl(services, token, authority)).toBe(1n)
  ahead = 0
  const source = { read: async () => ({ state: 'synchronised', source: 'chrony', errorMilliseconds: 1, lastUpdate: null }) as const }
  const watched = await watchProcessClock(services, 'ca', () => null, source)
  expect(watched.stops()).toBe('behind-what-was-signed')
  await watched.stop()
  const [event] = await database('audit_events').where({ event: 'clock.unsure' })
  expect([event.actor, JSON.parse(event.details)]).toMatchObject(['process:ca', { doubt: 'behind-what-was-signed', stops: true, node: services.config.node }])
  // A time that is doubted is no time to compare with after the next start.
  expect(await listNodes(database)).toEqual([])
  await expect(issueCrl({ ...services, policy: { ...services.policy, periods: { ...services.policy.periods, crlIssueHours: -2 } } }, token, authority)).rejects.toThrow('before the previous list')
  // The hour passes.
  ahead = 3_700_000
  const later = await watchProcessClock(services, 'ca', () => null, source)
  expect(later.stops()).toBe(null)
  await expect.poll(() => listNodes(database), { timeout: 5000 }).toMatchObject([{ process: 'ca', clockDoubt: null }])
  await later.stop()
})
