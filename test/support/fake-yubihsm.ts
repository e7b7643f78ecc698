/** A stand-in for Yubico's YubiHSM factory: authorities with the real names and keys of our own, and devices with one thing changed. */
import { createHash } from 'node:crypto'
import { certificationAuthority, commonName, extension, writeCertificate } from '../../attestations/demo/certificate.ts'
import { readAnchors, type Anchors } from '../../src/attestation/anchors.ts'
import { bitString, integer, octetString, utf8String } from '../../src/pki/der.ts'
import { rsa, spkiOf, type KeyPair } from './fake-yubikey.ts'

export const ARC = '1.3.6.1.4.1.41482.4.'
export const OLDER = 'Yubico YubiHSM 6742036 Sub-CA'
export const NEWER = 'YubiHSM Attestation B2 1'
/** Held, but too high up to sign a device's certificate. */
export const ROOT = 'Yubico YubiHSM Root CA'
/** Held, but off. */
export const OFF = 'YubiHSM Attestation C2 1'

export interface FakeHsmFactory {
  anchors: Anchors
  /** By the authority's common name. */
  keys: Record<string, KeyPair>
  device: KeyPair
}

export function fakeHsmFactory(): FakeHsmFactory {
  const keys = Object.fromEntries([OLDER, NEWER, ROOT, OFF].map((name) => [name, rsa(2048)]))
  const rows = [OLDER, NEWER, ROOT, OFF].map((name) => {
    const spki = spkiOf(keys[name]!)
    return {
      role: name === ROOT ? 'anchor' : 'issuer',
      subject: `CN=${name}`,
      subjectDer: commonName(name).toString('base64'),
      spki: spki.toString('base64'),
      spkiSha256: createHash('sha256').update(spki).digest('hex'),
      certificateSha256: null,
      notBefore: '2017-01-01',
      notAfter: name === NEWER ? '9999-12-31' : '2071-10-05',
      signsDevices: name !== ROOT,
      under: null,
      basicConstraintsFrom: '0.0.0',
      use: 'test',
      independentSources: name === OLDER ? 1 : 2,
      ...(name === OFF ? { off: { why: 'single-source', confirmAt: 'https://developers.yubico.com/YubiHSM2/' } } : {}),
    }
  })
  return { anchors: readAnchors({ maker: 'yubihsm2', asOf: '2026-11-21', sources: ['test'], rows }), keys, device: rsa(2048) }
}

export interface FakeHsmOptions {
  issuedBy?: string
  /** null leaves an extension out. */
  firmware?: [number, number, number] | null
  deviceFirmware?: [number, number, number] | null
  serial?: number | null
  deviceSerial?: number | null
  /** The serial number in the device's name. */
  namedSerial?: number
  origin?: number | null
  capabilities?: bigint | null
  objectId?: number | null
  label?: string
  fips?: number | null
  fipsMode?: boolean | null
  leafSubject?: string
  leafIssuer?: string
  deviceSubject?: string
  pathLength?: number | null
  device?: KeyPair
  leafSignedBy?: KeyPair
  deviceSignedBy?: KeyPair
  notBefore?: Date
  notAfter?: Date
  moreInLeaf?: Buffer[]
  moreInDevice?: Buffer[]
}

export { commonName, extension, certificationAuthority }
export const inArc = (last: number, value: Buffer): Buffer => extension(`${ARC}${last}`, value)
const bigEndian = (value: bigint): Buffer => {
  const octets = Buffer.alloc(8)
  octets.writeBigUInt64BE(value)
  return octets
}
const present = <T>(value: T | null | undefined, write: (value: T) => Buffer): Buffer[] => (value === null || value === undefined ? [] : [write(value)])

/** sign-pkcs and sign-pss. */
export const SIGNING = (1n << 5n) | (1n << 6n)

/** The two certificates of a device that generated a key with this SubjectPublicKeyInfo. By default: FIPS, 2.4.1, RSA signing only. */
export function fakeYubihsm(factory: FakeHsmFactory, spki: Buffer, options: FakeHsmOptions = {}): { leaf: Buffer; device: Buffer } {
  const {
    issuedBy = OLDER,
    firmware = [2, 4, 1],
    deviceFirmware = firmware,
    serial = 20_783_176,
    deviceSerial = serial,
    namedSerial = 20_783_176,
    origin = 0x01,
    capabilities = SIGNING,
    objectId = 0x24,
    label = 'code signing',
    fips = 5,
    fipsMode = null,
    pathLength = 0,
    device: deviceKey = factory.device,
    notBefore = new Date('2017-01-01T00:00:00Z'),
    notAfter = new Date('2071-10-05T00:00:00Z'),
  } = options
  const deviceName = commonName(options.deviceSubject ?? `YubiHSM Attestation (${namedSerial})`)
  const dates = { notBefore, notAfter }
  const device = writeCertificate(
    {
      serial: Buffer.from('67abb65243324135', 'hex'),
      issuer: commonName(issuedBy),
      subject: deviceName,
      ...dates,
      spki: spkiOf(deviceKey),
      extensions: [
        ...present(deviceFirmware, (value) => inArc(1, octetString(Buffer.from(value)))),
        ...present(fips, (value) => inArc(10, integer(value))),
        ...present(deviceSerial, (value) => inArc(2, integer(value))),
        ...present(pathLength, certificationAuthority),
        ...(options.moreInDevice ?? []),
      ],
    },
    (options.deviceSignedBy ?? factory.keys[issuedBy]!).privateKey,
  )
  const leaf = writeCertificate(
    {
      serial: Buffer.from('764af76d1846e85ec41ad5624b82c4d4', 'hex'),
      issuer: options.leafIssuer === undefined ? deviceName : commonName(options.leafIssuer),
      subject: commonName(options.leafSubject ?? `YubiHSM Attestation id:0x${(objectId ?? 0).toString(16).padStart(4, '0')}`),
      ...dates,
      spki,
      extensions: [
        ...present(firmware, (value) => inArc(1, octetString(Buffer.from(value)))),
        ...present(serial, (value) => inArc(2, integer(value))),
        ...present(origin, (value) => inArc(3, bitString(Buffer.from([value])))),
        inArc(4, bitString(Buffer.from([0, 0x0c]))),
        ...present(capabilities, (value) => inArc(5, bitString(bigEndian(value)))),
        ...present(objectId, (value) => inArc(6, integer(value))),
        inArc(9, utf8String(label)),
        ...present(fipsMode, (value) => inArc(12, Buffer.from([1, 1, value ? 0xff : 0]))),
        ...(options.moreInLeaf ?? []),
      ],
    },
    (options.leafSignedBy ?? deviceKey).privateKey,
  )
  return { leaf, device }
}
