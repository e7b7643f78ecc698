/** Judges of one maker's evidence for tables of tests: the outcome in a short form, with the locale area of each reason. */
import { expect } from 'vitest'
import type { Anchors } from '../../src/attestation/anchors.ts'
import type { Question } from '../../src/attestation/verifier.ts'
import type { AttestationInput, AttestationReport } from '../../src/attestation/verify-attestation.ts'
import { judgeEvidence, type Files } from './judge-evidence.ts'

/** That maker, for that key unless a test says otherwise, under those anchors (the shipped ones where none are given). */
export const judgeOf =
  (maker: string, spki: () => Buffer, anchors?: () => Anchors) =>
  (files: Files, more: Partial<AttestationInput> = {}): AttestationReport =>
    judgeEvidence(maker, files, { spki: more.publicKeySpki ?? spki() }, anchors?.(), more)

const bare = (key: string): string => key.replace(/^attestation\./, '')

/** `verified`, the refused questions each with its reason's key, or the malformed file with its reason's key; keys of the common area are bare. */
export type Outcome = 'verified' | Partial<Record<Question, string>> | { malformed: string | null; reason: string }
export function outcome({ verdict, findings }: AttestationReport): Outcome {
  if ('verified' in verdict) return 'verified'
  if ('malformed' in verdict) return { malformed: verdict.malformed.file, reason: bare(verdict.malformed.reason.key) }
  return Object.fromEntries(verdict.refused.map((question) => [question, bare(findings![question].observed.key)]))
}

/** What a chain that is not trusted comes to. */
export const untrusted = (reason: string, rest: Partial<Record<Question, string>> = {}): Outcome => ({
  'genuine-device': reason,
  'generated-inside': 'claim.untrusted',
  'not-exportable': 'claim.untrusted',
  'certified-module': 'claim.untrusted',
  ...rest,
})

/** Each failed check says what to do or alerts staff, each check has a source: a refusal that only says "no" helps nobody (ATT-9). */
export function wellFounded({ findings }: AttestationReport): void {
  for (const finding of Object.values(findings ?? {})) {
    expect(finding.checks.length).toBeGreaterThan(0)
    for (const check of finding.checks) {
      expect(check.source).not.toBe('')
      if (check.outcome === 'fail') expect(check.remedy ?? check.alert, check.observed.key).toBeDefined()
      else expect(check.remedy ?? check.alert).toBeUndefined()
    }
  }
}
