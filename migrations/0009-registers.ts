import type { Knex } from 'knex'

// Approved auditors and accepted Signing Services (CSBR 6.2.7.4.2 (6) (7)): proposed by one person, confirmed by another, withdrawn by either.
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('register_entries', (table) => {
    table.string('id', 36).notNullable().primary()
    table.string('register', 20).notNullable().checkIn(['auditors', 'signing-services'], 'register_entries_register')
    table.string('state', 12).notNullable().checkIn(['proposed', 'confirmed', 'withdrawn'], 'register_entries_state')
    table.integer('version').notNullable().defaultTo(1)
    /** What tells two entries apart: a certificate's SHA-256, a service's name. */
    table.string('identity', 250).notNullable()
    /** What the entry says (JSON). Never changed: a change is a new entry. */
    table.text('content').notNullable()
    table.string('file_name', 200).notNullable()
    table.binary('file_bytes').notNullable()
    table.string('proposed_by', 36).notNullable().references('accounts.id')
    table.string('proposed_at', 24).notNullable()
    table.string('confirmed_by', 36).references('accounts.id')
    table.string('confirmed_at', 24)
    table.string('withdrawn_by', 36).references('accounts.id')
    table.string('withdrawn_at', 24)
    table.text('withdrawn_because')
    // CHECK lets NULL pass: each comparison names the other column too.
    table.check('confirmed_by IS NULL OR confirmed_by <> proposed_by', [], 'register_entries_two_people')
    table.check("state <> 'confirmed' OR (confirmed_by IS NOT NULL AND confirmed_at IS NOT NULL)", [], 'register_entries_confirmed')
    table.check("(state = 'withdrawn') = (withdrawn_by IS NOT NULL AND withdrawn_at IS NOT NULL AND withdrawn_because IS NOT NULL)", [], 'register_entries_withdrawn')
  })
  await knex.raw("CREATE UNIQUE INDEX register_entries_one ON register_entries (register, identity) WHERE state <> 'withdrawn'")
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('register_entries')
}
