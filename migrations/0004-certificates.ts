import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('certificates', (table) => {
    table.string('id', 36).primary()
    table.string('authority_id', 64).notNullable().references('authorities.id')
    table.string('application_id', 36).notNullable().references('applications.id').index()
    table.string('approval_id', 36).notNullable().references('approvals.id')
    table.string('serial', 40).notNullable()
    table.string('state', 16).notNullable().checkIn(['recorded', 'issued', 'abandoned'], 'certificates_state')
    table.string('spki_sha256', 64).notNullable().index()
    table.binary('tbs').notNullable()
    table.binary('der')
    table.string('certificate_sha256', 64)
    table.string('not_before', 24).notNullable()
    table.string('not_after', 24).notNullable()
    table.string('recorded_at', 24).notNullable()
    table.string('issued_at', 24)
    table.string('accepted_at', 24)
    table.unique(['authority_id', 'serial'])
  })
  // ISS-5: one certificate for one approval; an abandoned record never becomes one.
  await knex.raw("CREATE UNIQUE INDEX certificates_one_per_approval ON certificates (approval_id) WHERE state <> 'abandoned'")
  await knex.schema.createTable('revocations', (table) => {
    table.string('certificate_id', 36).primary().references('certificates.id')
    table.string('authority_id', 64).notNullable().references('authorities.id').index()
    table.string('serial', 40).notNullable()
    table.integer('reason_code').notNullable()
    table.string('ground', 40).notNullable()
    table.text('explanation').notNullable()
    table.string('revoked_at', 24).notNullable()
    table.string('recorded_at', 24).notNullable()
    table.string('requested_by', 36).notNullable().references('accounts.id')
  })
  // KEY-4: a key so marked never comes back.
  await knex.schema.createTable('compromised_keys', (table) => {
    table.string('spki_sha256', 64).primary()
    table.string('source', 64).notNullable()
    table.string('recorded_at', 24).notNullable()
  })
  // APP-4: which organisation a key was certified for.
  await knex.schema.createTable('certified_keys', (table) => {
    table.string('spki_sha256', 64).primary()
    table.string('organisation_id', 36).notNullable().references('organisations.id')
    table.string('purpose', 32).notNullable()
    table.string('first_certified_at', 24).notNullable()
  })
  await refuseRemoval(knex, ['certificates', 'revocations', 'compromised_keys', 'certified_keys'])
}

/** Rows that answer for ten years: neither DELETE nor, through it, REPLACE; TRUNCATE on PostgreSQL. */
async function refuseRemoval(knex: Knex, tables: string[]): Promise<void> {
  if (knex.client.dialect === 'postgresql') {
    await knex.raw(`CREATE FUNCTION refuse_removal() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'rows of % are never removed', TG_TABLE_NAME; END $$`)
    for (const table of tables) await knex.raw(`CREATE TRIGGER ${table}_stay BEFORE DELETE OR TRUNCATE ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal()`)
    return
  }
  for (const table of tables) {
    const key = { certificates: 'id', revocations: 'certificate_id' }[table] ?? 'spki_sha256'
    await knex.raw(`CREATE TRIGGER ${table}_stay BEFORE DELETE ON ${table} BEGIN SELECT RAISE(ABORT, 'rows of ${table} are never removed'); END`)
    await knex.raw(`CREATE TRIGGER ${table}_not_replaced BEFORE INSERT ON ${table} WHEN EXISTS (SELECT 1 FROM ${table} WHERE ${key} = NEW.${key}) BEGIN SELECT RAISE(ABORT, 'UNIQUE rows of ${table} are never replaced'); END`)
  }
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['certified_keys', 'compromised_keys', 'revocations', 'certificates']) await knex.schema.dropTable(table)
  if (knex.client.dialect === 'postgresql') await knex.raw('DROP FUNCTION refuse_removal()')
}
