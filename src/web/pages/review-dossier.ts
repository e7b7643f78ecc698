/** An application on one page, as an officer or auditor reads it. */
import type { Dossier } from '../../application/application.ts'
import { lapsesAt, openItems, requiredItems, unfinishedItems } from '../../application/checklist.ts'
import { findMove, nextActor, type MoveName } from '../../application/lifecycle.ts'
import { missingForApproval, refuseDuty } from '../../application/review.ts'
import type { LintFinding } from '../../certificate/lints/lint.ts'
import { subjectAttributes } from '../../certificate/subject.ts'
import { readCertificateRequest } from '../../pki/certificate-request.ts'
import { attributeLabel } from '../../pki/name.ts'
import { OID } from '../../pki/oids.ts'
import type { Services } from '../../services.ts'
import { METHODS } from '../../key-protection/methods.ts'
import { readRuleReport, ruleRows } from '../findings.ts'
import { formatInstant, translate, type Language } from '../locales.ts'
import { detailRows } from '../method-details.ts'
import { protectionModel } from '../protection-model.ts'
import type { SignedIn } from '../reply.ts'

const row = (term: string, text: string, mono = false, copy = false) => ({ term, text, mono, copy })

/** The model of views/review/dossier.ejs. */
export async function dossierModel(services: Services, dossier: Dossier, reader: SignedIn, language: Language, now: Date): Promise<Record<string, unknown>> {
  const t = (key: string, values?: Record<string, string>) => translate(language, key, values)
  const { application } = dossier
  const people = new Map<string, string>()
  const ids = new Set([application.applicantId, ...dossier.duties.map((duty) => duty.accountId), ...dossier.checks.map((check) => check.officerId), ...(application.decision ? [application.decision.by] : [])])
  for (const person of (await services.database('accounts').whereIn('id', [...ids]).select('id', 'name', 'email')) as { id: string; name: string; email: string }[]) people.set(person.id, `${person.name} <${person.email}>`)
  const named = (id: string) => people.get(id) ?? id

  const { organisation, request, key } = application
  const open = openItems(application, dossier.checks, now, services.policy)
  const protection = dossier.assessments.find((assessment) => assessment.kind === 'key-protection')
  const method = METHODS.find(({ number }) => number === key?.method)
  const rules = dossier.assessments.find((assessment) => assessment.kind === 'request')
  const intake = request ? readCertificateRequest(request.requestDer) : null
  const facts = intake && 'request' in intake ? intake.request : null
  const may = (move: MoveName, duty: 'vetted' | 'decided' | null) => {
    const found = findMove(move, application.state)
    return found !== null && found.by.some((mover) => mover !== 'ca' && reader.roles.has(mover)) && (duty === null || refuseDuty(reader, dossier, duty) === null)
  }
  const mover = nextActor(application.state)
  const duty: 'vetted' | 'decided' = application.state === 'submitted' || application.state === 'vetting' ? 'vetted' : 'decided'
  const hindrance = mover !== null && mover !== 'ca' && reader.roles.has(mover) ? refuseDuty(reader, dossier, duty) : null
  const notIssuable = [
    ...missingForApproval(
      dossier,
      services.policy.documents.map((each) => each.document),
    ),
    ...(open.length > 0 ? ['review.missing.checks'] : []),
  ]

  return {
    reference: application.reference,
    version: application.version,
    state: application.state,
    waitsFor: t(`lifecycle.waits-for.${mover ?? 'nobody'}`),
    hindrance: hindrance === null ? null : t(hindrance),
    application: [
      row(t('review.field.reference'), application.reference, true),
      row(t('review.field.applicant'), named(application.applicantId)),
      row(t('review.field.policy'), application.policyId),
      ...(application.submittedAt ? [row(t('review.field.submitted'), formatInstant(language, application.submittedAt))] : []),
    ],
    subject: application.subject ? subjectAttributes(application.subject).map(({ type, value }) => row(`${t(`review.attribute.${type}`)} (${attributeLabel(OID[type])})`, value)) : [],
    organisation: organisation
      ? [
          row(t('review.field.legal-name'), organisation.legalName),
          row(t('review.field.registration-number'), organisation.registrationNumber, true, true),
          row(t('review.field.address'), [organisation.street, organisation.locality, organisation.state, organisation.postalCode, organisation.country].filter(Boolean).join(', ')),
          row(t('review.field.founded'), organisation.foundedOn),
          row(t('review.field.phone'), organisation.phone, true, true),
        ]
      : [],
    key:
      request && facts
        ? [
            row(t('review.field.key-type'), facts.publicKey.facts.type === 'rsa' ? `RSA ${facts.publicKey.facts.bits}, e = ${facts.publicKey.facts.exponent}` : facts.publicKey.facts.type),
            row(t('review.field.key-sha256'), request.spkiSha256, true, true),
            ...(key ? [row(t('review.field.key-option'), t(`review.key-option.${key.option}`)), row(t('review.field.key-represented'), formatInstant(language, key.representedAt))] : []),
            ...(method ? [row(t('key-protection.method.legend'), `${method.number}. ${t(`key-protection.method.${method.id}.title`)}`)] : []),
          ]
        : [],
    rules: rules ? ruleRows(readRuleReport(rules), language) : [],
    protection: protection ? protectionModel(language, protection) : null,
    details: key && method ? detailRows(language, method, key.details, await services.protection.facts(application)) : [],
    evidence: dossier.evidence.map((file) => ({ id: file.id, name: file.name, sha256: file.sha256, size: file.bytes.length, at: file.uploadedAt })),
    agreements: dossier.agreements.map((agreement) => ({
      title: services.policy.documents.find((each) => each.document === agreement.document)?.title[language] ?? agreement.document,
      version: agreement.version,
      language: agreement.language,
      sha256: agreement.sha256,
      at: agreement.acceptedAt,
    })),
    accuracyAt: application.accuracyCertifiedAt,
    checks: requiredItems(application, services.policy).map((item) => {
      const check = dossier.checks.find((each) => each.item === item.id)
      const missing = open.find((each) => each.item.id === item.id)
      return {
        id: item.id,
        clause: item.clause,
        title: t(`review.item.${item.id}.title`),
        kind: !missing ? 'good' : missing.why === 'not-confirmed' ? 'bad' : 'wait',
        status: t(`review.check.${missing?.why ?? 'confirmed'}`),
        details: check
          ? [
              row(t('review.check.source'), t(`review.source.${check.source}`)),
              row(t('review.check.document'), check.document),
              row(t('review.check.dates'), t('review.check.dates-value', { document: check.documentDate, obtained: check.obtainedOn })),
              row(t('review.check.lapses'), lapsesAt(check, services.policy.periods).toISOString().slice(0, 10)),
              row(t('review.check.officer'), `${named(check.officerId)}, ${formatInstant(language, check.checkedAt)}`),
              ...(check.note ? [row(t('review.check.note'), check.note)] : []),
            ]
          : [],
      }
    }),
    duties: dossier.duties.map((each) => ({ person: named(each.accountId), duty: t(`review.duty.${each.duty}`), at: each.takenAt })),
    approval: dossier.approval ? { digest: dossier.approval.digest, at: dossier.approval.approvedAt, by: named(dossier.approval.approverId) } : null,
    decision: application.decision ? { reason: application.decision.reason, by: named(application.decision.by), at: application.decision.at } : null,
    hold: application.holdFindings ? (JSON.parse(application.holdFindings) as (Pick<LintFinding, 'row' | 'message'> & { clause?: string })[]).map((each) => ({ row: each.row, text: t(each.message.key, each.message.values as Record<string, string> | undefined), clause: each.clause ?? null })) : [],
    /** What this officer must still check: the next step while checking. */
    left: application.state === 'vetting' && refuseDuty(reader, dossier, 'vetted') === null ? unfinishedItems(application, dossier.checks, now, services.policy).map(({ item }) => ({ id: item.id, title: t(`review.item.${item.id}.title`) })) : [],
    notIssuable: notIssuable.map((reason) => t(reason)),
    may: {
      startVetting: may('start-vetting', 'vetted'),
      check: application.state === 'vetting' && refuseDuty(reader, dossier, 'vetted') === null,
      finishVetting: may('finish-vetting', 'vetted') && unfinishedItems(application, dossier.checks, now, services.policy).length === 0,
      approve: may('approve', 'decided') && notIssuable.length === 0,
      reject: may('reject', 'decided'),
      returnToVetting: may('return-to-vetting', null) && refuseDuty(reader, dossier, reader.roles.has('approving-officer') && !dossier.duties.some((each) => each.accountId === reader.id && each.duty === 'vetted') ? 'decided' : 'vetted') === null,
    },
  }
}
