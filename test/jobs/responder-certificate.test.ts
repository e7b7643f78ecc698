import { sign, X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Database } from '../../src/database/database.ts'
import { validResponderCertificates } from '../../src/database/responder-store.ts'
import { authoritiesOn, type SigningAuthority } from '../../src/jobs/issuing-authority.ts'
import { renewResponderCertificates } from '../../src/jobs/responder-certificate.ts'
import { decodeName, displayName } from '../../src/pki/name.ts'
import { OID } from '../../src/pki/oids.ts'
import { readCertificate } from '../../src/pki/x509-certificate.ts'
import { enrolmentStatement } from '../../src/revocation/responder-enrolment.ts'
import { openServices, type Services } from '../../src/services.ts'
import type { Pkcs11Signer } from '../../src/signer/pkcs11.ts'
import { spkiSha256 } from '../../src/signer/signer.ts'
import { rsaKeyPair, type KeyPair } from '../pki/keys.ts'
import { connectAgain, describeOnBothDatabases } from '../support/database.ts'
import { demoHierarchy, type DemoHierarchy } from '../support/demo-hierarchy.ts'

let hierarchy: DemoHierarchy
let token: Pkcs11Signer
let stranger: KeyPair

beforeAll(async () => {
  hierarchy = await demoHierarchy()
  token = await hierarchy.token('ca')
  stranger = rsaKeyPair(3072)
}, 120_000)
afterAll(() => hierarchy.remove())

const DAY = 86_400_000

describeOnBothDatabases('responder certificates', (open) => {
  let database: Database
  let services: Services
  let authority: SigningAuthority
  let later: number
  let enrolled: readonly string[]

  beforeEach(async () => {
    later = 0
    database = await open()
    services = await hierarchy.services(database, { clock: () => new Date(Date.now() + later) })
    authority = (await authoritiesOn(token, database, services.config))[0]!
    enrolled = (await database('responder_keys').orderBy('id').select('id')).map((row: { id: string }) => row.id)
  })

  const renew = (of: Services = services, by = authority) => renewResponderCertificates(of, by)
  const rows = () => database('responder_certificates').orderBy('recorded_at')
  const sorted = (ids: readonly string[]) => [...ids].sort()

  test('OCS-2: certifies every key that the ceremony enrolled, under the profile of CP table 7.3-1', async () => {
    const { certified, refused } = await renew()
    expect(sorted(certified)).toEqual(enrolled)
    expect(refused).toEqual([])
    for (const row of await rows()) {
      const { tbs } = readCertificate(row.der)
      const key = await database('responder_keys').where({ id: row.responder_key_id }).first()
      expect(tbs.raw.equals(row.tbs)).toBe(true)
      expect(tbs.spki.equals(key.spki_der)).toBe(true)
      expect(tbs.serialNumber.toString(16).padStart(34, '0')).toBe(row.serial)
      expect(tbs.extensions.map(({ oid }) => oid)).toEqual(expect.arrayContaining([OID.extendedKeyUsage, OID.ocspNoCheck]))
      expect(displayName(decodeName(tbs.subject))).toContain('CN=DEMO ')
      expect(new X509Certificate(row.der).verify(new X509Certificate(authority.row.certificateDer).publicKey)).toBe(true)
      expect(await validResponderCertificates(database, key.id, services.clock())).toMatchObject([{ serial: row.serial }])
    }
    expect(await database('audit_events').where({ event: 'responder.certificate-issued' })).toHaveLength(enrolled.length)
  })

  test('OCS-2: renews in time, not before', async () => {
    await renew()
    expect(await renew()).toEqual({ certified: [], refused: [] })
    const { not_after } = (await rows())[0]
    const end = Date.parse(not_after) - Date.now()
    const ahead = services.policy.periods.responderRenewDaysBefore * DAY
    later = end - ahead - 60_000
    expect((await renew()).certified).toEqual([])
    later = end - ahead + 60_000
    expect(sorted((await renew()).certified)).toEqual(enrolled)
    expect(await rows()).toHaveLength(2 * enrolled.length)
    expect((await validResponderCertificates(database, enrolled[0]!, services.clock())).map(({ notAfter }) => notAfter.getTime() - services.clock().getTime() > 90 * DAY)).toEqual([true, false])
  })

  const insertKey = (id: string, signature: Buffer, spki = stranger.spki, named = spkiSha256(spki)) =>
    database('responder_keys').insert({ id, authority_id: authority.id, token_label: 'status', key_label: 'stranger', key_id: '99', spki_der: spki, spki_sha256: named, enrolled_at: services.clock().toISOString(), enrolment_signature: signature })

  test('OCS-2: never certifies a key because a row names it, and says so once on record', async () => {
    const statement = enrolmentStatement(authority.id, spkiSha256(stranger.spki))
    const genuine = await database('responder_keys').where({ id: enrolled[0] }).first()
    const forgeries: Record<string, Buffer> = {
      empty: Buffer.alloc(0),
      'its own': sign('sha256', statement, stranger.privateKey),
      'that of another key': genuine.enrolment_signature,
      'for another authority': await authority.sign(enrolmentStatement('root-g1', spkiSha256(stranger.spki)), 'sha256'),
    }
    for (const [what, signature] of Object.entries(forgeries)) {
      await insertKey('stranger', signature)
      const { certified, refused } = await renew()
      expect(refused, what).toEqual(['stranger'])
      expect(certified, what).not.toContain('stranger')
      await renew()
      await database('responder_keys').where({ id: 'stranger' }).delete()
    }
    expect(await database('responder_certificates').where({ responder_key_id: 'stranger' })).toEqual([])
    expect(await database('audit_events').where({ event: 'responder.key-refused', subject: 'responder:stranger' })).toHaveLength(1)
    // The counter-proof: it is the signature that was missing, and nothing else.
    await insertKey('stranger', await authority.sign(statement, 'sha256'))
    expect((await renew()).certified).toEqual(['stranger'])
  })

  test('OCS-2: never certifies other octets than those whose fingerprint was enrolled', async () => {
    await database('responder_keys').where({ id: enrolled[0] }).update({ spki_der: stranger.spki })
    const { certified, refused } = await renew()
    expect(refused).toEqual([enrolled[0]])
    expect(certified).toEqual([enrolled[1]])
  })

  test('ISS-1: signs nothing that a lint refuses', async () => {
    const { spki: small } = rsaKeyPair(2048)
    await database('responder_keys').delete()
    await insertKey('small', await authority.sign(enrolmentStatement(authority.id, spkiSha256(small)), 'sha256'), small)
    await expect(renew(services, { ...authority, sign: () => Promise.reject(new Error('signed')) })).rejects.toThrow('ocs-2-key-size')
    expect(await rows()).toEqual([])
  })

  test('ISS-5: a record that a crash left unsigned is never signed; a new one takes its place', async () => {
    await expect(renew(services, { ...authority, sign: () => Promise.reject(new Error('token is away')) })).rejects.toThrow('token is away')
    const [left] = await rows()
    expect(left.der).toBeNull()
    later = 60_000
    expect(sorted((await renew()).certified)).toEqual(enrolled)
    expect((await rows()).find((row: { id: string }) => row.id === left.id)).toMatchObject({ der: null })
    expect(new Set((await rows()).map((row: { serial: string }) => row.serial)).size).toBe(enrolled.length + 1)
  })

  test('OCS-2: two processes certify each key once', async () => {
    const second = openServices(services.config, { database: connectAgain(database), clock: services.clock })
    const turns = await Promise.all([renew(), renew(second), renew(), renew(second)])
    expect(sorted(turns.flatMap(({ certified }) => certified))).toEqual(enrolled)
    expect(await rows()).toHaveLength(enrolled.length)
  })
})
