/**
 * Certificate revocation lists (RFC 5280 5; CP table 7.2-2): the exact bytes to be signed, and the signed list.
 * The bytes are linted (crl-lints.ts) between the two. Entries go out in the order that they come in.
 */
import { rsaSignatureAlgorithm } from '../pki/algorithm.ts'
import { bitString, context, contextPrimitive, generalizedTime, header, ia5, integer, sequence, TAG, time } from '../pki/der.ts'
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

/** What a list says beside its entries. */
export interface CrlFrame {
  /** The issuing CA's subject as its certificate has it, byte for byte (CSBR 7.1.4.1). */
  issuerNameDer: Uint8Array
  /** The issuing CA's subject key identifier: 20 octets, SHA-1 of its key (CP table 7.2-2). */
  authorityKeyIdentifier: Uint8Array
  number: bigint
  thisUpdate: Date
  nextUpdate: Date
  /** `statusSince` of retention.ts (CRL-3). */
  expiredCertsOnCrl: Date
  hash: SignatureHash
  /**
   * The addresses by which certificates name this list, where the authority has several: an issuing distribution point says that other certificates
   * are elsewhere (RFC 5280 5.2.5). Null for a list of all that the authority issued.
   */
  addresses?: readonly string[] | null | undefined
}

export interface CrlContent extends CrlFrame {
  entries: Iterable<CrlEntry>
}

const seconds = (date: Date): number => Math.floor(date.getTime() / 1000)

/**
 * The TBSCertList without its entries: version 2, then AKI, CRL number and expiredCertsOnCRL, none critical, and a critical issuing distribution
 * point where there are addresses. Times are cut to whole seconds.
 * @param entriesLength octets of all entries together; 0: no revoked certificate, and no field for them (RFC 5280 5.1.2.6)
 * @returns the octets before the first entry and those behind the last
 * @throws RangeError for content that must never be signed: a number below 0 or beyond 20 octets (RFC 5280 5.2.3), nextUpdate not after thisUpdate
 */
export function crlFrame({ issuerNameDer, authorityKeyIdentifier, number, thisUpdate, nextUpdate, expiredCertsOnCrl, hash, addresses }: CrlFrame, entriesLength: number): { head: Buffer; tail: Buffer } {
  if (!(seconds(nextUpdate) > seconds(thisUpdate))) throw new RangeError('nextUpdate is not after thisUpdate')
  const crlNumber = integer(number)
  if (crlNumber.length > 22) throw new RangeError('CRL number is longer than 20 octets')
  const tail = context(
    0,
    sequence(
      extension(EXTENSION.authorityKeyIdentifier, false, sequence(contextPrimitive(0, authorityKeyIdentifier))),
      extension(EXTENSION.crlNumber, false, crlNumber),
      extension(EXTENSION.expiredCertsOnCrl, false, generalizedTime(expiredCertsOnCrl)),
      ...(addresses ? [extension(EXTENSION.issuingDistributionPoint, true, issuingDistributionPoint(addresses))] : []),
    ),
  )
  const before = Buffer.concat([
    integer(1),
    rsaSignatureAlgorithm(hash),
    issuerNameDer,
    time(thisUpdate),
    time(nextUpdate),
    ...(entriesLength > 0 ? [header(TAG.sequence, entriesLength)] : []),
  ])
  return { head: Buffer.concat([header(TAG.sequence, before.length + entriesLength + tail.length), before]), tail }
}

/** fullName and onlyContainsUserCerts: what has an address on these lists is no CA (RFC 5280 5.2.5). */
export const issuingDistributionPoint = (addresses: readonly string[]): Buffer =>
  sequence(context(0, context(0, ...addresses.map((address) => contextPrimitive(6, ia5(address))))), contextPrimitive(1, Buffer.from([0xff])))

/**
 * The TBSCertList whole: for lists that are known to be small. See `crlFrame`.
 * @throws RangeError as `crlFrame` and `encodeEntry` do, and for a serial twice
 */
export function buildTbsCertList({ entries, ...frame }: CrlContent): Buffer {
  const rows: Buffer[] = []
  const seen = new Set<string>()
  for (const entry of entries) {
    const key = serialNumber(entry.serial).toString('latin1')
    if (seen.has(key)) throw new RangeError(`serial number ${Buffer.from(key, 'latin1').subarray(2).toString('hex')} comes twice`)
    seen.add(key)
    rows.push(encodeEntry(entry))
  }
  const octets = Buffer.concat(rows)
  const { head, tail } = crlFrame(frame, octets.length)
  return Buffer.concat([head, octets, tail])
}

/**
 * One entry of revokedCertificates.
 * @throws RangeError for what must never be signed: reason certificateHold or removeFromCRL (REV-5), an invalidity date other than the
 *   revocation date (REV-3), a serial zero or too long
 */
export const encodeEntry = (entry: CrlEntry): Buffer => sequence(serialNumber(entry.serial), time(entry.revokedAt), ...entryExtensions(entry))

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

/** Octets of a CertificateList whose parts have so many together. */
export const crlLength = (parts: number): number => header(TAG.sequence, parts).length + parts

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
