import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readDer, sequence } from '../../src/pki/der.ts'
import { parseOcspRequest } from '../../src/revocation/ocsp-request.ts'
import { type CertificateStatus, type ResponseContent, assembleBasicResponse, buildResponseData, errorResponse, keyHash } from '../../src/revocation/ocsp-response.ts'
import { type Authority, SERIALS, makeAuthority } from './openssl-authority.ts'

const at = new Date('2030-05-01T00:00:00Z')
const content = (status: CertificateStatus, changes: Partial<ResponseContent> = {}): ResponseContent => ({
  responderKeyHash: Buffer.alloc(20, 1),
  producedAt: at,
  responses: [{ certId: sequence(), status, thisUpdate: at, nextUpdate: new Date(at.getTime() + 3_600_000) }],
  ...changes,
})
const statusOf = (data: Buffer) => readDer(data).children()[2]!.children()[0]!.children()[1]!.raw.toString('hex')

describe('building an answer', () => {
  it('OCS-1: good, unknown and revoked have the encodings of RFC 6960', () => {
    expect(statusOf(buildResponseData(content({ state: 'good' })))).toBe('8000')
    expect(statusOf(buildResponseData(content({ state: 'unknown' })))).toBe('8200')
    expect(statusOf(buildResponseData(content({ state: 'revoked', at, reason: 1 })))).toBe(`a116180f${Buffer.from('20300501000000Z').toString('hex')}a0030a0101`)
  })
  it.each([undefined, 0])('OCS-1: leaves reason %s out', (reason) => {
    expect(statusOf(buildResponseData(content({ state: 'revoked', at, reason })))).toBe(`a111180f${Buffer.from('20300501000000Z').toString('hex')}`)
  })
  it.each([6, 8, 7, 10])('REV-5: refuses reason %i', (reason) => {
    expect(() => buildResponseData(content({ state: 'revoked', at, reason }))).toThrow(`revocation reason ${reason} is never published`)
  })
  it('OCS-3: refuses a status from outside the type', () => {
    expect(() => buildResponseData(content({ state: 'fine' } as unknown as CertificateStatus))).toThrow('not a certificate status')
  })
  it('OCS-4: refuses an answer that is over before it starts, or starts after it was produced', () => {
    const [response] = content({ state: 'good' }).responses
    expect(() => buildResponseData(content({ state: 'good' }, { responses: [{ ...response!, nextUpdate: at }] }))).toThrow('nextUpdate is not after thisUpdate')
    expect(() => buildResponseData(content({ state: 'good' }, { producedAt: new Date(at.getTime() - 1000) }))).toThrow('thisUpdate is after producedAt')
  })
  it('OCS-1: refuses an answer about nothing and a key hash of another size', () => {
    expect(() => buildResponseData(content({ state: 'good' }, { responses: [] }))).toThrow('about no certificate')
    expect(() => buildResponseData(content({ state: 'good' }, { responderKeyHash: Buffer.alloc(32) }))).toThrow('does not have 20 octets')
  })
  it.each([0, 129])('OCS-7: refuses to give back a nonce of %i octets', (length) => {
    expect(() => buildResponseData(content({ state: 'good' }, { nonce: Buffer.alloc(length) }))).toThrow(`nonce of ${length} octets`)
  })
  it('OCS-1: times have whole seconds', () => {
    const data = buildResponseData(content({ state: 'good' }, { producedAt: new Date(at.getTime() + 999) }))
    expect(readDer(data).children()[1]!.time()).toEqual(at)
  })
})

describe('as openssl sees it', () => {
  let authority: Authority
  const now = new Date()
  const since = new Date('2025-01-02T03:04:05Z')
  beforeAll(() => {
    authority = makeAuthority()
  })
  afterAll(() => authority.remove())

  const statuses: Record<string, CertificateStatus> = {
    [SERIALS.good]: { state: 'good' },
    [SERIALS.revoked]: { state: 'revoked', at: new Date('2024-02-29T01:02:03.987Z') },
    [SERIALS.stolen]: { state: 'revoked', at: new Date('2024-02-29T01:02:03Z'), reason: 1 },
  }

  interface Choice {
    nonce?: Buffer | null
    hash?: 'sha256' | 'sha384'
  }
  const answer = (request: Buffer, { nonce, hash = 'sha256' }: Choice = {}): Buffer => {
    const read = parseOcspRequest(request)
    if (!('request' in read)) return errorResponse('malformedRequest')
    const responder = authority.certificate('responder')
    const data = buildResponseData({
      responderKeyHash: keyHash(responder.keyBits),
      producedAt: now,
      nonce: nonce === undefined ? read.request.nonce : nonce,
      responses: read.request.certIds.map(({ raw, serial }) => {
        const status = statuses[serial] ?? { state: 'unknown' as const }
        return { certId: raw, status, thisUpdate: now, nextUpdate: new Date(now.getTime() + 86_400_000), archiveCutoff: status.state === 'unknown' ? undefined : since }
      }),
    })
    return assembleBasicResponse(data, hash, authority.sign('responder', hash, data), responder.der)
  }
  const trust = ['-CAfile', 'root.pem', '-verify_other', 'issuing.pem', '-resp_text']

  /** openssl asks by file, without a nonce, and judges the answer by file. */
  const ask = (words: string[], choice: Choice = {}) => {
    const made = authority.openssl('ocsp', '-issuer', 'issuing.pem', ...words, '-no_nonce', '-reqout', 'request.der')
    if (made.code !== 0) throw new Error(made.text)
    writeFileSync(authority.path('response.der'), answer(readFileSync(authority.path('request.der')), choice))
    return authority.openssl('ocsp', '-issuer', 'issuing.pem', ...words, '-no_nonce', '-respin', 'response.der', ...trust)
  }

  /** openssl asks over HTTP with a nonce: the only way in which it compares the one that comes back. */
  const askOverHttp = async (choice: Choice = {}): Promise<string> => {
    const server = createServer((request, response) => void buffer(request).then((octets) => response.setHeader('Content-Type', 'application/ocsp-response').end(answer(octets, choice))))
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const text = await new Promise<string>((done) => execFile('openssl', ['ocsp', '-issuer', 'issuing.pem', '-cert', 'good.pem', '-nonce', '-url', url, ...trust], { cwd: authority.folder }, (_error, stdout, stderr) => done(stdout + stderr)))
    server.close()
    return text
  }

  it('OCS-1, OCS-5: good, with the archive cutoff', () => {
    const { code, text } = ask(['-cert', 'good.pem'])
    expect(text).toContain('Response verify OK')
    expect(code).toBe(0)
    expect(text).toContain('good.pem: good')
    expect(text).toMatch(/OCSP Archive Cutoff:\s*Jan {2}2 03:04:05 2025 GMT/)
    expect(text).toContain(`Responder Id: ${authority.certificate('responder').keyIdentifier.toString('hex').toUpperCase()}`)
    expect(text).not.toContain('OCSP Nonce')
  })
  it('OCS-1, REV-3: revoked with its reason and a time in the past', () => {
    const { text } = ask(['-cert', 'stolen.pem'])
    expect(text).toContain('Response verify OK')
    expect(text).toContain('stolen.pem: revoked')
    expect(text).toContain('Reason: keyCompromise')
    expect(text).toContain('Revocation Time: Feb 29 01:02:03 2024 GMT')
  })
  it('OCS-1: revoked without a reason', () => {
    const { text } = ask(['-cert', 'revoked.pem'])
    expect(text).toContain('revoked.pem: revoked')
    expect(text).toContain('Revocation Time: Feb 29 01:02:03 2024 GMT')
    expect(text).not.toContain('Reason:')
  })
  it('OCS-3: unknown, without an archive cutoff', () => {
    const { text } = ask(['-serial', '0x77'])
    expect(text).toContain('Response verify OK')
    expect(text).toContain('0x77: unknown')
    expect(text).not.toContain('Archive Cutoff')
  })
  it('OCS-1: several certificates in one answer, SHA-256 and SHA-1 CertIDs mixed', () => {
    const { text } = ask(['-sha256', '-cert', 'good.pem', '-sha1', '-cert', 'revoked.pem', '-sha256', '-cert', 'stolen.pem', '-serial', '0x77'])
    expect(text).toContain('Response verify OK')
    for (const line of ['good.pem: good', 'revoked.pem: revoked', 'stolen.pem: revoked', '0x77: unknown']) expect(text).toContain(line)
    expect(text).not.toContain('No Status found')
  })
  it('OCS-7: openssl finds its nonce in the answer', async () => {
    const text = await askOverHttp()
    expect(text).toContain('Response verify OK')
    expect(text).toContain('good.pem: good')
    expect(text).toContain('OCSP Nonce')
    expect(text).not.toMatch(/WARNING|Nonce Verify error/)
  })
  it('OCS-7: openssl notices another nonce, and its absence', async () => {
    expect(await askOverHttp({ nonce: Buffer.alloc(16, 1) })).toContain('Nonce Verify error')
    expect(await askOverHttp({ nonce: null })).toContain('WARNING: no nonce in response')
  })
  it('OCS-2: signed with SHA-384, verified all the same', () => {
    expect(ask(['-cert', 'good.pem'], { hash: 'sha384' }).text).toContain('Response verify OK')
  })
  it('OCS-2: openssl verifies the answer against the responder\'s certificate alone', () => {
    ask(['-cert', 'good.pem'])
    const { text } = authority.openssl('ocsp', '-issuer', 'issuing.pem', '-cert', 'good.pem', '-respin', 'response.der', '-VAfile', 'responder.pem', '-CAfile', 'root.pem', '-no_nonce')
    expect(text).toContain('Response verify OK')
    expect(text).toContain('good.pem: good')
  })
  it('OCS-2: one bit changed in the answer, and openssl refuses it', () => {
    ask(['-cert', 'revoked.pem'])
    const bytes = readFileSync(authority.path('response.der'))
    bytes[bytes.indexOf(Buffer.from('20240229')) + 3]! ^= 1
    writeFileSync(authority.path('bent.der'), bytes)
    expect(authority.openssl('ocsp', '-respin', 'bent.der', '-CAfile', 'root.pem', '-verify_other', 'issuing.pem').text).toContain('Response Verify Failure')
  })
  it.each([['malformedRequest', 'malformedrequest'], ['internalError', 'internalerror'], ['tryLater', 'trylater'], ['unauthorized', 'unauthorized']] as const)('OCS-7: openssl reads the error %s', (error, name) => {
    writeFileSync(authority.path('error.der'), errorResponse(error))
    expect(authority.openssl('ocsp', '-respin', 'error.der').text).toContain(`Responder Error: ${name}`)
  })
})
