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
    table.bigInteger('totp_last_step')
    table.integer('failed_attempts').notNullable().defaultTo(0)
    table.string('locked_until', 24)
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
  // Links sent by mail: confirm an address, reset a password, accept an invitation, make the first administrator.
  await knex.schema.createTable('link_tokens', (table) => {
    table.string('token_hash', 64).notNullable().primary()
    table.string('kind', 24).notNullable().checkIn(['confirm-email', 'reset-password', 'invitation', 'first-administrator'], 'link_tokens_kind')
    table.string('account_id', 36).references('accounts.id')
    table.string('email', 254)
    table.text('roles').notNullable()
    table.string('created_by', 64).notNullable()
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
  })
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['mail_outbox', 'attempts', 'sessions', 'link_tokens', 'recovery_codes', 'account_roles', 'accounts', 'organisations']) await knex.schema.dropTable(table)
}
