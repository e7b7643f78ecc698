import type { AuditEventName } from '../audit/events.ts'

/** The acts on an application that issuing asks the audit log for. */
export const ACT = {
  submitted: 'application.submitted',
  started: 'application.vetting-started',
  checked: 'application.check-recorded',
  vetted: 'application.vetted',
  approved: 'application.approved',
  returned: 'application.returned-to-vetting',
  voided: 'application.approval-voided',
  rejected: 'application.rejected',
  withdrawn: 'application.withdrawn',
  recorded: 'certificate.recorded',
  challenged: 'application.challenge-given',
} as const satisfies Readonly<Record<string, AuditEventName>>

/** After which nothing is issued to this application any more. */
export const LAST_ACTS: readonly AuditEventName[] = ['certificate.issued', ACT.rejected, ACT.withdrawn]
