/** Lints of the basic fields: version, serial number, signature algorithm, issuer, validity, key. */
import { rsaSignatureAlgorithm } from '../../pki/algorithm.ts'
import { bitLength } from '../../pki/public-key.ts'
import type { Policy } from '../../policy/policy.ts'
import { type CertificateKind, timestampPolicy } from '../profile.ts'
import { periodEnd, wholeSecond } from '../validity.ts'
import { ABSENT, type Lint, lint } from './lint.ts'

const serials: readonly Lint[] = [
  lint('ISS-3', 'serial-positive', 'all', 'CSBR 7.1; RFC 5280 4.1.2.2', ({ tbs }) => (tbs.serialNumber > 0n ? null : tbs.serialNumber.toString())),
  lint('ISS-3', 'serial-length', 'all', 'RFC 5280 4.1.2.2', ({ tbs }) => (tbs.serialOctets.length <= 20 ? null : String(tbs.serialOctets.length))),
  // A number shorter than 64 bits cannot hold 64 bits of randomness. Zero and below are the first lint's matter.
  lint('ISS-3', 'serial-entropy', 'all', 'CP 3.1.5; CSBR 7.1', ({ tbs }) => (tbs.serialNumber <= 0n || bitLength(tbs.serialNumber) >= 64 ? null : String(bitLength(tbs.serialNumber)))),
]

type Hash = 'sha256' | 'sha384' | 'sha512'
/** The whole AlgorithmIdentifier is compared, so its parameters are NULL and nothing else (RFC 4055 5). */
const signedWith = (row: string, kinds: readonly CertificateKind[], clause: string, hashes: readonly Hash[]): Lint =>
  lint(row, 'signature-algorithm', kinds, clause, ({ tbs }) => (hashes.some((hash) => rsaSignatureAlgorithm(hash).equals(tbs.signature.raw)) ? null : `${tbs.signature.oid} ${tbs.signature.parameters?.toString('hex') ?? ABSENT}`))

const signatures: readonly Lint[] = [
  signedWith('CRT-11', ['subscriber'], 'CP 1.2, table 7.1-5; CSBR 7.1.3.2.1', ['sha256']),
  signedWith('OCS-2', ['responder'], 'CP table 7.3-1', ['sha256']),
  signedWith('CRT-12', ['issuing', 'timestamp-ca'], 'CP tables 7.1-2, 7.1-3', ['sha256', 'sha384']),
  // The digest that signs tokens too (TSA-3): exactly the policy's.
  lint('TSA-2', 'signature-algorithm', ['timestamp'], 'CSBR 6.8, 7.1.3.2.1', ({ tbs }, { policy }) =>
    rsaSignatureAlgorithm(timestampPolicy(policy).keys.hash).equals(tbs.signature.raw) ? null : `${tbs.signature.oid} ${tbs.signature.parameters?.toString('hex') ?? ABSENT}`,
  ),
  signedWith('CRT-14', ['root'], 'CSBR 7.1.3.2.1', ['sha256', 'sha384', 'sha512']),
]

const period = (row: string, kinds: readonly CertificateKind[], clause: string): Lint =>
  lint(row, 'period', kinds, clause, ({ tbs }, { policy, kind }) =>
    // Both ends count (CSBR 1.6.1): the last second must lie before the period's end.
    tbs.notAfter.date < periodEnd(kind, tbs.notBefore.date, policy) ? null : `${tbs.notBefore.date.toISOString()} – ${tbs.notAfter.date.toISOString()}`,
  )

const validity: readonly Lint[] = [
  lint('CRT-10', 'time-form', 'all', 'RFC 5280 4.1.2.5', ({ tbs }) => {
    const wrong = [tbs.notBefore, tbs.notAfter].find(({ date, generalized }) => generalized !== date.getUTCFullYear() >= 2050)
    return wrong ? wrong.date.toISOString() : null
  }),
  lint('CRT-10', 'validity-order', 'all', 'RFC 5280 4.1.2.5', ({ tbs }) => (tbs.notAfter.date > tbs.notBefore.date ? null : `${tbs.notBefore.date.toISOString()} – ${tbs.notAfter.date.toISOString()}`)),
  lint('ISS-2', 'not-backdated', 'all', 'CP 4.3.1', ({ tbs }, { now }) => (tbs.notBefore.date >= wholeSecond(now) ? null : tbs.notBefore.date.toISOString())),
  lint('CRT-10', 'period', ['subscriber'], 'CSBR 6.3.2, 1.6.1', ({ tbs }, { policy }) => {
    const seconds = (tbs.notAfter.date.getTime() - tbs.notBefore.date.getTime()) / 1000 + 1
    return seconds <= policy.periods.subscriberDays * 86_400 ? null : `${tbs.notBefore.date.toISOString()} – ${tbs.notAfter.date.toISOString()}`
  }),
  period('CRT-12', ['issuing', 'timestamp-ca'], 'CAK-5; CP 5.6'),
  period('CRT-14', ['root'], 'CAK-5; CP 5.6'),
  period('OCS-2', ['responder'], 'CP table 7.3-1'),
  period('TSA-2', ['timestamp'], 'CSBR 6.3.2'),
  lint('CRT-10', 'within-issuer', ['issuing', 'subscriber', 'responder', 'timestamp-ca', 'timestamp'], 'CP 5.6; RFC 5280 6.1.3', ({ tbs }, { issuer }) =>
    issuer === 'self' || tbs.notAfter.date <= issuer.notAfter ? null : tbs.notAfter.date.toISOString(),
  ),
]

const keySize = (row: string, kinds: readonly CertificateKind[], clause: string, accepted: (facts: { type: string; bits: number | null; curve: string }, keys: Policy['keys'], policy: Policy) => boolean): Lint =>
  lint(row, 'key-size', kinds, clause, ({ key: { facts } }, { policy }) => {
    const curve = 'curve' in facts ? facts.curve : ''
    return accepted({ type: facts.type, bits: facts.bits, curve }, policy.keys, policy) ? null : `${facts.type} ${curve || (facts.bits ?? ABSENT)}`
  })

const keys: readonly Lint[] = [
  keySize('KEY-1', ['subscriber'], 'CP 6.1.5; CSBR 6.1.5.2', ({ type, bits, curve }, { subscriber }) => (type === 'rsa' ? subscriber.rsaBits.some((size) => size === bits) : (subscriber.curves ?? []).some((name) => name === curve))),
  keySize('CRT-12', ['issuing', 'timestamp-ca'], 'CP table 7.1-3; CSBR 6.1.5.1', ({ type, bits }, { authority }) => type === 'rsa' && (bits ?? 0) >= authority.rsaBits),
  keySize('CRT-14', ['root'], 'CSBR 6.1.5.1', ({ type, bits }, { authority }) => type === 'rsa' && (bits ?? 0) >= authority.rsaBits),
  keySize('OCS-2', ['responder'], 'CP table 7.3-1', ({ type, bits }, { responder }) => type === 'rsa' && (bits ?? 0) >= responder.rsaBits),
  keySize('TSA-2', ['timestamp'], 'CSBR 6.1.5.2', ({ type, bits }, _, policy) => type === 'rsa' && (bits ?? 0) >= timestampPolicy(policy).keys.rsaBits),
  lint('KEY-2', 'exponent', 'all', 'CSBR 6.1.6', ({ key: { facts } }, { policy }) => {
    if (facts.type !== 'rsa') return null
    const { exponentMinimum, exponentMaximumBits } = policy.keys.subscriber
    return facts.exponent % 2n === 1n && facts.exponent >= BigInt(exponentMinimum) && bitLength(facts.exponent) <= exponentMaximumBits ? null : facts.exponent.toString()
  }),
  // The key that proved possession, and whose protection was judged, is the key certified.
  lint('APP-3', 'approved-key', 'all', 'CP 3.2.1', ({ key }, { spki }) => (key.spki.equals(spki) ? null : key.sha256)),
]

export const BASIC_FIELD_LINTS: readonly Lint[] = [
  lint('ISS-1', 'version', 'all', 'CSBR 7.1.1; RFC 5280 4.1.2.1', ({ tbs }) => (tbs.version === 3 ? null : String(tbs.version))),
  ...serials,
  ...signatures,
  lint('ISS-7', 'issuer-name', 'all', 'CSBR 7.1.4.1', ({ tbs }, { issuer }) => (tbs.issuer.equals(issuer === 'self' ? tbs.subject : issuer.nameDer) ? null : tbs.issuer.toString('hex'))),
  ...validity,
  ...keys,
  lint('ISS-1', 'no-unique-identifiers', 'all', 'RFC 5280 4.1.2.8', ({ tbs }) => (tbs.hasUniqueIdentifiers ? 'issuerUniqueID / subjectUniqueID' : null)),
]
