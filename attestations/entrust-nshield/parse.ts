/** Finds the bundle that `nfkmattest` writes in what was uploaded and reads it. Judges nothing. */
import type { Evidence, OtherFile } from '../../src/attestation/evidence.ts'
import { base64Octets, isObject, readJson, type JsonObject } from '../../src/attestation/strict-json.ts'
import { MalformedStatement, say } from '../../src/attestation/verifier.ts'
import { readKeyGeneration, type KeyGeneration } from './key-generation.ts'
import { readModuleState, type ModuleState } from './module-state.ts'
import { NCoreReader, spkiOf, type CipherText, type NCoreKey } from './ncore.ts'
import { readWarrant, type Warrant } from './warrant.ts'

/** A message as it was signed, with its signature. */
export interface Signed {
  readonly message: Buffer
  readonly signature: CipherText
}

export interface NShieldStatement {
  readonly file: string
  readonly root: string
  readonly warrant: Warrant
  readonly moduleState: ModuleState & Signed
  /** Key of the world's security officer. */
  readonly knso: NCoreKey
  readonly ciphersuite: string
  readonly hkm: Buffer
  readonly hkmc: Buffer
  /** The certificate that binds the module key to the world, of either kind of world; both null when neither is there. */
  readonly plainWorld: CipherText | null
  readonly fipsWorld: { readonly hkfips: Buffer; readonly signature: CipherText } | null
  /** The certificate that names the world's recovery keys, where the world has them. */
  readonly recovery: { readonly hkre: Buffer; readonly hkra: Buffer; readonly signature: CipherText } | null
  readonly keyGeneration: KeyGeneration & Signed
  readonly key: NCoreKey
  readonly spki: Buffer
}

const MARK = Buffer.from('"modstatemsg"')
export const isBundle = ({ kind, bytes }: OtherFile): boolean => kind === 'json' && bytes.includes(MARK)

/** @throws MalformedStatement when there is no bundle or more than one, anything beside it, or it is not as `nfkmattest` writes it */
export function parseNShieldStatement(evidence: Evidence): NShieldStatement {
  const [bundle, another] = evidence.others.filter(isBundle)
  if (!bundle) throw new MalformedStatement(evidence.files[0]?.name ?? null, say('attestation-nshield.malformed.bundle-missing'))
  if (another) throw new MalformedStatement(another.name, say('attestation-nshield.malformed.several-bundles'))
  const stray = evidence.certificates[0]?.file ?? evidence.others.find((file) => file !== bundle)?.name
  if (stray !== undefined) throw new MalformedStatement(stray, say('attestation-nshield.malformed.stray'))
  const file = bundle.name
  const members = readJson(bundle.bytes, file)
  if (!isObject(members)) throw new MalformedStatement(file, say('attestation-nshield.malformed.bundle-missing'))
  return readBundle(members, file)
}

function readBundle(members: JsonObject, file: string): NShieldStatement {
  const member = (field: string, missing: string): MalformedStatement => new MalformedStatement(file, say(`attestation-nshield.malformed.${missing}`, { field }))
  const text = (field: string): string => {
    const value = members.get(field)
    if (typeof value !== 'string') throw member(field, 'field-missing')
    return value
  }
  const octets = (field: string): Buffer => {
    const value = base64Octets(text(field), 'base64url')
    if (!value) throw member(field, 'field-base64')
    return value
  }
  const whole = <T>(field: string, read: (reader: NCoreReader) => T): T => {
    const reader = new NCoreReader(octets(field), file, field)
    const value = read(reader)
    reader.end()
    return value
  }
  const hash = (field: string) => whole(field, (reader) => reader.keyHashEx())
  const signature = (field: string) => whole(field, (reader) => reader.cipherText())
  const key = (field: string) => whole(field, (reader) => reader.key())

  const [modstatemsg, kcmsg] = [octets('modstatemsg'), octets('kcmsg')]
  const attested = key('pubkeydata')
  return {
    file,
    root: text('root'),
    warrant: readWarrant(octets('warrant'), file),
    moduleState: { ...readModuleState(modstatemsg, file), message: modstatemsg, signature: signature('modstatesig') },
    knso: key('knsopub'),
    ciphersuite: text('ciphersuite'),
    hkm: hash('hkm'),
    hkmc: hash('hkmc'),
    plainWorld: members.has('CertKMaKMCbKNSO') ? signature('CertKMaKMCbKNSO') : null,
    fipsWorld: members.has('CertKMaKMCaKFIPSbKNSO') ? { hkfips: hash('hkfips'), signature: signature('CertKMaKMCaKFIPSbKNSO') } : null,
    recovery: members.has('CertKREaKRAbKNSO') ? { hkre: hash('hkre'), hkra: hash('hkra'), signature: signature('CertKREaKRAbKNSO') } : null,
    keyGeneration: { ...readKeyGeneration(kcmsg, file), message: kcmsg, signature: signature('kcsig') },
    key: attested,
    spki: spkiOf(attested),
  }
}
