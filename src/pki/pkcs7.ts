/** A certs-only CMS SignedData (RFC 5652 5, "PKCS #7 chain"): how signing tools take a certificate with its issuers. */
import * as pkijs from 'pkijs'
import { readCertificate } from './x509-certificate.ts'
import { OID } from './oids.ts'

/**
 * DER of a ContentInfo that holds the certificates (DER, the subscriber's first) and no signature.
 * @throws MalformedDer when one is no certificate
 */
export function certificateChain(certificates: readonly Uint8Array[]): Buffer {
  const signedData = new pkijs.SignedData({
    version: 1,
    encapContentInfo: new pkijs.EncapsulatedContentInfo({ eContentType: OID.pkcs7Data }),
    certificates: certificates.map((der) => pkijs.Certificate.fromBER(Uint8Array.from(readCertificate(der).der))),
  })
  const content = new pkijs.ContentInfo({ contentType: OID.pkcs7SignedData, content: signedData.toSchema(true) })
  return Buffer.from(content.toSchema().toBER(false))
}
