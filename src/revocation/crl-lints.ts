/**
 * What a revocation list must be before it is signed, judged on the exact bytes (ISS-1, CRL-1, CRL-2, CRL-3): one clause a lint.
 * The lints know nothing of the builder; they read what a relying party will read.
 */
import { rsaSignatureAlgorithm } from '../pki/algorithm.ts'
import { MalformedDer, TAG, contextPrimitive, readDer, sequence } from '../pki/der.ts'
import type { Extension } from '../pki/x509-certificate.ts'
import type { Policy } from '../policy/policy.ts'
import { type CertificateList, type EncodedTime, type ListedCertificate, type TbsCertList, readTbsCertList } from './crl-reader.ts'
import { isPublishedReason } from './reason.ts'
import { mustStayOnList, statusSince } from './retention.ts'
import { EXTENSION, type SignatureHash } from './signed-object.ts'

export interface CrlLintContext {
  /** The moment of signing. */
  at: Date
  issuerNameDer: Uint8Array
  authorityKeyIdentifier: Uint8Array
  hash: SignatureHash
  /** notBefore of the CA certificate. */
  caNotBefore: Date
  /** Whose list it is: the period that bounds it differs (CSBR 4.9.7). */
  list: 'issuing' | 'root'
  periods: Pick<Policy['periods'], 'statusYearsAfterExpiry' | 'crlValidHours' | 'rootCrlValidMonths'>
  /** The highest CRL number ever recorded for this CA, null before the first. */
  lastNumber: bigint | null
  /** The list published last, null before the first. */
  previous: CertificateList | null
  /** notAfter of a certificate that this CA issued, by serial (lower-case hex, whole octets); undefined when not on record. */
  notAfterOf: (serial: string) => Date | undefined
}

export interface CrlFinding {
  lint: keyof typeof lints | 'encoding'
  clause: string
  /** For the log, in English; names the serial concerned where there is one. */
  detail: string
}

type Lint = { clause: string; check: (list: TbsCertList, context: CrlLintContext) => Iterable<string> }

const extensionOf = (list: TbsCertList, type: string): Extension | undefined => list.extensions.find((found) => found.oid === type)
const allEntries = (list: TbsCertList): ListedCertificate[] => list.entries ?? []
const wellEncoded = ({ tag, at }: EncodedTime): boolean => (tag === TAG.utcTime) === (at.getUTCFullYear() >= 1950 && at.getUTCFullYear() < 2050)
const listExtensions: ReadonlySet<string> = new Set([EXTENSION.authorityKeyIdentifier, EXTENSION.crlNumber, EXTENSION.expiredCertsOnCrl])
const entryExtensions: ReadonlySet<string> = new Set([EXTENSION.reasonCode, EXTENSION.invalidityDate])

/** The last permitted nextUpdate. A month too short for the day ends on its last day, so that "twelve months" is never passed. */
export function latestNextUpdate(thisUpdate: Date, list: 'issuing' | 'root', periods: Pick<Policy['periods'], 'crlValidHours' | 'rootCrlValidMonths'>): Date {
  if (list === 'issuing') return new Date(thisUpdate.getTime() + periods.crlValidHours * 3_600_000)
  const latest = new Date(thisUpdate)
  latest.setUTCMonth(latest.getUTCMonth() + periods.rootCrlValidMonths)
  if (latest.getUTCDate() !== thisUpdate.getUTCDate()) latest.setUTCDate(0)
  return latest
}

const lints = {
  'version': {
    clause: 'RFC 5280 5.1.2.1',
    *check(list) {
      if (list.version !== 1n) yield `version ${list.version ?? 'absent'}, expected 1 (v2)`
    },
  },
  'signature-algorithm': {
    clause: 'CSBR 7.1.3.2.1',
    *check(list, { hash }) {
      if (!list.signatureDer.equals(rsaSignatureAlgorithm(hash))) yield `not RSASSA-PKCS1-v1_5 with ${hash}`
    },
  },
  'issuer': {
    clause: 'CSBR 7.1.4.1',
    *check(list, { issuerNameDer }) {
      if (!list.issuerNameDer.equals(issuerNameDer)) yield 'issuer is not the CA\'s subject byte for byte'
    },
  },
  'time-encoding': {
    clause: 'RFC 5280 5.1.2.4',
    *check(list) {
      if (!wellEncoded(list.thisUpdate)) yield 'thisUpdate'
      if (list.nextUpdate && !wellEncoded(list.nextUpdate)) yield 'nextUpdate'
      for (const { serial, revocationDate } of allEntries(list)) if (!wellEncoded(revocationDate)) yield `revocationDate of ${serial}`
    },
  },
  'this-update': {
    clause: 'RFC 5280 5.1.2.4',
    *check({ thisUpdate }, { at, previous }) {
      if (thisUpdate.at > at) yield 'thisUpdate lies in the future'
      if (previous && thisUpdate.at < previous.tbs.thisUpdate.at) yield 'thisUpdate lies before the previous list\'s'
    },
  },
  'next-update': {
    clause: 'CSBR 4.9.7',
    *check({ thisUpdate, nextUpdate }, { list, periods }) {
      if (!nextUpdate) yield 'nextUpdate is absent'
      else if (nextUpdate.at <= thisUpdate.at) yield 'nextUpdate is not after thisUpdate'
      else if (nextUpdate.at > latestNextUpdate(thisUpdate.at, list, periods)) yield 'valid for longer than the policy allows'
    },
  },
  'authority-key-identifier': {
    clause: 'CP table 7.2-2',
    *check(list, { authorityKeyIdentifier }) {
      const found = extensionOf(list, EXTENSION.authorityKeyIdentifier)
      if (!found) yield 'absent'
      else if (!found.value.equals(sequence(contextPrimitive(0, authorityKeyIdentifier)))) yield 'does not name the CA\'s key'
    },
  },
  'crl-number': {
    clause: 'RFC 5280 5.2.3',
    *check(list, { lastNumber, previous }) {
      const number = crlNumber(list)
      if (number === null) return yield 'absent or not an integer of at most 20 octets'
      const before = [lastNumber, previous && crlNumber(previous.tbs)].filter((value) => value !== null)
      if (number < 0n || before.some((value) => number <= value)) yield `number ${number} does not rise above ${before.join(', ') || '0'}`
    },
  },
  'expired-certs-on-crl': {
    clause: 'CSBR 7.2',
    *check(list, { caNotBefore, periods }) {
      const found = extensionOf(list, EXTENSION.expiredCertsOnCrl)
      const since = found && generalizedTimeIn(found.value)
      if (!since) yield 'absent or not a GeneralizedTime'
      else if (since.getTime() !== statusSince({ caNotBefore, thisUpdate: list.thisUpdate.at, periods }).getTime()) yield `${since.toISOString()} is not the retention's date`
    },
  },
  'list-extensions': {
    clause: 'CP table 7.2-2',
    *check(list) {
      for (const { oid: type, critical } of list.extensions) {
        if (!listExtensions.has(type)) yield `${type} has no place on the list`
        else if (critical) yield `${type} is critical`
      }
    },
  },
  'empty-list': {
    clause: 'RFC 5280 5.1.2.6',
    *check({ entries }) {
      if (entries?.length === 0) yield 'revokedCertificates present without an entry'
    },
  },
  'serial-number': {
    clause: 'RFC 5280 4.1.2.2',
    *check(list) {
      for (const { serial } of allEntries(list)) if (!/[1-9a-f]/.test(serial) || serial.startsWith('-') || serial.length > 40 || (serial.length === 40 && serial >= '8')) yield serial
    },
  },
  'serial-once': {
    clause: 'RFC 5280 5.1.2.6',
    *check(list) {
      const seen = new Set<string>()
      for (const { serial } of allEntries(list)) {
        if (seen.has(serial)) yield serial
        seen.add(serial)
      }
    },
  },
  'revocation-date': {
    clause: 'RFC 5280 5.1.2.6',
    *check(list) {
      for (const { serial, revocationDate } of allEntries(list)) if (revocationDate.at > list.thisUpdate.at) yield `${serial} is revoked after thisUpdate`
    },
  },
  'entry-extensions': {
    clause: 'RFC 5280 5.3',
    *check(list) {
      for (const { serial, extensions } of allEntries(list))
        for (const { oid: type, critical } of extensions ?? []) {
          if (!entryExtensions.has(type)) yield `${type} has no place on the entry of ${serial}`
          else if (critical) yield `${type} of ${serial} is critical`
        }
    },
  },
  'reason-code': {
    clause: 'CSBR 4.9.13, RFC 5280 5.3.1',
    *check(list) {
      for (const { serial, extensions } of allEntries(list)) {
        const found = extensions?.find(({ oid }) => oid === EXTENSION.reasonCode)
        if (!found) continue
        const reason = readOr(found.value, (value) => Number(value.enumerated()))
        if (reason === null || !isPublishedReason(reason)) yield `reason ${reason ?? 'unreadable'} of ${serial}`
      }
    },
  },
  'invalidity-date': {
    clause: 'CSBR 7.2.2',
    *check(list) {
      for (const { serial, revocationDate, extensions } of allEntries(list)) {
        const found = extensions?.find(({ oid }) => oid === EXTENSION.invalidityDate)
        if (found && generalizedTimeIn(found.value)?.getTime() !== revocationDate.at.getTime()) yield `of ${serial} differs from the revocation date`
      }
    },
  },
  'entry-lost': {
    clause: 'CSBR 7.2',
    // Its date and reason may be corrected (REV-3), but a revoked certificate stays until its retention is over (REV-7, CRL-3); one that is not on record stays for ever.
    *check(list, { previous, notAfterOf, periods }) {
      if (!previous) return
      const present = new Set(allEntries(list).map(({ serial }) => serial))
      for (const { serial } of allEntries(previous.tbs)) {
        if (present.has(serial)) continue
        const notAfter = notAfterOf(serial)
        if (!notAfter || mustStayOnList(notAfter, list.thisUpdate.at, periods)) yield serial
      }
    },
  },
} as const satisfies Record<string, Lint>

function crlNumber(list: TbsCertList): bigint | null {
  const found = extensionOf(list, EXTENSION.crlNumber)
  return found && found.value.length <= 22 ? readOr(found.value, (value) => value.integer()) : null
}

const generalizedTimeIn = (der: Buffer): Date | null => readOr(der, (value) => value.expect(TAG.generalizedTime).time())

function readOr<T>(der: Buffer, read: (value: ReturnType<typeof readDer>) => T): T | null {
  try {
    return read(readDer(der))
  } catch (error) {
    if (MalformedDer.is(error)) return null
    throw error
  }
}

/** Every defect found in the bytes, none when they may be signed. */
export function lintTbsCertList(tbs: Uint8Array, context: CrlLintContext): CrlFinding[] {
  let list: TbsCertList
  try {
    list = readTbsCertList(tbs)
  } catch (error) {
    if (MalformedDer.is(error)) return [{ lint: 'encoding', clause: 'RFC 5280 5.1', detail: error.message }]
    throw error
  }
  return (Object.entries(lints) as [keyof typeof lints, Lint][]).flatMap(([lint, { clause, check }]) => [...check(list, context)].map((detail) => ({ lint, clause, detail })))
}
