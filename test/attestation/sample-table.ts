/**
 * Every published sample in one table: what it is, which key it is about, and what it must come to, twice:
 * `today` as an applicant would be answered on 2026-11-21 (shipped policy, all makers listed, shipped keys), and `once` at its best
 * moment, with the sizes of key that samples have allowed and the roots that ship switched off switched on. Worked out by hand from the
 * files (`openssl x509`, `asn1parse`, `dgst -verify`), the rules of formats.md and the catalogue of its section 11.
 */
import { X509Certificate } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { entrustNShield } from '../../attestations/entrust-nshield/index.ts'
import { readBlob } from '../../attestations/marvell/blob.ts'
import { attestedKey } from '../../attestations/marvell/key.ts'
import { tpm2 } from '../../attestations/tpm2/index.ts'
import { readEvidence, requestKey } from '../../src/attestation/evidence.ts'
import { sample } from '../support/attestation-samples.ts'
import type { Outcome } from '../support/judge-maker.ts'

export interface SampleRow {
  readonly title: string
  /** As the policy lists it; null for a format that no maker here reads. */
  readonly maker: string | null
  /** Files to upload, below samples/. */
  readonly files: readonly string[]
  /** A certificate request below samples/; without one the test makes one for `key`. */
  readonly request?: string
  /** SubjectPublicKeyInfo (DER) of the key applied for. */
  readonly key: () => Buffer
  /** Its SHA-256: of the key that the sample is about, as `openssl pkey -pubin -outform DER | openssl dgst -sha256` prints it; null where nothing is attested. */
  readonly spkiSha256: string | null
  readonly today: Outcome
  /** The moment that `once` is for. */
  readonly at: string
  readonly once: Outcome
  readonly because: string
}

const HISTORICAL_LAST = '2026-09-21T12:00:00Z'
const pemToDer = (bytes: Buffer): Buffer => Buffer.from(/-----BEGIN [^-]+-----([^-]+)-----END/.exec(bytes.toString('latin1'))![1]!, 'base64')
export const sampleRequest = (path: string): Buffer => pemToDer(sample(path))

const spki = (certificate: Buffer): Buffer => new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' })
const ofCertificate = (path: string) => () => spki(sample(path))
const ofRequest = (path: string) => () => requestKey(sampleRequest(path))
const ofStatement = (path: string) => () => attestedKey([readBlob(gunzipSync(sample(path)), path)]).spki
const ofBundle = (path: string) => () => entrustNShield.attestedKey(entrustNShield.parse(readEvidence([{ name: path, bytes: sample(path) }], Buffer.from('3000', 'hex'))))
const ofDsm = (path: string) => () => spki(Buffer.from((JSON.parse(sample(path).toString()) as { attestation_statement: { statement: string } }).attestation_statement.statement, 'base64'))

const ofTpm = (path: string) => () => tpm2.attestedKey(tpm2.parse(readEvidence([{ name: path, bytes: sample(path) }], Buffer.from('3000', 'hex'))))

const PIV = 'yubico-piv'
const [IPXE_9A, IPXE_9C, IPXE_F9] = ['attestation-9a.crt', 'attestation-9c.crt', 'attestation-intermediate.crt'].map((name) => `${PIV}/ipxe/${name}`) as [string, string, string]
const TUF = (serial: string, what: string) => `${PIV}/docker-tuf/${serial}-Slot${what}.pem`
const CSPN = (what: string) => `${PIV}/powershellyk/piv_attestion_cspn_${what}certificate.cer`
const [TAME_FIPS, TAME_STANDARD] = [`${PIV}/tamemycerts/yubikey_valid_5_4_3_Once_Cached_UsbAKeychain_9a_FIPS_RSA_2048_CSR.pem`, `${PIV}/tamemycerts/csr_5_7_4_standard.pem`]
const [HAWKSBILL, HAWKSBILL_CHAIN, IMPORTED, UNRELATED] = ['smallstep/rsa.dat', 'smallstep/rsa.certs.pem', 'peculiar/parser.spec-1.dat', 'smallstep/pub.pem'].map((name) => `marvell-google/${name}`) as [string, string, string, string]
const HSM2 = (name: string) => `yubihsm2/gillstrom/${name}.pem`
const PRIMUS = (name: string) => `securosys/gillstrom/${name}`

const WEBAUTHN = 'tpm-webauthn/simplewebauthn-3.json'

const historical: Outcome = { 'certified-module': 'certificate.historical' }
const notFips: Outcome = { 'certified-module': 'yubikey-piv.fips.neither' }
const ungenuine = (reason: string, more: Outcome = {}): Outcome => ({ 'genuine-device': reason, 'generated-inside': 'claim.untrusted', 'not-exportable': 'claim.untrusted', 'certified-module': 'claim.untrusted', ...(more as object) })
const off: Outcome = ungenuine('anchor.off-single-source')

export const SAMPLE_TABLE: readonly SampleRow[] = [
  { title: 'YubiKey FIPS 5.4.3, P-256 in 9a', maker: 'yubikey-piv', files: [IPXE_9A, IPXE_F9], key: ofCertificate(IPXE_9A), spkiSha256: '97615b7ae0ea7b62e00fc3d26de118b42a9f122641204efb040f8a95680249f5', today: historical, at: HISTORICAL_LAST, once: 'verified', because: 'certified under FIPS 140-2 alone' },
  { title: 'YubiKey FIPS 5.4.3, RSA-2048 in 9c', maker: 'yubikey-piv', files: [IPXE_9C, IPXE_F9], key: ofCertificate(IPXE_9C), spkiSha256: '7f3db771b2769b08ed2c11a7777ffab4410e484d7585b8c4a42a4485d8c2e00b', today: historical, at: HISTORICAL_LAST, once: 'verified', because: 'as 9a, the same device' },
  { title: 'YubiKey FIPS 5.4.3 of another batch, P-384', maker: 'yubikey-piv', files: [TUF('25515003', '9CAttestation'), TUF('25515003', 'F9Intermediate')], key: ofCertificate(TUF('25515003', '9CAttestation')), spkiSha256: '52079f962c35d9153d0c7260c67461edf199dc208256d707eda2b78400edde5e', today: historical, at: HISTORICAL_LAST, once: 'verified', because: 'as ipxe' },
  { title: 'YubiKey 5.4.3, P-384', maker: 'yubikey-piv', files: [TUF('26551025', '9CAttestation'), TUF('26551025', 'F9Intermediate')], key: ofCertificate(TUF('26551025', '9CAttestation')), spkiSha256: '6b3615ab1238855239dee9d8f74bd98532d602b1ed5af3bfddcca2461d909563', today: notFips, at: HISTORICAL_LAST, once: notFips, because: 'genuine, but not the FIPS model' },
  { title: 'YubiKey FIPS 5.7.4, Ed25519', maker: 'yubikey-piv', files: [`${PIV}/ciris/A1-9c.pem`], key: ofCertificate(`${PIV}/ciris/A1-9c.pem`), spkiSha256: 'dba81b75e38953d122afced32596110add74f15a1d4f3f2bf729ce1aadc2edf7', today: { 'certified-module': 'yubikey-piv.key-type.uncertified' }, at: HISTORICAL_LAST, once: { 'certified-module': 'yubikey-piv.key-type.uncertified' }, because: 'the module is certified for other kinds of key' },
  { title: 'the second YubiKey FIPS 5.7.4, Ed25519', maker: 'yubikey-piv', files: [`${PIV}/ciris/B1-9c.pem`], key: ofCertificate(`${PIV}/ciris/B1-9c.pem`), spkiSha256: '020925628fa9ccfe413c1da6c26090e3ba28216413755b1a00c98e2dd61537ab', today: { 'certified-module': 'yubikey-piv.key-type.uncertified' }, at: HISTORICAL_LAST, once: { 'certified-module': 'yubikey-piv.key-type.uncertified' }, because: 'as the first' },
  { title: 'YubiKey CSPN 5.4.2, RSA-2048', maker: 'yubikey-piv', files: [CSPN('attestion'), CSPN('intermediate')], key: ofCertificate(CSPN('attestion')), spkiSha256: 'c8bce16f7a244df28361481761c0752424d074717c4f65ff16ee6a0e2ad248cc', today: { 'certified-module': 'yubikey-piv.fips.cspn' }, at: HISTORICAL_LAST, once: { 'certified-module': 'yubikey-piv.fips.cspn' }, because: 'CSPN is neither FIPS nor Common Criteria' },
  { title: 'YubiKey FIPS 5.4.3, RSA-2048, inside the request', maker: 'yubikey-piv', files: [], request: TAME_FIPS, key: ofRequest(TAME_FIPS), spkiSha256: '96106c8cb1b21011e7931a255d06d24d546731475289733522eb66fdd89727c7', today: historical, at: HISTORICAL_LAST, once: 'verified', because: 'as ipxe' },
  { title: 'YubiKey 5.7.4, P-384, inside the request', maker: 'yubikey-piv', files: [], request: TAME_STANDARD, key: ofRequest(TAME_STANDARD), spkiSha256: '65c83ded9cd7dab1cc019cc2642602165cffa3a2886f1ee03bf6ab919ba509dd', today: notFips, at: HISTORICAL_LAST, once: notFips, because: 'genuine, but not the FIPS model' },
  { title: 'YubiHSM 2 FIPS 2.2.0, RSA-4096', maker: 'yubihsm2', files: [HSM2('attestation'), HSM2('device'), HSM2('subca')], request: HSM2('csr'), key: ofRequest(HSM2('csr')), spkiSha256: 'b6be582f60e7e32104f44b284d07b37297994b0b8d4f0fca68c0f372a4645ee3', today: historical, at: HISTORICAL_LAST, once: 'verified', because: 'certified under FIPS 140-2 alone; its key is one that the shipped policy takes' },
  { title: 'Google Cloud HSM, RSA-2048', maker: 'google-cloud-hsm', files: [HAWKSBILL, HAWKSBILL_CHAIN], key: ofStatement(HAWKSBILL), spkiSha256: '2e851dbdf5716134d5183efe78680c51c9da3f1d86f3d110555650b195bf0afb', today: historical, at: HISTORICAL_LAST, once: 'verified', because: 'firmware 3.4 is certified under FIPS 140-2 alone' },
  { title: 'Google Cloud HSM for a key beside it', maker: 'google-cloud-hsm', files: [HAWKSBILL, HAWKSBILL_CHAIN], key: () => Buffer.from(/-----BEGIN PUBLIC KEY-----([^-]+)-----END/.exec(sample(UNRELATED).toString())![1]!, 'base64'), spkiSha256: null, today: { 'same-key': 'same-key.differs', ...(historical as object) }, at: HISTORICAL_LAST, once: { 'same-key': 'same-key.differs' }, because: 'the public key that lies beside it is not the attested one' },
  { title: 'an imported key of a Google Cloud HSM', maker: 'google-cloud-hsm', files: [IMPORTED], key: ofStatement(IMPORTED), spkiSha256: null, today: { malformed: IMPORTED, reason: 'attestation-marvell.malformed.certificates-missing' }, at: HISTORICAL_LAST, once: { malformed: IMPORTED, reason: 'attestation-marvell.malformed.certificates-missing' }, because: 'no certificates of that HSM are public' },
  { title: 'an imported key under certificates of another HSM', maker: 'google-cloud-hsm', files: [IMPORTED, HAWKSBILL_CHAIN], key: ofStatement(IMPORTED), spkiSha256: '78e1e8e449ca23f61f3a0446838bd3ac72ea3b09ef4d320025d42c79877dd323', today: ungenuine('attestation-marvell.statement-signature.bad'), at: HISTORICAL_LAST, once: ungenuine('attestation-marvell.statement-signature.bad'), because: 'that partition did not sign it' },
  { title: 'Luna K7 7.8.4, RSA-2048', maker: 'thales-luna', files: ['luna/rsa-pkc.p7b'], request: 'luna/rsa-test.csr', key: ofRequest('luna/rsa-test.csr'), spkiSha256: '1ad1f1290ca5df9148b18ea9ff1d74e2f74f709dd4a687aa9d09beb778155d86', today: { 'certified-module': 'key-type.not-in-policy' }, at: '2026-11-21T00:00:00Z', once: 'verified', because: 'FIPS 140-3 #4684; RSA-2048 is below what the shipped policy takes' },
  { title: 'nShield, P-256 under a softcard', maker: 'entrust-nshield', files: ['nshield/key_pkcs11_test2.att'], key: ofBundle('nshield/key_pkcs11_test2.att'), spkiSha256: '9d6ff5b89aeaa83473e6fd6b26d863fef15343915432b79b213456bea78018a5', today: off, at: HISTORICAL_LAST, once: { 'certified-module': 'attestation-nshield.world.not-fips' }, because: 'the world is not in FIPS mode' },
  { title: 'nShield, recoverable RSA-2048', maker: 'entrust-nshield', files: ['nshield/key_simple_test1.att'], key: ofBundle('nshield/key_simple_test1.att'), spkiSha256: '2b4a952255d651822b0cc10bc9719e8eb1b1a7188a24b365c324717760a230fe', today: off, at: HISTORICAL_LAST, once: { 'not-exportable': 'attestation-nshield.acl.recoverable', 'certified-module': 'attestation-nshield.world.not-fips' }, because: 'the Administrator Card Set recovers the key' },
  { title: 'Primus HSM, RSA-4096', maker: 'securosys-primus', files: ['attestation.xml', 'attestation.sig', 'chain.pem'].map(PRIMUS), request: PRIMUS('csr.pem'), key: ofRequest(PRIMUS('csr.pem')), spkiSha256: 'c2e7bccec8aee1ed22df6d696dba457f59554b289b650892f99b3e5cc70de06f', today: off, at: '2026-11-21T00:00:00Z', once: { 'certified-module': 'attestation-securosys.state.missing' }, because: 'a key attestation does not name the model' },
  { title: 'Fortanix DSM SaaS of September 2023, RSA-2048', maker: 'fortanix-dsm', files: ['fortanix/key_attestation.json'], key: ofDsm('fortanix/key_attestation.json'), spkiSha256: '00c123a2724a35ceda97b3e9de3fd0fc5a628da8c93274f5623b2cab0263aaa5', today: off, at: '2023-10-06T00:00:00Z', once: 'verified', because: 'too old today, and its root has one source' },
  { title: 'WebAuthn attestation of a TPM', maker: 'tpm2', files: [WEBAUTHN], key: ofTpm(WEBAUTHN), spkiSha256: '701f73c4c65a4f4ea05aceb2684342da4c9acff5d4264a3a855c8b4a67e9227d', today: ungenuine('validity.outside'), at: '2021-06-01T00:00:00Z', once: ungenuine('attestation-tpm2.statement-signature.weak'), because: 'the AK signed over SHA-1, and its certificates have expired' },
  { title: 'RATS PKIX evidence', maker: 'rats-pkix', files: ['ietf/rats-evidence1.pem'], key: ofCertificate(IPXE_9A), spkiSha256: null, today: { malformed: 'ietf/rats-evidence1.pem', reason: 'attestation-rats.malformed.key-missing' }, at: HISTORICAL_LAST, once: { malformed: 'ietf/rats-evidence1.pem', reason: 'attestation-rats.malformed.key-missing' }, because: 'a draft whose object identifiers are not final, about an HSM and no key' },
]
