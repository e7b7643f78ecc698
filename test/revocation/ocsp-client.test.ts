import { afterAll, beforeAll, expect, test } from 'vitest'
import { MalformedDer } from '../../src/pki/der.ts'
import { assembleCertificateList, buildTbsCertList } from '../../src/revocation/crl.ts'
import { walkCertificateList } from '../../src/revocation/crl-walk.ts'
import { buildOcspRequest, readOcspReply } from '../../src/revocation/ocsp-client.ts'
import { parseOcspRequest } from '../../src/revocation/ocsp-request.ts'
import { assembleBasicResponse, buildResponseData, errorResponse, keyHash } from '../../src/revocation/ocsp-response.ts'
import { readTimestamp } from '../../src/specimen/time-stamping.ts'
import { mutate, random } from '../support/mutate.ts'
import { makeAuthority, SERIALS, type Authority } from './openssl-authority.ts'

let authority: Authority
let issuer: { certificateDer: Buffer }
const NONCE = Buffer.from('0123456789abcdef')
beforeAll(() => {
  authority = makeAuthority()
  issuer = { certificateDer: authority.certificate('issuing').der }
}, 60_000)
afterAll(() => authority.remove())

/** An answer about one serial, signed by this key and bringing this certificate. */
function answer(change: { key?: 'responder' | 'issuing'; certificate?: string; producedAt?: Date; nonce?: Buffer | null; hash?: Buffer } = {}): Buffer {
  const now = new Date()
  const request = parseOcspRequest(buildOcspRequest(issuer, [SERIALS.good], NONCE))
  if (!('request' in request)) throw new Error(request.detail)
  const certificate = authority.certificate(change.certificate ?? 'responder')
  const responses = [{ certId: request.request.certIds[0]!.raw, status: { state: 'revoked', at: now, reason: 4 }, thisUpdate: now, nextUpdate: new Date(now.getTime() + 60_000), archiveCutoff: now }] as const
  const nonce = change.nonce === undefined ? NONCE : change.nonce
  const data = buildResponseData({ responderKeyHash: change.hash ?? keyHash(certificate.keyBits), producedAt: change.producedAt ?? now, responses, ...(nonce ? { nonce } : {}) })
  return assembleBasicResponse(data, 'sha256', authority.sign(change.key ?? 'responder', 'sha256', data), certificate.der)
}
const read = (der: Buffer, nonce: Buffer | null = NONCE) => readOcspReply(der, issuer, nonce)
const refusal = (der: Buffer) => {
  const found = read(der)
  return 'refused' in found ? found.refused : null
}

test('OCS-1: a request is what a responder reads, and a sound answer is believed', () => {
  const found = read(answer())
  expect(found).toMatchObject({ answers: [{ serial: SERIALS.good, status: { state: 'revoked', reason: 4 } }] })
  expect(read(answer({ nonce: null }), null)).toMatchObject({ answers: [{ serial: SERIALS.good }] })
})

test('OCS-2: an answer is believed only from a responder of this authority, for OCSP, in force, that it names, for this question', () => {
  expect(refusal(answer({ certificate: 'good' }))).toBe("its responder's certificate is not for OCSP")
  expect(refusal(answer({ certificate: 'issuing' }))).toBe("its responder's certificate is not the authority's")
  expect(refusal(answer({ key: 'issuing' }))).toBe("its signature is not the responder's")
  expect(refusal(answer({ producedAt: new Date('2050-01-01T00:00:00Z') }))).toBe("its responder's certificate was not in force")
  expect(refusal(answer({ hash: Buffer.alloc(20) }))).toBe('it names another responder than its certificate')
  expect(refusal(answer({ nonce: null }))).toBe('its nonce is not that of the request')
  expect(refusal(answer({ nonce: Buffer.from('another') }))).toBe('its nonce is not that of the request')
  expect(read(errorResponse('tryLater'))).toEqual({ error: 'tryLater' })
})

test('REP-2: 3000 damaged answers, lists and time-stamp replies: nothing is believed that was changed, and nothing else than a refusal is thrown', () => {
  const next = random(20261122)
  const sound = answer()
  const tbs = buildTbsCertList({
    issuerNameDer: authority.certificate('issuing').subjectDer, authorityKeyIdentifier: authority.certificate('issuing').keyIdentifier, number: 1n,
    thisUpdate: new Date(), nextUpdate: new Date(Date.now() + 60_000), entries: [1, 2, 3].map((n) => ({ serial: `0${n}`, revokedAt: new Date(), reason: 1 })), expiredCertsOnCrl: new Date(), hash: 'sha256',
  })
  const list = assembleCertificateList(tbs, 'sha256', authority.sign('issuing', 'sha256', tbs))
  expect([...walkCertificateList(list).entries()].flat().map(({ serial }) => serial)).toEqual(['01', '02', '03'])
  const malformed = (act: () => void) => {
    try {
      act()
    } catch (error) {
      if (!MalformedDer.is(error)) throw error
    }
  }
  for (let count = 0; count < 1000; count++) {
    const damaged = mutate(sound, next)
    const found = read(damaged)
    // What is not signed may differ: the octets around, in the certificate's place only those that it is.
    if ('answers' in found) expect(found.answers).toMatchObject([{ serial: SERIALS.good, status: { state: 'revoked', reason: 4 } }])
    malformed(() => [...walkCertificateList(mutate(list, next)).entries()])
    malformed(() => readTimestamp(mutate(sound, next), Buffer.alloc(1), NONCE))
  }
})
