import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { latestCrl, latestCrls, readCrl } from '../../src/database/crl-store.ts'
import type { Database } from '../../src/database/database.ts'
import { CrlPublisher } from '../../src/jobs/crl.ts'
import { authoritiesOn, type SigningAuthority } from '../../src/jobs/issuing-authority.ts'
import { issueWaiting, issuingParts } from '../../src/jobs/issuing.ts'
import { certificatePem, encodePem } from '../../src/pki/pem.ts'
import { readCrlDistributionPoints } from '../../src/pki/extension-values.ts'
import { OID } from '../../src/pki/oids.ts'
import { readCertificate } from '../../src/pki/x509-certificate.ts'
import { loadPolicy } from '../../src/policy/policy.ts'
import { readCertificateList } from '../../src/revocation/crl-reader.ts'
import { openServices, type Services } from '../../src/services.ts'
import type { Pkcs11Signer } from '../../src/signer/pkcs11.ts'
import { insertApprovedApplication, insertPeople, type People } from '../support/approved-application.ts'
import { describeOnBothDatabases } from '../support/database.ts'
import { demoHierarchy, type DemoHierarchy } from '../support/demo-hierarchy.ts'

const SHARDS = 3
const HOUR = 3_600_000
let hierarchy: DemoHierarchy
let token: Pkcs11Signer
const folder = mkdtempSync(join(tmpdir(), 'shards-'))

beforeAll(async () => {
  hierarchy = await demoHierarchy()
  token = await hierarchy.token('ca')
}, 120_000)
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
  return hierarchy.remove()
})

interface Issued {
  readonly id: string
  readonly serial: string
  readonly der: Buffer
  readonly crl_shard: number
}
const addressOf = ({ der }: Issued): string => readCrlDistributionPoints(readCertificate(der).tbs.extensions.find(({ oid }) => oid === OID.crlDistributionPoints)!.value)[0]!.fullName[0]!.uri!

describeOnBothDatabases('lists of shards', (open, engine) => {
  let database: Database
  let services: Services
  let authority: SigningAuthority
  let people: People
  let later = 0
  let alerts: Readonly<Record<string, unknown>>[] = []
  let publisher: CrlPublisher
  const sharded = { ...loadPolicy(), crl: { shards: SHARDS } }
  const certificates: Issued[] = []

  const publisherOf = (of: Services) => new CrlPublisher({ policy: of.policy, database, clock: of.clock, signer: token, folder: null, alert: (line) => void alerts.push(line) })
  async function issue(of: Services): Promise<Issued> {
    const { id } = await insertApprovedApplication(of, hierarchy.maker, { people })
    expect(await issueWaiting(issuingParts(of, token))).toEqual(['issued'])
    return database('certificates').where({ application_id: id }).first()
  }
  async function revoke({ id, serial, crl_shard }: Issued, change: object = {}) {
    const at = services.clock().toISOString()
    await database('revocations').insert({ certificate_id: id, authority_id: authority.id, serial, crl_shard, reason_code: 1, ground: 'key-compromise', explanation: '', revoked_at: at, recorded_at: at, requested_by: people.applicant, ...change })
    publisher.changed([{ authorityId: authority.id, serial }])
  }
  const list = async (shard: number) => readCertificateList(await readCrl(database, (await latestCrl(database, authority.id, shard))!))
  const serialsOn = async (shard: number): Promise<string[]> => ((await list(shard)).tbs.entries ?? []).map(({ serial }) => serial)
  const point = async (shard: number) => (await list(shard)).tbs.extensions.find(({ oid }) => oid === '2.5.29.28')

  beforeAll(async () => {
    database = await open()
    services = await hierarchy.services(database, { policy: sharded, clock: () => new Date(Date.now() + later) })
    authority = (await authoritiesOn(token, database, services.config))[0]!
    people = await insertPeople(services)
    publisher = publisherOf(services)
    // By chance: all may meet one shard, and the tests want two.
    while (certificates.length < 6 || new Set(certificates.map(({ crl_shard }) => crl_shard)).size < 2) certificates.push(await issue(services))
    certificates.sort((one, other) => one.crl_shard - other.crl_shard)
  }, 120_000)

  test('CRT-7, CRL-4: a certificate is given its list at issuance: row, recorded octets and distribution point agree', async () => {
    for (const each of certificates) {
      expect(each.crl_shard).toBeGreaterThanOrEqual(1)
      expect(each.crl_shard).toBeLessThanOrEqual(SHARDS)
      expect(addressOf(each)).toBe(`http://status.test/crl/${authority.id}/${each.crl_shard}.crl`)
    }
    await expect(database('certificates').where({ id: certificates[0]!.id }).update({ crl_shard: 0 })).rejects.toThrow('never rewritten')
  })

  test('CRL-1, CRL-2: every shard\'s list is published, empty too, with a critical issuing distribution point that is the very address', async () => {
    expect((await publisher.turn([authority])).map(({ shard, number }) => [shard, number])).toEqual([[0, 1n], [1, 2n], [2, 3n], [3, 4n]])
    expect(await publisher.turn([authority])).toEqual([])
    expect((await latestCrls(database)).filter(({ authorityId }) => authorityId === authority.id).map(({ shard, entries }) => [shard, entries])).toEqual([[0, 0], [1, 0], [2, 0], [3, 0]])
    for (const shard of [0, 1, 2, 3]) {
      const found = (await point(shard))!
      expect(found.critical).toBe(true)
      const text = found.value.toString('latin1')
      expect(text).toContain(authority.crlUrl(shard))
      // onlyContainsUserCerts
      expect(found.value.subarray(-3).toString('hex')).toBe('8101ff')
    }
  })

  test('REV-4, CRL-1: a revocation is on its own shard\'s list at once, and on no other; openssl finds it there', async () => {
    const [revoked] = certificates
    await revoke(revoked!)
    expect((await publisher.turn([authority])).map(({ shard }) => shard)).toEqual([revoked!.crl_shard])
    for (const shard of [0, 1, 2, 3]) expect(await serialsOn(shard)).toEqual(shard === revoked!.crl_shard ? [revoked!.serial] : [])

    const file = (name: string, text: string) => (writeFileSync(join(folder, name), text), join(folder, name))
    const root = (await database('authorities').where({ kind: 'root' }).first()).certificate_der
    const trust = ['-CAfile', file('root.pem', certificatePem(root)), '-untrusted', file('issuing.pem', certificatePem(authority.row.certificateDer))]
    for (const each of certificates) {
      const crl = file('list.pem', encodePem('X509 CRL', await readCrl(database, (await latestCrl(database, authority.id, each.crl_shard))!)))
      expect(spawnSync('openssl', ['crl', '-in', crl, '-CAfile', join(folder, 'issuing.pem'), '-noout', '-text'], { encoding: 'utf8' }).stderr).toContain('verify OK')
      const { status, stderr } = spawnSync('openssl', ['verify', '-x509_strict', '-crl_check', '-CRLfile', crl, ...trust, file('leaf.pem', certificatePem(each.der))], { encoding: 'utf8' })
      expect([each === revoked, status === 0, stderr.includes('certificate revoked')]).toEqual(each === revoked ? [true, false, true] : [false, true, false])
    }
    // The list of another shard says nothing of this certificate.
    const other = file('other.pem', encodePem('X509 CRL', await readCrl(database, (await latestCrl(database, authority.id, (revoked!.crl_shard % SHARDS) + 1))!)))
    const elsewhere = spawnSync('openssl', ['verify', '-crl_check', '-CRLfile', other, ...trust, file('leaf.pem', certificatePem(revoked!.der))], { encoding: 'utf8' })
    expect([elsewhere.status === 0, elsewhere.stderr]).toEqual([false, expect.stringMatching(/different CRL scope|unable to get certificate CRL/)])
    expect(execFileSync('openssl', ['crl', '-in', other, '-noout', '-text'], { encoding: 'utf8' })).toContain('X509v3 Issuing Distribution Point: critical')
  })

  test('CRL-4: what the certificate says counts, not its row; a row that says otherwise is told', async () => {
    const two = certificates.find(({ crl_shard }) => crl_shard !== certificates[0]!.crl_shard)!
    await database.raw(`DROP TRIGGER certificates_shard_fixed${engine === 'PostgreSQL' ? ' ON certificates' : ''}`)
    await database('certificates').where({ id: two.id }).update({ crl_shard: 0 })
    alerts = []
    await revoke(two, { crl_shard: 77 })
    await publisher.turn([authority])
    expect(await serialsOn(two.crl_shard)).toContain(two.serial)
    expect(await serialsOn(0)).toEqual([])
    expect(alerts[0]).toMatchObject({ level: 'alert', serial: two.serial, refused: `its row names list 0, its certificate ${two.crl_shard}` })
    // A process that starts now finds it where it is, and a list that nobody has opened hides nothing from it.
    expect(await publisherOf(services).turn([authority])).toEqual([])
    expect(await serialsOn(two.crl_shard)).toContain(two.serial)
  })

  test('CRL-4: another number of shards changes certificates issued later alone; the lists before go on', async () => {
    const whole = openServices(services.config, { database, clock: services.clock, policy: { ...sharded, crl: { shards: 1 } } })
    const more = openServices(services.config, { database, clock: services.clock, policy: { ...sharded, crl: { shards: SHARDS + 1 } } })
    const next = await issue(whole)
    expect([next.crl_shard, addressOf(next)]).toEqual([0, `http://status.test/crl/${authority.id}.crl`])
    const last = certificates.at(-1)!
    await revoke(next)
    await revoke(last)
    publisher = publisherOf(whole)
    await publisher.turn([authority])
    expect(await serialsOn(0)).toEqual([next.serial])
    expect(await serialsOn(last.crl_shard)).toContain(last.serial)
    later += 25 * HOUR
    expect((await publisher.turn([authority])).map(({ shard }) => shard)).toEqual([0, 1, 2, 3])
    publisher = publisherOf(more)
    expect((await publisher.turn([authority])).map(({ shard }) => shard)).toEqual([4])
  })

  test('CRL-4: where the status port gets another address, a list goes on naming the one in certificates issued before', async () => {
    const config = { ...services.config, status: { ...services.config.status, url: 'http://status.elsewhere.test' } }
    const [moved] = await authoritiesOn(token, database, config)
    later += 25 * HOUR
    publisher = publisherOf(services)
    await publisher.turn([moved!])
    const text = (await point(1))!.value.toString('latin1')
    expect(text).toContain(`http://status.test/crl/${authority.id}/1.crl`)
    expect(text).toContain(`http://status.elsewhere.test/crl/${authority.id}/1.crl`)
  })

  test('CRL-2: the numbers of all lists of an authority rise, and no number comes twice', async () => {
    const rows = await database('crls').where({ authority_id: authority.id }).orderBy('number').select('number')
    expect(rows.map((row) => Number(row.number))).toEqual(rows.map((_, at) => at + 1))
  })
})
