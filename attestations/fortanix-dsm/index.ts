/** Fortanix DSM key attestation: the verifier. What is read is in `parse` and `extensions`, the chain in `chain`, claims and cluster in `module`. */
import { createHash } from 'node:crypto'
import { loadAnchors } from '../../src/attestation/anchors.ts'
import { loadCatalogue } from '../../src/attestation/catalogue.ts'
import { detailWriter } from '../../src/attestation/check.ts'
import { sameKeyChecks } from '../../src/attestation/public-key.ts'
import { finding, say, untrustedClaim, type AttestationVerifier, type Device } from '../../src/attestation/verifier.ts'
import { chainChecks } from './chain.ts'
import { OID } from './extensions.ts'
import { catalogueRow, exportCheck, generationCheck, moduleChecks, usageCheck } from './module.ts'
import { isStatement, parseDsmStatement, type DsmStatement } from './parse.ts'

export const anchors = loadAnchors(new URL('./anchors.json', import.meta.url))
export const catalogue = loadCatalogue(new URL('./devices.json', import.meta.url))

const detail = detailWriter('attestation-fortanix')

export const fortanixDsm: AttestationVerifier<DsmStatement> = {
  id: 'fortanix-dsm',
  title: say('attestation-fortanix.title'),
  accepts: [{ what: say('attestation-fortanix.accepts.statement'), endings: ['.json'], required: true, embeddable: false }],

  recognises: (evidence) => evidence.others.some(isStatement),

  parse: parseDsmStatement,

  attestedKey: ({ leaf }) => leaf.spki,

  examine(statement, context) {
    const chain = chainChecks(statement, context.anchors, context.at, context.policy.periods.keyProtectionReuseMonths)
    const trusted = chain.checks.every((check) => check.outcome === 'pass')
    const claimed = !trusted
    const claim = trusted ? [] : [untrustedClaim()]
    const module = moduleChecks(statement, context)
    return {
      'genuine-device': finding(chain.checks, { cautions: chain.cautions, headline: chain.headline }),
      'same-key': finding(sameKeyChecks(statement.leaf.spki, context.publicKey, (spki) => createHash('sha256').update(spki).digest('hex')), { claimed }),
      'generated-inside': finding([...claim, usageCheck(statement), generationCheck(statement)], { claimed }),
      'not-exportable': finding([...claim, exportCheck(statement)], { claimed }),
      'certified-module': finding([...claim, ...module.checks], { claimed, cautions: module.cautions, headline: module.headline }),
    }
  },

  describe(statement): Device {
    const { leaf, authority, enrollment } = statement
    const keyId = new RegExp(`${OID.keyId.replaceAll('.', '\\.')}=([0-9a-f-]{1,64})`).exec(leaf.subjectText)?.[1]
    return {
      maker: 'Fortanix',
      model: say('attestation-fortanix.name', { name: catalogueRow(statement, catalogue)?.model ?? 'Fortanix DSM' }),
      firmware: null,
      serial: null,
      formFactor: null,
      details: [
        ...(keyId === undefined ? [] : [detail('key-id', 'plain', { text: keyId })]),
        detail('cluster', 'plain', { text: authority.subjectText }),
        detail('signed', 'plain', { text: leaf.notBefore.toISOString() }),
        ...(enrollment ? [detail('approval', enrollment.siteOperatorApproval ? 'approval.required' : 'approval.not-required')] : []),
      ],
    }
  },
}
