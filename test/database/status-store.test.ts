import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { assembleCertificate } from '../../src/certificate/profile.ts'
import { listAuthorities, type Authority } from '../../src/database/authority-store.ts'
import type { Database } from '../../src/database/database.ts'
import { respondersInForce } from '../../src/database/repository-store.ts'
import { findResponder, readStatus, type FalseRow } from '../../src/database/status-store.ts'
import { currentAuthority, type SigningAuthority } from '../../src/jobs/issuing-authority.ts'
import { issueWaiting, issuingParts } from '../../src/jobs/issuing.ts'
import { renewResponderCertificates } from '../../src/jobs/responder-certificate.ts'
import { readCertificate, readTbsCertificate } from '../../src/pki/x509-certificate.ts'
import { issuedBy, type IssuedBy } from '../../src/revocation/issued-certificate.ts'
import type { Services } from '../../src/services.ts'
import type { Pkcs11Signer } from '../../src/signer/pkcs11.ts'
import { insertApprovedApplication, type ApprovedApplication } from '../support/approved-application.ts'
import { describeOnBothDatabases, dropTrigger, withDatesOfNoDay } from '../support/database.ts'
import { demoHierarchy, type DemoHierarchy } from '../support/demo-hierarchy.ts'

let hierarchy: DemoHierarchy
let token: Pkcs11Signer
beforeAll(async () => {
  hierarchy = await demoHierarchy()
  token = await hierarchy.token('ca')
}, 120_000)
afterAll(() => hierarchy.remove())

const NEVER = '5e000000000000000000000000000000ff'
const LOST = '5e000000000000000000000000000000fe'

describeOnBothDatabases('the status of a certificate', (open) => {
  let database: Database
  let services: Services
  let authorities: readonly Authority[]
  let authority: SigningAuthority
  let application: ApprovedApplication
  let issued: Record<string, any>
  let responder: Record<string, any>
  const told: FalseRow[] = []

  beforeAll(async () => {
    database = await open()
    services = await hierarchy.services(database)
    authority = (await currentAuthority(database, token, services.config))!
    authorities = await listAuthorities(database)
    await renewResponderCertificates(services, authority)
    application = await insertApprovedApplication(services, hierarchy.maker)
    expect(await issueWaiting(issuingParts(services, token))).toEqual(['issued'])
    issued = await database('certificates').first()
    responder = await database('responder_certificates').first()
  })
  beforeEach(() => void (told.length = 0))

  const checks = (of: IssuedBy = issuedBy(authorities)) => ({ issuedBy: of, falseRow: (row: FalseRow) => void told.push(row) })
  const statusOf = async (serial: string) => (await readStatus(database, checks(), authority.id, serial)).state

  /** A row as an intruder would insert it, beside an approval of its own, since one approval has one certificate. */
  async function insertIssued(change: Record<string, unknown>) {
    const approvalId = randomUUID()
    const at = services.clock().toISOString()
    await database('approvals').where({ application_id: application.id }).update({ voided_at: at, voided_because: 'test' })
    await database('approvals').insert({ id: approvalId, application_id: application.id, approver_id: application.approver, digest: '0'.repeat(64), approved_at: at })
    await database('certificates').insert({ ...issued, id: randomUUID(), approval_id: approvalId, ...change })
  }
  const insertResponder = (change: Record<string, unknown>) => database('responder_certificates').insert({ ...responder, id: randomUUID(), ...change })

  /** A certificate with its serial number exchanged: everything but the signature fits. */
  const renumbered = (der: Buffer, serial: string, to: string) => Buffer.from(der.toString('hex').replace(serial, to), 'hex')

  test('OCS-2: of two responder certificates that begin in one second the one recorded later answers, and the pages say of that one that it answers', async () => {
    const now = services.clock()
    const rows = await database('responder_certificates')
    expect(rows).toHaveLength(2)
    await database('responder_certificates').update({ not_before: new Date(now.getTime() - 3_600_000).toISOString() })
    for (const last of [0, 1, 0]) {
      for (const [at, { id }] of rows.entries()) await database('responder_certificates').where({ id }).update({ recorded_at: new Date(now.getTime() + (at === last ? 1 : 0)).toISOString() })
      expect((await findResponder(database, checks(), authority.id, now))!.certificateDer).toEqual(rows[last]!.der)
      expect((await respondersInForce(database, now)).map(({ certificateDer, answers }) => [certificateDer, answers])).toEqual([[rows[last]!.der, true], [rows[1 - last]!.der, false]])
    }
    // A key in another node's token answers there.
    const { responder_key_id: other } = rows[1]!
    const { token_label: label } = await database('responder_keys').where({ id: other }).first()
    await database('responder_keys').where({ id: other }).update({ token_label: 'another' })
    expect((await respondersInForce(database, now)).map(({ answers }) => answers)).toEqual([true, true])
    await database('responder_keys').where({ id: other }).update({ token_label: label })
  })

  test('OCS-3: what the authority signed is good, a subscriber\'s and a responder\'s', async () => {
    expect([await statusOf(issued.serial), await statusOf(responder.serial)]).toEqual(['good', 'good'])
    expect(told).toEqual([])
  })

  test('OCS-3: a responder\'s row without a certificate of this authority and serial number is unknown, with an alert', async () => {
    const defects: Record<string, Buffer> = {
      'no certificate': Buffer.from([0]),
      'nothing': Buffer.alloc(0),
      'of another serial number': responder.der,
      'not signed': renumbered(responder.der, responder.serial, NEVER),
      'the authority\'s own': authorities.find(({ id }) => id === authority.id)!.certificateDer,
    }
    for (const [n, [defect, der]] of Object.entries(defects).entries()) {
      const serial = defect === 'not signed' ? NEVER : defect === 'the authority\'s own' ? readCertificate(der).tbs.serialNumber.toString(16).padStart(34, '0') : `5e0${n}`
      await insertResponder({ serial, der })
      expect(await statusOf(serial), defect).toBe('unknown')
      expect(told.splice(0), defect).toEqual([{ table: 'responder_certificates', authorityId: authority.id, serial }])
    }
  })

  test('OCS-3: a subscriber\'s row without a certificate of this authority and serial number is unknown, with an alert', async () => {
    const at = services.clock().toISOString()
    for (const [serial, der] of [['5e10', Buffer.from([0])], ['5e11', issued.der], [LOST, renumbered(issued.der, issued.serial, LOST)]] as const) {
      await insertIssued({ serial, der, issued_at: at })
      expect(await statusOf(serial)).toBe('unknown')
      expect(told.splice(0)).toEqual([{ table: 'certificates', authorityId: authority.id, serial }])
    }
  })

  test('OCS-3: a certificate stands for the authority that signed it, not for the one that its row names', async () => {
    const root = authorities.find(({ kind }) => kind === 'root')!
    const isIssued = issuedBy(authorities)
    expect(isIssued(authority.id, issued.serial, issued.der)).toBe(true)
    expect(isIssued(root.id, issued.serial, issued.der)).toBe(false)
    expect(isIssued('nobody', issued.serial, issued.der)).toBe(false)
    // The root signed the issuing authority: under the root's name and key it is the root's.
    const own = authorities.find(({ id }) => id === authority.id)!.certificateDer
    expect(isIssued(root.id, readCertificate(own).tbs.serialNumber.toString(16), own)).toBe(true)
  })

  test('OCS-3: a certificate under another issuer\'s name is not the authority\'s, even signed with its key', async () => {
    const { tbs, signatureAlgorithm } = readCertificate(issued.der)
    const signed = async (octets: Buffer) => assembleCertificate(octets, signatureAlgorithm.raw, await authority.sign(octets, 'sha256'))
    const isIssued = issuedBy(authorities)
    expect(isIssued(authority.id, issued.serial, await signed(tbs.raw))).toBe(true)
    // The issuer's name comes first.
    const renamed = Buffer.from(tbs.raw.toString('latin1').replace('DEMO ', 'DEMA '), 'latin1')
    expect(readTbsCertificate(renamed).issuer.equals(tbs.issuer)).toBe(false)
    expect(isIssued(authority.id, issued.serial, await signed(renamed))).toBe(false)
  })

  test('OCS-3: what was verified is remembered by its digest: other octets are verified anew, also when there is room for one alone', async () => {
    const isIssued = issuedBy(authorities, 1)
    for (let n = 0; n < 3; n++)
      for (const row of [issued, responder]) {
        expect(isIssued(authority.id, row.serial, row.der)).toBe(true)
        const altered = Buffer.from(row.der)
        altered[altered.length - 1]! ^= 1
        expect(isIssued(authority.id, row.serial, altered)).toBe(false)
      }
  })

  test('REV-4: a revoked certificate is revoked whatever its row holds', async () => {
    const [id, serial, at] = [randomUUID(), '5e20', services.clock().toISOString()]
    await insertIssued({ id, serial, der: Buffer.from([0]) })
    await database('revocations').insert({ certificate_id: id, authority_id: authority.id, serial, reason_code: 1, ground: 'key-compromise', explanation: '', revoked_at: at, recorded_at: at, requested_by: application.applicant })
    expect(await statusOf(serial)).toBe('revoked')
  })

  test('REV-4: a certificate is revoked whatever serial number the row of its revocation says', async () => {
    await dropTrigger(database, 'revocations', 'revocations_own')
    const at = services.clock().toISOString()
    expect(await statusOf(issued.serial)).toBe('good')
    const row = await database('certificates').where({ authority_id: authority.id, serial: issued.serial }).first('id')
    await database('revocations').insert({ certificate_id: row.id, authority_id: authority.id, serial: '5e99', reason_code: 1, ground: 'key-compromise', explanation: '', revoked_at: at, recorded_at: at, requested_by: application.applicant })
    expect(await statusOf(issued.serial)).toBe('revoked')
  })

  test('REV-4, OCS-3: a revocation dated on no day is answered for as since its certificate began, and told of', async () => {
    await withDatesOfNoDay(database)
    const at = services.clock().toISOString()
    const row = await database('certificates').where({ authority_id: authority.id, serial: issued.serial }).first('id')
    for (const serial of [issued.serial, '5e98']) {
      await dropTrigger(database, 'revocations', 'revocations_own')
      await dropTrigger(database, 'revocations', 'revocations_not_rewritten')
      await database('revocations').insert({ certificate_id: row.id, authority_id: authority.id, serial, reason_code: 1, ground: 'key-compromise', explanation: '', revoked_at: at, recorded_at: at, requested_by: application.applicant }).onConflict('certificate_id').ignore().catch(() => undefined)
      for (const date of ['2025-99-99T99:99:99.999Z', '0000-01-01T00:00:00.000Z', 'today']) {
        told.splice(0)
        await database('revocations').where({ certificate_id: row.id }).update({ serial, revoked_at: date })
        expect(await readStatus(database, checks(), authority.id, issued.serial)).toEqual({ state: 'revoked', at: readCertificate(issued.der).tbs.notBefore.date, reason: 1 })
        expect(told).toEqual([{ table: 'revocations', authorityId: authority.id, serial: issued.serial }])
      }
    }
  })

  test('OCS-2: a false row of a responder, however new, does not take the place of a certificate that the authority signed', async () => {
    const now = services.clock()
    await insertResponder({ serial: '5e30', der: Buffer.from([0]), not_before: new Date(now.getTime() - 1).toISOString() })
    const found = await findResponder(database, checks(), authority.id, now)
    expect(found!.certificateDer[0]).toBe(0x30)
    expect(told).toContainEqual({ table: 'responder_certificates', authorityId: authority.id, serial: '5e30' })
  })
})
