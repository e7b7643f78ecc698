/**
 * X.509 certificates as makers of devices write them: read strictly, judged nowhere here.
 * Deliberately no path building: a maker's chain has a fixed shape, and each verifier walks exactly that.
 */
import { verify, X509Certificate } from 'node:crypto'
import { Der, MalformedDer, readDer, TAG } from '../pki/der.ts'
import { byOctets } from '../pki/by-octets.ts'
import { publicKeyObject } from '../pki/key-object.ts'
import { guard } from './evidence.ts'
import { MalformedStatement, say } from './verifier.ts'

export interface MakerExtension {
  readonly critical: boolean
  /** The octets inside extnValue. */
  readonly value: Buffer
}

export interface MakerCertificate {
  readonly file: string | null
  readonly der: Buffer
  readonly tbs: Buffer
  readonly signatureAlgorithm: Buffer
  readonly signature: Buffer
  readonly issuer: Buffer
  readonly subject: Buffer
  /** As `CN=…, O=…`, for people. */
  readonly issuerText: string
  readonly subjectText: string
  /** The common name, when the subject is nothing else. */
  readonly subjectCommonName: string | null
  /** The parts of the subject in their order: `CN`, `O`, `OU` and so on, or the object identifier. */
  readonly subjectAttributes: readonly { readonly type: string; readonly value: string }[]
  readonly notBefore: Date
  readonly notAfter: Date
  readonly spki: Buffer
  /** By object identifier; a certificate that has one twice is malformed (RFC 5280 4.2). */
  readonly extensions: ReadonlyMap<string, MakerExtension>
  readonly basicConstraints: { ca: boolean; pathLength: number | null } | null
}

const BASIC_CONSTRAINTS = '2.5.29.19'

/** What a maker writes beside the letter of RFC 5280. Each is allowed to that maker alone. */
export interface MakerQuirks {
  /** Certificates of version 1, which have no extensions (LiquidSecurity cards). */
  readonly version1?: boolean
}

/** OpenSSL's reading must agree that this is a certificate, since its key is what verifies the next one. Those of authorities come with each statement. */
const isCertificate = byOctets(
  (der) => {
    try {
      return new X509Certificate(der) !== null
    } catch {
      return false
    }
  },
  { most: 256, longest: 4096 },
)

/** @throws MalformedStatement naming the file */
export function readMakerCertificate(der: Buffer, file: string | null, quirks: MakerQuirks = {}): MakerCertificate {
  if (!isCertificate(der)) throw new MalformedStatement(file, say('attestation.malformed.certificate'))
  return guard(file, () => read(der, file, quirks))
}

function read(der: Buffer, file: string | null, quirks: MakerQuirks): MakerCertificate {
  const [tbs, algorithm, signature, ...rest] = readDer(der, { maxBytes: 16384, maxDepth: 16, maxNodes: 1000 }).expect(TAG.sequence).children()
  if (!tbs || !algorithm || !signature || rest.length > 0) throw new MalformedDer('not a certificate', 0)
  const members = tbs.expect(TAG.sequence).children()
  // Version 1 is the DEFAULT and therefore left out (RFC 5280 4.1).
  const first = quirks.version1 && members[0]?.tag === TAG.integer
  const [version, serial, inner, issuer, validity, subject, spki, ...optional] = first ? [null, ...members] : members
  if (version === undefined || !serial || !inner || !issuer || !validity || !subject || !spki) throw new MalformedDer('certificate lacks a member', tbs.offset)
  if (version) {
    const [number, ...more] = version.expect(0xa0, 'version').children()
    // Extensions need version 3 (RFC 5280 4.1.2.1), and a statement without extensions says nothing.
    if (!number || more.length > 0 || number.integer() !== 2n) throw new MalformedDer('certificate is not of version 3', version.offset)
  }
  serial.integer()
  // RFC 5280 4.1.1.2: what is signed must name the algorithm that signed it.
  if (!inner.raw.equals(algorithm.raw)) throw new MalformedDer('two different signature algorithms', inner.offset)
  const [from, to, ...beyond] = validity.expect(TAG.sequence).children()
  if (!from || !to || beyond.length > 0) throw new MalformedDer('validity is not well formed', validity.offset)
  const [wrapped, ...others] = optional
  if (wrapped && !version) throw new MalformedDer('extensions in a certificate of version 1', wrapped.offset)
  if (others.length > 0) throw new MalformedDer('member after the extensions', others[0]!.offset)
  const extensions = wrapped ? readExtensions(wrapped, file) : new Map<string, MakerExtension>()
  const [issuerName, subjectName] = [readName(issuer), readName(subject)]
  return {
    file,
    der,
    tbs: tbs.raw,
    signatureAlgorithm: algorithm.raw,
    signature: signature.bitStringOctets(),
    issuer: issuer.raw,
    subject: subject.raw,
    issuerText: issuerName.text,
    subjectText: subjectName.text,
    subjectCommonName: subjectName.commonName,
    subjectAttributes: subjectName.parts,
    notBefore: from.time(),
    notAfter: to.time(),
    spki: Buffer.from(spki.expect(TAG.sequence).raw),
    extensions,
    basicConstraints: readBasicConstraints(extensions.get(BASIC_CONSTRAINTS)),
  }
}

function readExtensions(wrapped: Der, file: string | null): Map<string, MakerExtension> {
  const [list, ...rest] = wrapped.expect(0xa3, 'extensions').children()
  if (!list || rest.length > 0) throw new MalformedDer('extensions are not well formed', wrapped.offset)
  const extensions = new Map<string, MakerExtension>()
  for (const extension of list.expect(TAG.sequence).children()) {
    const members = extension.expect(TAG.sequence).children()
    const [id, second, third] = members
    if (!id || !second || members.length > 3) throw new MalformedDer('extension is not well formed', extension.offset)
    const oid = id.oid()
    if (extensions.has(oid)) throw new MalformedStatement(file, say('attestation.malformed.duplicate-extension', { oid }))
    extensions.set(oid, { critical: third ? second.boolean() : false, value: Buffer.from((third ?? second).expect(TAG.octetString, 'extension value').value) })
  }
  return extensions
}

function readBasicConstraints(extension: MakerExtension | undefined): MakerCertificate['basicConstraints'] {
  if (!extension) return null
  const members = readDer(extension.value, { maxDepth: 2, maxNodes: 4 }).expect(TAG.sequence).children()
  const ca = members[0]?.tag === TAG.boolean ? members.shift()!.boolean() : false
  const length = members.shift()
  if (members.length > 0) throw new MalformedDer('basicConstraints is not well formed', 0)
  return { ca, pathLength: length ? Number(length.integer()) : null }
}

const ATTRIBUTES: Record<string, string> = { '2.5.4.3': 'CN', '2.5.4.5': 'serialNumber', '2.5.4.6': 'C', '2.5.4.7': 'L', '2.5.4.8': 'ST', '2.5.4.10': 'O', '2.5.4.11': 'OU' }

function readName(name: Der): { text: string; commonName: string | null; parts: { type: string; value: string }[] } {
  const parts: { type: string; value: string }[] = []
  for (const set of name.expect(TAG.sequence, 'name').children())
    for (const pair of set.expect(TAG.set, 'name part').children()) {
      const [type, value, ...rest] = pair.expect(TAG.sequence, 'name part').children()
      if (!type || !value || rest.length > 0) throw new MalformedDer('name is not well formed', pair.offset)
      const id = type.oid()
      parts.push({ type: ATTRIBUTES[id] ?? id, value: value.text() })
    }
  return { parts, text: parts.map((part) => `${part.type}=${part.value}`).join(', '), commonName: parts.length === 1 && parts[0]!.type === 'CN' ? parts[0]!.value : null }
}

/**
 * AlgorithmIdentifiers that makers sign with, by their whole encoding, and the digest of each. SHA-1 and MD5 are not among them.
 * RSA comes with NULL parameters or, on f9 certificates of some YubiKeys 5.7.4, with none: both must be taken (RFC 4055 5).
 */
const SIGNATURES: Record<string, { digest: string; key: 'rsa' | 'ec' }> = {
  '300d06092a864886f70d01010b0500': { digest: 'sha256', key: 'rsa' },
  '300b06092a864886f70d01010b': { digest: 'sha256', key: 'rsa' },
  '300d06092a864886f70d01010c0500': { digest: 'sha384', key: 'rsa' },
  '300b06092a864886f70d01010c': { digest: 'sha384', key: 'rsa' },
  '300d06092a864886f70d01010d0500': { digest: 'sha512', key: 'rsa' },
  '300b06092a864886f70d01010d': { digest: 'sha512', key: 'rsa' },
  '300a06082a8648ce3d040302': { digest: 'sha256', key: 'ec' },
  '300a06082a8648ce3d040303': { digest: 'sha384', key: 'ec' },
}

/** Whether `spki` signed the certificate. False for any key or algorithm that is not understood; never throws. */
export function signedBy(certificate: MakerCertificate, spki: Buffer): boolean {
  const algorithm = SIGNATURES[certificate.signatureAlgorithm.toString('hex')]
  if (!algorithm) return false
  try {
    const key = publicKeyObject(spki)
    return key.asymmetricKeyType === algorithm.key && verify(algorithm.digest, certificate.tbs, key, certificate.signature)
  } catch {
    return false
  }
}
