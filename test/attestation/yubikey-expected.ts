/**
 * What each published YubiKey sample must come to, worked out by hand before the verifier was written:
 * `openssl x509 -text`, `openssl asn1parse` for the arc 1.3.6.1.4.1.41482.3, `openssl dgst -verify` for each signature
 * under the makers' published keys, then the rules of formats.md 2.2 and 2.3 and the catalogue of section 11.
 *
 * Assumed throughout, unless a row says otherwise:
 * - judged at 2026-11-21T00:00:00Z. FIPS 140-2 certificates are Historical since 2026-09-22, the shipped policy accepts
 *   them to 2026-09-21T23:59:59Z;
 * - the shipped policy with RSA-2048, P-256, P-384 and Ed25519 allowed as well (`withSampleKeys`), since no public
 *   sample has RSA-3072 or RSA-4096. Under the shipped key sizes every sample is refused.
 */
import type { Question } from '../../src/attestation/verifier.ts'

/** Questions that fail, each with the reason's key below `attestation.`; or the malformed file and its reason. */
type Expected = { verified: true } | { refused: Partial<Record<Question, string>> } | { malformed: { file: string | null; reason: string } }

export interface SampleCase {
  title: string
  /** Files under samples/yubico-piv, uploaded in this order. */
  files: string[]
  /** The certificate request under samples/yubico-piv, when the sample has one; otherwise the test makes one for the key `requestKeyOf`. */
  request?: string
  /** The certificate whose key is applied for, when no request is given. */
  requestKeyOf?: string
  /** As `openssl` prints them; null where the statement is malformed. */
  facts: { firmware: string; serial: string; keyType: string; formFactor: string; slot: string; pinPolicy: string; touchPolicy: string; spkiSha256: string } | null
  expected: Expected
  /** At 2026-09-21T12:00:00Z, the last day before FIPS 140-2 certificates went Historical. */
  expectedBefore: Expected
  /** Why, in one line. */
  because: string
}

const historical: Expected = { refused: { 'certified-module': 'certificate.historical' } }
const notFips: Expected = { refused: { 'certified-module': 'yubikey-piv.fips.neither' } }
const uncertifiedKey: Expected = { refused: { 'certified-module': 'yubikey-piv.key-type.uncertified' } }
const verified: Expected = { verified: true }
const brokenChain: Expected = {
  refused: { 'genuine-device': 'yubikey-piv.leaf-signature.bad', 'generated-inside': 'claim.untrusted', 'not-exportable': 'claim.untrusted', 'certified-module': 'claim.untrusted' },
}
const noIntermediate = (file: string): Expected => ({ malformed: { file, reason: 'yubikey-piv.malformed.intermediate-missing' } })

export const SAMPLES: SampleCase[] = [
  {
    title: 'ipxe 9a: P-256 on a FIPS 5.4.3',
    files: ['ipxe/attestation-9a.crt', 'ipxe/attestation-intermediate.crt'],
    requestKeyOf: 'ipxe/attestation-9a.crt',
    facts: { firmware: '5.4.3', serial: '28557046', keyType: 'P-256', formFactor: 'usb-a-keychain', slot: '9a', pinPolicy: 'once', touchPolicy: 'never', spkiSha256: '97615b7ae0ea7b62e00fc3d26de118b42a9f122641204efb040f8a95680249f5' },
    expected: historical,
    expectedBefore: verified,
    because: '.9 = 81 and f9 has .10 = 7: FIPS; firmware 5.4.3 is certified under FIPS 140-2 alone',
  },
  {
    title: 'ipxe 9c: RSA-2048 on the same device, files the other way round',
    files: ['ipxe/attestation-intermediate.crt', 'ipxe/attestation-9c.crt'],
    requestKeyOf: 'ipxe/attestation-9c.crt',
    facts: { firmware: '5.4.3', serial: '28557046', keyType: 'RSA-2048', formFactor: 'usb-a-keychain', slot: '9c', pinPolicy: 'always', touchPolicy: 'never', spkiSha256: '7f3db771b2769b08ed2c11a7777ffab4410e484d7585b8c4a42a4485d8c2e00b' },
    expected: historical,
    expectedBefore: verified,
    because: 'as 9a; RSA-2048 is what the module is certified for, and only the test policy takes it',
  },
  {
    title: 'ipxe: the 9c statement with a request for the 9a key',
    files: ['ipxe/attestation-9c.crt', 'ipxe/attestation-intermediate.crt'],
    requestKeyOf: 'ipxe/attestation-9a.crt',
    facts: { firmware: '5.4.3', serial: '28557046', keyType: 'RSA-2048', formFactor: 'usb-a-keychain', slot: '9c', pinPolicy: 'always', touchPolicy: 'never', spkiSha256: '7f3db771b2769b08ed2c11a7777ffab4410e484d7585b8c4a42a4485d8c2e00b' },
    expected: { refused: { 'same-key': 'same-key.differs', 'certified-module': 'certificate.historical' } },
    expectedBefore: { refused: { 'same-key': 'same-key.differs' } },
    because: 'genuine statement, but for another key than the request',
  },
  {
    title: 'docker-tuf 25515003: P-384 on a FIPS 5.4.3',
    files: ['docker-tuf/25515003-Slot9CAttestation.pem', 'docker-tuf/25515003-SlotF9Intermediate.pem'],
    requestKeyOf: 'docker-tuf/25515003-Slot9CAttestation.pem',
    facts: { firmware: '5.4.3', serial: '25515003', keyType: 'P-384', formFactor: 'usb-c-keychain', slot: '9c', pinPolicy: 'always', touchPolicy: 'never', spkiSha256: '52079f962c35d9153d0c7260c67461edf199dc208256d707eda2b78400edde5e' },
    expected: historical,
    expectedBefore: verified,
    because: '.9 = 83 and f9 has .10 = 7',
  },
  {
    title: 'docker-tuf 26551025: P-384 on a 5.4.3 that is not FIPS',
    files: ['docker-tuf/26551025-Slot9CAttestation.pem', 'docker-tuf/26551025-SlotF9Intermediate.pem'],
    requestKeyOf: 'docker-tuf/26551025-Slot9CAttestation.pem',
    facts: { firmware: '5.4.3', serial: '26551025', keyType: 'P-384', formFactor: 'usb-a-keychain', slot: '9c', pinPolicy: 'always', touchPolicy: 'never', spkiSha256: '6b3615ab1238855239dee9d8f74bd98532d602b1ed5af3bfddcca2461d909563' },
    expected: notFips,
    expectedBefore: notFips,
    because: '.9 = 01 and no .10: a genuine device without certificate',
  },
  {
    title: 'docker-tuf: the statement of 25515003 with the f9 certificate of 26551025',
    files: ['docker-tuf/25515003-Slot9CAttestation.pem', 'docker-tuf/26551025-SlotF9Intermediate.pem'],
    requestKeyOf: 'docker-tuf/25515003-Slot9CAttestation.pem',
    facts: { firmware: '5.4.3', serial: '25515003', keyType: 'P-384', formFactor: 'usb-c-keychain', slot: '9c', pinPolicy: 'always', touchPolicy: 'never', spkiSha256: '52079f962c35d9153d0c7260c67461edf199dc208256d707eda2b78400edde5e' },
    expected: brokenChain,
    expectedBefore: brokenChain,
    because: 'same issuer name, other key: openssl says the signature fails',
  },
  {
    title: 'docker-tuf: the statement of the FIPS device hidden behind the f9 of a device that is not, the names being equal',
    files: ['docker-tuf/26551025-Slot9CAttestation.pem', 'docker-tuf/25515003-SlotF9Intermediate.pem'],
    requestKeyOf: 'docker-tuf/26551025-Slot9CAttestation.pem',
    facts: { firmware: '5.4.3', serial: '26551025', keyType: 'P-384', formFactor: 'usb-a-keychain', slot: '9c', pinPolicy: 'always', touchPolicy: 'never', spkiSha256: '6b3615ab1238855239dee9d8f74bd98532d602b1ed5af3bfddcca2461d909563' },
    expected: brokenChain,
    expectedBefore: brokenChain,
    because: 'a certified device\'s f9 cannot vouch for another device\'s key',
  },
  {
    title: 'docker-tuf: an f9 certificate and no statement',
    files: ['docker-tuf/25515003-SlotF9Intermediate.pem'],
    requestKeyOf: 'docker-tuf/25515003-Slot9CAttestation.pem',
    facts: null,
    expected: { malformed: { file: 'docker-tuf/25515003-SlotF9Intermediate.pem', reason: 'yubikey-piv.malformed.attestation-missing' } },
    expectedBefore: { malformed: { file: 'docker-tuf/25515003-SlotF9Intermediate.pem', reason: 'yubikey-piv.malformed.attestation-missing' } },
    because: 'incomplete',
  },
  {
    title: 'docker-tuf: two statements at once',
    files: ['docker-tuf/25515003-Slot9CAttestation.pem', 'docker-tuf/25515003-SlotF9Intermediate.pem', 'docker-tuf/26551025-Slot9CAttestation.pem'],
    requestKeyOf: 'docker-tuf/25515003-Slot9CAttestation.pem',
    facts: null,
    expected: { malformed: { file: 'docker-tuf/26551025-Slot9CAttestation.pem', reason: 'yubikey-piv.malformed.several-attestations' } },
    expectedBefore: { malformed: { file: 'docker-tuf/26551025-Slot9CAttestation.pem', reason: 'yubikey-piv.malformed.several-attestations' } },
    because: 'which one is meant is not ours to guess',
  },
  {
    title: 'CIRIS A1: Ed25519 on a FIPS 5.7.4, one file with leaf, f9 and both authorities above it',
    files: ['ciris/A1-9c.pem'],
    requestKeyOf: 'ciris/A1-9c.pem',
    facts: { firmware: '5.7.4', serial: '38165850', keyType: 'Ed25519', formFactor: 'usb-c-keychain', slot: '9c', pinPolicy: 'once', touchPolicy: 'always', spkiSha256: 'dba81b75e38953d122afced32596110add74f15a1d4f3f2bf729ce1aadc2edf7' },
    expected: uncertifiedKey,
    expectedBefore: uncertifiedKey,
    because: '.9 = 83, f9 has .10 = 8: certified since 2026-05-22 (#5291), but for RSA-3072, RSA-4096, P-256 and P-384; f9 is signed without NULL in the algorithm',
  },
  {
    title: 'CIRIS B1: Ed25519 on a FIPS 5.7.4, one file with leaf, f9 and both authorities above it',
    files: ['ciris/B1-9c.pem'],
    requestKeyOf: 'ciris/B1-9c.pem',
    facts: { firmware: '5.7.4', serial: '38165563', keyType: 'Ed25519', formFactor: 'usb-c-keychain', slot: '9c', pinPolicy: 'once', touchPolicy: 'always', spkiSha256: '020925628fa9ccfe413c1da6c26090e3ba28216413755b1a00c98e2dd61537ab' },
    expected: uncertifiedKey,
    expectedBefore: uncertifiedKey,
    because: '.9 = 83, f9 has .10 = 8: certified since 2026-05-22 (#5291), but for RSA-3072, RSA-4096, P-256 and P-384; f9 is signed without NULL in the algorithm',
  },
  {
    title: 'CIRIS A1 with the f9 certificate of a device of the older hierarchy as well',
    files: ['ciris/A1-9c.pem', 'ipxe/attestation-intermediate.crt'],
    requestKeyOf: 'ciris/A1-9c.pem',
    facts: null,
    expected: { malformed: { file: 'ipxe/attestation-intermediate.crt', reason: 'yubikey-piv.malformed.several-intermediates' } },
    expectedBefore: { malformed: { file: 'ipxe/attestation-intermediate.crt', reason: 'yubikey-piv.malformed.several-intermediates' } },
    because: 'two f9 certificates, both named "Yubico PIV Attestation"',
  },
  {
    title: 'docker-tuf: a statement without its f9 certificate',
    files: ['docker-tuf/25515003-Slot9CAttestation.pem'],
    requestKeyOf: 'docker-tuf/25515003-Slot9CAttestation.pem',
    facts: null,
    expected: noIntermediate('docker-tuf/25515003-Slot9CAttestation.pem'),
    expectedBefore: noIntermediate('docker-tuf/25515003-Slot9CAttestation.pem'),
    because: 'incomplete',
  },
  {
    title: 'powershellYK: RSA-2048 on a CSPN 5.4.2',
    files: ['powershellyk/piv_attestion_cspn_attestioncertificate.cer', 'powershellyk/piv_attestion_cspn_intermediatecertificate.cer'],
    requestKeyOf: 'powershellyk/piv_attestion_cspn_attestioncertificate.cer',
    facts: { firmware: '5.4.2', serial: '22399878', keyType: 'RSA-2048', formFactor: 'usb-a-keychain', slot: '9a', pinPolicy: 'once', touchPolicy: 'never', spkiSha256: 'c8bce16f7a244df28361481761c0752424d074717c4f65ff16ee6a0e2ad248cc' },
    expected: { refused: { 'certified-module': 'yubikey-piv.fips.cspn' } },
    expectedBefore: { refused: { 'certified-module': 'yubikey-piv.fips.cspn' } },
    because: 'f9 has .11: a French CSPN device, neither FIPS nor Common Criteria',
  },
  {
    title: 'TameMyCerts: RSA-2048 on a FIPS 5.4.3, embedded in the request at .2 and the older .11',
    files: [],
    request: 'tamemycerts/yubikey_valid_5_4_3_Once_Cached_UsbAKeychain_9a_FIPS_RSA_2048_CSR.pem',
    facts: { firmware: '5.4.3', serial: '28989702', keyType: 'RSA-2048', formFactor: 'usb-a-keychain', slot: '9a', pinPolicy: 'once', touchPolicy: 'cached', spkiSha256: '96106c8cb1b21011e7931a255d06d24d546731475289733522eb66fdd89727c7' },
    expected: historical,
    expectedBefore: verified,
    because: '.9 = 81, f9 has .10 = 7; .11 in a request is the statement, not CSPN',
  },
  {
    title: 'TameMyCerts: P-384 on a 5.7.4 that is not FIPS, embedded in the request at .1 and .2, the newer hierarchy',
    files: [],
    request: 'tamemycerts/csr_5_7_4_standard.pem',
    facts: { firmware: '5.7.4', serial: '33064031', keyType: 'P-384', formFactor: 'usb-c-keychain', slot: '9a', pinPolicy: 'once', touchPolicy: 'cached', spkiSha256: '65c83ded9cd7dab1cc019cc2642602165cffa3a2886f1ee03bf6ab919ba509dd' },
    expected: notFips,
    expectedBefore: notFips,
    because: '.9 = 03 and no .10; chain by Yubico PIV Attestation B 1',
  },
]
