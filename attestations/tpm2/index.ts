/** TPM 2.0, TPM2_Certify: the verifier. What is read is in `parse`, the chain and the statement in `chain`, the key in `key`, the device in `module`. */
import { createHash } from 'node:crypto'
import { loadAnchors } from '../../src/attestation/anchors.ts'
import { loadCatalogue } from '../../src/attestation/catalogue.ts'
import { detailWriter } from '../../src/attestation/check.ts'
import { sameKeyChecks } from '../../src/attestation/public-key.ts'
import { finding, say, untrustedClaim, type AttestationVerifier, type Device } from '../../src/attestation/verifier.ts'
import { firmwareOf, manufacturerName, namesTpm } from './ak.ts'
import { AREA, chainChecks, nameCheck } from './chain.ts'
import { exportChecks, hex, originCheck } from './key.ts'
import { moduleChecks } from './module.ts'
import { looksLikeTpm, parseTpmStatement, TCG_ATTEST_TPM_CERTIFY, type TpmStatement } from './parse.ts'

export const anchors = loadAnchors(new URL('./anchors.json', import.meta.url))
export const catalogue = loadCatalogue(new URL('./devices.json', import.meta.url))

const detail = detailWriter(AREA)
const CERTIFICATES = ['.pem', '.crt', '.cer', '.der', '.p7b', '.zip']
const PARTS = ['.bin', '.dat', '.out', '.sig', '.pub', '.zip']

export const tpm2: AttestationVerifier<TpmStatement> = {
  id: 'tpm2',
  title: say(`${AREA}.title`),
  accepts: [
    { what: say(`${AREA}.accepts.statement`), endings: PARTS, required: true, embeddable: true },
    { what: say(`${AREA}.accepts.signature`), endings: PARTS, required: true, embeddable: true },
    { what: say(`${AREA}.accepts.public`), endings: PARTS, required: true, embeddable: true },
    { what: say(`${AREA}.accepts.certificates`), endings: CERTIFICATES, required: true, embeddable: true },
  ],

  // By octets, so that an incomplete or spoilt upload is still answered by this maker with what is wrong about it.
  recognises: ({ statements, others, certificates }) =>
    statements.some(({ type }) => type === TCG_ATTEST_TPM_CERTIFY) || others.some(looksLikeTpm) || certificates.some(({ der }) => namesTpm(der)),

  parse: parseTpmStatement,

  attestedKey: ({ publicArea }) => publicArea.spki,

  examine(statement, context) {
    const { certify, publicArea } = statement
    const chain = chainChecks(statement, context.anchors, context.at)
    const claimed = chain.checks.some((check) => check.outcome !== 'pass')
    const claim = claimed ? [untrustedClaim()] : []
    const same = sameKeyChecks(publicArea.spki, context.publicKey, (spki) => createHash('sha256').update(spki).digest('hex'))
    const module = moduleChecks(statement, context)
    return {
      'genuine-device': finding(chain.checks, { cautions: chain.cautions, headline: chain.headline }),
      'same-key': finding([nameCheck(certify, publicArea), ...same], { claimed }),
      'generated-inside': finding([...claim, originCheck(publicArea)], { claimed }),
      'not-exportable': finding([...claim, ...exportChecks(publicArea)], { claimed }),
      'certified-module': finding([...claim, ...module.checks], { claimed, cautions: module.cautions, headline: module.headline }),
    }
  },

  describe({ certify, publicArea, claims }): Device {
    return {
      maker: manufacturerName(claims.manufacturer),
      model: say(`${AREA}.model`, { name: claims.model ?? '–' }),
      firmware: firmwareOf(claims.version),
      serial: null,
      formFactor: null,
      details: [
        detail('name', 'text', { text: certify.name.toString('hex') }),
        detail('attributes', 'text', { text: hex(publicArea.attributes) }),
        detail('extra-data', 'text', { text: certify.extraData.length > 0 ? certify.extraData.toString('hex') : '–' }),
      ],
    }
  },
}
