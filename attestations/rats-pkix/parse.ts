/**
 * PKIX evidence of HSMs (draft-ietf-rats-pkix-key-attestation, explicit tags): reported elements with claims, and signatures over them. Read
 * strictly, judged nowhere here. The draft's object identifiers are not assigned yet: those here are the stand-ins of its published samples.
 */
import { guard, type Evidence, type OtherFile } from '../../src/attestation/evidence.ts'
import { readMakerCertificate } from '../../src/attestation/maker-certificate.ts'
import { MalformedStatement, say } from '../../src/attestation/verifier.ts'
import { MalformedDer, readDer, TAG, type Der } from '../../src/pki/der.ts'

/** Stands for id-evidence until it is assigned. */
export const ARC = '1.3.6.1.5.5.999.'
const ELEMENT = { transaction: `${ARC}0.0`, platform: `${ARC}0.1`, key: `${ARC}0.2` } as const
const PLATFORM = `${ARC}1.1.`
const KEY = `${ARC}1.2.`

const LIMITS = { maxBytes: 32 * 1024, maxDepth: 8, maxNodes: 1000 }
const MAX_SIGNATURES = 8

interface ReportedElement {
  readonly type: string
  /** By object identifier; null for a claim without a value. */
  readonly claims: ReadonlyMap<string, Buffer | null>
}

export interface PlatformClaims {
  readonly vendor: string | null
  readonly model: string | null
  readonly firmware: string | null
  readonly serial: string | null
  readonly fipsBoot: boolean | null
  readonly fipsLevel: number | null
}
export interface KeyClaims {
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer
  readonly local: boolean | null
  readonly extractable: boolean | null
  readonly neverExtractable: boolean | null
  readonly sensitive: boolean | null
}
export interface PkixEvidence {
  readonly platform: PlatformClaims
  readonly key: KeyClaims
  /** Key identifiers of the signers, hex; `–` for one that is named another way. */
  readonly signers: readonly string[]
}

const isEvidence = ({ kind, label }: OtherFile): boolean => kind === 'binary' || label === 'EVIDENCE'

/** Whether a file has the evidence's shape, whatever it claims: its label, or all of its outer structure. */
export function looksLikeEvidence(file: OtherFile): boolean {
  if (file.label === 'EVIDENCE') return true
  if (file.kind !== 'binary') return false
  try {
    readElements(file.bytes)
    return true
  } catch (error) {
    if (MalformedDer.is(error)) return false
    throw error
  }
}

/** @throws MalformedStatement */
export function parsePkixEvidence({ others }: Evidence): PkixEvidence {
  const [file, another] = others.filter(({ bytes }, index) => others.findIndex((other) => other.bytes.equals(bytes)) === index)
  const malformed = (name: string, reason: string) => new MalformedStatement(name, say(`attestation-rats.malformed.${reason}`))
  if (another) throw malformed(another.name, 'several')
  if (!file || !isEvidence(file)) throw malformed(file?.name ?? '', 'several')
  const { elements, signers, certificates } = guard(file.name, () => readElements(file.bytes))
  for (const der of certificates) readMakerCertificate(der, file.name)
  const [key, ...more] = elements.filter(({ type }) => type === ELEMENT.key)
  if (!key) throw malformed(file.name, 'key-missing')
  if (more.length > 0) throw malformed(file.name, 'several-keys')
  const platforms = elements.filter(({ type }) => type === ELEMENT.platform)
  if (platforms.length > 1) throw malformed(file.name, 'several-platforms')
  return guard(file.name, () => ({ platform: platformClaims(platforms[0]), key: keyClaims(key, () => malformed(file.name, 'key-missing')), signers }))
}

function readElements(bytes: Buffer): { elements: ReportedElement[]; signers: string[]; certificates: Buffer[] } {
  const [tbs, signatures, wrapped, ...rest] = readDer(bytes, LIMITS).expect(TAG.sequence, 'evidence').children()
  if (!tbs || !signatures || rest.length > 0) throw new MalformedDer('evidence has the wrong number of members', 0)
  const [version, list, ...beyond] = tbs.expect(TAG.sequence, 'evidence to be signed').children()
  if (!version || !list || beyond.length > 0 || version.integer() !== 1n) throw new MalformedDer('evidence is not of version 1', tbs.offset)
  const elements = list.expect(TAG.sequence, 'reported elements').children().map(readElement)
  const blocks = signatures.expect(TAG.sequence, 'signatures').children()
  if (blocks.length > MAX_SIGNATURES) throw new MalformedDer('too many signatures', signatures.offset)
  const [certificates, ...others] = wrapped?.expect(0xa0, 'intermediate certificates').children() ?? []
  if (others.length > 0) throw new MalformedDer('intermediate certificates are not well formed', wrapped!.offset)
  return { elements, signers: blocks.map(readSigner), certificates: (certificates?.expect(TAG.sequence, 'intermediate certificates').children() ?? []).map((certificate) => Buffer.from(certificate.expect(TAG.sequence, 'certificate').raw)) }
}

function readElement(element: Der): ReportedElement {
  const [type, list, ...rest] = element.expect(TAG.sequence, 'reported element').children()
  if (!type || !list || rest.length > 0) throw new MalformedDer('reported element is not well formed', element.offset)
  const claims = new Map<string, Buffer | null>()
  for (const claim of list.expect(TAG.sequence, 'claims').children()) {
    const [id, value, ...more] = claim.expect(TAG.sequence, 'claim').children()
    if (!id || more.length > 0) throw new MalformedDer('claim is not well formed', claim.offset)
    const oid = id.oid()
    if (claims.has(oid)) throw new MalformedDer('claim stands twice', claim.offset)
    claims.set(oid, value ? Buffer.from(value.raw) : null)
  }
  return { type: type.oid(), claims }
}

/** Who signed, as far as a block says it by a key identifier. */
function readSigner(block: Der): string {
  const [sid, algorithm, signature, ...rest] = block.expect(TAG.sequence, 'signature block').children()
  if (!sid || !algorithm || !signature || rest.length > 0) throw new MalformedDer('signature block is not well formed', block.offset)
  algorithm.expect(TAG.sequence, 'signature algorithm')
  signature.expect(TAG.octetString, 'signature')
  const names = sid.expect(TAG.sequence, 'signer').children()
  if (names.length === 0 || names.some(({ tag }, index) => tag < 0xa0 || tag > 0xa2 || (index > 0 && tag <= names[index - 1]!.tag))) throw new MalformedDer('signer is not well formed', sid.offset)
  const identifier = names[0]!.tag === 0xa0 ? names[0]!.children() : []
  if (identifier.length > 1) throw new MalformedDer('key identifier is not well formed', sid.offset)
  return identifier[0]?.expect(TAG.octetString, 'key identifier').value.toString('hex') ?? '–'
}

/** The value of one claim, read by `take`; null where the claim, or its value, is not there. */
function claim<T>({ claims }: ReportedElement, oid: string, take: (value: Der) => T): T | null {
  const value = claims.get(oid)
  return value === undefined || value === null ? null : take(readDer(value, { maxBytes: 4096, maxDepth: 2, maxNodes: 10 }))
}
const text = (value: Der): string => value.expect(TAG.utf8String, 'claim').text()
/** Octets that are text, as the draft's samples have them, or hexadecimal. */
const octets = (value: Der): string => {
  const found = value.expect(TAG.octetString, 'claim').value
  return /^[\x20-\x7e]+$/.test(found.toString('latin1')) ? found.toString('latin1') : found.toString('hex')
}
const flag = (value: Der): boolean => value.boolean()

function platformClaims(platform: ReportedElement | undefined): PlatformClaims {
  const of = platform ?? { type: '', claims: new Map() }
  return {
    vendor: claim(of, `${PLATFORM}0`, text),
    model: claim(of, `${PLATFORM}2`, octets),
    serial: claim(of, `${PLATFORM}4`, text),
    firmware: claim(of, `${PLATFORM}6`, text) ?? claim(of, `${PLATFORM}3`, text),
    fipsBoot: claim(of, `${PLATFORM}10`, flag),
    fipsLevel: claim(of, `${PLATFORM}12`, (value) => Number(value.integer())),
  }
}

function keyClaims(key: ReportedElement, withoutKey: () => Error): KeyClaims {
  const spki = claim(key, `${KEY}1`, (value) => Buffer.from(value.expect(TAG.octetString, 'public key').value))
  if (!spki) throw withoutKey()
  return { spki, extractable: claim(key, `${KEY}2`, flag), sensitive: claim(key, `${KEY}3`, flag), neverExtractable: claim(key, `${KEY}4`, flag), local: claim(key, `${KEY}5`, flag) }
}
