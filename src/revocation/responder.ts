/** OCSP: from the octets of a request to the octets of an answer. Fails closed: what can't be read is tryLater, never good. */
import type { Policy } from '../policy/policy.ts'
import { readCertificate } from '../pki/x509-certificate.ts'
import { readDer } from '../pki/der.ts'
import type { Authority, Responder } from '../signer/authority.ts'
import type { Signer } from '../signer/signer.ts'
import { changeTag } from './answer-cache.ts'
import { aboutCertificates, type AnswerAbout } from './answer-tally.ts'
import { issuerMatcher, parseOcspRequest } from './ocsp-request.ts'
import { assembleBasicResponse, buildResponseData, errorResponse, keyHash, type CertificateStatus, type SingleResponse } from './ocsp-response.ts'
import { statusSince } from './retention.ts'

export interface ResponderParts {
  readonly policy: Policy
  readonly signer: Pick<Signer, 'sign'>
  /** The issuing authorities; the root's certificates have their status on the root's CRL alone (CRT-12). */
  readonly authorities: readonly Authority[]
  readStatus(authorityId: string, serial: string): Promise<CertificateStatus>
  findResponder(authorityId: string, now: Date): Promise<Responder | null>
  fault(error: unknown): void
}

/** What goes out, and what a cache must know of it: only answers without nonce are held. */
export interface OcspAnswer {
  readonly der: Buffer
  /** What it says, for the record (OCS-8). */
  readonly about: AnswerAbout
  readonly cache: {
    readonly thisUpdate: Date
    readonly nextUpdate: Date
    /** Whose change ends it: see `changeTag`. */
    readonly tags: readonly string[]
    /** One of its certificates at least is revoked. */
    readonly revoked: boolean
  } | null
}

const keyBits = (certificateDer: Buffer): Buffer => readDer(readCertificate(certificateDer).tbs.spki).children()[1]!.bitStringOctets()

/** An answer that names no certificate (RFC 6960 2.3). */
export const errorAnswer = (status: Parameters<typeof errorResponse>[0]): OcspAnswer => ({ der: errorResponse(status), about: { authority: null, certificates: [], result: status }, cache: null })

export function createResponder(parts: ResponderParts): (request: Buffer, now: Date) => Promise<OcspAnswer> {
  const issuers = parts.authorities
    .filter((authority) => authority.kind === 'issuing')
    .map((authority) => ({ authority, names: issuerMatcher({ nameDer: authority.subjectDer, keyBits: keyBits(authority.certificateDer) }) }))
  const keyHashes = new WeakMap<Responder, Buffer>()
  /** Of a responder that answers again and again the certificate is read once. */
  const keyHashOf = (responder: Responder): Buffer => {
    const known = keyHashes.get(responder) ?? keyHash(keyBits(responder.certificateDer))
    keyHashes.set(responder, known)
    return known
  }

  return async (bytes, instant) => {
    const parsed = parseOcspRequest(bytes)
    if ('malformed' in parsed) return errorAnswer('malformedRequest')
    const { certIds, nonce } = parsed.request
    const issuer = issuers.find(({ names }) => certIds.some(names))
    // RFC 6960 2.3: not authoritative for any of these.
    if (!issuer) return errorAnswer('unauthorized')
    const now = new Date(Math.floor(instant.getTime() / 1000) * 1000)
    const { authority, names } = issuer
    // RFC 6960 2.2: "unknown" is for an issuer that is not served here. Another generation is served, by a responder that it certified itself (4.2.2.2): this
    // one can't answer authoritatively for it, and one answer has one signer (2.3: unauthorized).
    if (certIds.some((certId) => !names(certId) && issuers.some((other) => other.names(certId)))) return errorAnswer('unauthorized')
    try {
      const responder = await parts.findResponder(authority.id, now)
      if (!responder) return errorAnswer('tryLater')
      // OCS-4: never beyond the responder certificate's own end, whatever the policy's period.
      const nextUpdate = new Date(Math.min(now.getTime() + parts.policy.periods.ocspValidHours * 3_600_000, responder.notAfter.getTime()))
      const archiveCutoff = statusSince({ caNotBefore: authority.notBefore, thisUpdate: now, periods: parts.policy.periods })
      const responses: SingleResponse[] = []
      for (const certId of certIds) {
        const status: CertificateStatus = names(certId) ? await parts.readStatus(authority.id, certId.serial) : { state: 'unknown' }
        responses.push({ certId: certId.raw, status, thisUpdate: now, nextUpdate, ...(status.state === 'unknown' ? {} : { archiveCutoff }) })
      }
      const data = buildResponseData({ responderKeyHash: keyHashOf(responder), producedAt: now, responses, ...(nonce ? { nonce } : {}) })
      const signature = await parts.signer.sign(responder.key, 'sha256', data)
      const der = assembleBasicResponse(data, 'sha256', signature, responder.certificateDer)
      const about = aboutCertificates(authority.id, certIds.map(({ serial }, at) => ({ serial, state: responses[at]!.status.state })))
      if (nonce) return { der, about, cache: null }
      const tags = certIds.map(({ serial }) => changeTag(authority.id, serial))
      return { der, about, cache: { thisUpdate: now, nextUpdate, tags, revoked: responses.some(({ status }) => status.state === 'revoked') } }
    } catch (fault) {
      parts.fault(fault)
      return errorAnswer(fault instanceof RangeError ? 'internalError' : 'tryLater')
    }
  }
}
