/**
 * Method 6 of CP 6.2.7: an auditor whom this CA approved witnessed how the key was made, and signed a report of it (CSBR 6.2.7.4.2 (6)). What the
 * report says counts only under the certificate that stands in the register.
 */
import { createHash } from 'node:crypto'
import { checkWriter } from '../attestation/check.ts'
import { finding, MalformedStatement, say, type Check, type Finding, type Message } from '../attestation/verifier.ts'
import { readCertificate } from '../pki/x509-certificate.ts'
import { aboutSignature, signatureCheck, signerText } from './document-signature.ts'
import { about, type Challenge, type Examination, type MethodRules, type ProtectionInput } from './protection.ts'
import { mayWitness, type ApprovedAuditor } from './register.ts'
import { readSignedDocument, refuseOtherObjects, textOf, type DocumentSignature, type SignedDocument } from './signed-document.ts'
import { dayOf } from './stated-date.ts'
import { judgeStatedModule } from './stated-module.ts'
import { readWitnessReport, REPORT_TEXT_LIMITS, type WitnessReport } from './witness-report.ts'

const AREA = 'key-protection-witnessed-generation'
const CLAUSE = 'CSBR 6.2.7.4.2 (6)'
const NUMBER = 6
const DAY = 86_400_000
/** Clocks of signers are set by hand. */
const SKEW = 10 * 60_000

const QUESTIONS = {
  'approved-auditor': `${AREA}.question.approved-auditor`,
  'same-key': `${AREA}.question.same-key`,
  challenge: `${AREA}.question.challenge`,
  'generated-inside': `${AREA}.question.generated-inside`,
  'not-exportable': `${AREA}.question.not-exportable`,
  'certified-module': `${AREA}.question.certified-module`,
  recent: `${AREA}.question.recent`,
} as const
export type WitnessQuestion = keyof typeof QUESTIONS

const TEXT_LIMITS = { lines: String(REPORT_TEXT_LIMITS.lines), kilobytes: String(REPORT_TEXT_LIMITS.characters / 1024) }

const check = checkWriter(AREA, { source: CLAUSE, clause: CLAUSE })

interface Witnessed {
  readonly document: SignedDocument
  readonly report: WitnessReport
  readonly signature: DocumentSignature | null
  readonly auditor: ApprovedAuditor | null
  readonly signed: readonly Check[]
}

export const witnessedGeneration: MethodRules<WitnessQuestion> = {
  number: NUMBER,
  id: 'witnessed-generation',
  row: 'ATT-6',
  options: ['own-module', 'cloud-key-protection'],
  questions: QUESTIONS,
  limits: { bytes: 5 * 1024 * 1024, files: 2 },
  endings: ['.txt', '.pdf', '.p7s', '.p7m', '.pem'],
  fields: [],
  reviewerItem: { id: 'witnessed-generation', clause: CLAUSE, sources: ['auditor-report', 'auditor-telephone'] },
  refuse: refuseOtherObjects,
  standing: ({ facts, at }) => (facts.auditors.some((auditor) => mayWitness(auditor, at)) ? 'open' : 'closed'),
  begun: ({ files }) => files.length > 0,
  examine(input): Examination<WitnessQuestion> {
    const witnessed = read(input)
    const { document, report, signature, auditor, signed } = witnessed
    const trusted = signed.every(({ outcome }) => outcome === 'pass')
    // What nobody whom we know has signed is anybody's word: it is shown, and never passes.
    const answer = (checks: readonly Check[], cautions: readonly Message[] = []): Finding =>
      trusted ? finding(checks, { cautions }) : finding([check(false, 'claim.untrusted', 'claim.expected', undefined, { remedy: 'claim.remedy' }), ...checks], { claimed: true })
    const module = judgeStatedModule({ model: report.model, firmware: report.firmware === '-' ? null : report.firmware, certificate: report.certificate }, NUMBER, input)
    return {
      findings: {
        // What covers text, cuts it away or draws it otherwise than its font says, no reader of text can tell.
        'approved-auditor': finding(signed, { cautions: document.kind === 'pdf' ? [say(`${AREA}.officer-pdf`)] : [] }),
        'same-key': answer([keyCheck(report, input)]),
        challenge: answer([challengeCheck(report, input), referenceCheck(report, input)]),
        'generated-inside': answer([witnessCheck(report.inside, 'yes', 'inside')]),
        'not-exportable': answer([witnessCheck(report.exportable, 'no', 'exportable')]),
        'certified-module': answer(module.checks, module.cautions),
        recent: answer(timeChecks(witnessed, input)),
      },
      about: aboutReport(report, signature, auditor),
      trusted,
      demo: module.demo,
    }
  },
  answers(input) {
    try {
      const { report, signed } = read(input)
      return signed.every(({ outcome }) => outcome === 'pass') && challengeCheck(report, input).outcome === 'pass' ? report.challenge : null
    } catch (error) {
      if (MalformedStatement.is(error)) return null
      throw error
    }
  },
}

function read(input: ProtectionInput): Witnessed {
  const document = readSignedDocument(input.files)
  const found = readWitnessReport(textOf(document))
  if ('fault' in found) throw new MalformedStatement(document.file, say(`${AREA}.malformed.${found.fault}`, 'line' in found ? { line: found.line } : TEXT_LIMITS))
  const signature = signatureOf(document)
  const auditor = signature ? auditorOf(signature, input) : null
  return { document, report: found.report, signature, auditor, signed: signatureChecks(document, signature, auditor, input) }
}

/** The one signature that counts: the last, which covers what the others added to a PDF. */
const signatureOf = ({ signatures }: SignedDocument): DocumentSignature | null => signatures.at(-1) ?? null

/** The register's entry of the certificate that the signature brought, octet for octet; without one, of the certificate that its signer names. */
function auditorOf({ signer, certificate }: DocumentSignature, { facts }: ProtectionInput): ApprovedAuditor | null {
  const entries = facts.auditors.filter((auditor) => {
    if (certificate) return certificate.der.equals(auditor.certificate)
    const { tbs } = readCertificate(auditor.certificate)
    return 'issuer' in signer.identifier && signer.identifier.issuer.equals(tbs.issuer) && signer.identifier.serial.equals(tbs.serialOctets)
  })
  return entries.find(({ withdrawnAt }) => withdrawnAt === null) ?? entries[0] ?? null
}

function signatureChecks({ kind }: SignedDocument, signature: DocumentSignature | null, auditor: ApprovedAuditor | null, { at }: ProtectionInput): Check[] {
  const remedy = { remedy: 'auditor.remedy' }
  if (!signature) return [check(false, 'auditor.unsigned', 'auditor.expected', { kind }, remedy)]
  const signer = signature.certificate ? signerText(signature.certificate) : '–'
  if (!auditor) return [check(false, 'auditor.unknown', 'auditor.expected', { signer }, remedy)]
  const certificate = readCertificate(auditor.certificate)
  const values = { signer: auditor.name, employer: auditor.employer, from: auditor.validFrom, until: auditor.validUntil, date: auditor.withdrawnAt?.slice(0, 10) ?? '–' }
  const { signedAt } = signature
  const time = signedAt?.getTime() ?? Number.NaN
  const { notBefore, notAfter } = certificate.tbs
  const certified = time >= notBefore.date.getTime() && time <= notAfter.date.getTime()
  const past = time <= at.getTime() + SKEW
  const approved = approvedAt(auditor, at) && approvedAt(auditor, signedAt ?? at)
  return [
    signatureCheck(signature, certificate, CLAUSE),
    check(signedAt !== null && past, signedAt === null ? 'signing-time.none' : past ? 'signing-time.given' : 'signing-time.ahead', 'signing-time.expected', { time: minute(signedAt) }, { remedy: 'signing-time.remedy' }),
    check(certified, certified ? 'certificate.valid' : 'certificate.expired', 'certificate.expected', { from: day(notBefore.date), until: day(notAfter.date) }, { remedy: 'certificate.remedy' }),
    check(approved, auditor.withdrawnAt ? 'auditor.withdrawn' : approved ? 'auditor.approved' : 'auditor.not-then', 'auditor.expected', values, remedy),
  ]
}

/** In the register's own days, and not withdrawn. */
function approvedAt({ validFrom, validUntil, withdrawnAt }: ApprovedAuditor, at: Date): boolean {
  const [from, until] = [dayOf(validFrom), dayOf(validUntil)]
  return withdrawnAt === null && from !== null && until !== null && at.getTime() >= from.getTime() - DAY && at.getTime() < until.getTime() + 2 * DAY
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
const day = (moment: Date): string => moment.toISOString().slice(0, 10)
const minute = (moment: Date | null): string => (moment ? `${moment.toISOString().slice(0, 16).replace('T', ' ')} UTC` : '–')

function keyCheck({ key }: WitnessReport, { publicKeySpki }: ProtectionInput): Check {
  const applied = sha256(publicKeySpki)
  const same = key === applied
  return check(same, same ? 'same-key.same' : 'same-key.differs', 'same-key.expected', { reported: key, applied }, { remedy: 'same-key.remedy' })
}

const given = ({ challenge }: WitnessReport, { facts }: ProtectionInput): Challenge | undefined => facts.challenges.find(({ method, value }) => method === NUMBER && value === challenge)

/** Ours, of this application, and answered in its time by this key alone (ATT-6). */
function challengeCheck(report: WitnessReport, input: ProtectionInput): Check {
  const challenge = given(report, input)
  const write = (passes: boolean, observed: string) =>
    check(passes, `challenge.${observed}`, 'challenge.expected', { challenge: report.challenge.slice(0, 8), until: challenge ? minute(new Date(challenge.expiresAt)) : '–' }, { remedy: 'challenge.remedy' })
  if (!challenge) return write(false, 'unknown')
  const { answered, expiresAt } = challenge
  if (answered && answered.spkiSha256 !== sha256(input.publicKeySpki)) return write(false, 'used')
  // `ca` judges again later: what counts is when the answer was taken.
  const taken = answered ? Date.parse(answered.at) : input.at.getTime()
  return taken <= Date.parse(expiresAt) ? write(true, answered ? 'taken' : 'fresh') : write(false, 'expired')
}

function referenceCheck({ reference }: WitnessReport, { application }: ProtectionInput): Check {
  const same = reference === application.reference
  return check(same, same ? 'reference.same' : 'reference.differs', 'reference.expected', { reported: reference, reference: application.reference }, { remedy: 'reference.remedy' })
}

function witnessCheck(value: string, wanted: 'yes' | 'no', what: 'inside' | 'exportable'): Check {
  const passes = value.toLowerCase() === wanted
  return check(passes, passes ? `${what}.witnessed` : `${what}.not-witnessed`, `${what}.expected`, { value }, { remedy: `${what}.remedy` })
}

/** The report is of what happened after the challenge was given out, and before it was signed: its day, and no other. */
function timeChecks({ report, signature }: Witnessed, input: ProtectionInput): Check[] {
  const write = (passes: boolean, observed: string, values: Record<string, string>) => check(passes, `time.${observed}`, 'time.expected', values, { remedy: 'time.remedy' })
  const generated = dayOf(report.date)
  const signedAt = signature?.signedAt ?? null
  const challenge = given(report, input)
  const values = { date: report.date, signed: minute(signedAt), challenge: challenge ? minute(new Date(challenge.issuedAt)) : '–' }
  if (!generated) return [write(false, 'no-day', values)]
  // A day as the place counts it may begin half a day before UTC's or after.
  const begun = challenge !== undefined && generated.getTime() + 2 * DAY > Date.parse(challenge.issuedAt)
  const signedAfter = challenge !== undefined && signedAt !== null && signedAt.getTime() >= Date.parse(challenge.issuedAt) - SKEW
  const ended = signedAt !== null && generated.getTime() - DAY <= signedAt.getTime()
  const outcome = !begun || !signedAfter ? 'before-challenge' : !ended ? 'after-signing' : 'in-order'
  return [write(outcome === 'in-order', outcome, values)]
}

function aboutReport(report: WitnessReport, signature: DocumentSignature | null, auditor: ApprovedAuditor | null): Examination<WitnessQuestion>['about'] {
  const line = (label: string, text: string) => about(`${AREA}.about.${label}`, text)
  const certificate = signature?.certificate ?? (auditor ? readCertificate(auditor.certificate) : null)
  return [
    ...(signature && certificate ? aboutSignature(signature, certificate) : []),
    line('model', report.model),
    line('serial', report.serial),
    line('firmware', report.firmware),
    line('certificate', report.certificate),
    line('place', report.place),
    line('date', report.date),
    line('participants', report.participants),
  ]
}
