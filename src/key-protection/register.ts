/**
 * The registers that methods 6 and 7 rest on: auditors whom this CA approved (CSBR 6.2.7.4.2 (6)) and Signing Services that it accepted
 * (CSBR 6.2.7.3). What an entry says is fixed when it is proposed; a change is a new entry.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { leastLevel } from '../attestation/catalogue.ts'
import { MalformedDer, readDer, TAG } from '../pki/der.ts'
import { KEY_USAGE, readKeyUsage } from '../pki/extension-values.ts'
import { decodeName } from '../pki/name.ts'
import { OID } from '../pki/oids.ts'
import { readPublicKey } from '../pki/public-key.ts'
import { readCertificate, type X509Certificate } from '../pki/x509-certificate.ts'
import type { Policy } from '../policy/policy.ts'
import { isDay } from './read-details.ts'
import { dayOf, hasLapsed, isAhead } from './stated-date.ts'

export const REGISTERS = ['auditors', 'signing-services'] as const
export type RegisterName = (typeof REGISTERS)[number]
export const isRegister = (text: string): text is RegisterName => (REGISTERS as readonly string[]).includes(text)

const line = (maximum: number) => z.string().min(1, 'forms.required').max(maximum, `forms.too-long|max=${maximum}`).regex(/^\P{C}*$/u, 'forms.characters')
const day = z.string().refine(isDay, 'forms.date')
const file = z.strictObject({ name: z.string().min(1).max(200), sha256: z.string().regex(/^[0-9a-f]{64}$/) })

export const QUALIFICATIONS = ['it-security-training', 'cisa'] as const
export const auditorSchema = z.strictObject({
  name: line(100),
  employer: line(200),
  /** CSBR 6.2.7.4.2 (6): IT and security training, or a CISA. */
  qualification: z.enum(QUALIFICATIONS, 'forms.choose'),
  qualificationNumber: line(100),
  /** The document that shows the qualification. */
  evidence: file,
  /** DER, base64: what reports must be signed with, octet for octet. */
  certificate: z.base64().max(90_000),
  validFrom: day,
  validUntil: day,
})
export type AuditorContent = z.infer<typeof auditorSchema>

/** CSBR 8.4.2. */
export const AUDIT_SCHEMES = ['webtrust-code-signing', 'etsi-319-411-1'] as const
/** CSBR 6.2.7.3: the two techniques, and how signing is authorised. */
export const TECHNIQUES = ['module', 'cloud'] as const
export const AUTHENTICATIONS = ['multi-factor', 'server-to-server'] as const

export const serviceSchema = z.strictObject({
  name: line(200),
  operator: line(200),
  address: line(300),
  technique: z.enum(TECHNIQUES, 'forms.choose'),
  authentication: z.enum(AUTHENTICATIONS, 'forms.choose'),
  auditScheme: z.enum(AUDIT_SCHEMES, 'forms.choose'),
  auditor: line(200),
  reportDate: day,
  periodFrom: day,
  periodTo: day,
  moduleModel: line(200),
  moduleScheme: line(60),
  moduleCertificate: line(100),
  moduleLevel: z.string().regex(/^[1-9]$/, 'forms.required'),
  /** The versions of its agreement with subscribers that were read and accepted, one a line. */
  agreementVersions: z.string().min(1, 'forms.required').max(600, 'forms.too-long|max=600').refine((text) => !/[^\P{C}\n]/u.test(text), 'forms.characters'),
  /** The audit's report. */
  evidence: file,
})
export type ServiceContent = z.infer<typeof serviceSchema>

export const CONTENT_SCHEMAS = { auditors: auditorSchema, 'signing-services': serviceSchema } as const

/** What an officer types in; the files are read beside it. */
export const ENTERED_SCHEMAS = { auditors: auditorSchema.omit({ certificate: true, evidence: true }), 'signing-services': serviceSchema.omit({ evidence: true }) } as const

export const versionsOf = ({ agreementVersions }: Pick<ServiceContent, 'agreementVersions'>): readonly string[] =>
  agreementVersions.split('\n').map((version) => version.trim()).filter((version) => version !== '')

/** What makes two entries the same: a certificate is one person's, a name one service's. */
export const identityOf = (register: RegisterName, content: AuditorContent | ServiceContent): string =>
  register === 'auditors' ? sha256(Buffer.from((content as AuditorContent).certificate, 'base64')) : (content as ServiceContent).name.normalize('NFKC').toLowerCase()

const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex')

/** SHA-256, lower-case hex, of an entry's content as it is stored. The log keeps it of what was proposed and of what was confirmed. */
export const contentDigest = (content: string): string => sha256(content)

/** How an entry came about, for `ca` to compare with the audit log. */
export interface Provenance {
  readonly entryId: string
  readonly register: RegisterName
  readonly sha256: string
  readonly proposedBy: string
  readonly confirmedBy: string
  /** Whether both people hold a role that may do what they did, whether or not they still work here. */
  readonly entitled: boolean
}

interface Registered {
  readonly provenance: Provenance
  /** When it was withdrawn; null while it holds. */
  readonly withdrawnAt: string | null
}
export type ApprovedAuditor = Registered & Omit<AuditorContent, 'certificate'> & { readonly certificate: Buffer }
export type AcceptedService = Registered & ServiceContent

export interface EntryProblem {
  readonly field: string
  readonly message: { readonly key: string; readonly values?: Readonly<Record<string, string>> }
}

/** What stands against a certificate as an auditor's; null when reports may be signed with it. */
export function findCertificateProblem(der: Buffer, at: Date): EntryProblem['message'] | null {
  const problem = (code: string, values?: Record<string, string>) => ({ key: `registers.problem.certificate.${code}`, ...(values ? { values } : {}) })
  let certificate: X509Certificate
  try {
    certificate = readCertificate(der)
    const { facts } = readPublicKey(certificate.tbs.spki)
    decodeName(certificate.tbs.subject)
    if (facts.type === 'rsa' ? facts.bits < 2048 : facts.type !== 'ec') return problem('key')
    if (!maySign(certificate)) return problem('usage')
  } catch (error) {
    if (MalformedDer.is(error)) return problem('unreadable')
    throw error
  }
  const { notBefore, notAfter } = certificate.tbs
  if (at < notBefore.date || at > notAfter.date) return problem('expired', { from: notBefore.date.toISOString().slice(0, 10), until: notAfter.date.toISOString().slice(0, 10) })
  return null
}

/** RFC 5280 4.2.1.3: digitalSignature (0) or nonRepudiation (1), where the certificate limits its key at all; and no CA's certificate. */
function maySign({ tbs }: X509Certificate): boolean {
  const valueOf = (wanted: string) => tbs.extensions.find(({ oid }) => oid === wanted)?.value
  const [usage, constraints] = [valueOf(OID.keyUsage), valueOf(OID.basicConstraints)]
  const bits = usage ? readKeyUsage(usage) : [KEY_USAGE.digitalSignature]
  const signs = bits.includes(KEY_USAGE.digitalSignature) || bits.includes(KEY_USAGE.contentCommitment)
  // Read as it is: some issuers write FALSE out, which is no reason to refuse an auditor.
  const first = constraints && readDer(constraints).children()[0]
  return signs && !(first?.tag === TAG.boolean && first.boolean())
}

/** What an entry states that can't be, or isn't enough; empty when it may be proposed. */
export function judgeContent(register: RegisterName, content: AuditorContent | ServiceContent, at: Date, policy: Pick<Policy, 'keyProtection' | 'periods'>): readonly EntryProblem[] {
  return register === 'auditors' ? judgeAuditor(content as AuditorContent, at) : judgeService(content as ServiceContent, at, policy)
}

function judgeAuditor({ certificate, validFrom, validUntil }: AuditorContent, at: Date): EntryProblem[] {
  const problems: EntryProblem[] = []
  const wrong = findCertificateProblem(Buffer.from(certificate, 'base64'), at)
  if (wrong) problems.push({ field: 'certificate', message: wrong })
  const until = dayOf(validUntil)
  if (validUntil < validFrom || (until && until.getTime() + 86_400_000 <= at.getTime())) problems.push({ field: 'validUntil', message: { key: 'registers.problem.until' } })
  return problems
}

function judgeService(content: ServiceContent, at: Date, { keyProtection, periods }: Pick<Policy, 'keyProtection' | 'periods'>): EntryProblem[] {
  const problems: EntryProblem[] = []
  const months = periods.keyProtectionReuseMonths
  const [report, to] = [dayOf(content.reportDate), dayOf(content.periodTo)]
  const against = (field: string, code: string, values?: Record<string, string>) => void problems.push({ field, message: { key: `registers.problem.${code}`, ...(values ? { values } : {}) } })
  if (report && isAhead(report, at)) against('reportDate', 'ahead')
  else if (report && hasLapsed(report, months, at)) against('reportDate', 'report-old', { months: String(months) })
  if (content.periodTo < content.periodFrom) against('periodTo', 'period')
  else if (report && to && report < to) against('reportDate', 'before-period')
  if (!serviceModuleAccepted(content, { keyProtection })) against('moduleLevel', 'module-level', { required: requiredOfServices({ keyProtection }) })
  if (versionsOf(content).length === 0) against('agreementVersions', 'versions')
  return problems
}

/** CSBR 6.2.7.3: a service's module at FIPS 140 level 3 or EAL 4+; what counts is the policy's word. */
export const serviceModuleAccepted = ({ moduleScheme, moduleLevel }: Pick<ServiceContent, 'moduleScheme' | 'moduleLevel'>, { keyProtection }: Pick<Policy, 'keyProtection'>): boolean =>
  (keyProtection.signingServiceSchemes ?? []).some(({ scheme, minimumLevel }) => scheme === moduleScheme && Number(moduleLevel) >= minimumLevel)

export const requiredOfServices = ({ keyProtection }: Pick<Policy, 'keyProtection'>): string => (keyProtection.signingServiceSchemes ?? []).map(leastLevel).join(', ') || '–'

/** Those who may sign today. */
export const mayWitness = ({ withdrawnAt, validFrom, validUntil }: ApprovedAuditor, now: Date): boolean => {
  const until = dayOf(validUntil)
  return withdrawnAt === null && until !== null && !hasLapsed(until, 0, now) && validFrom <= now.toISOString().slice(0, 10)
}
