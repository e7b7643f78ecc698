/**
 * A stand-in for a TPM, its AK and who certified that: authorities with the real root's name and keys of our own, and statements that differ
 * from a real one in exactly what a test asks for. The anchors reach the verifier by the parameter that only tests use.
 */
import { constants, createHash, sign, type KeyObject } from 'node:crypto'
import { commonName, extension, writeCertificate } from '../../attestations/demo/certificate.ts'
import { anchors as shipped } from '../../attestations/tpm2/index.ts'
import type { Anchors } from '../../src/attestation/anchors.ts'
import { boolean, context, integer, namedBits, octetString, oid, readDer, sequence, setOf, TAG, utf8String } from '../../src/pki/der.ts'
import { requestFor, rsa, spkiOf, type KeyPair } from './fake-yubikey.ts'

export const ROOT = shipped.rows[0]!.subjectDer
/** Held, but off. */
export const OFF = commonName('A root of one source')
export const AUTHORITY = 'EUS-IFX-KEYID-0123456789ABCDEF0123456789ABCDEF01234567'

export interface TpmFactory {
  keys: { root: KeyPair; off: KeyPair; authority: KeyPair; ak: KeyPair }
  anchors: Anchors
}

export function tpmFactory(): TpmFactory {
  const keys = { root: rsa(2048), off: rsa(2048), authority: rsa(2048), ak: rsa(2048) }
  const row = (key: KeyPair) => {
    const spki = spkiOf(key)
    return { ...shipped.rows[0]!, spki, spkiSha256: createHash('sha256').update(spki).digest('hex'), certificateSha256: null }
  }
  const off = { ...row(keys.off), subject: 'CN=A root of one source', subjectDer: OFF, independentSources: 0, off: { why: 'single-source' as const, confirmAt: 'https://www.microsoft.com/pkiops/docs/repository.htm' } }
  return { keys, anchors: { ...shipped, rows: [row(keys.root), off] } }
}

const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff])
const u32 = (value: number): Buffer => Buffer.from([value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff])
export const sized = (octets: Buffer): Buffer => Buffer.concat([u16(octets.length), octets])
export const bits = (...places: number[]): number => places.reduce((sum, place) => (sum | (1 << place)) >>> 0, 0)

/** What tpm2_create sets for a key that signs: fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, sign (Part 2, 8.3). */
export const SIGNING_KEY = bits(1, 4, 5, 6, 18)
export const without = (...places: number[]): number => (SIGNING_KEY & ~bits(...places)) >>> 0
export const also = (...places: number[]): number => (SIGNING_KEY | bits(...places)) >>> 0

const DIGESTS = { sha1: 0x0004, sha256: 0x000b, sha384: 0x000c, sha512: 0x000d } as const
export type Digest = keyof typeof DIGESTS
const CURVES: Record<string, number> = { 'P-256': 3, 'P-384': 4, 'P-521': 5 }

export interface TpmOptions {
  attributes?: number
  nameDigest?: Digest
  /** Octets in the place of the key's algorithm-independent NULLs: scheme and, for RSA, symmetric algorithm. */
  scheme?: Buffer
  symmetric?: Buffer
  exponent?: number
  /** Changes the public area once its name has been made. */
  editPublic?: (area: Buffer) => Buffer
  /** Changes the statement before it is signed. */
  editCertify?: (statement: Buffer) => Buffer
  name?: Buffer
  extraData?: Buffer
  /** How the AK signs. */
  digest?: Digest
  padding?: 'rsassa' | 'rsapss'
  ak?: KeyPair
  signedBy?: KeyPair
  akSignedBy?: KeyPair
  authoritySignedBy?: KeyPair
  root?: Buffer
  authorityKey?: KeyPair
  akSubject?: Buffer
  manufacturer?: string | null
  model?: string | null
  version?: string | null
  criticalName?: boolean
  akPurposes?: string[] | null
  akUsage?: number[] | null
  akCa?: boolean
  authorityCa?: boolean
  pathLength?: number | null
  authorityUsage?: number[]
  authorityPurposes?: string[]
  akDates?: [Date, Date]
  authorityDates?: [Date, Date]
  /** GeneralNames and parts of the directory name beside those of the TPM. */
  moreNames?: Buffer[]
  moreParts?: Buffer[]
  authPolicy?: Buffer
  moreInAk?: Buffer[]
  moreInAuthority?: Buffer[]
}

export interface FakeTpm {
  certify: Buffer
  /** TPMT_SIGNATURE. */
  signature: Buffer
  /** The signature alone. */
  bare: Buffer
  /** TPMT_PUBLIC. */
  publicArea: Buffer
  ak: Buffer
  authority: Buffer
}

export const ATTESTATION = '2.23.133.8.3'
export const ENDORSEMENT = '2.23.133.8.1'

/** TPMT_PUBLIC of a key. */
function publicOf(key: KeyPair, { attributes = SIGNING_KEY, nameDigest = 'sha256', scheme = u16(0x0010), symmetric = u16(0x0010), exponent = 0, authPolicy = Buffer.alloc(0) }: TpmOptions): Buffer {
  const { kty, n, x, y, crv } = key.publicKey.export({ format: 'jwk' })
  const head = (type: number) => Buffer.concat([u16(type), u16(DIGESTS[nameDigest]), u32(attributes), sized(authPolicy), symmetric, scheme])
  if (kty === 'RSA') {
    const modulus = Buffer.from(n!, 'base64url')
    return Buffer.concat([head(0x0001), u16(modulus.length * 8), u32(exponent), sized(modulus)])
  }
  return Buffer.concat([head(0x0023), u16(CURVES[crv!]!), u16(0x0010), ...[x, y].map((coordinate) => sized(Buffer.from(coordinate!, 'base64url')))])
}

const nameOf = (area: Buffer, digest: Digest): Buffer => Buffer.concat([u16(DIGESTS[digest]), createHash(digest).update(area).digest()])

/** TPMS_ATTEST of TPM2_Certify. */
function certifyOf(name: Buffer, extraData: Buffer): Buffer {
  const signer = Buffer.concat([u16(0x000b), Buffer.alloc(32, 7)])
  return Buffer.concat([Buffer.from('ff544347', 'hex'), u16(0x8017), sized(signer), sized(extraData), Buffer.alloc(8, 1), u32(3), u32(4), Buffer.from([1]), Buffer.alloc(8, 9), sized(name), sized(Buffer.concat([u16(0x000b), Buffer.alloc(32, 8)]))])
}

function signatureOf(statement: Buffer, key: KeyObject, digest: Digest, padding: 'rsassa' | 'rsapss'): { signature: Buffer; bare: Buffer } {
  if (key.asymmetricKeyType === 'ec') {
    const bare = sign(digest, statement, key)
    const [r, s] = readDer(bare).children().map((number) => Buffer.from(number.value[0] === 0 ? number.value.subarray(1) : number.value))
    return { signature: Buffer.concat([u16(0x0018), u16(DIGESTS[digest]), sized(r!), sized(s!)]), bare }
  }
  const bare = sign(digest, statement, { key, ...(padding === 'rsapss' ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST } : {}) })
  return { signature: Buffer.concat([u16(padding === 'rsapss' ? 0x0016 : 0x0014), u16(DIGESTS[digest]), sized(bare)]), bare }
}

const attribute = (type: string, value: string): Buffer => setOf(sequence(oid(type), utf8String(value)))
const usage = (...places: number[]): Buffer => extension('2.5.29.15', namedBits(places), true)
const purposes = (oids: string[]): Buffer => extension('2.5.29.37', sequence(...oids.map((each) => oid(each))))

/** A TPM's statement about `key`. By default: an SLB 9672 with firmware 15.22, an unrestricted signing key made inside, all SHA-256. */
export function fakeTpm(factory: TpmFactory, key: KeyPair, options: TpmOptions = {}): FakeTpm {
  const { nameDigest = 'sha256', digest = 'sha256', padding = 'rsassa', ak = factory.keys.ak, root = ROOT, authorityKey = factory.keys.authority } = options
  const area = publicOf(key, options)
  const plain = certifyOf(options.name ?? nameOf(area, nameDigest), options.extraData ?? Buffer.alloc(0))
  const certify = options.editCertify?.(plain) ?? plain
  const { manufacturer = 'id:49465800', model = 'SLB 9672 TPM2.0', version = 'id:000F0016' } = options
  const names = ([['2.23.133.2.1', manufacturer], ['2.23.133.2.2', model], ['2.23.133.2.3', version]] as const).flatMap(([type, value]) => (value === null ? [] : [attribute(type, value)]))
  const authorityName = commonName(AUTHORITY)
  const authority = writeCertificate(
    {
      serial: Buffer.from('33000002', 'hex'),
      issuer: root,
      subject: authorityName,
      notBefore: options.authorityDates?.[0] ?? new Date('2025-03-01T00:00:00Z'),
      notAfter: options.authorityDates?.[1] ?? new Date('2031-03-01T00:00:00Z'),
      spki: spkiOf(authorityKey),
      extensions: [
        usage(...(options.authorityUsage ?? [0, 5])),
        purposes(options.authorityPurposes ?? ['1.3.6.1.4.1.311.21.36', ATTESTATION]),
        extension('2.5.29.19', options.authorityCa === false ? sequence(integer(0)) : sequence(boolean(true), ...(options.pathLength === null ? [] : [integer(options.pathLength ?? 0)])), true),
        ...(options.moreInAuthority ?? []),
      ],
    },
    (options.authoritySignedBy ?? factory.keys.root).privateKey,
  )
  const akCertificate = writeCertificate(
    {
      serial: Buffer.from('6a07279a', 'hex'),
      issuer: authorityName,
      subject: options.akSubject ?? sequence(),
      notBefore: options.akDates?.[0] ?? new Date('2026-01-01T00:00:00Z'),
      notAfter: options.akDates?.[1] ?? new Date('2031-01-01T00:00:00Z'),
      spki: spkiOf(ak),
      extensions: [
        ...(options.akUsage === null ? [] : [usage(...(options.akUsage ?? [0]))]),
        extension('2.5.29.19', options.akCa ? sequence(boolean(true)) : sequence(), true),
        ...(options.akPurposes === null ? [] : [purposes(options.akPurposes ?? [ATTESTATION])]),
        ...(names.length === 0 ? [] : [extension('2.5.29.17', sequence(...(options.moreNames ?? []), context(4, sequence(...names, ...(options.moreParts ?? [])))), options.criticalName ?? true)]),
        ...(options.moreInAk ?? []),
      ],
    },
    (options.akSignedBy ?? authorityKey).privateKey,
  )
  return { certify, ...signatureOf(certify, (options.signedBy ?? ak).privateKey, digest, padding), publicArea: options.editPublic?.(area) ?? area, ak: akCertificate, authority }
}

/** As tpm2-tools write the parts, each a file. */
export const tpmFiles = ({ certify, signature, publicArea, ak, authority }: FakeTpm): Record<string, Buffer> => ({ 'certify.bin': certify, 'certify.sig': signature, 'key.pub': sized(publicArea), 'ak.cer': ak, 'authority.cer': authority })

const le32 = (value: number): Buffer => u32(value).reverse()

/** As Windows' platform crypto provider writes them ([MS-WCCE] 2.2.2.5); what is sealed in the key's storage is noise here. */
export function tpmPcp({ certify, bare, publicArea, ak, authority }: FakeTpm): Record<string, Buffer> {
  const area = sized(publicArea)
  const sealed = Buffer.alloc(64, 0x5a)
  const storage = Buffer.concat([Buffer.from('PCPM'), le32(52), le32(2), le32(0), le32(area.length), le32(sealed.length), ...Array.from({ length: 7 }, () => le32(0)), area, sealed])
  return { 'key.attest': Buffer.concat([Buffer.from('KADS'), le32(2), le32(24), le32(certify.length), le32(bare.length), le32(storage.length), certify, bare, storage]), 'ak.cer': ak, 'authority.cer': authority }
}

const cborHead = (major: number, size: number): Buffer => (size < 24 ? Buffer.from([(major << 5) | size]) : size < 256 ? Buffer.from([(major << 5) | 24, size]) : Buffer.concat([Buffer.from([(major << 5) | 25]), u16(size)]))
export const cborText = (text: string): Buffer => Buffer.concat([cborHead(3, Buffer.byteLength(text)), Buffer.from(text)])
export const cborBytes = (octets: Buffer): Buffer => Buffer.concat([cborHead(2, octets.length), octets])
export const cborList = (items: Buffer[]): Buffer => Buffer.concat([cborHead(4, items.length), ...items])
export const cborMap = (members: { [name: string]: Buffer | undefined }): Buffer => {
  const there = Object.entries(members).filter(([, value]) => value !== undefined)
  return Buffer.concat([cborHead(5, there.length), ...there.flatMap(([name, value]) => [cborText(name), value!])])
}
export const cborNegative = (value: number): Buffer => cborHead(1, -1 - value)

/** An attestation object of format "tpm"; `change` takes members of the statement out or puts others in their place. */
export const tpmObject = ({ certify, bare, publicArea, ak, authority }: FakeTpm, change: { [name: string]: Buffer | undefined } = {}, whole: { [name: string]: Buffer | undefined } = {}): Buffer =>
  cborMap({
    fmt: cborText('tpm'),
    attStmt: cborMap({ alg: cborNegative(-257), sig: cborBytes(bare), ver: cborText('2.0'), x5c: cborList([ak, authority].map(cborBytes)), pubArea: cborBytes(publicArea), certInfo: cborBytes(certify), ...change }),
    authData: cborBytes(Buffer.alloc(37)),
    ...whole,
  })

/** tcg-attest-tpm-certify. */
export const tpmStatement = ({ certify, signature, publicArea }: FakeTpm, withPublic = true): Buffer => sequence(octetString(certify), octetString(signature), ...(withPublic ? [octetString(publicArea)] : []))

/** One attribute id-aa-attestation around these statements and certificates. */
export const attestationAttribute = (statements: { type: string; stmt: Buffer }[], certificates: Buffer[] = []): Buffer =>
  rawAttribute(sequence(sequence(...statements.map(({ type, stmt }) => sequence(oid(type), stmt))), ...(certificates.length > 0 ? [sequence(...certificates)] : [])))
export const rawAttribute = (...values: Buffer[]): Buffer => sequence(oid('1.2.840.113549.1.9.16.2.59'), setOf(...values))

/** A certificate request with attributes as they are. Its signature is nobody's: requests are judged elsewhere. */
export function requestWith(spki: Buffer, ...attributes: Buffer[]): Buffer {
  const [info, ...rest] = readDer(requestFor(spki)).expect(TAG.sequence).children()
  return sequence(sequence(...info!.children().slice(0, 3).map(({ raw }) => raw), context(0, ...attributes)), ...rest.map(({ raw }) => raw))
}
