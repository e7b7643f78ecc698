/** A stand-in for a Luna module and Thales's factory: the real names and shapes, keys of our own, one thing changed at a time. */
import { createHash, sign } from 'node:crypto'
import { readAnchors, type Anchors } from '../../src/attestation/anchors.ts'
import { bitString, boolean, context, integer, namedBits, nullValue, octetString, oid, printableString, readDer, sequence, setOf, time, tlv } from '../../src/pki/der.ts'
import { rsaKeyPair } from '../pki/keys.ts'
import { ec, rsa, spkiOf, type KeyPair } from './fake-yubikey.ts'

export const ARC = '1.3.6.1.4.1.12383.'
export type Part = [type: string, value: string]
const TYPES: Record<string, string> = { CN: '2.5.4.3', C: '2.5.4.6', L: '2.5.4.7', ST: '2.5.4.8', O: '2.5.4.10', OU: '2.5.4.11' }
export const name = (...parts: Part[]): Buffer => sequence(...parts.map(([type, value]) => setOf(sequence(oid(TYPES[type]!), printableString(value)))))

export const ROOT = name(['C', 'CA'], ['ST', 'Ontario'], ['L', 'Ottawa'], ['O', 'Chrysalis-ITS Inc.'], ['CN', 'Chrysalis-ITS Root'])
export const ECC_ROOT = name(['C', 'US'], ['O', 'SafeNet, Inc.'], ['OU', 'Luna Manufacturer Integrity ECC'], ['CN', 'SafeNet ECC Manufacturer Integrity Module '])
const INTEGRITY = name(['C', 'CA'], ['O', 'Thales Canada'], ['OU', 'HSM Engineering'], ['CN', 'Thales Luna Mfg Integrity Certifcate x1'])
const ORIGIN = name(['CN', 'Hardware Origin Certificate'])

/** `critical` false is written out, as Luna firmware does against DER. */
export const extension = (id: string, value: Buffer, critical: boolean): Buffer => sequence(oid(id), critical ? boolean(true) : Buffer.from('010100', 'hex'), octetString(value))
export const inArc = (last: number, hex: string, critical = false): Buffer => extension(`${ARC}2.${last}`, Buffer.from(hex, 'hex'), critical)
const usage = (role: number): Buffer => extension('2.5.29.37', sequence(oid(`${ARC}1.${role}`)), true)
const keyUsage = (...bits: number[]): Buffer => extension('2.5.29.15', namedBits(bits), true)
export const authority = (): Buffer => extension('2.5.29.19', sequence(boolean(true)), true)
const SIGNS = () => keyUsage(5, 6)
const littleEndian = (value: number): string => {
  const octets = Buffer.alloc(4)
  octets.writeUInt32LE(value)
  return octets.toString('hex')
}

interface Content {
  issuer: Buffer
  subject: Buffer
  spki: Buffer
  extensions: Buffer[]
  notBefore: Date
  notAfter: Date
}
const SHA384_RSA = sequence(oid('1.2.840.113549.1.1.12'), nullValue())
const SHA1_RSA = sequence(oid('1.2.840.113549.1.1.5'), nullValue())
const SHA384_ECDSA = sequence(oid('1.2.840.10045.4.3.3'))
const SHA256_ECDSA_NULL = sequence(oid('1.2.840.10045.4.3.2'), nullValue())

function certificate(content: Content, key: KeyPair, algorithm = SHA384_RSA, digest = 'sha384', shape: (signature: Buffer) => Buffer = (signature) => signature): Buffer {
  const tbs = sequence(
    context(0, integer(2)),
    integer(Buffer.from('5140b494692bcb77', 'hex')),
    algorithm,
    content.issuer,
    sequence(time(content.notBefore), time(content.notAfter)),
    content.subject,
    content.spki,
    context(3, sequence(...content.extensions)),
  )
  return sequence(tbs, algorithm, bitString(shape(sign(digest, tbs, key.privateKey))))
}

export interface FakeLuna {
  anchors: Anchors
  root: KeyPair
  integrity: KeyPair
  origin: KeyPair
  device: KeyPair
  eccRoot: KeyPair
  eccOrigin: KeyPair
}

/** Anchors of these keys; the ECC root as it ships, or on. */
export function lunaAnchors(luna: Omit<FakeLuna, 'anchors'>, ecc: 'on' | 'off' = 'off'): Anchors {
  const row = (subject: string, subjectDer: Buffer, key: KeyPair, rest: object) => {
    const spki = spkiOf(key)
    return { role: 'anchor', subject, subjectDer: subjectDer.toString('base64'), spki: spki.toString('base64'), spkiSha256: createHash('sha256').update(spki).digest('hex'), certificateSha256: null, signsDevices: true, under: null, basicConstraintsFrom: null, use: 'test', independentSources: 1, ...rest }
  }
  return readAnchors({
    maker: 'thales-luna',
    asOf: '2026-11-21',
    sources: ['test'],
    rows: [
      row('CN=Chrysalis-ITS Root', ROOT, luna.root, { notBefore: '2002-01-01', notAfter: '2032-01-01' }),
      row('CN=SafeNet ECC Manufacturer Integrity Module', ECC_ROOT, luna.eccRoot, { notBefore: '2010-08-12', notAfter: '2030-08-12', ...(ecc === 'off' ? { off: { why: 'single-source', confirmAt: 'https://supportportal.thalesgroup.com/' } } : { independentSources: 2 }) }),
    ],
  })
}

export function fakeLuna(): FakeLuna {
  // The real root has the exponent 3.
  const keys = { root: rsaKeyPair(2048, 3), integrity: rsa(2048), origin: rsa(2048), device: rsa(2048), eccRoot: ec('P-384'), eccOrigin: ec('P-256') }
  return { ...keys, anchors: lunaAnchors(keys) }
}

export interface LunaOptions {
  serial?: number
  deviceSerial?: number
  namedSerial?: number
  /** The serial number at the end of the confirmation's name. */
  confirmedSerial?: number
  model?: string
  firmware?: string
  deviceFirmware?: string
  flags?: string | null
  unit?: string
  confirmationSubject?: Buffer
  confirmationIssuer?: Buffer
  /** By place in the chain, from the confirmation: another role, signer, or extensions added. */
  roles?: Record<number, number>
  signers?: Record<number, KeyPair>
  more?: Record<number, Buffer[]>
  /** Places whose certificate leaves basicConstraints out, or keyUsage. */
  noAuthority?: number[]
  noKeyUsage?: number[]
  root?: KeyPair
  rootName?: Buffer
  notBefore?: Date
  notAfter?: Date
  confirmationAlgorithm?: 'sha1'
}

/** The five certificates of a module that made this key, from the confirmation to the root. By default: a K7, firmware 7.8.4, serial 521174. */
export function fakeConfirmation(luna: FakeLuna, spki: Buffer, options: LunaOptions = {}): Buffer[] {
  const { serial = 521_174, deviceSerial = serial, namedSerial = deviceSerial, confirmedSerial = serial, model = 'Luna K7', firmware = '54000700', deviceFirmware = firmware, flags = '030204f0', root = luna.root, rootName = ROOT } = options
  const dates = { notBefore: options.notBefore ?? new Date('2020-03-01T00:00:00Z'), notAfter: options.notAfter ?? new Date('2032-05-05T00:00:00Z') }
  const deviceName = name(['C', 'CA'], ['O', 'Chrysalis-ITS'], ['OU', 'Chrysalis-ITS DeviceAuthenticationCertificate'], ['CN', `${model}-${namedSerial}`])
  const confirmation = options.confirmationSubject ?? name(['OU', options.unit ?? 'Chrysalis-ITS Proof of Origin'], ['CN', `41000000ae000002${littleEndian(confirmedSerial)}`])
  const role = (place: number, usual: number) => usage(options.roles?.[place] ?? usual)
  const upper = (place: number) => [...(options.noKeyUsage?.includes(place) ? [] : [SIGNS()]), ...(options.noAuthority?.includes(place) ? [] : [authority()]), ...(options.more?.[place] ?? [])]
  const old = options.confirmationAlgorithm === 'sha1'
  return [
    certificate(
      { ...dates, issuer: options.confirmationIssuer ?? deviceName, subject: confirmation, spki, extensions: [role(0, 13), keyUsage(0), inArc(1, littleEndian(serial)), inArc(3, firmware), inArc(4, '02000000'), ...(flags === null ? [] : [inArc(5, flags)]), ...(options.more?.[0] ?? [])] },
      options.signers?.[0] ?? luna.device,
      old ? SHA1_RSA : SHA384_RSA,
      old ? 'sha1' : 'sha384',
    ),
    certificate({ ...dates, issuer: ORIGIN, subject: deviceName, spki: spkiOf(luna.device), extensions: [role(1, 12), inArc(1, littleEndian(deviceSerial)), inArc(3, deviceFirmware), inArc(4, '02000000'), ...upper(1)] }, options.signers?.[1] ?? luna.origin),
    certificate({ ...dates, issuer: INTEGRITY, subject: ORIGIN, spki: spkiOf(luna.origin), extensions: [role(2, 8), inArc(6, '00000000'), inArc(7, '0a000000'), ...upper(2)] }, options.signers?.[2] ?? luna.integrity),
    certificate({ ...dates, issuer: rootName, subject: INTEGRITY, spki: spkiOf(luna.integrity), extensions: [role(3, 7), ...upper(3)] }, options.signers?.[3] ?? root),
    certificate({ issuer: rootName, subject: rootName, spki: spkiOf(root), extensions: [role(4, 1)], notBefore: new Date('2002-01-01T00:00:00Z'), notAfter: new Date('2032-01-01T00:00:00Z') }, root, SHA1_RSA, 'sha1'),
  ]
}

/** r and s without the octet that keeps a DER INTEGER positive, as Luna firmware writes them. */
export const bareIntegers = (signature: Buffer): Buffer => sequence(...readDer(signature).children().map((number) => tlv(0x02, number.value[0] === 0 ? number.value.subarray(1) : number.value)))

export interface LunaEccOptions {
  serial?: number
  originSerial?: string
  signers?: Record<number, KeyPair>
  more?: Record<number, Buffer[]>
  /** How the confirmation's signature is written. */
  shape?: (signature: Buffer) => Buffer
  algorithm?: Buffer
  root?: KeyPair
}

/** The three certificates of a module that made this elliptic-curve key, with the confirmation's signature as the firmware writes it. */
export function fakeEccConfirmation(luna: FakeLuna, spki: Buffer, options: LunaEccOptions = {}): Buffer[] {
  const { serial = 521_174, originSerial = '521174', root = luna.eccRoot } = options
  const dates = { notBefore: new Date('2010-08-12T00:00:00Z'), notAfter: new Date('2030-08-12T00:00:00Z') }
  const origin = name(['O', 'SafeNet, Inc.'], ['OU', 'Luna Module Hardware Origin'], ['CN', originSerial])
  return [
    certificate({ ...dates, issuer: origin, subject: name(['O', 'SafeNet, Inc.'], ['OU', 'Luna Module'], ['CN', `43000000ae000002${littleEndian(serial)}`]), spki, extensions: [usage(13), keyUsage(0), inArc(3, '54000700'), inArc(5, '030204f0'), ...(options.more?.[0] ?? [])] }, options.signers?.[0] ?? luna.eccOrigin, options.algorithm ?? SHA256_ECDSA_NULL, 'sha256', options.shape ?? bareIntegers),
    certificate({ ...dates, issuer: ECC_ROOT, subject: origin, spki: spkiOf(luna.eccOrigin), extensions: [usage(15), ...(options.more?.[1] ?? [])] }, options.signers?.[1] ?? root, SHA384_ECDSA),
    certificate({ ...dates, issuer: ECC_ROOT, subject: ECC_ROOT, spki: spkiOf(root), extensions: [usage(14)] }, root, SHA384_ECDSA),
  ]
}

/** The certificates as `cmu getpkc` writes them. */
export const p7b = (certificates: Buffer[]): Buffer =>
  sequence(oid('1.2.840.113549.1.7.2'), context(0, sequence(integer(1), tlv(0x31), sequence(oid('1.2.840.113549.1.7.1')), context(0, ...certificates), tlv(0x31))))
