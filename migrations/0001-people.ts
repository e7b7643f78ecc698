import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('organisations', (table) => {
    table.string('id', 36).notNullable().primary()
    table.string('legal_name', 200).notNullable()
    table.string('created_at', 24).notNullable()
  })
  await knex.schema.createTable('accounts', (table) => {
    table.string('id', 36).notNullable().primary()
    table.string('email', 254).notNullable().unique()
    table.string('name', 100).notNullable()
    table.string('organisation_id', 36).references('organisations.id')
    table.string('state', 16).notNullable().checkIn(['unconfirmed', 'active', 'closed'], 'accounts_state')
    table.string('locale', 2).notNullable()
    table.string('password_hash', 200)
    table.string('totp_secret_sealed', 300)
    table.string('totp_confirmed_at', 24)
    // ACC-1: the last time step whose code was taken; a code is good once.
    table.bigInteger('totp_last_step')
    table.string('password_changed_at', 24)
    table.string('created_at', 24).notNullable()
  })
  await knex.schema.createTable('account_roles', (table) => {
    table.string('account_id', 36).notNullable().references('accounts.id')
    table.string('role', 32).notNullable().checkIn(['subscriber', 'vetting-officer', 'approving-officer', 'revocation-officer', 'auditor', 'administrator'], 'account_roles_role')
    table.string('granted_by', 64).notNullable()
    table.string('granted_at', 24).notNullable()
    table.primary(['account_id', 'role'])
  })
  await knex.schema.createTable('recovery_codes', (table) => {
    table.string('account_id', 36).notNullable().references('accounts.id')
    table.string('code_hash', 64).notNullable()
    table.string('used_at', 24)
    table.primary(['account_id', 'code_hash'])
  })
  // ACC-2: a staff account is made by two people; by one only while there is but one administrator, and the row says so.
  await knex.schema.createTable('invitations', (table) => {
    table.string('id', 36).notNullable().primary()
    table.string('email', 254).notNullable()
    table.string('roles', 200).notNullable()
    // ACC-2: the legal name of the organisation that the person also works for, whose applications they never review.
    table.string('organisation', 200)
    table.string('locale', 2).notNullable()
    table.string('state', 16).notNullable().checkIn(['waiting', 'sent', 'accepted', 'withdrawn'], 'invitations_state')
    table.string('created_by', 36).notNullable().references('accounts.id')
    table.string('created_at', 24).notNullable()
    table.integer('alone').notNullable()
    table.string('confirmed_by', 36).references('accounts.id')
    table.string('confirmed_at', 24)
    table.check('confirmed_by IS NULL OR confirmed_by <> created_by', [], 'invitations_two_people')
    table.check("state NOT IN ('sent', 'accepted') OR alone = 1 OR confirmed_by IS NOT NULL", [], 'invitations_confirmed')
  })
  // Links sent by mail: confirm an address, reset a password, accept an invitation, make the first administrator.
  await knex.schema.createTable('link_tokens', (table) => {
    table.string('token_hash', 64).notNullable().primary()
    table.string('kind', 24).notNullable().checkIn(['confirm-email', 'reset-password', 'invitation', 'first-administrator'], 'link_tokens_kind')
    table.string('account_id', 36).references('accounts.id')
    table.string('invitation_id', 36).references('invitations.id')
    table.string('created_at', 24).notNullable()
    table.string('expires_at', 24).notNullable()
    table.string('used_at', 24)
  })
  await knex.schema.createTable('sessions', (table) => {
    table.string('id_hash', 64).notNullable().primary()
    table.string('account_id', 36).references('accounts.id')
    table.text('data').notNullable()
    table.string('created_at', 24).notNullable()
    table.string('last_seen_at', 24).notNullable()
    table.string('expires_at', 24).notNullable().index()
    table.index(['account_id'])
  })
  await knex.schema.createTable('attempts', (table) => {
    table.increments('id')
    table.string('bucket', 160).notNullable()
    table.string('at', 24).notNullable()
    table.index(['bucket', 'at'])
  })
  await knex.schema.createTable('mail_outbox', (table) => {
    table.string('id', 36).notNullable().primary()
    table.string('recipient', 254).notNullable()
    table.string('subject', 300).notNullable()
    table.text('body').notNullable()
    table.string('locale', 2).notNullable()
    table.string('created_at', 24).notNullable()
    table.string('sent_at', 24)
    table.integer('failures').notNullable().defaultTo(0)
    // Null: at once.
    table.string('next_attempt_at', 24)
  })
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['mail_outbox', 'attempts', 'sessions', 'link_tokens', 'invitations', 'recovery_codes', 'account_roles', 'accounts', 'organisations']) await knex.schema.dropTable(table)
}
