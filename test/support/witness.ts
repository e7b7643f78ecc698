/** An auditor, their certificate and reports, and what methods 4, 6 and 7 are asked with. */
import { execFileSync } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { commonName, writeCertificate } from '../../attestations/demo/certificate.ts'
import { contentDigest, type AcceptedService, type ApprovedAuditor, type AuditorContent, type ServiceContent } from '../../src/key-protection/register.ts'
import type { Challenge, ProtectionInput } from '../../src/key-protection/protection.ts'
import type { ProtectionReport } from '../../src/key-protection/judge-protection.ts'
import { writeWitnessReport, type WitnessReport } from '../../src/key-protection/witness-report.ts'
import { sequence } from '../../src/pki/der.ts'
import { encodePem } from '../../src/pki/pem.ts'
import { ecKeyPair, rsaKeyPair, type KeyPair } from '../pki/keys.ts'
import { shippedPolicy } from './attestation-policy.ts'

export const NOW = new Date('2026-11-22T09:00:00Z')
export const VALUE = 'c4'.repeat(32)
export const CHALLENGE: Challenge = { method: 6, value: VALUE, issuedAt: '2026-11-22T06:00:00.000Z', expiresAt: '2026-11-23T06:00:00.000Z', answered: null }
export const SIGNED_AT = new Date('2026-11-22T08:00:00Z')

export interface Signatory {
  readonly keys: KeyPair
  readonly certificate: Buffer
}

let serial = 0x41
export function signatory(name: string, options: { readonly keys?: KeyPair; readonly notBefore?: Date; readonly notAfter?: Date; readonly extensions?: readonly Buffer[] } = {}): Signatory {
  const keys = options.keys ?? ecKeyPair('P-256')
  const { notBefore = new Date('2026-01-01T00:00:00Z'), notAfter = new Date('2028-01-01T00:00:00Z'), extensions = [] } = options
  const certificate = writeCertificate({ serial: Buffer.from([serial++]), issuer: commonName('Example CA'), subject: commonName(name), notBefore, notAfter, spki: keys.spki, extensions: [...extensions] }, signingKey().privateKey)
  return { keys, certificate }
}
let issuer: KeyPair | undefined
const signingKey = (): KeyPair => (issuer ??= rsaKeyPair(2048))

export const AUDITOR = { name: 'Midori Ueda', employer: 'Ueda Audit LLC, Osaka', qualification: 'cisa', qualificationNumber: '1234567', evidence: { name: 'cisa.pdf', sha256: 'a'.repeat(64) }, validFrom: '2026-01-01', validUntil: '2027-12-31' } as const
export const SERVICE: ServiceContent = {
  name: 'Example Signing',
  operator: 'Example Signing K.K.',
  address: '1-1 Kanda, Tokyo',
  technique: 'module',
  authentication: 'multi-factor',
  auditScheme: 'webtrust-code-signing',
  auditor: 'Example Audit LLC',
  reportDate: '2026-05-01',
  periodFrom: '2025-04-01',
  periodTo: '2026-03-31',
  moduleModel: 'YubiHSM 2 FIPS 2.4.1',
  moduleScheme: 'FIPS 140-3',
  moduleCertificate: '5302',
  moduleLevel: '3',
  agreementVersions: '2026-01\n2026-07',
  evidence: { name: 'webtrust.pdf', sha256: 'b'.repeat(64) },
}

const provenance = (register: 'auditors' | 'signing-services', content: unknown) => ({ entryId: randomUUID(), register, sha256: contentDigest(JSON.stringify(content)), proposedBy: 'one', confirmedBy: 'other', entitled: true })

export const auditorContent = ({ certificate }: Signatory, change: Partial<AuditorContent> = {}): AuditorContent => ({ ...AUDITOR, certificate: certificate.toString('base64'), ...change })
export const registeredAuditor = (who: Signatory, change: Partial<ApprovedAuditor> = {}): ApprovedAuditor => ({ ...AUDITOR, certificate: who.certificate, provenance: provenance('auditors', auditorContent(who)), withdrawnAt: null, ...change })
export const acceptedService = (change: Partial<AcceptedService> = {}): AcceptedService => ({ ...SERVICE, provenance: provenance('signing-services', SERVICE), withdrawnAt: null, ...change })

export interface InputChange extends Partial<Omit<ProtectionInput, 'facts'>> {
  readonly facts?: Partial<ProtectionInput['facts']>
}

export function inputOf(spki: Buffer, files: readonly (readonly [string, Buffer])[], change: InputChange = {}): ProtectionInput {
  return {
    files: files.map(([name, bytes]) => ({ name, bytes })),
    certificateRequestDer: sequence(),
    publicKeySpki: spki,
    details: {},
    at: NOW,
    policy: shippedPolicy,
    application: { id: 'a', reference: 'CS234-ABCDE', organisationId: null, applicantId: 'applicant-1', legalName: null },
    ...change,
    facts: { demoHierarchy: false, demoAnchors: [], anchorChanges: [], challenges: [CHALLENGE], auditors: [], signingServices: [], shippedKey: null, ...change.facts },
  }
}

export const fingerprint = (spki: Buffer): string => createHash('sha256').update(spki).digest('hex')

export const reportOf = (spki: Buffer, change: Partial<WitnessReport> = {}): WitnessReport => ({
  reference: 'CS234-ABCDE',
  organisation: 'Example K.K.',
  key: fingerprint(spki),
  challenge: VALUE,
  model: 'YubiHSM 2 FIPS',
  serial: '12345678',
  firmware: '2.4.1',
  certificate: 'FIPS 140-3 #5302, level 3',
  place: 'Tokyo, data centre 1',
  date: '2026-11-22',
  participants: 'Midori Ueda (auditor); Ken Aoki (administrator)',
  inside: 'yes',
  exportable: 'no',
  auditor: 'Midori Ueda',
  ...change,
})
export const reportText = (spki: Buffer, change: Partial<WitnessReport> = {}): Buffer => Buffer.from(`REPORT\n\nI was present.\n\n${writeWitnessReport(reportOf(spki, change))}\n`)

/** What the openssl program signs, in a folder of its own. `words` come after the files. */
export function opensslSigns(content: Buffer, { keys, certificate }: Signatory, ...words: string[]): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'cms-'))
  const file = (name: string, bytes: Buffer | string): string => {
    writeFileSync(join(folder, name), bytes)
    return join(folder, name)
  }
  try {
    const key = file('key.pem', keys.privateKey.export({ type: 'pkcs8', format: 'pem' }))
    return execFileSync('openssl', ['cms', '-sign', '-md', 'sha256', '-outform', 'DER', '-signer', file('certificate.pem', encodePem('CERTIFICATE', certificate)), '-inkey', key, '-in', file('content', content), ...words], { stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 26 })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const short = (key: string): string => key.replace(/^key-protection-(witnessed-generation|it-audit|signing-service|document)\./, '').replace(/^malformed\./, '')

/** What a judgement came to: `verified`, or each failing question with the reason's key, or why the files can't be read. */
export function outcomeOf({ verdict, findings }: ProtectionReport): unknown {
  if ('verified' in verdict) return 'verified'
  if ('malformed' in verdict) return { malformed: short(verdict.malformed.reason.key) }
  return Object.fromEntries(verdict.refused.map((question) => [question, short(findings!.find((each) => each.question === question)!.finding.observed.key)]))
}
