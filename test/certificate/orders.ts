/** Orders for a certificate of each kind, under the shipped policy, with keys that are numbers only. */
import { createHash } from 'node:crypto'
import type { LintContext } from '../../src/certificate/lints/lint.ts'
import { buildTbs, type CertificateKind, type CertificateUrls, type Issuer } from '../../src/certificate/profile.ts'
import { validityFrom } from '../../src/certificate/validity.ts'
import { encodeName, type NameAttribute } from '../../src/pki/name.ts'
import { readPublicKey } from '../../src/pki/public-key.ts'
import { loadPolicy, type Policy } from '../../src/policy/policy.ts'
import { rsaSpki, soundModulus } from '../pki/keys.ts'

export const policy: Policy = loadPolicy()
export const NOW = new Date('2027-03-01T09:30:15.750Z')
export const SERIAL = Buffer.from('01a1b2c3d4e5f60718293a4b5c6d7e8f90', 'hex')

export const KEYS = { authority: rsaSpki(soundModulus(4096)), subscriber: rsaSpki(soundModulus(3072)), responder: rsaSpki(soundModulus(3072, 'responder')), timestamp: rsaSpki(soundModulus(3072, 'timestamp')) }
export const RSA_2048 = rsaSpki(soundModulus(2048))

export const URLS: CertificateUrls = {
  crl: 'http://status.example.jp/crl/issuing.crl',
  ocsp: 'http://status.example.jp/ocsp',
  caIssuers: 'http://status.example.jp/ca/issuing.cer',
  cps: 'https://repository.example.jp/cps/',
}

export const SUBSCRIBER: NameAttribute[] = [
  { type: 'countryName', value: 'JP' },
  { type: 'stateOrProvinceName', value: 'Tokyo' },
  { type: 'localityName', value: '千代田区' },
  { type: 'organizationName', value: '株式会社例' },
  { type: 'organizationalUnitName', value: 'Release Engineering' },
  { type: 'commonName', value: '株式会社例' },
  { type: 'serialNumber', value: '0100-01-000001' },
]

const TIMESTAMP = policy.timestamp!.names
const SUBJECTS: Record<CertificateKind, readonly NameAttribute[]> = {
  root: policy.names.root,
  issuing: policy.names.issuing,
  subscriber: SUBSCRIBER,
  responder: policy.names.responder,
  'timestamp-ca': TIMESTAMP.authority,
  timestamp: TIMESTAMP.unit,
}
const SPKI: Record<CertificateKind, Buffer> = { root: KEYS.authority, issuing: KEYS.authority, subscriber: KEYS.subscriber, responder: KEYS.responder, 'timestamp-ca': KEYS.authority, timestamp: KEYS.timestamp }

/** The CA above: the root for a subordinate CA, that CA for the others. */
export function issuerOf(kind: CertificateKind): Issuer | 'self' {
  if (kind === 'root') return 'self'
  const subordinate = kind === 'issuing' || kind === 'timestamp-ca'
  return {
    nameDer: encodeName(subordinate ? policy.names.root : kind === 'timestamp' ? TIMESTAMP.authority : policy.names.issuing),
    keyIdentifier: subordinate ? createHash('sha1').update('root').digest() : readPublicKey(KEYS.authority).keyIdentifier,
    notAfter: new Date(subordinate ? '2056-12-31T23:59:59Z' : '2041-12-31T23:59:59Z'),
  }
}

export const contextOf = (kind: CertificateKind): LintContext => ({ kind, policy, now: NOW, issuer: issuerOf(kind), subject: SUBJECTS[kind], spki: SPKI[kind], urls: URLS })

/** The TBSCertificate that the builder makes for a context. */
export function buildFor(context: LintContext): Buffer {
  const { kind, issuer, subject, spki, urls, now } = context
  return buildTbs(kind, { policy: context.policy, serial: SERIAL, issuer, subject, spki, urls, ...validityFrom(kind, now, context.policy, issuer === 'self' ? null : issuer.notAfter) })
}
