/** The makers that are built in. A new one is a folder under `attestations/` and a line here. */
import type { Policy } from '../policy/policy.ts'
import { anchors as azureAnchors, azureManagedHsm, catalogue as azureCatalogue } from '../../attestations/azure-managed-hsm/index.ts'
import { catalogue as demoCatalogue, demoAnchorSet, demoVerifier, type DemoAnchor } from '../../attestations/demo/index.ts'
import { anchors as lunaAnchors, catalogue as lunaCatalogue, thalesLuna } from '../../attestations/thales-luna/index.ts'
import { anchors as yubihsmAnchors, catalogue as yubihsmCatalogue, yubihsm2 } from '../../attestations/yubihsm2/index.ts'
import { anchors as nshieldAnchors, catalogue as nshieldCatalogue, entrustNShield } from '../../attestations/entrust-nshield/index.ts'
import { anchors as googleAnchors, catalogue as googleCatalogue, googleCloudHsm } from '../../attestations/google-cloud-hsm/index.ts'
import { anchors as primusAnchors, catalogue as primusCatalogue, securosysPrimus } from '../../attestations/securosys-primus/index.ts'
import { anchors as ratsAnchors, catalogue as ratsCatalogue, ratsPkix } from '../../attestations/rats-pkix/index.ts'
import { anchors as tpmAnchors, catalogue as tpmCatalogue, tpm2 } from '../../attestations/tpm2/index.ts'
import { anchors as dsmAnchors, catalogue as dsmCatalogue, fortanixDsm } from '../../attestations/fortanix-dsm/index.ts'
import { anchors as yubikeyAnchors, catalogue as yubikeyCatalogue, yubikeyPiv } from '../../attestations/yubikey-piv/index.ts'
import { withChanges, type AnchorChange } from './anchor-changes.ts'
import type { Anchors } from './anchors.ts'
import type { DeviceCatalogue } from './catalogue.ts'
import type { Evidence } from './evidence.ts'
import type { AcceptedFile, AttestationVerifier, Device, ExamineContext, Findings, Message } from './verifier.ts'

export type { DemoAnchor }

/** A verifier with the keys and devices it judges by; what its statements are made of stays its own affair. */
export interface Maker {
  readonly id: string
  readonly title: Message
  readonly accepts: readonly AcceptedFile[]
  readonly demo: boolean
  /** The keys it accepts and refuses, the operator's changes taken into account. */
  readonly anchors: Anchors
  readonly catalogue: DeviceCatalogue
  recognises(evidence: Evidence): boolean
  /** @throws MalformedStatement */
  examine(evidence: Evidence, context: Omit<ExamineContext, 'anchors' | 'catalogue'>): { findings: Findings; device: Device; attestedKey: Buffer }
}

/** A maker as it is built in: it takes its own anchors, with the operator's changes, unless a test puts others in their place. */
type BuiltIn = (anchorsOf: { readonly [maker: string]: Anchors }, changes?: readonly AnchorChange[]) => Maker
const builtIn =
  <Statement>(verifier: AttestationVerifier<Statement>, anchors: Anchors, catalogue: DeviceCatalogue): BuiltIn =>
  (anchorsOf, changes = []) =>
    maker(verifier, withChanges(verifier.id, anchorsOf[verifier.id] ?? anchors, changes), catalogue)

const BUILT_IN: readonly BuiltIn[] = [
  builtIn(yubikeyPiv, yubikeyAnchors, yubikeyCatalogue),
  builtIn(yubihsm2, yubihsmAnchors, yubihsmCatalogue),
  builtIn(thalesLuna, lunaAnchors, lunaCatalogue),
  builtIn(entrustNShield, nshieldAnchors, nshieldCatalogue),
  builtIn(azureManagedHsm, azureAnchors, azureCatalogue),
  builtIn(googleCloudHsm, googleAnchors, googleCatalogue),
  builtIn(securosysPrimus, primusAnchors, primusCatalogue),
  builtIn(fortanixDsm, dsmAnchors, dsmCatalogue),
  builtIn(tpm2, tpmAnchors, tpmCatalogue),
  builtIn(ratsPkix, ratsAnchors, ratsCatalogue),
]

/** Their ids, whether or not a policy lists them. */
export const BUILT_IN_MAKERS: readonly string[] = BUILT_IN.map((make) => make({}).id)

/** Every maker's certified devices, for documents that name a module in words. The demo maker's count under a demo hierarchy alone. */
export const CATALOGUES: readonly DeviceCatalogue[] = [yubikeyCatalogue, yubihsmCatalogue, lunaCatalogue, nshieldCatalogue, azureCatalogue, googleCatalogue, primusCatalogue, dsmCatalogue]
export { demoCatalogue as DEMO_CATALOGUE }

function maker<Statement>(verifier: AttestationVerifier<Statement>, anchors: Anchors, catalogue: DeviceCatalogue, demo = false): Maker {
  return {
    id: verifier.id,
    title: verifier.title,
    accepts: verifier.accepts,
    demo,
    anchors,
    catalogue,
    recognises: (evidence) => verifier.recognises(evidence, anchors),
    examine(evidence, context) {
      const statement = verifier.parse(evidence)
      return { findings: verifier.examine(statement, { ...context, anchors, catalogue }), device: verifier.describe(statement), attestedKey: verifier.attestedKey(statement) }
    },
  }
}

/**
 * The makers that may be asked, first the demo one, which knows its own statements by their issuer.
 * A maker that the policy does not list is not asked (absence never permits); the demo maker needs a demo hierarchy, whatever the policy lists.
 * `anchorsOf` puts other keys in a maker's place. It is for tests: no value of a request, row or environment reaches it.
 */
export function makersFor(
  policy: Pick<Policy, 'attestation'>,
  { demoHierarchy, demoAnchors = [], anchorChanges = [] }: { demoHierarchy: boolean; demoAnchors?: readonly DemoAnchor[]; anchorChanges?: readonly AnchorChange[] },
  anchorsOf: { readonly [maker: string]: Anchors } = {},
): Maker[] {
  const makers = BUILT_IN.map((make) => make(anchorsOf, anchorChanges)).filter(({ id }) => policy.attestation.makers.includes(id))
  if (demoHierarchy) makers.unshift(maker(demoVerifier(yubikeyPiv), demoAnchorSet(demoAnchors), demoCatalogue, true))
  return makers
}

/**
 * The makers that are built in and that the policy does not list. They are asked one thing only, whether they know what was given, so that
 * the answer can say what it is and that it is not taken here; nothing that they could verify is ever accepted.
 */
export const unlistedMakers = (policy: Pick<Policy, 'attestation'>): Pick<Maker, 'id' | 'title' | 'demo' | 'recognises'>[] =>
  BUILT_IN.map((make) => make({})).filter(({ id }) => !policy.attestation.makers.includes(id))
