/** OCSP: from the octets of a request to the octets of an answer. Fails closed: what can't be read is tryLater, never good. */
import type { Policy } from '../policy/policy.ts'
import { readCertificate } from '../pki/x509-certificate.ts'
import { readDer } from '../pki/der.ts'
import type { Authority, Responder } from '../signer/authority.ts'
import type { Signer } from '../signer/signer.ts'
import { changeTag } from './answer-cache.ts'
import { issuerMatcher, parseOcspRequest } from './ocsp-request.ts'
import { assembleBasicResponse, buildResponseData, errorResponse, keyHash, type CertificateStatus } from './ocsp-response.ts'
import { statusSince } from './retention.ts'

export interface ResponderParts {
  readonly policy: Policy
  readonly signer: Signer
  /** The issuing authorities; the root's certificates have their status on the root's CRL alone (CRT-12). */
  readonly authorities: readonly Authority[]
  readStatus(authorityId: string, serial: string): Promise<CertificateStatus>
  findResponder(authorityId: string, now: Date): Promise<Responder | null>
  fault(error: unknown): void
}

/** What goes out, and what a cache must know of it: only answers without nonce are held. */
export interface OcspAnswer {
  readonly der: Buffer
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

export function createResponder(parts: ResponderParts): (request: Buffer, now: Date) => Promise<OcspAnswer> {
  const issuers = parts.authorities
    .filter((authority) => authority.kind === 'issuing')
    .map((authority) => ({ authority, names: issuerMatcher({ nameDer: authority.subjectDer, keyBits: keyBits(authority.certificateDer) }) }))
  const error = (status: Parameters<typeof errorResponse>[0]): OcspAnswer => ({ der: errorResponse(status), cache: null })

  return async (bytes, instant) => {
    const parsed = parseOcspRequest(bytes)
    if ('malformed' in parsed) return error('malformedRequest')
    const { certIds, nonce } = parsed.request
    const issuer = issuers.find(({ names }) => certIds.some(names))
    // RFC 6960 2.3: not authoritative for any of these.
    if (!issuer) return error('unauthorized')
    const now = new Date(Math.floor(instant.getTime() / 1000) * 1000)
    const { authority, names } = issuer
    try {
      const responder = await parts.findResponder(authority.id, now)
      if (!responder) return error('tryLater')
      // OCS-4: never beyond the responder certificate's own end, whatever the policy's period.
      const nextUpdate = new Date(Math.min(now.getTime() + parts.policy.periods.ocspValidHours * 3_600_000, responder.notAfter.getTime()))
      const archiveCutoff = statusSince({ caNotBefore: authority.notBefore, thisUpdate: now, periods: parts.policy.periods })
      const responses = []
      for (const certId of certIds) {
        const status: CertificateStatus = names(certId) ? await parts.readStatus(authority.id, certId.serial) : { state: 'unknown' }
        responses.push({ certId: certId.raw, status, thisUpdate: now, nextUpdate, ...(status.state === 'unknown' ? {} : { archiveCutoff }) })
      }
      const data = buildResponseData({ responderKeyHash: keyHash(keyBits(responder.certificateDer)), producedAt: now, responses, ...(nonce ? { nonce } : {}) })
      const signature = await parts.signer.sign(responder.key, 'sha256', data)
      const der = assembleBasicResponse(data, 'sha256', signature, responder.certificateDer)
      if (nonce) return { der, cache: null }
      const tags = certIds.map(({ serial }) => changeTag(authority.id, serial))
      return { der, cache: { thisUpdate: now, nextUpdate, tags, revoked: responses.some(({ status }) => status.state === 'revoked') } }
    } catch (fault) {
      parts.fault(fault)
      return error(fault instanceof RangeError ? 'internalError' : 'tryLater')
    }
  }
}
