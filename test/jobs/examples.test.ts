import { createPublicKey, X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { verifyAuditChain } from '../../src/audit/audit-log.ts'
import type { Database } from '../../src/database/database.ts'
import { EXAMPLE_KINDS } from '../../src/application/example.ts'
import { holdLater, type LaterCeremonyKind, planLater } from '../../src/ceremony/later.ts'
import { findExample, listExamples } from '../../src/database/example-store.ts'
import { listTimestampCertificates } from '../../src/database/timestamp-store.ts'
import { latestCrl, readCrl } from '../../src/database/crl-store.ts'
import { issueCrl } from '../../src/jobs/crl.ts'
import { type ExampleParts, keepExamples } from '../../src/jobs/examples.ts'
import { upkeep } from '../../src/jobs/upkeep.ts'
import type { LogLine } from '../../src/log.ts'
import { authoritiesOn, type SigningAuthority } from '../../src/jobs/issuing-authority.ts'
import { loadPolicy, type Policy } from '../../src/policy/policy.ts'
import { OID } from '../../src/pki/oids.ts'
import { readCertificate } from '../../src/pki/x509-certificate.ts'
import { readCertificateList } from '../../src/revocation/crl-reader.ts'
import { issuedBy } from '../../src/revocation/issued-certificate.ts'
import { readStatus } from '../../src/database/status-store.ts'
import type { Services } from '../../src/services.ts'
import { openConfiguredToken } from '../../src/signer/open-token.ts'
import type { Pkcs11Signer } from '../../src/signer/pkcs11.ts'
import { jarSignature, jarTimestamp } from '../../src/specimen/jar.ts'
import { programTimestamp } from '../../src/specimen/program.ts'
import { isTokenOf } from '../../src/specimen/time-stamping.ts'
import { describeOnBothDatabases, withDatesAhead } from '../support/database.ts'
import { demoHierarchy, type DemoHierarchy } from '../support/demo-hierarchy.ts'
import { exampleParts } from '../support/example-life.ts'

let hierarchy: DemoHierarchy
let ca: Pkcs11Signer
let status: Pkcs11Signer

beforeAll(async () => {
  hierarchy = await demoHierarchy()
  ca = await hierarchy.token('ca')
  status = await hierarchy.token('status')
}, 120_000)
afterAll(() => hierarchy.remove())

/** Keys of 3072 bits take a module seconds each, and show nothing more. */
const shipped = loadPolicy()
const quick: Policy = { ...shipped, keys: { ...shipped.keys, subscriber: { ...shipped.keys.subscriber, rsaBits: [2048] } } }

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

describeOnBothDatabases('example certificates', (open) => {
  let database: Database
  let services: Services
  let authority: SigningAuthority
  let later: number
  let parts: ExampleParts
  let unreachable: boolean

  beforeEach(async () => {
    later = 0
    unreachable = false
    database = await withDatesAhead(await open())
    services = await hierarchy.services(database, { clock: () => new Date(Date.now() + later), policy: quick })
    authority = (await authoritiesOn(ca, database, services.config))[0]!
    parts = await exampleParts(services, ca, status, () => unreachable)
  })

  const turn = (change: Partial<ExampleParts> = {}) => keepExamples({ ...parts, ...change }, authority)
  const acts = async () => (await turn()).done.map(({ act, kind }) => `${act} ${kind}`)
  const shown = async () => (await listExamples(database, services.clock())).map(({ kind, state, pending }) => `${kind}: ${state}${pending ? ', pending' : ''}`)
  const events = async () => (await database('audit_events').where('event', 'like', 'example.%').orderBy('seq').select('event')).map(({ event }: { event: string }) => event)
  const keysInToken = async () => {
    const rows = await database('example_certificates').select('key_label')
    const found = await Promise.all(rows.map(({ key_label }: { key_label: string }) => ca.publicKey(key_label).then(() => 1, () => 0)))
    return found.reduce<number>((sum, one) => sum + one, 0)
  }

  test('REP-2: one of each kind comes of itself, is on record, linted, signed, revoked, time-stamped and renewed in time; each step is on the audit log', async () => {
    expect(await acts()).toEqual(['issued valid', 'time-stamped valid'])
    expect(await events()).toEqual(['example.key-generated', 'example.recorded', 'example.issued', 'example.time-stamped'])
    expect(await acts()).toEqual(['issued revoked', 'revoked revoked'])
    // A whole second after its revocation, so that no clock can take the signature for an older one.
    later += 2000
    expect(await acts()).toEqual(['issued expired', 'time-stamped expired', 'time-stamped revoked'])
    expect(await acts()).toEqual(['issued revoked-then-expired', 'revoked revoked-then-expired'])
    later += 2000
    expect(await acts()).toEqual(['time-stamped revoked-then-expired'])
    expect(await shown()).toEqual(['valid: valid', 'revoked: revoked', 'expired: valid, pending', 'revoked-then-expired: revoked, pending'])
    const { expiringMinutes, validDays, renewDaysBefore } = services.policy.examples!
    later += expiringMinutes * MINUTE
    expect(await shown()).toEqual(['valid: valid', 'revoked: revoked', 'expired: expired', 'revoked-then-expired: revoked-then-expired'])

    const issuer = createPublicKey({ key: authority.spki, format: 'der', type: 'spki' })
    const checks = { issuedBy: issuedBy([authority.row]), falseRow: () => expect.fail('a false row') }
    for (const { id, serial, der, kind, notBefore, notAfter } of await listExamples(database, services.clock())) {
      const { tbs } = readCertificate(der)
      expect(new X509Certificate(der).verify(issuer)).toBe(true)
      expect(new X509Certificate(der).subject).toContain('O=DEMO SECOM')
      expect(tbs.extensions.map(({ oid }) => oid)).toEqual(expect.arrayContaining([OID.extendedKeyUsage, OID.crlDistributionPoints, OID.authorityInfoAccess]))
      // Truthful dates: the row before its signature says when it began.
      expect(Date.parse((await database('certificates').where({ id }).first('recorded_at')).recorded_at) - notBefore.getTime()).toBeLessThan(1000)
      expect((notAfter.getTime() - notBefore.getTime() + 1000) / MINUTE).toBe(kind === 'valid' || kind === 'revoked' ? validDays * 24 * 60 : expiringMinutes)
      expect((await readStatus(database, checks, authority.id, serial)).state).toBe(kind.startsWith('revoked') ? 'revoked' : 'good')
      const { stamped_at } = await database('example_certificates').where({ id }).first('stamped_at')
      expect(stamped_at < notAfter.toISOString() && stamped_at >= notBefore.toISOString()).toBe(true)
    }
    await issueCrl(services, ca, authority)
    const listed = readCertificateList(await readCrl(database, (await latestCrl(database, authority.id))!)).tbs.entries!.map(({ serial }) => BigInt(`0x${serial}`))
    const revoked = (await listExamples(database, services.clock())).filter(({ revokedAt }) => revokedAt).map(({ serial }) => BigInt(`0x${serial}`))
    expect(new Set(listed)).toEqual(new Set(revoked))

    // CP 6.2.10: no key is left that could sign anything.
    expect(await keysInToken()).toBe(0)
    expect((await database('example_certificates').whereNull('key_removed_at')).length).toBe(0)

    expect(await acts()).toEqual([])
    later += (validDays - renewDaysBefore) * DAY
    expect(await acts()).toEqual(['issued valid', 'time-stamped valid'])
    expect(await acts()).toEqual(['issued revoked', 'revoked revoked'])
    expect(await verifyAuditChain(database)).toMatchObject({ intact: true })
  }, 120_000)

  test('REP-2: without the policy\'s word there is none; an authority that issues no more makes none (CAK-5)', async () => {
    const { examples: _none, ...silent } = services.policy
    expect(await turn({ policy: silent })).toEqual({ done: [], unstamped: [], beyond: [] })
    later = (services.policy.periods.issuingYears - services.policy.periods.statusYearsAfterExpiry) * 365 * DAY
    expect(await acts()).toEqual([])
  })

  test('REP-2: the time-stamp is asked for again while there is none to be had, and never after the certificate\'s end', async () => {
    unreachable = true
    const first = await turn()
    expect(first.done).toEqual([{ act: 'issued', kind: 'valid' }])
    expect(first.unstamped).toHaveLength(1)
    unreachable = false
    expect(await acts()).toContain('time-stamped valid')
    unreachable = true
    while ((await turn()).done.length > 0);
    later += services.policy.examples!.expiringMinutes * MINUTE
    const ended = (await listExamples(database, services.clock())).filter(({ state }) => state.endsWith('expired')).map(({ id }) => id)
    // Another would be no better while none is to be had: one would be made each hour.
    expect(await turn()).toMatchObject({ done: [], beyond: expect.arrayContaining(ended) })
    unreachable = false
    const now = await turn()
    expect(now.beyond).toEqual([])
    expect(now.done.map(({ act, kind }) => `${act} ${kind}`)).toEqual(expect.arrayContaining(['issued expired', 'time-stamped expired']))
    for (const id of ended) expect((await findExample(database, id))!.stampedAt).toBeNull()
  }, 60_000)

  test('REP-2: time-stamps of a revoked certificate are taken out; what is in force is stamped anew over the same signature, and what has ended is made anew', async () => {
    const stamped = async (id: string) => {
      const { jar, executable } = (await findExample(database, id))!
      return [jarTimestamp(jar!), programTimestamp(executable!)]
    }
    const root = await openConfiguredToken(hierarchy.config('ceremony'))
    const hold = async (kind: LaterCeremonyKind, serial: string | null = null) =>
      holdLater(services, await planLater(services, kind, { serial, reason: serial && 'superseded' }), ['Aoki Hanako', 'Beppu Taro'], { root, status }, () => undefined)
    let made = 0
    while ((await listExamples(database, services.clock())).filter(({ stampedAt }) => stampedAt !== null).length < 4 && made++ < 10) {
      await turn()
      later += 2000
    }
    later += services.policy.examples!.expiringMinutes * MINUTE
    const before = await listExamples(database, services.clock())
    const signatures = async () => Promise.all(before.map(async ({ id }) => jarSignature((await findExample(database, id))!.jar!)))
    const signed = await signatures()
    const [old] = await listTimestampCertificates(database)
    await hold('change-timestamp-key')
    expect(await acts()).toEqual([])
    expect((await planLater(services, 'revoke-timestamp-certificate', { serial: old!.serial, reason: 'superseded' })).lines.join('\n')).toContain('4 of the example certificates')
    await hold('revoke-timestamp-certificate', old!.serial)
    await root.close()
    unreachable = true
    const without = await turn()
    expect(without.done.map(({ act, kind }) => `${act} ${kind}`).sort()).toEqual(EXAMPLE_KINDS.map((kind) => `time-stamp-removed ${kind}`).sort())
    expect([without.unstamped.length, without.beyond.length]).toEqual([2, 2])
    for (const { id } of before) expect(await stamped(id)).toEqual([null, null])
    expect((await listExamples(database, services.clock())).map(({ stampedAt }) => stampedAt)).toEqual([null, null, null, null])
    parts = await exampleParts(services, ca, status)
    later += 1000
    expect(await acts()).toEqual(['issued expired', 'time-stamped expired', 'time-stamped revoked', 'time-stamped valid'])
    expect(await acts()).toEqual(['issued revoked-then-expired', 'revoked revoked-then-expired'])
    later += 2000
    expect(await acts()).toEqual(['time-stamped revoked-then-expired'])
    expect(await signatures()).toEqual(signed)
    later += services.policy.examples!.expiringMinutes * MINUTE
    expect(await acts()).toEqual([])
    const after = await listExamples(database, services.clock())
    expect(after.map(({ kind, state }) => [kind, state])).toEqual(EXAMPLE_KINDS.map((kind) => [kind, kind]))
    const unit = (await listTimestampCertificates(database)).find(({ id }) => id !== old!.id)!
    for (const { id } of after) for (const token of await stamped(id)) expect([isTokenOf(token!, unit.der), isTokenOf(token!, old!.der)]).toEqual([true, false])
    expect((await events()).filter((event) => event === 'example.time-stamp-removed')).toHaveLength(4)
    expect(await verifyAuditChain(database)).toMatchObject({ intact: true })
  }, 120_000)

  test('REP-2: an alert tells once of what has ended without a time-stamp while another can\'t be made, and of nothing that waits', async () => {
    const lines: LogLine[] = []
    let elapsed = 0
    // Where nobody listens.
    const config = { ...services.config, status: { ...services.config.status, url: 'http://127.0.0.1:9' } }
    const leisure = upkeep({ ...services, config }, ca, () => elapsed, (line) => void lines.push(line))
    elapsed = 60_000
    const alerts = () => lines.filter(({ level }) => level === 'alert').map(({ example }) => example)
    for (let each = 0; each < 5; each++) await leisure.examples()
    expect([lines.length > 0, alerts()]).toEqual([true, []])
    later += services.policy.examples!.expiringMinutes * MINUTE
    for (let each = 0; each < 2; each++) await leisure.examples()
    const ended = (await listExamples(database, services.clock())).filter(({ state }) => state.endsWith('expired')).map(({ id }) => id)
    expect([ended.length, new Set(alerts())]).toEqual([2, new Set(ended)])
    expect(alerts()).toHaveLength(2)
    leisure.stop()
  }, 60_000)

  test('ISS-5: what a crash left is given up after ten minutes: its key destroyed, its octets never signed; a second host makes none beside it', async () => {
    const crash = new Error('the power went')
    // The module signs no certificate any more: the key is made and the octets are on record.
    await expect(keepExamples({ ...parts, signer: { ...signerOf(ca), removeKeyPair: () => Promise.reject(crash) } }, { ...authority, sign: () => Promise.reject(crash) })).rejects.toThrow('the power went')
    expect(await keysInToken()).toBe(1)
    const [row] = await database('certificates')
    expect(row).toMatchObject({ state: 'recorded', application_id: null })
    // Another host looks meanwhile: this kind is taken, so it goes on to none.
    expect(await acts()).toEqual([])
    later = 11 * MINUTE
    const { done } = await turn()
    expect(done[0]).toEqual({ act: 'abandoned', kind: 'valid' })
    expect(await keysInToken()).toBe(0)
    expect(await database('certificates').where({ id: row.id }).first('state')).toEqual({ state: 'abandoned' })
    expect(await events()).toContain('example.abandoned')
  }, 60_000)

  test('ISS-1: a refused example is not signed, its key is destroyed at once, and it is not tried again within the hour', async () => {
    const examples = { ...services.policy.examples!, subject: [{ type: 'countryName', value: 'XX' }, ...services.policy.examples!.subject.slice(1)] as const }
    const policy = { ...services.policy, examples: { ...examples, subject: [...examples.subject] } }
    await expect(turn({ policy })).rejects.toThrow(/is not signed: .*country/)
    expect(await keysInToken()).toBe(0)
    expect((await database('certificates')).length).toBe(0)
    expect(await acts()).not.toContain('issued valid')
  }, 60_000)
})

const signerOf = (signer: Pkcs11Signer): ExampleParts['signer'] => ({
  tokenLabel: signer.tokenLabel,
  generateRsaKeyPair: (wanted) => signer.generateRsaKeyPair(wanted),
  sign: (key, hash, data) => signer.sign(key, hash, data),
  removeKeyPair: (key) => signer.removeKeyPair(key),
  publicKey: (label) => signer.publicKey(label),
})
