import type { Knex } from 'knex'

const COLUMNS = ['subject', 'actor'] as const

/** What the auditor looks for among all events: a subject or a person, whole or by its beginning, and days; each with `seq`, by which the newest of them are chosen. */
export async function up(knex: Knex): Promise<void> {
  // In whatever order the database sorts texts, beginnings are looked for octet by octet.
  const byOctets = knex.client.dialect === 'postgresql' ? ' varchar_pattern_ops' : ''
  for (const column of COLUMNS) await knex.raw(`CREATE INDEX audit_events_by_${column} ON audit_events (${column}${byOctets}, seq)`)
  await knex.raw('CREATE INDEX audit_events_by_time ON audit_events (at, seq)')
  await knex.schema.alterTable('audit_events', (table) => void table.dropIndex('subject'))
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.alterTable('audit_events', (table) => void table.index('subject'))
  for (const name of [...COLUMNS, 'time']) await knex.raw(`DROP INDEX audit_events_by_${name}`)
}
