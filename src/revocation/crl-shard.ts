/** On which list a certificate would be revoked, and under which serial number: what it says itself (RFC 5280 4.2.1.13, 5.2.5). */
import { readCrlPath } from '../certificate/addresses.ts'
import { MalformedDer } from '../pki/der.ts'
import { readCrlDistributionPoints } from '../pki/extension-values.ts'
import { OID } from '../pki/oids.ts'
import { readCertificate, readTbsCertificate } from '../pki/x509-certificate.ts'
import { canonicalSerial } from './crl-entries.ts'

/** A certificate as it was issued, or what was to be signed where there is no more. */
interface Octets {
  readonly der: Buffer | null
  readonly tbs: Buffer
}

const tbsOf = ({ der, tbs }: Octets) => (der ? readCertificate(der).tbs : readTbsCertificate(tbs))

/** The certificate's own serial number, as lists spell it; null when it can't be read. */
export function serialOfCertificate(certificate: Octets): string | null {
  try {
    return canonicalSerial(tbsOf(certificate).serialOctets.toString('hex'))
  } catch (error) {
    if (MalformedDer.is(error)) return null
    throw error
  }
}

/** The beginning of the certificate's time, as Date.prototype.toISOString writes it; null when it can't be read. */
export function beginOfCertificate({ der, tbs }: Pick<Octets, 'der'> & Partial<Octets>): string | null {
  try {
    return der ?? tbs ? tbsOf({ der, tbs: tbs ?? Buffer.alloc(0) }).notBefore.date.toISOString() : null
  } catch (error) {
    if (MalformedDer.is(error)) return null
    throw error
  }
}

/** The shard named by the certificate's distribution point, 0 for the authority's own list; null when it can't be read or names neither. */
export function shardOfCertificate(authorityId: string, certificate: Octets): number | null {
  try {
    const { extensions } = tbsOf(certificate)
    const value = extensions.find(({ oid }) => oid === OID.crlDistributionPoints)?.value
    const [point] = value ? readCrlDistributionPoints(value) : []
    const address = point?.fullName[0]?.uri
    const found = address && URL.canParse(address) ? readCrlPath(new URL(address).pathname) : null
    return found?.authorityId === authorityId ? found.shard : null
  } catch (error) {
    if (MalformedDer.is(error)) return null
    throw error
  }
}
