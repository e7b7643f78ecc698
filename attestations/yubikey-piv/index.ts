/** YubiKey PIV attestation: the verifier. What is read is in `parse`, the chain in `chain`, the device in `module`. */
import { createHash } from 'node:crypto'
import { loadAnchors } from '../../src/attestation/anchors.ts'
import { loadCatalogue } from '../../src/attestation/catalogue.ts'
import { oid as oidOctets } from '../../src/pki/der.ts'
import { sameKeyChecks } from '../../src/attestation/public-key.ts'
import { finding, say, untrustedClaim, type AttestationVerifier, type Check, type Device, type Message } from '../../src/attestation/verifier.ts'
import { chainChecks } from './chain.ts'
import { ARC } from './extensions.ts'
import { moduleChecks, PIN_POLICIES, TOUCH_POLICIES } from './module.ts'
import { parsePivStatement, type PivStatement } from './parse.ts'

export const anchors = loadAnchors(new URL('./anchors.json', import.meta.url))
export const catalogue = loadCatalogue(new URL('./devices.json', import.meta.url))

const ATTESTATION = 'https://developers.yubico.com/PIV/Introduction/PIV_attestation.html'
const CLAUSE = 'CSBR 6.2.7.4.2 (2)'
/** Slots whose keys the user generates: authentication, signature, key management, card authentication, and the retired ones. */
const SLOT = /^YubiKey PIV Attestation (9[acde]|8[2-9a-f]|9[0-5])$/

const FORM_FACTORS: Record<number, string> = { 1: 'usb-a-keychain', 2: 'usb-a-nano', 3: 'usb-c-keychain', 4: 'usb-c-nano', 5: 'usb-c-lightning', 6: 'usb-a-bio', 7: 'usb-c-bio' }

/** The arc's encoding, without tag, length and last arc. */
const ARC_OCTETS = oidOctets(`${ARC}0`).subarray(2, -1)

const slotOf = ({ leaf }: PivStatement): string => /([0-9a-f]{2})$/.exec(leaf.subjectCommonName ?? '')?.[1] ?? '–'

export const yubikeyPiv: AttestationVerifier<PivStatement> = {
  id: 'yubikey-piv',
  title: say('attestation.yubikey-piv.title'),
  accepts: [
    { what: say('attestation.yubikey-piv.accepts.attestation'), endings: ['.pem', '.crt', '.cer', '.der'], required: true, embeddable: true },
    { what: say('attestation.yubikey-piv.accepts.intermediate'), endings: ['.pem', '.crt', '.cer', '.der'], required: true, embeddable: true },
  ],

  // By octets, so that a spoilt certificate is still answered by this maker with what is wrong about it.
  recognises: (evidence) =>
    [...evidence.certificates.map(({ der }) => der), ...evidence.requested.map(({ oid, value }) => (oid.startsWith(ARC) ? oidOctets(oid) : value))].some((octets) => octets.includes(ARC_OCTETS)),

  parse: parsePivStatement,

  attestedKey: ({ leaf }) => leaf.spki,

  examine(statement, context) {
    const chain = chainChecks(statement, context.anchors, context.at)
    const trusted = chain.checks.every((check) => check.outcome === 'pass')
    const claimed = !trusted
    const claim = trusted ? [] : [untrustedClaim()]
    const module = moduleChecks(statement, context, trusted)
    return {
      'genuine-device': finding(chain.checks, { cautions: chain.cautions, headline: chain.headline }),
      'same-key': finding(sameKeyChecks(statement.leaf.spki, context.publicKey, (spki) => createHash('sha256').update(spki).digest('hex')), { claimed }),
      'generated-inside': finding([...claim, slotCheck(statement), implied('generated')], { claimed }),
      'not-exportable': finding([...claim, implied('kept')], { claimed }),
      'certified-module': finding([...claim, ...module.checks], { claimed, cautions: module.cautions, headline: module.headline }),
    }
  },

  describe(statement): Device {
    const { claims, deviceClaims } = statement
    const row = deviceClaims.fips && claims.fipsBit ? catalogue.devices.find((device) => device.firmware.includes(claims.firmware ?? '')) : undefined
    const name = row?.model ?? (claims.firmware ? `YubiKey ${claims.firmware.split('.')[0]}` : 'YubiKey')
    const detail = (label: string, value: Message) => ({ label: say(`attestation.yubikey-piv.label.${label}`), value })
    return {
      maker: 'Yubico',
      model: say('attestation.yubikey-piv.model', { name }),
      firmware: claims.firmware,
      serial: claims.serial,
      formFactor: claims.formFactor === null ? null : say(`attestation.yubikey-piv.form-factor.${FORM_FACTORS[claims.formFactor] ?? 'unknown'}`),
      details: [
        detail('slot', say('attestation.yubikey-piv.slot.name', { slot: slotOf(statement) })),
        detail('pin-policy', say(`attestation.yubikey-piv.pin-policy.${PIN_POLICIES[claims.pinPolicy ?? 0] ?? 'unknown'}`)),
        detail('touch-policy', say(`attestation.yubikey-piv.touch-policy.${TOUCH_POLICIES[claims.touchPolicy ?? 0] ?? 'unknown'}`)),
      ],
    }
  },
}

/** Slot f9 holds a key that its owner may replace by one from outside; 9b and 80 and 81 hold no user key. */
function slotCheck(statement: PivStatement): Check {
  const slot = slotOf(statement)
  const good = SLOT.test(statement.leaf.subjectCommonName ?? '')
  return {
    outcome: good ? 'pass' : 'fail',
    observed: say(good ? 'attestation.yubikey-piv.slot.user' : slot === 'f9' ? 'attestation.yubikey-piv.slot.f9' : 'attestation.yubikey-piv.slot.other', { slot }),
    expected: say('attestation.yubikey-piv.slot.expected'),
    source: ATTESTATION,
    clause: CLAUSE,
    ...(good ? {} : { remedy: say('attestation.yubikey-piv.remedy.slot') }),
  }
}

/** What a genuine attestation implies by itself: the applet attests no imported key, and no PIV command reads a private key. */
const implied = (what: 'generated' | 'kept'): Check => ({
  outcome: 'pass',
  observed: say(`attestation.yubikey-piv.implied.${what}`),
  expected: say(`attestation.yubikey-piv.implied.${what}-expected`),
  source: ATTESTATION,
  clause: CLAUSE,
})
