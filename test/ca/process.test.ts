import { spawn, type ChildProcess } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { verifyAuditChain } from '../../src/audit/audit-log.ts'
import { latestCrl, readCrl } from '../../src/database/crl-store.ts'
import type { Database } from '../../src/database/database.ts'
import { readCertificateList } from '../../src/revocation/crl-reader.ts'
import type { Services } from '../../src/services.ts'
import { allowTampering } from '../audit/tampering.ts'
import { insertApprovedApplication } from '../support/approved-application.ts'
import { openEmpty, openFresh, urlOf } from '../support/database.ts'
import { demoHierarchy, type DemoHierarchy } from '../support/demo-hierarchy.ts'
import { TYPESCRIPT } from '../support/typescript.ts'

const CA = fileURLToPath(new URL('../../src/ca.ts', import.meta.url))
let hierarchy: DemoHierarchy
let database: Database
let services: Services
const spare = mkdtempSync(join(tmpdir(), 'ca-process-'))

beforeAll(async () => {
  hierarchy = await demoHierarchy()
  database = await openFresh()
  services = await hierarchy.services(database)
}, 120_000)
afterAll(async () => {
  await hierarchy.remove()
  rmSync(spare, { recursive: true, force: true })
})

interface Running {
  readonly child: ChildProcess
  readonly out: () => string
  readonly said: () => string
  readonly ended: Promise<number | null>
}

function start(env: Readonly<Record<string, string>> = {}): Running {
  const child = spawn(process.execPath, [...TYPESCRIPT, CA], { env: { ...process.env, ...hierarchy.env, DATABASE_URL: urlOf(database), ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, said] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  return { child, out: () => out, said: () => said, ended: new Promise((done) => child.once('close', done)) }
}

async function until<T>(what: string, look: () => Promise<T | null | undefined | false>): Promise<T> {
  for (let waited = 0; waited < 40_000; waited += 100) {
    const found = await look()
    if (found) return found
    await new Promise((done) => setTimeout(done, 100))
  }
  throw new Error(`waited in vain for ${what}`)
}

test('CP 4.3.1, CRL-1, OCS-2: issues, lists and certifies by itself, a revocation within seconds; SIGTERM ends it cleanly', async () => {
  const application = await insertApprovedApplication(services, hierarchy.maker)
  const running = start()
  try {
    const certificate = await until('the certificate', () => database('certificates').where({ application_id: application.id, state: 'issued' }).first())
    await until('the first list', () => latestCrl(database, 'issuing-g1'))
    await until('the responder certificates', async () => (await database('responder_certificates').whereNotNull('der')).length === 2)
    const at = new Date().toISOString()
    await database('revocations').insert({ certificate_id: certificate.id, authority_id: 'issuing-g1', serial: certificate.serial, reason_code: 4, ground: 'superseded', explanation: '', revoked_at: at, recorded_at: at, requested_by: application.applicant })
    const list = await until('the list with the revocation', async () => {
      const crl = await latestCrl(database, 'issuing-g1')
      return crl && crl.entries === 1 && readCertificateList(await readCrl(database, crl))
    })
    expect(list.tbs.entries!.map(({ serial }) => serial)).toEqual([certificate.serial])
    expect(running.out()).toContain('CA       issuing-g1 (demo), key in token issuing')
  } finally {
    running.child.kill('SIGTERM')
  }
  expect(await running.ended).toBe(0)
  expect(running.said()).toBe('')
  expect((await database('audit_events').where({ actor: 'process:ca', subject: 'process:ca' }).orderBy('seq')).map((row: { event: string }) => row.event)).toEqual(['process.started', 'process.stopped'])
  expect(await verifyAuditChain(database)).toMatchObject({ intact: true })
})

async function refused(env: Readonly<Record<string, string>>): Promise<string> {
  const running = start(env)
  expect(await running.ended).toBe(1)
  expect(running.out()).toBe('')
  const said = running.said()
  expect(said.trimEnd().split('\n')).toHaveLength(1)
  return said
}

test('ISS-6: says in one line that there is no hierarchy yet', async () => {
  expect(await refused({ DATABASE_URL: urlOf(await openEmpty()) })).toMatch(/^ca: No hierarchy yet: run {2}npm start/)
})

test('ISS-6: says in one line that the PIN is wrong', async () => {
  const pin = join(spare, 'pin')
  writeFileSync(pin, 'wrong-pin\n')
  chmodSync(pin, 0o600)
  expect(await refused({ CA_PIN_FILE: pin })).toMatch(/^ca: The token issuing refused the PIN/)
})

test('ISS-6: refuses a token that does not hold the authority\'s key, before anything else', async () => {
  expect(await refused({ CA_TOKEN: 'status', CA_PIN_FILE: join(hierarchy.env['DATA_DIR']!, 'pins', 'status') })).toMatch(/^ca: The key of issuing-g1 is on the token issuing; CA_TOKEN names status/)
})

test('ISS-6: refuses to start when the recorded key is not in the token', async () => {
  const other = await openFresh()
  await hierarchy.services(other)
  await other('authorities').where({ id: 'issuing-g1' }).update({ key_label: 'gone' })
  expect(await refused({ DATABASE_URL: urlOf(other) })).toMatch(/^ca: The token issuing has no public key gone/)
})

test('ISS-6: refuses to start when the token has another key under the recorded label', async () => {
  const other = await openFresh()
  await hierarchy.services(other)
  await (await hierarchy.token('ca')).generateRsaKeyPair({ label: 'other', id: 'abcd', bits: 2048 })
  await other('authorities').where({ id: 'issuing-g1' }).update({ key_label: 'other' })
  expect(await refused({ DATABASE_URL: urlOf(other) })).toMatch(/^ca: The token issuing has another key under the label other/)
})

test('CAK-1: says in one line that the row of the authority was altered', async () => {
  for (const altered of [{ subject_der: Buffer.from([0x30, 0]) }, { certificate_der: Buffer.from([0x30, 0]) }, { certificate_der: Buffer.alloc(0) }]) {
    const other = await openFresh()
    await hierarchy.services(other)
    await other('authorities').where({ id: 'issuing-g1' }).update(altered)
    expect(await refused({ DATABASE_URL: urlOf(other) })).toMatch(/^ca: authority issuing-g1: its (row and its certificate differ|certificate can't be read: .+)\. Restore the row/)
  }
})

test('LOG-1: finds a broken audit log at its start, says so on one alert line, and holds what waits; lists go on', async () => {
  const other = await openFresh()
  const application = await insertApprovedApplication(await hierarchy.services(other), hierarchy.maker)
  await allowTampering(other)
  await other('audit_events').where({ seq: 2 }).update({ actor: 'somebody' })
  const running = start({ DATABASE_URL: urlOf(other) })
  try {
    await until('the application to be held', () => other('applications').where({ id: application.id, state: 'held' }).first())
    await until('the first list', () => latestCrl(other, 'issuing-g1'))
  } finally {
    running.child.kill('SIGTERM')
  }
  expect(await running.ended).toBe(0)
  const lines = running.said().trimEnd().split('\n').map((line) => JSON.parse(line))
  expect(lines).toEqual([expect.objectContaining({ level: 'alert', job: 'issuing', refused: 'the audit log is broken at entry 2 (hash)' })])
  expect(await other('certificates')).toEqual([])
})
