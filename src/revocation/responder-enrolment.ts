/**
 * Which keys may answer for an authority. The authority's key signs each enrolment in the ceremony; `ca` certifies a
 * responder key only when that signature verifies, never because a row names it.
 */
import { createPublicKey, verify } from 'node:crypto'

/** The octets that are signed. They begin with a letter, so that they can never be read as DER to be certified. */
export const enrolmentStatement = (authorityId: string, spkiSha256: string): Buffer => Buffer.from(`responder enrolment v1\nauthority ${authorityId}\nkey ${spkiSha256}\n`, 'utf8')

export const enrolmentHolds = (authorityId: string, spkiSha256: string, authoritySpki: Buffer, signature: Buffer): boolean =>
  verify('sha256', enrolmentStatement(authorityId, spkiSha256), createPublicKey({ key: authoritySpki, format: 'der', type: 'spki' }), signature)
