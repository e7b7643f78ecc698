/** Method 7 of CP 6.2.7: the subscriber's keys are a Signing Service's to make, keep and use (CSBR 6.2.7.4.2 (7), 6.2.7.3). */
import { checkWriter } from '../attestation/check.ts'
import { finding, say, type Check, type Message } from '../attestation/verifier.ts'
import { signatureCheck } from './document-signature.ts'
import { about, type Examination, type MethodRules, type ProtectionFacts, type ProtectionInput } from './protection.ts'
import { requiredOfServices, serviceModuleAccepted, versionsOf, type AcceptedService } from './register.ts'
import { readSignedDocument, refuseOtherObjects, type SignedDocument } from './signed-document.ts'
import { dayOf, hasLapsed, isAhead, lapseOf } from './stated-date.ts'

const AREA = 'key-protection-signing-service'
const CLAUSE = 'CSBR 6.2.7.4.2 (7)'
const SERVICE_CLAUSE = 'CSBR 6.2.7.3'
const AUDIT_CLAUSE = 'CSBR 8.4.2'
const AGE_CLAUSE = 'CSBR 4.2.1'

const QUESTIONS = {
  'accepted-service': `${AREA}.question.accepted-service`,
  'service-audit': `${AREA}.question.service-audit`,
  'certified-module': `${AREA}.question.certified-module`,
  agreement: `${AREA}.question.agreement`,
  recent: `${AREA}.question.recent`,
} as const
export type ServiceQuestion = keyof typeof QUESTIONS

const check = checkWriter(AREA, { source: CLAUSE, clause: CLAUSE })

/** Those that may be chosen: in the register and not withdrawn. */
const inForce = ({ signingServices }: Pick<ProtectionFacts, 'signingServices'>): readonly AcceptedService[] => signingServices.filter(({ withdrawnAt }) => withdrawnAt === null)

export const signingService: MethodRules<ServiceQuestion> = {
  number: 7,
  id: 'signing-service',
  row: 'ATT-7',
  options: ['signing-service'],
  questions: QUESTIONS,
  limits: { bytes: 5 * 1024 * 1024, files: 2 },
  endings: ['.pdf', '.p7m', '.p7s', '.pem'],
  fields: [
    { name: 'service', kind: 'choice', required: true, choices: (facts) => inForce(facts).map(({ provenance, name, operator }) => ({ value: provenance.entryId, text: name === operator ? name : `${name} (${operator})` })) },
    { name: 'agreement-version', kind: 'text', required: true, maximum: 100 },
    { name: 'agreement-number', kind: 'text', required: true, maximum: 100 },
    { name: 'agreement-date', kind: 'date', required: true },
    { name: 'statement', kind: 'choice', required: true, choices: () => [{ value: 'all-keys' }, { value: 'other' }] },
  ],
  reviewerItem: { id: 'signing-service-agreement', clause: `${CLAUSE}; ${AGE_CLAUSE}`, sources: ['service-agreement', 'service-confirmation'] },
  refuse: refuseOtherObjects,
  standing: ({ facts }) => (inForce(facts).length > 0 ? 'open' : 'closed'),
  begun: ({ files, details }) => files.length > 0 && details['service'] !== undefined,
  examine(input): Examination<ServiceQuestion> {
    const agreement = readSignedDocument(input.files)
    const service = input.facts.signingServices.find(({ provenance }) => provenance.entryId === input.details['service']) ?? null
    return {
      findings: {
        'accepted-service': finding([acceptedCheck(service)]),
        'service-audit': finding([auditCheck(service, input)]),
        'certified-module': finding([moduleCheck(service, input)]),
        agreement: finding(agreementChecks(agreement, service, input), { cautions: [say(`${AREA}.agreement.officer`)] }),
        recent: finding(dateChecks(input)),
      },
      about: aboutAgreement(service, input),
      trusted: false,
      demo: false,
    }
  },
}

function acceptedCheck(service: AcceptedService | null): Check {
  const accepted = service !== null && service.withdrawnAt === null
  return check(accepted, accepted ? 'service.accepted' : service ? 'service.withdrawn' : 'service.unknown', 'service.expected', { service: service?.name ?? '–', date: service?.withdrawnAt?.slice(0, 10) ?? '–' }, { remedy: 'service.remedy', source: SERVICE_CLAUSE, clause: SERVICE_CLAUSE })
}

/** A service is audited at least every year; its last report counts no longer than what rests on it. */
function auditCheck(service: AcceptedService | null, { at, policy }: ProtectionInput): Check {
  const months = policy.periods.keyProtectionReuseMonths
  const report = dayOf(service?.reportDate)
  const standing = report !== null && !hasLapsed(report, months, at)
  const values = { date: service?.reportDate ?? '–', auditor: service?.auditor ?? '–', months: String(months), lapses: report ? lapseOf(report, months) : '–' }
  return check(standing, standing ? 'audit.stands' : service ? 'audit.lapsed' : 'audit.none', 'audit.expected', values, { remedy: 'audit.remedy', source: AUDIT_CLAUSE, clause: AUDIT_CLAUSE })
}

function moduleCheck(service: AcceptedService | null, { policy }: ProtectionInput): Check {
  const accepted = service !== null && serviceModuleAccepted(service, policy)
  const values = { module: service?.moduleModel ?? '–', scheme: service?.moduleScheme ?? '–', number: service?.moduleCertificate ?? '–', level: service?.moduleLevel ?? '–', required: requiredOfServices(policy) }
  return check(accepted, accepted ? 'module.accepted' : service ? 'module.level' : 'module.none', 'module.expected', values, { remedy: 'module.remedy', source: SERVICE_CLAUSE, clause: SERVICE_CLAUSE })
}

function agreementChecks({ kind, signatures }: SignedDocument, service: AcceptedService | null, { details }: ProtectionInput): Check[] {
  const versions = service ? versionsOf(service) : []
  const version = details['agreement-version'] ?? '–'
  const read = versions.includes(version)
  const all = details['statement'] === 'all-keys'
  return [
    check(kind === 'pdf', kind === 'pdf' ? 'agreement.pdf' : 'agreement.text', 'agreement.expected', undefined, { remedy: 'agreement.remedy' }),
    ...signatures.map((signature) => (signature.certificate ? signatureCheck(signature, signature.certificate, CLAUSE) : check(false, 'agreement.no-certificate', 'agreement.expected', undefined, { remedy: 'agreement.remedy' }))),
    check(read, read ? 'version.known' : 'version.unknown', 'version.expected', { version, versions: versions.join(', ') || '–' }, { remedy: 'version.remedy' }),
    check(all, all ? 'statement.all' : 'statement.other', 'statement.expected', undefined, { remedy: 'statement.remedy' }),
  ]
}

function dateChecks({ details, at, policy }: ProtectionInput): Check[] {
  const months = policy.periods.keyProtectionReuseMonths
  const day = dayOf(details['agreement-date'])
  const values = { date: details['agreement-date'] ?? '–', months: String(months), lapses: day ? lapseOf(day, months) : '–' }
  const outcome = day === null ? 'unstated' : isAhead(day, at) ? 'ahead' : hasLapsed(day, months, at) ? 'lapsed' : 'until'
  return [check(outcome === 'until', `dates.${outcome}`, 'dates.expected', values, { remedy: 'dates.remedy', source: AGE_CLAUSE, clause: AGE_CLAUSE })]
}

function aboutAgreement(service: AcceptedService | null, { details, policy }: ProtectionInput): Examination<ServiceQuestion>['about'] {
  const line = (label: string, text: string | undefined) => about(`${AREA}.about.${label}`, text || '–')
  const day = dayOf(details['agreement-date'])
  const statement: { label: Message; value: Message } = { label: say(`${AREA}.field.statement.label`), value: say(`${AREA}.field.statement.choice.${details['statement'] === 'all-keys' ? 'all-keys' : 'other'}`) }
  return [
    line('service', service?.name),
    line('operator', service?.operator),
    line('audit', service ? `${service.auditor}, ${service.reportDate}` : undefined),
    line('module', service ? `${service.moduleModel}, ${service.moduleScheme} ${service.moduleCertificate}, ${service.moduleLevel}` : undefined),
    line('agreement', `${details['agreement-number'] ?? '–'} (${details['agreement-version'] ?? '–'})`),
    line('date', details['agreement-date']),
    ...(day ? [line('lapses', lapseOf(day, policy.periods.keyProtectionReuseMonths))] : []),
    statement,
  ]
}
