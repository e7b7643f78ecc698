/** One certificate's status from its issue until its retention is over, with the clock as a parameter: database, list and OCSP tell one story. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { addYears } from '../../src/certificate/validity.ts'
import { reconciliationSource } from '../../src/database/reconciliation-source.ts'
import { findResponder, readStatus } from '../../src/database/status-store.ts'
import { issueCrl } from '../../src/jobs/crl.ts'
import { authoritiesOn, type SigningAuthority } from '../../src/jobs/issuing-authority.ts'
import { fetchWith } from '../../src/jobs/reconciliation.ts'
import { runRetention } from '../../src/jobs/retention.ts'
import { issueWaiting, issuingParts } from '../../src/jobs/issuing.ts'
import { renewResponderCertificates } from '../../src/jobs/responder-certificate.ts'
import { readDer } from '../../src/pki/der.ts'
import { encodePem } from '../../src/pki/pem.ts'
import { walkCertificateList } from '../../src/revocation/crl-walk.ts'
import { issuedBy } from '../../src/revocation/issued-certificate.ts'
import { buildOcspRequest, readOcspReply } from '../../src/revocation/ocsp-client.ts'
import { reconcile } from '../../src/revocation/reconcile.ts'
import { statusSince } from '../../src/revocation/retention.ts'
import { EXTENSION } from '../../src/revocation/signed-object.ts'
import type { Services } from '../../src/services.ts'
import type { Pkcs11Signer } from '../../src/signer/pkcs11.ts'
import { insertApprovedApplication, insertPeople, type People } from '../support/approved-application.ts'
import { openFresh, withDatesAhead } from '../support/database.ts'
import { demoHierarchy, type DemoHierarchy } from '../support/demo-hierarchy.ts'
import { openStatusPort, type StatusPort } from '../support/status-port.ts'

const DAY = 86_400_000

let hierarchy: DemoHierarchy
let services: Services
let ca: Pkcs11Signer
let authority: SigningAuthority
let people: People
let port: StatusPort
let folder: string
let now: Date

beforeAll(async () => {
  hierarchy = await demoHierarchy()
  // After its ceremony, which may have been this second.
  now = new Date(Math.ceil(Date.now() / 1000) * 1000)
  services = await hierarchy.services(await withDatesAhead(await openFresh()), { clock: () => now })
  ca = await hierarchy.token('ca')
  authority = (await authoritiesOn(ca, services.database, services.config))[0]!
  people = await insertPeople(services)
  port = await openStatusPort(services, await hierarchy.token('status'))
  folder = mkdtempSync(join(tmpdir(), 'ten-years-'))
  const rows: { kind: string; certificate_der: Buffer }[] = await services.database('authorities').select('kind', 'certificate_der')
  for (const { kind, certificate_der } of rows) writeFileSync(join(folder, `${kind}.pem`), encodePem('CERTIFICATE', certificate_der))
}, 120_000)
afterAll(async () => {
  await port.close()
  await hierarchy.remove()
  rmSync(folder, { recursive: true, force: true })
})

async function issue(): Promise<{ id: string; serial: string; notAfter: Date }> {
  const { id } = await insertApprovedApplication(services, hierarchy.maker, { people })
  expect(await issueWaiting(issuingParts(services, ca))).toEqual(['issued'])
  const row = await services.database('certificates').where({ application_id: id }).first()
  return { id: row.id, serial: row.serial, notAfter: new Date(row.not_after) }
}

/** What `ca` does in its turns. */
async function turns(): Promise<void> {
  await renewResponderCertificates(services, authority)
  await issueCrl(services, ca, authority)
}

/** Not the synchronous form: the port that it asks is in this process. */
const openssl = (...words: string[]): Promise<string> =>
  new Promise((done, failed) => {
    execFile('openssl', words, { cwd: folder, timeout: 20_000 }, (error, stdout, stderr) => (error ? failed(new Error(stdout + stderr)) : done(stdout + stderr)))
  })
const epoch = () => String(Math.floor(now.getTime() / 1000))

/** By openssl: the answer is verified as of the test's clock; its own warning about the machine's clock is passed over. */
async function opensslOcsp(serial: string): Promise<string> {
  const text = await openssl('ocsp', '-issuer', 'issuing.pem', '-serial', `0x${serial}`, '-CAfile', 'root.pem', '-verify_other', 'issuing.pem', '-attime', epoch(), '-no_nonce', '-url', `${port.url}/ocsp`)
  expect(text).toContain('Response verify OK')
  return /^(?:0x[0-9A-Fa-f]+: )?(good|revoked|unknown)\s*$/m.exec(text)?.[1] ?? text
}

async function asked(serial: string) {
  const checks = { issuedBy: issuedBy([authority.row]), falseRow: () => expect.fail('a false row') }
  const database = await readStatus(services.database, checks, authority.id, serial)

  const der = await port.client.get(`/crl/${authority.id}.crl`)
  writeFileSync(join(folder, 'list.der'), der)
  expect(await openssl('crl', '-inform', 'DER', '-in', 'list.der', '-CAfile', 'issuing.pem', '-noout', '-text')).toContain('X509v3 CRL Number')
  const list = walkCertificateList(der)
  const entry = [...list.entries()].flat().find((each) => each.serial === serial) ?? null
  expect(list.head.thisUpdate.at.getTime()).toBeLessThanOrEqual(now.getTime())
  expect(list.head.nextUpdate!.at.getTime()).toBeGreaterThan(now.getTime())
  const keptSince = readDer(list.head.extensions.find(({ oid }) => oid === EXTENSION.expiredCertsOnCrl)!.value).time()

  const nonce = Buffer.from('a nonce')
  const issuer = { certificateDer: authority.row.certificateDer }
  const reply = readOcspReply(await port.client.post('/ocsp', 'application/ocsp-request', buildOcspRequest(issuer, [serial], nonce)), issuer, nonce)
  if (!('answers' in reply)) throw new Error(JSON.stringify(reply))
  const [answer] = reply.answers
  return {
    database: database.state,
    list: entry ? 'revoked' : 'not listed',
    ocsp: answer!.status.state,
    openssl: await opensslOcsp(serial),
    // One basis, whichever is asked: max(CA start, thisUpdate − retention).
    story: [
      keptSince.getTime() === statusSince({ caNotBefore: authority.row.notBefore, thisUpdate: list.head.thisUpdate.at, periods: services.policy.periods }).getTime(),
      answer!.archiveCutoff!.getTime() === statusSince({ caNotBefore: authority.row.notBefore, thisUpdate: answer!.thisUpdate, periods: services.policy.periods }).getTime(),
    ],
    keptSince,
    archiveCutoff: answer!.archiveCutoff!,
    dates: [database.state === 'revoked' ? database.at.toISOString() : null, entry?.revocationDate.at.toISOString() ?? null, answer!.status.state === 'revoked' ? answer!.status.at.toISOString() : null],
  }
}

test('CRL-3, OCS-3, OCS-5, REV-4: from issue to ten years past expiry, database, list and OCSP agree, archive cutoff and expiredCertsOnCRL telling the same story', async () => {
  await turns()
  const good = await issue()
  const bad = await issue()
  const { notAfter } = bad
  const source = reconciliationSource(services.database)

  async function at(moment: Date, wanted: { good: 'good'; bad: 'good' | 'revoked' }, listed: boolean): Promise<void> {
    now = moment
    await turns()
    for (const [name, serial] of [['good', good.serial], ['bad', bad.serial]] as const) {
      const { database, list, ocsp, openssl: byOpenssl, story, keptSince, archiveCutoff, dates } = await asked(serial)
      const state = wanted[name]
      const where = `${name} at ${moment.toISOString()}`
      expect([database, ocsp, byOpenssl], where).toEqual([state, state, state])
      expect(list, where).toBe(state === 'revoked' && listed ? 'revoked' : 'not listed')
      expect(story, where).toEqual([true, true])
      // Both speak of this certificate, or neither.
      expect([keptSince <= notAfter, archiveCutoff <= notAfter], where).toEqual([listed, listed])
      if (state === 'revoked') expect(new Set(dates.filter((date) => date !== null)).size, where).toBe(1)
    }
    const { policy } = services
    const compared = await reconcile({ policy, authorities: [authority.row], source, now: () => now, randomBytes: services.random, statusUrl: services.config.status.url, find: port.client.find, post: port.client.post, fetchAddress: fetchWith(port.client), wait: async () => undefined })
    expect(compared.lines).toEqual([])
    expect(compared.certificates).toBeGreaterThanOrEqual(3)
  }

  await at(now, { good: 'good', bad: 'good' }, true)
  now = new Date(now.getTime() + 100 * DAY)
  const stamp = now.toISOString()
  await services.database('revocations').insert({ certificate_id: bad.id, authority_id: authority.id, serial: bad.serial, reason_code: 1, ground: 'key-compromise', explanation: '', revoked_at: stamp, recorded_at: stamp, requested_by: people.applicant })
  await at(now, { good: 'good', bad: 'revoked' }, true)
  const after = { good: 'good', bad: 'revoked' } as const
  await at(notAfter, after, true)
  await at(new Date(notAfter.getTime() + 1000), after, true)
  await at(new Date(notAfter.getTime() + DAY), after, true)
  await at(new Date(addYears(notAfter, 10).getTime() - DAY), after, true)
  await at(new Date(addYears(notAfter, 10).getTime() + DAY), after, true)
  expect(port.faults).toEqual([])
}, 120_000)

test('CRL-3, OCS-5: when the retention is over, both dates say so from the same second on, and OCSP still answers by the database', async () => {
  const row = await services.database('revocations').join('certificates', 'certificates.id', 'revocations.certificate_id').first('revocations.serial', 'certificates.not_after')
  const end = new Date(Date.parse(row.not_after) + services.policy.periods.statusYearsAfterExpiry * 366 * DAY)
  for (const [moment, kept] of [[end, true], [new Date(end.getTime() + 1000), false]] as const) {
    now = moment
    await renewResponderCertificates(services, authority)
    // A list of this second, whenever the last one was.
    await services.database('revocations').update({ reason_code: kept ? 4 : 5 })
    expect(await runRetention(services, authority)).toBe(kept ? 0 : 1)
    await issueCrl(services, ca, authority)
    const { ocsp, database, list, keptSince, archiveCutoff } = await asked(row.serial)
    expect([database, ocsp]).toEqual(['revoked', 'revoked'])
    // Dropped by the run on record, not by the date alone.
    expect(list).toBe(kept ? 'revoked' : 'not listed')
    expect(archiveCutoff <= new Date(row.not_after)).toBe(kept)
    if (kept) expect(keptSince).toEqual(archiveCutoff)
  }
}, 60_000)

test('OCS-2: responder certificates follow one another for ten years without a gap, and each is renewed before it ends', async () => {
  const { policy } = services
  const checks = { issuedBy: issuedBy([authority.row]), falseRow: () => expect.fail('a false row') }
  const fresh = await hierarchy.services(await withDatesAhead(await openFresh()), { clock: () => now })
  const begin = new Date(Math.ceil(Date.now() / 1000) * 1000)
  const end = addYears(begin, 11)
  // Often enough that a renewal is never missed between two looks, seldom enough to be quick.
  const step = Math.floor(policy.periods.responderRenewDaysBefore / 2) * DAY
  for (now = begin; now < end; now = new Date(now.getTime() + step)) {
    const before = now > begin ? await findResponder(fresh.database, checks, authority.id, now) : null
    if (now > begin) expect(before?.notAfter.getTime(), now.toISOString()).toBeGreaterThan(now.getTime())
    await renewResponderCertificates(fresh, authority)
  }
  const rows: { responder_key_id: string; not_before: string; not_after: string }[] = await fresh.database('responder_certificates').whereNotNull('der').orderBy('not_before')
  for (const key of new Set(rows.map((row) => row.responder_key_id))) {
    const own = rows.filter((row) => row.responder_key_id === key)
    expect(own.length).toBeGreaterThan(30)
    for (const [index, row] of own.entries()) if (index > 0) expect(Date.parse(row.not_before)).toBeLessThan(Date.parse(own[index - 1]!.not_after))
    expect(Date.parse(own.at(-1)!.not_after)).toBeGreaterThan(end.getTime() - step)
  }
}, 120_000)
