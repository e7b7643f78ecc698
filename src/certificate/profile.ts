/** The certificate profiles of CP 7.1 and 7.3-1 as corrected by CSBR 7.1.2, as data, and the exact octets to be signed. */
import type { Policy, TimestampPolicy } from '../policy/policy.ts'
import { rsaSignatureAlgorithm } from '../pki/algorithm.ts'
import { bitString, context, integer, sequence, time } from '../pki/der.ts'
import {
  authorityInfoAccess,
  authorityKeyIdentifier,
  basicConstraints,
  certificatePolicies,
  crlDistributionPoint,
  extendedKeyUsage,
  keyUsage,
  ocspNoCheck,
  subjectKeyIdentifier,
} from '../pki/extension-encoding.ts'
import { KEY_USAGE } from '../pki/extension-values.ts'
import { encodeName, type NameAttribute } from '../pki/name.ts'
import { OID } from '../pki/oids.ts'
import { readPublicKey } from '../pki/public-key.ts'

export type CertificateKind = 'root' | 'issuing' | 'subscriber' | 'responder' | 'timestamp-ca' | 'timestamp'
export const CERTIFICATE_KINDS: readonly CertificateKind[] = ['root', 'issuing', 'subscriber', 'responder', 'timestamp-ca', 'timestamp']

/** The certificate of the CA that signs. */
export interface Issuer {
  /** Its subject name, DER, copied byte for byte (ISS-7; CSBR 7.1.4.1). */
  readonly nameDer: Buffer
  /** Its subject key identifier. */
  readonly keyIdentifier: Buffer
  readonly notAfter: Date
}

/** Addresses of the issuer's services, HTTP, as they stand in certificates. */
export interface CertificateUrls {
  /** The issuer's certificate revocation list. */
  readonly crl: string
  /** The issuer's OCSP responder; unused in a CA certificate, whose status is the root's list. */
  readonly ocsp: string
  /** The issuer's certificate, DER. */
  readonly caIssuers: string
  /** The repository with the CP and CPS. */
  readonly cps: string
}

export interface TbsInput {
  readonly policy: Policy
  /** Content octets of the serial number (serial-number.ts). */
  readonly serial: Buffer
  /** 'self' for a root. */
  readonly issuer: Issuer | 'self'
  readonly subject: readonly NameAttribute[]
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer
  readonly notBefore: Date
  readonly notAfter: Date
  readonly urls: CertificateUrls
}

interface Profile {
  readonly row: string
  readonly clause: string
  readonly signatureHash: (policy: Policy) => 'sha256' | 'sha384' | 'sha512'
  /** Extensions in the order in which they are written. Criticality as in the tables: key usage and basic constraints alone are critical, and a time-stamp certificate's purpose. */
  readonly extensions: (input: TbsInput, key: { own: Buffer; issuer: Buffer }) => readonly Buffer[]
}

const CERTIFICATE_SIGNING = [KEY_USAGE.keyCertSign, KEY_USAGE.cRLSign]

/**
 * What the policy says of time-stamps.
 * @throws TypeError when it says nothing: a caller that comes here without asking first is at fault
 */
export function timestampPolicy({ timestamp }: Pick<Policy, 'timestamp'>): TimestampPolicy {
  if (!timestamp) throw new TypeError('this policy has no time-stamp authority')
  return timestamp
}

/** The policies of a time-stamp certificate, that which points to the practice statement first. */
export function timestampPolicies(policy: Pick<Policy, 'timestamp'>): { readonly pointing: string; readonly others: readonly string[] } {
  const { own, reserved } = timestampPolicy(policy).policyOids
  return own === undefined ? { pointing: reserved, others: [] } : { pointing: own, others: [reserved] }
}

/** What the two kinds of CA under the root have (CSBR 7.1.2.2): they differ in their purpose and in the policy that is reserved for it. */
const subordinate =
  (purpose: string, reserved: (policy: Policy) => string): Profile['extensions'] =>
  ({ policy, urls }, key) => [
    authorityKeyIdentifier(key.issuer),
    subjectKeyIdentifier(key.own),
    basicConstraints(true, { cA: true }),
    keyUsage(true, CERTIFICATE_SIGNING),
    extendedKeyUsage(false, [purpose]),
    certificatePolicies({ oid: policy.policyOids.subordinate, cps: urls.cps }, { oid: reserved(policy) }),
    crlDistributionPoint(urls.crl),
    authorityInfoAccess({ method: OID.accessCaIssuers, url: urls.caIssuers }),
  ]

export const PROFILES: Readonly<Record<CertificateKind, Profile>> = {
  root: {
    row: 'CRT-14',
    clause: 'CSBR 7.1.2.1',
    signatureHash: (policy) => policy.keys.authority.rootHash,
    extensions: (_, key) => [basicConstraints(true, { cA: true }), keyUsage(true, CERTIFICATE_SIGNING), subjectKeyIdentifier(key.own)],
  },
  issuing: {
    row: 'CRT-12',
    clause: 'CP table 7.1-3; CSBR 7.1.2.2',
    // The root signs it, with the root's digest.
    signatureHash: (policy) => policy.keys.authority.rootHash,
    extensions: subordinate(OID.codeSigning, (policy) => policy.policyOids.reservedCodeSigning),
  },
  subscriber: {
    row: 'CRT-1',
    clause: 'CP table 7.1-5; CSBR 7.1.2.3',
    signatureHash: (policy) => policy.keys.authority.issuingHash,
    extensions: ({ policy, urls }, key) => [
      authorityKeyIdentifier(key.issuer),
      subjectKeyIdentifier(key.own),
      keyUsage(true, [KEY_USAGE.digitalSignature]),
      extendedKeyUsage(false, [OID.codeSigning]),
      certificatePolicies({ oid: policy.policyOids.codeSigning, cps: urls.cps }, { oid: policy.policyOids.reservedCodeSigning }),
      crlDistributionPoint(urls.crl),
      authorityInfoAccess({ method: OID.accessOcsp, url: urls.ocsp }, { method: OID.accessCaIssuers, url: urls.caIssuers }),
    ],
  },
  responder: {
    row: 'OCS-2',
    clause: 'CP table 7.3-1; CSBR 4.9.9',
    signatureHash: (policy) => policy.keys.authority.issuingHash,
    extensions: ({ policy, urls }, key) => [
      authorityKeyIdentifier(key.issuer),
      subjectKeyIdentifier(key.own),
      keyUsage(true, [KEY_USAGE.digitalSignature]),
      extendedKeyUsage(false, [OID.ocspSigning]),
      ocspNoCheck(),
      certificatePolicies({ oid: policy.policyOids.ocspResponder, cps: urls.cps }),
    ],
  },
  'timestamp-ca': {
    row: 'CRT-12',
    clause: 'CSBR 7.1.2.2, 7.1.6.3',
    signatureHash: (policy) => policy.keys.authority.rootHash,
    extensions: subordinate(OID.timeStamping, (policy) => timestampPolicy(policy).policyOids.reserved),
  },
  timestamp: {
    row: 'TSA-2',
    clause: 'CSBR 7.1.2.3; RFC 3161 2.3',
    signatureHash: (policy) => timestampPolicy(policy).keys.hash,
    extensions: ({ policy, urls }, key) => {
      const { pointing, others } = timestampPolicies(policy)
      return [
        authorityKeyIdentifier(key.issuer),
        subjectKeyIdentifier(key.own),
        keyUsage(true, [KEY_USAGE.digitalSignature]),
        extendedKeyUsage(true, [OID.timeStamping]),
        certificatePolicies({ oid: pointing, cps: urls.cps }, ...others.map((oid) => ({ oid }))),
        crlDistributionPoint(urls.crl),
        // Its issuer is offline: its status is that CA's list, so no OCSP address.
        authorityInfoAccess({ method: OID.accessCaIssuers, url: urls.caIssuers }),
      ]
    },
  },
}

/** The digest that a certificate of this kind is signed with, and its AlgorithmIdentifier, DER. */
export function signatureAlgorithmOf(kind: CertificateKind, policy: Policy): { hash: 'sha256' | 'sha384' | 'sha512'; der: Buffer } {
  const hash = PROFILES[kind].signatureHash(policy)
  return { hash, der: rsaSignatureAlgorithm(hash) }
}

/**
 * The exact DER of TBSCertificate for a kind of certificate. It judges nothing: the lints read what it wrote.
 * @throws MalformedDer when `spki` is no public key
 * @throws RangeError when an address is not ASCII
 */
export function buildTbs(kind: CertificateKind, input: TbsInput): Buffer {
  const subject = encodeName(input.subject)
  const own = readPublicKey(input.spki).keyIdentifier
  const issuer = input.issuer === 'self' ? { nameDer: subject, keyIdentifier: own } : input.issuer
  return sequence(
    context(0, integer(2)),
    integer(input.serial),
    signatureAlgorithmOf(kind, input.policy).der,
    issuer.nameDer,
    sequence(time(input.notBefore), time(input.notAfter)),
    subject,
    input.spki,
    context(3, sequence(...PROFILES[kind].extensions(input, { own, issuer: issuer.keyIdentifier }))),
  )
}

/** The certificate: the octets that were signed, the AlgorithmIdentifier that stands in them, the signature. */
export const assembleCertificate = (tbs: Buffer, signatureAlgorithm: Buffer, signature: Buffer): Buffer => sequence(tbs, signatureAlgorithm, bitString(signature))
