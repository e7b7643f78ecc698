/**
 * PKIX evidence of HSMs: read, shown, and never enough. Neither the draft's object identifiers nor any maker's key for it is published, so the
 * first question has no good answer yet, whatever a policy lists.
 */
import { createHash } from 'node:crypto'
import type { Anchors } from '../../src/attestation/anchors.ts'
import type { DeviceCatalogue } from '../../src/attestation/catalogue.ts'
import { checkWriter, detailWriter } from '../../src/attestation/check.ts'
import { keyType, policyKeyCheck, sameKeyChecks } from '../../src/attestation/public-key.ts'
import { finding, say, untrustedClaim, type AttestationVerifier, type Device } from '../../src/attestation/verifier.ts'
import { ARC, looksLikeEvidence, parsePkixEvidence, type PkixEvidence } from './parse.ts'

const AREA = 'attestation-rats'
const DRAFT = 'https://datatracker.ietf.org/doc/draft-ietf-rats-pkix-key-attestation/'
const check = checkWriter(AREA, { source: DRAFT, clause: 'CSBR 6.2.7.4.2 (2)' })
const detail = detailWriter(AREA)

/** No maker of HSMs has published a key for such evidence. */
export const anchors: Anchors = { asOf: '2026-11-21', sources: [DRAFT], rows: [] }
export const catalogue: DeviceCatalogue = { asOf: '2026-11-21', devices: [] }

const states = (value: boolean | null): string => (value === null ? 'missing' : value ? 'yes' : 'no')

export const ratsPkix: AttestationVerifier<PkixEvidence> = {
  id: 'rats-pkix',
  title: say(`${AREA}.title`),
  accepts: [{ what: say(`${AREA}.accepts.evidence`), endings: ['.pem', '.der'], required: true, embeddable: false }],

  recognises: ({ others }) => others.some(looksLikeEvidence),
  parse: parsePkixEvidence,
  attestedKey: ({ key }) => key.spki,

  examine({ key, platform, signers }, context) {
    const remedy = 'remedy.other-way'
    const claim = (value: boolean | null, wanted: boolean, name: string) => check(value === wanted, `${name}.${states(value)}`, `${name}.expected`, {}, { remedy: `remedy.${name}` })
    const type = keyType(key.spki)
    const certified = check(false, platform.fipsBoot === true ? 'module.states' : 'module.states-not', 'module.expected', { level: String(platform.fipsLevel ?? '–'), model: platform.model ?? '–' }, { clause: 'CSBR 6.2.7.4.1', remedy })
    return {
      'genuine-device': finding([check(false, 'identifiers.stand-ins', 'identifiers.expected', { arc: ARC.slice(0, -1) }, { remedy }), check(false, 'signer.unheld', 'signer.expected', { signers: signers.join(', ') || '–' }, { remedy })]),
      'same-key': finding(sameKeyChecks(key.spki, context.publicKey, (spki) => createHash('sha256').update(spki).digest('hex')), { claimed: true }),
      'generated-inside': finding([untrustedClaim(), claim(key.local, true, 'local')], { claimed: true }),
      'not-exportable': finding([untrustedClaim(), claim(key.extractable, false, 'extractable'), claim(key.neverExtractable, true, 'never-extractable'), claim(key.sensitive, true, 'sensitive')], { claimed: true }),
      'certified-module': finding([untrustedClaim(), certified, policyKeyCheck(type, context.policy.keys, AREA)], { claimed: true }),
    }
  },

  describe: ({ platform, signers }): Device => ({
    maker: platform.vendor ?? '–',
    model: say(`${AREA}.model`, { name: platform.model ?? '–' }),
    firmware: platform.firmware,
    serial: platform.serial,
    formFactor: null,
    details: [detail('signer', 'text', { text: signers.join(', ') || '–' }), detail('fips', `fips-boot.${states(platform.fipsBoot)}`, { level: String(platform.fipsLevel ?? '–') })],
  }),
}
