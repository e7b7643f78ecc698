/** Securosys Primus key attestation: the verifier. What is read is in `parse` and `xml`, the chain in `chain`, the key's claims in `key`, the device in `module`. */
import { createHash } from 'node:crypto'
import { loadAnchors } from '../../src/attestation/anchors.ts'
import { loadCatalogue } from '../../src/attestation/catalogue.ts'
import { detailWriter } from '../../src/attestation/check.ts'
import { sameKeyChecks } from '../../src/attestation/public-key.ts'
import { finding, say, untrustedClaim, type AttestationVerifier, type Device } from '../../src/attestation/verifier.ts'
import { chainChecks, deviceSerial, signerOf } from './chain.ts'
import { exportChecks, generationChecks } from './key.ts'
import { moduleChecks } from './module.ts'
import { isPrimus, parsePrimusStatement, type PrimusStatement } from './parse.ts'

export const anchors = loadAnchors(new URL('./anchors.json', import.meta.url))
export const catalogue = loadCatalogue(new URL('./devices.json', import.meta.url))

const detail = detailWriter('attestation-securosys')

export const securosysPrimus: AttestationVerifier<PrimusStatement> = {
  id: 'securosys-primus',
  title: say('attestation-securosys.title'),
  accepts: [
    { what: say('attestation-securosys.accepts.xml'), endings: ['.xml'], required: true, embeddable: false },
    { what: say('attestation-securosys.accepts.signature'), endings: ['.sig'], required: true, embeddable: false },
    { what: say('attestation-securosys.accepts.chain'), endings: ['.crt', '.pem', '.cer'], required: true, embeddable: false },
    { what: say('attestation-securosys.accepts.state'), endings: ['.xml', '.sig', '.crt'], required: false, embeddable: false },
  ],

  recognises: isPrimus,

  parse: parsePrimusStatement,

  attestedKey: ({ spki }) => spki,

  examine(statement, context) {
    const chain = chainChecks(statement, context.anchors, context.at)
    const trusted = chain.checks.every((check) => check.outcome === 'pass')
    const claimed = !trusted
    const claim = trusted ? [] : [untrustedClaim()]
    const [generation, module] = [generationChecks(statement, context.at), moduleChecks(statement, context)]
    return {
      'genuine-device': finding(chain.checks, { cautions: chain.cautions, headline: chain.headline }),
      'same-key': finding(sameKeyChecks(statement.spki, context.publicKey, (spki) => createHash('sha256').update(spki).digest('hex')), { claimed }),
      'generated-inside': finding([...claim, ...generation], { claimed, headline: generation[0] }),
      'not-exportable': finding([...claim, ...exportChecks(statement)], { claimed }),
      'certified-module': finding([...claim, ...module.checks], { claimed, cautions: module.cautions }),
    }
  },

  describe(statement): Device {
    const { claims, signers, state } = statement
    const signer = signerOf(statement, statement.xml) ?? signers[0]!
    const optional = (label: string, text: string | null | undefined) => (text ? [detail(label, 'plain', { text })] : [])
    return {
      maker: 'Securosys',
      model: say('attestation-securosys.name'),
      firmware: null,
      serial: deviceSerial(statement),
      formFactor: null,
      details: [
        ...optional('label', claims.label),
        ...optional('created', claims.createTime?.toISOString()),
        ...optional('attested', claims.attestTime?.toISOString()),
        ...optional('uses', claims.keyUseCount),
        ...optional('signer', signer.subjectText),
        ...optional('state', state?.name),
      ],
    }
  },
}
