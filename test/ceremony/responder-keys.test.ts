/** OCS-2: responder keys over the years: renewed, switched, added, removed, with the real tokens. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { holdResponderCeremony, planResponderKeys } from '../../src/ceremony/responder-keys.ts'
import { listEnrolledKeys } from '../../src/database/authority-store.ts'
import type { Database } from '../../src/database/database.ts'
import { findResponder } from '../../src/database/status-store.ts'
import { authoritiesOn, type SigningAuthority } from '../../src/jobs/issuing-authority.ts'
import { renewResponderCertificates, responderAlarmsOf } from '../../src/jobs/responder-certificate.ts'
import { issuedBy } from '../../src/revocation/issued-certificate.ts'
import type { Services } from '../../src/services.ts'
import type { Pkcs11Signer } from '../../src/signer/pkcs11.ts'
import { issuerOf, questionFor, withNonce } from '../bench/ocsp-servers.ts'
import { openFresh, urlOf } from '../support/database.ts'
import { demoHierarchy, type DemoHierarchy } from '../support/demo-hierarchy.ts'
import { freePorts, start } from '../support/program.ts'

const DAY = 86_400_000
/** `ca` looks each minute; so far apart renewal is still in time. */
const STEP = 5
const PERSONS = ['Aoki', 'Beppu']

let hierarchy: DemoHierarchy
let tokens: { issuing: Pkcs11Signer; status: Pkcs11Signer }
beforeAll(async () => {
  hierarchy = await demoHierarchy()
  tokens = { issuing: await hierarchy.token('ca'), status: await hierarchy.token('status') }
}, 120_000)
afterAll(() => hierarchy.remove())

let database: Database
let services: Services
let authority: SigningAuthority
let later: number
const now = () => new Date(Date.now() + later)

async function open(on: Database): Promise<void> {
  later = 0
  database = on
  services = await hierarchy.services(database, { clock: now })
  authority = (await authoritiesOn(tokens.issuing, database, services.config))[0]!
}
const renew = () => renewResponderCertificates(services, authority)
const answering = (tokenLabel = 'status') => findResponder(database, { issuedBy: issuedBy([authority.row]), tokenLabel, falseRow: () => expect.fail('a false row') }, authority.id, now())
const plan = (kind: 'add-responder-key' | 'remove-responder-key', named: string | null = null) => planResponderKeys(services, kind, named)
const hold = async (kind: 'add-responder-key' | 'remove-responder-key', named: string | null = null, pause: (milliseconds: number) => Promise<unknown> = async () => undefined) =>
  holdResponderCeremony(services, await plan(kind, named), PERSONS, tokens, () => undefined, pause)
/** One more key of this database alone, and answering: the others lie in the token that all databases of these tests share. */
async function addKey(secondPasses: () => unknown = () => (later += 2000)) {
  await hold('add-responder-key')
  const added = (await listEnrolledKeys(database, authority.id)).at(-1)!
  // Certificates begin at whole seconds: of two that begin in the same one either may answer.
  await secondPasses()
  expect((await renew()).certified).toEqual([added.id])
  expect((await answering())!.key.label).toBe(added.key.label)
  return added
}
const events = async (event: string) => (await database('audit_events').where({ event }).orderBy('seq')).map(({ details }: { details: string }) => JSON.parse(details))

describe('time passes', () => {
  beforeEach(async () => open(await openFresh()))

  test('OCS-2: through a year and a half, five days at a time, a certificate is always in force; the old one answers until the new one begins, none beyond its end', async () => {
    const { periods } = services.policy
    const used = new Set<string>()
    let last = ''
    for (let day = 0; day < 550; day += STEP) {
      later = day * DAY
      // Before `ca` renews: what was in force still is.
      const before = day === 0 ? null : await answering()
      await renew()
      const found = (await answering())!
      expect(found.notBefore <= now() && now() < found.notAfter).toBe(true)
      if (before) expect(before.notAfter > now()).toBe(true)
      expect(found.notAfter.getTime() - now().getTime()).toBeGreaterThan((periods.responderRenewDaysBefore - STEP) * DAY)
      const certificate = found.certificateDer.toString('hex')
      if (certificate !== last) used.add(certificate)
      last = certificate
      expect(await responderAlarmsOf(services, authority)).toEqual([])
    }
    expect(used.size).toBeGreaterThanOrEqual(5)
  })

  test('OCS-2: a certificate that begins later is not used before it begins', async () => {
    await renew()
    const old = (await answering())!
    later = 100 * DAY
    await renew()
    const changed = (await answering())!
    expect(changed.certificateDer.equals(old.certificateDer)).toBe(false)
    later = 100 * DAY - 3_600_000
    expect((await answering())!.certificateDer.equals(old.certificateDer)).toBe(true)
  })

  test('OCS-2: when renewal fails people hear of it weeks before, and at the end nothing answers with an ended certificate', async () => {
    await renew()
    const { notAfter } = (await answering())!
    const { periods } = services.policy
    const at = async (days: number) => {
      later = notAfter.getTime() - Date.now() + days * DAY
      return (await responderAlarmsOf(services, authority)).map(({ alarm }) => alarm)
    }
    expect(await at(-periods.responderNoticeDays - 1)).toEqual([])
    expect(await at(-periods.responderNoticeDays + 1)).toEqual(['certificate-ends'])
    expect(await answering()).not.toBe(null)
    expect(await at(1)).toEqual(['no-certificate'])
    expect(await answering()).toBe(null)
  })
})

describe('ceremonies', () => {
  beforeEach(async () => {
    await open(await openFresh())
    await renew()
  })

  test('OCS-2, CAK-1: one more key is enrolled by the issuing CA’s signature, reported, and certified by ca', async () => {
    const added = await addKey()
    const keys = await listEnrolledKeys(database, authority.id)
    expect(keys).toHaveLength(3)
    const report = (await events('ceremony.held')).at(-1)
    expect(report).toMatchObject({ kind: 'add-responder-key', persons: PERSONS, keys: [{ label: added.key.label, attributes: { neverExtractable: true, extractable: false } }], plan: { code: expect.stringMatching(/^[0-9a-f]{8}$/) } })
    expect((await events('responder.key-enrolled')).at(-1)).toEqual({ authority: authority.id, key: added.key.spkiSha256 })
  })

  test('OCS-2: an old key is retired first, destroyed after every node has had time to see it, and never answers or is certified again', async () => {
    const { label } = (await addKey()).key
    let seen: unknown
    await hold('remove-responder-key', label, async () => {
      seen = { answers: (await answering())!.key.label !== label, there: (await tokens.status.publicKey(label)).length > 0 }
    })
    expect(seen).toEqual({ answers: true, there: true })
    await expect(tokens.status.publicKey(label)).rejects.toMatchObject({ reason: 'key-missing' })
    expect((await events('responder.key-removed')).at(-1)).toMatchObject({ label, found: 'removed', persons: PERSONS })
    later = 100 * DAY
    expect((await renew()).certified).toHaveLength(2)
    expect((await answering())!.key.label).not.toBe(label)
    await expect(plan('remove-responder-key', label)).rejects.toThrow('was removed at')
  })

  test('OCS-2: a removal that broke off is finished by the next; the key was retired once', async () => {
    const { label } = (await addKey()).key
    await expect(hold('remove-responder-key', label, () => Promise.reject(new Error('power is gone')))).rejects.toThrow('power is gone')
    expect((await answering())!.key.label).not.toBe(label)
    await hold('remove-responder-key', label)
    expect([(await events('responder.key-retired')).length, (await events('responder.key-removed')).length]).toEqual([1, 1])
  })

  test('OCS-2: the last key that may answer is never removed, nor one whose only successor has no certificate yet', async () => {
    const [first, second] = await listEnrolledKeys(database, authority.id)
    await database('responder_keys').where({ id: second!.id }).update({ retired_at: now().toISOString() })
    await expect(plan('remove-responder-key', first!.key.label)).rejects.toThrow('has a certificate in force: hold  npm run ceremony -- add-responder-key  first')
    await hold('add-responder-key')
    await expect(plan('remove-responder-key', first!.key.label)).rejects.toThrow('let ca certify the new key')
    await renew()
    expect((await plan('remove-responder-key', first!.key.label)).key!.id).toBe(first!.id)
    expect(await responderAlarmsOf(services, authority)).toEqual([])
  })

  test('CAK-1: one person alone holds none; an unknown name is answered with those that there are', async () => {
    const adding = await plan('add-responder-key')
    await expect(holdResponderCeremony(services, adding, ['Aoki', 'aoki '], tokens, () => undefined)).rejects.toThrow('two different persons')
    expect(await listEnrolledKeys(database, authority.id)).toHaveLength(2)
    await expect(plan('remove-responder-key', 'other')).rejects.toThrow(/Known:\n {2}responder-\d-\w+ {2}of issuing-g1 in token status/)
    await expect(plan('add-responder-key', 'issuing-g9')).rejects.toThrow('No issuing CA issuing-g9. There are: issuing-g1')
  })

  test('OCS-2: a node answers with the keys of its own token alone', async () => {
    expect(await answering('another')).toBe(null)
  })

  test('OCS-2: people are told when one key is left, and when none is', async () => {
    const [first, second] = await listEnrolledKeys(database, authority.id)
    await database('responder_keys').where({ id: first!.id }).update({ retired_at: now().toISOString() })
    expect(await responderAlarmsOf(services, authority)).toEqual([{ alarm: 'no-successor-key' }])
    await database('responder_keys').where({ id: second!.id }).update({ retired_at: now().toISOString() })
    expect((await responderAlarmsOf(services, authority)).map(({ alarm }) => alarm)).toEqual(['no-enrolled-key', 'no-certificate'])
  })
})

test('OCS-2: a running status takes up a new key and lets go of an old one without a restart and without one answer missing', async () => {
  await open(await openFresh())
  await renew()
  const { STATUS_PORT, STATUS_URL } = await freePorts()
  const status = start('status', { ...hierarchy.env, DATABASE_URL: urlOf(database), STATUS_PORT, STATUS_URL })
  try {
    await status.said('Status ')
    const body = withNonce(questionFor(issuerOf(authority.row), '0a').body)
    let asked = 0
    /** An answer that is signed for this question, and so by the key of now. */
    const ask = async (): Promise<Buffer> => {
      body.writeUInt32BE(++asked, body.length - 16)
      const answer = Buffer.from(await (await fetch(`http://127.0.0.1:${STATUS_PORT}/ocsp`, { method: 'POST', headers: { 'content-type': 'application/ocsp-request' }, body: new Uint8Array(body) })).arrayBuffer())
      expect(answer.includes(Buffer.from('300b0a0103', 'hex')), 'tryLater').toBe(false)
      expect(answer.length).toBeGreaterThan(1000)
      return answer
    }
    const old = (await answering())!
    expect((await ask()).includes(old.certificateDer)).toBe(true)
    await addKey(() => sleep(1001))
    const added = (await answering())!
    await expect.poll(async () => (await ask()).includes(added.certificateDer), { timeout: 10_000, interval: 50 }).toBe(true)
    let over = false
    const removal = hold('remove-responder-key', added.key.label, () => sleep(2000)).finally(() => (over = true))
    while (!over) await ask()
    await removal
    expect((await ask()).includes(added.certificateDer)).toBe(false)
    expect(status.output()).not.toContain('"error"')
  } finally {
    status.signalGroup('SIGTERM')
    await status.ended
  }
})
