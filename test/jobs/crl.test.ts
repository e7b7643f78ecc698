import { createHash, createPublicKey, verify } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { verifyAuditChain } from '../../src/audit/audit-log.ts'
import { latestCrl, readCrl } from '../../src/database/crl-store.ts'
import type { Database } from '../../src/database/database.ts'
import { issueCrl } from '../../src/jobs/crl.ts'
import { authoritiesOn, signingAuthority, type SigningAuthority } from '../../src/jobs/issuing-authority.ts'
import { issueWaiting, issuingParts } from '../../src/jobs/issuing.ts'
import { readCertificateList } from '../../src/revocation/crl-reader.ts'
import { openServices, type Services } from '../../src/services.ts'
import type { Pkcs11Signer } from '../../src/signer/pkcs11.ts'
import { insertApprovedApplication, insertPeople, type People } from '../support/approved-application.ts'
import { connectAgain, describeOnBothDatabases, dropTrigger } from '../support/database.ts'
import { demoHierarchy, type DemoHierarchy } from '../support/demo-hierarchy.ts'

let hierarchy: DemoHierarchy
let token: Pkcs11Signer

beforeAll(async () => {
  hierarchy = await demoHierarchy()
  token = await hierarchy.token('ca')
}, 120_000)
afterAll(() => hierarchy.remove())

const HOUR = 3_600_000

describeOnBothDatabases('revocation lists', (open) => {
  let database: Database
  let services: Services
  let authority: SigningAuthority
  let people: People
  let later: number

  beforeEach(async () => {
    later = 0
    database = await open()
    services = await hierarchy.services(database, { clock: () => new Date(Date.now() + later) })
    authority = (await authoritiesOn(token, database, services.config))[0]!
    people = await insertPeople(services)
  })

  const issue = (of: Services = services, by = authority) => issueCrl(of, by)
  const published = async () => {
    const crl = (await latestCrl(database, authority.id))!
    const der = await readCrl(database, crl)
    return { ...crl, der, list: readCertificateList(der) }
  }

  async function certificate(): Promise<{ id: string; serial: string }> {
    const { id } = await insertApprovedApplication(services, hierarchy.maker, { people })
    expect(await issueWaiting(issuingParts(services, token))).toEqual(['issued'])
    return database('certificates').where({ application_id: id }).first()
  }
  async function revoke({ id, serial }: { id: string; serial: string }, reason = 1, revokedAt = services.clock()) {
    const at = revokedAt.toISOString()
    await database('revocations').insert({ certificate_id: id, authority_id: authority.id, serial, reason_code: reason, ground: 'key-compromise', explanation: '', revoked_at: at, recorded_at: services.clock().toISOString(), requested_by: people.applicant })
  }

  test('CRL-1, CRL-2: issues the first list at once, signed by the authority, for the hours of the policy', async () => {
    expect(await issue()).toBe(1n)
    const { list, der, entries, nextUpdate, thisUpdate } = await published()
    expect(verify('sha256', list.tbsDer, createPublicKey({ key: authority.spki, format: 'der', type: 'spki' }), list.signature)).toBe(true)
    expect(list.tbs).toMatchObject({ version: 1n, entries: null })
    expect(entries).toBe(0)
    expect(list.tbs.thisUpdate.at).toEqual(thisUpdate)
    expect(list.tbs.nextUpdate!.at).toEqual(nextUpdate)
    expect(nextUpdate.getTime() - thisUpdate.getTime()).toBe(services.policy.periods.crlValidHours * HOUR - 1000)
    expect(await latestCrl(database, authority.id)).toMatchObject({ tbsSha256: createHash('sha256').update(list.tbsDer).digest('hex'), octets: der.length })
    expect(await database('audit_events').where({ event: 'crl.issued', subject: `authority:${authority.id}` })).toHaveLength(1)
    expect(await verifyAuditChain(database)).toMatchObject({ intact: true })
  })

  test('CRL-1: issues the next list when its hours are over, not before', async () => {
    await issue()
    later = services.policy.periods.crlIssueHours * HOUR - 5_000
    expect(await issue()).toBeNull()
    later += 10_000
    expect(await issue()).toBe(2n)
    expect(await issue()).toBeNull()
  })

  test('CRL-1, CRL-2: issues a list at once on revocation, with serial number, date and reason', async () => {
    const [first, second] = [await certificate(), await certificate()]
    await issue()
    const revokedAt = services.clock()
    await revoke(first, 1, revokedAt)
    expect(await issue()).toBe(2n)
    expect(await issue()).toBeNull()
    await revoke(second, 0)
    expect(await issue()).toBe(3n)
    const { list } = await published()
    expect(list.tbs.entries!.map(({ serial }) => serial)).toEqual([first.serial, second.serial])
    expect(list.tbs.entries![0]!.revocationDate.at.getTime()).toBe(Math.floor(revokedAt.getTime() / 1000) * 1000)
    expect(list.tbs.entries!.map(({ extensions }) => extensions?.map(({ value }) => value.toString('hex')) ?? [])).toEqual([['0a0101'], []])
  })

  test('CRL-1: finds a revocation that began before the last list and was stored after it', async () => {
    const made = await certificate()
    const began = services.clock()
    later = 10_000
    await issue()
    await revoke(made, 1, began)
    expect(await issue()).toBe(2n)
    expect((await published()).list.tbs.entries).toHaveLength(1)
  })

  test('REV-3: issues a list at once when the date or the reason of a revocation was corrected, and none when neither was', async () => {
    const made = await certificate()
    later = 60_000
    await revoke(made, 1)
    await issue()
    const correct = (change: object) => database('revocations').where({ certificate_id: made.id }).update(change)
    const earlier = new Date(Math.floor(Date.now() / 1000) * 1000 - 5000)
    await correct({ revoked_at: earlier.toISOString() })
    expect(await issue()).toBe(2n)
    expect((await published()).list.tbs.entries![0]!.revocationDate.at).toEqual(earlier)
    await correct({ reason_code: 4 })
    expect(await issue()).toBe(3n)
    expect((await published()).list.tbs.entries![0]!.extensions!.map(({ value }) => value.toString('hex'))).toEqual(['0a0104'])
    await correct({ reason_code: 0 })
    expect(await issue()).toBe(4n)
    // Neither a word of explanation nor less than a second is on a list.
    await correct({ explanation: 'more', revoked_at: new Date(earlier.getTime() + 300).toISOString() })
    expect(await issue()).toBeNull()
  })

  test('CRL-3: keeps an expired certificate on the list until its retention is over', async () => {
    const made = await certificate()
    await revoke(made)
    await issue()
    const { periods } = services.policy
    const end = new Date((await database('certificates').where({ id: made.id }).first()).not_after).getTime()
    const over = end + periods.statusYearsAfterExpiry * 366 * 24 * HOUR
    later = over - Date.now() - 5_000
    expect(await issue()).toBe(2n)
    expect((await published()).list.tbs.entries).toHaveLength(1)
    later += 60_000 + periods.crlIssueHours * HOUR
    expect(await issue()).toBe(3n)
    expect((await published()).list.tbs.entries).toBeNull()
    expect(await issue()).toBeNull()
  })

  test('CRL-2: the number goes on rising past a list that a crash left unsigned', async () => {
    await issue()
    later = 25 * HOUR
    await expect(issue(services, { ...authority, sign: () => Promise.reject(new Error('token is away')) })).rejects.toThrow('token is away')
    expect(await issue(), 'another process may be about to sign it').toBeNull()
    later += 6_000
    expect(await issue()).toBe(3n)
    expect((await database('crls').where({ authority_id: authority.id }).orderBy('number')).map((row: { number: unknown; seal: Buffer | null }) => [Number(row.number), row.seal !== null])).toEqual([[1, true], [2, false], [3, true]])
  })

  test('CRL-2: two processes never issue two lists of one number, and one list is enough', async () => {
    const second = openServices(services.config, { database: connectAgain(database), clock: services.clock })
    const numbers = await Promise.all([issue(), issue(second), issue(), issue(second)])
    expect(numbers.filter((number) => number !== null)).toEqual([1n])
    expect(await database('crls').where({ authority_id: authority.id })).toHaveLength(1)
  })

  test('ISS-1: signs no list that its lints refuse', async () => {
    const made = await certificate()
    await revoke(made, 1, new Date(Date.now() + HOUR))
    const never = { ...authority, sign: () => Promise.reject(new Error('signed')) }
    await expect(issue(services, never)).rejects.toThrow('revocation-date (RFC 5280 5.1.2.6)')
    expect(await database('crls').where({ authority_id: authority.id })).toEqual([])
  })

  test('REV-7, CRL-3: signs no list from which a revoked certificate has disappeared', async () => {
    await revoke(await certificate())
    await issue()
    later = 25 * HOUR
    // The database refuses to remove the row; what somebody with its owner's rights could do:
    await dropTrigger(database, 'revocations', 'revocations_stay')
    await database('revocations').delete()
    await expect(issue(services, { ...authority, sign: () => Promise.reject(new Error('signed')) })).rejects.toThrow('entry-lost (CSBR 7.2)')
  })

  test('REV-5: publishes no certificateHold, whatever a row says', async () => {
    await revoke(await certificate(), 6)
    await expect(issue()).rejects.toThrow('REV-5')
  })

  test('ISS-1: throws a signature away that is not the authority\'s', async () => {
    await expect(issue(services, { ...authority, sign: async (...parameters) => (await authority.sign(...parameters)).reverse() })).rejects.toThrow('thrown away')
    expect(await latestCrl(database, authority.id)).toBeNull()
  })

  test('CAK-1: refuses an authority whose row and certificate name different keys', () => {
    const { row } = authority
    expect(() => signingAuthority({ ...row, key: { ...row.key, spkiSha256: '00'.repeat(32) } }, token, services.config)).toThrow('differ')
  })
})
