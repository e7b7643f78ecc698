/** Reads our own revocation lists back, octet by octet, for the lints before signing and the comparison after it. Judges nothing beyond the encoding. */
import { type Der, MalformedDer, TAG, header, readDer, readDerBeginning, readDerValues, sequence } from '../pki/der.ts'
import { type Extension, readExtensions } from '../pki/x509-certificate.ts'
import { serialHex } from './signed-object.ts'

/** A time with the identifier octet that it was written in. */
export interface EncodedTime {
  tag: number
  at: Date
}

export interface ListedCertificate {
  /** Lower-case hex, see `serialHex`. */
  serial: string
  revocationDate: EncodedTime
  /** null: the field is absent. */
  extensions: Extension[] | null
}

export interface TbsCertList {
  /** The INTEGER as written: 1 is version 2. null: absent, version 1. */
  version: bigint | null
  signatureDer: Buffer
  issuerNameDer: Buffer
  thisUpdate: EncodedTime
  nextUpdate: EncodedTime | null
  /** null: the field is absent; an empty list is not the same (RFC 5280 5.1.2.6). */
  entries: ListedCertificate[] | null
  extensions: Extension[]
}

export interface CertificateList {
  tbsDer: Buffer
  tbs: TbsCertList
  signatureAlgorithmDer: Buffer
  signature: Buffer
}

/** Half a million entries; a foreign list is never read here. */
const limits = { maxBytes: 1 << 26, maxDepth: 12, maxNodes: 1 << 23 }

const isTime = (value: Der | undefined): value is Der => value?.tag === TAG.utcTime || value?.tag === TAG.generalizedTime
const encodedTime = (value: Der): EncodedTime => ({ tag: value.tag, at: value.time() })

/** @throws MalformedDer */
export const readTbsCertList = (der: Uint8Array): TbsCertList => tbsCertList(readDer(der, limits))

/**
 * What a list in parts says beside its entries.
 * @param entriesLength octets of all entries together
 * @throws MalformedDer
 */
export function readFrame(head: Buffer, tail: Buffer, entriesLength: number): TbsCertList {
  const announced = entriesLength > 0 ? header(TAG.sequence, entriesLength).length : 0
  const size = head[1]! < 0x80 ? 2 : 2 + (head[1]! & 0x7f)
  return readTbsCertList(sequence(head.subarray(size, head.length - announced), tail))
}

/** The content of revokedCertificates, one entry behind the other; empty when the field is absent. @throws MalformedDer */
export function revokedOctets(tbs: Uint8Array): Buffer {
  // signature and issuer are the two before it.
  const [, , revoked] = readDer(tbs, limits).expect(TAG.sequence, 'TBSCertList').children().filter(({ tag }) => tag === TAG.sequence)
  return revoked?.value ?? Buffer.alloc(0)
}

/**
 * A whole signed list.
 * @throws MalformedDer, also when the algorithm outside differs from the one inside (RFC 5280 5.1.1.2)
 */
export function readCertificateList(der: Uint8Array): CertificateList {
  const root = readDer(der, limits).expect(TAG.sequence, 'CertificateList')
  const [tbs, algorithm, signature, ...rest] = root.children()
  if (!tbs || !algorithm || !signature || rest.length > 0) throw new MalformedDer('CertificateList does not have three parts', root.offset)
  const read = tbsCertList(tbs)
  if (!algorithm.raw.equals(read.signatureDer)) throw new MalformedDer('signature algorithms differ', algorithm.offset)
  return { tbsDer: tbs.raw, tbs: read, signatureAlgorithmDer: algorithm.raw, signature: signature.bitStringOctets() }
}

function tbsCertList(root: Der): TbsCertList {
  const parts = root.expect(TAG.sequence, 'TBSCertList').children()
  const next = (what: string): Der => {
    const part = parts.shift()
    if (!part) throw new MalformedDer(`TBSCertList ends before ${what}`, root.end)
    return part
  }
  const version = parts[0]?.tag === TAG.integer ? next('version').integer() : null
  const signatureDer = next('signature').expect(TAG.sequence, 'signature').raw
  const issuerNameDer = next('issuer').expect(TAG.sequence, 'issuer').raw
  const thisUpdate = encodedTime(next('thisUpdate'))
  const nextUpdate = isTime(parts[0]) ? encodedTime(next('nextUpdate')) : null
  const entries = parts[0]?.tag === TAG.sequence ? next('revokedCertificates').children().map(listedCertificate) : null
  const extensions = parts[0]?.tag === 0xa0 ? wrapped(next('crlExtensions')) : []
  if (parts.length > 0) throw new MalformedDer('TBSCertList has a part too many', parts[0]!.offset)
  return { version, signatureDer, issuerNameDer, thisUpdate, nextUpdate, entries, extensions }
}

/**
 * Entries of revokedCertificates, one behind the other as they stand inside it.
 * @throws MalformedDer
 */
export const readListedCertificates = (entries: Uint8Array): ListedCertificate[] => readDerValues(entries, limits).map(listedCertificate)

/**
 * The entry with which these octets begin, and its length.
 * @throws MalformedDer
 */
export function readFirstListed(octets: Buffer): { readonly entry: ListedCertificate; readonly length: number } {
  const value = readDerBeginning(octets)
  return { entry: listedCertificate(value), length: value.end }
}

function wrapped(tagged: Der): Extension[] {
  const [list, ...rest] = tagged.children()
  if (!list || rest.length > 0) throw new MalformedDer('crlExtensions does not have one part', tagged.offset)
  return readExtensions(list, { writtenFalse: 'pass' })
}

function listedCertificate(entry: Der): ListedCertificate {
  const [serial, date, extensions, ...rest] = entry.expect(TAG.sequence, 'revoked certificate').children()
  if (!serial || !date || rest.length > 0) throw new MalformedDer('revoked certificate does not have two or three parts', entry.offset)
  return { serial: serialHex(serial), revocationDate: encodedTime(date), extensions: extensions ? readExtensions(extensions, { writtenFalse: 'pass' }) : null }
}
