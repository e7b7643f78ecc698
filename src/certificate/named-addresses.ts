/** The addresses that CA certificates name, held against those that a configuration serves: they must be answered as long as anybody relies on them. */
import { MalformedDer } from '../pki/der.ts'
import { readCertificatePolicies } from '../pki/extension-values.ts'
import { OID } from '../pki/oids.ts'
import { readCertificate } from '../pki/x509-certificate.ts'
import { issuerUrls, namedServices } from './addresses.ts'

export interface NamedElsewhere {
  /** Whose address it is: that of the lists, OCSP and CA certificates, or that of the repository. */
  readonly of: 'status' | 'portal'
  /** As the certificates have it, without the path below it where that is one of ours. */
  readonly base: string
}

/** A CA certificate, with the authority in whose name its addresses stand: its issuer. */
export interface NamingCertificate {
  readonly der: Buffer
  readonly issuerId: string
}

/**
 * Addresses in CA certificates that lie neither below `statusUrl` and `portalUrl` nor below one of `earlier`; each once. A certificate that can't be read
 * names none: that is told where it is used.
 */
export function addressesElsewhere(certificates: readonly NamingCertificate[], place: { readonly statusUrl: string; readonly portalUrl: string }, earlier: readonly string[]): readonly NamedElsewhere[] {
  const bases = { status: [place.statusUrl, ...earlier].map(spelled), portal: [place.portalUrl, ...earlier].map(spelled) }
  const found = new Map<string, NamedElsewhere>()
  for (const { der, issuerId } of certificates)
    for (const { of, url } of addressesIn(der)) {
      const base = baseOf(url, issuerId)
      if (!bases[of].includes(spelled(base))) found.set(`${of} ${base}`, { of, base })
    }
  return [...found.values()]
}

/** Host names don't tell large letters from small (RFC 3986 3.2.2). */
const spelled = (url: string): string => (URL.canParse(url) ? new URL(url).href.replace(/\/+$/, '') : url)

function baseOf(url: string, issuerId: string): string {
  const path = Object.values(issuerUrls(issuerId, { statusUrl: '', portalUrl: '' })).find((each) => url.endsWith(each))
  return path === undefined ? url : url.slice(0, -path.length)
}

function addressesIn(der: Buffer): readonly { readonly of: NamedElsewhere['of']; readonly url: string }[] {
  try {
    const { extensions } = readCertificate(der).tbs
    const { lists, ocsp, caIssuers } = namedServices(extensions)
    const policies = extensions.find(({ oid }) => oid === OID.certificatePolicies)
    const pointers = policies ? readCertificatePolicies(policies.value).flatMap(({ qualifiers }) => qualifiers) : []
    return [
      ...[...lists, ...ocsp, ...caIssuers].map((url) => ({ of: 'status', url }) as const),
      ...pointers.flatMap(({ cps }) => (cps === null ? [] : [{ of: 'portal', url: cps } as const])),
    ]
  } catch (error) {
    if (MalformedDer.is(error)) return []
    throw error
  }
}
