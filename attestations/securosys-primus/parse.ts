/** Finds a Primus key attestation in what was uploaded (XML, detached signature, certificates, state attestation) and reads it. Judges nothing. */
import { certificatePolicies, keyUsage } from '../../src/attestation/certificate-extensions.ts'
import type { Evidence, OtherFile } from '../../src/attestation/evidence.ts'
import { readMakerCertificate, type MakerCertificate } from '../../src/attestation/maker-certificate.ts'
import { base64Octets } from '../../src/attestation/strict-json.ts'
import { MalformedStatement, say } from '../../src/attestation/verifier.ts'
import { oid as oidOctets } from '../../src/pki/der.ts'
import { readXml, type XmlElement } from './xml.ts'

/** What the key attestation says; null where it says nothing. */
export interface KeyClaims {
  /** As `<private_key creation="…">`. */
  readonly creation: string | null
  readonly label: string | null
  readonly createTime: Date | null
  readonly attestTime: Date | null
  readonly keyUseCount: string | null
  readonly algorithm: string | null
  readonly keySize: string | null
  readonly attributes: ReadonlyMap<string, boolean>
  /** Elements and attributes that are not among those that we know. */
  readonly unknown: readonly string[]
}

export interface PrimusStatement {
  readonly file: string
  /** The octets that were signed. */
  readonly xml: Buffer
  readonly claims: KeyClaims
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer
  /** Another signed file of the device, which for a state attestation has no published layout. */
  readonly state: OtherFile | null
  readonly signatures: readonly Buffer[]
  /** Certificates below the device's: of the attestation key, and of the key that signed the state. */
  readonly signers: readonly MakerCertificate[]
  readonly device: MakerCertificate
}

/** Securosys' arc, 1.3.6.1.4.1.44668, without tag, length and last arc. */
const ARC_OCTETS = oidOctets('1.3.6.1.4.1.44668.4').subarray(2)
const KEY_ROOT = Buffer.from('<private_key')

const isKeyFile = ({ kind, bytes }: OtherFile): boolean => kind === 'xml' && bytes.includes(KEY_ROOT)
/** Of RSA-2048 to RSA-4096. */
const isSignature = ({ kind, bytes }: OtherFile): boolean => kind === 'binary' && [256, 384, 512].includes(bytes.length)

export const isPrimus = (evidence: Evidence): boolean => evidence.others.some(isKeyFile) || evidence.certificates.some(({ der }) => der.includes(ARC_OCTETS))

const KNOWN = ['label', 'create_time', 'attest_time', 'key_use_count', 'algorithm', 'algorithm_oid', 'key_size', 'public_key', 'attributes']
const KNOWN_ATTRIBUTES = ['decrypt', 'sign', 'unwrap', 'derive', 'sensitive', 'always_sensitive', 'extractable', 'never_extractable', 'modifiable', 'copyable', 'destroyable', 'unique']

/** @throws MalformedStatement when a part is missing, there more than once, or not as a Primus HSM writes it */
export function parsePrimusStatement(evidence: Evidence): PrimusStatement {
  const malformed = (file: string | null | undefined, reason: string, values?: Record<string, string>) => new MalformedStatement(file ?? null, say(`attestation-securosys.malformed.${reason}`, values))
  const [key, another] = evidence.others.filter(isKeyFile)
  if (!key) throw malformed(evidence.files[0]?.name, 'xml-missing')
  if (another) throw malformed(another.name, 'several-keys')
  const [state, second] = evidence.others.filter((file) => file.kind === 'xml' && file !== key)
  if (second) throw malformed(second.name, 'stray')
  const signatures = evidence.others.filter(isSignature)
  const stray = evidence.others.find((file) => file.kind !== 'xml' && !signatures.includes(file)) ?? signatures[2]
  if (stray) throw malformed(stray.name, 'stray')
  if (signatures.length === 0) throw malformed(key.name, 'signature-missing')

  const certificates: MakerCertificate[] = []
  for (const { der, file } of evidence.certificates) if (!certificates.some((earlier) => earlier.der.equals(der))) certificates.push(readMakerCertificate(der, file))
  // Read here, where damage is told by the file; judged in `chain`.
  for (const certificate of certificates) {
    keyUsage(certificate)
    certificatePolicies(certificate)
  }
  const authorities = certificates.filter(({ basicConstraints }) => basicConstraints?.ca === true)
  const signers = certificates.filter((certificate) => !authorities.includes(certificate))
  // A root brought along is looked at by nobody: what counts is the one that we hold.
  const devices = authorities.filter(({ issuer, subject }) => !issuer.equals(subject))
  const device = devices[0]
  if (signers.length === 0) throw malformed(key.name, 'signer-missing')
  if (!device) throw malformed(signers[0]!.file, 'device-missing')
  if (devices.length > 1 || signers.length > 2) throw malformed((devices[1] ?? signers[2])!.file, 'several-devices')

  const root = readXml(key.bytes, key.name)
  if (root.name !== 'private_key') throw malformed(key.name, 'xml-missing')
  const text = root.children.get('public_key')?.text
  const spki = text === undefined ? null : base64Octets(text, 'base64')
  if (!spki) throw malformed(key.name, 'public-key')
  if (state) readXml(state.bytes, state.name)
  return { file: key.name, xml: key.bytes, claims: readClaims(root, key.name), spki, state: state ?? null, signatures: signatures.map(({ bytes }) => bytes), signers, device }
}

function readClaims(root: XmlElement, file: string): KeyClaims {
  const field = (name: string) => new MalformedStatement(file, say('attestation-securosys.malformed.xml-value', { name }))
  const text = (name: string): string | null => {
    const child = root.children.get(name)
    if (child && (child.children.size > 0 || child.attributes.size > 0)) throw field(name)
    return child?.text ?? null
  }
  const time = (name: string): Date | null => {
    const value = text(name)
    if (value === null) return null
    const date = new Date(value)
    // The one form that the HSM writes: UTC to the second. Anything else would be read by guessing.
    if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(value) || Number.isNaN(date.getTime()) || date.toISOString() !== value.replace('Z', '.000Z')) throw field(name)
    return date
  }
  const attributes = new Map<string, boolean>()
  for (const [name, child] of root.children.get('attributes')?.children ?? []) {
    if (!['true', 'false'].includes(child.text) || child.attributes.size > 0) throw field(name)
    attributes.set(name, child.text === 'true')
  }
  return {
    creation: root.attributes.get('creation') ?? null,
    label: text('label'),
    createTime: time('create_time'),
    attestTime: time('attest_time'),
    keyUseCount: text('key_use_count'),
    algorithm: text('algorithm'),
    keySize: text('key_size'),
    attributes,
    unknown: [
      ...[...root.attributes.keys()].filter((name) => name !== 'creation'),
      ...[...root.children.keys()].filter((name) => !KNOWN.includes(name)),
      ...[...attributes.keys()].filter((name) => !KNOWN_ATTRIBUTES.includes(name)),
    ],
  }
}
