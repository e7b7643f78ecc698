/** Reports of method 3 made by a key in this process, as a lying computer would: whole, or with one defect. */
import { createHash, sign } from 'node:crypto'
import { reportOctets, writeKeyReport, type KeyReport, type ReportedAttributes } from '../../src/key-protection/key-report.ts'
import { prescribedLibrary } from '../../src/key-protection/prescribed-library.ts'
import { judgeBy, type ProtectionReport } from '../../src/key-protection/judge-protection.ts'
import type { Challenge, ProtectionInput } from '../../src/key-protection/protection.ts'
import { makeRequest, type KeyPair } from '../pki/keys.ts'
import { shippedPolicy } from './attestation-policy.ts'

export const NOW = new Date('2026-11-22T09:00:00Z')
export const VALUE = 'ab'.repeat(32)
export const CHALLENGE: Challenge = { method: 3, value: VALUE, issuedAt: '2026-11-22T08:00:00.000Z', expiresAt: '2026-11-23T08:00:00.000Z', answered: null }

export const ATTRIBUTES: ReportedAttributes = {
  token: true,
  private: true,
  sensitive: true,
  extractable: false,
  alwaysSensitive: true,
  neverExtractable: true,
  local: true,
  sign: true,
  signRecover: false,
  decrypt: false,
  unwrap: false,
  derive: false,
}

export interface ReportChange {
  readonly challenge?: string
  readonly library?: Partial<KeyReport['library']>
  readonly token?: Partial<KeyReport['token']>
  readonly key?: Partial<KeyReport['key']>
  readonly attributes?: Partial<ReportedAttributes>
}

export function reportOf(spki: Buffer, change: ReportChange = {}): KeyReport {
  return {
    challenge: change.challenge ?? VALUE,
    library: { name: 'code-signing-keygen', version: '1.0.0', ...change.library },
    generatedAt: '2026-11-22T08:30:00Z',
    module: { manufacturer: 'SoftHSM', description: 'Implementation of PKCS11', version: '2.6', cryptokiVersion: '2.40' },
    token: { label: 'mine', manufacturer: 'SoftHSM project', model: 'SoftHSM v2', serialNumber: '0123456789abcdef', hardwareVersion: '2.6', firmwareVersion: '2.6', ...change.token },
    key: { label: 'code-signing', id: '0102030405060708', mechanism: 0, publicKey: spki, ...change.key, attributes: { ...ATTRIBUTES, ...change.attributes } },
  }
}

/** The file, signed by `signer` (the reported key itself when not said). */
export function reportFile(keys: KeyPair, change: ReportChange = {}, signer: KeyPair = keys): Buffer {
  const report = reportOf(keys.spki, change)
  return Buffer.from(writeKeyReport(report, sign('sha256', reportOctets(report), signer.privateKey)))
}

export interface InputChange extends Partial<Omit<ProtectionInput, 'facts'>> {
  readonly facts?: Partial<ProtectionInput['facts']>
}

export function inputOf(keys: KeyPair, files: readonly Buffer[], change: InputChange = {}): ProtectionInput {
  const facts: ProtectionInput['facts'] = { demoHierarchy: true, demoAnchors: [], anchorChanges: [], challenges: [CHALLENGE], auditors: [], signingServices: [], shippedKey: null, ...change.facts }
  return {
    files: files.map((bytes, index) => ({ name: index === 0 ? 'key-report.json' : `file-${index}`, bytes })),
    certificateRequestDer: change.certificateRequestDer ?? requestOf(keys),
    publicKeySpki: keys.spki,
    details: {},
    at: NOW,
    policy: shippedPolicy,
    application: { id: 'a', reference: 'CS-2345-ABCD', organisationId: null, applicantId: 'applicant-1', legalName: null },
    ...change,
    facts,
  }
}

const requests = new Map<KeyPair, Buffer>()
function requestOf(keys: KeyPair): Buffer {
  const made = requests.get(keys) ?? makeRequest(keys)
  requests.set(keys, made)
  return made
}

export const judgeReport = (input: ProtectionInput): ProtectionReport => judgeBy(prescribedLibrary, input)!
export const fingerprint = (spki: Buffer): string => createHash('sha256').update(spki).digest('hex')

const AREA = 'key-protection-prescribed-library.'
const short = (key: string): string => key.replace(AREA, '').replace(/^malformed\./, '')

/** What a judgement came to: `verified`, or each failing question with the reason's key, or why the file can't be read. */
export function outcomeOf({ verdict, findings }: ProtectionReport): unknown {
  if ('verified' in verdict) return 'verified'
  if ('malformed' in verdict) return { malformed: short(verdict.malformed.reason.key), ...verdict.malformed.reason.values }
  return Object.fromEntries(verdict.refused.map((question) => [question, short(findings!.find((each) => each.question === question)!.finding.observed.key)]))
}
