/**
 * Genuine device: KWARN-1 → warrant → module state → world → key generation, each signature by the key that the step before
 * names. The steps are those of Entrust's "Verifying an attestation bundle" (WV, MSCV, WBCV, KGCV); the shape is fixed.
 */
import { anchorCurrent, anchorStanding, day } from '../../src/attestation/anchor-checks.ts'
import type { Anchors } from '../../src/attestation/anchors.ts'
import { checkWriter } from '../../src/attestation/check.ts'
import { say, type Check, type Message } from '../../src/attestation/verifier.ts'
import { keyHash, signedByKey, spkiOf, trimmed, type CipherText, type NCoreKey } from './ncore.ts'
import type { NShieldStatement } from './parse.ts'
import type { WarrantCertificate } from './warrant.ts'

export const SOURCE = 'https://nshielddocs.entrust.com/app-notes/key-attestation-format'
const check = checkWriter('attestation-nshield', { source: SOURCE, clause: 'CSBR 6.2.7.4.2 (2)' })

/** Suites of old worlds: DSA-1024 and SHA-1 signatures, which NIST SP 800-131A has ended. */
const LEGACY_SUITE = /^DLf1024s160/
const MODULE_INFORMATION = ['ModuleInformation', 'FieldUpgradeModuleInformation']

const ECDSA_SHA512 = 187
const rawSignature = (octets: Buffer): CipherText => ({ mechanism: ECDSA_SHA512, r: trimmed(octets.subarray(0, 66)), s: trimmed(octets.subarray(66)) })
const same = (one: NCoreKey | null, other: NCoreKey): boolean => one !== null && spkiOf(one).equals(spkiOf(other))
const hashes = (key: NCoreKey, hash: Buffer | null): boolean => hash !== null && keyHash(key)?.equals(hash) === true

export interface ChainResult {
  readonly checks: Check[]
  readonly cautions: Message[]
  readonly headline: Check | undefined
}

export function chainChecks(statement: NShieldStatement, anchors: Anchors, at: Date): ChainResult {
  const { warrant, moduleState, knso, keyGeneration } = statement
  const checks: Check[] = []
  const cautions: Message[] = []

  const anchor = anchors.rows.find((row) => row.role === 'anchor' && row.subject === warrant.root && row.subject === statement.root)
  const root = { root: warrant.root, named: statement.root, asOf: anchors.asOf }
  checks.push(check(anchor !== undefined, anchor ? 'root.held' : 'root.unknown', 'root.expected', root, { remedy: 'remedy.bundle' }))
  let headline: Check | undefined
  if (anchor) {
    const standing = anchorStanding(anchor, checks[0]!.expected)
    checks.push(...standing.checks)
    cautions.push(...standing.cautions)
    const current = anchorCurrent(anchor, at)
    checks.push(check(current, current ? 'root.current' : 'root.not-current', 'root.current-expected', { root: anchor.subject, from: anchor.notBefore, until: anchor.notAfter, at: day(at) }, { remedy: 'remedy.root' }))
  }

  const types = warrant.certificates.map(({ type }) => type)
  const shape = types.slice(0, -1).every((type) => type === 'Delegation') && MODULE_INFORMATION.includes(types.at(-1)!)
  checks.push(check(shape, shape ? 'warrant.shape' : 'warrant.other-shape', 'warrant.shape-expected', { types: types.join(', ') }, { remedy: 'remedy.warrant' }))
  const mechanisms = warrant.certificates.every(({ mechanismKnown }) => mechanismKnown)
  checks.push(check(mechanisms, mechanisms ? 'warrant.mechanism' : 'warrant.other-mechanism', 'warrant.mechanism-expected', {}, { remedy: 'remedy.warrant' }))
  if (anchor) {
    const broken = warrant.certificates.findIndex((certificate, index) => !signedBy(certificate, index === 0 ? anchor.spki : spkiOf(warrant.certificates[index - 1]!.key)))
    const sound = broken === -1
    headline = check(sound, sound ? 'warrant.signed' : 'warrant.not-signed', 'warrant.signed-expected', { root: anchor.subject, number: String(broken + 1), sha256: anchor.spkiSha256 }, { remedy: 'remedy.warrant', alert: true })
    checks.push(headline)
  }
  const module = warrant.certificates.at(-1)!
  if (module.type === 'FieldUpgradeModuleInformation') cautions.push(say('attestation-nshield.warrant.field-upgrade'))

  const certificateOfState = moduleState.kind === 4 && moduleState.flags === 0
  checks.push(check(certificateOfState, certificateOfState ? 'state.kind' : 'state.other-kind', 'state.kind-expected', { kind: String(moduleState.kind), flags: String(moduleState.flags) }, { remedy: 'remedy.bundle' }))
  const stateSigned = signedByKey(module.key, moduleState.signature, moduleState.message)
  checks.push(check(stateSigned, stateSigned ? 'state.signed' : 'state.not-signed', 'state.signed-expected', {}, { remedy: 'remedy.bundle', alert: true }))
  const serial = moduleState.electronicSerialNumber
  const serialsMatch = serial !== null && serial === module.electronicSerialNumber
  checks.push(check(serialsMatch, serialsMatch ? 'state.serial' : 'state.other-serial', 'state.serial-expected', { state: serial ?? '–', warrant: module.electronicSerialNumber ?? '–' }, { remedy: 'remedy.bundle', alert: true }))
  const sameKlf2 = same(moduleState.klf2, module.key)
  checks.push(check(sameKlf2, sameKlf2 ? 'state.klf2' : 'state.other-klf2', 'state.klf2-expected', {}, { remedy: 'remedy.bundle', alert: true }))
  const kmlHashes = moduleState.kml !== null && hashes(moduleState.kml.key, moduleState.kml.hash)
  checks.push(check(kmlHashes, kmlHashes ? 'state.kml' : 'state.other-kml', 'state.kml-expected', {}, { remedy: 'remedy.bundle' }))
  const officer = hashes(knso, moduleState.hknso)
  checks.push(check(officer, officer ? 'state.knso' : 'state.other-knso', 'state.knso-expected', {}, { remedy: 'remedy.bundle', alert: true }))
  const hasModuleKey = moduleState.moduleKeys.some((hash) => hash.equals(statement.hkm))
  checks.push(check(hasModuleKey, hasModuleKey ? 'state.hkm' : 'state.no-hkm', 'state.hkm-expected', { hash: statement.hkm.toString('hex') }, { remedy: 'remedy.bundle' }))

  checks.push(...worldChecks(statement, moduleState.hknso ?? Buffer.alloc(20)))

  const generationSigned = moduleState.kml !== null && signedByKey(moduleState.kml.key, keyGeneration.signature, keyGeneration.message)
  checks.push(check(generationSigned, generationSigned ? 'generation.signed' : 'generation.not-signed', 'generation.signed-expected', {}, { remedy: 'remedy.bundle', alert: true }))
  return { checks, cautions, headline }
}

function signedBy({ signature, payload }: WarrantCertificate, spki: Buffer): boolean {
  // Read back as a P-521 key: the anchor is held in the form that every other anchor is held in.
  const point = spki.subarray(-132)
  const key: NCoreKey = { kind: 'EC', curve: 'P-521', x: trimmed(point.subarray(0, 66)), y: trimmed(point.subarray(66)) }
  return spkiOf(key).equals(spki) && signedByKey(key, rawSignature(signature), payload)
}

/** WBCV: the security officer's key signed which module key and recovery keys are this world's. */
function worldChecks(statement: NShieldStatement, hknso: Buffer): Check[] {
  const { ciphersuite: suite, knso, hkm, hkmc, plainWorld, fipsWorld, recovery } = statement
  const checks: Check[] = []
  const legacy = LEGACY_SUITE.test(suite)
  const modern = !legacy && /^[A-Za-z0-9]{1,64}$/.test(suite)
  checks.push(check(modern, modern ? 'world.suite' : legacy ? 'world.legacy-suite' : 'world.other-suite', 'world.suite-expected', { suite }, { remedy: 'remedy.legacy-suite' }))
  const one = (plainWorld === null) !== (fipsWorld === null)
  checks.push(check(one, one ? 'world.one-binding' : plainWorld ? 'world.two-bindings' : 'world.no-binding', 'world.one-binding-expected', {}, { remedy: 'remedy.bundle' }))
  const text = (words: string) => Buffer.from(`${words}\0`, 'latin1')
  if (one) {
    const bound = fipsWorld
      ? signedByKey(knso, fipsWorld.signature, Buffer.concat([text(`Module setup, FIPS3; suite = ${suite}`), hknso, hkm, hkmc, fipsWorld.hkfips]))
      : signedByKey(knso, plainWorld!, Buffer.concat([text(`Module keys: suite = ${suite}`), hknso, hkm, hkmc]))
    checks.push(check(bound, bound ? 'world.bound' : 'world.not-bound', 'world.bound-expected', {}, { remedy: 'remedy.bundle', alert: true }))
  }
  if (recovery) {
    const bound = signedByKey(knso, recovery.signature, Buffer.concat([text('Card Recovery'), hknso, recovery.hkre, recovery.hkra]))
    checks.push(check(bound, bound ? 'world.recovery-bound' : 'world.recovery-not-bound', 'world.recovery-expected', {}, { remedy: 'remedy.bundle', alert: true }))
  }
  return checks
}
