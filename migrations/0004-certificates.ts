import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('certificates', (table) => {
    table.string('id', 36).notNullable().primary()
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
    // OCS-3: issued is what has been signed.
    table.check("state <> 'issued' OR (der IS NOT NULL AND certificate_sha256 IS NOT NULL AND issued_at IS NOT NULL)", {}, 'certificates_issued_signed')
  })
  // ISS-5: one certificate for one approval; an abandoned record never becomes one.
  await knex.raw("CREATE UNIQUE INDEX certificates_one_per_approval ON certificates (approval_id) WHERE state <> 'abandoned'")
  await knex.schema.createTable('revocations', (table) => {
    table.string('certificate_id', 36).notNullable().primary().references('certificates.id')
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
    table.string('spki_sha256', 64).notNullable().primary()
    table.string('source', 64).notNullable()
    table.string('recorded_at', 24).notNullable()
  })
  // APP-4: which organisation a key was certified for.
  await knex.schema.createTable('certified_keys', (table) => {
    table.string('spki_sha256', 64).notNullable().primary()
    table.string('organisation_id', 36).notNullable().references('organisations.id')
    table.string('purpose', 32).notNullable()
    table.string('first_certified_at', 24).notNullable()
  })
  await refuseRemoval(knex)
  await refuseRewriting(knex)
}

// Rows that answer for ten years (CRL-3, OCS-5, KEY-4, APP-4, REV-7): what makes two of them the same row, and what of each is said once and for ever.
const KEPT: Readonly<Record<string, { readonly same: readonly string[]; readonly fixed: readonly string[] }>> = {
  certificates: {
    same: ['id = NEW.id', 'authority_id = NEW.authority_id AND serial = NEW.serial', "approval_id = NEW.approval_id AND state <> 'abandoned' AND NEW.state <> 'abandoned'"],
    fixed: ['id', 'authority_id', 'application_id', 'approval_id', 'serial', 'spki_sha256', 'tbs', 'not_before', 'not_after', 'recorded_at'],
  },
  revocations: { same: ['certificate_id = NEW.certificate_id'], fixed: ['certificate_id', 'authority_id', 'serial', 'recorded_at'] },
  compromised_keys: { same: ['spki_sha256 = NEW.spki_sha256'], fixed: ['spki_sha256'] },
  certified_keys: { same: ['spki_sha256 = NEW.spki_sha256'], fixed: ['spki_sha256', 'organisation_id'] },
}

/** Neither DELETE nor REPLACE, which SQLite makes of an INSERT on whichever unique key it meets; TRUNCATE on PostgreSQL. */
async function refuseRemoval(knex: Knex): Promise<void> {
  if (knex.client.dialect === 'postgresql') {
    await knex.raw(`CREATE FUNCTION refuse_removal() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'rows of % are never removed', TG_TABLE_NAME; END $$`)
    for (const table of Object.keys(KEPT)) await knex.raw(`CREATE TRIGGER ${table}_stay BEFORE DELETE OR TRUNCATE ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal()`)
    return
  }
  for (const [table, { same }] of Object.entries(KEPT)) {
    await knex.raw(`CREATE TRIGGER ${table}_stay BEFORE DELETE ON ${table} BEGIN SELECT RAISE(ABORT, 'rows of ${table} are never removed'); END`)
    // Also what stops REPLACE on a connection that never set recursive_triggers. The word UNIQUE tells isUniqueViolation what it is.
    const found = same.map((condition) => `EXISTS (SELECT 1 FROM ${table} WHERE ${condition})`).join(' OR ')
    await knex.raw(`CREATE TRIGGER ${table}_not_replaced BEFORE INSERT ON ${table} WHEN ${found} BEGIN SELECT RAISE(ABORT, 'UNIQUE rows of ${table} are never replaced'); END`)
  }
}

/** A row that turns into another row is a removal too: a revocation moved elsewhere un-revokes (REV-7), an issued certificate made `abandoned` frees its approval (ISS-5). */
async function refuseRewriting(knex: Knex): Promise<void> {
  const postgres = knex.client.dialect === 'postgresql'
  if (postgres) await knex.raw(`CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'rows of % are never rewritten', TG_TABLE_NAME; END $$`)
  for (const [table, { fixed }] of Object.entries(KEPT)) {
    const differs = (column: string) => `OLD.${column} ${postgres ? 'IS DISTINCT FROM' : 'IS NOT'} NEW.${column}`
    const conditions = fixed.map(differs)
    if (table === 'certificates') conditions.push("(OLD.state <> 'recorded' AND NEW.state <> OLD.state)", `(OLD.der IS NOT NULL AND ${differs('der')})`)
    const trigger = `CREATE TRIGGER ${table}_not_rewritten BEFORE UPDATE ON ${table}`
    if (postgres) await knex.raw(`${trigger} FOR EACH ROW WHEN (${conditions.join(' OR ')}) EXECUTE FUNCTION refuse_rewriting()`)
    else await knex.raw(`${trigger} WHEN ${conditions.join(' OR ')} BEGIN SELECT RAISE(ABORT, 'rows of ${table} are never rewritten'); END`)
  }
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['certified_keys', 'compromised_keys', 'revocations', 'certificates']) await knex.schema.dropTable(table)
  if (knex.client.dialect === 'postgresql') for (const name of ['refuse_removal', 'refuse_rewriting']) await knex.raw(`DROP FUNCTION ${name}()`)
}
