import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Database } from '../../src/database/database.ts'
import { lastReconciliation } from '../../src/database/reconciliation-store.ts'
import { readStatus } from '../../src/database/status-store.ts'
import { issueCrl } from '../../src/jobs/crl.ts'
import { authoritiesOn, type SigningAuthority } from '../../src/jobs/issuing-authority.ts'
import { issueWaiting, issuingParts } from '../../src/jobs/issuing.ts'
import { compareNow, reconcileDaily } from '../../src/jobs/reconciliation.ts'
import { renewResponderCertificates } from '../../src/jobs/responder-certificate.ts'
import { assembleCertificateList, buildTbsCertList, type CrlContent } from '../../src/revocation/crl.ts'
import { buildOcspRequest } from '../../src/revocation/ocsp-client.ts'
import type { CertificateStatus } from '../../src/revocation/ocsp-response.ts'
import { issuedBy } from '../../src/revocation/issued-certificate.ts'
import { statusSince } from '../../src/revocation/retention.ts'
import { openServices, type Services } from '../../src/services.ts'
import type { Pkcs11Signer } from '../../src/signer/pkcs11.ts'
import { type StatusClient, statusClient } from '../../src/status-client.ts'
import { insertApprovedApplication, insertPeople, type People } from '../support/approved-application.ts'
import { connectAgain, describeOnBothDatabases, dropTrigger, withDatesAhead } from '../support/database.ts'
import { demoHierarchy, type DemoHierarchy } from '../support/demo-hierarchy.ts'
import { openStatusPort, type StatusPort } from '../support/status-port.ts'

let hierarchy: DemoHierarchy
let ca: Pkcs11Signer
let responder: Pkcs11Signer

beforeAll(async () => {
  hierarchy = await demoHierarchy()
  ca = await hierarchy.token('ca')
  responder = await hierarchy.token('status')
}, 120_000)
afterAll(() => hierarchy.remove())

const DAY = 86_400_000

describeOnBothDatabases('database, lists and OCSP compared', (open) => {
  let database: Database
  let services: Services
  let authority: SigningAuthority
  let people: People
  let later: number
  let good: { id: string; serial: string }
  let bad: { id: string; serial: string }
  let waits: number
  const ports: StatusPort[] = []

  async function certificate(): Promise<{ id: string; serial: string }> {
    const { id } = await insertApprovedApplication(services, hierarchy.maker, { people })
    expect(await issueWaiting(issuingParts(services, ca))).toEqual(['issued'])
    return database('certificates').where({ application_id: id }).first('id', 'serial')
  }
  const revoke = ({ id, serial }: { id: string; serial: string }, at = services.clock().toISOString()) =>
    database('revocations').insert({ certificate_id: id, authority_id: authority.id, serial, reason_code: 1, ground: 'key-compromise', explanation: '', revoked_at: at, recorded_at: at, requested_by: people.applicant })

  beforeEach(async () => {
    later = 0
    waits = 0
    database = await withDatesAhead(await open())
    services = await hierarchy.services(database, { clock: () => new Date(Date.now() + later) })
    authority = (await authoritiesOn(ca, database, services.config))[0]!
    people = await insertPeople(services)
    await renewResponderCertificates(services, authority)
    good = await certificate()
    bad = await certificate()
    await revoke(bad)
    await issueCrl(services, ca, authority)
  })
  afterAll(async () => {
    for (const port of ports) await port.close()
  })

  async function port(change: Parameters<typeof openStatusPort>[2] = {}): Promise<StatusPort> {
    const opened = await openStatusPort(services, responder, change)
    ports.push(opened)
    return opened
  }
  const compare = (client: StatusClient, onWait: () => Promise<unknown> = async () => undefined) =>
    compareNow({ ...partsOf(services), client, wait: async () => void (waits++, await onWait()) })
  const partsOf = ({ policy, database: db, clock, random, config }: Services) => ({ policy, database: db, clock, random, statusUrl: config.status.url })
  const lines = async (client: StatusClient) => (await compare(client)).lines.map((line) => line.replace(`${authority.id} `, ''))

  /** The list of the port, and another one for this authority: signed by it, whatever it says. */
  async function withList(client: StatusClient, content: Partial<CrlContent>): Promise<StatusClient> {
    const thisUpdate = new Date(Math.floor(services.clock().getTime() / 1000) * 1000)
    const { nameDer, keyIdentifier } = authority.issuer
    const hash = services.policy.keys.authority.issuingHash
    const expiredCertsOnCrl = statusSince({ caNotBefore: authority.row.notBefore, thisUpdate, periods: services.policy.periods })
    const revokedAt = new Date((await database('revocations').first('revoked_at')).revoked_at)
    const tbs = buildTbsCertList({
      issuerNameDer: nameDer, authorityKeyIdentifier: keyIdentifier, number: 99n, thisUpdate, nextUpdate: new Date(thisUpdate.getTime() + DAY), entries: [{ serial: bad.serial, revokedAt, reason: 1 }], expiredCertsOnCrl, hash, ...content,
    })
    const list = assembleCertificateList(tbs, hash, await authority.sign(tbs, hash))
    return { ...client, find: (path) => (path === `/crl/${authority.id}.crl` ? Promise.resolve(list) : client.find(path)) }
  }
  const entry = async (serial: string, reason = 1) => ({ serial, revokedAt: new Date((await database('revocations').first('revoked_at')).revoked_at), reason })

  test('CRL-3, OCS-3: they agree on each certificate, the responder\'s, the authorities\' and the time-stamping units\' among them', async () => {
    const { client } = await port()
    const found = await compare(client)
    const count = async (table: string) => Number((await database(table).count({ n: '*' }).first())!.n)
    const all = (await count('certificates')) + (await count('responder_certificates')) + (await count('timestamp_certificates')) + (await count('authorities')) - 1
    // List and issuer of each of three authorities, and the issuing one's OCSP.
    expect(found).toEqual({ certificates: all, listEntries: 1, addresses: 7, differences: 0, lines: [] })
    expect(await lines(await withList(client, {}))).toEqual([])
    expect(waits).toBe(0)
  })

  test('REV-4: a revocation that is under way is no false alarm: what differs is looked at again, and stays when it stays', async () => {
    const { client } = await port()
    await revoke(good)
    expect(await compare(client, () => issueCrl(services, ca, authority))).toMatchObject({ differences: 0 })
    expect(waits).toBe(1)
    waits = 0
    const third = await certificate()
    await revoke(third)
    expect(await lines(client)).toEqual([expect.stringMatching(new RegExp(`^${third.serial}: revoked in the database since .*, not on its list$`))])
    expect(waits).toBe(3)
  })

  test('REV-4, CRL-3: a revocation from before the rule that its serial number is its certificate’s is found: on a list under a number that nobody has, and not under its own', async () => {
    await dropTrigger(database, 'revocations', 'revocations_own')
    await revoke({ ...good, serial: '0badf00d' })
    // By a process that starts now, and heard of no change.
    expect(await issueCrl(services, ca, authority)).not.toBeNull()
    const found = await lines((await port()).client)
    expect(found).toHaveLength(2)
    expect(found).toContainEqual('0badf00d: on the list, not in the database')
    expect(found).toContainEqual(expect.stringMatching(new RegExp(`^${good.serial}: revoked in the database since .*, not on its list`)))
  })

  test('CRL-2, CRL-3: what a list says and the database does not, each by its name', async () => {
    const { client } = await port()
    const say = async (content: Partial<CrlContent>) => lines(await withList(client, content))
    expect(await say({ entries: [await entry(bad.serial), await entry('77')] })).toEqual(['77: on the list, not in the database'])
    expect(await say({ entries: [await entry(bad.serial), await entry(good.serial)] })).toEqual([expect.stringMatching(new RegExp(`^${good.serial}: on the list since .*, not revoked in the database$`))])
    expect(await say({ entries: [await entry(bad.serial, 4)] })).toEqual([expect.stringMatching(/with reason 1, on the list .* with reason 4$/)])
    expect(await say({ entries: [] })).toEqual([expect.stringMatching(/not on its list$/)])
    expect(await say({ expiredCertsOnCrl: new Date('2030-01-01T00:00:00Z') })).toEqual([expect.stringMatching(/its expiredCertsOnCRL is 2030-01-01T00:00:00Z, not /)])
    expect(await say({ thisUpdate: new Date('2020-01-01T00:00:00Z'), nextUpdate: new Date('2020-01-02T00:00:00Z') })).toEqual([expect.stringMatching(/the list ended 2020-01-02/)])
    expect(await say({ issuerNameDer: Buffer.from('3000', 'hex') })).toEqual([expect.stringMatching(/the list is not the authority's$/)])
    const path = `/crl/${authority.id}.crl`
    const giving = (octets: Buffer | null): StatusClient => ({ ...client, find: (asked) => (asked === path ? Promise.resolve(octets) : client.find(asked)) })
    expect(await lines(giving(Buffer.from('30820005', 'hex')))).toEqual([expect.stringContaining(`${path}: the list can't be read`)])
    expect(await lines(giving(null))).toEqual([`${path}: there is no such list`])
  })

  test('OCS-3, OCS-5: what OCSP answers and the database does not say, each by its name', async () => {
    const checks = { issuedBy: issuedBy([authority.row]), falseRow: () => undefined }
    const answering = async (serial: string, status: CertificateStatus) =>
      lines((await port({ readStatus: (authorityId, asked) => (asked === serial ? Promise.resolve(status) : readStatus(database, checks, authorityId, asked)) })).client)
    expect(await answering(bad.serial, { state: 'good' })).toEqual([`${bad.serial}: revoked in the database, good in OCSP`])
    expect(await answering(good.serial, { state: 'unknown' })).toEqual([`${good.serial}: good in the database, unknown in OCSP`])
    expect(await answering(good.serial, { state: 'revoked', at: services.clock(), reason: 1 })).toEqual([`${good.serial}: good in the database, revoked in OCSP`])
    const at = new Date((await database('revocations').first('revoked_at')).revoked_at)
    expect(await answering(bad.serial, { state: 'revoked', at, reason: 4 })).toEqual([expect.stringMatching(/with reason 1, in OCSP .* with reason 4$/)])
    expect(await answering(bad.serial, { state: 'revoked', at: new Date(at.getTime() - DAY), reason: 1 })).toEqual([expect.stringMatching(/^.*: revoked in the database .* in OCSP /)])
    // What is recorded and never signed, or claims a signature that it has not, is unknown and stays so.
    const recorded = await database('certificates').where({ id: good.id }).first()
    await database('certificates').insert({ ...recorded, id: 'recorded', serial: '7b', state: 'recorded', der: null, certificate_sha256: null, issued_at: null, approval_id: null, application_id: null })
    expect(await lines((await port()).client)).toEqual([])
    await database('certificates').insert({ ...recorded, id: 'false', serial: '7c', approval_id: null, application_id: null })
    expect(await lines((await port()).client)).toEqual(['7c: good in the database, unknown in OCSP'])
  })

  test('OCS-3: an answer that no relying party should believe is a difference, as is none', async () => {
    const { client } = await port()
    const answering = (change: (octets: Buffer) => Buffer): StatusClient => ({ ...client, post: async (...words) => change(await client.post(...words)) })
    const why = async (changed: StatusClient) => (await lines(changed)).find((line) => line.startsWith(good.serial))
    expect(await why(answering(() => Buffer.from('30030a0103', 'hex')))).toBe(`${good.serial}: OCSP answers tryLater`)
    expect(await why(answering(() => Buffer.from('3000', 'hex')))).toMatch(/not to be believed: it can't be read/)
    const older = await client.post('/ocsp', 'application/ocsp-request', buildOcspRequest({ certificateDer: authority.row.certificateDer }, [good.serial], Buffer.from('an older nonce')))
    expect(await why(answering(() => older))).toMatch(/not to be believed: its nonce/)
    expect(await why(answering((octets) => {
      const changed = Buffer.from(octets)
      const at = changed.indexOf(Buffer.from('300d06092a864886f70d01010b', 'hex'))
      changed[at + 40] = changed[at + 40]! ^ 1
      return changed
    }))).toMatch(/not to be believed: its signature/)
  })

  test('CRL-3: once a day, by one of several hosts, the result kept and on the audit log', async () => {
    const { client } = await port()
    const parts = { ...partsOf(services), client, wait: async () => undefined }
    const second = openServices(services.config, { database: connectAgain(database), clock: services.clock })
    const both = await Promise.all([reconcileDaily(parts), reconcileDaily({ ...partsOf(second), client, wait: async () => undefined })])
    await second.close()
    const [result] = both.filter((each) => each !== null)
    expect(both.filter((each) => each !== null)).toHaveLength(1)
    expect(result).toMatchObject({ outcome: 'agreed', differences: 0, details: [], listEntries: 1 })
    expect(await lastReconciliation(database, services.clock())).toEqual(result)
    expect(await database('audit_events').where({ event: 'status.reconciled' })).toHaveLength(1)
    later = DAY - 60_000
    expect(await reconcileDaily(parts)).toBeNull()
    later = DAY + 60_000
    await issueCrl(services, ca, authority)
    await revoke(good)
    expect(await reconcileDaily(parts)).toMatchObject({ outcome: 'differed', differences: 1 })
    later = 2 * DAY + 120_000
    await issueCrl(services, ca, authority)
    // Nobody listens there.
    const nowhere = statusClient('http://127.0.0.1:1')
    expect(await reconcileDaily({ ...parts, client: nowhere })).toMatchObject({ outcome: 'unanswered', details: [expect.stringContaining("can't be reached")] })
    expect(await reconcileDaily(parts)).toBeNull()
    later += 3_600_000
    expect(await reconcileDaily(parts)).toMatchObject({ outcome: 'agreed' })
  })
})
