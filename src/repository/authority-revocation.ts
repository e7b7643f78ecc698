/** What the list of its issuer says of a CA certificate (CP 7.1: no OCSP tells its status). */
import { readDer } from '../pki/der.ts'
import { readCertificateList } from '../revocation/crl-reader.ts'
import { EXTENSION } from '../revocation/signed-object.ts'

/**
 * @param list the issuer's list, DER
 * @param serial upper- or lower-case hex
 * @throws MalformedDer
 */
export function revocationOn(list: Buffer, serial: string): { readonly at: Date; readonly reason: number | null } | null {
  const wanted = serial.toLowerCase()
  const entry = readCertificateList(list).tbs.entries?.find((each) => each.serial === wanted)
  if (!entry) return null
  const reason = entry.extensions?.find(({ oid }) => oid === EXTENSION.reasonCode)?.value
  return { at: entry.revocationDate.at, reason: reason ? Number(readDer(reason).enumerated()) : null }
}
