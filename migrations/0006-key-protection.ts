import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('applications', (table) => {
    /** What the applicant stated for the chosen method (JSON: name to text). */
    table.text('key_details')
  })
  // Random values given out for one application each (methods 3 and 6); one that was answered stays with its key.
  await knex.schema.createTable('key_challenges', (table) => {
    table.string('value', 64).notNullable().primary()
    table.string('application_id', 36).notNullable().references('applications.id').index()
    table.integer('method').notNullable()
    table.string('issued_at', 24).notNullable()
    table.string('expires_at', 24).notNullable()
    table.string('answered_at', 24)
    table.string('answered_spki_sha256', 64)
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('key_challenges')
  // Both databases drop a column in place; knex would build the table anew on SQLite, which the rows that refer to it forbid.
  await knex.raw('ALTER TABLE applications DROP COLUMN key_details')
}
