import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listAuthorities } from '../../src/database/authority-store.ts'
import { migrate, type Database } from '../../src/database/database.ts'
import { issueWaiting, issuingParts } from '../../src/jobs/issuing.ts'
import { currentAuthority } from '../../src/jobs/issuing-authority.ts'
import { renewResponderCertificates } from '../../src/jobs/responder-certificate.ts'
import { encodePem } from '../../src/pki/pem.ts'
import { insertApprovedApplication } from '../support/approved-application.ts'
import { describeOnBothDatabases, openEmpty, urlOf } from '../support/database.ts'
import { demoHierarchy, type DemoHierarchy } from '../support/demo-hierarchy.ts'
import { freePorts, start, type Program } from '../support/program.ts'

let hierarchy: DemoHierarchy
beforeAll(async () => {
  hierarchy = await demoHierarchy()
}, 120_000)
afterAll(() => hierarchy.remove())

describeOnBothDatabases('status on several nodes', (open, engine) => {
  // PostgreSQL: three machines, one of two workers; SQLite: one machine of two workers.
  const shape = engine === 'PostgreSQL' ? [1, 1, 2] : [2]
  const folder = mkdtempSync(join(tmpdir(), 'nodes-'))
  const nodes: { program: Program; port: string; workers: number }[] = []
  let database: Database
  let row: Record<string, any>
  let applicant: string

  const launch = async (workers: number) => {
    const { STATUS_PORT, STATUS_URL } = await freePorts()
    const program = start('status', { ...hierarchy.env, DATABASE_URL: urlOf(database), STATUS_PORT, STATUS_URL, STATUS_WORKERS: String(workers) })
    await program.said(`Status   ${STATUS_URL}`)
    return { program, port: STATUS_PORT, workers }
  }
  beforeAll(async () => {
    database = await open()
    await migrate(database)
    const services = await hierarchy.services(database)
    const token = await hierarchy.token('ca')
    for (const { kind, certificateDer } of await listAuthorities(database)) writeFileSync(join(folder, `${kind}.pem`), encodePem('CERTIFICATE', certificateDer))
    await renewResponderCertificates(services, (await currentAuthority(database, token, services.config))!)
    const application = await insertApprovedApplication(services, hierarchy.maker)
    applicant = application.applicant
    expect(await issueWaiting(issuingParts(services, token))).toEqual(['issued'])
    row = await database('certificates').first()
    writeFileSync(join(folder, 'leaf.pem'), encodePem('CERTIFICATE', row['der']))
    nodes.push(...(await Promise.all(shape.map(launch))))
  }, 120_000)
  afterAll(async () => {
    for (const { program } of nodes) program.signalGroup('SIGTERM')
    await Promise.all(nodes.map(({ program }) => program.ended))
    rmSync(folder, { recursive: true, force: true })
  })

  /** What openssl hears, each time over a connection of its own: whichever worker is free takes it. */
  const heard = ({ port }: { port: string }): string => {
    const { stdout, stderr } = spawnSync('openssl', ['ocsp', '-issuer', 'issuing.pem', '-cert', 'leaf.pem', '-no_nonce', '-CAfile', 'root.pem', '-verify_other', 'issuing.pem', '-url', `http://127.0.0.1:${port}/ocsp`], { cwd: folder, encoding: 'utf8' })
    expect(stderr).toContain('Response verify OK')
    return /leaf\.pem: (\w+)/.exec(stdout)![1]!
  }
  const everywhere = () => nodes.flatMap((node) => Array.from({ length: 4 * node.workers }, () => heard(node)))

  test('REV-4: a revocation shows on every node and on each of its workers, though all had kept the answer before', async () => {
    expect(new Set(everywhere())).toEqual(new Set(['good']))
    const at = new Date().toISOString()
    await database('revocations').insert({ certificate_id: row['id'], authority_id: row['authority_id'], serial: row['serial'], revoked_at: at, recorded_at: at, reason_code: 1, ground: 'key-compromise', explanation: '', requested_by: applicant })
    // Two seconds where nothing else keeps the machine busy.
    await expect.poll(() => new Set(everywhere()), { timeout: 30_000, interval: 500 }).toEqual(new Set(['revoked']))
  })

  test('a worker that dies is started again, and the node answers meanwhile', async () => {
    const node = nodes.at(-1)!
    const workers = () => {
      const { stdout } = spawnSync('ps', ['-o', 'pid=,args=', '--ppid', String(node.program.child.pid)], { encoding: 'utf8' })
      return stdout.split('\n').filter((line) => line.includes('status.ts')).map((line) => Number.parseInt(line, 10))
    }
    process.kill(workers()[0]!, 'SIGKILL')
    await node.program.said('another is started')
    expect(heard(node)).toBe('revoked')
    await expect.poll(() => workers().length, { timeout: 30_000 }).toBe(2)
    expect(heard(node)).toBe('revoked')
  })
})

test('what keeps a worker from starting is told in one line, once', async () => {
  const { STATUS_PORT } = await freePorts()
  const program = start('status', { ...hierarchy.env, DATABASE_URL: urlOf(await openEmpty()), STATUS_PORT, STATUS_WORKERS: '2' })
  const ended = await program.ended
  expect([ended.code, ended.err]).toEqual([1, 'status: No hierarchy yet: run  npm start  (a demo one) or  npm run ceremony\n'])
})
