import type { Knex } from 'knex'

const KINDS = ['root', 'issuing'] as const
const WITH_TIMESTAMPS = [...KINDS, 'timestamp-ca'] as const

export async function up(knex: Knex): Promise<void> {
  await allowKinds(knex, KINDS, WITH_TIMESTAMPS)
  // TSA-2: one key, one certificate. The key is on the token of `status`; the ceremony makes and removes it.
  await knex.schema.createTable('timestamp_certificates', (table) => {
    table.string('id', 36).notNullable().primary()
    table.string('authority_id', 64).notNullable().references('authorities.id')
    table.string('ceremony_id', 36).notNullable().references('ceremonies.id')
    table.string('token_label', 32).notNullable()
    table.string('key_label', 64).notNullable()
    table.string('key_id', 64).notNullable()
    table.string('spki_sha256', 64).notNullable().unique()
    table.string('serial', 40).notNullable()
    table.binary('der').notNullable()
    table.string('not_before', 24).notNullable()
    table.string('not_after', 24).notNullable()
    /** The key signs before this moment, never at it (CSBR 6.3.2). */
    table.string('use_until', 24).notNullable()
    table.string('remove_by', 24).notNullable()
    table.string('created_at', 24).notNullable()
    table.string('revoked_at', 24)
    table.integer('reason_code')
    table.string('removed_at', 24)
    table.string('removal_ceremony_id', 36).references('ceremonies.id')
    table.unique(['authority_id', 'serial'])
    table.check('(revoked_at IS NULL) = (reason_code IS NULL)', {}, 'timestamp_certificates_revoked')
    table.check('(removed_at IS NULL) = (removal_ceremony_id IS NULL)', {}, 'timestamp_certificates_removed')
  })
  // RFC 3161 2.4.2: no serial number twice, whichever node and whenever: the primary key says so. CSBR 5.4.1.2 (4): what the server did.
  await knex.schema.createTable('timestamp_tokens', (table) => {
    table.string('serial', 40).notNullable().primary()
    table.string('certificate_id', 36).notNullable().references('timestamp_certificates.id')
    table.string('gen_time', 24).notNullable().index()
    table.string('imprint_hash', 8).notNullable()
    table.string('tst_info_sha256', 64).notNullable()
  })
  const kept = ['id', 'authority_id', 'ceremony_id', 'token_label', 'key_label', 'key_id', 'spki_sha256', 'serial', 'der', 'not_before', 'not_after', 'use_until', 'remove_by', 'created_at']
  const once = ['revoked_at', 'removed_at', 'removal_ceremony_id']
  await keep(knex, 'timestamp_certificates', ['id = NEW.id', 'spki_sha256 = NEW.spki_sha256', 'authority_id = NEW.authority_id AND serial = NEW.serial'], kept, once)
  await keep(knex, 'timestamp_tokens', ['serial = NEW.serial'], ['serial', 'certificate_id', 'gen_time', 'imprint_hash', 'tst_info_sha256'], [])
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['timestamp_tokens', 'timestamp_certificates']) await knex.schema.dropTable(table)
  await allowKinds(knex, WITH_TIMESTAMPS, KINDS)
}

async function allowKinds(knex: Knex, before: readonly string[], after: readonly string[]): Promise<void> {
  const list = (kinds: readonly string[]) => kinds.map((kind) => `'${kind}'`).join(',')
  if (knex.client.dialect === 'postgresql') {
    await knex.raw('ALTER TABLE authorities DROP CONSTRAINT authorities_kind')
    await knex.raw(`ALTER TABLE authorities ADD CONSTRAINT authorities_kind CHECK (kind IN (${list(after)}))`)
    return
  }
  // SQLite can't alter a constraint, and the table can't be made anew: six others refer to it. The way that SQLite documents for this (ALTER TABLE, 7):
  // the text of the table is changed, not a row, and the schema's number raised so that every connection reads it again.
  const [{ sql }] = await knex.raw("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'authorities'")
  const changed = String(sql).replace(/(constraint authorities_kind check \(`kind` in \()[^)]*(\)\))/i, (_, head: string, tail: string) => head + list(after) + tail)
  if (changed === sql || !String(sql).replaceAll(' ', '').includes(list(before))) throw new Error('the table authorities is not as migration 0002 made it')
  const [{ schema_version: version }] = await knex.raw('PRAGMA schema_version')
  await knex.raw('PRAGMA writable_schema=ON')
  try {
    await knex.raw("UPDATE sqlite_master SET sql = ? WHERE type = 'table' AND name = 'authorities'", [changed])
    await knex.raw(`PRAGMA schema_version=${Number(version) + 1}`)
  } finally {
    await knex.raw('PRAGMA writable_schema=OFF')
  }
}

/** Rows that are never removed, and columns that never change: at all, or once they have a value. The functions came with migration 0004. */
async function keep(knex: Knex, table: string, same: readonly string[], fixed: readonly string[], once: readonly string[]): Promise<void> {
  const postgres = knex.client.dialect === 'postgresql'
  const differs = (column: string) => `OLD.${column} ${postgres ? 'IS DISTINCT FROM' : 'IS NOT'} NEW.${column}`
  const rewritten = [...fixed.map(differs), ...once.map((column) => `(OLD.${column} IS NOT NULL AND ${differs(column)})`)].join(' OR ')
  if (postgres) {
    await knex.raw(`CREATE TRIGGER ${table}_stay BEFORE DELETE OR TRUNCATE ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal()`)
    await knex.raw(`CREATE TRIGGER ${table}_not_rewritten BEFORE UPDATE ON ${table} FOR EACH ROW WHEN (${rewritten}) EXECUTE FUNCTION refuse_rewriting()`)
    return
  }
  const refuse = (trigger: string, when: string, words: string) => knex.raw(`CREATE TRIGGER ${table}_${trigger} ${when} BEGIN SELECT RAISE(ABORT, '${words}'); END`)
  await refuse('stay', `BEFORE DELETE ON ${table}`, `rows of ${table} are never removed`)
  // The word UNIQUE tells isUniqueViolation what it is.
  const found = same.map((condition) => `EXISTS (SELECT 1 FROM ${table} WHERE ${condition})`).join(' OR ')
  await refuse('not_replaced', `BEFORE INSERT ON ${table} WHEN ${found}`, `UNIQUE rows of ${table} are never replaced`)
  await refuse('not_rewritten', `BEFORE UPDATE ON ${table} WHEN ${rewritten}`, `rows of ${table} are never rewritten`)
}
