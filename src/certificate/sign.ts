/** The step after what was prepared is on record: signed, verified, and compared with what is on record. */
import { verify } from 'node:crypto'
import { publicKeyObject } from '../pki/key-object.ts'
import { readCertificate } from '../pki/x509-certificate.ts'
import { assembleCertificate, type signatureAlgorithmOf } from './profile.ts'

/** The key of a CA. */
export interface CertificateSigner {
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer
  /** RSASSA-PKCS1-v1_5. */
  sign(tbs: Buffer, hash: 'sha256' | 'sha384' | 'sha512'): Promise<Buffer>
}

/**
 * The certificate, DER, with exactly these octets inside, under one algorithm inside and outside (RFC 5280 4.1.1.2).
 * @param what names it in errors
 * @throws Error when the signature is not the CA's, or the algorithms differ: nothing of it goes out
 */
export async function signCertificate(what: string, tbs: Buffer, { hash, der: algorithm }: ReturnType<typeof signatureAlgorithmOf>, { spki, sign }: CertificateSigner): Promise<Buffer> {
  const signature = await sign(tbs, hash)
  if (!verify(hash, tbs, publicKeyObject(spki), signature)) throw new Error(`${what}: the signature is not the authority's; it was thrown away`)
  const der = assembleCertificate(tbs, algorithm, signature)
  const read = readCertificate(der)
  if (!read.tbs.raw.equals(tbs) || !read.signatureAlgorithm.raw.equals(read.tbs.signature.raw)) throw new Error(`${what}: what was signed is not what was recorded`)
  return der
}
