import type { Knex } from 'knex'

/** What is dated ahead would stop lists and time-stamps until that day. Ahead is by the database's own clock: hosts may differ by so many minutes. */
const TOLERATED_MINUTES = 5
/** Texts as Date.prototype.toISOString writes them compare as their moments do. */
const DATED = { revocations: 'revoked_at', timestamp_tokens: 'gen_time' } as const

export async function up(knex: Knex): Promise<void> {
  const postgres = knex.client.dialect === 'postgresql'
  const form = '____-__-__T__:__:__.___Z'.replaceAll('_', '[0-9]')
  for (const [table, column] of Object.entries(DATED)) {
    const words = `rows of ${table} are not dated ahead`
    if (postgres) {
      const latest = `to_char((clock_timestamp() + interval '${TOLERATED_MINUTES} minutes') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
      const holds = `NEW.${column} ~ '^${form}$' AND NEW.${column} COLLATE "C" <= ${latest}`
      await knex.raw(`CREATE FUNCTION ${table}_not_ahead() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$ BEGIN IF ${holds} THEN RETURN NEW; END IF; RAISE EXCEPTION '${words}'; END $$`)
      await knex.raw(`CREATE TRIGGER ${table}_not_ahead BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION ${table}_not_ahead()`)
    } else {
      const holds = `NEW.${column} GLOB '${form}' AND NEW.${column} <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '+${TOLERATED_MINUTES} minutes')`
      await knex.raw(`CREATE TRIGGER ${table}_not_ahead BEFORE INSERT ON ${table} WHEN NOT (${holds}) BEGIN SELECT RAISE(ABORT, '${words}'); END`)
    }
  }
}

export async function down(knex: Knex): Promise<void> {
  const postgres = knex.client.dialect === 'postgresql'
  for (const table of Object.keys(DATED)) {
    await knex.raw(`DROP TRIGGER ${table}_not_ahead${postgres ? ` ON ${table}` : ''}`)
    if (postgres) await knex.raw(`DROP FUNCTION ${table}_not_ahead()`)
  }
}
