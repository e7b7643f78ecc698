import { createHash, createPublicKey, verify } from 'node:crypto'
import { tmpdir } from 'node:os'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { audit, verifyAuditChain } from '../../src/audit/audit-log.ts'
import { latestCrl, readCrl } from '../../src/database/crl-store.ts'
import type { Database } from '../../src/database/database.ts'
import { beginRun, markDropped } from '../../src/database/retention-store.ts'
import { CrlPublisher, issueCrl } from '../../src/jobs/crl.ts'
import { refuseBackwards } from '../../src/jobs/list-draft.ts'
import { runRetention } from '../../src/jobs/retention.ts'
import { authoritiesOn, signingAuthority, type SigningAuthority } from '../../src/jobs/issuing-authority.ts'
import { issueWaiting, issuingParts } from '../../src/jobs/issuing.ts'
import { readCertificate } from '../../src/pki/x509-certificate.ts'
import { readCertificateList } from '../../src/revocation/crl-reader.ts'
import { openServices, type Services } from '../../src/services.ts'
import type { Pkcs11Signer } from '../../src/signer/pkcs11.ts'
import type { Signer } from '../../src/signer/signer.ts'
import { insertApprovedApplication, insertPeople, type People } from '../support/approved-application.ts'
import { connectAgain, describeOnBothDatabases, dropTrigger, withDatesOfNoDay } from '../support/database.ts'
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
  let alerts: Readonly<Record<string, unknown>>[]

  beforeEach(async () => {
    later = 0
    alerts = []
    database = await open()
    services = await hierarchy.services(database, { clock: () => new Date(Date.now() + later) })
    authority = (await authoritiesOn(token, database, services.config))[0]!
    people = await insertPeople(services)
  })

  const publisher = (of: Services = services, signer: Pick<Signer, 'signDigest'> = token) => new CrlPublisher({ policy: of.policy, database: of.database, clock: of.clock, signer, folder: tmpdir(), alert: (line) => void alerts.push(line) })
  const issue = (of: Services = services, signer: Pick<Signer, 'signDigest'> = token) => issueCrl(of, signer, authority)
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
    expect(list.tbs.entries!.map(({ serial }) => serial)).toEqual([first.serial, second.serial].sort())
    expect(list.tbs.entries!.find(({ serial }) => serial === first.serial)!.revocationDate.at.getTime()).toBe(Math.floor(revokedAt.getTime() / 1000) * 1000)
    const reasons = new Map(list.tbs.entries!.map(({ serial, extensions }) => [serial, extensions?.map(({ value }) => value.toString('hex')) ?? []]))
    expect([first, second].map(({ serial }) => reasons.get(serial))).toEqual([['0a0101'], []])
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
    later = -60_000
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

  test('CRL-3: keeps an expired certificate on the list until a recorded run drops it, ten years on, and not before', async () => {
    const [made, younger] = [await certificate(), await certificate()]
    await revoke(made)
    await revoke(younger)
    await issue()
    const { periods } = services.policy
    const end = new Date((await database('certificates').where({ id: made.id }).first()).not_after).getTime()
    const over = end + periods.statusYearsAfterExpiry * 366 * 24 * HOUR
    later = over - Date.now() - 5_000
    expect(await runRetention(services, authority)).toBe(0)
    expect(await issue()).toBe(2n)
    expect((await published()).list.tbs.entries).toHaveLength(2)
    // No list drops anything by itself, however late it is.
    later += 10_000 + periods.crlIssueHours * HOUR
    expect(await issue()).toBe(3n)
    expect((await published()).list.tbs.entries).toHaveLength(2)
    expect(await runRetention(services, authority)).toBe(2)
    expect(await runRetention(services, authority)).toBe(0)
    expect(await issue()).toBe(4n)
    const { list } = await published()
    expect(list.tbs.entries).toBeNull()
    expect(await issue()).toBeNull()
    const [run] = await database('audit_events').where({ event: 'crl.retention-run' })
    const [first, last] = [made.serial, younger.serial].sort()
    const cutoff = list.tbs.extensions.find(({ oid }) => oid === '2.5.29.60')!.value.subarray(2).toString('latin1')
    expect(JSON.parse(run.details)).toMatchObject({ authority: authority.id, dropped: 2, first, last, sha256: createHash('sha256').update(`${first}\n${last}`).digest('hex') })
    // What was dropped ended before the date from which the list says that it shows everything.
    expect(JSON.parse(run.details).endedBefore.replace(/[-:T]|\.000/g, '') <= cutoff).toBe(true)
    expect(JSON.parse((await database('audit_events').where({ event: 'crl.issued' }).orderBy('seq', 'desc').first()).details)).toMatchObject({ number: '4', entries: 0, dropped: 2 })
    expect(await database('revocations')).toHaveLength(2)
  })

  test('CRL-3: a row that says an earlier end than its certificate keeps its place on the list, and keeps no other there', async () => {
    // A certificate of the day after tomorrow is revoked today.
    await withDatesOfNoDay(database)
    const [made, other] = [await certificate(), await certificate()]
    later = 48 * HOUR
    const belied = await certificate()
    for (const each of [made, other, belied]) await revoke(each, 1, new Date())
    const endOf = async ({ id }: { id: string }) => new Date((await database('certificates').where({ id }).first()).not_after).getTime()
    await dropTrigger(database, 'certificates', 'certificates_not_rewritten')
    later = (await endOf(other)) + services.policy.periods.statusYearsAfterExpiry * 366 * 24 * HOUR - Date.now() + 5_000
    await database('certificates').where({ id: belied.id }).update({ not_after: new Date((await endOf(made)) - HOUR).toISOString() })
    expect(await runRetention(services, authority, 1)).toBe(2)
    expect(await runRetention(services, authority)).toBe(0)
    expect(await database('revocations').whereNull('retention_run_id').pluck('certificate_id')).toEqual([belied.id])
  })

  test('CRL-2: the number goes on rising past a list that a crash left unsigned', async () => {
    await issue()
    later = 25 * HOUR
    await expect(issue(services, { signDigest: () => Promise.reject(new Error('token is away')) })).rejects.toThrow('token is away')
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

  test('REV-4: a revocation dated ahead stops no list: it is listed with the date of the list, by whichever way it comes, and operators are told', async () => {
    await dropTrigger(database, 'revocations', 'revocations_not_ahead')
    const [made, other] = [await certificate(), await certificate()]
    await revoke(made, 1, new Date('2046-01-01T00:00:00.000Z'))
    const own = publisher()
    expect(await own.turn([authority])).toHaveLength(1)
    expect(alerts).toMatchObject([{ level: 'alert', refused: `the revocation of ${made.serial} is dated ahead` }])
    await revoke(other, 1, new Date('2046-01-01T00:00:00.000Z'))
    own.changed([{ authorityId: authority.id, serial: other.serial }])
    expect(await own.turn([authority])).toHaveLength(1)
    const { list, thisUpdate } = await published()
    expect(list.tbs.entries!.map(({ serial }) => serial).sort()).toEqual([made.serial, other.serial].sort())
    for (const { revocationDate } of list.tbs.entries!) expect(revocationDate.at.getTime()).toBeLessThanOrEqual(thisUpdate.getTime())
  })

  test.each(['2025-99-99T99:99:99.999Z', '2026-02-31T00:00:00.000Z', '0000-01-01T00:00:00.000Z', 'today', 'a line\nthat ends so soon', 'あああああああああああああああああああああああ'])('CRL-2, REV-4: a revocation dated %j stops no list: it is listed since its certificate began, by whichever way it comes, and operators are told', async (date) => {
    await withDatesOfNoDay(database)
    const [made, other, dated] = [await certificate(), await certificate(), await certificate()]
    const undated = async ({ id, serial }: { id: string; serial: string }) => {
      await revoke({ id, serial })
      await database('revocations').where({ certificate_id: id }).update({ revoked_at: date })
    }
    await undated(made)
    await revoke(dated)
    const own = publisher()
    expect(await own.turn([authority])).toHaveLength(1)
    await undated(other)
    own.changed([{ authorityId: authority.id, serial: other.serial }])
    expect(await own.turn([authority])).toHaveLength(1)
    for (const { serial } of [made, other]) expect(alerts).toContainEqual(expect.objectContaining({ level: 'alert', serial, refused: 'the row of its revocation has a date that no calendar has' }))
    const { list } = await published()
    expect(list.tbs.entries!.map(({ serial }) => serial).sort()).toEqual([made.serial, other.serial, dated.serial].sort())
    for (const { id, serial } of [made, other]) {
      const began = readCertificate((await database('certificates').where({ id }).first()).der).tbs.notBefore.date
      expect(list.tbs.entries!.find((entry) => entry.serial === serial)!.revocationDate.at).toEqual(began)
    }
    // Nothing changed since: both ways say the same.
    expect(await publisher().turn([authority])).toEqual([])
  })

  test('REV-7, CRL-3: an entry stays on the list though its row is gone, and operators are told', async () => {
    const made = await certificate()
    await revoke(made)
    await issue()
    later = 25 * HOUR
    // The database refuses to remove the row; what somebody with its owner's rights could do:
    await dropTrigger(database, 'revocations', 'revocations_stay')
    await database('revocations').delete()
    expect(await publisher().turn([authority])).toHaveLength(1)
    expect((await published()).list.tbs.entries!.map(({ serial }) => serial)).toEqual([made.serial])
    expect(alerts).toMatchObject([{ list: authority.id, refused: '1 entries have no revocation on record' }])
  })

  test('REV-4, CRL-3: a revocation under another serial number than its certificate’s is listed under both, and operators are told', async () => {
    const made = await certificate()
    await dropTrigger(database, 'revocations', 'revocations_own')
    const own = publisher()
    await own.turn([authority])
    await revoke({ ...made, serial: '0badc0de' })
    own.changed([{ authorityId: authority.id, serial: '0badc0de' }])
    expect(await own.turn([authority])).toHaveLength(1)
    expect((await published()).list.tbs.entries!.map(({ serial }) => serial)).toEqual(['0badc0de', made.serial].sort())
    expect(alerts).toMatchObject([{ level: 'alert', job: 'crl', serial: '0badc0de', refused: `its certificate has the serial number ${made.serial}` }])
  })

  describe('never backwards', () => {
    const refusals = async () => (await database('audit_events').where({ event: 'crl.refused' }).orderBy('seq')).map(({ subject, details }: { subject: string; details: string }) => `${subject} ${JSON.parse(details).why}`)
    const name = () => `authority:${authority.id}`

    test('CRL-2: refuses, with an alarm said once, when the list on record has a lower number than the one that this process published', async () => {
      const own = publisher()
      await own.turn([authority])
      await revoke(await certificate())
      own.changed('everything')
      expect(await own.turn([authority])).toMatchObject([{ number: 2n }])
      // As a database put back from a copy has it; its audit log too.
      await database('crl_lists').where({ authority_id: authority.id, shard: 0 }).update({ number: 1 })
      later = 25 * HOUR
      expect(await own.turn([authority])).toEqual([])
      expect(await own.turn([authority])).toEqual([])
      expect(await refusals()).toEqual([`${name()} the published CRL 1 has a lower number than 2, which was published before`])
      expect(alerts).toHaveLength(1)
      expect(await database('crls').where({ authority_id: authority.id })).toHaveLength(2)
      later += HOUR
      await own.turn([authority])
      expect([alerts.length, (await refusals()).length]).toEqual([2, 1])
    })

    test('CRL-2: a process that starts afterwards finds it by the sealed lists on record; a list that is gone too', async () => {
      await issue()
      later = 25 * HOUR
      await issue()
      later += 25 * HOUR
      await database('crl_lists').where({ authority_id: authority.id, shard: 0 }).update({ number: 1 })
      expect(await publisher().turn([authority])).toEqual([])
      await database('crl_lists').where({ authority_id: authority.id, shard: 0 }).update({ number: null })
      expect(await publisher().turn([authority])).toEqual([])
      expect(await refusals()).toEqual([`${name()} the published CRL 1 has a lower number than 2, which was published before`, `${name()} CRL 2 was published and is not on record`])
    })

    test.each([
      ['a seal that nobody made', (row: Record<string, any>) => ({ ...row, seal: Buffer.concat([row['seal'].subarray(0, -1), Buffer.from([row['seal'].at(-1) ^ 1])]) }), 'is not signed by the authority'],
      ['another list’s octets and seal', (row: Record<string, any>) => row, 'is CRL 1 in what the authority signed'],
      ['no octets that can be read', (row: Record<string, any>) => ({ ...row, chunks: Buffer.alloc(32) }), `the entries ${'00'.repeat(32)} are missing`],
      ['no seal that can be read', (row: Record<string, any>) => ({ ...row, seal: Buffer.from('x') }), 'has no signature that can be read'],
    ] as const)('CRL-2: a row with a higher number and %s stops no list after a restart; somebody is told', async (_, change, why) => {
      await revoke(await certificate())
      await issue()
      await database('crls').insert({ ...change(await database('crls').where({ authority_id: authority.id }).first()), number: 77 })
      later = 25 * HOUR
      expect(await publisher().turn([authority])).toMatchObject([{ number: 78n }])
      expect(alerts).toMatchObject([{ level: 'alert', job: 'crl', list: authority.id, refused: expect.stringContaining(why) }])
      expect(await refusals()).toEqual([])
      expect((await published()).entries).toBe(1)
    })

    test('CRL-2: refuses to go on from a list that the authority signed under another number', async () => {
      await issue()
      later = 25 * HOUR
      await issue()
      const lists = () => database('crls').where({ authority_id: authority.id })
      await lists().where({ number: 2 }).update({ ...(await lists().where({ number: 1 }).first()), number: 2 })
      later += 25 * HOUR
      expect(await publisher().turn([authority])).toEqual([])
      expect(await refusals()).toEqual([`${name()} the published CRL 2 is CRL 1 in what the authority signed`])
    })

    test.each([
      ['9'.repeat(40), 2n],
      ['7', 8n],
      ['0x10', 2n],
    ])('CRL-2: an entry of CRL %s on the audit log, of which there is no sealed list, stops no list after a restart; somebody is told, and a number nearby is not used again', async (number, next) => {
      await issue()
      await database.transaction((trx) => audit(trx, { at: services.clock(), actor: 'process:ca', event: 'crl.issued', subject: name(), details: { number, entries: 0, tbsSha256: '00'.repeat(32) } }))
      later = 25 * HOUR
      expect(await publisher().turn([authority])).toMatchObject([{ number: next }])
      expect(alerts).toMatchObject(number === '0x10' ? [] : [{ level: 'alert', refused: `the audit log has CRL ${number} as issued` }])
      later += 25 * HOUR
      expect(await publisher().turn([authority])).toMatchObject([{ number: next + 1n }])
    })

    test('CRL-2: refuses to go on from a list whose signature is not the authority\'s', async () => {
      await revoke(await certificate())
      await issue()
      const { seal } = await database('crls').where({ authority_id: authority.id }).first()
      seal[seal.length - 1] ^= 1
      await database('crls').where({ authority_id: authority.id }).update({ seal })
      later = 25 * HOUR
      expect(await publisher().turn([authority])).toEqual([])
      expect(await refusals()).toEqual([`${name()} the published CRL 1 is not signed by the authority`])
    })

    test('CRL-2: refuses to go on from a list to which somebody added an entry, or of which one is missing', async () => {
      await revoke(await certificate())
      await issue()
      const { octets } = await database('crl_chunks').first()
      const other = Buffer.from(octets)
      other[6]! ^= 1
      const sha256 = createHash('sha256').update(other).digest()
      await database('crl_chunks').insert({ sha256: sha256.toString('hex'), entries: 1, octets: other })
      await database('crls').update({ chunks: sha256 }).where({ authority_id: authority.id })
      later = 25 * HOUR
      expect(await publisher().turn([authority])).toEqual([])
      await database('crls').update({ chunks: Buffer.alloc(0) }).where({ authority_id: authority.id })
      expect(await publisher().turn([authority])).toEqual([])
      expect(await refusals()).toEqual([1, 2].map(() => `${name()} the published CRL 1 is not signed by the authority`))
    })

    test('CRL-3: an entry that a row calls dropped stays unless the run is on the audit log, names just these, and the certificate itself is over', async () => {
      const made = await certificate()
      await revoke(made)
      await issue()
      later = 25 * HOUR
      const at = services.clock()
      const run = { id: 'run-1', authorityId: authority.id, ranAt: at, endedBefore: at }
      await database.transaction(async (trx) => {
        await beginRun(trx, run)
        await markDropped(trx, run.id, [made.id])
      })
      const why = `${name()} 1 entries would be lost without a recorded retention run, ${made.serial} first (CRL-3)`
      expect(await publisher().turn([authority])).toEqual([])
      expect(await refusals()).toEqual([why])
      // With an entry on the log: the certificate is young still.
      const details = { authority: authority.id, dropped: 1, sha256: createHash('sha256').update(made.serial).digest('hex') }
      await database.transaction((trx) => audit(trx, { at, actor: 'test', event: 'crl.retention-run', subject: 'retention:run-1', details }))
      expect(await publisher().turn([authority])).toEqual([])
      expect(await refusals()).toEqual([why, why])
      expect((await published()).list.tbs.entries).toHaveLength(1)
    })

    test('CRL-2, CRL-3: numbers and entries are held against the last list as such', () => {
      const last = { number: 5n, entries: 10 }
      expect(() => refuseBackwards({ number: 6n, entries: 8 }, last, 2)).not.toThrow()
      expect(() => refuseBackwards({ number: 5n, entries: 10 }, last, 0)).toThrow('not above 5')
      expect(() => refuseBackwards({ number: 4n, entries: 10 }, last, 0)).toThrow('not above 5')
      expect(() => refuseBackwards({ number: 6n, entries: 8 }, last, 1)).toThrow('it has 8 entries, the last one 10')
      expect(() => refuseBackwards({ number: 1n, entries: 0 }, null, 0)).not.toThrow()
    })
  })

  test('REV-5: publishes no certificateHold, whatever a row says', async () => {
    await dropTrigger(database, 'revocations', 'revocations_own')
    await revoke(await certificate(), 6)
    await expect(issue()).rejects.toThrow('REV-5')
  })

  test('ISS-1: throws a signature away that is not the authority\'s', async () => {
    await expect(issue(services, { signDigest: async (...parameters) => (await token.signDigest(...parameters)).reverse() })).rejects.toThrow('thrown away')
    expect(await latestCrl(database, authority.id)).toBeNull()
  })

  test('CAK-1: refuses an authority whose row and certificate name different keys', () => {
    const { row } = authority
    expect(() => signingAuthority({ ...row, key: { ...row.key, spkiSha256: '00'.repeat(32) } }, token, services.config)).toThrow('differ')
  })
})
