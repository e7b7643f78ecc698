/**
 * A stand-in for Marvell's factory and the clouds: authorities with the real names and keys of our own, cards, partitions, and statements
 * that differ from a real one in exactly what a test asks for. The anchors reach the verifier by the parameter that only tests use.
 */
import { createHash, sign, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { ATTRIBUTE } from '../../attestations/marvell/blob.ts'
import { readAnchors, type Anchors } from '../../src/attestation/anchors.ts'
import { bitString, boolean, context, integer, namedBits, nullValue, octetString, oid, readDer, sequence, setOf, time, utf8String } from '../../src/pki/der.ts'
import { certificatePem } from '../../src/pki/pem.ts'
import { rsa, spkiOf, type KeyPair } from './fake-yubikey.ts'

export type Maker = 'google-cloud-hsm' | 'azure-managed-hsm'
type Row = { subject: string; subjectDer: string; spki: string; spkiSha256: string; certificateSha256: string | null; off?: object; vouchesFor?: string }
const published = (maker: Maker) => JSON.parse(readFileSync(new URL(`../../attestations/${maker}/anchors.json`, import.meta.url), 'utf8')) as { rows: Row[] }
const nameOf = (part: string): Buffer => Buffer.from(published('google-cloud-hsm').rows.find(({ subject }) => subject.includes(part))!.subjectDer, 'base64')

export const NAMES = { marvell: nameOf('localca.liquidsecurity'), ls2: nameOf('cavium-liquidsecurity-ls2'), hawksbill: nameOf('Hawksbill') }

export interface HsmFactory {
  keys: { marvell: KeyPair; ls2: KeyPair; hawksbill: KeyPair; card: KeyPair; partition: KeyPair }
  /** As shipped, with our keys in the places of theirs. */
  anchors: Record<Maker, Anchors>
  /** The same with nothing switched off. */
  allOn: Record<Maker, Anchors>
}

export function hsmFactory(): HsmFactory {
  const keys = { marvell: rsa(2048), ls2: rsa(2048), hawksbill: rsa(2048), card: rsa(2048), partition: rsa(2048) }
  const ours = (maker: Maker, on: boolean): Anchors => {
    const data = published(maker)
    return readAnchors({
      ...data,
      rows: data.rows.map(({ off, ...row }) => {
        const name = (Object.keys(NAMES) as (keyof typeof NAMES)[]).find((key) => NAMES[key].equals(Buffer.from(row.subjectDer, 'base64')))!
        const spki = spkiOf(keys[name])
        return { ...row, spki: spki.toString('base64'), spkiSha256: createHash('sha256').update(spki).digest('hex'), certificateSha256: null, ...(off && !on ? { off } : {}) }
      }),
    })
  }
  const both = (on: boolean) => ({ 'google-cloud-hsm': ours('google-cloud-hsm', on), 'azure-managed-hsm': ours('azure-managed-hsm', on) })
  return { keys, anchors: both(false), allOn: both(true) }
}

const attribute = (type: string, value: string): Buffer => sequence(oid(type), utf8String(value))
/** A name as cards and partitions have it: five attributes in one set, then the common name. */
export const hsmNameDer = (commonName: string): Buffer =>
  sequence(setOf(attribute('2.5.4.6', 'US'), attribute('2.5.4.8', 'CA'), attribute('2.5.4.10', 'Cavium'), attribute('2.5.4.11', 'N3FIPS'), attribute('2.5.4.7', 'SanJose')), setOf(attribute('2.5.4.3', commonName)))

export const CARD = 'HSM:5.3G2041-ICM000001, for FIPS mode'
export const PARTITION = 'HSM:5.3G2041-ICM000001:PARTN:7, for FIPS mode'

export interface CertificateOptions {
  issuer: Buffer
  subject: Buffer
  key: KeyPair
  signedBy: KeyPair
  version1?: boolean
  notBefore?: Date
  notAfter?: Date
  extensions?: Buffer[]
  digest?: 'sha256' | 'sha1'
}
const ALGORITHMS = { sha256: '1.2.840.113549.1.1.11', sha1: '1.2.840.113549.1.1.5' }

export function hsmCertificate({ issuer, subject, key, signedBy, version1 = false, extensions = [], digest = 'sha256', ...dates }: CertificateOptions): Buffer {
  const { notBefore = new Date('2024-04-26T15:04:24Z'), notAfter = new Date('2034-04-24T15:04:26Z') } = dates
  const algorithm = sequence(oid(ALGORITHMS[digest]), nullValue())
  const tbs = sequence(
    ...(version1 ? [] : [context(0, integer(2))]),
    integer(Buffer.from('2a', 'hex')),
    algorithm,
    issuer,
    sequence(time(notBefore), time(notAfter)),
    subject,
    spkiOf(key),
    ...(extensions.length > 0 ? [context(3, sequence(...extensions))] : []),
  )
  return sequence(tbs, algorithm, bitString(sign(digest, tbs, signedBy.privateKey)))
}

export const extension = (id: string, value: Buffer, critical = false): Buffer => sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(value))
/** What Google's certificates of cards and partitions carry. */
const GOOGLE_EXTENSIONS = [extension('2.5.29.19', sequence()), extension('2.5.29.15', namedBits([0, 2]), true)]

const u16 = (value: number) => Buffer.from([value >> 8, value & 0xff])
const u32 = (value: number) => Buffer.from([value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff])
const octet = (value: number) => Buffer.from([value])
const padded = (text: string) => Buffer.concat([Buffer.from(text), Buffer.alloc(128 - text.length)])

export type Attributes = [type: number, value: Buffer][]
/** Attributes by type: other octets, a flag, or null to leave one out. */
export type Changes = { readonly [type: number]: Buffer | number | null }

const rsaNumbers = (spki: Buffer): { n: Buffer; e: Buffer } => {
  const [n, e] = readDer(readDer(spki).children()[1]!.bitStringOctets()).children() as [ReturnType<typeof readDer>, ReturnType<typeof readDer>]
  return { n: n.value[0] === 0 ? n.value.subarray(1) : n.value, e: e.value }
}

/** The attributes of one half of a key pair, as firmware 3.4 states them and in its order. */
export function attributesOf(spki: Buffer, half: 'public' | 'private'): Attributes {
  const own = half === 'private'
  const rsaKey = readDer(spki).children()[0]!.children()[0]!.oid() === '1.2.840.113549.1.1.1'
  const point = rsaKey ? null : readDer(spki).children()[1]!.bitStringOctets()
  const { n, e } = rsaKey ? rsaNumbers(spki) : { n: point!, e: null }
  const yes = (value: boolean) => octet(value ? 1 : 0)
  return [
    [ATTRIBUTE.class, octet(own ? 3 : 2)],
    [ATTRIBUTE.keyType, octet(rsaKey ? 0 : 3)],
    [ATTRIBUTE.token, octet(2)],
    [ATTRIBUTE.private, octet(1)],
    [ATTRIBUTE.encrypt, yes(!own)],
    [ATTRIBUTE.decrypt, yes(own)],
    [ATTRIBUTE.wrap, yes(!own)],
    [ATTRIBUTE.unwrap, yes(own)],
    [ATTRIBUTE.sign, yes(own)],
    [ATTRIBUTE.verify, yes(!own)],
    [ATTRIBUTE.local, octet(1)],
    [ATTRIBUTE.sensitive, yes(own)],
    [ATTRIBUTE.extractable, yes(!own)],
    [ATTRIBUTE.label, padded('app_key')],
    [ATTRIBUTE.id, padded('3876590dc15')],
    [ATTRIBUTE.valueLength, u32(own ? 0x4c2 : 2)],
    [ATTRIBUTE.checkValue, createHash('sha1').update(spki).digest().subarray(0, 3)],
    [ATTRIBUTE.keyDigest, createHash('sha256').update(spki).digest()],
    [0x1000, Buffer.from('0000000000000002', 'hex')],
    ...[0x174, 0x175, 0x176, 0x177, 0x178, 0x179, 0x180].map((type) => [0x80000000 + type, Buffer.alloc(32, 1)] as [number, Buffer]),
    [ATTRIBUTE.modulus, n],
    [ATTRIBUTE.modulusBits, u32(rsaKey ? n.length * 8 : 0x19f)],
    ...(e ? [[ATTRIBUTE.publicExponent, e] as [number, Buffer]] : []),
    ...(own && rsaKey ? [[0x80000000, u32(0x280)] as [number, Buffer]] : []),
    [ATTRIBUTE.trusted, octet(0)],
    [ATTRIBUTE.wrapWithTrusted, octet(0)],
    [ATTRIBUTE.derive, octet(0)],
    [ATTRIBUTE.alwaysSensitive, yes(own)],
    [0x80000002, octet(0)],
    [0x80000003, octet(0)],
    [ATTRIBUTE.neverExtractable, yes(own)],
  ]
}

export const changed = (attributes: Attributes, changes: Changes = {}): Attributes =>
  attributes.flatMap(([type, value]): Attributes => {
    const change = changes[type]
    return change === null ? [] : [[type, change === undefined ? value : typeof change === 'number' ? octet(change) : change]]
  })

const tlvs = (attributes: Attributes): Buffer => Buffer.concat(attributes.map(([type, value]) => Buffer.concat([u32(type), u32(value.length), value])))

/** What comes before the signature, for one object or two. */
export function unsignedBlob(objects: Attributes[], handles: number[] = [0xa37, 0xf49]): Buffer {
  const bodies = objects.map((attributes, index) => Buffer.concat([u32(handles[index]!), u32(attributes.length), u32(tlvs(attributes).length), tlvs(attributes)]))
  const block = Buffer.concat([u16(1), u16(3), u16(8), u16(bodies.length > 1 ? 8 + bodies[0]!.length : 0), ...bodies])
  const header = Buffer.concat([u32(0), u32(3), u32(16 + 8 * bodies.length + block.length + 256), u32(block.length), ...bodies.flatMap((_, index) => [u32(0), u32(handles[index]!)])])
  return Buffer.concat([header, block])
}

export const signedBlob = (unsigned: Buffer, key: KeyObject, digest = 'sha256'): Buffer => Buffer.concat([unsigned, sign(digest, unsigned, key)])

export interface HsmOptions {
  privateAttributes?: Changes
  publicAttributes?: Changes
  /** Put after the private object's regular attributes. */
  morePrivate?: Attributes
  /** `pair` (public, private) as Google has it; `swapped`; `private` alone; `public` alone. */
  objects?: 'pair' | 'swapped' | 'private' | 'public'
  /** Changes what is signed, before it is. */
  edit?: (unsigned: Buffer) => Buffer
  signedBy?: KeyPair
  digest?: string
  cardName?: string
  partitionName?: string
  cardIssuer?: Buffer
  card?: Partial<CertificateOptions>
  partition?: Partial<CertificateOptions>
  ownerCard?: Partial<CertificateOptions>
  ownerPartition?: Partial<CertificateOptions>
}

export interface FakeHsm {
  blob: Buffer
  certificates: { root: Buffer; card: Buffer; partition: Buffer; ownerRoot: Buffer; ownerCard: Buffer; ownerPartition: Buffer }
}

/** A statement and the six certificates of a cloud's bundle for a key that was generated in an HSM. By default Google's, under Marvell's root of 2024. */
export function fakeHsm({ keys }: HsmFactory, spki: Buffer, options: HsmOptions = {}): FakeHsm {
  const { cardName = CARD, partitionName = PARTITION, cardIssuer = NAMES.marvell, objects = 'pair', edit = (unsigned) => unsigned } = options
  const [card, partition] = [hsmNameDer(cardName), hsmNameDer(partitionName)]
  const maker = cardIssuer.equals(NAMES.ls2) ? keys.ls2 : keys.marvell
  const halves = { public: changed(attributesOf(spki, 'public'), options.publicAttributes), private: [...changed(attributesOf(spki, 'private'), options.privateAttributes), ...(options.morePrivate ?? [])] }
  const chosen = { pair: [halves.public, halves.private], swapped: [halves.private, halves.public], private: [halves.private], public: [halves.public] }[objects]
  return {
    blob: signedBlob(edit(unsignedBlob(chosen)), (options.signedBy ?? keys.partition).privateKey, options.digest),
    certificates: {
      root: hsmCertificate({ issuer: cardIssuer, subject: cardIssuer, key: maker, signedBy: maker, version1: true }),
      card: hsmCertificate({ issuer: cardIssuer, subject: card, key: keys.card, signedBy: maker, version1: true, ...options.card }),
      partition: hsmCertificate({ issuer: card, subject: partition, key: keys.partition, signedBy: keys.card, ...options.partition }),
      ownerRoot: hsmCertificate({ issuer: NAMES.hawksbill, subject: NAMES.hawksbill, key: keys.hawksbill, signedBy: keys.hawksbill, extensions: [extension('2.5.29.19', sequence(boolean(true)), true)] }),
      ownerCard: hsmCertificate({ issuer: NAMES.hawksbill, subject: card, key: keys.card, signedBy: keys.hawksbill, extensions: GOOGLE_EXTENSIONS, ...options.ownerCard }),
      ownerPartition: hsmCertificate({ issuer: NAMES.hawksbill, subject: partition, key: keys.partition, signedBy: keys.hawksbill, extensions: GOOGLE_EXTENSIONS, ...options.ownerPartition }),
    },
  }
}

export const pemBundle = (certificates: readonly Buffer[]): Buffer => Buffer.from(certificates.map(certificatePem).join(''))

/** What an applicant downloads from Google: the statement in gzip, and one PEM file. `without` leaves certificates of the bundle out. */
export const googleFiles = ({ blob, certificates }: FakeHsm, without: (keyof FakeHsm['certificates'])[] = []): Record<string, Buffer> => ({
  'attestation.dat': gzipSync(blob),
  'chains.pem': pemBundle((Object.keys(certificates) as (keyof FakeHsm['certificates'])[]).filter((name) => !without.includes(name)).map((name) => certificates[name])),
})

/** What an applicant downloads from Azure, as far as it is published: synthetic. Its owner's root is anybody's. */
export function azureJson({ blob, certificates }: FakeHsm, change: { [member: string]: unknown } = {}, wrap: (attestation: object) => object = (attestation) => ({ attributes: { enabled: true, attestation }, key: { kid: 'https://example.managedhsm.azure.net/keys/k/v' } })): Buffer {
  const attestation = {
    certificatePemFile: pemBundle([certificates.partition, certificates.card, certificates.root]).toString('base64url'),
    privateKeyAttestation: blob.toString('base64url'),
    publicKeyAttestation: null,
    version: 'MRVL-1',
    ...change,
  }
  return Buffer.from(JSON.stringify(wrap(attestation)))
}
