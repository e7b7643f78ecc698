import type { Knex } from 'knex'

const LISTS = 'weak_key_lists'
const KEPT = ['weak_keys', 'weak_key_lists', 'weak_key_complete', 'compromise_reports']

export async function up(knex: Knex): Promise<void> {
  const postgres = knex.client.dialect === 'postgresql'
  await knex.schema.createTable(LISTS, (table) => {
    table.integer('number').notNullable().primary()
    /** Of the file's octets. */
    table.string('sha256', 64).notNullable().unique()
    table.string('name', 200).notNullable()
    table.string('form', 24).notNullable()
    table.integer('entries').notNullable()
    table.integer('skipped').notNullable()
    table.string('imported_by', 64).notNullable()
    table.string('started_at', 24).notNullable()
    /** Null until every digest is in the table. */
    table.string('finished_at', 24)
  })
  // Millions of rows: on SQLite the primary key is the table itself, not a second copy beside it.
  const columns = `kind varchar(16) NOT NULL, digest varchar(64) NOT NULL, list_number integer NOT NULL REFERENCES ${LISTS} (number)`
  await knex.raw(`CREATE TABLE weak_keys (${columns}, PRIMARY KEY (kind, digest))${postgres ? '' : ' WITHOUT ROWID'}`)
  await knex.schema.createTable('weak_key_complete', (table) => {
    table.integer('bits').notNullable()
    table.integer('list_number').notNullable().references(`${LISTS}.number`)
    table.string('stated_by', 64).notNullable()
    table.string('stated_at', 24).notNullable()
    table.primary(['bits', 'list_number'])
  })
  await knex.schema.createTable('compromise_reports', (table) => {
    table.string('id', 36).notNullable().primary()
    table.string('spki_sha256', 64).notNullable().references('compromised_keys.spki_sha256').index()
    /** Null where only the SHA-256 was given. */
    table.binary('spki_der')
    table.string('evidence', 16).notNullable().checkIn(['hash', 'certificate', 'request', 'public-key', 'private-key'], 'compromise_reports_evidence')
    table.string('proof', 16).notNullable().checkIn(['none', 'private-key', 'signature'], 'compromise_reports_proof')
    table.string('source', 32).notNullable()
    table.text('reason').notNullable()
    table.string('reported_by', 36).notNullable().references('accounts.id')
    table.string('reported_at', 24).notNullable()
  })
  // KEY-3, KEY-4: what is blocked stays blocked. The PostgreSQL function came with migration 0004.
  for (const table of KEPT)
    await knex.raw(
      postgres
        ? `CREATE TRIGGER ${table}_stay BEFORE DELETE OR TRUNCATE ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal()`
        : `CREATE TRIGGER ${table}_stay BEFORE DELETE ON ${table} BEGIN SELECT RAISE(ABORT, 'rows of ${table} are never removed'); END`,
    )
  // A digest written over would free the key. A list alone is finished after it was begun.
  for (const table of KEPT.filter((name) => name !== LISTS))
    await knex.raw(
      postgres
        ? `CREATE TRIGGER ${table}_same BEFORE UPDATE ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal()`
        : `CREATE TRIGGER ${table}_same BEFORE UPDATE ON ${table} BEGIN SELECT RAISE(ABORT, 'rows of ${table} are never changed'); END`,
    )
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['compromise_reports', 'weak_key_complete', 'weak_keys', LISTS]) await knex.schema.dropTable(table)
}
