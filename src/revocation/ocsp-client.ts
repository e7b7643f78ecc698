/** OCSP as a relying party speaks it: asks about certificates of one authority, and believes an answer only when it bears every check of RFC 6960 3.2. */
import { createHash, verify, X509Certificate as SignedCertificate } from 'node:crypto'
import { context, type Der, MalformedDer, nullValue, octetString, oid, readDer, sequence, TAG } from '../pki/der.ts'
import { extension } from '../pki/extension-encoding.ts'
import { readExtendedKeyUsage } from '../pki/extension-values.ts'
import { OID } from '../pki/oids.ts'
import { readPublicKey } from '../pki/public-key.ts'
import { readCertificate, readExtensions } from '../pki/x509-certificate.ts'
import type { CertificateStatus } from './ocsp-response.ts'
import { EXTENSION, serialHex, serialNumber } from './signed-object.ts'

/** The authority asked about. */
export interface OcspIssuer {
  readonly certificateDer: Buffer
}

export interface OcspAnswerFor {
  /** Lower-case hex, whole octets, no sign octet. */
  readonly serial: string
  readonly status: CertificateStatus
  readonly thisUpdate: Date
  readonly nextUpdate: Date | null
  readonly archiveCutoff: Date | null
}

export type OcspReply =
  | { readonly producedAt: Date; readonly responderDer: Buffer; readonly answers: readonly OcspAnswerFor[] }
  /** An error status: no answer at all (RFC 6960 4.2.1). */
  | { readonly error: string }
  /** Octets or signatures that no relying party should believe. */
  | { readonly refused: string }

const ERRORS: Readonly<Record<string, string>> = { 1: 'malformedRequest', 2: 'internalError', 3: 'tryLater', 5: 'sigRequired', 6: 'unauthorized' }

const SHA1 = sequence(oid(OID.sha1), nullValue())

/** An OCSPRequest with SHA-1 CertIDs, which every responder knows (RFC 5019 2.1.1). @param serials hex */
export function buildOcspRequest({ certificateDer }: OcspIssuer, serials: readonly string[], nonce: Buffer | null): Buffer {
  const { tbs } = readCertificate(certificateDer)
  const [nameHash, keyHash] = [octetString(createHash('sha1').update(tbs.subject).digest()), octetString(readPublicKey(tbs.spki).keyIdentifier)]
  const list = serials.map((serial) => sequence(sequence(SHA1, nameHash, keyHash, serialNumber(serial))))
  return sequence(sequence(sequence(...list), ...(nonce ? [context(2, sequence(extension(EXTENSION.ocspNonce, false, octetString(nonce))))] : [])))
}

/** Reads and checks an OCSPResponse. Never throws on any octets. @param nonce that of the request; an answer without it, or with another, is refused */
export function readOcspReply(der: Buffer, issuer: OcspIssuer, nonce: Buffer | null): OcspReply {
  try {
    return reply(readDer(der, { maxBytes: 1 << 18, maxDepth: 20, maxNodes: 5000 }), issuer, nonce)
  } catch (error) {
    if (MalformedDer.is(error)) return { refused: `it can't be read: ${error.message}` }
    throw error
  }
}

function reply(root: Der, issuer: OcspIssuer, nonce: Buffer | null): OcspReply {
  const [status, wrapped] = root.expect(TAG.sequence, 'OCSPResponse').children()
  if (!status) throw new MalformedDer('OCSPResponse without a status', root.offset)
  const code = String(status.enumerated())
  if (code !== '0') return { error: ERRORS[code] ?? `status ${code}` }
  const [type, octets] = (wrapped ? wrapped.expect(0xa0, 'responseBytes').only().children() : [])
  if (type?.oid() !== '1.3.6.1.5.5.7.48.1.1' || !octets) throw new MalformedDer('no basic response', root.offset)
  const [data, algorithm, signature, certificates, ...rest] = readDer(octets.value, { maxBytes: 1 << 18 }).expect(TAG.sequence, 'BasicOCSPResponse').children()
  if (!data || !algorithm || !signature || rest.length > 0) throw new MalformedDer('BasicOCSPResponse has the wrong number of parts', root.offset)
  const responderDer = certificates && certificates.expect(0xa0, 'certs').children()[0]?.children()[0]?.raw
  if (!responderDer) return { refused: 'it brings no responder certificate' }
  if (algorithm.children()[0]?.oid() !== OID.sha256WithRsa) return { refused: 'it is not signed by RSA with SHA-256' }
  const parts = data.expect(TAG.sequence, 'ResponseData').children()
  const responderId = parts.shift()
  const producedAt = parts.shift()?.time()
  const responses = parts.shift()?.expect(TAG.sequence, 'responses').children()
  if (!responderId || !producedAt || !responses) throw new MalformedDer('ResponseData ends early', data.offset)
  const refused = responderRefused(responderDer, issuer, responderId, producedAt)
  if (refused) return { refused }
  if (!verify('sha256', data.raw, new SignedCertificate(responderDer).publicKey, signature.bitStringOctets())) return { refused: "its signature is not the responder's" }
  const extensions = parts[0] ? readExtensions(parts[0].expect(0xa1, 'responseExtensions').only(), { writtenFalse: 'refuse' }) : []
  const given = extensions.find((each) => each.oid === EXTENSION.ocspNonce)?.value ?? null
  if (nonce && !given?.equals(octetString(nonce))) return { refused: 'its nonce is not that of the request' }
  return { producedAt, responderDer, answers: responses.map(single) }
}

/** RFC 6960 4.2.2.2: certified by the authority itself, for this purpose, in force when it answered, and the one that the answer names. */
function responderRefused(responderDer: Buffer, { certificateDer }: OcspIssuer, responderId: Der, producedAt: Date): string | null {
  const { tbs } = readCertificate(responderDer)
  if (!tbs.issuer.equals(readCertificate(certificateDer).tbs.subject) || !isSignedBy(responderDer, certificateDer)) return "its responder's certificate is not the authority's"
  const usage = tbs.extensions.find((each) => each.oid === OID.extendedKeyUsage)
  if (!usage || !readExtendedKeyUsage(usage.value).includes(OID.ocspSigning)) return "its responder's certificate is not for OCSP"
  if (producedAt < tbs.notBefore.date || producedAt > tbs.notAfter.date) return "its responder's certificate was not in force"
  const named = responderId.tag === 0xa2 && responderId.only().value.equals(readPublicKey(tbs.spki).keyIdentifier)
  return named ? null : 'it names another responder than its certificate'
}

function isSignedBy(der: Buffer, issuerDer: Buffer): boolean {
  try {
    return new SignedCertificate(der).verify(new SignedCertificate(issuerDer).publicKey)
  } catch {
    // What OpenSSL can't load, nobody signed.
    return false
  }
}

function single(der: Der): OcspAnswerFor {
  const [certId, status, thisUpdate, ...rest] = der.expect(TAG.sequence, 'SingleResponse').children()
  const serial = certId?.children()[3]
  if (!certId || !serial || !status || !thisUpdate) throw new MalformedDer('SingleResponse ends early', der.offset)
  const nextUpdate = rest[0]?.tag === 0xa0 ? rest.shift()!.only().time() : null
  const extensions = rest[0]?.tag === 0xa1 ? readExtensions(rest.shift()!.only(), { writtenFalse: 'refuse' }) : []
  const cutoff = extensions.find((each) => each.oid === EXTENSION.ocspArchiveCutoff)
  return {
    serial: serialHex(serial),
    status: statusIn(status),
    thisUpdate: thisUpdate.time(),
    nextUpdate,
    archiveCutoff: cutoff ? readDer(cutoff.value).expect(TAG.generalizedTime, 'archive cutoff').time() : null,
  }
}

function statusIn(status: Der): CertificateStatus {
  if (status.tag === 0x80) return { state: 'good' }
  if (status.tag === 0x82) return { state: 'unknown' }
  const [at, reason] = status.expect(0xa1, 'revoked').children()
  if (!at) throw new MalformedDer('revoked without a time', status.offset)
  const code = reason ? Number(reason.expect(0xa0, 'reason').only().enumerated()) : undefined
  return { state: 'revoked', at: at.time(), ...(code === undefined ? {} : { reason: code }) }
}
