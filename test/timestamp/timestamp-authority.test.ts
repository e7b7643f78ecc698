import { createHash, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { holdLater, planLater, TIMESTAMP_REVOCATION_REASONS } from '../../src/ceremony/later.ts'
import { addMonths } from '../../src/certificate/validity.ts'
import { findTimestampAuthority, listAuthorities, type Authority } from '../../src/database/authority-store.ts'
import { latestCrl, readCrl } from '../../src/database/crl-store.ts'
import { listTimestampCertificates } from '../../src/database/timestamp-store.ts'
import { integer, octetString, oid, nullValue, sequence } from '../../src/pki/der.ts'
import { certificatePem, encodePem } from '../../src/pki/pem.ts'
import { loadPolicy } from '../../src/policy/policy.ts'
import { issuedBy } from '../../src/revocation/issued-certificate.ts'
import type { Services } from '../../src/services.ts'
import { openConfiguredToken } from '../../src/signer/open-token.ts'
import type { Pkcs11Signer } from '../../src/signer/pkcs11.ts'
import { answerTimestamp } from '../../src/timestamp/endpoint.ts'
import { createTimestampAuthority, type TimestampParts } from '../../src/timestamp/timestamp-authority.ts'
import { readUnit, type TimestampUnit, unitAt } from '../../src/timestamp/unit.ts'
import { openTimestamps, type Timestamps } from '../../src/timestamps.ts'
import type { ClockReading } from '../../src/timestamp/clock-watch.ts'
import { dropTrigger, openFresh } from '../support/database.ts'
import { demoHierarchy, type DemoHierarchy } from '../support/demo-hierarchy.ts'
import { findPostgres } from '../support/postgres.ts'
import { opensslFolder, writeAuthorities } from '../support/openssl-folder.ts'
import { DIGESTS, readReply, readToken, timestampQuery } from './timestamp-parts.ts'

const policy = loadPolicy().timestamp!
let hierarchy: DemoHierarchy
let services: Services
let token: Pkcs11Signer
let authorities: readonly Authority[]
let authority: Authority
let unit: TimestampUnit
let now: Date
const faults: unknown[] = []
const servers: Server[] = []

beforeAll(async () => {
  hierarchy = await demoHierarchy()
  now = new Date(Math.floor(Date.now() / 1000) * 1000 + 789)
  services = await hierarchy.services(await openFresh(), { clock: () => now })
  token = await hierarchy.token('status')
  authorities = await listAuthorities(services.database)
  authority = (await findTimestampAuthority(services.database))!
  const [record] = await listTimestampCertificates(services.database)
  unit = sound(readUnit(record!, authority.certificateDer, policy))
  writeAuthorities(place, authorities)
  place.write('unit.pem', certificatePem(record!.der))
  place.write('data', 'a signature')
}, 120_000)
beforeEach(() => void (faults.length = 0))
afterAll(async () => {
  for (const server of servers) server.close()
  await hierarchy.remove()
  place.remove()
})

function sound(found: ReturnType<typeof readUnit>): TimestampUnit {
  if ('refused' in found) throw new Error(found.refused)
  return found
}
const place = opensslFolder('timestamps')
const openssl = (...words: string[]): string => place.openssl(...words).toString()

const parts = (change: Partial<TimestampParts> = {}): TimestampParts => ({
  policy,
  signer: token,
  clock: { now: () => ({ at: now }) },
  randomBytes: services.random,
  unitAt: (at) => unitAt([unit], at),
  record: async () => true,
  answered: () => undefined,
  fault: (error) => void faults.push(error),
  ...change,
})
async function stamp(query: Buffer, change: Partial<TimestampParts> = {}) {
  const reply = readReply(await createTimestampAuthority(parts(change))(query))
  if ('failure' in reply) throw new Error(reply.failure)
  return readToken(reply.token)
}
const failure = async (query: Buffer, change: Partial<TimestampParts> = {}) => {
  const reply = readReply(await createTimestampAuthority(parts(change))(query))
  return 'failure' in reply ? reply.failure : null
}

describe('many at once', () => {
  test('TSA-3: no more are made at once than a clock reading holds for; the next is refused, and once they are made it goes on', async () => {
    const held: (() => void)[] = []
    const respond = createTimestampAuthority(parts({ record: () => new Promise((done) => held.push(() => done(true))), signer: { sign: async () => Buffer.alloc(384) } }))
    const waiting = Array.from({ length: 500 }, () => respond(timestampQuery()))
    expect(readReply(await respond(timestampQuery()))).toEqual({ failure: 'systemFailure' })
    expect(held).toHaveLength(500)
    for (const go of held.splice(0)) go()
    for (const reply of await Promise.all(waiting)) expect(readReply(reply)).toHaveProperty('token')
    const next = respond(timestampQuery())
    for (const go of held) go()
    expect(readReply(await next)).toHaveProperty('token')
  })

  test('TSA-3: what waited until its time is older than the accuracy that it states is not signed', async () => {
    const signed: unknown[] = []
    const signer = { sign: async () => (signed.push(1), Buffer.alloc(384)) }
    const begun = now
    const after = (milliseconds: number) => failure(timestampQuery(), { signer, record: async () => ((now = new Date(Math.floor(begun.getTime() / 1000) * 1000 + milliseconds)), true) })
    try {
      expect([await after(policy.accuracySeconds * 1000), signed.length]).toEqual([null, 1])
      now = begun
      expect([await after(policy.accuracySeconds * 1000 + 1), signed.length]).toEqual(['timeNotAvailable', 1])
    } finally {
      now = begun
    }
  })

  test('TSA-1: nothing is put on record and nothing signed for a client that is gone', async () => {
    const done: string[] = []
    let present = true
    const change: Partial<TimestampParts> = { record: async () => (done.push('recorded'), (present = false), true), signer: { sign: async () => (done.push('signed'), Buffer.alloc(384)) } }
    const respond = createTimestampAuthority(parts(change))
    await respond(timestampQuery(), () => !present)
    expect(done).toEqual(['recorded'])
    await respond(timestampQuery(), () => true)
    expect(done).toEqual(['recorded'])
  })
})

describe('a token', () => {
  test.each(['sha256', 'sha384', 'sha512'] as const)('TSA-1: openssl makes a request of %s and verifies the token, by the root alone', async (hash) => {
    openssl('ts', '-query', '-data', 'data', `-${hash}`, '-cert', '-out', 'query.tsq')
    const reply = await createTimestampAuthority(parts())(readFileSync(place.path('query.tsq')))
    place.write('reply.tsr', reply)
    const text = openssl('ts', '-reply', '-in', 'reply.tsr', '-text')
    expect(text).toContain('Status: Granted.')
    expect(text).toContain('Policy OID: 2.23.140.1.4.2')
    expect(text).toContain(`Accuracy: 0x02 seconds`)
    expect(text).toContain('Ordering: no')
    for (const against of [['-queryfile', 'query.tsq'], ['-data', 'data']]) expect(openssl('ts', '-verify', ...against, '-in', 'reply.tsr', '-CAfile', 'root.pem')).toContain('Verification: OK')
  })

  test('TSA-1: openssl refuses it for other data, for another request, and under another root', async () => {
    openssl('ts', '-query', '-data', 'data', '-sha256', '-cert', '-out', 'query.tsq')
    openssl('ts', '-query', '-data', 'data', '-sha256', '-cert', '-out', 'other.tsq')
    place.write('reply.tsr', await createTimestampAuthority(parts())(readFileSync(place.path('query.tsq'))))
    place.write('other', 'another signature')
    expect(() => openssl('ts', '-verify', '-data', 'other', '-in', 'reply.tsr', '-CAfile', 'root.pem')).toThrow('message imprint mismatch')
    expect(() => openssl('ts', '-verify', '-queryfile', 'other.tsq', '-in', 'reply.tsr', '-CAfile', 'root.pem')).toThrow('nonce mismatch')
    expect(() => openssl('ts', '-verify', '-data', 'data', '-in', 'reply.tsr', '-CAfile', 'unit.pem')).toThrow('certificate verify error')
  })

  test('TSA-1: holds what was asked, as it was asked', async () => {
    const nonce = integer(Buffer.from('f123456789abcdef', 'hex'))
    const { tstInfo, certificates, attributes, version, contentType } = await stamp(timestampQuery({ nonce, certReq: true, policy: '2.23.140.1.4.2' }))
    expect(tstInfo).toMatchObject({ version: 1n, policy: '2.23.140.1.4.2', accuracySeconds: 2n })
    // Cut to the second, never ahead.
    expect(tstInfo.genTime).toEqual(new Date(Math.floor(now.getTime() / 1000) * 1000))
    expect(tstInfo.imprint.equals(sequence(sequence(oid(DIGESTS.sha256), nullValue()), octetString(createHash('sha256').update('a signature').digest())))).toBe(true)
    // No ordering (FALSE is the default), the nonce octet for octet.
    expect(tstInfo.rest.map((each) => each.toString('hex'))).toEqual([nonce.toString('hex')])
    expect([version, contentType]).toEqual([3n, '1.2.840.113549.1.9.16.1.4'])
    expect(new Set(certificates!.map((der) => der.toString('hex')))).toEqual(new Set([unit.signer.certificateDer, authority.certificateDer].map((der) => der.toString('hex'))))
    expect(attributes.map(({ type }) => type).sort()).toEqual(['1.2.840.113549.1.9.16.2.47', '1.2.840.113549.1.9.3', '1.2.840.113549.1.9.4'])
  })

  test('TSA-1: has no certificates unless they are asked for; openssl verifies it with the chain given', async () => {
    openssl('ts', '-query', '-data', 'data', '-sha256', '-out', 'bare.tsq')
    const reply = await createTimestampAuthority(parts())(readFileSync(place.path('bare.tsq')))
    const read = readReply(reply)
    expect('token' in read && readToken(read.token).certificates).toBe(null)
    place.write('bare.tsr', reply)
    place.write('chain.pem', Buffer.concat(['unit.pem', 'timestamp-ca.pem'].map((name) => readFileSync(place.path(name)))))
    expect(openssl('ts', '-verify', '-queryfile', 'bare.tsq', '-in', 'bare.tsr', '-CAfile', 'root.pem', '-untrusted', 'chain.pem')).toContain('Verification: OK')
  })

  test('TSA-3: is signed with the digest that signed the certificate', async () => {
    for (const hash of ['sha256', 'sha512'] as const) {
      const signed: string[] = []
      const signer: TimestampParts['signer'] = { sign: (key, wanted, data) => (signed.push(wanted), token.sign(key, wanted, data)) }
      const { digests, signerDigest } = await stamp(timestampQuery(), { signer, unitAt: () => ({ ...unit, signer: { ...unit.signer, hash } }) })
      expect([signed, digests, signerDigest]).toEqual([[hash], [DIGESTS[hash]], DIGESTS[hash]])
    }
    expect(unit.signer.hash).toBe('sha256')
    expect(new X509Certificate(unit.signer.certificateDer).verify(new X509Certificate(authority.certificateDer).publicKey)).toBe(true)
  })

  test('TSA-1: every token has a serial number of its own, of at most 160 bits, on record before it is signed', async () => {
    const order: string[] = []
    const seen = new Set<string>()
    for (let round = 0; round < 20; round++) {
      const { tstInfo } = await stamp(timestampQuery(), { record: async ({ serial }) => (order.push(`record ${serial}`), true), signer: { sign: (...of) => (order.push('sign'), token.sign(...of)) } })
      expect(tstInfo.serialOctets.length).toBeLessThanOrEqual(20)
      expect(tstInfo.serial > 0n).toBe(true)
      expect(order.splice(0)).toEqual([`record ${tstInfo.serialOctets.toString('hex')}`, 'sign'])
      seen.add(String(tstInfo.serial))
    }
    expect(seen.size).toBe(20)
  })

  test('TSA-1: a serial number that was given before is never signed: another is drawn', async () => {
    const tried: string[] = []
    const { tstInfo } = await stamp(timestampQuery(), { record: async ({ serial }) => tried.push(serial) > 1 })
    expect([tried.length, tstInfo.serialOctets.toString('hex')]).toEqual([2, tried[1]])
    expect(await failure(timestampQuery(), { record: async () => false })).toBe('systemFailure')
  })
})

describe('a refusal', () => {
  test.each<[string, string, Buffer]>([
    ['badAlg', 'a SHA-1 imprint (CSBR 6.8)', timestampQuery({ hash: 'sha1' })],
    ['unacceptedPolicy', 'another policy', timestampQuery({ policy: '1.2.3.4' })],
    ['unacceptedExtension', 'an extension', timestampQuery({ extensions: sequence(oid('1.2.3.4'), octetString(nullValue())) })],
    ['badDataFormat', 'octets that are no request', Buffer.from('hello')],
  ])('TSA-1: %s for %s', async (expected, _, query) => {
    expect(await failure(query, { record: () => Promise.reject(new Error('nothing may be recorded')) })).toBe(expected)
    expect(faults).toEqual([])
  })

  test('TSA-3: timeNotAvailable while the clock is not sure', async () => {
    expect(await failure(timestampQuery(), { clock: { now: () => ({ unsure: 'stepped' }) } })).toBe('timeNotAvailable')
  })

  test('TSA-2: systemFailure without a unit in force: a key never signs at or after 15 months, nor before it begins', async () => {
    const at = (moment: Date) => failure(timestampQuery(), { clock: { now: () => ({ at: moment }) } })
    const end = addMonths(unit.notBefore, 15)
    expect(unit.useUntil).toEqual(end)
    expect(await at(new Date(end.getTime() - 1))).toBe(null)
    expect(await at(end)).toBe('systemFailure')
    expect(await at(new Date(unit.notBefore.getTime() - 1))).toBe('systemFailure')
  })

  test.each<[string, Partial<TimestampParts>]>([
    ['the token fails', { signer: { sign: () => Promise.reject(new Error('no token')) } }],
    ['nothing can be put on record', { record: () => Promise.reject(new Error('no database')) }],
  ])('TSA-1: systemFailure when %s; the fault goes to the log', async (_, change) => {
    expect(await failure(timestampQuery(), change)).toBe('systemFailure')
    expect(faults).toHaveLength(1)
  })

  test('TSA-1: every answer is told, granted or not', async () => {
    const told: string[] = []
    const respond = createTimestampAuthority(parts({ answered: (outcome) => void told.push(outcome) }))
    for (const query of [timestampQuery(), timestampQuery({ hash: 'sha1' }), Buffer.alloc(0)]) await respond(query)
    expect(told).toEqual(['granted', 'badAlg', 'badDataFormat'])
  })
})

describe('a unit\'s record', () => {
  test('TSA-2: claims nothing that its certificate doesn\'t bear out', async () => {
    const [record] = await listTimestampCertificates(services.database)
    const read = (change: object) => readUnit({ ...record!, ...change }, authority.certificateDer, policy)
    expect(read({ key: { ...record!.key, spkiSha256: '0'.repeat(64) } })).toEqual({ refused: 'its certificate is of another key' })
    const issuing = authorities.find(({ kind }) => kind === 'issuing')!
    expect(read({ der: issuing.certificateDer, key: issuing.key })).toEqual({ refused: 'its certificate is not for time-stamping alone' })
    // Its purpose is right and not critical, as a CA's is.
    expect(read({ der: authority.certificateDer, key: authority.key })).toEqual({ refused: 'its certificate is not for time-stamping alone' })
    expect(read({ der: Buffer.from('x') })).toHaveProperty('refused')
    expect(sound(read({ useUntil: addMonths(record!.notBefore, 100) })).useUntil).toEqual(addMonths(record!.notBefore, 15))
    expect(readUnit(record!, authority.certificateDer, { ...policy, keys: { ...policy.keys, rsaBits: 4096 } })).toEqual({ refused: 'its key is too short' })
  })

  test('TSA-2: of two units in force the newer one signs', () => {
    const newer = { ...unit, certificateId: 'newer', notBefore: new Date(unit.notBefore.getTime() + 1000) }
    expect(unitAt([newer, unit], newer.notBefore)!.certificateId).toBe('newer')
    expect(unitAt([newer, unit], unit.notBefore)!.certificateId).toBe(unit.certificateId)
  })
})

describe('over HTTP', () => {
  let url: string
  beforeAll(async () => {
    const listen = async (respond: ((request: Buffer) => Promise<Buffer>) | null) => {
      const server = createServer((request, response) => void answerTimestamp(respond, request, response))
      servers.push(server)
      await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}/tsa`
    }
    url = await listen(createTimestampAuthority(parts()))
    none = await listen(null)
  })
  let none: string
  const post = (body: Buffer, type = 'application/timestamp-query') => fetch(url, { method: 'POST', headers: { 'content-type': type }, body: new Uint8Array(body) })

  test('TSA-1: a POST of a request is answered 200 with a reply that no cache keeps, refused ones too', async () => {
    for (const query of [timestampQuery(), timestampQuery({ hash: 'sha1' })]) {
      const answer = await post(query)
      expect([answer.status, answer.headers.get('content-type'), answer.headers.get('cache-control')]).toEqual([200, 'application/timestamp-reply', 'no-store'])
      readReply(Buffer.from(await answer.arrayBuffer()))
    }
  })

  test('TSA-1: POST alone, the content type alone, and 404 where there are no time-stamps', async () => {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const answer = await fetch(url, { method })
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST'])
    }
    expect((await post(timestampQuery(), 'application/octet-stream')).status).toBe(415)
    expect((await post(timestampQuery(), 'application/timestamp-query; charset=binary')).status).toBe(200)
    expect((await fetch(none, { method: 'POST', headers: { 'content-type': 'application/timestamp-query' }, body: new Uint8Array(timestampQuery()) })).status).toBe(404)
  })

  test('TSA-1: a request beyond the limit is refused before it is read, and one that hides its size at the limit', async () => {
    const { port } = new URL(url)
    const answered = await new Promise<string>((done) => {
      const socket = connect(Number(port), '127.0.0.1', () => socket.write('POST /tsa HTTP/1.1\r\nHost: x\r\nContent-Type: application/timestamp-query\r\nContent-Length: 5000000\r\n\r\n'))
      let text = ''
      socket.on('data', (chunk) => (text += chunk))
      socket.on('close', () => done(text))
    })
    expect(answered).toMatch(/^HTTP\/1\.1 413 /)
    const hidden = await new Promise<string>((done, failed) => {
      const socket = connect(Number(port), '127.0.0.1', () => socket.write(`POST /tsa HTTP/1.1\r\nHost: x\r\nContent-Type: application/timestamp-query\r\nTransfer-Encoding: chunked\r\n\r\n${`7d0\r\n${'x'.repeat(2000)}\r\n`.repeat(3)}`))
      let text = ''
      socket.on('data', (chunk) => (text += chunk))
      socket.on('error', failed)
      socket.on('close', () => done(text))
    })
    expect(hidden).toMatch(/^HTTP\/1\.1 413 /)
  })
})

describe('in the `status` process', () => {
  let reading: ClockReading = { state: 'unreadable', why: 'test' }
  const opened: Timestamps[] = []
  // A clock that stands still beside the machine's own is one that was moved: on a busy machine soon enough to be seen.
  const running = () => ({ ...services, clock: () => new Date() })
  const open = async () => {
    const found = await openTimestamps(running(), { signer: token, authorities: () => authorities, issuedBy: issuedBy(authorities), source: { read: async () => reading } })
    if ('none' in found) throw new Error(found.none)
    opened.push(found)
    return found
  }
  afterAll(() => Promise.all(opened.map((each) => each.stop())))
  const events = async (event: string) => (await services.database('audit_events').where({ event }).orderBy('seq')).map(({ details }: { details: string }) => JSON.parse(details))

  test('TSA-3: a demo hierarchy stamps where the clock\'s state can\'t be read, and says so', async () => {
    const timestamps = await open()
    expect(timestamps.ready).toContain('a demo hierarchy stamps all the same')
    expect(readReply(await timestamps.respond(timestampQuery()))).toHaveProperty('token')
    expect(await services.database('timestamp_tokens')).toHaveLength(1)
    expect((await events('timestamp.signing-changed')).at(-1)).toMatchObject({ certificate: unit.certificateId, digest: 'sha256', policy: '2.23.140.1.4.2' })
    await timestamps.stop()
    expect((await events('timestamp.answered')).at(-1)).toEqual({ granted: 1 })
  })

  test('TSA-3: what was answered is counted on the audit log once, and not lost where that can\'t be written', async () => {
    const before = await events('timestamp.answered')
    let away = false
    const database = new Proxy(services.database, { get: (target, key) => (key === 'transaction' && away ? () => Promise.reject(new Error('away')) : Reflect.get(target, key)) })
    const timestamps = await openTimestamps({ ...running(), database }, { signer: token, authorities: () => authorities, issuedBy: issuedBy(authorities), source: { read: async () => reading } })
    if ('none' in timestamps) throw new Error(timestamps.none)
    await timestamps.respond(timestampQuery())
    away = true
    await expect(timestamps.stop()).rejects.toThrow('away')
    away = false
    for (let again = 0; again < 2; again++) await timestamps.stop()
    expect((await events('timestamp.answered')).slice(before.length)).toEqual([{ granted: 1 }])
  })

  test('TSA-1: a fault that meets every request is told once, not as often as somebody asks', async () => {
    const broken = { tokenLabel: token.tokenLabel, sign: () => Promise.reject(new Error('the module is away')) }
    const timestamps = await openTimestamps(running(), { signer: broken, authorities: () => authorities, issuedBy: issuedBy(authorities), source: { read: async () => reading } })
    if ('none' in timestamps) throw new Error(timestamps.none)
    const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    try {
      for (let each = 0; each < 5; each++) expect(readReply(await timestamps.respond(timestampQuery()))).toEqual({ failure: 'systemFailure' })
      expect(said.mock.calls.filter(([line]) => String(line).includes('the module is away'))).toHaveLength(1)
    } finally {
      said.mockRestore()
      await timestamps.stop()
    }
  })

  test('TSA-3: it gives none, on record, while the clock is known not to be synchronised', async () => {
    reading = { state: 'unsynchronised', source: 'test', why: 'test' }
    const timestamps = await open()
    expect(timestamps.ready).toContain('none while the clock is not sure')
    expect(readReply(await timestamps.respond(timestampQuery()))).toEqual({ failure: 'timeNotAvailable' })
    expect((await events('timestamp.clock-unsure')).at(-1)).toMatchObject({ doubt: 'unsynchronised' })
    reading = { state: 'unreadable', why: 'test' }
  })

  test('TSA-3, LOG-1: what all workers of a node find alike stands on the audit log once, and a change again', async () => {
    const node = `node:${services.config.node}`
    const said = async () => (await services.database('audit_events').where({ subject: node }).orderBy('seq')).map(({ event }: { event: string }) => event)
    await Promise.all([open(), open(), open()])
    const before = await said()
    await Promise.all([open(), open(), open()])
    expect(await said()).toEqual(before)
    reading = { state: 'unsynchronised', source: 'test', why: 'test' }
    await Promise.all([open(), open(), open()])
    expect((await said()).slice(before.length)).toEqual(['timestamp.clock-unsure'])
    reading = { state: 'unreadable', why: 'test' }
    await Promise.all([open(), open()])
    expect((await said()).slice(before.length)).toEqual(['timestamp.clock-unsure', 'timestamp.clock-sure'])
    // Another node speaks for itself.
    const other = await openTimestamps({ ...running(), config: { ...services.config, node: 'another' } }, { signer: token, authorities: () => authorities, issuedBy: issuedBy(authorities), source: { read: async () => reading } })
    if ('none' in other) throw new Error(other.none)
    await other.stop()
    expect((await services.database('audit_events').where({ subject: 'node:another' }).orderBy('seq')).map(({ event }: { event: string }) => event)).toEqual(['timestamp.signing-changed', 'timestamp.clock-sure'])
  })

  test('TSA-3, ISS-6: this machine\'s own memory stops a clock that went back, by however little', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'portal-seen-'))
    try {
      const seen = (at: Date) => writeFileSync(join(dataDir, 'last-seen-status'), `${at.toISOString()}\n`)
      const apart = { ...running(), config: { ...services.config, dataDir } }
      for (const [ahead, doubt] of [[60_000, 'behind-an-earlier-token'], [-60_000, null]] as const) {
        seen(new Date(Date.now() + ahead))
        const found = await openTimestamps(apart, { signer: token, authorities: () => authorities, issuedBy: issuedBy(authorities), source: { read: async () => reading } })
        if ('none' in found) throw new Error(found.none)
        expect(found.clockDoubt()).toBe(doubt)
        await found.stop()
      }
    } finally {
      rmSync(dataDir, { recursive: true })
    }
  })

  test.skipIf(findPostgres() === null)('TSA-3, ISS-6: a token that an account dates ahead, as far as the database takes, stops no node', async () => {
    const other = await openFresh('PostgreSQL')
    for (const table of ['ceremonies', 'authorities', 'timestamp_certificates']) await other(table).insert(await services.database(table).orderBy(table === 'authorities' ? 'not_before' : 'id'))
    await other('timestamp_tokens').insert({ serial: 'ff', certificate_id: unit.certificateId, gen_time: new Date(Date.now() + 298_000).toISOString(), imprint_hash: 'sha256', tst_info_sha256: 'b'.repeat(64) })
    const found = await openTimestamps({ ...running(), database: other }, { signer: token, authorities: () => authorities, issuedBy: issuedBy(authorities), source: { read: async () => reading } })
    if ('none' in found) throw new Error(found.none)
    expect(found.clockDoubt()).toBe(null)
    expect(readReply(await found.respond(timestampQuery()))).toHaveProperty('token')
    await found.stop()
  })

  test('TSA-2: a row whose certificate the time-stamp CA did not sign is no unit', async () => {
    const other = await openFresh()
    const apart = await hierarchy.services(other, { clock: () => now })
    const found = await openTimestamps(apart, { signer: token, authorities: () => authorities, issuedBy: () => false, source: { read: async () => reading } })
    if ('none' in found) throw new Error(found.none)
    opened.push(found)
    expect(readReply(await found.respond(timestampQuery()))).toEqual({ failure: 'systemFailure' })
  })

  test('TSA-1: a hierarchy or a policy without time-stamps goes on and says how to add them', async () => {
    const without = authorities.filter(({ kind }) => kind !== 'timestamp-ca')
    expect(await openTimestamps(services, { signer: token, authorities: () => without, issuedBy: issuedBy(without) })).toEqual({ none: expect.stringContaining('npm run ceremony -- add-timestamps') })
    const { timestamp: _, ...rest } = services.policy
    expect(await openTimestamps({ ...services, policy: rest as Services['policy'] }, { signer: token, authorities: () => authorities, issuedBy: issuedBy(authorities) })).toEqual({ none: expect.stringContaining('policy') })
  })
})

describe('later ceremonies', () => {
  const PERSONS = ['Aoki Hanako', 'Beppu Taro']
  let root: Pkcs11Signer
  beforeAll(async () => {
    root = await openConfiguredToken(hierarchy.config('ceremony'))
  })
  afterAll(() => root.close())
  const hold = async (kind: Parameters<typeof planLater>[1], given: { serial?: string; reason?: string } = {}, persons: readonly string[] = PERSONS) =>
    holdLater(services, await planLater(services, kind, { serial: given.serial ?? null, reason: given.reason ?? null }), persons, { root, status: token }, () => undefined)
  const records = () => listTimestampCertificates(services.database)
  const lastEvent = async () => (await services.database('audit_events').orderBy('seq', 'desc').first('event')).event
  const tokenUnits = async () => {
    const fresh = await openTimestamps(services, { signer: token, authorities: () => authorities, issuedBy: issuedBy(authorities), source: { read: async () => ({ state: 'unreadable', why: 'test' }) } })
    if ('none' in fresh) throw new Error(fresh.none)
    try {
      const reply = readReply(await fresh.respond(timestampQuery({ certReq: true })))
      return 'failure' in reply ? reply.failure : readToken(reply.token).certificates!.map((der) => createHash('sha256').update(der).digest('hex'))
    } finally {
      await fresh.stop()
    }
  }
  const sha256 = (der: Buffer) => createHash('sha256').update(der).digest('hex')

  test('TSA-2: one person is too few, whatever is held', async () => {
    await expect(hold('renew-lists', {}, ['Aoki Hanako', 'aoki hanako '])).rejects.toThrow('at least two different persons')
  })

  test('TSA-2: the only key in force is not removed', async () => {
    await expect(hold('remove-timestamp-key', { serial: (await records())[0]!.serial })).rejects.toThrow('has no successor')
  })

  test('TSA-2: a key change makes a new key on the status token; the next time-stamp is signed with it, the old key is removed on record', async () => {
    const [old] = await records()
    now = new Date(now.getTime() + 60_000)
    await hold('change-timestamp-key')
    const fresh = (await records())[1]!
    expect([fresh.key.tokenLabel, fresh.key.spkiSha256 === old!.key.spkiSha256]).toEqual(['status', false])
    expect(await tokenUnits()).toContain(sha256(fresh.der))

    const early = await planLater(services, 'remove-timestamp-key', { serial: old!.serial, reason: null })
    expect(early.lines.join('\n')).toContain(`ENDS LATER, at ${old!.useUntil.toISOString()}`)
    const then = await planLater({ ...services, clock: () => old!.useUntil }, 'remove-timestamp-key', { serial: old!.serial, reason: null })
    expect(then.lines.join('\n')).not.toContain('ENDS LATER')

    await hold('remove-timestamp-key', { serial: old!.serial })
    expect(await lastEvent()).toBe('timestamp.key-removed')
    await expect(token.publicKey(old!.key.label)).rejects.toThrow('no public key')
    await expect(token.sign(old!.key, 'sha256', Buffer.from('x'))).rejects.toThrow('no private key')
    const [removed] = await records()
    const ceremony = await services.database('ceremonies').orderBy('held_at', 'desc').where({ kind: 'remove-timestamp-key' }).first()
    expect([removed!.removedAt, JSON.parse(ceremony.persons)]).toEqual([new Date(Math.floor(now.getTime() / 1000) * 1000), PERSONS])
    // The other key signs on.
    expect(await tokenUnits()).toContain(sha256(fresh.der))
    await expect(hold('remove-timestamp-key', { serial: old!.serial })).rejects.toThrow('was removed at')
  })

  test('TSA-2: a revocation is on the CA\'s list at once, openssl sees it, and the key signs no more', async () => {
    const fresh = (await records())[1]!
    await expect(hold('revoke-timestamp-certificate', { serial: fresh.serial, reason: 'because' })).rejects.toThrow('Give a reason')
    const said = async (reason: string) => (await planLater(services, 'revoke-timestamp-certificate', { serial: fresh.serial, reason })).lines.join('\n')
    for (const reason of Object.keys(TIMESTAMP_REVOCATION_REASONS)) {
      const ends = reason === 'key-compromise'
      const lines = await said(reason)
      expect([/All of them lose their worth/.test(lines), /those given before the revocation stay valid/.test(lines), /many tools refuse them all the same/.test(lines)], reason).toEqual([ends, !ends, !ends])
    }
    now = new Date(now.getTime() + 60_000)
    await hold('revoke-timestamp-certificate', { serial: fresh.serial, reason: 'key-compromise' })
    place.write('list.pem', encodePem('X509 CRL', await readCrl(services.database, (await latestCrl(services.database, authority.id))!)))
    const list = openssl('crl', '-in', 'list.pem', '-CAfile', 'timestamp-ca.pem', '-noout', '-text')
    expect(list).toContain(`Serial Number: ${fresh.serial.toUpperCase()}`)
    expect(list).toContain('Key Compromise')
    expect(await tokenUnits()).toBe('systemFailure')
    await expect(hold('revoke-timestamp-certificate', { serial: fresh.serial, reason: 'superseded' })).rejects.toThrow('was revoked at')
  })

  test('CRL-5: the lists of the root and of the time-stamp CA are signed anew, with higher numbers, and what was on them stays', async () => {
    const numbers = async () => {
      const rows: { authority_id: string; number: number }[] = await services.database('crls').orderBy(['authority_id', 'number'])
      return [...new Map(rows.map((row) => [row.authority_id, Number(row.number)]))]
    }
    const before = await numbers()
    now = new Date(now.getTime() + 60_000)
    await hold('renew-lists')
    expect(await numbers()).toEqual(before.map(([id, number]) => [id, Number(number) + 1]))
    for (const kind of ['root', 'timestamp-ca'] as const) {
      const { id } = authorities.find((each) => each.kind === kind)!
      const list = (await latestCrl(services.database, id))!
      place.write('list.pem', encodePem('X509 CRL', await readCrl(services.database, list)))
      const text = openssl('crl', '-in', 'list.pem', '-CAfile', `${kind}.pem`, '-noout', '-text')
      expect(text.includes('Key Compromise')).toBe(kind === 'timestamp-ca')
      expect(list.nextUpdate.getTime()).toBeLessThan(addMonths(now, 12).getTime())
    }
  })

  test('CRL-2, CRL-5: a ceremony does not go on from a list that the authority did not sign', async () => {
    const root = authorities.find(({ kind }) => kind === 'root')!
    const { number } = (await latestCrl(services.database, root.id))!
    const row = services.database('crls').where({ authority_id: root.id, number: Number(number) })
    const { seal } = await row.clone().first('seal')
    const bent = Buffer.from(seal)
    bent[bent.length - 1]! ^= 1
    await row.clone().update({ seal: bent })
    await expect(hold('renew-lists')).rejects.toThrow(`The list ${number} of ${root.id} on record is not signed by it`)
    expect((await latestCrl(services.database, root.id))!.number).toBe(number)
    await row.clone().update({ seal })
  })

  test('TSA-1: a hierarchy without time-stamps gets them', async () => {
    const database = await openFresh()
    const apart = await hierarchy.services(database, { clock: () => now })
    // As it was before: rows of the first ceremony that know nothing of time-stamps.
    await dropTrigger(database, 'timestamp_certificates', 'timestamp_certificates_stay')
    await database('timestamp_certificates').delete()
    for (const table of ['crls', 'crl_lists', 'crl_addresses']) await database(table).where({ authority_id: authority.id }).delete()
    await database('authorities').where({ id: authority.id }).delete()
    const plan = await planLater(apart, 'add-timestamps', { serial: null, reason: null })
    expect(plan.lines.join('\n')).toContain('DEMO')
    await holdLater(apart, plan, PERSONS, { root, status: token }, () => undefined)
    const made = await listAuthorities(database)
    const found = await openTimestamps(apart, { signer: token, authorities: () => made, issuedBy: issuedBy(made), source: { read: async () => ({ state: 'synchronised', source: 'test', errorMilliseconds: 1, lastUpdate: now }) } })
    if ('none' in found) throw new Error(found.none)
    place.write('added.tsr', await found.respond(timestampQuery({ certReq: true })))
    await found.stop()
    expect(openssl('ts', '-verify', '-data', 'data', '-in', 'added.tsr', '-CAfile', 'root.pem', '-attime', String(Math.floor(now.getTime() / 1000)))).toContain('Verification: OK')
    await expect(planLater(apart, 'add-timestamps', { serial: null, reason: null })).rejects.toThrow('stands already')
  })
})
