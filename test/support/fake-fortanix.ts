/** A stand-in for Fortanix' attestation hierarchy and one DSM cluster: the real layouts with keys of our own. */
import { createHash } from 'node:crypto'
import { commonName, extension, writeCertificate } from '../../attestations/demo/certificate.ts'
import { readAnchors, type Anchors } from '../../src/attestation/anchors.ts'
import { bitString, boolean, namedBits, oid, sequence, setOf, tlv, utf8String } from '../../src/pki/der.ts'
import { rsa, spkiOf, type KeyPair } from './fake-yubikey.ts'

const ARC = '1.3.6.1.4.1.49690.'
export const ROOT = 'Fortanix Attestation and Provisioning Root CA'
export const CA = 'Fortanix Key Attestation CA'
export const AUTHORITY = 'Fortanix DSM SaaS Key Attestation Authority'

export interface FakeFortanix {
  anchors: Anchors
  root: KeyPair
  ca: KeyPair
  authority: KeyPair
}

export const anchorRow = (root: KeyPair, more: object = {}) => {
  const spki = spkiOf(root)
  return {
    role: 'anchor',
    subject: `CN=${ROOT}`,
    subjectDer: commonName(ROOT).toString('base64'),
    spki: spki.toString('base64'),
    spkiSha256: createHash('sha256').update(spki).digest('hex'),
    certificateSha256: null,
    notBefore: '2023-09-01',
    notAfter: '2033-08-29',
    signsDevices: true,
    under: null,
    basicConstraintsFrom: null,
    use: 'test',
    independentSources: 2,
    ...more,
  }
}
export const anchorsOf = (...rows: object[]): Anchors => readAnchors({ maker: 'fortanix-dsm', asOf: '2026-11-21', sources: ['test'], rows })

export function fakeFortanix(): FakeFortanix {
  const root = rsa(2048)
  return { anchors: anchorsOf(anchorRow(root)), root, ca: rsa(2048), authority: rsa(3072) }
}

export const usage = (...bits: number[]): Buffer => extension('2.5.29.15', namedBits(bits), true)
export const policy = (id = `${ARC}6.1.2`): Buffer => extension('2.5.29.32', sequence(sequence(oid(id))))
export const purposes = (...ids: string[]): Buffer => extension('2.5.29.37', sequence(...ids.map(oid)))
export const signing = (): Buffer => purposes(`${ARC}8.1`)
/** As Fortanix writes it for certificates that are no CA: FALSE spelt out. */
export const notAuthority = (): Buffer => extension('2.5.29.19', sequence(tlv(1, Buffer.from([0]))), true)
export const isAuthority = (): Buffer => extension('2.5.29.19', sequence(boolean(true)), true)
export const claim = (last: string, value = sequence(), critical = false): Buffer => extension(`${ARC}2.4.${last}`, value, critical)
/** The cluster's enrollment policy: each item an identifier with qualifiers, below 2.5. */
export const enrollment = (...items: string[][]): Buffer => extension(`${ARC}2.5`, sequence(...items.map((ids) => sequence(...ids.map((id) => oid(`${ARC}2.5.${id}`))))))
export const FX2200 = [['1', '1.1'], ['2']]
export const keyName = (name: string): Buffer => sequence(setOf(sequence(oid('2.5.4.3'), utf8String(name))), setOf(sequence(oid(`${ARC}1.2.2`), utf8String('18ec8b96-8845-4ce3-9fd1-50407b4b1fc0'))))

export interface FakeDsm {
  signed?: Date
  until?: Date
  leafName?: string
  leafIssuer?: string
  leafExtensions?: Buffer[]
  leafSignedBy?: KeyPair
  authorityExtensions?: Buffer[]
  authoritySignedBy?: KeyPair
  authorityFrom?: Date
  authorityUntil?: Date
  caName?: string
  caIssuer?: string
  caExtensions?: Buffer[]
  caSignedBy?: KeyPair
  caFrom?: Date
  caUntil?: Date
  /** More certificates for authority_chain. */
  more?: Buffer[]
  /** The JSON in the place of the regular one, made of the regular parts. */
  json?: (parts: { chain: string[]; statement: string }) => unknown
}

export const SIGNED = new Date('2026-11-05T18:11:51Z')

export function dsmCertificates(fortanix: FakeFortanix, spki: Buffer, options: FakeDsm = {}): { leaf: Buffer; authority: Buffer; ca: Buffer } {
  const caName = commonName(options.caName ?? CA)
  const ca = writeCertificate(
    { serial: Buffer.from([1]), issuer: commonName(options.caIssuer ?? ROOT), subject: caName, notBefore: options.caFrom ?? new Date('2026-08-01T00:00:00Z'), notAfter: options.caUntil ?? new Date('2029-08-01T00:00:00Z'), spki: spkiOf(fortanix.ca), extensions: options.caExtensions ?? [usage(0, 5, 6), isAuthority(), policy()] },
    (options.caSignedBy ?? fortanix.root).privateKey,
  )
  const authority = writeCertificate(
    { serial: Buffer.from([2]), issuer: caName, subject: commonName(AUTHORITY), notBefore: options.authorityFrom ?? new Date('2026-11-05T00:00:00Z'), notAfter: options.authorityUntil ?? new Date('2026-12-05T00:00:00Z'), spki: spkiOf(fortanix.authority), extensions: options.authorityExtensions ?? [extension('2.5.29.15', bitString(Buffer.from([0x80]), 1), true), notAuthority(), signing(), enrollment(...FX2200), policy()] },
    (options.authoritySignedBy ?? fortanix.ca).privateKey,
  )
  const leaf = writeCertificate(
    { serial: Buffer.from([3]), issuer: commonName(options.leafIssuer ?? AUTHORITY), subject: keyName(options.leafName ?? 'Fortanix DSM Key Attestation'), notBefore: options.signed ?? SIGNED, notAfter: options.until ?? new Date('9999-12-31T23:59:59Z'), spki, extensions: options.leafExtensions ?? [usage(0), claim('1.1'), claim('1.2')] },
    (options.leafSignedBy ?? fortanix.authority).privateKey,
  )
  return { leaf, authority, ca }
}

/** The JSON of a key that the cluster generated. By default: made in November 2026, on FX2200 machines. */
export function fakeDsm(fortanix: FakeFortanix, spki: Buffer, options: FakeDsm = {}): Buffer {
  const { leaf, authority, ca } = dsmCertificates(fortanix, spki, options)
  const parts = { chain: [authority, ca, ...(options.more ?? [])].map((der) => der.toString('base64')), statement: leaf.toString('base64') }
  const json = options.json ? options.json(parts) : { authority_chain: parts.chain, attestation_statement: { format: 'x509_certificate', statement: parts.statement } }
  return Buffer.from(JSON.stringify(json, null, 2))
}
