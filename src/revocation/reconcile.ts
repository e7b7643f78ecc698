/**
 * Compares what the database says of every certificate with what a relying party gets: the list that the certificate itself names, and an OCSP answer (CRL-3,
 * OCS-3, OCS-5); and whether the addresses that certificates name lead there. Memory is bounded: certificates in batches, entries in chunks, and of each list
 * eight octets for an entry.
 *
 * OCSP is asked with a nonce: the answer is made for the question, and keeps nobody else's out of the responder's memory. A revocation that is under way is
 * no difference: what differs is looked at again after a while, and again, from database to answer.
 */
import { createHash } from 'node:crypto'
import { crlPath, type NamedServices, namedServices, OCSP_PATH } from '../certificate/addresses.ts'
import type { RandomBytes } from '../certificate/serial-number.ts'
import { MalformedDer, readDer } from '../pki/der.ts'
import { readCertificate } from '../pki/x509-certificate.ts'
import type { Policy } from '../policy/policy.ts'
import type { Authority } from '../signer/authority.ts'
import { walkCertificateList } from './crl-walk.ts'
import type { ListedCertificate } from './crl-reader.ts'
import { listRefused, stamp } from './list-refused.ts'
import { addressFault, type FetchAddress, NamedAddresses, shardAt } from './named-addresses.ts'
import { MAX_SINGLE_REQUESTS } from './ocsp-request.ts'
import { buildOcspRequest, type OcspAnswerFor, readOcspReply } from './ocsp-client.ts'
import { mustStayOnList, statusSince } from './retention.ts'
import { EXTENSION } from './signed-object.ts'

/** A certificate as the database has it. */
export interface KnownCertificate {
  /** Lower-case hex, whole octets, no sign octet. */
  readonly serial: string
  /** Signed by its authority, as far as the row says. */
  readonly issued: boolean
  readonly der: Buffer | null
  readonly notAfter: Date
  readonly revoked: { readonly at: Date; readonly reason: number } | null
}

export interface ReconciliationSource {
  /** The shards of which an authority has published lists; 0 is its own. */
  lists(authority: Authority): Promise<readonly number[]>
  /** Everything under an authority, signed or only recorded, in batches. */
  certificates(authority: Authority): AsyncIterable<readonly KnownCertificate[]>
  /** Those of an authority with these serial numbers; what is not there is not known. */
  known(authority: Authority, serials: readonly string[]): Promise<ReadonlyMap<string, KnownCertificate>>
}

export interface ReconciliationParts {
  readonly policy: Policy
  readonly authorities: readonly Authority[]
  readonly source: ReconciliationSource
  readonly now: () => Date
  readonly randomBytes: RandomBytes
  /** Where `status` is asked, without a slash at the end. */
  readonly statusUrl: string
  /** Of `status`; null for what is not there. What it throws goes to the caller: who could not ask knows nothing. */
  find(path: string): Promise<Buffer | null>
  post(path: string, type: string, body: Buffer): Promise<Buffer>
  /** An address that a certificate names: a path of `status` where it begins with `statusUrl`. */
  readonly fetchAddress: FetchAddress
  wait(milliseconds: number): Promise<void>
}

export interface ReconciliationResult {
  readonly certificates: number
  readonly listEntries: number
  /** Distinct addresses that certificates name. */
  readonly addresses: number
  /** How many there are, those beyond the ones told included. */
  readonly differences: number
  /** One line each, in English, in the order met. */
  readonly lines: readonly string[]
}

/** What differs is looked at again after these: longer than a revocation takes to show (REV-4), and than a cache on the way may hold a list. */
const AGAIN_AFTER_MS = [3_000, 10_000, 45_000] as const
/** Of more differences than this each further one is counted and not looked at again. */
const MOST = 1000

export async function reconcile(parts: ReconciliationParts): Promise<ReconciliationResult> {
  const addresses = new NamedAddresses(parts.authorities)
  const first = new Look(parts, addresses, null)
  await first.run()
  let { found } = first
  for (const milliseconds of AGAIN_AFTER_MS) {
    if (found.size === 0) break
    await parts.wait(milliseconds)
    const again = new Look(parts, addresses, new Set(found.keys()))
    await again.run()
    found = new Map([...again.found].filter(([key]) => found.has(key)))
  }
  return { certificates: first.certificates, listEntries: first.listEntries, addresses: addresses.size, differences: found.size + first.more, lines: [...found.values()] }
}

interface HeldList {
  readonly thisUpdate: Date
  /** The first eight octets of each serial number's SHA-256, sorted. */
  readonly serials: BigUint64Array
}

const keyOf = (authorityId: string, what: string): string => `${authorityId} ${what}`
const markOf = (serial: string): bigint => createHash('sha256').update(serial).digest().readBigUInt64BE(0)
const second = (date: Date): number => Math.floor(date.getTime() / 1000)

/** One look: at everything, or again at what differed. */
class Look {
  readonly found = new Map<string, string>()
  certificates = 0
  listEntries = 0
  more = 0
  readonly #parts: ReconciliationParts
  readonly #only: ReadonlySet<string> | null
  readonly #addresses: NamedAddresses
  readonly #lists = new Map<string, HeldList | null>()

  constructor(parts: ReconciliationParts, addresses: NamedAddresses, only: ReadonlySet<string> | null) {
    this.#parts = parts
    this.#addresses = addresses
    this.#only = only
  }

  async run(): Promise<void> {
    for (const authority of this.#parts.authorities) {
      for (const shard of await this.#parts.source.lists(authority)) await this.#list(authority, crlPath(authority.id, shard))
      for await (const batch of this.#batches(authority)) await this.#compare(authority, batch)
    }
    await this.#reachNamed()
  }

  async #reachNamed(): Promise<void> {
    const silent = new Map<string, string>()
    for (const address of this.#addresses.all()) {
      const { authority, service, url, shard } = address
      if (this.#only && !this.#only.has(keyOf(authority.id, url))) continue
      const path = service === 'list' ? crlPath(authority.id, shard) : service === 'ocsp' && authority.kind === 'issuing' ? OCSP_PATH : null
      // Looked at already, as its list or its responder.
      if (path !== null && url === this.#parts.statusUrl + path) continue
      const held = service === 'list' ? await this.#list(authority, crlPath(authority.id, shard)) : null
      const fault = await addressFault(address, this.#parts, silent, held?.thisUpdate ?? null)
      if (fault) this.#differs(authority.id, url, fault)
    }
    if (this.#addresses.tooMany) this.#differs(this.#parts.authorities[0]!.id, 'addresses', `certificates name more than ${this.#addresses.size}: the others were not fetched`)
  }

  async *#batches(authority: Authority): AsyncGenerator<readonly KnownCertificate[]> {
    if (!this.#only) return yield* this.#parts.source.certificates(authority)
    const serials = [...this.#only].filter((key) => key.startsWith(`${authority.id} `)).map((key) => key.slice(authority.id.length + 1)).filter((what) => /^[0-9a-f]+$/.test(what))
    if (serials.length > 0) yield [...(await this.#parts.source.known(authority, serials)).values()]
  }

  #differs(authorityId: string, what: string, line: string): void {
    const key = keyOf(authorityId, what)
    if (this.#only && !this.#only.has(key)) return
    const before = this.found.get(key)
    if (before === undefined && this.found.size >= MOST) this.more++
    else this.found.set(key, before === undefined ? `${authorityId} ${what}: ${line}` : `${before}; ${line}`)
  }

  async #compare(authority: Authority, batch: readonly KnownCertificate[]): Promise<void> {
    this.certificates += batch.length
    for (const certificate of batch) {
      const list = certificate.issued ? await this.#list(authority, this.#named(authority, certificate)) : null
      if (list && certificate.revoked && mustStayOnList(certificate.notAfter, list.thisUpdate, this.#parts.policy.periods) && !holds(list.serials, markOf(certificate.serial)))
        this.#differs(authority.id, certificate.serial, `revoked in the database since ${stamp(certificate.revoked.at)}, not on its list`)
    }
    // The root's and the time-stamp CA's certificates have their status on lists alone (CRT-12).
    if (authority.kind !== 'issuing') return
    for (let at = 0; at < batch.length; at += MAX_SINGLE_REQUESTS) await this.#ask(authority, batch.slice(at, at + MAX_SINGLE_REQUESTS))
  }

  /** Takes the addresses that the certificate names. @returns the path of its list; that of the authority's own where it names none */
  #named(authority: Authority, certificate: KnownCertificate): string {
    const services = servicesOf(certificate)
    const { policy, now } = this.#parts
    if (mustStayOnList(certificate.notAfter, now(), policy.periods)) this.#addresses.note(authority, certificate, services)
    const [list] = services.lists
    return crlPath(authority.id, list === undefined ? 0 : (shardAt(authority.id, list) ?? 0))
  }

  async #ask(authority: Authority, batch: readonly KnownCertificate[]): Promise<void> {
    const nonce = this.#parts.randomBytes(16)
    const octets = await this.#parts.post(OCSP_PATH, 'application/ocsp-request', buildOcspRequest(authority, batch.map(({ serial }) => serial), nonce))
    const reply = readOcspReply(octets, authority, nonce)
    if (!('answers' in reply)) {
      const why = 'error' in reply ? `OCSP answers ${reply.error}` : `its OCSP answer is not to be believed: ${reply.refused}`
      for (const { serial } of batch) this.#differs(authority.id, serial, why)
      return
    }
    for (const certificate of batch) {
      const answer = reply.answers.find(({ serial }) => serial === certificate.serial)
      const against = answer ? this.#against(authority, certificate, answer) : 'OCSP leaves it out'
      if (against) this.#differs(authority.id, certificate.serial, against)
    }
  }

  #against(authority: Authority, { issued, revoked }: KnownCertificate, { status, thisUpdate, archiveCutoff }: OcspAnswerFor): string | null {
    const wanted = revoked ? 'revoked' : issued ? 'good' : 'unknown'
    if (status.state !== wanted) return `${wanted} in the database, ${status.state} in OCSP`
    if (status.state === 'revoked' && (second(status.at) !== second(revoked!.at) || (status.reason ?? 0) !== revoked!.reason))
      return `revoked in the database ${stamp(revoked!.at)} with reason ${revoked!.reason}, in OCSP ${stamp(status.at)} with reason ${status.reason ?? 0}`
    if (wanted === 'unknown') return null
    const since = statusSince({ caNotBefore: authority.notBefore, thisUpdate, periods: this.#parts.policy.periods })
    return archiveCutoff && second(archiveCutoff) === second(since) ? null : `its archive cutoff is ${archiveCutoff ? stamp(archiveCutoff) : 'absent'}, not ${stamp(since)}`
  }

  /** The list at this path, looked through once; null where it can't be believed, which is a difference of its own. */
  async #list(authority: Authority, path: string): Promise<HeldList | null> {
    const key = keyOf(authority.id, path)
    const held = this.#lists.get(key)
    if (held !== undefined) return held
    const made = await this.#readList(authority, path)
    this.#lists.set(key, made)
    return made
  }

  async #readList(authority: Authority, path: string): Promise<HeldList | null> {
    const octets = await this.#parts.find(path)
    if (!octets) {
      this.#differs(authority.id, path, 'there is no such list')
      return null
    }
    try {
      const list = walkCertificateList(octets)
      const refused = listRefused(authority, list, this.#parts.policy, this.#parts.now())
      if (refused) {
        this.#differs(authority.id, path, refused)
        return null
      }
      let marks = new BigUint64Array(1024)
      let count = 0
      for (const entries of list.entries()) {
        if (count + entries.length > marks.length) {
          const more = new BigUint64Array(2 * marks.length)
          more.set(marks)
          marks = more
        }
        for (const { serial } of entries) marks[count++] = markOf(serial)
        await this.#compareEntries(authority, entries)
      }
      this.listEntries += count
      return { thisUpdate: list.head.thisUpdate.at, serials: marks.subarray(0, count).sort() }
    } catch (error) {
      if (!MalformedDer.is(error)) throw error
      this.#differs(authority.id, path, `the list can't be read: ${error.message}`)
      return null
    }
  }

  async #compareEntries(authority: Authority, entries: readonly ListedCertificate[]): Promise<void> {
    const wanted = this.#only ? entries.filter(({ serial }) => this.#only!.has(keyOf(authority.id, serial))) : entries
    if (wanted.length === 0) return
    const known = await this.#parts.source.known(authority, wanted.map(({ serial }) => serial))
    for (const { serial, revocationDate, extensions } of wanted) {
      const certificate = known.get(serial)
      const value = extensions?.find(({ oid }) => oid === EXTENSION.reasonCode)?.value
      const reason = value ? Number(readDer(value).enumerated()) : 0
      if (!certificate) this.#differs(authority.id, serial, 'on the list, not in the database')
      else if (!certificate.revoked) this.#differs(authority.id, serial, `on the list since ${stamp(revocationDate.at)}, not revoked in the database`)
      else if (second(certificate.revoked.at) !== second(revocationDate.at) || certificate.revoked.reason !== reason)
        this.#differs(authority.id, serial, `revoked in the database ${stamp(certificate.revoked.at)} with reason ${certificate.revoked.reason}, on the list ${stamp(revocationDate.at)} with reason ${reason}`)
    }
  }
}

/** None of what can't be read: OCSP says of it what must be said. */
function servicesOf({ der }: KnownCertificate): NamedServices {
  const none: NamedServices = { lists: [], ocsp: [], caIssuers: [] }
  try {
    return der ? namedServices(readCertificate(der).tbs.extensions) : none
  } catch (error) {
    if (MalformedDer.is(error)) return none
    throw error
  }
}

function holds(sorted: BigUint64Array, mark: bigint): boolean {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! < mark) low = middle + 1
    else high = middle
  }
  return low < sorted.length && sorted[low] === mark
}
