/** Revocation, by the subscriber or a revocation officer: one rule for both (REV-1, REV-5, REV-7, KEY-4). */
import type { CertificateRecord, CertificateRecords } from './certificate-record.ts'
import { findMove } from './lifecycle.ts'
import type { Work } from './ports.ts'
import type { RevocationGround, RevokingRole } from './revocation-grounds.ts'

export interface RevocationRequest {
  readonly certificate: CertificateRecord
  readonly ground: RevocationGround
  /** What the person says beside the ground; may be empty. */
  readonly explanation: string
  /** Account id. */
  readonly by: string
  readonly as: RevokingRole
  /** Base address of the portal, for the link in the mail. */
  readonly portalUrl: string
}

/**
 * - `revoked`: done; `certificates` names all, since a compromised key takes every certificate made for it along (CSBR 4.9.1.1 (3))
 * - `already-revoked`: nothing changed; a revocation stays as it is (REV-7)
 * - `not-permitted`: the ground is not one that this role may state
 * - `changed-meanwhile`: somebody moved the application at the same moment; nothing changed, ask again
 */
export type RevocationOutcome =
  | { readonly outcome: 'revoked'; readonly certificates: readonly CertificateRecord[] }
  | { readonly outcome: 'already-revoked' | 'not-permitted' | 'changed-meanwhile' }

/**
 * Revokes now, in the caller's transaction, with its audit entries and a mail to each applicant. Whose certificate it is has been checked before.
 * The published date is this moment (REV-3's historic dates are set elsewhere).
 */
export async function revokeCertificate(work: Work, records: CertificateRecords, request: RevocationRequest): Promise<RevocationOutcome> {
  const { ground, certificate } = request
  if (!ground.statedBy.includes(request.as)) return { outcome: 'not-permitted' }
  if (certificate.revocation) return { outcome: 'already-revoked' }
  const first = await revokeOne(work, records, certificate, request)
  if (first !== 'revoked') return { outcome: first }
  const revoked = [certificate]
  if (ground.keyCompromised) {
    if (await records.markCompromised(certificate.spkiSha256, `certificate:${certificate.id}`))
      await work.audit({
        event: 'key.marked-compromised',
        subject: `key:${certificate.spkiSha256}`,
        details: { ground: ground.id, certificate: certificate.id },
      })
    for (const other of await records.findByKey(certificate.spkiSha256)) {
      if (other.id === certificate.id || other.revocation) continue
      // A certificate whose application can't move stays for the next call: the key is marked, and the officers' list shows it.
      if ((await revokeOne(work, records, other, request)) === 'revoked') revoked.push(other)
    }
  }
  return { outcome: 'revoked', certificates: revoked }
}

async function revokeOne(
  work: Work,
  records: CertificateRecords,
  certificate: CertificateRecord,
  { ground, explanation, by, as, portalUrl }: RevocationRequest,
): Promise<'revoked' | 'already-revoked' | 'changed-meanwhile'> {
  const application = await work.applications.find(certificate.applicationId)
  if (!application) throw new Error(`certificate ${certificate.id} belongs to no application`)
  const move = findMove('revoke', application.state)
  if (!move || !move.by.includes(as)) return 'changed-meanwhile'
  // The move comes first: it is the compare-and-set that lets one of two simultaneous requests through.
  if (!(await work.applications.move(application, move.to))) return 'changed-meanwhile'
  const revokedAt = work.now.toISOString()
  const inserted = await records.insertRevocation(certificate, {
    reasonCode: ground.reasonCode,
    ground: ground.id,
    explanation,
    revokedAt,
    recordedAt: revokedAt,
    requestedBy: by,
  })
  if (!inserted) throw new Error(`certificate ${certificate.id} is revoked, and its application was not`)
  await work.audit({
    event: move.event,
    subject: `certificate:${certificate.id}`,
    details: {
      application: application.id,
      serial: certificate.serial,
      ground: ground.id,
      clause: ground.clause,
      reasonCode: ground.reasonCode,
      revokedAt,
      as,
    },
  })
  const contact = await records.contact(application.applicantId)
  if (contact)
    await work.mail({
      to: contact.email,
      language: contact.language,
      name: 'certificate-revoked',
      values: {
        name: contact.name,
        reference: application.reference,
        serial: certificate.serial,
        at: revokedAt,
        explanation: explanation || '—',
        link: `${portalUrl}/applications/${application.reference}/certificate`,
      },
    })
  return 'revoked'
}
