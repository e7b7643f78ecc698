import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { listAuthorities, type Authority } from '../../src/database/authority-store.ts'
import { findCrl, findResponder, readStatus } from '../../src/database/status-store.ts'
import { issueCrl } from '../../src/jobs/crl.ts'
import { issueWaiting, issuingParts } from '../../src/jobs/issuing.ts'
import { currentAuthority, type SigningAuthority } from '../../src/jobs/issuing-authority.ts'
import { renewResponderCertificates } from '../../src/jobs/responder-certificate.ts'
import { context, integer, nullValue, octetString, oid, readDer, sequence } from '../../src/pki/der.ts'
import { accessLines } from '../../src/access-log/line.ts'
import { AnswerTally } from '../../src/revocation/answer-tally.ts'
import { issuedBy } from '../../src/revocation/issued-certificate.ts'
import { OcspService } from '../../src/revocation/ocsp-service.ts'
import { createResponder, type ResponderParts } from '../../src/revocation/responder.ts'
import { createStatusServer, type StatusParts } from '../../src/revocation/status-server.ts'
import type { Services } from '../../src/services.ts'
import { openConfiguredToken } from '../../src/signer/open-token.ts'
import type { Pkcs11Signer } from '../../src/signer/pkcs11.ts'
import { insertApprovedApplication, insertPeople } from '../support/approved-application.ts'
import { openFresh } from '../support/database.ts'
import { demoHierarchy, type DemoHierarchy } from '../support/demo-hierarchy.ts'
import { opensslFolder, writeAuthorities } from '../support/openssl-folder.ts'
import { makeAuthority, SERIALS } from './openssl-authority.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const ERROR = { malformedRequest: 1, internalError: 2, tryLater: 3, unauthorized: 6 } as const

let hierarchy: DemoHierarchy
let services: Services
let ca: SigningAuthority
let caToken: Pkcs11Signer
let statusToken: Pkcs11Signer
let authorities: readonly Authority[]
let issuing: Authority
/** A certificate in good standing, and one that is revoked. */
let good: string
let gone: string
let start: Date
let now: Date
const faults: unknown[] = []
const servers: Server[] = []

beforeAll(async () => {
  hierarchy = await demoHierarchy()
  start = new Date(Math.floor(Date.now() / 1000) * 1000)
  now = start
  services = await hierarchy.services(await openFresh(), { clock: () => now })
  const { database } = services
  caToken = await hierarchy.token('ca')
  statusToken = await hierarchy.token('status')
  authorities = await listAuthorities(database)
  issuing = authorities.find(({ kind }) => kind === 'issuing')!
  ca = (await currentAuthority(database, caToken, services.config))!
  await renewResponderCertificates(services, ca)
  const people = await insertPeople(services)
  const serials: string[] = []
  for (let made = 0; made < 2; made++) {
    const { id } = await insertApprovedApplication(services, hierarchy.maker, { people })
    expect(await issueWaiting(issuingParts(services, caToken))).toEqual(['issued'])
    const row = await database('certificates').where({ application_id: id }).first()
    serials.push(row.serial)
    const at = now.toISOString()
    const why = { reason_code: 1, ground: 'key-compromise', explanation: '', requested_by: people.applicant }
    const revocation = { certificate_id: row.id, authority_id: issuing.id, serial: row.serial, revoked_at: at, recorded_at: at, ...why }
    if (made === 1) await database('revocations').insert(revocation)
  }
  ;[good, gone] = serials as [string, string]
  await issueCrl(services, caToken, ca)
  writeAuthorities(place, authorities)
}, 120_000)
afterAll(async () => {
  for (const server of servers) server.close()
  await hierarchy.remove()
  place.remove()
})
beforeEach(() => {
  now = start
  faults.length = 0
})

const place = opensslFolder('status')
const checks = () => ({ issuedBy: issuedBy(authorities), falseRow: (row: object) => void faults.push(row) })
const responderParts = (): ResponderParts => ({
  policy: services.policy,
  signer: statusToken,
  authorities,
  readStatus: (authorityId, serial) => readStatus(services.database, checks(), authorityId, serial),
  findResponder: (authorityId, at) => findResponder(services.database, checks(), authorityId, at),
  fault: (error) => void faults.push(error),
})
const sha1 = (octets: Buffer) => createHash('sha1').update(octets).digest()
/** An OCSP request with SHA-1 CertIDs, without nonce. */
function request(...serials: string[]): Buffer {
  const key = readDer(ca.spki).children()[1]!.bitStringOctets()
  const certId = (serial: string) =>
    sequence(sequence(oid('1.3.14.3.2.26'), nullValue()), octetString(sha1(issuing.subjectDer)), octetString(sha1(key)), integer(BigInt(`0x${serial}`)))
  return sequence(sequence(sequence(...serials.map((serial) => sequence(certId(serial))))))
}
const respond = (changes: Partial<ResponderParts> = {}, ...serials: string[]) => createResponder({ ...responderParts(), ...changes })(request(...serials), now)
const errorOf = (der: Buffer) => (der.length === 5 && der.subarray(0, 4).toString('hex') === '30030a01' ? der[4]! : null)
/** What openssl reads in an answer that it verified as of `now`. */
function shown(der: Buffer): string {
  place.write('answer.der', der)
  const trust = ['-CAfile', 'root.pem', '-verify_other', 'issuing.pem', '-attime', String(Math.floor(now.getTime() / 1000))]
  const { text } = place.run('openssl', 'ocsp', '-respin', 'answer.der', '-resp_text', ...trust)
  expect(text).toContain('Response verify OK')
  return text
}
const time = (text: string, field: string) => Date.parse(new RegExp(`${field}: (.+)`).exec(text)![1]!)

/** Kept answers that nothing ever changes. */
const serviceOf = (changes: Partial<ResponderParts> = {}) =>
  new OcspService({ now: () => now, policy: services.policy, respond: createResponder({ ...responderParts(), ...changes }), watch: { version: 0, fresh: true, onChange: () => undefined }, fault: (error) => void faults.push(error) })
async function listen(changes: Partial<StatusParts> = {}): Promise<string> {
  const server = createStatusServer({
    now: () => now,
    ocsp: serviceOf(),
    findCrl: (id, shard) => findCrl(services.database, id, shard),
    findCertificate: async (id) => authorities.find((authority) => authority.id === id)?.certificateDer ?? null,
    fault: (error) => void faults.push(error),
    ...changes,
  })
  servers.push(server)
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

// What can't be known is never good.

test('OCS-3: a status that can\'t be read is tryLater, with the fault on record', async () => {
  const fault = new Error('no database')
  expect(errorOf((await respond({ readStatus: () => Promise.reject(fault) }, good)).der)).toBe(ERROR.tryLater)
  expect(faults).toEqual([fault])
})
test('OCS-3: one status of two that can\'t be read spoils the whole answer', async () => {
  const { readStatus: read } = responderParts()
  const half: ResponderParts['readStatus'] = (id, serial) => (serial === gone ? Promise.reject(new Error('no row')) : read(id, serial))
  const { der, cache } = await respond({ readStatus: half }, good, gone)
  expect(errorOf(der)).toBe(ERROR.tryLater)
  expect(cache).toBeNull()
})
test('OCS-2: without a responder certificate in force, and when it can\'t be read, it is tryLater', async () => {
  expect(errorOf((await respond({ findResponder: async () => null }, good)).der)).toBe(ERROR.tryLater)
  expect(errorOf((await respond({ findResponder: () => Promise.reject(new Error('no database')) }, good)).der)).toBe(ERROR.tryLater)
})
test('OCS-2: a responder certificate that has run out is used no more', async () => {
  const { notAfter } = (await findResponder(services.database, checks(), issuing.id, now))!
  now = new Date(notAfter.getTime() + 1000)
  expect(errorOf((await respond({}, good)).der)).toBe(ERROR.tryLater)
})
test('OCS-3: a token that is gone is tryLater', async () => {
  const signer = await openConfiguredToken(hierarchy.config('status'))
  await signer.close()
  expect(errorOf((await respond({ signer }, good)).der)).toBe(ERROR.tryLater)
  expect(faults).toMatchObject([{ reason: 'closed' }])
})
test('OCS-2: the token of the CA signs no answer', async () => {
  expect(errorOf((await respond({ signer: caToken }, good)).der)).toBe(ERROR.tryLater)
  expect(faults).toMatchObject([{ reason: 'wrong-token' }])
})
test('REV-5: a row that says certificateHold is answered with an error, never published', async () => {
  expect(errorOf((await respond({ readStatus: async () => ({ state: 'revoked', at: now, reason: 6 }) }, gone)).der)).toBe(ERROR.internalError)
})

// Times.

test('OCS-4: an answer of the present lives as long as the policy says', async () => {
  const text = shown((await respond({}, good)).der)
  expect(text).toContain('Cert Status: good')
  expect(time(text, 'This Update')).toBe(now.getTime())
  expect(time(text, 'Next Update') - now.getTime()).toBe(services.policy.periods.ocspValidHours * HOUR)
})
test('OCS-4: an answer never outlives the responder\'s certificate', async () => {
  const { notAfter } = (await findResponder(services.database, checks(), issuing.id, now))!
  now = new Date(notAfter.getTime() - 2 * HOUR)
  expect(time(shown((await respond({}, good)).der), 'Next Update')).toBe(notAfter.getTime())
})
test('OCS-5: long past expiry it still answers, good and revoked, with the cutoff ten years back', async () => {
  now = new Date(start.getTime() + 10.9 * 365 * DAY)
  await renewResponderCertificates(services, ca)
  const text = shown((await respond({}, good, gone)).der)
  expect(text).toContain('Cert Status: good')
  expect(text).toMatch(/Cert Status: revoked\n.*\n\s+Revocation Reason: keyCompromise/)
  const cutoff = Date.parse(/OCSP Archive Cutoff:\s*(.+)/.exec(text)![1]!)
  expect(cutoff).toBeGreaterThan(issuing.notBefore.getTime())
  expect((now.getTime() - cutoff) / DAY).toBeGreaterThanOrEqual(3653)
  expect((now.getTime() - cutoff) / DAY).toBeLessThan(3661)
})

// HTTP.

test('OCS-7: the same answer is not sent twice; a tag may come weak, in a list, or as any', async () => {
  const url = `${await listen()}/ocsp/${encodeURIComponent(request(good).toString('base64'))}`
  const first = await fetch(url)
  const etag = first.headers.get('etag')!
  expect(shown(Buffer.from(await first.arrayBuffer()))).toContain('Cert Status: good')
  for (const header of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
    const answer = await fetch(url, { headers: { 'if-none-match': header } })
    expect([header, answer.status, (await answer.arrayBuffer()).byteLength]).toEqual([header, 304, 0])
    // RFC 9110 15.4.5
    for (const name of ['etag', 'cache-control', 'expires', 'last-modified']) expect([name, answer.headers.get(name)]).toEqual([name, first.headers.get(name)])
  }
  expect((await fetch(url, { headers: { 'if-none-match': '"other"' } })).status).toBe(200)
})
test('OCS-7: the headers say what the answer says', async () => {
  const answer = await fetch(`${await listen()}/ocsp/${encodeURIComponent(request(good).toString('base64'))}`)
  const der = Buffer.from(await answer.arrayBuffer())
  const text = shown(der)
  const { headers } = answer
  expect(Date.parse(headers.get('last-modified')!)).toBe(time(text, 'This Update'))
  expect(Date.parse(headers.get('expires')!)).toBe(time(text, 'Next Update'))
  expect(headers.get('etag')).toBe(`"${createHash('sha256').update(der).digest('hex')}"`)
  expect(headers.get('cache-control')).toBe(`max-age=${services.policy.periods.ocspMaxAgeSeconds}, public, no-transform, must-revalidate`)
})
test('OCS-7: a date spares a good answer, never a revoked one: another node may have said good in the same second', async () => {
  const base = `${await listen()}/ocsp/`
  const asked = async (serial: string, headers: Record<string, string>) => (await fetch(base + encodeURIComponent(request(serial).toString('base64')), { headers })).status
  const at = (ms: number) => new Date(now.getTime() + ms).toUTCString()
  expect(await asked(good, { 'if-modified-since': at(0) })).toBe(304)
  expect(await asked(good, { 'if-modified-since': at(-1000) })).toBe(200)
  expect(await asked(good, { 'if-modified-since': 'yesterday' })).toBe(200)
  // RFC 9110 13.1.3: a tag decides alone.
  expect(await asked(good, { 'if-modified-since': at(0), 'if-none-match': '"other"' })).toBe(200)
  expect(await asked(gone, { 'if-modified-since': at(0) })).toBe(200)
})
test('OCS-7: no cache holds an answer beyond its end', async () => {
  const { notAfter } = (await findResponder(services.database, checks(), issuing.id, now))!
  now = new Date(notAfter.getTime() - 7000)
  const answer = await fetch(`${await listen()}/ocsp/${encodeURIComponent(request(good).toString('base64'))}`)
  expect(answer.headers.get('cache-control')).toMatch(/^max-age=7,/)
})
test('OCS-1: HEAD has the headers of GET and no body', async () => {
  const url = `${await listen()}/ocsp/${encodeURIComponent(request(good).toString('base64'))}`
  const [get, head] = await Promise.all([fetch(url), fetch(url, { method: 'HEAD' })])
  const names = ['content-type', 'content-length', 'etag', 'cache-control', 'expires', 'last-modified']
  const of = ({ headers }: Response) => names.map((name) => headers.get(name))
  expect(of(head)).toEqual(of(get))
  expect(of(get)).not.toContain(null)
  expect((await head.arrayBuffer()).byteLength).toBe(0)
})
test('OCS-3: an error is answered 200 as OCSP, and no cache keeps it', async () => {
  const url = await listen({ ocsp: serviceOf({ readStatus: () => Promise.reject(new Error('no database')) }) })
  const answer = await fetch(`${url}/ocsp/${encodeURIComponent(request(good).toString('base64'))}`)
  expect([answer.status, answer.headers.get('content-type'), answer.headers.get('cache-control')]).toEqual([200, 'application/ocsp-response', 'no-store'])
  expect(errorOf(Buffer.from(await answer.arrayBuffer()))).toBe(ERROR.tryLater)
})
test('CRL-4: a list that can\'t be read is a 503 in one plain line, to be asked for again, kept by no cache', async () => {
  const url = await listen({ findCrl: () => Promise.reject(new Error('secret of the database')) })
  const answer = await fetch(`${url}/crl/${issuing.id}.crl`)
  expect([answer.status, answer.headers.get('content-type'), answer.headers.get('cache-control'), answer.headers.get('retry-after')]).toEqual([503, 'text/plain; charset=utf-8', 'no-store', '30'])
  expect(await answer.text()).toBe('The status could not be read. Try again later.\n')
  expect(faults).toHaveLength(1)
})
test('CRL-4: a list on record and not yet signed is not served; the one before it is', async () => {
  const url = `${await listen()}/crl/${issuing.id}.crl`
  const served = Buffer.from(await (await fetch(url)).arrayBuffer())
  const { database } = services
  const row = await database('crls').where({ authority_id: issuing.id }).orderBy('number', 'desc').first()
  await database('crls').insert({ ...row, number: Number(row.number) + 1, seal: null })
  expect(Buffer.from(await (await fetch(url)).arrayBuffer()).equals(served)).toBe(true)
})
test('CRL-2: a list with a lower number than one served before is not served, nor an entry forgotten by it', async () => {
  const url = `${await listen()}/crl/${issuing.id}.crl`
  const list = services.database('crl_lists').where({ authority_id: issuing.id, shard: 0 })
  const { number } = await list.clone().first()
  const row = await services.database('crls').where({ authority_id: issuing.id, number }).first()
  await services.database('crls').insert({ ...row, number: Number(number) + 5 })
  await list.clone().update({ number: Number(number) + 5 })
  expect((await fetch(url)).status).toBe(200)
  await list.clone().update({ number })
  const answer = await fetch(url)
  expect([answer.status, answer.headers.get('cache-control'), answer.headers.get('retry-after')]).toEqual([503, 'no-store', '30'])
  expect(String(faults)).toContain('has a lower number than one served before')
  faults.length = 0
  // Another list has numbers of its own.
  const root = authorities.find(({ kind }) => kind === 'root')!
  expect((await fetch(`${new URL(url).origin}/crl/${root.id}.crl`)).status).toBe(200)
})
test('CRL-4: the list of a shard has an address of its own, and one that is not there is not found', async () => {
  const asked: unknown[] = []
  const url = await listen({ findCrl: async (...of) => (asked.push(of), null) })
  for (const path of ['/crl/issuing-g1/3.crl', '/crl/issuing-g1.crl', '/crl/issuing-g1/0.crl', '/crl/issuing-g1/03.crl', '/crl/issuing-g1/12345.crl', '/crl/issuing-g1/.crl', '/crl/ISSUING/3.crl', '/crl/issuing-g1/3/4.crl']) expect((await fetch(url + path)).status).toBe(404)
  expect(asked).toEqual([['issuing-g1', 3], ['issuing-g1', 0]])
})
test('CRL-4: a list that ends in the middle is no list: an error where it was read before sending, a connection that breaks where it is sent in pieces', async () => {
  const half = (octets: number): Partial<StatusParts> => ({ findCrl: async () => ({ authorityId: 'x', shard: 0, number: 1n, thisUpdate: now, nextUpdate: new Date(now.getTime() + 1000), tbsSha256: 'a'.repeat(64), octets, async *pieces() {
    yield Buffer.alloc(5)
    throw new Error('a chunk is missing')
  } }) })
  await expect(fetch(`${await listen(half(1 << 24))}/crl/x.crl`).then((answer) => answer.arrayBuffer())).rejects.toThrow()
  const answer = await fetch(`${await listen(half(10))}/crl/x.crl`)
  expect([answer.status, answer.headers.get('etag'), answer.headers.get('cache-control'), await answer.text()]).toEqual([503, null, 'no-store', 'The status could not be read. Try again later.\n'])
  expect(String(faults)).toContain('a chunk is missing')
  faults.length = 0
})
test('CRL-5: the root\'s list and every CA certificate are served', async () => {
  const url = await listen()
  for (const { id, certificateDer } of authorities) {
    expect((await fetch(`${url}/crl/${id}.crl`)).headers.get('content-type')).toBe('application/pkix-crl')
    const answer = await fetch(`${url}/ca/${id}.cer`)
    expect(answer.headers.get('content-type')).toBe('application/pkix-cert')
    expect(Buffer.from(await answer.arrayBuffer()).equals(certificateDer)).toBe(true)
  }
})
test('OCS-1: a client that goes away in the middle of its question harms nobody', async () => {
  const url = new URL(await listen())
  const socket = connect(Number(url.port), url.hostname)
  await new Promise<void>((sent) => socket.write('POST /ocsp HTTP/1.1\r\nHost: x\r\nContent-Type: application/ocsp-request\r\nContent-Length: 100\r\n\r\n0', () => sent()))
  await new Promise((done) => setTimeout(done, 50))
  socket.resetAndDestroy()
  const answer = await fetch(`${url.origin}/ocsp`, { method: 'POST', headers: { 'content-type': 'application/ocsp-request' }, body: new Uint8Array(request(good)) })
  expect(shown(Buffer.from(await answer.arrayBuffer()))).toContain('Cert Status: good')
  expect(faults).toEqual([])
})
test('OCS-1: a question by POST is refused by its type and its size: the size before it is read, and while it is read', async () => {
  const url = `${await listen()}/ocsp`
  const post = (body: RequestInit['body'], type = 'application/ocsp-request') => fetch(url, { method: 'POST', headers: { 'content-type': type }, body, duplex: 'half' } as RequestInit)
  expect((await post('0', 'text/plain')).status).toBe(415)
  for (const type of ['application/OCSP-request', 'application/ocsp-request; charset=x']) expect((await post(new Uint8Array(request(good)), type)).status).toBe(200)
  // The length alone is enough: nothing of the body is sent.
  const { port } = new URL(url)
  const socket = connect(Number(port), '127.0.0.1')
  socket.write('POST /ocsp HTTP/1.1\r\nHost: x\r\nContent-Type: application/ocsp-request\r\nContent-Length: 8193\r\n\r\n')
  const [said] = (await once(socket, 'data')) as [Buffer]
  expect(said.toString()).toMatch(/^HTTP\/1\.1 413 /)
  socket.destroy()
  const pieces = async function* () {
    for (let piece = 0; piece < 9; piece++) yield new Uint8Array(1000)
  }
  expect((await post(pieces() as never)).status).toBe(413)
  // The largest that is taken.
  const answer = await post(new Uint8Array(8192))
  expect([answer.status, errorOf(Buffer.from(await answer.arrayBuffer()))]).toEqual([200, ERROR.malformedRequest])
})
test('OCS-1: the longest question by GET, each of its characters escaped, is read', async () => {
  const long = Buffer.alloc(8192, 0x30).toString('base64')
  const escaped = [...long].map((sign) => `%${sign.charCodeAt(0).toString(16)}`).join('')
  const answer = await fetch(`${await listen()}/ocsp/${escaped}`)
  expect([answer.status, errorOf(Buffer.from(await answer.arrayBuffer()))]).toEqual([200, ERROR.malformedRequest])
})
/** What comes back to octets written as they stand, up to the end of the connection. */
async function raw(origin: string, text: string): Promise<Buffer> {
  const socket = connect(Number(new URL(origin).port), '127.0.0.1')
  socket.write(text)
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(socket, 'close')
  const whole = Buffer.concat(chunks)
  return whole.subarray(whole.indexOf('\r\n\r\n') + 4)
}
const keptGet = () => `GET /ocsp/${encodeURIComponent(request(good).toString('base64'))} HTTP/1.1\r\nHost: x\r\n\r\n`
test('OCS-6: who sends question after question and reads no answer loses the connection, not we the memory; who sends some at once has them all', async () => {
  const origin = await listen()
  await raw(origin, keptGet().replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
  const some = await raw(origin, keptGet().repeat(40) + keptGet().replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
  expect(some.toString('latin1').split('HTTP/1.1 200 OK')).toHaveLength(41)
  const accepted = once(servers.at(-1)!, 'connection') as Promise<[Socket]>
  const socket = connect(Number(new URL(origin).port), '127.0.0.1')
  socket.on('error', () => undefined)
  socket.pause()
  socket.write(keptGet().repeat(900))
  const [theirs] = await accepted
  if (!theirs.destroyed) await once(theirs, 'close')
  expect(theirs.bytesWritten).toBeLessThan(200_000)
  socket.destroy()
})
test('OCS-6: a connection has its limits', async () => {
  await listen()
  const { maxConnections, timeout, headersTimeout, requestTimeout, maxRequestsPerSocket } = servers.at(-1)!
  expect({ maxConnections, timeout, headersTimeout, requestTimeout, maxRequestsPerSocket }).toEqual({ maxConnections: 5000, timeout: 30_000, headersTimeout: 10_000, requestTimeout: 20_000, maxRequestsPerSocket: 1000 })
})
test('OCS-6: too much of headers, and what is no HTTP, is refused in words and read to its end: no connection is cut under whoever leads it on', async () => {
  const origin = await listen()
  for (const [sent, said] of [[`GET / HTTP/1.1\r\nHost: x\r\n${`X: ${'y'.repeat(8000)}\r\n`.repeat(40)}\r\n`, 431], ['G\0T / HTTP/1.1\r\n\r\n', 400]] as const) {
    const socket = connect(Number(new URL(origin).port), '127.0.0.1')
    const failed: Error[] = []
    socket.on('error', (error) => failed.push(error))
    let heard = ''
    socket.on('data', (chunk: Buffer) => (heard += chunk.toString()))
    socket.write(sent)
    await once(socket, 'close')
    expect([heard.slice(0, 12), failed]).toEqual([`HTTP/1.1 ${said}`, []])
  }
})
test('OCS-1: every spelling of a question by GET has the same answer, the absolute form of RFC 9112 too', async () => {
  const origin = await listen()
  // A serial number whose request holds every character that gives trouble.
  let base64 = ''
  for (let number = 1; !/\+.*\/|\/.*\+/.test(base64) || !base64.endsWith('='); number++) base64 = request(createHash('sha256').update(String(number)).digest('hex').slice(0, 30 + 2 * (number % 3))).toString('base64')
  const get = (target: string) => raw(origin, `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  const answer = await get(`/ocsp/${encodeURIComponent(base64)}`)
  expect(shown(answer)).toContain('Cert Status: unknown')
  const spellings = [base64, `/${base64}`, `//${base64}`, base64.replaceAll('/', '%2f'), base64.replaceAll('+', '%20'), base64.replaceAll('=', ''), base64.replaceAll('=', '%3D')]
  for (const target of [...spellings.map((each) => `/ocsp/${each}`), `//ocsp/${base64}`, `///ocsp//${base64}`, `http://status.test//ocsp/${base64}`, `http://status.test/ocsp/${base64}`, `HTTP://status.test:8081/ocsp/${encodeURIComponent(base64)}`]) expect((await get(target)).equals(answer), target).toBe(true)
  for (const target of [`/ocsp/${base64}?x=1`, `/ocsp/%${base64}`, '/ocsp/', '/ocsp', `http://status.test/ocsp/-${base64}`]) expect(errorOf(await get(target)), target).toBe(ERROR.malformedRequest)
})
test('OCS-1: an address that is none is 404, whatever is asked of it; doubled slashes in front lead to lists and certificates too', async () => {
  const origin = await listen()
  const ask = async (path: string, method = 'GET') => {
    const answer = await fetch(origin + path, { method })
    return [answer.status, answer.headers.get('allow')]
  }
  for (const path of ['/tsa/', '/x', '/crl/', '/ca/issuing-g1', '/ocspx']) for (const method of ['GET', 'POST', 'PUT']) expect(await ask(path, method), `${method} ${path}`).toEqual([404, null])
  for (const path of ['/', '/ca/issuing-g1.cer', '/crl/issuing-g1.crl']) expect(await ask(path, 'POST'), path).toEqual([405, 'GET, HEAD'])
  expect([await ask('//ca/issuing-g1.cer'), await ask('///crl/issuing-g1.crl'), await ask('//')]).toEqual([[200, null], [200, null], [200, null]])
})
test('OCS-6: an answer is kept under the spellings that clients use and under no other, however many are thought of', async () => {
  const ocsp = serviceOf()
  const origin = await listen({ ocsp })
  const get = (target: string) => raw(origin, `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  const base64 = request(good).toString('base64')
  const usual = [`/ocsp/${base64}`, `/ocsp/${encodeURIComponent(base64)}`, `/ocsp//${base64.replaceAll('=', '')}`]
  for (const path of usual) await get(path)
  const held = ocsp.memory
  for (const path of usual) expect(ocsp.find(path), path).not.toBeNull()
  for (const path of [`/ocsp/////${base64}`, `/ocsp/%4d${base64.slice(1)}`, `/ocsp/M%${base64.charCodeAt(1).toString(16)}${base64.slice(2)}`, `////ocsp/${base64}`]) expect(shown(await get(path))).toContain('Cert Status: good')
  for (const path of [`/ocsp${'/'.repeat(31_000)}${base64}`, `/ocsp/${'%2f'.repeat(9)}${base64}`]) expect(errorOf(await get(path))).toBe(ERROR.malformedRequest)
  expect(ocsp.memory).toBe(held)
})
test('OCS-8: a serial number that no certificate can have is malformed: not signed, not kept, and on no line', async () => {
  const ocsp = serviceOf()
  const tally = new AnswerTally(() => 0)
  const origin = await listen({ ocsp, tally })
  const answer = await raw(origin, `GET /ocsp/${request('11'.repeat(7901)).toString('base64')} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  expect([errorOf(answer), ocsp.memory]).toEqual([ERROR.malformedRequest, 0])
  await raw(origin, `GET /ocsp/${request(...Array<string>(16).fill('7f'.repeat(20))).toString('base64')} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  const lines = accessLines(tally.take(), now).text.split('\n')
  expect([lines[0], lines.length]).toEqual([expect.stringMatching(/ GET 200 5 1 0 - malformedRequest - -$/), 3])
  expect(lines[1]).toContain('=unknown,')
  expect(lines[1]!.length).toBeLessThan(1000)
})
test('OCS-7: a nonce of 1 to 128 octets comes back, any other is malformed (RFC 9654)', async () => {
  const url = `${await listen()}/ocsp`
  const [list] = readDer(request(good)).children()[0]!.children()
  const nonceOf = (octets: Buffer) => sequence(oid('1.3.6.1.5.5.7.48.1.2'), octetString(octetString(octets)))
  const ask = async (octets: Buffer) => {
    const body = sequence(sequence(list!.raw, context(2, sequence(nonceOf(octets)))))
    const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/ocsp-request' }, body: new Uint8Array(body) })
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store'])
    return Buffer.from(await answer.arrayBuffer())
  }
  for (const length of [1, 16, 32, 33, 128]) {
    const octets = Buffer.alloc(length, 0xa5)
    const answer = await ask(octets)
    expect([shown(answer).includes('Cert Status: good'), answer.includes(nonceOf(octets))], String(length)).toEqual([true, true])
  }
  for (const length of [0, 129, 1000]) expect(errorOf(await ask(Buffer.alloc(length, 0xa5))), String(length)).toBe(ERROR.malformedRequest)
})
test('OCS-3: of two generations each answers for its own, and not for the other\'s', async () => {
  const foreign = makeAuthority()
  try {
    const { der, subjectDer, notBefore, notAfter } = foreign.certificate('issuing')
    const other: Authority = { ...issuing, id: 'issuing-g2', subjectDer, certificateDer: der, notBefore, notAfter }
    const asked: string[] = []
    const parts = { ...responderParts(), authorities: [...authorities, other], readStatus: async (id: string) => (asked.push(id), { state: 'good' as const }) }
    foreign.openssl('ocsp', '-issuer', 'issuing.pem', '-cert', 'good.pem', '-no_nonce', '-reqout', 'request.der')
    const theirs = readFileSync(foreign.path('request.der'))
    const responders: string[] = []
    const findFor = { ...parts, findResponder: async (id: string, at: Date) => (responders.push(id), parts.findResponder(issuing.id, at)) }
    const { cache } = await createResponder(findFor)(theirs, now)
    expect([asked, responders, cache!.tags]).toEqual([['issuing-g2'], ['issuing-g2'], [`issuing-g2 ${SERIALS.good}`]])
    expect(errorOf((await createResponder(responderParts())(theirs, now)).der)).toBe(ERROR.unauthorized)
    // Both in one question: what one of them signs says nothing of the other's (RFC 6960 2.3); of a stranger's it says unknown (2.2).
    const entry = (der: Buffer) => readDer(der).children()[0]!.children()[0]!.children()[0]!.raw
    const both = sequence(sequence(sequence(entry(request(good)), entry(theirs))))
    expect(errorOf((await createResponder(findFor)(both, now)).der)).toBe(ERROR.unauthorized)
    expect((await createResponder(responderParts())(both, now)).about.certificates.map(({ state }) => state)).toEqual(['good', 'unknown'])
  } finally {
    foreign.remove()
  }
})
