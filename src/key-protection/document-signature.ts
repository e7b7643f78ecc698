/** Judging the signatures on a document: whole, strong, over all of it. Whether the signer is anybody to us is the method's question. */
import { checkWriter } from '../attestation/check.ts'
import type { Check, Message } from '../attestation/verifier.ts'
import { decodeName } from '../pki/name.ts'
import { OID } from '../pki/oids.ts'
import { findFault, namesCertificate } from '../pki/signed-data.ts'
import type { X509Certificate } from '../pki/x509-certificate.ts'
import { about } from './protection.ts'
import type { DocumentSignature } from './signed-document.ts'

const AREA = 'key-protection-document'

/** The check that this certificate's key made the signature, over the whole document. @param clause that asks for the signature */
export function signatureCheck(signature: DocumentSignature, certificate: X509Certificate, clause: string): Check {
  const fault = faultOf(signature, certificate)
  const write = checkWriter(AREA, { source: 'RFC 5652 5', clause })
  return write(fault === null, `signature.${fault ?? 'good'}`, 'signature.expected', { signer: signerText(certificate) }, { remedy: 'signature.remedy' })
}

function faultOf(signature: DocumentSignature, certificate: X509Certificate): string | null {
  if (!signature.formTaken) return 'form'
  // What was added after signing, the signer has never seen.
  if (!signature.wholeFile) return 'not-whole'
  if (!namesCertificate(signature.signer, certificate)) return 'other-certificate'
  const faults = signature.contents.map((content) => findFault(signature.signer, signature.contentType, content, certificate))
  return faults.includes(null) ? null : faults[0]!
}

/** The common name of a certificate's subject, or what else names it. */
export function signerText({ tbs }: X509Certificate): string {
  const attributes = decodeName(tbs.subject).flat()
  const text = (oid: string) => attributes.find((attribute) => attribute.oid === oid)?.text
  return [text(OID.commonName), text(OID.organizationName)].filter((part) => part).join(', ') || attributes.map((attribute) => attribute.text).join(', ') || '–'
}

/** Who signed and when, as far as the signature says so. */
export function aboutSignature({ signedAt }: DocumentSignature, certificate: X509Certificate): readonly { label: Message; value: Message }[] {
  return [
    about(`${AREA}.about.signer`, signerText(certificate)),
    ...(signedAt ? [about(`${AREA}.about.signed-at`, `${signedAt.toISOString().slice(0, 16).replace('T', ' ')} UTC`)] : []),
  ]
}
