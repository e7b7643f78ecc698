/** Asks a Timestamp Authority (RFC 3161) for a token, as a client does. The token is looked at, not judged: who relies on it verifies it. */
import { createHash } from 'node:crypto'
import { boolean, integer, MalformedDer, nullValue, octetString, oid, readDer, sequence, TAG } from '../pki/der.ts'
import { OID } from '../pki/oids.ts'
import { namesCertificate, readSignedData } from '../pki/signed-data.ts'
import { readCertificate } from '../pki/x509-certificate.ts'

/** @param nonce 8 random octets */
export function timestampRequest(signed: Buffer, nonce: Buffer): Buffer {
  const imprint = sequence(sequence(oid(OID.sha256), nullValue()), octetString(createHash('sha256').update(signed).digest()))
  return sequence(integer(1), imprint, integer(nonce), boolean(true))
}

/**
 * The token in a TimeStampResp, with the moment that it names; null when none was granted.
 * @throws MalformedDer when it is no answer, or one to another question
 */
export function readTimestamp(answer: Buffer, signed: Buffer, nonce: Buffer): { readonly token: Buffer; readonly at: Date } | null {
  const [info, token] = readDer(answer, { maxBytes: 1 << 16, maxDepth: 24 }).expect(TAG.sequence, 'TimeStampResp').children()
  const status = info?.children()[0]?.integer()
  if (status !== 0n && status !== 1n) return null
  const { contentType, content } = readSignedData(token?.raw ?? Buffer.alloc(0))
  if (contentType !== OID.tstInfo || !content) throw new MalformedDer('no time-stamp token', 0)
  const [, , imprint, , genTime, ...rest] = readDer(content).children()
  const same = imprint?.children()[1]?.value.equals(createHash('sha256').update(signed).digest())
  if (!same || !genTime || !rest.some(({ raw }) => raw.equals(integer(nonce)))) throw new MalformedDer('a time-stamp of something else', 0)
  return { token: token!.raw, at: genTime.time() }
}

/** Whether the key of this certificate gave the token, as the token itself names it. @throws MalformedDer */
export function isTokenOf(token: Buffer, certificateDer: Buffer): boolean {
  const certificate = readCertificate(certificateDer)
  return readSignedData(token).signers.some((signer) => namesCertificate(signer, certificate))
}
