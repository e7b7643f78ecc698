/** Generated inside, and not exportable: what the key generation certificate says, and what the key's access control list allows. */
import { checkWriter } from '../../src/attestation/check.ts'
import type { Check } from '../../src/attestation/verifier.ts'
import type { AccessControlList, MakeBlob } from './acl.ts'
import { SOURCE } from './chain.ts'
import { keyHash } from './ncore.ts'
import type { NShieldStatement } from './parse.ts'

const check = checkWriter('attestation-nshield', { source: SOURCE, clause: 'CSBR 6.2.7.4.2 (2)' })

/** KGCV: the certificate is one of generation, and of this key. */
export function generationChecks({ keyGeneration, key }: NShieldStatement): Check[] {
  const { kind, flags, hash, parameters } = keyGeneration
  const generated = kind === 2 && flags === 0
  const named = hash !== null && keyHash(key)?.equals(hash) === true
  const fits =
    parameters !== null && (parameters.kind === 'RSA' ? key.kind === 'RSA' && key.n.length * 8 - Math.clz32(key.n[0]!) + 24 === parameters.bits : key.kind === 'EC' && key.curve === parameters.curve)
  return [
    check(generated, generated ? 'generation.generated' : 'generation.not-generated', 'generation.generated-expected', { kind: String(kind), flags: String(flags) }, { remedy: 'remedy.generate' }),
    check(named, named ? 'generation.this-key' : 'generation.other-key', 'generation.this-key-expected', {}, { remedy: 'remedy.bundle', alert: true }),
    check(fits, fits ? 'generation.parameters' : 'generation.other-parameters', 'generation.parameters-expected', {}, { remedy: 'remedy.bundle' }),
  ]
}

/** Operations that give the key, or the keys that it protects, away (Entrust, ACL validation). */
const FORBIDDEN: readonly [number, string][] = [
  [0x4, 'ExportAsPlain'],
  [0x10, 'SetAppData'],
  [0x40, 'ExpandACL'],
  [0x400, 'UseAsBlobKey'],
  [0x800, 'UseAsKM'],
  [0x4000, 'UseAsLoaderKey'],
]
const KNOWN_OPERATIONS = 0xffff
/** Makes the public half from the private one. */
const PUBLIC_FROM_PRIVATE = 29

export function accessChecks({ keyGeneration, hkm, moduleState }: NShieldStatement): Check[] {
  const { acl } = keyGeneration
  const unknown = acl?.unknown ?? null
  const understood = acl !== null && unknown === null
  const checks = [
    check(understood, understood ? 'acl.understood' : unknown ? `acl.unknown-${unknown.what}` : 'acl.not-read', 'acl.understood-expected', { value: `0x${((unknown?.value ?? 0) >>> 0).toString(16)}` }, { remedy: 'remedy.acl' }),
  ]
  if (!acl) return checks
  const { hknso } = moduleState
  const recoverable = isRecoverable(acl, hknso)
  checks.push(check(!recoverable, recoverable ? 'acl.recoverable' : 'acl.not-recoverable', 'acl.not-recoverable-expected', {}, { remedy: 'remedy.recovery' }))
  const otherCertifier = acl.groups.some(({ certifiers }) => certifiers.some((hash) => hknso === null || !hash.equals(hknso)))
  checks.push(check(!otherCertifier, otherCertifier ? 'acl.other-certifier' : 'acl.no-other-certifier', 'acl.no-other-certifier-expected', {}, { remedy: 'remedy.acl' }))

  // A group under the officer's certificate is refused as recovery above; here every group counts, so that nothing hides in one.
  const actions = acl.groups.flatMap((group) => group.actions)
  const permissions = actions.reduce((all, action) => (action.kind === 'operations' ? all | action.permissions : all), 0)
  const forbidden = FORBIDDEN.filter(([bit]) => (permissions & bit) !== 0).map(([, name]) => name)
  checks.push(check(forbidden.length === 0, forbidden.length > 0 ? 'acl.forbidden' : 'acl.none-forbidden', 'acl.none-forbidden-expected', { names: forbidden.join(', '), all: FORBIDDEN.map(([, name]) => name).join(', ') }, { remedy: 'remedy.acl' }))
  const strange = (permissions & ~KNOWN_OPERATIONS) >>> 0
  checks.push(check(strange === 0, strange ? 'acl.unknown-operations' : 'acl.known-operations', 'acl.known-operations-expected', { value: `0x${strange.toString(16)}` }, { remedy: 'remedy.acl' }))
  const blobs = actions.filter((action): action is MakeBlob => action.kind === 'make-blob')
  const loose = blobs.map((blob) => blobFault(blob, hkm)).find((fault) => fault !== null)
  checks.push(check(!loose, loose ? `acl.${loose}` : 'acl.blobs', 'acl.blobs-expected', {}, { remedy: 'remedy.acl' }))
  const derivation = actions.find((action) => action.kind === 'derive-key' && action.mechanism !== PUBLIC_FROM_PRIVATE)
  checks.push(check(!derivation, derivation ? 'acl.derivation' : 'acl.no-derivation', 'acl.no-derivation-expected', { value: derivation?.kind === 'derive-key' ? String(derivation.mechanism) : '' }, { remedy: 'remedy.acl' }))
  return checks
}

/** The holders of the Administrator Card Set can bring the key back without its own protection. */
export const isRecoverable = (acl: AccessControlList, hknso: Buffer | null): boolean =>
  acl.groups.some(({ certifiers, actions }) => actions.some(({ kind }) => kind === 'make-archive-blob') || certifiers.some((hash) => hknso?.equals(hash)))

const ALLOW_MODULE_KEY_ONLY = 0x1
const ALLOW_NULL_MODULE_KEY = 0x20
const TOKEN_HASH = 0x8

/** A stored key must be encrypted under the world's module key, alone or with the token of a softcard or card set. */
function blobFault({ flags, moduleKey, token }: MakeBlob, hkm: Buffer): string | null {
  if (moduleKey === null || !moduleKey.equals(hkm)) return 'blob-other-module-key'
  if (flags & ALLOW_NULL_MODULE_KEY) return 'blob-null-module-key'
  if (!(flags & ALLOW_MODULE_KEY_ONLY) && !(flags & TOKEN_HASH)) return 'blob-unprotected'
  return flags & TOKEN_HASH && token === null ? 'blob-token-unknown' : null
}

const TOKEN_PASSPHRASE_FLAG = 0x4

/** What the key is stored under: the weakest that its list allows. */
export function protection(acl: AccessControlList | null): 'module' | 'softcard' | 'cardset' | 'none' | 'unknown' {
  if (!acl || acl.unknown) return 'unknown'
  const blobs = acl.groups.filter(({ certifiers }) => certifiers.length === 0).flatMap(({ actions }) => actions.filter((action): action is MakeBlob => action.kind === 'make-blob'))
  if (blobs.length === 0) return 'none'
  if (blobs.some(({ flags }) => flags & ALLOW_MODULE_KEY_ONLY)) return 'module'
  return blobs.some(({ token }) => token !== null && token & TOKEN_PASSPHRASE_FLAG) ? 'softcard' : 'cardset'
}
