/** The addresses that certificates carry, from configuration and an authority's id. `status` and the repository serve the same. */
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
