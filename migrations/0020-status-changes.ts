import type { Knex } from 'knex'

/**
 * What `status` must forget: written by the database itself, in the transaction of the change, so that no writer can leave it out.
 * Each row says that the status of one certificate, or the hierarchy (serial `*`), may be another one since.
 */
export async function up(knex: Knex): Promise<void> {
  const postgres = knex.client.dialect === 'postgresql'
  await knex.schema.createTable('status_changes', (table) => {
    table.bigIncrements('id')
    table.string('authority_id', 64).notNullable()
    table.string('serial', 40).notNullable()
    /** PostgreSQL's number of the transaction: rows become visible in another order than that of their ids. 0 on SQLite, where one writes at a time. */
    table.bigInteger('transaction_id').notNullable().index()
    table.string('changed_at', 24).notNullable().index()
  })
  for (const { name, table, events, when, authority, serial } of CHANGES) {
    if (postgres) {
      const now = `to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
      await knex.raw(
        `CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          INSERT INTO status_changes (authority_id, serial, transaction_id, changed_at) VALUES (${authority}, ${serial}, pg_current_xact_id()::text::bigint, ${now});
          PERFORM pg_notify('status_changes', '');
          RETURN NULL;
        END $$`,
      )
      await knex.raw(`CREATE TRIGGER ${name} AFTER ${events.join(' OR ')} ON ${table} FOR EACH ROW ${when ? `WHEN (${when})` : ''} EXECUTE FUNCTION ${name}()`)
    } else
      for (const event of events)
        await knex.raw(
          `CREATE TRIGGER ${name}_${event.toLowerCase()} AFTER ${event} ON ${table} ${when ? `WHEN ${when}` : ''} BEGIN
            INSERT INTO status_changes (authority_id, serial, transaction_id, changed_at) VALUES (${authority}, ${serial}, 0, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'));
          END`,
        )
  }
}

const CHANGES = [
  // REV-3, REV-4: a new revocation, and the correction of one.
  { name: 'revocation_changes_status', table: 'revocations', events: ['INSERT', 'UPDATE'], when: '', authority: 'NEW.authority_id', serial: 'NEW.serial' },
  // OCS-3: unknown before it is signed, good after.
  { name: 'certificate_changes_status', table: 'certificates', events: ['INSERT', 'UPDATE'], when: "NEW.state = 'issued'", authority: 'NEW.authority_id', serial: 'NEW.serial' },
  // OCS-2: the responder's new certificate answers from now on.
  { name: 'responder_changes_status', table: 'responder_certificates', events: ['INSERT', 'UPDATE'], when: 'NEW.der IS NOT NULL', authority: 'NEW.authority_id', serial: 'NEW.serial' },
  { name: 'authority_changes_status', table: 'authorities', events: ['INSERT', 'UPDATE'], when: '', authority: 'NEW.id', serial: "'*'" },
]

export async function down(knex: Knex): Promise<void> {
  const postgres = knex.client.dialect === 'postgresql'
  for (const { name, table, events } of CHANGES) {
    if (postgres) {
      await knex.raw(`DROP TRIGGER ${name} ON ${table}`)
      await knex.raw(`DROP FUNCTION ${name}()`)
    } else for (const event of events) await knex.raw(`DROP TRIGGER ${name}_${event.toLowerCase()}`)
  }
  await knex.schema.dropTable('status_changes')
}
