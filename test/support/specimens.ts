/** Whole uploads of every maker, real and fake, in one form: what the fuzzer damages and the bench measures. */
import { gzipSync } from 'node:zlib'
import { anchors as dsmAnchors } from '../../attestations/fortanix-dsm/index.ts'
import { anchors as nshieldAnchors } from '../../attestations/entrust-nshield/index.ts'
import { anchors as ratsAnchors } from '../../attestations/rats-pkix/index.ts'
import { anchors as primusAnchors } from '../../attestations/securosys-primus/index.ts'
import { TCG_ATTEST_TPM_CERTIFY } from '../../attestations/tpm2/parse.ts'
import type { Anchors } from '../../src/attestation/anchors.ts'
import type { EvidenceFile } from '../../src/attestation/evidence.ts'
import { BUILT_IN_MAKERS } from '../../src/attestation/makers.ts'
import { verifyAttestation, type AttestationReport } from '../../src/attestation/verify-attestation.ts'
import { SAMPLE_TABLE, sampleRequest } from '../attestation/sample-table.ts'
import { boolean, context, integer, octetString, oid, sequence, utf8String } from '../../src/pki/der.ts'
import { certificatePem } from '../../src/pki/pem.ts'
import { shippedPolicy, withAttestation, withSampleKeys } from './attestation-policy.ts'
import { haveSamples, sample } from './attestation-samples.ts'
import { fakeDsm, fakeFortanix } from './fake-fortanix.ts'
import { azureJson, fakeHsm, googleFiles, hsmFactory, type FakeHsm } from './fake-hsm.ts'
import { fakeConfirmation, fakeEccConfirmation, fakeLuna, lunaAnchors, p7b } from './fake-luna.ts'
import { fakeBundle, fakeEntrust, ncoreKey } from './fake-nshield.ts'
import { fakePrimus, fakeSecurosys } from './fake-primus.ts'
import { attestationAttribute, fakeTpm, requestWith, tpmFactory, tpmFiles, tpmObject, tpmPcp, tpmStatement } from './fake-tpm.ts'
import { ARC, ec, fakeFactory, fakeYubikey, requestFor, rsa, spkiOf, type KeyPair } from './fake-yubikey.ts'
import { fakeHsmFactory, fakeYubihsm, NEWER } from './fake-yubihsm.ts'

export interface Upload {
  readonly files: readonly EvidenceFile[]
  readonly certificateRequestDer: Buffer
  readonly publicKeySpki: Buffer
}

export interface Specimen extends Upload {
  /** One word, for the command line and for reports. */
  readonly id: string
  readonly maker: string
  readonly real: boolean
  readonly at: Date
  readonly anchors: { readonly [maker: string]: Anchors }
}

/** Every maker that is built in, the demo one aside. */
export const MAKERS: readonly string[] = [...BUILT_IN_MAKERS].sort()

/** Every maker listed, the kinds of key that samples have allowed, Historical certificates taken: as much as possible is within reach of `verified`. */
export const OPEN_POLICY = withAttestation(withSampleKeys(), {
  makers: [...MAKERS],
  historicalCertificates: shippedPolicy.attestation.schemes.map(({ scheme }) => ({ scheme, acceptedUntil: '2999-12-31T23:59:59Z', why: 'test' })),
})

const switchedOn = (anchors: Anchors): Anchors => ({ ...anchors, rows: anchors.rows.map(({ off: _, ...row }) => row) })
/** The shipped keys, those that ship switched off for want of a second source switched on. */
export const SWITCHED_ON: { readonly [maker: string]: Anchors } = { 'entrust-nshield': switchedOn(nshieldAnchors), 'securosys-primus': switchedOn(primusAnchors), 'fortanix-dsm': switchedOn(dsmAnchors) }

export const judgeSpecimen = ({ at, anchors }: Pick<Specimen, 'at' | 'anchors'>, upload: Upload, policy = OPEN_POLICY): AttestationReport =>
  verifyAttestation({ ...upload, at, policy, demoHierarchy: false }, anchors)

/** The uploads of the sample table that attest something, the same statement once. None without the shared samples. */
export function realSpecimens(): Specimen[] {
  if (!haveSamples()) return []
  return SAMPLE_TABLE.filter((row) => row.maker !== null && row.spkiSha256 !== null).map((row) => {
    const publicKeySpki = row.key()
    return {
      id: (row.files[0] ?? row.request!).replace(/\.[a-z0-9]+$/, ''),
      maker: row.maker!,
      real: true,
      files: row.files.map((name) => ({ name, bytes: sample(name) })),
      certificateRequestDer: row.request ? sampleRequest(row.request) : requestFor(publicKeySpki),
      publicKeySpki,
      at: new Date(row.at),
      anchors: SWITCHED_ON,
    }
  })
}

/** One good upload of each maker's stand-in, and of each form that no sample is public of. */
export function fakeSpecimens(): Specimen[] {
  const applicant = rsa(3072)
  const spki = spkiOf(applicant)
  const at = new Date('2026-11-21T00:00:00Z')
  const specimen = (id: string, maker: string, anchors: Anchors, files: Readonly<Record<string, Buffer>>, more: Partial<Specimen> = {}): Specimen => ({
    id: `fake/${id}`,
    maker,
    real: false,
    files: Object.entries(files).map(([name, bytes]) => ({ name, bytes })),
    certificateRequestDer: requestFor(spki),
    publicKeySpki: spki,
    at,
    anchors: { [maker]: anchors },
    ...more,
  })
  const piv = fakeFactory()
  const yubikey = fakeYubikey(piv, spki)
  const hsm2 = fakeHsmFactory()
  const yubihsm = (issuedBy?: string) => {
    const { leaf, device } = fakeYubihsm(hsm2, spki, issuedBy ? { issuedBy } : {})
    return { 'attestation.der': leaf, 'device.der': device }
  }
  const clouds = hsmFactory()
  const cloud = fakeHsm(clouds, spki)
  const luna = fakeLuna()
  const curve = spkiOf(ec('P-256'))
  const entrust = fakeEntrust()
  return [
    specimen('yubikey-piv', 'yubikey-piv', piv.anchors, { 'leaf.der': yubikey.leaf, 'f9.der': yubikey.device }),
    specimen('yubikey-piv-in-request', 'yubikey-piv', piv.anchors, {}, { certificateRequestDer: requestFor(spki, [{ oid: `${ARC}1`, value: yubikey.leaf }, { oid: `${ARC}2`, value: yubikey.device }]) }),
    specimen('yubihsm2', 'yubihsm2', hsm2.anchors, yubihsm()),
    specimen('yubihsm2-newer', 'yubihsm2', hsm2.anchors, yubihsm(NEWER)),
    specimen('google-cloud-hsm', 'google-cloud-hsm', clouds.allOn['google-cloud-hsm'], googleFiles(cloud)),
    specimen('azure-managed-hsm', 'azure-managed-hsm', clouds.allOn['azure-managed-hsm'], { 'key.json': azureJson(cloud) }),
    specimen('google-cloud-hsm-json', 'google-cloud-hsm', clouds.allOn['google-cloud-hsm'], { 'version.json': googleJson(cloud) }),
    specimen('thales-luna', 'thales-luna', luna.anchors, { 'rsa.pkc': p7b(fakeConfirmation(luna, spki)) }),
    specimen('thales-luna-ecc', 'thales-luna', lunaAnchors(luna, 'on'), { 'ecc.pkc': p7b(fakeEccConfirmation(luna, curve)) }, { publicKeySpki: curve, certificateRequestDer: requestFor(curve) }),
    specimen('entrust-nshield', 'entrust-nshield', entrust.anchors, { 'key.att': fakeBundle(entrust, ncoreKey(applicant.publicKey)) }),
    specimen('securosys-primus', 'securosys-primus', ...primus(spki)),
    specimen('fortanix-dsm', 'fortanix-dsm', ...dsm(spki)),
    ...tpms(applicant).map(({ form, ...given }) => specimen(`tpm2${form}`, 'tpm2', given.anchors, given.files, given.request ? { certificateRequestDer: given.request } : {})),
    specimen('rats-pkix', 'rats-pkix', ratsAnchors, { 'evidence.der': evidenceOf(spki) }),
  ]
}

/** A CryptoKeyVersion of Cloud KMS, with the statement and the chains in it. */
const googleJson = ({ blob, certificates: { root, card, partition, ownerRoot, ownerCard, ownerPartition } }: FakeHsm): Buffer => {
  const chain = (...ders: Buffer[]) => ders.map(certificatePem)
  const certChains = { caviumCerts: chain(partition, card, root), googleCardCerts: chain(ownerCard, ownerRoot), googlePartitionCerts: chain(ownerPartition, ownerRoot) }
  return Buffer.from(JSON.stringify({ name: 'projects/p/locations/global/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1', protectionLevel: 'HSM', attestation: { format: 'CAVIUM_V2_COMPRESSED', content: gzipSync(blob).toString('base64'), certChains } }, null, 2))
}

/** Evidence of draft-ietf-rats-pkix-key-attestation about a platform and a key; nothing is held that could sign it. */
function evidenceOf(spki: Buffer): Buffer {
  const arc = '1.3.6.1.5.5.999'
  const claim = (id: string, value: Buffer): Buffer => sequence(oid(`${arc}.1.${id}`), value)
  const element = (id: number, ...claims: Buffer[]): Buffer => sequence(oid(`${arc}.0.${id}`), sequence(...claims))
  const platform = element(1, claim('1.0', utf8String('Acme Corp')), claim('1.2', octetString(Buffer.from('HSM-9000'))), claim('1.6', utf8String('2.1.0')), claim('1.10', boolean(true)), claim('1.12', integer(3)))
  const key = element(2, claim('2.0', octetString(Buffer.from('key-1'))), claim('2.1', octetString(spki)), claim('2.2', boolean(false)), claim('2.3', boolean(true)), claim('2.4', boolean(true)), claim('2.5', boolean(true)))
  const signature = sequence(sequence(context(0, octetString(Buffer.from('c0ffee', 'hex')))), sequence(oid('1.2.840.10045.4.3.2')), octetString(Buffer.alloc(70, 5)))
  return sequence(sequence(integer(1), sequence(platform, key)), sequence(signature))
}

function primus(spki: Buffer): [Anchors, Record<string, Buffer>] {
  const securosys = fakeSecurosys()
  return [securosys.anchors, fakePrimus(securosys, spki)]
}

function dsm(spki: Buffer): [Anchors, Record<string, Buffer>] {
  const fortanix = fakeFortanix()
  return [fortanix.anchors, { 'key_attestation.json': fakeDsm(fortanix, spki) }]
}

/** One key's statement in each form that tools write. */
function tpms(applicant: KeyPair): { form: string; anchors: Anchors; files: Record<string, Buffer>; request?: Buffer }[] {
  const factory = tpmFactory()
  const tpm = fakeTpm(factory, applicant)
  const { anchors } = factory
  const attribute = attestationAttribute([{ type: TCG_ATTEST_TPM_CERTIFY, stmt: tpmStatement(tpm) }], [tpm.ak, tpm.authority])
  return [
    { form: '', anchors, files: tpmFiles(tpm) },
    { form: '-windows', anchors, files: tpmPcp(tpm) },
    { form: '-object', anchors, files: { 'attestation.cbor': tpmObject(tpm) } },
    { form: '-in-request', anchors, files: {}, request: requestWith(spkiOf(applicant), attribute) },
  ]
}
