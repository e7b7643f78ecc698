import type { Knex } from 'knex'

const STATES = ['prepared', 'shipped', 'received', 'activated', 'withdrawn']

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('shipped_modules', (table) => {
    table.string('id', 36).notNullable().primary()
    table.string('manufacturer', 64).notNullable()
    table.string('model', 64).notNullable()
    table.string('firmware', 16).notNullable()
    table.string('serial_number', 64).notNullable()
    table.string('token_label', 32).notNullable()
    table.string('state', 16).notNullable().checkIn(STATES, 'shipped_modules_state')
    table.integer('version').notNullable().defaultTo(1)
    // The two persons who were there (ATT-1), as they named themselves to the command.
    table.string('prepared_by', 100).notNullable()
    table.string('witnessed_by', 100).notNullable()
    table.string('prepared_at', 24).notNullable()
    /** Number on the sealed letter with the activation data, which itself is kept nowhere else (ATT-10). */
    table.string('letter', 16).notNullable().unique()
    /** Strength of the activation data. */
    table.integer('activation_bits').notNullable()
    table.string('organisation_id', 36).references('organisations.id')
    table.string('shipped_by', 36).references('accounts.id')
    table.string('shipped_at', 24)
    table.string('carrier', 100)
    table.string('tracking', 100)
    table.string('received_by', 36).references('accounts.id')
    table.string('received_at', 24)
    table.string('letter_sent_by', 36).references('accounts.id')
    table.string('letter_sent_at', 24)
    table.string('letter_route', 200)
    table.string('withdrawn_by', 36).references('accounts.id')
    table.string('withdrawn_at', 24)
    table.string('withdrawn_because', 500)
    table.unique(['manufacturer', 'serial_number'])
  })
  await knex.schema.createTable('shipped_keys', (table) => {
    table.string('spki_sha256', 64).notNullable().primary()
    table.string('module_id', 36).notNullable().references('shipped_modules.id').index()
    table.string('label', 64).notNullable()
    table.string('key_id', 64).notNullable()
    table.binary('spki_der').notNullable()
    table.integer('mechanism')
    /** As the module told them when the key had been generated (JSON). */
    table.text('attributes').notNullable()
    table.string('generated_at', 24).notNullable()
  })
  await knex.schema.createTable('module_orders', (table) => {
    table.string('id', 36).notNullable().primary()
    table.string('application_id', 36).notNullable().references('applications.id').unique()
    table.string('organisation_id', 36).notNullable().references('organisations.id')
    table.string('recipient', 100).notNullable()
    table.string('address', 500).notNullable()
    table.string('phone', 40).notNullable()
    table.string('ordered_by', 36).notNullable().references('accounts.id')
    table.string('ordered_at', 24).notNullable()
    table.string('module_id', 36).references('shipped_modules.id').unique()
  })
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['module_orders', 'shipped_keys', 'shipped_modules']) await knex.schema.dropTable(table)
}
