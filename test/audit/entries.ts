import { auditHash, GENESIS, type AuditRow } from '../../src/audit/audit-log.ts'
import { isPostgres, type Database } from '../../src/database/database.ts'
import { allowTampering } from './tampering.ts'

/** Appends an entry of any text, well chained, as no software of ours would: past what the database itself would refuse. */
export async function appendAnything(database: Database, entry: { readonly event: string; readonly subject: string; readonly details: string; readonly at?: string }): Promise<void> {
  if (isPostgres(database)) await allowTampering(database)
  else for (const { name } of await database('sqlite_master').where({ type: 'trigger', tbl_name: 'audit_events' }).select('name')) await database.raw(`DROP TRIGGER ${name}`)
  const last = await database<AuditRow>('audit_events').orderBy('seq', 'desc').first()
  const row = { seq: Number(last?.seq ?? 0) + 1, at: '2026-11-22T10:00:00.000Z', actor: 'process:portal', ...entry, previous_hash: last?.hash ?? GENESIS }
  await database('audit_events').insert({ ...row, hash: auditHash(row) })
}

/** Texts at which a careless reader throws. */
export const NO_DETAILS = ['not json', '', 'null', '[]', '7', '"x"', '{"number":{"valueOf":1,"toString":1},"milliseconds":{"valueOf":1,"toString":1},"doubt":null}'] as const
