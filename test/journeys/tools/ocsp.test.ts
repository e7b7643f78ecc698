import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { context, octetString, oid, readDer, sequence } from '../../../src/pki/der.ts'
import { readCertificatePolicies } from '../../../src/pki/extension-values.ts'
import { OID } from '../../../src/pki/oids.ts'
import { readPem } from '../../../src/pki/pem.ts'
import { readCertificate } from '../../../src/pki/x509-certificate.ts'
import { addressesOf, describeWith, startLife, type IssuedToSubscriber } from '../../support/signing-tools.ts'

const HOUR = 3_600_000
const MALFORMED = Buffer.from('30030a0101', 'hex')

describeWith(['openssl', 'curl'], 'the OCSP service of a whole instance', () => {
  let life: Awaited<ReturnType<typeof startLife>>
  let gone: IssuedToSubscriber
  let url: string
  let responderPem: string
  beforeAll(async () => {
    life = await startLife()
    gone = await life.issue('gone')
    url = addressesOf(life.leaf.certificate).ocsp!
    responderPem = /-----BEGIN CERTIFICATE-----[^]+-----END CERTIFICATE-----\n/.exec((await ask(['-cert', 'leaf.pem'])).text)![0]
    life.file('responder.pem', responderPem)
  }, 120_000)
  afterAll(() => life?.stop())

  const openssl = (...words: string[]) => life.openssl(...words)
  const TRUST = ['-CAfile', 'root.pem', '-verify_other', 'issuing.pem', '-resp_text']
  /** By POST, with openssl's own nonce. */
  const ask = (words: readonly string[]) => openssl('ocsp', '-issuer', 'issuing.pem', ...words, ...TRUST, '-url', url)
  /** A request of openssl's, DER. */
  const request = async (...words: string[]): Promise<Buffer> => {
    const made = await openssl('ocsp', '-issuer', 'issuing.pem', ...words, '-reqout', 'request.der')
    if (made.code !== 0) throw new Error(made.text)
    return readFileSync(join(life.folder, 'request.der'))
  }
  const post = (body: Buffer, type = 'application/ocsp-request') =>
    fetch(url, { method: 'POST', body: new Uint8Array(body), headers: { 'content-type': type } })
  const octets = async (answer: Response) => Buffer.from(await answer.arrayBuffer())

  describe('asked by POST', () => {
    test.each(['-sha1', '-sha256', '-sha384'])('OCS-1, OCS-7: openssl asks with a %s CertID and its nonce: good, verified, nonce given back', async (hash) => {
      const { code, text } = await ask([hash, '-cert', 'leaf.pem'])
      expect(text).toContain('Response verify OK')
      expect(text).toContain('leaf.pem: good')
      expect(text).toContain('OCSP Nonce')
      expect(text).not.toMatch(/WARNING|Nonce Verify error/)
      expect(code).toBe(0)
    })

    test('OCS-1: two certificates in one request, each under its own hash', async () => {
      const { text } = await ask(['-sha1', '-cert', 'leaf.pem', '-sha256', '-cert', 'responder.pem'])
      expect(text).toContain('Response verify OK')
      expect(text).toContain('leaf.pem: good')
      expect(text).toContain('responder.pem: good')
    })

    test('OCS-4: an answer lives at least eight hours and at most ten days (CSBR 4.9.10)', async () => {
      const { text } = await ask(['-cert', 'leaf.pem'])
      const time = (field: string) => Date.parse(new RegExp(`${field}: (.+)`).exec(text)![1]!)
      const lives = time('Next Update') - time('This Update')
      expect(lives).toBeGreaterThanOrEqual(8 * HOUR)
      expect(lives).toBeLessThanOrEqual(240 * HOUR)
      expect(Math.abs(Date.now() - time('This Update'))).toBeLessThan(30_000)
    })

    test('OCS-5: the archive cutoff is the start of the issuing CA, younger than the retention', async () => {
      const start = (await openssl('x509', '-in', 'issuing.pem', '-noout', '-startdate')).text.replace('notBefore=', '').trim()
      expect((await ask(['-cert', 'leaf.pem'])).text).toMatch(new RegExp(`OCSP Archive Cutoff:\\s*${start}`))
    })

    test('REV-4: answers say so within seconds of the revocation, with its reason, and the other certificate stays good', async () => {
      expect((await ask(['-cert', 'gone.pem'])).text).toContain('gone.pem: good')
      await life.revoke(gone)
      await expect.poll(async () => (await ask(['-cert', 'gone.pem'])).text, { timeout: 10_000 }).toContain('gone.pem: revoked')
      const { text } = await ask(['-cert', 'gone.pem', '-cert', 'leaf.pem'])
      expect(text).toContain('Response verify OK')
      expect(text).toMatch(/gone\.pem: revoked\n.*\n.*\n\s+Reason: superseded/)
      expect(text).toContain('leaf.pem: good')
      const at = Date.parse(/Revocation Time: (.+)/.exec(text)![1]!)
      expect(Math.abs(Date.now() - at)).toBeLessThan(30_000)
    })
  })

  describe('asked by GET', () => {
    interface Form {
      readonly name: string
      path(base64: string): string
    }
    const FORMS: readonly Form[] = [
      { name: 'as it is', path: (text) => `/${text}` },
      { name: 'url-encoded', path: (text) => `/${encodeURIComponent(text)}` },
      { name: 'with %2B for the plus signs alone', path: (text) => `/${text.replaceAll('+', '%2B')}` },
      { name: 'with escapes in lower case', path: (text) => `/${encodeURIComponent(text).replace(/%../g, (escape) => escape.toLowerCase())}` },
      { name: 'with %20 where plus signs were', path: (text) => `/${text.replaceAll('+', '%20')}` },
      { name: 'without padding', path: (text) => `/${text.replace(/=+$/, '')}` },
      { name: 'behind a doubled slash', path: (text) => `//${text}` },
    ]
    /** A request whose base64 has every character that goes wrong on the way: plus, slash, padding. */
    let awkward: string
    beforeAll(async () => {
      for (let attempt = 0; attempt < 60; attempt++) {
        awkward = (await request(['-sha1', '-sha256', '-sha384'][attempt % 3]!, '-cert', 'leaf.pem', '-nonce')).toString('base64')
        if (/^[^=]*\+.*=$/.test(awkward) && awkward.includes('/')) return
      }
      throw new Error('no such request in 60')
    })

    test.each(FORMS)('OCS-1: curl sends the base64 $name', async ({ path }) => {
      life.file('asked.der', Buffer.from(awkward, 'base64'))
      const got = await life.run('curl', ['-sS', '--path-as-is', '-o', 'got.der', '-w', '%{http_code} %{content_type}', url + path(awkward)])
      expect(got.text).toBe('200 application/ocsp-response')
      // With the request beside it, openssl compares the nonces too.
      const { text } = await openssl('ocsp', '-reqin', 'asked.der', '-respin', 'got.der', ...TRUST)
      expect(text).toContain('Response verify OK')
      expect(text).toContain('Cert Status: good')
      expect(text).not.toMatch(/WARNING|Nonce Verify error/)
    })

    test('OCS-7: an answer without nonce may be cached, for less than it lives', async () => {
      const answer = await fetch(`${url}/${encodeURIComponent((await request('-cert', 'leaf.pem', '-no_nonce')).toString('base64'))}`)
      const read = (name: string) => Date.parse(answer.headers.get(name)!)
      const age = Number(/^max-age=(\d+), public, no-transform, must-revalidate$/.exec(answer.headers.get('cache-control')!)![1])
      expect(age).toBeGreaterThan(0)
      // REV-4: nor may a cache hide a revocation for long.
      expect(age).toBeLessThanOrEqual(60)
      expect(age * 1000).toBeLessThan(read('expires') - Date.now())
      expect(answer.headers.get('etag')).toMatch(/^"[0-9a-f]{64}"$/)
      life.file('cached.der', await octets(answer))
      const { text } = await openssl('ocsp', '-respin', 'cached.der', ...TRUST)
      expect(read('last-modified')).toBe(Date.parse(/This Update: (.+)/.exec(text)![1]!))
      expect(read('expires')).toBe(Date.parse(/Next Update: (.+)/.exec(text)![1]!))
    })

    test('OCS-7: no cache keeps an answer to a nonce, an answer to a POST, or an error', async () => {
      const cacheControl = async (answer: Promise<Response>) => {
        const { headers } = await answer
        return [headers.get('cache-control'), headers.get('etag')]
      }
      expect(await cacheControl(fetch(`${url}/${encodeURIComponent(awkward)}`))).toEqual(['no-store', null])
      expect(await cacheControl(post(await request('-cert', 'leaf.pem', '-no_nonce')))).toEqual(['no-store', null])
      expect(await cacheControl(fetch(`${url}/AAAA`))).toEqual(['no-store', null])
    })
  })

  describe('asked about what it did not issue', () => {
    const SERIALS = {
      recorded: '5e00000000000000000000000000aa01',
      abandoned: '5e00000000000000000000000000aa02',
      'a responder\'s': '5e00000000000000000000000000aa03',
    }
    beforeAll(async () => {
      const { database } = life.instance.services
      const row = await database('certificates').where({ serial: life.leaf.serial.toLowerCase() }).first()
      const approval = await database('approvals').where({ id: row.approval_id }).first()
      for (const state of ['recorded', 'abandoned'] as const) {
        const approvalId = randomUUID()
        await database('approvals').insert({ ...approval, id: approvalId, voided_at: approval.approved_at, voided_because: 'test' })
        const unsigned = { der: null, certificate_sha256: null, issued_at: null, accepted_at: null }
        await database('certificates').insert({ ...row, ...unsigned, id: randomUUID(), approval_id: approvalId, serial: SERIALS[state], state })
      }
      const responder = await database('responder_certificates').whereNotNull('der').first()
      await database('responder_certificates').insert({ ...responder, id: randomUUID(), serial: SERIALS['a responder\'s'], der: null })
    })

    test('OCS-3: a serial number that was never issued is unknown, without an archive cutoff', async () => {
      const { text } = await ask(['-serial', '0x5E0000000000000000000000000000FF'])
      expect(text).toContain('Response verify OK')
      expect(text).toContain('0x5E0000000000000000000000000000FF: unknown')
      expect(text).not.toContain('Archive Cutoff')
    })

    test.each(Object.entries(SERIALS))('OCS-3: a serial number in a row that is %s and unsigned is unknown', async (_state, serial) => {
      const { text } = await ask(['-serial', `0x${serial}`])
      expect(text).toContain('Response verify OK')
      expect(text).toContain(`0x${serial}: unknown`)
    })

    test('OCS-3: a row that is called issued, with the octets of another certificate, is unknown', async () => {
      const { database } = life.instance.services
      const { der, certificate_sha256 } = await database('certificates').where({ serial: life.leaf.serial.toLowerCase() }).first('der', 'certificate_sha256')
      await database('certificates').where({ serial: SERIALS.recorded }).update({ state: 'issued', der, certificate_sha256, issued_at: new Date().toISOString() })
      expect((await ask(['-serial', `0x${SERIALS.recorded}`])).text).toContain(`0x${SERIALS.recorded}: unknown`)
    })

    test('OCS-1: a certificate of an issuer that it does not answer for, the root: unauthorized, signed by nobody', async () => {
      const { text } = await openssl('ocsp', '-issuer', 'root.pem', '-cert', 'issuing.pem', ...TRUST, '-url', url)
      expect(text).toContain('Responder Error: unauthorized')
    })

    test('OCS-3: two issuers in one request: of the other one\'s certificate it says unknown, never good', async () => {
      const { text } = await ask(['-cert', 'leaf.pem', '-issuer', 'root.pem', '-cert', 'issuing.pem'])
      expect(text).toContain('leaf.pem: good')
      expect(text).toContain('issuing.pem: unknown')
    })
  })

  describe('asked badly', () => {
    test('OCS-1: octets that are no request: malformedRequest', async () => {
      const whole = await request('-cert', 'leaf.pem', '-no_nonce')
      for (const body of [Buffer.alloc(0), Buffer.from('hello'), whole.subarray(0, -1), Buffer.concat([whole, Buffer.from([0])])]) {
        const answer = await post(body)
        expect(answer.headers.get('content-type')).toBe('application/ocsp-response')
        expect(await octets(answer)).toEqual(MALFORMED)
      }
    })

    test('OCS-1: paths that hold no request: malformedRequest', async () => {
      for (const path of ['/', '/hello', '/%ZZ', '/%00', `/${(await request('-cert', 'leaf.pem', '-no_nonce')).toString('base64')}?x=1`, '/M-_-']) {
        const answer = await fetch(url + path)
        expect([path, answer.status, answer.headers.get('content-type')]).toEqual([path, 200, 'application/ocsp-response'])
        expect(await octets(answer)).toEqual(MALFORMED)
      }
    })

    const NONCES = [[0, 'refused'], [1, 'taken'], [128, 'taken'], [129, 'refused']] as const
    test.each(NONCES)('OCS-7: a nonce of %i octets is %s (RFC 9654)', async (length, verdict) => {
      const [tbs] = readDer(await request('-cert', 'leaf.pem', '-no_nonce')).children()
      const nonce = sequence(oid('1.3.6.1.5.5.7.48.1.2'), octetString(octetString(Buffer.alloc(length, 7))))
      const answer = await octets(await post(sequence(sequence(tbs!.children()[0]!.raw, context(2, sequence(nonce))))))
      expect(answer.equals(MALFORMED)).toBe(verdict === 'refused')
      if (verdict === 'taken') expect(answer.includes(nonce)).toBe(true)
    })

    test('OCS-1: another content type is 415, also without one', async () => {
      const body = await request('-cert', 'leaf.pem')
      for (const type of ['application/octet-stream', 'text/plain', '']) expect((await post(body, type)).status).toBe(415)
      expect((await post(body, 'Application/OCSP-Request; charset=binary')).status).toBe(200)
    })

    test('OCS-1: a request that is too large is 413, whether it says its length or not', async () => {
      life.file('large', Buffer.alloc(100_000, 0x30))
      for (const more of [[], ['Transfer-Encoding: chunked']]) {
        const headers = ['Content-Type: application/ocsp-request', 'Expect:', ...more].flatMap((header) => ['-H', header])
        const { text } = await life.run('curl', ['-sS', '-o', 'said', '-w', '%{http_code}', ...headers, '--data-binary', '@large', url])
        expect(text).toMatch(/^413/)
      }
      expect((await octets(await fetch(`${url}/${'M'.repeat(12_000)}`))).equals(MALFORMED)).toBe(true)
    })

    test('OCS-1: another method is 405 and says which there are', async () => {
      for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
        const answer = await fetch(url, { method })
        expect([method, answer.status, answer.headers.get('allow')]).toEqual([method, 405, 'GET, HEAD, POST'])
      }
    })

    test('OCS-1: the port serves nothing else, and no cookie', async () => {
      for (const path of ['/sign-in', '/ocspx', '/crl/', '/crl/none.crl', '/ca/..%2f..%2fetc%2fpasswd', '/repository']) {
        const answer = await fetch(new URL(path, url))
        expect([path, answer.status, answer.headers.get('set-cookie')]).toEqual([path, 404, null])
      }
    })
  })

  describe('its own certificate', () => {
    test('OCS-2: openssl shows it as CP table 7.3-1 has it, with nothing else', async () => {
      const { text } = await openssl('x509', '-in', 'responder.pem', '-noout', '-text')
      expect(text).toContain('Version: 3 (0x2)')
      expect(text).toMatch(/Signature Algorithm: sha256WithRSAEncryption/)
      expect(text).toMatch(/X509v3 Key Usage: critical\n\s+Digital Signature\n/)
      expect(text).toMatch(/X509v3 Extended Key Usage:\s*\n\s+OCSP Signing\n/)
      expect(text).toMatch(/OCSP No Check:\s*\n/)
      expect(text).toMatch(/Public-Key: \(3072 bit\)/)
      expect(text).toContain('OU = SECOM Passport for Member 2.0 PUB Service, CN = DEMO SECOM Passport for CodeSigning CA OCSP Responder')
      const { tbs } = readCertificate(readPem(responderPem)![0]!.der)
      expect(tbs.extensions.filter(({ critical }) => critical).map(({ oid }) => oid)).toEqual([OID.keyUsage])
      const plain = [OID.extendedKeyUsage, OID.ocspNoCheck, OID.certificatePolicies, OID.authorityKeyIdentifier, OID.subjectKeyIdentifier]
      expect(tbs.extensions.filter(({ critical }) => !critical).map(({ oid }) => oid).sort()).toEqual(plain.sort())
      expect(tbs.extensions.find(({ oid }) => oid === OID.ocspNoCheck)!.value.toString('hex')).toBe('0500')
      expect(readCertificatePolicies(tbs.extensions.find(({ oid }) => oid === OID.certificatePolicies)!.value)).toEqual([
        { oid: '1.2.392.200091.100.381.9', qualifiers: [{ oid: OID.cpsQualifier, cps: `${life.instance.portalUrl}/repository` }] },
      ])
      expect(tbs.issuer.equals(life.issuing.tbs.subject)).toBe(true)
    })

    test('OCS-2: it lives four months, both ends counted, and is not the issuing CA\'s key', async () => {
      const { tbs } = readCertificate(readPem(responderPem)![0]!.der)
      const [from, after] = [tbs.notBefore.date, new Date(tbs.notAfter.date.getTime() + 1000)]
      expect((after.getUTCFullYear() - from.getUTCFullYear()) * 12 + after.getUTCMonth() - from.getUTCMonth()).toBe(4)
      expect(after.getUTCDate()).toBeLessThanOrEqual(from.getUTCDate())
      expect(tbs.spki.equals(life.issuing.tbs.spki)).toBe(false)
    })

    test('OCS-2: openssl verifies it under the root, strictly, for OCSP', async () => {
      const { text } = await openssl('verify', '-x509_strict', '-purpose', 'ocsphelper', '-CAfile', 'root.pem', '-untrusted', 'issuing.pem', 'responder.pem')
      expect(text).toBe('responder.pem: OK\n')
    })
  })

  describe('when its rows can\'t be read', () => {
    test('OCS-3: it says try later of what it can\'t read, never unknown or good, and recovers by itself', async () => {
      const { database } = life.instance.services
      for (const [number, table] of ['revocations', 'certificates', 'responder_certificates'].entries()) {
        const never = ['-serial', `0x7${number}0123456789`]
        await database.schema.renameTable(table, 'away')
        try {
          expect((await ask(never)).text).toContain('Responder Error: trylater')
          // What was read before goes on, as long as changes of it are read.
          expect((await ask(['-cert', 'gone.pem'])).text).toMatch(/gone\.pem: revoked|Responder Error: trylater/)
        } finally {
          await database.schema.renameTable('away', table)
        }
        expect((await ask(never)).text).toContain(': unknown')
        expect((await ask(['-cert', 'leaf.pem'])).text).toContain('leaf.pem: good')
      }
      expect(life.instance.output()).toMatch(/"process":"status".*(no such table|42P01: relation .* does not exist)/)
    })
  })
})
