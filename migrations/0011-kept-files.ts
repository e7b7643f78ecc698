import type { Knex } from 'knex'

/** What somebody checked and asked to have carried into an application, until it is, for at most an hour. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('kept_files', (table) => {
    // SHA-256 of the token that only the session has which pressed the button.
    table.string('token_hash', 64).notNullable().primary()
    // Sealed for this row alone.
    table.text('sealed').notNullable()
    table.string('expires_at', 24).notNullable().index()
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('kept_files')
}
