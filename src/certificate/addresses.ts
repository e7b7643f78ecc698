/** The addresses that certificates carry, from configuration and an authority's id. `status` and the repository serve the same. */
import type { CertificateUrls } from './profile.ts'

export const crlPath = (authorityId: string): string => `/crl/${authorityId}.crl`
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
