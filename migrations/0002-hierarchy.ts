import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('ceremonies', (table) => {
    table.string('id', 36).notNullable().primary()
    table.string('kind', 32).notNullable()
    table.integer('demo').notNullable().checkIn(['0', '1'], 'ceremonies_demo')
    table.text('persons').notNullable()
    table.text('report').notNullable()
    table.string('held_at', 24).notNullable()
  })
  await knex.schema.createTable('authorities', (table) => {
    table.string('id', 64).notNullable().primary()
    table.string('kind', 16).notNullable().checkIn(['root', 'issuing'], 'authorities_kind')
    table.string('parent_id', 64).references('authorities.id')
    table.string('ceremony_id', 36).notNullable().references('ceremonies.id')
    table.integer('demo').notNullable().checkIn(['0', '1'], 'authorities_demo')
    table.string('token_label', 32).notNullable()
    table.string('key_label', 64).notNullable()
    table.string('key_id', 64).notNullable()
    table.string('spki_sha256', 64).notNullable().unique()
    table.binary('subject_der').notNullable()
    table.binary('certificate_der').notNullable()
    table.string('not_before', 24).notNullable()
    table.string('not_after', 24).notNullable()
    table.string('created_at', 24).notNullable()
  })
  // The only keys that `ca` certifies as OCSP responders: enrolled when the hierarchy was made (issue: never because a row names one).
  await knex.schema.createTable('responder_keys', (table) => {
    table.string('id', 36).notNullable().primary()
    table.string('authority_id', 64).notNullable().references('authorities.id')
    table.string('token_label', 32).notNullable()
    table.string('key_label', 64).notNullable()
    table.string('key_id', 64).notNullable()
    table.binary('spki_der').notNullable()
    table.string('spki_sha256', 64).notNullable().unique()
    table.string('enrolled_at', 24).notNullable()
    /** Signature of the authority's key over the enrolment, made in the ceremony: a row added later has none. */
    table.binary('enrolment_signature').notNullable()
  })
  await knex.schema.createTable('responder_certificates', (table) => {
    table.string('id', 36).notNullable().primary()
    table.string('responder_key_id', 36).notNullable().references('responder_keys.id')
    table.string('authority_id', 64).notNullable().references('authorities.id')
    table.string('serial', 40).notNullable()
    table.binary('tbs').notNullable()
    table.binary('der')
    table.string('not_before', 24).notNullable()
    table.string('not_after', 24).notNullable()
    table.string('recorded_at', 24).notNullable()
    table.unique(['authority_id', 'serial'])
  })
  await knex.schema.createTable('crls', (table) => {
    table.string('authority_id', 64).notNullable().references('authorities.id')
    table.bigInteger('number').notNullable()
    table.string('this_update', 24).notNullable()
    table.string('next_update', 24).notNullable()
    table.integer('entries').notNullable()
    table.binary('tbs').notNullable()
    table.binary('der')
    table.primary(['authority_id', 'number'])
  })
  await knex.schema.createTable('demo_anchors', (table) => {
    table.string('id', 36).notNullable().primary()
    table.text('anchor').notNullable()
    table.string('created_at', 24).notNullable()
  })
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['demo_anchors', 'crls', 'responder_certificates', 'responder_keys', 'authorities', 'ceremonies']) await knex.schema.dropTable(table)
}
