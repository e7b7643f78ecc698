/** The addresses that certificates name, asked over HTTP where STATUS_URL leads elsewhere by now. */
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { wholeSecond } from '../../src/certificate/validity.ts'
import { issueCrl } from '../../src/jobs/crl.ts'
import { authoritiesOn } from '../../src/jobs/issuing-authority.ts'
import { issueWaiting, issuingParts } from '../../src/jobs/issuing.ts'
import { compareNow, fetchWith } from '../../src/jobs/reconciliation.ts'
import { renewResponderCertificates } from '../../src/jobs/responder-certificate.ts'
import { listAuthorities } from '../../src/database/authority-store.ts'
import { assembleCertificateList, buildTbsCertList, type CrlContent } from '../../src/revocation/crl.ts'
import { addressFault, NamedAddresses } from '../../src/revocation/named-addresses.ts'
import { statusSince } from '../../src/revocation/retention.ts'
import type { Services } from '../../src/services.ts'
import type { Authority } from '../../src/signer/authority.ts'
import type { Pkcs11Signer } from '../../src/signer/pkcs11.ts'
import type { StatusClient } from '../../src/status-client.ts'
import { insertApprovedApplication, insertPeople } from '../support/approved-application.ts'
import { openFresh, withDatesAhead } from '../support/database.ts'
import { demoHierarchy, type DemoHierarchy } from '../support/demo-hierarchy.ts'
import { openStatusPort, type StatusPort } from '../support/status-port.ts'

type Answer = (path: string, response: ServerResponse) => unknown

let hierarchy: DemoHierarchy
let services: Services
let authority: Authority
let root: Authority
let port: StatusPort
let old: Server
let oldUrl: string
let asked: string[]
let answer: Answer
/** Two that name the old address. */
let serials: string[]
let publish: () => Promise<unknown>
let sign: (content: Partial<CrlContent>) => Promise<Buffer>
let later = 0

beforeAll(async () => {
  hierarchy = await demoHierarchy()
  services = await hierarchy.services(await withDatesAhead(await openFresh()), { clock: () => new Date(Date.now() + later) })
  const ca: Pkcs11Signer = await hierarchy.token('ca')
  const people = await insertPeople(services)
  const issuing = (await authoritiesOn(ca, services.database, services.config))[0]!
  await renewResponderCertificates(services, issuing)
  old = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    const octets: Buffer[] = []
    request.on('data', (chunk: Buffer) => octets.push(chunk)).on('end', () => void Promise.resolve(answer === led ? lead(request.method!, request.url!, Buffer.concat(octets), response) : answer(request.url!, response)).catch((error: Error) => response.destroy(error)))
  })
  await new Promise<void>((ready) => old.listen(0, '127.0.0.1', ready))
  oldUrl = `http://127.0.0.1:${(old.address() as AddressInfo).port}`
  // Under another STATUS_URL, as before a move.
  const issueUnder = async (url: string): Promise<string> => {
    const before: Services = { ...services, config: { ...services.config, status: { ...services.config.status, url } } }
    const { id } = await insertApprovedApplication(before, hierarchy.maker, { people })
    expect(await issueWaiting(issuingParts(before, ca))).toEqual(['issued'])
    return (await services.database('certificates').where({ application_id: id }).first('serial')).serial
  }
  serials = [await issueUnder(oldUrl), await issueUnder(oldUrl)]
  publish = () => issueCrl(services, ca, issuing)
  await publish()
  sign = async (content) => {
    const thisUpdate = wholeSecond(services.clock())
    const hash = services.policy.keys.authority.issuingHash
    const expiredCertsOnCrl = statusSince({ caNotBefore: issuing.row.notBefore, thisUpdate, periods: services.policy.periods })
    const tbs = buildTbsCertList({ issuerNameDer: issuing.issuer.nameDer, authorityKeyIdentifier: issuing.issuer.keyIdentifier, number: 99n, thisUpdate, nextUpdate: new Date(thisUpdate.getTime() + 86_400_000), entries: [], expiredCertsOnCrl, hash, ...content })
    return assembleCertificateList(tbs, hash, await issuing.sign(tbs, hash))
  }
  const authorities = await listAuthorities(services.database)
  authority = issuing.row
  root = authorities.find(({ kind }) => kind === 'root')!
  port = await openStatusPort(services, await hierarchy.token('status'))
}, 120_000)
afterAll(async () => {
  old.closeAllConnections()
  await new Promise((done) => old.close(done))
  await port.close()
  await hierarchy.remove()
})
beforeEach(() => {
  asked = []
  answer = led
})

/** The old name still leads to `status`. */
const led: Answer = () => undefined
async function lead(method: string, path: string, body: Buffer, response: ServerResponse): Promise<void> {
  response.end(method === 'POST' ? await port.client.post(path, 'application/ocsp-request', body) : await port.client.get(path))
}

const compare = (client: StatusClient = port.client) => {
  const { policy, database, clock, random, config } = services
  return compareNow({ policy, database, clock, random, client, statusUrl: config.status.url, wait: async () => undefined })
}
const paths = () => ({ list: `/crl/${authority.id}.crl`, issuer: `/ca/${authority.id}.cer`, ocsp: '/ocsp' })
/** What is said of each of the three, without what stands in each line: the authority, the address, the first certificate met that names it. */
async function said(): Promise<Record<string, string>> {
  const { lines, differences } = await compare()
  const found = lines.map((line) => {
    const [, path, words, serial, service] = new RegExp(`^${authority.id} ${oldUrl}(\\S+): (.*); certificate ([0-9a-f]+) names it as (.*)$`).exec(line) ?? expect.fail(line)
    expect(serials).toContain(serial)
    expect(service).toBe({ [paths().list]: 'its revocation list', [paths().issuer]: "its issuer's certificate", [paths().ocsp]: 'its OCSP responder' }[path!])
    return [path!, words!] as const
  })
  expect(differences).toBe(found.length)
  return Object.fromEntries(found)
}
const all = (words: string) => ({ [paths().list]: words, [paths().issuer]: words, [paths().ocsp]: words })

describe('the addresses that certificates name', () => {
  test('CRL-3, OCS-3: each is fetched once, however many certificates name it; where the right things are, nothing differs', async () => {
    expect(await compare()).toMatchObject({ differences: 0, lines: [], addresses: 7 })
    expect([...asked].sort()).toEqual([`GET ${paths().issuer}`, `GET ${paths().list}`, 'POST /ocsp'])
  })

  test('CRL-3, OCS-3: an address that answers with an error, or sends elsewhere, is a difference named with the address and a certificate that names it; no redirect is followed', async () => {
    answer = (_path, response) => void response.writeHead(404).end('gone')
    expect(await said()).toEqual(all('could not be fetched: it answers 404'))
    asked = []
    answer = (path, response) => void response.writeHead(302, { Location: `/elsewhere${path}` }).end()
    expect(await said()).toEqual(all('could not be fetched: it answers 302'))
    expect(asked.filter((each) => each.includes('elsewhere'))).toEqual([])
  })

  test('CRL-3, OCS-3: another list, an older one, another certificate or an answer that is not to be believed is a difference', async () => {
    const [rootList, rootCertificate] = [await port.client.get(`/crl/${root.id}.crl`), root.certificateDer]
    answer = (path, response) => response.end(path === paths().list ? rootList : path === paths().issuer ? rootCertificate : Buffer.from('30030a0106', 'hex'))
    expect(await said()).toEqual({ [paths().list]: "answers with another list: the list is not the authority's", [paths().issuer]: "answers with something else than its issuer's certificate", [paths().ocsp]: 'OCSP answers unauthorized' })
    answer = (_path, response) => response.end('<html>')
    expect(await said()).toEqual({ [paths().list]: expect.stringMatching(/^answers with what is no list: /), [paths().issuer]: "answers with something else than its issuer's certificate", [paths().ocsp]: expect.stringMatching(/^its OCSP answer is not to be believed: it can't be read/) })
    const shard = await sign({ addresses: [`${oldUrl}/crl/${authority.id}/2.crl`] })
    answer = (_path, response) => response.end(shard)
    expect((await said())[paths().list]).toBe('answers with another list: it is for other certificates')
    const before = await port.client.get(paths().list)
    later = 86_460_000
    await publish()
    answer = (_path, response) => response.end(before)
    expect((await said())[paths().list]).toMatch(/^answers with an older list, of \S+Z: that at STATUS_URL is of \S+Z$/)
  })

  test('CRL-3, OCS-3: an answer without end is cut off; a host that does not answer is waited for once in a look', async () => {
    answer = (_path, response) => response.end(Buffer.alloc(300_000))
    expect(await said()).toMatchObject({ [paths().issuer]: 'could not be fetched: it answers with more than 65536 octets', [paths().ocsp]: 'could not be fetched: it answers with more than 262144 octets' })
    answer = (_path, response) => void response.socket!.destroy()
    asked = []
    const words = await said()
    expect(words).toEqual(all(words[paths().list]!))
    expect(words[paths().list]).toMatch(/^could not be fetched: it can't be reached: /)
    // In the first look and the three after it.
    expect(asked).toHaveLength(4)
  })

  test.each(['https://HOST/crl/ID.crl', 'http://HOST/crl/other.crl', 'http://HOST/latest/meta-data', 'http://HOST/crl/ID.crl?x', 'http://HOST/?/crl/ID.crl', 'http://u:p@HOST/crl/ID.crl', 'ldap://HOST/crl/ID.crl', 'crl/ID.crl'])(
    'CRL-3, OCS-3: %s is no address that this product gives: it is told of, and not fetched', async (form) => {
      const [serial] = serials
      const { der } = await services.database('certificates').where({ serial }).first('der')
      const url = form.replace('HOST', oldUrl.slice('http://'.length)).replace('ID', authority.id)
      const named = new NamedAddresses([authority])
      named.note(authority, { serial: serial!, der }, { lists: [url], ocsp: [], caIssuers: [] })
      const { policy, clock, random, config } = services
      const parts = { policy, now: clock, randomBytes: random, statusUrl: config.status.url, fetchAddress: fetchWith(port.client) }
      expect(await Promise.all([...named.all()].map((each) => addressFault(each, parts, new Map(), null)))).toEqual([`not fetched, since it is not an HTTP address as this product gives them; certificate ${serial} names it as its revocation list`])
      expect(asked).toEqual([])
    },
  )

  test('CRL-3, OCS-3: more addresses than any hierarchy has are not fetched, and that is told', async () => {
    const { der } = await services.database('certificates').where({ serial: serials[0] }).first('der')
    const named = new NamedAddresses([authority])
    const note = (count: number) => named.note(authority, { serial: serials[0]!, der }, { lists: Array.from({ length: count }, (_, index) => `${oldUrl}/${index}/crl/${authority.id}.crl`), ocsp: [], caIssuers: [] })
    note(5000)
    expect([named.size, named.tooMany]).toEqual([5000, false])
    note(5001)
    expect([named.size, named.tooMany]).toEqual([5000, true])
  })

  test('CRL-3, OCS-5: nobody is owed the status of what ended ten years ago: its addresses may go', async () => {
    later = 15 * 366 * 86_400_000
    // What the root and the time-stamp CA are asked for stays.
    expect(await compare().finally(() => (later = 86_460_000))).toMatchObject({ addresses: 4 })
    expect(asked).toEqual([])
  })

  test('CRL-3, OCS-3: an address is fetched only when a certificate with its issuer\'s signature names it', async () => {
    const row = await services.database('certificates').where({ serial: serials[0] }).first()
    const der = Buffer.from(row.der.toString('latin1').replaceAll('127.0.0.1', '127.0.0.2'), 'latin1')
    await services.database('certificates').insert({ ...row, id: 'false', serial: '7c', der, approval_id: null, application_id: null })
    expect(await compare()).toMatchObject({ addresses: 7, lines: [`${authority.id} 7c: good in the database, unknown in OCSP`] })
  })
})
