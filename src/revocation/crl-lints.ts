/**
 * What a revocation list must be before it is signed, judged on the exact bytes (ISS-1, CRL-1, CRL-2, CRL-3): one clause a lint.
 * The lints know nothing of the builder; they read what a relying party will read.
 */
import { rsaSignatureAlgorithm } from '../pki/algorithm.ts'
import { MalformedDer, TAG, contextPrimitive, header, readDer, sequence } from '../pki/der.ts'
import type { Extension } from '../pki/x509-certificate.ts'
import type { Policy } from '../policy/policy.ts'
import { compareSerials, isPlain, serialAt, usualLength } from './crl-entries.ts'
import { type CertificateList, type EncodedTime, type ListedCertificate, type TbsCertList, readFirstListed, readFrame, readTbsCertList } from './crl-reader.ts'
import { isPublishedReason } from './reason.ts'
import { mustStayOnList, statusSince } from './retention.ts'
import { EXTENSION, type SignatureHash } from './signed-object.ts'

/** What a list is held against, but for its entries. */
export interface FrameContext {
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
  /** Number and thisUpdate of the list published last, null before the first. */
  last?: { readonly number: bigint; readonly thisUpdate: Date } | null
  /** What its issuing distribution point must say; null or absent: that it has none (RFC 5280 5.2.5). */
  addresses?: readonly string[] | null
}

export interface CrlLintContext extends FrameContext {
  /** The list published last, whole; null before the first. */
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

/** A rule on the list as a whole, on each of its entries, or both. */
interface Lint {
  readonly clause: string
  readonly list?: (list: TbsCertList, context: FrameContext) => Iterable<string>
  readonly entry?: (entry: ListedCertificate, list: Pick<TbsCertList, 'thisUpdate'>) => Iterable<string>
}

const extensionOf = (list: TbsCertList, type: string): Extension | undefined => list.extensions.find((found) => found.oid === type)
const wellEncoded = ({ tag, at }: EncodedTime): boolean => (tag === TAG.utcTime) === (at.getUTCFullYear() >= 1950 && at.getUTCFullYear() < 2050)
const listExtensions: ReadonlySet<string> = new Set([EXTENSION.authorityKeyIdentifier, EXTENSION.crlNumber, EXTENSION.expiredCertsOnCrl, EXTENSION.issuingDistributionPoint])
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
    *list(list) {
      if (list.version !== 1n) yield `version ${list.version ?? 'absent'}, expected 1 (v2)`
    },
  },
  'signature-algorithm': {
    clause: 'CSBR 7.1.3.2.1',
    *list(list, { hash }) {
      if (!list.signatureDer.equals(rsaSignatureAlgorithm(hash))) yield `not RSASSA-PKCS1-v1_5 with ${hash}`
    },
  },
  'issuer': {
    clause: 'CSBR 7.1.4.1',
    *list(list, { issuerNameDer }) {
      if (!list.issuerNameDer.equals(issuerNameDer)) yield 'issuer is not the CA\'s subject byte for byte'
    },
  },
  'time-encoding': {
    clause: 'RFC 5280 5.1.2.4',
    *list(list) {
      if (!wellEncoded(list.thisUpdate)) yield 'thisUpdate'
      if (list.nextUpdate && !wellEncoded(list.nextUpdate)) yield 'nextUpdate'
    },
    *entry({ serial, revocationDate }) {
      if (!wellEncoded(revocationDate)) yield `revocationDate of ${serial}`
    },
  },
  'this-update': {
    clause: 'RFC 5280 5.1.2.4',
    *list({ thisUpdate }, { at, last }) {
      if (thisUpdate.at > at) yield 'thisUpdate lies in the future'
      if (last && thisUpdate.at < last.thisUpdate) yield 'thisUpdate lies before the previous list\'s'
    },
  },
  'next-update': {
    clause: 'CSBR 4.9.7',
    *list({ thisUpdate, nextUpdate }, { list, periods }) {
      if (!nextUpdate) yield 'nextUpdate is absent'
      else if (nextUpdate.at <= thisUpdate.at) yield 'nextUpdate is not after thisUpdate'
      else if (nextUpdate.at > latestNextUpdate(thisUpdate.at, list, periods)) yield 'valid for longer than the policy allows'
    },
  },
  'authority-key-identifier': {
    clause: 'CP table 7.2-2',
    *list(list, { authorityKeyIdentifier }) {
      const found = extensionOf(list, EXTENSION.authorityKeyIdentifier)
      if (!found) yield 'absent'
      else if (!found.value.equals(sequence(contextPrimitive(0, authorityKeyIdentifier)))) yield 'does not name the CA\'s key'
    },
  },
  'crl-number': {
    clause: 'RFC 5280 5.2.3',
    *list(list, { lastNumber, last }) {
      const number = crlNumber(list)
      if (number === null) return yield 'absent or not an integer of at most 20 octets'
      const before = [lastNumber, last?.number ?? null].filter((value) => value !== null)
      if (number < 0n || before.some((value) => number <= value)) yield `number ${number} does not rise above ${before.join(', ') || '0'}`
    },
  },
  'expired-certs-on-crl': {
    clause: 'CSBR 7.2',
    *list(list, { caNotBefore, periods }) {
      const found = extensionOf(list, EXTENSION.expiredCertsOnCrl)
      const since = found && generalizedTimeIn(found.value)
      if (!since) yield 'absent or not a GeneralizedTime'
      else if (since.getTime() !== statusSince({ caNotBefore, thisUpdate: list.thisUpdate.at, periods }).getTime()) yield `${since.toISOString()} is not the retention's date`
    },
  },
  'issuing-distribution-point': {
    clause: 'RFC 5280 5.2.5',
    *list(list, { addresses }) {
      const found = extensionOf(list, EXTENSION.issuingDistributionPoint)
      if (!addresses) {
        if (found) yield 'present on a list of all that the CA issued'
      } else if (!found) yield 'absent on one of several lists'
      else if (!sameTexts(distributionPointIn(found.value), addresses)) yield 'does not say the addresses in the certificates, of certificates of users alone'
    },
  },
  'list-extensions': {
    clause: 'CP table 7.2-2',
    *list(list) {
      for (const { oid: type, critical } of list.extensions) {
        // RFC 5280 5.2.5: who doesn't know that a list is not of all must not use it.
        const expected = type === EXTENSION.issuingDistributionPoint
        if (!listExtensions.has(type)) yield `${type} has no place on the list`
        else if (critical !== expected) yield `${type} is ${critical ? '' : 'not '}critical`
      }
    },
  },
  'empty-list': {
    clause: 'RFC 5280 5.1.2.6',
    *list({ entries }) {
      if (entries?.length === 0) yield 'revokedCertificates present without an entry'
    },
  },
  'serial-number': {
    clause: 'RFC 5280 4.1.2.2',
    *entry({ serial }) {
      if (!/[1-9a-f]/.test(serial) || serial.startsWith('-') || serial.length > 40 || (serial.length === 40 && serial >= '8')) yield serial
    },
  },
  // Judged over all entries: `once` below, and the order of a list in parts.
  'serial-once': { clause: 'RFC 5280 5.1.2.6' },
  'revocation-date': {
    clause: 'RFC 5280 5.1.2.6',
    *entry({ serial, revocationDate }, { thisUpdate }) {
      if (revocationDate.at > thisUpdate.at) yield `${serial} is revoked after thisUpdate`
    },
  },
  'entry-extensions': {
    clause: 'RFC 5280 5.3',
    *entry({ serial, extensions }) {
      for (const { oid: type, critical } of extensions ?? []) {
        if (!entryExtensions.has(type)) yield `${type} has no place on the entry of ${serial}`
        else if (critical) yield `${type} of ${serial} is critical`
      }
    },
  },
  'reason-code': {
    clause: 'CSBR 4.9.13, RFC 5280 5.3.1',
    *entry({ serial, extensions }) {
      const found = extensions?.find(({ oid }) => oid === EXTENSION.reasonCode)
      if (!found) return
      const reason = readOr(found.value, (value) => Number(value.enumerated()))
      if (reason === null || !isPublishedReason(reason)) yield `reason ${reason ?? 'unreadable'} of ${serial}`
    },
  },
  'invalidity-date': {
    clause: 'CSBR 7.2.2',
    *entry({ serial, revocationDate, extensions }) {
      const found = extensions?.find(({ oid }) => oid === EXTENSION.invalidityDate)
      if (found && generalizedTimeIn(found.value)?.getTime() !== revocationDate.at.getTime()) yield `of ${serial} differs from the revocation date`
    },
  },
  // Judged against the list before: its date and reason may be corrected (REV-3), but a revoked certificate stays until its retention is over
  // (REV-7, CRL-3); one that is not on record stays for ever.
  'entry-lost': { clause: 'CSBR 7.2' },
} as const satisfies Record<string, Lint>

const finding = (lint: keyof typeof lints, detail: string): CrlFinding => ({ lint, clause: lints[lint].clause, detail })
const RULES = Object.entries(lints) as [keyof typeof lints, Lint][]
const judgeList = (list: TbsCertList, context: FrameContext): CrlFinding[] => RULES.flatMap(([lint, { list: check }]) => (check ? [...check(list, context)].map((detail) => finding(lint, detail)) : []))
const judgeEntry = (entry: ListedCertificate, list: Pick<TbsCertList, 'thisUpdate'>): CrlFinding[] => RULES.flatMap(([lint, { entry: check }]) => (check ? [...check(entry, list)].map((detail) => finding(lint, detail)) : []))

/** Null where there is none, or none of at most 20 octets (RFC 5280 5.2.3). */
export function crlNumber(list: TbsCertList): bigint | null {
  const found = extensionOf(list, EXTENSION.crlNumber)
  return found && found.value.length <= 22 ? readOr(found.value, (value) => value.integer()) : null
}

const sameTexts = (one: readonly string[] | null, other: readonly string[]): boolean => one !== null && one.length === other.length && one.every((text, at) => text === other[at])

/** The addresses of an issuing distribution point that limits nothing else than to certificates of users; null for any other. */
const distributionPointIn = (der: Buffer): readonly string[] | null =>
  readOr(der, (value) => {
    const [point, users, ...rest] = value.expect(TAG.sequence).children()
    const [fullName, ...more] = point?.tag === 0xa0 ? point.children() : []
    const usersOnly = users?.tag === 0x81 && users.value.equals(Buffer.from([0xff]))
    if (fullName?.tag !== 0xa0 || more.length > 0 || !usersOnly || rest.length > 0) return null
    const names = fullName.children()
    return names.every(({ tag }) => tag === 0x86) ? names.map((name) => name.value.toString('latin1')) : null
  })

const generalizedTimeIn = (der: Buffer): Date | null => readOr(der, (value) => value.expect(TAG.generalizedTime).time())

function readOr<T>(der: Buffer, read: (value: ReturnType<typeof readDer>) => T): T | null {
  try {
    return read(readDer(der))
  } catch (error) {
    if (MalformedDer.is(error)) return null
    throw error
  }
}

/** What `read` gives, or that the octets can't be read. */
function readable<T>(read: () => T): T | CrlFinding[] {
  try {
    return read()
  } catch (error) {
    if (MalformedDer.is(error)) return [{ lint: 'encoding', clause: 'RFC 5280 5.1', detail: error.message }]
    throw error
  }
}

/** Every defect found in the bytes of a small list, none when they may be signed. */
export function lintTbsCertList(tbs: Uint8Array, context: CrlLintContext): CrlFinding[] {
  const list = readable(() => readTbsCertList(tbs))
  if (Array.isArray(list)) return list
  const { previous, notAfterOf, periods } = context
  const number = previous && crlNumber(previous.tbs)
  const last = previous && { number: number ?? -1n, thisUpdate: previous.tbs.thisUpdate.at }
  const entries = list.entries ?? []
  const present = new Set<string>()
  const twice = entries.filter(({ serial }) => present.has(serial) || !present.add(serial))
  const lost = (previous?.tbs.entries ?? []).filter(({ serial }) => {
    const notAfter = notAfterOf(serial)
    return !present.has(serial) && (!notAfter || mustStayOnList(notAfter, list.thisUpdate.at, periods))
  })
  return [
    ...judgeList(list, { ...context, last }),
    ...entries.flatMap((entry) => judgeEntry(entry, list)),
    ...twice.map(({ serial }) => finding('serial-once', serial)),
    ...lost.map(({ serial }) => finding('entry-lost', serial)),
  ]
}

/**
 * Likewise of the octets around the entries of a list in parts; its entries are judged chunk by chunk, by `lintEntries`.
 * @param entriesLength octets of all entries together
 */
export function lintFrame(head: Buffer, tail: Buffer, entriesLength: number, context: FrameContext): CrlFinding[] {
  const announced = entriesLength > 0 ? header(TAG.sequence, entriesLength) : Buffer.alloc(0)
  const wrong = (detail: string): CrlFinding[] => [{ lint: 'encoding', clause: 'RFC 5280 5.1', detail }]
  // The lengths in front must be those of what follows, since nobody reads it as one value.
  const size = head[1]! < 0x80 ? 2 : 2 + (head[1]! & 0x7f)
  if (!head.subarray(0, size).equals(header(TAG.sequence, head.length - size + entriesLength + tail.length))) return wrong('the length in front of the list is not its own')
  if (!head.subarray(head.length - announced.length).equals(announced)) return wrong('the length in front of the entries is not theirs')
  const list = readable(() => readFrame(head, tail, entriesLength))
  return Array.isArray(list) ? list : list.entries ? wrong('entries outside of their chunks') : judgeList(list, context)
}

export interface LintedEntries {
  readonly findings: readonly CrlFinding[]
  readonly entries: number
  /** The first and last serial number, as `serialHex` spells them; empty texts where there is none. */
  readonly first: string
  readonly last: string
}

/**
 * Every defect found in one chunk of entries. A list in parts is ascending by serial number, which is how none comes twice.
 * @param after the last serial number of the chunk before; empty before the first
 */
export function lintEntries(octets: Buffer, thisUpdate: Date, after: string): LintedEntries {
  const latest = Buffer.from(thisUpdate.toISOString().slice(2, 19).replace(/[-T:]/g, ''), 'latin1')
  const findings: CrlFinding[] = []
  let entries = 0
  let [first, last] = ['', after]
  /** Where the entry before begins, when it was plain: its serial number becomes a text only where it is wanted. */
  let before = -1
  const ascend = (serial: string): void => {
    if (serial <= last) findings.push(finding('serial-once', `${serial} does not come after ${last}`))
    last = serial
  }
  for (let at = 0; at < octets.length; entries++) {
    const length = usualLength(octets, at)
    const plain = length > 0 && at + length <= octets.length && isPlain(octets, at, length, latest)
    if (plain && before >= 0 && compareSerials(octets, before, octets, at) < 0) {
      before = at
      at += length
      continue
    }
    if (before >= 0) last = serialAt(octets, before)
    before = plain ? at : -1
    if (plain) {
      ascend(serialAt(octets, at))
      at += length
    } else {
      const read = readable(() => readFirstListed(octets.subarray(at)))
      if (Array.isArray(read)) {
        findings.push(...read)
        break
      }
      findings.push(...judgeEntry(read.entry, { thisUpdate: { tag: TAG.utcTime, at: thisUpdate } }))
      ascend(read.entry.serial)
      at += read.length
    }
    if (entries === 0) first = last
  }
  if (before >= 0) last = serialAt(octets, before)
  return { findings, entries, first, last: entries > 0 ? last : '' }
}

/** The finding that an entry of the list before is gone without leave. */
export const entryLost = (serial: string): CrlFinding => finding('entry-lost', serial)
