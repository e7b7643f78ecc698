import { createPublicKey, verify } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readCertificateList } from '../../../src/revocation/crl-reader.ts'
import { addressesOf, describeWith, fetchBytes, startLife, type IssuedToSubscriber } from '../../support/signing-tools.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

describeWith(['openssl'], 'the lists of a whole instance', () => {
  let life: Awaited<ReturnType<typeof startLife>>
  let revoked: { superseded: IssuedToSubscriber; requested: IssuedToSubscriber; compromised: IssuedToSubscriber }
  let url: string
  let rootUrl: string
  beforeAll(async () => {
    life = await startLife()
    url = addressesOf(life.leaf.certificate).crl!
    rootUrl = addressesOf(life.issuing).crl!
    // One key for two of them: a compromised key takes every certificate made for it along.
    const requested = await life.issue('requested')
    revoked = { requested, superseded: await life.issue('superseded', requested.key), compromised: await life.issue('compromised') }
  }, 120_000)
  afterAll(() => life?.stop())

  /** What openssl says of a list that it verified under its issuer. */
  const shown = async (list: Buffer, issuer = 'issuing.pem') => {
    const { code, text } = await life.openssl('crl', '-inform', 'DER', '-in', life.file('shown.der', list), '-CAfile', issuer, '-noout', '-text')
    expect(text).toContain('verify OK')
    expect(code).toBe(0)
    const [, revocations = ''] = text.split('Revoked Certificates:')
    return { text, number: numberIn(text), times: times(text), revocations }
  }
  const numberIn = (text: string) => BigInt(/X509v3 CRL Number:\s*\n\s+(\S+)/.exec(text)![1]!)
  const times = (text: string) => ({ from: Date.parse(/Last Update: (.+)/.exec(text)![1]!), to: Date.parse(/Next Update: (.+)/.exec(text)![1]!) })
  /** The part of one serial number. */
  const entry = (revocations: string, { serial }: IssuedToSubscriber): string =>
    revocations.split('Serial Number: ').find((part) => part.startsWith(`${serial}\n`)) ?? ''

  describe('before any revocation', () => {
    test('CRL-1, CRL-2: openssl shows version 2, SHA-256, the CA\'s identifier, a number, 96 hours, no entry of a subscriber', async () => {
      const { text, times, revocations } = await shown((await fetchBytes(url)).bytes)
      expect(text).toContain('Version 2 (0x1)')
      expect(text).toContain('Signature Algorithm: sha256WithRSAEncryption')
      const authority = await life.openssl('x509', '-in', 'issuing.pem', '-noout', '-text')
      const identifier = /Subject Key Identifier:\s*\n\s+(\S+)/.exec(authority.text)![1]!
      expect(text).toMatch(new RegExp(`Authority Key Identifier:\\s*\\n\\s+(keyid:)?${identifier}\\n`))
      // Nobody's but the CA's own example of a revoked certificate (REP-2), if it is there already.
      expect(revocations.split('Serial Number: ').length - 1).toBeLessThanOrEqual(2)
      expect(entry(revocations, life.leaf)).toBe('')
      expect(times.to - times.from + 1000).toBe(96 * HOUR)
      expect(Math.abs(Date.now() - times.from)).toBeLessThan(5 * 60_000)
    })

    test('CRL-3: it says since when expired certificates stay on it: the CA\'s own start', async () => {
      const { text } = await shown((await fetchBytes(url)).bytes)
      // OpenSSL 3.0 has no name for the extension and shows its octets: a GeneralizedTime of fifteen.
      const [, value] = /(?:2\.5\.29\.60|Expired Certs? On CRL):\s*\n\s+(.+)/i.exec(text)!
      const start = (await life.openssl('x509', '-in', 'issuing.pem', '-noout', '-startdate')).text.replace('notBefore=', '').trim()
      const digits = new Date(start).toISOString().replace(/[-:T]|\.000/g, '')
      expect([start, `..${digits}`]).toContain(value)
    })

    test('CRL-5: the root\'s list, made in the ceremony, is served beside it: verified under the root, its CA not revoked', async () => {
      const { bytes, type } = await fetchBytes(rootUrl)
      expect(type).toBe('application/pkix-crl')
      expect(rootUrl).not.toBe(url)
      const { text, times } = await shown(bytes, 'root.pem')
      expect(text).toContain('Version 2 (0x1)')
      expect(text).toContain('No Revoked Certificates.')
      // CSBR 4.9.7: at most twelve months.
      expect(times.to).toBeGreaterThan(Date.now())
      expect(times.to - times.from).toBeLessThan(366 * DAY)
    })

    test('CRL-2: the issuing CA\'s list is not verified under the root\'s key, nor the other way round', async () => {
      for (const [address, issuer] of [[url, 'root.pem'], [rootUrl, 'issuing.pem']] as const) {
        const { bytes } = await fetchBytes(address)
        const { text } = await life.openssl('crl', '-inform', 'DER', '-in', life.file('other.der', bytes), '-CAfile', issuer, '-noout')
        expect(text).not.toContain('verify OK')
      }
    })

    test('CRL-1: caching headers; the same list is not sent twice', async () => {
      const { headers, bytes } = await fetchBytes(url)
      expect(Number(headers.get('content-length'))).toBe(bytes.length)
      const etag = headers.get('etag')!
      expect(etag).toMatch(/^"[0-9a-f]{32}"$/)
      const { times } = await shown(bytes)
      expect(Date.parse(headers.get('last-modified')!)).toBe(times.from)
      expect(Date.parse(headers.get('expires')!)).toBe(times.to)
      // REV-4: a cache asks again soon.
      expect(Number(/max-age=(\d+)/.exec(headers.get('cache-control')!)![1])).toBeLessThanOrEqual(60)
      const again = await fetch(url, { headers: { 'if-none-match': etag } })
      expect([again.status, (await again.arrayBuffer()).byteLength, again.headers.get('etag')]).toEqual([304, 0, etag])
      const head = await fetch(url, { method: 'HEAD' })
      expect([head.status, head.headers.get('etag'), head.headers.get('content-length')]).toEqual([200, etag, String(bytes.length)])
    })
  })

  describe('while certificates are revoked', () => {
    /** Every list that a reader got meanwhile, in order. */
    const read: Buffer[] = []
    let before: Awaited<ReturnType<typeof shown>>
    let etag: string
    const after: (Awaited<ReturnType<typeof shown>> & { readonly seconds: number })[] = []
    beforeAll(async () => {
      const first = await fetchBytes(url)
      before = await shown(first.bytes)
      etag = first.headers.get('etag')!
      let reading = true
      const reader = (async () => {
        while (reading) read.push((await fetchBytes(url)).bytes)
      })()
      const { superseded, requested, compromised } = revoked
      for (const [certificate, ground] of [[superseded, 'superseded'], [requested, 'requested'], [compromised, 'key-compromise']] as const) {
        await life.revoke(certificate, ground)
        const since = Date.now()
        const list = await life.listWith(certificate)
        after.push({ ...(await shown(list)), seconds: (Date.now() - since) / 1000 })
      }
      reading = false
      await reader
    }, 120_000)

    test('REV-4, CRL-1: each revocation is on a new list within seconds', () => {
      for (const { seconds } of after) expect(seconds).toBeLessThan(8)
    })

    test('CRL-2: the number rises with each list, each lives 96 hours', () => {
      const numbers = [before, ...after].map(({ number }) => number)
      for (const [at, number] of numbers.entries()) if (at > 0) expect(number).toBeGreaterThan(numbers[at - 1]!)
      for (const { times } of after) expect(times.to - times.from + 1000).toBe(96 * HOUR)
    })

    test('CRL-2, CRL-3: an entry stays on the lists that follow; the certificate in good standing comes onto none', () => {
      const [one, two, three] = after.map(({ revocations }) => (certificate: IssuedToSubscriber) => entry(revocations, certificate) !== '')
      const { superseded, requested, compromised } = revoked
      expect([one!(superseded), one!(requested), one!(compromised), one!(life.leaf)]).toEqual([true, false, false, false])
      expect([two!(superseded), two!(requested), two!(compromised), two!(life.leaf)]).toEqual([true, true, false, false])
      expect([three!(superseded), three!(requested), three!(compromised), three!(life.leaf)]).toEqual([true, true, true, false])
    })

    test('CRL-2: openssl reads the reasons; unspecified has none, and no empty field in its place', () => {
      const { revocations } = after.at(-1)!
      expect(entry(revocations, revoked.superseded)).toMatch(/CRL entry extensions:\s+X509v3 CRL Reason Code:\s+Superseded/)
      expect(entry(revocations, revoked.compromised)).toMatch(/CRL entry extensions:\s+X509v3 CRL Reason Code:\s+Key Compromise/)
      expect(entry(revocations, revoked.requested)).not.toContain('extensions')
      for (const each of Object.values(revoked)) {
        const at = Date.parse(/Revocation Date: (.+)/.exec(entry(revocations, each))![1]!)
        expect(Math.abs(Date.now() - at)).toBeLessThan(120_000)
      }
    })

    test('CRL-4: a reader who never stops asking gets whole lists alone, and never an older one after a newer', () => {
      const key = createPublicKey({ key: life.issuing.tbs.spki, format: 'der', type: 'spki' })
      let last = 0n
      for (const bytes of read) {
        const list = readCertificateList(bytes)
        expect(verify('sha256', list.tbsDer, key, list.signature)).toBe(true)
        const number = BigInt(`0x${list.tbs.extensions.find(({ oid }) => oid === '2.5.29.20')!.value.subarray(2).toString('hex')}`)
        expect(number).toBeGreaterThanOrEqual(last)
        last = number
      }
      expect(new Set(read.map((bytes) => bytes.toString('base64'))).size).toBeGreaterThanOrEqual(4)
    })

    test('CRL-4: the tag changes with the list', async () => {
      const answer = await fetch(url, { headers: { 'if-none-match': etag } })
      expect(answer.status).toBe(200)
      expect(answer.headers.get('etag')).not.toBe(etag)
    })
  })
})
