/** Azure Managed HSM: a LiquidSecurity statement in Microsoft's JSON. Microsoft publishes no key for the owner's leg, so Marvell's alone counts. */
import { loadAnchors } from '../../src/attestation/anchors.ts'
import { loadCatalogue } from '../../src/attestation/catalogue.ts'
import { say, type AttestationVerifier } from '../../src/attestation/verifier.ts'
import { describeStatement, examineStatement } from '../marvell/examine.ts'
import { readStatement, type MarvellStatement } from '../marvell/statement.ts'
import { readEnvelope } from './envelope.ts'

export const anchors = loadAnchors(new URL('./anchors.json', import.meta.url))
export const catalogue = loadCatalogue(new URL('./devices.json', import.meta.url))

export const azureManagedHsm: AttestationVerifier<MarvellStatement> = {
  id: 'azure-managed-hsm',
  title: say('attestation-marvell.title.azure'),
  accepts: [{ what: say('attestation-marvell.accepts.envelope'), endings: ['.json'], required: true, embeddable: false }],

  recognises: ({ others }) => others.some(({ kind, bytes }) => kind === 'json' && (bytes.includes('"privateKeyAttestation"') || bytes.includes('"MRVL-'))),

  parse(evidence) {
    const { parts, certificates } = readEnvelope(evidence)
    return readStatement(parts, certificates)
  },
  attestedKey: ({ key }) => key.spki,
  // Any certified LiquidSecurity HSM meets CSBR 6.2.7.4.1; that this one stands at Microsoft is not proven, and staff are told so.
  examine: (statement, context) => examineStatement(statement, context, { owner: false, cautions: [say('attestation-marvell.owner-not-proven')] }),
  describe: (statement) => describeStatement(statement, 'azure'),
}
