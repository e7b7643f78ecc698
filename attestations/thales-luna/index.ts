/** Thales Luna public key confirmation: the verifier. What is read is in `parse`, the chain in `chain`, the device in `module`. */
import { createHash } from 'node:crypto'
import { loadAnchors } from '../../src/attestation/anchors.ts'
import { loadCatalogue } from '../../src/attestation/catalogue.ts'
import { detailWriter } from '../../src/attestation/check.ts'
import { sameKeyChecks } from '../../src/attestation/public-key.ts'
import { finding, say, untrustedClaim, type AttestationVerifier, type Check, type Device } from '../../src/attestation/verifier.ts'
import { oid as oidOctets } from '../../src/pki/der.ts'
import { AREA, chainChecks, check } from './chain.ts'
import { ARC, FLAGS_SEEN } from './extensions.ts'
import { moduleChecks } from './module.ts'
import { parseLunaStatement, type LunaStatement } from './parse.ts'

export const anchors = loadAnchors(new URL('./anchors.json', import.meta.url))
export const catalogue = loadCatalogue(new URL('./devices.json', import.meta.url))

/** Thales on what a module confirms: keys that it created and that can never exist outside of it. */
const PKC = 'https://data-protection-updates.gemalto.com/2020/04/15/public-key-confirmation-meeting-ca-browser-forum-standards-with-luna-and-luna-cloud-hsms/'
/** The arc's encoding, without tag, length and last arc. */
const ARC_OCTETS = oidOctets(`${ARC}0`).subarray(2, -1)
const detail = detailWriter(AREA)

export const thalesLuna: AttestationVerifier<LunaStatement> = {
  id: 'thales-luna',
  title: say(`${AREA}.title`),
  accepts: [{ what: say(`${AREA}.accepts.confirmation`), endings: ['.pkc', '.p7b', '.p7c', '.der', '.pem', '.zip'], required: true, embeddable: false }],

  // By octets, so that a spoilt certificate is still answered by this maker with what is wrong about it.
  recognises: (evidence) => evidence.certificates.some(({ der }) => der.includes(ARC_OCTETS)),

  parse: parseLunaStatement,

  attestedKey: ({ chain }) => chain[0]!.spki,

  examine(statement, context) {
    const chain = chainChecks(statement, context.anchors, context.at)
    const claimed = chain.checks.some((each) => each.outcome !== 'pass')
    const claim = claimed ? [untrustedClaim()] : []
    const module = moduleChecks(statement, context)
    return {
      'genuine-device': finding(chain.checks, { cautions: chain.cautions, headline: chain.headline }),
      'same-key': finding(sameKeyChecks(statement.chain[0]!.spki, context.publicKey, (spki) => createHash('sha256').update(spki).digest('hex')), { claimed }),
      'generated-inside': finding([...claim, implied('generated')], { claimed }),
      'not-exportable': finding([...claim, flagsCheck(statement), implied('kept')], { claimed }),
      'certified-module': finding([...claim, ...module.checks], { claimed, cautions: module.cautions, headline: module.headline }),
    }
  },

  describe({ family, claims }): Device {
    return {
      maker: 'Thales',
      model: say(`${AREA}.model.name`, { name: claims.model ?? 'Luna' }),
      firmware: claims.firmware,
      serial: claims.serials[0] ?? null,
      formFactor: null,
      details: [detail('chain', `chain.${family}`), detail('flags', 'flags.value', { flags: claims.flags ?? '–' })],
    }
  },
}

/** What a genuine confirmation implies by itself. */
const implied = (what: 'generated' | 'kept'): Check => check(true, `implied.${what}`, `implied.${what}-expected`, {}, { source: PKC })

/** The four flags about the key are not documented. Until they are, a confirmation that differs from all known ones is not relied on. */
function flagsCheck({ claims }: LunaStatement): Check {
  const usual = claims.flags === FLAGS_SEEN
  return check(usual, usual ? 'flags.usual' : 'flags.other', 'flags.expected', { flags: claims.flags ?? '–', usual: FLAGS_SEEN }, { remedy: 'remedy.tell-us' })
}
