/**
 * A stand-in for Yubico's factory: authorities with the real names and keys of our own, and devices that differ from a
 * real one in exactly what a test asks for. Its anchors reach the verifier by the parameter that only tests use.
 */
import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { certificationAuthority, commonName, extension, writeCertificate } from '../../attestations/demo/certificate.ts'
import { readAnchors, type Anchors } from '../../src/attestation/anchors.ts'
import { bitString, context, integer, nullValue, octetString, oid, sequence, setOf } from '../../src/pki/der.ts'
import { rsaKeyPair } from '../pki/keys.ts'

export const ARC = '1.3.6.1.4.1.41482.3.'
export const OLDER = 'Yubico PIV Root CA Serial 263751'
export const NEWER = 'Yubico PIV Attestation B 1'
export const PREVIEW = 'Yubico PIV Preview CA'
export const FIDO = 'Yubico FIDO Attestation B 1'
/** Held, but too high up to sign a device's certificate. */
export const ROOT = 'Yubico Attestation Root 1'

export interface KeyPair {
  privateKey: KeyObject
  publicKey: KeyObject
}
export const rsa = (bits: number): KeyPair => rsaKeyPair(bits)
export const ec = (curve: string): KeyPair => generateKeyPairSync('ec', { namedCurve: curve })
export const spkiOf = (key: KeyPair): Buffer => key.publicKey.export({ type: 'spki', format: 'der' })

export interface FakeFactory {
  anchors: Anchors
  /** By the authority's common name. */
  keys: Record<string, KeyPair>
  /** The f9 key that devices are made with unless a test says otherwise: real f9 keys are shared by a batch too. */
  f9: KeyPair
}

export function fakeFactory(): FakeFactory {
  const keys = Object.fromEntries([OLDER, NEWER, PREVIEW, FIDO, ROOT].map((name) => [name, rsa(2048)]))
  const row = (name: string, role: 'anchor' | 'issuer' | 'refuse') => {
    const spki = spkiOf(keys[name]!)
    return {
      role,
      subject: `CN=${name}`,
      subjectDer: commonName(name).toString('base64'),
      spki: spki.toString('base64'),
      spkiSha256: createHash('sha256').update(spki).digest('hex'),
      certificateSha256: null,
      notBefore: '2016-03-14',
      notAfter: name === NEWER ? '9999-12-31' : '2052-04-17',
      signsDevices: role !== 'refuse' && name !== ROOT,
      under: null,
      basicConstraintsFrom: name === OLDER ? '5.0.0' : '0.0.0',
      use: 'test',
      independentSources: 2,
    }
  }
  const rows = [row(OLDER, 'anchor'), row(NEWER, 'issuer'), row(PREVIEW, 'refuse'), row(FIDO, 'refuse'), row(ROOT, 'anchor')]
  return { anchors: readAnchors({ maker: 'yubikey-piv', asOf: '2026-11-21', sources: ['test'], rows }), keys, f9: rsa(2048) }
}

export interface FakeOptions {
  issuedBy?: string
  firmware?: [number, number, number]
  deviceFirmware?: [number, number, number]
  pin?: number
  touch?: number
  /** The octet of .9; null leaves the extension out. */
  form?: number | null
  /** The value of .10; null leaves it out. */
  fips?: number | null
  cspn?: boolean
  slot?: string
  leafSubject?: string
  leafIssuer?: string
  deviceSubject?: string
  /** pathLenConstraint of the f9 certificate; null leaves basicConstraints out. */
  pathLength?: number | null
  f9?: KeyPair
  leafSignedBy?: KeyPair
  deviceSignedBy?: KeyPair
  notBefore?: Date
  notAfter?: Date
  /** Put after the regular extensions. */
  moreInLeaf?: Buffer[]
  moreInDevice?: Buffer[]
}

const inArc = (last: number, ...octets: number[]): Buffer => extension(`${ARC}${last}`, Buffer.from(octets))
export const arcExtension = inArc
export { certificationAuthority, commonName, extension }

/** The two certificates of a device that generated a key with this SubjectPublicKeyInfo. By default: FIPS, 5.7.4, slot 9c. */
export function fakeYubikey(factory: FakeFactory, spki: Buffer, options: FakeOptions = {}): { leaf: Buffer; device: Buffer } {
  const {
    issuedBy = NEWER,
    firmware = [5, 7, 4],
    deviceFirmware = firmware,
    pin = 2,
    touch = 1,
    form = 0x83,
    fips = 8,
    cspn = false,
    slot = '9c',
    pathLength = 0,
    f9 = factory.f9,
    notBefore = new Date('2024-12-01T00:00:00Z'),
    notAfter = new Date('9999-12-31T23:59:59Z'),
  } = options
  const deviceName = commonName(options.deviceSubject ?? 'YubiKey PIV Attestation')
  const device = writeCertificate(
    {
      serial: Buffer.from('0095dc17993b2db7fc', 'hex'),
      issuer: commonName(issuedBy),
      subject: deviceName,
      notBefore,
      notAfter,
      spki: spkiOf(f9),
      extensions: [
        inArc(3, ...deviceFirmware),
        ...(fips === null ? [] : [extension(`${ARC}10`, integer(fips))]),
        ...(cspn ? [extension(`${ARC}11`, integer(1))] : []),
        ...(pathLength === null ? [] : [certificationAuthority(pathLength)]),
        ...(options.moreInDevice ?? []),
      ],
    },
    (options.deviceSignedBy ?? factory.keys[issuedBy]!).privateKey,
  )
  const leaf = writeCertificate(
    {
      serial: Buffer.from('015093de7222b71b2469616807373d25', 'hex'),
      issuer: options.leafIssuer === undefined ? deviceName : commonName(options.leafIssuer),
      subject: commonName(options.leafSubject ?? `YubiKey PIV Attestation ${slot}`),
      notBefore,
      notAfter,
      spki,
      extensions: [inArc(3, ...firmware), extension(`${ARC}7`, integer(33_064_031)), inArc(8, pin, touch), ...(form === null ? [] : [inArc(9, form)]), ...(options.moreInLeaf ?? [])],
    },
    (options.leafSignedBy ?? f9).privateKey,
  )
  return { leaf, device }
}

/** A certificate request for a key, with requested extensions. Its signature is nobody's: requests are judged elsewhere. */
export function requestFor(spki: Buffer, requested: { oid: string; value: Buffer }[] = []): Buffer {
  const attributes =
    requested.length === 0
      ? Buffer.alloc(0)
      : sequence(oid('1.2.840.113549.1.9.14'), setOf(sequence(...requested.map((entry) => sequence(oid(entry.oid), octetString(entry.value))))))
  const info = sequence(integer(0), commonName('Applicant'), spki, context(0, attributes))
  return sequence(info, sequence(oid('1.2.840.113549.1.1.11'), nullValue()), bitString(Buffer.alloc(256, 1)))
}
