/**
 * Certificate profiles to read (REP-2): the certificate of each kind is built as `ca` and the ceremony build it, from the policy, and told field by field.
 * So what is published is what is written; only what differs from one certificate to the next is told in words.
 */
import { crlPath, issuerUrls } from '../certificate/addresses.ts'
import { buildTbs, CERTIFICATE_KINDS, type CertificateKind, PROFILES, signatureAlgorithmOf, timestampPolicy } from '../certificate/profile.ts'
import { drawSerialNumber } from '../certificate/serial-number.ts'
import { subjectAttributes } from '../certificate/subject.ts'
import { periodEnd } from '../certificate/validity.ts'
import { bitString, integer, nullValue, oid, sequence } from '../pki/der.ts'
import { KEY_USAGE, readAuthorityInfoAccess, readBasicConstraints, readCertificatePolicies, readCrlDistributionPoints, readExtendedKeyUsage, readKeyUsage } from '../pki/extension-values.ts'
import { attributeLabel, encodeName, type NameAttribute } from '../pki/name.ts'
import { OID } from '../pki/oids.ts'
import { readTbsCertificate } from '../pki/x509-certificate.ts'
import type { Policy } from '../policy/policy.ts'

/** A value as it stands in the certificate, or words for what changes with each: `profiles.value.<say>`. */
export type ProfileValue = { readonly text: string } | { readonly say: string; readonly values: Readonly<Record<string, string>> }

export interface ProfileRow {
  /** A field of `profiles.field`, or an extension by its name in its standard. */
  readonly field: { readonly say: string } | { readonly extension: string; readonly critical: boolean }
  readonly values: readonly ProfileValue[]
}
export interface ProfileTable {
  readonly kind: CertificateKind
  readonly clause: string
  readonly rows: readonly ProfileRow[]
}

export interface ProfilePlace {
  readonly statusUrl: string
  readonly portalUrl: string
  /** Ids of the CAs that issue now. */
  readonly root: string
  readonly issuing: string
  readonly timestamp: string
}

const EXTENSIONS: Readonly<Record<string, string>> = {
  [OID.basicConstraints]: 'basicConstraints',
  [OID.keyUsage]: 'keyUsage',
  [OID.extendedKeyUsage]: 'extKeyUsage',
  [OID.subjectKeyIdentifier]: 'subjectKeyIdentifier',
  [OID.authorityKeyIdentifier]: 'authorityKeyIdentifier',
  [OID.certificatePolicies]: 'certificatePolicies',
  [OID.crlDistributionPoints]: 'cRLDistributionPoints',
  [OID.authorityInfoAccess]: 'authorityInfoAccess',
  [OID.ocspNoCheck]: 'id-pkix-ocsp-nocheck',
}
const PURPOSES: Readonly<Record<string, string>> = { [OID.codeSigning]: 'id-kp-codeSigning', [OID.timeStamping]: 'id-kp-timeStamping', [OID.ocspSigning]: 'id-kp-OCSPSigning' }
const ACCESS: Readonly<Record<string, string>> = { [OID.accessOcsp]: 'id-ad-ocsp', [OID.accessCaIssuers]: 'id-ad-caIssuers' }
const USAGES = Object.fromEntries(Object.entries(KEY_USAGE).map(([name, position]) => [position, name]))

/** A key of the right shape: which key it is, the table says in words. */
const SOME_KEY = sequence(sequence(oid(OID.rsaEncryption), nullValue()), bitString(sequence(integer(Buffer.concat([Buffer.from([0x7f]), Buffer.alloc(255, 1)])), integer(65537))))
const SOME_IDENTIFIER = Buffer.alloc(20)
/** All that may stand in a subscriber's name, each to be told by its type. */
const SUBSCRIBER = subjectAttributes({ country: 'JP', state: '-', locality: '-', organization: '-', organizationalUnit: '-', serialNumber: '-', commonName: '-' })

/** The tables of every kind that this policy makes. */
export function profileTables(policy: Policy, place: ProfilePlace): readonly ProfileTable[] {
  return CERTIFICATE_KINDS.filter((kind) => policy.timestamp || !kind.startsWith('timestamp')).map((kind) => ({ kind, clause: PROFILES[kind].clause, rows: rowsOf(kind, policy, place) }))
}

function rowsOf(kind: CertificateKind, policy: Policy, place: ProfilePlace): readonly ProfileRow[] {
  const { issuer, issuerId, subject, bits } = partiesOf(kind, policy, place)
  const notBefore = new Date(Date.UTC(2026, 0, 1))
  const notAfter = new Date(periodEnd(kind, notBefore, policy).getTime() - 1000)
  const tbs = readTbsCertificate(
    buildTbs(kind, {
      policy,
      serial: drawSerialNumber((size) => Buffer.alloc(size)),
      issuer: issuer === 'self' ? 'self' : { nameDer: encodeName(issuer), keyIdentifier: SOME_IDENTIFIER, notAfter },
      subject: subject ?? SUBSCRIBER,
      spki: SOME_KEY,
      notBefore,
      notAfter,
      urls: issuerUrls(issuerId, place),
    }),
  )
  return [
    row('version', { text: String(tbs.version) }),
    row('serial', { say: 'serial', values: { octets: String(tbs.serialOctets.length), bits: String(randomOctets() * 8) } }),
    row('signature', { text: `RSASSA-PKCS1-v1_5, ${signatureAlgorithmOf(kind, policy).hash.replace('sha', 'SHA-')}` }),
    row('issuer', ...(issuer === 'self' ? [{ say: 'self', values: {} }] : nameValues(issuer))),
    row('validity', periodOf(kind, policy)),
    row('subject', ...(subject ? nameValues(subject) : SUBSCRIBER.map(({ type }): ProfileValue => ({ text: attributeLabel(OID[type]) })))),
    row('key', ...bits.map((each): ProfileValue => ({ text: `RSA ${each}` }))),
    ...tbs.extensions.map(({ oid: type, critical, value }): ProfileRow => ({ field: { extension: EXTENSIONS[type] ?? type, critical }, values: kind === 'subscriber' && type === OID.crlDistributionPoints && policy.crl.shards > 1 ? [shardOf(policy, place)] : extensionValues(type, value) })),
  ]
}

const row = (say: string, ...values: readonly ProfileValue[]): ProfileRow => ({ field: { say }, values })
const nameValues = (name: readonly NameAttribute[]): readonly ProfileValue[] => name.map(({ type, value }) => ({ text: `${attributeLabel(OID[type])} = ${value}` }))

function randomOctets(): number {
  let asked = 0
  drawSerialNumber((size) => Buffer.alloc((asked = size)))
  return asked
}

/** RFC 5280 5.2.5: a certificate names the list of its shard. */
const shardOf = ({ crl }: Policy, { statusUrl, issuing }: ProfilePlace): ProfileValue => ({ say: 'shard', values: { count: String(crl.shards), first: statusUrl + crlPath(issuing, 1), last: statusUrl + crlPath(issuing, crl.shards) } })

/** Who issues a certificate of this kind to whom; no subject where it is the applicant's. */
function partiesOf(kind: CertificateKind, policy: Policy, { root, issuing, timestamp }: ProfilePlace): { issuer: readonly NameAttribute[] | 'self'; issuerId: string; subject: readonly NameAttribute[] | null; bits: readonly number[] } {
  const { names, keys } = policy
  switch (kind) {
    case 'root':
      return { issuer: 'self', issuerId: root, subject: names.root, bits: [keys.authority.rsaBits] }
    case 'issuing':
      return { issuer: names.root, issuerId: root, subject: names.issuing, bits: [keys.authority.rsaBits] }
    case 'subscriber':
      return { issuer: names.issuing, issuerId: issuing, subject: null, bits: keys.subscriber.rsaBits }
    case 'responder':
      return { issuer: names.issuing, issuerId: issuing, subject: names.responder, bits: [keys.responder.rsaBits] }
    case 'timestamp-ca':
      return { issuer: names.root, issuerId: root, subject: timestampPolicy(policy).names.authority, bits: [keys.authority.rsaBits] }
    case 'timestamp':
      return { issuer: timestampPolicy(policy).names.authority, issuerId: timestamp, subject: timestampPolicy(policy).names.unit, bits: [timestampPolicy(policy).keys.rsaBits] }
  }
}

/** The period as the policy counts it. A test holds it against `periodEnd`. */
function periodOf(kind: CertificateKind, policy: Policy): ProfileValue {
  const { periods } = policy
  const said = (say: 'years' | 'months' | 'days', count: number): ProfileValue => ({ say, values: { count: String(count) } })
  switch (kind) {
    case 'root':
      return said('years', periods.rootYears)
    case 'issuing':
      return said('years', periods.issuingYears)
    case 'subscriber':
      return said('days', periods.subscriberDays)
    case 'responder':
      return said('months', periods.responderMonths)
    case 'timestamp-ca':
      return said('years', timestampPolicy(policy).periods.authorityYears)
    case 'timestamp':
      return said('months', timestampPolicy(policy).periods.certificateMonths)
  }
}

function extensionValues(type: string, value: Buffer): readonly ProfileValue[] {
  const texts = (lines: readonly string[]): readonly ProfileValue[] => lines.map((text) => ({ text }))
  switch (type) {
    case OID.basicConstraints: {
      const { cA, pathLength } = readBasicConstraints(value)
      return texts([`cA = ${cA ? 'TRUE' : 'FALSE'}`, ...(pathLength === null ? [] : [`pathLenConstraint = ${pathLength}`])])
    }
    case OID.keyUsage:
      return texts(readKeyUsage(value).map((position) => USAGES[position]!))
    case OID.extendedKeyUsage:
      return texts(readExtendedKeyUsage(value).map((purpose) => `${PURPOSES[purpose] ?? ''} (${purpose})`.trim()))
    case OID.certificatePolicies:
      return texts(readCertificatePolicies(value).flatMap((policy) => [policy.oid, ...policy.qualifiers.map(({ cps }) => `cPSuri = ${cps}`)]))
    case OID.crlDistributionPoints:
      return texts(readCrlDistributionPoints(value).flatMap(({ fullName }) => fullName.map(({ uri }) => uri ?? '')))
    case OID.authorityInfoAccess:
      return texts(readAuthorityInfoAccess(value).map(({ method, location }) => `${ACCESS[method] ?? method} = ${location.uri}`))
    case OID.subjectKeyIdentifier:
      return [{ say: 'own-key', values: {} }]
    case OID.authorityKeyIdentifier:
      return [{ say: 'issuers-key', values: {} }]
    default:
      return texts(['NULL'])
  }
}
