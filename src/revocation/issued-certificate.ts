/**
 * OCS-3: a row that says that a certificate was issued is somebody's word. What the authority issued it signed, so its own signature is asked
 * before a status is good (CSBR 4.9.10: never good for what was not issued).
 */
import { createHash, X509Certificate as SignedCertificate } from 'node:crypto'
import { MalformedDer } from '../pki/der.ts'
import { readCertificate } from '../pki/x509-certificate.ts'
import type { Authority } from '../signer/authority.ts'

/** 100 bytes each; more certificates than are asked for again and again. */
const REMEMBERED = 20_000

/** Whether the octets are a certificate of this authority with this serial number (lower-case hex, whole octets, no sign octet). */
export type IssuedBy = (authorityId: string, serial: string, der: Uint8Array | null) => boolean

/** Remembers what it verified by its SHA-256, the oldest forgotten first, so that asking again costs a digest. */
export function issuedBy(authorities: readonly Authority[], remembered = REMEMBERED): IssuedBy {
  const issuers = new Map(authorities.map(({ id, certificateDer }) => [id, readIssuer(certificateDer)]))
  const verified = new Set<string>()
  return (authorityId, serial, der) => {
    const issuer = issuers.get(authorityId)
    if (!issuer || !der) return false
    const known = `${authorityId} ${serial} ${createHash('sha256').update(der).digest('base64')}`
    if (verified.has(known)) return true
    if (!isSigned(der, serial, issuer)) return false
    if (verified.size >= remembered) for (const oldest of verified) if (verified.delete(oldest)) break
    verified.add(known)
    return true
  }
}

interface Issuer {
  readonly nameDer: Buffer
  readonly key: SignedCertificate['publicKey']
}

const readIssuer = (certificateDer: Buffer): Issuer => ({
  nameDer: readCertificate(certificateDer).tbs.subject,
  key: new SignedCertificate(certificateDer).publicKey,
})

function isSigned(der: Uint8Array, serial: string, { nameDer, key }: Issuer): boolean {
  try {
    const { tbs } = readCertificate(der)
    if (!/^[0-9a-f]+$/.test(serial) || tbs.serialNumber !== BigInt(`0x${serial}`) || !tbs.issuer.equals(nameDer)) return false
  } catch (error) {
    if (MalformedDer.is(error)) return false
    throw error
  }
  try {
    return new SignedCertificate(der).verify(key)
  } catch {
    // What OpenSSL can't load, the authority has not signed.
    return false
  }
}
