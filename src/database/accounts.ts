/**
 * ISS-6: what each process may do in PostgreSQL with an account of its own. A table that stands here without an account is nobody's, and one that does
 * not stand here at all fails a test.
 */

import { AUDIT_EVENTS, auditWriters } from '../audit/events.ts'

export const ACCOUNTS = ['portal', 'ca', 'status', 'operator'] as const
/** `operator`: the ceremonies, and the commands that people of the CA give at a terminal. */
export type Account = (typeof ACCOUNTS)[number]

/** Privileges as GRANT takes them, columns in brackets. */
type Grants = Readonly<Partial<Record<Account, string>>>

const READ = 'SELECT'
const ADD = 'SELECT, INSERT'
const CHANGE = 'SELECT, INSERT, UPDATE'
const ALL = 'SELECT, INSERT, UPDATE, DELETE'
/** What a new revocation says: not that a retention run took it off the lists. */
const REVOCATION = 'certificate_id, authority_id, serial, crl_shard, reason_code, ground, explanation, revoked_at, recorded_at, requested_by'

export const GRANTS: Readonly<Record<string, Grants>> = {
  // people: `ca` sees who somebody is, never a password's hash or a sealed secret
  organisations: { portal: ADD, ca: READ, operator: READ },
  accounts: { portal: CHANGE, ca: 'SELECT (id, email, name, organisation_id, state, locale, totp_confirmed_at)' },
  account_roles: { portal: 'SELECT, INSERT, DELETE', ca: READ },
  recovery_codes: { portal: ALL },
  invitations: { portal: CHANGE },
  link_tokens: { portal: ALL },
  sessions: { portal: ALL },
  attempts: { portal: 'SELECT, INSERT, DELETE' },
  kept_files: { portal: 'SELECT, INSERT, DELETE' },
  secret_marks: { portal: ADD },
  mail_outbox: { portal: CHANGE, ca: 'INSERT' },
  // applications: `ca` moves them on and gives leases; what was applied for and who said what it can't change
  applications: { portal: CHANGE, ca: 'SELECT, UPDATE (state, version, updated_at, hold_findings, lease_owner, lease_until)' },
  application_agreements: { portal: CHANGE, ca: READ },
  document_texts: { portal: ADD },
  evidence_files: { portal: 'SELECT, INSERT, DELETE', ca: READ },
  assessments: { portal: ALL, ca: READ },
  vetting_checks: { portal: CHANGE, ca: READ },
  duties: { portal: ADD, ca: READ },
  approvals: { portal: 'SELECT, INSERT, UPDATE (voided_at, voided_because)', ca: 'SELECT, UPDATE (voided_at, voided_because)' },
  key_challenges: { portal: 'SELECT, INSERT, UPDATE (answered_at, answered_spki_sha256)', ca: READ },
  register_entries: { portal: CHANGE, ca: READ },
  module_orders: { portal: CHANGE, ca: READ, operator: READ },
  shipped_modules: { portal: 'SELECT, UPDATE', ca: READ, operator: ADD },
  shipped_keys: { portal: READ, ca: READ, operator: ADD },
  // certificates: `ca` alone makes them, the portal notes that one was accepted, `status` reads
  certificates: { portal: 'SELECT, UPDATE (accepted_at)', ca: 'SELECT, INSERT, UPDATE (state, der, certificate_sha256, issued_at)', status: READ },
  revocations: { portal: `SELECT, INSERT (${REVOCATION})`, ca: `SELECT, INSERT (${REVOCATION}), UPDATE (retention_run_id)`, status: READ },
  retention_runs: { portal: READ, ca: ADD, status: READ },
  certified_keys: { portal: READ, ca: ADD },
  compromised_keys: { portal: ADD, ca: READ },
  compromise_reports: { portal: ADD, ca: READ },
  weak_keys: { portal: READ, ca: READ, operator: ADD },
  weak_key_lists: { portal: READ, ca: READ, operator: 'SELECT, INSERT, UPDATE (finished_at)' },
  weak_key_complete: { portal: READ, ca: READ, operator: ADD },
  anchor_changes: { portal: READ, ca: READ, operator: 'SELECT, INSERT, UPDATE (confirmed_by, confirmed_at, position)' },
  // the hierarchy: ceremonies make it
  ceremonies: { portal: READ, operator: ADD },
  ceremony_statements: { portal: READ, operator: ADD },
  authorities: { portal: READ, ca: READ, status: READ, operator: ADD },
  responder_keys: { portal: READ, ca: READ, status: READ, operator: 'SELECT, INSERT, UPDATE (retired_at, removed_at, removal_ceremony_id)' },
  responder_certificates: { portal: READ, ca: 'SELECT, INSERT, UPDATE (der)', status: READ },
  // lists: in chunks that `ca` writes once
  crls: { portal: READ, ca: CHANGE, status: READ, operator: CHANGE },
  crl_chunks: { portal: READ, ca: ADD, status: READ, operator: ADD },
  crl_lists: { portal: READ, ca: CHANGE, status: READ, operator: CHANGE },
  crl_addresses: { portal: READ, ca: ADD, status: READ, operator: ADD },
  timestamp_certificates: { portal: READ, ca: READ, status: READ, operator: 'SELECT, INSERT, UPDATE (revoked_at, reason_code, removed_at, removal_ceremony_id)' },
  timestamp_tokens: { ca: 'SELECT, DELETE', status: ADD },
  timestamp_retentions: { ca: ADD },
  demo_anchors: { portal: READ, ca: READ, operator: ADD },
  // REP-2: `ca` makes and revokes the examples
  example_certificates: { portal: READ, ca: CHANGE, status: READ },
  status_reconciliations: { portal: READ, ca: CHANGE },
  // OCS-8: `status` alone keeps the access log; what nodes tell of themselves goes to the public page
  access_log_files: { status: 'SELECT, INSERT, UPDATE (removed_at)', operator: READ },
  answer_times: { portal: READ, status: ALL },
  // … each account of its own process alone: OWN_ROWS
  node_states: { portal: READ, ca: ALL, status: ALL },
  // written by the triggers of migration 0020, with the owner's rights
  status_changes: { ca: 'SELECT, DELETE', status: READ },
  // LOG-1: the trigger that keeps the chain in line reads it with the writer's rights; which events each may append: OWN_ROWS
  audit_events: { portal: ADD, ca: ADD, status: ADD, operator: ADD },
}

/** Tables of which an account writes no rows but those of which this holds. Others read them; who owns the tables is bound by nothing. */
const OWN_ROWS: Readonly<Record<string, (account: Account) => string>> = {
  node_states: (account) => `process = '${account}'`,
  audit_events: (account) => `event IN (${AUDIT_EVENTS.filter((event) => auditWriters(event).includes(account)).map((event) => `'${event}'`).join(', ')})`,
}

/** Of knex, which keeps here what was done: every process asks whether its tables are there. */
const HISTORY = 'knex_migrations'
/** Whose numbers the database draws. */
const SEQUENCES: Readonly<Record<string, string>> = { attempts: 'attempts_id_seq' }

/** Temporary tables and large objects fill the disk of all. Only a superuser may forbid the latter, to all accounts of this database. */
const NO_ROOM_OF_THEIR_OWN = `DO $$ DECLARE way regprocedure; BEGIN
  EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN RAISE NOTICE 'a superuser has to run this once, for large objects'; RETURN; END IF;
  FOR way IN SELECT oid FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND proname IN ('lo_creat', 'lo_create', 'lo_from_bytea') LOOP
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', way);
  END LOOP;
END $$;`

/**
 * SQL for the owner of the database: makes the accounts that are missing, takes from all what they had, and gives what {@link GRANTS} says. To be run again after each migration.
 * @param prefix before each account's name, since accounts belong to the whole server
 */
export function accountsSql(prefix: string): string {
  if (!/^[a-z_][a-z0-9_]{0,30}$/.test(prefix)) throw new TypeError(`"${prefix}" does not begin the name of a PostgreSQL account: small letters, digits and _`)
  const lines = ['BEGIN;', 'REVOKE CREATE ON SCHEMA public FROM PUBLIC;', NO_ROOM_OF_THEIR_OWN]
  for (const account of ACCOUNTS) {
    const name = prefix + account
    lines.push(`DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${name}') THEN CREATE ROLE ${name} LOGIN; END IF; END $$;`)
    for (const what of ['TABLES', 'SEQUENCES']) lines.push(`REVOKE ALL ON ALL ${what} IN SCHEMA public FROM ${name};`)
    lines.push(`GRANT USAGE ON SCHEMA public TO ${name};`, `GRANT SELECT ON ${HISTORY} TO ${name};`)
    for (const [table, grants] of Object.entries(GRANTS)) {
      const granted = grants[account]
      if (granted === undefined) continue
      lines.push(`GRANT ${granted} ON ${table} TO ${name};`)
      const sequence = SEQUENCES[table]
      if (sequence !== undefined && granted.includes('INSERT')) lines.push(`GRANT USAGE ON SEQUENCE ${sequence} TO ${name};`)
    }
  }
  for (const [table, own] of Object.entries(OWN_ROWS)) {
    lines.push(`ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY;`)
    for (const account of ACCOUNTS) {
      const name = prefix + account
      for (const policy of ['reads', 'adds', 'changes', 'removes']) lines.push(`DROP POLICY IF EXISTS ${name}_${policy} ON ${table};`)
      const granted = GRANTS[table]?.[account] ?? ''
      const policy = (privilege: string, words: string) => granted.includes(privilege) && lines.push(`CREATE POLICY ${name}_${words.replace('…', `ON ${table} FOR ${privilege} TO ${name}`)};`)
      policy('SELECT', 'reads … USING (true)')
      policy('INSERT', `adds … WITH CHECK (${own(account)})`)
      policy('UPDATE', `changes … USING (${own(account)})`)
      policy('DELETE', `removes … USING (${own(account)})`)
    }
  }
  return [...lines, 'COMMIT;', ''].join('\n')
}
