import type { Knex } from 'knex'

/** Columns that say on whose behalf a certificate was issued and revoked. The CA's own examples (REP-2) have nobody: the policy file orders them. */
const OF_APPLICATIONS = { certificates: ['application_id', 'approval_id'], revocations: ['requested_by'] } as const

export async function up(knex: Knex): Promise<void> {
  const postgres = knex.client.dialect === 'postgresql'
  await allowNull(knex, true)
  await knex.schema.createTable('example_certificates', (table) => {
    table.string('id', 36).notNullable().primary()
    table.string('authority_id', 64).notNullable().references('authorities.id')
    table.string('kind', 24).notNullable().checkIn(['valid', 'revoked', 'expired', 'revoked-then-expired'], 'example_certificates_kind')
    /** Null until its key is made and its certificate on record. */
    table.string('certificate_id', 36).references('certificates.id').unique()
    table.string('token_label', 32).notNullable()
    table.string('key_label', 64).notNullable()
    table.string('key_id', 64).notNullable()
    table.string('spki_sha256', 64)
    table.binary('spki_der')
    table.string('started_at', 24).notNullable()
    /** The key is gone from the module. */
    table.string('key_removed_at', 24)
    table.string('issued_at', 24)
    table.string('abandoned_at', 24)
    /** Signed by the example's key in its only minutes; time-stamped afterwards. */
    table.binary('jar')
    table.binary('executable')
    table.string('stamped_at', 24)
    table.index(['spki_sha256'])
  })
  // One of several hosts makes it, and a crash leaves at most one beginning, to be abandoned.
  await knex.raw('CREATE UNIQUE INDEX example_certificates_one_begun ON example_certificates (authority_id, kind) WHERE issued_at IS NULL AND abandoned_at IS NULL')
  // ISS-5: what has no application has no approval either, and the reverse. A certificate for nobody's approval is an example's or none.
  const half = '(NEW.application_id IS NULL) <> (NEW.approval_id IS NULL)'
  if (postgres) {
    await knex.raw("CREATE FUNCTION refuse_half_approved() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a certificate has an application and its approval, or neither'; END $$")
    await knex.raw(`CREATE TRIGGER certificates_half_approved BEFORE INSERT ON certificates FOR EACH ROW WHEN (${half}) EXECUTE FUNCTION refuse_half_approved()`)
    await knex.raw('CREATE TRIGGER example_certificates_stay BEFORE DELETE OR TRUNCATE ON example_certificates FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal()')
    return
  }
  await knex.raw(`CREATE TRIGGER certificates_half_approved BEFORE INSERT ON certificates WHEN ${half} BEGIN SELECT RAISE(ABORT, 'a certificate has an application and its approval, or neither'); END`)
  await knex.raw("CREATE TRIGGER example_certificates_stay BEFORE DELETE ON example_certificates BEGIN SELECT RAISE(ABORT, 'rows of example_certificates are never removed'); END")
}

export async function down(knex: Knex): Promise<void> {
  const postgres = knex.client.dialect === 'postgresql'
  const found = await knex('certificates').whereNull('application_id').first('id')
  if (found) throw new Error('example certificates are on record: the tables stay as they are')
  await knex.raw(postgres ? 'DROP TRIGGER certificates_half_approved ON certificates' : 'DROP TRIGGER certificates_half_approved')
  if (postgres) await knex.raw('DROP FUNCTION refuse_half_approved()')
  await knex.schema.dropTable('example_certificates')
  await allowNull(knex, false)
}

async function allowNull(knex: Knex, allowed: boolean): Promise<void> {
  if (knex.client.dialect === 'postgresql') {
    for (const [table, columns] of Object.entries(OF_APPLICATIONS))
      for (const column of columns) await knex.raw(`ALTER TABLE ${table} ALTER COLUMN ${column} ${allowed ? 'DROP' : 'SET'} NOT NULL`)
    return
  }
  // As migration 0021 does: the way that SQLite documents for a constraint (ALTER TABLE, 7). No row is touched.
  const [{ schema_version: version }] = await knex.raw('PRAGMA schema_version')
  await knex.raw('PRAGMA writable_schema=ON')
  try {
    for (const [table, columns] of Object.entries(OF_APPLICATIONS)) {
      const [{ sql }] = await knex.raw("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", [table])
      const changed = columns.reduce((text, column) => change(text, column, allowed), String(sql))
      await knex.raw("UPDATE sqlite_master SET sql = ? WHERE type = 'table' AND name = ?", [changed, table])
    }
    await knex.raw(`PRAGMA schema_version=${Number(version) + 1}`)
  } finally {
    await knex.raw('PRAGMA writable_schema=OFF')
  }
}

function change(sql: string, column: string, allowed: boolean): string {
  const type = `\`${column}\` varchar(36) check (length(\`${column}\`) <= 36)`
  const [before, after] = allowed ? [`${type} not null,`, `${type},`] : [`${type},`, `${type} not null,`]
  if (!sql.includes(before)) throw new Error(`the column ${column} is not as migration ${allowed ? '0004' : '0024'} made it`)
  return sql.replace(before, after)
}
