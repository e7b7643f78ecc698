import { isPostgres, type Database } from '../../src/database/database.ts'

/** What an intruder who owns the database would do first: take away the triggers that keep the log append-only. */
export async function allowTampering(database: Database): Promise<void> {
  if (isPostgres(database)) return void (await database.raw('ALTER TABLE audit_events DISABLE TRIGGER USER'))
  for (const trigger of ['no_update', 'no_delete', 'in_line', 'readable']) await database.raw(`DROP TRIGGER audit_events_${trigger}`)
}
