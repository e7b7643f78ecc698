import type { Knex } from 'knex'

/** LOG-2: rows of tokens go at the end of the archive's period, by a run on record, and otherwise never. */
export async function up(knex: Knex): Promise<void> {
  const postgres = knex.client.dialect === 'postgresql'
  await knex.schema.createTable('timestamp_retentions', (table) => {
    table.string('id', 36).notNullable().primary()
    table.string('certificate_id', 36).notNullable().references('timestamp_certificates.id')
    /** Tokens of this certificate given before this moment are gone. */
    table.string('given_before', 24).notNullable()
    table.bigInteger('tokens').notNullable()
    table.string('ran_at', 24).notNullable()
    table.index(['certificate_id', 'given_before'], 'timestamp_retentions_of_a_certificate')
  })
  const onRecord = 'EXISTS (SELECT 1 FROM timestamp_retentions run WHERE run.certificate_id = OLD.certificate_id AND OLD.gen_time < run.given_before)'
  const differs = ['id', 'certificate_id', 'given_before', 'tokens', 'ran_at'].map((column) => `OLD.${column} ${postgres ? 'IS DISTINCT FROM' : 'IS NOT'} NEW.${column}`).join(' OR ')
  if (postgres) {
    await knex.raw('DROP TRIGGER timestamp_tokens_stay ON timestamp_tokens')
    await knex.raw(`CREATE FUNCTION timestamp_tokens_stay() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF ${onRecord} THEN RETURN OLD; END IF; RAISE EXCEPTION 'rows of timestamp_tokens are removed by a run on record alone'; END $$`)
    await knex.raw('CREATE TRIGGER timestamp_tokens_stay BEFORE DELETE ON timestamp_tokens FOR EACH ROW EXECUTE FUNCTION timestamp_tokens_stay()')
    await knex.raw('CREATE TRIGGER timestamp_tokens_not_emptied BEFORE TRUNCATE ON timestamp_tokens FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal()')
    await knex.raw('CREATE TRIGGER timestamp_retentions_stay BEFORE DELETE OR TRUNCATE ON timestamp_retentions FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal()')
    await knex.raw(`CREATE TRIGGER timestamp_retentions_not_rewritten BEFORE UPDATE ON timestamp_retentions FOR EACH ROW WHEN (${differs}) EXECUTE FUNCTION refuse_rewriting()`)
    return
  }
  await knex.raw('DROP TRIGGER timestamp_tokens_stay')
  await knex.raw(`CREATE TRIGGER timestamp_tokens_stay BEFORE DELETE ON timestamp_tokens WHEN NOT ${onRecord} BEGIN SELECT RAISE(ABORT, 'rows of timestamp_tokens are removed by a run on record alone'); END`)
  const refuse = (trigger: string, when: string, words: string) => knex.raw(`CREATE TRIGGER timestamp_retentions_${trigger} ${when} BEGIN SELECT RAISE(ABORT, '${words}'); END`)
  await refuse('stay', 'BEFORE DELETE ON timestamp_retentions', 'rows of timestamp_retentions are never removed')
  await refuse('not_replaced', 'BEFORE INSERT ON timestamp_retentions WHEN EXISTS (SELECT 1 FROM timestamp_retentions WHERE id = NEW.id)', 'UNIQUE rows of timestamp_retentions are never replaced')
  await refuse('not_rewritten', `BEFORE UPDATE ON timestamp_retentions WHEN ${differs}`, 'rows of timestamp_retentions are never rewritten')
}

export async function down(knex: Knex): Promise<void> {
  const postgres = knex.client.dialect === 'postgresql'
  if (postgres) {
    await knex.raw('DROP TRIGGER timestamp_tokens_not_emptied ON timestamp_tokens')
    await knex.raw('DROP TRIGGER timestamp_tokens_stay ON timestamp_tokens')
    await knex.raw('DROP FUNCTION timestamp_tokens_stay()')
    await knex.raw('CREATE TRIGGER timestamp_tokens_stay BEFORE DELETE OR TRUNCATE ON timestamp_tokens FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal()')
  } else {
    await knex.raw('DROP TRIGGER timestamp_tokens_stay')
    await knex.raw("CREATE TRIGGER timestamp_tokens_stay BEFORE DELETE ON timestamp_tokens BEGIN SELECT RAISE(ABORT, 'rows of timestamp_tokens are never removed'); END")
  }
  await knex.schema.dropTable('timestamp_retentions')
}
