/**
 * CA records as a table (REP-2), its columns named as in the reports of the Common CA Database (AllCertificateRecords, and the included roots' report for
 * what that one lacks), so that a root program's tools read it. What only the database's own operators know (record numbers, audits, each program's
 * verdict) has no column.
 */
import { displayName } from '../pki/name.ts'
import { OID } from '../pki/oids.ts'
import { certificatePem } from '../pki/pem.ts'
import type { CertificateFacts } from './certificate-facts.ts'

export interface AuthorityRecord {
  readonly facts: CertificateFacts
  /** The record of the CA that issued it; null for a root. */
  readonly parent: AuthorityRecord | null
  /** Null while it is not revoked. */
  readonly revoked: { readonly at: Date; /** CRLReason (RFC 5280 5.3.1); null where none was given. */ readonly reason: number | null } | null
  /** The one list of everything that this CA issued; null where there are only parts of it. */
  readonly fullCrl: string | null
  readonly partitionedCrls: readonly string[]
}

export interface RecordOwner {
  readonly name: string
  readonly country: string
  readonly policies: { readonly cp: PublishedText; readonly cps: PublishedText }
}
interface PublishedText {
  readonly url: string
  /** A day, `2026-11-22`; null for a sample. */
  readonly inForceFrom: string | null
}

/** RFC 5280 5.3.1. */
const REASONS: Readonly<Record<number, string>> = { 0: 'unspecified', 1: 'keyCompromise', 2: 'cACompromise', 3: 'affiliationChanged', 4: 'superseded', 5: 'cessationOfOperation', 9: 'privilegeWithdrawn' }

const PURPOSES: Readonly<Record<string, string>> = { [OID.codeSigning]: 'Code Signing', [OID.timeStamping]: 'Time Stamping', [OID.ocspSigning]: 'OCSP Signing' }

/** Days as the database writes them. */
const day = (date: Date | string): string => (typeof date === 'string' ? date : date.toISOString().slice(0, 10)).replaceAll('-', '.')
const yes = (fact: boolean): string => (fact ? 'True' : 'False')
const purposesOf = ({ purposes }: CertificateFacts): string => (purposes ?? []).map((oid) => PURPOSES[oid] ?? oid).join('; ')

const COLUMNS: readonly (readonly [name: string, value: (record: AuthorityRecord, owner: RecordOwner) => string])[] = [
  ['CA Owner', (_, owner) => owner.name],
  ['Certificate Name', ({ facts }) => facts.commonName ?? displayName(facts.subject)],
  ['Parent Certificate Name', ({ parent }) => (parent ? (parent.facts.commonName ?? displayName(parent.facts.subject)) : '')],
  ['Certificate Record Type', ({ parent }) => (parent ? 'Intermediate Certificate' : 'Root Certificate')],
  ['Revocation Status', ({ revoked }) => (revoked ? 'Revoked' : 'Not Revoked')],
  ['Date of Revocation', ({ revoked }) => (revoked ? day(revoked.at) : '')],
  ['RFC 5280 Revocation Reason Code', ({ revoked }) => (revoked ? (REASONS[revoked.reason ?? 0] ?? String(revoked.reason)) : '')],
  ['SHA-256 Fingerprint', ({ facts }) => facts.sha256.toUpperCase()],
  ['Parent SHA-256 Fingerprint', ({ parent }) => parent?.facts.sha256.toUpperCase() ?? ''],
  ['SHA-1 Fingerprint', ({ facts }) => facts.sha1.toUpperCase()],
  ['Certificate Serial Number', ({ facts }) => facts.serial],
  ['Certificate Subject', ({ facts }) => displayName(facts.subject)],
  ['Certificate Issuer', ({ facts }) => displayName(facts.issuer)],
  ['Valid From (GMT)', ({ facts }) => day(facts.notBefore)],
  ['Valid To (GMT)', ({ facts }) => day(facts.notAfter)],
  ['Authority Key Identifier', ({ facts }) => facts.authorityKeyIdentifier?.toString('base64') ?? ''],
  ['Subject Key Identifier', ({ facts }) => facts.subjectKeyIdentifier?.toString('base64') ?? ''],
  ['Public Key Algorithm', ({ facts }) => facts.key.replace(/^(RSA) (\d+)$/, '$1 $2 bits')],
  ['Signature Hash Algorithm', ({ facts }) => facts.signatureHash?.toUpperCase() ?? ''],
  ['Extended Key Usage', ({ facts }) => purposesOf(facts)],
  ['Certificate Policies', ({ facts }) => facts.policies.join('; ')],
  // The purposes are all named, and none of them serves TLS or mail: that is what constrains such a CA.
  ['Technically Constrained', ({ facts }) => yes(facts.purposes !== null && facts.purposes.every((oid) => Object.hasOwn(PURPOSES, oid)))],
  ['Derived Trust Bits', ({ facts, parent }) => (parent ? purposesOf(facts) : '')],
  ['Code Signing Capable', ({ facts }) => yes(facts.purposes === null || facts.purposes.includes(OID.codeSigning))],
  ['Full CRL Issued By This CA', ({ fullCrl }) => fullCrl ?? ''],
  ['JSON Array of Partitioned CRLs', ({ partitionedCrls }) => (partitionedCrls.length > 0 ? JSON.stringify(partitionedCrls) : '')],
  ['Certificate Policy (CP) URL', (_, { policies }) => policies.cp.url],
  ['CP Effective Date', (_, { policies }) => (policies.cp.inForceFrom ? day(policies.cp.inForceFrom) : '')],
  ['Certificate Practice Statement (CPS) URL', (_, { policies }) => policies.cps.url],
  ['CPS Effective Date', (_, { policies }) => (policies.cps.inForceFrom ? day(policies.cps.inForceFrom) : '')],
  ['CP/CPS Same as Parent?', ({ parent }) => yes(parent !== null)],
  ['Country', (_, owner) => owner.country],
  ['PEM Info', ({ facts }) => certificatePem(facts.der).trimEnd().replaceAll('\n', '\r\n')],
]

/** The header, then one row for each record. */
export const ccadbRows = (records: readonly AuthorityRecord[], owner: RecordOwner): readonly (readonly string[])[] => [COLUMNS.map(([name]) => name), ...records.map((record) => COLUMNS.map(([, value]) => value(record, owner)))]
