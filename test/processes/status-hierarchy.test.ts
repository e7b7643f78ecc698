import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { certify, certifyingKey } from '../../src/ceremony/certify.ts'
import { holdLater, planLater } from '../../src/ceremony/later.ts'
import { demoName } from '../../src/certificate/demo-name.ts'
import { findIssuingAuthority, insertAuthority, insertResponderKey, listAuthorities, type Authority } from '../../src/database/authority-store.ts'
import type { Database } from '../../src/database/database.ts'
import { issueWaiting, issuingParts } from '../../src/jobs/issuing.ts'
import { currentAuthority } from '../../src/jobs/issuing-authority.ts'
import { renewResponderCertificates } from '../../src/jobs/responder-certificate.ts'
import { encodeName } from '../../src/pki/name.ts'
import { encodePem } from '../../src/pki/pem.ts'
import { enrolmentStatement } from '../../src/revocation/responder-enrolment.ts'
import type { Services } from '../../src/services.ts'
import { openConfiguredToken } from '../../src/signer/open-token.ts'
import type { Pkcs11Signer } from '../../src/signer/pkcs11.ts'
import { insertApprovedApplication, insertPeople, type People } from '../support/approved-application.ts'
import { dropTrigger, openFresh, urlOf } from '../support/database.ts'
import { demoHierarchy, type DemoHierarchy } from '../support/demo-hierarchy.ts'
import { freePorts, start, type Program } from '../support/program.ts'
import { readReply, timestampQuery } from '../timestamp/timestamp-parts.ts'

// One `status` of two workers that is never started again while ceremonies change the hierarchy under it.
let hierarchy: DemoHierarchy
let services: Services
let database: Database
let program: Program
let url: string
let folder: string
let token: Pkcs11Signer
let root: Pkcs11Signer
let people: People

beforeAll(async () => {
  hierarchy = await demoHierarchy()
  folder = mkdtempSync(join(tmpdir(), 'status-hierarchy-'))
  database = await openFresh()
  services = await hierarchy.services(database)
  token = await hierarchy.token('ca')
  root = await openConfiguredToken(hierarchy.config('ceremony'))
  await renewResponderCertificates(services, (await currentAuthority(database, token, services.config))!)
  people = await insertPeople(services)
  await insertApprovedApplication(services, hierarchy.maker, { people })
  expect(await issueWaiting(issuingParts(services, token))).toEqual(['issued'])
  // A hierarchy that was made without time-stamps.
  const stamping = (await listAuthorities(database)).find(({ kind }) => kind === 'timestamp-ca')!
  await dropTrigger(database, 'timestamp_certificates', 'timestamp_certificates_stay')
  await database('timestamp_certificates').delete()
  for (const table of ['crl_addresses', 'crls', 'crl_lists']) await database(table).where({ authority_id: stamping.id }).delete()
  await database('authorities').where({ id: stamping.id }).delete()
  const { STATUS_PORT, STATUS_URL } = await freePorts()
  url = STATUS_URL
  program = start('status', { ...hierarchy.env, DATABASE_URL: urlOf(database), STATUS_PORT, STATUS_URL, STATUS_METRICS_PORT: 'none', STATUS_WORKERS: '2' })
  await program.said(`Status   ${url}`)
}, 120_000)
afterAll(async () => {
  program.signalGroup('SIGTERM')
  await program.ended
  await root.close()
  await hierarchy.remove()
  rmSync(folder, { recursive: true, force: true })
})

/** What openssl hears of a serial number under an issuer, each time over a connection of its own. */
function heard({ serial }: { serial: string }, issuer: Authority): string {
  writeFileSync(join(folder, 'issuing.pem'), encodePem('CERTIFICATE', issuer.certificateDer))
  const words = ['ocsp', '-issuer', 'issuing.pem', '-serial', `0x${serial}`, '-CAfile', 'root.pem', '-verify_other', 'issuing.pem', '-url', `${url}/ocsp`]
  const { stdout, stderr } = spawnSync('openssl', words, { cwd: folder, encoding: 'utf8' })
  return stderr.includes('Response verify OK') ? /^0x\w+: (\w+)/m.exec(stdout)![1]! : (/Responder Error: (\w+)/.exec(stdout + stderr)?.[1] ?? stdout + stderr)
}

/** The next generation of the issuing CA, as a ceremony makes one. */
async function nextGeneration(): Promise<Authority> {
  const { policy } = services
  const status = await hierarchy.token('status')
  const heldAt = new Date(Math.floor(Date.now() / 1000) * 1000)
  const above = (await listAuthorities(database)).find(({ kind }) => kind === 'root')!
  const newId = () => services.random(8).toString('hex')
  const key = await token.generateRsaKeyPair({ label: 'issuing-g2', id: newId(), bits: policy.keys.authority.rsaBits })
  const responderKey = await status.generateRsaKeyPair({ label: 'responder-g2', id: newId(), bits: policy.keys.responder.rsaBits })
  const name = demoName(policy.names.issuing.map((each) => (each.type === 'commonName' ? { ...each, value: `${each.value} G2` } : each)))
  const { der, notBefore, notAfter } = await certify(services, 'issuing', name, key, certifyingKey(above, root), heldAt)
  const authority: Authority = { id: 'issuing-g2', kind: 'issuing', parentId: above.id, demo: true, key: key.reference, subjectDer: encodeName(name), certificateDer: der, notBefore, notAfter }
  const enrolmentSignature = await token.sign(key.reference, 'sha256', enrolmentStatement(authority.id, responderKey.reference.spkiSha256))
  await database.transaction(async (trx) => {
    const { id } = await trx('ceremonies').first('id')
    await insertAuthority(trx, authority, id, new Date(Date.now() + 1000))
    await insertResponderKey(trx, { id: 'responder-g2', authorityId: authority.id, key: responderKey.reference, spkiDer: responderKey.spki, enrolmentSignature }, heldAt)
  })
  await renewResponderCertificates(services, (await currentAuthority(database, token, services.config))!)
  return authority
}

test('CAK-3, OCS-3: a second generation of the CA is answered for under its own issuer and responder, without a restart; the first goes on', async () => {
  const first = (await findIssuingAuthority(database))!
  const old = await database('certificates').first()
  writeFileSync(join(folder, 'root.pem'), encodePem('CERTIFICATE', (await listAuthorities(database)).find(({ kind }) => kind === 'root')!.certificateDer))
  expect(heard(old, first)).toBe('good')
  const second = await nextGeneration()
  const { id } = await insertApprovedApplication(services, hierarchy.maker, { people })
  expect(await issueWaiting(issuingParts(services, token))).toEqual(['issued'])
  const fresh = await database('certificates').where({ application_id: id }).first()
  expect(fresh.authority_id).toBe(second.id)
  const everyWorker = (certificate: { serial: string }, issuer: Authority) => [...new Set(Array.from({ length: 8 }, () => heard(certificate, issuer)))]
  await expect.poll(() => everyWorker(fresh, second), { timeout: 30_000 }).toEqual(['good'])
  expect([everyWorker(old, first), everyWorker(old, second), everyWorker(fresh, first)]).toEqual([['good'], ['unknown'], ['unknown']])
}, 120_000)

test('OCS-1: a row of an authority that nobody can read ends no worker: it is told of, and what was known goes on', async () => {
  const first = (await listAuthorities(database)).find(({ kind }) => kind === 'issuing')!
  const old = await database('certificates').first()
  const row = await database('authorities').where({ id: first.id }).first()
  await database('authorities').insert({ ...row, id: 'unreadable', spki_sha256: '00'.repeat(32), certificate_der: Buffer.from('3000', 'hex'), created_at: '2000-01-01T00:00:00.000Z' })
  await expect.poll(() => program.output(), { timeout: 30_000 }).toContain('"level":"error"')
  for (let again = 0; again < 4; again++) expect(heard(old, first)).toBe('good')
  await database('authorities').where({ id: 'unreadable' }).delete()
  expect(program.output()).not.toContain('ended by itself')
}, 120_000)

test('TSA-1: time-stamps added by a ceremony are given without a restart', async () => {
  const ask = async () => {
    const answer = await fetch(`${url}/tsa`, { method: 'POST', headers: { 'content-type': 'application/timestamp-query', connection: 'close' }, body: new Uint8Array(timestampQuery({ certReq: true })) })
    return answer.status === 200 ? readReply(Buffer.from(await answer.arrayBuffer())) : answer.status
  }
  expect(await ask()).toBe(404)
  const plan = await planLater(services, 'add-timestamps', { serial: null, reason: null })
  await holdLater(services, plan, ['Aoki Hanako', 'Beppu Taro'], { root, status: await hierarchy.token('status') }, () => undefined)
  const everyWorker = async () => (await Promise.all(Array.from({ length: 8 }, ask))).every((answer) => typeof answer === 'object' && 'token' in answer)
  await expect.poll(everyWorker, { timeout: 30_000, interval: 500 }).toBe(true)
  expect(program.output()).toContain('begun')
}, 120_000)
