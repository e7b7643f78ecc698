/** YubiHSM 2 attestation: the verifier. What is read is in `parse`, the chain in `chain`, the key in `key`, the device in `module`. */
import { createHash } from 'node:crypto'
import { loadAnchors } from '../../src/attestation/anchors.ts'
import { loadCatalogue } from '../../src/attestation/catalogue.ts'
import { detailWriter } from '../../src/attestation/check.ts'
import { sameKeyChecks } from '../../src/attestation/public-key.ts'
import { finding, say, untrustedClaim, type AttestationVerifier, type Device } from '../../src/attestation/verifier.ts'
import { oid as oidOctets } from '../../src/pki/der.ts'
import { hex } from './capabilities.ts'
import { AREA, chainChecks, idText } from './chain.ts'
import { ARC } from './extensions.ts'
import { exportCheck, originCheck } from './key.ts'
import { moduleChecks } from './module.ts'
import { parseHsmStatement, type HsmStatement } from './parse.ts'

export const anchors = loadAnchors(new URL('./anchors.json', import.meta.url))
export const catalogue = loadCatalogue(new URL('./devices.json', import.meta.url))

/** The arc's encoding, without tag, length and last arc. */
const ARC_OCTETS = oidOctets(`${ARC}0`).subarray(2, -1)
const ENDINGS = ['.pem', '.crt', '.cer', '.der', '.p7b', '.zip']
const detail = detailWriter(AREA)

export const yubihsm2: AttestationVerifier<HsmStatement> = {
  id: 'yubihsm2',
  title: say(`${AREA}.title`),
  accepts: [
    { what: say(`${AREA}.accepts.attestation`), endings: ENDINGS, required: true, embeddable: false },
    { what: say(`${AREA}.accepts.device`), endings: ENDINGS, required: true, embeddable: false },
  ],

  // By octets, so that a spoilt certificate is still answered by this maker with what is wrong about it.
  recognises: (evidence) => evidence.certificates.some(({ der }) => der.includes(ARC_OCTETS)),

  parse: parseHsmStatement,

  attestedKey: ({ leaf }) => leaf.spki,

  examine(statement, context) {
    const chain = chainChecks(statement, context.anchors, context.at)
    const claimed = chain.checks.some((check) => check.outcome !== 'pass')
    const claim = claimed ? [untrustedClaim()] : []
    const exported = exportCheck(statement.claims)
    const module = moduleChecks(statement, context, !claimed)
    return {
      'genuine-device': finding(chain.checks, { cautions: chain.cautions, headline: chain.headline }),
      'same-key': finding(sameKeyChecks(statement.leaf.spki, context.publicKey, (spki) => createHash('sha256').update(spki).digest('hex')), { claimed }),
      'generated-inside': finding([...claim, originCheck(statement.claims)], { claimed }),
      'not-exportable': finding([...claim, exported.check], { claimed, cautions: exported.cautions }),
      'certified-module': finding([...claim, ...module.checks], { claimed, cautions: module.cautions, headline: module.headline }),
    }
  },

  describe({ claims, deviceClaims }): Device {
    return {
      maker: 'Yubico',
      model: say(`${AREA}.model.${deviceClaims.fips || claims.fipsMode ? 'fips' : 'plain'}`),
      firmware: claims.firmware,
      serial: claims.serial,
      formFactor: null,
      details: [
        detail('object', 'object', { id: idText(claims.objectId), label: claims.label ?? '–' }),
        detail('capabilities', 'capabilities', { capabilities: claims.capabilities === null ? '–' : hex(claims.capabilities) }),
        detail('domains', 'domains', { domains: claims.domains.join(', ') || '–' }),
      ],
    }
  },
}
