/** Judges cloud reports for tables of tests: the questions that fail, each with its reason's key. */
import { expect } from 'vitest'
import { cloudReport } from '../../src/key-protection/cloud-report.ts'
import { AREA } from '../../src/key-protection/cloud/question.ts'
import { isProtectedKey, judgeBy, protectionToJson, type ProtectionReport } from '../../src/key-protection/judge-protection.ts'
import type { Details, ProtectionInput } from '../../src/key-protection/protection.ts'
import { WORDS } from '../../src/web/locales.ts'
import { shippedPolicy, withAttestation } from '../support/attestation-policy.ts'
import { requestFor, rsa, spkiOf } from '../support/fake-yubikey.ts'

export const APPLIED = spkiOf(rsa(3072))
export const ANOTHER = spkiOf(rsa(3072))
/** Before AWS KMS's certificate of November 2024 ran out. */
export const AT = new Date('2026-11-10T00:00:00Z')
/** Google Cloud HSM is certified under FIPS 140-2 alone, which is Historical: most tests take it, and one tests that the shipped policy does not. */
export const TAKING_HISTORICAL = withAttestation(shippedPolicy, { historicalCertificates: [{ scheme: 'FIPS 140-2', acceptedUntil: '2027-12-31T23:59:59Z', why: 'test' }] })

export type Verdict = 'verified' | Record<string, string> | { malformed: string | null; reason: string }

const bare = (key: string): string => key.replace(`${AREA}.`, '').replace(/^attestation\./, '')

export function judge(files: ProtectionInput['files'], details: Details, more: Partial<ProtectionInput> = {}): ProtectionReport {
  const report = judgeBy(cloudReport, {
    files,
    certificateRequestDer: requestFor(APPLIED),
    publicKeySpki: APPLIED,
    details,
    at: AT,
    policy: TAKING_HISTORICAL,
    facts: { demoHierarchy: false, demoAnchors: [], anchorChanges: [], challenges: [] } as unknown as ProtectionInput['facts'],
    application: { id: 'id', reference: 'CS-1', organisationId: null, applicantId: 'applicant-1', legalName: null },
    ...more,
  })!
  worded(protectionToJson(report))
  for (const { finding } of report.findings ?? [])
    for (const check of finding.checks) {
      expect(check.source).not.toBe('')
      expect(check.remedy !== undefined, check.observed.key).toBe(check.outcome === 'fail')
    }
  return report
}

export function verdictOf({ verdict, findings }: ProtectionReport): Verdict {
  if ('verified' in verdict) {
    expect(isProtectedKey(verdict.verified)).toBe(true)
    return 'verified'
  }
  if ('malformed' in verdict) return { malformed: verdict.malformed.file, reason: bare(verdict.malformed.reason.key) }
  return Object.fromEntries(findings!.filter(({ finding }) => finding.outcome === 'fail').map(({ question, finding }) => [question, bare(finding.observed.key)]))
}

/** Every message of a report has words in both languages, and a value for each of their placeholders. */
function worded(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  if ('key' in value && typeof value.key === 'string') {
    const values = (value as { values?: Record<string, string> }).values ?? {}
    for (const language of ['en', 'ja'] as const) {
      const words = WORDS[language].get(value.key)
      // The frame's own word for a line of plain text.
      if (value.key === 'key-protection.text') continue
      expect(words, `${language} ${value.key}`).toBeDefined()
      for (const [, name] of words!.matchAll(/\{([A-Za-z0-9]+)\}/g)) expect(values[name!], `${language} ${value.key} {${name}}`).toBeDefined()
    }
  } else for (const member of Object.values(value)) worded(member)
}
