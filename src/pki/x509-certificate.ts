/** X.509 certificates (RFC 5280 4.1) read into plain fields. Strict about the encoding, silent about what the values should be. */
import { type AlgorithmIdentifier, readAlgorithm } from './algorithm.ts'
import { type Der, MalformedDer, readDer, TAG } from './der.ts'

export interface Extension {
  readonly oid: string
  readonly critical: boolean
  /** The content of extnValue: the DER of the extension's own type. */
  readonly value: Buffer
}

export interface CertificateTime {
  readonly date: Date
  /** True for GeneralizedTime, false for UTCTime. */
  readonly generalized: boolean
}

export interface TbsCertificate {
  /** The exact octets that are signed. */
  readonly raw: Buffer
  /** 1, 2 or 3. */
  readonly version: number
  readonly serialNumber: bigint
  /** Content octets of the serial number as they stand, in two's complement. */
  readonly serialOctets: Buffer
  readonly signature: AlgorithmIdentifier
  readonly issuer: Buffer
  readonly notBefore: CertificateTime
  readonly notAfter: CertificateTime
  readonly subject: Buffer
  readonly spki: Buffer
  readonly hasUniqueIdentifiers: boolean
  /** In the order of the certificate; no type twice. */
  readonly extensions: readonly Extension[]
}

export interface X509Certificate {
  readonly der: Buffer
  readonly tbs: TbsCertificate
  readonly signatureAlgorithm: AlgorithmIdentifier
  readonly signature: Buffer
}

const LIMITS = { maxBytes: 1 << 16, maxDepth: 24, maxNodes: 3000 } as const

/**
 * Reads one certificate that fills `bytes` (at most 64 KiB).
 * @throws MalformedDer
 */
export function readCertificate(bytes: Uint8Array): X509Certificate {
  const der = readDer(bytes, LIMITS)
  const [tbs, algorithm, signature, ...rest] = der.expect(TAG.sequence, 'certificate').children()
  if (!tbs || !algorithm || !signature || rest.length > 0) throw new MalformedDer('certificate has the wrong number of fields', der.offset)
  return { der: der.raw, tbs: readTbs(tbs), signatureAlgorithm: readAlgorithm(algorithm), signature: signature.bitStringOctets() }
}

/**
 * Reads the part of a certificate that is signed.
 * @throws MalformedDer
 */
export function readTbsCertificate(bytes: Uint8Array): TbsCertificate {
  return readTbs(readDer(bytes, LIMITS))
}

function readTbs(der: Der): TbsCertificate {
  const fields = der.expect(TAG.sequence, 'tbsCertificate').children()
  const next = (what: string): Der => {
    const field = fields.shift()
    if (!field) throw new MalformedDer(`tbsCertificate ends before ${what}`, der.end)
    return field
  }
  const version = fields[0]?.tag === 0xa0 ? readVersion(fields.shift()!) : 1
  const serial = next('serialNumber')
  const serialNumber = serial.integer()
  const signature = readAlgorithm(next('signature'))
  const issuer = next('issuer').expect(TAG.sequence, 'issuer').raw
  const validity = next('validity')
  const times = validity.expect(TAG.sequence, 'validity').children()
  if (times.length !== 2) throw new MalformedDer('validity has the wrong number of fields', validity.offset)
  const subject = next('subject').expect(TAG.sequence, 'subject').raw
  const spki = next('subjectPublicKeyInfo').expect(TAG.sequence, 'subjectPublicKeyInfo').raw
  let hasUniqueIdentifiers = false
  for (const tag of [0x81, 0x82])
    if (fields[0]?.tag === tag) {
      hasUniqueIdentifiers = true
      fields.shift()
    }
  const extensions = fields[0]?.tag === 0xa3 ? readExtensions(onlyChild(fields.shift()!, 'extensions')) : []
  if (fields.length > 0) throw new MalformedDer('tbsCertificate has an unexpected field', fields[0]!.offset)
  return { raw: der.raw, version, serialNumber, serialOctets: serial.value, signature, issuer, notBefore: readTime(times[0]!), notAfter: readTime(times[1]!), subject, spki, hasUniqueIdentifiers, extensions }
}

function readVersion(field: Der): number {
  const value = onlyChild(field, 'version').integer()
  // Version 1 is the default, which DER leaves out (X.690 11.5).
  if (value !== 1n && value !== 2n) throw new MalformedDer('version is neither 2 nor 3', field.offset)
  return Number(value) + 1
}

const readTime = (der: Der): CertificateTime => ({ date: der.time(), generalized: der.tag === TAG.generalizedTime })

/**
 * Reads Extensions (RFC 5280 4.1.2.9): at least one, each type once. An encoded FALSE for critical is not DER (X.690 11.5) and refused;
 * `writtenFalse: 'pass'` lets it pass for OCSP, whose deployed clients send it, since it changes no meaning.
 * @throws MalformedDer
 */
export function readExtensions(der: Der, { writtenFalse = 'refuse' }: { readonly writtenFalse?: 'refuse' | 'pass' } = {}): Extension[] {
  const seen = new Set<string>()
  const found = der
    .expect(TAG.sequence, 'extensions')
    .children()
    .map((field): Extension => {
      const parts = field.expect(TAG.sequence, 'extension').children()
      const type = parts.shift()?.oid()
      const critical = parts[0]?.tag === TAG.boolean ? parts.shift()!.boolean() : null
      const value = parts.shift()
      if (type === undefined || !value || parts.length > 0) throw new MalformedDer('extension has the wrong number of fields', field.offset)
      // X.690 11.5: critical has the default FALSE, which is left out.
      if (critical === false && writtenFalse === 'refuse') throw new MalformedDer('critical FALSE is written out, which is not DER', field.offset)
      // RFC 5280 4.2: a certificate must not hold the same extension twice.
      if (seen.has(type)) throw new MalformedDer(`extension ${type} stands twice`, field.offset)
      seen.add(type)
      return { oid: type, critical: critical ?? false, value: value.expect(TAG.octetString, 'extension value').value }
    })
  if (found.length === 0) throw new MalformedDer('extensions without an extension', der.offset)
  return found
}

function onlyChild(der: Der, what: string): Der {
  const [child, ...rest] = der.children()
  if (!child || rest.length > 0) throw new MalformedDer(`${what} must hold exactly one value`, der.offset)
  return child
}
