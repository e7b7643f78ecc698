/** A report that a key is compromised, taken by a revocation officer (KEY-4, CSBR 4.9.1.1 (3), 6.1.1.3 (4), 6.1.2). The key never comes back. */
import type { CertificateRecords } from './certificate-record.ts'
import type { Work } from './ports.ts'

/** Who says so. */
export const REPORT_SOURCES = ['subscriber', 'problem-report', 'published', 'signing-service', 'authority', 'own-finding'] as const
export type ReportSource = (typeof REPORT_SOURCES)[number]

export interface CompromiseReport {
  readonly id: string
  readonly spkiSha256: string
  /** SubjectPublicKeyInfo, DER; null where only its SHA-256 was given. */
  readonly spkiDer: Buffer | null
  readonly evidence: 'hash' | 'certificate' | 'request' | 'public-key' | 'private-key'
  /** `none`: the reporter's word; the officer answers for it. */
  readonly proof: 'none' | 'private-key' | 'signature'
  readonly source: ReportSource
  readonly reason: string
  /** Account id. */
  readonly reportedBy: string
  readonly reportedAt: string
}

/** `database/compromise-store.ts` fulfils it. */
export interface CompromiseReports {
  insert(report: CompromiseReport): Promise<void>
  /** Oldest first. */
  ofKey(spkiSha256: string): Promise<readonly CompromiseReport[]>
}

/**
 * What proves a report by a signature: only the holder of the key can sign a text of ours that names it, and no other use of the key makes this text.
 * It may be signed at any time: a key once shown to be in others' hands is compromised for ever.
 */
export const compromiseText = (portalUrl: string, spkiSha256: string): string => `This key is compromised and is to be refused and revoked.\n${portalUrl}\n${spkiSha256}\n`

/** Marks the key, in the caller's transaction. `marked` is false for a key that was marked before: the report is kept all the same. */
export async function reportCompromise(
  work: Work,
  records: Pick<CertificateRecords, 'markCompromised'>,
  reports: CompromiseReports,
  report: Omit<CompromiseReport, 'reportedBy' | 'reportedAt'>,
): Promise<{ readonly marked: boolean }> {
  const marked = await records.markCompromised(report.spkiSha256, `report:${report.id}`)
  await reports.insert({ ...report, reportedBy: work.actor, reportedAt: work.now.toISOString() })
  const subject = `key:${report.spkiSha256}`
  const { id, evidence, proof, source } = report
  await work.audit({ event: 'key.compromise-reported', subject, details: { report: id, evidence, proof, source } })
  if (marked) await work.audit({ event: 'key.marked-compromised', subject, details: { report: id } })
  return { marked }
}
