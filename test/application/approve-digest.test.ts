import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Dossier } from '../../src/application/application.ts'
import { approvalDigest } from '../../src/application/approve-digest.ts'
import { issueNext } from '../../src/application/issue.ts'
import type { Database } from '../../src/database/database.ts'
import { issuingParts } from '../../src/jobs/issuing.ts'
import type { Services } from '../../src/services.ts'
import type { Signer } from '../../src/signer/signer.ts'
import { heldFor, insertApprovedApplication, type ApprovedApplication } from '../support/approved-application.ts'
import { describeOnBothDatabases } from '../support/database.ts'
import { demoHierarchy, type DemoHierarchy } from '../support/demo-hierarchy.ts'

let hierarchy: DemoHierarchy
let token: Signer

beforeAll(async () => {
  hierarchy = await demoHierarchy()
  token = await hierarchy.token('ca')
}, 120_000)
afterAll(() => hierarchy.remove())

/** Moved on by the process itself after an approval; everything else that has a column is approved. */
const PROCESS: Readonly<Record<string, readonly string[]>> = {
  applications: ['state', 'version', 'updated_at', 'hold_findings', 'lease_owner', 'lease_until', 'decision_reason', 'decided_by', 'decided_at'],
  // An approval that is voided is none, which another test shows.
  approvals: ['voided_at', 'voided_because'],
}
/** The database itself refuses to change it while other rows name it. */
const HELD_BY_OTHER_ROWS = ['applications.id']
const TABLES = ['applications', 'application_agreements', 'evidence_files', 'assessments', 'vetting_checks', 'duties', 'approvals']

/** Values that the column's own checks and foreign keys allow. */
const OTHER: Readonly<Record<string, (application: ApprovedApplication, other: ApprovedApplication) => unknown>> = {
  application_id: (_, other) => other.id,
  applicant_id: (_, other) => other.applicant,
  organisation_id: (_, other) => other.organisationId,
  accepted_by: (_, other) => other.applicant,
  uploaded_by: (_, other) => other.applicant,
  officer_id: (_, other) => other.vetter,
  account_id: (_, other) => other.applicant,
  approver_id: (_, other) => other.approver,
  outcome: () => 'fail',
  kind: () => 'other',
  duty: () => 'decided',
}
const IMPOSSIBLE: readonly string[] = ['assessments.kind']

describeOnBothDatabases('the approval', (open) => {
  let database: Database
  let services: Services
  beforeAll(async () => {
    database = await open()
    services = await hierarchy.services(database)
  })

  test('VET-6, ISS-1: the ca process refuses an application of which any approved column was altered', async () => {
    const other = await insertApprovedApplication(services, hierarchy.maker)
    await database('applications').where({ id: other.id }).update({ state: 'withdrawn' })
    // Rows that could be moved to it would collide with its own.
    for (const table of ['application_agreements', 'assessments', 'vetting_checks', 'duties', 'approvals']) await database(table).where({ application_id: other.id }).delete()
    const application = await insertApprovedApplication(services, hierarchy.maker)
    const never: Pick<Signer, 'sign'> = { sign: () => Promise.reject(new Error('signed')) }
    const approvedRow = await database('applications').where({ id: application.id }).first()
    const approval = await database('approvals').where({ id: application.approvalId }).first()
    const altered: string[] = []

    for (const table of TABLES) {
      const own = table === 'applications' ? { id: application.id } : { application_id: application.id }
      const columns = Object.keys(await database(table).columnInfo())
      expect(columns.length).toBeGreaterThan(3)
      for (const column of columns) {
        const name = `${table}.${column}`
        if (PROCESS[table]?.includes(column) || IMPOSSIBLE.includes(name)) continue
        const row = await database(table).where(own).orderBy(column, 'desc').first()
        const alter = () => database(table).where(rowKey(table, row)).update({ [column]: otherValue(table, column, row[column], application, other) })
        if (HELD_BY_OTHER_ROWS.includes(name)) {
          await expect(alter()).rejects.toThrow()
          continue
        }
        expect(await alter(), name).toBe(1)
        expect(await issueNext(issuingParts(services, never)), name).toBe('held')
        expect((await heldFor(services, application.id))!.map(({ code }) => code), name).toEqual(expect.arrayContaining([expect.stringMatching(/^approval-(differs|missing)$/)]))
        expect(await database('certificates').where({ application_id: application.id }), name).toEqual([])
        altered.push(name)
        // Back as it was: the approval that was voided is put back by hand, since nothing else could.
        await database(table).where({ ...rowKey(table, row), [column]: otherValue(table, column, row[column], application, other) }).update({ [column]: row[column] })
        await database('approvals').where({ id: approval.id }).update({ voided_at: null, voided_because: null })
        const { version } = await database('applications').where({ id: application.id }).first()
        await database('applications').where({ id: application.id }).update({ ...approvedRow, version })
      }
    }
    expect(altered.length).toBeGreaterThan(60)
    // Every row is as it was, and nothing stands against it but the audit log, which keeps that the approval was voided.
    expect(await issueNext(issuingParts(services, never))).toBe('held')
    expect((await heldFor(services, application.id))!.map(({ code }) => code)).toEqual(['log-superseded'])
    await insertApprovedApplication(services, hierarchy.maker, { people: application })
    expect(await issueNext(issuingParts(services, token))).toBe('issued')
  })

  test('VET-6: an approval voided by a change is void for good: changing back does not revive it', async () => {
    const { id } = await insertApprovedApplication(services, hierarchy.maker, {})
    const set = (locality: string) => database('applications').where({ id }).update({ subject_locality: locality })
    await set('Osaka')
    expect(await issueNext(issuingParts(services, token))).toBe('held')
    await set('Chiyoda-ku')
    await database('applications').where({ id }).update({ state: 'approved' })
    expect(await issueNext(issuingParts(services, token))).toBe('held')
    expect((await heldFor(services, id))!.map(({ code }) => code)).toContain('approval-missing')
    expect(await database('audit_events').where({ subject: `application:${id}`, event: 'application.approval-voided' })).toHaveLength(1)
  })

  test('VET-6: a row more and a row less give another digest', async () => {
    const { id, approvalId } = await insertApprovedApplication(services, hierarchy.maker)
    const dossier = (await services.applications.dossier(id))!
    const approval = dossier.approval!
    expect(approval.id).toBe(approvalId)
    const digests = new Set([approvalDigest(dossier, approval)])
    for (const rows of ['agreements', 'evidence', 'assessments', 'checks', 'duties'] as const) {
      digests.add(approvalDigest({ ...dossier, [rows]: dossier[rows].slice(1) } as Dossier, approval))
      digests.add(approvalDigest({ ...dossier, [rows]: [...dossier[rows], dossier[rows][0]] } as Dossier, approval))
      expect(approvalDigest({ ...dossier, [rows]: [...dossier[rows]].reverse() } as Dossier, approval), 'the order of rows means nothing').toBe(approval.digest)
    }
    expect(digests.size).toBe(11)
    await database('applications').where({ id }).update({ state: 'withdrawn' })
  })

  const KEYS: Readonly<Record<string, readonly string[]>> = { application_agreements: ['document', 'application_id'], assessments: ['kind', 'application_id'], vetting_checks: ['item', 'application_id'], duties: ['account_id', 'application_id'] }

  /** The row by its primary key, less the column that is being changed: named by what stays. */
  function rowKey(table: string, row: Record<string, unknown>) {
    return Object.fromEntries((KEYS[table] ?? ['id']).map((name) => [name, row[name]]))
  }

  function otherValue(table: string, column: string, value: unknown, application: ApprovedApplication, other: ApprovedApplication): unknown {
    if (column === 'outcome' && table === 'vetting_checks') return 'not-confirmed'
    if (column === 'sha256' && table === 'application_agreements') return services.policy.texts.find(({ sha256 }) => sha256 !== value)!.sha256
    if (column in OTHER) return OTHER[column]!(application, other)
    if (Buffer.isBuffer(value)) return Buffer.concat([value.subarray(0, -1), Buffer.from([value.at(-1)! ^ 1])])
    if (typeof value === 'number') return value === 1 ? 0 : value + 1
    if (typeof value === 'string') return value === '' ? 'X' : value.slice(0, -1) + (value.endsWith('Y') ? 'Z' : 'Y')
    throw new Error(`no other value for ${table}.${column}: ${String(value)}`)
  }
})
