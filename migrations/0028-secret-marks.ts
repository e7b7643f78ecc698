import type { Knex } from 'knex'

/** What shows that a machine has the secret with which rows of this database were sealed, and nothing of the secret. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('secret_marks', (table) => {
    table.string('name', 32).notNullable().primary()
    table.string('mark', 64).notNullable()
    table.string('noted_at', 24).notNullable()
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('secret_marks')
}
