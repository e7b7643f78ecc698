/** Acceptance of a certificate by the subscriber, an explicit act (ACP-1, CP 4.4.1). */
import type { Application } from './application.ts'
import type { CertificateRecord, CertificateRecords } from './certificate-record.ts'
import { findMove } from './lifecycle.ts'
import type { Work } from './ports.ts'

/** False when there is nothing to accept (any more): nothing was changed then. Whose certificate it is has been checked before. */
export async function acceptCertificate(work: Work, records: CertificateRecords, application: Application, certificate: CertificateRecord): Promise<boolean> {
  const move = findMove('accept', application.state)
  if (!move || certificate.applicationId !== application.id || certificate.revocation) return false
  if (!(await work.applications.move(application, move.to))) return false
  await records.setAccepted(certificate.id)
  await work.audit({
    event: move.event,
    subject: `certificate:${certificate.id}`,
    details: { application: application.id, serial: certificate.serial, by: 'subscriber' },
  })
  return true
}
