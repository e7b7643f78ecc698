/** Applications in the database: rows in, domain types out. */
import type { Knex } from 'knex'
import { z } from 'zod'
import type { Agreement, Application, Approval, Assessment, Dossier, Duty, EvidenceFile, KeyStatement, VettingCheck } from '../application/application.ts'
import type { ApplicationState } from '../application/lifecycle.ts'
import type { ApplicationChange, ApplicationStore } from '../application/ports.ts'
import type { Details, KeyOption, MethodNumber } from '../key-protection/protection.ts'
import { isUniqueViolation, type Database, type Transaction, type Row } from './database.ts'
import { gathered } from './gathered.ts'

/** Beside what was stated; no field has the name. */
const SET_ASIDE = 'setAside'
const detailsSchema = z.object({ [SET_ASIDE]: z.record(z.string(), z.number().int().min(1).max(7)).optional() }).catchall(z.string())
/** What the portal did not write is kept as it stands under a name that no field has: `ca` then holds that application and goes on with the others. */
function readDetails(stored: unknown): Pick<KeyStatement, 'details' | 'setAside'> {
  if (typeof stored !== 'string') return { details: {} }
  try {
    const { [SET_ASIDE]: setAside, ...details } = detailsSchema.parse(JSON.parse(stored))
    return { details: details as Details, ...(setAside ? { setAside: setAside as NonNullable<KeyStatement['setAside']> } : {}) }
  } catch {
    return { details: { '?': stored } }
  }
}

const text = (value: unknown): string => (value === null || value === undefined ? '' : String(value))

export function readApplication(row: Row): Application {
  return {
    id: row['id'],
    reference: row['reference'],
    applicantId: row['applicant_id'],
    organisationId: row['organisation_id'],
    state: row['state'] as ApplicationState,
    version: Number(row['version']),
    policyId: row['policy_id'],
    organisation: row['organisation_legal_name']
      ? {
          legalName: row['organisation_legal_name'],
          country: text(row['organisation_country']),
          state: text(row['organisation_state']),
          locality: text(row['organisation_locality']),
          street: text(row['organisation_street']),
          postalCode: text(row['organisation_postal_code']),
          registrationNumber: text(row['organisation_registration_number']),
          foundedOn: text(row['organisation_founded_on']),
          phone: text(row['organisation_phone']),
        }
      : null,
    subject: row['subject_common_name']
      ? {
          country: text(row['subject_country']),
          state: text(row['subject_state']),
          locality: text(row['subject_locality']),
          organization: text(row['subject_organization']),
          organizationalUnit: text(row['subject_organizational_unit']),
          commonName: text(row['subject_common_name']),
          serialNumber: text(row['subject_serial_number']),
        }
      : null,
    request: row['request_der'] && row['spki_der'] ? { requestDer: row['request_der'], spkiDer: row['spki_der'], spkiSha256: row['spki_sha256'] } : null,
    key: row['key_option'] ? { option: row['key_option'] as KeyOption, method: Number(row['key_method']) as MethodNumber, representedAt: text(row['key_represented_at']), ...readDetails(row['key_details']) } : null,
    accuracyCertifiedAt: row['accuracy_certified_at'],
    createdAt: row['created_at'],
    updatedAt: row['updated_at'],
    submittedAt: row['submitted_at'],
    decision: row['decided_at'] ? { reason: text(row['decision_reason']), by: row['decided_by'], at: row['decided_at'] } : null,
    holdFindings: row['hold_findings'],
  }
}

function columns(change: ApplicationChange): Row {
  const set: Row = {}
  if (change.organisation) {
    const { organisation } = change
    Object.assign(set, {
      organisation_legal_name: organisation.legalName,
      organisation_country: organisation.country,
      organisation_state: organisation.state,
      organisation_locality: organisation.locality,
      organisation_street: organisation.street,
      organisation_postal_code: organisation.postalCode,
      organisation_registration_number: organisation.registrationNumber,
      organisation_founded_on: organisation.foundedOn,
      organisation_phone: organisation.phone,
    })
  }
  if (change.organisationId !== undefined) set['organisation_id'] = change.organisationId
  if (change.subject) {
    const { subject } = change
    Object.assign(set, {
      subject_country: subject.country,
      subject_state: subject.state,
      subject_locality: subject.locality,
      subject_organization: subject.organization,
      subject_organizational_unit: subject.organizationalUnit,
      subject_common_name: subject.commonName,
      subject_serial_number: subject.serialNumber,
    })
  }
  if (change.request !== undefined) Object.assign(set, { request_der: change.request?.requestDer ?? null, spki_der: change.request?.spkiDer ?? null, spki_sha256: change.request?.spkiSha256 ?? null })
  if (change.key !== undefined) Object.assign(set, { key_option: change.key?.option ?? null, key_method: change.key?.method ?? null, key_represented_at: change.key?.representedAt ?? null, key_details: change.key ? JSON.stringify({ ...change.key.details, ...(change.key.setAside ? { [SET_ASIDE]: change.key.setAside } : {}) }) : null })
  if (change.accuracyCertifiedAt !== undefined) set['accuracy_certified_at'] = change.accuracyCertifiedAt
  if (change.submittedAt !== undefined) set['submitted_at'] = change.submittedAt
  if (change.decision !== undefined) Object.assign(set, { decision_reason: change.decision?.reason ?? null, decided_by: change.decision?.by ?? null, decided_at: change.decision?.at ?? null })
  if (change.holdFindings !== undefined) set['hold_findings'] = change.holdFindings
  return set
}

export function applicationStore(db: Database | Transaction, now: Date): ApplicationStore {
  const stamp = now.toISOString()
  const find = async (where: Row) => {
    const row = await db('applications').where(where).first()
    return row ? readApplication(row) : null
  }
  const move = gathered(async (moves: readonly { application: Application; to: ApplicationState; set: Row }[]) => {
    const { to } = moves[0]!
    const alike = moves.every((each) => each.to === to && Object.keys(each.set).length === 0)
    if (alike) return compareAndSet(db, moves.map(({ application }) => application), { state: to, updated_at: stamp })
    const moved: boolean[] = []
    for (const each of moves) moved.push(...(await compareAndSet(db, [each.application], { ...each.set, state: each.to, updated_at: stamp })))
    return moved
  })
  return {
    async create(application) {
      await db('applications').insert({
        id: application.id,
        reference: application.reference,
        applicant_id: application.applicantId,
        organisation_id: application.organisationId,
        state: 'draft',
        version: 1,
        policy_id: application.policyId,
        created_at: stamp,
        updated_at: stamp,
      })
      return (await find({ id: application.id }))!
    },
    find: (id) => find({ id }),
    findByReference: (reference) => find({ reference }),
    dossier: gathered((ids) => readDossiers(db, ids)),
    async list({ applicantId, states }) {
      const query = db('applications').orderBy('updated_at', 'desc').limit(500)
      if (applicantId !== undefined) query.where('applicant_id', applicantId)
      if (states !== undefined) query.whereIn('state', [...states])
      return (await query).map(readApplication)
    },
    async change(application, change) {
      const rows = await db('applications')
        .where({ id: application.id, version: application.version, state: application.state })
        .update({ ...columns(change), version: application.version + 1, updated_at: stamp })
      return rows === 1
    },
    move: (application, to, change = {}) => move({ application, to, set: columns(change) }),
    async keepText(text) {
      if (await db('document_texts').where({ sha256: text.sha256 }).first('sha256')) return
      await db('document_texts')
        .insert({ sha256: text.sha256, document: text.document, version: text.version, language: text.language, title: text.title, text: text.text, sample: text.sample ? 1 : 0, first_published_at: stamp })
        .onConflict('sha256')
        .ignore()
    },
    async putAgreement(id, agreement) {
      await db('application_agreements')
        .insert({ application_id: id, document: agreement.document, version: agreement.version, language: agreement.language, sha256: agreement.sha256, accepted_by: agreement.acceptedBy, accepted_at: agreement.acceptedAt })
        .onConflict(['application_id', 'document'])
        .merge()
    },
    async addEvidence(id, file) {
      await db('evidence_files').insert({ id: file.id, application_id: id, name: file.name, bytes: file.bytes, sha256: file.sha256, uploaded_by: file.uploadedBy, uploaded_at: file.uploadedAt })
    },
    async removeEvidence(id, fileId) {
      return (await db('evidence_files').where({ application_id: id, id: fileId }).delete()) === 1
    },
    async putAssessment(id, assessment) {
      await db('assessments')
        .insert({ application_id: id, kind: assessment.kind, outcome: assessment.outcome, report: assessment.report, assessed_at: assessment.assessedAt })
        .onConflict(['application_id', 'kind'])
        .merge()
    },
    async removeAssessment(id, kind) {
      await db('assessments').where({ application_id: id, kind }).delete()
    },
    async putCheck(id, check) {
      await db('vetting_checks')
        .insert({
          application_id: id,
          item: check.item,
          outcome: check.outcome,
          source: check.source,
          document: check.document,
          document_date: check.documentDate,
          obtained_on: check.obtainedOn,
          inspected: check.inspected ? 1 : 0,
          note: check.note,
          officer_id: check.officerId,
          checked_at: check.checkedAt,
        })
        .onConflict(['application_id', 'item'])
        .merge()
    },
    async takeDuty(id, accountId, duty) {
      const held = await db('duties').where({ application_id: id, account_id: accountId }).first()
      if (held) return held['duty'] === duty
      try {
        await db('duties').insert({ application_id: id, account_id: accountId, duty, taken_at: stamp })
        return true
      } catch (error) {
        if (isUniqueViolation(error)) return false
        throw error
      }
    },
    async putApproval(approval) {
      await db('approvals').insert({ id: approval.id, application_id: approval.applicationId, approver_id: approval.approverId, digest: approval.digest, approved_at: approval.approvedAt })
    },
    async voidApproval(applicationId, because) {
      return (await db('approvals').where({ application_id: applicationId, voided_at: null }).update({ voided_at: stamp, voided_because: because })) > 0
    },
  }
}

/**
 * Changes those that are still as they were read, and raises their version by one. Several go by one statement, and then in a transaction alone: the rows
 * are held from the look at them to the change.
 * @returns for each whether it was changed
 * @throws Error when a row slipped away in between: nothing of the transaction may stand then
 */
export async function compareAndSet(db: Database | Transaction, applications: readonly Application[], set: Row, also: (query: Knex.QueryBuilder) => void = () => undefined): Promise<readonly boolean[]> {
  if (applications.length === 1) {
    const { id, version, state } = applications[0]!
    return [(await db('applications').where({ id, version, state }).where(also).update({ ...set, version: version + 1 })) === 1]
  }
  const rows: { id: string; version: number; state: string }[] = await db('applications').whereIn('id', applications.map(({ id }) => id)).where(also).forUpdate().select('id', 'version', 'state')
  const free = new Map(rows.map((row) => [row.id, row]))
  const still = applications.map(({ id, version, state }) => {
    const row = free.get(id)
    // Of two that would change the same one, the first does.
    return row !== undefined && Number(row.version) === version && row.state === state && free.delete(id)
  })
  const ids = applications.filter((_, index) => still[index]).map(({ id }) => id)
  const changed = ids.length === 0 ? 0 : await db('applications').whereIn('id', ids).update({ ...set, version: db.raw('version + 1') })
  if (changed !== ids.length) throw new Error('applications changed beside the transaction that held them')
  return still
}

/** Everything an approval covers, read from the rows themselves; in the order of the ids, null for each that is not there. */
async function readDossiers(db: Database | Transaction, ids: readonly string[]): Promise<readonly (Dossier | null)[]> {
  const rows: Row[] = await db('applications').whereIn('id', [...new Set(ids)])
  const of = (table: string) => db(table).whereIn('application_id', [...new Set(ids)])
  const [agreements, evidence, assessments, checks, duties, approvals] = [
    await of('application_agreements').orderBy('document'),
    await of('evidence_files').orderBy('id'),
    await of('assessments').orderBy('kind'),
    await of('vetting_checks').orderBy('item'),
    await of('duties').orderBy('account_id'),
    await of('approvals').whereNull('voided_at'),
  ] as [Row[], Row[], Row[], Row[], Row[], Row[]]
  return ids.map((id) => {
    const row = rows.find((each) => each['id'] === id)
    if (!row) return null
    const own = (list: readonly Row[]) => list.filter((each) => each['application_id'] === id)
    return toDossier(row, own(agreements), own(evidence), own(assessments), own(checks), own(duties), own(approvals)[0])
  })
}

function toDossier(row: Row, agreements: Row[], evidence: Row[], assessments: Row[], checks: Row[], duties: Row[], approval: Row | undefined): Dossier {
  return {
    application: readApplication(row),
    agreements: agreements.map((each): Agreement => ({ document: each['document'], version: each['version'], language: each['language'], sha256: each['sha256'], acceptedBy: each['accepted_by'], acceptedAt: each['accepted_at'] })),
    evidence: evidence.map((each): EvidenceFile => ({ id: each['id'], name: each['name'], bytes: each['bytes'], sha256: each['sha256'], uploadedBy: each['uploaded_by'], uploadedAt: each['uploaded_at'] })),
    assessments: assessments.map((each): Assessment => ({ kind: each['kind'], outcome: each['outcome'], report: each['report'], assessedAt: each['assessed_at'] })),
    checks: checks.map(
      (each): VettingCheck => ({
        item: each['item'],
        outcome: each['outcome'],
        source: each['source'],
        document: each['document'],
        documentDate: each['document_date'],
        obtainedOn: each['obtained_on'],
        inspected: Number(each['inspected']) === 1,
        note: each['note'],
        officerId: each['officer_id'],
        checkedAt: each['checked_at'],
      }),
    ),
    duties: duties.map((each) => ({ accountId: each['account_id'], duty: each['duty'] as Duty, takenAt: each['taken_at'] })),
    approval: approval ? ({ id: approval['id'], applicationId: approval['application_id'], approverId: approval['approver_id'], digest: approval['digest'], approvedAt: approval['approved_at'] } satisfies Approval) : null,
  }
}
