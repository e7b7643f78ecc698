/**
 * A stand-in for Entrust's factory and one Security World: the real layouts with keys of our own, and bundles that differ from
 * a real one in exactly what a test asks for. Its anchors reach the verifier by the parameter that only tests use.
 */
import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'
import { commonName } from '../../attestations/demo/certificate.ts'
import { keyHash, spkiOf, trimmed, type NCoreKey } from '../../attestations/entrust-nshield/ncore.ts'
import { readAnchors, type Anchors } from '../../src/attestation/anchors.ts'
import { readDer } from '../../src/pki/der.ts'

// ---- nCore marshalling ----

export const word = (...values: number[]): Buffer => Buffer.concat(values.map((value) => { const octets = Buffer.alloc(4); octets.writeUInt32LE(value >>> 0); return octets }))
export const number = (octets: Buffer): Buffer => {
  const whole = Buffer.concat([Buffer.alloc((4 - (octets.length % 4)) % 4), octets])
  return Buffer.concat([word(whole.length), Buffer.from(whole).reverse()])
}
export const text = (value: string): Buffer => {
  const length = value.length + 1
  return Buffer.concat([word(length), Buffer.from(`${value}\0`, 'latin1'), Buffer.alloc((4 - (length % 4)) % 4)])
}
export function keyData(key: NCoreKey): Buffer {
  switch (key.kind) {
    case 'RSA':
      return Buffer.concat([word(1), number(key.e), number(key.n)])
    case 'DSA':
      return Buffer.concat([word(3), number(key.p), number(key.q), number(key.g), number(key.y)])
    case 'EC':
      return Buffer.concat([word(46, key.curve === 'P-256' ? 4 : 6, 0), number(key.x), number(key.y)])
  }
}
const hashEx = (hash: Buffer): Buffer => Buffer.concat([word(44), hash])

// ---- DDDS ----

const short = (base: number, long: number, value: string): Buffer => (value.length < 16 ? Buffer.concat([Buffer.from([base + value.length]), Buffer.from(value, 'latin1')]) : Buffer.concat([Buffer.from([long, value.length]), Buffer.from(value, 'latin1')]))
export const symbol = (value: string): Buffer => short(0x30, 0xc4, value)
/** At most 15 characters. */
export const string = (value: string): Buffer => Buffer.concat([Buffer.from([0x20 + value.length]), Buffer.from(value, 'latin1')])
export const octets = (value: Buffer): Buffer => Buffer.concat([value.length < 0x100 ? Buffer.from([0xc5, value.length]) : Buffer.from([0xd5, value.length >> 8, value.length & 0xff]), value])
export const list = (...items: Buffer[]): Buffer => Buffer.concat([Buffer.from([0x90 + items.length]), ...items])
export const map = (...pairs: [string, Buffer][]): Buffer => Buffer.concat([Buffer.from([0xb0 + pairs.length]), ...pairs.flatMap(([name, value]) => [symbol(name), value])])
const big = (value: Buffer): Buffer => Buffer.concat([Buffer.from([0xf4]), octets(value)])

// ---- keys ----

export interface NShieldKey {
  privateKey: KeyObject
  key: NCoreKey
}
/** The nCore form of a public key of node's. */
export function ncoreKey(publicKey: KeyObject): NCoreKey {
  const jwk = () => publicKey.export({ format: 'jwk' })
  const part = (name: 'n' | 'e' | 'x' | 'y') => trimmed(Buffer.from(jwk()[name]!, 'base64url'))
  if (publicKey.asymmetricKeyType === 'rsa') return { kind: 'RSA', e: part('e'), n: part('n') }
  if (publicKey.asymmetricKeyType === 'ec') return { kind: 'EC', curve: jwk().crv as 'P-256' | 'P-521', x: part('x'), y: part('y') }
  const [algorithm, value] = readDer(publicKey.export({ type: 'spki', format: 'der' })).children()
  const [p, q, g] = algorithm!.children()[1]!.children().map((each) => trimmed(each.value)) as [Buffer, Buffer, Buffer]
  return { kind: 'DSA', p, q, g, y: trimmed(readDer(value!.bitStringOctets()).value) }
}
const made = ({ privateKey, publicKey }: { privateKey: KeyObject; publicKey: KeyObject }): NShieldKey => ({ privateKey, key: ncoreKey(publicKey) })
export const p521 = (): NShieldKey => made(generateKeyPairSync('ec', { namedCurve: 'P-521' }))
export const dsa = (bits = 2048): NShieldKey => made(generateKeyPairSync('dsa', { modulusLength: bits, divisorLength: bits === 1024 ? 160 : 256 }))

/** r and s. */
function signature(signer: NShieldKey, message: Buffer): [Buffer, Buffer] {
  const [r, s] = readDer(sign(signer.key.kind === 'DSA' ? 'sha256' : 'sha512', message, signer.privateKey)).children()
  return [trimmed(r!.value), trimmed(s!.value)]
}
export const cipherText = (signer: NShieldKey, message: Buffer, mechanism = signer.key.kind === 'DSA' ? 170 : 187): Buffer => Buffer.concat([word(mechanism), ...signature(signer, message).map(number)])
const raw = (signer: NShieldKey, message: Buffer): Buffer => Buffer.concat(signature(signer, message).map((half) => Buffer.concat([Buffer.alloc(66 - half.length), half])))

export interface FakeEntrust {
  anchors: Anchors
  root: NShieldKey
  delegate: NShieldKey
  klf2: NShieldKey
  kml: NShieldKey
  knso: NShieldKey
  hkm: Buffer
}

export const anchorRow = (root: NShieldKey, more: object = {}) => {
  const spki = spkiOf(root.key)
  return {
    role: 'anchor',
    subject: 'KWARN-1',
    subjectDer: commonName('KWARN-1').toString('base64'),
    spki: spki.toString('base64'),
    spkiSha256: createHash('sha256').update(spki).digest('hex'),
    certificateSha256: null,
    notBefore: '2010-01-01',
    notAfter: '2040-12-31',
    signsDevices: true,
    under: null,
    basicConstraintsFrom: null,
    use: 'test',
    independentSources: 2,
    ...more,
  }
}
export const anchorsOf = (...rows: object[]): Anchors => readAnchors({ maker: 'entrust-nshield', asOf: '2026-11-21', sources: ['test'], rows })

export function fakeEntrust(): FakeEntrust {
  const root = p521()
  return { anchors: anchorsOf(anchorRow(root)), root, delegate: p521(), klf2: p521(), kml: dsa(), knso: dsa(), hkm: randomBytes(20) }
}

// ---- access control lists ----

export const operations = (permissions: number): Buffer => word(1, permissions)
/** By default as a softcard stores a key: under module key and token, its parameters given. */
export const makeBlob = (moduleKey: Buffer, { flags = 0x1e, token = 7 }: { flags?: number; token?: number } = {}): Buffer =>
  Buffer.concat([word(2, flags), flags & 0x4 ? moduleKey : Buffer.alloc(0), flags & 0x8 ? Buffer.alloc(20, 7) : Buffer.alloc(0), flags & 0x10 ? word(token, 1, 1, 0) : Buffer.alloc(0), flags & 0x40 ? word(1, 3) : Buffer.alloc(0)])
export const makeArchiveBlob = (hash: Buffer): Buffer => Buffer.concat([word(3, 1, 225), hash])
export const deriveKey = (mechanism: number, { flags = 0, others = 0, type = 5 } = {}): Buffer => word(type, flags, 0, mechanism, others)
export const usesLimit = (): Buffer => Buffer.concat([word(1), Buffer.alloc(20, 3), word(1)])
export interface Group {
  flags?: number
  limits?: Buffer[]
  actions: Buffer[]
  /** What follows the actions: certifiers and module serial, as the flags say. */
  after?: Buffer
}
export const acl = (...groups: Group[]): Buffer =>
  Buffer.concat([word(groups.length), ...groups.flatMap(({ flags = 0, limits = [], actions, after = Buffer.alloc(0) }) => [word(flags, limits.length), ...limits, word(actions.length), ...actions, after])])
/** Sign, Verify, GetACL and the like: what Entrust's own example of a softcard key has. */
export const SIGNING_KEY = 0xb02b
export const softcardAcl = (hkm: Buffer, ...more: Group[]): Buffer => acl({ actions: [operations(SIGNING_KEY)] }, { limits: [usesLimit()], actions: [makeBlob(hkm)] }, ...more)

// ---- bundles ----

export interface FakeBundle {
  /** Names in the warrant and beside it. */
  root?: string
  namedRoot?: string
  delegateType?: string
  moduleType?: string
  mechanism?: string
  approvals?: Buffer[]
  warrantSerial?: string
  stateSerial?: string
  stateHead?: [number, number]
  /** Attributes after the regular ones. */
  moreState?: Buffer[]
  leaveOutOfState?: number[]
  stateKlf2?: NShieldKey
  kmlHash?: Buffer
  hknso?: Buffer
  moduleKeys?: Buffer[]
  suite?: string
  world?: 'fips' | 'plain' | 'both' | 'none'
  recovery?: boolean
  generationHead?: [number, number]
  parameters?: Buffer
  acl?: Buffer
  hash?: Buffer
  /** Signers in the place of the right ones. */
  signers?: Partial<Record<'delegation' | 'module' | 'state' | 'world' | 'recovery' | 'generation', NShieldKey>>
  generationMechanism?: number
  /** Changes members of the JSON, as text. Undefined leaves one out. */
  members?: Record<string, string | undefined>
}

export const FIPS_140_3 = list(symbol('FIPS140'), Buffer.from([3]), Buffer.from([3]), symbol('MultiChipEmbedded'))
export const FIPS_140_2 = list(symbol('FIPS140'), Buffer.from([2]), Buffer.from([3]), symbol('MultiChipEmbedded'))

/** The bundle of a key that the module generated. By default: FIPS 140-3 module, world of FIPS mode, softcard, no recovery. */
export function fakeBundle(entrust: FakeEntrust, key: NCoreKey, options: FakeBundle = {}): Buffer {
  const { root, delegate, klf2, kml, knso, hkm } = entrust
  const { signers = {}, world = 'fips', suite = 'DLf3072s256mAEScSP800131Ar1' } = options
  const scheme = list(symbol('ECDSA'), list(symbol('EMSA1'), symbol(options.mechanism ?? 'SHA512')))
  const point = (owner: NShieldKey) => (owner.key.kind === 'EC' ? list(symbol('ECDSA'), symbol('Public'), symbol('NISTP521'), list(big(owner.key.x), big(owner.key.y))) : list())
  const certificate = (payload: Buffer, signer: NShieldKey) => map(['Payload', octets(payload)], ['Signature', octets(raw(signer, payload))])
  const delegation = map(['DelegateKey', point(delegate)], ['SigMech', scheme], ['WarrantCertificateType', symbol(options.delegateType ?? 'Delegation')])
  const module = map(
    ['ElectronicSerialNumber', string(options.warrantSerial ?? '1234-5678-9ABC')],
    ['PhysicalSerialNumber', string('36-T00001')],
    ['Approvals', list(...(options.approvals ?? [FIPS_140_3]))],
    ['WarrantCertificateType', symbol(options.moduleType ?? 'ModuleInformation')],
    ['KLF2pub', point(klf2)],
    ['KLF2mech', scheme],
  )
  const warrant = list(symbol(options.root ?? 'KWARN-1'), certificate(delegation, signers.delegation ?? root), certificate(module, signers.module ?? delegate))

  const hknso = options.hknso ?? keyHash(knso.key)!
  const stateKlf2 = options.stateKlf2 ?? klf2
  const attributes: [number, Buffer][] = [
    [2, text(options.stateSerial ?? '1234-5678-9ABC')],
    [3, Buffer.concat([options.kmlHash ?? keyHash(kml.key)!, keyData(kml.key), word(170)])],
    [13, Buffer.concat([Buffer.alloc(20, 9), keyData(stateKlf2.key), word(187)])],
    [5, Buffer.concat([hknso, word(0x4e4f)])],
    [6, Buffer.concat([word((options.moduleKeys ?? [hkm]).length), ...(options.moduleKeys ?? [hkm]).flatMap((hash) => [hash, word(0x89, 0x49)])])],
  ]
  const kept = attributes.filter(([tag]) => !options.leaveOutOfState?.includes(tag)).map(([tag, value]) => Buffer.concat([word(tag), value]))
  const more = options.moreState ?? []
  const state = Buffer.concat([word(...(options.stateHead ?? [4, 0]), kept.length + more.length), ...kept, ...more])

  const [hkmc, hkfips, hkre, hkra] = [1, 2, 3, 4].map((fill) => Buffer.alloc(20, fill)) as [Buffer, Buffer, Buffer, Buffer]
  const fipsBody = Buffer.concat([Buffer.from(`Module setup, FIPS3; suite = ${suite}\0`), hknso, hkm, hkmc, hkfips])
  const plainBody = Buffer.concat([Buffer.from(`Module keys: suite = ${suite}\0`), hknso, hkm, hkmc])
  const recoveryBody = Buffer.concat([Buffer.from('Card Recovery\0'), hknso, hkre, hkra])
  const officer = signers.world ?? knso

  const bits = key.kind === 'RSA' ? key.n.length * 8 : 0
  const parameters = options.parameters ?? (key.kind === 'RSA' ? word(2, 4, bits) : word(47, key.kind === 'EC' && key.curve === 'P-521' ? 6 : 4))
  const generation = Buffer.concat([word(...(options.generationHead ?? [2, 0])), parameters, options.acl ?? softcardAcl(hkm), options.hash ?? keyHash(key) ?? Buffer.alloc(20)])

  const members: Record<string, string | Buffer | undefined> = {
    pubkeydata: keyData(key),
    kcmsg: generation,
    kcsig: cipherText(signers.generation ?? kml, generation, options.generationMechanism),
    modstatemsg: state,
    modstatesig: cipherText(signers.state ?? klf2, state),
    ...(world === 'plain' || world === 'both' ? { CertKMaKMCbKNSO: cipherText(officer, plainBody) } : {}),
    ...(world === 'fips' || world === 'both' ? { CertKMaKMCaKFIPSbKNSO: cipherText(officer, fipsBody), hkfips: hashEx(hkfips) } : {}),
    ...(options.recovery === false ? {} : { CertKREaKRAbKNSO: cipherText(signers.recovery ?? knso, recoveryBody), hkre: hashEx(hkre), hkra: hashEx(hkra) }),
    hkmc: hashEx(hkmc),
    hkm: hashEx(hkm),
    knsopub: keyData(knso.key),
    ciphersuite: suite,
    warrant,
    root: options.namedRoot ?? options.root ?? 'KWARN-1',
    ...options.members,
  }
  return Buffer.from(JSON.stringify(Object.fromEntries(Object.entries(members).map(([name, value]) => [name, Buffer.isBuffer(value) ? value.toString('base64url') : value])), null, 2))
}
