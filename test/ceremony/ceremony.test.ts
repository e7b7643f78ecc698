import { execFileSync } from 'node:child_process'
import { createPublicKey, verify, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CeremonyRefused, holdCeremony, planCeremony } from '../../src/ceremony/ceremony.ts'
import { readConfig } from '../../src/config.ts'
import { verifyAuditChain } from '../../src/audit/audit-log.ts'
import { listAuthorities, listResponderKeys, type Authority } from '../../src/database/authority-store.ts'
import { latestCrl, readCrl } from '../../src/database/crl-store.ts'
import { migrate } from '../../src/database/database.ts'
import { certificatePem, encodePem } from '../../src/pki/pem.ts'
import { enrolmentHolds, enrolmentStatement } from '../../src/revocation/responder-enrolment.ts'
import { openServices, type Services } from '../../src/services.ts'
import { rsaKeyPair } from '../pki/keys.ts'
import { withDatabase } from '../support/database.ts'
import { run, start, type Ended } from '../support/program.ts'

// Real names are made here with development's embedded module; what production asks beyond it stands in production.test.ts.
const folder = mkdtempSync(join(tmpdir(), 'ceremony-'))
const PLACE = { STATUS_URL: 'http://status.ca.example', PORTAL_URL: 'https://portal.ca.example' }
const env = (name: string) => ({ DATA_DIR: join(folder, name), ...PLACE })
const OPENED: Services[] = []
const servicesOf = (name: string): Services => {
  const services = openServices(readConfig('command', withDatabase(env(name))))
  OPENED.push(services)
  return services
}
afterAll(async () => {
  for (const services of OPENED) await services.close()
  rmSync(folder, { recursive: true, force: true })
})

// For a token that is never asked to sign.
const KEY = (): Buffer => rsaKeyPair(4096).spki

const codeIn = (text: string): string => /Code of this plan {2}([0-9a-f]{8})/.exec(text)![1]!
const openssl = (...parameters: string[]): string => execFileSync('openssl', parameters, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

/** The ceremony as two people at a terminal hold it. */
async function hold(name: string, persons: readonly [string, string], confirmations: (code: string) => readonly string[], later: readonly string[] = []): Promise<Ended> {
  const program = start('commands/ceremony', env(name), later)
  await program.said('Name of the first person')
  for (const person of persons) program.type(person)
  const text = await Promise.race([program.said('Code of this plan').then(() => program.output()), program.ended.then(() => '')])
  if (text !== '') for (const line of confirmations(codeIn(text))) program.type(line)
  program.child.stdin!.end()
  return program.ended
}

const nothingMade = async (name: string) => {
  const { database } = servicesOf(name)
  for (const table of ['ceremonies', 'authorities', 'responder_keys', 'crls', 'crl_lists', 'audit_events']) expect(await database(table), table).toEqual([])
  expect(() => statSync(join(folder, name, 'pins'))).toThrow('ENOENT')
  expect(() => statSync(join(folder, name, 'softhsm'))).toThrow('ENOENT')
}

describe('CAK-1: two persons', () => {
  test('CAK-1: the same person twice is one person: nothing is made', async () => {
    const ended = await hold('twice', ['Aoki Hanako', ' aoki hanako '], () => [])
    expect([ended.code, ended.err]).toEqual([1, 'ceremony: A ceremony needs at least two different persons (CAK-1; CP 6.2.2)\n'])
    await nothingMade('twice')
  })

  test('CAK-1: a person without a name is none', async () => {
    expect((await hold('nameless', ['Aoki Hanako', ' '], () => [])).code).toBe(1)
    await nothingMade('nameless')
  })

  test.each<[string, (code: string) => readonly string[], string]>([
    ['the first person types another code', () => ['00000000'], 'Aoki Hanako did not confirm: nothing was made'],
    ['the second person types another code', (code) => [code, `${code}0`], 'Beppu Taro did not confirm: nothing was made'],
    ['the second person goes away', (code) => [code], 'The ceremony was broken off: nothing was made'],
  ])('CAK-1: %s: nothing is made', async (how, confirmations, said) => {
    const name = how.replaceAll(' ', '-')
    const ended = await hold(name, ['Aoki Hanako', 'Beppu Taro'], confirmations)
    expect([ended.code, ended.err]).toEqual([1, `ceremony: ${said}\n`])
    await nothingMade(name)
  })

  test('CAK-1: one policy, place and set of persons gives one code; another person gives another', async () => {
    const codes: string[] = []
    for (const second of ['Beppu Taro', 'Beppu Taro', 'Chiba Jiro']) {
      const ended = await hold('codes', ['Aoki Hanako', second], (code) => (codes.push(code), ['no']))
      expect(ended.code).toBe(1)
    }
    expect(codes[0]).toBe(codes[1])
    expect(codes[2]).not.toBe(codes[0])
  })
})

describe('a hierarchy', () => {
  let ended: Ended
  let services: Services
  let root: Authority
  let issuing: Authority
  let timestamps: Authority
  const file = (name: string) => join(folder, name)

  beforeAll(async () => {
    ended = await hold('made', ['Aoki Hanako', 'Beppu Taro'], (code) => [code, code])
    if (ended.code !== 0) throw new Error(ended.out + ended.err)
    services = servicesOf('made')
    const authorities = await listAuthorities(services.database)
    root = authorities.find((each) => each.kind === 'root')!
    issuing = authorities.find((each) => each.kind === 'issuing')!
    timestamps = authorities.find((each) => each.kind === 'timestamp-ca')!
    writeFileSync(file('timestamps.pem'), certificatePem(timestamps.certificateDer))
    writeFileSync(file('root.pem'), certificatePem(root.certificateDer))
    writeFileSync(file('issuing.pem'), certificatePem(issuing.certificateDer))
  })

  test('CAK-1: is made once both confirmed, with a report that names who was there and how the keys are kept', async () => {
    const [ceremony] = await services.database('ceremonies')
    expect(ceremony).toMatchObject({ kind: 'first-hierarchy', demo: 0, persons: JSON.stringify(['Aoki Hanako', 'Beppu Taro']) })
    const report = JSON.parse(ceremony.report)
    expect(report).toMatchObject({ persons: ['Aoki Hanako', 'Beppu Taro'], demo: false, policy: services.policy.id })
    expect(report.keys).toHaveLength(6)
    for (const key of report.keys) expect(key.attributes).toEqual({ local: true, alwaysSensitive: true, neverExtractable: true, sensitive: true, extractable: false })
    expect(report.keys.map((key: { tokenLabel: string }) => key.tokenLabel)).toEqual(['root', 'issuing', 'status', 'status', 'root', 'status'])
    expect(report.plan.lines).toContain('Root              C=JP, O=SECOM Trust Systems CO.\\,LTD., CN=Security Communication RootCA3')
    expect(ended.out).toContain(report.plan.lines.join('\n'))
    expect(report.plan.code).toBe(codeIn(ended.out))
    expect(report.modules.map(({ tokenLabel, model, library }: Record<string, string>) => [tokenLabel, model, /SoftHSM/.test(library!)])).toEqual(['root', 'issuing', 'status'].map((label) => [label, 'SoftHSM v2', true]))
    for (const authority of [root, issuing, timestamps]) expect(ended.out).toContain(new X509Certificate(authority.certificateDer).fingerprint256.replaceAll(':', '').toLowerCase())
    expect((await services.database('audit_events').orderBy('seq').select('event', 'actor')).map((row: { event: string; actor: string }) => `${row.event} ${row.actor}`)).toEqual([
      'ceremony.held process:ceremony',
      'authority.created process:ceremony',
      'authority.created process:ceremony',
      'authority.created process:ceremony',
      'responder.key-enrolled process:ceremony',
      'responder.key-enrolled process:ceremony',
      'timestamp.certificate-issued process:ceremony',
      'crl.issued process:ceremony',
      'crl.issued process:ceremony',
    ])
    expect((await verifyAuditChain(services.database)).intact).toBe(true)
  })

  test('ISS-6: each token has a PIN of its own, at random, in a file of its own', () => {
    const pins = ['root', 'issuing', 'status', 'root.so', 'issuing.so', 'status.so'].map((name) => {
      const path = join(folder, 'made', 'pins', name)
      expect(statSync(path).mode & 0o777).toBe(0o600)
      return readFileSync(path, 'utf8').trim()
    })
    expect(new Set(pins).size).toBe(6)
    for (const pin of pins) expect([/^[0-9a-f]{32}$/.test(pin), (ended.out + ended.err).includes(pin)]).toEqual([true, false])
  })

  test('CRT-14: openssl reads the root as CSBR 7.1.2.1 asks', () => {
    const text = openssl('x509', '-in', file('root.pem'), '-noout', '-text')
    expect(text).toContain('Public-Key: (4096 bit)')
    expect(text).toMatch(/X509v3 Basic Constraints: critical\n\s+CA:TRUE\n/)
    expect(text).toMatch(/X509v3 Key Usage: critical\n\s+Certificate Sign, CRL Sign\n/)
    expect(text).not.toMatch(/pathlen|Extended Key Usage|Certificate Policies|DEMO/)
    expect(text).toMatch(/Signature Algorithm: sha(256|384)WithRSAEncryption/)
    const { subject, issuer } = new X509Certificate(root.certificateDer)
    expect(subject).toBe(issuer)
    expect(openssl('verify', '-x509_strict', '-check_ss_sig', '-CAfile', file('root.pem'), file('root.pem'))).toContain('OK')
    expect(root.demo || issuing.demo).toBe(false)
  })

  test('CRT-12: openssl reads the issuing CA as CP table 7.1-3 and CSBR 7.1.2.2 ask, and verifies it under the root', () => {
    const text = openssl('x509', '-in', file('issuing.pem'), '-noout', '-text')
    expect(text).toContain('Public-Key: (4096 bit)')
    expect(text).toMatch(/X509v3 Basic Constraints: critical\n\s+CA:TRUE/)
    expect(text).toMatch(/X509v3 Key Usage: critical\n\s+Certificate Sign, CRL Sign\n/)
    expect(text).toMatch(/X509v3 Extended Key Usage: *\n\s+Code Signing\n/)
    for (const policy of [services.policy.policyOids.subordinate, '2.23.140.1.4.1']) expect(text).toContain(`Policy: ${policy}`)
    expect(text).toContain('URI:http://status.ca.example/')
    expect(text).toContain('CA Issuers - URI:http://status.ca.example/')
    // Its status is the root's list alone.
    expect(text).not.toContain('OCSP - URI')
    expect(text).toMatch(/X509v3 Subject Key Identifier/)
    expect(text).toMatch(/X509v3 Authority Key Identifier/)
    expect(openssl('verify', '-x509_strict', '-CAfile', file('root.pem'), file('issuing.pem'))).toContain('OK')
    expect(new X509Certificate(issuing.certificateDer).issuer).toBe(new X509Certificate(root.certificateDer).subject)
    // CAK-5: the root outlives it.
    expect(root.notAfter > issuing.notAfter).toBe(true)
  })

  test('TSA-2: the time-stamp CA is apart from the code-signing one, its key on the offline token; openssl verifies it and the list that it signed', async () => {
    const text = openssl('x509', '-in', file('timestamps.pem'), '-noout', '-text')
    expect(text).toContain('Public-Key: (4096 bit)')
    expect(text).toMatch(/X509v3 Extended Key Usage: *\n\s+Time Stamping\n/)
    expect(text).toContain('Policy: 2.23.140.1.4.2')
    expect(text).not.toMatch(/Code Signing\n|2\.23\.140\.1\.4\.1\n/)
    expect([timestamps.key.tokenLabel, timestamps.parentId]).toEqual(['root', root.id])
    expect(openssl('verify', '-x509_strict', '-CAfile', file('root.pem'), file('timestamps.pem'))).toContain('OK')
    const { thisUpdate, nextUpdate, ...crl } = (await latestCrl(services.database, timestamps.id))!
    writeFileSync(file('timestamps.crl.pem'), encodePem('X509 CRL', await readCrl(services.database, crl)))
    const list = openssl('crl', '-in', file('timestamps.crl.pem'), '-CAfile', file('timestamps.pem'), '-noout', '-text')
    expect(list).toContain('No Revoked Certificates')
    expect(nextUpdate.getTime() - thisUpdate.getTime()).toBeLessThan(366 * 86_400_000)
    const [unit] = await services.database('timestamp_certificates')
    expect([unit.token_label, unit.authority_id, unit.revoked_at, unit.removed_at]).toEqual(['status', timestamps.id, null, null])
  })

  test('ISS-3: serial numbers have at least 64 bits of chance, and differ', () => {
    const serials = [root, issuing].map((each) => new X509Certificate(each.certificateDer).serialNumber)
    for (const serial of serials) expect(serial.length).toBeGreaterThanOrEqual(16)
    expect(serials[0]).not.toBe(serials[1])
  })

  test('CRL-5: the root’s list is in place, empty, in force, and openssl verifies the issuing CA with it', async () => {
    const crl = (await latestCrl(services.database, root.id))!
    expect(crl).toMatchObject({ authorityId: root.id, shard: 0, entries: 0 })
    writeFileSync(file('root.crl.pem'), encodePem('X509 CRL', await readCrl(services.database, crl)))
    const text = openssl('crl', '-in', file('root.crl.pem'), '-CAfile', file('root.pem'), '-noout', '-text')
    expect(text).toContain('No Revoked Certificates')
    expect(openssl('verify', '-x509_strict', '-crl_check', '-CRLfile', file('root.crl.pem'), '-CAfile', file('root.pem'), file('issuing.pem'))).toContain('OK')
    // What the row says of its end is what the list says.
    const nextUpdate = new Date(openssl('crl', '-in', file('root.crl.pem'), '-noout', '-nextupdate').trim().slice('nextUpdate='.length))
    expect(nextUpdate).toEqual(crl.nextUpdate)
    expect(nextUpdate.getTime() - crl.thisUpdate.getTime()).toBeLessThanOrEqual(366 * 86_400_000)
  })

  test('OCS-2: each responder key was enrolled by the issuing CA’s own signature, which holds for that key alone', async () => {
    const keys = await listResponderKeys(services.database, issuing.id)
    expect(keys).toHaveLength(2)
    const issuingKey = new X509Certificate(issuing.certificateDer).publicKey
    const issuingSpki = issuingKey.export({ type: 'spki', format: 'der' })
    for (const key of keys) {
      expect(verify('sha256', enrolmentStatement(issuing.id, key.key.spkiSha256), issuingKey, key.enrolmentSignature)).toBe(true)
      expect(enrolmentHolds(issuing.id, key.key.spkiSha256, issuingSpki, key.enrolmentSignature)).toBe(true)
      expect(enrolmentHolds('another', key.key.spkiSha256, issuingSpki, key.enrolmentSignature)).toBe(false)
      expect(createPublicKey({ key: key.spkiDer, format: 'der', type: 'spki' }).asymmetricKeyDetails!.modulusLength).toBe(services.policy.keys.responder.rsaBits)
    }
    expect(enrolmentHolds(issuing.id, keys[0]!.key.spkiSha256, issuingSpki, keys[1]!.enrolmentSignature)).toBe(false)
  })

  test('CAK-1: a second ceremony is refused before anybody is asked, and leaves everything as it is', async () => {
    const before = await services.database('authorities')
    const again = await run('commands/ceremony', env('made'), [], 'Aoki Hanako\nBeppu Taro\n')
    expect([again.code, again.err]).toEqual([1, 'ceremony: A hierarchy stands already: a ceremony makes the first one only\n'])
    expect(again.out).not.toContain('Name of the first person')
    expect(await services.database('authorities')).toEqual(before)
    expect(await services.database('ceremonies')).toHaveLength(1)
  })

  test('TSA-2: a later ceremony asks two persons for the code of its plan, and tells what it did', async () => {
    const refused = await hold('made', ['Aoki Hanako', 'Beppu Taro'], (code) => [code, 'no'], ['change-timestamp-key'])
    expect([refused.code, refused.err]).toEqual([1, 'ceremony: Beppu Taro did not confirm: nothing was done\n'])
    expect(await services.database('timestamp_certificates')).toHaveLength(1)
    const done = await hold('made', ['Aoki Hanako', 'Beppu Taro'], (code) => [code, code], ['change-timestamp-key'])
    expect([done.code, done.err]).toEqual([0, ''])
    expect(done.out).toMatch(/New key +RSA 3072, used 15 months, then removed/)
    const rows = await services.database('timestamp_certificates').orderBy('not_before')
    expect(rows).toHaveLength(2)
    for (const [which, { key_label, serial }] of [['Old', rows[0]], ['New', rows[1]]]) expect(done.out).toContain(`${which}: key ${key_label} in token status, serial number ${serial}, used until `)
    expect(done.out).toContain(`Present           key ${rows[0].key_label} in token status, serial number ${rows[0].serial}`)
    expect(done.out).toContain('https://portal.ca.example/repository/key-generation')
    expect(done.out).toContain('npm run repository -- ceremonies')
    const removed = await hold('made', ['Aoki Hanako', 'Beppu Taro'], (code) => [code, code], ['remove-timestamp-key', rows[0].serial])
    expect([removed.code, removed.err]).toEqual([0, ''])
    expect((await services.database('ceremonies').orderBy('held_at')).map(({ kind, persons }: { kind: string; persons: string }) => [kind, JSON.parse(persons).length])).toEqual([
      ['first-hierarchy', 2],
      ['change-timestamp-key', 2],
      ['remove-timestamp-key', 2],
    ])
  })

  test.each([
    [['remove-timestamp-key', 'ff'], /^ceremony: No time-stamp certificate with this serial number\. Known:\n {2}01[0-9a-f]+/],
    [['add-timestamps'], /^ceremony: A time-stamp CA stands already: timestamp-g1\n$/],
  ])('TSA-2: %j is refused before anybody is asked', async (words, said) => {
    const ended = await run('commands/ceremony', env('made'), words)
    expect(ended.code).toBe(1)
    expect(ended.err).toMatch(said)
    expect(ended.out).not.toContain('first person')
  })

  test('demo commands are refused under a hierarchy that is none', async () => {
    for (const [command, parameters] of [['people', []], ['key', ['--subject', 'CN=X']], ['life', ['--out', join(folder, 'life')]]] as const) {
      const ended = await run(`commands/demo-${command}`, env('made'), parameters)
      expect([ended.code, ended.err]).toEqual([1, `demo:${command}: This hierarchy is a real one: demo commands are refused under it\n`])
    }
    expect(await services.database('demo_anchors')).toEqual([])
    expect(await services.database('accounts')).toEqual([])
  })
})

describe('the rule itself', () => {
  test('CAK-1: no ceremony is planned with fewer than two persons, however their names are written', () => {
    const services = servicesOf('planned')
    for (const persons of [[], ['A'], ['A', 'a'], ['A', ' A '], ['', ' '], ['A', ''], ['A, administrator', 'a, auditor'], ['A', 'A、監査人'], ['A', ', auditor']]) expect(() => planCeremony(services, { demo: false, persons }), JSON.stringify(persons)).toThrow(CeremonyRefused)
    expect(planCeremony(services, { demo: false, persons: ['A', 'B'] }).rootName).toEqual(services.policy.names.root)
  })

  test('a demo hierarchy’s names begin with DEMO', () => {
    const services = servicesOf('planned')
    const plan = planCeremony(services, { demo: true, persons: ['set-up'] })
    for (const name of [plan.rootName, plan.issuingName]) {
      const named = name.filter((each) => each.type === 'commonName' || each.type === 'organizationName')
      expect(named.length).toBeGreaterThan(0)
      for (const each of named) expect(each.value).toMatch(/^DEMO /)
    }
  })

  test('CAK-1: a policy whose facts break the lints makes nothing that is recorded', async () => {
    const services = servicesOf('broken')
    await migrate(services.database)
    const policy = { ...services.policy, names: { ...services.policy.names, issuing: [{ type: 'commonName' as const, value: '-' }, { type: 'countryName' as const, value: 'JP' }] } }
    const key = KEY()
    let keys = 0
    const token = (tokenLabel: string) => ({
      tokenLabel,
      sign: () => Promise.reject(new Error('nothing may be signed')),
      signDigest: () => Promise.reject(new Error('nothing may be signed')),
      publicKey: async () => key,
      generateRsaKeyPair: async ({ label, id }: { label: string; id: string }) => (keys++, { spki: key, attributes: { local: true, alwaysSensitive: true, neverExtractable: true, sensitive: true, extractable: false }, reference: { tokenLabel, label, id, spkiSha256: '0'.repeat(64) } }),
      describe: async () => ({ tokenLabel, manufacturer: 'Test', model: 'Test', serialNumber: '1', firmware: '1.0', library: 'Test 1.0' }),
      close: async () => undefined,
    })
    const broken = { ...services, policy: { ...policy, names: { ...policy.names, root: policy.names.issuing } } }
    await expect(holdCeremony(broken, planCeremony(broken, { demo: false, persons: ['A', 'B'] }), { root: token('root'), issuing: token('issuing'), status: token('status') }, () => undefined)).rejects.toThrow(CeremonyRefused)
    expect(keys).toBe(6)
    for (const table of ['ceremonies', 'authorities', 'crls', 'audit_events']) expect(await services.database(table), table).toEqual([])
  })
})

