/** Entrust nShield key attestation: the verifier. What is read is in `parse`, the chain in `chain`, the key's rights in `access`, the device in `module`. */
import { createHash } from 'node:crypto'
import { loadAnchors } from '../../src/attestation/anchors.ts'
import { loadCatalogue } from '../../src/attestation/catalogue.ts'
import { detailWriter } from '../../src/attestation/check.ts'
import { sameKeyChecks } from '../../src/attestation/public-key.ts'
import { finding, say, untrustedClaim, type AttestationVerifier, type Device } from '../../src/attestation/verifier.ts'
import { accessChecks, generationChecks, isRecoverable, protection } from './access.ts'
import { chainChecks } from './chain.ts'
import { catalogueRow, moduleChecks } from './module.ts'
import { isBundle, parseNShieldStatement, type NShieldStatement } from './parse.ts'

export const anchors = loadAnchors(new URL('./anchors.json', import.meta.url))
export const catalogue = loadCatalogue(new URL('./devices.json', import.meta.url))

const detail = detailWriter('attestation-nshield')

export const entrustNShield: AttestationVerifier<NShieldStatement> = {
  id: 'entrust-nshield',
  title: say('attestation-nshield.title'),
  accepts: [{ what: say('attestation-nshield.accepts.bundle'), endings: ['.att', '.json'], required: true, embeddable: false }],

  recognises: (evidence) => evidence.others.some(isBundle),

  parse: parseNShieldStatement,

  attestedKey: ({ spki }) => spki,

  examine(statement, context) {
    const chain = chainChecks(statement, context.anchors, context.at)
    const trusted = chain.checks.every((check) => check.outcome === 'pass')
    const claimed = !trusted
    const claim = trusted ? [] : [untrustedClaim()]
    const [generation, access, module] = [generationChecks(statement), accessChecks(statement), moduleChecks(statement, context)]
    return {
      'genuine-device': finding(chain.checks, { cautions: chain.cautions, headline: chain.headline }),
      'same-key': finding(sameKeyChecks(statement.spki, context.publicKey, (spki) => createHash('sha256').update(spki).digest('hex')), { claimed }),
      'generated-inside': finding([...claim, ...generation], { claimed, headline: generation[0] }),
      'not-exportable': finding([...claim, ...access], { claimed, headline: access[1] }),
      'certified-module': finding([...claim, ...module.checks], { claimed, cautions: module.cautions, headline: module.headline }),
    }
  },

  describe(statement): Device {
    const module = statement.warrant.certificates.at(-1)!
    const { acl } = statement.keyGeneration
    return {
      maker: 'Entrust',
      model: say('attestation-nshield.name', { name: catalogueRow(statement.warrant, catalogue)?.model ?? 'nShield' }),
      firmware: null,
      serial: module.electronicSerialNumber,
      formFactor: null,
      details: [
        ...(module.physicalSerialNumber === null ? [] : [detail('physical-serial', 'plain', { text: module.physicalSerialNumber })]),
        detail('world', statement.fipsWorld ? 'world.fips' : 'world.not-fips'),
        detail('suite', 'plain', { text: statement.ciphersuite }),
        detail('protection', `protection.${protection(acl)}`),
        detail('recovery', acl && isRecoverable(acl, statement.moduleState.hknso) ? 'acl.recoverable' : 'acl.not-recoverable'),
        detail('warrant', 'plain', { text: module.type }),
      ],
    }
  },
}
