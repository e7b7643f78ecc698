import { spawn } from 'node:child_process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { verifyAuditChain } from '../../src/audit/audit-log.ts'
import type { Database } from '../../src/database/database.ts'
import { readCertificate } from '../../src/pki/x509-certificate.ts'
import type { Services } from '../../src/services.ts'
import { insertApprovedApplication, insertPeople, type People } from '../support/approved-application.ts'
import { describeOnBothDatabases, urlOf } from '../support/database.ts'
import { demoHierarchy, type DemoHierarchy } from '../support/demo-hierarchy.ts'
import { POINTS, THIS_FILE, type Point } from './crashing-ca.ts'
import { TYPESCRIPT } from '../support/typescript.ts'

let hierarchy: DemoHierarchy

beforeAll(async () => {
  hierarchy = await demoHierarchy()
}, 120_000)
afterAll(() => hierarchy.remove())

interface Ended {
  readonly signal: string | null
  readonly code: number | null
  readonly turns: readonly string[] | null
  readonly said: string
}

function ca(database: Database, point: Point | 'none', ahead = 0): Promise<Ended> {
  const child = spawn(process.execPath, [...TYPESCRIPT, THIS_FILE, urlOf(database), point, String(ahead)], { env: { ...process.env, ...hierarchy.env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, said] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ signal, code, turns: out ? JSON.parse(out) : null, said }))
  })
}

const LEASE = 31_000
const HOUR = 3_600_000

describeOnBothDatabases('kill -9', (open) => {
  let database: Database
  let services: Services
  let people: People
  beforeAll(async () => {
    database = await open()
    services = await hierarchy.services(database)
    people = await insertPeople(services)
  })
  const rowsOf = (id: string) => database('certificates').where({ application_id: id }).orderBy('recorded_at')

  async function expectOneCertificate(id: string) {
    const rows = await rowsOf(id)
    const issued = rows.filter((row: { state: string }) => row.state === 'issued')
    expect(issued).toHaveLength(1)
    expect(readCertificate(issued[0].der).tbs.raw.equals(issued[0].tbs)).toBe(true)
    expect(await database('certificates').where({ application_id: id, state: 'recorded' })).toEqual([])
    const serials = (await database('certificates').select('serial')).map((row: { serial: string }) => row.serial)
    expect(new Set(serials).size).toBe(serials.length)
    expect(await database('audit_events').where({ subject: `certificate:${issued[0].id}`, event: 'certificate.issued' })).toHaveLength(1)
    expect(await services.applications.find(id)).toMatchObject({ state: 'issued' })
    expect(await verifyAuditChain(database)).toMatchObject({ intact: true })
    return rows
  }

  for (const point of POINTS)
    test(`ISS-5: killed ${point.replace('-', ' the ').replace('the lease', 'taking the lease')}, it issues exactly one certificate after its restart`, async () => {
      const { id } = await insertApprovedApplication(services, hierarchy.maker, { people })
      expect(await ca(database, point)).toMatchObject({ signal: 'SIGKILL' })
      const before = await rowsOf(id)
      const recorded = ['after-record', 'after-sign', 'in-store'].includes(point)
      expect(before.map((row: { state: string }) => row.state)).toEqual(point === 'after-store' ? ['issued'] : recorded ? ['recorded'] : [])
      expect(await database('mail_outbox').where('body', 'like', `%${id.slice(0, 8)}%`)).toHaveLength(point === 'after-store' ? 1 : 0)
      const again = await ca(database, 'none', LEASE)
      expect(again).toMatchObject({ code: 0, turns: point === 'after-store' ? [] : ['issued'] })
      const rows = await expectOneCertificate(id)
      // The same octets, hence the same serial number: what may have left the module stays the only signature.
      if (recorded) expect(rows).toMatchObject([{ id: before[0].id, serial: before[0].serial }])
      expect(await database('mail_outbox').where('body', 'like', `%${id.slice(0, 8)}%`)).toHaveLength(1)
    })

  test('ISS-5, ISS-2: killed after the signature and started again after the hour, it abandons the record and issues one of a later date', async () => {
    const { id } = await insertApprovedApplication(services, hierarchy.maker, { people })
    await ca(database, 'after-sign')
    expect(await ca(database, 'none', HOUR)).toMatchObject({ code: 0, turns: ['abandoned', 'issued'] })
    const rows = await expectOneCertificate(id)
    expect(rows.map((row: { state: string }) => row.state)).toEqual(['abandoned', 'issued'])
  })

  test('ISS-5: killed twice on the way, it still issues exactly one', async () => {
    const { id } = await insertApprovedApplication(services, hierarchy.maker, { people })
    await ca(database, 'after-record')
    expect(await ca(database, 'after-sign', LEASE)).toMatchObject({ signal: 'SIGKILL' })
    expect(await ca(database, 'none', 2 * LEASE)).toMatchObject({ turns: ['issued'] })
    expect(await expectOneCertificate(id)).toHaveLength(1)
  })
})
