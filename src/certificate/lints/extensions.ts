/** Lints of the extensions, kind by kind (CRT-1, CRT-3 to CRT-9, CRT-12, CRT-14, OCS-2). */
import { KEY_USAGE } from '../../pki/extension-values.ts'
import { OID } from '../../pki/oids.ts'
import type { Policy } from '../../policy/policy.ts'
import { type CertificateKind, type CertificateUrls, timestampPolicies, timestampPolicy } from '../profile.ts'
import { ABSENT, type Lint, lint, listed, same, sameSet } from './lint.ts'
import type { Present, TbsView } from './tbs-view.ts'

const notCritical = (row: string, sentence: string, kinds: readonly CertificateKind[], clause: string, extension: (view: TbsView) => Present<unknown>): Lint =>
  lint(row, `${sentence}-not-critical`, kinds, clause, (view) => (extension(view)?.critical ? 'critical' : null))

function keyUsage(row: string, kinds: readonly CertificateKind[], clause: string, bits: readonly number[]): Lint[] {
  const names = Object.entries(KEY_USAGE)
  const name = (bit: number): string => names.find(([, position]) => position === bit)?.[0] ?? String(bit)
  return [
    lint(row, 'key-usage', kinds, clause, (view) => (view.keyUsage && same(view.keyUsage.value, bits) ? null : listed((view.keyUsage?.value ?? []).map(name)))),
    lint(row, 'key-usage-critical', kinds, clause, (view) => (view.keyUsage?.critical === false ? 'not critical' : null)),
  ]
}

const purposeIs = (row: string, kinds: readonly CertificateKind[], clause: string, purpose: (kind: CertificateKind) => string): Lint =>
  lint(row, 'extended-key-usage', kinds, clause, (view, { kind }) => (view.extendedKeyUsage && same(view.extendedKeyUsage.value, [purpose(kind)]) ? null : listed(view.extendedKeyUsage?.value ?? [])))
const extendedKeyUsage = (row: string, kinds: readonly CertificateKind[], clause: string, purpose: (kind: CertificateKind) => string): Lint[] => [
  purposeIs(row, kinds, clause, purpose),
  notCritical(row, 'extended-key-usage', kinds, clause, (view) => view.extendedKeyUsage),
]

/** Absent, or without cA; a path length beside cA FALSE has no meaning (RFC 5280 4.2.1.9). */
const notAnAuthority = (row: string, kinds: readonly CertificateKind[], clause: string): Lint =>
  lint(row, 'not-a-ca', kinds, clause, ({ basicConstraints }) => {
    if (!basicConstraints) return null
    const { cA, pathLength } = basicConstraints.value
    return cA || pathLength !== null ? `cA ${cA}, pathLenConstraint ${pathLength ?? ABSENT}` : null
  })

const authority = (row: string, kinds: readonly CertificateKind[], clause: string): Lint[] => [
  lint(row, 'basic-constraints', kinds, clause, ({ basicConstraints }) => (basicConstraints?.value.cA ? null : basicConstraints ? 'cA false' : ABSENT)),
  lint(row, 'basic-constraints-critical', kinds, clause, ({ basicConstraints }) => (basicConstraints?.critical === false ? 'not critical' : null)),
  lint(row, 'no-path-length', kinds, clause, ({ basicConstraints }) => (basicConstraints?.value.cA && basicConstraints.value.pathLength !== null ? String(basicConstraints.value.pathLength) : null)),
]

const subjectKeyIdentifier = (row: string, kinds: readonly CertificateKind[], clause: string): Lint[] => [
  lint(row, 'subject-key-identifier', kinds, clause, ({ subjectKeyIdentifier: found, key }) => (found?.value.equals(key.keyIdentifier) ? null : (found?.value.toString('hex') ?? ABSENT))),
  notCritical(row, 'subject-key-identifier', kinds, 'RFC 5280 4.2.1.2', (view) => view.subjectKeyIdentifier),
]

const authorityKeyIdentifier = (row: string, kinds: readonly CertificateKind[], clause: string): Lint[] => [
  lint(row, 'authority-key-identifier', kinds, clause, ({ authorityKeyIdentifier: found }, { issuer }) =>
    found?.value.keyIdentifier && !found.value.namesIssuer && issuer !== 'self' && found.value.keyIdentifier.equals(issuer.keyIdentifier) ? null : (found?.value.keyIdentifier?.toString('hex') ?? ABSENT),
  ),
  notCritical(row, 'authority-key-identifier', kinds, clause, (view) => view.authorityKeyIdentifier),
]

const isLdap = (uri: string | null): boolean => uri !== null && /^ldaps?:/i.test(uri)
const isHttp = (uri: string | null): boolean => uri !== null && /^http:\/\/[^/]/.test(uri)

function crlDistributionPoints(row: string, kinds: readonly CertificateKind[], clause: string): Lint[] {
  const names = (view: TbsView) => (view.crlDistributionPoints?.value ?? []).flatMap(({ fullName }) => fullName)
  const uris = (view: TbsView) => names(view).flatMap(({ uri }) => (uri === null ? [] : [uri]))
  return [
    lint(row, 'crl-address', kinds, clause, (view, { urls }) => {
      const found = uris(view).filter((uri) => !isLdap(uri))
      return same(found, [urls.crl]) ? null : listed(found)
    }),
    lint(row, 'crl-no-ldap', kinds, clause, (view) => {
      const found = uris(view).filter(isLdap)
      return found.length === 0 ? null : listed(found)
    }),
    lint(row, 'crl-http', kinds, clause, (view) => {
      const found = names(view).filter(({ uri }) => !isLdap(uri) && !isHttp(uri))
      return found.length === 0 ? null : listed(found.map(({ uri, tag }) => uri ?? `[${tag & 0x1f}]`))
    }),
    // A point for some reasons only, or signed by another, is not this CA's full list (RFC 5280 4.2.1.13).
    lint(row, 'crl-whole-list', kinds, 'RFC 5280 4.2.1.13', (view) => (view.crlDistributionPoints?.value.some(({ limited }) => limited) ? 'reasons / cRLIssuer' : null)),
    notCritical(row, 'crl', kinds, clause, (view) => view.crlDistributionPoints),
  ]
}

function authorityInfoAccess(row: string, kinds: readonly CertificateKind[], clause: string, expected: (urls: CertificateUrls) => { ocsp: readonly string[]; caIssuers: readonly string[] }): Lint[] {
  const locations = (view: TbsView, method: string) => (view.authorityInfoAccess?.value ?? []).flatMap((access) => (access.method === method ? [access.location.uri ?? `[${access.location.tag & 0x1f}]`] : []))
  return [
    lint(row, 'access-ocsp', kinds, clause, (view, { urls }) => {
      const found = locations(view, OID.accessOcsp)
      return same(found, expected(urls).ocsp) ? null : listed(found)
    }),
    lint(row, 'access-ca-issuers', kinds, clause, (view, { urls }) => {
      const found = locations(view, OID.accessCaIssuers)
      return same(found, expected(urls).caIssuers) ? null : listed(found)
    }),
    lint(row, 'access-methods', kinds, clause, (view) => {
      const found = (view.authorityInfoAccess?.value ?? []).map(({ method }) => method).filter((method) => method !== OID.accessOcsp && method !== OID.accessCaIssuers)
      return found.length === 0 ? null : listed(found)
    }),
    lint(row, 'access-http', kinds, clause, (view) => {
      const found = (view.authorityInfoAccess?.value ?? []).filter(({ location }) => !isHttp(location.uri))
      return found.length === 0 ? null : listed(found.map(({ location }) => location.uri ?? `[${location.tag & 0x1f}]`))
    }),
    notCritical(row, 'access', kinds, clause, (view) => view.authorityInfoAccess),
  ]
}

/** The policy that points to the practice statement, and those that point nowhere. */
interface ExpectedPolicies {
  readonly pointing: string
  readonly others: readonly string[]
}

/** Exactly the CA's own policy, which points to the practice statement, and where it applies the reserved one, which points nowhere. */
const certificatePolicies = (row: string, kinds: readonly CertificateKind[], clause: string, expected: (policy: Policy, kind: CertificateKind) => ExpectedPolicies): Lint[] => [
  lint(row, 'policies', kinds, clause, (view, { policy, kind }) => {
    const found = (view.certificatePolicies?.value ?? []).map(({ oid }) => oid)
    const { pointing, others } = expected(policy, kind)
    return sameSet(found, [pointing, ...others]) ? null : listed(found)
  }),
  lint(row, 'policy-qualifiers', kinds, clause, (view, { policy, urls, kind }) => {
    const wrong = (view.certificatePolicies?.value ?? []).filter(({ oid, qualifiers }) => !same(qualifiers.map(({ cps }) => cps), oid === expected(policy, kind).pointing ? [urls.cps] : []))
    return wrong.length === 0 ? null : listed(wrong.map(({ oid, qualifiers }) => `${oid} ${listed(qualifiers.map((qualifier) => qualifier.cps ?? qualifier.oid))}`))
  }),
  notCritical(row, 'policies', kinds, clause, (view) => view.certificatePolicies),
]

/** No extension but those that the profile names and those that a lint of their own refuses. */
const onlyExtensions = (row: string, kinds: readonly CertificateKind[], clause: string, known: readonly string[]): Lint =>
  lint(row, 'no-other-extension', kinds, clause, ({ tbs }) => {
    const found = tbs.extensions.map(({ oid }) => oid).filter((oid) => !known.includes(oid))
    return found.length === 0 ? null : listed(found)
  })
const without = (row: string, sentence: string, kinds: readonly CertificateKind[], clause: string, oid: string): Lint => lint(row, sentence, kinds, clause, ({ tbs }) => (tbs.extensions.some((extension) => extension.oid === oid) ? oid : null))

const { keyUsage: ku, extendedKeyUsage: eku, basicConstraints: bc, subjectKeyIdentifier: ski, authorityKeyIdentifier: aki, crlDistributionPoints: cdp, authorityInfoAccess: aia, certificatePolicies: cp, subjectAltName: san, netscapeCertificateType: netscape, ocspNoCheck: nocheck } = OID
/** The CAs under the root: for code signing, and apart from it for time-stamps. */
const SUBORDINATE: readonly CertificateKind[] = ['issuing', 'timestamp-ca']
const AUTHORITY_BITS = [KEY_USAGE.keyCertSign, KEY_USAGE.cRLSign]

const subscriber: readonly Lint[] = [
  ...certificatePolicies('CRT-1', ['subscriber'], 'CP table 7.1-5; CSBR 7.1.2.3 a, 7.1.6.4', ({ policyOids }) => ({ pointing: policyOids.codeSigning, others: [policyOids.reservedCodeSigning] })),
  // CP table 7.1-5 would allow more bits; CSBR 7.1.2.3 e has digitalSignature alone, and CSBR wins (CP 1.1).
  ...keyUsage('CRT-3', ['subscriber'], 'CSBR 7.1.2.3 e', [KEY_USAGE.digitalSignature]),
  ...extendedKeyUsage('CRT-4', ['subscriber'], 'CP table 7.1-5; CSBR 7.1.2.3 f', () => OID.codeSigning),
  notAnAuthority('CRT-5', ['subscriber'], 'CSBR 7.1.2.3 d'),
  ...subjectKeyIdentifier('CRT-6', ['subscriber'], 'CP table 7.1-5; RFC 5280 4.2.1.2 (1)'),
  ...authorityKeyIdentifier('CRT-6', ['subscriber'], 'CP table 7.1-5; CSBR 7.1.2.3 g'),
  // CP table 7.1-5 names an LDAP address too; CSBR 7.1.2.3 b asks for HTTP, and CSBR wins (CP 1.1).
  ...crlDistributionPoints('CRT-7', ['subscriber'], 'CSBR 7.1.2.3 b'),
  ...authorityInfoAccess('CRT-8', ['subscriber'], 'CP table 7.1-5; CSBR 7.1.2.3 c', (urls) => ({ ocsp: [urls.ocsp], caIssuers: [urls.caIssuers] })),
  without('CRT-9', 'no-subject-alt-name', ['subscriber'], 'CP table 7.1-5', san),
  without('CRT-9', 'no-netscape-type', ['subscriber'], 'CP table 7.1-5', netscape),
  onlyExtensions('CRT-9', ['subscriber'], 'CSBR 7.1.2.4', [ku, eku, bc, ski, aki, cdp, aia, cp, san, netscape]),
]

const issuing: readonly Lint[] = [
  ...certificatePolicies('CRT-12', SUBORDINATE, 'CP table 7.1-3; CSBR 7.1.2.2 a, 7.1.6.3', (policy, kind) => ({ pointing: policy.policyOids.subordinate, others: [kind === 'timestamp-ca' ? timestampPolicy(policy).policyOids.reserved : policy.policyOids.reservedCodeSigning] })),
  ...crlDistributionPoints('CRT-12', SUBORDINATE, 'CSBR 7.1.2.2 b'),
  // Its status is the root's list, so no OCSP address.
  ...authorityInfoAccess('CRT-12', SUBORDINATE, 'CSBR 7.1.2.2 c', (urls) => ({ ocsp: [], caIssuers: [urls.caIssuers] })),
  ...authority('CRT-12', SUBORDINATE, 'CP table 7.1-3; CSBR 7.1.2.2 d'),
  ...keyUsage('CRT-12', SUBORDINATE, 'CSBR 7.1.2.2 e', AUTHORITY_BITS),
  ...extendedKeyUsage('CRT-12', SUBORDINATE, 'CSBR 7.1.2.2 g', (kind) => (kind === 'timestamp-ca' ? OID.timeStamping : OID.codeSigning)),
  ...subjectKeyIdentifier('CRT-12', SUBORDINATE, 'CP table 7.1-3'),
  ...authorityKeyIdentifier('CRT-12', SUBORDINATE, 'CSBR 7.1.2.2 h'),
  onlyExtensions('CRT-12', SUBORDINATE, 'CSBR 7.1.2.4', [ku, eku, bc, ski, aki, cdp, aia, cp]),
]

const root: readonly Lint[] = [
  ...authority('CRT-14', ['root'], 'CSBR 7.1.2.1 a'),
  ...keyUsage('CRT-14', ['root'], 'CSBR 7.1.2.1 b', AUTHORITY_BITS),
  without('CRT-14', 'no-policies', ['root'], 'CSBR 7.1.2.1 c, 7.1.6.2', cp),
  without('CRT-14', 'no-extended-key-usage', ['root'], 'CSBR 7.1.2.1 d', eku),
  ...subjectKeyIdentifier('CRT-14', ['root'], 'RFC 5280 4.2.1.2'),
  onlyExtensions('CRT-14', ['root'], 'CSBR 7.1.2.4', [ku, eku, bc, ski, cp]),
]

const responder: readonly Lint[] = [
  ...keyUsage('OCS-2', ['responder'], 'CP table 7.3-1', [KEY_USAGE.digitalSignature]),
  ...extendedKeyUsage('OCS-2', ['responder'], 'CP table 7.3-1; RFC 6960 4.2.2.2', () => OID.ocspSigning),
  lint('OCS-2', 'ocsp-no-check', ['responder'], 'CP table 7.3-1; CSBR 4.9.9', ({ ocspNoCheck }) => (ocspNoCheck?.value.toString('hex') === '0500' ? null : (ocspNoCheck?.value.toString('hex') ?? ABSENT))),
  notCritical('OCS-2', 'ocsp-no-check', ['responder'], 'CP table 7.3-1; RFC 6960 4.2.2.2.1', (view) => view.ocspNoCheck),
  ...certificatePolicies('OCS-2', ['responder'], 'CP table 7.3-1', ({ policyOids }) => ({ pointing: policyOids.ocspResponder, others: [] })),
  notAnAuthority('OCS-2', ['responder'], 'RFC 5280 4.2.1.9'),
  ...subjectKeyIdentifier('OCS-2', ['responder'], 'CP table 7.3-1'),
  ...authorityKeyIdentifier('OCS-2', ['responder'], 'CP table 7.3-1'),
  onlyExtensions('OCS-2', ['responder'], 'CSBR 7.1.2.4; CP table 7.3-1', [ku, eku, bc, ski, aki, cp, nocheck]),
]

const timestamp: readonly Lint[] = [
  ...certificatePolicies('TSA-2', ['timestamp'], 'CSBR 7.1.2.3 a, 7.1.6.1', timestampPolicies),
  ...keyUsage('TSA-2', ['timestamp'], 'CSBR 7.1.2.3 e', [KEY_USAGE.digitalSignature]),
  purposeIs('TSA-2', ['timestamp'], 'CSBR 7.1.2.3 f; RFC 3161 2.3', () => OID.timeStamping),
  lint('TSA-2', 'extended-key-usage-critical', ['timestamp'], 'CSBR 7.1.2.3 f; RFC 3161 2.3', (view) => (view.extendedKeyUsage?.critical === false ? 'not critical' : null)),
  notAnAuthority('TSA-2', ['timestamp'], 'CSBR 7.1.2.3 d'),
  ...subjectKeyIdentifier('TSA-2', ['timestamp'], 'RFC 5280 4.2.1.2 (1)'),
  ...authorityKeyIdentifier('TSA-2', ['timestamp'], 'CSBR 7.1.2.3 g'),
  ...crlDistributionPoints('TSA-2', ['timestamp'], 'CSBR 7.1.2.3 b'),
  // Its issuer is offline and has no responder.
  ...authorityInfoAccess('TSA-2', ['timestamp'], 'CSBR 7.1.2.3 c', (urls) => ({ ocsp: [], caIssuers: [urls.caIssuers] })),
  onlyExtensions('TSA-2', ['timestamp'], 'CSBR 7.1.2.4', [ku, eku, bc, ski, aki, cdp, aia, cp]),
]

export const EXTENSION_LINTS: readonly Lint[] = [...subscriber, ...issuing, ...root, ...responder, ...timestamp]
