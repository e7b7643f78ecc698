import type { Knex } from 'knex'

// LOG-1: append-only, hash-chained. The database itself refuses UPDATE, DELETE, REPLACE, TRUNCATE and an entry out of line.
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('audit_events', (table) => {
    table.bigInteger('seq').notNullable().primary()
    table.string('at', 24).notNullable()
    table.string('actor', 64).notNullable()
    table.string('event', 64).notNullable().index()
    table.string('subject', 120).notNullable().index()
    table.text('details').notNullable()
    table.string('previous_hash', 64).notNullable()
    table.string('hash', 64).notNullable().unique()
  })
  if (knex.client.dialect === 'postgresql') {
    await knex.raw(`CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'audit events are append-only'; END $$`)
    await knex.raw('CREATE TRIGGER audit_events_no_change BEFORE UPDATE OR DELETE ON audit_events FOR EACH ROW EXECUTE FUNCTION audit_refuse()')
    await knex.raw('CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON audit_events FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()')
    await knex.raw(`CREATE FUNCTION audit_next() RETURNS trigger LANGUAGE plpgsql AS $$
      DECLARE last audit_events%ROWTYPE;
      BEGIN
        SELECT * INTO last FROM audit_events ORDER BY seq DESC LIMIT 1;
        IF NEW.seq <> COALESCE(last.seq, 0) + 1 OR NEW.previous_hash <> COALESCE(last.hash, repeat('0', 64)) THEN
          RAISE EXCEPTION 'audit event out of line';
        END IF;
        RETURN NEW;
      END $$`)
    await knex.raw('CREATE TRIGGER audit_events_in_line BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION audit_next()')
    return
  }
  for (const operation of ['UPDATE', 'DELETE']) await knex.raw(`CREATE TRIGGER audit_events_no_${operation.toLowerCase()} BEFORE ${operation} ON audit_events BEGIN SELECT RAISE(ABORT, 'audit events are append-only'); END`)
  // Also what stops REPLACE on a connection that never set recursive_triggers: by sequence number, and by the hash of an older entry.
  await knex.raw(`CREATE TRIGGER audit_events_in_line BEFORE INSERT ON audit_events
    WHEN NEW.seq <> COALESCE((SELECT MAX(seq) FROM audit_events), 0) + 1
      OR NEW.previous_hash <> COALESCE((SELECT hash FROM audit_events ORDER BY seq DESC LIMIT 1), '${'0'.repeat(64)}')
      OR EXISTS (SELECT 1 FROM audit_events WHERE hash = NEW.hash)
    BEGIN SELECT RAISE(ABORT, 'audit event out of line'); END`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('audit_events')
  if (knex.client.dialect === 'postgresql') for (const name of ['audit_refuse', 'audit_next']) await knex.raw(`DROP FUNCTION ${name}()`)
}
