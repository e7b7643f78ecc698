import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  const postgres = knex.client.dialect === 'postgresql'
  // OCS-8, CP 5.5.1: each finished file of the OCSP access log.
  await knex.schema.createTable('access_log_files', (table) => {
    table.string('name', 160).notNullable().primary()
    table.string('node', 64).notNullable()
    /** The day in UTC whose answers it holds. */
    table.string('day', 10).notNullable().index()
    table.bigInteger('lines').notNullable()
    /** Of the file as it was written, and as it is kept (gzip). */
    table.bigInteger('octets').notNullable()
    table.bigInteger('kept_octets').notNullable()
    /** Of the kept file, lower-case hex. */
    table.string('sha256', 64).notNullable()
    table.string('finished_at', 24).notNullable()
    /** At the end of the archive's period; the row stays. */
    table.string('removed_at', 24)
  })
  const differs = (column: string) => `OLD.${column} ${postgres ? 'IS DISTINCT FROM' : 'IS NOT'} NEW.${column}`
  const rewritten = ['name', 'node', 'day', 'lines', 'octets', 'kept_octets', 'sha256', 'finished_at'].map(differs).join(' OR ')
  if (postgres) {
    await knex.raw('CREATE TRIGGER access_log_files_stay BEFORE DELETE OR TRUNCATE ON access_log_files FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal()')
    await knex.raw(`CREATE TRIGGER access_log_files_not_rewritten BEFORE UPDATE ON access_log_files FOR EACH ROW WHEN (${rewritten} OR (OLD.removed_at IS NOT NULL AND ${differs('removed_at')})) EXECUTE FUNCTION refuse_rewriting()`)
  } else {
    const refuse = (trigger: string, when: string, words: string) => knex.raw(`CREATE TRIGGER access_log_files_${trigger} ${when} BEGIN SELECT RAISE(ABORT, '${words}'); END`)
    await refuse('stay', 'BEFORE DELETE ON access_log_files', 'rows of access_log_files are never removed')
    await refuse('not_replaced', 'BEFORE INSERT ON access_log_files WHEN EXISTS (SELECT 1 FROM access_log_files WHERE name = NEW.name)', 'UNIQUE rows of access_log_files are never replaced')
    await refuse('not_rewritten', `BEFORE UPDATE ON access_log_files WHEN ${rewritten} OR (OLD.removed_at IS NOT NULL AND ${differs('removed_at')})`, 'rows of access_log_files are never rewritten')
  }

  // OCS-2: a responder key answers no more from `retired_at` on, and is destroyed in its module at `removed_at`; a ceremony does both.
  await knex.schema.alterTable('responder_keys', (table) => {
    table.string('retired_at', 24)
    table.string('removed_at', 24)
    // Without a reference: SQLite could not take the column away again.
    table.string('removal_ceremony_id', 36)
  })
  // Answers and responders that `status` remembers are forgotten at once.
  if (postgres) {
    const now = `to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
    await knex.raw(
      `CREATE FUNCTION responder_key_changes_status() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO status_changes (authority_id, serial, transaction_id, changed_at) VALUES (NEW.authority_id, '*', pg_current_xact_id()::text::bigint, ${now});
        PERFORM pg_notify('status_changes', '');
        RETURN NULL;
      END $$`,
    )
    await knex.raw('CREATE TRIGGER responder_key_changes_status AFTER UPDATE ON responder_keys FOR EACH ROW EXECUTE FUNCTION responder_key_changes_status()')
  } else
    await knex.raw(
      `CREATE TRIGGER responder_key_changes_status AFTER UPDATE ON responder_keys BEGIN
        INSERT INTO status_changes (authority_id, serial, transaction_id, changed_at) VALUES (NEW.authority_id, '*', 0, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'));
      END`,
    )
}

export async function down(knex: Knex): Promise<void> {
  const postgres = knex.client.dialect === 'postgresql'
  await knex.raw(`DROP TRIGGER responder_key_changes_status${postgres ? ' ON responder_keys' : ''}`)
  if (postgres) await knex.raw('DROP FUNCTION responder_key_changes_status()')
  for (const column of ['removal_ceremony_id', 'removed_at', 'retired_at']) await knex.raw(`ALTER TABLE responder_keys DROP COLUMN ${column}`)
  await knex.schema.dropTable('access_log_files')
}
