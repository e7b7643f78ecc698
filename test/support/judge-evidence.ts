/** Asks the engine about one maker's evidence, as a whole, and puts the answer in a form that a table can hold. */
import { expect } from 'vitest'
import type { Anchors } from '../../src/attestation/anchors.ts'
import { requestKey } from '../../src/attestation/evidence.ts'
import type { Question } from '../../src/attestation/verifier.ts'
import { isVerifiedKey, verifyAttestation, type AttestationInput, type AttestationReport } from '../../src/attestation/verify-attestation.ts'
import { shippedPolicy, withMakers } from './attestation-policy.ts'
import { unworded } from './attestation-words.ts'
import { requestFor } from './fake-yubikey.ts'

export const NOW = new Date('2026-11-21T00:00:00Z')
export type Files = Readonly<Record<string, Buffer>>

/** Questions that fail, each with the reason's key without its area; or the file that cannot be read and why. */
export type Expected = { verified: true } | { refused: Partial<Record<Question, string>> } | { malformed: { file: string | null; reason: string } }

/** The report on `files` for a key or a request, under the shipped policy with that maker listed, `NOW`. Every message in it must have words. */
export function judgeEvidence(maker: string, files: Files, key: { spki: Buffer } | { request: Buffer }, anchors?: Anchors, more: Partial<AttestationInput> = {}): AttestationReport {
  const certificateRequestDer = 'request' in key ? key.request : requestFor(key.spki)
  const policy = withMakers(more.policy ? { ...shippedPolicy, ...more.policy } : shippedPolicy, maker)
  const input = { certificateRequestDer, publicKeySpki: 'spki' in key ? key.spki : requestKey(certificateRequestDer), at: NOW, demoHierarchy: false, ...more, policy }
  const report = verifyAttestation({ ...input, files: Object.entries(files).map(([name, bytes]) => ({ name, bytes })) }, anchors ? { [maker]: anchors } : {})
  expect(unworded(report)).toEqual([])
  return report
}

const withoutArea = (key: string): string => key.replace(/^attestation(-[a-z0-9-]+)?\./, '')

export function outcome({ verdict, findings }: AttestationReport): Expected {
  if ('verified' in verdict) return { verified: isVerifiedKey(verdict.verified) as true }
  if ('malformed' in verdict) return { malformed: { file: verdict.malformed.file, reason: withoutArea(verdict.malformed.reason.key) } }
  return { refused: Object.fromEntries(verdict.refused.map((question) => [question, withoutArea(findings![question].observed.key)])) }
}

/** What a chain that is not trusted comes to. */
export const untrusted = (reason: string, rest: Partial<Record<Question, string>> = {}): Expected => ({
  refused: { 'genuine-device': reason, 'generated-inside': 'claim.untrusted', 'not-exportable': 'claim.untrusted', 'certified-module': 'claim.untrusted', ...rest },
})
