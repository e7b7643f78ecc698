/** A stand-in for Securosys and one Primus HSM: the real layouts with keys of our own. */
import { constants, createHash, sign } from 'node:crypto'
import { certificationAuthority, commonName, extension, toPem, writeCertificate } from '../../attestations/demo/certificate.ts'
import { readAnchors, type Anchors } from '../../src/attestation/anchors.ts'
import { keyType } from '../../src/attestation/public-key.ts'
import { namedBits, oid, sequence } from '../../src/pki/der.ts'
import { rsa, spkiOf, type KeyPair } from './fake-yubikey.ts'

export const ROOT = 'PRIMUS_HSM_ROOTKEY'
export const DEVICE = 'PRIMUS HSM KEY (SN: 10000001)'

export interface FakeSecurosys {
  anchors: Anchors
  root: KeyPair
  device: KeyPair
  signer: KeyPair
  auditor: KeyPair
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
    notBefore: '2020-01-01',
    notAfter: '2054-08-14',
    signsDevices: true,
    under: null,
    basicConstraintsFrom: null,
    use: 'test',
    independentSources: 2,
    device: 'primus',
    ...more,
  }
}
export const anchorsOf = (...rows: object[]): Anchors => readAnchors({ maker: 'securosys-primus', asOf: '2026-11-21', sources: ['test'], rows })

export function fakeSecurosys(): FakeSecurosys {
  const root = rsa(2048)
  return { anchors: anchorsOf(anchorRow(root)), root, device: rsa(3072), signer: rsa(3072), auditor: rsa(3072) }
}

export const usage = (...bits: number[]): Buffer => extension('2.5.29.15', namedBits(bits), true)
export const policy = (id: string): Buffer => extension('2.5.29.32', sequence(sequence(oid(id))))
const endEntity = (): Buffer => extension('2.5.29.19', sequence(), true)

export const ATTRIBUTES: Readonly<Record<string, string>> = {
  decrypt: 'false', sign: 'true', unwrap: 'false', derive: 'false', sensitive: 'true', always_sensitive: 'true', extractable: 'false', never_extractable: 'true', modifiable: 'false', copyable: 'false', destroyable: 'true', unique: 'true',
}

export interface FakePrimus {
  creation?: string
  /** Elements changed, added, or left out (undefined). */
  elements?: Record<string, string | undefined>
  attributes?: Record<string, string | undefined>
  /** The whole text in the place of the regular one. */
  xml?: string
  /** What is signed, where it is not the text given. */
  signed?: string
  pss?: boolean
  issuer?: string
  deviceName?: string
  deviceExtensions?: Buffer[]
  deviceSignedBy?: KeyPair
  signerExtensions?: Buffer[]
  signerSignedBy?: KeyPair
  signerIssuer?: string
  signerKey?: KeyPair
  notBefore?: Date
  notAfter?: Date
}

export function primusXml(spki: Buffer, { creation = 'generated', elements = {}, attributes = {} }: FakePrimus = {}): string {
  const type = keyType(spki) ?? ''
  const [kind, size] = type.startsWith('RSA-') ? ['RSA', type.slice(4)] : ['EC', type.slice(2)]
  const lines = (values: Record<string, string | undefined>, indent: string) => Object.entries(values).filter(([, value]) => value !== undefined).map(([name, value]) => `${indent}<${name}>${value}</${name}>`)
  const regular = { label: 'signing', create_time: '2026-10-01T20:31:53Z', attest_time: '2026-10-18T20:19:33Z', key_use_count: '1', algorithm: kind, algorithm_oid: '1.2.840.113549.1.1.1', key_size: size, public_key: spki.toString('base64'), ...elements }
  return ['<?xml version="1.0" encoding="UTF-8"?>', `<private_key creation="${creation}">`, ...lines(regular, '\t'), '\t<attributes>', ...lines({ ...ATTRIBUTES, ...attributes }, '\t\t'), '\t</attributes>', '</private_key>', '', ''].join('\n')
}

export const signXml = (text: string, key: KeyPair, pss = false): Buffer =>
  sign('sha256', Buffer.from(text), pss ? { key: key.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST } : key.privateKey)

const dates = { notBefore: new Date('2025-08-05T00:00:00Z'), notAfter: new Date('2054-08-14T12:33:45Z') }
export const deviceCertificate = (securosys: FakeSecurosys, options: FakePrimus = {}): Buffer =>
  writeCertificate(
    { serial: Buffer.from([1]), issuer: commonName(options.issuer ?? ROOT), subject: commonName(options.deviceName ?? DEVICE), ...dates, spki: spkiOf(securosys.device), extensions: options.deviceExtensions ?? [usage(1, 5, 6), certificationAuthority(0), policy('1.3.6.1.4.1.44668.4.1.3')] },
    (options.deviceSignedBy ?? securosys.root).privateKey,
  )
export const signerCertificate = (securosys: FakeSecurosys, name: string, key: KeyPair, options: FakePrimus = {}): Buffer =>
  writeCertificate(
    { serial: Buffer.from([2]), issuer: commonName(options.signerIssuer ?? options.deviceName ?? DEVICE), subject: commonName(name), notBefore: options.notBefore ?? dates.notBefore, notAfter: options.notAfter ?? dates.notAfter, spki: spkiOf(key), extensions: options.signerExtensions ?? [usage(0, 1), endEntity()] },
    (options.signerSignedBy ?? securosys.device).privateKey,
  )

/** The three files of a key that the HSM generated. */
export function fakePrimus(securosys: FakeSecurosys, spki: Buffer, options: FakePrimus = {}): { 'key.xml': Buffer; 'key.sig': Buffer; 'chain.crt': Buffer } {
  const text = options.xml ?? primusXml(spki, options)
  const chain = [signerCertificate(securosys, 'attestation-key', options.signerKey ?? securosys.signer, options), deviceCertificate(securosys, options)]
  return { 'key.xml': Buffer.from(text), 'key.sig': signXml(options.signed ?? text, securosys.signer, options.pss), 'chain.crt': Buffer.from(chain.map((der) => toPem('CERTIFICATE', der)).join('')) }
}
export { toPem }
