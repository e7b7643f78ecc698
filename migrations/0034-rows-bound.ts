import type { Knex } from 'knex'

/** What one account writes can't outwit another process: a revocation is of its own certificate, for a reason that lists may carry, and not yet off the lists. */
const OWN = `NEW.retention_run_id IS NULL AND NEW.reason_code IN (0, 1, 3, 4, 5, 9)
  AND EXISTS (SELECT 1 FROM certificates WHERE id = NEW.certificate_id AND authority_id = NEW.authority_id AND serial = NEW.serial)`
const NOT_OWN = 'a revocation is of the certificate that its row names, by its serial number, for a published reason and not yet off the lists'
const REMEMBERED = ['revocation_changes_status', 'certificate_changes_status', 'responder_changes_status', 'authority_changes_status', 'responder_key_changes_status']

export async function up(knex: Knex): Promise<void> {
  if (knex.client.dialect !== 'postgresql') {
    await knex.raw(`CREATE TRIGGER revocations_own BEFORE INSERT ON revocations WHEN NOT (${OWN}) BEGIN SELECT RAISE(ABORT, '${NOT_OWN}'); END`)
    return
  }
  await knex.raw(`CREATE FUNCTION revocations_own() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF ${OWN} THEN RETURN NEW; END IF; RAISE EXCEPTION '${NOT_OWN}'; END $$`)
  await knex.raw('CREATE TRIGGER revocations_own BEFORE INSERT ON revocations FOR EACH ROW EXECUTE FUNCTION revocations_own()')
  // A table of the same name among an account's temporary ones would be looked at first.
  for (const name of await triggerFunctions(knex)) await knex.raw(`ALTER FUNCTION ${name}() SET search_path = public, pg_temp`)
  // `status` believes each row of status_changes: accounts write none, the tables' owner does for them.
  for (const name of REMEMBERED) {
    await knex.raw(`ALTER FUNCTION ${name}() SECURITY DEFINER`)
    // Nobody hangs it on a table of their own.
    await knex.raw(`REVOKE EXECUTE ON FUNCTION ${name}() FROM PUBLIC`)
  }
}

export async function down(knex: Knex): Promise<void> {
  if (knex.client.dialect !== 'postgresql') {
    await knex.raw('DROP TRIGGER revocations_own')
    return
  }
  for (const name of REMEMBERED) {
    await knex.raw(`ALTER FUNCTION ${name}() SECURITY INVOKER`)
    await knex.raw(`GRANT EXECUTE ON FUNCTION ${name}() TO PUBLIC`)
  }
  await knex.raw('DROP TRIGGER revocations_own ON revocations')
  await knex.raw('DROP FUNCTION revocations_own()')
  for (const name of await triggerFunctions(knex)) await knex.raw(`ALTER FUNCTION ${name}() RESET search_path`)
}

async function triggerFunctions(knex: Knex): Promise<readonly string[]> {
  const { rows } = await knex.raw("SELECT proname AS name FROM pg_proc WHERE prorettype = 'trigger'::regtype AND pronamespace = 'public'::regnamespace ORDER BY 1")
  return rows.map(({ name }: { name: string }) => name)
}
