/** `ca` asks every rule on the key again: the portal's word that a key is good is not enough (KEY-2, KEY-3, KEY-4). */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { importWeakKeys } from '../../src/application/weak-key-import.ts'
import { issueNext } from '../../src/application/issue.ts'
import type { IssuingParts } from '../../src/application/issue-ports.ts'
import type { Database } from '../../src/database/database.ts'
import { weakKeyStore } from '../../src/database/weak-key-store.ts'
import { issuingParts } from '../../src/jobs/issuing.ts'
import { readPublicKey, type RsaKey } from '../../src/pki/public-key.ts'
import type { Services } from '../../src/services.ts'
import type { Signer } from '../../src/signer/signer.ts'
import { rsaKeyPair, rsaSpki, type KeyPair } from '../pki/keys.ts'
import { heldFor, insertApprovedApplication } from '../support/approved-application.ts'
import { describeOnBothDatabases } from '../support/database.ts'
import { demoHierarchy, type DemoHierarchy } from '../support/demo-hierarchy.ts'
import { primeAfter, rocaPrime, rsaFromPrimes, soundPrimes } from '../support/flawed-keys.ts'
import { badkeysFile, chunksOf } from '../support/weak-key-lists.ts'

let hierarchy: DemoHierarchy
let p: bigint
let closeKeys: KeyPair
let rocaKeys: KeyPair
let sound: KeyPair
let token: Signer
beforeAll(async () => {
  hierarchy = await demoHierarchy()
  token = await hierarchy.token('ca')
  p = soundPrimes('shared')(1536)
  closeKeys = rsaFromPrimes(p, primeAfter(p))
  rocaKeys = rsaFromPrimes(rocaPrime(1536), rocaPrime(1537))
  sound = rsaKeyPair(3072)
}, 120_000)
afterAll(() => hierarchy.remove())

const never: Pick<Signer, 'sign'> = { sign: () => Promise.reject(new Error('nothing may be signed here')) }
const modulusOf = ({ spki }: KeyPair): bigint => (readPublicKey(spki).facts as RsaKey).modulus

describeOnBothDatabases('ca and the key', (open) => {
  // The same ones on both.
  const soundPrime = soundPrimes('issue-keys')
  let database: Database
  let services: Services
  beforeAll(async () => {
    database = await open()
    services = await hierarchy.services(database)
  })

  /** Approved with the portal's word that everything passes; then what `change` does happens. */
  async function heldBy(keys: KeyPair, change: () => Promise<unknown> = async () => undefined) {
    const application = await insertApprovedApplication(services, hierarchy.maker, {
      keys,
      beforeApproval: async (trx, { id }) => void (await trx('assessments').where({ application_id: id }).update({ outcome: 'pass', report: '[]' })),
    })
    await change()
    expect(await issueNext(issuingParts(services, never))).toBe('held')
    expect(await database('certificates').where({ application_id: application.id })).toEqual([])
    return (await heldFor(services, application.id))!.map(({ row, message }) => `${row} ${message.key.split('.').at(-1)}`)
  }
  const block = (modulus: bigint) =>
    importWeakKeys({ change: (act) => services.work('operator:test', (work, trx) => act(work, weakKeyStore(trx))) }, { name: 'blocklist.dat', open: () => chunksOf(badkeysFile([modulus, modulus + 2n])) })

  test('KEY-2: holds exponent 3, whatever the portal says', async () => {
    expect(await heldBy(rsaKeyPair(3072, 3))).toEqual(['KEY-2 exponentSmall'])
  })
  test('KEY-3: holds a key of the ROCA form', async () => {
    expect(await heldBy(rocaKeys)).toContain('KEY-3 roca')
  })
  test('KEY-3: holds a key of close primes', async () => {
    expect(await heldBy(closeKeys)).toEqual(['KEY-3 closePrimes'])
  })
  test('KEY-3: holds a key that came on a list after the approval', async () => {
    const keys = rsaFromPrimes(soundPrime(1536), soundPrime(1536))
    expect(await heldBy(keys, () => block(modulusOf(keys)))).toEqual(['KEY-3 listed'])
  })
  test('KEY-3: holds a key that shares a prime with one in another application, and that one too', async () => {
    const first = rsaFromPrimes(p, soundPrime(1536))
    const second = rsaFromPrimes(p, soundPrime(1536))
    const other = await insertApprovedApplication(services, hierarchy.maker, { keys: first })
    await database('applications').where({ id: other.id }).update({ state: 'withdrawn' })
    expect(await heldBy(second)).toEqual(['KEY-3 sharedFactor'])
    await database('applications').where({ id: other.id }).update({ state: 'approved' })
    expect(await issueNext(issuingParts(services, never))).toBe('held')
    expect((await heldFor(services, other.id))!.map(({ row }) => row)).toEqual(['KEY-3'])
  })
  test('KEY-3: holds the modulus of a compromised key under another exponent', async () => {
    const [one, two] = [soundPrime(1536), soundPrime(1536)]
    const { spki, sha256 } = readPublicKey(rsaSpki(one * two, 65539n))
    const at = services.clock().toISOString()
    const { officer } = { officer: (await database('accounts').first('id')).id }
    await database('compromised_keys').insert({ spki_sha256: sha256, source: 'test', recorded_at: at })
    await database('compromise_reports').insert({ id: randomUUID(), spki_sha256: sha256, spki_der: spki, evidence: 'public-key', proof: 'none', source: 'other', reason: 'test', reported_by: officer, reported_at: at })
    expect(await heldBy(rsaFromPrimes(one, two))).toEqual(['KEY-3 sharedFactor'])
  })
  test('KEY-3: a key of the CA itself is known too', async () => {
    const { certificate_der: der } = await database('authorities').where({ kind: 'issuing' }).first('certificate_der')
    const parts = issuingParts(services, never)
    const moduli: bigint[] = []
    for await (const batch of parts.store.otherKeys('')) moduli.push(...batch.map((spki) => (readPublicKey(spki).facts as RsaKey).modulus))
    const { X509Certificate } = await import('node:crypto')
    expect(moduli).toContain((readPublicKey(new X509Certificate(der).publicKey.export({ type: 'spki', format: 'der' })).facts as RsaKey).modulus)
  })
  test('KEY-3: compares once more in the transaction that records with a key that came meanwhile', async () => {
    const prime = soundPrime(1536)
    const { id } = await insertApprovedApplication(services, hierarchy.maker, { keys: rsaFromPrimes(prime, soundPrime(1536)) })
    const came = rsaFromPrimes(prime, soundPrime(1536)).spki
    const parts = issuingParts(services, never)
    const late: IssuingParts = {
      ...parts,
      change: (act) =>
        parts.change((work, store) =>
          act(work, {
            ...store,
            async *otherKeys(of) {
              for await (const batch of store.otherKeys(of)) yield [...batch, came]
            },
          }),
        ),
    }
    expect(await issueNext(late)).toBe('overtaken')
    expect(await database('certificates').where({ application_id: id })).toEqual([])
    await database('applications').where({ id }).update({ state: 'withdrawn', lease_until: null, lease_owner: null })
  })
  test('KEY-3: signs nothing while the lists can not be asked', async () => {
    const application = await insertApprovedApplication(services, hierarchy.maker, { keys: sound })
    const parts = issuingParts(services, never)
    const broken: IssuingParts = { ...parts, store: { ...parts.store, weakKeyListed: () => Promise.reject(new Error('the table is gone')) } }
    await expect(issueNext(broken)).rejects.toThrow('the table is gone')
    expect(await database('certificates').where({ application_id: application.id })).toEqual([])
    await database('applications').where({ id: application.id }).update({ lease_until: null, lease_owner: null })
  })
  test('KEY-3 KEY-4: looks once more in the transaction that records, so that nothing marked meanwhile is signed', async () => {
    const parts = issuingParts(services, never)
    const late: IssuingParts = { ...parts, change: (act) => parts.change((work, store) => act(work, { ...store, weakKeyListed: async () => 'sha256-120' })) }
    expect(await issueNext(late)).toBe('overtaken')
    expect(await database('certificates')).toEqual([])
    await database('applications').update({ lease_until: null, lease_owner: null })
    expect(await issueNext(issuingParts(services, token))).toBe('issued')
  })
})
