import type { Knex } from 'knex'

const KIB = 1024
const MIB = 1024 * KIB

/**
 * Octets that a value may have at most, above what the product itself writes: an application's upload has 6 MiB, a request 32 KiB, a typed text 2000 characters,
 * a chunk of a list 96 KiB. What one account writes another process reads into memory: without an end, one row would end that process at each start.
 */
const SIZES: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  sessions: { data: MIB },
  mail_outbox: { body: 256 * KIB },
  ceremonies: { persons: 64 * KIB, report: 16 * MIB },
  authorities: { subject_der: 64 * KIB, certificate_der: 64 * KIB },
  responder_keys: { spki_der: 64 * KIB, enrolment_signature: 64 * KIB },
  responder_certificates: { tbs: 64 * KIB, der: 64 * KIB },
  // 32 octets for each chunk of 48 KiB: a list of 6 GiB.
  crls: { tbs_head: MIB, chunks: 4 * MIB, tbs_tail: MIB, seal: 64 * KIB },
  crl_chunks: { octets: MIB },
  demo_anchors: { anchor: 64 * KIB },
  document_texts: { title: 64 * KIB, text: 4 * MIB },
  applications: { request_der: MIB, spki_der: 64 * KIB, decision_reason: 64 * KIB, hold_findings: MIB, key_details: MIB },
  evidence_files: { bytes: 16 * MIB },
  assessments: { report: 4 * MIB },
  vetting_checks: { note: 64 * KIB },
  certificates: { tbs: 64 * KIB, der: 64 * KIB },
  revocations: { explanation: 64 * KIB },
  // Read in hundreds at once.
  audit_events: { details: 64 * KIB },
  shipped_keys: { spki_der: 64 * KIB, attributes: 64 * KIB },
  register_entries: { content: MIB, file_bytes: 16 * MIB, withdrawn_because: 64 * KIB },
  anchor_changes: { anchors: MIB, reason: 64 * KIB },
  kept_files: { sealed: MIB },
  compromise_reports: { spki_der: 64 * KIB, reason: 64 * KIB },
  timestamp_certificates: { der: 64 * KIB },
  example_certificates: { spki_der: 64 * KIB, jar: 4 * MIB, executable: 16 * MIB },
  status_reconciliations: { details: MIB },
  ceremony_statements: { octets: 16 * MIB, signature_octets: 16 * MIB, signer_certificate: 64 * KIB, published_by: 64 * KIB },
}

/** All files of one application together, since `ca` reads them together. */
const EVIDENCE = 64 * MIB
const TOO_MUCH = 'an application has no more files than so many octets'

const onADay = (table: string): string => `rows of ${table} are dated on a day that is, and not before their certificate`
const DAYS = { revocations: { column: 'revoked_at', events: ['INSERT', 'UPDATE'] }, timestamp_tokens: { column: 'gen_time', events: ['INSERT'] } } as const
/** Texts as Date.prototype.toISOString writes them compare as their moments do. */
const notBefore = (table: string, collate = ''): string =>
  table === 'revocations' ? `COALESCE(NEW.revoked_at${collate} >= (SELECT not_before FROM certificates WHERE id = NEW.certificate_id), 1 = 1)` : '1 = 1'

export async function up(knex: Knex): Promise<void> {
  await (knex.client.dialect === 'postgresql' ? upOnPostgres(knex) : upOnSqlite(knex))
}

/** What text was a date is the same text again: none other is on the calendar. */
const again = (column: string): string => `to_char(NEW.${column}::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
const FIRST = 'DECLARE last record; BEGIN SELECT seq, hash INTO last FROM audit_events ORDER BY seq DESC LIMIT 1;'
const IN_LINE = `IF NEW.seq <> COALESCE(last.seq, 0) + 1 OR NEW.previous_hash <> COALESCE(last.hash, repeat('0', 64)) THEN RAISE EXCEPTION 'audit event out of line'; END IF;`
/** Octet for octet what auditHash of src/audit/audit-log.ts makes: PostgreSQL escapes in JSON what JSON.stringify does, in the same way. */
const HASHED = `'[' || NEW.seq::text || ',' || ${['at', 'actor', 'event', 'subject', 'details', 'previous_hash'].map((column) => `to_json(NEW.${column}::text)::text`).join(" || ',' || ")} || ']'`

async function upOnPostgres(knex: Knex): Promise<void> {
  const functions = 'RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp'
  for (const [table, columns] of Object.entries(SIZES))
    await knex.raw(`ALTER TABLE ${table} ADD CONSTRAINT ${table}_size CHECK (${Object.entries(columns).map(([column, most]) => `octet_length(${column}) <= ${most}`).join(' AND ')})`)
  await knex.raw(`CREATE FUNCTION evidence_files_of_one() ${functions} AS $$ BEGIN
    IF octet_length(NEW.bytes) + COALESCE((SELECT sum(octet_length(bytes)) FROM evidence_files WHERE application_id = NEW.application_id), 0) > ${EVIDENCE} THEN RAISE EXCEPTION '${TOO_MUCH}: ${EVIDENCE}'; END IF;
    RETURN NEW;
  END $$`)
  await knex.raw('CREATE TRIGGER evidence_files_of_one BEFORE INSERT ON evidence_files FOR EACH ROW EXECUTE FUNCTION evidence_files_of_one()')
  for (const [table, { column, events }] of Object.entries(DAYS)) {
    const holds = `${again(column)} = NEW.${column} AND ${notBefore(table, ' COLLATE "C"')}`
    await knex.raw(`CREATE FUNCTION ${table}_on_a_day() ${functions} AS $$ BEGIN IF ${holds} THEN RETURN NEW; END IF; RAISE EXCEPTION '${onADay(table)}'; END $$`)
    await knex.raw(`CREATE TRIGGER ${table}_on_a_day BEFORE ${events.join(' OR ')} ON ${table} FOR EACH ROW EXECUTE FUNCTION ${table}_on_a_day()`)
  }
  // One false entry would stop issuing for ever, since none is ever removed. The length comes first: the rest costs by it.
  await knex.raw(`CREATE OR REPLACE FUNCTION audit_next() ${functions} AS $$ ${FIRST}
    ${IN_LINE}
    IF octet_length(NEW.details) > ${SIZES['audit_events']!['details']} THEN RAISE EXCEPTION 'audit event too long'; END IF;
    IF json_typeof(NEW.details::json) <> 'object' OR ${again('at')} <> NEW.at THEN RAISE EXCEPTION 'audit event not readable'; END IF;
    IF NEW.hash <> encode(sha256(convert_to(${HASHED}, 'UTF8')), 'hex') THEN RAISE EXCEPTION 'audit event with a hash that is not its own'; END IF;
    RETURN NEW;
  END $$`)
}

async function upOnSqlite(knex: Knex): Promise<void> {
  const refuse = (name: string, event: string, when: string, words: string) => knex.raw(`CREATE TRIGGER ${name} BEFORE ${event} WHEN ${when} BEGIN SELECT RAISE(ABORT, '${words}'); END`)
  for (const [table, columns] of Object.entries(SIZES)) {
    // length() of a text counts characters, up to its first NUL.
    const tooLong = Object.entries(columns).map(([column, most]) => `length(CAST(NEW.${column} AS BLOB)) > ${most}`).join(' OR ')
    await refuse(`${table}_size`, `INSERT ON ${table}`, tooLong, `rows of ${table} have no such ${table}_size`)
    await refuse(`${table}_size_kept`, `UPDATE OF ${Object.keys(columns).join(', ')} ON ${table}`, tooLong, `rows of ${table} have no such ${table}_size`)
  }
  await refuse('evidence_files_of_one', 'INSERT ON evidence_files', `length(NEW.bytes) + COALESCE((SELECT sum(length(bytes)) FROM evidence_files WHERE application_id = NEW.application_id), 0) > ${EVIDENCE}`, `${TOO_MUCH}: ${EVIDENCE}`)
  // A modifier makes SQLite reckon: without one it repeats the digits that it was given.
  const same = (column: string) => `strftime('%Y-%m-%dT%H:%M:%fZ', NEW.${column}, '+0 seconds') IS NEW.${column}`
  for (const [table, { column, events }] of Object.entries(DAYS))
    for (const event of events) {
      // What has not even a date's form migration 0035 refuses.
      const form = event === 'INSERT' ? `NEW.${column} GLOB '${'____-__-__T__:__:__.___Z'.replaceAll('_', '[0-9]')}' AND ` : ''
      await refuse(`${table}_on_a_day_${event.toLowerCase()}`, `${event} ON ${table}`, `${form}NOT (${same(column)} AND ${notBefore(table)})`, onADay(table))
    }
  // There are no accounts here that could outwit each other: the hash is not looked at.
  await refuse('audit_events_readable', 'INSERT ON audit_events', `CASE WHEN json_valid(NEW.details) THEN json_type(NEW.details) END IS NOT 'object' OR NOT (${same('at')})`, 'audit event not readable')
}

export async function down(knex: Knex): Promise<void> {
  if (knex.client.dialect !== 'postgresql') {
    const triggers = [...Object.keys(SIZES).flatMap((table) => [`${table}_size`, `${table}_size_kept`]), ...Object.entries(DAYS).flatMap(([table, { events }]) => events.map((event) => `${table}_on_a_day_${event.toLowerCase()}`))]
    for (const name of [...triggers, 'evidence_files_of_one', 'audit_events_readable']) await knex.raw(`DROP TRIGGER ${name}`)
    return
  }
  for (const table of Object.keys(SIZES)) await knex.raw(`ALTER TABLE ${table} DROP CONSTRAINT ${table}_size`)
  for (const [table, name] of [...Object.keys(DAYS).map((table) => [table, `${table}_on_a_day`]), ['evidence_files', 'evidence_files_of_one']]) {
    await knex.raw(`DROP TRIGGER ${name} ON ${table}`)
    await knex.raw(`DROP FUNCTION ${name}()`)
  }
  await knex.raw(`CREATE OR REPLACE FUNCTION audit_next() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$ ${FIRST} ${IN_LINE} RETURN NEW; END $$`)
}
