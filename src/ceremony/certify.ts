/** One certificate signed in a ceremony: prepared and linted, signed, its signature verified. */
import { createPublicKey, verify } from 'node:crypto'
import { issuerUrls } from '../certificate/addresses.ts'
import type { LintFinding } from '../certificate/lints/lint.ts'
import { prepareCertificate } from '../certificate/prepare.ts'
import { assembleCertificate, type CertificateKind, type Issuer } from '../certificate/profile.ts'
import type { NameAttribute } from '../pki/name.ts'
import { readPublicKey } from '../pki/public-key.ts'
import { readCertificate } from '../pki/x509-certificate.ts'
import type { Services } from '../services.ts'
import type { Authority } from '../signer/authority.ts'
import type { GeneratedKeyPair, KeyReference, Signer } from '../signer/signer.ts'
import { CeremonyRefused } from './refused.ts'

/** The key that signs: of a root over itself, or of the authority above. */
export interface CertifyingKey {
  readonly id: string
  readonly token: Signer
  readonly key: KeyReference
  readonly spki: Buffer
  /** Null while a root signs its own certificate. */
  readonly certificate: Pick<Authority, 'subjectDer' | 'notAfter'> | null
}

/** An authority on record as the key that it signs with. */
export function certifyingKey(authority: Authority, token: Signer): CertifyingKey {
  return { id: authority.id, token, key: authority.key, spki: readCertificate(authority.certificateDer).tbs.spki, certificate: authority }
}

export interface Certified {
  readonly der: Buffer
  readonly serial: string
  readonly notBefore: Date
  readonly notAfter: Date
}

/** @throws CeremonyRefused when the policy's own facts don't pass the lints, or the signature does not verify */
export async function certify(services: Services, kind: CertificateKind, subject: readonly NameAttribute[], key: GeneratedKeyPair, by: CertifyingKey, heldAt: Date): Promise<Certified> {
  const { policy, config, random } = services
  const issuer: Issuer | 'self' = by.certificate ? { nameDer: by.certificate.subjectDer, keyIdentifier: readPublicKey(by.spki).keyIdentifier, notAfter: by.certificate.notAfter } : 'self'
  const urls = issuerUrls(by.id, { statusUrl: config.status.url, portalUrl: config.portal.url })
  const outcome = prepareCertificate({ kind, policy, issuer, subject, spki: key.spki, urls }, { now: heldAt, randomBytes: random })
  if ('refused' in outcome) throw new CeremonyRefused(`The ${kind} certificate that this policy describes breaks its own rules:\n${outcome.refused.map((finding: LintFinding) => `  ${finding.id} (${finding.clause})`).join('\n')}`)
  const { tbs, signatureAlgorithm, hash, serial, notBefore, notAfter } = outcome.prepared.take()
  const signature = await by.token.sign(by.key, hash, tbs)
  if (!verify(hash, tbs, createPublicKey({ key: by.spki, format: 'der', type: 'spki' }), signature)) throw new CeremonyRefused(`The signature on the ${kind} certificate does not verify`)
  return { der: assembleCertificate(tbs, signatureAlgorithm, signature), serial, notBefore, notAfter }
}
