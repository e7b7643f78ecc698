/**
 * Certificate revocation lists (RFC 5280 5; CP table 7.2-2): the exact bytes to be signed, and the signed list.
 * The bytes are linted (crl-lints.ts) between the two. Entries go out in the order that they come in.
 */
import { rsaSignatureAlgorithm } from '../pki/algorithm.ts'
import { bitString, context, contextPrimitive, generalizedTime, header, integer, sequence, TAG, time } from '../pki/der.ts'
import { extension } from '../pki/extension-encoding.ts'
import { publishedReason } from './reason.ts'
import { EXTENSION, type SignatureHash, serialNumber } from './signed-object.ts'

export interface CrlEntry {
  /** Unsigned octets, or hex. */
  serial: Uint8Array | string
  /** May lie in the past of the revocation itself: the time from which signatures are void (CSBR 4.9.6, REV-3). */
  revokedAt: Date
  /** A CRLReason code. 0 and absent alike leave the extension out. */
  reason?: number | undefined
  /** Only ever equal to `revokedAt` (CSBR 7.2.2). */
  invalidityDate?: Date | undefined
}

export interface CrlContent {
  /** The issuing CA's subject as its certificate has it, byte for byte (CSBR 7.1.4.1). */
  issuerNameDer: Uint8Array
  /** The issuing CA's subject key identifier: 20 octets, SHA-1 of its key (CP table 7.2-2). */
  authorityKeyIdentifier: Uint8Array
  number: bigint
  thisUpdate: Date
  nextUpdate: Date
  entries: Iterable<CrlEntry>
  /** `statusSince` of retention.ts (CRL-3). */
  expiredCertsOnCrl: Date
  hash: SignatureHash
}

const seconds = (date: Date): number => Math.floor(date.getTime() / 1000)

/**
 * The TBSCertList: version 2, entries, then AKI, CRL number and expiredCertsOnCRL, none critical. Times are cut to whole seconds.
 * @throws RangeError for content that must never be signed: reason certificateHold or removeFromCRL (REV-5), an invalidity date other than the
 *   revocation date (REV-3), a serial twice, zero or too long, a number below 0 or beyond 20 octets (RFC 5280 5.2.3), nextUpdate not after thisUpdate
 */
export function buildTbsCertList({ issuerNameDer, authorityKeyIdentifier, number, thisUpdate, nextUpdate, entries, expiredCertsOnCrl, hash }: CrlContent): Buffer {
  if (!(seconds(nextUpdate) > seconds(thisUpdate))) throw new RangeError('nextUpdate is not after thisUpdate')
  const crlNumber = integer(number)
  if (crlNumber.length > 22) throw new RangeError('CRL number is longer than 20 octets')
  const rows: Buffer[] = []
  const seen = new Set<string>()
  for (const entry of entries) {
    const serial = serialNumber(entry.serial)
    const key = serial.toString('latin1')
    if (seen.has(key)) throw new RangeError(`serial number ${serial.subarray(2).toString('hex')} comes twice`)
    seen.add(key)
    rows.push(sequence(serial, time(entry.revokedAt), ...entryExtensions(entry)))
  }
  const extensions = sequence(
    extension(EXTENSION.authorityKeyIdentifier, false, sequence(contextPrimitive(0, authorityKeyIdentifier))),
    extension(EXTENSION.crlNumber, false, crlNumber),
    extension(EXTENSION.expiredCertsOnCrl, false, generalizedTime(expiredCertsOnCrl)),
  )
  return sequence(
    integer(1),
    rsaSignatureAlgorithm(hash),
    issuerNameDer,
    time(thisUpdate),
    time(nextUpdate),
    // RFC 5280 5.1.2.6: no revoked certificate, no field. One concatenation, never one argument per entry.
    ...(rows.length > 0 ? [sequence(Buffer.concat(rows))] : []),
    context(0, extensions),
  )
}

function entryExtensions({ revokedAt, reason, invalidityDate }: CrlEntry): Buffer[] {
  const code = publishedReason(reason)
  const found = code ? [extension(EXTENSION.reasonCode, false, code)] : []
  if (invalidityDate) {
    if (seconds(invalidityDate) !== seconds(revokedAt)) throw new RangeError('invalidity date differs from the revocation date (CSBR 7.2.2)')
    found.push(extension(EXTENSION.invalidityDate, false, generalizedTime(invalidityDate)))
  }
  return found.length > 0 ? [sequence(...found)] : []
}

/** The CertificateList: signed bytes, algorithm, signature. `hash` must be the one inside `tbs` (RFC 5280 5.1.1.2); readCertificateList checks it. */
export const assembleCertificateList = (tbs: Uint8Array, hash: SignatureHash, signature: Uint8Array): Buffer => sequence(tbs, crlSeal(hash, signature))

/** What follows the signed octets in a CertificateList: algorithm and signature. */
export const crlSeal = (hash: SignatureHash, signature: Uint8Array): Buffer => Buffer.concat([rsaSignatureAlgorithm(hash), bitString(signature)])

/**
 * The identifier and length octets with which a CertificateList of so many octets begins.
 * @throws RangeError when no encoding has that length
 */
export function crlHeader(octets: number): Buffer {
  for (let content = octets - 2; content >= 0; content--) {
    const found = header(TAG.sequence, content)
    if (found.length + content === octets) return found
    if (found.length + content < octets) break
  }
  throw new RangeError(`no value has ${octets} octets`)
}
