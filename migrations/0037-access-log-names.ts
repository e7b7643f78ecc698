import type { Knex } from 'knex'

const WORDS = 'rows of access_log_files name a kept file of their node and day'

/** OCS-8: files are removed by these names. */
export async function up(knex: Knex): Promise<void> {
  const beginning = "'ocsp-' || NEW.day || '-' || NEW.node || '.'"
  if (knex.client.dialect === 'postgresql') {
    const holds = `NEW.day ~ '^\\d{4}-\\d{2}-\\d{2}$' AND starts_with(NEW.name, ${beginning}) AND NEW.name ~ '^ocsp-[A-Za-z0-9.-]+\\.[0-9]+-[0-9a-f]{6}\\.[0-9]+\\.log\\.gz$'`
    await knex.raw(`CREATE FUNCTION access_log_files_named() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $body$ BEGIN IF ${holds} THEN RETURN NEW; END IF; RAISE EXCEPTION '${WORDS}'; END $body$`)
    await knex.raw('CREATE TRIGGER access_log_files_named BEFORE INSERT ON access_log_files FOR EACH ROW EXECUTE FUNCTION access_log_files_named()')
  } else {
    const holds = `NEW.day GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]' AND substr(NEW.name, 1, length(${beginning})) = ${beginning} AND NEW.name GLOB '*.log.gz' AND NEW.name NOT GLOB '*[^A-Za-z0-9.-]*'`
    await knex.raw(`CREATE TRIGGER access_log_files_named BEFORE INSERT ON access_log_files WHEN NOT (${holds}) BEGIN SELECT RAISE(ABORT, '${WORDS}'); END`)
  }
}

export async function down(knex: Knex): Promise<void> {
  const postgres = knex.client.dialect === 'postgresql'
  await knex.raw(`DROP TRIGGER access_log_files_named${postgres ? ' ON access_log_files' : ''}`)
  if (postgres) await knex.raw('DROP FUNCTION access_log_files_named()')
}
