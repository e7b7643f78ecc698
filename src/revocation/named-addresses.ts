/**
 * The HTTP addresses at which certificates say that their issuer's list, OCSP and certificate are (RFC 5280 4.2.1.13, 4.2.2.1). Relying parties go there as
 * long as a status is owed, wherever STATUS_URL leads meanwhile. Each is fetched once in a look, however many certificates name it.
 *
 * Where to connect would else be the database's word, so two things stand before it: the certificate bears its issuer's signature, and the address has the form
 * that `issuerUrls` gives. No redirect is followed, and of an answer nothing is told but that it is the wrong one.
 */
import { caPath, type NamedServices, OCSP_PATH } from '../certificate/addresses.ts'
import type { RandomBytes } from '../certificate/serial-number.ts'
import { MalformedDer } from '../pki/der.ts'
import type { Policy } from '../policy/policy.ts'
import type { Authority } from '../signer/authority.ts'
import { walkCertificateList } from './crl-walk.ts'
import { type IssuedBy, issuedBy } from './issued-certificate.ts'
import { isListOf, listRefused, stamp } from './list-refused.ts'
import { buildOcspRequest, readOcspReply } from './ocsp-client.ts'

export type NamedService = 'list' | 'ocsp' | 'issuer'

export interface NamedAddress {
  /** Whose service it is. */
  readonly authority: Authority
  readonly service: NamedService
  readonly url: string
  /** Of a list: 0 for the authority's own. */
  readonly shard: number
  /** The first certificate met that names it: lower-case hex. */
  readonly serial: string
  /** It has the form of the addresses that this product gives. */
  readonly wellFormed: boolean
}

/** `silent`: nothing came back at all. */
export type Fetched = { readonly octets: Buffer } | { readonly fault: string; readonly silent: boolean }

/** GET, or POST of a body. Bounded in time and octets; follows no redirect; never throws for what the other end does. */
export type FetchAddress = (address: string, ask: { readonly maxBytes: number; readonly post?: { readonly type: string; readonly body: Buffer } }) => Promise<Fetched>

/** Every shard of some generations of authorities, under more than one STATUS_URL. */
const MOST = 5000

/** Octets: a million entries on a list, and room. */
const MAX_BYTES: Readonly<Record<NamedService, number>> = { list: 1 << 27, ocsp: 1 << 18, issuer: 1 << 16 }

const NAMED_AS: Readonly<Record<NamedService, string>> = { list: 'its revocation list', ocsp: 'its OCSP responder', issuer: "its issuer's certificate" }

const LIST_PATH = /\/crl\/([a-z0-9-]{1,64})(?:\/([1-9]\d{0,3}))?\.crl$/

/** The shard of an authority that this address is for, whatever host and path lead to it; null when it is none's of this authority. */
export function shardAt(authorityId: string, url: string): number | null {
  const [, id, shard] = (URL.canParse(url) && LIST_PATH.exec(new URL(url).pathname)) || []
  return id === authorityId ? Number(shard ?? 0) : null
}

function read(authority: Authority, service: NamedService, url: string, serial: string): NamedAddress {
  const shard = service === 'list' ? shardAt(authority.id, url) : 0
  const parsed = URL.canParse(url) ? new URL(url) : null
  const rightPath = parsed !== null && (service === 'list' ? shard !== null : parsed.pathname.endsWith(service === 'ocsp' ? OCSP_PATH : caPath(authority.id)))
  const wellFormed = rightPath && parsed.protocol === 'http:' && parsed.search === '' && parsed.hash === '' && parsed.username === '' && parsed.password === ''
  return { authority, service, url, shard: shard ?? 0, serial, wellFormed }
}

export class NamedAddresses {
  readonly #issuedBy: IssuedBy
  readonly #found = new Map<string, NamedAddress>()
  /** There are more than are fetched. */
  tooMany = false

  constructor(authorities: readonly Authority[]) {
    this.#issuedBy = issuedBy(authorities)
  }

  get size(): number {
    return this.#found.size
  }

  all(): Iterable<NamedAddress> {
    return this.#found.values()
  }

  /** Takes what a certificate of this authority names. */
  note(authority: Authority, { serial, der }: { readonly serial: string; readonly der: Buffer | null }, { lists, ocsp, caIssuers }: NamedServices): void {
    for (const [service, urls] of [['list', lists], ['ocsp', ocsp], ['issuer', caIssuers]] as const)
      for (const url of urls) {
        const key = `${authority.id} ${service} ${url}`
        // A signature is asked for what is new alone: a million certificates name the same few.
        if (this.#found.has(key) || !this.#issuedBy(authority.id, serial, der)) continue
        if (this.#found.size >= MOST) this.tooMany = true
        else this.#found.set(key, read(authority, service, url, serial))
      }
  }
}

export interface AddressParts {
  readonly policy: Policy
  readonly now: () => Date
  readonly randomBytes: RandomBytes
  readonly statusUrl: string
  readonly fetchAddress: FetchAddress
}

/**
 * What is wrong at an address, with the certificate that names it; null when the right thing is there.
 * @param silent origins that did not answer in this look, with what was said of them: none is waited for twice
 * @param newest thisUpdate of the list at STATUS_URL that this should be; null when that is not known
 */
export async function addressFault(address: NamedAddress, parts: AddressParts, silent: Map<string, string>, newest: Date | null): Promise<string | null> {
  const { service, serial, url, authority, wellFormed } = address
  const line = (what: string) => `${what}; certificate ${serial} names it as ${NAMED_AS[service]}`
  if (!wellFormed) return line('not fetched, since it is not an HTTP address as this product gives them')
  const { origin } = new URL(url)
  const known = silent.get(origin)
  if (known !== undefined) return line(`could not be fetched: it ${known}`)
  const nonce = service === 'ocsp' ? parts.randomBytes(16) : null
  const where = url.startsWith(`${parts.statusUrl}/`) ? url.slice(parts.statusUrl.length) : url
  const fetched = await parts.fetchAddress(where, { maxBytes: MAX_BYTES[service], ...(nonce ? { post: { type: 'application/ocsp-request', body: buildOcspRequest(authority, [serial], nonce) } } : {}) })
  if ('fault' in fetched) {
    if (fetched.silent) silent.set(origin, fetched.fault)
    return line(`could not be fetched: it ${fetched.fault}`)
  }
  const against = nonce ? againstAnswer(fetched.octets, address, nonce) : service === 'issuer' ? againstCertificate(fetched.octets, authority) : againstList(fetched.octets, address, parts, newest)
  return against === null ? null : line(against)
}

const againstCertificate = (octets: Buffer, { certificateDer }: Authority): string | null => (octets.equals(certificateDer) ? null : "answers with something else than its issuer's certificate")

function againstAnswer(octets: Buffer, { authority, serial }: NamedAddress, nonce: Buffer): string | null {
  const reply = readOcspReply(octets, authority, nonce)
  if ('error' in reply) return `OCSP answers ${reply.error}`
  if ('refused' in reply) return `its OCSP answer is not to be believed: ${reply.refused}`
  return reply.answers.some((answer) => answer.serial === serial) ? null : 'OCSP leaves it out'
}

function againstList(octets: Buffer, { authority, shard, url }: NamedAddress, { policy, now }: AddressParts, newest: Date | null): string | null {
  try {
    const list = walkCertificateList(octets)
    const refused = listRefused(authority, list, policy, now())
    if (refused) return `answers with another list: ${refused}`
    if (!isListOf(url, shard, list)) return 'answers with another list: it is for other certificates'
    const { at } = list.head.thisUpdate
    return newest && at < newest ? `answers with an older list, of ${stamp(at)}: that at STATUS_URL is of ${stamp(newest)}` : null
  } catch (error) {
    if (MalformedDer.is(error)) return `answers with what is no list: ${error.message}`
    throw error
  }
}
