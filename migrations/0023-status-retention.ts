import type { Knex } from 'knex'

/** The only way off a list: a run on record, with what it dropped, ten years past the certificate's expiry (CRL-3; CSBR 7.2). */
export async function up(knex: Knex): Promise<void> {
  const postgres = knex.client.dialect === 'postgresql'
  await knex.schema.createTable('retention_runs', (table) => {
    table.string('id', 36).notNullable().primary()
    table.string('authority_id', 64).notNullable().references('authorities.id')
    table.string('ran_at', 24).notNullable()
    /** Certificates that ended before it were dropped. */
    table.string('ended_before', 24).notNullable()
  })
  // Written out for SQLite: Knex would make the table anew for a reference, and its triggers would go with the old one.
  const type = postgres ? 'varchar(36)' : 'varchar(36) check (length(`retention_run_id`) <= 36)'
  await knex.raw(`ALTER TABLE revocations ADD COLUMN retention_run_id ${type} REFERENCES retention_runs (id)`)
  await knex.raw('DROP INDEX revocations_of_a_list')
  // All that a list needs of a row, in the order of the list.
  await knex.raw(`CREATE INDEX revocations_of_a_list ON revocations (authority_id, crl_shard, serial${postgres ? ' COLLATE "C"' : ''}, revoked_at, reason_code, retention_run_id)`)
  await knex.schema.alterTable('revocations', (table) => void table.index(['retention_run_id'], 'revocations_of_a_run'))
  await knex.schema.alterTable('certificates', (table) => void table.index(['authority_id', 'not_after'], 'certificates_by_end'))
  const differs = (column: string) => `OLD.${column} ${postgres ? 'IS DISTINCT FROM' : 'IS NOT'} NEW.${column}`
  const rewritten = `OLD.retention_run_id IS NOT NULL AND ${differs('retention_run_id')}`
  if (postgres) await knex.raw(`CREATE TRIGGER revocations_run_fixed BEFORE UPDATE ON revocations FOR EACH ROW WHEN (${rewritten}) EXECUTE FUNCTION refuse_rewriting()`)
  else await knex.raw(`CREATE TRIGGER revocations_run_fixed BEFORE UPDATE ON revocations WHEN ${rewritten} BEGIN SELECT RAISE(ABORT, 'rows of revocations are never rewritten'); END`)
  const columns = ['id', 'authority_id', 'ran_at', 'ended_before']
  if (postgres) {
    await knex.raw('CREATE TRIGGER retention_runs_stay BEFORE DELETE OR TRUNCATE ON retention_runs FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal()')
    await knex.raw(`CREATE TRIGGER retention_runs_not_rewritten BEFORE UPDATE ON retention_runs FOR EACH ROW WHEN (${columns.map(differs).join(' OR ')}) EXECUTE FUNCTION refuse_rewriting()`)
    return
  }
  const refuse = (trigger: string, when: string, words: string) => knex.raw(`CREATE TRIGGER retention_runs_${trigger} ${when} BEGIN SELECT RAISE(ABORT, '${words}'); END`)
  await refuse('stay', 'BEFORE DELETE ON retention_runs', 'rows of retention_runs are never removed')
  await refuse('not_replaced', 'BEFORE INSERT ON retention_runs WHEN EXISTS (SELECT 1 FROM retention_runs WHERE id = NEW.id)', 'UNIQUE rows of retention_runs are never replaced')
  await refuse('not_rewritten', `BEFORE UPDATE ON retention_runs WHEN ${columns.map(differs).join(' OR ')}`, 'rows of retention_runs are never rewritten')
}

export async function down(knex: Knex): Promise<void> {
  const postgres = knex.client.dialect === 'postgresql'
  await knex.raw(`DROP TRIGGER revocations_run_fixed${postgres ? ' ON revocations' : ''}`)
  for (const index of ['certificates_by_end', 'revocations_of_a_run', 'revocations_of_a_list']) await knex.raw(`DROP INDEX ${index}`)
  await knex.raw('ALTER TABLE revocations DROP COLUMN retention_run_id')
  await knex.raw(`CREATE INDEX revocations_of_a_list ON revocations (authority_id, crl_shard, serial${postgres ? ' COLLATE "C"' : ''})`)
  if (postgres) await knex.raw('DROP TRIGGER retention_runs_stay ON retention_runs')
  else await knex.raw('DROP TRIGGER retention_runs_stay')
  await knex.schema.dropTable('retention_runs')
}
