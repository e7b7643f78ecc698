import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { watchProcessClock } from '../../src/clock-watching.ts'
import { listNodes, noteNode } from '../../src/database/node-store.ts'
import { issueCrl } from '../../src/jobs/crl.ts'
import { currentAuthority } from '../../src/jobs/issuing-authority.ts'
import { openFresh } from '../support/database.ts'
import { demoHierarchy, type DemoHierarchy } from '../support/demo-hierarchy.ts'

let hierarchy: DemoHierarchy
beforeAll(async () => void (hierarchy = await demoHierarchy()), 120_000)
afterAll(() => hierarchy.remove())

test('CRL-2: after a list from an hour ahead `ca` signs none, says so on the audit log, and neither does issueCrl by itself', async () => {
  const database = await openFresh()
  let ahead = 3_600_000
  const folder = mkdtempSync(join(tmpdir(), 'kept-time-'))
  const from = await hierarchy.services(database, { clock: () => new Date(Date.now() + ahead) })
  const services = { ...from, config: { ...from.config, dataDir: folder } }
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
  expect(await listNodes(database, new Date())).toEqual([])
  await expect(issueCrl({ ...services, policy: { ...services.policy, periods: { ...services.policy.periods, crlIssueHours: -2 } } }, token, authority)).rejects.toThrow('before the previous list')
  // The hour passes.
  ahead = 3_700_000
  const later = await watchProcessClock(services, 'ca', () => null, source)
  expect(later.stops()).toBe(null)
  await expect.poll(() => listNodes(database, new Date()), { timeout: 5000 }).toMatchObject([{ process: 'ca', clock: null }])
  await later.stop()
  // An hour back again: the row tells that the clock is doubted, and keeps the time of before.
  const [seen] = await listNodes(database, new Date())
  ahead = 0
  const back = await watchProcessClock(services, 'ca', () => null, source)
  await expect.poll(() => listNodes(database, new Date()), { timeout: 5000 }).toEqual([{ ...seen, clock: 'behind-what-was-signed' }])
  await back.stop()
  rmSync(folder, { recursive: true })
})

test('REV-4: a node whose operating system tells nothing of its clock puts that on its row, though a demo goes on', async () => {
  const database = await openFresh('SQLite')
  const folder = mkdtempSync(join(tmpdir(), 'kept-time-'))
  const from = await hierarchy.services(database)
  const watched = await watchProcessClock({ ...from, config: { ...from.config, dataDir: folder } }, 'status', () => null, { read: async () => ({ state: 'unreadable', why: 'no program' }) })
  expect([watched.stops(), watched.doubt()]).toEqual([null, null])
  await expect.poll(() => listNodes(database, new Date()), { timeout: 5000 }).toMatchObject([{ process: 'status', clock: 'unreadable' }])
  await watched.stop()
  rmSync(folder, { recursive: true })
})

test('CRL-2: a row that has this process as seen in 2099, which every account may write, stops nothing; the time that it kept in its own file does', async () => {
  const database = await openFresh()
  const folder = mkdtempSync(join(tmpdir(), 'kept-time-'))
  let ahead = 0
  const from = await hierarchy.services(database, { clock: () => new Date(Date.now() + ahead) })
  const services = { ...from, config: { ...from.config, dataDir: folder } }
  const source = { read: async () => ({ state: 'synchronised', source: 'chrony', errorMilliseconds: 1, lastUpdate: null }) as const }
  const start = () => watchProcessClock(services, 'ca', () => null, source)
  await noteNode(database, { node: services.config.node, process: 'ca', seenAt: new Date('2099-01-01T00:00:00Z'), clock: null })
  const first = await start()
  expect(first.stops()).toBe(null)
  await expect.poll(() => existsSync(join(folder, 'last-seen-ca')), { timeout: 5000 }).toBe(true)
  await first.stop()
  ahead = -3_600_000
  const second = await start()
  expect(second.stops()).toBe('behind-what-was-signed')
  await second.stop()
  rmSync(folder, { recursive: true })
})
