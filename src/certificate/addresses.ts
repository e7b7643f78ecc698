/** The addresses that certificates carry, from configuration and an authority's id. `status` and the repository serve the same. */
import { readAuthorityInfoAccess, readCrlDistributionPoints } from '../pki/extension-values.ts'
import { OID } from '../pki/oids.ts'
import type { Extension } from '../pki/x509-certificate.ts'
import type { CertificateUrls } from './profile.ts'

/** Where a list stands: an authority's own (shard 0), or that of one of its shards. */
export const crlPath = (authorityId: string, shard = 0): string => (shard === 0 ? `/crl/${authorityId}.crl` : `/crl/${authorityId}/${shard}.crl`)

/** The list at this path; null when it is none's. */
export function readCrlPath(path: string): { readonly authorityId: string; readonly shard: number } | null {
  const found = /^\/crl\/([a-z0-9-]{1,64})(?:\/([1-9]\d{0,3}))?\.crl$/.exec(path)
  return found && { authorityId: found[1]!, shard: Number(found[2] ?? 0) }
}

export const caPath = (authorityId: string): string => `/ca/${authorityId}.cer`
export const OCSP_PATH = '/ocsp'
/** The Timestamp Authority (RFC 3161 3.4). */
export const TSA_PATH = '/tsa'

/** What a certificate issued by `authorityId` says of its issuer's services. */
export const issuerUrls = (authorityId: string, place: { readonly statusUrl: string; readonly portalUrl: string }): CertificateUrls => ({
  crl: place.statusUrl + crlPath(authorityId),
  ocsp: place.statusUrl + OCSP_PATH,
  caIssuers: place.statusUrl + caPath(authorityId),
  cps: `${place.portalUrl}/repository`,
})

/** What a certificate names of its issuer's services, in its order; what is no URI is left out. */
export interface NamedServices {
  readonly lists: readonly string[]
  readonly ocsp: readonly string[]
  readonly caIssuers: readonly string[]
}

/** RFC 5280 4.2.1.13, 4.2.2.1. @throws MalformedDer */
export function namedServices(extensions: readonly Extension[]): NamedServices {
  const value = (oid: string) => extensions.find((extension) => extension.oid === oid)?.value
  const [points, access] = [value(OID.crlDistributionPoints), value(OID.authorityInfoAccess)]
  const uris = (names: readonly { readonly uri: string | null }[]) => names.flatMap(({ uri }) => (uri === null ? [] : [uri]))
  const described = access ? readAuthorityInfoAccess(access) : []
  const of = (wanted: string) => uris(described.filter(({ method }) => method === wanted).map(({ location }) => location))
  return { lists: points ? uris(readCrlDistributionPoints(points).flatMap(({ fullName }) => fullName)) : [], ocsp: of(OID.accessOcsp), caIssuers: of(OID.accessCaIssuers) }
}
