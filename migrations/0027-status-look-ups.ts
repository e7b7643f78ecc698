import type { Knex } from 'knex'

/** What is asked of millions of rows by what they are found by: a revocation by its serial number, for each answer of OCSP; certificates by their age, for the list of officers. */
export async function up(knex: Knex): Promise<void> {
  // With all that is asked for: SQLite would else take another index that has it, and walk through all revocations of the authority.
  await knex.schema.alterTable('revocations', (table) => void table.index(['authority_id', 'serial', 'revoked_at', 'reason_code'], 'revocations_by_serial'))
  await knex.schema.alterTable('certificates', (table) => void table.index(['issued_at'], 'certificates_by_age'))
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP INDEX certificates_by_age')
  await knex.raw('DROP INDEX revocations_by_serial')
}
